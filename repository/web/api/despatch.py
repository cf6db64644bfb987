"""The despatch log for programs and for the phone's page: the plan to take along, entries sent later, their pictures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from repository.acts import custody_pictures
from repository.acts import despatch as acts
from repository.acts.custody_pictures import Sending
from repository.acts.despatch import LoggedEntry, Plan
from repository.custody_evidence import EvidenceKind
from repository.errors import FieldRefused, NotFound, RepositoryError, ServiceBusy
from repository.pictures import LIMIT_BYTES
from repository.tables import new_id
from repository.web import authentication, keys
from repository.web.api.results import instant_field
from repository.web.requests import (
    actor_of,
    context_of,
    number_field,
    read_file,
    read_json,
    services_of,
    text_field,
)
from scripts.despatch import CollectionKind, DespatchLine, LabelKind
from scripts.despatch_log import ENTRIES_AT_ONCE, ENTRY_ID, Entry, read_entry
from scripts.errors import EntryWaits, ScriptsError

NO_STORE = {"Cache-Control": "private, no-store"}
COUNT_LIMIT = 200
NOTE_WORDS: Mapping[str, str] = {
    "count_differs": "The count is not what the register says. A case was opened with your remark.",
    "count_differs_without_remark": "The count is not what the register says. A case was opened: say in it why.",
    "register_not_complete": "The register of this packet is not complete, so the count could not be compared.",
    "sealed_twice": "This packet was logged as sealed twice. Both lines are kept, and a case was opened.",
    "handed_over_twice": "This packet was logged as handed over twice. Both lines are kept, and a case was opened.",
    "tracking_number_parcelforce": "The tracking number was checked by its pattern only.",
    "tracking_number_unchecked": "The tracking number has no known pattern; nothing was checked.",
    "signature_to_come": "The signature is still to come; until then nothing is collected.",
    "not_signed": "Nobody signed for this hand-over, so the packets do not count as collected.",
}
"""What a person should know of an entry that was taken, by the code of the note."""


async def plan(request: web.Request) -> web.Response:
    """Answer what a phone takes along before it is out of reach, with the key that it keeps it under."""
    context, signed_in = context_of(request), request[keys.SESSION]
    services = services_of(request)
    found = await services.database.read(lambda s: acts.plan(s, context))
    day = context.now.astimezone(acts.LONDON).date()
    log = await services.database.read(lambda s: acts.log(s, context, day))
    name, key = store_of(request)
    answer = {
        "now": context.now.isoformat(),
        "csrf_token": authentication.masked(signed_in.csrf_token) if signed_in else "",
        "store": {"name": name, "key": key},
        "person": actor_of(request).name,
        "helpdesk": services.settings.despatch_helpdesk,
        **plan_json(found),
        "log": [entry_json(one) for one in log],
    }
    return web.json_response(answer, headers=NO_STORE)


def store_of(request: web.Request, what: bytes = b"despatch") -> tuple[str, str]:
    """Return under which name and key a browser keeps the person's entries until the service has them.

    Takes: ``what`` is kept: each has keys of its own. Who signs in later in the same browser is given another key, and can
    neither read nor send them.
    """
    person_id = actor_of(request).person_id.encode()

    def derived(purpose: bytes) -> bytes:
        text = b"nea " + what + b" " + purpose + b"\x00" + person_id
        return hmac.new(request.app[keys.TICKET_KEY], text, hashlib.sha256).digest()

    return derived(b"name").hex()[:32], base64.b64encode(derived(b"key")).decode()


def plan_json(found: Plan) -> dict[str, Any]:
    """Return what a phone takes along as JSON."""
    return {
        "centre": {"number": found.centre_number, "name": found.centre_name},
        "scheduled": found.is_scheduled,
        "bookings": [
            {"reference": row.details.get("booking_reference", ""), "collection_at": row.details["collection_at"]}
            for row in found.bookings
        ],
        "packets": [
            {
                "label": line.label,
                "sitting": line.sitting.id,
                "component": line.sitting.component_code,
                "title": line.title,
                "held_on": line.sitting.held_on.isoformat(),
                "session": line.sitting.session_of_day,
                "number": line.packet.number,
                "of": line.packet.of,
                "candidates": line.candidates,
                "expected": line.expected,
                "counted": line.packet.logged_count,
                "state": line.packet.state,
                "label_kind": line.label_kind,
            }
            for line in found.lines
        ],
    }


def entry_json(one: LoggedEntry) -> dict[str, Any]:
    """Return an entry of the log as JSON."""
    return {
        "id": one.row.id,
        "kind": one.row.kind,
        "occurred_at": one.row.occurred_at.isoformat(),
        "received_at": one.row.received_at.isoformat(),
        "device": one.row.device,
        "corrects": one.row.corrects_id,
        "corrected_by": one.corrected_by,
        "signed": one.is_signed,
        "packets": [
            {"label": line.line.label, "script_count": line.line.script_count, "expected": line.line.expected_count}
            for line in one.lines
        ],
        "pictures": [{"id": picture.sent_id, "kind": picture.kind} for picture in one.evidence],
    }


async def send(request: web.Request) -> web.Response:
    """Take entries of the log, each by itself and each once, and say what became of each.

    A bad entry holds up none of the others; what is told of here is committed, and anything else is sent again.
    """
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    entries = body.get("entries")
    if not isinstance(entries, list) or not 1 <= len(entries) <= ENTRIES_AT_ONCE:
        raise FieldRefused(f"entries must be a list of 1 to {ENTRIES_AT_ONCE}.", field="entries")
    device, sent_at = text_field(body, "device", limit=40), instant_field(body, "sent_at")
    results = [await _taken(request, one, sent_at, device) for one in entries]
    answer = {"results": results, "received_at": context_of(request).now.isoformat()}
    return web.json_response(answer, headers=NO_STORE)


async def _taken(request: web.Request, untrusted: object, sent_at: datetime, device: str) -> dict[str, Any]:
    said = untrusted.get("id", "") if isinstance(untrusted, dict) else ""
    answer: dict[str, Any] = {"id": said if isinstance(said, str) else ""}
    services, context = services_of(request), context_of(request)
    signed_in = request[keys.SESSION]
    source = "phone" if signed_in is not None and signed_in.by_cookie else "api"

    def keep(entry: Entry) -> partial[Any]:
        return partial(
            acts.record,
            context=context,
            signer=services.signer,
            entry=entry,
            sent_at=sent_at,
            device=device,
            source=source,
        )

    try:
        done, receipts = await services.database.write(keep(read_entry(untrusted)))
    except (EntryWaits, ServiceBusy) as error:
        return answer | {"state": "later", "why": error.detail}
    except (ScriptsError, RepositoryError) as error:
        return answer | {
            "state": "refused",
            "code": error.code,
            "why": error.detail,
            "field": str(error.facts.get("field", "")),
        }
    notes = [NOTE_WORDS[note] for note in done.notes if note in NOTE_WORDS]
    state = "repeated" if done.is_repeat else "recorded"
    return answer | {"state": state, "codes": list(done.notes), "notes": notes, "receipts": list(receipts)}


async def put_picture(request: web.Request) -> web.Response:
    """Take a picture of an entry: a photograph, a signature, a proof of posting, or the signed paper log."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    sent_id = request.match_info["picture_id"]
    if ENTRY_ID.fullmatch(sent_id) is None:
        raise NotFound
    try:
        kind = EvidenceKind(request.query.get("kind", ""))
    except ValueError as error:
        raise FieldRefused(f"kind is one of {', '.join(EvidenceKind)}.", field="kind") from error
    position = number_field(request.query, "line", 0, 999) if "line" in request.query else None
    data = await read_file(request, LIMIT_BYTES)
    sending = Sending(sent_id, request.match_info["entry_id"], kind, position)
    async with request.app[keys.TURNS].of(actor_of(request).assignment_id):
        done = await custody_pictures.take(services_of(request), context_of(request), sending, data)
    answer = {"id": sent_id, "state": "repeated" if done.is_repeat else "recorded", "receipts": list(done.receipts)}
    return web.json_response(answer, status=200 if done.is_repeat else 201, headers=NO_STORE)


