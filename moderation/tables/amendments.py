"""Tables of what happens to marks once the sample is drawn: amendments, feedback on an order that fails, calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class MarkAmendment(Base):
    """A wish to change one centre mark after the sample was drawn, and what an officer decided about it."""

    __tablename__ = "mark_amendment"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="two_people"),
        Index(None, "case_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"))
    kind: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(500))
    before_status: Mapped[str] = mapped_column(String(30))
    before_mark: Mapped[int | None]
    after_status: Mapped[str] = mapped_column(String(30))
    after_mark: Mapped[int | None]
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime]
    decision: Mapped[str | None] = mapped_column(String(20))
    sample_choice: Mapped[str | None] = mapped_column(String(20))
    decision_reason: Mapped[str] = mapped_column(String(500), default="")
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    mark_set_version: Mapped[int | None]
    """The version of the mark set that an approved amendment made."""


class CentreFeedback(Base):
    """What a centre was told when its marks were returned: about order and criteria, never about marks."""

    __tablename__ = "centre_feedback"
    __table_args__ = (Index(None, "case_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    outcome_id: Mapped[str] = mapped_column(ForeignKey("outcome.id"))
    feedback: Mapped[str] = mapped_column(String(2000))
    given_by: Mapped[str] = mapped_column(String(64))
    given_at: Mapped[datetime]


class SupportCall(Base):
    """A call with a centre whose order of merit failed, as the officer noted it."""

    __tablename__ = "support_call"
    __table_args__ = (Index(None, "case_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    spoken_with: Mapped[str] = mapped_column(String(120))
    notes: Mapped[str] = mapped_column(String(2000))
    noted_by: Mapped[str] = mapped_column(String(64))
    noted_at: Mapped[datetime]
