"""Pages of a sample: what to send and why, the files, where each work stands, submitting, the receipt."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from aiohttp import BodyPartReader, web

from moderation.slots import COHORT_SLOT, WORK_SLOT, Slot, SlotScope, required_slots, slots_of
from moderation.tracking import LOSS_WORDS, MISSING_WORDS, STATE_WORDS, Finding, LossReason, MissingCode
from repository import places, receiving, records
from repository.access import Action, scope_of
from repository.acts import previews, samples, unfinished
from repository.acts.samples import ItemPage, SamplePage
from repository.acts.unfinished import Unfinished
from repository.documents import MEDIA_TYPES, DocumentState
from repository.documents import STATE_WORDS as DOCUMENT_WORDS
from repository.errors import FieldRefused, FileTooLarge, RequestMalformed, SlotTypeRefused, SlotUnknown
from repository.evidence import AttachedDocument
from repository.records import NewUpload
from repository.uploads import candidate_prefix, read_filename
from repository.web import authentication, keys
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, limit_of, read_form, services_of, text_field, too_large

ACCEPT = ",".join(f".{extension}" for extensions in MEDIA_TYPES.values() for extension in extensions)
FALLBACK_LIMIT_BYTES = 200 * 1024 * 1024
FIELD_LIMIT_BYTES = 300
NOTE_LIMIT = 100
FINDING_NOTE_LIMIT = 300
REFUSED_FILE = (*FORM_ERRORS, FileTooLarge, SlotTypeRefused, SlotUnknown)
STATE_COLOURS = {
    "EXPECTED": "grey",
    "RECEIVED": "green",
    "LATE": "red",
    "INCOMPLETE": "yellow",
    "MISLABELLED": "orange",
    "EXPLAINED": "purple",
}


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
    """Say in a coded reason why a candidate has no work; or that it is there after all."""
    form = await read_form(request)
    services, context, item_id = services_of(request), context_of(request), request.match_info["item_id"]
    if form.get("act") == "found":
        case_id = await services.database.write(lambda s: samples.take_back(s, context, item_id))
        return await redirect(request, f"/cases/{case_id}/sample", text="The work is waited for again.")
    try:
        code, loss = missing_field(str(form.get("code", ""))), loss_field(str(form.get("loss", "")))
        note = text_field(form, "note", required=False, limit=NOTE_LIMIT)
        case_id = await services.database.write(lambda s: samples.explain(s, context, item_id, code, loss, note))
    except FORM_ERRORS as error:
        case_id = await services.database.read(lambda s: samples.case_of_item(s, context, item_id))
        ids = {name: f"{name}-{item_id}" for name in ("code", "loss", "note")}
        return await _sample_page(request, case_id, opened=item_id, errors=errors_of(error, ids), status=422)
    return await redirect(request, f"/cases/{case_id}/sample", text="The reason was saved.")


async def find(request: web.Request) -> web.Response:
    """Note what a moderator found in a work that was sent."""
    form = await read_form(request)
    context, item_id = context_of(request), request.match_info["item_id"]
    finding = finding_field(str(form.get("finding", "")))
    note = text_field(form, "note", required=False, limit=FINDING_NOTE_LIMIT)
    case_id = await services_of(request).database.write(lambda s: samples.find(s, context, item_id, finding, note))
    return await redirect(request, f"/marking/{case_id}", text="What you found was noted. The centre can see it.")


def missing_field(text: str) -> MissingCode:
    """Return why there is no work; raises ``FieldRefused`` naming the codes."""
    try:
        return MissingCode(text.upper())
    except ValueError as error:
        raise FieldRefused("Choose why there is no work: absent, no_evidence or lost.", field="code") from error


def loss_field(text: str) -> LossReason | None:
    """Return how work was lost, None for a blank; raises ``FieldRefused`` naming the codes."""
    try:
        return LossReason(text.upper()) if text else None
    except ValueError as error:
        known = ", ".join(one.value.lower() for one in LossReason)
        raise FieldRefused(f"Choose how the work was lost: {known}.", field="loss") from error


def finding_field(text: str) -> Finding:
    """Return what was found in a work; raises ``FieldRefused`` naming the words."""
    try:
        return Finding(text.upper())
    except ValueError as error:
        known = ", ".join(one.value.lower() for one in Finding)
        raise FieldRefused(f"Choose what you found: {known}.", field="finding") from error


async def add_files(request: web.Request) -> web.Response:
    """Take files from a plain form, for browsers without scripts: the same receiving as resumable uploads."""
    case_id, services = request.match_info["case_id"], services_of(request)
    if not request.content_type.startswith("multipart/"):
        raise RequestMalformed("Choose the files on the page and send the form.")
    reader = await request.multipart()
    fields: dict[str, str] = {}
    taken = 0
    try:
        async for part in reader:
            if request.content.total_bytes > limit_of(request):
                raise too_large(limit_of(request))
            if not isinstance(part, BodyPartReader):
                raise RequestMalformed("The form could not be read.")
            if part.filename:
                authentication.check_csrf(request, fields.get("csrf_token"))
                await _take(request, fields, part)
                taken += 1
            elif part.name:
                fields[part.name] = (await part.read(decode=True))[:FIELD_LIMIT_BYTES].decode("utf-8", "replace")
    except REFUSED_FILE as error:
        if taken:
            services.bell.ring()
        return await _sample_page(request, errors=errors_of(error), status=422)
    authentication.check_csrf(request, fields.get("csrf_token"))
    if not taken:
        return await _sample_page(request, errors=[{"text": "Choose a file.", "href": "#main-content"}], status=422)
    services.bell.ring()
    text = "The files have arrived and are being checked. Load this page again to see the result."
    return await redirect(request, f"/cases/{case_id}/sample", title="Files sent", text=text, kind="important")


async def _take(request: web.Request, fields: dict[str, str], part: BodyPartReader) -> None:
    services, context = services_of(request), context_of(request)
    item, case_id = fields.get("item") or None, request.match_info["case_id"]
    slot = fields.get("slot") or (WORK_SLOT if item else COHORT_SLOT)
    replaces = fields.get("replaces") or None
    asked = NewUpload(item, slot, read_filename(part.filename or ""), None, None, 0, case_id=case_id, replaces=replaces)
    limit = services.settings.upload_limit_bytes
    # Whoever is refused hears it before the file is read.
    _, place = await services.database.read(lambda s: records.place_of(s, context, asked, limit))
    body = bytearray()
    # The length must be known before the object's key can be made, so a plain form's file is read first, bounded.
    while chunk := await part.read_chunk(256 * 1024):
        body += chunk
        if request.content.total_bytes > limit_of(request):
            raise too_large(limit_of(request))
        places.check_size(place, len(body), limit)
        if len(body) > FALLBACK_LIMIT_BYTES:
            raise FieldRefused(
                "This file is too large to send without scripts; turn scripts on in the browser.", field="file"
            )
    sized = dataclasses.replace(asked, total_bytes=len(body))
    made = await receiving.open_upload(services, context, sized)

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
    request: web.Request,
    of_case: str | None = None,
    *,
    opened: str = "",
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
) -> web.Response:
    services, context = services_of(request), context_of(request)
    case_id = of_case or request.match_info["case_id"]
    page = await services.database.read(lambda s: samples.page(s, context, case_id))
    actor = actor_of(request)
    limit = services.settings.upload_limit_bytes
    may_upload = page.is_open and scope_of(actor, Action.UPLOAD_CREATE) is not None
    may_view = scope_of(actor, Action.DOCUMENT_VIEW) is not None
    uploaded = page.case.submission_mode == "UPLOAD"

    titles = {slot.slot: slot.title for slot in page.tracking.slots}
    numbers = {one.item.candidate_number for one in page.items}

    def files(documents: Iterable[AttachedDocument], number: str = "") -> list[dict[str, Any]]:
        others = numbers - {number} if number else set()
        return [document_row(one, titles, others, may_view=may_view, may_remove=may_upload) for one in documents]

    looked = None
    if uploaded and scope_of(actor, Action.SAMPLE_PREVIEW) is not None:
        looked = await services.database.read(lambda s: previews.looked(s, context, page))
    begun: Sequence[Unfinished] = ()
    if may_upload and uploaded:
        begun = await services.database.read(lambda s: unfinished.of_case(s, context, case_id))
    return await render(
        request,
        "samples/show.html",
        status=status,
        page=page,
        rows=[_row(page, one, files(one.documents, one.item.candidate_number), limit) for one in page.items],
        cohort=cohort_row(page, files(page.cohort_documents), limit) if uploaded else None,
        unfinished=begun,
        looked=looked,
        may_declare=page.is_open and scope_of(actor, Action.DECLARE) is not None and uploaded,
        accept=ACCEPT,
        maximum_bytes=limit,
        may_upload=may_upload and uploaded,
        may_submit=page.is_open and uploaded and scope_of(actor, Action.SAMPLE_SUBMIT) is not None,
        may_explain=page.is_open and scope_of(actor, Action.SAMPLE_SUBMIT) is not None,
        opened=opened,
        may_read_requests=scope_of(actor, Action.REQUESTS_READ) is not None,
        state=STATE_WORDS[page.tracking.standing.state],
        state_words=STATE_WORDS,
        state_colours=STATE_COLOURS,
        missing_words=MISSING_WORDS,
        loss_words=LOSS_WORDS,
        errors=errors or [],
    )


def slot_rows(slots: Iterable[Slot], limit: int) -> list[dict[str, Any]]:
    """Return slots as the uploader's form shows them: what each takes, and whether it must be filled."""
    return [
        {
            "key": slot.slot,
            "title": slot.title if slot.required else f"{slot.title} (optional)",
            "hint": slot.hint,
            "takes": places.words_of(slot, limit),
            "accept": ",".join(f".{extension}" for extension in places.extensions_of(slot)),
            "maximum_bytes": places.limit_of(slot, limit),
        }
        for slot in slots
    ]


