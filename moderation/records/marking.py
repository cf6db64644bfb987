"""Marking: who may read which works, the moderator's marks, and what follows when a stage is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from moderation.errors import (
    IllegalTransition,
    NoSample,
    NotAllocated,
    NotInStage,
    ReasonMissing,
    SampleIncomplete,
    StaleVersion,
    ToleranceMissing,
    UnknownSampleItem,
)
from moderation.marking import StageReport, Work, check_moderator_mark, report_stage
from moderation.outcome import Stage
from moderation.records.cases import CaseView, advance, case_of, component_of, group_of, list_cases
from moderation.records.outcomes import propose_outcome
from moderation.submission import READABLE, CaseEvent, CaseState
from moderation.tables import Allocation, ModerationCase, ModeratorMark, Sample, SampleItem

MODERATE = "MODERATE"
_JUST_ARRIVED = frozenset({CaseState.SUBMITTED, CaseState.RECEIVED})


@dataclass(frozen=True, slots=True)
class WorklistLine:
    """A case on a moderator's list: what there is to read, and how much of it is read."""

    case: CaseView
    sampled: int
    read: int
    is_readable: bool


@dataclass(frozen=True, slots=True)
class ModeratorMarkView:
    """A moderator's mark; ``superseded_at`` is set when a later one replaced it."""

    number: int
    mark: int
    comment: str
    marked_by: str
    marked_at: datetime
    superseded_at: datetime | None


def allocate(
    session: Session,
    *,
    person_id: str,
    series_key: str,
    component_code: str,
    centre_number: str,
    act: str = MODERATE,
    opens_at: datetime | None = None,
    closes_at: datetime | None = None,
) -> None:
    """Let a person act on a centre's work in a component, between two instants; a second time changes the instants."""
    row = session.scalars(
        select(Allocation).where(
            Allocation.person_id == person_id,
            Allocation.series_key == series_key,
            Allocation.component_code == component_code,
            Allocation.centre_number == centre_number,
            Allocation.act == act,
        )
    ).one_or_none()
    if row is None:
        row = Allocation(
            person_id=person_id,
            series_key=series_key,
            component_code=component_code,
            centre_number=centre_number,
            act=act,
        )
        session.add(row)
    row.opens_at, row.closes_at = opens_at, closes_at
    session.flush()


def is_allocated(session: Session, case_id: str, person_id: str, now: datetime, *, act: str = MODERATE) -> bool:
    """Say whether the person may act on the case now."""
    case = case_of(session, case_id)
    query = select(Allocation.id).where(
        Allocation.person_id == person_id,
        Allocation.series_key == case.series_key,
        Allocation.component_code == case.component_code,
        Allocation.centre_number == case.centre_number,
        Allocation.act == act,
        *_open_at(now),
    )
    return session.scalars(query).first() is not None


def worklist(session: Session, person_id: str, now: datetime) -> list[WorklistLine]:
    """Return the cases allocated to a moderator now, in any state, by centre and component."""
    query = (
        select(ModerationCase.id)
        .join(
            Allocation,
            and_(
                Allocation.series_key == ModerationCase.series_key,
                Allocation.component_code == ModerationCase.component_code,
                Allocation.centre_number == ModerationCase.centre_number,
            ),
        )
        .where(Allocation.person_id == person_id, Allocation.act == MODERATE, *_open_at(now))
        .order_by(ModerationCase.centre_number, ModerationCase.component_code)
    )
    lines = []
    for case_id in session.scalars(query).unique():
        case = case_of(session, case_id)
        items = _items(session, case)
        own = [item for item, _ in items if item.case_id == case.id]
        read = [item for item, mark in items if item.case_id == case.id and mark is not None]
        (view,) = list_cases(session, case_id=case_id)
        lines.append(WorklistLine(view, len(own), len(read), _unready(session, case) is None))
    return lines


def stage_of(session: Session, case_id: str) -> StageReport:
    """Return what is to be read now in the sample of a case (of the whole consortium), keyed by sample item.

    Raises: ``NoSample``; ``ToleranceMissing``.
    """
    case = case_of(session, case_id)
    if case.sample_id is None:
        raise NoSample(case_id=case_id)
    component = component_of(session, case)
    if component.tolerance_marks is None:
        raise ToleranceMissing(component_code=component.component_code)
    works = [
        Work(item.id, item.centre_mark, None if mark is None else mark.mark, item.first_stage)
        for item, mark in _items(session, case)
    ]
    return report_stage(
        works, _stage(session, case), tolerance_marks=component.tolerance_marks, maximum=component.maximum_mark
    )


def record_moderator_mark(
    session: Session,
    item_id: str,
    *,
    mark: int,
    comment: str = "",
    moderator: str,
    now: datetime,
    expected_number: int | None = None,
) -> StageReport:
    """Record a moderator's mark for a sampled work; when the stage is read, the next stage or an outcome follows.

    A changed mark supersedes the one before; the same mark again changes nothing.
    Takes: ``expected_number``, the number of the mark that the person saw, 0 for none; ``None`` checks nothing.
    Returns: the stage as it is after the mark.
    Raises: ``UnknownSampleItem``; ``NotAllocated``; ``MarkOutOfRange``; ``ToleranceMissing``; ``NotInStage``;
    ``SampleIncomplete`` while a member of the consortium has not handed in; ``IllegalTransition``; ``StaleVersion``.
    """
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    case = case_of(session, item.case_id)
    if not is_allocated(session, case.id, moderator, now):
        raise NotAllocated(component_code=case.component_code)
    component = component_of(session, case)
    check_moderator_mark(mark, component.maximum_mark)
    if component.tolerance_marks is None:
        raise ToleranceMissing(component_code=component.component_code)
    unready = _unready(session, case)
    if unready is not None:
        raise unready
    if item.no_work_reason or (_stage(session, case) is Stage.SUB_SAMPLE and not item.first_stage):
        raise NotInStage
    _supersede(session, item, mark, comment.strip(), moderator, now, expected_number)
    members = group_of(session, case)
    for member in members:
        if member.state in _JUST_ARRIVED:
            reason = "The moderator began to mark"
            advance(session, member, CaseEvent.COMPLETE_RECEIPT, actor=moderator, now=now, reason=reason)
    report = stage_of(session, case.id)
    if report.is_complete and report.decision is None:
        _read_all(session, case)
        for member in members:
            if member.state == CaseState.RECEIPT_COMPLETE:
                advance(session, member, CaseEvent.CALL_FULL_SAMPLE, actor=moderator, now=now)
        return stage_of(session, case.id)
    if report.decision is not None:
        propose_outcome(session, members, report.decision, actor=moderator, now=now)
    return report


