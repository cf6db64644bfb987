"""What somebody sees who follows a link: accepting an invitation, and the way back in. Nobody is signed in here.

The link's token stands in the address of the first page only, which nothing on the page leads away from with it; with the
code it becomes a cookie of this browser, and the pages that follow have plain addresses.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.orm import Session

from repository.access import CENTRE_ROLES, ROLE_TITLES
from repository.acts import people_links, people_resets
from repository.errors import FieldRefused, LinkOver, NotFound
from repository.sign_in import attempts, invitations, local, paired_links, passwords, resets
from repository.sign_in.methods import Method
from repository.sign_in.paired_links import Wrong
from repository.sign_in.resets import ResetView
from repository.web import keys, link_cookie
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.link_cookie import INVITATION_PATH
from repository.web.pages import redirect, render
from repository.web.pages.sign_in import go_on
from repository.web.requests import context_of, read_form, secret_field, services_of, text_field

ACCEPT_FIELDS = ("sign_in_name",)
FORGOTTEN_SECONDS = 0.5
"""After so long whoever forgot a password is answered, far more than making a link takes."""


async def show_invitation(request: web.Request) -> web.Response:
    """Show an invitation to whoever holds its link, and ask for the code."""
    return await _invitation_page(request)


async def claim_invitation(request: web.Request) -> web.Response:
    """Hold the code against the invitation; when it is right, the browser holds the invitation from now on."""
    form = await read_form(request)
    services, context, token = services_of(request), context_of(request), request.match_info["token"]
    claim = services.new_token()
    try:
        code = paired_links.code_field(text_field(form, "code", required=False, limit=40))
        wrong = await services.database.write(lambda s: invitations.claim(s, context, token, code, claim))
        _need_right(wrong)
    except FORM_ERRORS as error:
        return await _invitation_page(request, errors=errors_of(error), status=422)
    return _bound(request, INVITATION_PATH, claim)


async def show_accepting(request: web.Request) -> web.Response:
    """Ask in which way the person wants to sign in from now on."""
    return await _accepting_page(request)


async def accept_locally(request: web.Request) -> web.Response:
    """Accept the invitation with a new account of this service, and go on to the second factor."""
    form = await read_form(request)
    services, context, claim = services_of(request), context_of(request), _claim(request)
    try:
        found, _ = await services.database.read(lambda s: people_links.claimed_invitation(s, context, claim))
        name = local.clean_name(text_field(form, "sign_in_name", required=False, limit=320), "sign_in_name")
        two = found.role not in CENTRE_ROLES or services.settings.centres_need_two
        about = [found.name, name, found.centre_number or ""]
        password = _new_password(form, two=two, about=about)
        phc = await services.hasher.hash(password)
        attempt = await services.database.write(lambda s: people_links.accept_locally(s, context, claim, name, phc))
    except FORM_ERRORS as error:
        return await _accepting_page(request, form=form, errors=errors_of(error, {"name": "sign_in_name"}), status=422)
    return _done(request, await go_on(request, attempt))


async def accept_signed_in(request: web.Request) -> web.Response:
    """Accept the invitation as the account that is signed in."""
    await read_form(request)
    services, context, claim = services_of(request), context_of(request), _claim(request)
    signed_in = request[keys.SESSION]
    account_id = signed_in.account_id if signed_in is not None else None
    if account_id is None:
        raise NotFound
    try:
        await services.database.write(lambda s: people_links.accept_signed_in(s, context, claim, account_id))
    except FORM_ERRORS as error:
        return await _accepting_page(request, errors=errors_of(error, {"role": "main-content"}), status=409)
    text = "The role is yours from now on. Switch to it from your account page."
    return _done(request, await redirect(request, "/", title="Accepted", text=text))


async def show_forgotten(request: web.Request) -> web.Response:
    """Say which ways back there are, and ask for the sign-in name of who has a recovery code."""
    return await render(request, "people/forgotten.html", sent=False)


async def forgotten(request: web.Request) -> web.Response:
    """Send a link to whoever has the sign-in name; the answer is the same whether or not anybody has."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    name = text_field(form, "sign_in_name", required=False, limit=320)
    # Whether a link was made must not be told by the time that it takes either.
    answers_at = asyncio.get_running_loop().time() + FORGOTTEN_SECONDS
    await services.database.write(lambda s: people_resets.start_alone(s, context, name, services.new_token))
    await asyncio.sleep(max(0.0, answers_at - asyncio.get_running_loop().time()))
    return await render(request, "people/forgotten.html", sent=True)


async def show_reset(request: web.Request) -> web.Response:
    """Ask whoever holds a reset's link for its code."""
    return await _reset_page(request)


