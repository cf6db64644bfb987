"""From the first start of a service in earnest to the second sign-in of its officer, in a real browser."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from repository.sign_in import one_time_codes

from ..patience import PATIENCE_SECONDS
from .conftest import PATIENCE_MS, Visitor, listen
from .serving import NEA, Running, environment, running
from .test_every_page import FAULTS, NARROW_PX

pytestmark = pytest.mark.journey

PASSWORD = "kettle sonnet badger"
SET_UP = re.compile(r"^  (http://\S+/set-up/\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def in_earnest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The service as it starts for the first time, without a rehearsal."""
    folder = tmp_path_factory.mktemp("earnest")
    environ = environment(folder / "data", {"NEA_REHEARSAL": "no"})
    done = subprocess.run([*NEA, "migrate"], env=environ, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with running(environ, folder / "log") as started:
        yield started


@pytest.fixture
def window(in_earnest: Running, browser: Browser) -> Iterator[Callable[[], Visitor]]:
    """Opens a browser of its own for somebody who is not signed in."""
    opened: list[tuple[BrowserContext, Visitor]] = []

    def open_window() -> Visitor:
        context = browser.new_context(viewport={"width": NARROW_PX, "height": 700}, locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        visitor = Visitor(context.new_page(), context, in_earnest)
        listen(visitor.page, visitor.complaints)
        opened.append((context, visitor))
        return visitor

    expect.set_options(timeout=PATIENCE_MS)
    yield open_window
    for context, _ in opened:
        context.close()
    assert not [words for _, visitor in opened for words in visitor.complaints]


def look(visitor: Visitor, heading: str) -> Page:
    """Wait for a page, and hold it against what is so of every page in a narrow window."""
    visitor.look(heading)
    assert visitor.page.evaluate(FAULTS) == []
    return visitor.page


def code_now(key: str) -> str:
    return one_time_codes.code_of(base64.b32decode(key), int(time.time()) // one_time_codes.STEP_SECONDS)


def test_from_the_first_start_to_signing_in_with_a_recovery_code(
    in_earnest: Running, window: Callable[[], Visitor]
) -> None:
    link = SET_UP.search(in_earnest.log.read_text("utf-8"))
    assert link is not None
    office = window()
    office.page.goto(link[1])
    page = look(office, "Set up an officer")
    page.get_by_label("Your name").fill("Ada Example")
    page.get_by_label("Sign-in name").fill("ada@example.org")
    page.get_by_label("Password").fill("password123")
    page.get_by_role("button", name="Continue").click()
    page = look(office, "Set up an officer")
    expect(page.locator(".govuk-error-summary")).to_contain_text("tried first")
    expect(page.get_by_label("Sign-in name")).to_have_value("ada@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()

    page = look(office, "Set up an authenticator app")
    expect(page.locator("svg")).to_be_visible()
    key = page.locator(".app-code").inner_text().replace(" ", "")
    page.get_by_label("Code from the app").fill(code_now(key))
    page.get_by_role("button", name="Continue").click()
    page = look(office, "Keep your recovery codes")
    codes = page.locator(".app-recovery-codes .app-code").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("button", name="I have kept them").click()
    page = look(office, "Awarding body officer")

    page.get_by_role("button", name="Sign out").click()
    look(office, "Sign in")

    home = window()
    home.page.goto(in_earnest.address + "/account")
    page = look(home, "Sign in")
    page.get_by_label("Sign-in name").fill("Ada@Example.org")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Continue").click()
    page = look(home, "Sign in")
    expect(page.locator(".govuk-error-summary")).to_contain_text("do not belong together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page = look(home, "Second step")
    page.get_by_label("Recovery code").fill(codes[4].upper())
    page.get_by_role("button", name="Use recovery code").click()
    page = look(home, "Your account")
    expect(page.locator(".govuk-notification-banner")).to_contain_text("9 are left")

    sign_in_again(office, codes[5])
    look(office, "Awarding body officer")
    home.open("/account")
    page = look(home, "Your account")
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="End all others").click()
    page = look(home, "Your account")
    expect(page.locator("tbody tr")).to_have_count(1)
    office.page.goto(in_earnest.address + "/")
    look(office, "Sign in")
    home.open("/account/password")
    look(home, "Change your password")
    home.open("/confirm-it-is-you?next=/account")
    look(home, "Confirm that it is you")

    office.page.goto(link[1])
    expect(office.page.locator("main")).to_contain_text("used or is too old")
    office.complaints[:] = [words for words in office.complaints if "status of 410" not in words]


def sign_in_again(visitor: Visitor, recovery_code: str) -> None:
    page = visitor.page
    page.get_by_label("Sign-in name").fill("ada@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page = look(visitor, "Second step")
    page.get_by_label("Recovery code").fill(recovery_code)
    page.get_by_role("button", name="Use recovery code").click()
