"""Parcels of postal samples, for programs: packed, posted, followed, arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repository.acts import parcels, postal
from repository.acts.parcel_views import Parcel
from repository.acts.parcels import Posting
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.samples import id_list
from repository.web.requests import context_of, read_json, services_of, text_field
from scripts.despatch import LabelKind


async def pack(request: web.Request) -> web.Response:
    """Pack the works of ``items`` as one parcel; the answer has the code of its label."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    items = id_list(await read_json(request), "items")
    context, case_id = context_of(request), request.match_info["case_id"]
    database = services_of(request).database
    made = await database.write(lambda s: parcels.pack(s, context, case_id, items))
    page = await database.read(lambda s: postal.page(s, context, case_id))
    (parcel,) = [one for one in page.parcels if one.packet_id == made]
    return web.json_response(parcel_json(parcel), status=201)


async def list_parcels(request: web.Request) -> web.Response:
    """Answer the parcels of a case, where each has been, and what is due next."""
    case_id = request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: postal.page(s, context_of(request), case_id))
    return web.json_response({"parcels": [parcel_json(one) for one in page.parcels]})


async def arrived(request: web.Request) -> web.Response:
    """Record that the parcel with this ``label`` is with the moderator; ``event_id`` is the idempotency key."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    label, event_id = text_field(body, "label", limit=100), text_field(body, "event_id", limit=54)
    context = context_of(request)
    case_id = await services_of(request).database.write(lambda s: parcels.arrived(s, context, label, event_id))
    return web.json_response({"case_id": case_id})


def parcel_json(parcel: Parcel) -> dict[str, Any]:
    """Return a parcel as programs read it."""
    due = parcel.due
    return {
        "packet": parcel.packet_id,
        "number": parcel.number,
        "label": parcel.label,
        "state": parcel.state,
        "side_states": list(parcel.side_states),
        "candidate_numbers": list(parcel.candidate_numbers),
        "consignment": parcel.consignment.consignment_id if parcel.consignment else None,
        "due": {
            "step": due.step,
            "due_at": due.due_at.isoformat() if due.due_at else None,
            "is_overdue": due.is_overdue,
        }
        if due is not None
        else None,
        "events": [
            {
                "kind": line.kind,
                "occurred_at": line.occurred_at.isoformat(),
                "place": line.place,
                "script_count": line.script_count,
                "tracking_number": line.tracking_number,
            }
            for line in parcel.lines
        ],
        "cases": [
            {"id": one.case_id, "kind": one.kind, "state": one.state, "candidate_numbers": list(one.candidate_numbers)}
            for one in parcel.cases
        ],
        "works": [{"candidate_number": one.candidate_number, "script": one.script_id} for one in parcel.works],
    }


async def despatch(request: web.Request) -> web.Response:
    """Record a parcel handed to the post: ``packet``, one that was packed, or ``items``, packed by this very request."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    packet_id = text_field(body, "packet", limit=36) if "packet" in body else None
    items = id_list(body, "items") if packet_id is None else []
    posting = posting_of(body)
    context, case_id = context_of(request), request.match_info["case_id"]
    services = services_of(request)
    made = await services.database.write(
        lambda s: postal.despatch(s, context, services.signer, case_id, posting, packet_id=packet_id, contents=items)
    )
    return web.json_response({"id": made}, status=201)


def posting_of(form: Mapping[str, Any]) -> Posting:
    """Return how a parcel was posted, as a form or a program says it; raises ``FieldRefused`` naming the field."""
    kind = text_field(form, "label_kind", required=False, limit=20) or LabelKind.WHITE
    if kind not in set(LabelKind):
        raise FieldRefused("The kind of label is white: a sample travels by the post.", field="label_kind")
    return Posting(
        text_field(form, "proof_of_posting_number", limit=40),
        text_field(form, "sealed_by", limit=100),
        text_field(form, "witnessed_by", limit=100),
        text_field(form, "tracking_number", required=False, limit=40),
        LabelKind(kind),
    )
