"""Which scripts travel in which packet, and what is printed for them: labels and cover sheets."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.entries import Series
from repository import audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.errors import NotFound
from scripts import records
from scripts.labels import PacketLabel
from scripts.tables import Packet


def make_packets(session: Session, context: Context, sitting_id: str, capacity: int) -> tuple[Packet, ...]:
    """Plan packets for the present candidates and issue their labels."""
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    made = records.make_packets(
        session, sitting_id, actor=actor_of(context).person_id, now=context.now, capacity=capacity
    )
    audit.record(session, context, Action.PACKET_WRITE, "sitting", sitting_id, packets=len(made))
    return tuple(made)


def label_payloads(session: Session, context: Context, sitting_id: str) -> tuple[PacketLabel, ...]:
    """Return the labels of a sitting's packets."""
    permitted(session, context, Action.SITTING_READ, sitting_id)
    return tuple(records.labels(session, sitting_id))


def labels(session: Session, context: Context, sitting_id: str) -> bytes:
    """Return the packet labels of a sitting as a PDF."""
    permitted(session, context, Action.PACKET_WRITE, sitting_id)
    found = records.labels(session, sitting_id)
    if not found:
        raise NotFound("There are no packets yet. Make the packets first.")
    audit.record(session, context, "labels.print", "sitting", sitting_id)
    from scripts import sheets  # a PDF library that few requests need

    return sheets.labels_pdf(found)


def covers(session: Session, context: Context, sitting_id: str) -> bytes:
    """Return the cover sheets of the candidates of a sitting as a PDF."""
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    found = records.covers(session, sitting_id)
    if not found:
        raise NotFound("Nobody is listed in this sitting.")
    from scripts import sheets

    return sheets.covers_pdf(found, series=Series.from_key(sitting.series_key).title)
