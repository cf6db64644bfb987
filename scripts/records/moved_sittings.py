"""Candidates who sit a component at another time than the others of their centre, because two papers clash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.errors import RegisterRefused
from scripts.reconciliation import RegisterState
from scripts.records.plans import leave_packets
from scripts.records.registers import note, require_open
from scripts.records.sittings import add_line, get_sitting, register
from scripts.registers import ChangeKind, require_reason
from scripts.tables import Sitting


def move_candidates(
    session: Session,
    sitting_id: str,
    candidate_numbers: Sequence[str],
    *,
    held_on: date,
    session_of_day: str,
    reason: str,
    actor: str,
    now: datetime,
) -> Sitting:
    """Move candidates who clash to a sitting of the same component at another time, under the centre's supervision.

    Returns: the sitting at that time, opened when there was none. Here their lines are struck out and say where they went.
    Raises: ``RegisterRefused`` for nobody, no reason, the same time, or a candidate who is already marked.
    Source: project policy (domain: scripts, section 9): the equations hold for each sitting by itself.
    """
    here = get_sitting(session, sitting_id)
    require_reason(reason)
    require_open(here)
    lines = {line.candidate_number: line for line in register(session, sitting_id)}
    if not candidate_numbers:
        raise RegisterRefused("Choose whom to move.", field="candidates")
    for number in candidate_numbers:
        if number not in lines or lines[number].state != RegisterState.UNMARKED:
            raise RegisterRefused(
                f"Candidate {number} is not on the register, or is marked already.", field="candidates"
            )
    if session_of_day not in ("AM", "PM", "EV"):
        raise RegisterRefused("The session of a sitting is AM, PM or EV.", field="session_of_day")
    if (held_on, session_of_day) == (here.held_on, here.session_of_day):
        raise RegisterRefused("That is when this sitting is. Choose another time.", field="held_on")
    there = _sitting_at(session, here, held_on, session_of_day, now)
    require_open(there)
    on = {line.candidate_number: line for line in register(session, there.id)}
    twice = sorted(n for n in candidate_numbers if n in on and on[n].state != RegisterState.WITHDRAWN)
    if twice:
        raise RegisterRefused(f"Candidate {twice[0]} is on the register of that sitting already.", field="candidates")
    for number in candidate_numbers:
        line = lines[number]
        line.state, line.marked_by, line.marked_at = str(RegisterState.WITHDRAWN), actor, now
        line.reason, line.moved_to_id = reason.strip(), there.id
        back = on.get(number)
        if back is None:
            add_line(session, there.id, number)
        else:  # who was moved away from there before comes back
            back.state, back.moved_to_id = str(RegisterState.UNMARKED), None
        note(session, here.id, ChangeKind.MOVED_AWAY, actor, now, number, after=_time(there), reason=line.reason)
        note(session, there.id, ChangeKind.MOVED_HERE, actor, now, number, before=_time(here), reason=line.reason)
    leave_packets(session, here.id, candidate_numbers)
    session.flush()
    return there


def _time(sitting: Sitting) -> str:
    return f"{sitting.held_on.isoformat()} {sitting.session_of_day}"


def _sitting_at(session: Session, here: Sitting, held_on: date, session_of_day: str, now: datetime) -> Sitting:
    found = session.scalar(
        select(Sitting).where(
            Sitting.series_key == here.series_key,
            Sitting.centre_number == here.centre_number,
            Sitting.component_code == here.component_code,
            Sitting.held_on == held_on,
            Sitting.session_of_day == session_of_day,
            Sitting.purpose == here.purpose,
        )
    )
    if found is None:
        found = Sitting(
            series_key=here.series_key,
            centre_number=here.centre_number,
            component_code=here.component_code,
            held_on=held_on,
            session_of_day=session_of_day,
            opened_at=now,
            moved_from_id=here.id,
            purpose=here.purpose,
        )
        session.add(found)
        session.flush()
    return found
