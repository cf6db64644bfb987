"""The events of packets and scripts: recorded once, in a chain of hashes, with the states that follow from them.

Many events are one set: their labels are looked up together, their packets locked together (in one order, so that two
sets never wait for each other), their rows written together. One bad line never blocks the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from scripts import chains
from scripts.errors import (
    CodeRefused,
    EventConflict,
    EventRefused,
    LabelUnknown,
    ScriptsError,
)
from scripts.labels import PacketLabel, read_code
from scripts.records.bulk import change_rows, insert_rows
from scripts.records.cases import open_case
from scripts.records.histories import events_of, packet_contents
from scripts.records.script_events import ScriptEvent, portions, record_script_events
from scripts.records.tracking_numbers import note_tracking_numbers
from scripts.tables import (
    Packet,
    PacketEventRow,
    PacketLabelRow,
    Script,
    SiteRoute,
    Sitting,
)
from scripts.tracking import (
    DECISIONS,
    PACKET_RANK,
    SCRIPT_TRANSITIONS,
    EventKind,
    PacketEvent,
    PacketHistory,
    PacketState,
    ScriptState,
    SideState,
    apply,
    require_packet_decision,
)

SCANNER = "scanner"
"""The source of what a hand-held scanner says."""
SAME_TRIGGER = timedelta(seconds=5)
"""Scans of one label, at one place by one person, so close together by the scanner's own clock are one event.

Source: project policy.
"""
CASE_SIDES = (
    SideState.DAMAGED,
    SideState.OPENED_IN_TRANSIT,
    SideState.WRONG_COMPONENT,
    SideState.PACKET_IN_PACKET,
    SideState.DUPLICATE_LABEL,
    SideState.MISROUTED,
    SideState.LOST,
)
"""What is noticed of a packet and opens a case by itself."""
_BECOME_IN_PACKET = tuple(str(state) for state, after in SCRIPT_TRANSITIONS.items() if ScriptState.IN_PACKET in after)
_MOVES_ON = PACKET_RANK[PacketState.LOGGED.value]


class Outcome(StrEnum):
    """What became of one event that was sent."""

    RECORDED = "recorded"
    REPEAT = "repeat"
    """The same event was recorded before; nothing changed."""
    CONFLICT = "conflict"
    """Its id was used before for something else; nothing changed."""
    UNKNOWN_LABEL = "unknown_label"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one event; ``packet`` is None where no packet was found; ``reason`` says why it was not recorded.

    ``before`` is the packet's state as it was, so that whoever scans a label again is told; ``same_as``: the id of the
    event that stands, where a trigger was only pulled twice.
    """

    event_id: str
    outcome: Outcome
    packet: Packet | None = None
    before: str = ""
    reason: str = ""
    error: ScriptsError | None = None
    same_as: str = ""


def record_event(session: Session, event: PacketEvent) -> Packet:
    """Record something that happened to a packet, once, and bring the packet's state up to date.

    Takes: the event; its ``received_at`` is our clock, its ``issue`` is read from the label.
    Returns: the packet as it then stands. A repeat of the same event changes nothing.
    Raises: ``LabelUnknown``; ``EventConflict`` when the id was used for something else; ``EventRefused`` when it takes
        back an event that is not of this packet; ``TransitionRefused`` for a decision that does not follow.
    """
    (done,) = record_events(session, [event])
    if done.error is not None:
        raise done.error
    if done.packet is None:  # an outcome without a fault always names its packet
        raise LabelUnknown
    return done.packet


def record_events(session: Session, events: Sequence[PacketEvent]) -> list[Recorded]:
    """Record a set of events, each once, whatever their order, and bring every packet's state up to date.

    Takes: events of any number of packets; ``received_at`` is our clock; ``issue`` and ``expected_site`` are found here.
    Returns: what became of each, in the order in which they were given; a bad one never blocks the others.
    """
    if not events:
        return []
    found = _packets_of_labels(session, {event.label for event in events})
    known = _locked(session, {packet_id for packet_id, _ in found.values()})
    try:
        with session.begin_nested():
            return _record(session, events, found, known)
    except IntegrityError:
        # An id was used meanwhile, or by what this session may not see: find out which, one at a time.
        return [_alone(session, event, found, known) for event in events]


def _alone(
    session: Session, event: PacketEvent, found: Mapping[str, tuple[str, int]], known: Mapping[str, Packet]
) -> Recorded:
    try:
        with session.begin_nested():
            (done,) = _record(session, [event], found, known)
            return done
    except IntegrityError:
        packet = known.get(found[event.label][0])
        return _refused(event, Outcome.CONFLICT, EventConflict(), packet)


def _refused(event: PacketEvent, outcome: Outcome, error: ScriptsError, packet: Packet | None = None) -> Recorded:
    return Recorded(event.id, outcome, packet, packet.state if packet else "", error.detail, error)


