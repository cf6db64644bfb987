"""One's own account: where one is signed in and as what; the password, the authenticator app, the recovery codes."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from repository import people
from repository.access import ROLE_TITLES
from repository.errors import FieldRefused, NotFound, SignInFailed, TooManyTries
from repository.sign_in import attempts, entering, local, one_time_codes, passkeys, passwords, sessions
from repository.sign_in.tables import Account
from repository.sign_in.telling import tell
from repository.web import authentication, keys
from repository.web.keys import SignedIn
from repository.web.pages import enrolling, redirect, render
from repository.web.pages.sign_in import browser_of, role_items
from repository.web.requests import actor_of, context_of, read_form, secret_field, services_of, text_field

PAGE = "/account"


async def show(request: web.Request) -> web.Response:
    """Show one's own account."""
    services, context, actor, signed_in = (
        services_of(request),
        context_of(request),
        actor_of(request),
        _session(request),
    )

    def read(session: Session) -> dict[str, Any]:
        listed = sessions.of_person(
            session, actor.person_id, signed_in.token, context.now, services.settings.session_limits
        )
        return {
            "sessions": [
                {
                    "id": one.id,
                    "device": one.device,
                    "role_title": ROLE_TITLES[one.role],
                    "started_at": one.started_at,
                    "last_used_at": one.last_used_at,
                    "is_this": one.is_this,
                }
                for one in listed
            ],
            "roles": role_items(attempts.choices(session, actor.person_id, context.now)),
            "role_now": actor.assignment_id,
            "account": _account_words(session, signed_in.account_id),
        }

    return await render(request, "account/show.html", **await services.database.read(read))


async def end_session(request: web.Request) -> web.Response:
    """End one of one's own sign-ins."""
    form = await read_form(request)
    services, context, actor = services_of(request), context_of(request), actor_of(request)
    session_id = text_field(form, "session", limit=64)
    ended = await services.database.write(lambda s: sessions.end_one(s, context, actor.person_id, session_id))
    return await redirect(request, PAGE, text="That sign-in has ended." if ended else "That sign-in had ended already.")


async def end_others(request: web.Request) -> web.Response:
    """End all of one's own sign-ins but this one."""
    await read_form(request)
    services, context, actor, signed_in = (
        services_of(request),
        context_of(request),
        actor_of(request),
        _session(request),
    )
    ended = await services.database.write(lambda s: sessions.end_others(s, context, actor.person_id, signed_in.token))
    return await redirect(request, PAGE, text=f"You were signed out elsewhere. Sign-ins ended: {ended}.")


async def switch_role(request: web.Request) -> web.Response:
    """Go on in another of one's roles, under a new session token."""
    form = await read_form(request)
    services, context, signed_in = services_of(request), context_of(request), _session(request)
    assignment_id = text_field(form, "role", limit=36)
    if assignment_id == actor_of(request).assignment_id:
        return web.Response(status=303, headers={"Location": PAGE})
    token = await services.database.write(
        lambda s: sessions.renew(s, context, signed_in.token, assignment_id=assignment_id)
    )
    response = web.Response(status=303, headers={"Location": "/"})
    authentication.set_cookie(response, services.settings, token)
    return response


async def show_password(request: web.Request) -> web.Response:
    """Show the form for a new password."""
    return await _show_password(request)


async def change_password(request: web.Request) -> web.Response:
    """Take a new password, with the old one; all other sign-ins end, and this one goes on under a new token."""
    form = await read_form(request)
    services, context, actor = services_of(request), context_of(request), actor_of(request)
    signed_in, account_id = _session(request), _account_of(request)
    now, new = secret_field(form, "password"), secret_field(form, "new_password")

    def read(session: Session) -> tuple[local.Credential | None, bool, list[str]]:
        credential = local.credential_of(session, account_id)
        if credential is None:
            return None, False, []
        two = local.always_two(session, account_id, context.now, centres_need_two=services.settings.centres_need_two)
        return credential, two, list(local.words_about(session, account_id, context.now))

    credential, two, words = await services.database.read(read)
    if credential is None:
        raise NotFound
    try:
        await entering.check_password(services, context, credential.name, now, browser_of(request))
        if new == now:
            raise FieldRefused("The new password is the one you have now.", field="new_password")
        passwords.require_good(new, second_factor=two, context=words, field="new_password")
    except (SignInFailed, TooManyTries) as error:
        text = error.detail if isinstance(error, TooManyTries) else "That is not your password now."
        status = 429 if isinstance(error, TooManyTries) else 422
        return await _show_password(request, status, errors=[{"text": text, "href": "#password"}])
    except FieldRefused as error:
        return await _show_password(request, 422, errors=[{"text": error.detail, "href": "#new_password"}])
    phc = await services.hasher.hash(new)

    def write(session: Session) -> str:
        local.set_password(session, context, account_id, phc)
        sessions.end_others(session, context, actor.person_id, signed_in.token)
        tell(session, context, actor.person_id, "The password of your account was changed.")
        return sessions.renew(session, context, signed_in.token)

    return await _renewed(request, await services.database.write(write), "Your password is changed.")


