"""Pages of samples that are posted, or seen at a visit: parcels, what was found in each, the day of the visit."""

from __future__ import annotations

from datetime import date

from aiohttp import web

from moderation.tracking import STATE_WORDS, Finding
from repository.access import Action, scope_of
from repository.acts import postal
from repository.errors import FieldRefused
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.pages.samples import FINDING_NOTE_LIMIT, STATE_COLOURS, finding_field
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field


async def show_post(request: web.Request) -> web.Response:
    """Show what goes into the parcel, and the parcels so far."""
    return await _post_page(request)


async def despatch(request: web.Request) -> web.Response:
    """Record a parcel handed to the post."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        number = text_field(form, "proof_of_posting_number", limit=40)
        items = [str(item) for item in form.getall("items", [])]
        services = services_of(request)
        await services.database.write(lambda s: postal.despatch(s, context, services.signer, case_id, number, items))
    except FORM_ERRORS as error:
        return await _post_page(request, errors=errors_of(error), status=422)
    link = ("Your receipts", f"/cases/{case_id}/receipts")
    text = "Keep the certificate of posting until results. The moderator will confirm what arrived."
    return await redirect(request, f"/cases/{case_id}/post", title="Parcel recorded", text=text, link=link)


async def receive(request: web.Request) -> web.Response:
    """Record what the moderator found in a parcel."""
    form = await read_form(request)
    context, consignment_id = context_of(request), request.match_info["consignment_id"]
    findings: dict[str, tuple[Finding, str]] = {}
    for name in form:
        if name.startswith("finding-"):
            item_id = name.removeprefix("finding-")
            note = text_field(form, f"note-{item_id}", required=False, limit=FINDING_NOTE_LIMIT)
            findings[item_id] = (finding_field(str(form[name])), note)
    case_id = await services_of(request).database.write(
        lambda s: postal.receive(s, context, consignment_id, findings=findings)
    )
    return await redirect(request, f"/marking/{case_id}", text="What arrived was recorded. The centre can see it.")


async def book_visit(request: web.Request) -> web.Response:
    """Book the moderator's visit."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    try:
        try:
            visit_on = date.fromisoformat(text_field(form, "visit_on", limit=10))
        except ValueError as error:
            raise FieldRefused("Enter the day of the visit, such as 2026-05-20.", field="visit_on") from error
        await services_of(request).database.write(lambda s: postal.book_visit(s, context, case_id, visit_on))
    except FORM_ERRORS as error:
        return await _post_page(request, errors=errors_of(error), status=422)
    return await redirect(request, f"/cases/{case_id}/post", text="The visit was booked.")


async def hold_visit(request: web.Request) -> web.Response:
    """Record that the visit took place."""
    await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    await services_of(request).database.write(lambda s: postal.hold_visit(s, context, case_id))
    return await redirect(request, f"/marking/{case_id}", text="The visit was recorded.")


async def _post_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: postal.page(s, context, case_id))
    may_despatch = page.is_open and scope_of(actor_of(request), Action.CONSIGNMENT_DESPATCH) is not None
    return await render(
        request,
        "samples/post.html",
        status=status,
        page=page,
        may_despatch=may_despatch,
        may_read_requests=scope_of(actor_of(request), Action.REQUESTS_READ) is not None,
        state_words=STATE_WORDS,
        state_colours=STATE_COLOURS,
        errors=errors or [],
    )
