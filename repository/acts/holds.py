"""Acts on suspicions and holds. What was suspected and why is for officers only; a centre reads that it is on hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.errors import HoldMissing
from moderation.records import holds as records
from moderation.records.cases import CaseView
from moderation.records.holds import HoldView, SuspicionDecision, SuspicionView
from moderation.records.marks import MarkLine, case_marks
from moderation.tables import MalpracticeHold, Suspicion
from repository import audit, blinding, people
from repository.access import Action, require
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound


@dataclass(frozen=True, slots=True)
class HoldsPage:
    """Suspicions and holds of a case, for officers."""

    case: CaseView
    suspicions: tuple[SuspicionView, ...]
    holds: tuple[HoldView, ...]
    candidates: tuple[MarkLine, ...]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HoldsList:
    """Suspicions and holds of a series that are open, for officers."""

    suspicions: tuple[SuspicionView, ...]
    holds: tuple[HoldView, ...]
    names: Mapping[str, str]


def page(session: Session, context: Context, case_id: str) -> HoldsPage:
    """Return the suspicions and holds of a case; the look is recorded."""
    case = permitted(session, context, Action.HOLD_READ, case_id)
    suspicions = tuple(records.suspicions_of(session, case_id=case_id))
    found = tuple(records.holds_of(session, case_id=case_id))
    audit.record(session, context, Action.HOLD_READ, "case", case_id)
    return HoldsPage(case, suspicions, found, case_marks(session, case_id).lines, _names(session, suspicions, found))


def listed(session: Session, context: Context, series_key: str) -> HoldsList:
    """Return what is open in a series."""
    require(actor_of(context), Action.HOLD_READ)
    suspicions = tuple(one for one in records.suspicions_of(session, series_key=series_key) if one.decision is None)
    found = tuple(one for one in records.holds_of(session, series_key=series_key) if one.released_at is None)
    return HoldsList(suspicions, found, _names(session, suspicions, found))


def candidates(session: Session, context: Context, case_id: str) -> list[str]:
    """Return the candidate numbers of a case that the person was permitted to see, or codes where it is read blind."""
    sheet = blinding.mask(session, context, case_id, case_marks(session, case_id))
    return [line.candidate_number for line in sheet.lines]


def raise_suspicion(
    session: Session, context: Context, case_id: str, candidate_number: str, statement: str
) -> SuspicionView:
    """Report a suspicion about a candidate, or about the whole component when no number is given."""
    permitted(session, context, Action.SUSPICION_RAISE, case_id)
    candidate_number = blinding.number_of(session, context, case_id, candidate_number)
    made = records.raise_suspicion(
        session,
        case_id,
        candidate_id=_candidate(session, case_id, candidate_number),
        statement=statement,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, Action.SUSPICION_RAISE, "suspicion", made.suspicion_id, case=case_id)
    return blinding.mask(session, context, case_id, made)


def decide(session: Session, context: Context, suspicion_id: str, decision: SuspicionDecision, reason: str) -> str:
    """Decide about a suspicion; returns the case's id."""
    row = session.get(Suspicion, suspicion_id)
    if row is None:
        raise NotFound
    permitted(session, context, Action.HOLD_WRITE, row.case_id)
    records.decide_suspicion(
        session,
        suspicion_id,
        decision=decision,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, Action.HOLD_WRITE, "suspicion", suspicion_id, decision=decision.value)
    return row.case_id


def hold(session: Session, context: Context, case_id: str, candidate_number: str, reason: str) -> HoldView:
    """Hold a case, or one candidate of it when a number is given."""
    permitted(session, context, Action.HOLD_WRITE, case_id)
    made = records.hold(
        session,
        case_id,
        candidate_id=_candidate(session, case_id, candidate_number),
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, Action.HOLD_WRITE, "hold", made.hold_id, case=case_id)
    return made


def release(session: Session, context: Context, hold_id: str, reason: str) -> HoldView:
    """End a hold, with a reason."""
    row = session.get(MalpracticeHold, hold_id)
    if row is None:
        raise NotFound
    permitted(session, context, Action.HOLD_WRITE, row.case_id)
    try:
        done = records.release(session, hold_id, reason=reason, officer=actor_of(context).person_id, now=context.now)
    except HoldMissing as error:
        raise NotFound from error
    audit.record(session, context, Action.HOLD_WRITE, "hold", hold_id, step="release")
    return done


def _candidate(session: Session, case_id: str, candidate_number: str) -> str | None:
    if not candidate_number:
        return None
    for line in case_marks(session, case_id).lines:
        if line.candidate_number == candidate_number:
            return line.candidate_id
    raise FieldRefused("Choose a candidate from the list.", field="candidate_number")


def _names(session: Session, suspicions: tuple[SuspicionView, ...], found: tuple[HoldView, ...]) -> Mapping[str, str]:
    ids = {one.raised_by for one in suspicions} | {one.decided_by or "" for one in suspicions}
    ids |= {one.held_by for one in found} | {one.released_by or "" for one in found}
    return people.names_of(session, ids)
