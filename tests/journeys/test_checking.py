"""A lenient centre: the moderator marks, the team leader checks blind, officers confirm, amend and hold."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit

pytestmark = pytest.mark.journey

GENEROUS_MARKS = 9
WORKS_READ_LIMIT = 40


def mark_everything(page: Page) -> None:
    """Give each wanted work a mark well below the centre's, until nothing is wanted."""
    go_on = page.get_by_role("button", name=re.compile("^Go on reading"))
    for _ in range(WORKS_READ_LIMIT):
        if go_on.count():
            go_on.click()
        mark = page.get_by_label(re.compile("^Your mark, out of"))
        if not mark.count():
            return
        shown = page.locator(".app-desk__marks").inner_text()
        centre = int(re.search(r"(\d+) out of", shown)[1])
        number = page.locator("h1").inner_text().rpartition(" ")[2]
        mark.fill(str(max(0, centre - GENEROUS_MARKS)))
        page.get_by_label("Comment").fill("Criterion B is weaker than the centre found")
        page.get_by_role("button", name=re.compile(f"^Save.* mark for candidate {number}$")).click()
        expect(page.get_by_text(f"Mark saved for {number}")).to_be_visible()
    raise AssertionError("there was always one more work to read")


def test_an_adjustment_is_checked_blind_confirmed_amended_and_held(visit: Visit) -> None:
    moderator = visit("moderator")
    moderator.open("/worklist")
    moderator.page.get_by_role("table", name="Ready to read").get_by_role("link").first.click()
    moderator.look("at centre")
    desk = moderator.page.url
    mark_everything(moderator.page)
    moderator.look("at centre")
    expect(moderator.page.get_by_text("adjusted by the rule").first).to_be_visible()

    officer = visit("awarding body officer A")
    path = desk.replace(officer.service.address, "").replace("/marking/", "/cases/")
    officer.open(f"{path}/outcome")
    expect(officer.page.get_by_text("This cannot be confirmed yet").first).to_be_visible()
    expect(officer.page.get_by_role("button", name="Confirm this outcome")).to_have_count(0)

    leader = visit("team leader")
    leader.page.get_by_role("link", name=re.compile("^Check ")).click()
    leader.page.get_by_role("button", name="Begin a check").click()
    for index in range(3):
        expect(leader.page.get_by_text("Both marks")).to_have_count(0)
        leader.page.locator("input[name=mark]").nth(index).fill("20")
        leader.page.get_by_role("button", name=re.compile("^Save your mark")).nth(index).click()
        expect(leader.page.get_by_text("is kept")).to_be_visible()
    expect(leader.page.get_by_role("table", name="Both marks")).to_be_visible()
    leader.page.get_by_label("Agreed").check()
    leader.page.get_by_role("button", name="End the check").click()
    leader.look("Your team’s work")

    officer.open(f"{path}/outcome")
    officer.page.get_by_role("button", name="Confirm this outcome").click()
    expect(officer.page.get_by_role("table", name="Checks of the moderator")).to_contain_text("Agreed")
    officer.open(f"{path}/amendments")
    officer.page.get_by_label("Candidate and present mark").select_option(index=1)
    officer.page.get_by_label(re.compile("^Clerical error")).check()
    officer.page.get_by_label(re.compile("^The mark as it should be")).fill("30")
    officer.page.get_by_label("Reason", exact=True).fill("Two criteria were added up wrongly")
    officer.page.get_by_role("button", name="Propose the amendment").click()
    expect(officer.page.get_by_text("You proposed this")).to_be_visible()

    second = visit("awarding body officer B")
    second.open(f"{path}/amendments")
    second.page.get_by_label("Reason for your decision").fill("The form shows it")
    second.page.get_by_role("button", name=re.compile("^Approve")).click()
    expect(second.page.get_by_role("table", name="Notification of clerical errors")).to_be_visible()
    second.open(f"{path}/outcome")
    expect(second.page.get_by_role("table", name="Outcomes before this one")).to_be_visible()
    second.open(f"{path}/holds")
    second.page.get_by_label("What is held").select_option(index=1)
    second.page.get_by_label("Reason", exact=True).fill("Two works share a page")
    second.page.get_by_role("button", name="Hold", exact=True).click()
    expect(second.page.get_by_text("On hold: candidate")).to_be_visible()
