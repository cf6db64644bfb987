"""What an answer says of itself and of the machine behind it: its kind, its encoding, its methods, and nothing more."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from repository import logs
from repository.access import Role
from repository.web.keys import Site
from repository.web.routes import ROUTES

from .conftest import Client, Service, csrf
from .signing_in import browser as browser_of
from .signing_in import make_person, signed_in
from .test_headers import ID, address_of

TOLD = re.compile(r"aiohttp|python/|sqlalchemy|traceback|File \"|site-packages|sqlite|select ", re.IGNORECASE)


async def test_every_answer_says_what_it_is_and_in_which_encoding(service: Service) -> None:
    people = [
        await service.browser(Role.AB_OFFICER),
        await service.client(Role.EXAMS_OFFICER),
        await service.anonymous(),
    ]
    seen = set()
    for route in ROUTES:
        if route.site is Site.CONTENT or route.method not in {"GET", "*"}:
            continue
        for person in people:
            answer = await person.get(address_of(route.path), allow_redirects=False)
            body = await answer.read()
            if not body:
                continue
            kind = answer.headers["Content-Type"]
            seen.add(kind.partition(";")[0])
            if kind.startswith("text/"):
                assert "charset=utf-8" in kind.lower(), route.path
            if body.lstrip().startswith(b"<!DOCTYPE html"):
                assert answer.content_type == "text/html", route.path
            if answer.content_type.endswith("json"):
                body.decode("utf-8")
                assert body[:1] in b"{[", route.path
    assert {"text/html", "application/json", "application/problem+json"} <= seen, seen


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "DEBUG", "PROPFIND", "MOVE", "LINK"])
async def test_other_methods_are_refused_and_echo_nothing(service: Service, method: str) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    for path in ("/", "/sign-in", "/api/me", "/static/page.js", "/uploads", "/nothing"):
        answer = await officer.request(method, path, headers={"X-Canary": "echoed"})
        assert 400 <= answer.status < 500, (path, answer.status)
        assert "echoed" not in await answer.text()


async def test_a_route_takes_its_own_methods_only(service: Service) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    here = [route for route in ROUTES if route.site is not Site.CONTENT]
    for path in sorted({route.path for route in here if "{" not in route.path}):
        matching = (route for route in here if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", route.path), path))
        own = {route.method for route in matching}
        if "*" in own:
            continue
        for other in {"PUT", "PATCH", "DELETE", "POST", "GET"} - own:
            answer = await officer.request(other, address_of(path), allow_redirects=False)
            assert answer.status in {403, 404, 405}, (other, path, answer.status)


async def test_nothing_of_the_checkout_and_no_list_of_files_is_served(service: Service) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    for path in (
        "/.git/HEAD",
        "/.git/config",
        "/.svn/entries",
        "/.env",
        "/static/",
        "/static/build/",
        "/static/build",
        "/static/.git/HEAD",
        "/static/%2e%2e/routes.py",
        "/static/..%2froutes.py",
        "/static/build/%2e%2e/%2e%2e/%2e%2e/settings.py",
        "/static//etc/passwd",
        "/static/verify-receipt.html",
        "/package.json",
        "/docs",
        "/openapi.json",
        "/templates/base.html",
    ):
        answer = await officer.get(path)
        assert answer.status == 404, path
        assert "Index of" not in await answer.text()


async def test_no_answer_tells_of_library_or_version(service: Service) -> None:
    stranger = await service.anonymous()
    for path in ("/", "/sign-in", "/nothing", "/api/me", "/static/page.js", f"/api/cases/{ID}"):
        for headers in ({"Accept": "text/html"}, {"Accept": "application/json"}):
            answer = await stranger.get(path, headers=headers)
            assert answer.headers["Server"] == "NEA"
            assert "X-Powered-By" not in answer.headers
            assert not TOLD.search(str(dict(answer.headers))), path
            if answer.content_type != "text/javascript":
                assert not TOLD.search(await answer.text()), path


async def add_contact(exams: Client, **more: str) -> None:
    form = {"office": "Office", "email": "office@example.org", "kinds": "deadlines", "csrf_token": await csrf(exams)}
    answer = await exams.post("/contacts", data=form | more, allow_redirects=False)
    assert answer.status == 303, await answer.text()


async def test_what_nobody_foresaw_is_one_plain_sentence_and_the_service_goes_on(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    exams = await service.browser(Role.EXAMS_OFFICER)
    await add_contact(exams)
    assert (await exams.get("/contacts")).status == 200
    await service.write(lambda session: session.execute(text("UPDATE notification_contact SET kinds = 'Jo Smith'")))
    with caplog.at_level("ERROR", logger="nea"):
        for accept in ("text/html", "application/json"):
            answer = await exams.get("/contacts", headers={"Accept": accept})
            assert answer.status == 500
            said = await answer.text()
            assert "Something went wrong on our side" in said
            assert "Smith" not in said
            assert not TOLD.search(said)
            assert answer.headers["X-Request-Id"] in said
    failed = [logs.entry(record) for record in caplog.records if record.msg == "request-failed"]
    assert len(failed) == 2
    assert "JSONDecodeError" in str(failed[0]["errors"])
    assert "Smith" not in str(failed[0])
    assert (await exams.get("/account")).status == 200


async def test_fields_that_were_not_asked_for_change_nothing(service: Service) -> None:
    """Nobody becomes more by naming a field: what an act takes is named one by one."""
    exams = await service.browser(Role.EXAMS_OFFICER)
    more = {"verified_at": "2026-01-01T00:00:00Z", "centre_number": "99002", "role": "ab_officer", "id": "chosen"}
    await add_contact(exams, **more)
    columns = text("SELECT centre_number, verified_at FROM notification_contact WHERE id <> 'chosen'")
    rows = await service.services.database.read(lambda session: session.execute(columns).all())
    assert [tuple(row) for row in rows] == [("99001", None)]
    assert (await exams.get("/audit")).status == 404


async def test_a_parameter_that_stands_twice_or_elsewhere_is_not_another_one(service: Service) -> None:
    """A form's fields are read from the body only, and the first of two counts everywhere."""
    browser = await service.browser(Role.EXAMS_OFFICER)
    token = await csrf(browser)
    answer = await browser.post(f"/sign-out?csrf_token={token}", data={})
    assert answer.status == 403
    answer = await browser.post("/sign-out", data=[("csrf_token", "wrong"), ("csrf_token", token)])
    assert answer.status == 403
    assert (await browser.get("/account")).status == 200
    answer = await browser.get("/account", cookies={"role": "ab_officer"}, headers={"X-Role": "ab_officer"})
    assert "Exams officer" in await answer.text()


