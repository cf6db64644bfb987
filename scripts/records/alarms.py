"""The missing-script alarm over all sittings at once: who is not here, how late it is, whom to tell, once for each stage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, and_, func, insert, literal, select
from sqlalchemy import case as when
from sqlalchemy.orm import Session

from scripts.cases import (
    ABOUT_MISSING,
    CaseEventKind,
    CaseState,
    WorkingDaysAfter,
    day_of,
    decide_by,
    due_on,
    end_of,
)
from scripts.missing import (
    AMBER_AFTER_DAYS,
    RED_AFTER_AMBER_DAYS,
    Alarm,
    MissingScript,
    decision_alarm,
    is_worse,
    packet_alarm,
    script_alarm,
    stage_of,
    worse,
)
from scripts.reconciliation import RegisterState
from scripts.records.cases import case_values, event_values, last_numbers
from scripts.records.facts import BY_HAND, SEEN, portions
from scripts.records.settling import answer_gone, locate
from scripts.tables import DeclaredMissing, Packet, RegisterLine, Script, ScriptCase, ScriptCaseEvent, Sitting
from scripts.tracking import PACKET_ORDER, PacketState

CentreCalendar = Callable[[str], WorkingDaysAfter]
"""Gives the calendar of a centre, by its number: the bank holidays of its nation."""
_RECEIVED = PACKET_ORDER.index(PacketState.RECEIVED)
_SEEN = tuple(sorted(str(state) for state in SEEN))
_ALARMING = frozenset({Alarm.AMBER, Alarm.RED})


@dataclass(frozen=True, slots=True)
class Unseen:
    """A script that the register says exists and that nobody has seen, with its sitting and its packet."""

    script_id: str
    candidate_number: str
    sitting_id: str
    series_key: str
    centre_number: str
    component_code: str
    held_on: date
    packet_id: str | None
    packet_number: int | None
    packet_state: PacketState | None
    alarm: Alarm
    collected_on: date | None
    amber_on: date | None
    red_on: date | None

    def as_missing(self, today: date) -> MissingScript:
        """Return it as a line of the missing list."""
        return MissingScript(
            self.script_id,
            self.centre_number,
            self.component_code,
            self.candidate_number,
            self.packet_number,
            stage_of(self.packet_state),
            self.alarm,
            self.collected_on,
            self.amber_on,
            self.red_on,
            (today - (self.collected_on or self.held_on)).days,
        )


@dataclass(frozen=True, slots=True)
class Raised:
    """A case whose alarm rose: whom it concerns and how worrying it now is."""

    case_id: str
    kind: str
    series_key: str
    centre_number: str
    component_code: str
    held_on: date
    alarm: Alarm
    scripts: int
    owner_role: str
    owner: str


@dataclass(frozen=True, slots=True)
class AlarmRun:
    """What one run of the alarm did."""

    opened: int
    raised: tuple[Raised, ...]
    answered: int
    located: tuple[DeclaredMissing, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A case that the alarm calls for."""

    sitting: Sitting
    kind: str
    subject: str
    packet_id: str | None
    script_id: str | None
    numbers: tuple[str, ...]
    alarm: Alarm


def unseen_scripts(
    session: Session,
    *,
    today: date,
    calendar: CentreCalendar,
    series_key: str | None = None,
    centre_number: str | None = None,
) -> list[Unseen]:
    """Return every script that is present on the register and that nobody has seen, the most worrying first."""
    groups = _groups(session, series_key, centre_number)
    packets = _packets(session, [one[1] for one in groups if one[1]])
    alarms = {
        (sitting_id, packet_id): _group_alarm(packets.get(packet_id or ""), expected, seen, centre, today, calendar)
        for sitting_id, packet_id, centre, expected, seen in groups
    }
    found = []
    for sitting, script, number, packet_id in _scripts(session, sorted({one[0] for one in groups})):
        packet = packets.get(packet_id or "")
        collected_on = day_of(packet.collected_at) if packet and packet.collected_at else None
        days = calendar(sitting.centre_number)
        amber_on = days(collected_on, AMBER_AFTER_DAYS) if collected_on else None
        found.append(
            Unseen(
                script,
                number,
                sitting.id,
                sitting.series_key,
                sitting.centre_number,
                sitting.component_code,
                sitting.held_on,
                packet_id,
                packet.number if packet else None,
                PacketState(packet.state) if packet else None,
                alarms.get((sitting.id, packet_id), Alarm.UNKNOWN),
                collected_on,
                amber_on,
                days(amber_on, RED_AFTER_AMBER_DAYS) if amber_on else None,
            )
        )
    order = [Alarm.RED, Alarm.AMBER, Alarm.UNKNOWN, Alarm.NONE]
    found.sort(
        key=lambda one: (
            order.index(one.alarm),
            one.collected_on or one.held_on,
            one.component_code,
            one.centre_number,
            one.candidate_number,
        )
    )
    return found


