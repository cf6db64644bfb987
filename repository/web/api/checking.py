"""Teams, checks of moderators, amendments, suspicions and holds, for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from moderation.amendments import AmendmentKind, SampleChoice
from moderation.checking import Verdict
from moderation.marks import CentreMark, MarkStatus
from moderation.records.amendments import AmendmentView
from moderation.records.checks import CheckView
from moderation.records.holds import HoldView, SuspicionDecision, SuspicionView
from repository.acts import amendments, checks, holds, teams
from repository.blinding import NUMBER_LIMIT
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.cases import case_json
from repository.web.requests import context_of, number_field, read_json, services_of, text_field

MARK_LIMIT = 999
VERSION_LIMIT = 2**31
REASON_LIMIT = 500
LONG_LIMIT = 2000


def check_json(check: CheckView | None) -> dict[str, Any] | None:
    """Return a check as JSON; the moderator's marks are in it once every work has the checker's own."""
    if check is None:
        return None
    return {
        "id": check.check_id,
        "case_id": check.case_id,
        "number": check.number,
        "version": check.version,
        "as_principal": check.is_principal,
        "verdict": check.verdict,
        "reason": check.reason,
        "decided_at": _instant(check.decided_at),
        "works": [
            {
                "item_id": work.item_id,
                "candidate_number": work.candidate_number,
                "centre_mark": work.centre_mark,
                "mark": work.mark,
                "comment": work.comment,
                "moderator_mark": work.moderator_mark,
                "difference": work.difference,
            }
            for work in check.works
        ],
    }


def amendment_json(one: AmendmentView) -> dict[str, Any]:
    """Return an amendment as JSON."""
    return {
        "id": one.amendment_id,
        "candidate_number": one.candidate_number,
        "kind": one.kind,
        "reason": one.reason,
        "before": _mark_json(one.before),
        "after": _mark_json(one.after),
        "proposed_at": one.proposed_at.isoformat(),
        "decision": one.decision,
        "sample_choice": one.sample_choice,
        "decision_reason": one.decision_reason,
        "decided_at": _instant(one.decided_at),
        "mark_set_version": one.mark_set_version,
    }


def hold_json(one: HoldView) -> dict[str, Any]:
    """Return a hold as JSON, for officers."""
    return {
        "id": one.hold_id,
        "candidate_number": one.candidate_number,
        "reason": one.reason,
        "held_at": one.held_at.isoformat(),
        "release_reason": one.release_reason,
        "released_at": _instant(one.released_at),
    }


def suspicion_json(one: SuspicionView) -> dict[str, Any]:
    """Return a suspicion as JSON."""
    return {
        "id": one.suspicion_id,
        "candidate_number": one.candidate_number,
        "statement": one.statement,
        "raised_at": one.raised_at.isoformat(),
        "decision": one.decision,
        "decision_reason": one.decision_reason,
    }


async def set_team(request: web.Request) -> web.Response:
    """Put moderators into a team leader's team in a component."""
    body = await _body(request)
    series, component, leader = (text_field(body, name, limit=64) for name in ("series", "component", "leader_id"))
    members = body.get("member_ids", [])
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        raise FieldRefused("member_ids must be a list of people.", field="member_ids")
    context = context_of(request)
    made = await services_of(request).database.write(
        lambda s: teams.set_team(s, context, series, component, leader, members)
    )
    return web.json_response({"id": made.team_id, "member_ids": list(made.member_ids)}, status=201)


async def set_principal(request: web.Request) -> web.Response:
    """Name the principal moderator of a component."""
    body = await _body(request)
    series, component, person = (text_field(body, name, limit=64) for name in ("series", "component", "person_id"))
    context = context_of(request)
    await services_of(request).database.write(lambda s: teams.set_principal(s, context, series, component, person))
    return web.json_response({"component": component, "person_id": person}, status=201)