async def show_app(request: web.Request) -> web.Response:
    """Show how to set up an authenticator app, or another in place of the one there is."""
    return await enrolling.show(request, _account_of(request), await _place(request))


async def submit_app(request: web.Request) -> web.Response:
    """Take the app's first code; it counts from now on, with new recovery codes, and other sign-ins end."""
    form = await read_form(request)
    context, actor, signed_in = context_of(request), actor_of(request), _session(request)

    def enrolled(session: Session) -> None:
        sessions.end_others(session, context, actor.person_id, signed_in.token)
        tell(session, context, actor.person_id, "An authenticator app was set up for your account.")

    return await enrolling.submit(request, form, _account_of(request), await _place(request), enrolled, PAGE)


async def show_recovery_codes(request: web.Request) -> web.Response:
    """Ask before new recovery codes are made."""
    _account_of(request)
    return await render(request, "account/recovery_codes.html")


async def make_recovery_codes(request: web.Request) -> web.Response:
    """Make new recovery codes in place of the old ones, and show them once."""
    await read_form(request)
    services, context, account_id = services_of(request), context_of(request), _account_of(request)
    actor = actor_of(request)

    def write(session: Session) -> list[str]:
        if not one_time_codes.is_enrolled(session, account_id):
            raise NotFound
        tell(session, context, actor.person_id, "New recovery codes were made for your account.")
        return one_time_codes.make_recovery_codes(session, context, account_id, enrolling.random_bytes())

    codes = await services.database.write(write)
    return await render(request, "sign_in/recovery_codes.html", codes=codes, next_href=PAGE)


def _session(request: web.Request) -> SignedIn:
    signed_in = request[keys.SESSION]
    if signed_in is None:
        raise NotFound
    return signed_in


def _account_of(request: web.Request) -> str:
    """Return the account signed in with; raises ``NotFound`` for a development sign-in, which has none."""
    account_id = _session(request).account_id
    if account_id is None:
        raise NotFound
    return account_id


async def _place(request: web.Request) -> tuple[str, ...]:
    """Return where an app is being enrolled: another secret once one has been, in the same session too."""
    account_id = _account_of(request)
    last = await services_of(request).database.read(lambda s: one_time_codes.mark_of(s, account_id))
    return "session", _session(request).token, last


def _account_words(session: Session, account_id: str | None) -> dict[str, object] | None:
    if account_id is None:
        return None
    account = session.get_one(Account, account_id)
    return {
        "name": account.subject,
        "has_password": local.credential_of(session, account_id) is not None,
        "passkeys": passkeys.count(session, account_id),
        "has_app": one_time_codes.is_enrolled(session, account_id),
        "recovery_codes_left": one_time_codes.recovery_codes_left(session, account_id),
    }


async def _show_password(request: web.Request, status: int = 200, **context: object) -> web.Response:
    services, now, account_id = services_of(request), context_of(request).now, _account_of(request)

    def read(session: Session) -> tuple[str, bool]:
        credential = local.credential_of(session, account_id)
        if credential is None:
            raise NotFound
        two = local.always_two(session, account_id, now, centres_need_two=services.settings.centres_need_two)
        return credential.name, two

    name, two = await services.database.read(read)
    shortest = passwords.SHORTEST_WITH_SECOND_FACTOR if two else passwords.SHORTEST_ALONE
    page: dict[str, object] = {"shortest": shortest, "sign_in_name": name, "errors": []}
    return await render(request, "account/password.html", status=status, **(page | context))


async def _renewed(request: web.Request, token: str, text: str) -> web.Response:
    services = services_of(request)
    notice = {"kind": "success", "title": "Success", "text": text}
    await services.database.write(lambda s: people.set_notice(s, token, notice))
    response = web.Response(status=303, headers={"Location": PAGE})
    authentication.set_cookie(response, services.settings, token)
    return response
