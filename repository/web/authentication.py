"""Finds out who asks: a cookie for browsers, a bearer token for programs; both are the same server-side sign-in."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets

from aiohttp import web

from repository import people
from repository.errors import RequestForged
from repository.settings import Settings
from repository.sign_in.attempts import ATTEMPT_SECONDS
from repository.sign_in.local import KNOWN_DEVICE_DAYS
from repository.web import bearer, hosts, keys
from repository.web.keys import SignedIn
from repository.web.origins import check_origin

DEVICE_TOKEN_LIMIT = 100
LANGUAGE_DAYS = 365
SHORTEST_TOKEN = 40
"""Characters of a synchroniser token, at least; a masked one is of twice as many bytes."""


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name; with https it carries the prefix that binds it to this host."""
    return "__Host-nea" if settings.secure_cookies else "nea_session"


async def identify(request: web.Request) -> None:
    """Put the actor and sign-in of a request onto it, or None when nobody is signed in."""
    services = request.app[keys.SERVICES]
    by_cookie = True
    token = request.cookies.get(cookie_name(services.settings))
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith("Bearer "):
        token, by_cookie = authorization[7:].strip(), False
        if bearer.is_token(token):
            await bearer.identify(request, token, hosts.client_address(request))
            return
    if not token:
        return
    now = services.clock()
    limits = services.settings.session_limits
    found = await services.database.read(lambda session: people.find_session(session, token, now, limits))
    if found is None:
        return
    request[keys.ACTOR] = found.actor
    request[keys.SESSION] = SignedIn(
        token,
        found.csrf_token,
        found.notice,
        by_cookie,
        found.account_id,
        found.methods,
        found.proved_at,
        found.language,
    )
    if found.stale:
        await services.database.write(lambda session: people.touch_session(session, token, now))


def set_cookie(response: web.StreamResponse, settings: Settings, token: str) -> None:
    """Give the browser its sign-in."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.session_limits.longest_seconds,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
    )


def drop_cookie(response: web.StreamResponse, settings: Settings) -> None:
    """Take the sign-in from the browser."""
    response.del_cookie(cookie_name(settings), path="/", secure=settings.secure_cookies, httponly=True, samesite="Lax")


def attempt_cookie_name(settings: Settings) -> str:
    """Return the name of the cookie that binds a sign-in under way to its browser."""
    return "__Host-nea-attempt" if settings.secure_cookies else "nea_attempt"


def set_attempt_cookie(response: web.StreamResponse, settings: Settings, token: str) -> None:
    """Bind a sign-in under way to this browser. Lax, not Strict: people come back from their identity provider."""
    response.set_cookie(
        attempt_cookie_name(settings),
        token,
        max_age=ATTEMPT_SECONDS,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
    )


def drop_attempt_cookie(response: web.StreamResponse, settings: Settings) -> None:
    """Take a finished sign-in from the browser."""
    name = attempt_cookie_name(settings)
    response.del_cookie(name, path="/", secure=settings.secure_cookies, httponly=True, samesite="Lax")


def device_cookie_name(settings: Settings) -> str:
    """Return the name of the cookie of a browser in which somebody signed in before."""
    return "__Host-nea-device" if settings.secure_cookies else "nea_device"


def set_device_cookie(response: web.StreamResponse, settings: Settings, token: str) -> None:
    """Let this browser be known again: failed tries elsewhere do not keep its people waiting. It lets nobody in."""
    response.set_cookie(
        device_cookie_name(settings),
        token,
        max_age=KNOWN_DEVICE_DAYS * 86_400,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
    )


def language_cookie_name(settings: Settings) -> str:
    """Return the name of the cookie that says in which language this browser reads, before anybody is signed in."""
    return "__Host-nea-language" if settings.secure_cookies else "nea_language"


def set_language_cookie(response: web.StreamResponse, settings: Settings, code: str) -> None:
    """Let this browser keep its language for a year."""
    response.set_cookie(
        language_cookie_name(settings),
        code,
        max_age=LANGUAGE_DAYS * 86_400,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=settings.secure_cookies,
    )


def masked(csrf_token: str) -> str:
    """Return a synchroniser token as a page carries it: other characters on every page.

    Pages are sent compressed; a secret that stood in them unchanged could be found out from their lengths.
    Source: Gluck, Harris, Prado, "BREACH: reviving the CRIME attack", 2013, section 3.4, masking secrets.
    """
    token = csrf_token.encode()
    pad = secrets.token_bytes(len(token))
    return base64.urlsafe_b64encode(pad + bytes(a ^ b for a, b in zip(pad, token, strict=True))).decode()


def unmasked(untrusted_token: str) -> bytes:
    """Return the token behind a masked one; what is not masked, as programs send it, stays as it is."""
    try:
        both = base64.b64decode(untrusted_token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        both = b""
    half = len(both) // 2
    if half < SHORTEST_TOKEN or len(both) % 2:
        return untrusted_token.encode(errors="surrogateescape")
    return bytes(a ^ b for a, b in zip(both[:half], both[half:], strict=True))


def check_csrf(request: web.Request, untrusted_token: str | None) -> None:
    """Hold a form's synchroniser token against the sign-in's; raises ``RequestForged``.

    Who is not signed in has no such token yet: then the browser's own word counts that the form is one of ours, so that
    nobody can be signed in to somebody else's account by another site.
    """
    signed_in = request[keys.SESSION]
    if signed_in is None:
        if request[keys.ACTOR] is None:  # and no token of a school's system, which no browser sends by itself
            check_origin(request)
        return
    if not signed_in.by_cookie:
        return
    if not untrusted_token or not hmac.compare_digest(unmasked(untrusted_token), signed_in.csrf_token.encode()):
        raise RequestForged
