"""Concerns for somebody's safety: the form to raise one, and the officers' list of them."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from repository.access import Action, Role, scope_of
from repository.acts import concerns
from repository.web.forms import FORM_ERRORS, errors_of, typed_in, wrong_in
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

CONCERN_LIMIT = 4000
NOTE_LIMIT = 2000
RAISED = "Officers of the awarding body have been told. The centre has not been told by this service."


async def ask(request: web.Request) -> web.Response:
    """Show the form on which a concern is raised."""
    return await _form_page(request)


async def report(request: web.Request) -> web.Response:
    """Raise a concern about a candidate, or about no one candidate."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        number = text_field(form, "candidate_number", required=False, limit=12)
        statement = text_field(form, "concern", required=False, limit=CONCERN_LIMIT)
        await services_of(request).database.write(
            lambda s: concerns.raise_concern(s, context, case_id, number, statement)
        )
    except FORM_ERRORS as error:
        return await _form_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(request, f"/cases/{case_id}/safeguarding", title="Concern raised", text=RAISED)


async def index(request: web.Request) -> web.Response:
    """Show every concern to an officer, those that wait first."""
    return await _list_page(request)


async def take(request: web.Request) -> web.Response:
    """Take a concern on."""
    await read_form(request)
    context, concern_id = context_of(request), request.match_info["concern_id"]
    await services_of(request).database.write(lambda s: concerns.take(s, context, concern_id))
    return await redirect(
        request, "/safeguarding", title="You deal with it", text="Others see that you have taken it on."
    )


async def close(request: web.Request) -> web.Response:
    """Close a concern with a note of what was done."""
    form = await read_form(request)
    context, concern_id = context_of(request), request.match_info["concern_id"]
    ids = {"closing_note": f"note-{concern_id}"}
    try:
        note = text_field(form, "closing_note", required=False, limit=NOTE_LIMIT)
        await services_of(request).database.write(lambda s: concerns.close(s, context, concern_id, note))
    except FORM_ERRORS as error:
        return await _list_page(request, form=form, errors=errors_of(error, ids), status=422)
    return await redirect(request, "/safeguarding", title="Closed", text="What was done is kept with the concern.")


async def _form_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    case, numbers = await services_of(request).database.read(lambda s: concerns.ask(s, context, case_id))
    actor = actor_of(request)
    back = f"/marking/{case_id}" if actor.role in {Role.MODERATOR, Role.AB_OFFICER} else f"/checks/{case_id}"
    nobody = {"value": "", "text": "No one candidate in particular"}
    return await render(
        request,
        "safeguarding/report.html",
        status=status,
        case=case,
        back=back,
        emergency=services_of(request).settings.safeguarding_words,
        candidates=[nobody, *({"value": number, "text": f"Candidate {number}"} for number in numbers)],
        typed=typed_in(form, "candidate_number", "concern"),
        wrong=wrong_in(errors),
        maximum_concern=CONCERN_LIMIT,
        may_read=scope_of(actor, Action.SAFEGUARDING_READ) is not None,
        errors=errors or [],
    )


async def _list_page(
    request: web.Request,
    *,
    form: MultiDictProxy[Any] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context = context_of(request)
    page = await services_of(request).database.write(lambda s: concerns.listed(s, context))
    return await render(
        request,
        "safeguarding/index.html",
        status=status,
        page=page,
        typed=typed_in(form, "closing_note"),
        wrong=wrong_in(errors),
        maximum_note=NOTE_LIMIT,
        errors=errors or [],
    )
