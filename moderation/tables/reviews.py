"""Tables of what comes after results: requests, consents, review marks, outcomes, appeals, missing results."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from moderation.tables.base import Base, new_id

STANDING = text("state NOT IN ('WITHDRAWN', 'REFUSED')")
UNANSWERED = text("state = 'OPEN'")


class ServiceTermsRow(Base):
    """Terms of post-results services as they were imported; the newest row about a service holds."""

    __tablename__ = "service_terms"
    __table_args__ = (UniqueConstraint("awarding_body", "series", "service", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    awarding_body: Mapped[str] = mapped_column(String(2))
    series: Mapped[str] = mapped_column(String(12))
    service: Mapped[str] = mapped_column(String(10))
    number: Mapped[int]
    terms: Mapped[dict[str, Any]]
    imported_by: Mapped[str] = mapped_column(String(64))
    imported_at: Mapped[datetime]


class ReviewRequest(Base):
    """One request of a centre after results; ``subject`` is what it is about, so that none stands twice.

    ``subject`` is the candidate, empty for a whole component, or the request an appeal is about. ``terms`` are kept as
    they were when it was written.
    """

    __tablename__ = "review_request"
    __table_args__ = (
        CheckConstraint("service <> '3' OR candidate_id IS NULL", name="whole_component"),
        CheckConstraint(
            "service NOT IN ('1', '2', 'P2', 'ATS-P', 'ATS') OR candidate_id IS NOT NULL", name="one_candidate"
        ),
        CheckConstraint("service NOT IN ('APPEAL-1', 'APPEAL-2') OR about_id IS NOT NULL", name="appeal_of_review"),
        Index(
            "uq_review_request_standing",
            "series_key",
            "service",
            "component_code",
            "centre_number",
            "subject",
            unique=True,
            sqlite_where=STANDING,
            postgresql_where=STANDING,
        ),
        Index(None, "series_key", "state"),
        Index(None, "case_id"),
        Index(None, "about_id"),
        Index(None, "reviewer"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    component_code: Mapped[str] = mapped_column(String(12))
    service: Mapped[str] = mapped_column(String(10))
    candidate_id: Mapped[str | None] = mapped_column(ForeignKey("candidate.id"))
    case_id: Mapped[str | None] = mapped_column(ForeignKey("moderation_case.id"))
    about_id: Mapped[str | None] = mapped_column(ForeignKey("review_request.id"))
    subject: Mapped[str] = mapped_column(String(36))
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(default=1)
    consent: Mapped[str] = mapped_column(String(12))
    terms: Mapped[dict[str, Any]]
    result_version_number: Mapped[int]
    """The release of results that the centre had before it."""
    reviewer: Mapped[str | None] = mapped_column(String(64))
    """Who reviews the moderation; allocated with act ``REVIEW``."""
    trigger_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class ReviewTransition(Base):
    """One step in the life of a request; rows are only added."""

    __tablename__ = "review_transition"
    __table_args__ = (UniqueConstraint("request_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"))
    number: Mapped[int]
    from_state: Mapped[str] = mapped_column(String(20))
    to_state: Mapped[str] = mapped_column(String(20))
    event: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(64))
    occurred_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(500), default="")


class ReviewConsent(Base):
    """The centre's word that it holds a candidate's consent, and to what; the paper itself stays with the centre."""

    __tablename__ = "review_consent"

    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"), primary_key=True)
    wording: Mapped[str] = mapped_column(String(1000))
    given_on: Mapped[date]
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]
    keep_until: Mapped[date | None]
    """Set by the outcome, and moved on by the outcome of an appeal."""


class ReviewMark(Base):
    """The mark a reviewer gave a work of the original sample; superseded, never overwritten."""

    __tablename__ = "review_mark"
    __table_args__ = (
        CheckConstraint("mark >= 0", name="mark_not_negative"),
        UniqueConstraint("request_id", "sample_item_id", "number"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"))
    sample_item_id: Mapped[str] = mapped_column(ForeignKey("sample_item.id"))
    number: Mapped[int]
    mark: Mapped[int]
    comment: Mapped[str] = mapped_column(String(2000), default="")
    marked_by: Mapped[str] = mapped_column(String(64))
    marked_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]


class ReviewOutcome(Base):
    """What a request led to: proposed by one person, confirmed by another against its rationale."""

    __tablename__ = "review_outcome"
    __table_args__ = (
        UniqueConstraint("request_id", "number"),
        CheckConstraint("confirmed_by IS NULL OR confirmed_by <> proposed_by", name="two_people"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"))
    number: Mapped[int]
    finding: Mapped[str] = mapped_column(String(30))
    reason_code: Mapped[str | None] = mapped_column(String(60))
    rationale: Mapped[str] = mapped_column(String(2000))
    mark_before: Mapped[int | None]
    mark_after: Mapped[int | None]
    numbers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The arithmetic of a changed moderation, as ``Decision.numbers``."""
    proposed_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None] = mapped_column(String(64))
    confirmed_at: Mapped[datetime | None]
    superseded_at: Mapped[datetime | None]
    fee_pence: Mapped[int | None]
    is_fee_due: Mapped[bool | None]


