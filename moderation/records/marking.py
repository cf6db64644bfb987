"""Marking: who may read which works, the moderator's marks, and what follows when a stage is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from moderation.criteria import total_of
from moderation.errors import (
    IllegalTransition,
    NoSample,
    NotAllocated,
    NotInStage,
    ReasonMissing,
    SampleIncomplete,
    ToleranceMissing,
    UnknownSampleItem,
)
from moderation.marking import StageReport, check_moderator_mark
from moderation.outcome import Stage
from moderation.records.cases import CaseView, advance, case_of, check_version, component_of, group_of, list_cases
from moderation.records.independence import is_independent, need_independent
from moderation.records.moderator_marks import (
    ModeratorMarkView,
    current_mark,
    is_same,
    rules_of,
    supersede,
    views_of,
)
from moderation.records.outcomes import SYSTEM, last_reason_without_sample, propose_without_sample
from moderation.records.stages import call_whole_sample, follow, report_on, stage_now, standing_on
from moderation.records.works import locked_group, works_of, works_of_samples
from moderation.standing import Standing
from moderation.submission import READABLE, CaseEvent, CaseState
from moderation.tables import Allocation, ModerationCase, Sample, SampleItem

MODERATE = "MODERATE"
_FINDABLE = frozenset({CaseState.RECEIPT_COMPLETE, CaseState.FULL_SAMPLE, CaseState.SAMPLE_NOT_REQUIRED})
_JUST_ARRIVED = frozenset({CaseState.SUBMITTED, CaseState.RECEIVED})


@dataclass(frozen=True, slots=True)
class WorklistLine:
    """A case on a moderator's list: what there is to read, how much of it is read, and what is wanted next."""

    case: CaseView
    sampled: int
    read: int
    is_readable: bool
    wanted: int = 0
    """How many works are to be read now."""
    next_item_id: str | None = None
    """The first of them."""
    closes_at: datetime | None = None
    """Until when the person may mark it; ``None`` where no end was set."""


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
    granted_by: str | None = None,
) -> None:
    """Let a person act on a centre's work in a component, between two instants; a second time changes the instants.

    Raises: ``NotIndependent`` with reasons for somebody with a tie to the centre, or with a part in what is reviewed.
    """
    if opens_at is not None and (closes_at is None or opens_at < closes_at):
        need_independent(
            session,
            person_id,
            series_key=series_key,
            component_code=component_code,
            centre_number=centre_number,
            act=act,
            start=opens_at,
            until=closes_at,
        )
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
    row.granted_by, row.granted_at = granted_by, opens_at
    session.flush()


def is_allocated(session: Session, case_id: str, person_id: str, now: datetime, *, act: str = MODERATE) -> bool:
    """Say whether the person may act on the case now: allocated, and with nothing against them that came up since."""
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
        select(ModerationCase.id, Allocation.closes_at)
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
    windows = {case_id: closes_at for case_id, closes_at in session.execute(query)}  # noqa: C416
    case_ids = list(windows)
    cases = {case.id: case for case in session.scalars(select(ModerationCase).where(ModerationCase.id.in_(case_ids)))}
    views = {view.case_id: view for view in list_cases(session, case_ids=case_ids)}
    sample_ids = {case.sample_id for case in cases.values() if case.sample_id is not None}
    works = works_of_samples(session, sample_ids)
    rows = session.execute(select(Sample.id, Sample.stage).where(Sample.id.in_(sample_ids)))
    stages = {row[0]: Stage(row[1]) for row in rows}
    together: dict[str | None, list[ModerationCase]] = {}
    for member in session.scalars(select(ModerationCase).where(ModerationCase.sample_id.in_(sample_ids))):
        together.setdefault(member.sample_id, []).append(member)
    lines = []
    for case_id in case_ids:
        case = cases[case_id]
        own = [work for work in works.get(case.sample_id or "", ()) if work.item.case_id == case.id and work.counts]
        read = [work for work in own if work.mark is not None]
        is_ready = _why_not(case, together.get(case.sample_id, [case])) is None
        is_first = stages.get(case.sample_id or "") is Stage.SUB_SAMPLE
        wanted = [work.item.id for work in own if work.mark is None and (work.item.first_stage or not is_first)]
        wanted = wanted if is_ready else []
        lines.append(
            WorklistLine(
                views[case_id],
                len(own),
                len(read),
                is_ready,
                len(wanted),
                wanted[0] if wanted else None,
                windows[case_id],
            )
        )
    return lines


