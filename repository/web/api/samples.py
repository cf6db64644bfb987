"""Samples, receipts, consignments and visits, for programs."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web

from moderation.tracking import Finding
from repository.acts import postal, receipts, samples
from repository.acts.samples import SamplePage
from repository.errors import FieldRefused
from repository.evidence import AttachedDocument
from repository.web import authentication
from repository.web.api.cases import case_json
from repository.web.pages.samples import (
    FINDING_NOTE_LIMIT,
    NOTE_LIMIT,
    finding_field,
    loss_field,
    missing_field,
)
from repository.web.requests import context_of, read_json, services_of, text_field


def document_json(document: AttachedDocument) -> dict[str, Any]:
    """Return an attached document as JSON."""
    return {
        "id": document.document_id,
        "slot": document.slot,
        "filename": document.filename,
        "size_bytes": document.size_bytes,
        "media_type": document.media_type,
        "page_count": document.page_count,
        "state": document.state,
        "sha256": document.sha256,
        "reason": document.reason,
        "remedy": document.remedy,
        "version": document.version,
    }


def sample_json(page: SamplePage) -> dict[str, Any]:
    """Return a sample as JSON."""
    sample = page.sample
    return {
        "id": sample.sample_id,
        "case": case_json(page.case),
        "size": sample.size,
        "candidates_total": sample.candidates_total,
        "profile_id": sample.profile_id,
        "profile_version": sample.profile_version,
        "picker_version": sample.picker_version,
        "list_sha256": sample.list_sha256,
        "requested_at": sample.requested_at.isoformat(),
        "due_at": sample.due_at.isoformat(),
        "swaps": [dict(swap) for swap in sample.swaps],
        "uncovered_sets": list(sample.uncovered_sets),
        **tracking_json(page),
        "complete": page.complete_count,
        "total": len(page.items),
        "receipt_id": page.receipt_id,
        "items": [
            {
                "id": one.item.item_id,
                "case_id": one.item.case_id,
                "centre_number": one.item.centre_number,
                "candidate_number": one.item.candidate_number,
                "position": one.item.position,
                "centre_mark": one.item.centre_mark,
                "reason": one.item.reason,
                "explanation": one.item.explanation,
                "no_work_reason": one.item.no_work_reason,
                "complete": one.is_complete,
                "state": one.tracked.standing.state,
                "late": one.tracked.standing.is_late,
                "missing_slots": [slot.slot for slot in one.tracked.missing_slots],
                "missing_code": one.tracked.missing.code if one.tracked.missing else None,
                "loss": one.tracked.missing.loss if one.tracked.missing else None,
                "finding": one.tracked.finding.finding if one.tracked.finding else None,
                "finding_note": one.tracked.finding.note if one.tracked.finding else "",
                "documents": [document_json(document) for document in one.documents],
            }
            for one in page.items
        ],
    }


def tracking_json(page: SamplePage) -> dict[str, Any]:
    """Return where a sample stands as a whole, what its component asks for, and the documents about the whole group."""
    standing = page.tracking.standing
    return {
        "state": standing.state,
        "late": standing.is_late,
        "counts": {state.value: count for state, count in standing.counts.items()},
        "missing_cohort_slots": [slot.slot for slot in page.tracking.missing_cohort],
        "slots": [
            {
                "slot": slot.slot,
                "title": slot.title,
                "hint": slot.hint,
                "required": slot.required,
                "scope": slot.scope,
                "media_types": list(slot.media_types),
                "max_bytes": slot.max_bytes,
            }
            for slot in page.tracking.slots
        ],
        "cohort_documents": [document_json(document) for document in page.cohort_documents],
    }


async def show(request: web.Request) -> web.Response:
    """Answer a case's sample."""
    case_id = request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: samples.page(s, context_of(request), case_id))
    return web.json_response(sample_json(page))


async def submit(request: web.Request) -> web.Response:
    """Submit the sample; answers the receipt's id."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    services, context, case_id = services_of(request), context_of(request), request.match_info["case_id"]
    receipt_id = await services.database.write(lambda s: samples.submit(s, context, services.signer, case_id))
    return web.json_response({"receipt_id": receipt_id}, status=201)


async def explain(request: web.Request) -> web.Response:
    """Say in a coded reason why a sampled candidate has no work."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    code = missing_field(text_field(body, "code", limit=20))
    loss = loss_field(text_field(body, "loss", required=False, limit=20))
    note = text_field(body, "note", required=False, limit=NOTE_LIMIT)
    context, item_id = context_of(request), request.match_info["item_id"]
    await services_of(request).database.write(lambda s: samples.explain(s, context, item_id, code, loss, note))
    return web.Response(status=204)


