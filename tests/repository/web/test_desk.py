"""The desk over HTTP: a work beside its marks, how they stand, what is asked for, reported and said from there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.exchange.criteria_csv import CriterionRow
from moderation.records.criteria import set_criteria
from moderation.records.marking import allocate, record_moderator_mark, stage_of
from moderation.records.moderator_marks import marks_of_item
from moderation.records.samples import sample_of
from repository import mail
from repository.access import Role
from repository.acting import as_service
from repository.care.telling import tell
from repository.mail.tables import MailMessage
from repository.sign_in.tables import Account
from repository.tables import AuditEvent
from tests.moderation.records import stage as records

from .conftest import Client, Service, csrf

CENTRE = "99901"
MARKS = tuple(range(62, 38, -1))
PAGE_BYTES = 100_000


@dataclass
class Desk:
    """A case that is with its moderator."""

    service: Service
    case_id: str
    moderator: Client
    items: list[str]

    @property
    def path(self) -> str:
        return f"/marking/{self.case_id}"

    async def get(self, path: str, client: Client | None = None) -> str:
        answer = await (client or self.moderator).get(path, headers={"Accept": "text/html"})
        return await answer.text()

    async def post(self, path: str, client: Client | None = None, **form: object) -> tuple[int, str, str]:
        client = client or self.moderator
        data = {"csrf_token": await csrf(client), **{name: str(value) for name, value in form.items()}}
        answer = await client.post(path, data=data, allow_redirects=False)
        return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def version(self) -> str:
        return re.findall(r'name="version" value="(\d+)"', await self.get(f"{self.path}/works/{self.items[0]}"))[0]


async def open_desk(service: Service, marks: tuple[int, ...] = MARKS, *, criteria: bool = False) -> Desk:
    moderator = await service.browser(Role.MODERATOR)
    person: str = moderator.person_id

    def build(session: Session) -> tuple[str, list[str]]:
        records.make_series(session)
        case_id = records.make_centre(session, len(marks), CENTRE)
        records.confirm(session, case_id, marks)
        records.hand_in(session, case_id)
        place = {"series_key": records.SERIES, "component_code": records.COMPONENT, "centre_number": CENTRE}
        allocate(session, person_id=person, **place)
        if criteria:
            rows = [CriterionRow(records.COMPONENT, code, code, top) for code, top in (("AO1", 30), ("AO2", 40))]
            set_criteria(session, records.SERIES, rows)
        return case_id, [item.item_id for item in sample_of(session, case_id).items]

    case_id, items = await service.write(build)
    return Desk(service, case_id, moderator, items)


async def test_a_mark_by_criterion_is_added_up_saved_and_leads_to_the_next_work(service_on_each: Service) -> None:
    desk = await open_desk(service_on_each, criteria=True)
    shown = await desk.get(f"{desk.path}/works/{desk.items[0]}")
    assert "Work 1 of 15" in shown
    assert 'id="criterion-AO1"' in shown
    form = {"item_id": desk.items[0], "number": 0, "mark": "", "comment": "clear"}
    status, _, wrong = await desk.post(f"{desk.path}/marks", **form, **{"criterion-AO1": 31, "criterion-AO2": "x"})
    assert (status, 'href="#criterion-AO2"' in wrong, 'value="31"' in wrong) == (422, True, True)
    status, _, wrong = await desk.post(f"{desk.path}/marks", **form, **{"criterion-AO1": 31, "criterion-AO2": 30})
    assert (status, 'href="#criterion-AO1"' in wrong) == (422, True)
    status, _, wrong = await desk.post(f"{desk.path}/marks", **form)
    assert (status, 'href="#mark"' in wrong, "Enter the mark" in wrong) == (422, True, True)
    status, there, _ = await desk.post(f"{desk.path}/marks", **form, **{"criterion-AO1": 28, "criterion-AO2": 32})
    following = re.fullmatch(rf"{desk.path}/works/([0-9a-f-]+)", there)
    assert status == 303
    assert following is not None
    assert following[1] in desk.items[1:]
    (kept,) = await service_on_each.write(lambda s: marks_of_item(s, desk.items[0]))
    assert (kept.mark, [one.mark for one in kept.criteria]) == (60, [28, 32])
    status, there, _ = await desk.post(
        f"{desk.path}/marks", item_id=desk.items[0], number=1, mark=61, comment="", then="stay"
    )
    assert (status, there) == (303, f"{desk.path}/works/{desk.items[0]}")
    assert "Marks before this one" in await desk.get(there)


async def test_the_overview_leads_on_and_says_how_marks_stand(service: Service) -> None:
    desk = await open_desk(service)
    assert f'href="{desk.path}/works/{desk.items[0]}"' in await desk.get("/worklist")
    shown = await desk.get(desk.path)
    assert "Go on reading" in shown
    await desk.post(f"{desk.path}/marks", item_id=desk.items[0], number=0, mark=50, comment="")
    running = await desk.get(f"{desk.path}/standing")
    for words in ("1 difference is beyond the tolerance of 4", "Differences plot", "Order of merit plot", "Both marks"):
        assert words in running
    assert "the rule will call the whole sample" in running.lower()
    other = await service.browser(Role.MODERATOR)
    for path in (f"{desk.path}/standing", f"{desk.path}/works/{desk.items[0]}", f"/cases/{desk.case_id}/messages"):
        answer = await other.get(path)
        assert answer.status == 404
    answer = await desk.moderator.get(f"{desk.path}/works/nothing")
    assert answer.status == 404


async def test_no_page_of_two_hundred_works_is_heavy(service: Service) -> None:
    many = tuple(1 + (at * 69) // 200 for at in range(200))[::-1]
    desk = await open_desk(service, many)
    status, _, text = await desk.post(
        f"{desk.path}/requests/all", item_id=desk.items[0], version=await desk.version(), reason="order in doubt"
    )
    assert status == 303, text[:2000]

    def every(session: Session) -> list[str]:
        records.hand_in(session, desk.case_id)
        for item in sample_of(session, desk.case_id).items[:120]:
            person: str = desk.moderator.person_id
            mark = max(0, item.centre_mark - item.position % 7)
            record_moderator_mark(session, item.item_id, mark=mark, moderator=person, now=service.clock.now)
        return [item.item_id for item in sample_of(session, desk.case_id).items]

    items = await service.write(every)
    assert len(items) == 200
    paths = (desk.path, f"{desk.path}?page=4", f"{desk.path}/works/{items[150]}", f"{desk.path}/standing", "/worklist")
    for path in paths:
        assert len((await desk.get(path)).encode()) < PAGE_BYTES, path
    assert "page=4" in await desk.get(desk.path)


async def test_more_work_and_another_work_are_asked_for_without_leaving_the_work(service: Service) -> None:
    desk = await open_desk(service)
    here = f"{desk.path}/works/{desk.items[0]}"
    version = await desk.version()
    status, _, wrong = await desk.post(
        f"{desk.path}/requests/more", item_id=desk.items[0], version=version, count="", reason="in doubt"
    )
    assert (status, 'href="#more-count"' in wrong, "in doubt" in wrong) == (422, True, True)
    status, _, wrong = await desk.post(
        f"{desk.path}/requests/replace", item_id=desk.items[0], version=version, note="blank pages"
    )
    assert (status, 'href="#replace-code"' in wrong) == (422, True)
    status, there, _ = await desk.post(
        f"{desk.path}/requests/more", item_id=desk.items[0], version=version, count=2, reason="in doubt"
    )
    assert (status, there) == (303, here)
    shown = await desk.get(here)
    assert "More work: 2 asked for" in shown
    version = re.findall(r'name="version" value="(\d+)"', shown)[0]
    replaced = {"item_id": desk.items[1], "version": version, "reason_code": "unreadable", "note": "blank pages"}
    status, there, text = await desk.post(f"{desk.path}/requests/replace", **replaced)
    assert (status, there) == (303, desk.path), text[:3000]
    assert "Replaced (work unreadable)" in await desk.get(desk.path)


async def add_officer_with_mail(service: Service) -> Client:
    officer = await service.browser(Role.AB_OFFICER)

    def note(session: Session) -> None:
        mail.records.set_sent_here(session, True, service.clock.now)
        person: str = officer.person_id
        session.add(
            Account(
                person_id=person,
                issuer="test",
                subject="officer",
                email="officer@board.example",
                created_at=service.clock.now,
            )
        )

    await service.write(note)
    return officer


async def letters(service: Service) -> list[tuple[str, str, dict[str, object]]]:
    return await service.write(
        lambda s: [(one.letter, one.to_address, dict(one.facts)) for one in s.scalars(select(MailMessage))]
    )


async def test_a_concern_reaches_officers_at_once_and_nobody_else(service_on_each: Service) -> None:
    service = service_on_each
    desk = await open_desk(service)
    officer = await add_officer_with_mail(service)
    here = f"{desk.path}/works/{desk.items[0]}"
    assert "call 999 first" in await desk.get(here)
    status, _, wrong = await desk.post(f"{here}/safeguarding", concern=" ")
    assert (status, "Say what you saw" in wrong) == (422, True)
    status, there, _ = await desk.post(f"{here}/safeguarding", concern="he will not be here tomorrow")
    assert (status, there) == (303, here)
    assert "Concern raised" in await desk.get(here)
    assert await letters(service) == [("safeguarding", "officer@board.example", {})]
    assert "Concern for somebody’s safety" in await desk.get("/", officer)
    listed = await desk.get("/safeguarding", officer)
    assert "he will not be here tomorrow" in listed
    concern_id = re.findall(r"/safeguarding/([0-9a-f-]+)/take", listed)[0]
    assert (await desk.post(f"/safeguarding/{concern_id}/take", officer))[0] == 303
    status, _, wrong = await desk.post(f"/safeguarding/{concern_id}/close", officer, closing_note="")
    assert (status, f'href="#note-{concern_id}"' in wrong) == (422, True)
    assert (await desk.post(f"/safeguarding/{concern_id}/close", officer, closing_note="The lead was called"))[0] == 303
    assert "No concern waits" in await desk.get("/safeguarding", officer)
    assert (await desk.post(f"/safeguarding/{concern_id}/close", officer, closing_note="again"))[0] in {409, 422}
    centre = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    for client in (centre, desk.moderator):
        assert (await client.get("/safeguarding")).status == 404
        text = await desk.get("/", client) + await desk.get(f"/cases/{desk.case_id}", client)
        assert "tomorrow" not in text
        assert "safety" not in await desk.get("/", client)
    events = await service.write(lambda s: [str(row.details) for row in s.scalars(select(AuditEvent))])
    assert not [one for one in events if "tomorrow" in one or "lead was called" in one]


async def test_malpractice_is_reported_from_the_work(service: Service) -> None:
    desk = await open_desk(service)
    here = f"{desk.path}/works/{desk.items[0]}"
    assert (await desk.post(f"{here}/suspicion", statement=""))[0] == 422
    assert (await desk.post(f"{here}/suspicion", statement="page 2 is copied"))[:2] == (303, here)
    assert "Malpractice reported" in await desk.get(here)
    officer = await service.browser(Role.AB_OFFICER)
    assert "page 2 is copied" in await desk.get(f"/cases/{desk.case_id}/holds", officer)


async def test_messages_go_to_whom_they_are_for_and_never_to_the_centre(service_on_each: Service) -> None:
    service = service_on_each
    desk = await open_desk(service)
    officer = await add_officer_with_mail(service)
    centre = await service.browser(Role.EXAMS_OFFICER, CENTRE)
    path = f"/cases/{desk.case_id}/messages"
    assert "exams officer" not in await desk.get(f"{path}?work={desk.items[0]}")
    new = {"item_id": desk.items[0], "subject": "One task or two?", "body": "Which one counts?"}
    status, _, wrong = await desk.post(path, **new, addressed_to="exams_officer")
    assert (status, 'href="#addressed_to"' in wrong, "Which one counts?" in wrong) == (422, True, True)
    assert (await desk.post(path, **new, addressed_to="team_leader"))[0] == 422  # there is none
    status, thread, _ = await desk.post(path, **new, addressed_to="ab_officer")
    assert status == 303
    assert "Read 1 new message" in await desk.get("/", officer)
    with as_service("care"):
        await tell(service.services)
        service.clock.advance(minutes=2)
        await tell(service.services)
        await tell(service.services)
    assert await letters(service) == [("messages", "officer@board.example", {})]
    assert "Which one counts?" in await desk.get(thread, officer)
    assert "Read 1 new message" not in await desk.get("/", officer)
    answered = await desk.post(f"{thread}/messages", officer, number=1, body="The second one", addressed_to="")
    assert answered[0] == 303
    assert "1 new message" in await desk.get("/worklist")
    status, _, stale = await desk.post(f"{thread}/messages", number=1, body="And the first?", addressed_to="")
    assert (status, "And the first?" in stale, "The second one" in stale) == (422, True, True)
    assert (await centre.get(thread)).status == 404
    assert "Which one counts?" not in await desk.get(path, centre)

    status, own, _ = await desk.post(
        path, officer, subject="Task sheet", body="Please send it.", addressed_to="exams_officer"
    )
    assert status == 303
    assert (await desk.moderator.get(own)).status == 404
    shown = await desk.get(own, centre)
    assert "Please send it." in shown
    assert "Awarding body officer" in shown
    assert (await desk.post(f"{own}/messages", centre, number=1, body="It is on its way."))[0] == 303
    assert "It is on its way." in await desk.get(own, officer)
    assert "It is on its way." not in await desk.get(path)


@pytest.mark.parametrize("query", ["show=ready&sort=left", "show=nothing&sort=x&component=none&page=9", "page=-1"])
async def test_the_worklist_takes_any_question(service: Service, query: str) -> None:
    desk = await open_desk(service)
    shown = await desk.get(f"/worklist?{query}")
    assert "Ready to read" in shown
    service.clock.advance(minutes=1)
    await desk.get(desk.path)
    assert "New to you" not in await desk.get("/worklist")


async def test_how_long_is_left_is_said_in_days(service: Service) -> None:
    desk = await open_desk(service)
    person: str = desk.moderator.person_id

    def until(session: Session) -> None:
        place = {"series_key": records.SERIES, "component_code": records.COMPONENT, "centre_number": CENTRE}
        now = service.clock.now
        allocate(
            session, person_id=person, opens_at=now - timedelta(days=1), closes_at=now + timedelta(days=3), **place
        )

    await service.write(until)
    assert "3 days left" in await desk.get("/worklist")


async def test_a_finished_case_leads_to_the_next_on_the_worklist(service: Service) -> None:
    desk = await open_desk(service, MARKS[:6])
    for _ in range(6):
        unread = await service.write(lambda s: stage_of(s, desk.case_id).unread)
        status, there, _ = await desk.post(f"{desk.path}/marks", item_id=unread[0], number=0, mark=MARKS[0], comment="")
        assert status == 303
    assert there == desk.path
    assert "Go on reading" not in await desk.get(desk.path)
