"""The register of a sitting: seats, marks, additions, corrections that two people sign, and every change of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from aiohttp import web

from repository.access import Action, scope_of
from repository.acts import registers
from repository.acts.sittings import permitted
from repository.errors import FieldRefused
from repository.web.api.sittings import pdf_response
from repository.web.forms import FORM_ERRORS, errors_of, typed_in
from repository.web.pages import redirect, render
from repository.web.requests import (
    actor_of,
    context_of,
    number_field,
    read_form,
    services_of,
    text_field,
)
from scripts.reconciliation import RegisterState
from scripts.records.registers import BOOKLET_LIMIT, SEAT_LIMIT
from scripts.registers import Addition, ChangeKind, CorrectionField

FIELD_WORDS: Mapping[CorrectionField, str] = {
    CorrectionField.NAME: "Name",
    CorrectionField.CANDIDATE_NUMBER: "Candidate number",
    CorrectionField.CENTRE_NUMBER: "Centre number",
    CorrectionField.MARK: "Present or absent",
}
CHANGE_WORDS: Mapping[ChangeKind, str] = {
    ChangeKind.LATE_ENTRY: "Entered late",
    ChangeKind.ENTRY_WITHDRAWN: "Struck out: entry withdrawn",
    ChangeKind.ENTRY_RESTORED: "Entry made again",
    ChangeKind.ADDED: "Written in",
    ChangeKind.MARKED: "Marked",
    ChangeKind.SEATED: "Seated",
    ChangeKind.BOOKLETS: "Booklets counted",
    ChangeKind.EXPLAINED: "Script explained",
    ChangeKind.CORRECTED: "Corrected and counter-signed",
    ChangeKind.CORRECTION_REFUSED: "Correction refused",
    ChangeKind.MOVED_AWAY: "Moved to another time",
    ChangeKind.MOVED_HERE: "Moved here",
    ChangeKind.RESCHEDULED: "Moved with the timetable",
    ChangeKind.SIGNED_OFF: "Signed off",
}
TYPED = (
    "added_number", "added_name", "added_reason", "candidate_number", "field", "after", "name", "reason", "second_name",
    "move_reason", "move_on",
)  # fmt: skip


async def show(request: web.Request) -> web.Response:
    """Show the register of a sitting."""
    return await _page(request)


async def save(request: web.Request) -> web.Response:
    """Save the marks, seats and booklets of the register, and a candidate who is written in."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        states, reasons = _marks(form)
        rest = RegisterState.PRESENT if form.get("rest") == RegisterState.PRESENT else None
        added = _addition(form)
        if added is not None:
            states[added.candidate_number] = RegisterState.PRESENT
        seats = _numbers(form, "seat-", SEAT_LIMIT)
        booklets = {number: one for number, one in _numbers(form, "booklets-", BOOKLET_LIMIT).items() if one}

        def work(session: Any) -> None:
            registers.mark_register(session, context, sitting_id, states, [added] if added else [], reasons, rest=rest)
            if seats:
                registers.seat(session, context, sitting_id, seats)
            if booklets:
                registers.count_booklets(session, context, sitting_id, booklets)

        await services_of(request).database.write(work)
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    return await redirect(request, f"/sittings/{sitting_id}/register", text="The register was saved.")


def _marks(form: Mapping[str, Any]) -> tuple[dict[str, RegisterState], dict[str, str]]:
    known = {str(state) for state in RegisterState if state is not RegisterState.UNMARKED}
    states = {
        name.removeprefix("state-"): RegisterState(str(value))
        for name, value in form.items()
        if name.startswith("state-") and str(value) in known
    }
    reasons = {
        number: text_field(form, f"reason-{number}", required=False, limit=200)
        for number, state in states.items()
        if state is RegisterState.WITHDRAWN
    }
    return states, reasons


def _addition(form: Mapping[str, Any]) -> Addition | None:
    number = text_field(form, "added_number", required=False, limit=4)
    if not number:
        return None
    name, reason = text_field(form, "added_name", limit=120), text_field(form, "added_reason", limit=200)
    return Addition(number, name, reason)


def _numbers(form: Mapping[str, Any], prefix: str, highest: int) -> dict[str, int | None]:
    return {
        name.removeprefix(prefix): number_field(form, name, 1, highest) if str(value).strip() else None
        for name, value in form.items()
        if name.startswith(prefix)
    }


