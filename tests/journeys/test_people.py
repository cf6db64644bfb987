"""People come and go: an officer invites an exams officer, who invites a teacher, says what they teach, and ends the role."""

from __future__ import annotations

import base64
import re
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, expect

from .conftest import Visit, Visitor

pytestmark = pytest.mark.journey

CENTRE = "99001"
PASSWORD = "violet tram ladder 48"


def app_code(page: Page) -> str:
    """Return the code that an authenticator app shows for the key on the page."""
    key = page.locator(".app-code").first.inner_text().replace(" ", "")
    secret = base64.b32decode(key + "=" * (-len(key) % 8))
    return TOTP(secret, 6, SHA1(), 30).generate(int(time.time())).decode()


def handed_over(page: Page) -> tuple[str, str]:
    """Return the path of the link and the code that an inviter is shown."""
    code = page.locator(".govuk-panel__title").inner_text()
    link = re.search(r"/(?:invitation|reset)/[\w-]+", page.locator("main").inner_text())
    assert re.fullmatch(r"\d{4} \d{4}", code)
    assert link
    return link[0], code


def accept(visitor: Visitor, link: str, code: str, name: str) -> None:
    """Follow a link with its code, make an account and set up a second factor, until the home page is there."""
    page = visitor.page
    page.goto(visitor.service.address + link)
    visitor.look("You are invited")
    page.get_by_label("Code").fill("00000000" if code != "0000 0000" else "11111111")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("There are 4 more tries").first).to_be_visible()
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Continue").click()
    visitor.look("How do you want to sign in?")
    page.get_by_label("Sign-in name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create the account and accept").click()
    visitor.look("Set up an authenticator app")
    page.get_by_label("Code from the app").fill(app_code(page))
    page.get_by_role("button", name="Continue").click()
    visitor.look("Keep your recovery codes")
    page.get_by_role("button", name=re.compile("continue")).click()
    visitor.look("what is due")


@pytest.mark.fault("att:E09")
@pytest.mark.fault("att:E10")
def test_from_the_officer_to_the_teacher_and_out_again(visit: Visit) -> None:
    officer = visit("awarding body officer A")
    officer.open("/people")
    officer.page.get_by_label("Name", exact=True).fill("Edda Example")
    officer.page.get_by_label("Work e-mail address").fill("edda@school.example")
    officer.page.locator("form[action='/people/invitations'] select").select_option("exams_officer")
    officer.page.locator("form[action='/people/invitations'] input[name=centre_number]").fill(CENTRE)
    officer.page.get_by_role("button", name="Invite").click()
    officer.look("People")
    link, code = handed_over(officer.page)

    exams = visit()
    accept(exams, link, code, "edda.example")
    assert visit().context.request.get(exams.service.address + link).status == 410

    exams.open("/staff")
    exams.look("Staff of your centre")
    exams.page.get_by_label("Name", exact=True).fill("Theo Example")
    exams.page.get_by_label("Work e-mail address").fill("theo@school.example")
    exams.page.get_by_label("Teacher").check()
    exams.page.get_by_role("button", name="Invite").click()
    teacher = visit()
    accept(teacher, *handed_over(exams.page), "theo.example")
    teacher.open("/cases")
    expect(teacher.page.locator("main a[href^='/cases/']")).to_have_count(0)

    exams.open("/staff")
    expect(exams.page.get_by_text("Nothing yet")).to_be_visible()
    exams.page.get_by_role("link", name=re.compile("Theo Example")).click()
    exams.look("Theo Example")
    exams.page.get_by_label("Component", exact=True).select_option(index=2)
    chosen = exams.page.locator("#component option:checked").inner_text().split()[0]
    exams.page.get_by_role("button", name="Give").click()
    expect(exams.page.get_by_role("table", name="Components and groups")).to_contain_text(chosen)
    exams.look("Theo Example")

    teacher.open("/cases")
    expect(teacher.page.locator("main")).to_contain_text(chosen)
    others = [one for one in ("X446/03", "X556/03", "X666/02") if one != chosen]
    for other in others:
        expect(teacher.page.locator("main")).not_to_contain_text(other)
    teacher.look("Marks and samples")

    exams.page.get_by_role("button", name="End the role").click()
    exams.look("Staff of your centre")
    expect(exams.page.get_by_role("table", name="People with a role")).not_to_contain_text("Theo Example")
    teacher.page.get_by_role("link", name="Home").first.click()
    teacher.look("Sign in")


def test_contacts_and_pages_of_people_hold_on_a_telephone(visit: Visit) -> None:
    exams = visit("exams officer", CENTRE, width=320, height=640)
    exams.open("/contacts")
    exams.look("Notification contacts")
    exams.page.get_by_label("Office").fill("Exams office")
    exams.page.get_by_label("E-mail address").fill("exams@school.example")
    exams.page.get_by_label("Receipts").check()
    exams.page.get_by_role("button", name="Add and send a code").click()
    expect(exams.page.get_by_text("Not verified").first).to_be_visible()
    exams.look("Notification contacts")
    officer = visit("awarding body officer A", width=320, height=640)
    for visitor, path in (
        (exams, "/contacts"),
        (exams, "/staff"),
        (officer, "/people"),
        (officer, "/contacts?centre=99001"),
    ):
        visitor.open(path)
        wide = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{path} is {wide} wide"
    officer.open("/people")
    officer.page.get_by_role("table", name=re.compile("People with a role")).get_by_role("link").first.click()
    expect(officer.page.get_by_role("table", name="Roles")).to_be_visible()
    officer.look(re.compile("."))
    stranger = visit()
    stranger.open("/forgotten")
    stranger.look("Lost password or second factor")
    stranger.page.get_by_label("Sign-in name").fill("nobody")
    stranger.page.get_by_role("button", name="Send the link").click()
    expect(stranger.page.get_by_text("Look into your mailbox")).to_be_visible()
