"""Passkeys: to sign in with, as a second step, to confirm that it is still you; made, named and removed by their owner.

Each is asked in two requests: a script asks for the question (``…/begin``), and sends the device's answer as a form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from repository.acts import passkeys as acts
from repository.errors import FieldRefused, NotFound, PasskeysUnavailable
from repository.sign_in import attempts, ceremonies, passkeys
from repository.sign_in.ceremonies import REFUSAL_WORDS, TIMEOUT_SECONDS
from repository.sign_in.methods import Method
from repository.sign_in.passkeys import NAME_LIMIT, Accepted, Purpose, Refused, Shown
from repository.sign_in.relying_party import RelyingParty
from repository.web import authentication, keys
from repository.web.forms import errors_of
from repository.web.pages import redirect, render
from repository.web.pages.sign_in import attempt_of, enrolling_account, go_on, safe_next
from repository.web.requests import context_of, read_form, services_of, text_field

PAGE = "/account/passkeys"
ADD = f"{PAGE}/add"
FIRST = "/sign-in/app/passkey"
BACK: Mapping[Purpose, str] = {
    Purpose.SIGN_IN: "/sign-in",
    Purpose.SECOND_STEP: "/sign-in/code",
    Purpose.STEP_UP: "/confirm-it-is-you",
}


# At sign-in


async def begin_sign_in(request: web.Request) -> web.Response:
    """Ask for any passkey of this service: its answer says whose it is, so nobody types a name."""
    return await _begin(request, Purpose.SIGN_IN, None)


async def sign_in(request: web.Request) -> web.Response:
    """Begin a sign-in with a passkey's answer."""
    form = await read_form(request)
    next_path = safe_next(text_field(form, "next", required=False))
    context = context_of(request)
    return await _answered(
        request,
        form,
        Purpose.SIGN_IN,
        None,
        lambda session, whose: attempts.start(session, context, whose, [Method.PASSKEY], next_path),
    )


async def begin_second_step(request: web.Request) -> web.Response:
    """Ask for a passkey of the account whose sign-in is under way."""
    return await _begin(request, Purpose.SECOND_STEP, await _attempting(request))


async def second_step(request: web.Request) -> web.Response:
    """Go on with a sign-in by a passkey's answer."""
    form = await read_form(request)
    context, token = context_of(request), attempt_of(request)

    def add(session: Session, _whose: str) -> str:
        attempts.add(session, context, token, Method.PASSKEY)
        return token

    return await _answered(request, form, Purpose.SECOND_STEP, await _attempting(request), add)


async def begin_step_up(request: web.Request) -> web.Response:
    """Ask for a passkey of the account that is signed in."""
    return await _begin(request, Purpose.STEP_UP, _account_of(request))


async def step_up(request: web.Request) -> web.Response:
    """Take a passkey's answer for a proof that it is still the same person; the session goes on under a new token."""
    form = await read_form(request)
    next_path = safe_next(text_field(form, "next", required=False))
    context = context_of(request)
    return await _answered(
        request,
        form,
        Purpose.STEP_UP,
        _account_of(request),
        lambda session, whose: attempts.start(session, context, whose, [Method.PASSKEY], next_path),
    )


async def show_first(request: web.Request) -> web.Response:
    """Ask for the name of a first passkey, where a second factor is needed and there is none yet."""
    return await _show_add(request, await enrolling_account(request), FIRST)


async def begin_first(request: web.Request) -> web.Response:
    """Ask the person's device to make their first passkey."""
    return await _begin(request, Purpose.MAKE, await enrolling_account(request))


async def add_first(request: web.Request) -> web.Response:
    """Keep the first passkey, and go on with the sign-in: making it has shown it."""
    form = await read_form(request)
    account_id, attempt_token = await enrolling_account(request), attempt_of(request)
    context = context_of(request)

    def shown(session: Session) -> None:
        attempts.add(session, context, attempt_token, Method.PASSKEY)

    refused = await _add(request, form, account_id, FIRST, "", shown)
    return refused or await go_on(request, attempt_token)


# In one's own account


async def index(request: web.Request) -> web.Response:
    """Show one's own passkeys."""
    account_id = _session(request).account_id

    def read(session: Session) -> tuple[Shown, ...] | None:
        account = passkeys.local_account(session, account_id)
        return None if account is None else passkeys.listed(session, account.id)

    found = await services_of(request).database.read(read)
    return await render(
        request,
        "passkeys/index.html",
        has_account=account_id is not None,
        is_local=found is not None,
        passkeys=found or (),
    )


async def show_add(request: web.Request) -> web.Response:
    """Ask for the name of a new passkey."""
    return await _show_add(request, _account_of(request), ADD)


async def begin_add(request: web.Request) -> web.Response:
    """Ask the person's device to make a passkey."""
    return await _begin(request, Purpose.MAKE, _account_of(request))


async def add(request: web.Request) -> web.Response:
    """Keep the passkey that was made."""
    form = await read_form(request)
    refused = await _add(request, form, _account_of(request), ADD, _session(request).token, lambda _session: None)
    name = text_field(form, "name", required=False)
    text = f"“{name}” signs you in from now on. Keep a second way as well, for the day it is lost."
    return refused or await redirect(request, PAGE, title="Passkey added", text=text)


