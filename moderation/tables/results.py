"""Tables of results: marks from elsewhere, boundaries, and the versions released."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
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


class ResultVersion(Base):
    """One release of a series' results; a later one is a new row."""

    __tablename__ = "result_version"
    __table_args__ = (
        UniqueConstraint("series_key", "number"),
        CheckConstraint("released_by_first <> released_by_second", name="two_people"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    number: Mapped[int]
    gate: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    released_by_first: Mapped[str] = mapped_column(String(64))
    released_by_second: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    restricted_at: Mapped[datetime]
    candidates_at: Mapped[datetime]
    public_at: Mapped[datetime]


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
