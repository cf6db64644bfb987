"""Tables of results: marks from elsewhere, boundaries, and the versions released."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class ExternalMark(Base):
    """A mark that moderation does not make: of a written paper, or carried forward."""

    __tablename__ = "external_mark"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    mark: Mapped[int | None]
    status: Mapped[str] = mapped_column(String(30))


class GradeBoundary(Base):
    """Lowest total for a grade of an option."""

    __tablename__ = "grade_boundary"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    grade: Mapped[str] = mapped_column(String(4), primary_key=True)
    mark: Mapped[int]


class GateRun(Base):
    """One run of the results gate: what was open, what became of every entry, and the digest of the results."""

    __tablename__ = "gate_run"
    __table_args__ = (UniqueConstraint("series_key", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    number: Mapped[int]
    ran_at: Mapped[datetime]
    ran_by: Mapped[str] = mapped_column(String(64))
    is_clear: Mapped[bool]
    digest: Mapped[str] = mapped_column(String(64))
    results_total: Mapped[int]
    blocks: Mapped[list[Any]]
    reconciliations: Mapped[list[Any]]


class GateHeld(Base):
    """A case that a run of the gate held back: its candidates are pending."""

    __tablename__ = "gate_held"

    gate_run_id: Mapped[str] = mapped_column(ForeignKey("gate_run.id"), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("moderation_case.id"), primary_key=True)


class ResultVersion(Base):
    """One release of a series' results; a later one is a new row. It rests on a clear run of the gate."""

    __tablename__ = "result_version"
    __table_args__ = (
        UniqueConstraint("series_key", "number"),
        CheckConstraint("released_by_first <> released_by_second", name="two_people"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    number: Mapped[int]
    gate_run_id: Mapped[str] = mapped_column(ForeignKey("gate_run.id"))
    digest: Mapped[str] = mapped_column(String(64))
    reason_code: Mapped[str] = mapped_column(String(30))
    reason: Mapped[str] = mapped_column(String(500), default="")
    released_by_first: Mapped[str] = mapped_column(String(64))
    released_by_second: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    restricted_at: Mapped[datetime]
    candidates_at: Mapped[datetime]
    public_at: Mapped[datetime]


class ResultWithdrawal(Base):
    """A version of results taken back by two people: nobody outside the awarding body sees it any more."""

    __tablename__ = "result_withdrawal"
    __table_args__ = (CheckConstraint("withdrawn_by_first <> withdrawn_by_second", name="two_people"),)

    version_id: Mapped[str] = mapped_column(ForeignKey("result_version.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(500))
    withdrawn_by_first: Mapped[str] = mapped_column(String(64))
    withdrawn_by_second: Mapped[str] = mapped_column(String(64))
    withdrawn_at: Mapped[datetime]


class OptionResult(Base):
    """The result of one candidate in one option, in one release."""

    __tablename__ = "option_result"

    version_id: Mapped[str] = mapped_column(ForeignKey("result_version.id"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    total: Mapped[str | None] = mapped_column(String(40))
    grade: Mapped[str | None] = mapped_column(String(4))
    indicator: Mapped[str | None] = mapped_column(String(1))
    components: Mapped[list[Any]]
    is_protected: Mapped[bool] = mapped_column(default=False, server_default=false())
    """A published grade that a review of moderation may not lower: the total fell, the grade stayed."""
