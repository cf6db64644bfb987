"""Acts of a centre after results: what it can ask for, asking, consent, sending, withdrawing, appealing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import NoResults, ResultsEmbargoed, UnknownReview
from moderation.records import appeals, independence, review_outcomes, review_requests, reviews
from moderation.records.appeals import AppealView, Plea
from moderation.records.cases import candidates_query
from moderation.records.missing_results import MissingKind, MissingView, missing_results, report_missing
from moderation.records.review_outcomes import FindingView
from moderation.records.review_requests import RequestView
from moderation.records.reviews import Offer, Wish
from moderation.review import APPEALS, SET_ASIDE, RequestEvent, RequestState, Service
from moderation.tables import Candidate, Component, Entry, OptionComponent, ReviewConsent, ReviewTransition, SeriesRow
from repository import access, audit
from repository.access import Action, Actor, Scope
from repository.acts import results
from repository.acts.cases import actor_of
from repository.acts.sealed_samples import proof_of
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.tables import Person

SERVICE_WORDS: Mapping[Service, str] = {
    Service.CLERICAL_RECHECK: "Service 1: clerical re-check",
    Service.REVIEW_OF_MARKING: "Service 2: review of marking",
    Service.PRIORITY_REVIEW: "Priority service 2: review of marking",
    Service.REVIEW_OF_MODERATION: "Service 3: review of moderation",
    Service.SCRIPT_PRIORITY: "Access to a script, before deciding on a review",
    Service.SCRIPT: "Access to a script, for teaching",
    Service.APPEAL_STAGE_1: "Appeal, first stage",
    Service.APPEAL_STAGE_2: "Appeal, second stage",
}
STATE_WORDS: Mapping[RequestState, str] = {
    RequestState.DRAFT: "Not sent yet",
    RequestState.CONSENTED: "Consent recorded, not sent yet",
    RequestState.SUBMITTED: "Sent to the awarding body",
    RequestState.ACKNOWLEDGED: "Acknowledged",
    RequestState.IN_REVIEW: "Being looked at",
    RequestState.OUTCOME: "Outcome given",
    RequestState.INVOICED: "Outcome given, fee settled",
    RequestState.CLOSED: "Closed",
    RequestState.WITHDRAWN: "Withdrawn",
    RequestState.REFUSED: "Refused",
}
TRIGGER_WORDS: Mapping[str, str] = {
    "submitted": "the day the request was sent",
    "acknowledged": "the day the awarding body acknowledged the request",
    "begun": "the day the reviewer had the sample",
}
ASKED_FOR = tuple(service for service in Service if service not in APPEALS)


@dataclass(frozen=True, slots=True)
class ComponentChoice:
    """A component of the centre in a series whose results are out, as it is chosen from a list."""

    series_key: str
    series_title: str
    component_code: str
    title: str

    @property
    def key(self) -> str:
        """Return the value of the choice on a form."""
        return f"{self.series_key}|{self.component_code}"


@dataclass(frozen=True, slots=True)
class ReviewsPage:
    """What a person sees of reviews: requests, what could be asked for, and reports of missing results."""

    requests: tuple[RequestView, ...]
    choices: tuple[ComponentChoice, ...]
    chosen: ComponentChoice | None
    candidates: tuple[tuple[str, str], ...]
    """(candidate number, name) of those entered for the chosen component."""
    candidate_number: str
    offers: tuple[Offer, ...]
    missing: tuple[MissingView, ...]


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request with everything about it that this person may see."""

    request: RequestView
    history: tuple[ReviewTransition, ...]
    consent: ReviewConsent | None
    finding: FindingView | None
    appeal: AppealView | None
    about: RequestView | None
    appeals: tuple[RequestView, ...]
    appeal_window: tuple[Service, datetime, datetime | None] | None
    names: Mapping[str, str]


def page(
    session: Session, context: Context, public_key_hex: str, component_key: str = "", candidate_number: str = ""
) -> ReviewsPage:
    """Return the requests that a person may see and, for an exams officer, what can be asked for.

    Takes: ``component_key``, ``series|component`` as chosen; ``candidate_number`` or empty for the whole component.
    Raises: ``FieldRefused`` for a component or candidate that is not the centre's.
    """
    actor = actor_of(context)
    found = tuple(listed(session, context))
    missing = tuple(missing_results(session, centre_number=_centre(actor)))
    if access.scope_of(actor, Action.REVIEW_REQUEST) is None:
        return ReviewsPage(found, (), None, (), "", (), missing)
    choices = _choices(session, context)
    if not component_key:
        return ReviewsPage(found, choices, None, (), "", (), missing)
    chosen = next((one for one in choices if one.key == component_key), None)
    if chosen is None:
        raise FieldRefused("Choose a component from the list.", field="component")
    candidates = _candidates(session, chosen, actor.centre_number or "")
    candidate_id = _candidate_id(session, chosen, actor.centre_number or "", candidate_number)
    wish = Wish(
        chosen.series_key,
        chosen.component_code,
        actor.centre_number or "",
        Service.REVIEW_OF_MODERATION,
        candidate_id,
        place_at_stake=True,
        is_kept=True,
        proof=proof_of(session, public_key_hex, chosen.series_key, chosen.component_code, actor.centre_number or ""),
    )
    offers = tuple(reviews.offers(session, wish, context.now, ASKED_FOR))
    return ReviewsPage(found, choices, chosen, candidates, candidate_number if candidate_id else "", offers, missing)


