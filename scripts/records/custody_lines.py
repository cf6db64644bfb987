"""Custody lines as they are kept: the events of scripts and of their packets, read for one script or a whole sitting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.clocks import Calendar
from scripts.custody import About, CustodyEvent, CustodyLine, ScriptFacts, custody_line
from scripts.errors import ScriptUnknown
from scripts.records.sittings import get_sitting
from scripts.tables import Packet, PacketEventRow, RegisterLine, Script, ScriptCase, ScriptEventRow, Sitting


def script_line(session: Session, script_id: str, *, now: datetime, calendar: Calendar) -> CustodyLine:
    """Return the custody line of one script: its steps and what comes next, and its history in order of our receipt.

    Raises: ``ScriptUnknown``.
    """
    script = session.get(Script, script_id)
    if script is None:
        raise ScriptUnknown
    sitting = get_sitting(session, script.sitting_id)
    return _lines(session, sitting, [script], now, calendar)[0]


def sitting_lines(session: Session, sitting_id: str, *, now: datetime, calendar: Calendar) -> tuple[CustodyLine, ...]:
    """Return the custody line of every script of a sitting, in candidate number order; a fixed number of queries.

    Raises: ``SittingUnknown``.
    """
    sitting = get_sitting(session, sitting_id)
    query = select(Script).where(Script.sitting_id == sitting_id).order_by(Script.candidate_number)
    return _lines(session, sitting, list(session.scalars(query)), now, calendar)


def packet_events(session: Session, packet_ids: Collection[str]) -> Mapping[str, tuple[CustodyEvent, ...]]:
    """Return packet → its events, in the order in which they stand in its chain."""
    query = select(PacketEventRow).where(PacketEventRow.packet_id.in_(packet_ids))
    query = query.order_by(PacketEventRow.packet_id, PacketEventRow.chain_number)
    found: dict[str, list[CustodyEvent]] = defaultdict(list)
    for row in session.scalars(query) if packet_ids else ():
        found[row.packet_id].append(_event(About.PACKET, row))
    return {packet_id: tuple(events) for packet_id, events in found.items()}


def _lines(
    session: Session, sitting: Sitting, scripts: Sequence[Script], now: datetime, calendar: Calendar
) -> tuple[CustodyLine, ...]:
    facts = _facts(session, sitting, scripts)
    own = _script_events(session, sitting, scripts)
    of_packets = packet_events(session, {script.packet_id for script in scripts if script.packet_id is not None})
    return tuple(
        custody_line(
            one,
            (*own.get(one.script_id, ()), *of_packets.get(one.packet_id or "", ())),
            now=now,
            calendar=calendar,
        )
        for one in facts
    )


def _facts(session: Session, sitting: Sitting, scripts: Sequence[Script]) -> list[ScriptFacts]:
    lines = session.scalars(select(RegisterLine).where(RegisterLine.sitting_id == sitting.id))
    register = {line.candidate_number: line for line in lines}
    bags = {bag.id: bag for bag in session.scalars(select(Packet).where(Packet.sitting_id == sitting.id))}
    open_cases = session.scalars(
        select(ScriptCase)
        .where(ScriptCase.sitting_id == sitting.id, ScriptCase.state != "closed")
        .order_by(ScriptCase.opened_at, ScriptCase.kind)
    ).all()
    found = []
    for script in scripts:
        line, bag = register.get(script.candidate_number), bags.get(script.packet_id or "")
        found.append(
            ScriptFacts(
                script_id=script.id,
                candidate_number=script.candidate_number,
                state=script.state,
                pages=script.pages,
                held_on=sitting.held_on,
                register=line.state if line is not None else "",
                explained=line.explained if line is not None else "",
                packet_id=script.packet_id,
                packet_number=bag.number if bag is not None else None,
                packets=bag.of if bag is not None else None,
                sides=tuple(bag.side_states or ()) if bag is not None else (),
                cases=tuple(dict.fromkeys(case.kind for case in open_cases if _is_about(case, script))),
            )
        )
    return found


def _is_about(case: ScriptCase, script: Script) -> bool:
    candidates = case.details.get("candidates") if case.details else None
    named = isinstance(candidates, list) and script.candidate_number in candidates
    of_packet = case.packet_id is not None and case.packet_id == script.packet_id
    return case.script_id == script.id or named or (of_packet and case.script_id is None)


def _script_events(
    session: Session, sitting: Sitting, scripts: Sequence[Script]
) -> Mapping[str, tuple[CustodyEvent, ...]]:
    query = select(ScriptEventRow).join(Script, Script.id == ScriptEventRow.script_id)
    query = query.where(Script.sitting_id == sitting.id)
    if len(scripts) == 1:
        query = query.where(ScriptEventRow.script_id == scripts[0].id)
    found: dict[str, list[CustodyEvent]] = defaultdict(list)
    for row in session.scalars(query.order_by(ScriptEventRow.chain_number)):
        found[row.script_id].append(_event(About.SCRIPT, row))
    return {script_id: tuple(events) for script_id, events in found.items()}


def _event(about: About, row: PacketEventRow | ScriptEventRow) -> CustodyEvent:
    return CustodyEvent(
        row.id,
        about,
        row.kind,
        row.occurred_at,
        row.received_at,
        row.actor,
        row.place,
        row.source,
        row.corrects_id,
        row.details,
        row.chain_sha256,
    )
