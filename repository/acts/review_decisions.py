"""Acts of the awarding body after results: acknowledging, giving to a reviewer, outcomes by two people, fees, disposal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.errors import ReviewerInvolved
from moderation.exchange.csv_text import write_table
from moderation.records import appeals, cases, independence, review_outcomes, reviews
from moderation.records.missing_results import MissingView, answer_missing, missing_results
from moderation.records.review_marks import ReviewItem, found_by, record_review_mark, review_items
from moderation.records.review_outcomes import FindingView, Proposal
from moderation.records.review_requests import RequestView, list_requests
from moderation.records.review_terms import import_terms, terms_for
from moderation.review import APPEALS, DONE, Finding, ReasonCode, RequestEvent, RequestState, Service
from moderation.review_terms import ServiceTerms
from moderation.tables import Candidate, Entry, EntryOption, OptionComponent, SampleItem, SeriesRow
from moderation.working_days import LONDON
from repository import access, audit, blinding, evidence
from repository.access import Action
from repository.acts import allocations
from repository.acts.allocations import Colleague
from repository.acts.cases import actor_of
from repository.acts.imports import actor_id, permit
from repository.acts.reviews import permitted
from repository.acts.sealed_samples import proof_of
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import FieldRefused, NotFound
from repository.evidence import AttachedDocument
from repository.tables import AuditEvent, Evidence

DECIDABLE = frozenset({RequestEvent.ACKNOWLEDGE, RequestEvent.REFUSE, RequestEvent.CLOSE})
COLUMNS = (
    "Series",
    "Reporting date",
    "Awarding organisation",
    "Centre",
    "Request id",
    "UCI",
    "QAN",
    "Title",
    "Specification code",
    "Level",
)
"""The columns with which the regulator's returns begin; the rest of its list is not public here, so none is added."""


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """The reviewer's desk: the original sample, and what the review marks say so far."""

    request: RequestView
    items: tuple[tuple[ReviewItem, tuple[AttachedDocument, ...]], ...]
    finding: FindingView | None
    left: int
    found: Finding | None
    """What follows from the review marks once all are in and they allow an outcome."""
    maximum_mark: int
    tolerance_marks: int | None


def decide(
    session: Session,
    context: Context,
    request_id: str,
    event: RequestEvent,
    reason: str = "",
    version: int | None = None,
) -> RequestView:
    """Acknowledge, refuse or close a request."""
    permitted(session, context, Action.REVIEW_DECIDE, request_id)
    if event not in DECIDABLE:
        raise FieldRefused("This step is taken elsewhere.", field="step")
    done = reviews.step(
        session,
        request_id,
        event,
        actor=actor_of(context).person_id,
        now=context.now,
        reason=reason,
        expected_version=version,
    )
    audit.record(session, context, f"review.{event.lower()}", "review", request_id)
    return done


def begin(
    session: Session,
    context: Context,
    public_key_hex: str,
    request_id: str,
    people: Sequence[str] = (),
    version: int | None = None,
) -> RequestView:
    """Begin an acknowledged request: a review of moderation with its reviewer, an appeal with its panel.

    Raises: ``ReviewerInvolved`` or the database's own refusal for anybody who had a part; ``FieldRefused`` for a person
    who is not on the list.
    """
    found = permitted(session, context, Action.REVIEW_DECIDE, request_id)
    actor = actor_of(context).person_id
    known = {one.person_id for one in people_for(session, context, found.service)}
    strangers = [person for person in people if person and person not in known]
    if strangers:
        raise FieldRefused("Choose people from the list.", field="people")
    if found.service in APPEALS:
        done = appeals.hear(session, request_id, people, actor=actor, now=context.now, expected_version=version)
    else:
        if found.case_id is not None and set(people) & viewers_of(session, found.case_id):
            raise ReviewerInvolved(
                "This person has opened work of this sample before. Choose somebody else.", field="people"
            )
        proof = proof_of(session, public_key_hex, found.series_key, found.component_code, found.centre_number)
        done = review_outcomes.begin(
            session,
            request_id,
            actor=actor,
            now=context.now,
            reviewer=people[0] if people else None,
            proof=proof,
            expected_version=version,
        )
    audit.record(session, context, "review.begin", "review", request_id, people=" ".join(people))
    return done


