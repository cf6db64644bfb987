"""Pages of a sample: what to send and why, the files, submitting, the receipt; parcels and visits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date

from aiohttp import BodyPartReader, web

from moderation.slots import WORK_SLOT
from repository import receiving
from repository.access import Action, scope_of
from repository.acts import postal, receipts, samples
from repository.documents import MEDIA_TYPES, STATE_WORDS
from repository.errors import FieldRefused, RequestMalformed
from repository.records import NewUpload
from repository.uploads import read_filename
from repository.web import authentication, keys
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, read_form, services_of, text_field

ACCEPT = ",".join(f".{extension}" for extensions in MEDIA_TYPES.values() for extension in extensions)
FALLBACK_LIMIT_BYTES = 200 * 1024 * 1024
FIELD_LIMIT_BYTES = 300


async def show(request: web.Request) -> web.Response:
    """Show whose work is asked for, why, and what is in."""
    return await _sample_page(request)


async def submit(request: web.Request) -> web.Response:
    """Submit the sample, once and for all."""
    form = await read_form(request)
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]
    try:
        if "declaration" not in form:
            raise FieldRefused("Tick the declaration to submit the sample.", field="declaration")
        receipt_id = await services.database.write(lambda s: samples.submit(s, context, services.signer, case_id))
    except FORM_ERRORS as error:
        return await _sample_page(request, errors=errors_of(error), status=422)
    return await redirect(request, f"/receipts/{receipt_id}")


async def explain(request: web.Request) -> web.Response:
    """Say why a candidate has no work."""
    form = await read_form(request)
    context, item_id = context_of(request), request.match_info["item_id"]
    reason = text_field(form, "reason", limit=150)
    case_id = await services_of(request).database.write(lambda s: samples.explain(s, context, item_id, reason))
    return await redirect(request, f"/cases/{case_id}/sample", text="The reason was saved.")


async def add_files(request: web.Request) -> web.Response:
    """Take files from a plain form, for browsers without scripts: the same receiving as resumable uploads."""
    case_id, services = request.match_info["case_id"], services_of(request)
    if not request.content_type.startswith("multipart/"):
        raise RequestMalformed("Choose the files on the page and send the form.")
    reader = await request.multipart()
    fields: dict[str, str] = {}
    taken = 0
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise RequestMalformed("The form could not be read.")
        if part.filename:
            authentication.check_csrf(request, fields.get("csrf_token"))
            await _take(request, fields, part)
            taken += 1
        elif part.name:
            fields[part.name] = (await part.read(decode=True))[:FIELD_LIMIT_BYTES].decode("utf-8", "replace")
    authentication.check_csrf(request, fields.get("csrf_token"))
    if not taken:
        return await _sample_page(request, errors=[{"text": "Choose a file.", "href": "#main-content"}], status=422)
    services.bell.ring()
    text = "The files have arrived and are being checked. Load this page again to see the result."
    return await redirect(request, f"/cases/{case_id}/sample", title="Files sent", text=text, kind="important")


async def _take(request: web.Request, fields: dict[str, str], part: BodyPartReader) -> None:
    # The length must be known before the object's key can be made, so a plain form's file is read first, bounded.
    body = bytearray()
    while chunk := await part.read_chunk(256 * 1024):
        body += chunk
        if len(body) > FALLBACK_LIMIT_BYTES:
            raise FieldRefused(
                "This file is too large to send without scripts; turn scripts on in the browser.", field="file"
            )
    asked = NewUpload(
        fields.get("item", ""),
        fields.get("slot") or WORK_SLOT,
        read_filename(part.filename or ""),
        None,
        None,
        len(body),
    )
    services, context = services_of(request), context_of(request)
    made = await receiving.open_upload(services, context, asked)

    async def whole() -> AsyncIterator[bytes]:
        yield bytes(body)

    await request.app[keys.RECEIVER].append(
        context,
        made.stands.oid,
        made.token,
        0,
        whole(),
        length_bytes=len(body),
        checksum=None,
        give_way=lambda: None,
        created=made.stands,
    )


async def _sample_page(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]
    page = await services.database.read(lambda s: samples.page(s, context, case_id))
    actor = actor_of(request)
    may_view = scope_of(actor, Action.DOCUMENT_VIEW) is not None
    may_upload = page.is_open and scope_of(actor, Action.UPLOAD_CREATE) is not None
    rows = [
        {
            "id": one.item.item_id,
            "candidate_number": one.item.candidate_number,
            "candidate_name": f"{one.item.surname}, {one.item.forenames}",
            "reason": one.item.explanation,
            "complete": one.is_complete,
            "upload_href": f"/cases/{case_id}/sample/files",
            "slots": [{"key": WORK_SLOT, "title": "Work"}],
            "documents": [
                {
                    "filename": document.filename,
                    "size_bytes": document.size_bytes,
                    "state": document.state,
                    "state_words": STATE_WORDS[document.state],
                    "reason": " ".join(filter(None, (document.reason, document.remedy))),
                    "href": f"/documents/{document.document_id}" if may_view and document.state == "released" else None,
                    "remove_href": f"/documents/{document.document_id}/withdraw" if may_upload else None,
                    "slot_title": "Work",
                }
                for document in one.documents
            ],
            "no_work_reason": one.item.no_work_reason,
        }
        for one in page.items
    ]
    return await render(
        request,
        "samples/show.html",
        status=status,
        page=page,
        rows=rows,
        accept=ACCEPT,
        maximum_bytes=services.settings.upload_limit_bytes,
        may_upload=may_upload,
        may_submit=page.is_open and scope_of(actor, Action.SAMPLE_SUBMIT) is not None,
        errors=errors or [],
    )


async def show_receipt(request: web.Request) -> web.Response:
    """Show a receipt for people, with all that is needed to verify it."""
    services, context, receipt_id = services_of(request), context_of(request), request.match_info["receipt_id"]
    found = await services.database.read(lambda s: receipts.read(s, context, receipt_id))
    return await render(request, "samples/receipt.html", receipt=found, public_key=services.signer.public_key_hex)


async def download_receipt(request: web.Request) -> web.Response:
    """Answer a receipt as a file."""
    services, context, receipt_id = services_of(request), context_of(request), request.match_info["receipt_id"]
    found = await services.database.read(lambda s: receipts.read(s, context, receipt_id))
    content = {
        "signed_text": found.body.decode("ascii"),
        "signature": found.signature_hex,
        "public_key": services.signer.public_key_hex,
    }
    return web.Response(
        text=json.dumps(content, indent=1),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="receipt-{found.receipt_id}.json"'},
    )


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
        await services_of(request).database.write(lambda s: postal.despatch(s, context, case_id, number, items))
    except FORM_ERRORS as error:
        return await _post_page(request, errors=errors_of(error), status=422)
    text = "Keep the certificate of posting until results. The moderator will confirm what arrived."
    return await redirect(request, f"/cases/{case_id}/post", title="Parcel recorded", text=text)


async def receive(request: web.Request) -> web.Response:
    """Record what the moderator found in a parcel."""
    form = await read_form(request)
    context, consignment_id = context_of(request), request.match_info["consignment_id"]
    received = [str(item) for item in form.getall("received", [])]
    discrepancy = text_field(form, "discrepancy", required=False)
    case_id = await services_of(request).database.write(
        lambda s: postal.receive(s, context, consignment_id, received, discrepancy)
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
        request, "samples/post.html", status=status, page=page, may_despatch=may_despatch, errors=errors or []
    )
