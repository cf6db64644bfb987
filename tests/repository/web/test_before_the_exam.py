"""Before the exam, over HTTP: registers with two signatures, packet plans, labels, what is printed and who may."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from moderation.tables import Candidate, Centre, Component, Entry, EntryOption, OptionComponent, SeriesRow
from repository.access import POLICY, Action, Role, Scope
from scripts.tables import Packet, RegisterChange, RegisterLine, Sitting

from .conftest import Client, Service, csrf

FIRST = "99001"
PAPER = "H446/01"
TO_SIGN = "Counter-sign corrections of the register of "
TO_ISSUE = "Issue or refuse an emergency label: packet "


@pytest.fixture
async def sitting(service: Service) -> Sitting:
    """A sitting of ten candidates at the first of two centres, opened from their entries, later on the same day."""
    key, option = "01-6A26", "H446"

    def make(session: Any) -> None:
        session.add(SeriesRow(key=key, awarding_body="01", code="6A", year=26, title="June 2026"))
        session.flush()
        session.add_all(
            [
                *(Centre(centre_number=number, name=f"Centre {number}") for number in (FIRST, "99002")),
                Component(
                    series_key=key,
                    component_code=PAPER,
                    title="Computer systems",
                    maximum_mark=140,
                    timetabled=True,
                    timetable_on=service.clock().date(),
                    timetable_session="P",
                ),
                EntryOption(series_key=key, option_code=option, syllabus_code=option, title="Computer Science"),
            ]
        )
        session.flush()
        session.add(OptionComponent(series_key=key, option_code=option, component_code=PAPER))
        for centre in (FIRST, "99002"):
            for number in range(1001, 1011):
                who = Candidate(
                    series_key=key,
                    centre_number=centre,
                    candidate_number=str(number),
                    surname=f"S{number}",
                    forenames="A",
                )
                session.add(who)
                session.flush()
                session.add(Entry(candidate_id=who.id, option_code=option, series_key=key))

    await service.write(make)
    body = await service.client(Role.AB_OFFICER)
    await done(await body.post("/api/sittings", json={"series": key, "component": PAPER}), 201)
    found = await service.services.database.read(
        lambda session: session.scalars(select(Sitting).filter_by(centre_number=FIRST)).one()
    )
    assert isinstance(found, Sitting)
    return found


async def lines_of(officer: Client, sitting: Sitting) -> list[dict[str, Any]]:
    answer = await officer.get(f"/api/sittings/{sitting.id}/register")
    assert answer.status == 200, await answer.text()
    return (await answer.json())["lines"]


async def done(answer: Any, status: int = 204) -> Any:
    assert answer.status == status, await answer.text()
    return await answer.json() if status in {200, 201} else None


async def home(client: Client) -> str:
    return await (await client.get("/", headers={"Accept": "text/html"})).text()


def test_who_answers_a_request_for_an_emergency_label() -> None:
    allowed = {Role.AB_OFFICER: Scope.ALL, Role.TRACKING_CLERK: Scope.ALL}
    assert dict(POLICY[Action.LABEL_ISSUE]) == allowed
    assert not set(POLICY[Action.PACKET_WRITE]) & set(allowed)


async def test_a_register_goes_from_entries_to_sign_off_and_two_people_correct_it(
    service: Service, sitting: Sitting
) -> None:
    first, second = [await service.client(Role.EXAMS_OFFICER, FIRST) for _ in range(2)]
    here = f"/api/sittings/{sitting.id}"
    numbers = [line["candidate_number"] for line in await lines_of(first, sitting)]
    assert all(line["name"] for line in await lines_of(first, sitting))
    await done(await first.put(f"{here}/seats", json={"seats": {numbers[-1]: 1, numbers[0]: 2}}))
    assert [line["candidate_number"] for line in await lines_of(first, sitting)][:2] == [numbers[-1], numbers[0]]
    marks = [{"candidate_number": number, "state": "present"} for number in numbers[1:]]
    assert (await first.post(f"{here}/sign-off", json={})).status == 422
    marks.append({"candidate_number": numbers[0], "state": "absent"})
    for added in ({"candidate_number": "9001"}, {"candidate_number": "9001", "name": "A N Other"}, "9001"):
        assert (await first.put(f"{here}/register", json={"lines": marks, "added": [added]})).status == 422
    added = {"candidate_number": "9001", "name": "OTHER A N", "reason": "Entered late"}
    await done(await first.put(f"{here}/register", json={"lines": marks, "added": [added]}))
    await done(await first.post(f"{here}/sign-off", json={}))
    locked = await first.put(f"{here}/register", json={"lines": [{"candidate_number": "9001", "state": "absent"}]})
    assert locked.status == 422
    wrong = {"candidate_number": "9001", "field": "candidate_number", "after": "9002", "reason": "Misread"}
    asked = await done(await first.post(f"{here}/corrections", json=wrong), 201)
    signature = {"correction": asked["id"], "decision": "confirmed"}
    assert (await first.post(f"{here}/signatures", json=signature)).status == 409
    assert [TO_SIGN in await home(one) for one in (first, second)] == [False, True]
    await done(await second.post(f"{here}/signatures", json=signature))
    assert TO_SIGN not in await home(second)
    found = await (await first.get(f"{here}/register")).json()
    assert {line["candidate_number"] for line in found["lines"]} == {*numbers, "9002"}
    (correction,) = found["corrections"]
    assert (correction["before"], correction["after"], correction["decision"]) == ("9001", "9002", "confirmed")
    assert correction["asked_by"]
    assert correction["second"]
    on_paper = {"candidate_number": "9002", "field": "name", "after": "OTHER ANN", "reason": "Misread"}
    assert (
        await first.post(f"{here}/corrections", json=on_paper | {"second_name": "Test exams_officer 99001"})
    ).status == 409
    made = await done(await first.post(f"{here}/corrections", json=on_paper | {"second_name": "I N Vigilator"}), 201)
    assert made["decision"] == "confirmed"
    changes = (await (await first.get(f"{here}/register")).json())["changes"]
    assert {"added", "marked", "seated", "signed_off", "corrected"} <= {one["kind"] for one in changes}
    other = await service.client(Role.EXAMS_OFFICER, "99002")
    assert (await other.get(f"{here}/register")).status == 404
    assert (await other.post(f"{here}/sign-off", json={})).status == 404


async def test_packets_are_planned_labelled_printed_and_an_emergency_label_is_issued(
    service: Service, sitting: Sitting
) -> None:
    officer, body = await service.client(Role.EXAMS_OFFICER, FIRST), await service.client(Role.AB_OFFICER)
    here = f"/api/sittings/{sitting.id}"
    numbers = [line["candidate_number"] for line in await lines_of(officer, sitting)]
    made = await done(await officer.post(f"{here}/packets", json={"capacity": 3}), 201)
    assert made["packets"][0]["label"].startswith(f"SL1|{FIRST}|")
    plan = await done(await officer.get(f"{here}/packets"), 200)
    assert len(plan["packets"][0]["candidates"]) == 3
    target = plan["packets"][1]["id"]
    moved = await officer.post(f"{here}/packets/moves", json={"candidates": [numbers[0]], "packet": target})
    assert await done(moved, 200) == {"packet": 2}
    for _ in range(2):
        answer = await officer.get(f"/sittings/{sitting.id}/labels.pdf")
        assert (await answer.read()).startswith(b"%PDF-")
    plan = await done(await officer.get(f"{here}/packets"), 200)
    assert {packet["printed"] for packet in plan["packets"]} == {2}
    ask = {"packet": target, "reason": "Torn in the printer"}
    asked = await done(await officer.post(f"{here}/emergency-labels", json=ask), 201)
    assert (await officer.post(f"{here}/emergency-labels", json=ask)).status == 422
    answer_to = f"/api/emergency-labels/{asked['id']}"
    assert (await officer.post(answer_to, json={"decision": "issued"})).status == 404
    clerk = await service.client(Role.TRACKING_CLERK)
    assert [TO_ISSUE in await home(one) for one in (officer, body, clerk)] == [False, True, True]
    issued = await done(await body.post(answer_to, json={"decision": "issued"}), 200)
    assert issued["label"].split("|")[5] == "2"
    assert TO_ISSUE not in await home(body)
    plan = await done(await officer.get(f"{here}/packets"), 200)
    assert [packet["emergency"] for packet in plan["packets"]][1]
    assert (await officer.post(f"{here}/packets", json={"capacity": 5, "again": True})).status == 422
    for path in ("covers.pdf", "register.pdf?blank=yes", f"answer-pages.pdf?candidate_number={numbers[0]}&pages=2"):
        answer = await officer.get(f"/sittings/{sitting.id}/{path}")
        assert answer.status == 200, path
        assert (await answer.read()).startswith(b"%PDF-"), path
    for path in ("answer-pages.pdf?candidate_number=0000&pages=2", f"answer-pages.pdf?candidate_number={numbers[0]}"):
        assert (await officer.get(f"/sittings/{sitting.id}/{path}")).status == 422, path


async def test_a_series_is_opened_again_after_late_entries_and_withdrawals(service: Service, sitting: Sitting) -> None:
    body, officer = await service.client(Role.AB_OFFICER), await service.client(Role.EXAMS_OFFICER, FIRST)
    key = sitting.series_key
    opened = await done(await body.post(f"/api/series/{key}/sittings", json={}), 201)
    assert opened["components"] >= 1
    numbers = [line["candidate_number"] for line in await lines_of(officer, sitting)]
    marked = {"lines": [{"candidate_number": numbers[1], "state": "present"}]}
    await done(await officer.put(f"/api/sittings/{sitting.id}/register", json=marked))

    def withdraw(session: Any) -> None:
        for number in numbers[:2]:
            who = select(Candidate.id).filter_by(series_key=key, centre_number=FIRST, candidate_number=number)
            session.execute(
                update(Entry).where(Entry.candidate_id.in_(who)).values(withdrawn_at=service.clock()),
                execution_options={"synchronize_session": False},
            )

    await service.write(withdraw)
    again = await done(await body.post(f"/api/series/{key}/sittings", json={}), 201)
    assert again["opened"] == 0
    assert again["kept"] >= 1
    states = {line["candidate_number"]: line["state"] for line in await lines_of(officer, sitting)}
    assert (states[numbers[0]], states[numbers[1]]) == ("withdrawn", "present")
    third = await done(await body.post(f"/api/series/{key}/sittings", json={}), 201)
    assert (third["late"], third["withdrawn"], third["restored"]) == (0, 0, 0)
    assert (await officer.post(f"/api/series/{key}/sittings", json={})).status == 404


async def test_the_pages_of_an_exams_officer(service: Service, sitting: Sitting) -> None:
    officer = await service.browser(Role.EXAMS_OFFICER, FIRST)
    here = f"/sittings/{sitting.id}"
    for path in (
        here,
        f"{here}/register",
        f"{here}/packets",
        "/exam-day",
        f"/exam-day?on={sitting.held_on}",
        "/scripts",
    ):
        answer = await officer.get(path)
        assert answer.status == 200, (path, (await answer.text())[-1500:])
    assert (await officer.get("/exam-day?on=tomorrow")).status == 422
    token = await csrf(officer)
    form = {"csrf_token": token, "capacity": "4"}
    assert "packets." in await (await officer.post(f"{here}/packets", data=form)).text()
    numbers = [line.candidate_number for line in await rows(service, RegisterLine, sitting)]
    refused = await officer.post(f"{here}/register", data={"csrf_token": token, "added_number": "9001"})
    assert refused.status == 422
    assert "Enter added name" in await refused.text()
    move = {"csrf_token": token, "candidates": numbers[0], "packet": "new"}
    assert (await officer.post(f"{here}/packets/moves", data=move)).status == 200
    away = {
        "csrf_token": token, "candidates": numbers[0], "move_on": str(sitting.held_on), "move_reason": "Clash",
        "move_session": "EV",
    }  # fmt: skip
    moved = await officer.post(f"{here}/register/moves", data=away)
    assert moved.status == 200, await moved.text()
    assert "Moved here" in await moved.text()
    by_name = {"csrf_token": token, "order": "name"}
    assert (await officer.post(f"{here}/register/seats", data=by_name)).status == 200
    marks = {f"state-{number}": "present" for number in numbers[1:]}
    saved = await officer.post(f"{here}/register", data={"csrf_token": token, **marks})
    assert saved.status == 200, await saved.text()
    assert (await officer.post(f"{here}/register/sign-off", data={"csrf_token": token})).status == 200
    assert {one.kind for one in await rows(service, RegisterChange, sitting)} >= {"moved_away", "signed_off", "seated"}
    packed = {number for packet in await rows(service, Packet, sitting) for number in packet.candidate_numbers}
    assert packed == set(numbers[1:])


async def test_the_awarding_body_answers_requests_and_sets_capacities(service: Service, sitting: Sitting) -> None:
    body = await service.browser(Role.AB_OFFICER)
    assert (await body.get("/emergency-labels")).status == 200
    clerk = await service.browser(Role.TRACKING_CLERK)
    for client in (body, clerk):
        page = await client.get(f"/sittings/{sitting.id}")
        assert page.status == 200
        assert ("S1001 A" in await page.text()) is (client is body)
        assert (await client.get("/emergency-labels")).status == 200
        assert (await client.get(f"/sittings/{sitting.id}/register")).status == 404
    token = await csrf(body)
    opened = await body.post("/scripts", data={"csrf_token": token, "series": sitting.series_key})
    assert "Sittings open: 2, 0 of them new." in await opened.text()
    chosen = {"csrf_token": token, "body": sitting.series_key[:2], "component": sitting.component_code, "capacity": "2"}
    assert "New plans" in await (await body.post("/envelope-capacities", data=chosen)).text()
    assert (await body.post("/envelope-capacities", data=chosen | {"body": "?"})).status == 422
    officer = await service.client(Role.EXAMS_OFFICER, FIRST)
    await done(await officer.post(f"/api/sittings/{sitting.id}/packets", json={}), 201)
    assert max(len(one.candidate_numbers) for one in await rows(service, Packet, sitting)) == 2


async def rows(service: Service, table: Any, sitting: Sitting) -> list[Any]:
    def read(session: Any) -> list[Any]:
        return list(session.scalars(select(table).filter_by(sitting_id=sitting.id)))

    return await service.services.database.read(read)


async def test_a_component_without_a_day_is_not_opened(service: Service, sitting: Sitting) -> None:
    body = await service.client(Role.AB_OFFICER)
    where = {"series_key": sitting.series_key, "component_code": sitting.component_code}
    await service.write(lambda session: session.execute(update(Component).filter_by(**where).values(timetable_on=None)))
    wanted = {"series": sitting.series_key, "component": sitting.component_code}
    answer = await body.post("/api/sittings", json=wanted)
    assert answer.status == 422
    assert "no day" in (await answer.json())["detail"]
