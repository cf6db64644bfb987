"""Scripts after marking, for programs: copies for centres, certificates, until when scripts are kept, what was destroyed.

Destruction itself is proposed and confirmed by two people on their pages, each with a fresh proof of who they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from moderation.retention import Retention
from repository import objects, script_copying
from repository.access import Action, scope_of
from repository.acts import custody_certificates, script_copies, script_retention
from repository.acts.script_retention import PAPER, SCANS, EndingLine
from repository.tables import ScriptDestruction
from repository.web import authentication
from repository.web.requests import actor_of, context_of, services_of


async def copies(request: web.Request) -> web.Response:
    """Answer the scripts that a centre may have copies of now, and the copies that were given, the newest first."""
    context, database = context_of(request), services_of(request).database
    may_ask = scope_of(actor_of(request), Action.SCRIPT_COPY) is not None
    entitled = await database.read(lambda s: script_copies.entitled(s, context)) if may_ask else ()
    given = await database.read(lambda s: script_copies.given(s, context))
    return web.json_response(
        {
            "entitled": [
                {
                    "script": one.script.id,
                    "request": one.request_id,
                    "series": one.sitting.series_key,
                    "component": one.sitting.component_code,
                    "candidate_number": one.script.candidate_number,
                    "has_scan": one.has_scan,
                }
                for one in entitled
            ],
            "given": [
                {
                    "id": one.copy.id,
                    "script": one.script.id,
                    "request": one.copy.request_id,
                    "series": one.sitting.series_key,
                    "component": one.sitting.component_code,
                    "centre_number": one.sitting.centre_number,
                    "candidate_number": one.script.candidate_number,
                    "given_to": one.copy.given_to,
                    "given_at": one.copy.given_at.isoformat(),
                    "pages": one.copy.pages,
                    "sha256": one.copy.sha256,
                }
                for one in given
            ],
        }
    )


async def copy(request: web.Request) -> web.Response:
    """Make a copy of one script and answer it as a PDF; that it was given is recorded first."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    return await make_copy(request)


async def make_copy(request: web.Request) -> web.Response:
    """Answer a copy of the script that the address names, for whoever may have it."""
    context, script_id, services = context_of(request), request.match_info["script_id"], services_of(request)
    what = await services.database.read(lambda s: script_copies.to_copy(s, context, script_id))
    pdf = await script_copying.copied(services, what)
    sha256 = objects.sha256_hex(pdf)
    await services.database.write(lambda s: script_copies.give(s, context, what, sha256, what.page_count))
    name = f"{what.sitting.component_code.replace('/', '-')}-{what.script.candidate_number}.pdf"
    return web.Response(
        body=pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"},
    )


async def certificates(request: web.Request) -> web.Response:
    """Answer the certificates of custody and of destruction of a sitting, the newest first."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    found = await services_of(request).database.read(lambda s: custody_certificates.listed(s, context, sitting_id))
    return web.json_response(
        {
            "certificates": [
                {"receipt": one.receipt_id, "kind": one.kind, "issued_at": one.issued_at.isoformat()} for one in found
            ]
        }
    )


async def retention(request: web.Request) -> web.Response:
    """Answer until when the scripts of each sitting of a series are kept and why, and what was or is being destroyed."""
    context, key = context_of(request), request.match_info["series_key"]
    lines = await services_of(request).database.read(lambda s: script_retention.due(s, context, key))
    return web.json_response({"sittings": [_line_json(one) | {"series": key} for one in lines]})


def _line_json(line: EndingLine) -> dict[str, Any]:
    kinds: Mapping[str, Retention] = {SCANS: line.scans, PAPER: line.paper}
    return {
        "sitting": line.sitting.id,
        "component": line.sitting.component_code,
        "centre_number": line.sitting.centre_number,
        "held_on": line.sitting.held_on.isoformat(),
        "scripts": line.scripts,
        **{
            what: {
                "kept_until": one.until.isoformat() if one.until is not None else None,
                "kept_by": list(one.kept_by),
                "margin_days": line.margins[what],
                "destruction": _destruction_json(line.open.get(what) or line.done.get(what)),
            }
            for what, one in kinds.items()
        },
    }


def _destruction_json(row: ScriptDestruction | None) -> dict[str, Any] | None:
    if row is None:
        return None
    state = "finished" if row.finished_at else "confirmed" if row.confirmed_at else "proposed"
    return {
        "id": row.id,
        "state": state,
        "proposed_at": row.proposed_at.isoformat(),
        "confirmed_at": row.confirmed_at.isoformat() if row.confirmed_at else None,
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "certificate": row.receipt_id,
    }
