"""Tables of standardisation: works with an agreed mark, who marked them how, and who is approved."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class StandardisationPlan(Base):
    """What a component asks of its moderators."""

    __tablename__ = "standardisation_plan"
    __table_args__ = (
        ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_standardisation_plan_component",
        ),
    )

    series_key: Mapped[str] = mapped_column(String(12), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    approval_required: Mapped[bool]
    uses_seeds: Mapped[bool]
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]


class StandardisationWork(Base):
    """A work with an agreed mark: one person proposes the mark, another confirms it, and only then is it used."""

    __tablename__ = "standardisation_work"
    __table_args__ = (
        UniqueConstraint("series_key", "component_code", "sample_item_id", name="uq_standardisation_work_item"),
        UniqueConstraint("series_key", "component_code", "kind", "number", name="uq_standardisation_work_number"),
        CheckConstraint("agreed_mark >= 0", name="mark_not_negative"),
        CheckConstraint("confirmed_by IS NULL OR confirmed_by <> proposed_by", name="two_people"),
        ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_standardisation_work_component",
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(String(12))
    component_code: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(String(12))
    number: Mapped[int]
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"), index=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    centre_number: Mapped[str] = mapped_column(String(5))
    """Whose work it is, so that nobody with a tie to the centre, or who moderates it, is given it."""
    agreed_mark: Mapped[int]
    commentary: Mapped[str] = mapped_column(String(2000), default="")
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None] = mapped_column(String(64))
    confirmed_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class StandardisationReading(Base):
    """One moderator's reading of such a work: given, and then marked once. A seed stands among the works of a case."""

    __tablename__ = "standardisation_reading"
    __table_args__ = (
        UniqueConstraint("work_id", "person_id"),
        Index(None, "case_id"),
        CheckConstraint("mark IS NULL OR mark >= 0", name="mark_not_negative"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    work_id: Mapped[str] = mapped_column(ForeignKey("standardisation_work.id"))
    person_id: Mapped[str] = mapped_column(String(64), index=True)
    case_id: Mapped[str | None] = mapped_column(ForeignKey("moderation_case.id"))
    """The case among whose works a seed stands; None for practice and approval."""
    given_at: Mapped[datetime]
    number: Mapped[int] = mapped_column(default=0)
    """How often it was marked: a seed's mark may change, as live ones do."""
    mark: Mapped[int | None]
    comment: Mapped[str] = mapped_column(String(2000), default="")
    marked_at: Mapped[datetime | None]


class ModeratorApproval(Base):
    """A person's decision that a moderator may mark live work of a component, or may not; rows are only added."""

    __tablename__ = "moderator_approval"
    __table_args__ = (
        UniqueConstraint("series_key", "component_code", "person_id", "number", name="uq_moderator_approval_number"),
        CheckConstraint("decided_by <> person_id", name="two_people"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[str] = mapped_column(String(64))
    number: Mapped[int]
    is_approved: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(500))
    decided_by: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]
