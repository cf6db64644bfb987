"""A moderator works a whole case by keyboard only, through a reload and a lost connection, to the outcome the rules give."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit

pytestmark = pytest.mark.journey

WORKS_READ_LIMIT = 40
SEVERE_MARKS = 9
TABS_AT_MOST = 60


def go_by_keys(page: Page, words: str) -> None:
    """Press Tab until what is focused says ``words``, then Enter."""
    for _ in range(TABS_AT_MOST):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.textContent?.trim() ?? ''").startswith(words):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"nothing that the keyboard reaches says {words!r}")


def type_mark(page: Page, less: int, comment: str) -> str:
    """Type a mark below the centre's and why; returns whose work it is."""
    expect(page.locator("form[data-desk-started]")).to_be_visible()
    centre = int(re.search(r"(\d+) out of", page.locator(".app-desk__marks").inner_text())[1])
    page.keyboard.press("Alt+KeyM")
    page.keyboard.type(str(max(0, centre - less)))
    page.keyboard.press("Tab")
    page.keyboard.type(comment)
    return page.locator("h1").inner_text().rpartition(" ")[2]


def test_a_whole_case_by_keyboard_with_a_reload_and_a_lost_connection(visit: Visit) -> None:
    window = visit("moderator")
    page = window.page
    go_by_keys(page, "Worklist")
    window.look("Worklist")
    go_by_keys(page, "Read the next work")
    window.look("Candidate")

    # A reload before it is saved: what was typed is back.
    number = type_mark(page, SEVERE_MARKS, "weaker than the centre found")
    expect(page.locator("[data-desk-status]")).to_have_text(re.compile("draft is kept"))
    expect(page.locator("[data-journal-light]")).to_contain_text("All saved")
    typed = page.locator("#mark").input_value()
    page.reload()
    expect(page.locator("#mark")).to_have_value(typed)
    expect(page.locator("#comment")).to_have_value("weaker than the centre found")

    # No connection: it is said, nothing is lost, and the same keys save it later.
    window.context.set_offline(True)
    page.keyboard.press("Alt+KeyS")
    expect(page.locator("[data-desk-status]")).to_contain_text("cannot be reached")
    expect(page.locator("#mark")).to_have_value(typed)
    window.context.set_offline(False)
    page.keyboard.press("Alt+KeyS")
    expect(page.get_by_text(f"Mark saved for {number}")).to_be_visible()

    # The other works, each opened by the one before, without a full reload.
    page.evaluate("window.unbroken = true")
    for _ in range(WORKS_READ_LIMIT):
        if not page.locator("#mark").count():
            break
        number = type_mark(page, SEVERE_MARKS, "weaker")
        page.keyboard.press("Alt+KeyS")
        expect(page.get_by_text(f"Mark saved for {number}")).to_be_visible()
    assert page.evaluate("window.unbroken") is True
    window.look("at centre")
    expect(page.get_by_text("are to be adjusted by the rule").first).to_be_visible()
    expect(page.get_by_text("Order holds")).to_be_visible()
    go_by_keys(page, "Differences and order")
    window.look("Differences and order")
    expect(page.get_by_role("table", name="Both marks")).to_contain_text(f"+{SEVERE_MARKS}")
