"""Signing in at identity providers: the way there, the way back, and the news that a sign-in there has ended.

The secrets of a sign-in under way lie, sealed, in a cookie of the browser alone, so that beginning one costs no write, and
whoever reads the database can finish none.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl

from aiohttp import web

from repository import audit
from repository.acts import people_links
from repository.audit.refusals import UNKNOWN_ADDRESS
from repository.errors import (
    AttemptOver,
    NotFound,
    ProviderAnswerRefused,
    ProviderDeclined,
    RepositoryError,
    ServiceBusy,
    SignInCancelled,
)
from repository.settings import Settings
from repository.sign_in import providers_records as records
from repository.sign_in.attempts import ATTEMPT_SECONDS
from repository.sign_in.providers import Identity, identity_of
from repository.sign_in.sealing import SecretsBox
from repository.web import keys, link_cookie, refusals
from repository.web.link_cookie import INVITATION_PATH
from repository.web.pages import render
from repository.web.pages.sign_in import go_on
from repository.web.problems import problem_of
from repository.web.provider_client import PROVIDERS, ProviderClient, Question
from repository.web.requests import context_of, services_of

NEXT_LIMIT = 1000
CODE_LIMIT = 2048
LOGOUT_LIMIT_BYTES = 64 * 1024
COOKIE_LIMIT = 4096
SKEW_SECONDS = 60
COOKIE_PLACE = "provider-cookie"


@dataclass(frozen=True, slots=True)
class _Pending:
    """A sign-in at a provider that this browser began."""

    key: str
    question: Question
    next_path: str
    started: int
    afresh: bool
    """Whether the person was to be asked anew: a step-up of somebody who is signed in."""


async def begin(request: web.Request) -> web.Response:
    """Lead the browser to a provider, with a cookie that only the right answer fits.

    A link on another site leads to the sign-in page only: nobody is signed in without having asked for it here.
    """
    client = _client(request)
    services = services_of(request)
    if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
        return web.Response(status=303, headers={"Location": "/sign-in"})
    question = Question(services.new_token(), services.new_token(), services.new_token())
    next_path = request.query.get("next", "/")
    afresh = request[keys.SESSION] is not None
    try:
        address = await client.address_of(question, afresh=afresh)
    except RepositoryError as error:
        return await _told(request, client, error)
    pending = _Pending(
        client.issuer.key,
        question,
        next_path if len(next_path) <= NEXT_LIMIT else "/",
        int(services.clock().timestamp()),
        afresh,
    )
    response = web.Response(status=303, headers={"Location": address})
    response.set_cookie(
        cookie_name(services.settings),
        _sealed(services.secrets_box, pending),
        max_age=ATTEMPT_SECONDS,
        path="/",
        httponly=True,
        samesite="Lax",  # not Strict: the browser comes back from another site
        secure=services.settings.secure_cookies,
    )
    return response


async def answer(request: web.Request) -> web.Response:
    """Take a provider's answer: hold it against what this browser began, redeem it, and go on with the sign-in."""
    client = _client(request)
    try:
        pending = _pending(request, client)
        response = await _take(request, client, pending)
    except RepositoryError as error:
        response = await _told(request, client, error)
    settings = services_of(request).settings
    response.del_cookie(cookie_name(settings), path="/", secure=settings.secure_cookies, httponly=True, samesite="Lax")
    return response


async def log_out(request: web.Request) -> web.Response:
    """Take a provider's news that a sign-in there has ended, and end it here.

    Source: OpenID Connect Back-Channel Logout 1.0, 2.5 to 2.8.
    """
    client = _client(request)
    services, context = services_of(request), context_of(request)
    try:
        logout = await client.read_logout(await _logout_token(request))
        await services.database.write(lambda s: records.log_out(s, context, client.issuer, logout))
    except RepositoryError as error:
        await _record(request, client, "sign_out.refused", error)
        return web.json_response({"error": "invalid_request"}, status=400)
    return web.Response(status=200)


def cookie_name(settings: Settings) -> str:
    """Return the name of the cookie that binds a sign-in at a provider to the browser that began it."""
    return "__Host-nea-provider" if settings.secure_cookies else "nea_provider"


async def _take(request: web.Request, client: ProviderClient, pending: _Pending) -> web.Response:
    services, context = services_of(request), context_of(request)
    await services.database.write(
        lambda s: records.take_once(s, context, f"answer {client.issuer.issuer}", pending.question.state)
    )
    await client.check_issuer(request.query.get("iss"))
    if "error" in request.query:
        raise SignInCancelled if request.query["error"] == "access_denied" else ProviderDeclined
    code = request.query.get("code", "")
    if not 0 < len(code) <= CODE_LIMIT:
        raise ProviderAnswerRefused("no_code")
    identity = identity_of(client.issuer, await client.redeem(code, pending.question))
    if pending.afresh and identity.proved_at.timestamp() < pending.started - SKEW_SECONDS:
        raise ProviderAnswerRefused("auth_time")  # it was to ask anew, and did not
    claim = link_cookie.claim_of(request, services.settings) if pending.next_path == INVITATION_PATH else ""
    if claim:
        token = await services.database.write(lambda s: people_links.accept_from_provider(s, context, claim, identity))
        response = await go_on(request, token)
        link_cookie.drop_from(response, services.settings)
        return response
    done = await services.database.write(lambda s: records.sign_in(s, context, identity, pending.next_path))
    if done.attempt_token is None:
        return await _waiting(request, identity, waits=done.waits)
    return await go_on(request, done.attempt_token)