def raise_alarms(
    session: Session,
    *,
    today: date,
    now: datetime,
    calendar: CentreCalendar,
    results_on: Mapping[str, date],
) -> AlarmRun:
    """Raise what has become worrying: open its case, or make its case amber or red; each stage of each case once.

    Takes: ``results_on``: the day of results by series, where it is announced.
    Returns: what was done; doing it again on the same day does nothing.
    Source: project policy (domain: scripts, sections 7 and 10).
    """
    located = locate(session, now=now)
    standing = list(session.scalars(_open_cases(ABOUT_MISSING)))
    answered = answer_gone(session, standing, now=now)
    wanted = _wanted(session, today, calendar)
    opened, raised = _raise(session, wanted, today=today, now=now, calendar=calendar)
    raised += _decisions(session, today=today, now=now, calendar=calendar, results_on=results_on)
    session.flush()
    return AlarmRun(opened, tuple(raised), answered, tuple(located))


def _groups(
    session: Session, series_key: str | None, centre_number: str | None
) -> list[tuple[str, str | None, str, int, int]]:
    """Return (sitting, packet, centre, expected, seen) wherever not all scripts have been seen."""
    seen = func.sum(when((Script.state.in_(_SEEN), 1), else_=0))
    query = (
        select(Script.sitting_id, Script.packet_id, Sitting.centre_number, func.count(), seen)
        .join(RegisterLine, _same_line())
        .join(Sitting, Sitting.id == Script.sitting_id)
        .where(*_travelling(series_key, centre_number))
        .group_by(Script.sitting_id, Script.packet_id, Sitting.centre_number)
        .having(func.count() > seen)
    )
    return [(row[0], row[1], row[2], int(row[3]), int(row[4])) for row in session.execute(query)]


def _same_line() -> Any:
    return and_(RegisterLine.sitting_id == Script.sitting_id, RegisterLine.candidate_number == Script.candidate_number)


def _travelling(series_key: str | None = None, centre_number: str | None = None) -> list[Any]:
    """Say which scripts travel in packets and are waited for: not those declared missing or handled by hand."""
    gone = select(DeclaredMissing.script_id).where(DeclaredMissing.stands())
    by_hand = (
        select(ScriptCase.id)
        .where(
            ScriptCase.sitting_id == Script.sitting_id,
            ScriptCase.kind.in_(sorted(BY_HAND)),
            ScriptCase.reason.in_(("", "other")),
            ScriptCase.subject == literal("candidate:") + Script.candidate_number,
        )
        .exists()
    )
    found: list[Any] = [
        Sitting.purpose == "scripts",
        RegisterLine.state == str(RegisterState.PRESENT),
        RegisterLine.explained == "",
        Script.id.not_in(gone),
        ~by_hand,
    ]
    if series_key is not None:
        found.append(Sitting.series_key == series_key)
    if centre_number is not None:
        found.append(Sitting.centre_number == centre_number)
    return found


def _packets(session: Session, packet_ids: Sequence[str]) -> dict[str, Packet]:
    found: dict[str, Packet] = {}
    for some in portions(packet_ids):
        found.update((one.id, one) for one in session.scalars(select(Packet).where(Packet.id.in_(some))))
    return found


def _scripts(session: Session, sitting_ids: Sequence[str]) -> Iterable[tuple[Sitting, str, str, str | None]]:
    for some in portions(sitting_ids):
        query = (
            select(Sitting, Script.id, Script.candidate_number, Script.packet_id)
            .join(Script, Script.sitting_id == Sitting.id)
            .join(RegisterLine, _same_line())
            .where(Sitting.id.in_(some), Script.state.not_in(_SEEN), *_travelling())
        )
        yield from ((row[0], row[1], row[2], row[3]) for row in session.execute(query))


