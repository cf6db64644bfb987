"""Under which name a request came: pages and API under one host name, uploaded bytes under another, anything else is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from aiohttp import web

from repository.addresses import Network
from repository.errors import HostUnknown, RequestMalformed
from repository.settings import Settings
from repository.web import keys
from repository.web.keys import Site

HOST = re.compile(
    r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII | re.IGNORECASE
)
FORWARDED_HOPS = 10
FOR_THIS_MACHINE = ("/set-up/", "/static/")
"""What answers under the machine's own address too: the first start comes before names, certificates and proxies."""


def site_of(request: web.Request) -> Site:
    """Return which of the two host names the request names.

    Raises: ``RequestMalformed`` for none, several, or one that is no host name, and for a target that contradicts it;
    ``HostUnknown`` for another name than ours.
    """
    name, _ = _host(request)
    settings = request.app[keys.SERVICES].settings
    if name == settings.application_host:
        return Site.APPLICATION
    if name == settings.content_host:
        return Site.CONTENT
    if request.path.startswith(FOR_THIS_MACHINE) and is_from_this_machine(request):
        return Site.APPLICATION
    raise HostUnknown


def named_site(request: web.Request) -> Site | None:
    """Return which of the two host names the request names; None for what ``site_of`` refuses."""
    try:
        return site_of(request)
    except (HostUnknown, RequestMalformed):
        return None


def content_origin(request: web.Request) -> str:
    """Return the address of uploaded bytes, as a page of this request may name it.

    On loopback the port is the one that the browser came by, as the service may have been given any free one.
    """
    settings = request.app[keys.SERVICES].settings
    if not settings.on_loopback:
        return settings.content_url
    scheme = settings.content_url.partition("://")[0]
    host = f"[{settings.content_host}]" if ":" in settings.content_host else settings.content_host
    _, port = _host(request)
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def is_from_this_machine(request: web.Request) -> bool:
    """Return whether a request comes from this machine, under an address of this machine, and was passed on by nobody."""
    if request.headers.keys() & {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"}:
        return False
    line = request.transport
    far, near = (line.get_extra_info("peername"), line.get_extra_info("sockname")) if line is not None else (None, None)
    if not isinstance(far, tuple) or not isinstance(near, tuple):
        return False
    name, _ = _host(request)
    own = {str(near[0])}
    return all(one in own or one == "localhost" or _is_loopback(one) for one in (name, str(far[0])))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def client_address(request: web.Request) -> str:
    """Return the address that a request came from: behind trusted proxies, the nearest that is none of them."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return forwarded_for(
        str(peer[0]) if isinstance(peer, tuple) else "",
        request.headers.getall("X-Forwarded-For", []),
        request.app[keys.SERVICES].settings,
    )


def forwarded_for(peer: str, untrusted_lines: Sequence[str], settings: Settings) -> str:
    """Return the client's address from the peer's and the ``X-Forwarded-For`` lines.

    Only what a trusted proxy appended is believed: the list is read from its end, and reading stops at the first address
    that is no trusted proxy. A list from anybody else is not read at all.
    """
    if not is_trusted(peer, settings.trusted_proxies):
        return peer
    known = peer
    for untrusted in reversed([word.strip() for line in untrusted_lines for word in line.split(",")][-FORWARDED_HOPS:]):
        try:
            known = str(ipaddress.ip_address(untrusted))
        except ValueError:
            return known
        if not is_trusted(known, settings.trusted_proxies):
            return known
    return known


def is_trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Return whether an address is one of the proxies."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in proxies)


def _host(request: web.Request) -> tuple[str, str | None]:
    named = request.headers.getall("Host", [])
    found = HOST.fullmatch(named[0]) if len(named) == 1 else None
    if found is None:
        raise RequestMalformed("The request must name the host it is for, once, in its Host header.")
    target = request.raw_path
    if not target.startswith("/") and target != "*":
        authority = target.partition("://")[2].partition("/")[0].partition("?")[0]
        if authority.lower() != named[0].lower():
            raise RequestMalformed("The request's target is not a path of the host that it names.")
    return found["name"].strip("[]").lower(), found["port"]