async def index(request: web.Request) -> web.Response:
    """Answer the cases that the person watches over."""
    lines = await services_of(request).database.read(lambda s: checks.listed(s, context_of(request)))
    return web.json_response(
        {
            "cases": [
                case_json(line.case) | {"to_check": line.is_due, "escalated": line.is_escalated, "checks": line.checks}
                for line in lines
            ]
        }
    )


async def show(request: web.Request) -> web.Response:
    """Answer the person's check of a case."""
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.write(lambda s: checks.page(s, context, case_id))
    return web.json_response(
        {"case": case_json(page.case), "check": check_json(page.check), "needs_check": page.is_due}
    )


async def begin(request: web.Request) -> web.Response:
    """Begin a check of the proposed outcome of a case, or answer the person's own."""
    await _body(request)
    context, case_id = context_of(request), request.match_info["case_id"]
    made = await services_of(request).database.write(lambda s: checks.begin(s, context, case_id))
    return web.json_response({"check": check_json(made)}, status=201)


async def record_mark(request: web.Request) -> web.Response:
    """Keep the person's own mark of a work of a check."""
    body = await _body(request)
    mark = number_field(body, "mark", 0, MARK_LIMIT)
    comment = text_field(body, "comment", required=False, limit=LONG_LIMIT)
    version = number_field(body, "version", 0, VERSION_LIMIT) if "version" in body else None
    context, info = context_of(request), request.match_info
    kept = await services_of(request).database.write(
        lambda s: checks.record_mark(s, context, info["check_id"], info["item_id"], mark, comment, version)
    )
    return web.json_response({"check": check_json(kept)})


async def decide(request: web.Request) -> web.Response:
    """End a check with a verdict."""
    body = await _body(request)
    verdict = _word(Verdict, body, "verdict")
    reason = text_field(body, "reason", required=False, limit=REASON_LIMIT)
    version = number_field(body, "version", 0, VERSION_LIMIT) if "version" in body else None
    context, check_id = context_of(request), request.match_info["check_id"]
    done = await services_of(request).database.write(
        lambda s: checks.decide(s, context, check_id, verdict, reason, version)
    )
    return web.json_response({"check": check_json(done)})


async def coverage(request: web.Request) -> web.Response:
    """Answer coverage and drift of moderators; fractions as texts such as ``-1/3``."""
    lines = await services_of(request).database.read(lambda s: checks.coverage(s, context_of(request)))
    return web.json_response(
        {
            "moderators": [
                {
                    "name": line.name,
                    "person_id": line.coverage.person_id,
                    "series": line.coverage.series_key,
                    "component": line.coverage.component_code,
                    "cases": line.coverage.cases,
                    "cases_checked": line.coverage.cases_checked,
                    "works_read": line.coverage.works_read,
                    "works_checked": line.coverage.works_checked,
                    "drift": None if line.coverage.drift is None else str(line.coverage.drift),
                }
                for line in lines
            ]
        }
    )


async def list_amendments(request: web.Request) -> web.Response:
    """Answer the amendments of a case that the person may see."""
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: amendments.page(s, context, case_id))
    return web.json_response(
        {
            "case": case_json(page.case),
            "amendments": [amendment_json(one) for one in page.amendments],
            "clerical_errors": [amendment_json(one) for one in page.clerical_errors],
        }
    )


async def propose_amendment(request: web.Request) -> web.Response:
    """Propose a changed mark."""
    body = await _body(request)
    number = text_field(body, "candidate_number", limit=NUMBER_LIMIT)
    reason = text_field(body, "reason", limit=REASON_LIMIT)
    mark = number_field(body, "mark", 0, MARK_LIMIT) if body.get("mark") is not None else None
    status = _word(MarkStatus, body, "status") if body.get("status") else None
    kind = _word(AmendmentKind, body, "kind") if body.get("kind") else None
    context, case_id = context_of(request), request.match_info["case_id"]
    made = await services_of(request).database.write(
        lambda s: amendments.propose(s, context, case_id, number, kind=kind, mark=mark, status=status, reason=reason)
    )
    return web.json_response({"amendment": amendment_json(made)}, status=201)


