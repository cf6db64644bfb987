"""Carriers' files, for programs: in which forms they are taken, and what becomes of each line of one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from repository.acts import carrier_files
from repository.acts.carrier_files import LineDone
from repository.web import authentication
from repository.web.requests import context_of, read_file, services_of
from scripts import carriers
from scripts.carriers import SIZE_LIMIT_BYTES


async def formats(request: web.Request) -> web.Response:
    """Answer the forms in which carriers' files are taken."""
    known = await carrier_files.forms(services_of(request))
    return web.json_response(
        {
            "formats": [
                {
                    "key": key,
                    "title": one.title,
                    "carrier": one.carrier,
                    "verified": one.verified,
                    "encoding": one.encoding,
                    "delimiter": one.delimiter,
                    "zone": one.zone,
                    "times": list(one.times),
                    "columns": {field: list(names) for field, names in one.columns.items()},
                    "events": {
                        code: {"kind": str(meaning.kind or ""), "says": meaning.says}
                        for code, meaning in one.events.items()
                    },
                }
                for key, one in known.items()
            ]
        }
    )


async def take(request: web.Request) -> web.Response:
    """Take a carrier's file, the body, in the form ``?format=``; ``?dry_run=1`` says what each line would do."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    services = services_of(request)
    form = carrier_files.form_of(await carrier_files.forms(services), request.query.get("format", ""))
    text = carriers.decode(form, await read_file(request, SIZE_LIMIT_BYTES))
    dry_run = request.query.get("dry_run") == "1"
    done = await carrier_files.run(services, context_of(request), form, text, dry_run=dry_run)
    return web.json_response(
        {
            "dry_run": done.is_dry_run,
            "counts": {str(fate): count for fate, count in done.counts.items()},
            "lines": [_line_json(one) for one in done.lines],
        }
    )


def _line_json(one: LineDone) -> dict[str, Any]:
    said = one.said
    return {
        "line": said.line,
        "outcome": str(one.fate),
        "reason": one.reason,
        "tracking_number": said.number,
        "code": said.code,
        "kind": str(said.kind or ""),
        "occurred_at": said.at.isoformat() if said.at is not None else None,
        "packets": [
            {
                "sitting": packet.sitting_id,
                "component": packet.component_code,
                "centre_number": packet.centre_number,
                "number": packet.number,
                "of": packet.of,
                "state": packet.state,
            }
            for packet in one.packets
        ],
    }