def _group_alarm(
    packet: Packet | None, expected: int, seen: int, centre: str, today: date, calendar: CentreCalendar
) -> Alarm:
    collected_on = day_of(packet.collected_at) if packet and packet.collected_at else None
    complete = packet is not None and seen > 0 and seen == expected - 1
    return script_alarm(collected_on, today, calendar(centre), siblings_indexed=complete)


def _wanted(session: Session, today: date, calendar: CentreCalendar) -> list[_Wanted]:
    groups = _groups(session, None, None)
    by_sitting: dict[str, list[Packet]] = defaultdict(list)
    sitting_ids = sorted({one[0] for one in groups})
    for some in portions(sitting_ids):
        for one in session.scalars(select(Packet).where(Packet.sitting_id.in_(some))):
            by_sitting[one.sitting_id].append(one)
    late_packets: dict[tuple[str, str | None], tuple[str, Alarm]] = {}
    late_scripts: dict[tuple[str, str | None], Alarm] = {}
    for sitting_id, packet_id, centre, expected, seen in groups:
        packets = {packet.id: packet for packet in by_sitting[sitting_id]}
        packet = packets.get(packet_id or "")
        alarm = _group_alarm(packet, expected, seen, centre, today, calendar)
        if packet is None or seen:
            if alarm in _ALARMING:
                late_scripts[sitting_id, packet_id] = alarm
            continue
        if _is_received(packet):
            if alarm in _ALARMING:
                late_packets[sitting_id, packet_id] = "packet_unseen", alarm
            continue
        collected_on = day_of(packet.collected_at) if packet.collected_at else None
        sibling = any(_is_received(one) for one in packets.values())
        late = packet_alarm(collected_on, False, today, calendar(centre), sibling_received=sibling)
        if (worst := worse(alarm, late)) in _ALARMING:
            late_packets[sitting_id, packet_id] = "packet_overdue", worst
    concerned = sorted({sitting_id for sitting_id, _ in {**late_packets, **late_scripts}})
    numbers: dict[tuple[str, str | None], list[tuple[str, str]]] = defaultdict(list)
    sittings: dict[str, Sitting] = {}
    for sitting, script_id, number, packet_id in _scripts(session, concerned):
        sittings[sitting.id] = sitting
        numbers[sitting.id, packet_id].append((number, script_id))
    wanted = []
    for (sitting_id, packet_id), (kind, alarm) in late_packets.items():
        number_of = {one.id: one.number for one in by_sitting[sitting_id]}
        named = tuple(sorted(number for number, _ in numbers[sitting_id, packet_id]))
        subject = f"packet:{number_of[packet_id or '']}"
        wanted.append(_Wanted(sittings[sitting_id], kind, subject, packet_id, None, named, alarm))
    for (sitting_id, packet_id), alarm in late_scripts.items():
        for number, script_id in sorted(numbers[sitting_id, packet_id]):
            subject = f"candidate:{number}"
            wanted.append(_Wanted(sittings[sitting_id], "missing", subject, packet_id, script_id, (number,), alarm))
    return wanted


def _is_received(packet: Packet) -> bool:
    return PACKET_ORDER.index(PacketState(packet.state)) >= _RECEIVED


def _open_cases(kinds: Iterable[str]) -> Select[ScriptCase]:
    return select(ScriptCase).where(ScriptCase.kind.in_(sorted(kinds)), ScriptCase.state == str(CaseState.OPEN))


