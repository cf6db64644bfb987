"""Custody, for programs: the line of one script, and of every script of a sitting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repository.acts import custody, custody_certificates
from repository.acts.custody import ScriptCustody, SittingCustody
from repository.acts.custody_certificates import checkpoint_of
from repository.web import authentication
from repository.web.requests import context_of, services_of
from scripts.custody import CustodyLine, HistoryLine, Standing, StepMark


async def script(request: web.Request) -> web.Response:
    """Answer every hand-over of one script, and what is due next."""
    context, script_id = context_of(request), request.match_info["script_id"]
    database = services_of(request).database
    transact = database.write if custody.counts_first(context) else database.read
    found: ScriptCustody = await transact(lambda s: custody.of_script(s, context, script_id))
    return web.json_response(
        line_json(found.line)
        | {"events": [_event_json(one, found) for one in found.line.history], "sitting": found.sitting.id}
    )


async def sitting(request: web.Request) -> web.Response:
    """Answer a sitting at a glance; to who sees counts first, the counts."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    found = await services_of(request).database.read(lambda s: custody.of_sitting(s, context, sitting_id))
    return web.json_response(_sitting_json(found))


async def scripts(request: web.Request) -> web.Response:
    """Answer the line of every script of a sitting; to who sees counts first, that it was asked is recorded."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    found = await services_of(request).database.write(lambda s: custody.reveal(s, context, sitting_id))
    return web.json_response(_sitting_json(found))


def line_json(line: CustodyLine) -> dict[str, Any]:
    """Return the line of a script as JSON."""
    awaited = line.next
    return {
        "script": line.script.script_id,
        "candidate_number": line.script.candidate_number,
        "state": line.script.state,
        "pages": line.script.pages,
        "alarm": str(line.alarm),
        "steps": [_mark_json(mark) for mark in line.marks],
        "next": _mark_json(awaited) if awaited is not None else None,
        "cases": list(line.script.cases),
    }


def _mark_json(mark: StepMark) -> dict[str, Any]:
    return {
        "step": str(mark.step),
        "standing": str(mark.standing),
        "event": mark.event.id if mark.event is not None else None,
        "at": mark.event.occurred_at.isoformat() if mark.event is not None else None,
        "due_at": mark.due_at.isoformat() if mark.due_at is not None else None,
    }


def _event_json(line: HistoryLine, found: ScriptCustody) -> dict[str, Any]:
    event = line.event
    return {
        "id": event.id,
        "step": event.kind,
        "about": str(event.about),
        "occurred_at": event.occurred_at.isoformat(),
        "received_at": event.received_at.isoformat(),
        "place": event.place,
        "role": found.roles[event.about, event.id],
        "source": event.source,
        "count": event.count,
        "corrects": event.corrects_id,
        "struck_by": line.struck_by.id if line.struck_by is not None else None,
        "evidence": [
            {"id": one.evidence_id, "kind": one.kind, "added_at": one.added_at.isoformat(), "sha256": one.sha256}
            for one in found.pictures.get(event.id, ())
        ],
        "chain_sha256": event.chain_sha256,
    }


def _sitting_json(found: SittingCustody) -> dict[str, Any]:
    counts = _counts(found.tally)
    made: dict[str, Any] = {
        "sitting": found.sitting.id,
        "scripts": found.scripts,
        "counts": counts,
        "steps": {str(step): _counts(one) for step, one in found.reached.items()},
    }
    if found.lines is not None:
        made["lines"] = [line_json(line) for line in found.lines]
    return made


def _counts(tally: Mapping[Standing, int]) -> dict[str, int]:
    return {str(standing): count for standing, count in tally.items() if count}


async def certify_script(request: web.Request) -> web.Response:
    """Issue the certificate of custody of one script."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, script_id = context_of(request), request.match_info["script_id"]
    services = services_of(request)
    checkpoint = await checkpoint_of(services)
    receipt_id = await services.database.write(
        lambda s: custody_certificates.of_script(s, context, services.signer, script_id, checkpoint)
    )
    return web.json_response({"receipt": receipt_id}, status=201)


async def certify_sitting(request: web.Request) -> web.Response:
    """Issue the certificate of custody of every script of a sitting."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    services = services_of(request)
    checkpoint = await checkpoint_of(services)
    receipt_id = await services.database.write(
        lambda s: custody_certificates.of_sitting(s, context, services.signer, sitting_id, checkpoint)
    )
    return web.json_response({"receipt": receipt_id}, status=201)
