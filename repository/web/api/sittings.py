"""Sittings before the exam, for programs: opening them, registers, packet plans, what is printed."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from repository.acts import openings, packet_plans, registers, sittings
from repository.acts.sittings import SittingPage
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.requests import context_of, number_field, read_json, services_of, text_field
from scripts.reconciliation import RegisterState
from scripts.tables import Sitting

CAPACITY = 25
CAPACITY_LIMIT = 200


def sitting_json(sitting: Sitting) -> dict[str, Any]:
    """Return a sitting as JSON."""
    return {
        "id": sitting.id,
        "series": sitting.series_key,
        "centre_number": sitting.centre_number,
        "component": sitting.component_code,
        "held_on": sitting.held_on.isoformat(),
        "session": sitting.session_of_day,
    }


def page_json(page: SittingPage) -> dict[str, Any]:
    """Return a sitting with register, packets and scripts as JSON."""
    return sitting_json(page.sitting) | {
        "register": [
            {"candidate_number": line.candidate_number, "state": line.state, "added": line.added}
            for line in page.register
        ],
        "packets": [
            {
                "id": packet.id,
                "number": packet.number,
                "of": packet.of,
                "state": packet.state,
                "candidates": list(packet.candidate_numbers),
            }
            for packet in page.packets
        ],
        "scripts": [
            {"id": script.id, "candidate_number": script.candidate_number, "state": script.state, "pages": script.pages}
            for script in page.scripts
        ],
        "cases": [
            {"id": case.id, "kind": case.kind, "subject": case.subject, "state": case.state} for case in page.cases
        ],
    }


async def open_sittings(request: web.Request) -> web.Response:
    """Open the sittings of a written component."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    series, component = text_field(body, "series", limit=12), text_field(body, "component", limit=12)
    context = context_of(request)
    opened = await services_of(request).database.write(lambda s: openings.open_all(s, context, series, component))
    return web.json_response({"sittings": [sitting_json(one) for one in opened]}, status=201)


async def index(request: web.Request) -> web.Response:
    """List the sittings the person may see."""
    found = await services_of(request).database.read(lambda s: sittings.listed(s, context_of(request)))
    return web.json_response({"sittings": [sitting_json(one) for one in found]})


async def show(request: web.Request) -> web.Response:
    """Answer a sitting with register, packets, scripts and cases."""
    sitting_id = request.match_info["sitting_id"]
    page = await services_of(request).database.read(lambda s: sittings.page(s, context_of(request), sitting_id))
    return web.json_response(page_json(page))


async def mark_register(request: web.Request) -> web.Response:
    """Mark candidates present or absent."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    lines, added = body.get("lines"), body.get("added", [])
    if not isinstance(lines, list) or not isinstance(added, list):
        raise FieldRefused("lines must be a list of candidate_number and state.", field="lines")
    try:
        states = {str(line["candidate_number"]): RegisterState(line["state"]) for line in lines}
    except (TypeError, KeyError, ValueError) as error:
        raise FieldRefused(
            "Each line names a candidate_number and the state present or absent.", field="lines"
        ) from error
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    await services_of(request).database.write(
        lambda s: registers.mark_register(s, context, sitting_id, states, [str(one) for one in added])
    )
    return web.Response(status=204)


async def make_packets(request: web.Request) -> web.Response:
    """Plan packets and issue their labels."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    capacity = number_field(body, "capacity", 1, CAPACITY_LIMIT) if "capacity" in body else CAPACITY
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    services = services_of(request)
    await services.database.write(lambda s: packet_plans.make_packets(s, context, sitting_id, capacity))
    labels = await services.database.read(lambda s: packet_plans.label_payloads(s, context, sitting_id))
    return web.json_response(
        {"packets": [{"label": one.payload, "number": one.number, "of": one.of} for one in labels]}, status=201
    )


async def labels_pdf(request: web.Request) -> web.Response:
    """Answer the labels as a PDF to print."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    pdf = await services_of(request).database.write(lambda s: packet_plans.labels(s, context, sitting_id))
    return _pdf(pdf, "labels")


async def covers_pdf(request: web.Request) -> web.Response:
    """Answer the cover sheets as a PDF to print."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    pdf = await services_of(request).database.read(lambda s: packet_plans.covers(s, context, sitting_id))
    return _pdf(pdf, "covers")


def _pdf(data: bytes, name: str) -> web.Response:
    return web.Response(
        body=data, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}.pdf"'}
    )
