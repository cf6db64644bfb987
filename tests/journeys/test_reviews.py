"""A review of moderation in a real browser: asked for, reviewed by somebody new, confirmed, and a new version of results."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import Demo, Visit
from .serving import Running, environment, running
from .test_every_page import FAULTS, NARROW_PX

pytestmark = pytest.mark.journey

CENTRE = "99002"
"""Its marks are generous and travel by upload, so they were adjusted and the sample is sealed."""


@pytest.fixture
def service(demo: Demo, tmp_path: Path) -> Iterator[Running]:
    """The service over a copy of a series whose results are out, among its people a moderator who saw nothing of it."""
    shutil.copytree(demo.folder, tmp_path / "data")
    with running(environment(tmp_path / "data"), tmp_path / "log") as started:
        yield started


def test_a_review_of_moderation_from_request_to_new_results(visit: Visit) -> None:
    centre = visit("exams officer", CENTRE)
    page = centre.open("/reviews")
    centre.look("After results")
    component = page.get_by_label("Component").first
    option = component.locator("option", has_text="/03").first
    component.select_option(value=option.get_attribute("value"))
    page.get_by_role("button", name="Show services").click()
    expect(page.locator("main")).to_contain_text("Not set: ask the awarding body")
    page.get_by_label("Service 3: review of moderation").check()
    page.get_by_role("button", name="Write the request").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("secure storage")
    page.get_by_label("Service 3: review of moderation").check()
    page.get_by_label("The moderated work is in secure storage").check()
    page.get_by_role("button", name="Write the request").click()
    centre.look("Service 3: review of moderation")
    expect(page.locator("main")).to_contain_text("35 calendar days from the day the reviewer had the sample")
    page.get_by_role("button", name="Send to the awarding body").click()
    expect(page.locator("main")).to_contain_text("Sent to the awarding body")
    address = page.url.rpartition("/reviews/")[2]

    officer = visit("awarding body officer A")
    page = officer.open("/")
    page.get_by_role("link", name="Service 3: review of moderation").click()
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Reviewer").select_option(label="Rehearsal moderator, moderator")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    page.get_by_label("Reviewer").select_option(label="Rehearsal reviewer, moderator")
    page.get_by_role("button", name="Begin").click()
    expect(page.locator("main")).to_contain_text("Being looked at")
    expect(page.locator("main")).to_contain_text("Outcome due by")

    reviewer = visit("reviewer")
    page = reviewer.open("/")
    page.get_by_role("link", name="Review the moderation").click()
    reviewer.look("Review of moderation")
    open_forms = page.locator("#to-review form")
    page.get_by_role("button", name="Save").first.click()  # the moderator's mark stands in the field
    expect(page.get_by_text("1 work reviewed")).to_be_visible()
    page.get_by_text("1 work reviewed").click()
    while True:
        form = open_forms.first if open_forms.count() else page.locator("#reviewed form").first
        mark = form.locator("input[name=mark]")
        hint = page.locator(f"#{mark.get_attribute('id')}-hint").inner_text()
        mark.fill(hint.split("Centre ")[1].split(",")[0])
        form.get_by_label("Comment").fill("Band 4.")
        last = not open_forms.count()
        form.get_by_role("button", name="Save").click()
        page.wait_for_load_state()
        if last:
            break
        if not open_forms.count():
            page.get_by_text("works reviewed").click()
    expect(page.locator("main")).to_contain_text("The centre’s marks are reinstated")
    page.get_by_label("Reason").select_option(label="Moderation: misapplied criteria")
    page.get_by_label("Rationale").fill("Band 4 was read as band 3 throughout.")
    page.get_by_role("button", name="Propose this outcome").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("An officer checks it")

    page = centre.open(f"/reviews/{address}")
    expect(page.locator("main")).not_to_contain_text("reinstated")
    page = officer.open(f"/reviews/{address}")
    expect(page.locator("main")).to_contain_text("Band 4 was read as band 3")
    page.get_by_role("button", name="Confirm this outcome").click()
    expect(page.locator(".govuk-notification-banner")).to_contain_text("two officers now release")
    page = centre.open(f"/reviews/{address}")
    expect(page.locator("main")).to_contain_text("The centre’s marks are reinstated")


def test_pages_after_results_are_sound_in_a_narrow_window(visit: Visit) -> None:
    centre = visit("exams officer", CENTRE, width=NARROW_PX, height=640)
    page = centre.open("/reviews")
    page.get_by_label("Component").first.select_option(index=1)
    page.get_by_label("Candidate number").first.fill("1001")
    page.get_by_role("button", name="Show services").click()
    assert page.evaluate(FAULTS) == []
    page.locator("input[name=service]").first.check()
    page.get_by_role("button", name="Write the request").click()
    centre.look("Service 1: clerical re-check")
    expect(page.locator("main")).to_contain_text("go down, go up or stay the same")
    assert page.evaluate(FAULTS) == []
    page.get_by_role("button", name="Record the consent").click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("Confirm that the centre holds")
    assert page.evaluate(FAULTS) == []
    officer = visit("awarding body officer B", width=NARROW_PX, height=640)
    for path in ("/reviews", "/reviews/terms", "/retention"):
        page = officer.open(path)
        assert page.evaluate(FAULTS) == [], path