async def approve_amendment(request: web.Request) -> web.Response:
    """Approve an amendment and say what becomes of the sample."""
    body = await _body(request)
    choice = _word(SampleChoice, body, "sample")
    reason = text_field(body, "reason", limit=REASON_LIMIT)
    context, amendment_id = context_of(request), request.match_info["amendment_id"]
    done = await services_of(request).database.write(
        lambda s: amendments.approve(s, context, amendment_id, choice, reason)
    )
    return web.json_response({"amendment": amendment_json(done)})


async def refuse_amendment(request: web.Request) -> web.Response:
    """Refuse an amendment."""
    reason = text_field(await _body(request), "reason", limit=REASON_LIMIT)
    context, amendment_id = context_of(request), request.match_info["amendment_id"]
    done = await services_of(request).database.write(lambda s: amendments.refuse(s, context, amendment_id, reason))
    return web.json_response({"amendment": amendment_json(done)})


async def list_holds(request: web.Request) -> web.Response:
    """Answer suspicions and holds of a case."""
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.write(lambda s: holds.page(s, context, case_id))
    return web.json_response(
        {
            "case": case_json(page.case),
            "suspicions": [suspicion_json(one) for one in page.suspicions],
            "holds": [hold_json(one) for one in page.holds],
        }
    )


async def hold(request: web.Request) -> web.Response:
    """Hold a case, or one candidate of it."""
    body = await _body(request)
    number = text_field(body, "candidate_number", required=False, limit=NUMBER_LIMIT)
    reason = text_field(body, "reason", limit=REASON_LIMIT)
    context, case_id = context_of(request), request.match_info["case_id"]
    made = await services_of(request).database.write(lambda s: holds.hold(s, context, case_id, number, reason))
    return web.json_response({"hold": hold_json(made)}, status=201)


async def release(request: web.Request) -> web.Response:
    """End a hold."""
    reason = text_field(await _body(request), "reason", limit=REASON_LIMIT)
    context, hold_id = context_of(request), request.match_info["hold_id"]
    done = await services_of(request).database.write(lambda s: holds.release(s, context, hold_id, reason))
    return web.json_response({"hold": hold_json(done)})


async def raise_suspicion(request: web.Request) -> web.Response:
    """Report a suspicion to the awarding body."""
    body = await _body(request)
    number = text_field(body, "candidate_number", required=False, limit=NUMBER_LIMIT)
    statement = text_field(body, "statement", limit=LONG_LIMIT)
    context, case_id = context_of(request), request.match_info["case_id"]
    made = await services_of(request).database.write(
        lambda s: holds.raise_suspicion(s, context, case_id, number, statement)
    )
    return web.json_response({"suspicion": suspicion_json(made)}, status=201)


async def decide_suspicion(request: web.Request) -> web.Response:
    """Decide about a suspicion."""
    body = await _body(request)
    decision = _word(SuspicionDecision, body, "decision")
    reason = text_field(body, "reason", limit=REASON_LIMIT)
    context, suspicion_id = context_of(request), request.match_info["suspicion_id"]
    case_id = await services_of(request).database.write(
        lambda s: holds.decide(s, context, suspicion_id, decision, reason)
    )
    return web.json_response({"case_id": case_id})


async def _body(request: web.Request) -> dict[str, Any]:
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    return await read_json(request)


def _word(kind: Any, body: dict[str, Any], name: str) -> Any:
    try:
        return kind(str(body.get(name, "")))
    except ValueError as error:
        words = ", ".join(one.value for one in kind)
        raise FieldRefused(f"{name} must be one of {words}.", field=name) from error


def _mark_json(mark: CentreMark) -> dict[str, Any]:
    return {"status": mark.status, "mark": mark.mark}


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
