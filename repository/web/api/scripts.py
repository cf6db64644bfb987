"""Examination scripts, for programs: sittings, registers, packets, tracking, bundles, reconciliation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from repository.acts import sittings, tracking
from repository.web import authentication
from repository.web.api.results import instant_field
from repository.web.api.sittings import CAPACITY_LIMIT
from repository.web.requests import context_of, number_field, read_json, services_of, text_field
from scripts.reconciliation import Reconciliation


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


async def reconciliation(request: web.Request) -> web.Response:
    """Do the arithmetic of a sitting; differences open cases."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    figures = await services_of(request).database.write(lambda s: sittings.reconcile(s, context, sitting_id))
    return web.json_response(figures_json(figures))
