"""Suspicions of malpractice, and holds of a whole case or of one candidate while they are looked into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import HoldMissing, HoldNotPossible, ReasonMissing, SamePerson, UnknownCandidate
from moderation.records.cases import candidates_of, case_of, hold_case, release_hold
from moderation.records.marking import find_again
from moderation.submission import RELEASED, CaseState
from moderation.tables import Candidate, MalpracticeHold, ModerationCase, Suspicion, new_id

_NEUTRAL = "Held; the reason is on the page of holds"
_NEUTRAL_END = "Hold ended; the reason is on the page of holds"
_BEING_READ = frozenset({CaseState.RECEIPT_COMPLETE, CaseState.FULL_SAMPLE})


class SuspicionDecision(StrEnum):
    """What an officer decided about a suspicion."""

    HOLD_CASE = "HOLD_CASE"
    HOLD_CANDIDATE = "HOLD_CANDIDATE"
    NO_ACTION = "NO_ACTION"


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold; without a candidate it is of the whole case."""

    hold_id: str
    case_id: str
    component_code: str
    centre_number: str
    candidate_id: str | None
    candidate_number: str | None
    reason: str
    held_by: str
    held_at: datetime
    release_reason: str
    released_by: str | None
    released_at: datetime | None


@dataclass(frozen=True, slots=True)
class SuspicionView:
    """What somebody reported, and what was decided."""

    suspicion_id: str
    case_id: str
    component_code: str
    centre_number: str
    candidate_id: str | None
    candidate_number: str | None
    statement: str
    raised_by: str
    raised_at: datetime
    decision: SuspicionDecision | None
    decision_reason: str
    decided_by: str | None
    decided_at: datetime | None


def held_candidates(session: Session, series_key: str) -> frozenset[tuple[str, str]]:
    """Return the candidates held by themselves in a series, as (candidate, component); the rest of their case goes on."""
    rows = session.execute(
        select(MalpracticeHold.candidate_id, ModerationCase.component_code)
        .join(ModerationCase, ModerationCase.id == MalpracticeHold.case_id)
        .where(
            ModerationCase.series_key == series_key,
            MalpracticeHold.candidate_id.is_not(None),
            MalpracticeHold.released_at.is_(None),
        )
    )
    return frozenset((candidate_id, code) for candidate_id, code in rows if candidate_id is not None)


def raise_suspicion(
    session: Session, case_id: str, *, candidate_id: str | None, statement: str, actor: str, now: datetime
) -> SuspicionView:
    """Report a suspicion to the awarding body; nothing is held yet, and the centre is not told.

    Raises: ``ReasonMissing``; ``UnknownCandidate``.
    Source: suspected malpractice is reported to the board at once, without contact to the centre (OCR instruction).
    """
    if not statement.strip():
        raise ReasonMissing("Say what you saw, and in whose work.", field="statement")
    case = case_of(session, case_id)
    _need_candidate(session, case, candidate_id)
    row = Suspicion(
        id=new_id(),
        case_id=case_id,
        candidate_id=candidate_id,
        statement=statement.strip(),
        raised_by=actor,
        raised_at=now,
    )
    session.add(row)
    session.flush()
    return next(one for one in suspicions_of(session, case_id=case_id) if one.suspicion_id == row.id)


