"""Confirming that it is still you: the step-up before what can do great harm."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from repository.errors import NotFound, SignInFailed, TooManyTries
from repository.sign_in import attempts, entering, local, passkeys
from repository.sign_in.methods import Method
from repository.web import keys
from repository.web.pages import render
from repository.web.pages.sign_in import browser_of, go_on, safe_next
from repository.web.requests import context_of, read_form, secret_field, services_of, text_field


async def show(request: web.Request) -> web.Response:
    """Ask for the proof."""
    return await _show(request, safe_next(request.query.get("next", "/")))


async def submit(request: web.Request) -> web.Response:
    """Take the password; the second factor follows where one is enrolled, then the session is renewed."""
    form = await read_form(request)
    next_path = safe_next(text_field(form, "next", required=False))
    services, context = services_of(request), context_of(request)
    credential = await _credential(request)
    if credential is None:
        raise NotFound
    try:
        password = secret_field(form, "password")
        await entering.check_password(services, context, credential.name, password, browser_of(request))
    except (SignInFailed, TooManyTries) as error:
        is_wait = isinstance(error, TooManyTries)
        text = error.detail if is_wait else "That is not your password. Check that Caps Lock is off, then try again."
        return await _show(request, next_path, 429 if is_wait else 422, [{"text": text, "href": "#password"}])

    def begin(session: Session) -> str:
        return attempts.start(session, context, credential.account_id, [Method.PASSWORD], next_path)

    return await go_on(request, await services.database.write(begin))


async def _credential(request: web.Request) -> local.Credential | None:
    signed_in = request[keys.SESSION]
    account_id = signed_in.account_id if signed_in is not None else None
    if account_id is None:
        return None
    return await services_of(request).database.read(lambda s: local.credential_of(s, account_id))


async def _has_passkey(request: web.Request) -> bool:
    signed_in = request[keys.SESSION]
    account_id = signed_in.account_id if signed_in is not None else None
    if account_id is None:
        return False
    return await services_of(request).database.read(lambda s: passkeys.count(s, account_id)) > 0


async def _show(
    request: web.Request, next_path: str, status: int = 200, errors: list[dict[str, str]] | None = None
) -> web.Response:
    credential = await _credential(request)
    return await render(
        request,
        "sign_in/confirm.html",
        status=status,
        next_path=next_path,
        has_password=credential is not None,
        has_passkey=await _has_passkey(request),
        sign_in_name=credential.name if credential is not None else "",
        errors=errors or [],
    )
