"""Tracking, for programs: events of packets, one by one or many at once, each with what became of it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from repository.acts import tracking
from repository.acts.tracking import BATCH_LIMIT, Done, Sent
from repository.errors import FieldRefused
from repository.web import authentication, keys
from repository.web.api.despatch import NO_STORE, store_of
from repository.web.api.results import instant_field
from repository.web.api.sittings import CAPACITY_LIMIT
from repository.web.requests import actor_of, context_of, number_field, read_json, services_of, text_field
from scripts.records import Outcome

ID_LIMIT = 64
SOURCES = frozenset({"api", "scanner"})


async def station(request: web.Request) -> web.Response:
    """Answer what the station's page needs of who is signed in: our clock, and the key it keeps scans under."""
    signed_in, (name, key) = request[keys.SESSION], store_of(request, b"station")
    answer = {
        "now": context_of(request).now.isoformat(),
        "csrf_token": authentication.masked(signed_in.csrf_token) if signed_in else "",
        "person": actor_of(request).name,
        "store": {"name": name, "key": key},
    }
    return web.json_response(answer, headers=NO_STORE)


async def record_events(request: web.Request) -> web.Response:
    """Record one event, or up to 1,000 under ``events``; the same event id again changes nothing.

    Returns: one event: its packet, or the problem why it was not recorded. Many: what became of each; a bad one never
        blocks the others.
    """
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context = context_of(request)
    source = text_field(body, "source", required=False, limit=20) or "api"
    if source not in SOURCES:
        raise FieldRefused("The source is api or scanner.", field="source")
    if "events" not in body:
        one = _sent(body)
        done = await services_of(request).database.write(lambda s: tracking.record_one(s, context, one, source=source))
        found = tracking.scanned(done)
        return web.json_response({"packet_id": found.packet.id, "state": found.packet.state, "repeat": found.was_known})
    sent, refused = _many(body["events"])
    many = await services_of(request).database.write(
        lambda s: tracking.record_many(s, context, [one for _, one in sent], source=source)
    )
    answers = [_done_json(one, sent[one.line][0]) for one in many]
    answers += refused
    answers.sort(key=lambda one: int(one["line"]))
    counts = {str(outcome): sum(one["outcome"] == outcome for one in answers) for outcome in Outcome}
    return web.json_response({"counts": counts, "events": answers})


def _many(untrusted: Any) -> tuple[list[tuple[int, Sent]], list[dict[str, Any]]]:
    """Return the events that can be read, each with its place in what was sent, and an answer for each of the others."""
    if not isinstance(untrusted, list) or not 1 <= len(untrusted) <= BATCH_LIMIT:
        raise FieldRefused(f"Send a list of 1 to {BATCH_LIMIT:,} events.", field="events")
    sent: list[tuple[int, Sent]] = []
    refused: list[dict[str, Any]] = []
    for line, one in enumerate(untrusted):
        try:
            if not isinstance(one, dict):
                raise FieldRefused("An event is an object with event_id, kind, label and place.", field="events")
            sent.append((line, _sent(one)))
        except FieldRefused as error:
            event_id = one.get("event_id") if isinstance(one, dict) else None
            refused.append(
                {
                    "line": line,
                    "event_id": event_id if isinstance(event_id, str) else "",
                    "outcome": str(Outcome.REFUSED),
                    "reason": str(error.detail),
                }
            )
    return sent, refused


def _sent(body: dict[str, Any]) -> Sent:
    label = text_field(body, "label", required=False, limit=tracking.LABEL_LIMIT)
    number = text_field(body, "tracking_number", required=False, limit=tracking.NUMBER_LIMIT)
    if not label and not number:
        raise FieldRefused("An event names a packet: by its label, or by the carrier's tracking number.", field="label")
    counted = body.get("script_count") is not None
    return Sent(
        text_field(body, "event_id", limit=ID_LIMIT),
        text_field(body, "kind", limit=30),
        label,
        number,
        instant_field(body, "occurred_at") if body.get("occurred_at") else None,
        text_field(body, "site", required=False, limit=20),
        text_field(body, "place", required=False, limit=100),
        number_field(body, "script_count", 0, CAPACITY_LIMIT) if counted else None,
        text_field(body, "second_operator", required=False, limit=100),
        text_field(body, "camera", required=False, limit=100),
        text_field(body, "found", required=False, limit=tracking.FOUND_LIMIT),
        text_field(body, "corrects_id", required=False, limit=ID_LIMIT) or None,
    )


def _done_json(done: Done, line: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "line": line,
        "event_id": done.event_id,
        "outcome": str(done.outcome),
        "reason": done.reason,
        "same_as": done.same_as,
        "clock": done.clock,
    }
    if done.packet is None or done.sitting is None:
        return answer
    return answer | {
        "packet_id": done.packet.id,
        "number": done.packet.number,
        "of": done.packet.of,
        "centre": done.sitting.centre_number,
        "component": done.sitting.component_code,
        "state": done.packet.state,
        "before": done.before,
        "side_states": list(done.packet.side_states),
        "logged_count": done.packet.logged_count,
        "opened_count": done.packet.opened_count,
        "waiting": list(done.waiting),
    }