@dataclass(slots=True)
class _Line:
    """One packet while a set is recorded: the events it had, those it gets, and the end of its chain."""

    packet: Packet
    had: list[PacketEvent]
    gets: list[PacketEvent]

    def state(self) -> PacketState:
        return apply([*self.had, *self.gets]).state if self.gets else PacketState(self.packet.state)

    def holds(self, event_id: str) -> bool:
        return any(event.id == event_id for event in (*self.had, *self.gets))


def _record(
    session: Session,
    events: Sequence[PacketEvent],
    found: Mapping[str, tuple[str, int]],
    known: Mapping[str, Packet],
) -> list[Recorded]:
    lines = {packet.id: _Line(packet, [], []) for packet in known.values()}
    for packet_id, event in events_of(session, lines):
        lines[packet_id].had.append(event)
    seen = {event.id: (line.packet.id, event) for line in lines.values() for event in line.had}
    elsewhere = _ids_elsewhere(session, {event.id for event in events} - set(seen))
    aims = _aims(session, known.values()) if any(event.site for event in events) else {}
    before = {packet_id: packet.state for packet_id, packet in known.items()}
    outcomes: list[Recorded] = []
    for event in events:
        packet_id, issue = found.get(event.label, ("", 0))
        if packet_id not in lines:
            outcomes.append(_refused(event, Outcome.UNKNOWN_LABEL, LabelUnknown()))
            continue
        line = lines[packet_id]
        try:
            same_as = _take(line, replace(event, issue=issue, expected_site=aims.get(packet_id, "")), seen, elsewhere)
            outcome = Outcome.REPEAT if same_as else Outcome.RECORDED
            outcomes.append(Recorded(event.id, outcome, line.packet, before[packet_id], same_as=same_as))
        except EventConflict as error:
            outcomes.append(_refused(event, Outcome.CONFLICT, error, line.packet))
        except ScriptsError as error:
            outcomes.append(_refused(event, Outcome.REFUSED, error, line.packet))
    _write(session, [line for line in lines.values() if line.gets])
    return outcomes


def _take(line: _Line, event: PacketEvent, seen: dict[str, tuple[str, PacketEvent]], elsewhere: frozenset[str]) -> str:
    """Add an event to a packet; returns the id of the one that stands already, where there is one."""
    earlier = seen.get(event.id)
    if earlier is not None:
        if earlier[0] != line.packet.id or earlier[1].content != event.content:
            raise EventConflict
        return event.id
    if event.id in elsewhere:
        raise EventConflict
    same = _same_trigger(line, event)
    if same is not None:
        return same.id
    if event.corrects_id is not None and not line.holds(event.corrects_id):
        raise EventRefused("The event to take back is not one of this packet.")
    if event.kind in DECISIONS:
        require_packet_decision(line.state(), event.kind)
    line.gets.append(event)
    seen[event.id] = (line.packet.id, event)
    return ""


def _same_trigger(line: _Line, event: PacketEvent) -> PacketEvent | None:
    """Return the standing event that this one repeats, because a scanner's trigger was pulled twice."""
    if event.source != SCANNER or event.kind is EventKind.WITHDRAWN:
        return None
    both = (*line.had, *line.gets)
    taken_back = {one.corrects_id for one in both if one.corrects_id is not None}
    for one in both:
        said = (one.kind, one.label, one.where, one.actor, one.source)
        near = abs(one.occurred_at - event.occurred_at) <= SAME_TRIGGER
        if near and one.id not in taken_back and said == (event.kind, event.label, event.where, event.actor, SCANNER):
            return one
    return None


