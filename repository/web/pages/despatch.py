"""Pages of despatch: the log that a phone keeps without a signal, the log as the service has it, and the paper log."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from functools import partial

from aiohttp import web
from multidict import MultiDictProxy

from repository.acts import custody_pictures, reading
from repository.acts import despatch as acts
from repository.acts.custody_pictures import Picture, Sending
from repository.acts.despatch import LoggedEntry
from repository.custody_evidence import EVIDENCE_WORDS, EvidenceKind
from repository.errors import FieldRefused, NotFound, PictureRefused
from repository.tables import new_id
from repository.web import content, headers, hosts, keeping, keys
from repository.web.api.despatch import despatch_line
from repository.web.forms import FORM_ERRORS, errors_of, typed_in
from repository.web.keeping import KeptPage
from repository.web.pages import LONDON, redirect, render
from repository.web.pages.sittings import COLLECTION_WORDS, sitting_page
from repository.web.requests import context_of, read_form, services_of, text_field
from scripts.despatch_log import Booking, Entry, EntryKind

READER = ("build/zxing/reader/index.js", "build/zxing/reader/zxing_reader.wasm", "build/zxing/share.js")
"""The reader of barcodes, for phones that have none of their own."""
PHONE = KeptPage("despatch", "/despatch", "/despatch", ("despatch/page.js",), READER, ("despatch/phone.html",))
KIND_WORDS = {
    EntryKind.SEALED: "Sealed",
    EntryKind.HANDED_OVER: "Handed over",
    EntryKind.BOOKED: "Collection booked",
}
REFUSALS = (*FORM_ERRORS, PictureRefused)


async def phone(request: web.Request) -> web.Response:
    """Show the page that a phone keeps: nothing of any person or candidate is on it, so that it may be kept."""
    response = await render(
        request, "despatch/phone.html", actor=None, navigation=[], csrf_token="", now=None, notice=None, languages=()
    )
    origin = hosts.content_origin(request)
    response.headers["Content-Security-Policy"] = headers.phone_policy(request[keys.NONCE], origin)
    response.headers["Permissions-Policy"] = headers.PHONE_FEATURES
    return response


async def worker(request: web.Request) -> web.Response:
    """Answer the service worker of the phone's page."""
    return await keeping.worker(request, PHONE)


async def log(request: web.Request) -> web.Response:
    """Show the centre's log of a day as the service has it."""
    return await _log_page(request)


async def book(request: web.Request) -> web.Response:
    """Note a collection that was booked."""
    form, context = await read_form(request), context_of(request)
    try:
        reference = text_field(form, "booking_reference", limit=40)
        at = _instant(form)
        entry = Entry(new_id(), context.now, Booking(at, reference, text_field(form, "remarks", required=False)))
        services = services_of(request)
        await services.database.write(
            lambda s: acts.record(s, context, services.signer, entry, context.now, "desk", "page")
        )
    except FORM_ERRORS as error:
        return await _log_page(request, form=form, errors=errors_of(error), status=422)
    return await redirect(
        request, "/despatch-log", text="The booking is in the log, and on every phone from its next look."
    )


def _instant(form: MultiDictProxy[str]) -> datetime:
    try:
        said = text_field(form, "collection_at", limit=30)
        return datetime.fromisoformat(said).replace(tzinfo=LONDON)
    except ValueError as error:
        raise FieldRefused("Enter the day and the time of the collection.", field="collection_at") from error


async def add_paper(request: web.Request) -> web.Response:
    """Add a photograph of the signed paper log, or of a proof of posting, to an entry."""
    form, entry_id = await read_form(request), request.match_info["entry_id"]
    try:
        field = form.get("picture")
        if not isinstance(field, web.FileField) or not field.filename:
            raise FieldRefused("Choose the photograph.", field=f"picture-{entry_id}")
        sending = Sending(new_id(), entry_id, EvidenceKind(text_field(form, "kind", limit=20)))
        data = await asyncio.to_thread(field.file.read)
        await custody_pictures.take(services_of(request), context_of(request), sending, data)
    except ValueError as error:
        raise NotFound from error
    except REFUSALS as error:
        return await _log_page(request, errors=errors_of(error), status=422)
    return await redirect(request, "/despatch-log", text="The photograph is with the entry.")


async def paper(request: web.Request) -> web.Response:
    """Answer the paper log of a day to print: what is known, and empty lines to write on; or a blank one."""
    context, services = context_of(request), services_of(request)
    day = _day(request)
    found = await services.database.read(lambda s: acts.plan(s, context))
    entries = () if "blank" in request.query else await services.database.read(lambda s: acts.log(s, context, day))
    sheet = acts.paper_sheet(found, entries, day, services.settings.despatch_helpdesk, blank="blank" in request.query)
    from scripts import despatch_sheet  # a PDF library that few requests need

    pdf = await asyncio.to_thread(despatch_sheet.log_pdf, sheet)
    name = f"despatch-log-{day.isoformat()}.pdf"
    return web.Response(
        body=pdf, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


async def despatch(request: web.Request) -> web.Response:
    """Record the packets that were handed over, from the page of their sitting."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        lines = [
            (new_id(), despatch_line(dict(form), {"label": label, "script_count": str(form.get(f"count-{label}", ""))}))
            for label in map(str, form.getall("labels", []))
        ]
        if not lines:
            raise FieldRefused("Tick the packets that were handed over.", field="labels")
        services = services_of(request)
        receipt_id = await services.database.write(
            lambda s: acts.despatch(s, context, services.signer, sitting_id, lines)
        )
    except FORM_ERRORS as error:
        return await sitting_page(request, errors=errors_of(error), status=422, form=form)
    text = "The despatch is in the log. The state of each packet changes when it is scanned on arrival."
    link = ("Open the receipt", f"/receipts/{receipt_id}")
    return await redirect(request, f"/sittings/{sitting_id}", title="Despatch recorded", text=text, link=link)


async def picture(request: web.Request) -> web.Response:
    """Answer a picture of custody: our own drawing of what was sent."""
    services, context, number = services_of(request), context_of(request), request.match_info["number"]
    evidence_id = request.match_info["evidence_id"]
    found: Picture = await services.database.write(lambda s: custody_pictures.picture(s, context, evidence_id))
    if number != "1":
        raise NotFound
    pieces = [piece async for piece in reading.pieces(services, context, found.document_id, found.stored)]
    return web.Response(body=b"".join(pieces), content_type=found.media_type)


def _day(request: web.Request) -> date:
    today = context_of(request).now.astimezone(LONDON).date()
    try:
        return date.fromisoformat(request.query["day"]) if "day" in request.query else today
    except ValueError:
        return today


async def _log_page(
    request: web.Request,
    *,
    form: MultiDictProxy[str] | None = None,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    context, services, day = context_of(request), services_of(request), _day(request)
    entries: tuple[LoggedEntry, ...] = await services.database.read(lambda s: acts.log(s, context, day))
    found = await services.database.read(lambda s: acts.plan(s, context))
    return await render(
        request,
        "despatch/log.html",
        status=status,
        day=day,
        today=context.now.astimezone(LONDON).date(),
        plan=found,
        entries=entries,
        kinds=KIND_WORDS,
        collections=COLLECTION_WORDS,
        pictures=EVIDENCE_WORDS,
        address=partial(content.address, request),
        booked_at=lambda row: datetime.fromisoformat(row.details["collection_at"]),
        helpdesk=services.settings.despatch_helpdesk,
        typed=typed_in(form, "booking_reference", "collection_at", "remarks"),
        errors=errors or [],
    )
