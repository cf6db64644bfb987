"""Missing scripts over real HTTP: alarmed once, asked of the centre, answered, decided, held against results, returned."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import FormData
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.exchange.ofqual import MISSING_SCRIPTS_COLUMNS
from moderation.tables import (
    Candidate,
    Centre,
    Component,
    Entry,
    EntryOption,
    ExternalMark,
    OptionComponent,
    SeriesRow,
    Syllabus,
)
from repository.access import Role
from repository.acts import script_results
from repository.acts.script_calendars import centre_calendar, results_days, working_day
from repository.audit import Context
from repository.care import alarming
from repository.mail import records as mail_records
from repository.mail.tables import MailMessage
from repository.sign_in.people_tables import NotificationContact
from repository.tables import new_id
from scripts.tables import DeclaredMissing, ScriptCase, ScriptCaseEvent
from tests.scripts import worlds
from tests.scripts.worlds import SERIES, Bag, Made

from .conftest import Client, Service, StartService, csrf

MONDAY = date(2026, 5, 11)
COLLECTED_AT = datetime(2026, 5, 11, 14, tzinfo=UTC)
PAPER = "H446/01"


@dataclass
class Day:
    """A paper at two centres: at the first one script is not in its opened packet; all is well at the second."""

    service: Service
    made: Made

    async def alarm(self) -> alarming.Alarmed:
        context = Context(None, self.service.clock.now, new_id(), origin="care")
        return await alarming.alarm(self.service.services.database, context)

    async def case(self) -> ScriptCase:
        return await self.service.write(lambda s: s.scalars(select(ScriptCase)).one())


@pytest.fixture
async def day(start_service: StartService) -> Day:
    service = await start_service(NEA_WORKS_ITSELF="no")

    def make(session: Session) -> Made:
        mail_records.set_sent_here(session, True, service.clock.now)
        session.add(SeriesRow(key=SERIES, awarding_body="01", code="6A", year=26, title="June 2026"))
        session.flush()
        session.add_all([Centre(centre_number="99001", name="=Hill", nation="SCOTLAND"), Centre(centre_number="99002")])
        session.add(Component(series_key=SERIES, component_code=PAPER, title="Paper 1", maximum_mark=140))
        session.add(Syllabus(series_key=SERIES, syllabus_code="H446", title="=Computer Science"))
        option = EntryOption(series_key=SERIES, option_code="H446", syllabus_code="H446", title="A", qan="60139129")
        session.add(option)
        session.flush()
        session.add(OptionComponent(series_key=SERIES, option_code="H446", component_code=PAPER))
        who = Candidate(series_key=SERIES, centre_number="99001", candidate_number="1006", uci="990016260001A")
        session.add(who)
        session.flush()
        session.add(Entry(candidate_id=who.id, option_code="H446", series_key=SERIES))
        session.add(
            NotificationContact(
                centre_number="99001", office="Exams", email="exams@school.example", kinds=["deadlines"],
                code_mac=b"0" * 32, added_at=service.clock.now, verified_at=service.clock.now,
            )
        )  # fmt: skip
        bags = [Bag(3, "opened", 3, 3, 3, COLLECTED_AT), Bag(3, "opened", 3, 2, 2, COLLECTED_AT)]
        made = worlds.sitting(session, bags, held_on=MONDAY)
        worlds.sitting(session, [Bag(2, "opened", 2, 2, 2, COLLECTED_AT)], centre="99002", held_on=MONDAY)
        session.flush()
        session.expunge_all()
        return made

    return Day(service, await service.write(make))


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(file, "JPEG")
    return file.getvalue()


async def sent(service: Service) -> dict[str, int]:
    def read(session: Session) -> dict[str, int]:
        rows = session.execute(select(MailMessage.letter, func.count()).group_by(MailMessage.letter))
        return {row[0]: row[1] for row in rows}

    return await service.write(read)


async def post(browser: Client, path: str, **form: Any) -> tuple[int, str]:
    page = path.rpartition("/")[0]
    data = {"csrf_token": await csrf(browser, page), **form}
    answer = await browser.post(path, data=data, allow_redirects=False)
    return answer.status, await answer.text()


@pytest.mark.fault("att:I06")
async def test_a_centre_is_asked_once_from_amber_on_and_its_answer_reaches_the_board(day: Day) -> None:
    service = day.service
    centre, other = await service.browser(Role.EXAMS_OFFICER), await service.browser(Role.EXAMS_OFFICER, "99002")
    clerk = await service.browser(Role.TRACKING_CLERK)
    done = await day.alarm()
    # Its siblings are all indexed: red at once.
    assert (done.reconciled.opened, done.opened, done.red, done.amber) == (1, 0, 1, 0)
    assert (await sent(service))["script-alarm"] == 1
    assert (await day.alarm()).letters == 0
    case = await day.case()
    path = f"/script-cases/{case.id}"
    assert "script is not in its packet" in await (await centre.get("/script-cases")).text()
    text = await (await centre.get(path)).text()
    assert "What you are asked to do" in text
    assert "Close this case" not in text
    assert (await other.get(path)).status == 404
    assert "no cases here" in await (await other.get("/script-cases")).text()
    assert (await post(centre, f"{path}/reply", text=" "))[0] == 422
    assert (await post(centre, f"{path}/reply", text="It is not in the strong room."))[0] == 303
    data = FormData({"csrf_token": await csrf(centre, path), "text": "The log says 3."})
    data.add_field("picture", jpeg(), filename="log.jpg", content_type="image/jpeg")
    answer = await centre.post(f"{path}/reply", data=data, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    assert "Photograph with this answer" in await (await clerk.get(path)).text()
    data = FormData({"csrf_token": await csrf(centre, path), "text": "The log says 3."})
    data.add_field("picture", b"no picture", filename="log.jpg", content_type="image/jpeg")
    assert (await centre.post(f"{path}/reply", data=data, allow_redirects=False)).status == 422
    assert (await post(clerk, f"{path}/comments", text="Between us: ask the carrier."))[0] == 303
    assert (await post(clerk, f"{path}/comments", text="Please look again.", to_centre="yes"))[0] == 303
    assert (await post(clerk, f"{path}/assign", to="me"))[0] == 303
    assert (await post(clerk, f"{path}/assign", to="nobody"))[0] == 422
    assert (await post(clerk, f"{path}/due", due="2026-05-20", text="The carrier looks."))[0] == 303
    assert (await post(clerk, f"{path}/due", due="2026-05-01", text="x"))[0] == 422
    assert (await post(clerk, f"{path}/due", due="soon", text="x"))[0] == 422
    board = await (await clerk.get(path)).text()
    assert "It is not in the strong room." in board
    assert "Where to look" in board
    shown = await (await centre.get(path)).text()
    assert "Please look again." in shown
    assert "Between us" not in shown
    assert "Test tracking_clerk" not in shown
    # What concerns a candidate is for officers.
    assert (await post(clerk, f"{path}/close", reason="estimated_mark"))[0] == 422
    home = await (await centre.get("/")).text()
    assert path in home
    assert path in await (await clerk.get("/")).text()


async def test_a_case_that_is_not_the_centres_business_yet_is_not_there_for_it(day: Day) -> None:
    service = day.service
    centre = await service.browser(Role.EXAMS_OFFICER)

    def opened(session: Session) -> str:
        from scripts import records

        return records.open_case(session, day.made.sitting.id, "damaged", "packet:1", now=service.clock.now).id

    case_id = await service.write(opened)
    assert (await centre.get(f"/script-cases/{case_id}")).status == 404
    assert case_id not in await (await centre.get(f"/sittings/{day.made.sitting.id}")).text()
    clerk = await service.browser(Role.TRACKING_CLERK)
    assert case_id in await (await clerk.get(f"/sittings/{day.made.sitting.id}")).text()
    path = f"/script-cases/{case_id}"
    assert (await post(clerk, f"{path}/comments", text="Was it sealed?", to_centre="yes"))[0] == 303
    assert (await centre.get(path)).status == 200


async def test_a_reason_must_balance_and_results_wait_until_what_was_decided_is_keyed(day: Day) -> None:
    service = day.service
    await day.alarm()
    case = await day.case()
    path, officer = f"/script-cases/{case.id}", await service.browser(Role.AB_OFFICER)
    status, text = await post(officer, f"{path}/close", reason="located_late", text="Found?")
    assert status == 422
    assert "still not accounted for: 1006" in text
    assert (await post(officer, f"{path}/close"))[0] == 422
    assert (await post(officer, f"{path}/close", reason="estimated_mark", stage="x", text="-"))[0] == 422
    blocks = await service.write(lambda s: script_results.blocks(s, SERIES))
    assert [(block.code, block.candidates) for block in blocks] == [("scripts-missing", ("1006",))]
    assert (await post(officer, f"{path}/close", reason="estimated_mark", cause="at_body", text="Searched."))[0] == 303
    (block,) = await service.write(lambda s: script_results.blocks(s, SERIES))
    assert (block.code, block.candidates) == ("scripts-declared", ("1006",))
    assert "(candidates 1006)" in block.detail
    assert "Results wait" in await (await officer.get(path)).text()

    def key_mark(session: Session) -> None:
        who = session.scalars(select(Candidate)).one()
        mark = ExternalMark(series_key=SERIES, component_code=PAPER, candidate_id=who.id, mark=61)
        mark.status = "SPECIAL_CONSIDERATION"
        session.add(mark)

    await service.write(key_mark)
    assert await service.write(lambda s: script_results.blocks(s, SERIES)) == []
    assert "Mark 61" in await (await officer.get(path)).text()
    assert (await post(officer, f"{path}/reopen", text="A cleaner found an envelope."))[0] == 303
    blocks = await service.write(lambda s: script_results.blocks(s, SERIES))
    assert [(block.code, block.candidates) for block in blocks] == [("scripts-missing", ("1006",))]
    assert "Mark 61" not in await (await officer.get(path)).text()
    status, text = await post(officer, f"{path}/close", reason="located_late", text="An envelope, of another paper.")
    assert (status, "still not accounted for: 1006" in text) == (422, True)

    page = await (await officer.get(f"/packets/{day.made.packets[2].id}")).text()
    assert "Cases about this packet" in page

    def let_the_day_pass(session: Session) -> None:
        session.scalars(select(ScriptCase)).one().decide_by = MONDAY

    for page in (path, "/script-cases"):
        assert "This day has passed" not in await (await officer.get(page)).text()
    await service.write(let_the_day_pass)
    for page in (path, "/script-cases"):
        assert "This day has passed" in await (await officer.get(page)).text()


async def test_what_was_declared_missing_goes_into_the_regulators_return_until_it_is_found(day: Day) -> None:
    service = day.service
    await day.alarm()
    case, officer = await day.case(), await service.browser(Role.AB_OFFICER)
    assert (await post(officer, f"/script-cases/{case.id}/close", reason="result_x", text="Searched."))[0] == 303
    answer = await officer.get(f"/script-boards/return/{SERIES}.csv")
    body = await answer.read()
    assert answer.status == 200, body
    header, row = csv.reader(io.StringIO(body.decode()))
    assert tuple(header) == MISSING_SCRIPTS_COLUMNS
    # fmt: off
    assert row == [
        "June 2026", "15/05/2026", "01", "60139129", "-2", PAPER, "H446", "'=Computer Science", "99001",
        "990016260001A", "before marking", "not known",
    ]
    # fmt: on
    assert b",-2," in body
    page = await (await officer.get("/script-boards/return")).text()
    assert "June 2026" in page

    def found(session: Session) -> None:
        from scripts.tables import Script

        session.scalars(select(Script).where(Script.candidate_number == "1006")).one().state = "indexed"

    await service.write(found)
    done = await day.alarm()
    assert (done.located, (await day.alarm()).located) == (1, 0)
    assert (await sent(service))["script-located"] == 1
    assert (await day.case()).reason == "located_late"
    kinds = await service.write(
        lambda s: list(s.scalars(select(ScriptCaseEvent.kind).order_by(ScriptCaseEvent.number)))
    )
    assert kinds == ["opened", "alarm", "closed", "located", "closed"]
    assert await service.write(lambda s: s.scalars(select(DeclaredMissing.located_at)).one()) is not None
    body = await (await officer.get(f"/script-boards/return/{SERIES}.csv")).read()
    assert len(body.splitlines()) == 1


async def test_boards_narrow_from_components_to_sittings_and_a_centre_sees_its_own(day: Day) -> None:
    service = day.service
    await day.alarm()
    officer, centre = await service.browser(Role.AB_OFFICER), await service.browser(Role.EXAMS_OFFICER)
    program = await service.client(Role.TRACKING_CLERK)
    board = await (await program.get(f"/api/series/{SERIES}/script-board")).json()
    (line,) = board["lines"]
    assert (line["present"], line["indexed"], line["difference"], line["alarm"]) == (8, 7, 1, "red")
    board = await (await program.get(f"/api/series/{SERIES}/script-board?component={PAPER}")).json()
    assert [(one["centre_number"], one["alarm"]) for one in board["lines"]] == [("99001", "red"), ("99002", "none")]
    text = await (await officer.get(f"/script-boards?series={SERIES}&component={PAPER}&centre=99001")).text()
    assert "1006" in text
    own = await (await centre.get(f"/script-boards.csv?component={PAPER}&centre=99002")).text()
    assert "99002" not in own
    assert f"/sittings/{day.made.sitting.id}" in await (await centre.get(f"/script-boards?component={PAPER}")).text()
    missing = await (await centre.get("/script-boards/missing.csv")).text()
    assert "1006" in missing
    cases = await (await officer.get("/script-cases.csv?state=all")).text()
    assert "register_present_no_script" in cases
    listed = await (await program.get("/api/script-cases?state=all&page=9")).json()
    assert (listed["total"], listed["cases"]) == (1, [])
    strange = await officer.get("/script-boards?series=%00&component=%27--&centre=..&page=x")
    assert strange.status == 200
    form = {"series": SERIES, "results_on": "2026-08-20"}
    data = {"csrf_token": await csrf(officer, f"/script-boards?series={SERIES}"), **form}
    assert (await officer.post("/script-boards/results-day", data=data, allow_redirects=False)).status == 303
    assert (await officer.post("/script-boards/results-day", data=data | {"results_on": "x"})).status == 422
    assert "6 August 2026" in await (await officer.get(f"/script-boards?series={SERIES}")).text()
    assert await service.write(results_days) == {SERIES: date(2026, 8, 20)}


async def test_programs_work_cases_and_are_told_what_is_wrong(day: Day) -> None:
    service = day.service
    await day.alarm()
    case = await day.case()
    path, officer = f"/api/script-cases/{case.id}", await service.client(Role.AB_OFFICER)
    shown = await (await officer.get(path)).json()
    assert (shown["kind"], shown["candidates"]) == ("register_present_no_script", ["1006"])
    assert any(not one["holds"] for one in shown["equations"])
    for body, status in (
        ({"act": "fly"}, 422),
        ({"act": "close", "reason": "located_late"}, 409),
        ({"act": "close", "reason": "result_x", "candidates": "1006"}, 422),
        ({"act": "due", "due": "x"}, 422),
        ({"act": "assign", "to": "tracking_clerk"}, 204),
        ({"act": "comment", "text": "x", "to_centre": True}, 204),
        ({"act": "due", "due": "2026-05-22", "text": "x"}, 204),
        ({"act": "close", "reason": "result_x", "candidates": ["1006"], "text": "x"}, 204),
        ({"act": "reopen", "text": "x"}, 204),
    ):
        answer = await officer.post(path, json=body)
        assert answer.status == status, (body, await answer.text())
    centre = await service.client(Role.EXAMS_OFFICER)
    assert (await centre.post(path, json={"act": "comment", "text": "x"})).status == 404
    assert (await centre.post(f"{path}/reply", json={"text": "Nothing."})).status == 204
    assert (await officer.post(f"{path}/reply", json={"text": "Nothing."})).status == 404


async def test_each_nation_has_its_own_working_days(day: Day) -> None:
    def read(session: Session) -> list[date]:
        calendar = centre_calendar(session)
        return [calendar(centre)(date(2026, 7, 31), 1) for centre in ("99001", "99002", "00000")]

    # The first Monday of August is a bank holiday in Scotland only.
    assert await day.service.write(read) == [date(2026, 8, 4), date(2026, 8, 3), date(2026, 8, 3)]
    from moderation.working_days import Nation

    assert working_day(date(2026, 8, 4), -1, Nation.SCOTLAND) == date(2026, 7, 31)
