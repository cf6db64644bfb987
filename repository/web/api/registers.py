"""The attendance register, for programs: marks, seats, corrections that two people sign, and every change of it."""

from __future__ import annotations

from aiohttp import web

from repository.acts import registers
from repository.errors import FieldRefused
from repository.web import authentication
from repository.web.requests import context_of, read_json, services_of, text_field
from scripts.reconciliation import RegisterState
from scripts.registers import Addition, CorrectionField


async def show(request: web.Request) -> web.Response:
    """Answer the register in seating order, its corrections and every change of it."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    view = await services_of(request).database.read(lambda s: registers.show(s, context, sitting_id))
    signed_at = view.sitting.register_completed_at
    return web.json_response(
        {
            "signed_off_at": signed_at.isoformat() if signed_at else None,
            "lines": [
                {
                    "candidate_number": line.candidate_number,
                    "name": view.name_of(line),
                    "state": line.state,
                    "added": line.added,
                    "seat": line.seat,
                    "booklets": line.booklets,
                    "centre_number": line.centre_number or view.sitting.centre_number,
                    "reason": line.reason,
                    "moved_to": line.moved_to_id,
                }
                for line in view.lines
            ],
            "corrections": [
                {
                    "id": one.id,
                    "candidate_number": one.candidate_number,
                    "field": one.field,
                    "before": one.before,
                    "after": one.after,
                    "reason": one.reason,
                    "asked_by": view.people.get(one.asked_by, ""),
                    "asked_at": one.asked_at.isoformat(),
                    "decision": one.decision,
                    "second": one.second_name or view.people.get(one.decided_by or "", ""),
                }
                for one in view.corrections
            ],
            "changes": [
                {
                    "candidate_number": one.candidate_number,
                    "kind": one.kind,
                    "before": one.before,
                    "after": one.after,
                    "reason": one.reason,
                    "made_by": view.people.get(one.made_by, ""),
                    "made_at": one.made_at.isoformat(),
                }
                for one in view.changes
            ],
        }
    )


async def mark(request: web.Request) -> web.Response:
    """Mark candidates present, absent or withdrawn, and write in who is not listed."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    lines, added = body.get("lines"), body.get("added", [])
    if not isinstance(lines, list) or not isinstance(added, list):
        raise FieldRefused("lines must be a list of candidate_number and state.", field="lines")
    try:
        states = {str(line["candidate_number"]): RegisterState(line["state"]) for line in lines}
        reasons = {str(line["candidate_number"]): str(line["reason"])[:200] for line in lines if line.get("reason")}
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise FieldRefused(
            "Each line names a candidate_number and the state present, absent or withdrawn.", field="lines"
        ) from error
    new = [_addition(one) for one in added]
    states |= {one.candidate_number: states.get(one.candidate_number, RegisterState.PRESENT) for one in new}
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    await services_of(request).database.write(
        lambda s: registers.mark_register(s, context, sitting_id, states, new, reasons)
    )
    return web.Response(status=204)


def _addition(one: object) -> Addition:
    if not isinstance(one, dict):
        raise FieldRefused("added must be a list of candidate_number, name and reason.", field="added")
    return Addition(
        text_field(one, "candidate_number", limit=4),
        text_field(one, "name", limit=120),
        text_field(one, "reason", limit=200),
    )


async def seat(request: web.Request) -> web.Response:
    """Give candidates their seats: a number, or null for none."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    seats = (await read_json(request)).get("seats")
    if not isinstance(seats, dict) or not all(
        one is None or (isinstance(one, int) and not isinstance(one, bool)) for one in seats.values()
    ):
        raise FieldRefused("seats must be an object of candidate numbers and seats.", field="seats")
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    await services_of(request).database.write(lambda s: registers.seat(s, context, sitting_id, seats))
    return web.Response(status=204)


async def correct(request: web.Request) -> web.Response:
    """Write a correction down, which a second person signs."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        field = CorrectionField(text_field(body, "field", limit=20))
    except ValueError as error:
        raise FieldRefused(f"field is one of {', '.join(CorrectionField)}.", field="field") from error
    made = await services_of(request).database.write(
        lambda s: registers.ask_correction(
            s,
            context,
            sitting_id,
            text_field(body, "candidate_number", limit=4),
            field,
            text_field(body, "after", limit=120),
            reason=text_field(body, "reason", limit=200),
            name=text_field(body, "name", required=False, limit=120),
            second_name=text_field(body, "second_name", required=False, limit=100),
        )
    )
    return web.json_response({"id": made.id, "decision": made.decision}, status=201)


async def countersign(request: web.Request) -> web.Response:
    """Counter-sign a correction of somebody else, or refuse it."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    body = await read_json(request)
    decision = text_field(body, "decision", limit=10)
    if decision not in {"confirmed", "refused"}:
        raise FieldRefused("decision is confirmed or refused.", field="decision")
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    correction_id = text_field(body, "correction", limit=36)
    await services_of(request).database.write(
        lambda s: registers.decide_correction(s, context, sitting_id, correction_id, confirmed=decision == "confirmed")
    )
    return web.Response(status=204)


async def sign_off(request: web.Request) -> web.Response:
    """Sign the register off."""
    authentication.check_csrf(request, request.headers.get("X-CSRF-Token"))
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    await services_of(request).database.write(lambda s: registers.sign_off(s, context, sitting_id))
    return web.Response(status=204)
