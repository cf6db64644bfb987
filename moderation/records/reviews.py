"""Requests after results: what a centre can ask for, asking, and the steps up to the review itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import (
    ConsentRefused,
    NoResults,
    ReasonMissing,
    ResultsEmbargoed,
    ServiceNotOffered,
)
from moderation.records.results import ReleaseView, release_of
from moderation.records.review_facts import SampleProof, before_about, marked_work, moderated_work
from moderation.records.review_requests import RequestView, advance_request, request_of, view_request
from moderation.records.review_terms import terms_for
from moderation.results import Audience
from moderation.review import (
    APPEALS,
    Before,
    Refusal,
    RequestEvent,
    RequestState,
    Service,
    why_not_marking,
    why_not_moderation,
)
from moderation.review_terms import ServiceTerms, terms_from
from moderation.tables import (
    ModerationCase,
    ResultVersion,
    ReviewConsent,
    ReviewRequest,
    new_id,
)
from moderation.working_days import LONDON

_REASONED = frozenset({RequestEvent.WITHDRAW, RequestEvent.REFUSE})


@dataclass(frozen=True, slots=True)
class Offer:
    """A service as it is offered for one thing: on what terms, until when, or why not."""

    service: Service
    terms: ServiceTerms
    opens_at: datetime
    closes_at: datetime
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a centre asks for."""

    series_key: str
    component_code: str
    centre_number: str
    service: Service
    candidate_id: str | None = None
    place_at_stake: bool = False
    is_kept: bool = False
    proof: SampleProof | None = None


def published(session: Session, series_key: str, now: datetime) -> tuple[ReleaseView, datetime]:
    """Return the release that centres see now, and when results were first out for them.

    Raises: ``NoResults``; ``ResultsEmbargoed``: nothing can be asked for before results are out.
    """
    release = release_of(session, series_key)
    if release is None or release.withdrawn_at is not None:
        raise NoResults(series_key=series_key)
    if not release.embargo.is_open(Audience.CENTRE, now):
        raise ResultsEmbargoed(opens_at=release.embargo.restricted_at.isoformat())
    first = session.scalars(
        select(ResultVersion.restricted_at).where(ResultVersion.series_key == series_key).order_by(ResultVersion.number)
    ).first()
    return release, min(first or now, release.embargo.restricted_at)


def offers(session: Session, wish: Wish, now: datetime, services: Sequence[Service]) -> list[Offer]:
    """Return each service with its terms, its window, and why it cannot be asked for now; ``wish.service`` is ignored.

    Raises: ``NoResults``; ``ResultsEmbargoed``; ``UnknownSeries``.
    """
    _, out_at = published(session, wish.series_key, now)
    terms = terms_for(session, wish.series_key)
    return [
        Offer(
            service,
            terms[service],
            terms[service].opens_at(out_at),
            terms[service].closes_at(out_at),
            _refusal(session, wish, service, terms[service], out_at, now),
        )
        for service in services
        if service in terms and service not in APPEALS
    ]


def start(session: Session, wish: Wish, *, actor: str, now: datetime) -> RequestView:
    """Write a request as a draft, on the terms of today.

    Raises: ``NoResults``; ``ResultsEmbargoed``; ``ServiceNotOffered`` with the reason why not.
    """
    release, out_at = published(session, wish.series_key, now)
    terms = terms_for(session, wish.series_key).get(wish.service)
    if terms is None or wish.service in APPEALS:
        raise ServiceNotOffered
    _check(_refusal(session, wish, wish.service, terms, out_at, now))
    case_id = None
    if wish.service is Service.REVIEW_OF_MODERATION:
        case_id = session.scalars(
            select(ModerationCase.id).where(
                ModerationCase.series_key == wish.series_key,
                ModerationCase.component_code == wish.component_code,
                ModerationCase.centre_number == wish.centre_number,
            )
        ).one()
    row = ReviewRequest(
        id=new_id(),
        series_key=wish.series_key,
        centre_number=wish.centre_number,
        component_code=wish.component_code,
        service=wish.service.value,
        candidate_id=wish.candidate_id,
        case_id=case_id,
        subject=wish.candidate_id or "",
        state=RequestState.DRAFT.value,
        consent=terms.consent.value,
        terms=terms.as_json(),
        result_version_number=release.number,
        created_by=actor,
        created_at=now,
    )
    return add_request(session, row)


def add_request(session: Session, row: ReviewRequest) -> RequestView:
    """Keep a new request; of two made at the same time only one stands."""
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        raise ServiceNotOffered(Refusal.ALREADY_OPEN.value, reason=Refusal.ALREADY_OPEN.name) from error
    return view_request(session, row.id)


