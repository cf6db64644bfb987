"""Two tabs, two people, and work done while the line was away: a conflict shows both values, and nothing is lost."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.cases import view_case
from moderation.records.marking import allocate, record_moderator_mark, stage_of
from moderation.records.moderator_marks import marks_of_item
from moderation.records.outcomes import outcomes_of
from moderation.records.samples import sample_of
from moderation.submission import CaseState
from moderation.tables import ModeratedMark
from repository.access import Role
from tests.moderation.records import stage as records

from .conftest import Client, Service, csrf

CENTRE = "99901"
MARKS = (60, 50, 40, 30, 20, 10)


@dataclass
class Desk:
    """A case that is with its moderator, who has two windows open."""

    service: Service
    case_id: str
    moderator: Client
    items: list[str]

    async def read(self, work):
        return await self.service.services.database.read(work)

    async def mark_all(self, less: int = 0) -> None:
        person: str = self.moderator.person_id

        def work(session: Session) -> None:
            whole = {item.item_id: item.centre_mark for item in sample_of(session, self.case_id).items}
            for item_id in stage_of(session, self.case_id).unread:
                record_moderator_mark(
                    session, item_id, mark=whole[item_id] - less, moderator=person, now=self.service.clock.now
                )

        await self.service.write(work)


async def open_desk(service: Service, client: Client) -> Desk:
    person: str = client.person_id

    def build(session: Session) -> tuple[str, list[str]]:
        records.make_series(session)
        case_id = records.make_centre(session, len(MARKS), CENTRE)
        records.confirm(session, case_id, MARKS)
        records.hand_in(session, case_id)
        allocate(
            session,
            person_id=person,
            series_key=records.SERIES,
            component_code=records.COMPONENT,
            centre_number=CENTRE,
        )
        return case_id, [item.item_id for item in sample_of(session, case_id).items]

    case_id, items = await service.write(build)
    return Desk(service, case_id, client, items)


@pytest.mark.fault("att:H06")
async def test_two_tabs_save_one_mark_each_and_one_is_told_of_the_other(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.client(Role.MODERATOR))
    path = f"/api/sample-items/{desk.items[0]}/moderator-mark"

    async def save(mark: int) -> tuple[int, dict[str, object]]:
        answer = await desk.moderator.put(path, json={"mark": mark, "comment": f"tab {mark}", "number": 0})
        return answer.status, await answer.json()

    answers = await asyncio.gather(*(save(mark) for mark in (55, 56, 57, 58)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    kept = await desk.read(lambda s: marks_of_item(s, desk.items[0]))
    assert [(one.number, one.superseded_at) for one in kept] == [(1, None)]
    for status, problem in answers:
        if status == 409:
            assert problem["type"] == "/problems/stale-version"
            assert problem["typed_mark"] in {55, 56, 57, 58}
            assert problem["saved_mark"] == kept[0].mark


@pytest.mark.fault("att:H06")
async def test_a_conflict_on_the_desk_shows_both_values_and_saves_over_nothing(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.browser(Role.MODERATOR))
    token = await csrf(desk.moderator)

    async def save(mark: str, comment: str, number: str) -> str:
        form = {"item_id": desk.items[0], "mark": mark, "comment": comment, "number": number, "csrf_token": token}
        answer = await desk.moderator.post(f"/marking/{desk.case_id}/marks", data=form)
        return await answer.text()

    await save("55", "first tab", "0")
    shown = await save("57", "second tab", "0")
    assert "Saved in the meantime" in shown
    assert "55, “first tab”" in shown
    assert "57, “second tab”" in shown
    assert 'value="57"' in shown
    assert [one.mark for one in await desk.read(lambda s: marks_of_item(s, desk.items[0]))] == [55]
    number = re.search(
        r'name="item_id" value="' + desk.items[0] + r'">\s*<input type="hidden" name="number" value="(\d+)"', shown
    )
    assert number is not None
    await save("57", "second tab", number[1])
    kept = await desk.read(lambda s: marks_of_item(s, desk.items[0]))
    assert [(one.mark, one.superseded_at is None) for one in kept] == [(55, False), (57, True)]


@pytest.mark.fault("att:H07")
async def test_what_was_typed_offline_is_shown_when_the_case_takes_no_marks_any_more(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.browser(Role.MODERATOR))
    token = await csrf(desk.moderator)
    await desk.mark_all()
    form = {"item_id": desk.items[0], "mark": "44", "comment": "on the train", "number": "0", "csrf_token": token}
    answer = await desk.moderator.post(f"/marking/{desk.case_id}/marks", data=form)
    shown = await answer.text()
    assert answer.status == 422
    assert "What you typed was not saved" in shown
    assert "mark 44" in shown
    assert "on the train" in shown
    assert [one.mark for one in await desk.read(lambda s: marks_of_item(s, desk.items[0]))] == [MARKS[0]]


@pytest.mark.fault("att:H08")
async def test_the_last_mark_posted_twice_changes_nothing(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.client(Role.MODERATOR))
    body = [{"mark": mark, "comment": "", "number": 0} for mark in MARKS]
    for item_id, one in zip(desk.items, body, strict=True):
        answer = await desk.moderator.put(f"/api/sample-items/{item_id}/moderator-mark", json=one)
        assert answer.status == 200
    again = await desk.moderator.put(f"/api/sample-items/{desk.items[-1]}/moderator-mark", json=body[-1])
    assert again.status == 200
    assert len(await desk.read(lambda s: outcomes_of(s, desk.case_id))) == 1


@pytest.mark.fault("att:H06", "att:H08")
async def test_two_officers_confirm_at_once_and_one_is_told(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.client(Role.MODERATOR))
    officers = [await service_on_each.client(Role.AB_OFFICER) for _ in range(2)]
    await desk.mark_all()
    version = (await desk.read(lambda s: view_case(s, desk.case_id))).version
    path = f"/api/cases/{desk.case_id}/outcome/confirm"
    answers = await asyncio.gather(*(one.post(path, json={"version": version}) for one in officers * 2))
    assert {answer.status for answer in answers} == {200, 409}
    assert sum(answer.status == 200 for answer in answers) == 2  # one officer, who pressed twice
    marks = await desk.read(lambda s: list(s.scalars(select(ModeratedMark))))
    assert len(marks) == len(MARKS)
    assert (await desk.read(lambda s: view_case(s, desk.case_id))).state is CaseState.OUTCOME_LOCKED


@pytest.mark.fault("att:H06")
async def test_an_officer_is_shown_what_happened_meanwhile_and_keeps_the_reason_typed(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.client(Role.MODERATOR))
    first, second = [await service_on_each.browser(Role.AB_OFFICER) for _ in range(2)]
    await desk.mark_all()
    seen = (await desk.read(lambda s: view_case(s, desk.case_id))).version
    done = await first.post(
        f"/cases/{desk.case_id}/outcome/confirm", data={"version": str(seen), "csrf_token": await csrf(first)}
    )
    assert done.status == 200
    form = {"version": str(seen), "reason": "read it all again", "csrf_token": await csrf(second)}
    answer = await second.post(f"/cases/{desk.case_id}/outcome/reopen", data=form)
    shown = await answer.text()
    assert answer.status == 422
    assert "What happened since you opened the page" in shown
    assert "Test ab_officer" in shown
    assert (await desk.read(lambda s: view_case(s, desk.case_id))).state is CaseState.OUTCOME_LOCKED
    form = {"version": str(seen), "reason": "a wrong criterion", "csrf_token": await csrf(second)}
    answer = await second.post(f"/cases/{desk.case_id}/outcome/withdraw", data=form)
    assert "a wrong criterion" in await answer.text()


@pytest.mark.fault("att:H06", "att:H08")
async def test_two_officers_decide_about_one_amendment_and_one_is_told(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, await service_on_each.client(Role.MODERATOR))
    officers = [await service_on_each.client(Role.AB_OFFICER) for _ in range(2)]
    wish = {"candidate_number": "1001", "mark": 59, "reason": "criteria added up wrongly"}
    made = await (await desk.moderator.post(f"/api/cases/{desk.case_id}/amendments", json=wish)).json()
    path = f"/api/amendments/{made['amendment']['id']}"
    answers = await asyncio.gather(
        officers[0].post(f"{path}/approve", json={"sample": "KEEP", "reason": "seen"}),
        officers[1].post(f"{path}/refuse", json={"reason": "the sum is right"}),
        officers[1].post(f"{path}/approve", json={"sample": "KEEP", "reason": "seen too"}),
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    kept = await (await officers[0].get(f"/api/cases/{desk.case_id}/amendments")).json()
    version = 1 if kept["amendments"][0]["decision"] == "REFUSED" else 2
    sheet = await (await officers[0].get(f"/api/cases/{desk.case_id}/marks")).json()
    assert sheet["rows"][0]["mark"] == (60 if version == 1 else 59)
