"""People everywhere: officers invite, give and end roles; what sees everything is given by two humans."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import func, select

from moderation.errors import RecordKept, SamePerson
from moderation.tables import Centre, PersonAlias
from repository import people
from repository.access import GIVES, POLICY, ROLES_OF_TWO, Action, Role, Scope
from repository.sign_in.people_tables import RoleProposal
from repository.tables import Assignment, Person

from .conftest import Client, Service, csrf
from .test_people_centre import assignment_of
from .test_people_links import WHOM, accept, invite, roles, stranger, with_account

CENTRE = "99001"


async def known_centre(service: Service) -> None:
    await service.write(lambda s: s.add(Centre(centre_number=CENTRE, name="Example School", nation="ENGLAND")))


async def post(client: Client, path: str, **form: str) -> tuple[int, str]:
    answer = await client.post(path, data={"csrf_token": await csrf(client), **form}, allow_redirects=False)
    return answer.status, await answer.text()


async def proposal(service: Service) -> str:
    query = select(RoleProposal.id).where(RoleProposal.confirmed_by.is_(None), RoleProposal.withdrawn_by.is_(None))
    return str(await service.services.database.read(lambda s: s.scalars(query).one()))


def test_who_sees_everything_is_made_by_two() -> None:
    """A role to which the policy gives rows of every centre is one of those that two officers give."""
    of_everybody = {Action.SERIES_READ}
    wide = {
        role
        for action, given in POLICY.items()
        for role, scope in given.items()
        if scope is Scope.ALL and action not in of_everybody
    }
    assert wide == ROLES_OF_TWO
    assert Role.TEACHER not in GIVES[Role.AB_OFFICER]


async def test_an_officer_invites_whoever_sees_a_part(service_on_each: Service) -> None:
    service = service_on_each
    await known_centre(service)
    officer = await service.browser(Role.AB_OFFICER)
    for role in (Role.EXAMS_OFFICER, Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR):
        centre = {"centre_number": CENTRE} if role is Role.EXAMS_OFFICER else {}
        handed = await invite(officer, role, base="/people", email=f"{role}@example.org", **centre)
        if role in (Role.EXAMS_OFFICER, Role.MODERATOR):
            assert await accept(await stranger(service), handed, f"name.{role}") == 303
            assert await roles(service, role) == 1
    text = await (await officer.get("/people")).text()
    assert text.count("Waiting</strong>") == 2
    assert text.count("Accepted</strong>") == 2


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"role": "exams_officer", "centre_number": ""}, "centre_number"),
        ({"role": "exams_officer", "centre_number": "99999"}, "centre_number"),
        ({"role": "exams_officer", "centre_number": "9\x0099"}, "centre_number"),
        ({"role": "teacher", "centre_number": CENTRE}, "role"),
        ({"role": "king"}, "role"),
        ({"role": ""}, "role"),
        ({"role": "moderator", "name": ""}, "name"),
        ({"role": "moderator", "name": "x" * 201}, "name"),
        ({"role": "moderator", "name": "A\u202eB"}, "name"),
        ({"role": "moderator", "email": ""}, "email"),
        ({"role": "moderator", "email": "nobody"}, "email"),
        ({"role": "moderator", "email": "a@b"}, "email"),
        ({"role": "moderator", "email": "a@b.example\r\nBcc: c@d.example"}, "email"),
        ({"role": "moderator", "email": "x" * 250 + "@b.example"}, "email"),
        ({"role": "ab_officer", "email": "nobody"}, "email"),
        ({"role": "ab_officer", "name": ""}, "name"),
    ],
)
async def test_a_bad_invitation_is_named(service: Service, form: dict[str, str], field: str) -> None:
    await known_centre(service)
    officer = await service.browser(Role.AB_OFFICER)
    status, text = await post(officer, "/people/invitations", **{**WHOM, **form})
    assert status == 422
    assert f'href="#{field}"' in text


@pytest.mark.parametrize("role", sorted(ROLES_OF_TWO))
async def test_a_wide_role_needs_a_second_officer(service_on_each: Service, role: Role) -> None:
    service = service_on_each
    first, second = [await service.browser(Role.AB_OFFICER) for _ in range(2)]
    before = await roles(service, role)
    status, _ = await post(first, "/people/invitations", role=role, **WHOM)
    assert status == 303
    path = f"/people/proposals/{await proposal(service)}"
    status, text = await post(first, f"{path}/confirm")
    assert status == 409
    assert "Another officer has to confirm it" in text
    status, text = await post(second, f"{path}/confirm")
    assert status == 200
    code = re.search(r'govuk-panel__title">(\d{4} \d{4})<', text)
    link = re.search(r"/invitation/[\w-]+", text)
    assert code
    assert link
    assert (await post(second, f"{path}/confirm"))[0] == 404
    person = await stranger(service)
    assert (await person.post(link[0], data={"code": code[1]}, allow_redirects=False)).status == 303
    form = {"sign_in_name": "ada", "password": "violet tram ladder 48"}
    assert (await person.post("/invitation", data=form, allow_redirects=False)).status == 303
    assert await roles(service, role) == before + 1


async def test_sf18_one_human_under_two_accounts_is_no_second_person(service_on_each: Service) -> None:
    service = service_on_each
    first, second, third = [await service.browser(Role.AB_OFFICER) for _ in range(3)]
    pair = {"person_id": first.person_id, "other_id": second.person_id}
    await service.write(
        lambda s: s.add(PersonAlias(**pair, merged_by="x", merged_at=service.clock.now, reason="the same human"))
    )
    await post(first, "/people/invitations", role=Role.AB_OFFICER, **WHOM)
    path = f"/people/proposals/{await proposal(service)}"
    assert (await post(second, f"{path}/confirm"))[0] == 409
    assert (await post(third, f"{path}/withdraw"))[0] == 303
    assert (await post(third, f"{path}/confirm"))[0] == 404
    # A role for oneself, or for one's other account.
    for about in (first, second):
        status, text = await post(first, f"/people/{about.person_id}/roles", role=Role.TRACKING_CLERK)
        assert status == 422
        assert "Ask a second person" in text
    # Who would get it does not confirm it.
    await post(first, f"/people/{third.person_id}/roles", role=Role.TRACKING_CLERK)
    path = f"/people/proposals/{await proposal(service)}"
    assert (await post(third, f"{path}/confirm"))[0] == 409
    assert await roles(service, Role.TRACKING_CLERK) == 0


async def test_sf18_the_database_refuses_what_code_forgot(service_on_each: Service) -> None:
    service = service_on_each
    ids = [await service.add_person(Role.AB_OFFICER) for _ in range(2)]
    (one, _), (other, _) = ids
    now = service.clock.now

    def given(role: Role, person_id: str, by: str, confirmed_by: str | None):
        def work(session):
            session.add(
                Assignment(person_id=person_id, role=role, valid_from=now, granted_by=by, confirmed_by=confirmed_by)
            )

        return work

    def new_person(session):
        person = Person(display_name="New", created_at=now)
        session.add(person)
        session.flush()
        return person.id

    new = await service.write(new_person)
    for work in (
        given(Role.AB_OFFICER, new, one, None),
        given(Role.TRACKING_CLERK, new, one, one),
        given(Role.AB_OFFICER, one, one, other),
        given(Role.AB_OFFICER, one, other, one),
        given(Role.MODERATOR, one, one, None),
    ):
        with pytest.raises(SamePerson):
            await service.write(work)
    await service.write(given(Role.AB_OFFICER, new, one, other))

    def widen(session):
        row = people.add_person(session, "Small", Role.MODERATOR, now)
        session.flush()
        row.role = Role.AB_OFFICER

    with pytest.raises(RecordKept):
        await service.write(widen)


async def test_the_last_officer_stays(service_on_each: Service) -> None:
    service = service_on_each
    officer = await service.browser(Role.AB_OFFICER)
    own = await assignment_of(service, officer)
    path = f"/people/{officer.person_id}"
    assert (await post(officer, f"{path}/roles/{own}/end"))[0] == 409

    def forget(session):
        session.get_one(Assignment, own).valid_to = service.clock.now

    with pytest.raises(RecordKept, match="last awarding body officer"):
        await service.write(forget)
    second = await service.browser(Role.AB_OFFICER)
    assert (await post(second, f"{path}/roles/{own}/end"))[0] == 303
    assert (await officer.get("/people", allow_redirects=False)).status == 303


async def test_a_suspended_person_is_out_with_the_next_request(service_on_each: Service) -> None:
    service = service_on_each
    officer = await with_account(service, Role.AB_OFFICER)
    moderator = await with_account(service, Role.MODERATOR)
    path = f"/people/{moderator.person_id}"
    assert (await moderator.get("/worklist")).status == 200
    assert (await post(officer, f"{path}/suspend"))[0] == 303
    assert (await moderator.get("/worklist", allow_redirects=False)).status == 303
    assert "cannot sign in" in await (await officer.get(path)).text()
    assert (await post(officer, f"{path}/restore"))[0] == 303
    assert "cannot sign in" not in await (await officer.get(path)).text()
    own = f"/people/{officer.person_id}"
    assert (await post(officer, f"{own}/suspend"))[0] == 409
    assert (await post(officer, f"{own}/restore"))[0] == 409
    assert (await post(officer, "/people/none/suspend"))[0] == 404


async def test_people_are_found_by_role_centre_and_words(service: Service) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    await service.add_person(Role.TEACHER, CENTRE)
    await with_account(service, Role.MODERATOR)
    for query, there, not_there in (
        ("role=moderator", "Test moderator", "Test teacher"),
        ("centre=99001", "Test teacher", "Test moderator"),
        ("words=teach", "Test teacher", "Test moderator"),
        ("words=SCHOOL.EXAMPLE", "Test moderator", "Test teacher"),
    ):
        text = await (await officer.get(f"/people?{query}")).text()
        assert there in text
        assert f"{not_there}</a>" not in text
        assert f"{not_there} {CENTRE}</a>" not in text
    for query in (
        "role=king",
        "page=0",
        "page=-1",
        "page=99999999999",
        "page=1e3",
        "words=%25",
        "words=%00",
        "centre=%00",
    ):
        assert (await officer.get(f"/people?{query}")).status == 200, query
    assert "Nobody matches" in await (await officer.get("/people?words=%25")).text()


async def test_only_officers_reach_people(service: Service) -> None:
    person_id, _ = await service.add_person(Role.MODERATOR)
    for role in Role:
        client = await service.browser(role)
        statuses = {(await client.get(path)).status for path in ("/people", f"/people/{person_id}")}
        assert statuses == ({200} if role is Role.AB_OFFICER else {404}), role
    officer = await service.browser(Role.AB_OFFICER)
    assert (await officer.get("/people/none")).status == 404


async def test_two_officers_who_end_each_other_at_once_leave_one(service_on_each: Service) -> None:
    service = service_on_each
    pair = [await service.browser(Role.AB_OFFICER) for _ in range(2)]
    ids = [await assignment_of(service, one) for one in pair]
    forms = [{"csrf_token": await csrf(one)} for one in pair]
    answers = await asyncio.gather(
        *(
            pair[n].post(
                f"/people/{pair[1 - n].person_id}/roles/{ids[1 - n]}/end",
                data=forms[n],
                allow_redirects=False,
            )
            for n in range(2)
        )
    )
    # The other was refused in the act, or came after the end of the own role and is asked to sign in.
    assert sum("/people/" in one.headers.get("Location", "") for one in answers) == 1
    live = select(func.count()).where(Assignment.role == Role.AB_OFFICER, Assignment.valid_to.is_(None))
    assert await service.services.database.read(lambda s: s.scalar(live)) == 1
