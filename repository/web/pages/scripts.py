"""Pages of examination scripts: sittings, registers, packets, the tracking station, scans and what is missing."""

from __future__ import annotations

from aiohttp import web
from multidict import MultiDictProxy

from repository.access import Action, scope_of
from repository.acts import script_boards, sittings, tracking
from repository.errors import RepositoryError
from repository.tables import new_id
from repository.web.api.sittings import CAPACITY_LIMIT
from repository.web.forms import FORM_ERRORS, errors_of
from repository.web.pages import redirect, render
from repository.web.requests import actor_of, context_of, number_field, read_form, services_of, text_field

MISSING_SHOWN = 50
"""So many missing scripts stand above the sittings; the boards have all of them."""


async def index(request: web.Request) -> web.Response:
    """List the sittings, and scripts that are missing, red first."""
    context, services = context_of(request), services_of(request)
    found = await services.database.read(lambda s: sittings.listed(s, context))
    missing = await services.database.read(lambda s: script_boards.missing(s, context, ""))
    return await render(
        request,
        "scripts/index.html",
        sittings=found,
        missing=missing[:MISSING_SHOWN],
        missing_total=len(missing),
        may_open=scope_of(actor_of(request), Action.SITTING_OPEN) is not None,
        may_write=scope_of(actor_of(request), Action.REGISTER_WRITE) is not None,
        may_retain=scope_of(actor_of(request), Action.SCRIPT_RETENTION) is not None,
        may_copy=scope_of(actor_of(request), Action.SCRIPT_COPY) is not None,
        errors=[],
    )


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


async def reconcile(request: web.Request) -> web.Response:
    """Do the arithmetic and open a case for every difference."""
    await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    figures = await services_of(request).database.write(lambda s: sittings.reconcile(s, context, sitting_id))
    text = "Everything adds up." if figures.closes else f"{len(figures.differences)} differences; each has a case."
    kind = "success" if figures.closes else "important"
    return await redirect(request, f"/sittings/{sitting_id}", title="Reconciled", text=text, kind=kind)


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