def decide_suspicion(
    session: Session,
    suspicion_id: str,
    *,
    decision: SuspicionDecision,
    reason: str,
    officer: str,
    now: datetime,
) -> HoldView | None:
    """Decide about a suspicion, with a reason: hold the case, hold the candidate, or do nothing.

    Raises: ``HoldMissing``; ``ReasonMissing``; ``SamePerson`` for who raised it; ``HoldNotPossible`` when it is decided
    already or names no candidate to hold.
    """
    if not reason.strip():
        raise ReasonMissing
    row = session.scalars(
        select(Suspicion)
        .where(Suspicion.id == suspicion_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise HoldMissing
    if row.decided_at is not None:
        raise HoldNotPossible("This suspicion has been decided already.")
    if row.raised_by == officer:
        raise SamePerson("Whoever raised a suspicion does not decide about it.")
    if decision is SuspicionDecision.HOLD_CANDIDATE and row.candidate_id is None:
        raise HoldNotPossible("This suspicion names no candidate. Hold the whole component, or nobody.")
    row.decision, row.decision_reason = decision.value, reason.strip()
    row.decided_by, row.decided_at = officer, now
    session.flush()
    if decision is SuspicionDecision.NO_ACTION:
        return None
    candidate_id = row.candidate_id if decision is SuspicionDecision.HOLD_CANDIDATE else None
    return hold(
        session, row.case_id, candidate_id=candidate_id, reason=reason, officer=officer, now=now, suspicion_id=row.id
    )


def hold(
    session: Session,
    case_id: str,
    *,
    candidate_id: str | None,
    reason: str,
    officer: str,
    now: datetime,
    suspicion_id: str | None = None,
) -> HoldView:
    """Hold a case, or one candidate of it whose result is then pending (``Q``) while the others go on.

    A held candidate's work is neither read nor compared. An outcome that was found before stays as it was found.
    Raises: ``ReasonMissing``; ``UnknownCandidate``; ``HoldNotPossible`` for a second hold, or when results are out.
    """
    if not reason.strip():
        raise ReasonMissing
    case = _locked(session, case_id)
    _need_candidate(session, case, candidate_id)
    if CaseState(case.state) in RELEASED:
        raise HoldNotPossible("Results of this component are out. Withdraw them first.")
    if any(one.candidate_id == candidate_id and one.released_at is None for one in holds_of(session, case_id=case_id)):
        raise HoldNotPossible("This is held already.")
    if candidate_id is None:
        hold_case(session, case_id, reason=_NEUTRAL, actor=officer, now=now)
    row = MalpracticeHold(
        id=new_id(),
        case_id=case_id,
        candidate_id=candidate_id,
        suspicion_id=suspicion_id,
        reason=reason.strip(),
        held_by=officer,
        held_at=now,
    )
    session.add(row)
    session.flush()
    if candidate_id is not None and CaseState(case.state) in _BEING_READ:
        find_again(session, case_id, now=now)
    return _hold_view(session, row.id)


def release(session: Session, hold_id: str, *, reason: str, officer: str, now: datetime) -> HoldView:
    """End a hold, with a reason; a case returns to the state that it had, a candidate's work counts again.

    Raises: ``ReasonMissing``; ``HoldMissing``; ``HoldNotPossible`` when it has ended already.
    """
    if not reason.strip():
        raise ReasonMissing
    row = session.scalars(
        select(MalpracticeHold)
        .where(MalpracticeHold.id == hold_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise HoldMissing
    if row.released_at is not None:
        raise HoldNotPossible("This hold has ended already.")
    row.release_reason, row.released_by, row.released_at = reason.strip(), officer, now
    session.flush()
    if row.candidate_id is None:
        release_hold(session, row.case_id, reason=_NEUTRAL_END, actor=officer, now=now)
    return _hold_view(session, hold_id)


def holds_of(session: Session, *, case_id: str | None = None, series_key: str | None = None) -> list[HoldView]:
    """Return the holds of a case or a series, ended ones included, oldest first."""
    query = (
        select(MalpracticeHold, ModerationCase, Candidate.candidate_number)
        .join(ModerationCase, ModerationCase.id == MalpracticeHold.case_id)
        .outerjoin(Candidate, Candidate.id == MalpracticeHold.candidate_id)
        .order_by(MalpracticeHold.held_at, MalpracticeHold.id)
    )
    if case_id is not None:
        query = query.where(MalpracticeHold.case_id == case_id)
    if series_key is not None:
        query = query.where(ModerationCase.series_key == series_key)
    return [
        HoldView(
            row.id,
            row.case_id,
            case.component_code,
            case.centre_number,
            row.candidate_id,
            number,
            row.reason,
            row.held_by,
            row.held_at,
            row.release_reason,
            row.released_by,
            row.released_at,
        )
        for row, case, number in session.execute(query)
    ]


def suspicions_of(
    session: Session, *, case_id: str | None = None, series_key: str | None = None
) -> list[SuspicionView]:
    """Return the suspicions about a case or a series, decided ones included, oldest first."""
    query = (
        select(Suspicion, ModerationCase, Candidate.candidate_number)
        .join(ModerationCase, ModerationCase.id == Suspicion.case_id)
        .outerjoin(Candidate, Candidate.id == Suspicion.candidate_id)
        .order_by(Suspicion.raised_at, Suspicion.id)
    )
    if case_id is not None:
        query = query.where(Suspicion.case_id == case_id)
    if series_key is not None:
        query = query.where(ModerationCase.series_key == series_key)
    return [
        SuspicionView(
            row.id,
            row.case_id,
            case.component_code,
            case.centre_number,
            row.candidate_id,
            number,
            row.statement,
            row.raised_by,
            row.raised_at,
            None if row.decision is None else SuspicionDecision(row.decision),
            row.decision_reason,
            row.decided_by,
            row.decided_at,
        )
        for row, case, number in session.execute(query)
    ]


def _hold_view(session: Session, hold_id: str) -> HoldView:
    row = session.get_one(MalpracticeHold, hold_id)
    return next(one for one in holds_of(session, case_id=row.case_id) if one.hold_id == hold_id)


def _locked(session: Session, case_id: str) -> ModerationCase:
    case_of(session, case_id)
    return session.scalars(
        select(ModerationCase)
        .where(ModerationCase.id == case_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _need_candidate(session: Session, case: ModerationCase, candidate_id: str | None) -> None:
    if candidate_id is not None and candidate_id not in {one.id for one in candidates_of(session, case)}:
        raise UnknownCandidate(candidate_id=candidate_id)
