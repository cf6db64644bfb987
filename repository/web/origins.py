"""Whether a request comes from a page of ours, as the browser says; it cannot be made to say otherwise by another site."""

from __future__ import annotations

from aiohttp import web

from repository.errors import RequestForged


def check_origin(request: web.Request) -> None:
    """Refuse an unsafe request that a browser says came from elsewhere; raises ``RequestForged``."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise RequestForged
        return
    origin = request.headers.get("Origin")
    if origin is None or origin.partition("://")[2] != request.host:
        raise RequestForged