def stage_of(session: Session, case_id: str) -> StageReport:
    """Return what is to be read now in the sample of a case (of the whole consortium), keyed by sample item.

    Works count by the mark set in force: an amended mark counts as amended. When all work was called, every candidate
    of the cohort with a mark above zero must have been read before the moderator's marks can stand.
    Raises: ``NoSample``; ``ToleranceMissing``.
    """
    case = case_of(session, case_id)
    if case.sample_id is None:
        raise NoSample(case_id=case_id)
    component = component_of(session, case)
    if component.tolerance_marks is None:
        raise ToleranceMissing(component_code=component.component_code)
    return report_on(session, case, works_of(session, case))


def standing(session: Session, case_id: str) -> Standing:
    """Return how the marks given so far in the sample of a case stand; raises ``NoSample``, ``ToleranceMissing``."""
    case = case_of(session, case_id)
    if case.sample_id is None:
        raise NoSample(case_id=case_id)
    component = component_of(session, case)
    if component.tolerance_marks is None:
        raise ToleranceMissing(component_code=component.component_code)
    return standing_on(session, case, works_of(session, case))


def record_moderator_mark(
    session: Session,
    item_id: str,
    *,
    mark: int | None,
    comment: str = "",
    criteria: Mapping[str, int | None] | None = None,
    moderator: str,
    now: datetime,
    expected_number: int | None = None,
) -> StageReport:
    """Record a moderator's mark for a sampled work; when the stage is read, the next stage or an outcome follows.

    A changed mark supersedes the one before; the same mark again changes nothing.
    Takes: ``criteria``, marks by criterion, from which the total follows (``moderation.criteria.total_of``);
    ``expected_number``, the number of the mark that the person saw, 0 for none; ``None`` checks nothing.
    Returns: the stage as it is after the mark.
    Raises: ``UnknownSampleItem``; ``NotAllocated``; ``CriteriaRefused``; ``MarkOutOfRange``; ``ToleranceMissing``; ``NotInStage``;
    ``SampleIncomplete`` while a member of the consortium has not handed in; ``IllegalTransition``; ``StaleVersion``.
    """
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    case = case_of(session, item.case_id)
    if not is_allocated(session, case.id, moderator, now):
        raise NotAllocated(component_code=case.component_code)
    component = component_of(session, case)
    rules = rules_of(session, component.series_key, component.component_code) if criteria else ()
    mark = check_moderator_mark(total_of(rules, criteria or {}, mark, component.maximum_mark), component.maximum_mark)
    given = {code: one for code, one in (criteria or {}).items() if one is not None}
    if component.tolerance_marks is None:
        raise ToleranceMissing(component_code=component.component_code)
    members = locked_group(session, case.id)
    before = current_mark(session, item)
    if is_same(session, before, mark, comment, moderator, given) and case.state not in READABLE:
        # Posted twice: what it led to has happened already.
        return stage_of(session, case.id)
    unready = _unready(session, case)
    if unready is not None:
        raise unready
    work = next((one for one in works_of(session, case) if one.item.id == item.id), None)
    if work is None or not work.counts or (stage_now(session, case) is Stage.SUB_SAMPLE and not item.first_stage):
        raise NotInStage
    supersede(
        session,
        item,
        before,
        mark=mark,
        comment=comment.strip(),
        criteria=given,
        rules=rules,
        moderator=moderator,
        now=now,
        expected_number=expected_number,
    )
    for member in members:
        if member.state in _JUST_ARRIVED:
            reason = "The moderator began to mark"
            advance(session, member, CaseEvent.COMPLETE_RECEIPT, actor=moderator, now=now, reason=reason)
    return follow(session, members, case, actor=moderator, now=now)


