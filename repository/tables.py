"""Tables of the service. Foreign keys point down, into ``moderation`` and ``scripts``; never the other way."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Subquery,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from moderation.tables import Consignment, ModerationCase, ReviewRequest, SampleItem
from scripts.tables import Packet, ScanBundle, Script, Sitting

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
    """Tables of the service."""

    metadata = MetaData(naming_convention=NAMES)


def new_id() -> str:
    """Return a fresh opaque id: a random UUID, lower case with hyphens."""
    return str(uuid4())


def insert_row(session: Session, table: type[Base], /, **values: object) -> None:
    """Insert a row at once, past the unit of work: for rows that are only written, where uploads wait for it."""
    session.execute(_inserting(table), values)


@cache
def _inserting(table: type[Base]) -> Insert:
    return insert(cast(Table, table.__table__))


class Person(Base):
    """A human who uses the service; may sign in by several ways."""

    __tablename__ = "person"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    display_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Instant)
    language: Mapped[str | None] = mapped_column(String(10))
    """In which the person reads the pages; None until one was chosen."""


class Assignment(Base):
    """One role and scope of a person, with the time it holds: half-open, ``valid_from`` ≤ now < ``valid_to``."""

    __tablename__ = "assignment"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[str] = mapped_column(String(32))
    centre_number: Mapped[str | None] = mapped_column(String(5), index=True)
    valid_from: Mapped[datetime] = mapped_column(Instant)
    valid_to: Mapped[datetime | None] = mapped_column(Instant)
    granted_by: Mapped[str | None] = mapped_column(String(64))
    """Who gave it; nobody, when it was given at the first start or in a rehearsal."""
    confirmed_by: Mapped[str | None] = mapped_column(String(64))
    """The second officer, of a role that two people give."""
    ended_by: Mapped[str | None] = mapped_column(String(64))


class SignInLink(Base):
    """A development sign-in of the rehearsal mode; only the hash of its token is kept."""

    __tablename__ = "sign_in_link"
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"))


class WebSession(Base):
    """A sign-in that lasts; keyed by the hash of its token."""

    __tablename__ = "web_session"
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"))
    csrf_token: Mapped[str] = mapped_column(String(64))
    notice: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("account.id"), index=True)
    """None for a development sign-in of the rehearsal mode."""
    methods: Mapped[list[str]] = mapped_column(JSON, default=list)
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    """When the person last proved who they are: at sign-in, or at a step-up."""
    device: Mapped[str | None] = mapped_column(String(60))
    """The browser in words, as far as it says, so that people know their sign-ins from others'."""


class ScopeKeyRow(Base):
    """A scope key, wrapped by the root provider. A scope is centre, series and class of object.

    One key of a scope stands and wraps; older ones are superseded, and retired (``blob`` is empty then) once no data key
    is left under them. Once shredded, ``blob`` is empty and stays so.
    """

    __tablename__ = "scope_key"
    sk_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    scope: Mapped[str] = mapped_column(String(200))
    kid: Mapped[str] = mapped_column(String(200))
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Instant)
    superseded_at: Mapped[datetime | None] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)
    shredded_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (
        Index(
            "uq_scope_key_standing_scope",
            "scope",
            unique=True,
            sqlite_where=text("superseded_at IS NULL"),
            postgresql_where=text("superseded_at IS NULL"),
        ),
    )


class DataKeyRow(Base):
    """The wrapped data key of one object and its commitment. Once shredded, ``blob`` is empty and stays so."""

    __tablename__ = "data_key"
    oid: Mapped[str] = mapped_column(String(36), primary_key=True)
    sk_id: Mapped[str] = mapped_column(ForeignKey("scope_key.sk_id"), index=True)
    suite: Mapped[str] = mapped_column(String(64))
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    blob: Mapped[bytes] = mapped_column(LargeBinary)
    commitment: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime | None] = mapped_column(Instant)
    shredded_at: Mapped[datetime | None] = mapped_column(Instant)


