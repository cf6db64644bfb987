"""Pages of examination scripts: sittings, registers, packets, the tracking station, scans and what is missing."""

from __future__ import annotations

from functools import partial

from aiohttp import web
from multidict import MultiDictProxy

from repository import bundles
from repository.access import Action, Role, scope_of
from repository.acts import sittings, tracking
from repository.errors import FieldRefused, RepositoryError
from repository.tables import new_id
from repository.web import content, step_up
from repository.web.api.scripts import CAPACITY, CAPACITY_LIMIT, despatch_line
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field
from scripts.despatch import CollectionKind
from scripts.reconciliation import RegisterState

COLLECTION_WORDS = {
    CollectionKind.SCHEDULED: "Scheduled collection",
    CollectionKind.AD_HOC: "Booked collection",
    CollectionKind.POST: "Handed in at a post office",
    CollectionKind.COURIER: "Courier",
}


CLOSING_WORDS = {
    "located_late": "Found later",
    "register_error": "The register was wrong",
    "counting_error": "A miscount",
    "estimated_mark": "An estimated mark is keyed",
    "result_x": "No result (X) is issued",
    "rescanned": "Scanned again",
    "explained": "Explained otherwise",
    "other": "Another reason",
}


async def index(request: web.Request) -> web.Response:
    """List the sittings, and scripts that are missing, red first."""
    context, services = context_of(request), services_of(request)
    found = await services.database.read(lambda s: sittings.listed(s, context))
    missing = await services.database.read(lambda s: sittings.missing_everywhere(s, context))
    return await render(
        request,
        "scripts/index.html",
        sittings=found,
        missing=missing,
        may_open=scope_of(actor_of(request), Action.SITTING_OPEN) is not None,
        errors=[],
    )


async def open_sittings(request: web.Request) -> web.Response:
    """Open the sittings of a written component at every centre that has entries."""
    form = await read_form(request)
    context = context_of(request)
    series, component = text_field(form, "series", limit=12), text_field(form, "component", limit=12)
    opened = await services_of(request).database.write(lambda s: sittings.open_all(s, context, series, component))
    return await redirect(request, "/scripts", text=f"{len(opened)} sittings are open.")


async def show(request: web.Request) -> web.Response:
    """Show one sitting: register, packets, arithmetic."""
    return await _sitting_page(request)


async def mark_register(request: web.Request) -> web.Response:
    """Mark candidates present or absent."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    states = {
        name.removeprefix("state-"): RegisterState(str(value))
        for name, value in form.items()
        if name.startswith("state-") and str(value) in {RegisterState.PRESENT, RegisterState.ABSENT}
    }
    added = [number for number in str(form.get("added", "")).split() if number]
    try:
        await services_of(request).database.write(
            lambda s: sittings.mark_register(
                s, context, sitting_id, states | dict.fromkeys(added, RegisterState.PRESENT), added
            )
        )
    except FORM_ERRORS as error:
        return await _sitting_page(request, errors=errors_of(error), status=422)
    return await redirect(request, f"/sittings/{sitting_id}", text="The register was saved.")


async def make_packets(request: web.Request) -> web.Response:
    """Plan packets and issue their labels."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        capacity = number_field(form, "capacity", 1, CAPACITY_LIMIT)
        made = await services_of(request).database.write(
            lambda s: sittings.make_packets(s, context, sitting_id, capacity)
        )
    except FORM_ERRORS as error:
        return await _sitting_page(request, errors=errors_of(error), status=422)
    text = f"{len(made)} packets. Print their labels: one for each packet, never a photocopy."
    return await redirect(request, f"/sittings/{sitting_id}", title="Labels ready", text=text)


async def despatch(request: web.Request) -> web.Response:
    """Record the packets that were handed over."""
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
            lambda s: sittings.despatch(s, context, services.signer, sitting_id, lines)
        )
    except FORM_ERRORS as error:
        return await _sitting_page(request, errors=errors_of(error), status=422, form=form)
    text = "The despatch is in the log. The state of each packet changes when it is scanned on arrival."
    link = ("Open the receipt", f"/receipts/{receipt_id}")
    return await redirect(request, f"/sittings/{sitting_id}", title="Despatch recorded", text=text, link=link)


async def show_timeline(request: web.Request) -> web.Response:
    """Show every hand-over of one script."""
    context, script_id = context_of(request), request.match_info["script_id"]
    page = await services_of(request).database.read(lambda s: sittings.timeline(s, context, script_id))
    may_look = page.script.pages > 0 and scope_of(actor_of(request), Action.SCRIPT_IMAGE) is not None
    return await render(request, "scripts/timeline.html", page=page, may_look=may_look)


async def station(request: web.Request) -> web.Response:
    """Show the tracking station: one field for a scanned label."""
    return await _station_page(request)


async def scan_label(request: web.Request) -> web.Response:
    """Record the packet whose label was scanned, as received or as opened and counted."""
    form = await read_form(request)
    context = context_of(request)
    try:
        label, kind = text_field(form, "label", limit=80), text_field(form, "kind", limit=10)
        count = number_field(form, "script_count", 0, CAPACITY_LIMIT) if kind == tracking.OPENED else None
        done = await services_of(request).database.write(
            lambda s: tracking.record(
                s,
                context,
                event_id=text_field(form, "event_id", limit=54),
                label=label,
                kind=kind,
                occurred_at=context.now,
                place=text_field(form, "place", limit=100),
                script_count=count,
                second_operator=text_field(form, "second_operator", required=False, limit=100),
            )
        )
    except (*FORM_ERRORS, RepositoryError) as error:
        return await _station_page(request, errors=errors_of(error), status=422, form=form)
    words = {tracking.RECEIVED: "Received", tracking.OPENED: "Opened and counted"}[kind]
    result = {
        "title": f"{words}: packet {done.packet.number} of {done.packet.of}",
        "text": f"{done.sitting.component_code}, centre {done.sitting.centre_number}",
        "repeat": done.was_known,
    }
    return await _station_page(request, result=result, form=form)


