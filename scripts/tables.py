"""Tables of sittings, registers, packets, custody events, scans and cases. History rows are only ever added."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
    and_,
    false,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite has no zones, so it keeps naive UTC and the zone is put back on load."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC; raises ``ValueError`` for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must carry its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Tables of examination scripts."""

    metadata = MetaData(naming_convention=NAMES)


def new_id() -> str:
    """Return a fresh opaque id: a random UUID, lower case with hyphens."""
    return str(uuid4())


class Sitting(Base):
    """One component taken at one centre on one date and session of the day (AM, PM or EV).

    ``purpose``: ``scripts``; or ``sample``, when what is packed is a postal moderation sample: the register is then the
    list of the sampled candidates, and packets, labels, tracking and custody are the same (one custody for all paper).
    """

    __tablename__ = "sitting"
    __table_args__ = (
        UniqueConstraint("series_key", "centre_number", "component_code", "held_on", "session_of_day"),
        CheckConstraint("session_of_day IN ('AM', 'PM', 'EV')", name="session_of_day"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(String(8), index=True)
    centre_number: Mapped[str] = mapped_column(String(5), index=True)
    component_code: Mapped[str] = mapped_column(String(12))
    held_on: Mapped[date] = mapped_column(Date)
    session_of_day: Mapped[str] = mapped_column(String(2))
    opened_at: Mapped[datetime] = mapped_column(Instant)
    purpose: Mapped[str] = mapped_column(String(10), default="scripts", server_default="scripts")
    moved_from_id: Mapped[str | None] = mapped_column(String(36))
    """The sitting that its candidates were moved from, when they sit the component at another time; None otherwise."""
    register_completed_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the register was signed off; from then on a change of it is a new line that two people sign."""
    register_completed_by: Mapped[str | None] = mapped_column(String(100))


class RegisterLine(Base):
    """One candidate on the attendance register of a sitting.

    ``state``: ``unmarked``, ``present``, ``absent`` or ``withdrawn``; ``added`` when the candidate was not entered.
    ``explained``: why a present candidate's script does not travel with the packets; empty when it does.
    ``marked_by``: a person, or ``entries`` when the line was struck out because the entry was withdrawn.
    ``name``, ``centre_number``: as written in by hand or corrected; empty where the candidate records are right.
    """

    __tablename__ = "register_line"
    __table_args__ = (UniqueConstraint("sitting_id", "candidate_number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    candidate_number: Mapped[str] = mapped_column(String(4))
    state: Mapped[str] = mapped_column(String(16))
    added: Mapped[bool] = mapped_column(Boolean, default=False)
    explained: Mapped[str] = mapped_column(String(32), default="")
    marked_by: Mapped[str | None] = mapped_column(String(100))
    marked_at: Mapped[datetime | None] = mapped_column(Instant)
    seat: Mapped[int | None] = mapped_column(Integer)
    """The place in the seating order, printed on the register; None: after those who have one, by number."""
    name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    centre_number: Mapped[str] = mapped_column(String(5), default="", server_default="")
    reason: Mapped[str] = mapped_column(String(200), default="", server_default="")
    """Why the candidate was added, struck out or moved."""
    booklets: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """Answer booklets that the candidate handed in, continuation booklets included."""
    moved_to_id: Mapped[str | None] = mapped_column(String(36))
    """The sitting at another time that the candidate was moved to; the line here is then struck out."""
    late: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """What the line says was settled by a case, after the packets were logged."""


class RegisterChange(Base):
    """One change of a register, with what stood before and what stands now. Never changed, never deleted."""

    __tablename__ = "register_change"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    candidate_number: Mapped[str] = mapped_column(String(4), default="")
    kind: Mapped[str] = mapped_column(String(20))
    before: Mapped[str] = mapped_column(String(120), default="")
    after: Mapped[str] = mapped_column(String(120), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    correction_id: Mapped[str | None] = mapped_column(ForeignKey("register_correction.id"))
    made_by: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(Instant)


class RegisterCorrection(Base):
    """A correction of a register that two people sign: what is wrong, what is right, who says so, who agrees.

    ``field``: ``centre_number``, ``candidate_number``, ``name``, or, once the register is signed off, ``mark``.
    The second person signs by the own sign-in (``decided_by``), or on the paper register (``second_name``).
    """

    __tablename__ = "register_correction"
    __table_args__ = (
        CheckConstraint("field IN ('centre_number', 'candidate_number', 'name', 'mark')", name="field"),
        CheckConstraint("decision IS NULL OR decision IN ('confirmed', 'refused')", name="decision"),
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_people"),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    candidate_number: Mapped[str] = mapped_column(String(4))
    field: Mapped[str] = mapped_column(String(20))
    before: Mapped[str] = mapped_column(String(120))
    after: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(120), default="")
    """Of a candidate who is written in after the register was signed off."""
    reason: Mapped[str] = mapped_column(String(200))
    asked_by: Mapped[str] = mapped_column(String(100))
    asked_at: Mapped[datetime] = mapped_column(Instant)
    second_name: Mapped[str] = mapped_column(String(100), default="")
    decision: Mapped[str | None] = mapped_column(String(10))
    decided_by: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)


class EnvelopeCapacity(Base):
    """How many scripts an awarding body puts into one envelope; of one component, or of all (an empty code)."""

    __tablename__ = "envelope_capacity"
    awarding_body: Mapped[str] = mapped_column(String(2), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    capacity: Mapped[int] = mapped_column(Integer)
    set_by: Mapped[str] = mapped_column(String(100))
    set_at: Mapped[datetime] = mapped_column(Instant)


class Packet(Base):
    """One sealed envelope of one sitting; its state follows from its events."""

    __tablename__ = "packet"
    __table_args__ = (UniqueConstraint("sitting_id", "number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    of: Mapped[int] = mapped_column("of_packets", Integer)
    issue: Mapped[int] = mapped_column(Integer, default=1)
    state: Mapped[str] = mapped_column(String(16), index=True)
    side_states: Mapped[list[str]] = mapped_column(JSON, default=list)
    candidate_numbers: Mapped[list[str]] = mapped_column(JSON, default=list)
    logged_count: Mapped[int | None] = mapped_column(Integer)
    opened_count: Mapped[int | None] = mapped_column(Integer)
    collected_at: Mapped[datetime | None] = mapped_column(Instant)
    received_at: Mapped[datetime | None] = mapped_column(Instant)
    packed_at: Mapped[datetime | None] = mapped_column(Instant)
    logged_at: Mapped[datetime | None] = mapped_column(Instant)
    opened_at: Mapped[datetime | None] = mapped_column(Instant)
    reconciled_at: Mapped[datetime | None] = mapped_column(Instant)
    event_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    chain_sha256: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """The last hash of the chain of its events (``scripts.chains``); with the count it shows a removed last event."""


class PacketLabelRow(Base):
    """One label of a packet: the first, or an emergency issue; its payload is unique for ever."""

    __tablename__ = "packet_label"
    __table_args__ = (UniqueConstraint("packet_id", "issue"),)
    payload: Mapped[str] = mapped_column(String(80), primary_key=True)
    packet_id: Mapped[str] = mapped_column(ForeignKey("packet.id"), index=True)
    issue: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    issued_by: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(12), default="standard", server_default="standard")
    """``standard`` or ``emergency``."""


class LabelPrint(Base):
    """One printing of a label; a second printing of the same label is a copy. Never changed, and outlives its plan."""

    __tablename__ = "label_print"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    payload: Mapped[str] = mapped_column(String(80), index=True)
    number: Mapped[int] = mapped_column(Integer)
    issue: Mapped[int] = mapped_column(Integer)
    copy: Mapped[int] = mapped_column(Integer)
    printed_at: Mapped[datetime] = mapped_column(Instant)
    printed_by: Mapped[str] = mapped_column(String(100))


class LabelRequest(Base):
    """A centre's request for an emergency label of a packet, and what the awarding body answered; due by ``due_at``."""

    __tablename__ = "label_request"
    __table_args__ = (CheckConstraint("decision IS NULL OR decision IN ('issued', 'refused')", name="decision"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    packet_id: Mapped[str] = mapped_column(ForeignKey("packet.id"), index=True)
    reason: Mapped[str] = mapped_column(String(200))
    asked_by: Mapped[str] = mapped_column(String(100))
    asked_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    decision: Mapped[str | None] = mapped_column(String(10))
    decided_by: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[str] = mapped_column(String(200), default="")
    payload: Mapped[str | None] = mapped_column(String(80))


class PacketEventRow(Base):
    """One thing that happened to a packet; its id is the sender's idempotency key. Never changed, never deleted."""

    __tablename__ = "packet_event"
    __table_args__ = (Index("uq_packet_event_packet_id", "packet_id", "chain_number", unique=True),)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    packet_id: Mapped[str] = mapped_column(ForeignKey("packet.id"), index=True)
    label: Mapped[str] = mapped_column(String(80))
    issue: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(24))
    occurred_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant, index=True)
    actor: Mapped[str] = mapped_column(String(100))
    place: Mapped[str] = mapped_column(String(100))
    source: Mapped[str] = mapped_column(String(20))
    corrects_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    site_code: Mapped[str] = mapped_column(String(20), default="", server_default="")
    expected_site: Mapped[str] = mapped_column(String(20), default="", server_default="")
    """Where the packet should have gone, as it stood when the event came in; empty where no route says."""
    chain_number: Mapped[int] = mapped_column(Integer)
    chain_sha256: Mapped[str] = mapped_column(String(64))


class PacketTrackingNumber(Base):
    """A carrier's number under which a packet travels; one number may stand for a sack of several packets."""

    __tablename__ = "packet_tracking_number"
    number: Mapped[str] = mapped_column(String(35), primary_key=True)
    packet_id: Mapped[str] = mapped_column(ForeignKey("packet.id"), primary_key=True, index=True)


class DespatchEntryRow(Base):
    """One entry of a centre's despatch log: a packet sealed, packets handed over, a collection booked. Never changed.

    ``id`` is the sender's own key, so that a repeat is known. ``occurred_at`` is the device's clock, ``received_at`` ours,
    ``clock_behind_seconds`` by how much the device's clock was behind ours when it sent. ``said_sha256`` is the hash of
    what was said. ``signed_as``: ``glass``, ``paper`` or ``proof``; empty while nothing proves the hand-over.
    """

    __tablename__ = "despatch_entry"
    __table_args__ = (CheckConstraint("kind IN ('sealed', 'handed_over', 'booked')", name="kind"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    centre_number: Mapped[str] = mapped_column(String(5), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    occurred_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant, index=True)
    clock_behind_seconds: Mapped[int] = mapped_column(Integer, default=0)
    device: Mapped[str] = mapped_column(String(40))
    source: Mapped[str] = mapped_column(String(20))
    recorded_by: Mapped[str] = mapped_column(String(100))
    corrects_id: Mapped[str | None] = mapped_column(ForeignKey("despatch_entry.id"), index=True)
    said_sha256: Mapped[str] = mapped_column(String(64))
    signed_as: Mapped[str] = mapped_column(String(16), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class DespatchLineRow(Base):
    """What an entry of the despatch log says of one packet; ``expected_count``: what the register said then. Never changed."""

    __tablename__ = "despatch_line"
    entry_id: Mapped[str] = mapped_column(ForeignKey("despatch_entry.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    packet_id: Mapped[str] = mapped_column(ForeignKey("packet.id"), index=True)
    label: Mapped[str] = mapped_column(String(80))
    script_count: Mapped[int | None] = mapped_column(Integer)
    expected_count: Mapped[int | None] = mapped_column(Integer)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Script(Base):
    """One candidate's answers to one paper. Its images are linked by the service, above."""

    __tablename__ = "script"
    __table_args__ = (UniqueConstraint("sitting_id", "candidate_number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    candidate_number: Mapped[str] = mapped_column(String(4))
    packet_id: Mapped[str | None] = mapped_column(ForeignKey("packet.id"), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    pages: Mapped[int] = mapped_column(Integer, default=0)
    event_count: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    chain_sha256: Mapped[str] = mapped_column(String(64), default="", server_default="")


class ScriptEventRow(Base):
    """One thing that happened to one script; written by ``records.record_script_events`` only. Never changed, never
    deleted.
    """

    __tablename__ = "script_event"
    __table_args__ = (Index("uq_script_event_script_id", "script_id", "chain_number", unique=True),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_id: Mapped[str] = mapped_column(ForeignKey("script.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    occurred_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(100))
    place: Mapped[str] = mapped_column(String(100), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    source: Mapped[str] = mapped_column(String(20), default="", server_default="")
    corrects_id: Mapped[str | None] = mapped_column(String(64))
    chain_number: Mapped[int] = mapped_column(Integer)
    chain_sha256: Mapped[str] = mapped_column(String(64))


class ScanBundle(Base):
    """A stack of sheets scanned together, known by the hash of its file, whatever the file is called.

    ``state``: ``staged`` (sealed, waits), ``reading``, ``split``, ``pushed`` (every page has its place), ``unplaced``
    (nobody knows yet which sitting it is of), ``failed`` with a ``reason``, or ``discarded`` before any of it counted.
    ``sheets`` is what the feeder counted, ``sheets_checked`` what hand or scales did. ``booklets`` were counted by hand in
    the pile, ``booklet_pages`` is what each has when it is scanned, its cover sheet included; ``duplex`` says in which
    order the sides of the sheets are in the file (``splitting.Duplex``). All these are what proves that no cover sheet
    went unseen (decision 0027).
    """

    __tablename__ = "scan_bundle"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    sitting_id: Mapped[str | None] = mapped_column(ForeignKey("sitting.id"), index=True)
    sheets: Mapped[int | None] = mapped_column(Integer)
    pages: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[str] = mapped_column(String(16), index=True)
    received_at: Mapped[datetime] = mapped_column(Instant)
    received_by: Mapped[str] = mapped_column(String(100))
    filename: Mapped[str] = mapped_column(String(255), default="", server_default="")
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    source: Mapped[str] = mapped_column(String(10), default="upload", server_default="upload")
    batch: Mapped[str] = mapped_column(String(64), default="", server_default="")
    station: Mapped[str] = mapped_column(String(64), default="", server_default="")
    label: Mapped[str] = mapped_column(String(80), default="", server_default="")
    sheets_checked: Mapped[int | None] = mapped_column(Integer)
    booklets: Mapped[int | None] = mapped_column(Integer)
    booklet_pages: Mapped[int | None] = mapped_column(Integer)
    duplex: Mapped[str] = mapped_column(String(20), default="merged", server_default="merged")
    reason: Mapped[str] = mapped_column(String(40), default="", server_default="")
    changed_at: Mapped[datetime | None] = mapped_column(Instant)


class ScanPage(Base):
    """What became of one page of a bundle: ``indexed``, ``blank_confirmed``, ``queued`` or ``discarded``.

    ``position``: its place in the present version of its script, from 1; None when it is in none. ``rotation``: the
    clockwise turn that makes it upright. ``awaiting``: ``rescan`` once somebody has asked for the paper to be scanned
    again. ``proposal_id``: the decision that waits for a second person. ``claimed_by`` has it in hand. ``codes``: what was
    read on it; ``proposed_by``: where the candidate of a waiting page comes from.
    """

    __tablename__ = "scan_page"
    bundle_id: Mapped[str] = mapped_column(ForeignKey("scan_bundle.id"), primary_key=True)
    page_index: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    disposition: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str] = mapped_column(String(40), default="")
    script_id: Mapped[str | None] = mapped_column(ForeignKey("script.id"), index=True)
    packet_id: Mapped[str | None] = mapped_column(ForeignKey("packet.id"))
    candidate_number: Mapped[str | None] = mapped_column(String(4))
    sha256: Mapped[str] = mapped_column(String(64))
    decided_by: Mapped[str | None] = mapped_column(String(100))
    seconded_by: Mapped[str | None] = mapped_column(String(100))
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    position: Mapped[int | None] = mapped_column(Integer)
    rotation: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    notes: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    codes: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    proposed_by: Mapped[str] = mapped_column(String(20), default="", server_default="")
    awaiting: Mapped[str] = mapped_column(String(16), default="", server_default="")
    proposal_id: Mapped[str | None] = mapped_column(String(36))
    claimed_by: Mapped[str | None] = mapped_column(String(100))
    claimed_until: Mapped[datetime | None] = mapped_column(Instant)


class PageDecision(Base):
    """One thing that a person decided about pages of a bundle. Never changed, never deleted.

    ``stage``: ``done`` (one person suffices), ``proposed``, ``confirmed`` or ``disagreed``, the last two answering the
    proposal in ``answers_id``. ``undoes_id`` names the decision that it takes back. ``before`` and ``after`` say where
    each page was and is.
    """

    __tablename__ = "page_decision"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    bundle_id: Mapped[str] = mapped_column(ForeignKey("scan_bundle.id"), index=True)
    page_indices: Mapped[list[int]] = mapped_column(JSON)
    kind: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(12))
    answers_id: Mapped[str | None] = mapped_column(String(36))
    undoes_id: Mapped[str | None] = mapped_column(String(36))
    candidate_number: Mapped[str | None] = mapped_column(String(4))
    script_id: Mapped[str | None] = mapped_column(ForeignKey("script.id"), index=True)
    reason: Mapped[str] = mapped_column(String(40), default="")
    before: Mapped[list[Any]] = mapped_column(JSON, default=list)
    after: Mapped[list[Any]] = mapped_column(JSON, default=list)
    decided_by: Mapped[str] = mapped_column(String(100))
    decided_at: Mapped[datetime] = mapped_column(Instant, index=True)


class QualityCheck(Base):
    """One version of a script that a second person looks at: why it was chosen, and what the look found.

    ``outcome``: empty while it waits; ``passed``, or ``failed`` with a ``reason``.
    """

    __tablename__ = "quality_check"
    __table_args__ = (UniqueConstraint("script_id", "version"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_id: Mapped[str] = mapped_column(ForeignKey("script.id"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    chosen_for: Mapped[str] = mapped_column(String(24))
    chosen_at: Mapped[datetime] = mapped_column(Instant)
    claimed_by: Mapped[str | None] = mapped_column(String(100))
    claimed_until: Mapped[datetime | None] = mapped_column(Instant)
    outcome: Mapped[str] = mapped_column(String(10), default="", server_default="", index=True)
    reason: Mapped[str] = mapped_column(String(40), default="", server_default="")
    checked_by: Mapped[str | None] = mapped_column(String(100))
    checked_at: Mapped[datetime | None] = mapped_column(Instant)


class ScriptCase(Base):
    """A difference that somebody must explain: at the level of a sitting, a packet, a script or a page.

    ``subject`` names what it is about within the sitting, so that the same difference opens one case only. ``owner_role``
    is the team that has it, ``owner`` the person of it who took it on; ``centre_from`` the instant from which the centre
    sees it; ``decide_by`` the last day on which something can be decided before results.
    """

    __tablename__ = "script_case"
    __table_args__ = (UniqueConstraint("sitting_id", "kind", "subject"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(100))
    packet_id: Mapped[str | None] = mapped_column(ForeignKey("packet.id"))
    script_id: Mapped[str | None] = mapped_column(ForeignKey("script.id"))
    opened_at: Mapped[datetime] = mapped_column(Instant)
    due_at: Mapped[datetime | None] = mapped_column(Instant)
    state: Mapped[str] = mapped_column(String(16), index=True)
    owner: Mapped[str] = mapped_column(String(100), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reason: Mapped[str] = mapped_column(String(40), default="")
    closed_by: Mapped[str | None] = mapped_column(String(100))
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    level: Mapped[str] = mapped_column(String(8), default="script", server_default="script")
    owner_role: Mapped[str] = mapped_column(String(20), default="tracking_clerk", server_default="tracking_clerk")
    alarm: Mapped[str] = mapped_column(String(8), default="none", server_default="none")
    alarm_at: Mapped[datetime | None] = mapped_column(Instant)
    centre_from: Mapped[datetime | None] = mapped_column(Instant)
    decide_by: Mapped[date | None] = mapped_column(Date)


class ScriptCaseEvent(Base):
    """One thing that happened to a case, with what was said. Never changed, never deleted.

    ``actor``: the person, or ``service``; ``to_centre``: whether the case's centre may read the note.
    """

    __tablename__ = "script_case_event"
    __table_args__ = (UniqueConstraint("script_case_id", "number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_case_id: Mapped[str] = mapped_column(ForeignKey("script_case.id"), index=True)
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    happened_at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(100))
    note: Mapped[str] = mapped_column(String(2000), default="")
    to_centre: Mapped[bool] = mapped_column(Boolean, default=False)
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class DeclaredMissing(Base):
    """One script that a case ended in declaring missing, and what its candidate gets in its place.

    ``outcome``: ``estimated_mark`` or ``result_x``; ``located_at`` when the script turned up after all; ``withdrawn_at``
    when its case was opened again.
    """

    __tablename__ = "declared_missing"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_case_id: Mapped[str] = mapped_column(ForeignKey("script_case.id"), index=True)
    script_id: Mapped[str] = mapped_column(ForeignKey("script.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(16))
    stage_lost: Mapped[str] = mapped_column(String(40))
    cause: Mapped[str] = mapped_column(String(80))
    declared_at: Mapped[datetime] = mapped_column(Instant)
    declared_by: Mapped[str] = mapped_column(String(100))
    located_at: Mapped[datetime | None] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)

    @classmethod
    def stands(cls) -> ColumnElement[bool]:
        """Return which declarations stand: neither taken back, nor is the script here after all."""
        return and_(cls.located_at.is_(None), cls.withdrawn_at.is_(None))


class Site(Base):
    """A place of ours where packets are scanned: ``kind`` is ``centre``, ``hub`` or ``scanning``.

    ``time_zone`` is an IANA name, for times that a site writes without one; ``clock_note`` says what is known of its
    clocks. A site that is no longer used is made inactive, never removed: its events name it.
    """

    __tablename__ = "site"
    __table_args__ = (CheckConstraint("kind IN ('centre', 'hub', 'scanning')", name="kind"),)
    code: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(10))
    time_zone: Mapped[str] = mapped_column(String(40), default="Europe/London", server_default="Europe/London")
    clock_note: Mapped[str] = mapped_column(String(200), default="", server_default="")
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())


class SiteRoute(Base):
    """Where the packets of a component go: to which site of kind ``scanning``; ``component_code`` empty for all others."""

    __tablename__ = "site_route"
    awarding_body: Mapped[str] = mapped_column(String(2), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    site_code: Mapped[str] = mapped_column(ForeignKey("site.code"))
