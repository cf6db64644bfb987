"""Cases and marks, for programs."""

from __future__ import annotations

import contextlib
from typing import Any

from aiohttp import web

from moderation.marks import MarkStatus
from moderation.records.cases import CaseView
from moderation.records.marks import MarkSheet
from repository import acting
from repository.acts import cases, marks, samples
from repository.acts.marks import Typed
from repository.errors import FieldRefused, NotFound
from repository.web import authentication
from repository.web.requests import actor_of, context_of, number_field, read_file, read_json, services_of

CSV_LIMIT_BYTES = 10 * 1024 * 1024
MARK_LIMIT = 999
TOTAL_LIMIT = 99_999_999


def case_json(case: CaseView) -> dict[str, Any]:
    """Return a case as JSON."""
    return {
        "id": case.case_id,
        "series": case.series_key,
        "component": case.component_code,
        "component_title": case.component_title,
        "centre_number": case.centre_number,
        "consortium_id": case.consortium_id,
        "submission_mode": case.submission_mode,
        "state": cases.shown_state(acting.current().actor, case.state),
        "version": case.version,
        "maximum": case.maximum_mark,
        "due_at": case.sample_due_at.isoformat() if case.sample_due_at else None,
    }


def sheet_json(sheet: MarkSheet) -> dict[str, Any]:
    """Return a mark sheet as JSON."""
    return {
        "case": case_json(sheet.case),
        "version": sheet.case.version,
        "state": cases.shown_state(acting.current().actor, sheet.case.state),
        "maximum": sheet.case.maximum_mark,
        "control_total": sheet.control_total,
        "blank": sheet.blank,
        "unchecked": sheet.unchecked,
        "rows": [
            {
                "candidate_number": line.candidate_number,
                "candidate_name": f"{line.surname}, {line.forenames}",
                "status": line.status,
                "mark": line.mark,
                "teaching_set": line.teaching_set,
                "checked": line.checked,
            }
            for line in sheet.lines
        ],
    }


async def me(request: web.Request) -> web.Response:
    """Answer who is signed in."""
    actor = actor_of(request)
    return web.json_response(
        {
            "name": actor.name,
            "role": actor.role,
            "role_title": actor.role_title,
            "centre_number": actor.centre_number,
            "person_id": actor.person_id,
        }
    )


async def index(request: web.Request) -> web.Response:
    """List the cases the person may read."""
    query = request.query
    found = await services_of(request).database.read(
        lambda s: cases.listed(
            s,
            context_of(request),
            series_key=query.get("series"),
            centre_number=query.get("centre"),
            component_code=query.get("component"),
            state=query.get("state"),
        )
    )
    return web.json_response({"cases": [case_json(case) for case in found]})


async def show(request: web.Request) -> web.Response:
    """Answer one case with its history."""
    case_id = request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: cases.page(s, context_of(request), case_id))
    history = [
        {
            "from": step.from_state,
            "to": step.to_state,
            "event": step.event,
            "at": step.occurred_at.isoformat(),
            "reason": step.reason,
        }
        for step in page.history
    ]
    return web.json_response(case_json(page.case) | {"transitions": history})


async def show_marks(request: web.Request) -> web.Response:
    """Answer the marks of a case."""
    case_id = request.match_info["case_id"]
    sheet = await services_of(request).database.read(lambda s: marks.sheet(s, context_of(request), case_id))
    return web.json_response(sheet_json(sheet))


async def save_marks(request: web.Request) -> web.Response:
    """Save marks."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    rows = body.get("rows")
    if not isinstance(rows, list):
        raise FieldRefused("rows must be a list of marks.", field="rows")
    typed = [_typed(row) for row in rows]
    case_id, context = request.match_info["case_id"], context_of(request)
    version = _version(body)
    sheet = await services_of(request).database.write(lambda s: marks.save(s, context, case_id, typed, version))
    return web.json_response(sheet_json(sheet))


async def save_marks_csv(request: web.Request) -> web.Response:
    """Save marks from a CSV body: the whole file or nothing."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    data = await read_file(request, CSV_LIMIT_BYTES)
    case_id, context = request.match_info["case_id"], context_of(request)
    name = request.query.get("filename", "marks.csv")[:255]
    sheet = await services_of(request).database.write(lambda s: marks.save_csv(s, context, case_id, name, data))
    return web.json_response(sheet_json(sheet))


async def check_marks(request: web.Request) -> web.Response:
    """Tick every candidate as checked."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    version = _version(await read_json(request))
    case_id, context = request.match_info["case_id"], context_of(request)
    sheet = await services_of(request).database.write(lambda s: marks.check(s, context, case_id, version))
    return web.json_response(sheet_json(sheet))


async def submit_marks(request: web.Request) -> web.Response:
    """Submit the marks; answers the case and whether a sample was drawn."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    total, version = number_field(body, "control_total", 0, TOTAL_LIMIT), _version(body)
    case_id, context = request.match_info["case_id"], context_of(request)

    services = services_of(request)
    case = await services.database.write(lambda s: marks.submit(s, context, services.signer, case_id, version, total))
    sample_id = None
    with contextlib.suppress(NotFound):  # it may wait for the consortium, or none is needed
        sample_id = (await services.database.read(lambda s: samples.page(s, context, case_id))).sample.sample_id
    return web.json_response({"case": case_json(case), "sample_id": sample_id})


def _version(body: dict[str, Any]) -> int | None:
    return None if body.get("version") is None else number_field(body, "version", 0, 2**31)


def _typed(row: object) -> Typed:
    if not isinstance(row, dict) or not isinstance(row.get("candidate_number"), str):
        raise FieldRefused("Each row names its candidate_number as text.", field="rows")
    mark = row.get("mark")
    if mark is not None and (not isinstance(mark, int) or isinstance(mark, bool)):
        raise FieldRefused("A mark is a whole number or null.", field="rows")
    status = row.get("status")
    try:
        return Typed(
            row["candidate_number"],
            mark,
            None if status is None else MarkStatus(status),
            str(row.get("teaching_set", "")),
        )
    except ValueError as error:
        raise FieldRefused(f"{status!r} is not a status of a mark.", field="rows") from error
