"""What surrounds every request: an id, security headers, problems, the actor, and the action its route names."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote
from uuid import uuid4

from aiohttp import web

from repository import access, acting
from repository.access import Action
from repository.errors import NotFound, NotSignedIn, RequestForged
from repository.web import authentication, keys, pages
from repository.web.problems import OUR_ERRORS, Problem, problem_of, status_phrase

logger = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TUS_VERSION = "1.0.0"
"""The version of the upload protocol; its refusals carry it too."""
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def content_security_policy(nonce: str) -> str:
    """Return the policy of our own pages: our files only, scripts by nonce, nothing framed by others."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; font-src 'self'; connect-src 'self'; frame-src 'self'; object-src 'none'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def security_headers(request: web.Request) -> dict[str, str]:
    """Return the headers that every answer carries unless its handler set its own."""
    headers = {
        "Content-Security-Policy": content_security_policy(request[keys.NONCE]),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cache-Control": "no-store",
        "X-Request-Id": request[keys.REQUEST_ID],
    }
    if request.app[keys.SERVICES].settings.secure_cookies:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id and nonce, and the answer its security headers."""
    request[keys.REQUEST_ID] = str(uuid4())
    request[keys.NONCE] = secrets.token_urlsafe(16)
    request[keys.ACTOR] = None
    request[keys.SESSION] = None
    acting.set_nobody()
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers just before an answer is sent, streamed ones included."""
    if keys.NONCE in request:
        for name, value in security_headers(request).items():
            response.headers.setdefault(name, value)


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what went wrong into a problem: JSON for programs, a page for people. Nothing else decides a status."""
    try:
        return await handler(request)
    except NotSignedIn as error:
        if wants_page(request) and request.method in {"GET", "HEAD"}:
            raise web.HTTPSeeOther(f"/sign-in?next={quote(request.path_qs)}") from error
        return _answer(request, problem_of(error))
    except OUR_ERRORS as error:
        return _answer(request, problem_of(error))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        detail = (
            NotFound().detail if error.status == 404 else f"The request was refused: {status_phrase(error.status)}."
        )
        problem = Problem(error.status, "http", status_phrase(error.status), detail, {}, None)
        answer = _answer(request, problem)
        if "Allow" in error.headers:
            answer.headers["Allow"] = error.headers["Allow"]
        return answer
    except Exception as error:
        if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
            # The line broke: nobody is there to hear an answer, and it is no fault of ours to report.
            return web.Response(status=400)
        logger.exception("request %s failed", request[keys.REQUEST_ID])
        detail = "Something went wrong on our side. What you did was not saved; try again in a minute."
        return _answer(request, Problem(500, "internal", status_phrase(500), detail, {}, None))


@web.middleware
async def permit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who asks, refuse forged requests, and hold the route's action against the policy."""
    action = request.app[keys.ACTIONS].get(request.match_info.handler)
    if action is None:
        return await handler(request)  # no such route: aiohttp answers 404 or 405
    if any("\x00" in part for part in request.match_info.values()):
        raise NotFound  # no name holds a NUL, and PostgreSQL refuses to be asked
    await authentication.identify(request)
    signed_in = request[keys.SESSION]
    if request.method in UNSAFE and signed_in is not None and signed_in.by_cookie:
        check_origin(request)
    if action is not Action.UPLOAD_CONTINUE:  # the upload's own token decides there, and outlives the sign-in
        access.require_role(request[keys.ACTOR], action)
        acting.set_person(request[keys.ACTOR], action, request.app[keys.SERVICES].clock())
    else:
        acting.set_service("upload")
    return await handler(request)


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


def wants_page(request: web.Request) -> bool:
    """Return whether the answer is for a person's browser rather than a program."""
    return not request.path.startswith(("/api/", "/uploads")) and "text/html" in request.headers.get("Accept", "")


def _answer(request: web.Request, problem: Problem) -> web.Response:
    headers = {} if problem.retry_after_seconds is None else {"Retry-After": str(problem.retry_after_seconds)}
    reason = status_phrase(problem.status)
    if wants_page(request):
        text = pages.render_text(request, "errors/problem.html", problem=problem, reference=request[keys.REQUEST_ID])
        return web.Response(text=text, content_type="text/html", status=problem.status, reason=reason, headers=headers)
    response = web.json_response(
        problem.as_json(request[keys.REQUEST_ID]),
        status=problem.status,
        reason=reason,
        content_type="application/problem+json",
        headers=headers,
    )
    if request.path.startswith("/uploads"):
        response.headers["Tus-Resumable"] = TUS_VERSION
        if problem.status == 412:
            response.headers["Tus-Version"] = TUS_VERSION
    return response
