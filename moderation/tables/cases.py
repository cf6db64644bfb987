"""Tables of the moderation case: its states, centre marks, sample and the way the sample travels."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class Sample(Base):
    """Candidates whose work is asked for: of one case, or pooled over the cases of a consortium."""

    __tablename__ = "sample"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    consortium_id: Mapped[str | None] = mapped_column(ForeignKey("consortium.id"))
    profile_id: Mapped[str] = mapped_column(String(40))
    profile_version: Mapped[int]
    picker_version: Mapped[str] = mapped_column(String(20))
    list_sha256: Mapped[str] = mapped_column(String(64))
    candidates_total: Mapped[int]
    size: Mapped[int]
    swaps: Mapped[list[Any]] = mapped_column(default=list)
    uncovered_sets: Mapped[list[Any]] = mapped_column(default=list)
    requested_at: Mapped[datetime]
    due_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    stage: Mapped[str] = mapped_column(String(20), default="SUB_SAMPLE", server_default="SUB_SAMPLE")
    """How much of it is to be read: ``moderation.outcome.Stage``."""
    entered_total: Mapped[int | None]
    """Everybody entered when it was drawn, where the profile counts them; otherwise the drawable were counted."""
    chosen_by: Mapped[str | None] = mapped_column(String(64))
    """Who chose it, where the profile leaves that to a person."""
    choice_reason: Mapped[str] = mapped_column(String(500), default="", server_default="")


class ModerationCase(Base):
    """One component at one centre in one series: the unit of moderation work."""

    __tablename__ = "moderation_case"
    __table_args__ = (
        UniqueConstraint("series_key", "component_code", "centre_number"),
        Index(None, "series_key", "centre_number"),
        Index(None, "centre_number"),
        Index(None, "sample_id"),
        ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_case_component",
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(String(12))
    component_code: Mapped[str] = mapped_column(String(12))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    consortium_id: Mapped[str | None] = mapped_column(ForeignKey("consortium.id"))
    submission_mode: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(30))
    state_before_hold: Mapped[str | None] = mapped_column(String(30))
    version: Mapped[int] = mapped_column(default=1)
    mark_set_version: Mapped[int] = mapped_column(default=1)
    sample_id: Mapped[str | None] = mapped_column(ForeignKey("sample.id"))
    marks_extended_on: Mapped[date | None]
    """The day until which the centre was given time for its marks, if it was given more than the component has."""
    opened_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class CaseTransition(Base):
    """One step in the life of a case; rows are only added."""

    __tablename__ = "case_transition"
    __table_args__ = (UniqueConstraint("case_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    number: Mapped[int]
    from_state: Mapped[str] = mapped_column(String(30))
    to_state: Mapped[str] = mapped_column(String(30))
    event: Mapped[str] = mapped_column(String(30))
    actor: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(500), default="")


class CentreMark(Base):
    """The mark the centre gave a candidate in one version of its mark set."""

    __tablename__ = "centre_mark"
    __table_args__ = (
        CheckConstraint("mark IS NULL OR mark >= 0", name="mark_not_negative"),
        CheckConstraint("status <> 'PRESENT' OR mark > 0", name="present_has_mark"),
        CheckConstraint("status <> 'ABSENT' OR mark IS NULL", name="absent_has_no_mark"),
    )

    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    mark_set_version: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(30))
    mark: Mapped[int | None]
    teaching_set: Mapped[str] = mapped_column(String(20), default="")
    flags: Mapped[list[Any]] = mapped_column(default=list)
    reason: Mapped[str] = mapped_column(String(500), default="")
    saved_at: Mapped[datetime]
    saved_by: Mapped[str] = mapped_column(String(64))
    checked_at: Mapped[datetime | None]
    checked_by: Mapped[str | None] = mapped_column(String(64))


class SampleItem(Base):
    """One sampled candidate, with the reason why."""

    __tablename__ = "sample_item"
    __table_args__ = (UniqueConstraint("sample_id", "candidate_id"), Index(None, "case_id"))

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    sample_id: Mapped[str] = mapped_column(ForeignKey("sample.id"))
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"))
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"))
    position: Mapped[int]
    centre_mark: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20))
    explanation: Mapped[str] = mapped_column(String(200))
    first_stage: Mapped[bool]
    no_work_reason: Mapped[str] = mapped_column(String(200), default="")
    request_id: Mapped[str | None] = mapped_column(ForeignKey("work_request.id"))
    """The later request that asked for it; ``None`` for the sample as it was drawn."""
    replaces_item_id: Mapped[str | None] = mapped_column(ForeignKey("sample_item.id"))
    replaced_at: Mapped[datetime | None]
    """When another work was asked for in its place; it is then neither waited for nor read."""
    replaced_by: Mapped[str | None] = mapped_column(String(64))
    replacement_reason: Mapped[str] = mapped_column(String(30), default="", server_default="")


class Consignment(Base):
    """A posted sample: what was put in, the proof of posting, what arrived."""

    __tablename__ = "consignment"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"), index=True)
    sample_id: Mapped[str] = mapped_column(ForeignKey("sample.id"))
    proof_of_posting_number: Mapped[str] = mapped_column(String(40))
    contents: Mapped[list[Any]]
    despatched_at: Mapped[datetime]
    despatched_by: Mapped[str] = mapped_column(String(64))
    received_at: Mapped[datetime | None]
    received_by: Mapped[str | None] = mapped_column(String(64))
    received_contents: Mapped[list[Any] | None]
    discrepancy: Mapped[str] = mapped_column(String(1000), default="")


class Visit(Base):
    """A visiting moderator's appointment at a centre."""

    __tablename__ = "visit"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"), index=True)
    visit_on: Mapped[date]
    booked_at: Mapped[datetime]
    booked_by: Mapped[str] = mapped_column(String(64))
    held_at: Mapped[datetime | None]
    held_by: Mapped[str | None] = mapped_column(String(64))
