"""Tables of reference data: series, imported files and what basedata describes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id


class SeriesRow(Base):
    """An exam series that has data here."""

    __tablename__ = "series"

    key: Mapped[str] = mapped_column(String(12), primary_key=True)
    awarding_body: Mapped[str] = mapped_column(String(2))
    code: Mapped[str] = mapped_column(String(2))
    year: Mapped[int]
    title: Mapped[str] = mapped_column(String(60))
    results_on: Mapped[date | None]
    """The day on which candidates get their results, once it is announced."""


class ImportFile(Base):
    """A file that was imported, with what it held: the receipt of the import."""

    __tablename__ = "import_file"
    __table_args__ = (
        Index(None, "kind", "sha256"),
        # Of one centre no sequence number is taken in twice, whoever tries.
        Index(
            "uq_import_file_series_key_centre_number_kind_sequence",
            "series_key",
            "centre_number",
            "kind",
            "sequence",
            unique=True,
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    series_key: Mapped[str | None] = mapped_column(String(12))
    centre_number: Mapped[str | None] = mapped_column(String(5))
    sequence: Mapped[int | None]
    imported_at: Mapped[datetime]
    imported_by: Mapped[str] = mapped_column(String(64))
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    warnings: Mapped[list[Any]] = mapped_column(default=list)


class Syllabus(Base):
    """A specification of a series."""

    __tablename__ = "syllabus"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    syllabus_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    title: Mapped[str] = mapped_column(String(120))


class EntryOption(Base):
    """What a candidate is entered for; linked to its components."""

    __tablename__ = "entry_option"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    syllabus_code: Mapped[str] = mapped_column(String(12))
    title: Mapped[str] = mapped_column(String(120))
    qualification: Mapped[str] = mapped_column(String(12), default="")
    level: Mapped[str] = mapped_column(String(12), default="")
    exam_item: Mapped[str] = mapped_column(String(1), default="")
    qan: Mapped[str] = mapped_column(String(12), default="")
    maximum: Mapped[int | None]
    result_gradeset: Mapped[str] = mapped_column(String(12), default="")
    submission_mode: Mapped[str | None] = mapped_column(String(20))


class Component(Base):
    """A single assessed part. Marks, samples and modes hang on it."""

    __tablename__ = "component"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    teacher_marks: Mapped[bool] = mapped_column(default=False)
    maximum_mark: Mapped[int]
    maximum_entered: Mapped[bool] = mapped_column(default=False)
    due_on: Mapped[date | None]
    timetabled: Mapped[bool] = mapped_column(default=False)
    timetable_on: Mapped[date | None]
    timetable_session: Mapped[str] = mapped_column(String(4), default="")
    minutes: Mapped[int | None]
    submission_mode: Mapped[str | None] = mapped_column(String(20))
    mode_source: Mapped[str] = mapped_column(String(40), default="")
    tolerance_marks: Mapped[int | None]
    weighted_maximum: Mapped[str | None] = mapped_column(String(20))
    sample_profile_id: Mapped[str | None] = mapped_column(String(40))
    read_blind: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whoever moderates it does not learn whose work it is."""


class OptionComponent(Base):
    """Link of an option to one of its components."""

    __tablename__ = "option_component"
    __table_args__ = (
        ForeignKeyConstraint(
            ["series_key", "option_code"],
            ["entry_option.series_key", "entry_option.option_code"],
            name="fk_link_option",
        ),
        ForeignKeyConstraint(
            ["series_key", "component_code"],
            ["component.series_key", "component.component_code"],
            name="fk_link_component",
        ),
        Index(None, "series_key", "component_code"),
    )

    series_key: Mapped[str] = mapped_column(String(12), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    component_code: Mapped[str] = mapped_column(String(12), primary_key=True)


class DisallowedPair(Base):
    """Two options that one candidate may not take together; ``*`` at the end stands for anything."""

    __tablename__ = "disallowed_pair"

    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    other_code: Mapped[str] = mapped_column(String(6), primary_key=True)