async def _waiting(request: web.Request, identity: Identity, *, waits: bool) -> web.Response:
    return await render(
        request,
        "sign_in/provider_waiting.html",
        provider=identity.issuer.name,
        name=identity.name,
        centres=list(identity.centres),
        waits=waits,
    )


def _client(request: web.Request) -> ProviderClient:
    client = request.app[PROVIDERS].get(request.match_info["key"])
    if client is None:
        raise NotFound
    return client


def _pending(request: web.Request, client: ProviderClient) -> _Pending:
    """Return the sign-in that this answer belongs to; raises ``AttemptOver`` when this browser began none such."""
    if any(len(request.query.getall(name)) > 1 for name in set(request.query)):
        raise ProviderAnswerRefused("repeated_parameter")
    services = services_of(request)
    pending = _opened(services.secrets_box, request.cookies.get(cookie_name(services.settings), ""))
    if pending is None:
        raise AttemptOver
    state = request.query.get("state", "")
    if pending.key != client.issuer.key:
        raise ProviderAnswerRefused("mix_up")
    if not hmac.compare_digest(state.encode("utf-8", "replace"), pending.question.state.encode("utf-8", "replace")):
        raise AttemptOver("This answer belongs to a sign-in in another browser or window. Start again here.")
    age = services.clock().timestamp() - pending.started
    if not 0 <= age <= timedelta(seconds=ATTEMPT_SECONDS).total_seconds():
        raise AttemptOver
    return pending


def _sealed(box: SecretsBox, pending: _Pending) -> str:
    question = pending.question
    fields = [
        pending.key,
        question.state,
        question.nonce,
        question.verifier,
        pending.next_path,
        pending.started,
        pending.afresh,
    ]
    return base64.urlsafe_b64encode(box.seal(json.dumps(fields).encode(), COOKIE_PLACE)).decode()


def _opened(box: SecretsBox, untrusted_cookie: str) -> _Pending | None:
    """Return what this service sealed into a cookie; None for one that is altered, made up, or not there."""
    if not 0 < len(untrusted_cookie) <= COOKIE_LIMIT:
        return None
    try:
        opened = box.open(base64.urlsafe_b64decode(untrusted_cookie), COOKIE_PLACE)
    except ValueError:
        return None
    if opened is None:
        return None
    key, state, nonce, verifier, next_path, started, afresh = json.loads(opened)
    return _Pending(key, Question(state, nonce, verifier), next_path, started, afresh)


async def _logout_token(request: web.Request) -> str:
    if request.content_type != "application/x-www-form-urlencoded":
        raise ProviderAnswerRefused("media_type")
    body = await request.content.read(LOGOUT_LIMIT_BYTES + 1)
    if len(body) > LOGOUT_LIMIT_BYTES or not request.content.at_eof():
        raise ProviderAnswerRefused("too_long")
    form = _form(body)
    token = form.get("logout_token", "")
    if not token:
        raise ProviderAnswerRefused("no_logout_token")
    return token


def _form(body: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), max_num_fields=10)
    except ValueError as error:
        raise ProviderAnswerRefused("malformed") from error
    return dict(pairs)


async def _told(request: web.Request, client: ProviderClient, error: RepositoryError) -> web.Response:
    """Say in plain words why nobody was signed in, and record it."""
    await _record(request, client, "sign_in.refused", error)
    problem = problem_of(error)
    return await render(
        request,
        "sign_in/provider_refused.html",
        status=problem.status,
        problem=problem,
        provider=client.issuer.name,
        reference=request[keys.REQUEST_ID],
    )


async def _record(request: web.Request, client: ProviderClient, action: str, error: RepositoryError) -> None:
    """Record a refusal, bounded as all are that strangers can cause; the answer is the same if it cannot be recorded."""
    services, context, bound = services_of(request), context_of(request), request.app[keys.REFUSALS]
    check = error.reason if isinstance(error, ProviderAnswerRefused) else None
    with contextlib.suppress(ServiceBusy):
        if bound.note(context.address_hash or UNKNOWN_ADDRESS, context.now):
            await audit.record_refusal(
                services.database, context, action, "provider", client.issuer.key, reason=error.code, check=check
            )
        await refusals.write(services.database, bound, context)
