"""Acts of the tracking station: packets received by their label, opened and counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused
from scripts import records
from scripts.tables import Packet, Sitting

RECEIVED = "received"
OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What scanning a label did."""

    packet: Packet
    sitting: Sitting
    was_known: bool


def record(
    session: Session,
    context: Context,
    *,
    event_id: str,
    label: str,
    kind: str,
    occurred_at: datetime,
    place: str,
    script_count: int | None = None,
    second_operator: str = "",
) -> Scanned:
    """Record that a packet was received, or opened and counted; the same event again changes nothing.

    Takes: ``event_id``, the idempotency key; ``second_operator``, who counted too when a packet is opened.
    Raises: ``LabelUnknown``; ``EventConflict`` when the id belongs to another event; ``FieldRefused``.
    """
    actor = actor_of(context)
    access.require(actor, Action.TRACKING_EVENT)
    before = records.packet_of_label(session, label)
    known = any(event.id == event_id for event in records.packet_history(session, before.id).timeline)
    if kind == RECEIVED:
        packet = records.receive(
            session,
            label,
            event_id=event_id,
            occurred_at=occurred_at,
            now=context.now,
            actor=actor.person_id,
            place=place,
        )
    elif kind == OPENED:
        if script_count is None or not second_operator:
            raise FieldRefused("A packet is opened by two people who count the scripts.", field="script_count")
        packet = records.open_packet(
            session,
            label,
            script_count=script_count,
            operators=(actor.person_id, second_operator),
            event_id=event_id,
            occurred_at=occurred_at,
            now=context.now,
            place=place,
        )
    else:
        raise FieldRefused("The kind of event is received or opened.", field="kind")
    audit.record(session, context, f"packet.{kind}", "packet", packet.id, repeated=known)
    return Scanned(packet, records.get_sitting(session, packet.sitting_id), known)