def listed(session: Session, context: Context, series_key: str | None = None) -> list[RequestView]:
    """Return the requests that a person may see: the own centre's, or all that were sent to the awarding body."""
    actor = actor_of(context)
    access.require_role(actor, Action.REVIEW_READ)
    found = review_requests.list_requests(session, series_key=series_key, centre_number=_centre(actor))
    if access.scope_of(actor, Action.REVIEW_READ) is Scope.ALL:
        return [one for one in found if one.state not in {RequestState.DRAFT, RequestState.CONSENTED}]
    return found


def permitted(session: Session, context: Context, action: Action, request_id: str) -> RequestView:
    """Return a request that the actor may do ``action`` on; raises ``NotFound`` for any other, absent or forbidden."""
    actor = actor_of(context)
    try:
        found = review_requests.view_request(session, request_id)
    except UnknownReview as error:
        raise NotFound from error
    own = found.reviewer == actor.person_id and not independence.is_tied(
        session, actor.person_id, found.centre_number, found.series_key, context.now
    )
    access.require(actor, action, centre_number=found.centre_number, own=own)
    unsent = found.state in {RequestState.DRAFT, RequestState.CONSENTED}
    if access.scope_of(actor, action) is Scope.ALL and (unsent or _was_never_sent(session, found)):
        raise NotFound
    return found


def show(session: Session, context: Context, request_id: str) -> RequestPage:
    """Return a request; a centre sees what was found only once it is confirmed, and never who reviewed."""
    found = permitted(session, context, Action.REVIEW_READ, request_id)
    is_centre = access.scope_of(actor_of(context), Action.REVIEW_READ) is Scope.MY_CENTRE
    finding = review_outcomes.finding_of(session, request_id)
    if is_centre and finding is not None and finding.confirmed_at is None:
        finding = None
    history = tuple(review_requests.history_of(session, request_id))
    plea = appeals.appeal_of(session, request_id)
    people = {row.actor for row in history} | {found.created_by, found.reviewer or ""}
    people |= set(plea.panel) if plea else set()
    if finding is not None:
        people |= {finding.proposed_by, finding.confirmed_by or ""}
    names: Mapping[str, str] = {}
    if not is_centre:
        rows = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(people)))
        names = {row[0]: row[1] for row in rows}
    about = None if found.about_id is None else review_requests.view_request(session, found.about_id)
    return RequestPage(
        found,
        history,
        review_requests.consent_of(session, request_id),
        finding,
        plea,
        about,
        tuple(review_requests.list_requests(session, about_id=request_id)),
        appeals.appeal_window(session, request_id),
        names,
    )


def start(
    session: Session,
    context: Context,
    public_key_hex: str,
    *,
    component_key: str,
    service: Service,
    candidate_number: str = "",
    place_at_stake: bool = False,
    is_kept: bool = False,
) -> str:
    """Write a request of the own centre as a draft; returns its id.

    Raises: ``ServiceNotOffered`` with the reason; ``ResultsEmbargoed``; ``FieldRefused``.
    """
    actor = actor_of(context)
    centre = actor.centre_number or ""
    access.require(actor, Action.REVIEW_REQUEST, centre_number=centre)
    series_key, _, component_code = component_key.partition("|")
    component = session.get(Component, (series_key, component_code))
    series = session.get(SeriesRow, series_key)
    if component is None or series is None:
        raise FieldRefused("Choose a component from the list.", field="component")
    chosen = ComponentChoice(series_key, series.title, component_code, component.title)
    reviews.published(session, series_key, context.now)
    wish = Wish(
        series_key,
        component_code,
        centre,
        service,
        _candidate_id(session, chosen, centre, candidate_number),
        place_at_stake=place_at_stake,
        is_kept=is_kept,
        proof=proof_of(session, public_key_hex, series_key, component_code, centre),
    )
    made = reviews.start(session, wish, actor=actor.person_id, now=context.now)
    audit.record(session, context, Action.REVIEW_REQUEST, "review", made.request_id, service=service.value)
    return made.request_id


def record_consent(
    session: Session, context: Context, request_id: str, given_on: date, version: int | None = None
) -> RequestView:
    """Note that the centre holds the candidate's written consent."""
    permitted(session, context, Action.REVIEW_REQUEST, request_id)
    done = reviews.record_consent(
        session,
        request_id,
        given_on=given_on,
        actor=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "review.consent", "review", request_id)
    return done