def viewers_of(session: Session, case_id: str) -> frozenset[str]:
    """Return everybody who ever opened a work of the sample that a case rests on."""
    sample_id = cases.case_of(session, case_id).sample_id
    documents = (
        select(Evidence.document_id)
        .join(SampleItem, SampleItem.id == Evidence.sample_item_id)
        .where(SampleItem.sample_id == sample_id)
    )
    seen = session.scalars(
        select(AuditEvent.person_id).where(
            AuditEvent.action == Action.DOCUMENT_VIEW.value, AuditEvent.object_id.in_(documents)
        )
    )
    return frozenset(person for person in seen if person)


def people_for(session: Session, context: Context, service: Service) -> tuple[Colleague, ...]:
    """Return who could look at a request: for a review of moderation those who have a desk, for an appeal nobody of a centre.

    Whoever had a part is among them; giving the work to them is refused.
    """
    found = [one for one in allocations.people(session, context) if one.centre_number is None]
    me = actor_of(context).person_id
    if service is Service.REVIEW_OF_MODERATION:
        found = [one for one in found if one.role in access.POLICY[Action.REVIEW_DESK]]
    return tuple(one for one in found if one.person_id != me)


def propose(session: Session, context: Context, request_id: str, proposal: Proposal) -> FindingView:
    """Propose the outcome of a re-check, a review of marking, a script or an appeal; another officer confirms."""
    permitted(session, context, Action.REVIEW_DECIDE, request_id)
    done = review_outcomes.propose(session, request_id, proposal, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "review.propose", "review", request_id, finding=done.finding.value)
    return done


def confirm(session: Session, context: Context, request_id: str, version: int | None = None) -> RequestView:
    """Confirm what another person proposed, against its rationale; marks change now, results by a new release."""
    permitted(session, context, Action.REVIEW_DECIDE, request_id)
    done = review_outcomes.confirm(
        session, request_id, actor=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, "review.confirm", "review", request_id)
    return done


def invoice(session: Session, context: Context, request_id: str, version: int | None = None) -> FindingView:
    """Settle the fee of a request: due, or waived by what was found."""
    permitted(session, context, Action.REVIEW_DECIDE, request_id)
    done = review_outcomes.invoice(
        session, request_id, actor=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, "review.invoice", "review", request_id, due=done.is_fee_due)
    return done


# The reviewer


def desk_list(session: Session, context: Context) -> tuple[RequestView, ...]:
    """Return the reviews of moderation given to the person, those of centres that the person has a tie to left out."""
    actor = actor_of(context)
    access.require_role(actor, Action.REVIEW_DESK)
    return tuple(
        one
        for one in list_requests(session, reviewer=actor.person_id)
        if not independence.is_tied(session, actor.person_id, one.centre_number, one.series_key, context.now)
    )


def desk(session: Session, context: Context, request_id: str, *, is_decided: bool = True) -> ReviewDesk:
    """Return the reviewer's desk with the original sample and the original marks; looking is recorded.

    Takes: ``is_decided``, whether to say what follows from the review marks.
    Raises: ``FindingRefused`` where the review marks allow no outcome.
    """
    request = permitted(session, context, Action.REVIEW_DESK, request_id)
    case = cases.view_case(session, request.case_id or "")
    items = review_items(session, request_id)
    files = evidence.documents_of(session, _sample_id(session, request))
    left = sum(item.is_wanted for item in items)
    found = None
    if is_decided and not left and request.state is RequestState.IN_REVIEW:
        found = found_by(session, request_id).finding
    audit.record(session, context, Action.REVIEW_DESK, "review", request_id)
    shown = ReviewDesk(
        request,
        tuple(
            (item, tuple(one for one in files.get(item.item_id, ()) if one.state is DocumentState.RELEASED))
            for item in items
        ),
        review_outcomes.finding_of(session, request_id),
        left,
        found,
        case.maximum_mark,
        case.tolerance_marks,
    )
    return blinding.mask(session, context, request.case_id or "", shown)


def mark(
    session: Session,
    context: Context,
    request_id: str,
    item_id: str,
    mark: int,
    comment: str = "",
    expected_number: int | None = None,
) -> None:
    """Record a review mark beside the moderator's."""
    permitted(session, context, Action.REVIEW_DESK, request_id)
    record_review_mark(
        session,
        request_id,
        item_id,
        mark=mark,
        comment=comment,
        reviewer=actor_of(context).person_id,
        now=context.now,
        expected_number=expected_number,
    )
    audit.record(session, context, "review.mark", "sample_item", item_id, request=request_id)