class UploadRow(Base):
    """An upload: bytes still arriving, bound to one evidence slot. ``offset_bytes`` is the only commit point."""

    __tablename__ = "upload"
    oid: Mapped[str] = mapped_column(String(36), primary_key=True)
    token_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    assignment_id: Mapped[str] = mapped_column(ForeignKey("assignment.id"))
    centre_number: Mapped[str] = mapped_column(String(5))
    case_id: Mapped[str] = mapped_column(ForeignKey(ModerationCase.__table__.c.id), index=True)
    sample_item_id: Mapped[str | None] = mapped_column(ForeignKey(SampleItem.__table__.c.id), index=True)
    """The sampled candidate whose work it is; None for a document about the whole cohort."""
    slot: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(255))
    declared_media_type: Mapped[str | None] = mapped_column(String(100))
    declared_sha256: Mapped[str | None] = mapped_column(String(64))
    sent_metadata: Mapped[str | None] = mapped_column(Text)
    """The ``Upload-Metadata`` header as it was sent: the protocol wants it given back word for word."""
    total_bytes: Mapped[int] = mapped_column(BigInteger)
    offset_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    tail_index: Mapped[int | None] = mapped_column(Integer)
    tail_key: Mapped[str | None] = mapped_column(String(200))
    tail_header: Mapped[bytes | None] = mapped_column(LargeBinary(40))
    tail_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    tail_plain_bytes: Mapped[int | None] = mapped_column(Integer)
    tail_sealed_bytes: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    replaces_document_id: Mapped[str | None] = mapped_column(ForeignKey("document.id"))
    """The file of the same place that it is to replace."""
    __table_args__ = (
        CheckConstraint("offset_bytes >= 0 AND offset_bytes <= total_bytes", name="offset_within_total"),
        Index("ix_upload_state_expires_at", "state", "expires_at"),
    )


class ObjectPart(Base):
    """One sealed part of an object: its name in the store, header, hash and sizes."""

    __tablename__ = "object_part"
    oid: Mapped[str] = mapped_column(ForeignKey("data_key.oid"), primary_key=True)
    part_index: Mapped[int] = mapped_column(Integer, primary_key=True)
    key: Mapped[str] = mapped_column(String(200))
    header: Mapped[bytes] = mapped_column(LargeBinary(40))
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    plain_bytes: Mapped[int] = mapped_column(Integer)
    sealed_bytes: Mapped[int] = mapped_column(Integer)


class StoredObjectRow(Base):
    """An object that is complete: how it lies in the store, its plaintext's hash once verified, its last scrub.

    ``fault`` is what the last scrub found (E1–E6 or absent). ``canary`` marks an object that a scrub itself planted and
    damaged, to see whether it finds it.
    """

    __tablename__ = "stored_object"
    oid: Mapped[str] = mapped_column(ForeignKey("data_key.oid"), primary_key=True)
    layout: Mapped[str] = mapped_column(String(16))
    plain_sha256: Mapped[str | None] = mapped_column(String(64))
    last_scrubbed_at: Mapped[datetime | None] = mapped_column(Instant, index=True)
    fault: Mapped[str | None] = mapped_column(String(16))
    canary: Mapped[str | None] = mapped_column(String(16))


class DocumentRow(Base):
    """A received thing with a state (see ``documents``). The row stays whatever becomes of the bytes."""

    __tablename__ = "document"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    oid: Mapped[str] = mapped_column(ForeignKey("stored_object.oid"), unique=True)
    filename: Mapped[str] = mapped_column(String(255))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str | None] = mapped_column(String(100))
    declared_sha256: Mapped[str | None] = mapped_column(String(64))
    sha256: Mapped[str | None] = mapped_column(String(64))
    page_count: Mapped[int | None] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str | None] = mapped_column(Text)
    remedy: Mapped[str | None] = mapped_column(Text)
    remedy_kind: Mapped[str | None] = mapped_column(String(16))
    """Who has to act on what is held: ``replace``, ``rescan`` or ``review``."""
    scan_state: Mapped[str | None] = mapped_column(String(16))
    """What the virus scanner said: ``clean``, ``partial``, ``infected``, ``limits`` or ``failed``; ``none``: there was none."""
    scan_signature: Mapped[str | None] = mapped_column(String(200))
    duration_seconds: Mapped[float | None] = mapped_column(Float)
    notes: Mapped[list[Any] | None] = mapped_column(JSON)
    """Codes of what was noted about the whole document (``inspection.words``)."""
    uploaded_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    received_at: Mapped[datetime] = mapped_column(Instant)
    decided_at: Mapped[datetime | None] = mapped_column(Instant)