async def take_back(request: web.Request) -> web.Response:
    """Say that work which was explained away is there after all."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, item_id = context_of(request), request.match_info["item_id"]
    await services_of(request).database.write(lambda s: samples.take_back(s, context, item_id))
    return web.Response(status=204)


async def find(request: web.Request) -> web.Response:
    """Note what a moderator found in a work that was sent."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    finding = finding_field(text_field(body, "finding", limit=20))
    note = text_field(body, "note", required=False, limit=FINDING_NOTE_LIMIT)
    context, item_id = context_of(request), request.match_info["item_id"]
    case_id = await services_of(request).database.write(lambda s: samples.find(s, context, item_id, finding, note))
    return web.json_response({"case_id": case_id})


async def receipt(request: web.Request) -> web.Response:
    """Answer a receipt: content, the exact bytes signed, signature and public key."""
    receipt_id = request.match_info["receipt_id"]
    services = services_of(request)
    found = await services.database.read(lambda s: receipts.read(s, context_of(request), receipt_id))
    return web.json_response(
        {
            "id": found.receipt_id,
            "body": dict(found.content),
            "signed_text": found.body.decode("ascii"),
            "signature": found.signature_hex,
            "public_key": services.signer.public_key_hex,
            "is_complete": found.is_complete,
            "file": found.as_file(services.signer).text(),
        }
    )


async def consignments(request: web.Request) -> web.Response:
    """Answer the parcels of a case."""
    case_id = request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: postal.page(s, context_of(request), case_id))
    return web.json_response(
        {
            "consignments": [
                {
                    "id": one.consignment_id,
                    "proof_of_posting_number": one.proof_of_posting_number,
                    "contents": list(one.contents),
                    "despatched_at": one.despatched_at.isoformat(),
                    "received_at": one.received_at.isoformat() if one.received_at else None,
                    "received_contents": None if one.received_contents is None else list(one.received_contents),
                    "discrepancy": one.discrepancy,
                }
                for one in page.consignments
            ]
        }
    )


async def receive(request: web.Request) -> web.Response:
    """Record what the moderator found in a parcel: ``findings``, a list of ``{item, finding, note}``, or ``received``."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    received = id_list(body, "received") if "received" in body else None
    discrepancy = text_field(body, "discrepancy", required=False)
    findings = findings_field(body) if "findings" in body else None
    context, consignment_id = context_of(request), request.match_info["consignment_id"]
    case_id = await services_of(request).database.write(
        lambda s: postal.receive(s, context, consignment_id, received, discrepancy, findings=findings)
    )
    return web.json_response({"case_id": case_id})


async def book_visit(request: web.Request) -> web.Response:
    """Book the moderator's visit."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    visit_on = day_field(await read_json(request), "visit_on")
    context, case_id = context_of(request), request.match_info["case_id"]
    await services_of(request).database.write(lambda s: postal.book_visit(s, context, case_id, visit_on))
    return web.Response(status=204)


async def hold_visit(request: web.Request) -> web.Response:
    """Record that the visit took place."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, case_id = context_of(request), request.match_info["case_id"]
    await services_of(request).database.write(lambda s: postal.hold_visit(s, context, case_id))
    return web.Response(status=204)


def findings_field(body: dict[str, Any]) -> dict[str, tuple[Finding, str]]:
    """Return what was found in each work of a parcel; raises ``FieldRefused`` naming the field."""
    rows = body["findings"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise FieldRefused("findings must be a list of objects.", field="findings")
    return {
        text_field(row, "item", limit=64): (
            finding_field(text_field(row, "finding", limit=20)),
            text_field(row, "note", required=False, limit=FINDING_NOTE_LIMIT),
        )
        for row in rows
    }


def id_list(body: dict[str, Any], name: str) -> list[str]:
    """Return a list of ids; raises ``FieldRefused`` naming the field."""
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) and len(one) <= 64 for one in value):
        raise FieldRefused(f"{name} must be a list of ids.", field=name)
    return value


def day_field(body: dict[str, Any], name: str) -> date:
    """Return a day written as 2026-05-20; raises ``FieldRefused`` naming the field."""
    try:
        return date.fromisoformat(text_field(body, name, limit=10))
    except ValueError as error:
        raise FieldRefused(f"{name.replace('_', ' ')} must be a date such as 2026-05-20.", field=name) from error
