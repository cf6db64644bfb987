"""Examination scripts, for programs: sittings, registers, packets, tracking, bundles, reconciliation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from repository import bundles
from repository.acts import sittings, tracking
from repository.acts.sittings import SittingPage
from repository.errors import FieldRefused
from repository.tables import new_id
from repository.web import authentication
from repository.web.api.results import instant_field
from repository.web.requests import context_of, number_field, read_file, read_json, services_of, text_field
from scripts.despatch import CollectionKind, DespatchLine
from scripts.reconciliation import Reconciliation, RegisterState
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


def figures_json(figures: Reconciliation) -> dict[str, Any]:
    """Return the arithmetic of a sitting as JSON."""
    return {
        "expected": figures.expected,
        "present": figures.present,
        "absent": figures.absent,
        "unmarked": figures.unmarked,
        "explained": figures.explained,
        "logged": figures.logged,
        "received": figures.received,
        "scanned": figures.scanned,
        "indexed": figures.indexed,
        "outstanding": figures.outstanding if isinstance(figures.outstanding, int) else list(figures.outstanding),
        "missing": list(figures.missing),
        "differences": [asdict(one) for one in figures.differences],
        "closes": figures.closes,
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
    opened = await services_of(request).database.write(lambda s: sittings.open_all(s, context, series, component))
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
        lambda s: sittings.mark_register(s, context, sitting_id, states, [str(one) for one in added])
    )
    return web.Response(status=204)


async def make_packets(request: web.Request) -> web.Response:
    """Plan packets and issue their labels."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    capacity = number_field(body, "capacity", 1, CAPACITY_LIMIT) if "capacity" in body else CAPACITY
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    services = services_of(request)
    await services.database.write(lambda s: sittings.make_packets(s, context, sitting_id, capacity))
    labels = await services.database.read(lambda s: sittings.label_payloads(s, context, sitting_id))
    return web.json_response(
        {"packets": [{"label": one.payload, "number": one.number, "of": one.of} for one in labels]}, status=201
    )


async def labels_pdf(request: web.Request) -> web.Response:
    """Answer the labels as a PDF to print."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    pdf = await services_of(request).database.write(lambda s: sittings.labels(s, context, sitting_id))
    return _pdf(pdf, "labels")


async def covers_pdf(request: web.Request) -> web.Response:
    """Answer the cover sheets as a PDF to print."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    pdf = await services_of(request).database.read(lambda s: sittings.covers(s, context, sitting_id))
    return _pdf(pdf, "covers")


async def despatch(request: web.Request) -> web.Response:
    """Record packets handed over."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    rows = body.get("packets")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise FieldRefused("packets must be a list of label and script_count.", field="packets")
    lines = [
        (text_field(row, "event_id", required=False, limit=54) or new_id(), despatch_line(body, row)) for row in rows
    ]
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    services = services_of(request)
    await services.database.write(lambda s: sittings.despatch(s, context, services.signer, sitting_id, lines))
    return web.Response(status=204)


def despatch_line(body: dict[str, Any], row: dict[str, Any]) -> DespatchLine:
    """Return one line of the despatch log from what was sent; raises ``FieldRefused`` naming the field."""
    try:
        collection = CollectionKind(text_field(body, "collection", limit=20))
    except ValueError as error:
        kinds = ", ".join(CollectionKind)
        raise FieldRefused(f"The collection is one of {kinds}.", field="collection") from error
    return DespatchLine(
        label=text_field(row, "label", limit=80),
        script_count=number_field(row, "script_count", 1, CAPACITY_LIMIT),
        collection=collection,
        sealed_by=text_field(body, "sealed_by", limit=100),
        witnessed_by=text_field(body, "witnessed_by", limit=100),
        booking_reference=text_field(body, "booking_reference", required=False, limit=40),
        carrier=text_field(body, "carrier", required=False, limit=60),
        driver_name=text_field(body, "driver_name", required=False, limit=100),
        tracking_number=text_field(body, "tracking_number", required=False, limit=35),
        proof_of_posting=text_field(body, "proof_of_posting", required=False, limit=40),
    )


async def record_event(request: web.Request) -> web.Response:
    """Record a tracking event; the same event id again changes nothing."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context = context_of(request)
    count = number_field(body, "script_count", 0, CAPACITY_LIMIT) if body.get("script_count") is not None else None
    event_id, label, kind = (text_field(body, name, limit=80) for name in ("event_id", "label", "kind"))
    occurred_at = instant_field(body, "occurred_at") if body.get("occurred_at") else context.now
    place, second = text_field(body, "place", limit=100), text_field(body, "second_operator", required=False, limit=100)
    done = await services_of(request).database.write(
        lambda s: tracking.record(
            s,
            context,
            event_id=event_id,
            label=label,
            kind=kind,
            occurred_at=occurred_at,
            place=place,
            script_count=count,
            second_operator=second,
        )
    )
    return web.json_response({"packet_id": done.packet.id, "state": done.packet.state, "repeat": done.was_known})


async def take_bundle(request: web.Request) -> web.Response:
    """Take in a scanned bundle of one sitting."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    sitting_id = request.query.get("sitting", "")
    filename = request.query.get("filename", "bundle.pdf")[:255]
    pdf = await read_file(request, bundles.BUNDLE_LIMIT_BYTES)
    outcome = await bundles.take_in(services_of(request), context_of(request), sitting_id, filename, pdf)
    return web.json_response(
        {
            "id": outcome.bundle_id,
            "pages": outcome.split.pages_in,
            "scripts": [
                {"script_id": one.script_id, "candidate_number": one.candidate_number, "pages": list(one.pages)}
                for one in outcome.scripts
            ],
            "queued": [{"page": one.index, "reason": one.reason} for one in outcome.split.queued],
        },
        status=201,
    )


async def reconciliation(request: web.Request) -> web.Response:
    """Do the arithmetic of a sitting; differences open cases."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    figures = await services_of(request).database.write(lambda s: sittings.reconcile(s, context, sitting_id))
    return web.json_response(figures_json(figures))


async def missing(request: web.Request) -> web.Response:
    """List missing and outstanding scripts, most urgent first."""
    context, key = context_of(request), request.match_info["series_key"]
    centre = request.query.get("centre")
    found = await services_of(request).database.read(lambda s: sittings.missing(s, context, key, centre))
    return web.json_response(
        {
            "missing": [
                {
                    "script_id": one.script_id,
                    "centre_number": one.centre_number,
                    "component": one.component_code,
                    "candidate_number": one.candidate_number,
                    "stage": one.stage,
                    "alarm": one.alarm,
                }
                for one in found
            ]
        }
    )


async def timeline(request: web.Request) -> web.Response:
    """Answer every hand-over of one script."""
    context, script_id = context_of(request), request.match_info["script_id"]
    page = await services_of(request).database.read(lambda s: sittings.timeline(s, context, script_id))
    return web.json_response(
        {
            "events": [
                {
                    "step": line.step,
                    "occurred_at": line.occurred_at.isoformat(),
                    "received_at": line.received_at.isoformat(),
                    "place": line.place,
                    "about": line.about,
                    "details": dict(line.details),
                }
                for line in page.lines
            ]
        }
    )


def _pdf(data: bytes, name: str) -> web.Response:
    return web.Response(
        body=data, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}.pdf"'}
    )