class Derivative(Base):
    """What is shown in place of a document: pictures of its pages, their words, a recording that browsers play.

    Each row is one encrypted object, so far as it was made in one go: many pages or a long recording have several
    volumes. ``first`` is the number of its first page, or the offset of its first byte; ``index`` says where in it each
    page lies, how large it is, and what was noted about it.
    """

    __tablename__ = "derivative"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"))
    kind: Mapped[str] = mapped_column(String(16))
    first: Mapped[int] = mapped_column(BigInteger)
    oid: Mapped[str] = mapped_column(ForeignKey("stored_object.oid"), unique=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(100))
    index: Mapped[dict[str, Any]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (UniqueConstraint("document_id", "kind", "first"),)


class Evidence(Base):
    """A document attached to a sample item, or to a case for the whole cohort.

    A second file in a slot is a new version, never an overwrite.
    """

    __tablename__ = "evidence"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), unique=True)
    case_id: Mapped[str] = mapped_column(ForeignKey(ModerationCase.__table__.c.id), index=True)
    sample_item_id: Mapped[str | None] = mapped_column(ForeignKey(SampleItem.__table__.c.id), index=True)
    slot: Mapped[str] = mapped_column(String(64))
    attached_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    position: Mapped[int | None] = mapped_column(Integer)
    """Its place among the files of a candidate, where somebody put them in order; what came later stands after them."""
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """Which version of a file it is: one more than the file that it replaced."""
    replaces_document_id: Mapped[str | None] = mapped_column(ForeignKey("document.id"), index=True)
    """The file that is withdrawn when this one is released."""


class WorkLook(Base):
    """Who looked last, and when, at the work of a sampled candidate as its moderator will see it, before it was sent."""

    __tablename__ = "work_look"
    sample_item_id: Mapped[str] = mapped_column(ForeignKey(SampleItem.__table__.c.id), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), primary_key=True)
    looked_at: Mapped[datetime] = mapped_column(Instant)


class PracticeCentre(Base):
    """A centre made for practice: whose it is, and until when. The row stays when all else of it is gone."""

    __tablename__ = "practice_centre"
    centre_number: Mapped[str] = mapped_column(String(5), primary_key=True)
    series_key: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    home_assignment_id: Mapped[str] = mapped_column(String(36))
    """The role at the real centre that it was made from, and that the person goes back to."""
    assignment_id: Mapped[str] = mapped_column(String(36))
    made_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    wiped_at: Mapped[datetime | None] = mapped_column(Instant)


class ScriptDocument(Base):
    """The scanned images of one script, as an encrypted object."""

    __tablename__ = "script_document"
    script_id: Mapped[str] = mapped_column(ForeignKey(Script.__table__.c.id), primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), unique=True)


class ScriptVersion(Base):
    """One version of a script's images: sealed, kept when a later one supersedes it.

    ``contents``: the pages it was made of, in order, each as [bundle id, page index, clockwise turn].
    """

    __tablename__ = "script_version"
    __table_args__ = (UniqueConstraint("script_id", "number"),)
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_id: Mapped[str] = mapped_column(ForeignKey(Script.__table__.c.id), index=True)
    number: Mapped[int] = mapped_column(Integer)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), unique=True)
    contents: Mapped[list[Any]] = mapped_column(JSON)
    made_at: Mapped[datetime] = mapped_column(Instant)
    superseded_at: Mapped[datetime | None] = mapped_column(Instant)


class BundleDocument(Base):
    """The scan bundle as it came, sealed; corrections are events on top of it."""

    __tablename__ = "bundle_document"
    bundle_id: Mapped[str] = mapped_column(ForeignKey(ScanBundle.__table__.c.id), primary_key=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), unique=True)


