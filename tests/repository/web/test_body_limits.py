"""No route takes more than its limit: with a length, without one, compressed, or in very many parts."""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
from collections.abc import AsyncIterator

import pytest
from aiohttp import FormData

from repository.access import Role
from repository.web import limits
from repository.web.keys import Site
from repository.web.routes import ROUTES, Route

from ...patience import PATIENCE_SECONDS
from .conftest import Client, Service, csrf

ID = "0b1f8f1e-0000-4000-8000-000000000000"
WITH_BODY = [
    route for route in ROUTES if route.method in {"POST", "PUT", "PATCH", "DELETE"} and route.site is Site.APPLICATION
]


def test_every_route_has_a_limit() -> None:
    assert len(WITH_BODY) > 100
    for route in ROUTES:
        assert route.body_limit_bytes == sys.maxsize or route.body_limit_bytes <= limits.BUNDLE_BYTES, route.path
        assert route.body_limit_bytes != sys.maxsize or route.path.startswith("/uploads"), route.path


async def test_each_route_refuses_what_says_to_be_too_large(asker: Client) -> None:
    for route in WITH_BODY:
        await refuse(asker, route)


async def refuse(asker: Client, route: Route) -> None:
    path = re.sub(r"\{[^}]+\}", ID, route.path)
    reader, writer = await asyncio.open_connection("127.0.0.1", asker.server.port)
    writer.write(
        f"{route.method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {route.body_limit_bytes + 1}\r\n"
        f"Authorization: {asker.session.headers['Authorization']}\r\nConnection: close\r\n\r\n".encode()
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        said = await reader.readuntil(b"}")
    writer.close()
    assert said.startswith(b"HTTP/1.1 413 "), (route, said[:200])
    assert b"accepted here. Nothing was saved; send less, or split the file." in said


@pytest.fixture
async def asker(service: Service) -> Client:
    return await service.client(Role.AB_OFFICER)


async def endless(total: int) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(0, total + 65_536, 65_536):
        yield b" " * 65_536


async def test_bodies_without_a_length_are_counted(service: Service) -> None:
    officer, browser = await service.client(Role.AB_OFFICER), await service.browser(Role.AB_OFFICER)
    exams = await service.client(Role.EXAMS_OFFICER)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for client, method, path, more in (
        (officer, "POST", "/api/sample-profiles", {}),
        (officer, "POST", "/api/conflicts", {}),
        (browser, "POST", "/conflicts", form),
        (exams, "PUT", f"/api/cases/{ID}/marks", {}),
        (officer, "POST", "/api/rules", {}),
    ):
        route = [one for one in WITH_BODY if re.sub(r"\{[^}]+\}", ID, one.path) == path and one.method == method]
        if not route:
            continue
        answer = await client.request(method, path, data=endless(route[0].body_limit_bytes), headers=more)
        assert answer.status == 413, (path, answer.status, await answer.text())


@pytest.mark.fault("att:C07")
async def test_compressed_bodies_are_refused(service: Service) -> None:
    officer = await service.client(Role.AB_OFFICER)
    bomb = gzip.compress(b" " * 10_000_000)
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, identity", "x-unknown"):
        answer = await officer.post("/api/conflicts", data=bomb, headers={"Content-Encoding": coding})
        assert answer.status == 415, coding
        assert "without Content-Encoding" in (await answer.json())["detail"]
    assert (await officer.post("/api/conflicts", json={}, headers={"Content-Encoding": "identity"})).status == 422


@pytest.mark.filterwarnings("ignore:unread_data")  # the library warns of itself
@pytest.mark.fault("att:C11")
async def test_forms_of_very_many_parts_are_refused(service: Service) -> None:
    browser = await service.browser(Role.AB_OFFICER)
    token = await csrf(browser)
    many = FormData(default_to_multipart=True)
    many.add_field("csrf_token", token)
    for number in range(limits.FORM_FIELDS + 10):
        many.add_field(f"f{number}", "")
    answer = await browser.post("/imports", data=many)
    assert answer.status == 413
    fields = "&".join(f"{number:x}=" for number in range(limits.FORM_FIELDS + 10))
    answer = await browser.post(
        "/conflicts",
        data=fields[: limits.FORM_BYTES - 10],
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status in {400, 403, 413}
    boundary = '--b\r\nContent-Disposition: form-data; name="a"\r\nX-Long: ' + "a" * 200_000 + "\r\n\r\n\r\n--b--\r\n"
    answer = await browser.post("/imports", data=boundary, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status in {400, 413}