def submit(
    session: Session, context: Context, public_key_hex: str, request_id: str, version: int | None = None
) -> RequestView:
    """Send a request to the awarding body; the window and the sealed sample are looked at again."""
    found = permitted(session, context, Action.REVIEW_REQUEST, request_id)
    done = reviews.submit(
        session,
        request_id,
        proof=proof_of(session, public_key_hex, found.series_key, found.component_code, found.centre_number),
        actor=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "review.submit", "review", request_id)
    return done


def withdraw(
    session: Session, context: Context, request_id: str, reason: str, version: int | None = None
) -> RequestView:
    """Withdraw a request of the own centre before it is looked at, with a reason."""
    permitted(session, context, Action.REVIEW_REQUEST, request_id)
    done = reviews.step(
        session,
        request_id,
        RequestEvent.WITHDRAW,
        actor=actor_of(context).person_id,
        now=context.now,
        reason=reason,
        expected_version=version,
    )
    audit.record(session, context, "review.withdraw", "review", request_id)
    return done


def appeal(session: Session, context: Context, about_id: str, plea: Plea) -> str:
    """Write an appeal for the head of centre against an outcome that the centre was given; returns its id."""
    about = permitted(session, context, Action.REVIEW_REQUEST, about_id)
    stage = {Service.APPEAL_STAGE_1: Service.APPEAL_STAGE_2}.get(about.service, Service.APPEAL_STAGE_1)
    made = appeals.start_appeal(session, about_id, stage, plea, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "review.appeal", "review", made.request_id, about=about_id)
    return made.request_id


def report(
    session: Session,
    context: Context,
    *,
    component_key: str,
    candidate_number: str,
    kind: MissingKind,
    details: str,
) -> str:
    """Report a missing or incomplete result of the own centre; returns the report's id."""
    actor = actor_of(context)
    centre = actor.centre_number or ""
    access.require(actor, Action.REVIEW_REQUEST, centre_number=centre)
    series_key, _, component_code = component_key.partition("|")
    reviews.published(session, series_key, context.now)
    candidate = session.scalars(
        select(Candidate.id).where(
            Candidate.series_key == series_key,
            Candidate.centre_number == centre,
            Candidate.candidate_number == candidate_number,
        )
    ).one_or_none()
    if candidate is None:
        raise FieldRefused("Enter the number of a candidate of your centre, such as 1001.", field="candidate")
    made = report_missing(
        session,
        series_key=series_key,
        centre_number=centre,
        candidate_id=candidate,
        component_code=component_code,
        kind=kind,
        details=details,
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, "missing_result.report", "missing_result", made.report_id)
    return made.report_id


def _was_never_sent(session: Session, found: RequestView) -> bool:
    """Say whether a request was withdrawn before the awarding body had it: it stays the centre's own."""
    if found.state not in SET_ASIDE:
        return False
    return all(row.to_state != RequestState.SUBMITTED for row in review_requests.history_of(session, found.request_id))


def _centre(actor: Actor) -> str | None:
    return actor.centre_number if access.scope_of(actor, Action.REVIEW_READ) is Scope.MY_CENTRE else None


def _choices(session: Session, context: Context) -> tuple[ComponentChoice, ...]:
    """Return the components that the centre has entries for, of series whose results are out for it."""
    centre = actor_of(context).centre_number or ""
    found = []
    for series, _ in results.released_series(session, context):
        try:
            reviews.published(session, series.key, context.now)
        except (NoResults, ResultsEmbargoed):
            continue
        rows = session.execute(
            select(Component.component_code, Component.title)
            .join(
                OptionComponent,
                (OptionComponent.series_key == Component.series_key)
                & (OptionComponent.component_code == Component.component_code),
            )
            .join(
                Entry,
                (Entry.series_key == OptionComponent.series_key) & (Entry.option_code == OptionComponent.option_code),
            )
            .join(Candidate, Candidate.id == Entry.candidate_id)
            .where(Component.series_key == series.key, Candidate.centre_number == centre)
            .distinct()
            .order_by(Component.component_code)
        )
        found += [ComponentChoice(series.key, series.title, code, title) for code, title in rows]
    return tuple(found)


def _candidates(session: Session, chosen: ComponentChoice, centre_number: str) -> tuple[tuple[str, str], ...]:
    rows = session.scalars(candidates_query(chosen.series_key, chosen.component_code, centre_number))
    return tuple((row.candidate_number, f"{row.surname} {row.forenames}".strip()) for row in rows)


def _candidate_id(session: Session, chosen: ComponentChoice, centre_number: str, candidate_number: str) -> str | None:
    if not candidate_number:
        return None
    for row in session.scalars(candidates_query(chosen.series_key, chosen.component_code, centre_number)):
        if row.candidate_number == candidate_number:
            return row.id
    raise FieldRefused("Choose a candidate who is entered for this component at your centre.", field="candidate")
