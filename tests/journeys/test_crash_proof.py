"""The desk in a real browser: works are read by keyboard alone, and nothing that is written is lost, by doing it: the line
cut, tabs and browsers killed, the server restarted, the sign-in ended, two windows at once.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Response, expect, sync_playwright

from tests.servers.seaweed import free_ports

from .computer import Computer, window
from .conftest import PATIENCE_MS
from .serving import Running, environment, running
from .works import PAGES, Works, lay_out

pytestmark = pytest.mark.journey

SAVED, SAVING = "All saved", "Saving…"
OFFLINE = "Not saved yet: no connection. It is kept on this computer."
MODERATOR = "Rehearsal moderator"


class Desk:
    """The service over one folder and always under one address, which can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self._running: ExitStack | None = None
        self.service: Running
        self.works: Works

    def start(self) -> None:
        self._running = ExitStack()
        number = len(list(self.folder.glob("log*")))
        around = environment(self.folder / "data", {"NEA_PORT": str(self.port)})
        self.service = self._running.enter_context(running(around, self.folder / f"log{number}"))

    def stop(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """The server is down for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def rows(self, query: str, *values: Any) -> list[Any]:
        with sqlite3.connect(f"file:{self.folder / 'data' / 'nea.sqlite3'}?mode=ro", uri=True) as connection:
            return connection.execute(query, values).fetchall()

    def strokes(self, like: str) -> list[str]:
        """The texts of the one note whose last text is like this, stroke by stroke; each is there once, in one line."""
        (entry,) = {row[0] for row in self.rows("SELECT entry_id FROM journal_entry WHERE body LIKE ?", f"%{like}%")}
        found = self.rows(
            "SELECT revision, json_extract(body, '$.text') FROM journal_entry WHERE entry_id = ? ORDER BY revision",
            entry,
        )
        assert [row[0] for row in found] == list(range(1, len(found) + 1))
        return [row[1] for row in found]

    def knows_the_place(self, page: Page, number: int) -> None:
        """Wait until where one is was written: a moment after one came there."""
        last = "SELECT json_extract(body, '$.page') FROM journal_entry WHERE kind = 'place' ORDER BY received_at DESC LIMIT 1"
        for _ in range(PATIENCE_MS // 100):
            if self.rows(last) == [(number,)]:
                return
            page.wait_for_timeout(100)
        raise AssertionError(self.rows(last))

    def address(self, document: str) -> str:
        return f"{self.service.address}/documents/{document}"


@pytest.fixture(scope="module")
def desk(rehearsal_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(rehearsal_folder, folder / "data")
    made = Desk(folder)
    made.start()
    made.works = lay_out(made.service)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    found: list[str] = []
    yield found
    assert not found


@pytest.fixture
def computer(playwright: Playwright, tmp_path: Path) -> Iterator[Computer]:
    made = Computer(playwright, tmp_path / "profile")
    expect.set_options(timeout=PATIENCE_MS)
    yield made
    made.kill()


def sign_in(desk: Desk, context: BrowserContext, who: str = "moderator") -> None:
    page = context.new_page()
    page.goto(desk.service.sign_in_url(who))
    expect(page.locator("h1")).to_be_visible()
    page.close()


def at_the_work(desk: Desk, context: BrowserContext, complaints: list[str], document: str = "") -> Page:
    page = window(context, complaints)
    page.goto(desk.address(document or desk.works.pages))
    expect(page.locator("[data-journal-light]")).to_be_visible()
    expect(page.locator(".app-notes")).to_be_visible()
    return page


def light(page: Page) -> Any:
    return page.locator("[data-journal-light] > span").first


def add_note(page: Page, text: str) -> None:
    page.get_by_role("button", name="Add note", exact=True).press("Enter")
    page.keyboard.press("Enter")  # in the middle of what is seen
    expect(page.get_by_label("Text of the note")).to_be_focused()
    page.keyboard.type(text)


def shown(page: Page, text: str) -> None:
    expect(page.locator(".app-notes__list")).to_contain_text(text)


def test_a_work_is_read_and_noted_by_keyboard_alone(desk: Desk, computer: Computer, complaints: list[str]) -> None:
    context = computer.start()
    sign_in(desk, context)
    page = at_the_work(desk, context, complaints)
    number, stage = page.locator(".app-viewer__number"), page.locator(".app-viewer__stage")
    expect(page.locator("[data-sheet='1'] img")).to_have_js_property("complete", True)
    # By Tab alone to the pages, and out of them again.
    stops = 0
    while page.evaluate("document.activeElement.className") != "app-viewer__stage":
        page.keyboard.press("Tab")
        stops += 1
        assert stops < 60
    for key, wanted in (
        ("End", PAGES),
        ("PageUp", PAGES - 1),
        ("ArrowLeft", PAGES - 2),
        ("Home", 1),
        ("ArrowRight", 2),
    ):
        page.keyboard.press(key)
        expect(number).to_have_value(str(wanted))
    expect(page.locator("[data-sheet='2'] img")).to_have_js_property("naturalWidth", 1240)
    zoomed = page.locator(".app-viewer__zoomed")
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Fit page")).to_have_attribute("aria-pressed", "true")
    for _ in range(20):
        page.keyboard.press("+")
    expect(zoomed).to_have_text("400%")
    page.keyboard.press("f")
    page.keyboard.press("r")
    paper = page.locator("[data-sheet='2'] .app-viewer__paper")
    assert paper.evaluate("one => one.style.getPropertyValue('--paper-turn')") == "90deg"
    # Single keys can be turned off; the arrows stay.
    page.get_by_role("button", name="Keyboard").press("Enter")
    page.get_by_label("Use the single keys").press("Space")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    stage.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    expect(number).to_have_value("1")
    expect(page.get_by_role("button", name="Fit width")).to_have_attribute("aria-pressed", "true")
    # A note is placed, moved, found in the list, and taken away.
    add_note(page, "Well argued")
    page.get_by_role("button", name="Show it").press("Enter")
    mark = page.locator("[data-sheet='1'] .app-note[title*='Well argued']")
    expect(mark).to_be_focused()
    was = mark.evaluate("one => one.style.left")
    page.keyboard.press("ArrowRight")
    expect(mark).not_to_have_js_property("style.left", was)
    expect(light(page)).to_have_text(SAVED)
    page.reload()
    shown(page, "Page 1: note – Well argued")
    page.locator(".app-notes__name", has_text="Well argued").press("Enter")
    page.get_by_role("button", name="Delete").press("Enter")
    expect(page.locator(".app-notes__list > li", has_text="Well argued")).to_have_count(0)
    expect(light(page)).to_have_text(SAVED)
    assert desk.rows("SELECT count(*) FROM journal_entry WHERE body LIKE '%\"deleted\":true%'") == [(1,)]


@pytest.mark.fault("att:H06", "att:H07")
def test_nothing_that_is_written_is_lost(desk: Desk, computer: Computer, complaints: list[str]) -> None:
    context = computer.start()
    sign_in(desk, context)
    page = at_the_work(desk, context, complaints)

    # The line is cut in the middle of a word.
    add_note(page, "cut ")
    context.set_offline(True)
    page.keyboard.type("line")
    expect(light(page)).to_have_text(OFFLINE)
    context.set_offline(False)
    expect(light(page)).to_have_text(SAVED)
    assert desk.strokes("cut line")[-1] == "cut line"

    # The tab is killed while the line is cut; another page of the desk sends what is left.
    context.set_offline(True)
    add_note(page, "killed tab")
    expect(light(page)).to_have_text(OFFLINE)
    page.close()
    context.set_offline(False)
    page = at_the_work(desk, context, complaints)
    shown(page, "killed tab")
    expect(light(page)).to_have_text(SAVED)
    assert desk.strokes("killed tab")[-1] == "killed tab"

    # The server is restarted in the middle.
    add_note(page, "server ")
    with desk.away():
        page.keyboard.type("away")
        expect(light(page)).to_have_text(OFFLINE)
    expect(light(page)).to_have_text(SAVED)
    assert desk.strokes("server away")[-1] == "server away"

    # The browser is killed while the server is away: the sign-in is gone with it, what was written is not.
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("button", name="Next page").click()
    expect(page.locator(".app-viewer__number")).to_have_value("3")
    desk.knows_the_place(page, 3)
    with desk.away():
        add_note(page, "killed browser")
        expect(light(page)).to_have_text(OFFLINE)
        computer.kill()
    context = computer.start()
    sign_in(desk, context)
    page = at_the_work(desk, context, complaints)
    shown(page, "Page 3: note – killed browser")
    expect(light(page)).to_have_text(SAVED)
    assert desk.strokes("killed browser")[-1] == "killed browser"
    expect(page.locator(".app-viewer__number")).to_have_value("3")  # and it opens where one was


def test_a_sign_in_that_ends_stops_nothing_and_nobody_else_sends_it(
    desk: Desk, computer: Computer, complaints: list[str]
) -> None:
    context = computer.start()
    sign_in(desk, context)
    page = at_the_work(desk, context, complaints)
    add_note(page, "signed ")
    expect(light(page)).to_have_text(SAVED)
    context.clear_cookies()
    page.keyboard.type("out")
    expect(light(page)).to_contain_text("you are not signed in any more")
    sign_in(desk, context, "reviewer")  # somebody else, at the same computer
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(light(page)).to_contain_text("you are not signed in any more")
    assert desk.strokes("signed")[-1] != "signed out"
    theirs = context.new_page()
    theirs.goto(desk.service.address)
    names = theirs.evaluate("indexedDB.databases().then((all) => all.map((one) => one.name))")
    assert all(name.startswith("nea-journal-") for name in names)
    theirs.close()
    sign_in(desk, context)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(light(page)).to_have_text(SAVED)
    assert desk.strokes("signed out")[-1] == "signed out"


@pytest.mark.fault("att:H06")
def test_two_windows_that_write_the_same_note_keep_both(desk: Desk, computer: Computer, complaints: list[str]) -> None:
    context = computer.start()
    sign_in(desk, context)
    one = at_the_work(desk, context, complaints)
    add_note(one, "begun.")
    expect(light(one)).to_have_text(SAVED)
    other = at_the_work(desk, context, complaints)
    other.locator(".app-notes__name", has_text="begun.").click()
    expect(other.get_by_label("Text of the note")).to_be_focused()
    one.keyboard.type(" first")
    expect(light(one)).to_have_text(SAVED)
    other.keyboard.press("End")
    other.keyboard.type(" second")
    expect(light(other)).to_have_text(SAVED)
    for page in (one, other):
        expect(page.get_by_text("You also wrote this in another window:")).to_be_visible()
    texts = {
        row[0] for row in desk.rows("SELECT json_extract(body, '$.text') FROM journal_entry WHERE body LIKE '%begun.%'")
    }
    assert {"begun. first", "begun. second"} <= texts
    other.get_by_role("button", name="Use that instead").click()
    for page in (one, other):
        expect(page.get_by_text("You also wrote this in another window:")).to_have_count(0)
        shown(page, "begun. first")
    expect(light(other)).to_have_text(SAVED)


def test_where_nothing_may_be_kept_on_the_disk_it_says_so(
    desk: Desk, computer: Computer, complaints: list[str]
) -> None:
    context = computer.start()
    sign_in(desk, context)
    context.add_init_script("Object.defineProperty(window, 'indexedDB', {value: undefined})")
    page = at_the_work(desk, context, complaints)
    context.set_offline(True)
    add_note(page, "in memory")
    expect(light(page)).to_contain_text("leave the page open until all is saved")
    context.set_offline(False)
    expect(light(page)).to_have_text(SAVED)
    assert desk.strokes("in memory")[-1] == "in memory"


def test_a_recording_is_sought_by_range_and_noted_at_a_moment(
    desk: Desk, computer: Computer, complaints: list[str]
) -> None:
    context = computer.start()
    sign_in(desk, context)
    page = window(context, complaints)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "/recording" in answer.url else None)
    page.goto(desk.address(desk.works.recording))
    player = page.locator(".app-viewer__player")
    expect(player).not_to_have_js_property("readyState", 0)
    page.evaluate("document.querySelector('.app-viewer__player').currentTime = 30")
    expect(player).to_have_js_property("seeking", False)
    assert {answer.status for answer in answers} == {206}
    page.get_by_label("Speed").select_option("1.5")
    expect(player).to_have_js_property("playbackRate", 1.5)
    page.get_by_role("button", name="Back 10 seconds").click()
    page.get_by_role("button", name="Add note at this moment").click()
    page.keyboard.type("Uneven tempo")
    shown(page, "0:20: note – Uneven tempo")
    expect(light(page)).to_have_text(SAVED)
    expect(page.locator(".app-viewer__timeline .app-note")).to_have_count(1)
