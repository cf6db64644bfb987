"""The page of a sitting: what an exams officer opens on the day; its register, packets and what is printed."""

from __future__ import annotations

from aiohttp import web
from multidict import MultiDictProxy

from repository.access import Action, Role, scope_of
from repository.acts import openings, packet_plans, registers, sittings
from repository.web.api.sittings import CAPACITY, CAPACITY_LIMIT
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


async def open_sittings(request: web.Request) -> web.Response:
    """Open the sittings of a written component at every centre that has entries."""
    form = await read_form(request)
    context = context_of(request)
    series, component = text_field(form, "series", limit=12), text_field(form, "component", limit=12)
    opened = await services_of(request).database.write(lambda s: openings.open_all(s, context, series, component))
    return await redirect(request, "/scripts", text=f"{len(opened)} sittings are open.")


async def show(request: web.Request) -> web.Response:
    """Show one sitting: register, packets, arithmetic."""
    return await sitting_page(request)


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
            lambda s: registers.mark_register(
                s, context, sitting_id, states | dict.fromkeys(added, RegisterState.PRESENT), added
            )
        )
    except FORM_ERRORS as error:
        return await sitting_page(request, errors=errors_of(error), status=422)
    return await redirect(request, f"/sittings/{sitting_id}", text="The register was saved.")


async def make_packets(request: web.Request) -> web.Response:
    """Plan packets and issue their labels."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        capacity = number_field(form, "capacity", 1, CAPACITY_LIMIT)
        made = await services_of(request).database.write(
            lambda s: packet_plans.make_packets(s, context, sitting_id, capacity)
        )
    except FORM_ERRORS as error:
        return await sitting_page(request, errors=errors_of(error), status=422)
    text = f"{len(made)} packets. Print their labels: one for each packet, never a photocopy."
    return await redirect(request, f"/sittings/{sitting_id}", title="Labels ready", text=text)


async def sitting_page(
    request: web.Request,
    *,
    errors: list[dict[str, str]] | None = None,
    status: int = 200,
    form: MultiDictProxy[str] | None = None,
) -> web.Response:
    """Answer with the page of a sitting, with what is wrong on it and what had been typed."""
    context, sitting_id, actor = context_of(request), request.match_info["sitting_id"], actor_of(request)
    services = services_of(request)
    page = await services.database.read(lambda s: sittings.page(s, context, sitting_id))
    labels = await services.database.read(lambda s: packet_plans.label_payloads(s, context, sitting_id))
    return await render(
        request,
        "sittings/show.html",
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
