"""Acts on amendments: a changed mark is proposed by one person and decided by an officer who is another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from moderation.amendments import AmendmentKind, SampleChoice
from moderation.errors import (
    AmendmentMissing,
    AmendmentNotPossible,
    NoResults,
    ResultsEmbargoed,
    ResultsWithdrawn,
)
from moderation.marks import MarkStatus
from moderation.records import amendments as records
from moderation.records import cases, samples
from moderation.records.amendments import AmendmentView
from moderation.records.cases import CaseView
from moderation.records.marks import MarkLine, case_marks
from moderation.records.results import open_release
from moderation.results import Audience
from moderation.submission import RELEASED
from moderation.tables import ModerationCase
from repository import audit, blinding, people
from repository.access import CENTRE_ROLES, Action, Actor, Role
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound


@dataclass(frozen=True, slots=True)
class AmendmentsPage:
    """The amendments of a case that the person may see, and what the person may do about them."""

    case: CaseView
    amendments: tuple[AmendmentView, ...]
    clerical_errors: tuple[AmendmentView, ...]
    """The notification of clerical errors, once results are out for whoever asks."""
    candidates: tuple[MarkLine, ...]
    sampled: frozenset[str]
    is_amendable: bool
    names: Mapping[str, str]


def page(session: Session, context: Context, case_id: str) -> AmendmentsPage:
    """Return the amendments of a case: all of them for officers, a person's own otherwise.

    A centre sees what it asked for, and the notification of clerical errors with its results; nothing sooner.
    """
    case = permitted(session, context, Action.AMENDMENT_READ, case_id)
    actor = actor_of(context)
    every = tuple(records.amendments_of(session, case_id))
    centre = actor.role in CENTRE_ROLES
    shown = tuple(one for one in every if actor.role is Role.AB_OFFICER or _is_own(actor, one, centre))
    told = not centre or _results_are_out(session, case, context.now)
    clerical = tuple(records.clerical_errors_of(session, case_id)) if told else ()
    named = {one.proposed_by for one in shown} | {one.decided_by or "" for one in shown}
    found = AmendmentsPage(
        case,
        shown,
        clerical,
        case_marks(session, case_id).lines,
        _sampled(session, case_id) if not centre else frozenset(),
        _is_amendable(session, case_id),
        people.names_of(session, named),
    )
    return blinding.mask(session, context, case_id, found)


def propose(
    session: Session,
    context: Context,
    case_id: str,
    candidate_number: str,
    *,
    kind: AmendmentKind | None,
    mark: int | None,
    status: MarkStatus | None,
    reason: str,
) -> AmendmentView:
    """Propose a changed mark; a centre reports its own error, a moderator a slip, an officer either.

    Raises: ``FieldRefused`` for a candidate who is not entered; errors of amendments.
    """
    permitted(session, context, Action.AMENDMENT_PROPOSE, case_id)
    actor = actor_of(context)
    by_role = {Role.EXAMS_OFFICER: AmendmentKind.CENTRE_ERROR, Role.MODERATOR: AmendmentKind.CLERICAL_ERROR}
    kind = by_role.get(actor.role, kind)
    if kind is None:
        raise FieldRefused("Say whose error it is.", field="kind")
    candidate_number = blinding.number_of(session, context, case_id, candidate_number)
    lines = {line.candidate_number: line for line in case_marks(session, case_id).lines}
    if candidate_number not in lines:
        raise FieldRefused("Choose a candidate from the list.", field="candidate_number")
    made = records.propose_amendment(
        session,
        case_id,
        lines[candidate_number].candidate_id,
        kind=kind,
        mark=mark,
        status=status,
        reason=reason,
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, Action.AMENDMENT_PROPOSE, "amendment", made.amendment_id, case=case_id)
    return made


def approve(session: Session, context: Context, amendment_id: str, choice: SampleChoice, reason: str) -> AmendmentView:
    """Approve an amendment and say what becomes of the sample; the outcome is found again."""
    _permitted(session, context, amendment_id)
    done = records.approve_amendment(
        session, amendment_id, choice=choice, reason=reason, officer=actor_of(context).person_id, now=context.now
    )
    audit.record(
        session, context, Action.AMENDMENT_DECIDE, "amendment", amendment_id, decision="APPROVED", sample=choice.value
    )
    return done


def refuse(session: Session, context: Context, amendment_id: str, reason: str) -> AmendmentView:
    """Refuse an amendment; the mark stays."""
    _permitted(session, context, amendment_id)
    done = records.refuse_amendment(
        session, amendment_id, reason=reason, officer=actor_of(context).person_id, now=context.now
    )
    audit.record(session, context, Action.AMENDMENT_DECIDE, "amendment", amendment_id, decision="REFUSED")
    return done


def _permitted(session: Session, context: Context, amendment_id: str) -> None:
    try:
        found = records.amendment_of(session, amendment_id)
    except AmendmentMissing as error:
        raise NotFound from error
    permitted(session, context, Action.AMENDMENT_DECIDE, found.case_id)


def _is_own(actor: Actor, one: AmendmentView, centre: bool) -> bool:
    return one.proposed_by == actor.person_id or (centre and one.kind is AmendmentKind.CENTRE_ERROR)


def _sampled(session: Session, case_id: str) -> frozenset[str]:
    if cases.view_case(session, case_id).sample_due_at is None:
        return frozenset()
    return frozenset(item.candidate_id for item in samples.sample_of(session, case_id).items)


def _is_amendable(session: Session, case_id: str) -> bool:
    try:
        records.need_amendable(session.get_one(ModerationCase, case_id))
    except AmendmentNotPossible:
        return False
    return True


def _results_are_out(session: Session, case: CaseView, now: datetime) -> bool:
    """Say whether a centre may see results of the case now: released, not withdrawn, not under embargo."""
    if case.state not in RELEASED:
        return False
    try:
        open_release(session, case.series_key, audience=Audience.CENTRE, now=now)
    except (NoResults, ResultsEmbargoed, ResultsWithdrawn):
        return False
    return True
