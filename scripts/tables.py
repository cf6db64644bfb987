"""Tables of sittings, registers, packets, custody events, scans and cases. History rows are only ever added."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
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
    """One component taken at one centre on one date and session of the day (AM, PM or EV)."""

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


class RegisterLine(Base):
    """One candidate on the attendance register of a sitting.

    ``state``: ``unmarked``, ``present``, ``absent`` or ``withdrawn``; ``added`` when the candidate was not entered.
    ``explained``: why a present candidate's script does not travel with the packets; empty when it does.
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


class PacketLabelRow(Base):
    """One label of a packet: the first, or an emergency issue; its payload is unique for ever."""

    __tablename__ = "packet_label"
    __table_args__ = (UniqueConstraint("packet_id", "issue"),)
    payload: Mapped[str] = mapped_column(String(80), primary_key=True)
    packet_id: Mapped[str] = mapped_column(ForeignKey("packet.id"), index=True)
    issue: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    issued_by: Mapped[str] = mapped_column(String(100))


class PacketEventRow(Base):
    """One thing that happened to a packet; its id is the sender's idempotency key. Never changed, never deleted."""

    __tablename__ = "packet_event"
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


class ScriptEventRow(Base):
    """One thing that happened to one script. Never changed, never deleted."""

    __tablename__ = "script_event"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    script_id: Mapped[str] = mapped_column(ForeignKey("script.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    occurred_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(100))
    place: Mapped[str] = mapped_column(String(100), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class ScanBundle(Base):
    """A stack of sheets scanned together, known by the hash of its file."""

    __tablename__ = "scan_bundle"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    sitting_id: Mapped[str] = mapped_column(ForeignKey("sitting.id"), index=True)
    sheets: Mapped[int | None] = mapped_column(Integer)
    pages: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16), index=True)
    received_at: Mapped[datetime] = mapped_column(Instant)
    received_by: Mapped[str] = mapped_column(String(100))


class ScanPage(Base):
    """What became of one page of a bundle: ``indexed``, ``blank_confirmed``, ``queued`` or ``discarded``."""

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


class ScriptCase(Base):
    """A difference that somebody must explain: at the level of a sitting, a packet, a script or a page.

    ``subject`` names what it is about within the sitting, so that the same difference opens one case only.
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
