"""Acts on single packets: finding one by what is in somebody's hand, and everything that is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from repository import access
from repository.access import Action, Scope
from repository.acts import custody
from repository.acts.cases import actor_of
from repository.acts.custody import EventKey, Picture
from repository.acts.script_case_views import is_shown
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.tables import SamplePacket
from scripts import chains, records
from scripts.clocks import Clocks, clocks
from scripts.custody import CustodyEvent, HistoryLine
from scripts.despatch import read_tracking_number
from scripts.errors import TrackingNumberRefused
from scripts.labels import CENTRE
from scripts.records import custody_lines
from scripts.stations import as_scanned
from scripts.tables import Packet, PacketLabelRow, PacketTrackingNumber, Script, ScriptCase, Sitting
from scripts.tracking import PACKET_RANK, PacketState

FOUND_LIMIT = 100
"""So many packets are listed; whoever looks for one among more says more."""
_CHECK = re.compile(r"[0-9A-F]{4}")


@dataclass(frozen=True, slots=True)
class Found:
    """One packet of a list."""

    packet: Packet
    sitting: Sitting


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a packet: what it carries, and whether it is the one in force."""

    payload: str
    issue: int
    is_emergency: bool
    is_in_force: bool


@dataclass(frozen=True, slots=True)
class PacketPage:
    """Everything about one packet. ``candidates`` is None for whoever sees counts first; ``scripts`` counts them.

    ``clocks`` is None for a parcel of a postal sample: what is due of it is laid down for its case, and said there.
    ``chain`` names where the chain of its events does not hold; nothing when it is whole.
    """

    packet: Packet
    sitting: Sitting
    scripts: int
    candidates: tuple[tuple[str, str | None], ...] | None
    labels: tuple[Label, ...]
    numbers: tuple[str, ...]
    clocks: Clocks | None
    history: tuple[HistoryLine, ...]
    roles: Mapping[EventKey, str]
    pictures: Mapping[str, tuple[Picture, ...]]
    siblings: tuple[Packet, ...]
    cases: tuple[ScriptCase, ...]
    chain: tuple[chains.Broken, ...]
    moderation_case_id: str | None


def find(session: Session, context: Context, untrusted_text: str) -> tuple[Found, ...]:
    """Return the packets that a text names: a label, the four characters at its end, a carrier's number, or a centre.

    Returns: the newest sittings first, each packet once; nothing for a text that names none, or none that may be seen.
    """
    actor = actor_of(context)
    scope = access.scope_of(actor, Action.SITTING_READ)
    if scope is None:
        raise NotFound
    query = _named(as_scanned(untrusted_text))
    if query is None:
        return ()
    if scope is Scope.MY_CENTRE:
        query = query.where(Sitting.centre_number == actor.centre_number)
    order = (Sitting.held_on.desc(), Sitting.centre_number, Sitting.component_code, Packet.number)
    rows = session.execute(query.order_by(*order).limit(FOUND_LIMIT + 1))
    return tuple(Found(packet, sitting) for packet, sitting in rows)


def _named(text: str) -> Select[Packet, Sitting] | None:
    query = select(Packet, Sitting).join(Sitting, Sitting.id == Packet.sitting_id)
    if CENTRE.fullmatch(text):
        return query.where(Sitting.centre_number == text)
    if "|" in text:
        return query.where(Packet.id.in_(select(PacketLabelRow.packet_id).where(PacketLabelRow.payload == text)))
    matches = []
    if _CHECK.fullmatch(text):
        ends = PacketLabelRow.payload.endswith(f"|{text}", autoescape=True)
        matches.append(Packet.id.in_(select(PacketLabelRow.packet_id).where(ends)))
    try:
        number = read_tracking_number(text).text
    except TrackingNumberRefused:
        number = ""
    if number:
        under = select(PacketTrackingNumber.packet_id).where(PacketTrackingNumber.number == number)
        matches.append(Packet.id.in_(under))
    return query.where(or_(*matches)) if matches else None


def page(session: Session, context: Context, packet_id: str) -> PacketPage:
    """Return everything about a packet that the actor may see; raises ``NotFound`` for any other."""
    packet = session.get(Packet, packet_id)
    if packet is None:
        raise NotFound
    sitting = permitted(session, context, Action.SITTING_READ, packet.sitting_id)
    siblings = records.packets(session, sitting.id)
    events = custody_lines.packet_events(session, [packet_id]).get(packet_id, ())
    scripts = list(session.scalars(select(Script).where(Script.packet_id == packet_id)))
    link = session.get(SamplePacket, packet_id)
    return PacketPage(
        packet,
        sitting,
        len(packet.candidate_numbers),
        None if custody.counts_first(context) else _candidates(packet, scripts),
        _labels(session, packet),
        tuple(session.scalars(_numbers(packet_id))),
        _clocks(session, context, sitting, packet, siblings),
        _history(events),
        custody.roles_of(session, sitting, events),
        custody.pictures_of(session, events),
        tuple(one for one in siblings if one.id != packet_id),
        _cases(session, context, sitting, packet),
        tuple(records.broken_packet_chain(session, packet)),
        link.case_id if link is not None else None,
    )


def _clocks(
    session: Session, context: Context, sitting: Sitting, packet: Packet, siblings: list[Packet]
) -> Clocks | None:
    if sitting.purpose == "sample":
        return None
    return clocks(
        packet,
        held_on=sitting.held_on,
        now=context.now,
        calendar=custody.calendar_of(session, sitting),
        sibling_received=any(_has_arrived(one) for one in siblings if one.id != packet.id),
    )


def _has_arrived(packet: Packet) -> bool:
    return PACKET_RANK[packet.state] >= PACKET_RANK[PacketState.RECEIVED.value]


def _candidates(packet: Packet, scripts: list[Script]) -> tuple[tuple[str, str | None], ...]:
    """Return the candidates by the plan and by the log, each with the id of the script where there is one."""
    known = {script.candidate_number: script.id for script in scripts}
    return tuple((number, known.get(number)) for number in sorted({*packet.candidate_numbers, *known}))


def _labels(session: Session, packet: Packet) -> tuple[Label, ...]:
    query = select(PacketLabelRow).where(PacketLabelRow.packet_id == packet.id).order_by(PacketLabelRow.issue)
    return tuple(
        Label(row.payload, row.issue, row.kind == "emergency", row.issue == packet.issue)
        for row in session.scalars(query)
    )


def _numbers(packet_id: str) -> Select[str]:
    query = select(PacketTrackingNumber.number).where(PacketTrackingNumber.packet_id == packet_id)
    return query.order_by(PacketTrackingNumber.number)


def _history(events: tuple[CustodyEvent, ...]) -> tuple[HistoryLine, ...]:
    struck = {event.corrects_id: event for event in events if event.kind == "withdrawn" and event.corrects_id}
    return tuple(HistoryLine(event, struck.get(event.id)) for event in events)


def _cases(session: Session, context: Context, sitting: Sitting, packet: Packet) -> tuple[ScriptCase, ...]:
    query = select(ScriptCase).where(ScriptCase.sitting_id == sitting.id, ScriptCase.packet_id == packet.id)
    found = session.scalars(query.order_by(ScriptCase.opened_at, ScriptCase.id))
    return tuple(one for one in found if is_shown(context, one))


def by_sitting(found: tuple[Found, ...]) -> list[tuple[Sitting, list[Packet]]]:
    """Return a list of packets by their sittings, in its order."""
    groups = groupby(found, key=lambda one: one.sitting.id)
    return [(some[0].sitting, [one.packet for one in some]) for some in (list(group) for _, group in groups)]
