"""Pages of scan bundles: sent in, followed, and their waiting pages worked with the image in front of a person."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from typing import IO
from urllib.parse import quote

from aiohttp import web

from repository.access import Action
from repository.acts import scan_queues, scan_words, sittings
from repository.bundles import staging
from repository.errors import FieldRefused
from repository.web import content, step_up
from repository.web.api.scans import announced_by, asked_by, page_index
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import context_of, read_form, services_of, text_field
from scripts.queues import DISCARD_REASONS

PIECE_BYTES = 256 * 1024
STATE_WORDS = {
    "staged": "Received",
    "reading": "Being read",
    "split": "Being sealed",
    "pushed": "Pages placed",
    "unplaced": "Sitting not known",
    "failed": "Failed",
    "discarded": "Discarded",
}
PLACE_WORDS = {
    "indexed": "In a script or a packet",
    "blank_confirmed": "Confirmed blank",
    "discarded": "Discarded",
    "queued": "Waits for a person",
}
FAILURE_WORDS = {
    "unreadable": "The file is damaged or protected. Scan the packet again and send the new file.",
    "too_many_pages": "It has more than 1,000 pages. Send it in parts; nothing of it counts.",
    "too_heavy": "Reading the file took too long. Send it in parts.",
    "store_damaged": "What was stored is not what was sent. Send the file again, and tell who runs the service.",
    "pages_not_conserved": "Pages in and pages out differ. Nothing was kept of it; tell who runs the service.",
    "not_finished": "Reading was broken off several times. Have it read again.",
    "sitting_unknown": "Nothing in the file says of which sitting it is. Choose the sitting.",
}


async def index(request: web.Request) -> web.Response:
    """List the bundles, those that need somebody first, with the form that takes one in."""
    return await _index(request)


async def _index(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, services = context_of(request), services_of(request)
    lines = await services.database.read(lambda s: scan_queues.bundles(s, context))
    waiting = await services.database.read(lambda s: scan_queues.queues(s, context))
    known = await services.database.read(lambda s: sittings.listed(s, context))
    return await render(
        request,
        "scans/index.html",
        status=status,
        lines=lines,
        queued=sum(one.pages for one in waiting),
        sittings=known,
        state_words=STATE_WORDS,
        watches_folder=services.settings.scan_folder is not None,
        failure_words=FAILURE_WORDS,
        errors=errors or [],
    )


async def take_bundle(request: web.Request) -> web.Response:
    """Take in a scanned bundle that somebody chose on their computer."""
    form, context = await read_form(request), context_of(request)
    field = form.get("bundle")
    try:
        if not isinstance(field, web.FileField) or not field.filename:
            raise FieldRefused("Choose the scanned file.", field="bundle")
        size_bytes = await asyncio.to_thread(field.file.seek, 0, os.SEEK_END)
        await asyncio.to_thread(field.file.seek, 0)
        values = {name: value for name, value in form.items() if isinstance(value, str)}
        announced = announced_by(values | {"filename": field.filename[:255]}, size_bytes, source="upload")
        taken = await staging.take(services_of(request), context, announced, _pieces(field.file))
    except FORM_ERRORS as error:
        return await _index(request, errors=errors_of(error), status=422)
    if taken.repeat:
        text = "This file had come before. It was not stored a second time; this is where it stands."
        return await redirect(
            request, f"/scans/{taken.bundle_id}", title="Received before", text=text, kind="important"
        )
    text = "The file is stored, encrypted. Its pages are read in the background; this page says how far it is."
    return await redirect(request, f"/scans/{taken.bundle_id}", title="Bundle received", text=text)


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


async def show(request: web.Request) -> web.Response:
    """Show one bundle: where it stands, and where each of its pages is."""
    return await _bundle(request)


async def _bundle(
    request: web.Request, *, errors: list[dict[str, str]] | None = None, status: int = 200
) -> web.Response:
    context, bundle_id = context_of(request), request.match_info["bundle_id"]
    page = await services_of(request).database.read(lambda s: scan_queues.bundle(s, context, bundle_id))
    return await render(
        request,
        "scans/bundle.html",
        status=status,
        page=page,
        state_words=STATE_WORDS,
        place_words=PLACE_WORDS,
        reason_words=scan_words.REASON_WORDS,
        discard_words=scan_words.DISCARD_WORDS,
        decision_words=scan_words.DECISION_WORDS,
        failure_words=FAILURE_WORDS,
        errors=errors or [],
    )


async def retry(request: web.Request) -> web.Response:
    """Have a bundle read again, or say of which sitting it is."""
    form, context, bundle_id = await read_form(request), context_of(request), request.match_info["bundle_id"]
    services = services_of(request)
    try:
        sitting_id = text_field(form, "sitting", required=False, limit=36) or None
        await services.database.write(lambda s: staging.retry(s, context, bundle_id, sitting_id))
    except FORM_ERRORS as error:
        return await _bundle(request, errors=errors_of(error), status=422)
    services.bell.ring()
    return await redirect(request, f"/scans/{bundle_id}", text="The bundle is read again.")


async def discard(request: web.Request) -> web.Response:
    """Drop a bundle of which nothing counts."""
    await read_form(request)
    context, bundle_id = context_of(request), request.match_info["bundle_id"]
    try:
        await staging.discard(services_of(request), context, bundle_id)
    except FORM_ERRORS as error:
        return await _bundle(request, errors=errors_of(error), status=422)
    return await redirect(
        request, "/scans", text="The bundle was discarded: its file is destroyed. Nothing of it counted."
    )


async def queues(request: web.Request) -> web.Response:
    """List what waits for a person, by reason."""
    context = context_of(request)
    waiting, awaited, held = await services_of(request).database.read(
        lambda s: (scan_queues.queues(s, context), scan_queues.awaited(s, context), scan_queues.held(s, context))
    )
    return await render(
        request,
        "scans/queues.html",
        waiting=waiting,
        awaited=awaited,
        held=held,
        reason_words=scan_words.REASON_WORDS,
        errors=[],
    )


async def take_next(request: web.Request) -> web.Response:
    """Take up the next page that waits, and open it."""
    form = await read_form(request)
    return await _on(request, text_field(form, "queue", required=False, limit=40))


async def _on(request: web.Request, reason: str) -> web.Response:
    """Take up what waits next for this person, and lead there."""
    context = context_of(request)
    taken = await services_of(request).database.write(lambda s: scan_queues.take_next(s, context, reason=reason))
    if taken is None:
        return await redirect(request, "/scan-queues", text="Nothing waits here for you now.")
    bundle_id, number = taken
    return _lead(f"/scan-queues/{bundle_id}/{number}" + (f"?queue={quote(reason)}" if reason else ""))


def _lead(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


async def show_page(request: web.Request) -> web.Response:
    """Show one page that waits, with what may be done."""
    step_up.require_proof(request, Action.SCRIPT_IMAGE)
    return await _work_page(request)


async def _work_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    typed: dict[str, str] | None = None,
) -> web.Response:
    context, bundle_id, index = context_of(request), request.match_info["bundle_id"], page_index(request)
    page = await services_of(request).database.read(lambda s: scan_queues.page(s, context, bundle_id, index))
    return await render(
        request,
        "scans/page.html",
        status=status,
        page=page,
        place_words=PLACE_WORDS,
        address=partial(content.address, request),
        queue=(typed or request.query).get("queue", "")[:40],
        note_words=scan_words.NOTE_WORDS,
        turned="turned" in request.query,
        reason_words=scan_words.REASON_WORDS,
        discard_words=scan_words.DISCARD_WORDS,
        decision_words=scan_words.DECISION_WORDS,
        discard_reasons=DISCARD_REASONS,
        typed=typed or {},
        errors=errors or [],
    )


async def decide(request: web.Request) -> web.Response:
    """Decide about a page, then open the next one."""
    form, context = await read_form(request), context_of(request)
    bundle_id, index, services = request.match_info["bundle_id"], page_index(request), services_of(request)
    values = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        asked = asked_by(values)
        await services.database.write(
            lambda s: scan_queues.decide(
                s, context, bundle_id, index, asked, only_this=values.get("only_this") == "yes"
            )
        )
    except FORM_ERRORS as error:
        return await _work_page(request, errors=errors_of(error), status=422, typed=values)
    services.bell.ring()
    queue = values.get("queue", "")[:40]
    if asked.kind == "rotate":
        return _lead(f"{request.path}?turned=yes" + (f"&queue={quote(queue)}" if queue else ""))
    return await _on(request, queue)


async def answer(request: web.Request) -> web.Response:
    """Confirm what another person proposed, or disagree; then open the next page."""
    form, context, decision_id = await read_form(request), context_of(request), request.match_info["decision_id"]
    services, queue = services_of(request), str(form.get("queue", ""))[:40]
    agrees = text_field(form, "answer", limit=10) == "agree"
    await services.database.write(lambda s: scan_queues.answer(s, context, decision_id, agrees=agrees))
    services.bell.ring()
    return await _on(request, queue)


async def undo(request: web.Request) -> web.Response:
    """Take back a decision from which nothing followed."""
    await read_form(request)
    context, decision_id, services = context_of(request), request.match_info["decision_id"], services_of(request)
    decision = await services.database.write(lambda s: scan_queues.undo(s, context, decision_id))
    services.bell.ring()
    return await redirect(
        request, f"/scans/{decision.bundle_id}", text="The decision was taken back: its pages wait again."
    )


async def of_sitting(request: web.Request) -> web.Response:
    """Lead from a sitting to the pages of it that wait."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    step_up.require_proof(request, Action.SCRIPT_IMAGE)
    await services_of(request).database.read(lambda s: sittings.permitted(s, context, Action.BUNDLE_WRITE, sitting_id))
    return _lead("/scan-queues")
