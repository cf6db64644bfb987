"""Checks of moderators, amendments, returned marks and holds over HTTP: who may, what is shown, what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from moderation.records.cases import view_case
from moderation.records.checks import checks_of
from moderation.records.marking import allocate, record_moderator_mark, stage_of
from moderation.records.outcomes import confirm_outcome
from moderation.records.results import release_results
from moderation.records.samples import sample_of
from moderation.results import embargo_from
from moderation.submission import CaseState
from repository.access import Role
from tests.moderation.records import stage as records
from tests.moderation.records.stage import CENTRE_B, CENTRE_D, COMPONENT, MODERATOR_B, MODERATOR_D, SERIES

from .conftest import Client, Service, csrf

CENTRE = "99901"


async def proposed(service: Service, moderator: Client, centre: tuple[int, ...], given: tuple[int, ...]) -> str:
    """A case whose works are all read, so that an outcome is proposed."""
    person: str = moderator.person_id
    mark_of = dict(zip(centre, given, strict=True))

    def build(session: Session) -> str:
        records.make_series(session)
        case_id = records.make_centre(session, len(centre), CENTRE)
        records.confirm(session, case_id, centre)
        records.hand_in(session, case_id)
        place = {"series_key": SERIES, "component_code": COMPONENT, "centre_number": CENTRE}
        allocate(session, person_id=person, **place)
        whole = {item.item_id: item.centre_mark for item in sample_of(session, case_id).items}
        while unread := stage_of(session, case_id).unread:
            for item_id in unread:
                mark = mark_of[whole[item_id]]
                record_moderator_mark(session, item_id, mark=mark, moderator=person, now=service.clock.now)
        return case_id

    return await service.write(build)


async def state_of(service: Service, case_id: str) -> CaseState:
    return (await service.services.database.read(lambda s: view_case(s, case_id))).state


async def lead(officer: Client, leader: Client, moderator: Client) -> None:
    body = {
        "series": SERIES,
        "component": COMPONENT,
        "leader_id": leader.person_id,
        "member_ids": [moderator.person_id],
    }
    assert (await officer.post("/api/teams", json=body)).status == 201


async def test_a_team_leader_checks_blind_and_only_then_an_officer_confirms(service_on_each: Service) -> None:
    service = service_on_each
    moderator, leader, officer, principal = [
        await service.client(role)
        for role in (Role.MODERATOR, Role.TEAM_LEADER, Role.AB_OFFICER, Role.PRINCIPAL_MODERATOR)
    ]
    case_id = await proposed(service, moderator, CENTRE_B, MODERATOR_B)
    path = f"/api/cases/{case_id}/check"
    assert (await leader.get(path)).status == 404  # not this leader's team yet
    await lead(officer, leader, moderator)
    assert (await (await leader.get("/api/checks")).json())["cases"][0]["to_check"]
    for closed in ("marking", "outcome"):
        assert (await leader.get(f"/api/cases/{case_id}/{closed}")).status == 404
    refused = await officer.post(f"/api/cases/{case_id}/outcome/confirm", json={})
    assert (refused.status, (await refused.json())["type"]) == (409, "/problems/check-missing")
    check = (await (await leader.post(path, json={})).json())["check"]
    assert {work["moderator_mark"] for work in check["works"]} == {None}
    for stranger in (moderator, principal, officer):
        target = f"/api/checks/{check['id']}/works/{check['works'][0]['item_id']}"
        assert (await stranger.put(target, json={"mark": 1})).status == 404
    early = await leader.post(f"/api/checks/{check['id']}/verdict", json={"verdict": "AGREED"})
    assert early.status == 409
    for work in check["works"]:
        target = f"/api/checks/{check['id']}/works/{work['item_id']}"
        assert (await leader.put(target, json={"mark": "many"})).status == 422
        check = (await (await leader.put(target, json={"mark": 30})).json())["check"]
    assert [work["moderator_mark"] for work in check["works"]] == [62, 42, 11]
    for verdict, status in (({"verdict": "MAYBE"}, 422), ({"verdict": "RETURNED"}, 422)):
        assert (await leader.post(f"/api/checks/{check['id']}/verdict", json=verdict)).status == status
    passed = {"verdict": "ESCALATED", "reason": "far apart"}
    assert (await leader.post(f"/api/checks/{check['id']}/verdict", json=passed)).status == 200
    person = {"series": SERIES, "component": COMPONENT, "person_id": principal.person_id}
    assert (await officer.post("/api/principals", json=person)).status == 201
    assert (await (await principal.get("/api/checks")).json())["cases"][0]["escalated"]
    check = (await (await principal.post(path, json={})).json())["check"]
    for work in check["works"]:
        await principal.put(f"/api/checks/{check['id']}/works/{work['item_id']}", json={"mark": 30})
    assert (await principal.post(f"/api/checks/{check['id']}/verdict", json={"verdict": "AGREED"})).status == 200
    (line,) = (await (await principal.get("/api/coverage")).json())["moderators"]
    assert (line["works_read"], line["works_checked"], line["drift"]) == (15, 3, "25/3")
    assert (await officer.post(f"/api/cases/{case_id}/outcome/confirm", json={})).status == 200
    assert await state_of(service, case_id) is CaseState.OUTCOME_LOCKED


async def test_pages_of_a_check_show_no_moderator_mark_before_all_are_in(service: Service) -> None:
    moderator, officer = await service.client(Role.MODERATOR), await service.client(Role.AB_OFFICER)
    leader = await service.browser(Role.TEAM_LEADER)
    case_id = await proposed(service, moderator, CENTRE_B, MODERATOR_B)
    assert "No moderator is in your team yet" in await (await leader.get("/checks")).text()
    await lead(officer, leader, moderator)
    token = await csrf(leader)
    assert f"/checks/{case_id}" in await (await leader.get("/")).text()
    await leader.post(f"/checks/{case_id}/begin", data={"csrf_token": token})
    page = await (await leader.get(f"/checks/{case_id}")).text()
    assert "Both marks" not in page
    assert "Moderator mark" not in page
    answer = await leader.post(
        f"/checks/{case_id}/verdict", data={"csrf_token": token, "check_id": "x", "version": "1"}
    )
    assert answer.status == 422
    assert "Choose a verdict" in await answer.text()


async def test_an_amendment_is_proposed_by_one_and_decided_by_another(service_on_each: Service) -> None:
    service = service_on_each
    moderator = await service.client(Role.MODERATOR)
    case_id = await proposed(service, moderator, CENTRE_B, CENTRE_B)
    centre = await service.client(Role.EXAMS_OFFICER, CENTRE)
    teacher, stranger = await service.client(Role.TEACHER, CENTRE), await service.client(Role.EXAMS_OFFICER, "99902")
    first, second = await service.client(Role.AB_OFFICER), await service.client(Role.AB_OFFICER)
    path = f"/api/cases/{case_id}/amendments"
    wish = {"candidate_number": "1001", "mark": 66, "reason": "typed 68 for 66"}
    for nobody in (teacher, stranger):
        assert (await nobody.post(path, json=wish)).status == 404
    for wrong in ({"mark": 71}, {"mark": None}, {"candidate_number": "9999"}, {"reason": ""}, {"status": "MAYBE"}):
        assert (await centre.post(path, json=wish | wrong)).status == 422
    made = (await (await centre.post(path, json=wish)).json())["amendment"]
    assert made["kind"] == "CENTRE_ERROR"
    assert (await centre.post(path, json=wish)).status == 409
    slip = {"candidate_number": "1002", "mark": 63, "reason": "criteria added up wrongly"}
    other = (await (await moderator.post(path, json=slip)).json())["amendment"]
    assert other["kind"] == "CLERICAL_ERROR"
    shown = await (await centre.get(path)).json()
    assert [one["candidate_number"] for one in shown["amendments"]] == ["1001"]
    assert shown["clerical_errors"] == []
    yes = {"sample": "KEEP", "reason": "seen"}
    assert (await centre.post(f"/api/amendments/{made['id']}/approve", json=yes)).status == 404
    assert (await first.post(f"/api/amendments/{made['id']}/approve", json=yes | {"sample": "SOME"})).status == 422
    assert (await first.post(f"/api/amendments/{made['id']}/approve", json=yes)).status == 200
    assert (
        await second.post(f"/api/amendments/{other['id']}/refuse", json={"reason": "the sum is right"})
    ).status == 200
    assert (await first.post("/api/amendments/nothing/approve", json=yes)).status == 404
    own = (await (await first.post(path, json=slip | {"kind": "CLERICAL_ERROR"})).json())["amendment"]
    assert (await first.post(f"/api/amendments/{own['id']}/approve", json=yes)).status == 409
    assert (await second.post(f"/api/amendments/{own['id']}/approve", json=yes)).status == 200
    assert len((await (await second.get(path)).json())["clerical_errors"]) == 1
    # Slips are told to the centre with its results, not before: not while anything is open, nor under embargo.
    assert (await (await centre.get(path)).json())["clerical_errors"] == []
    embargo = embargo_from((service.clock.now + timedelta(days=10)).date())

    def release(session: Session) -> None:
        confirm_outcome(session, case_id, officer="another", now=service.clock.now)
        release_results(session, SERIES, first="one", second="two", embargo=embargo, now=service.clock.now)

    await service.write(release)
    assert (await (await centre.get(path)).json())["clerical_errors"] == []
    service.clock.now = embargo.restricted_at
    again = await service.client(Role.EXAMS_OFFICER, CENTRE)
    (told,) = (await (await again.get(path)).json())["clerical_errors"]
    assert (told["candidate_number"], told["before"]["mark"], told["after"]["mark"]) == ("1002", 64, 63)


async def test_pages_of_amendments(service: Service) -> None:
    moderator = await service.client(Role.MODERATOR)
    case_id = await proposed(service, moderator, CENTRE_B, CENTRE_B)
    first, second = await service.browser(Role.AB_OFFICER), await service.browser(Role.AB_OFFICER)
    path = f"/cases/{case_id}/amendments"
    token = await csrf(first)
    form = {"csrf_token": token, "candidate_number": "1001", "mark": "60", "status": "PRESENT", "reason": "a slip"}
    answer = await first.post(path, data=form)
    assert answer.status == 422
    assert "Say whose error it is" in await answer.text()
    shown = await (await first.post(path, data=form | {"kind": "CLERICAL_ERROR"})).text()
    assert "You proposed this" in shown
    shown = await (await second.get(path)).text()
    assert "Add this candidate" not in shown  # it is in the sample already
    amendment_id = shown.partition('action="/amendments/')[2].partition("/")[0]
    decision = {"csrf_token": await csrf(second), "case_id": case_id, "choice": "KEEP"}
    answer = await second.post(f"/amendments/{amendment_id}/approve", data=decision)
    assert answer.status == 422
    shown = await (await second.post(f"/amendments/{amendment_id}/approve", data=decision | {"reason": "ok"})).text()
    assert "Notification of clerical errors" in shown
    assert "68" in shown


async def test_marks_are_returned_with_feedback_that_the_centre_reads(service_on_each: Service) -> None:
    service = service_on_each
    moderator = await service.client(Role.MODERATOR)
    case_id = await proposed(service, moderator, CENTRE_D, MODERATOR_D)
    officer, centre = await service.browser(Role.AB_OFFICER), await service.browser(Role.EXAMS_OFFICER, CENTRE)
    assert await state_of(service, case_id) is CaseState.INVALID_ORDER
    assert "Order of merit" not in await (await centre.get(f"/cases/{case_id}")).text()
    token = await csrf(officer)
    version = (await service.services.database.read(lambda s: view_case(s, case_id))).version
    form = {"csrf_token": token, "version": str(version), "feedback": "1001 had 45, not 58"}
    answer = await officer.post(f"/cases/{case_id}/outcome/return", data=form)
    shown = await answer.text()
    assert answer.status == 422
    assert "could be a mark" in shown
    assert "1001 had 45, not 58</textarea>" in shown
    words = "Put the candidates in the order of criterion C."
    await officer.post(f"/cases/{case_id}/outcome/return", data=form | {"feedback": words})
    assert await state_of(service, case_id) is CaseState.RETURNED_TO_CENTRE
    page = await (await centre.get(f"/cases/{case_id}/marks")).text()
    assert words in page
    assert "Before: 58" in page
    assert 'value="58"' not in page


async def test_a_hold_is_for_officers_and_a_centre_reads_neutral_words(service_on_each: Service) -> None:
    service = service_on_each
    moderator = await service.client(Role.MODERATOR)
    case_id = await proposed(service, moderator, CENTRE_B, CENTRE_B)
    officer, centre = await service.client(Role.AB_OFFICER), await service.browser(Role.EXAMS_OFFICER, CENTRE)
    statement = "pages three and four are another candidate’s"
    path = f"/api/cases/{case_id}"
    raised = await moderator.post(f"{path}/suspicions", json={"candidate_number": "1002", "statement": statement})
    suspicion = (await raised.json())["suspicion"]
    assert (await moderator.get(f"{path}/holds")).status == 404
    assert (await centre.get(f"/cases/{case_id}/holds")).status == 404
    assert (await moderator.post(f"/api/suspicions/{suspicion['id']}/decide", json={})).status == 404
    decide = {"decision": "HOLD_CANDIDATE", "reason": "looked at"}
    assert (await officer.post(f"/api/suspicions/{suspicion['id']}/decide", json=decide | {"reason": ""})).status == 422
    assert (await officer.post(f"/api/suspicions/{suspicion['id']}/decide", json=decide)).status == 200
    assert (await officer.post(f"/api/suspicions/{suspicion['id']}/decide", json=decide)).status == 409
    held = (await (await officer.post(f"{path}/holds", json={"reason": "a whole set is alike"})).json())["hold"]
    assert await state_of(service, case_id) is CaseState.MALPRACTICE_HOLD
    page = await (await centre.get(f"/cases/{case_id}")).text()
    assert "On hold" in page
    shown = await (await moderator.get(f"{path}")).text()
    for secret in (statement, "looked at", "a whole set is alike"):
        assert secret not in page
        assert secret not in shown
    assert (await officer.post(f"/api/holds/{held['id']}/release", json={"reason": "explained"})).status == 200
    assert await state_of(service, case_id) is CaseState.OUTCOME_PROPOSED
    kept = await (await officer.get(f"{path}/holds")).json()
    assert [one["candidate_number"] for one in kept["holds"] if one["released_at"] is None] == ["1002"]


@pytest.mark.parametrize("path", ["/holds", "/teams", "/coverage", "/checks"])
@pytest.mark.parametrize("role", [Role.TEACHER, Role.EXAMS_OFFICER, Role.MODERATOR, Role.TRACKING_CLERK])
async def test_pages_of_supervision_are_not_there_for_others(service: Service, path: str, role: Role) -> None:
    client = await service.browser(role)
    assert (await client.get(path)).status == 404


async def test_teams_are_put_together_by_officers(service: Service) -> None:
    moderator, leader = await service.client(Role.MODERATOR), await service.client(Role.TEAM_LEADER)
    officer = await service.browser(Role.AB_OFFICER)
    assert "No series has been imported" in await (await officer.get("/teams")).text()
    await service.write(records.make_series)
    token = await csrf(officer)
    form = {"csrf_token": token, "series": SERIES, "component": COMPONENT}
    for wrong in ({}, {"leader_id": moderator.person_id}, {"leader_id": leader.person_id, "member_ids": "x"}):
        assert (await officer.post("/teams", data=form | wrong)).status == 422
    members = {"leader_id": leader.person_id, "member_ids": moderator.person_id}
    assert "Test team_leader" in await (await officer.post("/teams", data=form | members)).text()
    assert (await officer.post("/teams/principal", data=form | {"person_id": leader.person_id})).status == 422


async def test_an_officer_withdraws_an_outcome_and_has_it_found_again(service_on_each: Service) -> None:
    service = service_on_each
    moderator = await service.client(Role.MODERATOR)
    case_id = await proposed(service, moderator, CENTRE_B, CENTRE_B)
    officer = await service.browser(Role.AB_OFFICER)
    token = await csrf(officer)
    path = f"/cases/{case_id}/outcome"

    async def step(name: str, **form: str) -> str:
        version = (await service.services.database.read(lambda s: view_case(s, case_id))).version
        answer = await officer.post(f"{path}/{name}", data={"csrf_token": token, "version": str(version), **form})
        return await answer.text()

    assert "Withdraw the outcome" in await step("confirm")
    assert "Enter reason" in await step("withdraw", reason=" ")
    assert "Find the outcome again" in await step("withdraw", reason="the wrong criteria were used")
    assert await state_of(service, case_id) is CaseState.RECEIPT_COMPLETE
    desk = await moderator.get(f"/marking/{case_id}", headers={"Accept": "text/html"})
    assert "Let the rule decide from these marks" in await desk.text()
    shown = await step("find-again")
    assert "Outcomes before this one" in shown
    assert await state_of(service, case_id) is CaseState.OUTCOME_PROPOSED
    shown = await step("reopen", reason="read all of it")
    assert await state_of(service, case_id) is CaseState.FULL_SAMPLE
    assert "Nothing of yours was saved over it" not in shown
    for name in ("support-call", "support-call/notes", "return"):
        text = await step(name, reason="x", spoken_with="x", notes="x", feedback="x")
        assert "There is a problem" in text


@pytest.mark.parametrize("state", ["no sample", "sample out"])
async def test_the_page_of_an_outcome_that_is_not_there_yet(service: Service, state: str) -> None:
    def build(session: Session) -> str:
        records.make_series(session)
        case_id = records.make_centre(session, 3, CENTRE)
        if state == "sample out":
            records.confirm(session, case_id, [30, 20, 10])
        return case_id

    case_id = await service.write(build)
    officer = await service.browser(Role.AB_OFFICER)
    answer = await officer.get(f"/cases/{case_id}/outcome")
    assert answer.status == 200
    assert "Nothing has been found yet" in await answer.text()


@pytest.mark.parametrize("path", ["/cases/{}/explanation", "/marking/{}/report"])
async def test_nothing_shows_a_leader_the_moderators_marks_before_the_own_ones_are_in(
    service: Service, path: str
) -> None:
    moderator, officer = await service.client(Role.MODERATOR), await service.client(Role.AB_OFFICER)
    leader = await service.browser(Role.TEAM_LEADER)
    case_id = await proposed(service, moderator, CENTRE_B, MODERATOR_B)
    await lead(officer, leader, moderator)
    token = await csrf(leader)
    assert (await leader.get(path.format(case_id))).status == 404
    await leader.post(f"/checks/{case_id}/begin", data={"csrf_token": token})
    assert (await leader.get(path.format(case_id))).status == 404
    check = (await service.services.database.read(lambda s: checks_of(s, case_id)))[0]
    for work in check.works:
        form = {"csrf_token": token, "check_id": check.check_id, "item_id": work.item_id, "mark": "30"}
        version = (await service.services.database.read(lambda s: checks_of(s, case_id)))[0].version
        answer = await leader.post(f"/checks/{case_id}/marks", data=form | {"version": str(version)})
        assert answer.status == 200
    assert "Both marks" in await (await leader.get(f"/checks/{case_id}")).text()
    assert (await leader.get(path.format(case_id))).status == 200
    form = {"csrf_token": token, "check_id": check.check_id, "version": str(version + 1), "verdict": "AGREED"}
    assert "Nothing waits for a check" in await (await leader.post(f"/checks/{case_id}/verdict", data=form)).text()


@pytest.mark.parametrize(
    "path",
    [
        "/cases/nothing/amendments",
        "/cases/nothing/holds",
        "/cases/nothing/suspicion",
        "/cases/nothing/outcome",
        "/holds?series=nothing",
        "/teams?series=nothing",
    ],
)
async def test_what_is_not_there_is_not_found(service: Service, path: str) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    assert (await officer.get(path)).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/amendments/nothing/approve",
        "/amendments/nothing/refuse",
        "/holds/nothing/release",
        "/suspicions/nothing/decide",
        "/cases/nothing/holds",
        "/cases/nothing/amendments",
        "/cases/nothing/suspicion",
        "/cases/nothing/outcome/return",
        "/cases/nothing/outcome/withdraw",
        "/cases/nothing/outcome/find-again",
        "/cases/nothing/outcome/support-call",
        "/cases/nothing/outcome/support-call/notes",
    ],
)
@pytest.mark.parametrize("filled", [True, False])
async def test_a_form_about_nothing_is_not_found(service: Service, path: str, filled: bool) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    form = {"csrf_token": await csrf(officer)}
    if filled:
        form |= {"version": "1", "reason": "x", "feedback": "x", "spoken_with": "x", "notes": "x", "statement": "x"}
        form |= {"choice": "KEEP", "decision": "NO_ACTION", "candidate_number": "1001", "mark": "3"}
        form |= {"kind": "CLERICAL_ERROR", "case_id": "nothing"}
    assert (await officer.post(path, data=form)).status == 404
