"""Boards over many sittings: how far the scripts of a component, a centre or a sitting have come, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from scripts.cases import CaseState
from scripts.missing import Alarm
from scripts.reconciliation import RegisterState
from scripts.records.facts import SEEN
from scripts.states import PACKET_ORDER, PacketState, ScriptState
from scripts.tables import DeclaredMissing, Packet, RegisterLine, Script, ScriptCase, Sitting

_ALARMS = (Alarm.NONE, Alarm.UNKNOWN, Alarm.AMBER, Alarm.RED)


class BoardLevel(StrEnum):
    """What one line of a board stands for."""

    COMPONENT = "component"
    CENTRE = "centre"
    SITTING = "sitting"


@dataclass(frozen=True, slots=True)
class BoardLine:
    """How far the scripts of one component, centre or sitting have come. Counts are of scripts.

    ``difference``: present and not explained, and neither indexed nor declared missing: what is not here yet.
    """

    key: str
    component_code: str
    centre_number: str
    held_on: date | None
    session_of_day: str
    sittings: int
    expected: int
    present: int
    absent: int
    unmarked: int
    explained: int
    declared: int
    logged: int
    collected: int
    received: int
    opened: int
    scanned: int
    indexed: int
    open_cases: int
    alarm: Alarm

    @property
    def difference(self) -> int:
        """Return how many scripts are not here yet."""
        return self.present - self.explained - self.declared - self.indexed


def board(
    session: Session,
    level: BoardLevel,
    *,
    series_key: str | None = None,
    component_code: str | None = None,
    centre_number: str | None = None,
    held_on: date | None = None,
) -> list[BoardLine]:
    """Return a board, the worst first: three statements, whatever its size."""
    of = [Sitting.purpose == "scripts"]
    for column, value in (
        (Sitting.series_key, series_key),
        (Sitting.component_code, component_code),
        (Sitting.centre_number, centre_number),
        (Sitting.held_on, held_on),
    ):
        if value is not None:
            of.append(column == value)
    key = _key(level)
    cases = _cases(session, key, of)
    declared = _declared(session, key, of)
    found = []
    for row in session.execute(_counts(level, key, of)):
        name, component, centre, day, time, sittings, *counts = row
        expected, present, absent, unmarked, explained, logged, collected, received, opened, scanned, indexed = (
            int(count or 0) for count in counts
        )
        open_cases, worst = cases.get(name, (0, 0))
        found.append(
            BoardLine(
                name,
                component or "",
                centre or "",
                day,
                time or "",
                sittings,
                expected,
                present,
                absent,
                unmarked,
                explained,
                declared.get(name, 0),
                logged,
                collected,
                received,
                opened,
                scanned,
                indexed,
                open_cases,
                _ALARMS[worst],
            )
        )
    found.sort(
        key=lambda one: (-_ALARMS.index(one.alarm), -one.open_cases, -one.difference, one.held_on or date.min, one.key)
    )
    return found


def _key(level: BoardLevel) -> Any:
    return {
        BoardLevel.COMPONENT: Sitting.component_code,
        BoardLevel.CENTRE: Sitting.centre_number,
        BoardLevel.SITTING: Sitting.id,
    }[level]


def _counts(level: BoardLevel, key: Any, of: Sequence[ColumnElement[bool]]) -> Select[Any]:
    present = RegisterLine.state == str(RegisterState.PRESENT)
    travelling = and_(present, RegisterLine.explained == "")
    seen = Script.state.in_([str(state) for state in SEEN])
    # A script that was seen has been everywhere before, whatever is known of its packet.
    conditions = (
        RegisterLine.state != str(RegisterState.WITHDRAWN),
        present,
        RegisterLine.state == str(RegisterState.ABSENT),
        RegisterLine.state == str(RegisterState.UNMARKED),
        and_(present, RegisterLine.explained != ""),
        *(
            and_(travelling, or_(Packet.state.in_(_from(state)), seen))
            for state in (PacketState.LOGGED, PacketState.COLLECTED, PacketState.RECEIVED, PacketState.OPENED)
        ),
        and_(travelling, or_(Script.state == str(ScriptState.SCANNED), seen)),
        and_(travelling, seen),
    )
    one_sitting = level is BoardLevel.SITTING
    about = (
        func.min(Sitting.component_code) if level is not BoardLevel.CENTRE else func.min(""),
        func.min(Sitting.centre_number) if level is not BoardLevel.COMPONENT else func.min(""),
        func.min(Sitting.held_on),
        func.min(Sitting.session_of_day) if one_sitting else func.min(""),
        func.count(Sitting.id.distinct()),
    )
    return (
        select(key, *about, *(func.sum(case((condition, 1), else_=0)) for condition in conditions))
        .select_from(Sitting)
        .join(RegisterLine, RegisterLine.sitting_id == Sitting.id)
        .join(
            Script,
            and_(
                Script.sitting_id == RegisterLine.sitting_id, Script.candidate_number == RegisterLine.candidate_number
            ),
        )
        .outerjoin(Packet, Packet.id == Script.packet_id)
        .where(*of)
        .group_by(key)
    )


def _from(state: PacketState) -> list[str]:
    return [str(one) for one in PACKET_ORDER[PACKET_ORDER.index(state) :]]


def _cases(session: Session, key: Any, of: Sequence[ColumnElement[bool]]) -> dict[str, tuple[int, int]]:
    rank = case({str(alarm): place for place, alarm in enumerate(_ALARMS)}, value=ScriptCase.alarm, else_=0)
    query = (
        select(key, func.count(), func.max(rank))
        .select_from(ScriptCase)
        .join(Sitting, Sitting.id == ScriptCase.sitting_id)
        .where(ScriptCase.state != str(CaseState.CLOSED), *of)
        .group_by(key)
    )
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def _declared(session: Session, key: Any, of: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    query = (
        select(key, func.count(DeclaredMissing.script_id.distinct()))
        .select_from(DeclaredMissing)
        .join(Script, Script.id == DeclaredMissing.script_id)
        .join(Sitting, Sitting.id == Script.sitting_id)
        .where(DeclaredMissing.stands(), *of)
        .group_by(key)
    )
    return {row[0]: row[1] for row in session.execute(query)}
