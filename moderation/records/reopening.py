"""Marks or a sample given back to the centre: asked for with a reason, granted by a second person, compared after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import (
    NotReopenable,
    ReasonMissing,
    RequestDecided,
    RequestOpen,
    RequestUnknown,
    SamePerson,
)
from moderation.records.cases import advance, candidates_of, case_of
from moderation.records.extensions import locked_case, locked_request
from moderation.reopening import FileChange, FileFact, MarkChange, MarkFact, file_changes, mark_changes
from moderation.submission import MARKS_EDITABLE, TRANSITIONS, WORK_EXPECTED, CaseEvent, CaseState
from moderation.tables import CentreMark, ModerationCase, ModeratorMark, Reopening, SampleItem, new_id
from moderation.tracking import Subject

_EVENTS = {Subject.MARKS: CaseEvent.REOPEN_MARKS, Subject.SAMPLE: CaseEvent.REOPEN_SAMPLE}
REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class ReopeningView:
    """Marks or a sample that the centre asked back, what was decided, and what changed."""

    reopening_id: str
    case_id: str
    subject: Subject
    reason: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str
    granted: bool | None
    resubmitted_at: datetime | None
    receipt_before: str | None
    receipt_after: str | None
    marks: tuple[MarkChange, ...]
    files: tuple[FileChange, ...]
    version: int

    @property
    def is_open(self) -> bool:
        """Say whether nobody has decided yet."""
        return self.decided_at is None


def reopenable(state: CaseState) -> Subject | None:
    """Return what of a case in this state could be given back: the marks, the sample, or nothing."""
    return next((subject for subject, event in _EVENTS.items() if (state, event) in TRANSITIONS), None)


def ask_reopening(session: Session, case_id: str, *, reason: str, actor: str, now: datetime) -> ReopeningView:
    """Ask for submitted marks, or for the submitted sample, back.

    Raises: ``ReasonMissing``; ``NotReopenable`` saying what can be done instead; ``RequestOpen``.
    """
    if not reason.strip():
        raise ReasonMissing("Say what has to be put right.")
    case = locked_case(session, case_id)
    subject = _need_reopenable(session, case)
    if any(one.is_open for one in reopenings_of(session, case_id)):
        raise RequestOpen
    row = Reopening(
        id=new_id(),
        case_id=case.id,
        subject=subject.value,
        reason=reason.strip()[:REASON_LIMIT],
        asked_by=actor,
        asked_at=now,
        decision_reason="",
    )
    session.add(row)
    session.flush()
    return _view(row)


def reopening_of(session: Session, reopening_id: str) -> ReopeningView:
    """Return one request; raises ``RequestUnknown``."""
    row = session.get(Reopening, reopening_id)
    if row is None:
        raise RequestUnknown
    return _view(row)


def decide_reopening(
    session: Session,
    reopening_id: str,
    *,
    grant: bool,
    reason: str,
    officer: str,
    now: datetime,
    files: Sequence[FileFact] = (),
    receipt_id: str | None = None,
) -> ReopeningView:
    """Give marks or sample back to the centre, or refuse; what was submitted is noted, to be compared later.

    Takes: ``files`` of the submitted sample and its receipt, as the service holds them.
    Raises: ``RequestUnknown``; ``RequestDecided`` when another officer was faster; ``SamePerson``; ``ReasonMissing``
    for a refusal without one; ``NotReopenable`` when it is too late, as when the moderator has begun.
    """
    row = locked_request(session, Reopening, reopening_id)
    if row.decided_at is not None:
        raise RequestDecided(decided_by=row.decided_by)
    if row.asked_by == officer:
        raise SamePerson
    if grant:
        case = locked_case(session, row.case_id)
        subject = _need_reopenable(session, case)
        if subject != row.subject:
            raise NotReopenable(
                "The case has moved on since this was asked for. Refuse it, and let the centre ask again."
            )
        row.before = _marks(session, case) if subject is Subject.MARKS else [asdict(file) for file in files]
        row.receipt_before = receipt_id
        advance(session, case, _EVENTS[subject], actor=officer, now=now, reason=row.reason)
    elif not reason.strip():
        raise ReasonMissing("Say why it stays as it is; the centre reads it.")
    row.granted, row.decided_by, row.decided_at = grant, officer, now
    row.decision_reason = reason.strip()[:REASON_LIMIT]
    session.flush()
    return _view(row)


def note_resubmitted(
    session: Session,
    case_id: str,
    subject: Subject,
    *,
    actor: str,
    now: datetime,
    files: Sequence[FileFact] = (),
    receipt_id: str | None = None,
) -> ReopeningView | None:
    """Note what was submitted after a reopening, so that the difference can be shown; None if nothing was reopened."""
    row = session.scalars(
        select(Reopening)
        .where(
            Reopening.case_id == case_id,
            Reopening.subject == subject.value,
            Reopening.granted.is_(True),
            Reopening.resubmitted_at.is_(None),
        )
        .order_by(Reopening.decided_at.desc())
    ).first()
    if row is None:
        return None
    case = case_of(session, case_id)
    row.after = _marks(session, case) if subject is Subject.MARKS else [asdict(file) for file in files]
    row.receipt_after, row.resubmitted_by, row.resubmitted_at = receipt_id, actor, now
    session.flush()
    return _view(row)


def reopenings_of(session: Session, case_id: str) -> list[ReopeningView]:
    """Return every request of a case to have something back, oldest first."""
    rows = session.scalars(select(Reopening).where(Reopening.case_id == case_id).order_by(Reopening.asked_at))
    return [_view(row) for row in rows]


def open_reopenings(session: Session) -> list[ReopeningView]:
    """Return what waits for an officer's decision, oldest first."""
    rows = session.scalars(select(Reopening).where(Reopening.decided_at.is_(None)).order_by(Reopening.asked_at))
    return [_view(row) for row in rows]