def propose_again(
    session: Session, case_id: str, *, moderator: str, now: datetime, expected_version: int | None = None
) -> StageReport:
    """Let the moderator say that the marks as they stand are the last word, after works came back to be looked at.

    Raises: ``NotAllocated``; ``StaleVersion``; ``SampleIncomplete`` while works are unread; ``IllegalTransition``.
    """
    members = locked_group(session, case_id)
    case = case_of(session, case_id)
    check_version(case, expected_version)
    if not is_allocated(session, case.id, moderator, now):
        raise NotAllocated(component_code=case.component_code)
    unready = _unready(session, case)
    if unready is not None:
        raise unready
    return _need_read(follow(session, members, case, actor=moderator, now=now))


def find_again(session: Session, case_id: str, *, now: datetime) -> StageReport | None:
    """Find the outcome again from the marks as they stand, as the rule does by itself; nothing while works are unread.

    After an amendment or a withdrawal: the moderator's marks are the same, the centre's may not be.
    Returns: the stage, or ``None`` where no work was to be read.
    """
    members = locked_group(session, case_id)
    case = case_of(session, case_id)
    if not _was_drawn(session, case):
        reason = last_reason_without_sample(session, case_id)
        propose_without_sample(session, members, now=now, **({"reason": reason} if reason else {}))
        return None
    if any(member.state not in _FINDABLE for member in members):
        return stage_of(session, case_id)
    return follow(session, members, case, actor=SYSTEM, now=now)


def moderator_marks(session: Session, case_id: str) -> dict[str, ModeratorMarkView]:
    """Return the present moderator mark of each sample item of a case's sample, keyed by item."""
    return views_of(session, works_of(session, case_of(session, case_id)))


def centre_marks_now(session: Session, case_id: str) -> dict[str, int | None]:
    """Return the centre mark of each sample item in the mark set in force: an amendment may have changed it."""
    return {work.item.id: work.centre_mark for work in works_of(session, case_of(session, case_id))}


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


def reopen_marking(
    session: Session, case_id: str, *, reason: str, officer: str, now: datetime, expected_version: int | None = None
) -> StageReport:
    """Send a proposed outcome back to the moderator, who then reads the whole sample."""
    if not reason.strip():
        raise ReasonMissing
    members = locked_group(session, case_id)
    case = case_of(session, case_id)
    check_version(case, expected_version)
    call_whole_sample(session, case)
    for member in members:
        advance(session, member, CaseEvent.CALL_FULL_SAMPLE, actor=officer, now=now, reason=reason)
    return stage_of(session, case_id)


def _was_drawn(session: Session, case: ModerationCase) -> bool:
    sample = session.get(Sample, case.sample_id) if case.sample_id else None
    return sample is not None and sample.size > 0


def _need_read(report: StageReport) -> StageReport:
    if report.unread:
        raise SampleIncomplete(f"{len(report.unread)} works are still to be read.")
    return report


def _unready(session: Session, case: ModerationCase) -> IllegalTransition | SampleIncomplete | None:
    return _why_not(case, group_of(session, case) if case.state in READABLE else [])


def _why_not(case: ModerationCase, together: Sequence[ModerationCase]) -> IllegalTransition | SampleIncomplete | None:
    """Return why the sample cannot be marked now, or ``None``: a consortium is read when all of it has arrived."""
    if case.state not in READABLE:
        return IllegalTransition("This sample is not with the moderator.", state=case.state)
    others = [member for member in together if member.id != case.id]
    late = [member.centre_number for member in others if member.state not in READABLE | {CaseState.SAMPLE_NOT_REQUIRED}]
    if late:
        return SampleIncomplete("Some centres of the consortium have not handed in their works.", centres=late)
    return None


def _open_at(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        or_(Allocation.opens_at.is_(None), Allocation.opens_at <= now),
        or_(Allocation.closes_at.is_(None), Allocation.closes_at > now),
        is_independent(now),
    )
