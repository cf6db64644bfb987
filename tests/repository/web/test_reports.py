"""The moderator's report over HTTP: written, refused, handed in, returned, released."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.exchange.faults import FileRefused
from moderation.records import reports
from moderation.records.reports import ReportView
from moderation.reports import Section
from moderation.rules import Disclosure
from repository.access import Role
from repository.acts import imports
from repository.audit import Context

from .conftest import Client, Service, csrf
from .explaining import ADJUSTING, OPENS_AT, SECTIONS, issue, let_moderate, moderated, page_text


class Desk:
    """A moderator's browser and an officer's, on one case."""

    def __init__(self, service: Service, case_id: str, moderator: Client, officer: Client) -> None:
        self.service, self.case_id, self.moderator, self.officer = service, case_id, moderator, officer
        self.path = f"/marking/{case_id}/report"

    def form(self, act: str = "save", number: int = 0, **more: str) -> dict[str, str]:
        sections = {section.value: words for section, words in SECTIONS.items()}
        verdicts = {f"verdict-{at}-0": "GENEROUS" for at in range(10)}
        return {**sections, **verdicts, "act": act, "number": str(number), **more}

    async def post(self, client: Client, path: str, form: dict[str, str], status: int = 303) -> str:
        data = {**form, "csrf_token": await csrf(client)}
        answer = await client.post(path, data=data, allow_redirects=False)
        text = await answer.text()
        assert answer.status == status, text[:2000]
        return text

    async def report(self) -> ReportView:
        found = await self.service.services.database.read(lambda s: reports.report_of(s, self.case_id))
        assert found is not None
        return found


@pytest.fixture
async def desk(service: Service) -> Desk:
    case_id = await service.write(lambda s: moderated(s, ADJUSTING, Disclosure.DIFFERENCES, reported=False))
    moderator, officer = await service.browser(Role.MODERATOR), await service.browser(Role.AB_OFFICER)
    person: Any = moderator
    await service.write(lambda s: let_moderate(s, person.person_id))
    return Desk(service, case_id, moderator, officer)


async def test_a_draft_is_kept_and_handed_in(desk: Desk) -> None:
    assert f'href="{desk.path}"' in await page_text(desk.moderator, f"/marking/{desk.case_id}")
    text = await page_text(desk.moderator, desk.path)
    assert "Not begun" in text
    await desk.post(desk.moderator, desk.path, desk.form())
    await desk.post(desk.moderator, desk.path, desk.form("submit", 1, general="More words."))
    found = await desk.report()
    assert (found.number, found.is_submitted, found.sections[Section.GENERAL]) == (2, True, "More words.")
    text = await page_text(desk.moderator, desk.path)
    assert "Handed in" in text
    assert "<textarea" not in text


async def test_what_is_not_right_comes_back_as_it_was_typed(desk: Desk) -> None:
    marks = desk.form(**{"comment-0-0": "Worth 31 marks", "general": "Kept as typed"})
    text = await desk.post(desk.moderator, desk.path, marks, 422)
    assert 'href="#comment-0-0"' in text
    assert "Kept as typed" in text
    assert "never states marks" in text
    text = await desk.post(desk.moderator, desk.path, desk.form(**{"verdict-3-0": "", "comment-3-0": "Why"}), 422)
    assert 'href="#verdict-3-0"' in text
    await desk.post(desk.moderator, desk.path, desk.form(**{"verdict-3-0": "PERFECT"}), 422)
    await desk.post(desk.moderator, desk.path, desk.form(accuracy="x" * 4001), 422)
    await desk.post(desk.moderator, desk.path, desk.form(number="many"), 422)
    text = await desk.post(desk.moderator, desk.path, desk.form("submit", general="", **{"verdict-2-0": ""}), 422)
    assert 'href="#general"' in text
    assert 'href="#verdict-2-0"' in text
    found = await desk.report()
    assert (found.number, found.is_submitted) == (1, False)


@pytest.mark.fault("att:H06")
async def test_two_tabs(desk: Desk) -> None:
    await desk.post(desk.moderator, desk.path, desk.form())
    text = await desk.post(desk.moderator, desk.path, desk.form(general="The other tab"), 422)
    assert "while you were working" in text
    assert (await desk.report()).number == 1


async def test_an_officer_returns_it_and_the_moderator_reads_why(desk: Desk) -> None:
    await desk.post(desk.moderator, desk.path, desk.form("submit"))
    back = f"/cases/{desk.case_id}/report/return"
    text = await desk.post(desk.officer, back, {"number": "1", "reason": ""}, 422)
    assert 'href="#reason"' in text
    await desk.post(desk.officer, back, {"number": "1", "reason": "Names a teacher"})
    text = await page_text(desk.moderator, desk.path)
    assert "Names a teacher" in text
    assert "<textarea" in text
    await desk.post(desk.moderator, desk.path, desk.form("submit", 1, general="Without the name."))
    assert (await desk.report()).number == 2


async def test_one_that_comes_after_the_results_is_released_by_an_officer(desk: Desk) -> None:
    await desk.service.write(lambda s: issue(s, desk.case_id))
    await desk.post(desk.moderator, desk.path, desk.form("submit"))
    desk.service.clock.now = OPENS_AT
    teacher = await desk.service.client(Role.TEACHER, "99901")
    officer = await desk.service.browser(Role.AB_OFFICER)
    assert "What was seen" not in await page_text(teacher, f"/cases/{desk.case_id}/explanation")
    assert "Release the report" in await page_text(officer, desk.path)
    await desk.post(officer, f"/cases/{desk.case_id}/report/release", {})
    assert "What was seen: accuracy." in await page_text(teacher, f"/cases/{desk.case_id}/explanation")


async def test_who_may_not(desk: Desk) -> None:
    stranger = await desk.service.browser(Role.MODERATOR)
    teacher = await desk.service.browser(Role.TEACHER, "99901")
    for client in (stranger, teacher):
        await page_text(client, desk.path, 404)
        await desk.post(client, desk.path, desk.form(), 404)
        await desk.post(client, f"/cases/{desk.case_id}/report/release", {}, 404)
    await desk.post(desk.officer, desk.path, desk.form(), 404)
    await desk.post(desk.moderator, f"/cases/{desk.case_id}/report/return", {"reason": "x", "number": "1"}, 404)


async def test_criteria_that_were_imported_are_what_the_report_goes_through(desk: Desk) -> None:
    head = "series,component,criterion,title,maximum_mark"
    context = Context(None, desk.service.clock(), "request", origin=imports.COMMAND)

    def bring(text: str) -> Any:
        files = [("criteria.csv", f"{head}\n{text}\n".encode())]
        return desk.service.write(lambda s: imports.run(s, context, imports.ImportKind.CRITERIA, files))

    with pytest.raises(FileRefused) as caught:
        await bring("01-6A26,X999/01,AO1,Analysis,20")
    assert "no component X999/01" in str(caught.value.faults[0])
    await bring("01-6A26,X446/03,AO2,Design,50\n01-6A26,X446/03,AO1,Analysis,20")
    text = await page_text(desk.moderator, desk.path)
    assert text.index("AO2 Design, out of 50") < text.index("AO1 Analysis, out of 20")
    await desk.post(desk.moderator, desk.path, desk.form(**{f"verdict-{at}-1": "SEVERE" for at in range(10)}))
    lines = (await desk.report()).lines
    assert {(line.criterion_code, str(line.verdict)) for line in lines} == {("AO2", "GENEROUS"), ("AO1", "SEVERE")}