def record_consent(
    session: Session, request_id: str, *, given_on: date, actor: str, now: datetime, expected_version: int | None = None
) -> RequestView:
    """Note that the centre holds the candidate's written consent, given after results came out.

    Raises: ``ConsentRefused`` for a day before results or after today; ``IllegalTransition``; ``StaleVersion``.
    Source: OCR,
    https://ocr-live-prd95.cambridgeassessment.org.uk/administration/cambridge-technicals/post-results/reviews-of-marking.
    """
    row = request_of(session, request_id)
    _, out_at = published(session, row.series_key, now)
    if not out_at.astimezone(LONDON).date() <= given_on <= now.astimezone(LONDON).date():
        raise ConsentRefused(field="given_on")
    advance_request(session, row, RequestEvent.RECORD_CONSENT, actor=actor, now=now, expected_version=expected_version)
    session.add(
        ReviewConsent(
            request_id=row.id,
            wording=row.terms["consent_wording"],
            given_on=given_on,
            recorded_by=actor,
            recorded_at=now,
        )
    )
    session.flush()
    return view_request(session, request_id)


def submit(
    session: Session,
    request_id: str,
    *,
    proof: SampleProof | None,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> RequestView:
    """Send a request to the awarding body, if the service is still offered: the window and the sample are looked at again.

    Raises: ``ServiceNotOffered``; ``IllegalTransition``; ``StaleVersion``.
    """
    row = request_of(session, request_id)
    service = Service(row.service)
    if service not in APPEALS:
        _, out_at = published(session, row.series_key, now)
        _check(terms_from(row.terms).why_not_now(out_at, now))
    if service is Service.REVIEW_OF_MODERATION:
        check_sample(session, row, proof)
    advance_request(session, row, RequestEvent.SUBMIT, actor=actor, now=now, expected_version=expected_version)
    return view_request(session, request_id)


def step(
    session: Session,
    request_id: str,
    event: RequestEvent,
    *,
    actor: str,
    now: datetime,
    reason: str = "",
    expected_version: int | None = None,
) -> RequestView:
    """Acknowledge, refuse, withdraw or close a request, or begin one that needs no reviewer.

    Raises: ``ReasonMissing`` where it is withdrawn or refused without one; ``IllegalTransition``; ``StaleVersion``.
    """
    row = request_of(session, request_id)
    if event in _REASONED and not reason.strip():
        raise ReasonMissing(field="reason")
    advance_request(session, row, event, actor=actor, now=now, reason=reason.strip(), expected_version=expected_version)
    if event in _REASONED:
        row.reason = reason.strip()
        session.flush()
    return view_request(session, request_id)


def check_sample(session: Session, row: ReviewRequest, proof: SampleProof | None) -> None:
    """Refuse with ``ServiceNotOffered`` unless the original sample is still here, whole and unchanged."""
    work = moderated_work(session, row.series_key, row.component_code, row.centre_number, proof, is_kept=True)
    before = [
        one for one in before_about(session, row, leave_out=row.id) if one.service is Service.REVIEW_OF_MODERATION
    ]
    _check(why_not_moderation(work, candidate_named=row.candidate_id is not None, before=before))


def _refusal(
    session: Session, wish: Wish, service: Service, terms: ServiceTerms, out_at: datetime, now: datetime
) -> Refusal | None:
    before = _before(session, wish)
    if service is Service.REVIEW_OF_MODERATION:
        work = moderated_work(
            session, wish.series_key, wish.component_code, wish.centre_number, wish.proof, is_kept=wish.is_kept
        )
        whole = [one for one in before if one.service is Service.REVIEW_OF_MODERATION]
        found = why_not_moderation(work, candidate_named=wish.candidate_id is not None, before=whole)
    else:
        marked = None
        if wish.candidate_id is not None:
            marked = marked_work(
                session,
                wish.series_key,
                wish.component_code,
                wish.centre_number,
                wish.candidate_id,
                place_at_stake=wish.place_at_stake,
            )
        found = why_not_marking(service, marked, before=before, levels=frozenset(terms.levels))
    return found or terms.why_not_now(out_at, now)


def _before(session: Session, wish: Wish) -> list[Before]:
    rows = session.execute(
        select(ReviewRequest.service, ReviewRequest.state).where(
            ReviewRequest.series_key == wish.series_key,
            ReviewRequest.component_code == wish.component_code,
            ReviewRequest.centre_number == wish.centre_number,
            ReviewRequest.subject == (wish.candidate_id or ""),
        )
    )
    return [Before(Service(service), RequestState(state)) for service, state in rows]


def _check(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise ServiceNotOffered(refusal.value, reason=refusal.name)
