"""Acts of despatch: a centre's log of packets sealed and handed over, kept on the spot, sent when there is a line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Centre, Component
from moderation.working_days import Nation
from repository import access, audit, custody_evidence
from repository.access import Action
from repository.acts import issuing
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.receipts import Signer
from repository.receipts.bodies import Missing
from repository.tables import CustodyEvidence, Person
from scripts import records
from scripts.despatch import CollectionKind, DespatchLine, LabelKind
from scripts.despatch_log import Entry, EntryKind, LogSheet, SignedAs, monday, scheduled_weeks
from scripts.packets import candidate_range
from scripts.reconciliation import RegisterState
from scripts.records import despatch_log
from scripts.records.despatch_log import Recorded, Sent
from scripts.tables import DespatchEntryRow, DespatchLineRow, Packet, PacketLabelRow, Sitting
from scripts.tracking import PacketState

LONDON = ZoneInfo("Europe/London")
AHEAD = timedelta(days=7)
"""So far ahead are packets listed: what is packed today was planned before."""
STILL_SHOWN = timedelta(hours=36)
"""So long after it was collected a packet stays on the list of a phone."""
TO_DESPATCH = (PacketState.LABEL_ISSUED, PacketState.PACKED, PacketState.LOGGED)


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One packet as the log has it before it leaves: what is on its label, who is in it, how far it is."""

    packet: Packet
    sitting: Sitting
    label: str
    title: str
    expected: int | None
    label_kind: LabelKind

    @property
    def candidates(self) -> str:
        """Return the first and the last candidate."""
        return candidate_range(self.packet.candidate_numbers)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a phone takes along: the packets of the centre that are to leave, and how they are collected."""

    centre_number: str
    centre_name: str
    lines: tuple[PlannedLine, ...]
    is_scheduled: bool
    """Whether a driver comes every day of this week without being booked."""
    bookings: tuple[DespatchEntryRow, ...]


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """One line of the log as a page shows it."""

    line: DespatchLineRow
    packet: Packet
    sitting: Sitting


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """One entry of the log as a page shows it, with its pictures and whatever corrects it."""

    row: DespatchEntryRow
    lines: tuple[LoggedLine, ...]
    evidence: tuple[CustodyEvidence, ...]
    recorded_by: str
    corrected_by: str | None

    @property
    def is_signed(self) -> bool:
        """Say whether the hand-over is proved: its signature has come, or paper or a proof of posting stands for it."""
        if self.row.signed_as == SignedAs.GLASS:
            return any(one.kind == custody_evidence.EvidenceKind.SIGNATURE for one in self.evidence)
        if self.row.details.get("collection") == CollectionKind.POST:
            return all(line.line.details.get("proof_of_posting") for line in self.lines)
        return self.row.signed_as == SignedAs.PAPER

    @property
    def misses(self) -> str:
        """Return what is still to come, as a code: ``signature`` or nothing."""
        waits = self.row.signed_as == SignedAs.GLASS and not self.is_signed
        return "signature" if waits else ""


def centre_of(context: Context) -> str:
    """Return the centre whose log the person keeps; raises ``NotFound`` for whoever keeps none."""
    actor = actor_of(context)
    access.require(actor, Action.PACKET_WRITE, centre_number=actor.centre_number)
    if actor.centre_number is None:
        raise NotFound
    return actor.centre_number


def plan(session: Session, context: Context) -> Plan:
    """Return what a phone takes along: every packet that is still to leave, and those that left lately."""
    number = centre_of(context)
    today = context.now.astimezone(LONDON).date()
    query = (
        select(Packet, Sitting)
        .join(Sitting, Sitting.id == Packet.sitting_id)
        .where(
            Sitting.centre_number == number,
            Sitting.purpose == "scripts",
            Sitting.held_on <= today + AHEAD,
            Packet.state.in_(TO_DESPATCH) | (Packet.collected_at >= context.now - STILL_SHOWN),
        )
        .order_by(Sitting.held_on, Sitting.session_of_day, Sitting.component_code, Packet.number)
    )
    found = [(packet, sitting) for packet, sitting in session.execute(query)]
    centre = session.get(Centre, number)
    kind = default_label_kind(centre)
    week = monday(today)
    dates = despatch_log.sitting_dates(session, number, week, week + timedelta(days=6))
    return Plan(
        number,
        centre.name if centre else "",
        tuple(_planned(session, found, kind)),
        bool(scheduled_weeks(dates)),
        tuple(_bookings(session, number, context.now)),
    )


def default_label_kind(centre: Centre | None) -> LabelKind:
    """Return which label a centre's packets bear: yellow in England, where the traced service collects for nothing.

    Source: https://www.gov.uk/government/publications/dispatch-of-exam-scripts-yellow-label-service.
    """
    return LabelKind.YELLOW if centre is None or centre.nation == Nation.ENGLAND else LabelKind.WHITE


def _planned(session: Session, found: Sequence[tuple[Packet, Sitting]], kind: LabelKind) -> Iterable[PlannedLine]:
    packets = [packet for packet, _ in found]
    labels = _current_labels(session, packets)
    expected = despatch_log.expected_counts(session, packets)
    titles = _titles(session, {sitting.component_code for _, sitting in found})
    for packet, sitting in found:
        if packet.id in labels:
            title = titles.get((sitting.series_key, sitting.component_code), "")
            of_kind = LabelKind.EMERGENCY if packet.issue > 1 and kind is LabelKind.YELLOW else kind
            yield PlannedLine(packet, sitting, labels[packet.id], title, expected[packet.id], of_kind)


def _current_labels(session: Session, packets: Sequence[Packet]) -> Mapping[str, str]:
    issue = {packet.id: packet.issue for packet in packets}
    found: dict[str, str] = {}
    wanted = sorted(issue)
    for at in range(0, len(wanted), 500):
        query = select(PacketLabelRow).where(PacketLabelRow.packet_id.in_(wanted[at : at + 500]))
        found |= {row.packet_id: row.payload for row in session.scalars(query) if row.issue == issue[row.packet_id]}
    return found


def _titles(session: Session, codes: set[str]) -> Mapping[tuple[str, str], str]:
    query = select(Component).where(Component.component_code.in_(sorted(codes)))
    return {(row.series_key, row.component_code): row.title for row in session.scalars(query)}


def _bookings(session: Session, centre_number: str, now: datetime) -> list[DespatchEntryRow]:
    query = select(DespatchEntryRow).where(
        DespatchEntryRow.centre_number == centre_number,
        DespatchEntryRow.kind == EntryKind.BOOKED,
        DespatchEntryRow.received_at >= now - timedelta(days=15),
    )
    ahead = [
        row
        for row in session.scalars(query.order_by(DespatchEntryRow.received_at))
        if datetime.fromisoformat(row.details["collection_at"]) >= now - timedelta(hours=12)
    ]
    return sorted(ahead, key=lambda row: str(row.details["collection_at"]))


def record(
    session: Session, context: Context, signer: Signer | None, entry: Entry, sent_at: datetime, device: str, source: str
) -> tuple[Recorded, tuple[str, ...]]:
    """Keep one entry of the centre's log, and issue the receipts of packets that it proves to be collected.

    Returns: what became of it, and the ids of the receipts.
    Raises: as ``despatch_log.record_entry``: nothing of this entry is kept then, and no other entry is touched.
    """
    actor = actor_of(context)
    sent = Sent(centre_of(context), device, sent_at, context.now, actor.person_id, source)
    done = despatch_log.record_entry(session, entry, sent)
    audit.record(
        session,
        context,
        "despatch.log",
        "despatch_entry",
        entry.id,
        centre=sent.centre_number,
        entry=str(entry.kind),
        packets=len(entry.labels),
        repeated=done.is_repeat,
    )
    row = session.get_one(DespatchEntryRow, entry.id)
    return done, receipts_of(session, context, signer, row, done.proved)


def receipts_of(
    session: Session,
    context: Context,
    signer: Signer | None,
    row: DespatchEntryRow,
    proved: Sequence[tuple[DespatchLineRow, Packet]],
) -> tuple[str, ...]:
    """Issue our signed receipt of packets that were handed over, one for each sitting; returns their ids."""
    if signer is None or not proved:
        return ()
    by_sitting: dict[str, list[tuple[str, HandedLine, Packet]]] = defaultdict(list)
    for line, packet in proved:
        by_sitting[packet.sitting_id].append((f"{row.id}:{line.position}", HandedLine(row, line, packet), packet))
    return tuple(
        issuing.of_packets(
            session, context, signer, session.get_one(Sitting, sitting_id), sent, _not_in_packets(session, sitting_id)
        )
        for sitting_id, sent in by_sitting.items()
    )


@dataclass(frozen=True, slots=True)
class HandedLine:
    """A line of the log as a receipt tells of it."""

    row: DespatchEntryRow
    line: DespatchLineRow
    packet: Packet

    @property
    def label(self) -> str:
        """Return what is on the label."""
        return self.line.label

    @property
    def script_count(self) -> int:
        """Return how many scripts the log says are in the packet."""
        counts = (self.line.script_count, self.packet.logged_count, len(self.packet.candidate_numbers))
        return next(count for count in counts if count is not None)

    def as_details(self) -> dict[str, Any]:
        """Return what the log says of the hand-over."""
        return {**self.row.details, **self.line.details}


def _not_in_packets(session: Session, sitting_id: str) -> list[Missing]:
    return [
        Missing(line.candidate_number, ("Script",), line.explained or line.state.capitalize())
        for line in records.register(session, sitting_id)
        if line.state != RegisterState.PRESENT or line.explained
    ]


def despatch(
    session: Session,
    context: Context,
    signer: Signer | None,
    sitting_id: str,
    lines: Sequence[tuple[str, DespatchLine]],
) -> str | None:
    """Record packets handed over, with a signed receipt; each line comes with its idempotency key.

    Takes: ``signer``, None for the invented past of a rehearsal.
    Returns: the receipt's id.
    Raises: ``DespatchRefused`` naming what is wrong; nothing of any line is kept then.
    """
    sitting = permitted(session, context, Action.PACKET_WRITE, sitting_id)
    own = {records.current_label(session, packet).payload for packet in records.packets(session, sitting_id)}
    sent = []
    for event_id, line in lines:
        if line.label not in own:
            raise FieldRefused("A label is not one of this sitting.", field="packets")
        packet = records.despatch(
            session,
            line,
            event_id=event_id,
            occurred_at=context.now,
            now=context.now,
            actor=actor_of(context).person_id,
            place=f"centre {sitting.centre_number}",
        )
        sent.append((event_id, line, packet))
    audit.record(session, context, "packet.despatch", "sitting", sitting_id, packets=len(lines))
    if signer is None:
        return None
    return issuing.of_packets(session, context, signer, sitting, sent, _not_in_packets(session, sitting_id))


def log(session: Session, context: Context, on: date) -> tuple[LoggedEntry, ...]:
    """Return the entries of the centre's log of one day, UK time, oldest first."""
    number = centre_of(context)
    begins = datetime(on.year, on.month, on.day, tzinfo=LONDON)
    ends = begins + timedelta(days=1)
    rows = [
        row
        for row in despatch_log.entries(session, number, begins)
        if row.received_at < ends or begins <= row.occurred_at < ends
    ]
    return logged(session, rows)


