"""The attendance register of a sitting: who was there, and every change of it, signed where two must sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.tables import Candidate, Centre, Component
from repository import audit, people
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from scripts import records
from scripts.errors import RegisterRefused
from scripts.reconciliation import RegisterState
from scripts.registers import ENTRIES, Addition, CorrectionField, require_reason, require_second_name
from scripts.tables import RegisterChange, RegisterCorrection, RegisterLine, Script, Sitting


@dataclass(frozen=True, slots=True)
class RegisterView:
    """A register as its centre reads it: lines in seating order, corrections, history, and who is who.

    ``names``: of candidates, by number, as the entries say; a line's own ``name`` comes before it. ``people``: who did
    something, by the id that the history has.
    """

    sitting: Sitting
    component_title: str
    centre_name: str
    lines: tuple[RegisterLine, ...]
    names: Mapping[str, str]
    scripts: Mapping[str, Script]
    corrections: tuple[RegisterCorrection, ...]
    changes: tuple[RegisterChange, ...]
    people: Mapping[str, str]

    def name_of(self, line: RegisterLine) -> str:
        """Return the name of a candidate: as corrected or written in, otherwise as entered."""
        return line.name or self.names.get(line.candidate_number, "")

    @property
    def unmarked(self) -> int:
        """Return how many candidates are not marked yet."""
        return sum(1 for line in self.lines if line.state == RegisterState.UNMARKED)

    @property
    def waiting(self) -> tuple[RegisterCorrection, ...]:
        """Return the corrections that wait for a second person."""
        return tuple(one for one in self.corrections if one.decision is None)


def candidate_names(session: Session, sitting: Sitting) -> dict[str, str]:
    """Return the names of a centre's candidates by number, surname first, for those that the person may see."""
    rows = session.execute(
        select(Candidate.candidate_number, Candidate.surname, Candidate.forenames).where(
            Candidate.series_key == sitting.series_key, Candidate.centre_number == sitting.centre_number
        )
    )
    return {number: f"{surname} {forenames}".strip() for number, surname, forenames in rows}


def show(session: Session, context: Context, sitting_id: str) -> RegisterView:
    """Return the register of a sitting with its history."""
    sitting = permitted(session, context, Action.SITTING_READ, sitting_id)
    component = session.get(Component, (sitting.series_key, sitting.component_code))
    centre = session.get(Centre, sitting.centre_number)
    corrections, changes = records.corrections(session, sitting_id), records.register_changes(session, sitting_id)
    ids = {one.made_by for one in changes} | {one.asked_by for one in corrections}
    ids |= {one.decided_by or "" for one in corrections} | {sitting.register_completed_by or ""}
    return RegisterView(
        sitting,
        component.title if component else "",
        centre.name if centre else "",
        tuple(records.seated(records.register(session, sitting_id))),
        candidate_names(session, sitting),
        {script.candidate_number: script for script in records.scripts_of(session, sitting_id)},
        tuple(corrections),
        tuple(changes),
        people.names_of(session, ids) | {ENTRIES: "The entries"},
    )


def mark_register(
    session: Session,
    context: Context,
    sitting_id: str,
    states: Mapping[str, RegisterState],
    added: Sequence[Addition] = (),
    reasons: Mapping[str, str] | None = None,
    rest: RegisterState | None = None,
) -> None:
    """Mark candidates present, absent or withdrawn; ``added`` are candidates who sat without being listed.

    Takes: ``rest``: the mark of everybody who has none and is not named.
    Raises: ``RegisterRefused`` for an addition without a name or a reason, or somebody struck out without one.
    """
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    for one in added:
        if not one.name.strip():
            raise RegisterRefused(f"Write the name of candidate {one.candidate_number}.", field="added_name")
        require_reason(one.reason)
    standing = {line.candidate_number: line.state for line in records.register(session, sitting_id)}
    if rest is not None:
        unmarked = [number for number, state in standing.items() if state == RegisterState.UNMARKED]
        states = dict.fromkeys(unmarked, rest) | dict(states)
    for number, state in states.items():
        if state == RegisterState.WITHDRAWN and standing.get(number) != state:
            _require_reason_of(number, (reasons or {}).get(number, ""))
    records.mark_register(
        session,
        sitting_id,
        states,
        actor=actor_of(context).person_id,
        now=context.now,
        added=added,
        reasons=reasons,
    )
    audit.record(session, context, Action.REGISTER_WRITE, "sitting", sitting_id, lines=len(states), added=len(added))


def _require_reason_of(number: str, reason: str) -> None:
    if not reason.strip():
        raise RegisterRefused(f"Say why candidate {number} is struck out.", field=f"reason-{number}")


def seat(session: Session, context: Context, sitting_id: str, seats: Mapping[str, int | None]) -> None:
    """Give candidates their places in the seating order."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    records.seat_candidates(session, sitting_id, seats, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "register.seat", "sitting", sitting_id, places=len(seats))


def seat_by(session: Session, context: Context, sitting_id: str, order: str) -> None:
    """Seat everybody who is not struck out by ``number`` or by ``name``, from place 1 on."""
    sitting = permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    names, lines = candidate_names(session, sitting), records.register(session, sitting_id)
    here = [line for line in lines if line.state != RegisterState.WITHDRAWN]
    if order == "name":
        here.sort(
            key=lambda line: ((line.name or names.get(line.candidate_number, "")).casefold(), line.candidate_number)
        )
    seats: dict[str, int | None] = {line.candidate_number: None for line in lines}
    seats |= {line.candidate_number: place for place, line in enumerate(here, start=1)}
    seat(session, context, sitting_id, seats)


def count_booklets(session: Session, context: Context, sitting_id: str, booklets: Mapping[str, int]) -> None:
    """Record how many booklets candidates handed in."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    records.count_booklets(session, sitting_id, booklets, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "register.booklets", "sitting", sitting_id, lines=len(booklets))


