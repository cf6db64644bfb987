"""Conflicts of interest, accounts of one person and the proof of independence, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from moderation.independence import Proof, Tie
from moderation.records.independence import ConflictView
from repository.acts import conflicts
from repository.web import authentication
from repository.web.pages.conflicts import kind_field
from repository.web.requests import context_of, read_json, services_of, text_field


async def index(request: web.Request) -> web.Response:
    """List the register to officers, and to others what stands there about them."""
    context = context_of(request)
    found = await services_of(request).database.read(lambda s: conflicts.register(s, context))
    return web.json_response({"conflicts": [_line(one, context.now) for one in found.lines]})


async def declare(request: web.Request) -> web.Response:
    """Declare a conflict of interest of one's own, or as an officer somebody else's."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context = context_of(request)
    about = text_field(body, "person_id", required=False, limit=64) or None
    centre, kind = text_field(body, "centre_number", limit=5), kind_field(body)
    note, candidate, key = (
        text_field(body, name, required=False, limit=limit)
        for name, limit in (("note", 500), ("candidate_number", 4), ("series", 12))
    )
    made = await services_of(request).database.write(
        lambda s: conflicts.declare(
            s, context, centre, kind, note, person_id=about, candidate_number=candidate, series_key=key
        )
    )
    return web.json_response({"id": made}, status=201)


async def end(request: web.Request) -> web.Response:
    """End a declared conflict of interest, as a second person."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    reason = text_field(await read_json(request), "reason", limit=500)
    context, conflict_id = context_of(request), request.match_info["conflict_id"]
    await services_of(request).database.write(lambda s: conflicts.end(s, context, conflict_id, reason))
    return web.json_response({"id": conflict_id})


async def merge(request: web.Request) -> web.Response:
    """Note that two accounts are one person; answers how many open allocations that ended."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    one, other = (text_field(body, name, limit=64) for name in ("person_id", "other_id"))
    reason = text_field(body, "reason", limit=500)
    context = context_of(request)
    ended = await services_of(request).database.write(lambda s: conflicts.merge(s, context, one, other, reason))
    return web.json_response({"ended_allocations": ended})


async def proof(request: web.Request) -> web.Response:
    """Answer the proof of independence of a series."""
    context, key = context_of(request), request.match_info["series_key"]
    _, found, _ = await services_of(request).database.read(lambda s: conflicts.proof(s, context, key))
    return web.json_response(proof_json(key, found))


def proof_json(series_key: str, proofs: tuple[Proof, ...] | list[Proof]) -> dict[str, Any]:
    """Return a proof of a series as JSON: every allocation and act with what was looked at."""
    return {
        "series": series_key,
        "total": len(proofs),
        "failed": sum(one.verdict == "FAILED" for one in proofs),
        "proofs": [
            {
                "subject": one.given.subject,
                "id": one.given.subject_id,
                "person_id": one.given.person_id,
                "accounts": list(one.accounts),
                "component": one.given.component_code,
                "centre_number": one.given.centre_number,
                "act": one.given.act,
                "at": _text(one.given.start),
                "until": _text(one.given.until),
                "conflicts_looked_at": [_tie(tie) for tie in one.ties],
                "involvements": [
                    {"person_id": part.person_id, "case_id": part.case_id, "act": part.act, "at": _text(part.done_at)}
                    for part in one.parts
                ],
                "verdict": one.verdict,
                "findings": list(one.findings),
            }
            for one in proofs
        ],
    }


def _line(line: ConflictView, now: datetime) -> dict[str, Any]:
    return _tie(line.tie) | {
        "candidate_number": line.candidate_number,
        "in_force": line.is_live(now),
        "note": line.note,
        "declared_by": line.declared_by,
        "ended_by": line.ended_by,
        "end_reason": line.end_reason,
    }


def _tie(tie: Tie) -> dict[str, Any]:
    return {
        "id": tie.conflict_id,
        "person_id": tie.person_id,
        "centre_number": tie.centre_number,
        "series": tie.series_key,
        "kind": tie.kind,
        "origin": tie.origin,
        "declared_at": _text(tie.declared_at),
        "valid_from": _text(tie.valid_from),
        "until": _text(tie.until),
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