class CustodyEvidence(Base):
    """A picture that shows a step of custody: of a packet's or a script's event, one row for each event that it shows.

    ``kind``: ``photograph``, ``signature``, ``proof_of_posting``, ``paper_log`` or ``video_still``. The document was drawn
    anew from what was sent, whose hash stands in ``sent_sha256``; ``sent_id`` is the sender's own key. Never changed.
    """

    __tablename__ = "custody_evidence"
    __table_args__ = (
        UniqueConstraint("event_id", "sent_id"),
        CheckConstraint(
            "kind IN ('photograph', 'signature', 'proof_of_posting', 'paper_log', 'video_still')", name="kind"
        ),
    )
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    event_id: Mapped[str] = mapped_column(String(64), index=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey(Sitting.__table__.c.id), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), index=True)
    sent_id: Mapped[str] = mapped_column(String(40))
    sent_sha256: Mapped[str] = mapped_column(String(64))
    added_at: Mapped[datetime] = mapped_column(Instant)
    added_by: Mapped[str] = mapped_column(String(100))


class ScriptCopy(Base):
    """A copy of a script that was given to its centre: of which scan, under which request, to whom, when. Never changed.

    ``sha256`` and ``pages`` are of the copy as it was given, which says on every page for whom and when it was made.
    """

    __tablename__ = "script_copy"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_id: Mapped[str] = mapped_column(ForeignKey(Script.__table__.c.id), index=True)
    request_id: Mapped[str] = mapped_column(ForeignKey(ReviewRequest.__table__.c.id), index=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("document.id"), index=True)
    given_to: Mapped[str] = mapped_column(ForeignKey("person.id"))
    given_at: Mapped[datetime] = mapped_column(Instant)
    pages: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))


class ScriptRetentionRule(Base):
    """How many days scripts are kept after the last thing that keeps them, for an awarding body and component.

    ``*`` stands for every one. Rules are only ever added: the most exact holds, of equally exact ones the newest.
    """

    __tablename__ = "script_retention_rule"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    awarding_body: Mapped[str] = mapped_column(String(2))
    component_code: Mapped[str] = mapped_column(String(12))
    what: Mapped[str] = mapped_column(String(5))
    """``scans`` or ``paper``."""
    margin_days: Mapped[int] = mapped_column(Integer)
    source: Mapped[str] = mapped_column(String(200))
    set_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    set_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (CheckConstraint("what IN ('scans', 'paper')", name="what"),)


class ScriptDestruction(Base):
    """The destruction of a sitting's scans or paper: proposed by one person, confirmed by another, then carried out.

    ``decided``: what becomes of each script, fixed when it is confirmed: [script id, ``destroyed``, ``kept`` or
    ``nothing``, why]. Of paper, who destroyed it before which witness, how, when and out of which boxes.
    """

    __tablename__ = "script_destruction"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sitting_id: Mapped[str] = mapped_column(ForeignKey(Sitting.__table__.c.id), index=True)
    what: Mapped[str] = mapped_column(String(5))
    proposed_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    decided: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    destroyed_by: Mapped[str] = mapped_column(String(100), default="", server_default="")
    witnessed_by: Mapped[str] = mapped_column(String(100), default="", server_default="")
    method: Mapped[str] = mapped_column(String(20), default="", server_default="")
    boxes: Mapped[str] = mapped_column(String(200), default="", server_default="")
    destroyed_on: Mapped[date | None] = mapped_column(Date)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    receipt_id: Mapped[str | None] = mapped_column(ForeignKey("receipt.id"))
    __table_args__ = (CheckConstraint("what IN ('scans', 'paper')", name="what"),)


class Work(Base):
    """The outbox: one row per kind and subject, taken by claim, done at least once.

    ``lane`` is whose work it is, such as a centre's number, and ``turn`` its place in a fair order of all lanes.
    ``claims`` counts every claim there ever was: what a claim did counts only while its number is still the last.
    """

    __tablename__ = "work"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(36))
    lane: Mapped[str] = mapped_column(String(36), default="", server_default="")
    turn: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    claims: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    available_at: Mapped[datetime] = mapped_column(Instant)
    claimed_until: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    set_aside_at: Mapped[datetime | None] = mapped_column(Instant)
    """When it had failed so often that it waits for a person."""
    last_error: Mapped[str | None] = mapped_column(Text)
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_work_open", "finished_at", "available_at"),
        Index("ix_work_turn", "finished_at", "turn"),
        Index("ix_work_lane", "finished_at", "lane", "turn"),
    )