def logged(session: Session, rows: Sequence[DespatchEntryRow]) -> tuple[LoggedEntry, ...]:
    """Return entries with their packets, their pictures, and what corrects them."""
    lines = despatch_log.lines_of(session, [row.id for row in rows])
    packet_ids = sorted({line.packet_id for some in lines.values() for line in some})
    places: dict[str, tuple[Packet, Sitting]] = {}
    for at in range(0, len(packet_ids), 500):
        joined = select(Packet, Sitting).join(Sitting, Sitting.id == Packet.sitting_id)
        for packet, sitting in session.execute(joined.where(Packet.id.in_(packet_ids[at : at + 500]))):
            places[packet.id] = (packet, sitting)
    kinds = ("packed", "logged", "collected")
    events = [f"{line.entry_id}:{line.position}:{kind}" for some in lines.values() for line in some for kind in kinds]
    pictures: dict[str, dict[str, CustodyEvidence]] = defaultdict(dict)
    for event, found in custody_evidence.of_events(session, events).items():
        pictures[event.partition(":")[0]].update({one.document_id: one for one in found})
    names = _names(session, {row.recorded_by for row in rows})
    asked = [row.id for row in rows]
    corrections: dict[str, str] = {}
    for at in range(0, len(asked), 500):
        query = select(DespatchEntryRow).where(DespatchEntryRow.corrects_id.in_(asked[at : at + 500]))
        corrections |= {row.corrects_id or "": row.id for row in session.scalars(query)}
    return tuple(
        LoggedEntry(
            row,
            tuple(LoggedLine(line, *places[line.packet_id]) for line in lines.get(row.id, ())),
            tuple(pictures[row.id].values()),
            names.get(row.recorded_by, ""),
            corrections.get(row.id),
        )
        for row in rows
    )