def marks_of_item(session: Session, item_id: str) -> list[ModeratorMarkView]:
    """Return every mark a work was given by moderators, superseded ones included, oldest first."""
    rows = session.scalars(
        select(ModeratorMark).where(ModeratorMark.sample_item_id == item_id).order_by(ModeratorMark.number)
    )
    return [_view(row) for row in rows]


def moderator_marks(session: Session, case_id: str) -> dict[str, ModeratorMarkView]:
    """Return the present moderator mark of each sample item of a case's sample, keyed by item."""
    case = case_of(session, case_id)
    return {item.id: _view(mark) for item, mark in _items(session, case) if mark is not None}


def complete_receipt(session: Session, case_id: str, *, actor: str, now: datetime, reason: str = "") -> None:
    """Note that the moderator has what was sent; a query needs a reason how it was settled."""
    case = case_of(session, case_id)
    if case.state == CaseState.RECEIPT_QUERY and not reason.strip():
        raise ReasonMissing
    advance(session, case, CaseEvent.COMPLETE_RECEIPT, actor=actor, now=now, reason=reason)


def query_receipt(session: Session, case_id: str, *, reason: str, actor: str, now: datetime) -> None:
    """Ask the centre about works that are missing, mislabelled or unreadable; it can then send again."""
    if not reason.strip():
        raise ReasonMissing
    advance(session, case_of(session, case_id), CaseEvent.QUERY_RECEIPT, actor=actor, now=now, reason=reason)


def reopen_marking(session: Session, case_id: str, *, reason: str, officer: str, now: datetime) -> StageReport:
    """Send a proposed outcome back to the moderator, who then reads the whole sample."""
    if not reason.strip():
        raise ReasonMissing
    case = case_of(session, case_id)
    _read_all(session, case)
    for member in group_of(session, case):
        advance(session, member, CaseEvent.CALL_FULL_SAMPLE, actor=officer, now=now, reason=reason)
    return stage_of(session, case_id)


def _supersede(
    session: Session,
    item: SampleItem,
    mark: int,
    comment: str,
    moderator: str,
    now: datetime,
    expected_number: int | None,
) -> None:
    before = session.scalars(
        select(ModeratorMark).where(ModeratorMark.sample_item_id == item.id, ModeratorMark.superseded_at.is_(None))
    ).one_or_none()
    number = 0 if before is None else before.number
    if expected_number is not None and expected_number != number:
        raise StaleVersion(expected=expected_number, found=number)
    if before is not None:
        if (before.mark, before.comment, before.marked_by) == (mark, comment, moderator):
            return
        before.superseded_at = now
    session.add(
        ModeratorMark(
            sample_item_id=item.id,
            number=number + 1,
            mark=mark,
            comment=comment,
            marked_by=moderator,
            marked_at=now,
        )
    )
    session.flush()


def _items(session: Session, case: ModerationCase) -> list[tuple[SampleItem, ModeratorMark | None]]:
    rows = session.execute(
        select(SampleItem, ModeratorMark)
        .outerjoin(
            ModeratorMark,
            and_(ModeratorMark.sample_item_id == SampleItem.id, ModeratorMark.superseded_at.is_(None)),
        )
        .where(SampleItem.sample_id == case.sample_id, SampleItem.no_work_reason == "")
        .order_by(SampleItem.position)
    )
    return [(item, mark) for item, mark in rows]


def _read_all(session: Session, case: ModerationCase) -> None:
    sample = session.get_one(Sample, case.sample_id)
    if sample.stage == Stage.SUB_SAMPLE:
        sample.stage = Stage.FULL_SAMPLE.value


def _stage(session: Session, case: ModerationCase) -> Stage:
    return Stage(session.get_one(Sample, case.sample_id).stage) if case.sample_id else Stage.NO_SAMPLE


def _unready(session: Session, case: ModerationCase) -> IllegalTransition | SampleIncomplete | None:
    """Return why the sample cannot be marked now, or ``None``: a consortium is read when all of it has arrived."""
    if case.state not in READABLE:
        return IllegalTransition("This sample is not with the moderator.", state=case.state)
    others = [member for member in group_of(session, case) if member.id != case.id]
    late = [member.centre_number for member in others if member.state not in READABLE | {CaseState.SAMPLE_NOT_REQUIRED}]
    if late:
        return SampleIncomplete("Some centres of the consortium have not handed in their works.", centres=late)
    return None


def _open_at(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        or_(Allocation.opens_at.is_(None), Allocation.opens_at <= now),
        or_(Allocation.closes_at.is_(None), Allocation.closes_at > now),
    )


def _view(row: ModeratorMark) -> ModeratorMarkView:
    return ModeratorMarkView(row.number, row.mark, row.comment, row.marked_by, row.marked_at, row.superseded_at)
