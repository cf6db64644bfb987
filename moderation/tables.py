"""Tables of moderation: reference data, entries, marks, samples, outcomes and results.

People appear as opaque ``person_id`` texts; the service owns them. History rows are only ever added.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC; SQLite, which has no zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as the database keeps it; raises ``ValueError`` for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant in UTC, aware again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the tables of moderation."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {datetime: Instant(), dict[str, Any]: JSON(), list[Any]: JSON()}  # noqa: RUF012


def new_id() -> str:
    """Return a fresh opaque identifier."""
    return str(uuid4())


# Reference data


class SeriesRow(Base):
    """An exam series that has data here."""

    __tablename__ = "series"

    key: Mapped[str] = mapped_column(String(12), primary_key=True)
    awarding_body: Mapped[str] = mapped_column(String(2))
    code: Mapped[str] = mapped_column(String(2))
    year: Mapped[int]
    title: Mapped[str] = mapped_column(String(60))


class ImportFile(Base):
    """A file that was imported, with what it held: the receipt of the import."""

    __tablename__ = "import_file"
    __table_args__ = (Index(None, "kind", "sha256"),)

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


# Centres, candidates, entries


class Centre(Base):
    """A school or college; its nation decides which bank holidays count."""

    __tablename__ = "centre"

    centre_number: Mapped[str] = mapped_column(String(5), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    nation: Mapped[str] = mapped_column(String(20), default="ENGLAND")


class Consortium(Base):
    """Centres that are moderated as one group in a component of a series."""

    __tablename__ = "consortium"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    lead_centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))


class ConsortiumMember(Base):
    """A centre of a consortium; a centre is in one consortium per component."""

    __tablename__ = "consortium_member"
    __table_args__ = (UniqueConstraint("series_key", "component_code", "centre_number"),)

    consortium_id: Mapped[str] = mapped_column(ForeignKey("consortium.id"), primary_key=True)
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"), primary_key=True)
    series_key: Mapped[str] = mapped_column(String(12))
    component_code: Mapped[str] = mapped_column(String(12))


class Candidate(Base):
    """A candidate of a centre in a series."""

    __tablename__ = "candidate"
    __table_args__ = (UniqueConstraint("series_key", "centre_number", "candidate_number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    candidate_number: Mapped[str] = mapped_column(String(4))
    surname: Mapped[str] = mapped_column(String(60), default="")
    forenames: Mapped[str] = mapped_column(String(60), default="")
    uci: Mapped[str] = mapped_column(String(13), default="")
    sex: Mapped[str] = mapped_column(String(1), default="")
    born_on: Mapped[date | None]


class Entry(Base):
    """A candidate put in for an option; the source of every candidate list."""

    __tablename__ = "entry"
    __table_args__ = (
        ForeignKeyConstraint(
            ["series_key", "option_code"],
            ["entry_option.series_key", "entry_option.option_code"],
            name="fk_entry_option",
        ),
        Index(None, "series_key", "option_code"),
    )

    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"), primary_key=True)
    option_code: Mapped[str] = mapped_column(String(6), primary_key=True)
    series_key: Mapped[str] = mapped_column(String(12))
    withdrawn_at: Mapped[datetime | None]


# The case


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


class ModerationCase(Base):
    """One component at one centre in one series: the unit of moderation work."""

    __tablename__ = "moderation_case"
    __table_args__ = (
        UniqueConstraint("series_key", "component_code", "centre_number"),
        Index(None, "series_key", "centre_number"),
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


# Results


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
