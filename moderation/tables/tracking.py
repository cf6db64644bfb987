"""Tables of submission tracking: evidence slots, what is missing or not as it must be, extensions, reopenings, reminders."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id

_UNDECIDED = text("decided_at IS NULL")


class EvidenceSlot(Base):
    """A named place for one kind of file of a component: of each candidate, or of the whole cohort."""

    __tablename__ = "evidence_slot"
    __table_args__ = (
        ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_slot_component",
        ),
    )

    series_key: Mapped[str] = mapped_column(String(12), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    slot: Mapped[str] = mapped_column(String(63), primary_key=True)
    position: Mapped[int]
    title: Mapped[str] = mapped_column(String(80))
    hint: Mapped[str] = mapped_column(String(200), default="")
    required: Mapped[bool]
    scope: Mapped[str] = mapped_column(String(12))
    media_types: Mapped[list[Any]]
    """What may be sent; empty stands for whatever the service takes."""
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)


class MissingWork(Base):
    """Why a sampled candidate has no work, as it was said; rows are only added, the newest counts."""

    __tablename__ = "missing_work"
    __table_args__ = (UniqueConstraint("sample_item_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"))
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(20))
    loss: Mapped[str] = mapped_column(String(20), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    said_by: Mapped[str] = mapped_column(String(64))
    said_at: Mapped[datetime]


class ItemFinding(Base):
    """What a moderator found when a work was unpacked or opened; rows are only added, the newest counts."""

    __tablename__ = "item_finding"
    __table_args__ = (UniqueConstraint("sample_item_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"))
    number: Mapped[int]
    consignment_id: Mapped[str | None] = mapped_column(ForeignKey("consignment.id"))
    finding: Mapped[str] = mapped_column(String(20))
    note: Mapped[str] = mapped_column(String(500), default="")
    found_by: Mapped[str] = mapped_column(String(64))
    found_at: Mapped[datetime]


class Incident(Base):
    """Something that keeps many centres from sending in time; one officer reports it, another grants more time."""

    __tablename__ = "incident"
    __table_args__ = (CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_people"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str | None] = mapped_column(String(12))
    centre_numbers: Mapped[list[Any]]
    """The centres it concerns; empty stands for all of them."""
    reason: Mapped[str] = mapped_column(String(500))
    due_on: Mapped[date]
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str] = mapped_column(String(500), default="")
    granted: Mapped[bool | None]
    cases_extended: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Extension(Base):
    """More time for the marks or the sample of a case: asked for by one person, granted or refused by another."""

    __tablename__ = "extension"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_people"),
        Index(None, "case_id"),
        Index(
            "uq_extension_undecided",
            "case_id",
            "subject",
            unique=True,
            sqlite_where=_UNDECIDED,
            postgresql_where=_UNDECIDED,
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    subject: Mapped[str] = mapped_column(String(10))
    incident_id: Mapped[str | None] = mapped_column(ForeignKey("incident.id"))
    reason: Mapped[str] = mapped_column(String(500))
    wanted_on: Mapped[date]
    due_before_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str] = mapped_column(String(500), default="")
    granted_due_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Reopening(Base):
    """Marks or a sample given back to the centre: who asked and why, who granted it, what was before and after."""

    __tablename__ = "reopening"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_people"),
        Index(None, "case_id"),
        Index(
            "uq_reopening_undecided",
            "case_id",
            unique=True,
            sqlite_where=_UNDECIDED,
            postgresql_where=_UNDECIDED,
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    subject: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(500))
    asked_by: Mapped[str] = mapped_column(String(64))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str] = mapped_column(String(500), default="")
    granted: Mapped[bool | None]
    before: Mapped[list[Any] | None]
    after: Mapped[list[Any] | None]
    receipt_before: Mapped[str | None] = mapped_column(String(36))
    receipt_after: Mapped[str | None] = mapped_column(String(36))
    resubmitted_by: Mapped[str | None] = mapped_column(String(64))
    resubmitted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class Reminder(Base):
    """A reminder that marks or a sample are due, made once for each day the policy names; rows are only added."""

    __tablename__ = "reminder"
    __table_args__ = (UniqueConstraint("case_id", "subject", "due_at", "working_days"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    subject: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime]
    working_days: Mapped[int]
    made_at: Mapped[datetime]
