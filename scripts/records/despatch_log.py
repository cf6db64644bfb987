"""Entries of the despatch log, kept once each whatever is sent how often, and the events that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from scripts.despatch import require_label_kind
from scripts.despatch_log import (
    Booking,
    Entry,
    EntryKind,
    HandedPacket,
    HandOver,
    Sealing,
    SignedAs,
    check_booking,
    clock_behind,
    happened_at,
)
from scripts.errors import EntryWaits, EventConflict, LabelUnknown
from scripts.reconciliation import RegisterState
from scripts.records.cases import open_case
from scripts.records.custody import packet_of_label
from scripts.records.events import record_event
from scripts.tables import DespatchEntryRow, DespatchLineRow, Packet, PacketEventRow, RegisterLine, Sitting
from scripts.tracking import EventKind, PacketEvent

COUNT_DIFFERS = "log_count_differs"
SEALED_TWICE = "sealed_twice"
HANDED_OVER_TWICE = "handed_over_twice"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one entry: whether it was there before, and what a person should know of it, as codes.

    ``proved``: the packets that are collected by what is known now, with their lines.
    """

    entry_id: str
    is_repeat: bool
    notes: tuple[str, ...] = ()
    proved: tuple[tuple[DespatchLineRow, Packet], ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """Where entries come from: whose log, which device, both clocks when it sent, and who is signed in there."""

    centre_number: str
    device: str
    sent_at: datetime
    received_at: datetime
    actor: str
    source: str


def record_entry(session: Session, entry: Entry, sent: Sent) -> Recorded:
    """Keep one entry of a centre's log with the events that it tells of; a repeat changes nothing.

    A second sealing or hand-over of one packet that corrects nothing is kept too, and opens a case: two people said
    something different, and somebody has to find out.
    Raises: ``EventConflict`` when the id belongs to another entry; ``LabelUnknown`` for a packet of nobody or of another
        centre; ``EntryWaits`` when it corrects an entry that has not come yet; ``DespatchRefused``.
    """
    earlier = session.get(DespatchEntryRow, entry.id)
    if earlier is not None:
        return _repeat(earlier, entry, sent)
    if isinstance(entry.act, Booking):
        check_booking(entry.act, sent.received_at)
    packets = [_own_packet(session, label, sent.centre_number) for label in entry.labels]
    corrected = _corrected(session, entry, sent.centre_number)
    before = () if corrected is None else lines_of(session, [corrected.id]).get(corrected.id, ())
    _lock(session, {packet.id for packet in packets} | {line.packet_id for line in before})
    behind = clock_behind(sent.sent_at, sent.received_at)
    row = DespatchEntryRow(
        id=entry.id,
        centre_number=sent.centre_number,
        kind=str(entry.kind),
        occurred_at=entry.occurred_at,
        received_at=sent.received_at,
        clock_behind_seconds=int(behind.total_seconds()),
        device=sent.device,
        source=sent.source,
        recorded_by=sent.actor,
        corrects_id=entry.corrects_id,
        said_sha256=entry.sha256,
        signed_as=str(entry.act.signed_as) if isinstance(entry.act, HandOver) else "",
        details=_details(entry),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as cause:  # another connection added it between our look and our write
        earlier = session.get(DespatchEntryRow, entry.id, populate_existing=True)
        if earlier is None:
            raise EventConflict from cause
        return _repeat(earlier, entry, sent)
    at = happened_at(entry.occurred_at, behind, sent.received_at)
    if corrected is not None:
        _take_back(session, corrected, row, at)
    recording = _Recording(session, row, at, None if corrected is None else corrected.id)
    proved = []
    if isinstance(entry.act, Sealing):
        recording.sealed(packets[0], entry.act)
    elif isinstance(entry.act, HandOver):
        for position, (packet, one) in enumerate(zip(packets, entry.act.packets, strict=True)):
            line = recording.handed_over(position, packet, one, entry.act)
            if entry.act.is_proved(one):
                recording.collected(line)
                proved.append((line, packet))
    session.flush()
    return Recorded(entry.id, is_repeat=False, notes=tuple(dict.fromkeys(recording.notes)), proved=tuple(proved))


def sign(session: Session, entry_id: str, *, now: datetime) -> tuple[tuple[DespatchLineRow, Packet], ...]:
    """Record that packets were collected, once the signature that their driver gave on glass has come.

    Returns: the lines that are collected by it; none when they were before, or when the entry was corrected meanwhile.
    """
    row = session.get_one(DespatchEntryRow, entry_id)
    corrected = session.scalar(select(DespatchEntryRow.id).where(DespatchEntryRow.corrects_id == entry_id).limit(1))
    if row.signed_as != SignedAs.GLASS or corrected is not None:
        return ()
    at = happened_at(row.occurred_at, clock_behind_of(row), now)
    recording = _Recording(session, row, at, None)
    found = []
    lines = lines_of(session, [entry_id]).get(entry_id, ())
    _lock(session, {line.packet_id for line in lines})
    for line in lines:
        if session.get(PacketEventRow, event_id(line, EventKind.COLLECTED)) is None:
            recording.received_at = now
            recording.collected(line)
            found.append((line, session.get_one(Packet, line.packet_id)))
    return tuple(found)


def event_id(line: DespatchLineRow, kind: EventKind) -> str:
    """Return the id of the event that a line of the log tells of: the same whenever it is made."""
    return f"{line.entry_id}:{line.position}:{kind}"


def events_of_entry(
    session: Session, row: DespatchEntryRow, position: int | None = None
) -> Mapping[str, DespatchLineRow]:
    """Return the events that an entry told of, by id, with their lines; those of one line where its position is given.

    Of a line that was handed over and collected it is the collection; else that it was logged, or packed.
    """
    found = {}
    for line in lines_of(session, [row.id]).get(row.id, ()):
        if position is not None and line.position != position:
            continue
        kind = EventKind.PACKED if row.kind == EntryKind.SEALED else EventKind.LOGGED
        found[event_id(line, kind)] = line
    return found


def entries(session: Session, centre_number: str, since: datetime, *, limit: int = 1000) -> list[DespatchEntryRow]:
    """Return the entries of a centre's log that came since, oldest first."""
    query = (
        select(DespatchEntryRow)
        .where(DespatchEntryRow.centre_number == centre_number, DespatchEntryRow.received_at >= since)
        .order_by(DespatchEntryRow.received_at, DespatchEntryRow.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def lines_of(session: Session, entry_ids: Iterable[str]) -> Mapping[str, tuple[DespatchLineRow, ...]]:
    """Return the lines of entries, in their order."""
    wanted = list(entry_ids)
    found: dict[str, list[DespatchLineRow]] = {}
    for at in range(0, len(wanted), 500):
        query = (
            select(DespatchLineRow)
            .where(DespatchLineRow.entry_id.in_(wanted[at : at + 500]))
            .order_by(DespatchLineRow.position)
        )
        for line in session.scalars(query):
            found.setdefault(line.entry_id, []).append(line)
    return {entry_id: tuple(lines) for entry_id, lines in found.items()}


def expected_counts(session: Session, packets: Sequence[Packet]) -> Mapping[str, int | None]:
    """Return how many scripts each packet should hold: its candidates marked present and not explained elsewhere.

    None while one of its candidates is not marked yet: absence needs the register, never silence.
    Source: project policy (domain: scripts, section 9, equation 4).
    """
    sittings = sorted({packet.sitting_id for packet in packets})
    marks: dict[tuple[str, str], tuple[str, str]] = {}
    for at in range(0, len(sittings), 500):
        query = select(
            RegisterLine.sitting_id, RegisterLine.candidate_number, RegisterLine.state, RegisterLine.explained
        ).where(RegisterLine.sitting_id.in_(sittings[at : at + 500]))
        for sitting_id, number, state, explained in session.execute(query):
            marks[sitting_id, number] = (state, explained)
    found: dict[str, int | None] = {}
    for packet in packets:
        mine = [marks.get((packet.sitting_id, number), ("", "")) for number in packet.candidate_numbers]
        unmarked = any(state == RegisterState.UNMARKED for state, _ in mine)
        present = sum(state == RegisterState.PRESENT and not explained for state, explained in mine)
        found[packet.id] = None if unmarked or not mine else present
    return found


def sitting_dates(session: Session, centre_number: str, since: date, until: date) -> list[date]:
    """Return the days on which a centre has sittings of written papers."""
    query = select(Sitting.held_on).where(
        Sitting.centre_number == centre_number,
        Sitting.purpose == "scripts",
        Sitting.held_on >= since,
        Sitting.held_on <= until,
    )
    return list(session.scalars(query.distinct()))


def _repeat(earlier: DespatchEntryRow, entry: Entry, sent: Sent) -> Recorded:
    if earlier.said_sha256 != entry.sha256 or earlier.centre_number != sent.centre_number:
        raise EventConflict
    return Recorded(entry.id, is_repeat=True)


def _own_packet(session: Session, label: str, centre_number: str) -> Packet:
    packet = packet_of_label(session, label)
    sitting = session.get(Sitting, packet.sitting_id)
    if sitting is None or sitting.centre_number != centre_number:
        raise LabelUnknown
    return packet


def _corrected(session: Session, entry: Entry, centre_number: str) -> DespatchEntryRow | None:
    if entry.corrects_id is None:
        return None
    found = session.get(DespatchEntryRow, entry.corrects_id)
    if found is None or found.centre_number != centre_number:
        raise EntryWaits
    return found


def _lock(session: Session, packet_ids: set[str]) -> None:
    """Let one at a time tell of these packets: a second phone sees what the first said, and neither holds up the other.

    A line that refers to a packet holds it a little already; taken only afterwards, two phones would wait for each other.
    """
    wanted = sorted(packet_ids)
    if wanted:
        query = select(Packet).where(Packet.id.in_(wanted)).order_by(Packet.id).with_for_update()
        session.scalars(query.execution_options(populate_existing=True)).all()


def _details(entry: Entry) -> dict[str, object]:
    act = entry.act
    if isinstance(act, HandOver):
        return dict(act.as_details())
    said = asdict(act)
    for name in ("label", "script_count", "register_enclosed", "extra_booklets"):
        said.pop(name, None)
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in said.items() if value}


def clock_behind_of(row: DespatchEntryRow) -> timedelta:
    """Return by how much the clock of the entry's device was behind ours."""
    return timedelta(seconds=row.clock_behind_seconds)


def _take_back(session: Session, corrected: DespatchEntryRow, by: DespatchEntryRow, at: datetime) -> None:
    """Withdraw what the corrected entry told of: both stay in the history."""
    for line in lines_of(session, [corrected.id]).get(corrected.id, ()):
        for kind in (EventKind.PACKED, EventKind.LOGGED, EventKind.COLLECTED):
            told = session.get(PacketEventRow, event_id(line, kind))
            if told is not None:
                record_event(
                    session,
                    PacketEvent(
                        id=f"{by.id}:{line.position}:not:{kind}",
                        label=line.label,
                        kind=EventKind.WITHDRAWN,
                        occurred_at=at,
                        received_at=by.received_at,
                        actor=by.recorded_by,
                        place=f"centre {by.centre_number}",
                        source=by.source,
                        corrects_id=told.id,
                    ),
                )


class _Recording:
    """Writes the lines and events of one entry."""

    def __init__(self, session: Session, row: DespatchEntryRow, at: datetime, corrects_id: str | None) -> None:
        self.session, self.row, self.at, self.corrects_id = session, row, at, corrects_id
        self.received_at = row.received_at
        self.notes: list[str] = []

    def sealed(self, packet: Packet, act: Sealing) -> None:
        expected = expected_counts(self.session, [packet])[packet.id]
        said = {"register_enclosed": act.register_enclosed, "extra_booklets": act.extra_booklets}
        line = self._line(0, packet, act.label, act.script_count, expected, said)
        others = self._others(packet, EntryKind.SEALED)
        details = {
            "script_count": act.script_count,
            **said,
            "sealed_by": act.sealed_by,
            "witnessed_by": act.witnessed_by,
            "storage_location": act.storage_location,
        }
        self._event(line, EventKind.PACKED, {**details, **({"remarks": act.remarks} if act.remarks else {})})
        if others:
            self._case(SEALED_TWICE, packet, entries=[*others, self.row.id])
        if expected is None:
            self.notes.append("register_not_complete")
        elif expected != act.script_count:
            self.notes.append("count_differs" if act.remarks else "count_differs_without_remark")
            self._case(COUNT_DIFFERS, packet, expected=expected, logged=act.script_count)

    def handed_over(self, position: int, packet: Packet, one: HandedPacket, act: HandOver) -> DespatchLineRow:
        sitting = self.session.get_one(Sitting, packet.sitting_id)
        require_label_kind(one.label_kind, externally_marked=sitting.purpose == "scripts")
        said = one.as_details()
        line = self._line(position, packet, one.label, one.script_count, None, said)
        others = self._others(packet, EntryKind.HANDED_OVER)
        self._event(line, EventKind.LOGGED, {**act.as_details(), **said})
        if others:
            self._case(HANDED_OVER_TWICE, packet, entries=[*others, self.row.id])
        if said.get("tracking_number_kind") in {"parcelforce", "unchecked"}:
            self.notes.append(f"tracking_number_{said['tracking_number_kind']}")
        if not act.is_proved(one):
            self.notes.append("signature_to_come" if act.signed_as is SignedAs.GLASS else "not_signed")
        return line

    def collected(self, line: DespatchLineRow) -> None:
        said: dict[str, object] = {**self.row.details, **line.details}
        names = ("carrier", "tracking_number", "driver_name", "signed_as")
        kept: dict[str, object] = {name: said[name] for name in names if name in said}
        self._event(line, EventKind.COLLECTED, kept)

    def _line(
        self,
        position: int,
        packet: Packet,
        label: str,
        count: int | None,
        expected: int | None,
        details: Mapping[str, object],
    ) -> DespatchLineRow:
        line = DespatchLineRow(
            entry_id=self.row.id,
            position=position,
            packet_id=packet.id,
            label=label,
            script_count=count,
            expected_count=expected,
            details=dict(details),
        )
        self.session.add(line)
        self.session.flush()
        return line

    def _event(self, line: DespatchLineRow, kind: EventKind, details: Mapping[str, object]) -> None:
        if self.row.clock_behind_seconds:
            details = {**details, "device_clock": self.row.occurred_at.isoformat()}
        record_event(
            self.session,
            PacketEvent(
                id=event_id(line, kind),
                label=line.label,
                kind=kind,
                occurred_at=self.at,
                received_at=self.received_at,
                actor=self.row.recorded_by,
                place=f"centre {self.row.centre_number}",
                source=self.row.source,
                details=details,
            ),
        )

    def _others(self, packet: Packet, kind: EntryKind) -> list[str]:
        """Return standing entries of the kind about this packet, but for this one and what it corrects."""
        query = (
            select(DespatchEntryRow.id)
            .join(DespatchLineRow, DespatchLineRow.entry_id == DespatchEntryRow.id)
            .where(
                DespatchLineRow.packet_id == packet.id,
                DespatchEntryRow.kind == str(kind),
                DespatchEntryRow.id.not_in([self.row.id, self.corrects_id or self.row.id]),
            )
        )
        found = list(self.session.scalars(query.order_by(DespatchEntryRow.received_at, DespatchEntryRow.id)))
        gone = select(DespatchEntryRow.corrects_id).where(DespatchEntryRow.corrects_id.in_(found))
        corrected = set(self.session.scalars(gone))
        return [one for one in found if one not in corrected]

    def _case(self, kind: str, packet: Packet, **details: object) -> None:
        self.notes.append(kind)
        open_case(
            self.session,
            packet.sitting_id,
            kind,
            f"packet:{packet.number}",
            now=self.received_at,
            packet=packet,
            details=details,
        )
