"""Sign-in pages: a name and a password, the second factor, the choice of a role. They work without scripts.

Development sign-in exists in the rehearsal mode only, on loopback.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.entries import is_practice
from repository import people
from repository.access import ROLE_TITLES, Role
from repository.errors import AttemptOver, CodeWrong, NotFound, RepositoryError, SignInFailed, TooManyTries
from repository.sign_in import attempts, entering, factors, local, one_time_codes
from repository.sign_in.devices import words_of
from repository.sign_in.entering import Browser, Step
from repository.sign_in.methods import Method, is_multi_factor
from repository.sign_in.telling import tell
from repository.web import authentication, hosts, keys, leaving
from repository.web.pages import enrolling, render
from repository.web.provider_client import buttons
from repository.web.requests import context_of, read_form, secret_field, services_of, text_field

PAGES: Mapping[Step, str] = {
    Step.SECOND_FACTOR: "/sign-in/code",
    Step.ENROL: "/sign-in/app",
    Step.CHOOSE_ROLE: "/sign-in/role",
    Step.NO_ROLE: "/sign-in/role",
}
"""Where each step of a sign-in is taken."""
Refusals = SignInFailed | CodeWrong | TooManyTries


async def show(request: web.Request) -> web.Response:
    """Show how to sign in."""
    return await _show_start(request, next_path=safe_next(request.query.get("next", "/")))


async def submit(request: web.Request) -> web.Response:
    """Take a name and a password; in the rehearsal mode also a printed code."""
    form = await read_form(request)
    next_path = safe_next(text_field(form, "next", required=False))
    if "token" in form:
        return await _sign_in_for_development(request, text_field(form, "token", limit=200), next_path)
    name, password = text_field(form, "name", required=False, limit=320), secret_field(form, "password")
    if not name or not password:
        errors = [] if name else [{"text": "Enter your sign-in name.", "href": "#name"}]
        errors += [] if password else [{"text": "Enter your password.", "href": "#password"}]
        return await _show_start(request, 422, next_path=next_path, name=name, errors=errors)
    services, context = services_of(request), context_of(request)
    try:
        token = await entering.with_password(services, context, name, password, browser_of(request), next_path)
    except (SignInFailed, TooManyTries) as error:
        return _later(
            await _show_start(request, _status(error), next_path=next_path, name=name, errors=_said(error, "name")),
            error,
        )
    return await go_on(request, token)


async def follow_link(request: web.Request) -> web.Response:
    """Sign in with a printed link of the rehearsal mode."""
    return await _sign_in_for_development(request, request.match_info["token"], "/")


async def sign_out(request: web.Request) -> web.Response:
    """End the sign-in."""
    await read_form(request)
    services, context, signed_in = services_of(request), context_of(request), request[keys.SESSION]
    if signed_in is not None:
        await services.database.write(lambda s: people.end_session(s, context, signed_in.token))
    location = await leaving.sign_in_page(request, signed_in)
    response = web.Response(status=303, headers={"Location": location})
    authentication.drop_cookie(response, services.settings)
    return response


async def show_code(request: web.Request) -> web.Response:
    """Ask for the second factor."""
    return await _show_code(request)


async def submit_code(request: web.Request) -> web.Response:
    """Take a code of the app, or a recovery code."""
    form = await read_form(request)
    services, context, token = services_of(request), context_of(request), attempt_of(request)
    recovery = "recovery_code" in form
    field = "recovery_code" if recovery else "code"
    code = text_field(form, field, required=False, limit=100)
    try:
        await entering.show_code(services, context, token, code, browser_of(request), recovery=recovery)
    except (CodeWrong, TooManyTries) as error:
        return _later(await _show_code(request, _status(error), errors=_said(error, field)), error)
    return await go_on(request, token)


async def show_app(request: web.Request) -> web.Response:
    """Show how to set up an authenticator app, where a second factor is needed and there is none yet."""
    account_id = await enrolling_account(request)
    return await enrolling.show(request, account_id, ("attempt", attempt_of(request)))


async def submit_app(request: web.Request) -> web.Response:
    """Take the app's first code: it is set up, and the recovery codes are shown."""
    form = await read_form(request)
    account_id, token, context = await enrolling_account(request), attempt_of(request), context_of(request)

    def enrolled(session: Session) -> None:
        attempts.add(session, context, token, Method.ONE_TIME_CODE)

    return await enrolling.submit(request, form, account_id, ("attempt", token), enrolled, "/sign-in/go-on")