async def seat_by(request: web.Request) -> web.Response:
    """Seat everybody by number or by name."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    order = "name" if form.get("order") == "name" else "number"
    await services_of(request).database.write(lambda s: registers.seat_by(s, context, sitting_id, order))
    return await redirect(request, f"/sittings/{sitting_id}/register", text="Everybody has a seat.")


async def correct(request: web.Request) -> web.Response:
    """Write a correction down."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        made = await services_of(request).database.write(
            lambda s: registers.ask_correction(
                s,
                context,
                sitting_id,
                text_field(form, "candidate_number", limit=4),
                _field(form),
                text_field(form, "after", limit=120),
                reason=text_field(form, "reason", limit=200),
                name=text_field(form, "name", required=False, limit=120),
                second_name=text_field(form, "second_name", required=False, limit=100),
            )
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    if made.decision:
        text = "The correction is on the register. What stood before stays in the history."
    else:
        text = "The correction is written down. It holds when a second person has counter-signed it."
    return await redirect(request, f"/sittings/{sitting_id}/register", text=text)


def _field(form: Mapping[str, Any]) -> CorrectionField:
    try:
        return CorrectionField(text_field(form, "field", limit=20))
    except ValueError as error:
        raise FieldRefused("Choose what is to be corrected.", field="field") from error


async def countersign(request: web.Request) -> web.Response:
    """Counter-sign a correction of somebody else, or refuse it."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    confirmed = form.get("decision") == "confirmed"
    try:
        correction_id = text_field(form, "correction", limit=36)
        await services_of(request).database.write(
            lambda s: registers.decide_correction(s, context, sitting_id, correction_id, confirmed=confirmed)
        )
    except FORM_ERRORS as error:
        return await _page(request, error)
    text = "The correction is counter-signed." if confirmed else "The correction is refused; the line stays as it is."
    return await redirect(request, f"/sittings/{sitting_id}/register", text=text)


async def sign_off(request: web.Request) -> web.Response:
    """Sign the register off."""
    await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        await services_of(request).database.write(lambda s: registers.sign_off(s, context, sitting_id))
    except FORM_ERRORS as error:
        return await _page(request, error)
    text = "The register is signed off. Next, plan the packets."
    return await redirect(request, f"/sittings/{sitting_id}", title="Register signed off", text=text)


async def move(request: web.Request) -> web.Response:
    """Move candidates who clash to another time."""
    form = await read_form(request)
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    try:
        numbers = [str(number) for number in form.getall("candidates", [])]
        on, reason = _day(text_field(form, "move_on", limit=10)), text_field(form, "move_reason", limit=200)
        session_of_day = text_field(form, "move_session", limit=2)
        there = await services_of(request).database.write(
            lambda s: registers.move(s, context, sitting_id, numbers, on, session_of_day, reason)
        )
    except FORM_ERRORS as error:
        return await _page(request, error, form)
    text = "They are on the register of this sitting now. At the other one their lines are struck out."
    return await redirect(request, f"/sittings/{there.id}/register", title="Candidates moved", text=text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise FieldRefused("Enter a date such as 2027-05-15.", field="move_on") from error


async def printed(request: web.Request) -> web.Response:
    """Answer the register as a PDF: as it stands, or blank for the paper."""
    context, sitting_id = context_of(request), request.match_info["sitting_id"]
    blank = request.query.get("blank") == "yes"
    pdf = await services_of(request).database.write(lambda s: registers.printed(s, context, sitting_id, blank=blank))
    return pdf_response(pdf, "register")


async def _page(
    request: web.Request, error: Exception | None = None, form: Mapping[str, Any] | None = None
) -> web.Response:
    context, sitting_id, actor = context_of(request), request.match_info["sitting_id"], actor_of(request)

    def work(session: Any) -> registers.RegisterView:
        permitted(session, context, Action.REGISTER_WRITE, sitting_id)
        return registers.show(session, context, sitting_id)

    view = await services_of(request).database.read(work)
    signed = view.sitting.register_completed_at is not None
    fields = [
        {"value": one, "text": text} for one, text in FIELD_WORDS.items() if signed or one != CorrectionField.MARK
    ]
    posted = {name: str(value) for name, value in form.items()} if form is not None else {}
    return await render(
        request,
        "sittings/register.html",
        status=200 if error is None else 422,
        view=view,
        is_signed=signed,
        may_write=scope_of(actor, Action.REGISTER_WRITE) is not None,
        me=actor.person_id,
        fields=fields,
        field_words=FIELD_WORDS,
        change_words=CHANGE_WORDS,
        typed=typed_in(form, *TYPED),
        posted=posted,
        errors=[] if error is None else errors_of(error),
    )
