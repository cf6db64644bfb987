"""Tables of the moderator's report: the criteria of a component as data, and every version of what was written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Criterion(Base):
    """A marking criterion of a component, as its awarding body's mark scheme names it."""

    __tablename__ = "criterion"
    __table_args__ = (
        ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_criterion_component",
        ),
        CheckConstraint("maximum_mark > 0", name="maximum_positive"),
    )

    series_key: Mapped[str] = mapped_column(String(12), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(120))
    maximum_mark: Mapped[int]


class ModeratorReport(Base):
    """One version of a moderator's report on a sample; a later one is a new row.

    Its texts are never changed. When it was handed in, returned and released is noted on it, each once.
    """

    __tablename__ = "moderator_report"
    __table_args__ = (
        UniqueConstraint("sample_id", "number"),
        CheckConstraint("returned_at IS NULL OR submitted_at IS NOT NULL", name="returned_after_submission"),
        CheckConstraint("released_at IS NULL OR submitted_at IS NOT NULL", name="released_after_submission"),
        CheckConstraint("released_at IS NULL OR returned_at IS NULL", name="released_or_returned"),
        CheckConstraint("returned_by <> submitted_by", name="returned_by_another"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_id: Mapped[str] = mapped_column(ForeignKey("sample.id"))
    number: Mapped[int]
    task_suitability: Mapped[str] = mapped_column(String(4000), default="")
    accuracy: Mapped[str] = mapped_column(String(4000), default="")
    administration: Mapped[str] = mapped_column(String(4000), default="")
    general: Mapped[str] = mapped_column(String(4000), default="")
    saved_at: Mapped[datetime]
    saved_by: Mapped[str] = mapped_column(String(64))
    submitted_at: Mapped[datetime | None]
    submitted_by: Mapped[str | None] = mapped_column(String(64))
    returned_at: Mapped[datetime | None]
    returned_by: Mapped[str | None] = mapped_column(String(64))
    return_reason: Mapped[str] = mapped_column(String(500), default="")
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None] = mapped_column(String(64))


class ReportLine(Base):
    """What a version of a report says of one work under one criterion; the empty code stands for the whole work."""

    __tablename__ = "report_line"
    __table_args__ = (CheckConstraint("verdict IN ('AGREED', 'GENEROUS', 'SEVERE')", name="verdict_known"),)

    report_id: Mapped[str] = mapped_column(ForeignKey("moderator_report.id"), primary_key=True)
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"), primary_key=True)
    criterion_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(10))
    comment: Mapped[str] = mapped_column(String(500), default="")