async def show_role(request: web.Request) -> web.Response:
    """Ask in which role to go on, or say that there is none."""
    return await _show_role(request)


async def _show_role(request: web.Request, status: int = 200, errors: object = ()) -> web.Response:
    services, context, token = services_of(request), context_of(request), attempt_of(request)

    def read(session: Session) -> list[dict[str, str]]:
        standing = attempts.standing(session, token, context.now)
        return role_items(attempts.choices(session, standing.person_id, context.now))

    items = await services.database.read(read)
    return await render(request, "sign_in/role.html", status=status, items=items, errors=errors)


async def submit_role(request: web.Request) -> web.Response:
    """Go on in the chosen role."""
    form = await read_form(request)
    assignment_id = text_field(form, "role", required=False, limit=36)
    if not assignment_id:
        return await _show_role(request, 422, [{"text": "Choose what you are here as.", "href": "#role"}])
    services, token = services_of(request), attempt_of(request)
    return _opened(request, *await services.database.write(lambda s: _open(s, request, token, assignment_id)))


async def resume(request: web.Request) -> web.Response:
    """Lead on from where the sign-in under way in this browser stands."""
    return await go_on(request, attempt_of(request))


async def go_on(request: web.Request, attempt_token: str) -> web.Response:
    """Lead on from what was shown so far: bind the sign-in under way to the browser, then the next step.

    However somebody began (a password, a passkey, an identity provider), this follows: a second factor where one is
    missing, the choice of a role where there are several, and at last the session and the page that was asked for. To
    somebody who is signed in here already it is a step-up: the session is renewed, in the same role.
    """
    services, context, actor = services_of(request), context_of(request), request[keys.ACTOR]
    same = (actor.person_id, actor.assignment_id) if actor is not None else None

    def advance(session: Session) -> tuple[str, str, str]:
        following = entering.next_step(
            session,
            attempt_token,
            context,
            centres_need_two=services.settings.centres_need_two,
            same_person=same,
        )
        if following.step is Step.OPEN:
            return _open(session, request, attempt_token, following.assignment_id)
        return PAGES[following.step], "", ""

    location, session_token, device_token = await services.database.write(advance)
    if session_token:
        return _opened(request, location, session_token, device_token)
    response = web.Response(status=303, headers={"Location": location})
    authentication.set_attempt_cookie(response, services.settings, attempt_token)
    return response


def attempt_of(request: web.Request) -> str:
    """Return the token of the sign-in under way in this browser; raises ``AttemptOver`` if there is none."""
    token = request.cookies.get(authentication.attempt_cookie_name(services_of(request).settings))
    if not token:
        raise AttemptOver
    return token


def browser_of(request: web.Request) -> Browser:
    """Return what a browser brings to a sign-in."""
    name = authentication.device_cookie_name(services_of(request).settings)
    return Browser(hosts.client_address(request), request.cookies.get(name, "")[: authentication.DEVICE_TOKEN_LIMIT])


def role_items(choices: Any) -> list[dict[str, str]]:
    """Return assignments as the items of a choice, in words."""
    return [
        {
            "value": one.id,
            "text": ROLE_TITLES[Role(one.role)] + _where(one.centre_number),
        }
        for one in choices
    ]


def _where(centre_number: str | None) -> str:
    if is_practice(centre_number):
        return ", your practice centre (nothing there counts)"
    return f", centre {centre_number}" if centre_number else ""


