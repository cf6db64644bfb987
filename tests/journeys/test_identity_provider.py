"""Signing in at a real identity provider, in a real browser: first without a role, then with one; and out again, from there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.servers.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityProvider,
    running_identity_provider,
)
from tests.servers.seaweed import free_ports

from .conftest import PATIENCE_MS, PICTURES
from .serving import Running, environment, running

pytestmark = pytest.mark.journey

CENTRE = "99001"
PEOPLE = {
    "robin": {"name": "Robin Newcomer", "school": "123456", "groups": []},
    "sandy": {"name": "Sandy Staff", "school": "123456", "groups": ["staff"]},
    "moss": {"name": "Moss Moderator", "groups": ["moderators"]},
}


@dataclass
class School:
    """A service and the provider that its people sign in at."""

    service: Running
    provider: IdentityProvider
    browser: Browser

    def window(self, *, width: int = 1280) -> Page:
        context: BrowserContext = self.browser.new_context(
            viewport={"width": width, "height": 900}, locale="en-GB", timezone_id="Europe/London"
        )
        context.set_default_timeout(PATIENCE_MS)
        return context.new_page()

    def press(self, page: Page) -> None:
        """Go to the sign-in page and press the button of the provider."""
        page.goto(f"{self.service.address}/sign-in")
        keep(page, "sign-in")
        page.get_by_role("button", name="Sign in with School sign-in").click()

    def sign_in(self, page: Page, who: str, *, two: bool) -> None:
        """Press the button, and be this person there."""
        self.press(page)
        expect(page).to_have_url(re.compile(f"^{re.escape(self.provider.address)}/interaction/"))
        answer_there(page, who, two=two)


def answer_there(page: Page, who: str, *, two: bool) -> None:
    page.get_by_label("Who are you?").select_option(who)
    if two:
        page.get_by_label("With two factors").check()
    page.get_by_role("button", name="Sign in").click()


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/provider-{name}.png", full_page=True)


@pytest.fixture(scope="module")
def school(rehearsal_folder: Path, tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[School]:
    folder = tmp_path_factory.mktemp("school")
    shutil.copytree(rehearsal_folder, folder / "data")
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    with running_identity_provider(folder, address, PEOPLE) as provider:
        secret = folder / "client.secret"
        secret.write_text(CLIENT_SECRET)
        secret.chmod(0o600)
        issuer = {
            "key": "school",
            "name": "School sign-in",
            "issuer": provider.address,
            "client_id": CLIENT_ID,
            "client_secret_file": "client.secret",
            "multi_factor": {"amr": ["mfa"]},
            "centre": {"claim": "school", "table": {"123456": CENTRE}},
            "roles": [
                {"claim": "groups", "value": "staff", "role": "teacher", "grant": "at_once"},
                {"claim": "groups", "value": "moderators", "role": "moderator", "grant": "at_once"},
            ],
        }
        file = folder / "providers.json"
        file.write_text(json.dumps({"issuers": [issuer]}))
        file.chmod(0o644)
        more = {"NEA_OIDC_FILE": str(file), "NEA_PORT": str(port)}
        with running(environment(folder / "data", more), folder / "log") as service:
            yield School(service, provider, browser)


def heading(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("h1")).to_contain_text(words)


def test_somebody_new_waits_until_their_exams_officer_gives_them_a_role(school: School) -> None:
    page = school.window()
    school.sign_in(page, "robin", two=True)
    heading(page, "You have no role here yet")
    expect(page.get_by_text(f"The exams officer of centre {CENTRE} can")).to_be_visible()
    keep(page, "waiting")
    page.goto(school.service.address)
    heading(page, "Sign in")

    officer = school.window()
    officer.goto(school.service.sign_in_url("exams officer", CENTRE))
    officer.get_by_role("link", name="Decide on a person who waits for a role").click()
    heading(officer, "Staff")
    keep(officer, "staff")
    form = officer.locator("form", has=officer.get_by_role("button", name=re.compile("Robin Newcomer"))).first
    form.get_by_label("Teacher").check()
    form.get_by_role("button", name=re.compile("Give")).click()
    expect(officer.get_by_text("The role is given.")).to_be_visible()

    school.press(page)  # known there, so nobody asks again
    heading(page, "what is due")
    expect(page.locator(".app-header__person")).to_contain_text(f"Robin Newcomer, Teacher, centre {CENTRE}")
    keep(page, "home")


def test_signing_out_there_signs_out_here(school: School) -> None:
    page = school.window()
    school.sign_in(page, "sandy", two=True)
    heading(page, "what is due")
    elsewhere = page.context.new_page()
    elsewhere.goto(f"{school.provider.address}/session/end?client_id={CLIENT_ID}")
    elsewhere.get_by_role("button", name="Yes").click()
    expect(elsewhere.locator("h1")).to_have_text("Signed out everywhere")
    page.goto(school.service.address)
    heading(page, "Sign in")
    # And there is asked again who comes.
    school.sign_in(page, "sandy", two=True)
    heading(page, "what is due")


def test_signing_out_here_ends_this_sign_in(school: School) -> None:
    page = school.window()
    school.sign_in(page, "sandy", two=True)
    heading(page, "what is due")
    page.get_by_role("button", name="Sign out").click()
    heading(page, "Sign in")
    page.goto(school.service.address)
    heading(page, "Sign in")


def test_whoever_leaves_a_shared_computer_is_led_to_sign_out_there_too(school: School) -> None:
    page = school.window()
    school.sign_in(page, "sandy", two=True)
    heading(page, "what is due")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You may still be signed in at School sign-in.")).to_be_visible()
    keep(page, "left")
    page.get_by_role("link", name="sign out there as well").click()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("h1")).to_have_text("Signed out everywhere")
    school.press(page)
    expect(page.get_by_label("Who are you?")).to_be_visible()


def test_one_factor_there_is_not_enough_alone(school: School) -> None:
    """A moderator gets no role by claims with one factor, and works with two."""
    page = school.window()
    school.sign_in(page, "moss", two=False)
    heading(page, "You have no role here yet")
    page.context.clear_cookies()
    school.sign_in(page, "moss", two=True)
    heading(page, "what is due")
    expect(page.locator(".app-header__person")).to_contain_text("Moss Moderator, Moderator")


def test_a_step_up_is_asked_there_even_of_somebody_known(school: School) -> None:
    page = school.window()
    school.sign_in(page, "sandy", two=True)
    heading(page, "what is due")
    page.goto(f"{school.service.address}/sign-in/provider/school?next=/account")
    expect(page).to_have_url(re.compile(f"^{re.escape(school.provider.address)}/interaction/"))
    answer_there(page, "sandy", two=True)
    heading(page, "Your account")


def test_whoever_stops_there_is_told_so_here(school: School) -> None:
    page = school.window(width=320)
    school.press(page)
    page.get_by_role("button", name="Stop").click()
    heading(page, "You are not signed in")
    expect(page.get_by_text("was stopped at the identity provider")).to_be_visible()
    keep(page, "stopped")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.get_by_role("button", name="Go to the sign-in page").click()
    heading(page, "Sign in")


def test_a_step_back_in_the_browser_does_no_harm(school: School) -> None:
    """The answer's address stands in the history; whoever comes back to it is told, and stays as they are."""
    page = school.window()
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url) if "/answer?" in request.url else None)
    school.sign_in(page, "sandy", two=True)
    heading(page, "what is due")
    page.goto(answers[-1])
    heading(page, "That sign-in did not work")
    expect(page.get_by_text("You are still signed in as before.")).to_be_visible()
    page.goto(school.service.address)
    heading(page, "what is due")
