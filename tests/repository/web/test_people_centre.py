"""Staff of a centre: an exams officer gives what is taught and ends roles, at the own centre and nowhere else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from repository.access import Role
from repository.sign_in.people_tables import Invitation, Teaching
from repository.tables import Assignment, AuditEvent
from tests.moderation.records.stage import COMPONENT, SERIES

from .conftest import Client, Service, csrf
from .signing_in_elsewhere import Elsewhere, running_elsewhere
from .test_people_links import with_account
from .uploading import CENTRE, Stage

ELSEWHERE = "99777"


async def assignment_of(service: Service, client: Client) -> str:
    query = select(Assignment.id).where(Assignment.person_id == client.person_id)
    return str(await service.services.database.read(lambda s: s.scalars(query).one()))


async def taught(service: Service, assignment_id: str) -> list[tuple[str | None, ...]]:
    query = select(Teaching).where(Teaching.assignment_id == assignment_id)

    def read(session):
        return [(row.series_key, row.component_code, row.teaching_set) for row in session.scalars(query)]

    return list(await service.services.database.read(read))


async def test_who_works_at_the_centre_is_listed_with_what_matters(stage: Stage) -> None:
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await with_account(stage.service, Role.TEACHER, CENTRE)
    await stage.service.browser(Role.TEACHER, ELSEWHERE)
    text = await (await officer.get("/staff")).text()
    assert f"/staff/{await assignment_of(stage.service, teacher)}" in text
    assert "Not set up" in text
    assert f"Test teacher {ELSEWHERE}" not in text
    assert "The whole centre" in text


@pytest.mark.fault("att:E09")
async def test_a_role_that_is_ended_is_refused_with_the_next_request(stage_on_each: Stage) -> None:
    service = stage_on_each.service
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    assert (await teacher.get("/cases")).status == 200
    assignment_id = await assignment_of(service, teacher)
    form = {"csrf_token": await csrf(officer)}
    ended = await officer.post(f"/staff/{assignment_id}/end", data=form, allow_redirects=False)
    assert (ended.status, ended.headers["Location"]) == (303, "/staff")
    after = await teacher.get("/cases", allow_redirects=False)
    assert (after.status, after.headers["Location"]) == (303, "/sign-in?next=/cases")
    assert (await officer.post(f"/staff/{assignment_id}/end", data=form)).status == 404
    assert (await officer.get(f"/staff/{assignment_id}")).status == 404

    def events(session):
        query = select(AuditEvent).where(AuditEvent.action == "role.ended")
        return [(row.object_id, row.details["sessions"]) for row in session.scalars(query)]

    assert await service.services.database.read(events) == [(assignment_id, 1)]


async def test_what_a_teacher_teaches_is_given_and_taken(stage_on_each: Stage) -> None:
    service = stage_on_each.service
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    teacher = await service.browser(Role.TEACHER, CENTRE)
    assignment_id = await assignment_of(service, teacher)
    assert await taught(service, assignment_id) == [(None, None, None)]
    page, form = f"/staff/{assignment_id}", {"csrf_token": await csrf(officer)}
    for chosen, group in ((f"|{COMPONENT}", "7A"), (f"|{COMPONENT}", "7A"), (f"{SERIES}|{COMPONENT}", "")):
        answer = await officer.post(
            f"{page}/teaching", data={**form, "component": chosen, "teaching_set": group}, allow_redirects=False
        )
        assert answer.status == 303, await answer.text()
    assert sorted(await taught(service, assignment_id), key=str) == sorted(
        [(None, None, None), (None, COMPONENT, "7A"), (SERIES, COMPONENT, None)], key=str
    )
    text = await (await officer.get(page)).text()
    assert "group 7A" in text
    for path in re.findall(rf"{page}/teaching/[\w-]+/end", text):
        assert (await officer.post(path, data=form, allow_redirects=False)).status == 303
        assert (await officer.post(path, data=form)).status == 404
    assert await taught(service, assignment_id) == []
    assert "Nothing yet" in await (await officer.get("/staff")).text()
    assert "has not said yet what you teach" in await (await teacher.get("/")).text()


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"component": ""}, "component"),
        ({"component": "X"}, "component"),
        ({"component": "|NONE/01"}, "component"),
        ({"component": f"none|{COMPONENT}"}, "component"),
        ({"component": "*", "teaching_set": "7A"}, "component"),
        ({"component": f"|{COMPONENT}", "teaching_set": "x" * 21}, "teaching_set"),
        ({"component": f"|{COMPONENT}", "teaching_set": "7\x00A"}, "teaching_set"),
    ],
)
async def test_what_cannot_be_taught_is_named(stage: Stage, form: dict[str, str], field: str) -> None:
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    assignment_id = await assignment_of(stage.service, await stage.service.browser(Role.TEACHER, CENTRE))
    answer = await officer.post(f"/staff/{assignment_id}/teaching", data={"csrf_token": await csrf(officer), **form})
    assert answer.status == 422
    assert f'href="#{field}"' in await answer.text()
    assert await taught(stage.service, assignment_id) == [(None, None, None)]


@pytest.mark.fault("att:E01")
async def test_another_centre_and_other_roles_are_as_if_they_were_not(stage: Stage) -> None:
    service = stage.service
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    form = {"csrf_token": await csrf(officer)}
    foreign = await with_account(service, Role.TEACHER, ELSEWHERE)
    moderator = await with_account(service, Role.MODERATOR)
    bodies = set()
    for client in (foreign, moderator):
        there = await assignment_of(service, client)
        for assignment_id in (there, "none"):
            answers = [
                await officer.get(f"/staff/{assignment_id}"),
                await officer.post(f"/staff/{assignment_id}/end", data=form),
                await officer.post(f"/staff/{assignment_id}/teaching", data={**form, "component": "*"}),
                await officer.post(
                    f"/staff/{assignment_id}/reset",
                    data={**form, "account_id": client.account_id},
                ),
            ]
            assert [one.status for one in answers] == [404] * 4
            bodies |= {re.sub(r"[\w-]{36}|nonce=\S+|\d:\d\d|staff/\S+", "", await one.text())[-900:] for one in answers}
    assert len(bodies) == 1
    for role in (Role.TEACHER, Role.MODERATOR, Role.AB_OFFICER, Role.TRACKING_CLERK):
        client = await service.browser(role)
        assert (await client.get("/staff")).status == 404, role


async def test_nobody_ends_a_role_of_their_own(stage_on_each: Stage) -> None:
    service = stage_on_each.service
    officer = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    own = await assignment_of(service, officer)
    refused = await officer.post(f"/staff/{own}/end", data={"csrf_token": await csrf(officer)})
    assert refused.status == 409
    assert "Ask a second person" in await refused.text()
    assert (await officer.get("/staff")).status == 200


async def test_changing_who_may_do_what_asks_for_a_fresh_proof(stage: Stage) -> None:
    """Reading the list does not; a session that somebody left open gives nobody a role."""
    service = stage.service
    officer = await with_account(service, Role.EXAMS_OFFICER, CENTRE)
    teacher = await with_account(service, Role.TEACHER, CENTRE)
    service.clock.advance(minutes=6)
    assert (await officer.get("/staff")).status == 200
    page, form = f"/staff/{await assignment_of(service, teacher)}", {"csrf_token": await csrf(officer)}
    who = {"role": Role.EXAMS_OFFICER, "name": "Eve", "email": "eve@school.example"}
    for path, more in (("/staff/invitations", who), (f"{page}/end", {}), (f"{page}/teaching", {"component": "*"})):
        answer = await officer.post(path, data={**form, **more}, allow_redirects=False)
        assert answer.status in {303, 403}, path
        assert answer.headers.get("Location", "/confirm") != "/staff"
    found = await service.services.database.read(lambda s: s.scalars(select(Invitation)).all())
    assert list(found) == []
    assert (await teacher.get("/cases")).status == 200


@pytest.fixture
async def elsewhere_on_each(tmp_path: Path, migrated_url: str) -> AsyncIterator[Elsewhere]:
    async with running_elsewhere(tmp_path, migrated_url) as made:
        yield made


async def test_who_waits_is_given_a_role_at_the_centre_that_the_claims_name(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    officer, foreign = [await with_account(one.service, Role.EXAMS_OFFICER, centre) for centre in ("99001", "99002")]
    one.school.claims = {"school": "123456", "groups": ["exams"], "amr": ["pwd", "mfa"], "name": "Wanda Waiting"}
    browser = await one.browser()
    assert (await one.sign_in(browser)).status != 303
    text = await (await officer.get("/staff")).text()
    found = re.search(r"/staff/waiting/([\w-]+)/grant", text)
    assert found
    assert "Wanda Waiting" in text
    assert "Wanda Waiting" not in await (await foreign.get("/staff")).text()
    for role, status in (("", 422), ("king", 422), ("moderator", 404)):
        form = {"csrf_token": await csrf(officer), "role": role}
        assert (await officer.post(found[0], data=form)).status == status, role
    form = {"csrf_token": await csrf(foreign), "role": "teacher"}
    assert (await foreign.post(found[0], data=form)).status == 404
    form = {"csrf_token": await csrf(officer), "role": "teacher"}
    assert (await officer.post(found[0], data=form, allow_redirects=False)).status == 303
    assert (await officer.post(found[0], data=form)).status == 404
    assert ("teacher", "99001") in await one.roles()
    assert (await one.sign_in(browser)).headers["Location"] == "/"
    assert "Nothing yet" in await (await officer.get("/staff")).text()


async def test_who_waits_can_be_given_nothing(elsewhere_on_each: Elsewhere) -> None:
    one = elsewhere_on_each
    officer = await with_account(one.service, Role.AB_OFFICER)
    one.school.claims = {"school": "123456", "groups": ["exams"], "amr": ["pwd", "mfa"]}
    await one.sign_in()
    found = re.search(r"/people/waiting/([\w-]+)/refuse", await (await officer.get("/people")).text())
    assert found
    form = {"csrf_token": await csrf(officer)}
    assert (await officer.post(found[0], data=form, allow_redirects=False)).status == 303
    assert "Waiting for a role" not in await (await officer.get("/people")).text()
