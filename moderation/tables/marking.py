"""Tables of moderation itself: allocations, moderator marks, outcomes and moderated marks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Allocation(Base):
    """A person's permission to act on the work of a centre in a component, between two instants."""

    __tablename__ = "allocation"
    __table_args__ = (UniqueConstraint("person_id", "series_key", "component_code", "centre_number", "act"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    person_id: Mapped[str] = mapped_column(String(64))
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    act: Mapped[str] = mapped_column(String(20))
    opens_at: Mapped[datetime | None]
    closes_at: Mapped[datetime | None]
    granted_by: Mapped[str | None] = mapped_column(String(64))
    granted_at: Mapped[datetime | None]


class ModeratorMark(Base):
    """The mark a moderator gave a sampled work; superseded, never overwritten."""

    __tablename__ = "moderator_mark"
    __table_args__ = (
        CheckConstraint("mark >= 0", name="mark_not_negative"),
        UniqueConstraint("sample_item_id", "number"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"))
    number: Mapped[int]
    mark: Mapped[int]
    comment: Mapped[str] = mapped_column(String(2000), default="")
    marked_by: Mapped[str] = mapped_column(String(64))
    marked_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class Outcome(Base):
    """What moderation found for a case, with everything it was computed from; superseded, never changed."""

    __tablename__ = "outcome"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    stage: Mapped[str] = mapped_column(String(20))
    numbers: Mapped[dict[str, Any]]
    policy_version: Mapped[str] = mapped_column(String(40))
    """The algorithm; ``policy_id`` and ``policy_revision`` say which awarding body's limits and checks governed it."""
    policy_id: Mapped[str] = mapped_column(String(40), default="project-default", server_default="project-default")
    policy_revision: Mapped[int] = mapped_column(default=1, server_default="1")
    origin: Mapped[str] = mapped_column(String(20), default="MODERATION", server_default="MODERATION")
    """What led to it: ``moderation.outcome.Origin``."""
    mark_set_version: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500), default="")
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None] = mapped_column(String(64))
    confirmed_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]


class ModeratedMark(Base):
    """The mark of a candidate after moderation, as it goes to results."""

    __tablename__ = "moderated_mark"
    __table_args__ = (Index(None, "case_id"),)

    outcome_id: Mapped[str] = mapped_column(ForeignKey("outcome.id"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    centre_mark: Mapped[int | None]
    moderated_mark: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(30))