class AuditInbox(Base):
    """An event as the transaction of its act left it, until the sequencer takes it into the log."""

    __tablename__ = "audit_inbox"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    event_id: Mapped[str] = mapped_column(String(36), unique=True, default=new_id)
    at: Mapped[datetime] = mapped_column(Instant)
    request_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str | None] = mapped_column(String(36))
    assignment_id: Mapped[str | None] = mapped_column(String(36))
    role: Mapped[str | None] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(64))
    object_kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(64))
    centre_number: Mapped[str | None] = mapped_column(String(5))
    outcome: Mapped[str] = mapped_column(String(16))
    address_hash: Mapped[str | None] = mapped_column(String(32))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = ({"sqlite_autoincrement": True},)  # a number that was given once is never given again


class AuditLog(Base):
    """The log: each event's bytes and its hash in the tree, at its place. The other columns repeat what the bytes say."""

    __tablename__ = "audit_log"
    history: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(Text)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    inbox_id: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[str] = mapped_column(String(36), unique=True)
    at: Mapped[datetime] = mapped_column(Instant)
    request_id: Mapped[str] = mapped_column(String(36))
    person_id: Mapped[str | None] = mapped_column(String(36))
    assignment_id: Mapped[str | None] = mapped_column(String(36))
    role: Mapped[str | None] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(64))
    object_kind: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(64), index=True)
    centre_number: Mapped[str | None] = mapped_column(String(5))
    outcome: Mapped[str] = mapped_column(String(16))
    address_hash: Mapped[str | None] = mapped_column(String(32))
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    __table_args__ = (Index("ix_audit_log_centre_number_at", "centre_number", "at"),)


class AuditHistory(Base):
    """One history of the log under one name and one key: the next begins only when entries were lost, or the key."""

    __tablename__ = "audit_history"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    origin: Mapped[str] = mapped_column(String(200), unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    began_at: Mapped[datetime] = mapped_column(Instant)


class AuditTile(Base):
    """256 hashes of the tree, or the first of them: what roots and proofs are computed from."""

    __tablename__ = "audit_tile"
    history: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    tile_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary(8192))


class AuditCheckpoint(Base):
    """A signed checkpoint; none leaves the service before its row is committed."""

    __tablename__ = "audit_checkpoint"
    history: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime] = mapped_column(Instant)
    published_at: Mapped[datetime | None] = mapped_column(Instant)


class RefusalCount(Base):
    """How many attempts from one address were refused in one minute; those past a bound leave no event of their own."""

    __tablename__ = "refusal_count"
    minute_at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    address_hash: Mapped[str] = mapped_column(String(32), primary_key=True)
    refused: Mapped[int] = mapped_column(Integer)
    recorded: Mapped[int] = mapped_column(Integer)
    """How many of them have events of their own."""


AUDIT_TABLES = frozenset(
    {"audit_inbox", "audit_log", "audit_history", "audit_tile", "audit_checkpoint", "audit_event", "refusal_count"}
)
"""What only the audit log has: being refused leaves a trace here, and nowhere else."""


def _every_event() -> Subquery:
    """Events whether logged or still waiting, each under the number it had in the inbox."""
    waiting, logged = AuditInbox.__table__, AuditLog.__table__
    names = [column.name for column in waiting.columns if column.name != "id"]
    return union_all(
        select(waiting.c.id, *(waiting.c[name] for name in names)),
        select(logged.c.inbox_id, *(logged.c[name] for name in names)),
    ).subquery("audit_event")


class AuditEvent(Base):
    """Who did or saw what, in the order it was written down; for reading only. ``audit.record`` writes."""

    __table__ = _every_event()
    __mapper_args__ = {"primary_key": [__table__.c.event_id]}  # noqa: RUF012
    id: Mapped[int]
    event_id: Mapped[str]
    at: Mapped[datetime]
    request_id: Mapped[str]
    person_id: Mapped[str | None]
    assignment_id: Mapped[str | None]
    role: Mapped[str | None]
    action: Mapped[str]
    object_kind: Mapped[str]
    object_id: Mapped[str]
    centre_number: Mapped[str | None]
    outcome: Mapped[str]
    address_hash: Mapped[str | None]
    details: Mapped[dict[str, Any]]


