"""The table of what is noted at the desk, each stroke: notes on works, drafts of marks, the place where one is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables import ModerationCase, SampleItem
from repository.tables import Base, Instant, new_id


class JournalEntry(Base):
    """One revision of one entry, as one window wrote it. Rows are only added: a change is a further revision.

    ``follows``: the revisions that its author had before the eyes when writing it, as [revision, tab]. Two revisions that
    follow the same one were written in two windows; both stay. ``written_at`` is what the person's computer said,
    ``received_at`` is ours. ``is_late``: it came after the outcome was proposed, and is kept without changing anything.
    """

    __tablename__ = "journal_entry"
    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str] = mapped_column(String(32))
    case_id: Mapped[str] = mapped_column(ForeignKey(ModerationCase.id))
    sample_item_id: Mapped[str | None] = mapped_column(ForeignKey(SampleItem.id))
    document_id: Mapped[str | None] = mapped_column(ForeignKey("document.id"))
    kind: Mapped[str] = mapped_column(String(16))
    entry_id: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]
    tab: Mapped[str] = mapped_column(String(36))
    follows: Mapped[list[list[Any]]] = mapped_column(JSON)
    body: Mapped[str] = mapped_column(Text)
    written_at: Mapped[datetime] = mapped_column(Instant)
    received_at: Mapped[datetime] = mapped_column(Instant)
    is_late: Mapped[bool]
    __table_args__ = (
        UniqueConstraint("person_id", "entry_id", "revision", "tab", name="uq_journal_entry_person_id"),
        CheckConstraint("revision >= 1", name="revision"),
        Index("ix_journal_entry_case_id_person_id", "case_id", "person_id"),
        Index("ix_journal_entry_document_id", "document_id"),
    )
