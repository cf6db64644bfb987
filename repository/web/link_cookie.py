"""The cookie that binds an invitation or a reset to the browser in which its link and its code came together."""

from __future__ import annotations

from aiohttp import web

from repository.settings import Settings
from repository.sign_in.paired_links import CLAIM_SECONDS

INVITATION_PATH = "/invitation"
"""Where whoever signs in somewhere else comes back to accept an invitation."""
TOKEN_LIMIT = 200


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name; with https it carries the prefix that binds it to this host."""
    return "__Host-nea-link" if settings.secure_cookies else "nea_link"


def claim_of(request: web.Request, settings: Settings) -> str:
    """Return the token that this browser holds; empty without one."""
    token = request.cookies.get(cookie_name(settings), "")
    return token if len(token) <= TOKEN_LIMIT else ""


def set_on(response: web.StreamResponse, settings: Settings, claim_token: str) -> None:
    """Bind a link to this browser. Lax, not Strict: people come back from their identity provider."""
    response.set_cookie(
        cookie_name(settings),
        claim_token,
        max_age=CLAIM_SECONDS,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
    )


def drop_from(response: web.StreamResponse, settings: Settings) -> None:
    """Take a used link from the browser."""
    response.del_cookie(cookie_name(settings), path="/", secure=settings.secure_cookies, httponly=True, samesite="Lax")
