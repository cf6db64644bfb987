"""Requests after results as they are kept: finding them, their history, and the one place that moves them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from moderation.errors import StaleVersion, UnknownReview
from moderation.review import DONE, SCRIPTS, Consent, RequestEvent, RequestState, Service, Trigger, move
from moderation.review_terms import ServiceTerms, terms_from
from moderation.tables import Candidate, Component, ReviewConsent, ReviewRequest, ReviewTransition

_TRIGGERS = {
    RequestEvent.SUBMIT: Trigger.SUBMITTED,
    RequestEvent.ACKNOWLEDGE: Trigger.ACKNOWLEDGED,
    RequestEvent.BEGIN_REVIEW: Trigger.BEGUN,
}


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request as pages show it."""

    request_id: str
    series_key: str
    centre_number: str
    component_code: str
    component_title: str
    service: Service
    candidate_id: str | None
    candidate_number: str | None
    case_id: str | None
    about_id: str | None
    state: RequestState
    version: int
    consent: Consent
    terms: ServiceTerms
    reviewer: str | None
    trigger_at: datetime | None
    due_at: datetime | None
    reason: str
    created_by: str
    created_at: datetime
    result_version_number: int


def advance_request(
    session: Session,
    row: ReviewRequest,
    event: RequestEvent,
    *,
    actor: str,
    now: datetime,
    reason: str = "",
    expected_version: int | None = None,
) -> None:
    """Move a request on and add the step to its history; the only place where a request changes its state.

    The clock starts with the trigger of its terms.
    Raises: ``IllegalTransition``; ``StaleVersion`` when somebody moved it in the meantime.
    """
    if expected_version is not None and row.version != expected_version:
        raise StaleVersion(expected=expected_version, found=row.version)
    before = row.state
    row.state = move(RequestState(before), event, Consent(row.consent)).value
    terms = terms_from(row.terms)
    if _TRIGGERS.get(event) is terms.clock_trigger:
        row.trigger_at, row.due_at = now, terms.due_at(now)
    flag_modified(row, "state")
    try:
        session.flush()
    except StaleDataError:
        raise StaleVersion from None
    session.add(
        ReviewTransition(
            request_id=row.id,
            number=row.version,
            from_state=before,
            to_state=row.state,
            event=event.value,
            actor=actor,
            occurred_at=now,
            reason=reason,
        )
    )
    session.flush()


def request_of(session: Session, request_id: str) -> ReviewRequest:
    """Return a request; raises ``UnknownReview``."""
    row = session.get(ReviewRequest, request_id)
    if row is None:
        raise UnknownReview(request_id=request_id)
    return row


def view_request(session: Session, request_id: str) -> RequestView:
    """Return a request as pages show it; raises ``UnknownReview``."""
    request_of(session, request_id)
    return list_requests(session, request_id=request_id)[0]


def list_requests(
    session: Session,
    *,
    series_key: str | None = None,
    centre_number: str | None = None,
    reviewer: str | None = None,
    about_id: str | None = None,
    case_id: str | None = None,
    request_id: str | None = None,
) -> list[RequestView]:
    """Return the requests that match, newest first."""
    query = (
        select(ReviewRequest, Component.title, Candidate.candidate_number)
        .join(
            Component,
            (Component.series_key == ReviewRequest.series_key)
            & (Component.component_code == ReviewRequest.component_code),
        )
        .outerjoin(Candidate, Candidate.id == ReviewRequest.candidate_id)
        .order_by(ReviewRequest.created_at.desc(), ReviewRequest.id)
    )
    for column, value in (
        (ReviewRequest.series_key, series_key),
        (ReviewRequest.centre_number, centre_number),
        (ReviewRequest.reviewer, reviewer),
        (ReviewRequest.about_id, about_id),
        (ReviewRequest.case_id, case_id),
        (ReviewRequest.id, request_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return [_view(row, title, number) for row, title, number in session.execute(query)]


def history_of(session: Session, request_id: str) -> list[ReviewTransition]:
    """Return every step of a request, oldest first."""
    return list(
        session.scalars(
            select(ReviewTransition).where(ReviewTransition.request_id == request_id).order_by(ReviewTransition.number)
        )
    )


def consent_of(session: Session, request_id: str) -> ReviewConsent | None:
    """Return what the centre said of a candidate's consent, or ``None``."""
    return session.get(ReviewConsent, request_id)


def entitled_scripts(session: Session, series_key: str, centre_number: str) -> Mapping[tuple[str, str], str]:
    """Return whose scripts a centre may have: (candidate, component) → request.

    The images themselves are given out by whoever keeps them; this says only that they may be.
    """
    rows = session.execute(
        select(ReviewRequest.candidate_id, ReviewRequest.component_code, ReviewRequest.id).where(
            ReviewRequest.series_key == series_key,
            ReviewRequest.centre_number == centre_number,
            ReviewRequest.service.in_([service.value for service in SCRIPTS]),
            ReviewRequest.state.in_([state.value for state in DONE]),
        )
    )
    return {(candidate_id, code): request_id for candidate_id, code, request_id in rows if candidate_id is not None}


def _view(row: ReviewRequest, title: str, candidate_number: str | None) -> RequestView:
    return RequestView(
        row.id,
        row.series_key,
        row.centre_number,
        row.component_code,
        title,
        Service(row.service),
        row.candidate_id,
        candidate_number,
        row.case_id,
        row.about_id,
        RequestState(row.state),
        row.version,
        Consent(row.consent),
        terms_from(row.terms),
        row.reviewer,
        row.trigger_at,
        row.due_at,
        row.reason,
        row.created_by,
        row.created_at,
        row.result_version_number,
    )
