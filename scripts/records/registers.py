"""Marking, seating and signing off the register of a sitting; every change of it stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.errors import RegisterRefused
from scripts.labels import CANDIDATE
from scripts.reconciliation import Explanation, RegisterState
from scripts.records.plans import leave_packets
from scripts.records.script_events import ScriptEvent, record_script_events
from scripts.records.sittings import add_line, hold_sitting, register, scripts_of
from scripts.registers import Addition, ChangeKind, seat_key
from scripts.tables import RegisterChange, RegisterCorrection, RegisterLine, Script, Sitting
from scripts.tracking import SCRIPT_TRANSITIONS, ScriptState

SEAT_LIMIT = 9999
BOOKLET_LIMIT = 99


def seated(lines: Iterable[RegisterLine]) -> list[RegisterLine]:
    """Return lines as they are printed: in seating order."""
    return sorted(lines, key=lambda line: seat_key(line.seat, line.candidate_number))


def mark_register(
    session: Session,
    sitting_id: str,
    marks: Mapping[str, RegisterState],
    *,
    actor: str,
    now: datetime,
    added: Iterable[Addition] = (),
    reasons: Mapping[str, str] | None = None,
) -> list[RegisterLine]:
    """Mark candidates present, absent or withdrawn; all of the marks, or none of them.

    Takes: ``added``: candidates in ``marks`` who are not on the register and are to be written in by hand; ``reasons``:
        why a candidate is struck out.
    Returns: the whole register. Marking the same again changes nothing.
    Raises: ``SittingUnknown``; ``RegisterRefused`` for a candidate who is neither on the register nor added, or for any
        change of a register that is signed off.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/
    """
    sitting = hold_sitting(session, sitting_id)
    lines = {line.candidate_number: line for line in register(session, sitting_id)}
    extra = {one.candidate_number: one for one in added}
    unknown = sorted(set(marks) - set(lines) - set(extra))
    if unknown:
        named = ", ".join(unknown[:5])
        raise RegisterRefused(f"Not on the register: {named}. Add these candidates by hand first.", unknown=unknown)
    if not set(extra) <= set(marks) or not all(CANDIDATE.fullmatch(number) for number in extra):
        raise RegisterRefused("A candidate number added by hand is four digits, and is marked.", field="added")
    if RegisterState.UNMARKED in marks.values():
        raise RegisterRefused("A mark on the register is present, absent or withdrawn.")
    changed = {number: state for number, state in marks.items() if number not in lines or lines[number].state != state}
    if changed:
        require_open(sitting)
    moved = sorted(number for number in changed if number in lines and lines[number].moved_to_id)
    if moved:
        raise RegisterRefused(f"Candidate {moved[0]} was moved to another time. Mark the register of that sitting.")
    for number in sorted(set(extra) - set(lines)):
        lines[number] = add_line(session, sitting_id, number, added=extra[number])
        note(
            session,
            sitting_id,
            ChangeKind.ADDED,
            actor,
            now,
            number,
            after=extra[number].name,
            reason=lines[number].reason,
        )
    session.flush()
    known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    events = [
        mark_line(session, lines[number], known[number], state, actor, now, (reasons or {}).get(number, ""))
        for number, state in changed.items()
    ]
    record_script_events(session, events)
    leave_packets(session, sitting_id, [number for number, state in changed.items() if state != RegisterState.PRESENT])
    session.flush()
    return register(session, sitting_id)


def require_open(sitting: Sitting) -> None:
    """Refuse to change a register that is signed off; raises ``RegisterRefused``."""
    if sitting.register_completed_at is not None:
        raise RegisterRefused("The register is signed off. Write a correction, which a second person signs.")


def mark_line(
    session: Session, line: RegisterLine, script: Script, state: RegisterState, actor: str, now: datetime, reason: str
) -> ScriptEvent:
    """Put a mark on one line and keep what stood before.

    Returns: what happened to its script, to be recorded: the history of a script begins with the register.
    """
    before, line.state, line.marked_by, line.marked_at = line.state, str(state), actor, now
    line.reason = reason or line.reason
    note(session, line.sitting_id, ChangeKind.MARKED, actor, now, line.candidate_number, before, str(state), reason)
    to = {RegisterState.PRESENT: ScriptState.PRESENT, RegisterState.ABSENT: ScriptState.ABSENT}.get(state)
    follows = to is not None and to in SCRIPT_TRANSITIONS[ScriptState(script.state)]
    return ScriptEvent(script.id, f"register_{state}", now, now, actor, state=to if follows else None)


def note(
    session: Session,
    sitting_id: str,
    kind: ChangeKind,
    actor: str,
    now: datetime,
    candidate_number: str = "",
    before: str = "",
    after: str = "",
    reason: str = "",
    correction_id: str | None = None,
) -> None:
    """Keep one change of a register."""
    session.add(
        RegisterChange(
            sitting_id=sitting_id,
            candidate_number=candidate_number,
            kind=str(kind),
            before=before,
            after=after,
            reason=reason,
            correction_id=correction_id,
            made_by=actor,
            made_at=now,
        )
    )


def explain(
    session: Session, sitting_id: str, candidate_number: str, explanation: Explanation, *, actor: str, now: datetime
) -> RegisterLine:
    """Record why the script of a present candidate does not come with the packets.

    Raises: ``RegisterRefused`` for a candidate who is not marked present.
    """
    line = _line(session, sitting_id, candidate_number)
    if line.state != RegisterState.PRESENT:
        raise RegisterRefused("Only the script of a candidate marked present needs an explanation.")
    note(session, sitting_id, ChangeKind.EXPLAINED, actor, now, candidate_number, line.explained, str(explanation))
    line.explained, line.marked_by, line.marked_at = str(explanation), actor, now
    leave_packets(session, sitting_id, [candidate_number])
    session.flush()
    return line


def _line(session: Session, sitting_id: str, candidate_number: str) -> RegisterLine:
    found = session.scalar(
        select(RegisterLine).where(
            RegisterLine.sitting_id == sitting_id, RegisterLine.candidate_number == candidate_number
        )
    )
    if found is None:
        raise RegisterRefused(f"Candidate {candidate_number} is not on the register.", field="candidate_number")
    return found


def seat_candidates(
    session: Session, sitting_id: str, seats: Mapping[str, int | None], *, actor: str, now: datetime
) -> None:
    """Give candidates their places in the seating order; the register is printed in it.

    Takes: the place of each candidate, from 1; None takes it away. Whoever is not named keeps the place.
    Raises: ``RegisterRefused`` for a place that two have, or a candidate who is not on the register.
    Source: project policy: a centre seats as its room allows; boards print registers by number.
    """
    lines = {line.candidate_number: line for line in register(session, sitting_id)}
    unknown = sorted(set(seats) - set(lines))
    if unknown:
        raise RegisterRefused(f"Not on the register: {', '.join(unknown[:5])}.", unknown=unknown)
    placed: dict[int, str] = {}
    for number in sorted(lines):
        seat = seats.get(number, lines[number].seat)
        if seat is None:
            continue
        if not 1 <= seat <= SEAT_LIMIT:
            raise RegisterRefused(f"A place is a number from 1 to {SEAT_LIMIT}.", field=f"seat-{number}")
        if seat in placed:
            raise RegisterRefused(
                f"Candidates {placed[seat]} and {number} have the same place, {seat}.", field=f"seat-{number}"
            )
        placed[seat] = number
    for number, seat in seats.items():
        line = lines[number]
        if line.seat != seat:
            before, after = ("" if one is None else str(one) for one in (line.seat, seat))
            note(session, sitting_id, ChangeKind.SEATED, actor, now, number, before, after)
            line.seat = seat
    session.flush()


def count_booklets(
    session: Session, sitting_id: str, booklets: Mapping[str, int], *, actor: str, now: datetime
) -> None:
    """Record how many answer booklets candidates handed in, continuation booklets included.

    Raises: ``RegisterRefused`` for a number that cannot be, or a candidate who is not on the register.
    """
    lines = {line.candidate_number: line for line in register(session, sitting_id)}
    for number, count in booklets.items():
        if number not in lines:
            raise RegisterRefused(f"Not on the register: {number}.", unknown=[number])
        if not 1 <= count <= BOOKLET_LIMIT:
            raise RegisterRefused(f"A candidate hands in 1 to {BOOKLET_LIMIT} booklets.", field=f"booklets-{number}")
        if lines[number].booklets != count:
            before = str(lines[number].booklets)
            note(session, sitting_id, ChangeKind.BOOKLETS, actor, now, number, before, str(count))
            lines[number].booklets = count
    session.flush()


def register_changes(session: Session, sitting_id: str) -> list[RegisterChange]:
    """Return the history of a register, newest first."""
    query = select(RegisterChange).where(RegisterChange.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(RegisterChange.made_at.desc(), RegisterChange.id)))


def sign_off(session: Session, sitting_id: str, *, actor: str, now: datetime) -> Sitting:
    """Sign a register off: from then on it changes only by corrections that a second person signs.

    Returns: the sitting; signing off twice changes nothing.
    Raises: ``RegisterRefused`` while a candidate is not marked or a correction waits.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/:
        everybody listed is marked present or absent.
    """
    sitting = hold_sitting(session, sitting_id)
    if sitting.register_completed_at is not None:
        return sitting
    unmarked = [line.candidate_number for line in register(session, sitting_id) if line.state == RegisterState.UNMARKED]
    if unmarked:
        named = ", ".join(unmarked[:5]) + (" and others" if len(unmarked) > 5 else "")
        raise RegisterRefused(f"Not marked yet: {named}. Mark every candidate present or absent.", unmarked=unmarked)
    if _waits(session, sitting_id):
        raise RegisterRefused("A correction waits for a second person. Have it counter-signed, or refused, first.")
    sitting.register_completed_at, sitting.register_completed_by = now, actor
    note(session, sitting_id, ChangeKind.SIGNED_OFF, actor, now)
    session.flush()
    return sitting


def _waits(session: Session, sitting_id: str) -> bool:
    waiting = select(RegisterCorrection.id).where(
        RegisterCorrection.sitting_id == sitting_id, RegisterCorrection.decision.is_(None)
    )
    return session.scalar(waiting.limit(1)) is not None
