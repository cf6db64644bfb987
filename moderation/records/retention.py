"""Retention of work, by what happened: until when each case's work is kept, why, and what is due for disposal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
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
    case = case_of(session, case_id)
    return _Series(session, case.series_key, now, [case]).retention(case, legal_hold=legal_hold)


def retention_lines(
    session: Session, series_key: str, now: datetime, *, held_case_ids: Collection[str] = ()
) -> list[RetentionLine]:
    """Return every case of a series with its retention; changes nothing."""
    cases = session.scalars(
        select(ModerationCase)
        .where(ModerationCase.series_key == series_key)
        .order_by(ModerationCase.component_code, ModerationCase.centre_number)
    ).all()
    known = _Series(session, series_key, now)
    lines = []
    for case in cases:
        found = known.retention(case, legal_hold=case.id in held_case_ids)
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


def keeping_in(session: Session, series_key: str, now: datetime) -> Callable[[str, str], tuple[Kept, ...]]:
    """Return what says of a component and a centre what keeps their work, moderated or not: results, reviews, appeals.

    Whoever keeps it adds what only they know, such as a legal hold, and the margin (``retain_until``).
    """
    return _Series(session, series_key, now, []).of_place


def begin_retention(session: Session, case_id: str, *, actor: str, now: datetime, legal_hold: bool = False) -> None:
    """Close a case for good: nothing about it is open any more, and its work waits for disposal.

    Raises: ``RetentionNotOver`` with until when and why; ``IllegalTransition``.
    """
    case = case_of(session, case_id)
    _need_over(retention_of(session, case_id, now, legal_hold=legal_hold), now)
    advance(session, case, CaseEvent.BEGIN_RETENTION, actor=actor, now=now)


def dispose(session: Session, case_id: str, *, actor: str, now: datetime, legal_hold: bool = False) -> None:
    """Note that the work of a case was disposed of; whoever keeps the documents has destroyed them with two people.

    Raises: ``RetentionNotOver``; ``IllegalTransition`` before retention.
    """
    case = case_of(session, case_id)
    _need_over(retention_of(session, case_id, now, legal_hold=legal_hold), now)
    advance(session, case, CaseEvent.DISPOSE, actor=actor, now=now)


def need_in_retention(session: Session, case_id: str, now: datetime, *, legal_hold: bool = False) -> None:
    """Refuse with ``RetentionNotOver`` a case that is not in retention, or whose time is not over."""
    case = case_of(session, case_id)
    _need_over(retention_of(session, case_id, now, legal_hold=legal_hold), now)
    if case.state != CaseState.RETENTION:
        raise RetentionNotOver("Close the case for good first; its works are disposed of after that.")


class _Series:
    """What keeps the work of a series' cases, asked for once for all of them, or for a few."""

    def __init__(
        self, session: Session, series_key: str, now: datetime, only: Sequence[ModerationCase] | None = None
    ) -> None:
        self._session, self._series_key = session, series_key
        self._terms = terms_for(session, series_key)
        self._results = self._of_results(now)
        self._members = self._of_consortia()
        self._requests = self._of_requests(only)
        self._malpractice = self._of_malpractice(only)

    def retention(self, case: ModerationCase, *, legal_hold: bool) -> Retention:
        """Return until when the work of a case is kept, and by what."""
        things = [Kept(Keeping.LEGAL_HOLD, None)] if legal_hold else []
        things += self._results
        for centre_number in self._members.get(case.consortium_id or "", [case.centre_number]):
            things += self._requests.get((case.component_code, centre_number), ())
        things += self._malpractice.get(case.id, ())
        if case.state == CaseState.MALPRACTICE_HOLD:
            things.append(Kept(Keeping.MALPRACTICE, None))
        return retain_until(things, margin_days=retention_margin_days())

    def of_place(self, component_code: str, centre_number: str) -> tuple[Kept, ...]:
        """Return what keeps all work of a component at a centre."""
        return (*self._results, *self._requests.get((component_code, centre_number), ()))

    def _of_results(self, now: datetime) -> list[Kept]:
        release = release_of(self._session, self._series_key)
        if release is None or release.withdrawn_at is not None or not release.embargo.is_open(Audience.CENTRE, now):
            return [Kept(Keeping.RESULTS, None)]
        first = self._session.scalars(
            select(ResultVersion.restricted_at)
            .where(ResultVersion.series_key == self._series_key)
            .order_by(ResultVersion.number)
        ).first()
        out_at = first or release.embargo.restricted_at
        ends = [one.closes_at(out_at) for service, one in self._terms.items() if service in _KEPT_BY_REVIEW]
        return [Kept(Keeping.REVIEW_DEADLINE, max(ends))] if ends else []

    def _of_consortia(self) -> Mapping[str, list[str]]:
        """Return consortium → its centres: a review of one is a review of all."""
        rows = self._session.execute(
            select(ModerationCase.consortium_id, ModerationCase.centre_number).where(
                ModerationCase.series_key == self._series_key, ModerationCase.consortium_id.is_not(None)
            )
        )
        found: dict[str, list[str]] = defaultdict(list)
        for consortium_id, centre_number in rows:
            found[consortium_id or ""].append(centre_number)
        return found

    def _of_requests(self, only: Sequence[ModerationCase] | None) -> Mapping[tuple[str, str], list[Kept]]:
        """Return (component, centre) → its reviews and appeals.

        An outcome keeps the work until an appeal against it is no longer possible.
        """
        query = (
            select(ReviewRequest, ReviewOutcome.confirmed_at)
            .outerjoin(
                ReviewOutcome, (ReviewOutcome.request_id == ReviewRequest.id) & ReviewOutcome.superseded_at.is_(None)
            )
            .where(ReviewRequest.series_key == self._series_key)
        )
        if only:
            query = query.where(ReviewRequest.component_code.in_([case.component_code for case in only]))
        found: dict[tuple[str, str], list[Kept]] = defaultdict(list)
        for row, confirmed_at in self._session.execute(query):
            kept = self._kept_by(Service(row.service), RequestState(row.state), confirmed_at)
            if kept is not None:
                found[row.component_code, row.centre_number].append(kept)
        return found

    def _kept_by(self, service: Service, state: RequestState, confirmed_at: datetime | None) -> Kept | None:
        by = Keeping.APPEAL if service in APPEALS else Keeping.REVIEW
        if state in LODGED:
            return Kept(by, None)
        if confirmed_at is None or state in OPEN:
            return None
        next_stage = Service.APPEAL_STAGE_2 if service is Service.APPEAL_STAGE_1 else Service.APPEAL_STAGE_1
        if service is Service.APPEAL_STAGE_2 or next_stage not in self._terms:
            return Kept(by, confirmed_at)
        return Kept(by, self._terms[next_stage].closes_at(confirmed_at))

    def _of_malpractice(self, only: Sequence[ModerationCase] | None) -> Mapping[str, list[Kept]]:
        """Return case → its holds, of one candidate or of the whole case."""
        holds = select(MalpracticeHold.case_id, MalpracticeHold.released_at)
        ends = select(CaseTransition.case_id, CaseTransition.occurred_at).where(
            CaseTransition.event == CaseEvent.RELEASE_HOLD.value
        )
        if only is not None:
            ids = [case.id for case in only]
            holds, ends = holds.where(MalpracticeHold.case_id.in_(ids)), ends.where(CaseTransition.case_id.in_(ids))
        found: dict[str, list[Kept]] = defaultdict(list)
        for query in (holds, ends):
            for case_id, ended_at in self._session.execute(query):
                found[case_id].append(Kept(Keeping.MALPRACTICE, ended_at))
        return found


def _need_over(found: Retention, now: datetime) -> None:
    if not found.is_over(now):
        why = ", ".join(found.kept_by) or "nothing recorded yet"
        until = "without end for now" if found.until is None else f"until {found.until:%d %B %Y}"
        raise RetentionNotOver(f"This work is kept {until} ({why}).", kept_by=list(found.kept_by))