async def _add(
    request: web.Request,
    form: Mapping[str, Any],
    account_id: str,
    at: str,
    session_token: str,
    then: Callable[[Session], None],
) -> web.Response | None:
    """Keep a passkey that was made; returns the page again, with what is wrong, if it is not taken."""
    services, context, party = services_of(request), context_of(request), _party(request)
    try:
        name = text_field(form, "name", required=False, limit=NAME_LIMIT)
        if not name or not name.isprintable():
            raise FieldRefused("Enter a name by which you know the device again, such as “Work laptop”.", field="name")
        untrusted = text_field(form, "credential", limit=ceremonies.ANSWER_LIMIT_BYTES)
    except FieldRefused as error:
        return await _show_add(request, account_id, at, errors_of(error), 422)
    token = request.cookies.get(cookie_name(request), "")

    def work(session: Session) -> Accepted | Refused:
        done = acts.add(session, context, party, account_id, session_token, token, name, untrusted)
        if isinstance(done, Accepted):
            then(session)
        return done

    done = await services.database.write(work)
    if isinstance(done, Refused):
        errors = [{"text": REFUSAL_WORDS[done.refusal], "href": "#name"}]
        return await _show_add(request, account_id, at, errors, 403, name=name)
    return None


async def show_remove(request: web.Request) -> web.Response:
    """Ask before a passkey is removed."""
    return await _show_remove(request)


async def remove(request: web.Request) -> web.Response:
    """Remove a passkey."""
    await read_form(request)
    services, context, account_id = services_of(request), context_of(request), _account_of(request)
    signed_in, passkey_id, centres = (
        _session(request),
        request.match_info["passkey_id"],
        services.settings.centres_need_two,
    )
    try:
        name = await services.database.write(
            lambda s: acts.remove(s, context, account_id, signed_in.token, passkey_id, centres_need_two=centres)
        )
    except FieldRefused as error:
        return await _show_remove(request, errors_of(error), 422)
    return await redirect(request, PAGE, title="Passkey removed", text=f"“{name}” opens nothing any more.")


# The two requests of every answer


def cookie_name(request: web.Request) -> str:
    """Return the name of the cookie that binds a question to the browser it was put to."""
    return "__Host-nea-passkey" if services_of(request).settings.secure_cookies else "nea_passkey"


async def _begin(request: web.Request, purpose: Purpose, account_id: str | None) -> web.Response:
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    services, context, party = services_of(request), context_of(request), _party(request)
    token, challenge = services.new_token(), services.new_token()
    options = await services.database.write(
        lambda s: passkeys.ask(
            s, context, party, purpose, token=token, challenge_token=challenge, account_id=account_id
        )
    )
    response = web.json_response({"publicKey": options})
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=TIMEOUT_SECONDS,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=services.settings.secure_cookies,
    )
    return response


async def _answered(
    request: web.Request,
    form: Mapping[str, Any],
    purpose: Purpose,
    account_id: str | None,
    then: Callable[[Session, str], str],
) -> web.Response:
    """Take an answer at sign-in, and lead on; ``then`` gives the token of the sign-in under way."""
    services, context, party = services_of(request), context_of(request), _party(request)
    untrusted = text_field(form, "credential", required=False, limit=ceremonies.ANSWER_LIMIT_BYTES)
    token = request.cookies.get(cookie_name(request))

    def work(session: Session) -> str | Refused:
        done = acts.answer(session, context, party, purpose, token, untrusted, account_id)
        return done if isinstance(done, Refused) else then(session, done.account_id)

    done = await services.database.write(work)
    if isinstance(done, Refused):
        words = REFUSAL_WORDS[done.refusal]
        return await render(request, "passkeys/refused.html", status=403, words=words, back=BACK[purpose])
    return await go_on(request, done)


def _party(request: web.Request) -> RelyingParty:
    party = ceremonies.offered(services_of(request).settings.base_url)
    if party is None:
        raise PasskeysUnavailable
    return party


def _session(request: web.Request) -> keys.SignedIn:
    signed_in = request[keys.SESSION]
    if signed_in is None:
        raise NotFound
    return signed_in


def _account_of(request: web.Request) -> str:
    account_id = _session(request).account_id
    if account_id is None:
        raise NotFound
    return account_id


async def _attempting(request: web.Request) -> str:
    token, now = attempt_of(request), context_of(request).now
    return await services_of(request).database.read(lambda s: attempts.standing(s, token, now).account_id)


async def _show_add(
    request: web.Request,
    account_id: str,
    at: str,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    name: str = "",
) -> web.Response:
    account = await services_of(request).database.read(lambda s: passkeys.local_account(s, account_id))
    if account is None:
        raise NotFound
    return await render(request, "passkeys/add.html", status=status, errors=errors or [], name=name, at=at)


async def _show_remove(
    request: web.Request, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    account_id, passkey_id = _account_of(request), request.match_info["passkey_id"]
    listed = await services_of(request).database.read(lambda s: passkeys.listed(s, account_id))
    found = next((one for one in listed if one.passkey_id == passkey_id), None)
    if found is None:
        raise NotFound
    return await render(request, "passkeys/remove.html", status=status, errors=errors or [], passkey=found)
