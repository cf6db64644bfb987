"""Sign-in pages. Development sign-in exists in the rehearsal mode only, on loopback."""

from __future__ import annotations

from aiohttp import web
from sqlalchemy.orm import Session

from repository import people
from repository.errors import SecondFactorNeeded, SignInRefused
from repository.sign_in import attempts
from repository.web import authentication, keys
from repository.web.pages import render
from repository.web.requests import context_of, read_form, services_of, text_field


async def show(request: web.Request) -> web.Response:
    """Show how to sign in."""
    return await render(request, "sign_in.html", next_path=_safe_next(request.query.get("next", "/")))


async def submit(request: web.Request) -> web.Response:
    """Sign in with a pasted token."""
    form = await read_form(request)
    return await _sign_in(
        request, text_field(form, "token", limit=200), _safe_next(text_field(form, "next", required=False))
    )


async def follow_link(request: web.Request) -> web.Response:
    """Sign in with a printed link."""
    return await _sign_in(request, request.match_info["token"], "/")


async def sign_out(request: web.Request) -> web.Response:
    """End the sign-in."""
    await read_form(request)
    services, context, signed_in = services_of(request), context_of(request), request[keys.SESSION]
    if signed_in is not None:
        await services.database.write(lambda s: people.end_session(s, context, signed_in.token))
    response = web.Response(status=303, headers={"Location": "/sign-in"})
    authentication.drop_cookie(response, services.settings)
    return response


async def _sign_in(request: web.Request, token: str, next_path: str) -> web.Response:
    services, context = services_of(request), context_of(request)
    if not services.settings.rehearsal:
        raise SignInRefused("Development sign-in is off on this service.")
    session_token, _ = await services.database.write(lambda s: people.sign_in_with_link(s, context, token))
    response = web.Response(status=303, headers={"Location": next_path})
    authentication.set_cookie(response, services.settings, session_token)
    return response


async def go_on(request: web.Request, attempt_token: str) -> web.Response:
    """Lead on from what was shown so far: bind the sign-in under way to the browser, then the next step.

    However somebody began (a password, a passkey, an identity provider), this follows: a second factor where one is
    missing, the choice of a role where there are several, and at last the session and the page that was asked for.
    """
    services, context = services_of(request), context_of(request)

    def advance(session: Session) -> tuple[str, str]:
        standing = attempts.standing(session, attempt_token, context.now)
        choices = attempts.choices(session, standing.person_id, context.now)
        if len(choices) != 1:
            return "/sign-in/role", ""
        try:
            return standing.next_path, attempts.finish(session, context, attempt_token, choices[0].id)
        except SecondFactorNeeded:
            return "/sign-in/code", ""

    location, session_token = await services.database.write(advance)
    response = web.Response(status=303, headers={"Location": _safe_next(location)})
    if session_token:
        authentication.set_cookie(response, services.settings, session_token)
        authentication.drop_attempt_cookie(response, services.settings)
    else:
        authentication.set_attempt_cookie(response, services.settings, attempt_token)
    return response


def _safe_next(untrusted_path: str) -> str:
    """Return a path of ours to go to after sign-in; anything that could lead elsewhere becomes the home page."""
    if not untrusted_path.startswith("/") or untrusted_path.startswith(("//", "/\\")) or "\\" in untrusted_path:
        return "/"
    return untrusted_path if untrusted_path.isprintable() else "/"