def _packets_of_labels(session: Session, untrusted_labels: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return the packet and the issue of each label that was issued, by what was scanned."""
    payloads: dict[str, PacketLabel] = {}
    for text in untrusted_labels:
        try:
            code = read_code(text)
        except CodeRefused:
            continue
        if isinstance(code, PacketLabel):
            payloads[text] = code
    issued: dict[str, str] = {}
    for some in portions({code.payload for code in payloads.values()}):
        rows = session.execute(
            select(PacketLabelRow.payload, PacketLabelRow.packet_id).where(PacketLabelRow.payload.in_(some))
        )
        issued.update((payload, packet_id) for payload, packet_id in rows)
    return {text: (issued[code.payload], code.issue) for text, code in payloads.items() if code.payload in issued}


def _locked(session: Session, packet_ids: Iterable[str]) -> dict[str, Packet]:
    """Return packets, each locked until the transaction ends: their chains grow one event after another."""
    found: dict[str, Packet] = {}
    for some in portions(packet_ids):
        query = (
            select(Packet)
            .where(Packet.id.in_(some))
            .order_by(Packet.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        found.update((packet.id, packet) for packet in session.scalars(query))
    return found


def _ids_elsewhere(session: Session, event_ids: set[str]) -> frozenset[str]:
    found: set[str] = set()
    for some in portions(event_ids):
        found.update(session.scalars(select(PacketEventRow.id).where(PacketEventRow.id.in_(some))))
    return frozenset(found)


def _aims(session: Session, packets: Iterable[Packet]) -> dict[str, str]:
    """Return the site to which each packet should go: its component's, or else its awarding body's; none where none is
    laid down.
    """
    routes = {(row.awarding_body, row.component_code): row.site_code for row in session.scalars(select(SiteRoute))}
    if not routes:
        return {}
    by_sitting = defaultdict(list)
    for packet in packets:
        by_sitting[packet.sitting_id].append(packet.id)
    aims: dict[str, str] = {}
    for some in portions(by_sitting):
        query = select(Sitting.id, Sitting.series_key, Sitting.component_code).where(Sitting.id.in_(some))
        for sitting_id, series_key, component in session.execute(query):
            body = series_key.partition("-")[0]
            aim = routes.get((body, component)) or routes.get((body, ""), "")
            aims.update(dict.fromkeys(by_sitting[sitting_id], aim))
    return aims


def _write(session: Session, lines: Sequence[_Line]) -> None:
    if not lines:
        return
    sides = {line.packet.id: frozenset(line.packet.side_states) for line in lines}
    rows: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    histories: dict[str, PacketHistory] = {}
    for line in lines:
        added, values, history = _chained(line)
        rows += added
        changed.append(values)
        histories[line.packet.id] = history
    insert_rows(session, PacketEventRow, rows)
    change_rows(session, Packet, changed)
    for line, values in zip(lines, changed, strict=True):
        for name, value in values.items():
            set_committed_value(line.packet, name, value)
    note_tracking_numbers(session, [(line.packet.id, event) for line in lines for event in line.gets])
    _scripts_in_packets(session, lines)
    for line in lines:
        for side in CASE_SIDES:
            if side in histories[line.packet.id].side_states and str(side) not in sides[line.packet.id]:
                packet, now = line.packet, line.gets[-1].received_at
                open_case(session, packet.sitting_id, str(side), f"packet:{packet.number}", now=now, packet=packet)


def _chained(line: _Line) -> tuple[list[dict[str, Any]], dict[str, Any], PacketHistory]:
    """Return the rows of the events that a packet gets, what of the packet changes, and its history."""
    packet = line.packet
    count, head = packet.event_count, packet.chain_sha256
    rows: list[dict[str, Any]] = []
    for event in line.gets:
        count += 1
        head = chains.following(head, packet_contents(event, packet.id, count))
        rows.append(
            {
                "id": event.id,
                "packet_id": packet.id,
                "label": event.label,
                "issue": event.issue,
                "kind": event.kind.value,
                "occurred_at": event.occurred_at,
                "received_at": event.received_at,
                "actor": event.actor,
                "place": event.place,
                "source": event.source,
                "corrects_id": event.corrects_id,
                "details": dict(event.details),
                "site_code": event.site,
                "expected_site": event.expected_site,
                "chain_number": count,
                "chain_sha256": head,
            }
        )
    history = apply([*line.had, *line.gets])
    values = {
        "id": packet.id,
        "state": history.state.value,
        "side_states": sorted(side.value for side in history.side_states),
        "logged_count": history.logged_count,
        "opened_count": history.opened_count,
        "packed_at": history.packed_at,
        "logged_at": history.logged_at,
        "collected_at": history.collected_at,
        "received_at": history.received_at,
        "opened_at": history.opened_at,
        "reconciled_at": history.reconciled_at,
        "event_count": count,
        "chain_sha256": head,
    }
    return rows, values, history


def _scripts_in_packets(session: Session, lines: Sequence[_Line]) -> None:
    """The log says who is in a packet; only a scan proves it, so no script becomes "received" here."""
    moved = {line.packet.id: line for line in lines if PACKET_RANK[line.packet.state] >= _MOVES_ON}
    events: list[ScriptEvent] = []
    heads: dict[str, tuple[int, str]] = {}
    session.flush()
    for some in portions(moved):
        query = (
            select(Script.id, Script.packet_id, Script.event_count, Script.chain_sha256)
            .where(Script.packet_id.in_(some), Script.state.in_(_BECOME_IN_PACKET))
            .order_by(Script.id)
            .with_for_update()
        )
        for script_id, packet_id, count, head in session.execute(query):
            heads[script_id] = (count, head)
            line = moved[str(packet_id)]
            event = line.gets[-1]
            events.append(
                ScriptEvent(
                    script_id,
                    ScriptState.IN_PACKET.value,
                    event.occurred_at,
                    event.received_at,
                    event.actor,
                    event.place,
                    {"packet": line.packet.number},
                    event.source,
                    state=ScriptState.IN_PACKET,
                )
            )
    record_script_events(session, events, heads)
