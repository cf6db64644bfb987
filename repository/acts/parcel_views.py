"""A parcel of a postal sample as people read it: packed, posted, followed, opened, with what is due next and its cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.cases import CaseView, component_of
from moderation.records.postal import ConsignmentView
from moderation.records.rules import policy_for
from moderation.records.samples import sample_of
from moderation.tables import Centre, ModerationCase
from moderation.working_days import Nation, due_at
from repository.scoping.widening import widened
from repository.tables import SamplePacket
from scripts import records
from scripts.clocks import DEFAULT_CLOCKS, ClockPolicy, clocks
from scripts.tables import Packet, Sitting
from scripts.tracking import PACKET_ORDER, PACKET_RANK, EventKind, PacketHistory, PacketState


@dataclass(frozen=True, slots=True)
class ParcelLine:
    """One hand-over of a parcel: what, when by the clock of who reported it, and where."""

    kind: str
    occurred_at: datetime
    place: str
    script_count: int | None = None
    tracking_number: str = ""


@dataclass(frozen=True, slots=True)
class ParcelWork:
    """A candidate's work in a parcel, and where its own line of custody is read."""

    candidate_number: str
    script_id: str


@dataclass(frozen=True, slots=True)
class ParcelCase:
    """A difference between what was sealed in a parcel and what was found in it."""

    case_id: str
    sitting_id: str
    kind: str
    state: str
    candidate_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParcelDue:
    """What is to happen next to a parcel, and by when; the same clocks as those of exam scripts."""

    step: str
    due_at: datetime | None
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel of a sample: as it was packed, as it was posted, and where it has been.

    ``packet_id`` is None for a parcel from before parcels had labels; ``consignment`` is None until it is posted.
    """

    number: int
    candidate_numbers: tuple[str, ...]
    packet_id: str | None = None
    label: str = ""
    state: str = ""
    side_states: tuple[str, ...] = ()
    consignment: ConsignmentView | None = None
    lines: tuple[ParcelLine, ...] = ()
    cases: tuple[ParcelCase, ...] = ()
    works: tuple[ParcelWork, ...] = ()
    due: ParcelDue | None = None

    @property
    def is_posted(self) -> bool:
        """Return whether the parcel has left the centre."""
        return self.consignment is not None


def of_case(
    session: Session, case: CaseView, consignments: Sequence[ConsignmentView], now: datetime
) -> tuple[Parcel, ...]:
    """Return the parcels of a case that somebody was permitted to read: with labels first, then those from before.

    Takes: ``consignments``, those of the case's present sample.
    """
    links = {row.packet_id: row.consignment_id for row in links_of(session, case.case_id)}
    by_id = {one.consignment_id: one for one in consignments}
    found: list[Parcel] = []
    clock = _clock(session, case)
    with in_custody(session):
        for packet in packets_of(session, links):
            posted_as = links[packet.id]
            if posted_as is None or posted_as in by_id:
                found.append(_parcel(session, packet, by_id.get(posted_as or ""), clock, now))
    numbers = {item.item_id: item.candidate_number for item in sample_of(session, case.case_id).items}
    for one in consignments:
        if one.consignment_id not in links.values():
            inside = tuple(sorted(numbers[item_id] for item_id in one.contents if item_id in numbers))
            found.append(Parcel(len(found) + 1, inside, consignment=one))
    return tuple(found)


@contextmanager
def in_custody(session: Session) -> Iterator[None]:
    """See packets and their events: a moderator and a teacher see no scripts, but the parcels of what they may read."""
    with widened(session, "parcels of a sample: custody of what the reader may read anyway"):
        yield


def links_of(session: Session, case_id: str) -> list[SamplePacket]:
    """Return which packets hold work of a case, and the parcels that they were posted as."""
    return list(session.scalars(select(SamplePacket).where(SamplePacket.case_id == case_id)))


def packets_of(session: Session, links: Mapping[str, str | None]) -> list[Packet]:
    """Return packets in the order in which they were packed; ``links``: by packet, the parcel it was posted as."""
    return list(session.scalars(select(Packet).where(Packet.id.in_(links)).order_by(Packet.number)))


_Clock = tuple[Nation, ClockPolicy]


def _clock(session: Session, case: CaseView) -> _Clock:
    """Return by which calendar and in how many days a parcel of this case is due: its component's policy says."""
    centre = session.get(Centre, case.centre_number)
    row = session.get_one(ModerationCase, case.case_id)
    days = policy_for(session, component_of(session, row)).parcel_working_days
    policy = ClockPolicy(
        MappingProxyType(
            {
                # A sample is packed and posted by the day on which it is due.
                PacketState.PACKED: (0, 1),
                PacketState.COLLECTED: (0, 1),
                PacketState.RECEIVED: (days, days + 1),
                PacketState.OPENED: DEFAULT_CLOCKS.days[PacketState.OPENED],
            }
        )
    )
    return Nation(centre.nation) if centre is not None else Nation.ENGLAND, policy


def _due(history: PacketHistory, sitting: Sitting, clock: _Clock, now: datetime) -> ParcelDue | None:
    if PACKET_ORDER.index(history.state) >= PACKET_ORDER.index(PacketState.OPENED):
        return None  # what the moderator found stands with the works and the cases
    nation, policy = clock
    found = clocks(
        history,
        held_on=sitting.held_on,
        now=now,
        calendar=lambda since, days: due_at(since, nation, days),
        policy=policy,
    )
    return None if found.next is None else ParcelDue(str(found.next.step), found.next.amber_at, found.is_overdue)


def _parcel(
    session: Session, packet: Packet, consignment: ConsignmentView | None, clock: _Clock, now: datetime
) -> Parcel:
    history = records.packet_history(session, packet.id)
    sitting = records.get_sitting(session, packet.sitting_id)
    taken_back = {event.corrects_id for event in history.timeline}
    lines = tuple(
        ParcelLine(
            str(event.kind),
            event.occurred_at,
            event.place,
            _count(event.details.get("script_count")),
            str(event.details.get("tracking_number", "")),
        )
        for event in sorted(history.timeline, key=lambda one: (one.occurred_at, PACKET_RANK.get(str(one.kind), 0)))
        if event.id not in taken_back and event.kind is not EventKind.WITHDRAWN and event.kind is not EventKind.LOGGED
    )
    cases = tuple(
        ParcelCase(one.id, one.sitting_id, one.kind, one.state, tuple(one.details.get("candidates", ())))
        for one in records.cases(session, packet.sitting_id)
        if one.packet_id == packet.id
    )
    return Parcel(
        packet.number,
        tuple(packet.candidate_numbers),
        packet.id,
        records.current_label(session, packet).payload,
        packet.state,
        tuple(packet.side_states),
        consignment,
        lines,
        cases,
        tuple(
            ParcelWork(one.candidate_number, one.id)
            for one in records.scripts_of(session, packet.sitting_id)
            if one.candidate_number in packet.candidate_numbers
        ),
        _due(history, sitting, clock, now),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
