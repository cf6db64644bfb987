"""Uploaded bytes come from a host name of their own: by a ticket, then by a pass for one document, never by the cookie."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse

from repository.access import Role
from repository.web import authentication
from repository.web.headers import CONTENT_POLICY
from repository.web.keys import Site
from repository.web.routes import ROUTES

from ..files import pdf
from .conftest import Client, csrf
from .uploading import CENTRE, Stage

pytestmark = pytest.mark.fault("att:E16")
PICTURE = {"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}


class Shown:
    """A document that an exams officer looks at in a browser."""

    def __init__(self, stage: Stage, browser: Client, document_id: str, addresses: list[str]) -> None:
        self.stage, self.browser, self.id, self.addresses = stage, browser, document_id, addresses

    async def load(self, address: str | None = None, **headers: str) -> ClientResponse:
        """Ask the content host as a browser does that has no pass yet: a client without cookies."""
        stranger = await self.stage.service.anonymous()
        parts = urlsplit(address or self.addresses[0])
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return await stranger.get(target, headers={"Host": parts.netloc, **PICTURE, **headers})


@pytest.fixture
async def shown(stage: Stage) -> Shown:
    data = pdf()
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    assert document["state"] == "released", document
    browser = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    text = await (await browser.get(f"/documents/{document['id']}")).text()
    addresses = [one.replace("&amp;", "&") for one in re.findall(r'<img[^>]* src="([^"]+)"', text)]
    assert addresses
    return Shown(stage, browser, document["id"], addresses)


def pass_of(answer: ClientResponse) -> str:
    morsel = SimpleCookie(answer.headers["Set-Cookie"].removesuffix("; Partitioned"))["nea_pass"]
    return f"nea_pass={morsel.value}"


async def test_a_page_shows_pictures_from_the_other_host(shown: Shown) -> None:
    port = shown.browser.server.port
    assert all(
        one.startswith(f"http://localhost:{port}/content/documents/{shown.id}/pages/") for one in shown.addresses
    )
    answer = await shown.load()
    assert (answer.status, answer.content_type) == (200, "image/jpeg")
    assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    cookie = SimpleCookie(answer.headers["Set-Cookie"].removesuffix("; Partitioned"))["nea_pass"]
    assert cookie["path"] == f"/content/documents/{shown.id}"
    assert cookie["httponly"]
    assert cookie["secure"]
    assert not cookie["domain"]
    page = await shown.browser.get(f"/documents/{shown.id}")
    policy = page.headers["Content-Security-Policy"]
    assert f"img-src 'self' data: http://localhost:{port};" in policy
    assert f"media-src http://localhost:{port};" in policy
    assert "frame-src 'none'" in policy


async def test_a_ticket_lasts_a_minute_and_a_pass_as_long_as_the_sign_in(shown: Shown) -> None:
    cookie = pass_of(await shown.load())
    clean = shown.addresses[0].partition("?")[0]
    shown.stage.service.clock.advance(seconds=61)
    assert (await shown.load()).status == 404
    assert (await shown.load(clean)).status == 404
    again = await shown.load(clean, Cookie=cookie)
    assert again.status == 200
    assert "Set-Cookie" not in again.headers
    token = await csrf(shown.browser)
    await shown.browser.post("/sign-out", data={"csrf_token": token}, allow_redirects=False)
    assert (await shown.load(clean, Cookie=cookie)).status == 404


async def test_a_fresh_ticket_wins_over_the_pass_of_a_sign_in_that_has_ended(shown: Shown) -> None:
    """At one computer a person signs out and in again: the browser still sends the pass of before."""
    cookie = pass_of(await shown.load())
    token = await csrf(shown.browser)
    await shown.browser.post("/sign-out", data={"csrf_token": token}, allow_redirects=False)
    again = await shown.stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    where = await (await again.get(f"/api/documents/{shown.id}/addresses")).json()
    answer = await shown.load(f"{where['base']}/pages/1?ticket={where['ticket']}", Cookie=cookie)
    assert answer.status == 200
    assert pass_of(answer) != cookie
    # While both are of one sign-in, the pass is not written anew with every picture.
    same = await shown.load(f"{where['base']}/pages/1?ticket={where['ticket']}", Cookie=pass_of(answer))
    assert same.status == 200
    assert "Set-Cookie" not in same.headers


async def test_a_pass_is_for_one_document_and_a_ticket_is_no_pass(shown: Shown) -> None:
    data = pdf(pages=2)
    made = await shown.stage.create(len(data), data, slot=shown.stage.items[1])
    other = (await shown.stage.document(made))["id"]
    cookie = pass_of(await shown.load())
    clean = shown.addresses[0].partition("?")[0]
    ticket = shown.addresses[0].partition("?ticket=")[2]
    there = clean.replace(shown.id, other)
    assert (await shown.load(there, Cookie=cookie)).status == 404
    assert (await shown.load(f"{there}?ticket={ticket}")).status == 404
    assert (await shown.load(clean, Cookie=f"nea_pass={ticket}")).status == 404
    assert (await shown.load(f"{clean}?ticket={cookie.partition('=')[2]}")).status == 404


@pytest.mark.parametrize("forgery", ["", "x", ".", "a.b", "é.ü", "A" * 5000, "====.===="])
async def test_a_forged_ticket_is_nothing(shown: Shown, forgery: str) -> None:
    clean = shown.addresses[0].partition("?")[0]
    stranger = await shown.stage.service.anonymous()
    answer = await stranger.get(
        urlsplit(clean).path, params={"ticket": forgery}, headers={"Host": "localhost", **PICTURE}
    )
    assert answer.status == 404
    ticket = shown.addresses[0].partition("?ticket=")[2]
    for index in range(0, len(ticket), 7):
        changed = ticket[:index] + ("A" if ticket[index] != "A" else "B") + ticket[index + 1 :]
        assert (await shown.load(f"{clean}?ticket={changed}")).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"},  # the address was pasted
        {"Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site"},  # somebody's link
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "embed"},
        {"Sec-Fetch-Dest": "object"},
        {"Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Dest": "style"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Dest": "video"},
        {"Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "none"},
    ],
)
async def test_a_shared_link_is_nothing(shown: Shown, headers: dict[str, str]) -> None:
    answer = await shown.load(**headers)
    assert answer.status == 404
    assert "Set-Cookie" not in answer.headers


async def test_sf_19_the_content_host_neither_sets_nor_takes_the_cookie_of_the_application(shown: Shown) -> None:
    name = authentication.cookie_name(shown.stage.service.services.settings)
    (cookie,) = [one for one in shown.browser.session.cookie_jar if one.key == name]
    stranger = await shown.stage.service.anonymous()
    clean = urlsplit(shown.addresses[0]).path
    for path in [
        clean,
        "/",
        "/api/me",
        f"/documents/{shown.id}",
        f"/documents/{shown.id}/content",
        "/sign-in",
        "/static/page.js",
    ]:
        answer = await stranger.get(
            path, headers={"Host": "localhost", "Cookie": f"{name}={cookie.value}", **PICTURE}, allow_redirects=False
        )
        assert answer.status == 404, path
        assert name not in answer.headers.get("Set-Cookie", "")
        assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
        assert answer.content_type != "text/html"
    for path in {urlsplit(one).path for one in shown.addresses}:
        assert (await shown.browser.get(path)).status == 404  # and the application has no uploaded bytes for a browser
    for rest in ("content", "pages/1"):
        assert (await shown.browser.get(f"/documents/{shown.id}/{rest}")).status == 404


async def test_every_route_of_the_application_is_absent_on_the_content_host(shown: Shown) -> None:
    stranger = await shown.stage.service.anonymous()
    for route in ROUTES:
        if route.site is Site.CONTENT or route.method == "*":
            continue
        path = re.sub(r"\{[^}]+\}", "x", route.path)
        answer = await stranger.request(
            route.method, path, headers={"Host": "localhost", "Accept": "text/html"}, allow_redirects=False
        )
        assert answer.status == 404, route
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY


async def test_a_centre_that_lost_its_document_loses_the_pass_at_once(shown: Shown) -> None:
    from sqlalchemy import select

    from repository.tables import Assignment

    cookie = pass_of(await shown.load())
    clean = shown.addresses[0].partition("?")[0]

    def end(session):
        person_id = shown.browser.person_id
        row = session.scalars(select(Assignment).where(Assignment.person_id == person_id)).one()
        row.valid_to = shown.stage.service.clock()

    await shown.stage.service.write(end)
    assert (await shown.load(clean, Cookie=cookie)).status == 404


async def test_a_program_gets_a_file_to_keep_under_a_safe_name(stage: Stage) -> None:
    from repository.web.pages.documents import attachment_header

    data = pdf()
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    answer = await stage.teacher.get(f"/documents/{document['id']}/content")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
    assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
    for name in [
        'a"; filename="b.html',
        "a\r\nSet-Cookie: x=y",
        "../../etc/passwd",
        "ÿ\u202egpj.exe",
        "",
        "   ",
        "...",
    ]:
        said = attachment_header(name)
        assert re.fullmatch(
            r"attachment; filename=\"[A-Za-z0-9 ._()-]+\"; filename\*=UTF-8''[A-Za-z0-9%._~-]*", said
        ), said


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("127.0.0.1@evil.example", 400),
        ("", 400),
        ("127.0.0.1:80:80", 400),
        ("127.0.0.1/evil", 400),
        ("localhost.", 421),
    ],
)
async def test_another_host_name_is_refused_and_named_nowhere(stage: Stage, host: str, status: int) -> None:
    stranger = await stage.service.anonymous()
    for path in ("/sign-in", "/nothing", "/api/me"):
        answer = await stranger.get(path, headers={"Host": host, "Accept": "text/html"})
        assert answer.status == status
        text = await answer.text()
        assert "evil" not in text
        assert "evil" not in str(answer.headers)


@pytest.mark.fault("att:C15")
async def test_ranges_are_one_at_a_time_and_inside(stage: Stage) -> None:
    data = pdf()
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    path = f"/documents/{document['id']}/content"
    many = "bytes=" + ",".join(f"{first}-{first + 9}" for first in range(0, 5_000, 5))
    for asked in (many, "bytes=0-9,5-14", f"bytes={len(data)}-", "bytes=9-2", "bytes=a-b", "lines=0-1"):
        answer = await stage.teacher.get(path, headers={"Range": asked})
        assert answer.status in {200, 416}, asked
        assert len(await answer.read()) <= len(data)
        if answer.status == 416:
            assert answer.content_type == "application/problem+json"
    answers = [await stage.teacher.get(path, headers={"Range": f"bytes={first}-{first}"}) for first in range(60)]
    assert [await one.read() for one in answers] == [data[first : first + 1] for first in range(60)]
