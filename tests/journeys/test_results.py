"""Results in a real browser: two officers release them, and a centre sees its own when their time has come."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import Demo, Visit
from .serving import Running, environment, running

pytestmark = pytest.mark.journey

SERIES = "99-6B26"
CENTRE = "99001"
GATE, RESULTS = f"/series/{SERIES}/gate", f"/series/{SERIES}/results"


@pytest.fixture
def service(demo: Demo, tmp_path: Path) -> Iterator[Running]:
    """The service over a copy of a series whose results have been released, for each test its own."""
    shutil.copytree(demo.folder, tmp_path / "data")
    with running(environment(tmp_path / "data"), tmp_path / "log") as started:
        yield started


def results_on(page: Page) -> dict[tuple[str, str], str]:
    """Candidate and option → the words of the last column, as the page shows them."""
    rows = page.locator("#table-candidates tbody tr")
    cells = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    return {(row[0].split("\n")[0].strip(), row[1].split("\n")[0].strip()): " ".join(row[-1].split()) for row in cells}


def test_a_centre_sees_its_own_results_and_nobody_elses(visit: Visit, demo: Demo) -> None:
    window = visit("exams officer", CENTRE)
    page = window.open("/results")
    window.look("Results")
    page.get_by_role("link", name="See results").click()
    window.look("Results, June 2026")
    shown = results_on(page)
    told = {
        line["candidate_number"]: line["grade"] for line in demo.report["candidates"] if line["centre_number"] == CENTRE
    }
    assert {candidate for candidate, _ in shown} == set(told)
    for (candidate, _), words in shown.items():
        assert words.split()[0] == told[candidate].split()[0]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    lines = Path(download.value.path()).read_text("utf-8-sig").splitlines()
    assert len(lines) - 1 == len(shown)
    assert all(f",{CENTRE}," in line for line in lines[1:])


def test_a_release_needs_two_officers_and_waits_for_its_day(visit: Visit) -> None:
    day = date.today() + timedelta(days=20)  # noqa: DTZ011 - far enough that no zone matters
    first = visit("awarding body officer A")
    page = first.open("/script-cases?state=closed")
    page.get_by_role("link", name="A script is not in its packet").first.click()
    page.get_by_text("Open it again").click()
    page.get_by_label("Why", exact=True).fill("The carrier looks again.")
    page.get_by_role("button", name="Open again").click()
    expect(page.locator(".govuk-notification-banner")).to_be_visible()
    page = first.open(GATE)
    first.look("Results gate, June 2026")
    page.get_by_role("button", name="Propose this release").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Enter the restricted day")
    page.locator(".govuk-error-summary a").click()
    expect(page.get_by_label("Restricted day")).to_be_focused()
    page.get_by_label("Restricted day").fill(day.isoformat())
    page.get_by_role("button", name="Propose this release").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("Another officer must now release")
    expect(page.get_by_role("button", name="Release these results")).to_have_count(0)

    second = visit("awarding body officer B")
    page = second.open("/")
    page.get_by_role("link", name="Release the results, June 2026").click()
    second.look("Results gate, June 2026")
    # A script of a written paper is missing, so results stay until somebody has decided about it.
    expect(page.locator("#table-what-is-open")).to_contain_text("1 script is missing")
    expect(page.get_by_role("button", name="Release these results")).to_have_count(0)
    page = second.open("/script-cases")
    page.get_by_role("link", name="A script is not in its packet").first.click()
    second.look("A script is not in its packet")
    page.get_by_label("It was found", exact=True).check()
    page.get_by_label("What was found, or why").fill("Searched at the scanning site and at the centre.")
    page.get_by_role("button", name="Close the case").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("1 script is still not accounted for")
    page.get_by_label("Declared missing: the candidate gets an estimated mark").check()
    page.get_by_role("button", name="Close the case").click()
    expect(page.locator(".govuk-notification-banner")).to_be_visible()
    second.complaints[:] = [words for words in second.complaints if "status of 422" not in words]
    page = second.open(GATE)
    page.get_by_role("button", name="Release these results").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("waits for its time")

    centre = visit("exams officer", CENTRE)
    page = centre.open("/results")
    expect(page.locator("main")).to_contain_text("Embargoed")
    expect(page.locator("main")).to_contain_text(f"{day.day} {day:%B %Y}, 12:01am")
    expect(page.get_by_role("link", name="See results")).to_have_count(0)
    answer = page.goto(centre.service.address + RESULTS)
    assert answer is not None
    assert answer.status == 403
    centre.look("are not open yet")
    answer = page.request.get(centre.service.address + f"{RESULTS}.csv")
    assert answer.status == 403
    assert CENTRE not in answer.text()
    centre.complaints[:] = [words for words in centre.complaints if "status of 403" not in words]


def test_results_are_withdrawn_by_two_officers_and_a_centre_reads_so(visit: Visit) -> None:
    first = visit("awarding body officer A")
    page = first.open(GATE)
    first.look("Results gate, June 2026")
    page.get_by_text("Propose to withdraw them").click()
    page.get_by_role("button", name="Propose to withdraw").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Say why the results should be withdrawn")
    page.locator(".govuk-error-summary a").click()
    expect(page.get_by_label("Why should nobody see them any more?")).to_be_focused()
    page.get_by_label("Why should nobody see them any more?").fill("A paper was marked with the wrong scheme")
    page.get_by_role("button", name="Propose to withdraw").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("Another officer must now withdraw")
    expect(page.get_by_role("button", name="Withdraw version")).to_have_count(0)
    first.look("Results gate, June 2026")

    second = visit("awarding body officer B")
    page = second.open(GATE)
    page.get_by_role("button", name="Withdraw version").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("Nobody outside the awarding body")
    second.look("Results gate, June 2026")

    centre = visit("exams officer", CENTRE)
    page = centre.open("/results")
    expect(page.locator("main")).to_contain_text("Withdrawn")
    expect(page.get_by_role("link", name="See results")).to_have_count(0)
    answer = page.goto(centre.service.address + RESULTS)
    assert answer is not None
    assert answer.status == 403
    centre.look("have been withdrawn")
    assert page.request.get(centre.service.address + f"{RESULTS}.csv").status == 403
    centre.complaints[:] = [words for words in centre.complaints if "status of 403" not in words]
