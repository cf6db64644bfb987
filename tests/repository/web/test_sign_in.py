"""Signing in with a local account, as a browser does it: name and password, second factor, role, session."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from repository.access import Role
from repository.sign_in import one_time_codes
from repository.sign_in.local_tables import OneTimeCode
from repository.sign_in.tables import Account
from repository.tables import Assignment, AuditEvent, WebSession

from .conftest import Service, csrf
from .signing_in import PASSWORD, browser, make_person, signed_in


async def test_a_person_signs_in_with_name_password_and_code(real_service_on_each: Service) -> None:
    service = real_service_on_each
    person = await make_person(service, Role.EXAMS_OFFICER)
    client = await browser(service)
    assert (await client.get("/", allow_redirects=False)).headers["Location"] == "/sign-in?next=/"
    await signed_in(service, person, client)
    home = await client.get("/", allow_redirects=False)
    assert home.status == 200
    assert "Signed in as" in await home.text()


async def test_the_page_that_was_asked_for_follows_and_nothing_outside(real_service: Service) -> None:
    person = await make_person(real_service, Role.EXAMS_OFFICER)
    for asked, led in (
        ("/account", "/account"),
        ("//evil.example/", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil", "/"),
    ):
        client = await browser(real_service)
        form = {"name": person.name.upper() + " ", "password": PASSWORD, "next": asked}
        await client.post("/sign-in", data=form)
        answer = await client.post("/sign-in/code", data={"code": person.code()}, allow_redirects=False)
        assert answer.headers["Location"] == led
