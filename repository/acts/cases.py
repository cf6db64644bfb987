"""Acts on cases: listing and opening them. Every other act on a case finds it through ``permitted``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import UnknownCase
from moderation.records import cases, independence, teams
from moderation.records.cases import CaseView, TransitionView
from moderation.records.checks import may_see_marks
from moderation.submission import CaseState
from moderation.tables import Allocation
from repository import access, people
from repository.access import Action, Actor, Scope
from repository.audit import Context
from repository.errors import NotFound, NotSignedIn

S = CaseState
STATE_WORDS: Mapping[CaseState, str] = {
    S.MARKS_OPEN: "Marks to enter",
    S.MARKS_SAVED: "Marks saved, not checked",
    S.MARKS_CHECKED: "Marks checked, not submitted",
    S.MARKS_SUBMITTED: "Marks submitted",
    S.MARKS_CONFIRMED: "Marks received",
    S.WAITING_FOR_MEMBERS: "Waiting for other centres of the consortium",
    S.SAMPLE_SELECTED: "Sample chosen",
    S.SAMPLE_NOT_REQUIRED: "No sample needed",
    S.SAMPLE_REQUESTED: "Sample to send",
    S.UPLOADING: "Sample being uploaded",
    S.DESPATCHED: "Sample posted",
    S.VISIT_BOOKED: "Visit booked",
    S.MORE_WORK_REQUESTED: "More work to send",
    S.ALL_WORK_REQUESTED: "All work to send",
    S.SUBMITTED: "Sample submitted",
    S.RECEIVED: "Sample with the moderator",
    S.RECEIPT_QUERY: "The moderator has a question",
    S.RECEIPT_COMPLETE: "Being moderated",
    S.FULL_SAMPLE: "Being moderated, whole sample",
    S.OUTCOME_PROPOSED: "Outcome to confirm",
    S.INVALID_ORDER: "Order of merit not valid",
    S.SUPPORT_CALL: "Support call with the centre",
    S.RETURNED_TO_CENTRE: "Returned: marks to enter again",
    S.OUTCOME_LOCKED: "Moderated",
    S.RESULTS_ISSUED: "Results issued",
    S.REPORT_RELEASED: "Results and report issued",
    S.REVIEW_REQUESTED: "Review of moderation under way",
    S.REVIEW_DONE: "Review of moderation finished",
    S.APPEAL: "Appeal under way",
    S.RETENTION: "Kept until its time is over",
    S.DISPOSED: "Work disposed of",
    S.MALPRACTICE_HOLD: "On hold",
}
CENTRE_WORDS: Mapping[CaseState, str] = {
    # What a moderator decides stays with the awarding body until results: a centre reads the same words for all of it.
    **dict.fromkeys(
        (S.RECEIPT_COMPLETE, S.FULL_SAMPLE, S.OUTCOME_PROPOSED, S.INVALID_ORDER, S.SUPPORT_CALL), "Being moderated"
    ),
    **dict.fromkeys((S.OUTCOME_LOCKED,), "Moderation finished"),
    # Whether there is a report is told with the results themselves, when they are open to the centre.
    S.REPORT_RELEASED: STATE_WORDS[S.RESULTS_ISSUED],
}
CENTRE_STATES: Mapping[CaseState, CaseState] = {
    **dict.fromkeys((S.FULL_SAMPLE, S.OUTCOME_PROPOSED, S.INVALID_ORDER, S.SUPPORT_CALL), S.RECEIPT_COMPLETE),
    S.REPORT_RELEASED: S.RESULTS_ISSUED,
}
"""The same for programs: one state for all that a centre reads the same words for."""
MODE_WORDS: Mapping[SubmissionMode, str] = {
    SubmissionMode.UPLOAD: "uploaded here",
    SubmissionMode.POSTAL: "posted to the moderator",
    SubmissionMode.VISIT: "seen by a visiting moderator",
    SubmissionMode.CARRIED_FORWARD: "carried forward",
    SubmissionMode.NONE: "not moderated",
}


@dataclass(frozen=True, slots=True)
class CasePage:
    """A case and its history."""

    case: CaseView
    state_words: str
    mode_words: str
    history: tuple[TransitionView, ...]


def shown_state(actor: Actor | None, state: CaseState) -> CaseState:
    """Return the state that a person's or a school system's program may read: what a moderator found stays there."""
    if actor is not None and actor.role in access.CENTRE_ROLES:
        return CENTRE_STATES.get(state, state)
    return state


def state_words(actor: Actor, state: CaseState) -> str:
    """Return a state in the words that this person may read."""
    if actor.role in access.CENTRE_ROLES and state in CENTRE_WORDS:
        return CENTRE_WORDS[state]
    return STATE_WORDS[state]


def actor_of(context: Context) -> Actor:
    """Return who acts; raises ``NotSignedIn``."""
    if context.actor is None:
        raise NotSignedIn
    return context.actor


def permitted(session: Session, context: Context, action: Action, case_id: str) -> CaseView:
    """Return a case that the actor may do ``action`` on; raises ``NotFound`` for any other, absent or forbidden."""
    actor = actor_of(context)
    try:
        case = cases.view_case(session, case_id)
    except UnknownCase as error:
        raise NotFound from error
    reached = people.reaches(session, actor, action, cases.case_of(session, case_id), context.now)
    access.require(actor, action, centre_number=case.centre_number, allocated=reached)
    checks_blind = action in access.SHOWS_MODERATOR_MARKS and actor.role in access.CHECKERS
    if checks_blind and not may_see_marks(session, case_id, actor.person_id):
        raise NotFound("You see the moderator’s marks when your own check is in, or when the outcome is confirmed.")
    return case


def listed(
    session: Session,
    context: Context,
    *,
    series_key: str | None = None,
    centre_number: str | None = None,
    component_code: str | None = None,
    state: str | None = None,
) -> tuple[CaseView, ...]:
    """Return the cases that the actor may read, narrowed by what is given."""
    actor = actor_of(context)
    scope = access.scope_of(actor, Action.CASE_READ)
    if scope in access.OF_CENTRES:
        if centre_number not in {None, actor.centre_number}:
            return ()
        centre_number = actor.centre_number
    found = cases.list_cases(session, series_key=series_key, centre_number=centre_number, component_code=component_code)
    if scope is Scope.ALLOCATED:
        mine = _allocated(session, context, actor)
        found = [case for case in found if (case.series_key, case.component_code, case.centre_number) in mine]
    if scope in {Scope.TEAM, Scope.COMPONENT}:
        reached = set(
            teams.led_case_ids(session, actor.person_id, context.now)
            if scope is Scope.TEAM
            else teams.principal_case_ids(session, actor.person_id, context.now)
        )
        found = [case for case in found if case.case_id in reached]
    return tuple(case for case in found if state is None or shown_state(actor, case.state) == state)


def page(session: Session, context: Context, case_id: str) -> CasePage:
    """Return a case with its history."""
    case = permitted(session, context, Action.CASE_READ, case_id)
    actor = actor_of(context)
    history = tuple(cases.history_of(session, case_id)) if actor.role not in access.CENTRE_ROLES else ()
    return CasePage(case, state_words(actor, case.state), MODE_WORDS[case.submission_mode], history)


def _allocated(session: Session, context: Context, actor: Actor) -> frozenset[tuple[str, str, str]]:
    rows = session.execute(
        select(Allocation.series_key, Allocation.component_code, Allocation.centre_number).where(
            Allocation.person_id == actor.person_id,
            (Allocation.opens_at.is_(None)) | (Allocation.opens_at <= context.now),
            (Allocation.closes_at.is_(None)) | (Allocation.closes_at > context.now),
            independence.is_independent(context.now),
        )
    )
    return frozenset((row[0], row[1], row[2]) for row in rows)
