"""An exams officer lets the school's own system in, replaces its token, and shuts it out."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import expect

from ..patience import PATIENCE_SECONDS
from .conftest import Visit, Visitor

pytestmark = pytest.mark.journey


def asked(window: Visitor, token: str, path: str) -> tuple[int, Any]:
    """What the school's system is answered."""
    request = urllib.request.Request(window.service.address + path, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def made(window: Visitor, button: str) -> str:
    window.page.get_by_role("button", name=button).click()
    window.look("Your new token")
    return window.page.get_by_label("Token", exact=True).input_value()


def test_a_system_is_let_in_its_token_replaced_and_the_old_one_shut_out(visit: Visit) -> None:
    window = visit("exams officer", "99001")
    page = window.page
    people = page.locator("summary").filter(has_text="People")
    people.focus()
    page.keyboard.press("Enter")
    link = page.get_by_role("link", name="School systems")
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(people).to_be_focused()
    people.click()
    link.click()
    window.look("Tokens of school systems")
    expect(page.get_by_text("No system of your centre sends tokens yet.")).to_be_visible()
    page.get_by_role("button", name="Make its token").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter what your centre calls the system")
    page.get_by_label("What your centre calls the system").fill("Exams office server")
    page.get_by_role("button", name="Make its token").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose what the system may do")
    page.get_by_label("See how things stand").check()
    first = made(window, "Make its token")

    status, answer = asked(window, first, "/api/cases")
    assert status == 200
    assert {one["centre_number"] for one in answer["cases"]} == {"99001"}
    assert asked(window, first, "/cases")[0] == 404
    assert asked(window, first, "/api/imports/waiting")[0] == 404

    page.get_by_role("link", name="Back to the tokens").click()
    window.look("Tokens of school systems")
    expect(page.get_by_text(first)).to_have_count(0)
    page.locator("summary", has_text="Make the next token").click()
    page.get_by_role("group").filter(has=page.get_by_role("button", name="Make the next token")).get_by_label(
        "See how things stand"
    ).check()
    second = made(window, "Make the next token")
    assert [asked(window, one, "/api/cases")[0] for one in (first, second)] == [200, 200]

    page.get_by_role("link", name="Back to the tokens").click()
    page.get_by_role("button", name=f"Revoke the token {first.split('_')[2]}").click()
    window.look("Tokens of school systems")
    assert [asked(window, one, "/api/cases")[0] for one in (first, second)] == [401, 200]
    expect(page.get_by_role("row").filter(has_text="Revoked")).to_have_count(1)

    officer = visit("awarding body officer A")
    officer.page.locator("summary").filter(has_text="People").click()
    officer.page.get_by_role("link", name="School systems").click()
    officer.look("Tokens of school systems")
    expect(officer.page.get_by_role("row").filter(has_text="Exams office server")).to_have_count(2)
