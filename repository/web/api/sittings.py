"""Sittings before the exam, for programs: opening them, packet plans, what is printed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from repository.acts import openings, packet_plans, sittings
from repository.acts.sittings import SittingPage
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.requests import context_of, number_field, read_json, services_of, text_field
from scripts.tables import Sitting

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


async def open_series(request: web.Request) -> web.Response:
    """Open the sittings of every timetabled component of a series, or bring them up to date with the entries."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, key = context_of(request), request.match_info["series_key"]
    whole = await services_of(request).database.write(lambda s: openings.open_series(s, context, key))
    figures = asdict(whole.done)
    figures["sittings"] = len(figures.pop("sitting_ids"))
    return web.json_response(figures | {"components": whole.components, "undated": list(whole.undated)}, status=201)


async def show_packets(request: web.Request) -> web.Response:
    """Answer the packet plan: packets, their labels and prints, and whose scripts are in none."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    plan = await services_of(request).database.read(lambda s: packet_plans.show(s, context, sitting_id))
    packets = []
    for packet in plan.packets:
        face = plan.faces.get(packet.id)
        packets.append(
            {
                "id": packet.id,
                "number": packet.number,
                "of": packet.of,
                "state": packet.state,
                "candidates": list(packet.candidate_numbers),
                "label": face.label.payload if face else None,
                "issue": packet.issue,
                "emergency": face.is_emergency if face else False,
                "printed": face.printed if face else 0,
                "sealed": packet.id in plan.sealed,
            }
        )
    return web.json_response({"packets": packets, "unpacked": list(plan.unpacked), "capacity": plan.capacity})


async def make_packets(request: web.Request) -> web.Response:
    """Plan packets and issue their labels; ``again`` plans anew until the first packet is sealed."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    capacity = number_field(body, "capacity", 1, CAPACITY_LIMIT) if "capacity" in body else None
    again = body.get("again") is True
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    services = services_of(request)
    await services.database.write(lambda s: packet_plans.make_packets(s, context, sitting_id, capacity, again=again))
    labels = await services.database.read(lambda s: packet_plans.label_payloads(s, context, sitting_id))
    return web.json_response(
        {"packets": [{"label": one.payload, "number": one.number, "of": one.of} for one in labels]}, status=201
    )


async def move_scripts(request: web.Request) -> web.Response:
    """Put scripts into another packet of the plan, or into one packet more (``packet`` is null)."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    numbers, to = body.get("candidates"), body.get("packet")
    if not isinstance(numbers, list) or not numbers or not all(isinstance(one, str) for one in numbers):
        raise FieldRefused("candidates must be a list of candidate numbers.", field="candidates")
    if to is not None and not isinstance(to, str):
        raise FieldRefused("packet is the id of a packet, or null for one more.", field="packet")
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    packet = await services_of(request).database.write(
        lambda s: packet_plans.move_scripts(s, context, sitting_id, numbers, to)
    )
    return web.json_response({"packet": packet.number})


async def ask_label(request: web.Request) -> web.Response:
    """Ask the awarding body for an emergency label of a packet."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    packet_id, reason = text_field(body, "packet", limit=36), text_field(body, "reason", limit=200)
    made = await services_of(request).database.write(
        lambda s: packet_plans.ask_label(s, context, sitting_id, packet_id, reason)
    )
    return web.json_response({"id": made.id, "due_at": made.due_at.isoformat()}, status=201)


async def answer_label(request: web.Request) -> web.Response:
    """Issue an emergency label that was asked for, or refuse it with a reason."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    decision = text_field(body, "decision", limit=10)
    if decision not in {"issued", "refused"}:
        raise FieldRefused("decision is issued or refused.", field="decision")
    context, request_id = context_of(request), request.match_info["label_request_id"]
    answer = text_field(body, "answer", required=False, limit=200)
    found = await services_of(request).database.write(
        lambda s: packet_plans.answer_label(s, context, request_id, issued=decision == "issued", answer=answer)
    )
    return web.json_response({"label": found.payload})


async def labels_pdf(request: web.Request) -> web.Response:
    """Answer labels as a PDF to print: of one packet, or those that were never printed, or all when every one was."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    packet_id = request.query.get("packet")
    pdf = await services_of(request).database.write(lambda s: packet_plans.labels(s, context, sitting_id, packet_id))
    return pdf_response(pdf, "labels")


async def covers_pdf(request: web.Request) -> web.Response:
    """Answer cover sheets as a PDF to print: of everybody, or of one candidate."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    number = request.query.get("candidate_number") or None
    pdf = await services_of(request).database.read(lambda s: packet_plans.covers(s, context, sitting_id, number))
    return pdf_response(pdf, "covers")


def pdf_response(data: bytes, name: str) -> web.Response:
    """Return a PDF that the browser shows, to be printed."""
    return web.Response(
        body=data, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}.pdf"'}
    )