def _need_reopenable(session: Session, case: ModerationCase) -> Subject:
    state = CaseState(case.state)
    subject = reopenable(state)
    if subject is Subject.SAMPLE and _is_begun(session, case):
        raise NotReopenable("The moderator has read the first works already. Ask the awarding body.", state=case.state)
    if subject is not None:
        return subject
    if state in MARKS_EDITABLE:
        raise NotReopenable("The marks are open. Change them on the page of the marks.", state=case.state)
    if state in WORK_EXPECTED:
        raise NotReopenable(
            "The sample has been chosen from these marks, so they change only by an amendment with a reason. "
            "Files can still be added and removed.",
            state=case.state,
        )
    raise NotReopenable(
        "The moderator has begun, or the case is finished. Marks change only by an amendment with a reason.",
        state=case.state,
    )


def _is_begun(session: Session, case: ModerationCase) -> bool:
    """Say whether a work of the present sample has been read: of a later request the first works have been."""
    query = (
        select(ModeratorMark.id)
        .join(SampleItem, SampleItem.id == ModeratorMark.sample_item_id)
        .where(SampleItem.case_id == case.id, SampleItem.sample_id == case.sample_id)
        .limit(1)
    )
    return session.scalar(query) is not None


def _marks(session: Session, case: ModerationCase) -> list[Any]:
    numbers = {candidate.id: candidate.candidate_number for candidate in candidates_of(session, case)}
    rows = session.scalars(
        select(CentreMark).where(CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version)
    )
    facts = [MarkFact(numbers[row.candidate_id], row.status, row.mark) for row in rows if row.candidate_id in numbers]
    return [asdict(fact) for fact in sorted(facts, key=lambda fact: fact.candidate_number)]


def _view(row: Reopening) -> ReopeningView:
    marks: tuple[MarkChange, ...] = ()
    files: tuple[FileChange, ...] = ()
    if row.before is not None and row.after is not None:
        if row.subject == Subject.MARKS:
            marks = mark_changes([MarkFact(**one) for one in row.before], [MarkFact(**one) for one in row.after])
        else:
            files = file_changes([FileFact(**one) for one in row.before], [FileFact(**one) for one in row.after])
    return ReopeningView(
        row.id,
        row.case_id,
        Subject(row.subject),
        row.reason,
        row.asked_by,
        row.asked_at,
        row.decided_by,
        row.decided_at,
        row.decision_reason,
        row.granted,
        row.resubmitted_at,
        row.receipt_before,
        row.receipt_after,
        marks,
        files,
        row.version,
    )
