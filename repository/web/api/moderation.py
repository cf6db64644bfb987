"""Allocations, the moderator's desk and outcomes, for programs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from moderation.records.outcomes import OutcomeView
from repository.access import Role
from repository.acts import allocations, marking, outcomes
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.api.cases import case_json
from repository.web.api.samples import document_json
from repository.web.requests import context_of, number_field, read_json, services_of, text_field

MARK_LIMIT = 999


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
    """Give a moderator a component at a centre."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    person, series, component, centre = (
        text_field(body, name, limit=64) for name in ("person_id", "series", "component", "centre_number")
    )
    context = context_of(request)
    made = await services_of(request).database.write(
        lambda s: allocations.allocate(s, context, person, series, component, centre)
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
            "items": [
                {
                    "id": one.item.item_id,
                    "candidate_number": one.item.candidate_number,
                    "centre_mark": one.item.centre_mark,
                    "moderator_mark": one.mark.mark if one.mark else None,
                    "comment": one.mark.comment if one.mark else "",
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
    mark = number_field(body, "mark", 0, MARK_LIMIT)
    comment = text_field(body, "comment", required=False, limit=2000)
    context, item_id = context_of(request), request.match_info["item_id"]
    database = services_of(request).database
    case_id = await database.write(lambda s: marking.record_mark(s, context, item_id, mark, comment))
    found = await database.write(lambda s: marking.desk(s, context, case_id))
    return web.json_response(
        {
            "stage": found.stage,
            "state": found.case.state,
            "unread": len(found.report.unread),
            "outcome": outcome_json(found.outcome),
        }
    )


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
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    reason = text_field(await read_json(request), "reason", limit=500)
    context, case_id = context_of(request), request.match_info["case_id"]
    done = await services_of(request).database.write(lambda s: outcomes.accept(s, context, case_id, reason))
    return web.json_response({"outcome": outcome_json(done)})