def document_row(
    document: AttachedDocument, titles: dict[str, str], others: set[str], *, may_view: bool, may_remove: bool
) -> dict[str, Any]:
    """Return a file as it is listed: its state, what is wrong with it, and what may be done with it.

    Takes: ``others``, numbers of the other candidates of the sample: a name that starts with one may be misplaced.
    """
    named = candidate_prefix(document.filename)
    misplaced = f"Its name starts with {named}, another candidate. Is it in the right place?" if named in others else ""
    return {
        "filename": document.filename,
        "size_bytes": document.size_bytes,
        "state": document.state,
        "state_words": DOCUMENT_WORDS[document.state],
        "reason": " ".join(filter(None, (document.reason, document.remedy, misplaced))),
        "href": f"/documents/{document.document_id}" if may_view and document.state == "released" else None,
        "remove_href": f"/documents/{document.document_id}/withdraw" if may_remove else None,
        "change_href": f"/documents/{document.document_id}/change" if may_remove else None,
        "order_href": f"/documents/{document.document_id}/order",
        "version": document.version,
        "replaces": document.replaces if document.state is not DocumentState.RELEASED else None,
        "slot_title": titles.get(document.slot, document.slot),
        "slot": document.slot,
        "sha256": document.sha256 or "",
    }


def _row(page: SamplePage, one: ItemPage, documents: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    tracked = one.tracked
    several = len(required_slots(page.tracking.slots)) > 1
    return {
        "id": one.item.item_id,
        "candidate_number": one.item.candidate_number,
        "candidate_name": f"{one.item.surname}, {one.item.forenames}",
        "surname": one.item.surname,
        "forenames": one.item.forenames,
        "reason": one.item.explanation,
        "complete": one.is_complete,
        "state": tracked.standing.state.value,
        "state_words": STATE_WORDS[tracked.standing.state],
        "colour": STATE_COLOURS[tracked.standing.state],
        "is_late": tracked.standing.is_late,
        "missing": [slot.title for slot in tracked.missing_slots] if several else [],
        "finding": tracked.finding,
        "upload_href": f"/cases/{page.case.case_id}/sample/files",
        "slots": slot_rows(slots_of(page.tracking.slots, SlotScope.CANDIDATE), limit),
        "documents": documents,
        "no_work_reason": one.item.no_work_reason,
        "is_replaced": one.item.is_replaced,
    }


def cohort_row(page: SamplePage, documents: list[dict[str, Any]], limit: int) -> dict[str, Any] | None:
    """Return the row of the documents about the whole group; None where there is no place for any and none is there."""
    slots = slots_of(page.tracking.slots, SlotScope.COHORT)
    if not slots and not documents:
        return None
    missing = [slot.title for slot in page.tracking.missing_cohort]
    return {
        "id": page.case.case_id,
        "subject": "case",
        "heading": "The whole group",
        "candidate_number": "the whole group",
        "reason": " ".join(slot.hint for slot in slots if slot.hint),
        "state_words": "Incomplete" if missing else ("Received" if documents else "Optional"),
        "colour": "yellow" if missing else ("green" if documents else "grey"),
        "missing": missing,
        "upload_href": f"/cases/{page.case.case_id}/sample/files",
        "slots": slot_rows(slots, limit),
        "documents": documents,
    }
