"""More time, reopening and what is outstanding, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web

from moderation.records.extensions import ExtensionView
from moderation.records.reopening import ReopeningView
from repository.acts import extensions, outstanding, reopenings
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.cases import case_json
from repository.web.api.samples import day_field
from repository.web.pages.extensions import REASON_LIMIT
from repository.web.pages.outstanding import wanted_of
from repository.web.requests import context_of, read_json, services_of, text_field


def extension_json(one: ExtensionView) -> dict[str, Any]:
    """Return a request for more time as JSON."""
    return {
        "id": one.extension_id,
        "subject": one.subject,
        "incident_id": one.incident_id,
        "reason": one.reason,
        "wanted_on": one.wanted_on.isoformat(),
        "due_before_at": one.due_before_at.isoformat(),
        "asked_at": one.asked_at.isoformat(),
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "decision_reason": one.decision_reason,
        "granted_due_at": one.granted_due_at.isoformat() if one.granted_due_at else None,
    }


def reopening_json(one: ReopeningView) -> dict[str, Any]:
    """Return a request to have marks or a sample back as JSON, with what changed."""
    return {
        "id": one.reopening_id,
        "subject": one.subject,
        "reason": one.reason,
        "asked_at": one.asked_at.isoformat(),
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "granted": one.granted,
        "decision_reason": one.decision_reason,
        "resubmitted_at": one.resubmitted_at.isoformat() if one.resubmitted_at else None,
        "receipt_before": one.receipt_before,
        "receipt_after": one.receipt_after,
        "marks": [asdict(change) for change in one.marks],
        "files": [asdict(change) for change in one.files],
    }


async def show(request: web.Request) -> web.Response:
    """Answer what a centre asked for in a case, and what was decided."""
    case_id = request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: extensions.page(s, context_of(request), case_id))
    return web.json_response(
        {
            "case": case_json(page.case),
            "due": {"subject": page.due.subject, "due_at": page.due.due_at.isoformat()} if page.due else None,
            "extensions": [extension_json(one) for one in page.extensions],
            "reopenings": [reopening_json(one) for one in page.reopenings],
        }
    )


async def ask(request: web.Request) -> web.Response:
    """Ask for more time."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    wanted_on, reason = day_field(body, "wanted_on"), text_field(body, "reason", limit=REASON_LIMIT)
    context, case_id = context_of(request), request.match_info["case_id"]
    made = await services_of(request).database.write(lambda s: extensions.ask(s, context, case_id, reason, wanted_on))
    return web.json_response({"id": made}, status=201)


async def decide(request: web.Request) -> web.Response:
    """Grant more time, with ``granted_on``, or refuse it without."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    granted_on = day_field(body, "granted_on") if body.get("granted_on") is not None else None
    reason = text_field(body, "reason", required=False, limit=REASON_LIMIT)
    context, extension_id = context_of(request), request.match_info["extension_id"]
    done = await services_of(request).database.write(
        lambda s: extensions.decide(s, context, extension_id, granted_on, reason)
    )
    return web.json_response(extension_json(done))


async def ask_back(request: web.Request) -> web.Response:
    """Ask for submitted marks, or the submitted sample, back."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    reason = text_field(await read_json(request), "reason", limit=REASON_LIMIT)
    context, case_id = context_of(request), request.match_info["case_id"]
    made = await services_of(request).database.write(lambda s: reopenings.ask(s, context, case_id, reason))
    return web.json_response({"id": made}, status=201)


async def decide_back(request: web.Request) -> web.Response:
    """Give marks or a sample back to the centre, or refuse: ``grant`` is true or false."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    grant = body.get("grant")
    if not isinstance(grant, bool):
        raise FieldRefused("grant must be true or false.", field="grant")
    reason = text_field(body, "reason", required=False, limit=REASON_LIMIT)
    context, reopening_id = context_of(request), request.match_info["reopening_id"]
    done = await services_of(request).database.write(
        lambda s: reopenings.decide(s, context, services_of(request).signer, reopening_id, grant, reason)
    )
    return web.json_response(reopening_json(done))


async def list_outstanding(request: web.Request) -> web.Response:
    """Answer a page of what centres still have to send."""
    wanted, context = wanted_of(request.query), context_of(request)
    page = await services_of(request).database.read(lambda s: outstanding.page(s, context, wanted))
    return web.json_response(
        {
            "total": page.total,
            "late": page.late,
            "pages": page.pages,
            "lines": [
                {
                    "case_id": line.waited.case_id,
                    "series": line.waited.series_key,
                    "component": line.waited.component_code,
                    "centre_number": line.waited.centre_number,
                    "subject": line.waited.subject,
                    "state": line.waited.state,
                    "due_at": line.waited.due_at.isoformat() if line.waited.due_at else None,
                    "working_days_late": line.working_days_late,
                    "missing": list(line.missing),
                    "reminders": line.reminders,
                }
                for line in page.lines
            ],
        }
    )
