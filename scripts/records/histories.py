"""What the events of packets amount to, and whether their chains are whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts import chains
from scripts.records.script_events import portions
from scripts.tables import Packet, PacketEventRow
from scripts.tracking import EventKind, PacketEvent, PacketHistory, apply

_EVENT = (
    PacketEventRow.packet_id,
    PacketEventRow.id,
    PacketEventRow.label,
    PacketEventRow.kind,
    PacketEventRow.occurred_at,
    PacketEventRow.received_at,
    PacketEventRow.actor,
    PacketEventRow.place,
    PacketEventRow.source,
    PacketEventRow.issue,
    PacketEventRow.corrects_id,
    PacketEventRow.details,
    PacketEventRow.site_code,
    PacketEventRow.expected_site,
)


def events_of(session: Session, packet_ids: Iterable[str]) -> Iterator[tuple[str, PacketEvent]]:
    """Return the events of many packets, each with its packet's id, in the order of their chains."""
    for some in portions(packet_ids):
        query = select(*_EVENT).where(PacketEventRow.packet_id.in_(some)).order_by(PacketEventRow.chain_number)
        for packet_id, event_id, label, kind, *rest in session.execute(query):
            yield packet_id, PacketEvent(event_id, label, EventKind(kind), *rest)


def packet_history(session: Session, packet_id: str) -> PacketHistory:
    """Return what the events of a packet amount to, with its line of custody."""
    return apply(event for _, event in events_of(session, [packet_id]))


def packet_histories(session: Session, packet_ids: Iterable[str]) -> dict[str, PacketHistory]:
    """Return the histories of many packets, in few statements."""
    wanted = set(packet_ids)
    events: dict[str, list[PacketEvent]] = {packet_id: [] for packet_id in wanted}
    for packet_id, event in events_of(session, wanted):
        events[packet_id].append(event)
    return {packet_id: apply(some) for packet_id, some in events.items()}


def broken_packet_chain(session: Session, packet: Packet) -> list[chains.Broken]:
    """Follow the chain of a packet and return where it does not hold; nothing when it is whole."""
    numbers = session.execute(
        select(PacketEventRow.id, PacketEventRow.chain_number, PacketEventRow.chain_sha256).where(
            PacketEventRow.packet_id == packet.id
        )
    )
    places = {event_id: (number, sha256) for event_id, number, sha256 in numbers}
    links = [
        chains.Link(places[event.id][0], packet_contents(event, packet.id, places[event.id][0]), places[event.id][1])
        for _, event in events_of(session, [packet.id])
    ]
    return chains.broken(links, count=packet.event_count, head=packet.chain_sha256)


def packet_contents(event: PacketEvent, packet_id: str, number: int) -> str:
    """Return an event of a packet as its chain hashes it."""
    return chains.canonical(
        {
            "number": number,
            "packet": packet_id,
            "id": event.id,
            "label": event.label,
            "issue": event.issue,
            "kind": event.kind.value,
            "occurred_at": event.occurred_at,
            "received_at": event.received_at,
            "actor": event.actor,
            "place": event.place,
            "site": event.site,
            "expected_site": event.expected_site,
            "source": event.source,
            "corrects_id": event.corrects_id,
            "details": dict(event.details),
        }
    )