def propose_review(
    session: Session, context: Context, request_id: str, rationale: str, reason_code: ReasonCode | None
) -> FindingView:
    """Propose, as the reviewer, what follows from the review marks, with the rationale for the second person."""
    permitted(session, context, Action.REVIEW_DESK, request_id)
    finding = found_by(session, request_id).finding
    done = review_outcomes.propose(
        session,
        request_id,
        Proposal(finding, rationale, reason_code),
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, "review.propose", "review", request_id, finding=finding.value)
    return done


# Missing results, terms, the regulator's return


def answer(
    session: Session, context: Context, report_id: str, text: str, version: int | None = None, *, withdraw: bool = False
) -> MissingView:
    """Answer a report of a missing result, as an officer; or withdraw one, as the centre's exams officer."""
    actor = actor_of(context)
    found = missing_results(session, report_id=report_id)
    action = Action.REVIEW_REQUEST if withdraw else Action.REVIEW_DECIDE
    if not found:
        raise NotFound
    access.require(actor, action, centre_number=found[0].centre_number)
    done = answer_missing(
        session,
        report_id,
        answer=text,
        actor=actor.person_id,
        now=context.now,
        withdraw=withdraw,
        expected_version=version,
    )
    audit.record(session, context, "missing_result.answer", "missing_result", report_id)
    return done


def take_terms(session: Session, context: Context, text: str, *, dry_run: bool = False) -> int:
    """Import terms of services: windows, clocks, fees, consent; returns how many rows are new.

    Takes: ``dry_run``, to do everything but keep it.
    """
    permit(context, Action.REVIEW_TERMS)
    tried = session.begin_nested()
    added = import_terms(session, text, actor=actor_id(context), now=context.now)
    if dry_run:
        tried.rollback()
        return added
    tried.commit()
    audit.record(session, context, Action.REVIEW_TERMS, "service_terms", "all", rows=added)
    return added


def terms_of(session: Session, context: Context, series_key: str) -> tuple[ServiceTerms, ...]:
    """Return the terms of every service of a series as they hold now."""
    access.require(actor_of(context), Action.REVIEW_TERMS)
    if session.get(SeriesRow, series_key) is None:
        raise NotFound
    return tuple(terms_for(session, series_key).values())


def as_csv(session: Session, context: Context, series_key: str) -> bytes:
    """Return the requests of a series that have an outcome, in the public columns of the regulator's returns."""
    access.require(actor_of(context), Action.REVIEW_DECIDE)
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise NotFound
    title = Series(series.awarding_body, series.code, series.year).title
    rows = [
        _return_row(context, series, title, one, option)
        for one in list_requests(session, series_key=series_key)
        if one.state in DONE
        for option in _options(session, one)
    ]
    audit.record(session, context, "review.export", "series", series_key, rows=len(rows))
    return write_table(list(COLUMNS), rows)


def _return_row(
    context: Context, series: SeriesRow, title: str, one: RequestView, option: tuple[EntryOption, str]
) -> dict[str, str]:
    return {
        "Series": title,
        "Reporting date": f"{context.now.astimezone(LONDON):%Y-%m-%d}",
        "Awarding organisation": series.awarding_body,
        "Centre": one.centre_number,
        "Request id": one.request_id,
        "UCI": option[1],
        "QAN": option[0].qan,
        "Title": option[0].title,
        "Specification code": option[0].syllabus_code,
        "Level": option[0].level,
    }


def _options(session: Session, one: RequestView) -> list[tuple[EntryOption, str]]:
    """Return the options that a request touches, with the candidate's UCI: those that the candidate is entered for."""
    query = (
        select(EntryOption)
        .join(
            OptionComponent,
            (OptionComponent.series_key == EntryOption.series_key)
            & (OptionComponent.option_code == EntryOption.option_code),
        )
        .where(EntryOption.series_key == one.series_key, OptionComponent.component_code == one.component_code)
        .order_by(EntryOption.option_code)
    )
    candidate = session.get(Candidate, one.candidate_id) if one.candidate_id else None
    if candidate is not None:
        entered = select(Entry.option_code).where(Entry.candidate_id == candidate.id)
        query = query.where(EntryOption.option_code.in_(entered))
    return [(option, candidate.uci if candidate else "") for option in session.scalars(query)]


def _sample_id(session: Session, request: RequestView) -> str:
    return cases.case_of(session, request.case_id or "").sample_id or ""