def _raise(
    session: Session, wanted: Sequence[_Wanted], *, today: date, now: datetime, calendar: CentreCalendar
) -> tuple[int, list[Raised]]:
    standing: dict[tuple[str, str, str], ScriptCase] = {}
    counted: dict[tuple[str, str], ScriptCase] = {}
    for some in portions(sorted({one.sitting.id for one in wanted})):
        query = select(ScriptCase).where(ScriptCase.sitting_id.in_(some), ScriptCase.kind.in_(sorted(ABOUT_MISSING)))
        for found in session.scalars(query):
            standing[found.sitting_id, found.kind, found.subject] = found
            if found.state == CaseState.OPEN and found.kind != "missing":
                for number in (found.details or {}).get("candidates") or ():
                    counted[found.sitting_id, str(number)] = found
    rows: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    raises: list[Raised] = []
    lifted: dict[str, tuple[ScriptCase, Raised]] = {}
    for one in wanted:
        # A difference that the arithmetic found already is one case, not two.
        known = standing.get((one.sitting.id, one.kind, one.subject))
        if known is None and one.kind != "packet_overdue":
            named = {counted.get((one.sitting.id, number)) for number in one.numbers}
            known = named.pop() if len(named) == 1 else None
        if known is None:
            row = _row(one, today, now, calendar)
            rows.append(row)
            lines += [
                event_values(row["id"], 1, CaseEventKind.OPENED, now=now),
                _alarm_event(row["id"], 2, one.alarm, now),
            ]
            raises.append(_raised(row["id"], row["owner_role"], "", one))
        elif known.state != CaseState.CLOSED and is_worse(one.alarm, Alarm(known.alarm)):
            # A case may be about several scripts: the worst of them counts.
            before = lifted.get(known.id)
            if before is None or is_worse(one.alarm, before[1].alarm):
                lifted[known.id] = known, _raised(known.id, known.owner_role, known.owner, one)
    if rows:
        session.execute(insert(ScriptCase), rows)
    lines += _lift(session, list(lifted.values()), now)
    if lines:
        session.execute(insert(ScriptCaseEvent), lines)
    return len(rows), raises + [one for _, one in lifted.values()]


def _row(one: _Wanted, today: date, now: datetime, calendar: CentreCalendar) -> dict[str, Any]:
    due_at = end_of(due_on(one.kind, today, calendar(one.sitting.centre_number)))
    return case_values(one.sitting.id, one.kind, one.subject, now=now, due_at=due_at) | {
        "packet_id": one.packet_id,
        "script_id": one.script_id,
        "details": {"candidates": list(one.numbers), "count": len(one.numbers)},
        "alarm": str(one.alarm),
        "alarm_at": now,
        "centre_from": now,
    }


def _raised(case_id: str, owner_role: str, owner: str, one: _Wanted) -> Raised:
    sitting = one.sitting
    return Raised(
        case_id,
        one.kind,
        sitting.series_key,
        sitting.centre_number,
        sitting.component_code,
        sitting.held_on,
        one.alarm,
        len(one.numbers),
        owner_role,
        owner,
    )


def _lift(session: Session, raises: Sequence[tuple[ScriptCase, Raised]], now: datetime) -> list[dict[str, Any]]:
    """Make cases that stand more worrying; returns the events to add. From now on their centres see them."""
    for found, one in raises:
        found.alarm, found.alarm_at, found.centre_from = str(one.alarm), now, found.centre_from or now
    session.flush()
    numbers: dict[str, int] = {}
    for some in portions([one.case_id for _, one in raises]):
        numbers.update(last_numbers(session, some))
    return [_alarm_event(one.case_id, numbers.get(one.case_id, 0) + 1, one.alarm, now) for _, one in raises]


def _alarm_event(case_id: str, number: int, alarm: Alarm, now: datetime) -> dict[str, Any]:
    details = {"alarm": str(alarm)}
    return event_values(case_id, number, CaseEventKind.ALARM, now=now, details=details, to_centre=True)


def _decisions(
    session: Session, *, today: date, now: datetime, calendar: CentreCalendar, results_on: Mapping[str, date]
) -> list[Raised]:
    """Say by when something must be decided about each open case, and alarm when that day is near or past."""
    if not results_on:
        return []
    query = (
        select(ScriptCase, Sitting)
        .join(Sitting, Sitting.id == ScriptCase.sitting_id)
        .where(
            ScriptCase.kind.in_(sorted(ABOUT_MISSING)),
            ScriptCase.state != str(CaseState.CLOSED),
            Sitting.series_key.in_(sorted(results_on)),
        )
    )
    raised = []
    for found, sitting in session.execute(query):
        days = calendar(sitting.centre_number)
        found.decide_by = decide_by(results_on[sitting.series_key], days)
        alarm = decision_alarm(found.decide_by, today, days)
        if found.state == CaseState.OPEN and is_worse(alarm, Alarm(found.alarm)):
            numbers = tuple((found.details or {}).get("candidates") or ())
            one = _Wanted(sitting, found.kind, found.subject, found.packet_id, found.script_id, numbers, alarm)
            raised.append((found, _raised(found.id, found.owner_role, found.owner, one)))
    session.flush()
    if lines := _lift(session, raised, now):
        session.execute(insert(ScriptCaseEvent), lines)
    return [one for _, one in raised]
