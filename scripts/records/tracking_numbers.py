"""The carriers' numbers under which packets travel: noted from the despatch log, and asked for when a carrier speaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import and_, insert, select
from sqlalchemy.orm import Session

from scripts.despatch import read_tracking_number
from scripts.errors import TrackingNumberRefused
from scripts.records.script_events import portions
from scripts.tables import Packet, PacketLabelRow, PacketTrackingNumber
from scripts.tracking import PacketEvent


def note_tracking_numbers(session: Session, events: Iterable[tuple[str, PacketEvent]]) -> None:
    """Note the numbers that events of packets name in their details.

    Takes: events, each with the id of its packet.
    """
    wanted: set[tuple[str, str]] = set()
    for packet_id, event in events:
        number = _tracking_number(event.details.get("tracking_number"))
        if number:
            wanted.add((number, packet_id))
    for some in portions(wanted):
        query = select(PacketTrackingNumber.number, PacketTrackingNumber.packet_id)
        there = session.execute(query.where(PacketTrackingNumber.packet_id.in_([packet_id for _, packet_id in some])))
        known = {(number, packet_id) for number, packet_id in there}
        rows = [{"number": one[0], "packet_id": one[1]} for one in some if one not in known]
        if rows:
            session.execute(insert(PacketTrackingNumber), rows)


def _tracking_number(untrusted_text: object) -> str:
    if not isinstance(untrusted_text, str) or not untrusted_text:
        return ""
    try:
        return read_tracking_number(untrusted_text).text
    except TrackingNumberRefused:
        return ""


def labels_of_tracking_numbers(session: Session, numbers: Iterable[str]) -> dict[str, list[str]]:
    """Return the labels in force of the packets that travel under each of these normalised numbers."""
    found: dict[str, list[str]] = defaultdict(list)
    for some in portions(set(numbers)):
        in_force = and_(PacketLabelRow.packet_id == Packet.id, PacketLabelRow.issue == Packet.issue)
        query = (
            select(PacketTrackingNumber.number, PacketLabelRow.payload)
            .join(Packet, Packet.id == PacketTrackingNumber.packet_id)
            .join(PacketLabelRow, in_force)
            .where(PacketTrackingNumber.number.in_(some))
            .order_by(Packet.sitting_id, Packet.number)
        )
        for number, label in session.execute(query):
            found[number].append(label)
    return found
