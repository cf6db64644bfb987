"""Notification contacts: a centre's offices that notices go to; exams officers keep them, officers read them."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from repository.acts import people_contacts
from repository.contacts import NoticeKind
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

KIND_WORDS = {
    NoticeKind.DEADLINES: "Deadlines and reminders",
    NoticeKind.SAMPLES: "Samples asked for",
    NoticeKind.RECEIPTS: "Receipts",
    NoticeKind.RESULTS: "Outcomes and results",
    NoticeKind.SECURITY: "Security of accounts",
}
MAIL_OFF = "No mail leaves this service, so the code was not sent. Ask the awarding body."


async def show(request: web.Request) -> web.Response:
    """Show the contacts of the own centre; to officers those of the centre they name."""
    return await _page(request)


async def add(request: web.Request) -> web.Response:
    """Add a contact and mail it a code."""
    form = await read_form(request)
    services, context = services_of(request), context_of(request)
    try:
        office, email = (text_field(form, one, required=False, limit=320) for one in ("office", "email"))
        kinds = _kinds(form)
        made, is_mailed = await services.database.write(
            lambda s: people_contacts.add(s, context, services.new_token, office=office, email=email, kinds=kinds)
        )
    except FORM_ERRORS as error:
        return await _page(request, form=form, errors=errors_of(error), status=422)
    text = f"A code was sent to {made.email}. Enter it here once it has arrived." if is_mailed else MAIL_OFF
    return await redirect(request, "/contacts", title="Added", text=text)


async def verify(request: web.Request) -> web.Response:
    """Take the code that was mailed."""
    form = await read_form(request)
    context, contact_id = context_of(request), request.match_info["contact_id"]
    try:
        code = text_field(form, "code", required=False, limit=40)
        wrong = await services_of(request).database.write(
            lambda s: people_contacts.verify(s, context, contact_id, code)
        )
        if wrong is not None:
            raise FieldRefused(f"That code is not right. Tries left: {wrong.tries_left}.", field="code")
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error, {"code": f"code-{contact_id}"}), status=422)
    return await redirect(
        request, "/contacts", title="Verified", text="Mail arrives there. Notices go to it from now on."
    )


async def send_again(request: web.Request) -> web.Response:
    """Mail a new code."""
    await read_form(request)
    services, context, contact_id = services_of(request), context_of(request), request.match_info["contact_id"]
    try:
        is_mailed = await services.database.write(
            lambda s: people_contacts.send_again(s, context, contact_id, services.new_token)
        )
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error, {"code": f"code-{contact_id}"}), status=422)
    text = "A new code was sent; the one before is not taken any more." if is_mailed else MAIL_OFF
    return await redirect(request, "/contacts", title="Sent", text=text)


async def change(request: web.Request) -> web.Response:
    """Say anew what a contact is written about."""
    form = await read_form(request)
    context, contact_id = context_of(request), request.match_info["contact_id"]
    try:
        kinds = _kinds(form)
        await services_of(request).database.write(lambda s: people_contacts.set_kinds(s, context, contact_id, kinds))
    except FORM_ERRORS as error:
        return await _page(request, errors=errors_of(error, {"kinds": f"kinds-{contact_id}"}), status=422)
    return await redirect(request, "/contacts", title="Saved", text="Notices go out that way from now on.")


async def remove(request: web.Request) -> web.Response:
    """Remove a contact."""
    await read_form(request)
    context, contact_id = context_of(request), request.match_info["contact_id"]
    await services_of(request).database.write(lambda s: people_contacts.remove(s, context, contact_id))
    return await redirect(request, "/contacts", title="Removed", text="Nothing goes to that address any more.")


def _kinds(form: MultiDictProxy[Any]) -> list[str]:
    return [one for one in form.getall("kinds", []) if isinstance(one, str)]


async def _page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, own = context_of(request), actor_of(request).centre_number
    centre = own or request.query.get("centre", "").strip()[:5].replace("\x00", "")
    found = await services_of(request).database.read(lambda s: people_contacts.listed(s, context, centre))
    return await render(
        request,
        "people/contacts.html",
        status=status,
        contacts=found,
        centre=centre,
        is_own=own is not None,
        kind_words=KIND_WORDS,
        kinds=[{"value": kind.value, "text": words} for kind, words in KIND_WORDS.items()],
        chosen=_kinds(form) if form is not None else [],
        typed=typed_in(form, "office", "email"),
        wrong=wrong_in(errors),
        errors=errors or [],
    )
