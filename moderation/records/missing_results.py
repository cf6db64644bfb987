"""Missing and incomplete results: reported by the centre for nothing, repaired by an officer, never a review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from moderation.errors import IllegalTransition, ReasonMissing, ServiceNotOffered, StaleVersion, UnknownReview
from moderation.records.reviews import published
from moderation.review import Refusal
from moderation.tables import Candidate, Entry, MissingResult, OptionComponent, new_id


class MissingKind(StrEnum):
    """What is wrong with a result that is missing or incomplete.

    Source: OCR, http://www.ocr.org.uk/administration/post_results/general.aspx.
    """

    ABSENT_IN_ERROR = "ABSENT_IN_ERROR"
    MARK_NOT_RECEIVED = "MARK_NOT_RECEIVED"
    TWO_UCIS = "TWO_UCIS"


class MissingState(StrEnum):
    """Where a report stands."""

    OPEN = "OPEN"
    ANSWERED = "ANSWERED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True)
class MissingView:
    """A report of a missing result as pages show it."""

    report_id: str
    series_key: str
    centre_number: str
    candidate_number: str
    component_code: str
    kind: MissingKind
    details: str
    state: MissingState
    version: int
    reported_at: datetime
    answer: str
    answered_at: datetime | None


def report_missing(
    session: Session,
    *,
    series_key: str,
    centre_number: str,
    candidate_id: str,
    component_code: str,
    kind: MissingKind,
    details: str,
    actor: str,
    now: datetime,
) -> MissingView:
    """Report a missing or incomplete result once results are out; free, and no service is used up by it.

    Raises: ``NoResults``; ``ResultsEmbargoed``; ``ServiceNotOffered`` for a candidate without an entry for the
    component at the centre, or a second open report; ``ReasonMissing`` without details.
    """
    published(session, series_key, now)
    if not details.strip():
        raise ReasonMissing("Say what is missing, in a few words.", field="details")
    entered = session.scalars(
        select(Candidate.id)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .where(
            Candidate.id == candidate_id,
            Candidate.centre_number == centre_number,
            Candidate.series_key == series_key,
            OptionComponent.component_code == component_code,
        )
    ).first()
    if entered is None:
        raise ServiceNotOffered(Refusal.NOT_ENTERED.value, reason=Refusal.NOT_ENTERED.name, field="component")
    row = MissingResult(
        id=new_id(),
        series_key=series_key,
        centre_number=centre_number,
        candidate_id=candidate_id,
        component_code=component_code,
        kind=kind.value,
        details=details.strip(),
        state=MissingState.OPEN.value,
        reported_by=actor,
        reported_at=now,
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise ServiceNotOffered(Refusal.ALREADY_OPEN.value, reason=Refusal.ALREADY_OPEN.name) from error
    return missing_results(session, report_id=row.id)[0]


def answer_missing(
    session: Session,
    report_id: str,
    *,
    answer: str,
    actor: str,
    now: datetime,
    withdraw: bool = False,
    expected_version: int | None = None,
) -> MissingView:
    """Answer a report, or withdraw it for the centre; what repairs the result is done where marks and entries are kept.

    Raises: ``UnknownReview``; ``ReasonMissing``; ``IllegalTransition`` once it is answered; ``StaleVersion``.
    """
    row = session.get(MissingResult, report_id)
    if row is None:
        raise UnknownReview(report_id=report_id)
    if not answer.strip():
        raise ReasonMissing("Say what was done, in a few words.", field="answer")
    if row.state != MissingState.OPEN:
        raise IllegalTransition("This report has been answered.", state=row.state)
    if expected_version is not None and expected_version != row.version:
        raise StaleVersion(expected=expected_version, found=row.version)
    row.state = (MissingState.WITHDRAWN if withdraw else MissingState.ANSWERED).value
    row.answer, row.answered_by, row.answered_at = answer.strip(), actor, now
    try:
        session.flush()
    except StaleDataError:
        raise StaleVersion from None
    return missing_results(session, report_id=report_id)[0]


def missing_results(
    session: Session, *, centre_number: str | None = None, report_id: str | None = None
) -> list[MissingView]:
    """Return reports of missing results, newest first."""
    query = (
        select(MissingResult, Candidate.candidate_number)
        .join(Candidate, Candidate.id == MissingResult.candidate_id)
        .order_by(MissingResult.reported_at.desc(), MissingResult.id)
    )
    if centre_number is not None:
        query = query.where(MissingResult.centre_number == centre_number)
    if report_id is not None:
        query = query.where(MissingResult.id == report_id)
    return [
        MissingView(
            row.id,
            row.series_key,
            row.centre_number,
            number,
            row.component_code,
            MissingKind(row.kind),
            row.details,
            MissingState(row.state),
            row.version,
            row.reported_at,
            row.answer,
            row.answered_at,
        )
        for row, number in session.execute(query)
    ]