class ExternalMarkChange(Base):
    """One change of a mark from elsewhere after results: both values, why, and by which request; rows are only added."""

    __tablename__ = "external_mark_change"
    __table_args__ = (UniqueConstraint("series_key", "component_code", "candidate_id", "number"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    component_code: Mapped[str] = mapped_column(String(12))
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"))
    number: Mapped[int]
    mark_before: Mapped[int | None]
    status_before: Mapped[str] = mapped_column(String(30))
    mark_after: Mapped[int | None]
    status_after: Mapped[str] = mapped_column(String(30))
    reason_code: Mapped[str] = mapped_column(String(60))
    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"))
    changed_by: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime]


class Appeal(Base):
    """What an appeal rests on; the request itself carries its state and its clock."""

    __tablename__ = "appeal"
    __table_args__ = (CheckConstraint("acts_for_head", name="head_of_centre"),)

    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"), primary_key=True)
    grounds: Mapped[str] = mapped_column(String(60))
    statement: Mapped[str] = mapped_column(String(4000))
    acts_for_head: Mapped[bool]
    """The exams officer's declaration that the head of centre makes this appeal."""
    reasons_asked: Mapped[bool]
    evidence: Mapped[list[Any]]
    """The bundle: name and SHA-256 of each thing."""
    evidence_sha256: Mapped[str] = mapped_column(String(64))


class PanelMember(Base):
    """A person who hears an appeal."""

    __tablename__ = "panel_member"
    __table_args__ = (Index(None, "person_id"),)

    request_id: Mapped[str] = mapped_column(ForeignKey("review_request.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    appointed_by: Mapped[str] = mapped_column(String(64))
    appointed_at: Mapped[datetime]


class MissingResult(Base):
    """A centre's report of a missing or incomplete result: free, and no review."""

    __tablename__ = "missing_result"
    __table_args__ = (
        Index(
            "uq_missing_result_open",
            "series_key",
            "candidate_id",
            "component_code",
            unique=True,
            sqlite_where=UNANSWERED,
            postgresql_where=UNANSWERED,
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    series_key: Mapped[str] = mapped_column(ForeignKey("series.key"))
    centre_number: Mapped[str] = mapped_column(ForeignKey("centre.centre_number"))
    candidate_id: Mapped[str] = mapped_column(ForeignKey("candidate.id"))
    component_code: Mapped[str] = mapped_column(String(12))
    kind: Mapped[str] = mapped_column(String(20))
    details: Mapped[str] = mapped_column(String(1000))
    state: Mapped[str] = mapped_column(String(12))
    version: Mapped[int] = mapped_column(default=1)
    reported_by: Mapped[str] = mapped_column(String(64))
    reported_at: Mapped[datetime]
    answer: Mapped[str] = mapped_column(String(1000), default="")
    answered_by: Mapped[str | None] = mapped_column(String(64))
    answered_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012
