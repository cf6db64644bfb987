"""Opening the sittings of a component at every centre at once, and bringing registers up to date with the entries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from scripts.reconciliation import RegisterState
from scripts.records.plans import leave_packets
from scripts.records.sittings import require_sitting_values
from scripts.registers import ENTRIES, ChangeKind, EntryChanges, LineFacts, entry_changes
from scripts.tables import Packet, RegisterChange, RegisterLine, Script, Sitting, new_id
from scripts.tracking import ScriptState

CHUNK = 500
"""Values in one IN (…): both databases take more."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What an opening did: sittings opened and found, lines that the entries changed, and what was left to a person.

    ``kept``: candidates who were marked though their entry is withdrawn since; ``rescheduled``: sittings whose day moved
    with the timetable; ``stuck``: sittings that stay on their day, because something is marked or packed there.
    """

    sitting_ids: tuple[str, ...] = ()
    opened: int = 0
    late: int = 0
    withdrawn: int = 0
    restored: int = 0
    kept: int = 0
    rescheduled: int = 0
    stuck: int = 0

    def __add__(self, other: Opening) -> Opening:
        return Opening(
            self.sitting_ids + other.sitting_ids,
            self.opened + other.opened,
            self.late + other.late,
            self.withdrawn + other.withdrawn,
            self.restored + other.restored,
            self.kept + other.kept,
            self.rescheduled + other.rescheduled,
            self.stuck + other.stuck,
        )


def open_component(
    session: Session,
    *,
    series_key: str,
    component_code: str,
    held_on: date,
    session_of_day: str,
    entered: Mapping[str, Collection[str]],
    now: datetime,
) -> Opening:
    """Open the sitting of a component at every centre, or bring those that are open up to date with the entries.

    Takes: ``entered``: the candidate numbers entered today, by centre number; a centre that is not in it has nobody.
    Returns: what was done. Doing it again changes nothing; what somebody marked is never changed.
    Raises: ``SittingRefused`` for values that cannot be.
    Source: project policy (domain: scripts, sections 1 and 9).
    """
    for centre, numbers in entered.items():
        require_sitting_values(series_key, centre, component_code, session_of_day, sorted(numbers))
    found = list(
        session.scalars(
            select(Sitting).where(
                Sitting.series_key == series_key,
                Sitting.component_code == component_code,
                Sitting.purpose == "scripts",
            )
        )
    )
    main = _main_sittings(found, held_on, session_of_day)
    done = _rescheduled(session, main.values(), held_on, session_of_day, now)
    done += _open_new(session, series_key, component_code, held_on, session_of_day, entered, set(main), now)
    lines = _lines(session, [sitting.id for sitting in found])
    for sitting in found:
        own, wanted = lines.get(sitting.id, []), set(entered.get(sitting.centre_number, ()))
        if main.get(sitting.centre_number) is sitting:
            wanted -= _sat_elsewhere(sitting, found, lines)
        else:  # candidates come to another time by being moved, not by their entry
            wanted &= {line.candidate_number for line in own}
        done += _follow(session, sitting, entry_changes(wanted, own), now)
    session.flush()
    return done


def _sat_elsewhere(sitting: Sitting, found: Iterable[Sitting], lines: Mapping[str, list[LineFacts]]) -> set[str]:
    return {
        line.candidate_number
        for other in found
        if other.centre_number == sitting.centre_number and other.id != sitting.id
        for line in lines.get(other.id, ())
        if line.state != RegisterState.WITHDRAWN
    }


def _main_sittings(found: Iterable[Sitting], held_on: date, session_of_day: str) -> dict[str, Sitting]:
    """The sitting of each centre that the timetable is about, and not one that candidates were moved to."""
    main: dict[str, Sitting] = {}
    for sitting in sorted(found, key=lambda one: (one.opened_at, one.id)):
        on_time = (sitting.held_on, sitting.session_of_day) == (held_on, session_of_day)
        if sitting.moved_from_id is None and (on_time or sitting.centre_number not in main):
            main[sitting.centre_number] = sitting
    return main


def _rescheduled(
    session: Session, main: Iterable[Sitting], held_on: date, session_of_day: str, now: datetime
) -> Opening:
    moved = [one for one in main if (one.held_on, one.session_of_day) != (held_on, session_of_day)]
    ids = [one.id for one in moved]
    marked = _ids_in(session, RegisterLine.sitting_id, ids, RegisterLine.state.in_(("present", "absent")))
    packed = _ids_in(session, Packet.sitting_id, ids)
    free = [one for one in moved if one.id not in marked | packed]
    for one in free:
        before = f"{one.held_on.isoformat()} {one.session_of_day}"
        one.held_on, one.session_of_day = held_on, session_of_day
        after = f"{held_on.isoformat()} {session_of_day}"
        session.add(_change(one.id, ChangeKind.RESCHEDULED, now, before=before, after=after))
    session.flush()
    return Opening(rescheduled=len(free), stuck=len(moved) - len(free))


def _ids_in(session: Session, column: object, ids: list[str], *conditions: object) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), CHUNK):
        query = select(column).where(column.in_(ids[start : start + CHUNK]), *conditions).distinct()  # type: ignore[call-overload, attr-defined]
        found |= set(session.scalars(query))
    return found


def _open_new(
    session: Session,
    series_key: str,
    component_code: str,
    held_on: date,
    session_of_day: str,
    entered: Mapping[str, Collection[str]],
    known: Collection[str],
    now: datetime,
) -> Opening:
    new = {centre: new_id() for centre, numbers in sorted(entered.items()) if numbers and centre not in known}
    if not new:
        return Opening()
    same = {"series_key": series_key, "component_code": component_code, "held_on": held_on, "opened_at": now}
    rows = [
        same | {"id": one, "centre_number": centre, "session_of_day": session_of_day} for centre, one in new.items()
    ]
    session.execute(insert(Sitting), rows)
    _insert_lines(session, [(one, number) for centre, one in new.items() for number in sorted(set(entered[centre]))])
    return Opening(sitting_ids=tuple(new.values()), opened=len(new))


def _insert_lines(session: Session, lines: list[tuple[str, str]]) -> None:
    """Add unmarked lines and the scripts expected of them, many at a time."""
    if not lines:
        return
    of = [{"sitting_id": sitting_id, "candidate_number": number} for sitting_id, number in lines]
    session.execute(insert(RegisterLine), [one | {"state": str(RegisterState.UNMARKED)} for one in of])
    session.execute(insert(Script), [one | {"state": str(ScriptState.EXPECTED)} for one in of])


def _lines(session: Session, sitting_ids: list[str]) -> dict[str, list[LineFacts]]:
    found: dict[str, list[LineFacts]] = {}
    for start in range(0, len(sitting_ids), CHUNK):
        query = select(
            RegisterLine.sitting_id,
            RegisterLine.candidate_number,
            RegisterLine.state,
            RegisterLine.added,
            RegisterLine.marked_by,
            RegisterLine.moved_to_id,
        ).where(RegisterLine.sitting_id.in_(sitting_ids[start : start + CHUNK]))
        for sitting_id, number, state, added, marked_by, moved_to_id in session.execute(query):
            line = LineFacts(number, RegisterState(state), added, marked_by, moved_to_id is not None)
            found.setdefault(sitting_id, []).append(line)
    return found


def _follow(session: Session, sitting: Sitting, changes: EntryChanges, now: datetime) -> Opening:
    _insert_lines(session, [(sitting.id, number) for number in changes.late])
    for numbers, state, by in (
        (changes.withdrawn, RegisterState.WITHDRAWN, ENTRIES),
        (changes.restored, RegisterState.UNMARKED, None),
    ):
        if numbers:
            session.execute(
                update(RegisterLine)
                .where(RegisterLine.sitting_id == sitting.id, RegisterLine.candidate_number.in_(numbers))
                .values(state=str(state), marked_by=by, marked_at=now)
                .execution_options(synchronize_session="fetch")
            )
    for kind, numbers in (
        (ChangeKind.LATE_ENTRY, changes.late),
        (ChangeKind.ENTRY_WITHDRAWN, changes.withdrawn),
        (ChangeKind.ENTRY_RESTORED, changes.restored),
    ):
        session.add_all(_change(sitting.id, kind, now, number) for number in numbers)
    if changes.withdrawn:
        leave_packets(session, sitting.id, changes.withdrawn)
    return Opening(
        sitting_ids=(sitting.id,),
        late=len(changes.late),
        withdrawn=len(changes.withdrawn),
        restored=len(changes.restored),
        kept=len(changes.kept),
    )


def _change(
    sitting_id: str, kind: ChangeKind, now: datetime, number: str = "", before: str = "", after: str = ""
) -> RegisterChange:
    return RegisterChange(
        sitting_id=sitting_id,
        candidate_number=number,
        kind=str(kind),
        before=before,
        after=after,
        reason="",
        made_by=ENTRIES,
        made_at=now,
    )