async def test_password_fields_mask_what_is_typed_and_let_managers_help(real_service: Service) -> None:
    client = await signed_in(real_service, await make_person(real_service, Role.EXAMS_OFFICER))
    stranger = await browser_of(real_service)
    for page, person, hints in (
        ("/sign-in", stranger, {"current-password"}),
        ("/account/password", client, {"current-password", "new-password"}),
        ("/confirm-it-is-you", client, {"current-password"}),
    ):
        text = await (await person.get(page)).text()
        fields = [one for one in re.findall(r"<input[^>]*>", text) if re.search(r'name="[a-z_]*password"', one)]
        assert fields, page
        assert {re.search(r'autocomplete="([^"]*)"', one).group(1) for one in fields} == hints
        for field in fields:
            assert 'type="password"' in field
            assert not re.search(r"maxlength|onpaste|readonly|pattern=", field)
    for script in ("page.js",):
        assert "paste" not in await (await stranger.get(f"/static/{script}")).text()


async def test_every_page_of_somebody_signed_in_has_a_way_out(service: Service) -> None:
    officer = await service.browser(Role.AB_OFFICER)
    seen = 0
    for route in ROUTES:
        if route.method != "GET" or route.site is Site.CONTENT or "{" in route.path:
            continue
        answer = await officer.get(route.path, allow_redirects=False)
        if answer.content_type == "text/html" and answer.status < 500 and not route.path.startswith("/verify-receipt"):
            text = await answer.text()
            if text.strip() and answer.status not in {301, 302, 303}:
                assert 'action="/sign-out"' in text, route.path
                assert "Sign out" in text, route.path
                seen += 1
    assert seen > 15
