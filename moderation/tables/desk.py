"""Tables of the moderator's desk: marks by criterion, concerns for a person's safety, messages, and who has seen what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class CriterionMark(Base):
    """What a moderator gave for one criterion, as part of one mark; with the criterion as it stood then."""

    __tablename__ = "criterion_mark"
    __table_args__ = (CheckConstraint("mark >= 0 AND mark <= maximum_mark", name="mark_in_range"),)

    moderator_mark_id: Mapped[str] = mapped_column(ForeignKey("moderator_mark.id"), primary_key=True)
    criterion_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(120))
    maximum_mark: Mapped[int]
    mark: Mapped[int]


class SafeguardingConcern(Base):
    """Something in a work that makes its reader fear for somebody's safety; officers read it, the centre is not told."""

    __tablename__ = "safeguarding_concern"
    __table_args__ = (Index(None, "case_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("candidate.id"))
    """``None`` when it is about no one candidate."""
    statement: Mapped[str] = mapped_column(String(4000))
    raised_by: Mapped[str] = mapped_column(String(64))
    raised_at: Mapped[datetime]
    taken_by: Mapped[str | None] = mapped_column(String(64))
    taken_at: Mapped[datetime | None]
    closing_note: Mapped[str] = mapped_column(String(2000), default="")
    closed_by: Mapped[str | None] = mapped_column(String(64))
    closed_at: Mapped[datetime | None]


class Thread(Base):
    """A conversation about a case, or about one work of it: among those who moderate, or of officers with the centre."""

    __tablename__ = "thread"
    __table_args__ = (CheckConstraint("kind IN ('DESK', 'CENTRE')", name="kind_known"), Index(None, "case_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    sample_item_id: Mapped[str | None] = mapped_column(ForeignKey("sample_item.id"))
    kind: Mapped[str] = mapped_column(String(10))
    """``moderation.messages.ThreadKind``."""
    subject: Mapped[str] = mapped_column(String(120))
    opened_by: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]


class Message(Base):
    """One message of a thread; never changed, never taken back."""

    __tablename__ = "message"
    __table_args__ = (UniqueConstraint("thread_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    thread_id: Mapped[str] = mapped_column(ForeignKey("thread.id"))
    number: Mapped[int]
    body: Mapped[str] = mapped_column(String(4000))
    addressed_to: Mapped[str] = mapped_column(String(32), default="")
    """Whom the thread is for from here on, beside those it was for before; nothing leaves it as it is."""
    written_by: Mapped[str] = mapped_column(String(64))
    written_as: Mapped[str] = mapped_column(String(32))
    """The role in which it was written."""
    written_at: Mapped[datetime]


class ThreadReading(Base):
    """How far one person has read a thread."""

    __tablename__ = "thread_reading"

    thread_id: Mapped[str] = mapped_column(ForeignKey("thread.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int]
    read_at: Mapped[datetime]


class CaseLook(Base):
    """When one person last looked at a case on the desk: what happened since is new."""

    __tablename__ = "case_look"

    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    looked_at: Mapped[datetime]
