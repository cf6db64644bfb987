"""Packets, their labels, and the steps of their custody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.despatch import DespatchLine, require_label_kind
from scripts.errors import CodeRefused, EventRefused, LabelUnknown, PacketUnknown
from scripts.labels import PacketLabel, read_code
from scripts.records.events import record_event
from scripts.records.histories import packet_history as packet_history
from scripts.records.sittings import get_sitting
from scripts.tables import Packet, PacketLabelRow
from scripts.tracking import EventKind, PacketEvent


def packets(session: Session, sitting_id: str) -> list[Packet]:
    """Return the packets of a sitting in number order."""
    return list(session.scalars(select(Packet).where(Packet.sitting_id == sitting_id).order_by(Packet.number)))


def get_packet(session: Session, packet_id: str) -> Packet:
    """Return a packet; raises ``PacketUnknown``."""
    packet = session.get(Packet, packet_id)
    if packet is None:
        raise PacketUnknown
    return packet


def current_label(session: Session, packet: Packet) -> PacketLabel:
    """Return the label in force of a packet: its latest issue."""
    row = session.scalars(
        select(PacketLabelRow).where(PacketLabelRow.packet_id == packet.id, PacketLabelRow.issue == packet.issue)
    ).one()
    code = read_code(row.payload)
    if not isinstance(code, PacketLabel):
        raise LabelUnknown
    return code


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
    Raises: ``DespatchRefused`` for a postal sample under a label of the free service; what ``record_event`` raises.
    """
    sitting = get_sitting(session, packet_of_label(session, line.label).sitting_id)
    require_label_kind(line.label_kind, externally_marked=sitting.purpose == "scripts")
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
