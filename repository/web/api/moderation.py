"""Allocations, the moderator's desk and outcomes, for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from sqlalchemy.orm import Session

from moderation.records.cases import CaseView, view_case
from moderation.records.outcomes import OutcomeView, outcome_of
from repository.access import Role
from repository.acts import allocations, marking, outcomes
from repository.audit import Context
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.cases import case_json
from repository.web.api.samples import document_json
from repository.web.pages.allocations import act_field
from repository.web.requests import context_of, number_field, read_json, services_of, text_field

MARK_LIMIT = 999
CRITERIA_LIMIT = 50


def outcome_json(outcome: OutcomeView | None) -> dict[str, Any] | None:
    """Return an outcome with all its numbers as JSON, or None."""
    if outcome is None:
        return None
    return {
        "id": outcome.outcome_id,
        "kind": outcome.kind,
        "stage": outcome.stage,
        "numbers": dict(outcome.numbers),
        "policy_version": outcome.policy_version,
        "policy_id": outcome.policy_id,
        "policy_revision": outcome.policy_revision,
        "origin": outcome.origin,
        "mark_set_version": outcome.mark_set_version,
        "reason": outcome.reason,
        "proposed_by": outcome.proposed_by,
        "proposed_at": outcome.proposed_at.isoformat(),
        "confirmed_by": outcome.confirmed_by,
        "confirmed_at": outcome.confirmed_at.isoformat() if outcome.confirmed_at else None,
    }


async def people(request: web.Request) -> web.Response:
    """List people who hold a role."""
    asked = request.query.get("role")
    try:
        role = Role(asked) if asked else None
    except ValueError as error:
        raise FieldRefused(f"{asked!r} is not a role.", field="role") from error
    found = await services_of(request).database.read(lambda s: allocations.people(s, context_of(request), role))
    return web.json_response(
        {
            "people": [
                {"person_id": one.person_id, "name": one.name, "role": one.role, "centre_number": one.centre_number}
                for one in found
            ]
        }
    )


async def allocate(request: web.Request) -> web.Response:
    """Give a moderator a component at a centre: to moderate, to review, or to hear an appeal."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    person, series, component, centre = (
        text_field(body, name, limit=64) for name in ("person_id", "series", "component", "centre_number")
    )
    act = act_field(body)
    context = context_of(request)
    made = await services_of(request).database.write(
        lambda s: allocations.allocate(s, context, person, series, component, centre, act)
    )
    return web.json_response({"id": made}, status=201)


async def worklist(request: web.Request) -> web.Response:
    """Answer the moderator's cases."""
    lines = await services_of(request).database.read(lambda s: marking.worklist(s, context_of(request)))
    return web.json_response(
        {
            "cases": [
                case_json(line.case) | {"sampled": line.sampled, "read": line.read, "is_readable": line.is_readable}
                for line in lines
            ]
        }
    )


async def desk(request: web.Request) -> web.Response:
    """Answer a case as its moderator works on it."""
    context, case_id = context_of(request), request.match_info["case_id"]
    found = await services_of(request).database.write(lambda s: marking.desk(s, context, case_id))
    return web.json_response(
        {
            "case": case_json(found.case),
            "stage": found.stage,
            "tolerance_marks": found.case.tolerance_marks,
            "maximum": found.case.maximum_mark,
            "criteria": [{"code": one.code, "title": one.title, "maximum": one.maximum_mark} for one in found.criteria],
            "items": [
                {
                    "id": one.item.item_id,
                    "candidate_number": one.item.candidate_number,
                    "centre_mark": one.centre_mark,
                    "mark_number": one.mark.number if one.mark else 0,
                    "moderator_mark": one.mark.mark if one.mark else None,
                    "comment": one.mark.comment if one.mark else "",
                    "criteria": {given.code: given.mark for given in one.mark.criteria} if one.mark else {},
                    "difference": one.difference,
                    "in_sub_sample": one.item.first_stage,
                    "wanted_now": one.is_wanted_now,
                    "documents": [document_json(document) for document in one.documents],
                }
                for one in found.items
            ],
            "outcome": outcome_json(found.outcome),
        }
    )


