"""What surrounds every request: an id, security headers, problems, the actor, and the action its route names."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote
from uuid import uuid4

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from moderation.entries import is_practice
from repository import access, acting, logs
from repository.access import Action
from repository.errors import MediaTypeRefused, NotFound, NotSignedIn, RequestMalformed, StepUpNeeded
from repository.web import authentication, content, headers, hosts, keys, looks, pages, refusals, step_up
from repository.web.keys import Site
from repository.web.origins import check_origin
from repository.web.problems import OUR_ERRORS, Problem, problem_of, status_phrase
from repository.web.requests import too_large
from repository.web.slowness import Guarded

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TUS_VERSION = "1.0.0"
"""The version of the upload protocol; its refusals carry it too."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def security_headers(request: web.Request, response: web.StreamResponse) -> dict[str, str]:
    """Return the headers that every answer carries unless its handler set its own."""
    settings = request.app[keys.SERVICES].settings
    if request[keys.SITE] is Site.CONTENT:
        return headers.of_content(settings)
    is_page = response.content_type == "text/html" and request[keys.SITE] is Site.APPLICATION
    policy = headers.page_policy(request[keys.NONCE], hosts.content_origin(request)) if is_page else headers.DATA_POLICY
    return headers.of_application(settings, policy)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id, nonce and host, and the log a line of it when it is answered."""
    request[keys.REQUEST_ID] = str(uuid4())
    request[keys.NONCE] = secrets.token_urlsafe(16)
    request[keys.ACTOR] = None
    request[keys.SESSION] = None
    request[keys.SITE] = hosts.named_site(request)
    acting.set_nobody()
    began_at, status = time.perf_counter(), 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        _note(request, status, time.perf_counter() - began_at)


def _note(request: web.Request, status: int, seconds: float) -> None:
    """Write the access line: the route as the table has it, never the address that was asked for."""
    actor, resource = request[keys.ACTOR], request.match_info.route.resource
    logs.write(
        "info",
        "request",
        request_id=request[keys.REQUEST_ID],
        method=request.method if request.method in METHODS else "other",
        route=resource.canonical if resource is not None else "none",
        site=request[keys.SITE] or "unknown",
        status=status,
        duration_ms=round(seconds * 1000, 1),
        bytes_received=request.content.total_bytes,
        role=actor.role if actor is not None else "nobody",
    )


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers just before an answer is sent, streamed ones included."""
    if keys.NONCE in request:
        for name, value in security_headers(request, response).items():
            response.headers.setdefault(name, value)
        response.headers["X-Request-Id"] = request[keys.REQUEST_ID]
        response.headers["Server"] = headers.ALWAYS["Server"]  # the library has named itself by now
        if keys.NEW_PASS in request and response.status < 400:
            response.headers.add("Set-Cookie", content.set_cookie_line(request))


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what went wrong into a problem: JSON for programs, a page for people. Nothing else decides a status."""
    try:
        return await handler(request)
    except NotSignedIn as error:
        await refusals.note(request, error)
        if wants_page(request) and request.method in {"GET", "HEAD"}:
            raise web.HTTPSeeOther(f"/sign-in?next={quote(request.path_qs)}") from error
        return _answer(request, problem_of(error))
    except StepUpNeeded as error:
        return await step_up.lead(request) if wants_page(request) else _answer(request, problem_of(error))
    except OUR_ERRORS as error:
        await refusals.note(request, error)
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
    except (HttpProcessingError, RequestPayloadError):
        words = "The body could not be read: it is not framed as the server understands it."
        return _answer(request, problem_of(RequestMalformed(words)))
    except Exception as error:
        if isinstance(error, ConnectionError) and (request.transport is None or request.transport.is_closing()):
            # The line broke: nobody is there to hear an answer, and it is no fault of ours to report.
            return web.Response(status=400)
        logs.failed("request-failed", request_id=request[keys.REQUEST_ID])
        detail = "Something went wrong on our side. What you did was not saved; try again in a minute."
        return _answer(request, Problem(500, "internal", status_phrase(500), detail, {}, None))


@web.middleware
async def permit(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out which host was asked and who asks, refuse forged requests, and hold the route's action against the policy."""
    site = hosts.site_of(request)
    action = request.app[keys.ACTIONS].get(request.match_info.handler)
    if action is None:
        return await handler(request)  # no such route: aiohttp answers 404 or 405
    at, limit_bytes = request.app[keys.EDGES][request.match_info.handler]
    if site is not at:
        raise NotFound
    check_body(request, limit_bytes)
    if any("\x00" in part for part in request.match_info.values()):
        raise NotFound  # no name holds a NUL, and PostgreSQL refuses to be asked
    if site is Site.CONTENT:
        if action is not Action.PUBLIC:
            await content.admit(request)
    else:
        await authentication.identify(request)
    actor = request[keys.ACTOR]
    asked = (request.match_info.get("series_key"), request.query.get("series"))
    if any(map(is_practice, asked)) and not (actor is not None and actor.is_in_practice):
        raise NotFound  # a series of practice is its centre's alone
    if actor is not None:
        trust(request)
    signed_in = request[keys.SESSION]
    if request.method in UNSAFE and signed_in is not None and signed_in.by_cookie:
        check_origin(request)
    if action is not Action.UPLOAD_CONTINUE:  # the upload's own token decides there, and outlives the sign-in
        access.require_role(request[keys.ACTOR], action)
        if site is Site.APPLICATION:  # of what the content host shows, the page was asked that gave the ticket
            step_up.require_proof(request, action)
        acting.set_person(request[keys.ACTOR], action, request.app[keys.SERVICES].clock())
    else:
        acting.set_service("upload")
    response = await handler(request)
    await looks.note(request, action, response)
    if action is Action.UPLOAD_CONTINUE and response.status < 400:
        trust(request)  # the upload's token was right
    return response


def check_body(request: web.Request, limit_bytes: int) -> None:
    """Refuse a body that says to be too large, before anything is done; what comes without a length is counted as it is read.

    Raises: ``BodyTooLarge``; ``MediaTypeRefused`` for a compressed body, as a little of it can unpack to very much.
    """
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise MediaTypeRefused("The body was sent compressed. Send it as it is, without Content-Encoding.")
    request._client_max_size = limit_bytes  # of forms; there is no other way to say it for one request


def trust(request: web.Request) -> None:
    """Note that somebody has shown who they are: their connection is no longer one of the unknown of its address."""
    line = request.protocol
    if isinstance(line, Guarded):
        line.is_known = True


def wants_page(request: web.Request) -> bool:
    """Return whether the answer is for a person's browser rather than a program."""
    if request[keys.SITE] is not Site.APPLICATION:
        return False
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
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 asks for the way in to be named
    if request.path.startswith("/uploads"):
        response.headers["Tus-Resumable"] = TUS_VERSION
        if problem.status == 412:
            response.headers["Tus-Version"] = TUS_VERSION
    return response
