"""Cases of scripts and boards, for programs."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from aiohttp import web

from repository.acts import script_boards, script_case_views, script_cases
from repository.acts.script_boards import Wanted
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.pages.script_boards import csv_answer, wanted_of
from repository.web.pages.script_cases import wanted_of as wanted_cases
from repository.web.requests import context_of, number_field, read_json, services_of, text_field
from scripts.tables import ScriptCase, Sitting


def case_json(found: ScriptCase, sitting: Sitting) -> dict[str, Any]:
    """Return a case as JSON."""
    return {
        "id": found.id,
        "kind": found.kind,
        "subject": found.subject,
        "level": found.level,
        "state": found.state,
        "alarm": found.alarm,
        "reason": found.reason or None,
        "sitting_id": sitting.id,
        "series": sitting.series_key,
        "component": sitting.component_code,
        "centre_number": sitting.centre_number,
        "held_on": sitting.held_on.isoformat(),
        "owner_role": found.owner_role,
        "opened_at": found.opened_at.isoformat(),
        "due_at": found.due_at.isoformat() if found.due_at else None,
        "decide_by": found.decide_by.isoformat() if found.decide_by else None,
        "candidates": list((found.details or {}).get("candidates") or ()),
        "count": (found.details or {}).get("count"),
    }


async def index(request: web.Request) -> web.Response:
    """List cases, the most urgent first, a page at a time."""
    wanted, context = wanted_cases(request.query), context_of(request)
    page = await services_of(request).database.read(lambda s: script_case_views.listed(s, context, wanted))
    return web.json_response(
        {
            "cases": [case_json(line.case, line.sitting) for line in page.lines],
            "total": page.total,
            "red": page.red,
            "amber": page.amber,
            "late": page.late,
            "pages": page.pages,
        }
    )


async def show(request: web.Request) -> web.Response:
    """Answer one case with its arithmetic, its history and its search list."""
    context, case_id = context_of(request), request.match_info["script_case_id"]
    page = await services_of(request).database.read(lambda s: script_case_views.page(s, context, case_id))
    of_centre = script_case_views.is_of_centre(context.actor) if context.actor is not None else True
    return web.json_response(
        case_json(page.case, page.sitting)
        | {
            "equations": [asdict(one) | {"holds": one.holds} for one in page.equations],
            "search": [asdict(one) for one in page.search],
            "reasons": list(page.reasons),
            "history": [
                {
                    "kind": told.event.kind,
                    "at": told.event.happened_at.isoformat(),
                    "who": told.who,
                    "note": told.event.note if told.event.to_centre or not of_centre else "",
                }
                for told in page.history
            ],
        }
    )


async def act(request: web.Request) -> web.Response:
    """Do one thing with a case: ``assign``, ``comment``, ``due``, ``close`` or ``reopen``."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, case_id = context_of(request), request.match_info["script_case_id"]
    what = text_field(body, "act", limit=20)
    text = text_field(body, "text", required=False, limit=4000)
    database = services_of(request).database
    if what == "assign":
        to = text_field(body, "to", limit=20)
        await database.write(lambda s: script_cases.assign(s, context, case_id, to))
    elif what == "comment":
        to_centre = body.get("to_centre") is True
        await database.write(lambda s: script_cases.comment(s, context, case_id, text, to_centre=to_centre))
    elif what == "due":
        day = _day(body, "due")
        await database.write(lambda s: script_cases.change_due(s, context, case_id, day, text))
    elif what == "reopen":
        await database.write(lambda s: script_cases.reopen(s, context, case_id, text))
    elif what == "close":
        await _close(request, body, text)
    else:
        raise FieldRefused("act is assign, comment, due, close or reopen.", field="act")
    return web.Response(status=204)


async def reply(request: web.Request) -> web.Response:
    """Answer a case as its centre."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, case_id = context_of(request), request.match_info["script_case_id"]
    text = text_field(body, "text", required=False, limit=4000)
    await services_of(request).database.write(lambda s: script_cases.reply(s, context, case_id, text))
    return web.Response(status=204)


async def board(request: web.Request) -> web.Response:
    """Answer a board: by component, by centre of one, or by sitting."""
    wanted, context = wanted_of(request.query), context_of(request)
    key = request.match_info["series_key"]
    asked = Wanted(key, wanted.component_code, wanted.centre_number)
    page = await services_of(request).database.read(lambda s: script_boards.board(s, context, asked))
    return web.json_response(
        {
            "level": page.level,
            "results_on": page.results_on.isoformat() if page.results_on else None,
            "decide_by": page.decide_by.isoformat() if page.decide_by else None,
            "lines": [
                asdict(line)
                | {
                    "held_on": line.held_on.isoformat() if line.held_on else None,
                    "difference": line.difference,
                }
                for line in page.lines
            ],
        }
    )


async def missing(request: web.Request) -> web.Response:
    """List missing and outstanding scripts, most urgent first."""
    context, key = context_of(request), request.match_info["series_key"]
    centre = request.query.get("centre")
    found = await services_of(request).database.read(lambda s: script_boards.missing(s, context, key, centre))
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


async def ofqual_missing(request: web.Request) -> web.Response:
    """Answer the regulator's return on missing scripts as CSV."""
    context, key = context_of(request), request.match_info["series_key"]
    body = await services_of(request).database.write(lambda s: script_boards.return_csv(s, context, key))
    return csv_answer(body, f"missing-scripts-{key}.csv")


async def _close(request: web.Request, body: dict[str, Any], text: str) -> None:
    context, case_id = context_of(request), request.match_info["script_case_id"]
    numbers = body.get("candidates", [])
    if not isinstance(numbers, list) or not all(isinstance(number, str) for number in numbers):
        raise FieldRefused("candidates must be a list of candidate numbers.", field="candidates")
    reason = text_field(body, "reason", limit=40)
    sheets = number_field(body, "sheets", 1, 10_000) if body.get("sheets") is not None else None
    stage = text_field(body, "stage", required=False, limit=40) or "before_marking"
    cause = text_field(body, "cause", required=False, limit=80) or "not_known"
    await services_of(request).database.write(
        lambda s: script_cases.close(
            s, context, case_id, reason, numbers=numbers, text=text, sheets=sheets, stage_lost=stage, cause=cause
        )
    )


def _day(body: dict[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(text_field(body, name, limit=10))
    except ValueError as error:
        raise FieldRefused(f"{name} is a day, such as 2026-08-20.", field=name) from error
