"""The page on which officers see whether the deployment is as it must be: what arrives at their own browser, in plain words."""

from __future__ import annotations

import json

from aiohttp import web

from repository.settings import Settings
from repository.web import headers, hosts
from repository.web.pages import render
from repository.web.requests import services_of

DOT = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""A picture of one point."""
NOT_COMPARED = frozenset({"Cache-Control", "Content-Security-Policy", "Server"})
"""What differs from answer to answer, or is the proxy's to say."""


async def show(request: web.Request) -> web.Response:
    """Show what the service knows of itself; the page's script looks at the rest from outside."""
    settings = services_of(request).settings
    expected = headers.of_application(settings, headers.DATA_POLICY)
    return await render(
        request,
        "checkup.html",
        facts=facts(settings, hosts.client_address(request)),
        expected=json.dumps({name: value for name, value in expected.items() if name not in NOT_COMPARED}),
        content_origin=hosts.content_origin(request),
    )


async def point(_request: web.Request) -> web.Response:
    """Answer a picture of one point from the content host, so that the page can see that it is reached."""
    return web.Response(body=DOT, content_type="image/gif")


def facts(settings: Settings, client_address: str) -> list[tuple[str, bool, str]]:
    """Return what the service knows: (what was looked at, whether it is well, what to do or what it is)."""
    where = "this computer only" if settings.on_loopback else "over a network, by https"
    said = [
        ("Address of pages", True, f"{settings.application_host}: {where}"),
        ("Address of uploaded files", True, f"{settings.content_host}: another host name, as it must be"),
    ]
    if settings.rehearsal:
        said.append(("Sign-in", False, "Rehearsal: development sign-in. Not for real work."))
    if settings.on_loopback:
        return said
    if not settings.trusted_proxies:
        words = "No proxy is named in NEA_TRUSTED_PROXIES, so everybody who comes through it counts as one address."
        return [*said, ("Proxy", False, words)]
    believed = not hosts.is_trusted(client_address, settings.trusted_proxies)
    words = (
        f"You come from {client_address}, as the proxy says."
        if believed
        else "The proxy does not say whom it speaks for. Let it send X-Forwarded-For."
    )
    return [*said, ("Proxy", believed, words)]
