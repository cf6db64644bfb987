"""Amendments: the only way in which a centre mark changes once the sample is drawn, by one person and then another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from moderation.amendments import AmendmentDecision, AmendmentKind, SampleChoice
from moderation.errors import (
    AmendmentMissing,
    AmendmentNotPossible,
    ReasonMissing,
    SamePerson,
    StaleVersion,
    UnknownCandidate,
)
from moderation.marks import CentreMark as CheckedMark
from moderation.marks import MarkStatus, check_mark, is_drawable
from moderation.records.cases import advance, candidates_of, case_of, component_of
from moderation.records.draws import cohort_of, draw_when_complete
from moderation.records.marking import find_again
from moderation.records.outcomes import supersede_outcomes
from moderation.records.work_requests import request_more_work
from moderation.records.works import locked_group
from moderation.submission import TRANSITIONS, WORK_EXPECTED, CaseEvent, CaseState
from moderation.tables import Candidate, CentreMark, MarkAmendment, ModerationCase, Sample, SampleItem, new_id

_FOUND = frozenset(
    {CaseState.OUTCOME_PROPOSED, CaseState.INVALID_ORDER, CaseState.SUPPORT_CALL, CaseState.OUTCOME_LOCKED}
)


@dataclass(frozen=True, slots=True)
class AmendmentView:
    """An amendment as pages show it."""

    amendment_id: str
    case_id: str
    candidate_id: str
    candidate_number: str
    kind: AmendmentKind
    reason: str
    before: CheckedMark
    after: CheckedMark
    proposed_by: str
    proposed_at: datetime
    decision: AmendmentDecision | None
    sample_choice: SampleChoice | None
    decision_reason: str
    decided_by: str | None
    decided_at: datetime | None
    mark_set_version: int | None


def propose_amendment(
    session: Session,
    case_id: str,
    candidate_id: str,
    *,
    kind: AmendmentKind,
    mark: int | None,
    status: MarkStatus | None = None,
    reason: str,
    actor: str,
    now: datetime,
) -> AmendmentView:
    """Ask for a change of one centre mark after the sample was drawn; nothing changes until another person approves.

    Raises: ``ReasonMissing``; ``UnknownCandidate``; errors of marks; ``AmendmentNotPossible`` before the sample is
    drawn, once results are out, while another amendment of the mark waits, or when nothing would change.
    Source: after the draw a mark set is locked, and a change is a new version with reason and approver (undated).
    """
    if not reason.strip():
        raise ReasonMissing
    locked_group(session, case_id)
    case = case_of(session, case_id)
    need_amendable(case)
    if candidate_id not in {candidate.id for candidate in candidates_of(session, case)}:
        raise UnknownCandidate(candidate_id=candidate_id)
    after = check_mark(mark, status, component_of(session, case).maximum_mark)
    before = _mark_of(session, case, candidate_id)
    if (before.status, before.mark) == (after.status.value, after.mark):
        raise AmendmentNotPossible("This is the mark that the candidate has already.")
    if any(one.candidate_id == candidate_id and one.decision is None for one in amendments_of(session, case_id)):
        raise AmendmentNotPossible("An amendment of this candidate’s mark waits for a decision already.")
    row = MarkAmendment(
        id=new_id(),
        case_id=case_id,
        candidate_id=candidate_id,
        kind=kind.value,
        reason=reason.strip(),
        before_status=before.status,
        before_mark=before.mark,
        after_status=after.status.value,
        after_mark=after.mark,
        proposed_by=actor,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    return amendment_of(session, row.id)


def approve_amendment(
    session: Session,
    amendment_id: str,
    *,
    choice: SampleChoice,
    reason: str,
    officer: str,
    now: datetime,
) -> AmendmentView:
    """Approve an amendment: the mark set gets a new version, and what was found is found again from the same works.

    Takes: ``choice``, what becomes of the sample: kept, the candidate's work added, or drawn anew.
    Raises: ``AmendmentMissing``; ``ReasonMissing``; ``SamePerson``; ``StaleVersion`` when the mark is no longer what it
    was; ``AmendmentNotPossible`` when it is decided, or the choice does not fit the candidate or the case.
    Source: project policy: corrections come before the fit and are not part of the adjustment.
    """
    row = _undecided(session, amendment_id, reason, officer)
    members = locked_group(session, row.case_id)
    case = case_of(session, row.case_id)
    need_amendable(case)
    present = _mark_of(session, case, row.candidate_id)
    if (present.status, present.mark) != (row.before_status, row.before_mark):
        raise StaleVersion("The mark has changed since this amendment was proposed. Propose it again.")
    _need_choice(session, members, case, row, choice)
    _new_mark_set(session, case, row, officer, now)
    row.decision, row.sample_choice, row.decision_reason = "APPROVED", choice.value, reason.strip()
    row.decided_by, row.decided_at, row.mark_set_version = officer, now, case.mark_set_version
    session.flush()
    words = f"{row.kind.replace('_', ' ').capitalize()}: mark set {case.mark_set_version}"
    supersede_outcomes(session, members, now)
    if choice is SampleChoice.REDRAW:
        for member in members:
            advance(session, member, CaseEvent.REDRAW_SAMPLE, actor=officer, now=now, reason=words)
        draw_when_complete(session, case, actor=officer, now=now)
        return amendment_of(session, amendment_id)
    for member in members:
        if member.id == case.id or CaseState(member.state) in _FOUND:
            advance(session, member, CaseEvent.AMEND_MARKS, actor=officer, now=now, reason=words)
    if choice is SampleChoice.ADD:
        _call_work(session, case, row, officer, now)
    elif case.state not in WORK_EXPECTED and not _is_open(case):
        find_again(session, case.id, now=now)
    return amendment_of(session, amendment_id)


def refuse_amendment(session: Session, amendment_id: str, *, reason: str, officer: str, now: datetime) -> AmendmentView:
    """Refuse an amendment, with a reason; the mark stays.

    Raises: ``AmendmentMissing``; ``ReasonMissing``; ``SamePerson``; ``AmendmentNotPossible`` when it is decided.
    """
    row = _undecided(session, amendment_id, reason, officer)
    row.decision, row.decision_reason = AmendmentDecision.REFUSED.value, reason.strip()
    row.decided_by, row.decided_at = officer, now
    session.flush()
    return amendment_of(session, amendment_id)


def amendment_of(session: Session, amendment_id: str) -> AmendmentView:
    """Return an amendment; raises ``AmendmentMissing``."""
    row = session.get(MarkAmendment, amendment_id)
    if row is None:
        raise AmendmentMissing
    return next(one for one in amendments_of(session, row.case_id) if one.amendment_id == amendment_id)


def amendments_of(session: Session, case_id: str) -> list[AmendmentView]:
    """Return every amendment of a case, refused ones included, oldest first."""
    rows = session.execute(
        select(MarkAmendment, Candidate.candidate_number)
        .join(Candidate, Candidate.id == MarkAmendment.candidate_id)
        .where(MarkAmendment.case_id == case_id)
        .order_by(MarkAmendment.proposed_at, MarkAmendment.id)
    )
    return [
        AmendmentView(
            row.id,
            row.case_id,
            row.candidate_id,
            number,
            AmendmentKind(row.kind),
            row.reason,
            CheckedMark(MarkStatus(row.before_status), row.before_mark),
            CheckedMark(MarkStatus(row.after_status), row.after_mark),
            row.proposed_by,
            row.proposed_at,
            None if row.decision is None else AmendmentDecision(row.decision),
            None if row.sample_choice is None else SampleChoice(row.sample_choice),
            row.decision_reason,
            row.decided_by,
            row.decided_at,
            row.mark_set_version,
        )
        for row, number in rows
    ]


def open_amendments(session: Session, series_key: str) -> set[str]:
    """Return the cases of a series in which an amendment waits for a decision."""
    query = select(MarkAmendment.case_id).join(ModerationCase, ModerationCase.id == MarkAmendment.case_id)
    return set(
        session.scalars(query.where(ModerationCase.series_key == series_key, MarkAmendment.decided_at.is_(None)))
    )


def clerical_errors_of(session: Session, case_id: str) -> list[AmendmentView]:
    """Return the notification of clerical errors: the approved corrections of slips, for the centre with its results."""
    return [
        one
        for one in amendments_of(session, case_id)
        if one.kind is AmendmentKind.CLERICAL_ERROR and one.decision is AmendmentDecision.APPROVED
    ]


def need_amendable(case: ModerationCase) -> None:
    """Refuse with ``AmendmentNotPossible`` a case whose marks cannot be amended now."""
    if (CaseState(case.state), CaseEvent.AMEND_MARKS) not in TRANSITIONS:
        raise AmendmentNotPossible(
            "Marks are amended between the drawing of the sample and results. "
            "Before, they are given back to the centre; after, the outcome is withdrawn first.",
            state=case.state,
        )


def _undecided(session: Session, amendment_id: str, reason: str, officer: str) -> MarkAmendment:
    if not reason.strip():
        raise ReasonMissing
    row = session.scalars(
        select(MarkAmendment)
        .where(MarkAmendment.id == amendment_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise AmendmentMissing
    if row.decision is not None:
        raise AmendmentNotPossible("This amendment has been decided already.")
    if row.proposed_by == officer:
        raise SamePerson("Whoever proposed an amendment does not decide about it.")
    return row


def _mark_of(session: Session, case: ModerationCase, candidate_id: str) -> CentreMark:
    row = session.get(CentreMark, (case.id, candidate_id, case.mark_set_version))
    if row is None:
        raise UnknownCandidate(candidate_id=candidate_id)
    return row


def _need_choice(
    session: Session,
    members: Sequence[ModerationCase],
    case: ModerationCase,
    row: MarkAmendment,
    choice: SampleChoice,
) -> None:
    sample = session.get(Sample, case.sample_id) if case.sample_id else None
    can_be_drawn = is_drawable(row.after_status, row.after_mark)
    if choice is SampleChoice.KEEP and can_be_drawn and not cohort_of(session, members).order:
        raise AmendmentNotPossible("No sample was drawn, and this candidate can be drawn now: draw the sample anew.")
    if choice is not SampleChoice.ADD:
        return
    if sample is None or not can_be_drawn:
        raise AmendmentNotPossible("The work of this candidate cannot be called: keep the sample, or draw it anew.")
    if case.state == CaseState.SAMPLE_NOT_REQUIRED:
        raise AmendmentNotPossible("Nobody of this centre is in the sample: keep the sample, or draw it anew.")
    if _item(session, sample.id, row.candidate_id) is not None:
        raise AmendmentNotPossible("This candidate’s work is in the sample already: keep the sample.")


def _item(session: Session, sample_id: str, candidate_id: str) -> SampleItem | None:
    return session.scalars(
        select(SampleItem).where(SampleItem.sample_id == sample_id, SampleItem.candidate_id == candidate_id)
    ).one_or_none()


def _new_mark_set(session: Session, case: ModerationCase, row: MarkAmendment, officer: str, now: datetime) -> None:
    before = session.scalars(
        select(CentreMark).where(CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version)
    ).all()
    names = [column.key for column in CentreMark.__table__.columns]
    copies: Sequence[dict[str, object]] = [
        {name: getattr(one, name) for name in names} | {"mark_set_version": case.mark_set_version + 1} for one in before
    ]
    for copy in copies:
        if copy["candidate_id"] == row.candidate_id:
            copy |= {
                "status": row.after_status,
                "mark": row.after_mark,
                "reason": row.reason,
                "saved_at": row.proposed_at,
                "saved_by": row.proposed_by,
                "checked_at": now,
                "checked_by": officer,
            }
    session.execute(insert(CentreMark), copies)
    case.mark_set_version += 1
    session.flush()


def _call_work(session: Session, case: ModerationCase, row: MarkAmendment, officer: str, now: datetime) -> None:
    request_more_work(
        session,
        case.id,
        candidate_ids=[row.candidate_id],
        reason="The mark was amended after the sample was drawn",
        actor=officer,
        now=now,
    )


def _is_open(case: ModerationCase) -> bool:
    """Say whether works are still on their way to the moderator, so that nothing can be found yet."""
    return CaseState(case.state) in {CaseState.SUBMITTED, CaseState.RECEIVED, CaseState.RECEIPT_QUERY}
