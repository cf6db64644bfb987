"""Why each mark is what it is, in a real browser: the moderator's report, the teacher's page, plot and PDF, what-if."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from .conftest import Demo, Visit, Visitor
from .serving import Running, environment, running
from .test_every_page import FAULTS

pytestmark = pytest.mark.journey

CENTRE, COMPONENT = "99002", "X446/03"
"""The centre of the invented series whose marks are adjusted."""


@pytest.fixture
def service(demo: Demo, tmp_path: Path) -> Iterator[Running]:
    """The service over a copy of a series whose results have been released."""
    shutil.copytree(demo.folder, tmp_path / "data")
    with running(environment(tmp_path / "data"), tmp_path / "log") as started:
        yield started


def open_case(window: Visitor) -> str:
    """Open the component whose marks were adjusted; returns its path."""
    page = window.open("/cases")
    page.get_by_role("row").filter(has_text=COMPONENT).get_by_role("link").first.click()
    window.look(COMPONENT)
    return page.url.removeprefix(window.service.address)


def write_report(window: Visitor, path: str) -> None:
    """Write the report, first with something missing."""
    page = window.open(f"/marking/{path.removeprefix('/cases/')}/report")
    window.look("Moderator’s report")
    for label in ("Suitability of the tasks", "Accuracy of the marking", "Administration"):
        page.get_by_label(label).fill(f"{label}: sound on the whole.")
    page.get_by_label("General comments").fill("This was worth 12 marks")
    page.get_by_role("button", name="Save and hand in").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("never states marks")
    page.locator(".govuk-error-summary a").click()
    expect(page.get_by_label("General comments")).to_be_focused()
    page.get_by_label("General comments").fill("Look at the top of the range together.")
    for choice in page.locator("select").all():
        choice.select_option(label="Generous")
    page.get_by_role("button", name="Save and hand in").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("not before")


def rows_of(page: Page, table: str) -> list[list[str]]:
    return [row.locator("th, td").all_inner_texts() for row in page.locator(f"#{table} tbody tr").all()]


def test_a_teacher_reads_why_each_mark_is_what_it_is(visit: Visit, demo: Demo, tmp_path: Path) -> None:
    teacher = visit("teacher", CENTRE)
    path = open_case(teacher)
    write_report(visit("moderator"), path)
    officer = visit("awarding body officer A")
    page = officer.open(f"/marking/{path.removeprefix('/cases/')}/report")
    page.get_by_role("button", name="Release the report to the centre").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("can now read the report")

    page = teacher.open(path)
    page.get_by_role("link", name="How your marks were moderated").click()
    teacher.look("How your marks were moderated")
    assert page.evaluate(FAULTS) == []
    told = {
        line["candidate_number"]: line["final_mark"]
        for line in demo.report["candidates"]
        if line["centre_number"] == CENTRE and line["component"] == COMPONENT
    }
    shown = {row[0]: row[2] for row in rows_of(page, "own-marks")}
    assert shown == {number: "–" if mark is None else str(mark) for number, mark in told.items()}
    last_steps = {row[0]: row[-1] for row in rows_of(page, "arithmetic")}
    assert last_steps == {number: mark for number, mark in shown.items() if number in last_steps}
    assert last_steps
    plot = page.get_by_role("img", name="Differences of the works read")
    expect(plot).to_be_visible()
    assert plot.locator("path, circle").count() >= len(rows_of(page, "differences"))
    region = page.get_by_role("region", name="Differences plot")
    region.focus()
    expect(region).to_be_focused()
    expect(page.locator("main")).to_contain_text("Look at the top of the range together.")
    expect(page.locator("#report-lines")).to_contain_text("Generous")
    expect(page.locator("main")).to_contain_text("Your exams officer can ask for a review of moderation")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download as PDF").click()
    download.value.save_as(tmp_path / "explained.pdf")
    text = " ".join("\n".join(one.extract_text() for one in PdfReader(tmp_path / "explained.pdf").pages).split())
    assert "Look at the top of the range together." in text
    assert all(number in text for number in told)


def test_an_officer_asks_what_if(visit: Visit) -> None:
    path = open_case(visit("teacher", CENTRE))
    officer = visit("awarding body officer A")
    page = officer.open(f"{path}/outcome")
    page.get_by_role("link", name="What if the rules were others?").click()
    officer.look("What if")
    expect(page.locator("#moved")).to_contain_text("Nobody’s mark would move.")
    page.get_by_label("Tolerance in marks").fill("many")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("whole number")
    page.get_by_label("Tolerance in marks").fill("70")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator("main")).to_contain_text("The centre’s marks stand")
    rows = rows_of(page, "moved")
    assert rows
    assert all(row[2] == row[4] != row[3] for row in rows)
    assert page.evaluate(FAULTS) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert len(Path(download.value.path()).read_text("utf-8-sig").splitlines()) > len(rows)
