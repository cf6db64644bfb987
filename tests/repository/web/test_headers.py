"""Every answer carries its headers, whatever it is: each route of the table, asked as a person, a program and a stranger."""

from __future__ import annotations

import re

import pytest

from repository.access import Role
from repository.web.built import DEFAULT_DIR, needed
from repository.web.headers import CONTENT_POLICY, DATA_POLICY
from repository.web.keys import Site
from repository.web.routes import ROUTES

from .conftest import Client, Service

ID = "0b1f8f1e-0000-4000-8000-000000000000"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
STANDS_ALONE = "/verify-receipt"
OFF_LINE = "/despatch"
"""The one page that works without a line: it has the camera, a reader of barcodes, and a worker of its own."""
ENDS_THE_SIGN_IN = ("/sign-out",)
ANSWERED: set[tuple[int, str]] = set()


def address_of(path: str) -> str:
    return re.sub(r"\{[^}]+\}", ID, path)


async def look(client: Client, method: str, path: str, **more: object) -> str:
    """Ask, hold the answer's headers against what every answer has, and return the policy of its content."""
    answer = await client.request(method, path, allow_redirects=False, **more)
    where = f"{method} {path}: {answer.status}"
    for name, value in EXPECTED.items():
        assert answer.headers.get(name) == value, f"{where}: {name}"
    works_off_line = path == OFF_LINE and answer.status == 200
    assert ("camera=(self)" if works_off_line else "camera=()") in answer.headers["Permissions-Policy"], where
    assert answer.headers["Cache-Control"].startswith(("no-store", "private, no-store", "public, max-age=")), where
    assert "X-Request-Id" in answer.headers, where
    assert not {name for name in answer.headers if name.startswith("Access-Control-")}, where
    assert len(answer.headers.getall("Content-Security-Policy")) == 1, where
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy, where
    assert "default-src 'none'" in policy, where
    assert "base-uri 'none'" in policy, where
    assert "object-src 'none'" in policy or path.startswith(STANDS_ALONE), where
    assert re.findall(r"'[a-z-]*unsafe-[a-z-]*'", policy) == (["'wasm-unsafe-eval'"] if works_off_line else []), where
    if answer.content_type == "text/html" and answer.status not in {301, 302, 303, 307}:
        body = await answer.text()
        nonces = set(re.findall(r"'nonce-([^']+)'", policy))
        if path.startswith(STANDS_ALONE):  # a page to be kept on a stick, whose one script is known by its hash
            assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+'", policy), where
            return policy
        assert len(nonces) == 1, where
        types = "nea-worker" if works_off_line else "'none'"
        assert f"require-trusted-types-for 'script'; trusted-types {types}" in policy, where
        assert set(re.findall(r'<script[^>]* nonce="([^"]*)"', body)) <= nonces, where
        assert not re.search(r"<script(?![^>]* nonce=)", body), where
        assert not re.search(r"<[^>]+ (on[a-z]+|style)=", body), where
    ANSWERED.add((answer.status, answer.content_type))
    return policy


async def test_every_route(everybody: dict[str, Client]) -> None:
    for route in ROUTES:
        if route.site is Site.CONTENT:
            answer = await everybody["stranger"].get(address_of(route.path), headers={"Host": "localhost"})
            assert answer.headers["Content-Security-Policy"] == CONTENT_POLICY
            continue
        if route.path in ENDS_THE_SIGN_IN:
            continue
        for client in everybody.values():
            for method in METHODS if route.method == "*" else (route.method,):
                await look(client, method, address_of(route.path))
    for path in ENDS_THE_SIGN_IN:
        await look(everybody["officer"], "POST", path)
    pages = {status for status, kind in ANSWERED if kind == "text/html"}
    others = {status for status, kind in ANSWERED if kind != "text/html"}
    assert {200, 403, 404} <= pages, pages  # the crawl met what it is for
    assert {200, 401, 404} <= others, others


@pytest.fixture
async def everybody(service: Service) -> dict[str, Client]:
    """A browser, a program, and nobody."""
    return {
        "officer": await service.browser(Role.AB_OFFICER),
        "program": await service.client(Role.TEACHER),
        "stranger": await service.anonymous(),
    }


async def test_what_is_no_route_and_what_is_static(everybody: dict[str, Client]) -> None:
    officer, stranger = everybody["officer"], everybody["stranger"]
    policies = {
        await look(officer, "GET", "/nothing"),
        await look(officer, "GET", "/"),
        await look(officer, "DELETE", "/"),
        await look(officer, "BREW", "/"),
    }
    assert len(policies) == 4  # a page's nonce is never used twice
    assert await look(stranger, "GET", "/nothing") == DATA_POLICY
    assert await look(stranger, "GET", "/static/page.js") == DATA_POLICY
    assert await look(stranger, "GET", needed(DEFAULT_DIR, "application.css")[0]) == DATA_POLICY
    assert await look(stranger, "GET", "/", headers={"Accept": "text/html"}) == DATA_POLICY  # a redirect to the sign-in
    known = (await stranger.get("/static/page.js")).headers["ETag"]
    answer = await stranger.get("/static/page.js", headers={"If-None-Match": known})
    assert (answer.status, answer.headers["X-Content-Type-Options"]) == (304, "nosniff")


async def test_https_is_for_good(service: Service) -> None:
    from dataclasses import replace

    from repository.web import headers

    settings = replace(
        service.services.settings, base_url="https://nea.example.org", content_url="https://c.example.org"
    )
    for made in (headers.of_application(settings, DATA_POLICY), headers.of_content(settings)):
        assert made["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert headers.of_content(settings)["Cross-Origin-Resource-Policy"] == "same-site"
    assert "Strict-Transport-Security" not in headers.of_content(service.services.settings)


async def test_preflights_are_granted_nothing(service: Service) -> None:
    stranger = await service.anonymous()
    for path in ("/uploads", "/api/me", "/sign-in", "/content-policy-reports"):
        answer = await stranger.options(
            path, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")], path


async def test_reports_of_the_policy_are_counted_and_name_nobody(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    from repository import logs

    stranger = await service.anonymous()
    report = {
        "csp-report": {
            "document-uri": "http://127.0.0.1/cases/Jo Smith 1234",
            "effective-directive": "script-src-elem",
            "blocked-uri": "inline",
            "script-sample": "Jo Smith",
        }
    }
    newer = [
        {"type": "csp-violation", "body": {"effectiveDirective": "Jo\nSmith", "blockedURL": "https://e.example/Jo"}}
    ]
    with caplog.at_level("INFO", logger="nea"):
        for body, kind in ((report, "application/csp-report"), (newer * 50, "application/reports+json")):
            answer = await stranger.post("/content-policy-reports", json=body, headers={"Content-Type": kind})
            assert answer.status == 204
    said = [logs.entry(record) for record in caplog.records if record.msg == "content-policy-violation"]
    assert said[0]["directive"] == "script-src-elem"
    assert said[0]["kind"] == "inline"
    assert [(one["directive"], one["kind"]) for one in said[1:]] == [("other", "other")] * 20
    assert "Smith" not in str(said)
    for body, kind, status in (
        (b"{", "application/csp-report", 400),
        (b"[" * 9000, "application/reports+json", 400),
        (b"{}", "text/plain", 400),
        (b" " * 20_000, "application/csp-report", 413),
    ):
        answer = await stranger.post("/content-policy-reports", data=body, headers={"Content-Type": kind})
        assert answer.status == status