def _names(session: Session, ids: set[str]) -> Mapping[str, str]:
    people = session.scalars(select(Person).where(Person.id.in_(sorted(ids))))
    return {person.id: person.display_name for person in people}


def paper_sheet(found: Plan, entries: Sequence[LoggedEntry], day: date, helpdesk: str, *, blank: bool) -> LogSheet:
    """Return what is printed of a day's log: its packets with what was logged of them, or only where it is kept."""
    centre = f"Centre {found.centre_number}" + (f", {found.centre_name}" if found.centre_name else "")
    words = f"{day.day} {day:%B %Y}"
    if blank:
        return LogSheet(centre, "", helpdesk, ())
    standing = [entry for entry in entries if entry.corrected_by is None]
    sealed = {line.packet.id: (entry, line) for entry in standing for line in entry.lines if entry.row.kind == "sealed"}
    handed = {
        line.packet.id: (entry, line) for entry in standing for line in entry.lines if entry.row.kind == "handed_over"
    }
    told = {packet_id: line for packet_id, (_, line) in {**sealed, **handed}.items()}
    planned = [line for line in found.lines if line.sitting.held_on <= day or line.packet.id in told]
    # What was collected a while ago is on no phone's list any more, and its log is asked for all the same.
    listed = {line.packet.id for line in planned}
    planned += [
        PlannedLine(one.packet, one.sitting, one.line.label, "", one.line.expected_count, LabelKind.YELLOW)
        for packet_id, one in told.items()
        if packet_id not in listed
    ]
    planned.sort(
        key=lambda one: (
            one.sitting.held_on,
            one.sitting.session_of_day,
            one.sitting.component_code,
            one.packet.number,
        )
    )
    last = next((entry for entry in reversed(standing) if entry.row.kind == "handed_over"), None)
    said = last.row.details if last is not None else {}
    booked = found.bookings[0].details.get("booking_reference", "") if found.bookings else ""
    return LogSheet(
        centre,
        words,
        helpdesk,
        tuple(_paper_row(line, sealed.get(line.packet.id), handed.get(line.packet.id)) for line in planned),
        str(said.get("collection", "scheduled" if found.is_scheduled else "")).replace("_", " ").capitalize(),
        str(said.get("booking_reference", booked)),
        str(said.get("carrier", "")),
        str(said.get("driver_name", "")),
    )


def _paper_row(
    planned: PlannedLine, sealed: tuple[LoggedEntry, LoggedLine] | None, handed: tuple[LoggedEntry, LoggedLine] | None
) -> tuple[str, ...]:
    packet, sitting = planned.packet, planned.sitting
    known = (
        f"{sitting.held_on:%d/%m/%y} {sitting.session_of_day}",
        sitting.component_code,
        f"{packet.number} of {packet.of}",
        planned.label,
        planned.candidates,
    )
    if sealed is None:
        return known
    entry, line = sealed
    said, of_line = entry.row.details, line.line.details
    at = entry.row.occurred_at.astimezone(LONDON)
    number = ""
    if handed is not None:
        told = handed[1].line.details
        number = str(told.get("tracking_number") or told.get("proof_of_posting") or "")
    return (
        *known,
        str(line.line.script_count),
        "yes" if of_line.get("register_enclosed") else "no",
        str(of_line.get("extra_booklets", 0)),
        str(said.get("sealed_by", "")),
        str(said.get("witnessed_by", "")),
        f"{at:%H:%M}",
        number,
    )
