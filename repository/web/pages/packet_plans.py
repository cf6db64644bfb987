"""The packets of a sitting: the plan, its labels, cover sheets and answer pages, emergency labels, capacities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repository.access import Action
from repository.acts import packet_plans, registers
from repository.acts.sittings import permitted
from repository.web.api.sittings import CAPACITY_LIMIT, pdf_response
from repository.web.forms import FORM_ERRORS, errors_of, typed_in
from repository.web.pages import redirect, render
from repository.web.requests import context_of, number_field, read_form, services_of, text_field

PRINT_ONCE = "Print each label once. Never photocopy one: two packets under one label stop both at the receipt desk."


async def show(request: web.Request) -> web.Response:
    """Show the packet plan of a sitting."""
    return await _page(request)


async def make(request: web.Request) -> web.Response:
    """Plan packets and issue their labels; plan anew when asked to, until the first packet is sealed."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        capacity = number_field(form, "capacity", 1, CAPACITY_LIMIT)
        again = form.get("again") == "yes"
        made = await services_of(request).database.write(
            lambda s: packet_plans.make_packets(s, context, sitting_id, capacity, again=again)
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    count = "1 packet." if len(made) == 1 else f"{len(made)} packets."
    text = f"{count} {PRINT_ONCE}" if made else "Nobody’s script is to travel, so there is nothing to pack."
    return await redirect(request, f"/sittings/{sitting_id}/packets", title="Packets planned", text=text)


async def move(request: web.Request) -> web.Response:
    """Put one script into another packet, or into one packet more."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        numbers = [str(number) for number in form.getall("candidates", [])]
        to = text_field(form, "packet", limit=36)
        packet = await services_of(request).database.write(
            lambda s: packet_plans.move_scripts(s, context, sitting_id, numbers, None if to == "new" else to)
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    text = f"They are in packet {packet.number} of the plan. A label printed before shows the old candidates: print it again."
    return await redirect(request, f"/sittings/{sitting_id}/packets", title="Plan changed", text=text)


async def ask_label(request: web.Request) -> web.Response:
    """Ask the awarding body for an emergency label."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        packet_id = text_field(form, "packet", limit=36)
        reason = text_field(form, "emergency_reason", limit=200)
        await services_of(request).database.write(
            lambda s: packet_plans.ask_label(s, context, sitting_id, packet_id, reason)
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    text = "The awarding body has your request. The label appears on this page when it is issued."
    return await redirect(request, f"/sittings/{sitting_id}/packets", title="Emergency label asked for", text=text)


async def answers(request: web.Request) -> web.Response:
    """Answer coded pages for one candidate, or for everybody on the register, as a PDF."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    query = request.query
    pages = number_field(query, "pages", 1, packet_plans.PAGES_LIMIT)
    booklet = number_field(query, "booklet", 1, 99) if query.get("booklet") else 1
    pdf = await services_of(request).database.write(
        lambda s: packet_plans.answer_pages(
            s,
            context,
            sitting_id,
            query.getall("candidate_number", []),
            booklet=booklet,
            pages=pages,
            lined=query.get("lined") != "no",
        )
    )
    return pdf_response(pdf, "answer-pages")


async def _page(
    request: web.Request, error: Exception | None = None, form: Mapping[str, Any] | None = None
) -> web.Response:
    context, sitting_id = context_of(request), request.match_info["sitting_id"]

    def work(session: Any) -> tuple[packet_plans.PlanView, Mapping[str, str]]:
        sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
        return packet_plans.show(session, context, sitting_id), registers.candidate_names(session, sitting)

    plan, names = await services_of(request).database.read(work)
    return await render(
        request,
        "sittings/packets.html",
        status=200 if error is None else 422,
        plan=plan,
        names=names,
        typed=typed_in(form, "capacity", "emergency_reason", "packet"),
        errors=[] if error is None else errors_of(error),
    )


# For the awarding body


async def show_asked(request: web.Request) -> web.Response:
    """Show the emergency labels that centres ask for, and how many scripts go into one envelope."""
    return await _asked_page(request)


async def answer_label(request: web.Request) -> web.Response:
    """Issue an emergency label, or refuse it with a reason."""
    form = await read_form(request)
    context, request_id = context_of(request), request.match_info["label_request_id"]
    issued = form.get("decision") == "issued"
    try:
        answer = text_field(form, "answer", required=False, limit=200)
        await services_of(request).database.write(
            lambda s: packet_plans.answer_label(s, context, request_id, issued=issued, answer=answer)
        )
    except FORM_ERRORS as error:
        return await _asked_page(request, error)
    text = "The label is issued; the centre prints it once." if issued else "The centre is told why not."
    return await redirect(request, "/emergency-labels", text=text)


async def set_capacity(request: web.Request) -> web.Response:
    """Set how many scripts go into one envelope."""
    form = await read_form(request)
    context = context_of(request)
    try:
        body, component = text_field(form, "body", limit=2), text_field(form, "component", required=False, limit=12)
        capacity = number_field(form, "capacity", 1, CAPACITY_LIMIT)
        await services_of(request).database.write(
            lambda s: packet_plans.set_capacity(s, context, body, component, capacity)
        )
    except FORM_ERRORS as error:
        return await _asked_page(request, error)
    return await redirect(request, "/emergency-labels", text="New plans of packets follow it.")


async def _asked_page(request: web.Request, error: Exception | None = None) -> web.Response:
    context, database = context_of(request), services_of(request).database
    asked = await database.read(lambda s: packet_plans.asked_labels(s, context))
    chosen = await database.read(lambda s: packet_plans.capacities(s, context))
    return await render(
        request,
        "sittings/asked.html",
        status=200 if error is None else 422,
        asked=asked,
        capacities=chosen,
        errors=[] if error is None else errors_of(error),
    )
