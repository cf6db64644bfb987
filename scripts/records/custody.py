"""Packets, their labels, and the events of their custody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.despatch import DespatchLine
from scripts.errors import CodeRefused, EventConflict, EventRefused, LabelRefused, LabelUnknown, PacketUnknown
from scripts.labels import PacketLabel, read_code
from scripts.packets import DEFAULT_CAPACITY, plan_packets
from scripts.reconciliation import RegisterState
from scripts.records.sittings import get_sitting, register, scripts_of
from scripts.tables import Packet, PacketEventRow, PacketLabelRow, ScriptCase, ScriptEventRow
from scripts.tracking import (
    PACKET_ORDER,
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

CASE_SIDES = (
    SideState.DAMAGED,
    SideState.OPENED_IN_TRANSIT,
    SideState.WRONG_COMPONENT,
    SideState.DUPLICATE_LABEL,
    SideState.MISROUTED,
    SideState.LOST,
)


def make_packets(
    session: Session, sitting_id: str, *, actor: str, now: datetime, capacity: int = DEFAULT_CAPACITY
) -> list[Packet]:
    """Plan the packets of a sitting and issue a label for each; where that was done before, return what was made.

    Takes: ``capacity``: scripts in one envelope. Candidates absent, withdrawn or explained are left out.
    Returns: the packets in number order; none when nobody's script will travel.
    Raises: ``SittingUnknown``, ``LabelRefused``.
    """
    sitting = get_sitting(session, sitting_id)
    made = packets(session, sitting_id)
    if made:
        return made
    travelling = [
        line.candidate_number
        for line in register(session, sitting_id)
        if line.state in (RegisterState.UNMARKED, RegisterState.PRESENT) and not line.explained
    ]
    known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
    series = Series.from_key(sitting.series_key).label
    for plan in plan_packets(travelling, capacity=capacity):
        packet = Packet(
            sitting_id=sitting_id,
            number=plan.number,
            of=plan.of,
            issue=1,
            state=str(PacketState.LABEL_ISSUED),
            side_states=[],
            candidate_numbers=list(plan.candidate_numbers),
        )
        session.add(packet)
        session.flush()
        label = PacketLabel(sitting.centre_number, series, sitting.component_code, plan.number, plan.of)
        _issue(session, packet, label, actor, now)
        for number in plan.candidate_numbers:
            known[number].packet_id = packet.id
    session.flush()
    return packets(session, sitting_id)


def _issue(session: Session, packet: Packet, label: PacketLabel, actor: str, now: datetime) -> None:
    if session.get(PacketLabelRow, label.payload) is not None:
        # Two sittings of one component in one series: the code alone could not tell their packets apart.
        raise LabelRefused("A label with this code has been issued for another sitting of this component.")
    session.add(
        PacketLabelRow(payload=label.payload, packet_id=packet.id, issue=label.issue, issued_at=now, issued_by=actor)
    )
    packet.issue = label.issue
    session.flush()


def packets(session: Session, sitting_id: str) -> list[Packet]:
    """Return the packets of a sitting in number order."""
    return list(session.scalars(select(Packet).where(Packet.sitting_id == sitting_id).order_by(Packet.number)))


def get_packet(session: Session, packet_id: str) -> Packet:
    """Return a packet; raises ``PacketUnknown``."""
    packet = session.get(Packet, packet_id)
    if packet is None:
        raise PacketUnknown
    return packet


def labels(session: Session, sitting_id: str) -> list[PacketLabel]:
    """Return the label in force of each packet of a sitting, ready to print."""
    return [current_label(session, packet) for packet in packets(session, sitting_id)]


def current_label(session: Session, packet: Packet) -> PacketLabel:
    """Return the label in force of a packet: its latest issue."""
    row = session.scalars(
        select(PacketLabelRow).where(PacketLabelRow.packet_id == packet.id, PacketLabelRow.issue == packet.issue)
    ).one()
    code = read_code(row.payload)
    if not isinstance(code, PacketLabel):
        raise LabelUnknown
    return code


def issue_emergency_label(session: Session, packet_id: str, *, actor: str, now: datetime) -> PacketLabel:
    """Issue the next label of a packet, for one use; once it arrives, the earlier label is void.

    Raises: ``PacketUnknown``, ``LabelRefused``.
    """
    packet = get_packet(session, packet_id)
    label = current_label(session, packet).reissued()
    _issue(session, packet, label, actor, now)
    return label


def packet_of_label(session: Session, untrusted_label: str) -> Packet:
    """Return the packet whose label this is.

    Raises: ``LabelUnknown``: the code is damaged, not a packet label, or was never issued.
    """
    try:
        code = read_code(untrusted_label)
    except CodeRefused as refusal:
        raise LabelUnknown(refusal.detail, **refusal.facts) from refusal
    row = session.get(PacketLabelRow, code.payload) if isinstance(code, PacketLabel) else None
    if row is None:
        raise LabelUnknown
    return get_packet(session, row.packet_id)


def record_event(session: Session, event: PacketEvent) -> Packet:
    """Record something that happened to a packet, once, and bring the packet's state up to date.

    Takes: the event; its ``received_at`` is our clock, its ``issue`` is read from the label.
    Returns: the packet as it then stands. A repeat of the same event changes nothing.
    Raises: ``LabelUnknown``; ``EventConflict`` when the id was used for something else; ``EventRefused`` when it takes
        back an event that is not of this packet; ``TransitionRefused`` for a decision that does not follow.
    """
    packet = packet_of_label(session, event.label)
    code = read_code(event.label)
    event = replace(event, issue=code.issue if isinstance(code, PacketLabel) else 1)
    earlier = session.get(PacketEventRow, event.id)
    if earlier is not None:
        if _as_event(earlier).content != event.content:
            raise EventConflict
        return packet
    if event.corrects_id is not None:
        corrected = session.get(PacketEventRow, event.corrects_id)
        if corrected is None or corrected.packet_id != packet.id:
            raise EventRefused("The event to take back is not one of this packet.")
    require_packet_decision(PacketState(packet.state), event.kind)
    if not _added(session, packet, event):
        return packet
    _bring_up_to_date(session, packet, event)
    return packet


def _added(session: Session, packet: Packet, event: PacketEvent) -> bool:
    """Add the event; False when another connection added the same one between our look and our write."""
    row = PacketEventRow(
        id=event.id,
        packet_id=packet.id,
        label=event.label,
        issue=event.issue,
        kind=str(event.kind),
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        actor=event.actor,
        place=event.place,
        source=event.source,
        corrects_id=event.corrects_id,
        details=dict(event.details),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as cause:
        earlier = session.get(PacketEventRow, event.id, populate_existing=True)
        if earlier is None or _as_event(earlier).content != event.content:
            raise EventConflict from cause
        return False
    return True


def _as_event(row: PacketEventRow) -> PacketEvent:
    return PacketEvent(
        id=row.id,
        label=row.label,
        kind=EventKind(row.kind),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        actor=row.actor,
        place=row.place,
        source=row.source,
        issue=row.issue,
        corrects_id=row.corrects_id,
        details=row.details,
    )


def packet_history(session: Session, packet_id: str) -> PacketHistory:
    """Return what the events of a packet amount to, with its line of custody."""
    rows = session.scalars(select(PacketEventRow).where(PacketEventRow.packet_id == packet_id))
    return apply(_as_event(row) for row in rows)


def _bring_up_to_date(session: Session, packet: Packet, event: PacketEvent) -> None:
    history = packet_history(session, packet.id)
    packet.state = str(history.state)
    packet.side_states = sorted(str(side) for side in history.side_states)
    packet.logged_count, packet.opened_count = history.logged_count, history.opened_count
    packet.collected_at, packet.received_at = history.collected_at, history.received_at
    if PACKET_ORDER.index(history.state) >= PACKET_ORDER.index(PacketState.LOGGED):
        # The log says who is in the packet; only a scan proves it, so no script becomes "received" here.
        _scripts_in_packet(session, packet, event)
    for side in CASE_SIDES:
        if side in history.side_states:
            open_case(
                session, packet.sitting_id, str(side), f"packet:{packet.number}", now=event.received_at, packet=packet
            )
    session.flush()


def _scripts_in_packet(session: Session, packet: Packet, event: PacketEvent) -> None:
    for script in scripts_of(session, packet.sitting_id):
        state = ScriptState(script.state)
        if script.packet_id != packet.id or state is ScriptState.ABSENT:
            continue
        if ScriptState.IN_PACKET in SCRIPT_TRANSITIONS[state]:
            script.state = str(ScriptState.IN_PACKET)
            session.add(
                ScriptEventRow(
                    script_id=script.id,
                    kind=str(ScriptState.IN_PACKET),
                    occurred_at=event.occurred_at,
                    received_at=event.received_at,
                    actor=event.actor,
                    place=event.place,
                    details={"packet": packet.number},
                )
            )


def open_case(
    session: Session,
    sitting_id: str,
    kind: str,
    subject: str,
    *,
    now: datetime,
    packet: Packet | None = None,
    script_id: str | None = None,
    due_at: datetime | None = None,
    details: Mapping[str, object] | None = None,
) -> ScriptCase:
    """Open a case, or return the one that stands for the same difference; an answered one is opened again."""
    case = session.scalar(
        select(ScriptCase).where(
            ScriptCase.sitting_id == sitting_id, ScriptCase.kind == kind, ScriptCase.subject == subject
        )
    )
    if case is None:
        case = ScriptCase(sitting_id=sitting_id, kind=kind, subject=subject, opened_at=now, due_at=due_at, state="open")
        session.add(case)
    if case.state == "closed":
        return case
    case.state = "open"
    case.packet_id = packet.id if packet is not None else case.packet_id
    case.script_id = script_id or case.script_id
    case.details = dict(details or case.details or {})
    session.flush()
    return case


def despatch(
    session: Session,
    line: DespatchLine,
    *,
    event_id: str,
    occurred_at: datetime,
    now: datetime,
    actor: str,
    place: str,
    source: str = "page",
) -> Packet:
    """Record a line of the despatch log and the hand-over it is signed for: the packet is logged and collected.

    Takes: ``event_id``: the sender's idempotency key, at most 54 characters; the clocks of the device and of ours.
    Raises: what ``record_event`` raises.
    """
    step = PacketEvent(
        id=f"{event_id}:logged",
        label=line.label,
        kind=EventKind.LOGGED,
        occurred_at=occurred_at,
        received_at=now,
        actor=actor,
        place=place,
        source=source,
        details=line.as_details(),
    )
    record_event(session, step)
    handed = {key: step.details[key] for key in ("carrier", "tracking_number") if key in step.details}
    collected = replace(step, id=f"{event_id}:collected", kind=EventKind.COLLECTED, details=handed)
    return record_event(session, collected)


def receive(
    session: Session,
    label: str,
    *,
    event_id: str,
    occurred_at: datetime,
    now: datetime,
    actor: str,
    place: str,
    source: str = "scanner",
    details: Mapping[str, object] | None = None,
) -> Packet:
    """Record that a packet arrived at a site, whether or not its despatch is known yet.

    Raises: what ``record_event`` raises.
    """
    return record_event(
        session,
        PacketEvent(
            event_id, label, EventKind.RECEIVED, occurred_at, now, actor, place, source, details=dict(details or {})
        ),
    )


def open_packet(
    session: Session,
    label: str,
    *,
    script_count: int,
    operators: tuple[str, str],
    event_id: str,
    occurred_at: datetime,
    now: datetime,
    place: str,
    source: str = "page",
) -> Packet:
    """Record that two operators opened a packet and counted its scripts.

    Raises: ``EventRefused`` when the operators are one person, and what ``record_event`` raises.
    Source: project policy (domain: scripts, section 7): two operators, or one and a camera.
    """
    if operators[0].strip().casefold() == operators[1].strip().casefold():
        raise EventRefused("A packet is opened by two different people.")
    details = {"script_count": script_count, "operators": list(operators)}
    return record_event(
        session,
        PacketEvent(event_id, label, EventKind.OPENED, occurred_at, now, operators[0], place, source, details=details),
    )