async def record_mark(request: web.Request) -> web.Response:
    """Record a moderator's mark; answers the stage and what was proposed."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    criteria = _criteria(body)
    mark = None if criteria and "mark" not in body else number_field(body, "mark", 0, MARK_LIMIT)
    comment = text_field(body, "comment", required=False, limit=2000)
    seen = number_field(body, "number", 0, 10_000) if "number" in body else None
    context, item_id = context_of(request), request.match_info["item_id"]
    database = services_of(request).database
    case_id = await database.write(lambda s: marking.record_mark(s, context, item_id, mark, comment, seen, criteria))
    found = await database.write(lambda s: marking.desk(s, context, case_id))
    return web.json_response(
        {
            "stage": found.stage,
            "state": found.case.state,
            "unread": len(found.report.unread),
            "outcome": outcome_json(found.outcome),
        }
    )


def _criteria(body: dict[str, Any]) -> dict[str, int | None]:
    """Return the marks by criterion of a body; raises ``FieldRefused`` for anything but whole numbers by code."""
    given = body.get("criteria", {})
    if not isinstance(given, dict) or len(given) > CRITERIA_LIMIT:
        raise FieldRefused("criteria must be an object of criterion codes and marks.", field="criteria")
    return {str(code): number_field(given, code, 0, MARK_LIMIT) for code in given}


async def outcome(request: web.Request) -> web.Response:
    """Answer the outcome of a case and every moderated mark: as proposed until it is confirmed."""
    context, case_id = context_of(request), request.match_info["case_id"]
    page = await services_of(request).database.read(lambda s: outcomes.page(s, context, case_id))
    return web.json_response(
        {
            "case": case_json(page.case),
            "outcome": outcome_json(page.outcome),
            "moderated": [
                {
                    "candidate_number": line.candidate_number,
                    "centre_mark": line.centre_mark,
                    "moderated_mark": line.moderated_mark,
                    "status": line.status,
                }
                for line in page.moderated
            ],
        }
    )


async def confirm(request: web.Request) -> web.Response:
    """Confirm the proposed outcome."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    version = number_field(body, "version", 0, 2**31) if "version" in body else None
    context, case_id = context_of(request), request.match_info["case_id"]
    done = await services_of(request).database.write(lambda s: outcomes.confirm(s, context, case_id, version))
    return web.json_response({"outcome": outcome_json(done)})


async def accept(request: web.Request) -> web.Response:
    """Propose that the centre's marks stand, with a reason."""
    return await _step(request, lambda s, c, i, b, v: outcomes.accept(s, c, i, text_field(b, "reason", limit=500), v))


async def reopen(request: web.Request) -> web.Response:
    """Send the case back to the moderator, with a reason."""
    return await _step(request, lambda s, c, i, b, v: outcomes.reopen(s, c, i, text_field(b, "reason", limit=500), v))


async def withdraw(request: web.Request) -> web.Response:
    """Withdraw a confirmed outcome before results, with a reason."""
    return await _step(request, lambda s, c, i, b, v: outcomes.withdraw(s, c, i, text_field(b, "reason", limit=500), v))


async def find_again(request: web.Request) -> web.Response:
    """Let the rule find the outcome again from the marks as they stand."""
    return await _step(request, lambda s, c, i, b, v: outcomes.find_again(s, c, i, v))


async def propose(request: web.Request) -> web.Response:
    """Let the moderator say that the marks as they stand are the last word."""
    return await _step(request, lambda s, c, i, b, v: marking.propose_again(s, c, i, v))


async def return_to_centre(request: web.Request) -> web.Response:
    """Return marks whose order failed, with feedback that holds no marks."""
    return await _step(
        request, lambda s, c, i, b, v: outcomes.return_to_centre(s, c, i, text_field(b, "feedback", limit=2000), v)
    )


async def offer_call(request: web.Request) -> web.Response:
    """Note that the centre is to be called about its order of merit."""
    return await _step(
        request, lambda s, c, i, b, v: outcomes.offer_call(s, c, i, text_field(b, "reason", limit=500), v)
    )


async def note_call(request: web.Request) -> web.Response:
    """Keep what was said in a support call."""
    return await _step(
        request,
        lambda s, c, i, b, v: outcomes.note_call(
            s, c, i, text_field(b, "spoken_with", limit=120), text_field(b, "notes", limit=2000)
        ),
    )


async def _step(
    request: web.Request, act: Callable[[Session, Context, str, dict[str, Any], int | None], object]
) -> web.Response:
    """Do one step on a case and answer how it stands then."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    version = number_field(body, "version", 0, 2**31) if "version" in body else None
    context, case_id = context_of(request), request.match_info["case_id"]

    def work(session: Session) -> tuple[CaseView, OutcomeView | None]:
        act(session, context, case_id, body, version)
        return view_case(session, case_id), outcome_of(session, case_id)

    case, found = await services_of(request).database.write(work)
    return web.json_response({"case": case_json(case), "outcome": outcome_json(found)})
