"""Series, the gate and results, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from moderation.errors import ResultsEmbargoed, ResultsGateClosed, ResultsWithdrawn
from moderation.records.results import ComputedResult
from moderation.results import IssueReason
from repository.acts import results, series
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.samples import id_list
from repository.web.requests import context_of, read_json, services_of, text_field


def result_json(result: ComputedResult) -> dict[str, Any]:
    """Return one candidate's result as JSON."""
    return {
        "centre_number": result.centre_number,
        "candidate_number": result.candidate_number,
        "entry_option": result.option_code,
        "total": result.total,
        "grade": result.grade,
        "indicator": result.indicator,
        "is_protected": result.is_protected,
        "components": [dict(part) for part in result.components],
    }


async def index(request: web.Request) -> web.Response:
    """List the series."""
    found = await services_of(request).database.read(lambda s: series.listed(s, context_of(request)))
    return web.json_response({"series": [{"key": one.key, "title": one.title} for one in found]})


async def gate(request: web.Request) -> web.Response:
    """Answer whether the results could be released now, and why not."""
    context, key = context_of(request), request.match_info["series_key"]
    held = request.query.getall("held", [])
    page = await services_of(request).database.read(lambda s: results.gate(s, context, key, held))
    report = page.report
    return web.json_response(
        (report.as_json() if report else {})
        | {
            "is_open": report is not None and report.is_open,
            "proposal_id": page.proposal.proposal_id if page.proposal else None,
            "released_version": page.release.number if page.release else None,
        }
    )


async def propose(request: web.Request) -> web.Response:
    """Propose a release with its embargo."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    restricted, candidates = instant_field(body, "restricted_at"), instant_field(body, "candidates_at")
    public = instant_field(body, "public_at") if body.get("public_at") else None
    held = id_list(body, "held_case_ids") if "held_case_ids" in body else []
    code = reason_code_of(body)
    reason = text_field(body, "reason", required=code is not None, limit=500)
    context, key = context_of(request), request.match_info["series_key"]
    made = await services_of(request).database.write(
        lambda s: results.propose(s, context, key, restricted, candidates, public, held, code, reason)
    )
    return web.json_response({"proposal_id": made}, status=201)


async def release(request: web.Request) -> web.Response:
    """Release what another officer proposed."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, key = context_of(request), request.match_info["series_key"]
    database = services_of(request).database
    try:
        done = await database.write(lambda s: results.release(s, context, key))
    except ResultsGateClosed:
        await database.write(lambda s: results.note_refusal(s, context, key))
        raise
    return web.json_response({"version": done.number, "digest": done.digest})


async def propose_withdrawal(request: web.Request) -> web.Response:
    """Propose to take back the results in force."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    reason = text_field(body, "reason", limit=500)
    context, key = context_of(request), request.match_info["series_key"]
    await services_of(request).database.write(lambda s: results.propose_withdrawal(s, context, key, reason))
    return web.json_response({"proposed": True}, status=201)


async def withdraw(request: web.Request) -> web.Response:
    """Take back the results in force, as another officer proposed."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, key = context_of(request), request.match_info["series_key"]
    done = await services_of(request).database.write(lambda s: results.withdraw(s, context, key))
    return web.json_response(
        {"version": done.number, "withdrawn_at": (done.withdrawn_at or done.created_at).isoformat()}
    )


async def show(request: web.Request) -> web.Response:
    """Answer the results that the person may see now."""
    found = await read_results(request, request.query.get("centre"))
    return web.json_response({"results": [result_json(one) for one in found]})


async def show_csv(request: web.Request) -> web.Response:
    """Answer the results as a CSV file."""
    key = request.match_info["series_key"]
    found = await read_results(request, None)
    return web.Response(
        body=results.as_csv(found, key),
        content_type="text/csv",
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="results-{key}.csv"'},
    )


async def read_results(request: web.Request, centre_number: str | None) -> tuple[ComputedResult, ...]:
    """Return the results of the series in the path that the person may see now; both answers are recorded.

    Raises: as ``repository.acts.results.read``.
    """
    context, key = context_of(request), request.match_info["series_key"]
    database = services_of(request).database
    try:
        return await database.write(lambda s: results.read(s, context, key, centre_number))
    except (ResultsEmbargoed, ResultsWithdrawn):
        await database.write(lambda s: results.note_embargo(s, context, key))
        raise


def reason_code_of(body: dict[str, Any]) -> IssueReason | None:
    """Return why results are issued again, or ``None``; raises ``FieldRefused`` for a reason that does not exist."""
    text = text_field(body, "reason_code", required=False, limit=30)
    if text and text not in {one.value for one in IssueReason}:
        raise FieldRefused(f"reason_code must be one of {', '.join(IssueReason)}.", field="reason_code")
    return IssueReason(text) if text else None


def instant_field(body: dict[str, Any], name: str) -> datetime:
    """Return an instant written in ISO 8601 with its zone; raises ``FieldRefused`` naming the field."""
    text = text_field(body, name, limit=40)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise FieldRefused(f"{name} must be an instant such as 2026-08-12T00:01:00+01:00.", field=name) from error
    if instant.tzinfo is None:
        raise FieldRefused(f"{name} must carry its zone, such as +01:00.", field=name)
    return instant
