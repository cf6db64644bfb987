"""When the order of merit fails: feedback without marks, marks returned to the centre, and a support call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.amendments import check_feedback
from moderation.errors import IllegalTransition, OutcomeMissing, ReasonMissing, SupportCallNeeded
from moderation.outcome import OutcomeKind
from moderation.records.cases import advance, case_of, check_version
from moderation.records.second_people import need_second_person
from moderation.records.works import locked_group
from moderation.submission import CaseEvent, CaseState
from moderation.tables import CentreFeedback, ModerationCase, Outcome, SupportCall


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """What a centre was told when its marks were returned; ``number`` counts the returns."""

    number: int
    feedback: str
    given_by: str
    given_at: datetime


@dataclass(frozen=True, slots=True)
class CallView:
    """A support call as the officer noted it."""

    spoken_with: str
    notes: str
    noted_by: str
    noted_at: datetime


def return_to_centre(
    session: Session, case_id: str, *, feedback: str, officer: str, now: datetime, expected_version: int | None = None
) -> FeedbackView:
    """Return the marks of a cohort whose order of merit failed; the centre reads the feedback and marks everybody again.

    After a second failure a support call must be noted first. Returning twice changes nothing.
    Raises: ``FeedbackRefused``; ``OutcomeMissing``; ``StaleVersion``; ``SamePerson`` for who marked or proposed;
    ``SupportCallNeeded``; ``IllegalTransition`` unless the order of merit is not valid.
    Source: OCR may return the work, the centre marks again and a support call may follow,
    https://www.ocr.org.uk/blog/supporting-teachers-through-the-moderation-process; when the call is due is project policy.
    """
    words = check_feedback(feedback)
    members = locked_group(session, case_id)
    case = case_of(session, case_id)
    outcome = _outcome(session, case_id)
    if case.state == CaseState.RETURNED_TO_CENTRE and outcome.confirmed_by == officer:
        return feedback_of(session, case_id)[-1]
    check_version(case, expected_version)
    if outcome.kind != OutcomeKind.INVALID_ORDER:
        raise IllegalTransition("Marks are returned when the order of merit is not valid.", state=case.state)
    need_second_person(session, case, outcome, officer)
    if must_call_first(session, case):
        raise SupportCallNeeded
    for member in members:
        row = _outcome(session, member.id)
        row.confirmed_by, row.confirmed_at = officer, now
        session.add(
            CentreFeedback(case_id=member.id, outcome_id=row.id, feedback=words, given_by=officer, given_at=now)
        )
        reason = "Returned with feedback; the whole cohort is marked again"
        advance(session, member, CaseEvent.RETURN_TO_CENTRE, actor=officer, now=now, reason=reason)
    session.flush()
    return feedback_of(session, case_id)[-1]


def must_call_first(session: Session, case: ModerationCase) -> bool:
    """Say whether marks were returned before and no support call was noted since."""
    returned = feedback_of(session, case.id)
    if not returned:
        return False
    return not any(call.noted_at >= returned[-1].given_at for call in calls_of(session, case.id))


def offer_support_call(
    session: Session, case_id: str, *, reason: str, officer: str, now: datetime, expected_version: int | None = None
) -> None:
    """Note that the centre is to be called about its order of merit, with a reason."""
    if not reason.strip():
        raise ReasonMissing
    members = locked_group(session, case_id)
    check_version(case_of(session, case_id), expected_version)
    for member in members:
        advance(session, member, CaseEvent.OFFER_SUPPORT_CALL, actor=officer, now=now, reason=reason.strip())


def note_support_call(
    session: Session, case_id: str, *, spoken_with: str, notes: str, officer: str, now: datetime
) -> CallView:
    """Keep what was said in a support call; marks are not to be spoken of, so the notes may not hold any either.

    Raises: ``ReasonMissing``; ``FeedbackRefused``; ``IllegalTransition`` unless a call is under way.
    """
    if not spoken_with.strip():
        raise ReasonMissing("Say with whom you spoke.", field="spoken_with")
    words = check_feedback(notes)
    members = locked_group(session, case_id)
    case = case_of(session, case_id)
    if case.state != CaseState.SUPPORT_CALL:
        raise IllegalTransition("No support call is under way for this component.", state=case.state)
    for member in members:
        session.add(
            SupportCall(case_id=member.id, spoken_with=spoken_with.strip(), notes=words, noted_by=officer, noted_at=now)
        )
    session.flush()
    return calls_of(session, case_id)[-1]


def feedback_of(session: Session, case_id: str) -> list[FeedbackView]:
    """Return what the centre was told each time its marks were returned, oldest first."""
    rows = session.scalars(
        select(CentreFeedback)
        .where(CentreFeedback.case_id == case_id)
        .order_by(CentreFeedback.given_at, CentreFeedback.id)
    )
    return [FeedbackView(number, row.feedback, row.given_by, row.given_at) for number, row in enumerate(rows, start=1)]


def calls_of(session: Session, case_id: str) -> list[CallView]:
    """Return the support calls about a case, oldest first."""
    rows = session.scalars(
        select(SupportCall).where(SupportCall.case_id == case_id).order_by(SupportCall.noted_at, SupportCall.id)
    )
    return [CallView(row.spoken_with, row.notes, row.noted_by, row.noted_at) for row in rows]


def _outcome(session: Session, case_id: str) -> Outcome:
    row = session.scalars(
        select(Outcome)
        .where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise OutcomeMissing(case_id=case_id)
    return row