def _open(session: Session, request: web.Request, token: str, assignment_id: str) -> tuple[str, str, str]:
    """Open the session; returns where to go, its token, and the token of the device, which is known from now on."""
    services, context = services_of(request), context_of(request)
    standing = attempts.standing(session, token, context.now)
    new = attempts.finish(
        session,
        context,
        token,
        assignment_id,
        centres_need_two=services.settings.centres_need_two,
        device=words_of(request.headers.get("User-Agent", "")),
    )
    device_token = browser_of(request).device_token or services.new_token()
    local.know_device(session, device_token, standing.account_id, context.now)
    before = request[keys.SESSION]
    if before is not None:
        people.end_session(session, context, before.token)
    if Method.RECOVERY_CODE in standing.methods:
        _advise(session, standing.account_id, new)
        tell(session, context, standing.person_id, "Somebody signed in to your account with a recovery code.")
    return standing.next_path, new, device_token


def _advise(session: Session, account_id: str, session_token: str) -> None:
    left = one_time_codes.recovery_codes_left(session, account_id)
    text = (
        f"You signed in with a recovery code; {left} are left. If you no longer have your app, set up a new one under "
        "Your account."
    )
    people.set_notice(session, session_token, {"kind": "important", "title": "Important", "text": text})


def _opened(request: web.Request, next_path: str, session_token: str, device_token: str) -> web.Response:
    settings = services_of(request).settings
    response = web.Response(status=303, headers={"Location": safe_next(next_path)})
    authentication.set_cookie(response, settings, session_token)
    authentication.set_device_cookie(response, settings, device_token)
    authentication.drop_attempt_cookie(response, settings)
    return response


async def _show_start(request: web.Request, status: int = 200, **context: object) -> web.Response:
    page = {"name": "", "errors": []} | context
    providers = buttons(services_of(request).issuers, str(page.get("next_path", "/")))
    left = await leaving.still_there(request)
    return await render(request, "sign_in.html", status=status, providers=providers, left=left, **page)


async def _show_code(request: web.Request, status: int = 200, **context: object) -> web.Response:
    services, now, token = services_of(request), context_of(request).now, attempt_of(request)

    def read(session: Session) -> tuple[frozenset[Method], bool]:
        standing = attempts.standing(session, token, now)
        return factors.enrolled(session, standing.account_id), is_multi_factor(standing.methods)

    enrolled, shown = await services.database.read(read)
    if shown or not enrolled:
        return web.Response(status=303, headers={"Location": "/sign-in/go-on"})
    page: dict[str, object] = {"enrolled": enrolled, "errors": []}
    return await render(request, "sign_in/code.html", status=status, **(page | context))


async def enrolling_account(request: web.Request) -> str:
    """Return the account that enrols its first second factor; raises ``NotFound`` for one that has one."""
    services, now, token = services_of(request), context_of(request).now, attempt_of(request)

    def read(session: Session) -> str:
        standing = attempts.standing(session, token, now)
        if factors.enrolled(session, standing.account_id):
            raise NotFound  # else a password alone would replace the second factor
        return standing.account_id

    return await services.database.read(read)


async def _sign_in_for_development(request: web.Request, token: str, next_path: str) -> web.Response:
    services, context = services_of(request), context_of(request)
    if not services.settings.rehearsal:
        raise NotFound
    session_token, _ = await services.database.write(lambda s: people.sign_in_with_link(s, context, token))
    response = web.Response(status=303, headers={"Location": next_path})
    authentication.set_cookie(response, services.settings, session_token)
    return response


def _said(error: RepositoryError, field: str) -> list[dict[str, str]]:
    return [{"text": error.detail, "href": f"#{field}"}]


def _status(error: Refusals) -> int:
    return 429 if isinstance(error, TooManyTries) else 422


def _later(response: web.Response, error: Refusals) -> web.Response:
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.facts["wait_seconds"])
    return response


def safe_next(untrusted_path: str) -> str:
    """Return a path of ours to go to after sign-in; anything that could lead elsewhere becomes the home page."""
    if not untrusted_path.startswith("/") or untrusted_path.startswith(("//", "/\\")) or "\\" in untrusted_path:
        return "/"
    return untrusted_path if untrusted_path.isprintable() else "/"