async def take_bundle(request: web.Request) -> web.Response:
    """Take in a scanned bundle."""
    form = await read_form(request)
    context = context_of(request)
    field = form.get("bundle")
    try:
        sitting_id = text_field(form, "sitting", limit=36)
        if not isinstance(field, web.FileField) or not field.filename:
            raise FieldRefused("Choose the scanned file.", field="bundle")
        outcome = await bundles.take_in(services_of(request), context, sitting_id, field.filename, field.file.read())
    except FORM_ERRORS as error:
        return await _station_page(request, errors=errors_of(error), status=422, form=form)
    queued = len(outcome.split.queued)
    text = f"{outcome.split.pages_in} pages: {len(outcome.scripts)} scripts found, {queued} pages wait for a person."
    return await redirect(request, f"/sittings/{sitting_id}/pages", title="Bundle taken in", text=text)


async def show_pages(request: web.Request) -> web.Response:
    """Show the pages that wait for a person, each with its picture."""
    step_up.require_proof(request, Action.SCRIPT_IMAGE)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    page = await services_of(request).database.read(lambda s: sittings.queue(s, context, sitting_id))
    return await render(request, "scripts/pages.html", page=page, address=partial(content.address, request), errors=[])


async def settle_page(request: web.Request) -> web.Response:
    """Decide on one page: blank, or it belongs to a candidate."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        number = number_field(form, "page_index", 0, 10_000)
        bundle_id, decision = text_field(form, "bundle", limit=36), text_field(form, "decision", limit=10)
        await services_of(request).database.write(
            lambda s: sittings.settle_page(
                s,
                context,
                sitting_id,
                bundle_id,
                number,
                decision,
                candidate_number=text_field(form, "candidate_number", required=False, limit=4),
                second=text_field(form, "second", required=False, limit=100),
            )
        )
    except FORM_ERRORS as error:
        page = await services_of(request).database.read(lambda s: sittings.queue(s, context, sitting_id))
        return await render(
            request,
            "scripts/pages.html",
            status=422,
            page=page,
            address=partial(content.address, request),
            errors=errors_of(error),
        )
    return await redirect(request, f"/sittings/{sitting_id}/pages", text="The decision was recorded.")


async def reconcile(request: web.Request) -> web.Response:
    """Do the arithmetic and open a case for every difference."""
    await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    figures = await services_of(request).database.write(lambda s: sittings.reconcile(s, context, sitting_id))
    text = "Everything adds up." if figures.closes else f"{len(figures.differences)} differences; each has a case."
    kind = "success" if figures.closes else "important"
    return await redirect(request, f"/sittings/{sitting_id}", title="Reconciled", text=text, kind=kind)


async def close_case(request: web.Request) -> web.Response:
    """Record what is decided about a difference."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        case_id, reason = text_field(form, "case", limit=36), text_field(form, "reason", limit=40)
        await services_of(request).database.write(
            lambda s: sittings.close_case(s, context, sitting_id, case_id, reason)
        )
    except FORM_ERRORS as error:
        return await _sitting_page(request, errors=errors_of(error), status=422)
    return await redirect(request, f"/sittings/{sitting_id}", text="The decision was recorded.")


async def _sitting_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    form: MultiDictProxy[str] | None = None,
) -> web.Response:
    context, sitting_id, actor = context_of(request), request.match_info["sitting_id"], actor_of(request)
    services = services_of(request)
    page = await services.database.read(lambda s: sittings.page(s, context, sitting_id))
    labels = await services.database.read(lambda s: sittings.label_payloads(s, context, sitting_id))
    return await render(
        request,
        "scripts/sitting.html",
        status=status,
        page=page,
        labels={label.number: label.payload for label in labels},
        may_write=scope_of(actor, Action.REGISTER_WRITE) is not None,
        may_close=scope_of(actor, Action.SCRIPT_CASE_CLOSE) is not None,
        closing_reasons=[{"value": "", "text": "Choose"}]
        + [{"value": code, "text": words} for code, words in CLOSING_WORDS.items()],
        closing_words=CLOSING_WORDS,
        is_clerk=actor.role is Role.TRACKING_CLERK,
        capacity=CAPACITY,
        collections=[{"value": kind, "text": words} for kind, words in COLLECTION_WORDS.items()],
        typed={name: str(value) for name, value in form.items()} if form is not None else {},
        errors=errors or [],
    )


async def _station_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    form: MultiDictProxy[str] | None = None,
    result: dict[str, object] | None = None,
) -> web.Response:
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: sittings.listed(s, context))
    typed = {name: value for name, value in form.items() if isinstance(value, str)} if form is not None else {}
    return await render(
        request,
        "scripts/station.html",
        status=status,
        sittings=found,
        event_id=new_id(),
        place=typed.get("place", ""),
        kind=typed.get("kind", tracking.RECEIVED),
        result=result,
        errors=errors or [],
    )
