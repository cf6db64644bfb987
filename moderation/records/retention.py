"""Retention of work, by what happened: until when each case's work is kept, why, and what is due for disposal."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import RetentionNotOver
from moderation.records.cases import advance, case_of
from moderation.records.results import release_of
from moderation.records.review_terms import terms_for
from moderation.results import Audience
from moderation.retention import Keeping, Kept, Retention, retain_until
from moderation.review import APPEALS, LODGED, MARKING, OPEN, RequestState, Service
from moderation.review_terms import retention_margin_days
from moderation.submission import CaseEvent, CaseState
from moderation.tables import (
    CaseTransition,
    MalpracticeHold,
    ModerationCase,
    ResultVersion,
    ReviewOutcome,
    ReviewRequest,
)

BEFORE_RETENTION = frozenset({CaseState.RESULTS_ISSUED, CaseState.REPORT_RELEASED, CaseState.REVIEW_DONE})
_KEPT_BY_REVIEW = frozenset({*MARKING, Service.REVIEW_OF_MODERATION})


@dataclass(frozen=True, slots=True)
class RetentionLine:
    """The work of one case: how it stands, until when it is kept and by what, and whether its time is over."""

    case_id: str
    series_key: str
    component_code: str
    centre_number: str
    state: CaseState
    version: int
    retention: Retention
    is_due: bool


def retention_of(session: Session, case_id: str, now: datetime, *, legal_hold: bool = False) -> Retention:
    """Return until when the work of a case is kept: the latest of review deadline, reviews, appeals and malpractice.

    Takes: ``legal_hold``, whether whoever keeps the documents holds them.
    """
    return _retention(session, case_of(session, case_id), now, legal_hold=legal_hold)


def retention_lines(
    session: Session, series_key: str, now: datetime, *, held_case_ids: Collection[str] = ()
) -> list[RetentionLine]:
    """Return every case of a series with its retention; changes nothing."""
    cases = session.scalars(
        select(ModerationCase)
        .where(ModerationCase.series_key == series_key)
        .order_by(ModerationCase.component_code, ModerationCase.centre_number)
    ).all()
    lines = []
    for case in cases:
        found = _retention(session, case, now, legal_hold=case.id in held_case_ids)
        due = found.is_over(now) and case.state in BEFORE_RETENTION | {CaseState.RETENTION}
        lines.append(
            RetentionLine(
                case.id,
                case.series_key,
                case.component_code,
                case.centre_number,
                CaseState(case.state),
                case.version,
                found,
                due,
            )
        )
    return lines


def begin_retention(session: Session, case_id: str, *, actor: str, now: datetime, legal_hold: bool = False) -> None:
    """Close a case for good: nothing about it is open any more, and its work waits for disposal.

    Raises: ``RetentionNotOver`` with until when and why; ``IllegalTransition``.
    """
    case = case_of(session, case_id)
    _need_over(_retention(session, case, now, legal_hold=legal_hold), now)
    advance(session, case, CaseEvent.BEGIN_RETENTION, actor=actor, now=now)


def dispose(session: Session, case_id: str, *, actor: str, now: datetime, legal_hold: bool = False) -> None:
    """Note that the work of a case was disposed of; whoever keeps the documents has destroyed them with two people.

    Raises: ``RetentionNotOver``; ``IllegalTransition`` before retention.
    """
    case = case_of(session, case_id)
    _need_over(_retention(session, case, now, legal_hold=legal_hold), now)
    advance(session, case, CaseEvent.DISPOSE, actor=actor, now=now)


def need_in_retention(session: Session, case_id: str, now: datetime, *, legal_hold: bool = False) -> None:
    """Refuse with ``RetentionNotOver`` a case that is not in retention, or whose time is not over."""
    case = case_of(session, case_id)
    _need_over(_retention(session, case, now, legal_hold=legal_hold), now)
    if case.state != CaseState.RETENTION:
        raise RetentionNotOver("Close the case for good first; its works are disposed of after that.")


def _retention(session: Session, case: ModerationCase, now: datetime, *, legal_hold: bool) -> Retention:
    things = [Kept(Keeping.LEGAL_HOLD, None)] if legal_hold else []
    things += _results(session, case, now)
    things += _requests(session, case)
    holds = session.scalars(select(MalpracticeHold.released_at).where(MalpracticeHold.case_id == case.id))
    things += [Kept(Keeping.MALPRACTICE, released_at) for released_at in holds]
    if case.state == CaseState.MALPRACTICE_HOLD:
        things.append(Kept(Keeping.MALPRACTICE, None))
    released = session.scalars(
        select(CaseTransition.occurred_at)
        .where(CaseTransition.case_id == case.id, CaseTransition.event == CaseEvent.RELEASE_HOLD.value)
        .order_by(CaseTransition.number.desc())
    ).first()
    if released is not None:
        things.append(Kept(Keeping.MALPRACTICE, released))
    return retain_until(things, margin_days=retention_margin_days())


def _results(session: Session, case: ModerationCase, now: datetime) -> list[Kept]:
    release = release_of(session, case.series_key)
    if release is None or release.withdrawn_at is not None or not release.embargo.is_open(Audience.CENTRE, now):
        return [Kept(Keeping.RESULTS, None)]
    first = session.scalars(
        select(ResultVersion.restricted_at)
        .where(ResultVersion.series_key == case.series_key)
        .order_by(ResultVersion.number)
    ).first()
    terms = terms_for(session, case.series_key)
    ends = [
        one.closes_at(first or release.embargo.restricted_at)
        for service, one in terms.items()
        if service in _KEPT_BY_REVIEW
    ]
    return [Kept(Keeping.REVIEW_DEADLINE, max(ends))] if ends else []


def _requests(session: Session, case: ModerationCase) -> list[Kept]:
    """Return the reviews and appeals about a component at a centre, of the whole consortium where there is one.

    An outcome keeps the work until an appeal against it is no longer possible.
    """
    centres = [case.centre_number]
    if case.consortium_id is not None:
        centres = list(
            session.scalars(
                select(ModerationCase.centre_number).where(ModerationCase.consortium_id == case.consortium_id)
            )
        )
    rows = session.execute(
        select(ReviewRequest, ReviewOutcome.confirmed_at)
        .outerjoin(
            ReviewOutcome, (ReviewOutcome.request_id == ReviewRequest.id) & ReviewOutcome.superseded_at.is_(None)
        )
        .where(
            ReviewRequest.series_key == case.series_key,
            ReviewRequest.component_code == case.component_code,
            ReviewRequest.centre_number.in_(centres),
        )
    )
    terms = terms_for(session, case.series_key)
    found = []
    for row, confirmed_at in rows:
        service, state = Service(row.service), RequestState(row.state)
        by = Keeping.APPEAL if service in APPEALS else Keeping.REVIEW
        if state in LODGED:
            found.append(Kept(by, None))
        elif confirmed_at is not None and state not in OPEN:
            next_stage = Service.APPEAL_STAGE_2 if service is Service.APPEAL_STAGE_1 else Service.APPEAL_STAGE_1
            last = service is Service.APPEAL_STAGE_2 or next_stage not in terms
            found.append(Kept(by, confirmed_at if last else terms[next_stage].closes_at(confirmed_at)))
    return found


def _need_over(found: Retention, now: datetime) -> None:
    if not found.is_over(now):
        why = ", ".join(found.kept_by) or "nothing recorded yet"
        until = "without end for now" if found.until is None else f"until {found.until:%d %B %Y}"
        raise RetentionNotOver(f"This work is kept {until} ({why}).", kept_by=list(found.kept_by))