def ask_correction(
    session: Session,
    context: Context,
    sitting_id: str,
    candidate_number: str,
    field: CorrectionField,
    after: str,
    *,
    reason: str,
    name: str = "",
    second_name: str = "",
) -> RegisterCorrection:
    """Write a correction down; it holds once a second person has signed it, here or on the paper register.

    Takes: ``second_name``: who counter-signed on paper, when that person has no sign-in; empty when one here will.
    Raises: ``RegisterRefused``; ``SecondPersonNeeded`` when the second signature is the first person's.
    """
    sitting = permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    actor = actor_of(context)
    if second_name:
        require_second_name(second_name, actor.name)
    _know_name(session, sitting, candidate_number, field)
    made = records.ask_correction(
        session,
        sitting_id,
        candidate_number,
        field,
        after,
        reason=reason,
        name=name,
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, "register.correct", "sitting", sitting_id, correction=made.id, field=str(field))
    if second_name:
        records.decide_correction(
            session, sitting_id, made.id, confirmed=True, actor=None, second_name=second_name, now=context.now
        )
        audit.record(session, context, "register.countersign", "sitting", sitting_id, correction=made.id, on="paper")
    return made


def _know_name(session: Session, sitting: Sitting, candidate_number: str, field: CorrectionField) -> None:
    """Before a name is corrected, write down on the line what the entries said, so that the old one stands beside it."""
    if field is not CorrectionField.NAME:
        return
    for line in records.register(session, sitting.id):
        if line.candidate_number == candidate_number and not line.name:
            line.name = candidate_names(session, sitting).get(candidate_number, "")
    session.flush()


def decide_correction(
    session: Session, context: Context, sitting_id: str, correction_id: str, *, confirmed: bool
) -> None:
    """Counter-sign a correction of somebody else, or refuse it.

    Raises: ``SecondPersonNeeded`` for whoever wrote it; ``RegisterRefused`` for one that is decided.
    """
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    records.decide_correction(
        session, sitting_id, correction_id, confirmed=confirmed, actor=actor_of(context).person_id, now=context.now
    )
    decision = "confirmed" if confirmed else "refused"
    audit.record(
        session, context, "register.countersign", "sitting", sitting_id, correction=correction_id, decision=decision
    )


def sign_off(session: Session, context: Context, sitting_id: str) -> None:
    """Sign the register off, after which two must sign every change of it."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    records.sign_off(session, sitting_id, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "register.sign_off", "sitting", sitting_id)


def move(
    session: Session,
    context: Context,
    sitting_id: str,
    candidate_numbers: Sequence[str],
    held_on: date,
    session_of_day: str,
    reason: str,
) -> Sitting:
    """Move candidates who clash to another time, which the centre supervises; returns their sitting then."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    there = records.move_candidates(
        session,
        sitting_id,
        candidate_numbers,
        held_on=held_on,
        session_of_day=session_of_day,
        reason=reason,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(
        session, context, "register.move", "sitting", sitting_id, candidates=len(candidate_numbers), to=there.id
    )
    return there


def printed(session: Session, context: Context, sitting_id: str, *, blank: bool) -> bytes:
    """Return the register as a PDF: blank for the paper, or as it stands."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    view = show(session, context, sitting_id)
    from scripts import register_sheets  # a PDF library that few requests need

    sitting = view.sitting
    signed = ""
    if sitting.register_completed_at is not None and not blank:
        who = view.people.get(sitting.register_completed_by or "", "")
        signed = f"Signed off by {who} on {sitting.register_completed_at:%d %B %Y, %H:%M} UTC"
    rows = tuple(
        register_sheets.RegisterRow(
            "" if line.seat is None else str(line.seat),
            line.candidate_number,
            view.name_of(line),
            str(line.state),
            _note(view, line),
        )
        for line in view.lines
    )
    audit.record(session, context, "register.print", "sitting", sitting_id, blank=blank)
    return register_sheets.register_pdf(
        register_sheets.RegisterSheet(
            sitting.centre_number,
            view.centre_name,
            Series.from_key(sitting.series_key).label,
            sitting.component_code,
            view.component_title,
            sitting.held_on,
            sitting.session_of_day,
            rows,
            is_blank=blank,
            signed_off=signed,
        )
    )


def _note(view: RegisterView, line: RegisterLine) -> str:
    parts = [line.reason]
    if line.added:
        parts.insert(0, "Added")
    if line.centre_number:
        parts.append(f"Centre {line.centre_number}")
    corrected = [one for one in view.corrections if one.decision == "confirmed" and one.after == line.candidate_number]
    parts += [f"was {one.before}" for one in corrected if one.field == CorrectionField.CANDIDATE_NUMBER]
    return "; ".join(part for part in parts if part)