class ReleaseProposal(Base):
    """One officer's wish to release a series' results; only another officer can carry it out."""

    __tablename__ = "release_proposal"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(String(12), index=True)
    proposed_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    restricted_at: Mapped[datetime] = mapped_column(Instant)
    candidates_at: Mapped[datetime] = mapped_column(Instant)
    public_at: Mapped[datetime] = mapped_column(Instant)
    held_case_ids: Mapped[list[Any]] = mapped_column(JSON)
    reason_code: Mapped[str] = mapped_column(String(30), default="", server_default="")
    reason: Mapped[str] = mapped_column(String(500), default="", server_default="")
    released_at: Mapped[datetime | None] = mapped_column(Instant)


class WithdrawalProposal(Base):
    """One officer's wish to take back the results of a series; only another officer can carry it out."""

    __tablename__ = "withdrawal_proposal"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(String(12), index=True)
    proposed_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(String(500))
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)


class ReceiptRow(Base):
    """A signed receipt of a centre, about a case or a sitting: the exact bytes that were signed, and the signature."""

    __tablename__ = "receipt"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    centre_number: Mapped[str] = mapped_column(String(5), index=True)
    case_id: Mapped[str | None] = mapped_column(ForeignKey(ModerationCase.__table__.c.id), index=True)
    sitting_id: Mapped[str | None] = mapped_column(ForeignKey(Sitting.__table__.c.id), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    enclosure: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What the body commits to by its hash, and mail does not carry: the marks."""
    issued_at: Mapped[datetime] = mapped_column(Instant)
    __table_args__ = (CheckConstraint("(case_id IS NULL) <> (sitting_id IS NULL)", name="one_subject"),)


class SamplePacket(Base):
    """A packet that holds sampled work for a moderator, and the parcel that it was posted as; None while it is not posted."""

    __tablename__ = "sample_packet"
    packet_id: Mapped[str] = mapped_column(ForeignKey(Packet.__table__.c.id), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey(ModerationCase.__table__.c.id), index=True)
    consignment_id: Mapped[str | None] = mapped_column(ForeignKey(Consignment.__table__.c.id), unique=True)


class ReceiptProof(Base):
    """The proof that a receipt stands in the audit log; made after the receipt, which never changes.

    ``log_key`` is the key that the proof is checked with, as a verifier's line.
    """

    __tablename__ = "receipt_proof"
    receipt_id: Mapped[str] = mapped_column(ForeignKey("receipt.id"), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(36))
    proof: Mapped[str | None] = mapped_column(Text)
    log_key: Mapped[str | None] = mapped_column(Text)
    proved_at: Mapped[datetime | None] = mapped_column(Instant, index=True)


class LegalHold(Base):
    """An order that an object, or everything under a scope, must be kept whatever else is due; the rows stay."""

    __tablename__ = "legal_hold"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    oid: Mapped[str | None] = mapped_column(String(36), index=True)
    scope: Mapped[str | None] = mapped_column(String(200), index=True)
    reason: Mapped[str] = mapped_column(String(200))
    placed_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    placed_at: Mapped[datetime] = mapped_column(Instant)
    lifted_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    lifted_at: Mapped[datetime | None] = mapped_column(Instant)
    __table_args__ = (CheckConstraint("(oid IS NULL) <> (scope IS NULL)", name="one_subject"),)


class ShredProposal(Base):
    """One officer's wish to destroy an object or a scope; only another officer can confirm it."""

    __tablename__ = "shred_proposal"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(200), index=True)
    reason: Mapped[str] = mapped_column(String(200))
    proposed_by: Mapped[str] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(ForeignKey("person.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


class CareMark(Base):
    """What care over time remembers between its runs: whether the collector may delete, and since when."""

    __tablename__ = "care_mark"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    changed_at: Mapped[datetime] = mapped_column(Instant)