async def despatch(request: web.Request) -> web.Response:
    """Record packets of one sitting handed over, for programs."""
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
    await services.database.write(lambda s: acts.despatch(s, context, services.signer, sitting_id, lines))
    return web.Response(status=204)


def despatch_line(body: dict[str, Any], row: dict[str, Any]) -> DespatchLine:
    """Return one line of the despatch log from what was sent; raises ``FieldRefused`` naming the field."""
    try:
        collection = CollectionKind(text_field(body, "collection", limit=20))
    except ValueError as error:
        kinds = ", ".join(CollectionKind)
        raise FieldRefused(f"The collection is one of {kinds}.", field="collection") from error
    try:
        label_kind = LabelKind(text_field(body, "label_kind", required=False, limit=20) or LabelKind.YELLOW)
    except ValueError as error:
        raise FieldRefused(f"The label is one of {', '.join(LabelKind)}.", field="label_kind") from error
    return DespatchLine(
        label=text_field(row, "label", limit=80),
        script_count=number_field(row, "script_count", 0, COUNT_LIMIT),
        collection=collection,
        sealed_by=text_field(body, "sealed_by", limit=100),
        witnessed_by=text_field(body, "witnessed_by", limit=100),
        label_kind=label_kind,
        booking_reference=text_field(body, "booking_reference", required=False, limit=40),
        carrier=text_field(body, "carrier", required=False, limit=60),
        driver_name=text_field(body, "driver_name", required=False, limit=100),
        tracking_number=text_field(body, "tracking_number", required=False, limit=35),
        proof_of_posting=text_field(body, "proof_of_posting", required=False, limit=40),
        storage_location=text_field(body, "storage_location", required=False, limit=100),
        remarks=text_field(body, "remarks", required=False, limit=200),
    )
