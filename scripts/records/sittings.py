"""Sittings and their attendance registers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.errors import RegisterRefused, SittingConflict, SittingRefused, SittingUnknown
from scripts.labels import CANDIDATE, CENTRE, COMPONENT, ScriptCover
from scripts.reconciliation import Explanation, RegisterState
from scripts.tables import RegisterLine, Script, ScriptEventRow, Sitting
from scripts.tracking import SCRIPT_TRANSITIONS, ScriptState


def open_sitting(
    session: Session,
    *,
    series_key: str,
    centre_number: str,
    component_code: str,
    held_on: date,
    session_of_day: str,
    candidate_numbers: Iterable[str],
    now: datetime,
) -> Sitting:
    """Open a sitting with its entered candidates: a register line and an expected script for each.

    Takes: ``session_of_day`` AM, PM or EV; the numbers of the entered candidates, four digits each.
    Returns: the sitting; the same sitting when it is already open for the same candidates.
    Raises: ``SittingRefused`` for values that cannot be, ``SittingConflict`` when it is open for other candidates.
    """
    numbers = sorted(set(candidate_numbers))
    _require(series_key, centre_number, component_code, session_of_day, numbers)
    found = session.scalar(
        select(Sitting).where(
            Sitting.series_key == series_key,
            Sitting.centre_number == centre_number,
            Sitting.component_code == component_code,
            Sitting.held_on == held_on,
            Sitting.session_of_day == session_of_day,
        )
    )
    if found is not None:
        if [line.candidate_number for line in register(session, found.id) if not line.added] != numbers:
            raise SittingConflict(sitting_id=found.id)
        return found
    sitting = Sitting(
        series_key=series_key,
        centre_number=centre_number,
        component_code=component_code,
        held_on=held_on,
        session_of_day=session_of_day,
        opened_at=now,
    )
    session.add(sitting)
    session.flush()
    for number in numbers:
        _add_candidate(session, sitting.id, number, added=False)
    session.flush()
    return sitting


def _require(series_key: str, centre: str, component: str, session_of_day: str, numbers: list[str]) -> None:
    try:
        Series.from_key(series_key)
    except ValueError as cause:
        raise SittingRefused(str(cause)) from cause
    if CENTRE.fullmatch(centre) is None or COMPONENT.fullmatch(component) is None:
        raise SittingRefused("A centre number is five digits and a component code at most 12 letters, digits, / or -.")
    if session_of_day not in ("AM", "PM", "EV"):
        raise SittingRefused("The session of a sitting is AM, PM or EV.")
    if not all(CANDIDATE.fullmatch(number) for number in numbers):
        raise SittingRefused("A candidate number is four digits.")


def _add_candidate(session: Session, sitting_id: str, number: str, *, added: bool) -> RegisterLine:
    line = RegisterLine(
        sitting_id=sitting_id, candidate_number=number, state=RegisterState.UNMARKED, added=added, explained=""
    )
    session.add(line)
    session.add(Script(sitting_id=sitting_id, candidate_number=number, state=ScriptState.EXPECTED, pages=0))
    return line


def get_sitting(session: Session, sitting_id: str) -> Sitting:
    """Return a sitting; raises ``SittingUnknown``."""
    sitting = session.get(Sitting, sitting_id)
    if sitting is None:
        raise SittingUnknown
    return sitting


def sittings(session: Session, *, series_key: str | None = None, centre_number: str | None = None) -> list[Sitting]:
    """Return sittings by date, session, component and centre; of one series or one centre when asked."""
    query = select(Sitting).order_by(
        Sitting.held_on, Sitting.session_of_day, Sitting.component_code, Sitting.centre_number
    )
    if series_key is not None:
        query = query.where(Sitting.series_key == series_key)
    if centre_number is not None:
        query = query.where(Sitting.centre_number == centre_number)
    return list(session.scalars(query))


def register(session: Session, sitting_id: str) -> list[RegisterLine]:
    """Return the register of a sitting in candidate number order."""
    lines = select(RegisterLine).where(RegisterLine.sitting_id == sitting_id)
    return list(session.scalars(lines.order_by(RegisterLine.candidate_number)))


def scripts_of(session: Session, sitting_id: str) -> list[Script]:
    """Return the scripts of a sitting, seen or still expected, in candidate number order."""
    query = select(Script).where(Script.sitting_id == sitting_id).order_by(Script.candidate_number)
    return list(session.scalars(query))


def mark_register(
    session: Session,
    sitting_id: str,
    marks: Mapping[str, RegisterState],
    *,
    actor: str,
    now: datetime,
    added: Iterable[str] = (),
) -> list[RegisterLine]:
    """Mark candidates present, absent or withdrawn; all of the marks, or none of them.

    Takes: ``added``: numbers in ``marks`` that are not on the register and are to be written in by hand.
    Returns: the whole register. Marking the same again changes nothing.
    Raises: ``SittingUnknown``; ``RegisterRefused`` for a candidate who is not on the register and not added.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/
    """
    get_sitting(session, sitting_id)
    lines = {line.candidate_number: line for line in register(session, sitting_id)}
    extra = set(added)
    unknown = sorted(set(marks) - set(lines) - extra)
    if unknown:
        named = ", ".join(unknown[:5])
        raise RegisterRefused(f"Not on the register: {named}. Add these candidates by hand first.", unknown=unknown)
    if not extra <= set(marks) or not all(CANDIDATE.fullmatch(number) for number in extra):
        raise RegisterRefused("A candidate number added by hand is four digits, and is marked.")
    if RegisterState.UNMARKED in marks.values():
        raise RegisterRefused("A mark on the register is present, absent or withdrawn.")
    for number in sorted(extra - set(lines)):
        lines[number] = _add_candidate(session, sitting_id, number, added=True)
    session.flush()
    known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    for number, state in marks.items():
        line, script = lines[number], known[number]
        if line.state == state:
            continue
        line.state, line.marked_by, line.marked_at = str(state), actor, now
        to = {RegisterState.PRESENT: ScriptState.PRESENT, RegisterState.ABSENT: ScriptState.ABSENT}.get(state)
        if to is not None and to in SCRIPT_TRANSITIONS[ScriptState(script.state)]:
            script.state = str(to)
        # The history of a script begins with the register, and keeps every change of it.
        session.add(
            ScriptEventRow(
                script_id=script.id, kind=f"register_{state}", occurred_at=now, received_at=now, actor=actor, details={}
            )
        )
    session.flush()
    return register(session, sitting_id)


def explain(
    session: Session, sitting_id: str, candidate_number: str, explanation: Explanation, *, actor: str, now: datetime
) -> RegisterLine:
    """Record why the script of a present candidate does not come with the packets.

    Raises: ``RegisterRefused`` for a candidate who is not marked present.
    """
    line = next((one for one in register(session, sitting_id) if one.candidate_number == candidate_number), None)
    if line is None or line.state != RegisterState.PRESENT:
        raise RegisterRefused("Only the script of a candidate marked present needs an explanation.")
    line.explained, line.marked_by, line.marked_at = str(explanation), actor, now
    session.flush()
    return line


def covers(session: Session, sitting_id: str) -> list[ScriptCover]:
    """Return the cover sheets of a sitting, one for each candidate not withdrawn."""
    sitting = get_sitting(session, sitting_id)
    return [
        ScriptCover(sitting.centre_number, line.candidate_number, sitting.component_code)
        for line in register(session, sitting_id)
        if line.state != RegisterState.WITHDRAWN
    ]