async def claim_reset(request: web.Request) -> web.Response:
    """Hold the code against the reset; when it is right, the browser holds the reset from now on."""
    form = await read_form(request)
    services, context, token = services_of(request), context_of(request), request.match_info["token"]
    claim = services.new_token()
    try:
        code = text_field(form, "code", required=False, limit=60)
        _need_right(await services.database.write(lambda s: resets.claim(s, context, token, code, claim)))
    except FORM_ERRORS as error:
        return await _reset_page(request, errors=errors_of(error), status=422)
    return _bound(request, "/reset", claim)


async def show_new_password(request: web.Request) -> web.Response:
    """Ask for the new password."""
    return await _password_page(request)


async def set_new_password(request: web.Request) -> web.Response:
    """Put the new password in place and go on with a sign-in."""
    form = await read_form(request)
    services, context, claim = services_of(request), context_of(request), _claim(request)
    try:

        def read(session: Session) -> tuple[ResetView, bool, list[str]]:
            found = resets.claimed(session, claim, context.now)
            two = local.always_two(
                session, found.account_id, context.now, centres_need_two=services.settings.centres_need_two
            )
            return found, two, list(local.words_about(session, found.account_id, context.now))

        _, two, about = await services.database.read(read)
        phc = await services.hasher.hash(_new_password(form, two=two, about=about))

        def write(session: Session) -> str:
            account_id = people_resets.complete(session, context, claim, phc)
            return attempts.start(session, context, account_id, [Method.PASSWORD])

        attempt = await services.database.write(write)
    except FORM_ERRORS as error:
        return await _password_page(request, errors=errors_of(error), status=422)
    return _done(request, await go_on(request, attempt))


def _need_right(wrong: Wrong | None) -> None:
    if wrong is None:
        return
    if wrong.tries_left <= 0:
        raise LinkOver
    left = f"{wrong.tries_left} more tries" if wrong.tries_left > 1 else "one more try"
    raise FieldRefused(f"That code is not right. There {'are' if wrong.tries_left > 1 else 'is'} {left}.", field="code")


def _new_password(form: MultiDictProxy[Any], *, two: bool, about: list[str]) -> str:
    """Return the password exactly as it was typed; raises ``FieldRefused``."""
    password = secret_field(form, "password")
    passwords.require_good(password, second_factor=two, context=about)
    return password


def _claim(request: web.Request) -> str:
    return link_cookie.claim_of(request, services_of(request).settings)


def _bound(request: web.Request, location: str, claim: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": location})
    link_cookie.set_on(response, services_of(request).settings, claim)
    return response


def _done(request: web.Request, response: web.Response) -> web.Response:
    link_cookie.drop_from(response, services_of(request).settings)
    return response


async def _invitation_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, token = context_of(request), request.match_info["token"]
    found, centre = await services_of(request).database.read(lambda s: people_links.invitation(s, context, token))
    return await render(
        request,
        "people/invitation.html",
        status=status,
        invitation=found,
        centre_name=centre,
        titles=ROLE_TITLES,
        token=token,
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def _accepting_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    services, context, claim = services_of(request), context_of(request), _claim(request)
    found, centre = await services.database.read(lambda s: people_links.claimed_invitation(s, context, claim))
    signed_in = request[keys.SESSION]
    two = found.role not in CENTRE_ROLES or services.settings.centres_need_two
    return await render(
        request,
        "people/accepting.html",
        status=status,
        invitation=found,
        centre_name=centre,
        titles=ROLE_TITLES,
        providers=[
            {"name": one.name, "href": f"/sign-in/provider/{one.key}?next={INVITATION_PATH}"}
            for one in services.issuers
        ],
        is_signed_in=signed_in is not None and signed_in.account_id is not None,
        shortest=passwords.SHORTEST_WITH_SECOND_FACTOR if two else passwords.SHORTEST_ALONE,
        needs_two=two,
        typed=typed_in(form, *ACCEPT_FIELDS),
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def _reset_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, token = context_of(request), request.match_info["token"]
    found = await services_of(request).database.read(lambda s: resets.looked_at(s, token, context.now))
    return await render(
        request,
        "people/reset.html",
        status=status,
        reset=found,
        token=token,
        wrong=wrong_in(errors),
        errors=errors or [],
    )


async def _password_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, claim = context_of(request), _claim(request)
    found = await services_of(request).database.read(lambda s: resets.claimed(s, claim, context.now))
    return await render(
        request, "people/new_password.html", status=status, reset=found, wrong=wrong_in(errors), errors=errors or []
    )
