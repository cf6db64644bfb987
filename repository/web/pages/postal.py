"""Pages of samples that are posted, or seen at a visit: parcels, what was found in each, the day of the visit."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from moderation.entries import SubmissionMode
from moderation.tracking import STATE_WORDS, Finding
from repository.access import Action, scope_of
from repository.acts import parcels, postal
from repository.errors import FieldRefused
from repository.tables import new_id
from repository.web.api.parcels import posting_of
from repository.web.forms import FORM_ERRORS, errors_of, typed_in
from repository.web.pages import redirect, render
from repository.web.pages.samples import FINDING_NOTE_LIMIT, STATE_COLOURS, finding_field
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

PARCEL_WORDS = {
    "": "Posted",
    "label_issued": "To pack",
    "packed": "Packed, not posted yet",
    "logged": "Posted",
    "collected": "Posted",
    "in_transit": "With the carrier",
    "received": "With the moderator, not opened yet",
    "opened": "Opened",
    "reconciled": "Opened, all accounted for",
    "closed": "Opened, all accounted for",
}
"""What a parcel's state is called. A parcel from before parcels had labels has none: it was recorded as posted."""
PARCEL_COLOURS = {"label_issued": "grey", "packed": "yellow", "received": "light-blue", "opened": "green"}
EVENT_WORDS = {
    "label_issued": "Label made",
    "packed": "Packed and counted",
    "collected": "Handed to the post",
    "in_transit": "On its way",
    "received": "Arrived",
    "opened": "Opened and counted",
    "damaged": "Noted as damaged",
    "opened_in_transit": "Noted as opened on the way",
    "wrong_component": "Noted as work of another component",
    "misrouted": "Arrived at the wrong place",
    "lost": "Noted as lost",
}
CASE_WORDS = {
    "register_present_no_script": "Not in the parcel when it was opened",
    "packet_count_over": "In the parcel, but not on its list",
    "damaged": "The parcel was damaged",
    "opened_in_transit": "The parcel was opened on its way",
    "duplicate_label": "The label was seen at two places",
    "misrouted": "The parcel went to the wrong place",
    "lost": "The parcel is lost",
    "wrong_component": "Work of another component is inside",
    "packet_overdue": "The parcel is overdue",
}


async def show_post(request: web.Request) -> web.Response:
    """Show what goes into the parcel, and the parcels so far."""
    return await _post_page(request)


async def pack(request: web.Request) -> web.Response:
    """Pack works as the next parcel of a sample, or change what is in one that was not posted yet."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    packet_id = request.match_info.get("packet_id")
    try:
        items = [str(item) for item in form.getall("items", [])]
        await services_of(request).database.write(lambda s: parcels.pack(s, context, case_id, items, packet_id))
    except FORM_ERRORS as error:
        return await _post_page(request, errors=errors_of(error), status=422)
    text = "Print its label and put it on the parcel, beside the address label that you were sent. Then take it to the post."
    return await redirect(request, f"/cases/{case_id}/post", title="Parcel packed", text=text)


async def label(request: web.Request) -> web.Response:
    """Send the label of a parcel to print."""
    context, case_id, packet_id = context_of(request), request.match_info["case_id"], request.match_info["packet_id"]
    database = services_of(request).database
    pdf = await database.write(lambda s: parcels.label_pdf(s, context, case_id, packet_id))
    return _printed(pdf, "label.pdf")


async def covers(request: web.Request) -> web.Response:
    """Send the cover sheets of the works in a parcel to print."""
    context, case_id, packet_id = context_of(request), request.match_info["case_id"], request.match_info["packet_id"]
    database = services_of(request).database
    pdf = await database.read(lambda s: parcels.covers_pdf(s, context, case_id, packet_id))
    return _printed(pdf, "covers.pdf")


def _printed(pdf: bytes, name: str) -> web.Response:
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return web.Response(body=pdf, content_type="application/pdf", headers=headers)


async def despatch(request: web.Request) -> web.Response:
    """Record a parcel handed to the post."""
    form = await read_form(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    services = services_of(request)
    try:
        packet_id, posting = text_field(form, "packet", limit=36), posting_of(form)
        await services.database.write(
            lambda s: postal.despatch(s, context, services.signer, case_id, posting, packet_id=packet_id)
        )
    except FORM_ERRORS as error:
        return await _post_page(request, errors=errors_of(error), status=422, form=form)
    link = ("Your receipts", f"/cases/{case_id}/receipts")
    text = "Keep the certificate of posting until results. The moderator will confirm what arrived."
    return await redirect(request, f"/cases/{case_id}/post", title="Parcel posted", text=text, link=link)


async def show_arrivals(request: web.Request) -> web.Response:
    """Show the parcels that are on their way to a moderator, and one field for the label of one that is here."""
    return await _arrivals_page(request)


async def arrived(request: web.Request) -> web.Response:
    """Record that the parcel whose label was scanned or typed is with the moderator."""
    form = await read_form(request)
    context = context_of(request)
    try:
        code, event_id = text_field(form, "label", limit=100), text_field(form, "event_id", limit=54)
        case_id = await services_of(request).database.write(lambda s: parcels.arrived(s, context, code, event_id))
    except FORM_ERRORS as error:
        return await _arrivals_page(request, errors=errors_of(error), status=422, typed=str(form.get("label", "")))
    text = "The centre can see that it arrived. When you open it, say for every work what you found."
    return await redirect(request, f"/marking/{case_id}#parcels", title="Parcel with you", text=text)


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


async def _arrivals_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200, typed: str = ""
) -> web.Response:
    context = context_of(request)
    waiting = await services_of(request).database.read(lambda s: parcels.on_their_way(s, context))
    return await render(
        request,
        "samples/arrivals.html",
        status=status,
        waiting=waiting,
        event_id=new_id(),
        typed=typed,
        parcel_words=PARCEL_WORDS,
        parcel_colours=PARCEL_COLOURS,
        errors=errors or [],
    )


async def _post_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    form: MultiDictProxy[Any] | None = None,
) -> web.Response:
    context, case_id, actor = context_of(request), request.match_info["case_id"], actor_of(request)
    page = await services_of(request).database.read(lambda s: postal.page(s, context, case_id))
    is_posted = page.case.submission_mode is not SubmissionMode.UPLOAD
    may_despatch = page.is_open and is_posted and scope_of(actor, Action.CONSIGNMENT_DESPATCH) is not None
    return await render(
        request,
        "samples/post.html",
        status=status,
        page=page,
        may_despatch=may_despatch,
        may_print=scope_of(actor, Action.CONSIGNMENT_DESPATCH) is not None,
        may_read_requests=scope_of(actor, Action.REQUESTS_READ) is not None,
        may_read_custody=scope_of(actor, Action.SITTING_READ) is not None,
        state_words=STATE_WORDS,
        state_colours=STATE_COLOURS,
        parcel_words=PARCEL_WORDS,
        parcel_colours=PARCEL_COLOURS,
        event_words=EVENT_WORDS,
        case_words=CASE_WORDS,
        typed=typed_in(form, "packet", "sealed_by", "witnessed_by", "proof_of_posting_number", "tracking_number"),
        errors=errors or [],
    )
