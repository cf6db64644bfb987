"""Sittings and their attendance registers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.errors import SittingConflict, SittingRefused, SittingUnknown
from scripts.labels import CANDIDATE, CENTRE, COMPONENT, ScriptCover
from scripts.reconciliation import RegisterState
from scripts.registers import Addition
from scripts.tables import Packet, RegisterLine, Script, Sitting
from scripts.tracking import ScriptState


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
    require_sitting_values(series_key, centre_number, component_code, session_of_day, numbers)
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
        add_line(session, sitting.id, number)
    session.flush()
    return sitting


def require_sitting_values(
    series_key: str, centre: str, component: str, session_of_day: str, numbers: list[str]
) -> None:
    """Refuse a sitting that cannot be; raises ``SittingRefused`` saying which of its values is wrong."""
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


def add_line(session: Session, sitting_id: str, number: str, *, added: Addition | None = None) -> RegisterLine:
    """Add a line, unmarked, and the expected script that belongs to it; ``added`` says who was written in by hand."""
    line = RegisterLine(
        sitting_id=sitting_id,
        candidate_number=number,
        state=RegisterState.UNMARKED,
        added=added is not None,
        explained="",
        name=added.name if added else "",
        reason=added.reason if added else "",
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


def hold_sitting(session: Session, sitting_id: str) -> Sitting:
    """Return a sitting and let nobody else change its register or plan until this transaction ends.

    Raises: ``SittingUnknown``.
    """
    session.flush()
    sitting = session.get(Sitting, sitting_id, with_for_update=True, populate_existing=True)
    if sitting is None:
        raise SittingUnknown
    return sitting


def sittings(
    session: Session,
    *,
    series_key: str | None = None,
    centre_number: str | None = None,
    purpose: str | None = "scripts",
) -> list[Sitting]:
    """Return sittings by date, session, component and centre; of one series or one centre when asked.

    Takes: ``purpose``: ``scripts``, ``sample`` for the packing of postal samples, or None for both.
    """
    query = select(Sitting).order_by(
        Sitting.held_on, Sitting.session_of_day, Sitting.component_code, Sitting.centre_number
    )
    if purpose is not None:
        query = query.where(Sitting.purpose == purpose)
    if series_key is not None:
        query = query.where(Sitting.series_key == series_key)
    if centre_number is not None:
        query = query.where(Sitting.centre_number == centre_number)
    return list(session.scalars(query))


def register(session: Session, sitting_id: str) -> list[RegisterLine]:
    """Return the register of a sitting in candidate number order; ``registers.seated`` puts it into seating order."""
    lines = select(RegisterLine).where(RegisterLine.sitting_id == sitting_id)
    return list(session.scalars(lines.order_by(RegisterLine.candidate_number)))


def lines_of(session: Session, sitting_ids: Collection[str]) -> dict[str, list[RegisterLine]]:
    """Return the registers of some sittings by sitting, each in candidate number order."""
    found: dict[str, list[RegisterLine]] = {}
    query = select(RegisterLine).where(RegisterLine.sitting_id.in_(sitting_ids))
    for line in session.scalars(query.order_by(RegisterLine.candidate_number)):
        found.setdefault(line.sitting_id, []).append(line)
    return found


def packets_of(session: Session, sitting_ids: Collection[str]) -> dict[str, list[Packet]]:
    """Return the packets of some sittings by sitting, each in number order."""
    found: dict[str, list[Packet]] = {}
    query = select(Packet).where(Packet.sitting_id.in_(sitting_ids)).order_by(Packet.number)
    for packet in session.scalars(query):
        found.setdefault(packet.sitting_id, []).append(packet)
    return found


def scripts_of(session: Session, sitting_id: str) -> list[Script]:
    """Return the scripts of a sitting, seen or still expected, in candidate number order."""
    query = select(Script).where(Script.sitting_id == sitting_id).order_by(Script.candidate_number)
    return list(session.scalars(query))


def covers(session: Session, sitting_id: str, *, candidate_number: str | None = None) -> list[ScriptCover]:
    """Return the cover sheets of a sitting, one for each booklet of each candidate not withdrawn, by candidate number.

    Takes: ``candidate_number``: of whom alone.
    """
    sitting = get_sitting(session, sitting_id)
    return [
        ScriptCover(sitting.centre_number, line.candidate_number, sitting.component_code, booklet, line.booklets)
        for line in register(session, sitting_id)
        if line.state != RegisterState.WITHDRAWN and candidate_number in (None, line.candidate_number)
        for booklet in range(1, line.booklets + 1)
    ]
