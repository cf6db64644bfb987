"""Standardisation as recorded: works with an agreed mark, how moderators marked them, and who is approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from moderation.errors import (
    AlreadyDecided,
    MarkOutOfRange,
    NotApproved,
    ReasonMissing,
    StaleVersion,
    StandardisationRefused,
    UnknownComponent,
)
from moderation.records.independence import is_tied
from moderation.standardisation import ApprovalState, Pair, Standard, WorkKind, standard_of, state_of
from moderation.tables import (
    Allocation,
    Component,
    ModerationCase,
    ModeratorApproval,
    ModeratorMark,
    SampleItem,
    StandardisationPlan,
    StandardisationReading,
    StandardisationWork,
)


@dataclass(frozen=True, slots=True)
class WorkView:
    """A work with an agreed mark, as whoever answers for the component sees it."""

    work_id: str
    series_key: str
    component_code: str
    kind: WorkKind
    number: int
    sample_item_id: str
    case_id: str
    centre_number: str
    agreed_mark: int
    commentary: str
    proposed_by: str
    confirmed_by: str | None
    retired_at: datetime | None

    @property
    def is_in_use(self) -> bool:
        """Return whether moderators are given it now."""
        return self.confirmed_by is not None and self.retired_at is None


@dataclass(frozen=True, slots=True)
class ReadingView:
    """A moderator's reading of such a work."""

    work: WorkView
    person_id: str
    mark: int | None
    comment: str
    marked_at: datetime | None
    case_id: str | None = None
    """The case among whose works a seed stands."""
    number: int = 0
    """How often it was marked."""


@dataclass(frozen=True, slots=True)
class ModeratorStanding:
    """How a moderator stands in a component: approved or not, and how close to the agreed marks, seeds included."""

    person_id: str
    state: ApprovalState
    approval: Standard
    seeds: Standard


def plan_of(session: Session, series_key: str, component_code: str) -> StandardisationPlan | None:
    """Return what a component asks of its moderators; None when nobody said."""
    return session.get(StandardisationPlan, (series_key, component_code))


def set_plan(
    session: Session,
    series_key: str,
    component_code: str,
    *,
    approval_required: bool,
    uses_seeds: bool,
    actor: str,
    now: datetime,
) -> None:
    """Say whether moderators need approval in a component, and whether seeds are put among their works.

    Raises: ``UnknownComponent``; ``StandardisationRefused`` for seeds where works are not read blind: whose work a seed
    is would be seen at once.
    """
    component = _component(session, series_key, component_code)
    if uses_seeds and not component.read_blind:
        raise StandardisationRefused(
            "Seeds need works to be read blind. Let moderators not learn whose work it is, on the page of the component, first."
        )
    row = session.get(StandardisationPlan, (series_key, component_code), with_for_update=True)
    if row is None:
        row = StandardisationPlan(series_key=series_key, component_code=component_code)
        session.add(row)
    row.approval_required, row.uses_seeds = approval_required, uses_seeds
    row.changed_by, row.changed_at = actor, now
    session.flush()


def propose_work(
    session: Session,
    series_key: str,
    component_code: str,
    *,
    kind: WorkKind,
    sample_item_id: str,
    agreed_mark: int,
    commentary: str,
    actor: str,
    now: datetime,
) -> WorkView:
    """Propose a sampled work with an agreed mark; another person confirms it.

    Takes: ``sample_item_id``, a sampled work of the same component, of any series.
    Raises: ``UnknownComponent``; ``MarkOutOfRange``; ``StandardisationRefused``.
    """
    component = _component(session, series_key, component_code)
    item = session.get(SampleItem, sample_item_id)
    case = session.get(ModerationCase, item.case_id) if item is not None else None
    if case is None or case.component_code != component_code:
        raise StandardisationRefused("Choose a sampled work of this component.")
    if not 0 <= agreed_mark <= component.maximum_mark:
        raise MarkOutOfRange(
            f"The agreed mark must be a whole number from 0 to {component.maximum_mark}.",
            maximum=component.maximum_mark,
        )
    there = _of_component(series_key, component_code)
    if session.scalar(
        select(StandardisationWork.id).where(*there, StandardisationWork.sample_item_id == sample_item_id)
    ):
        raise StandardisationRefused("This work is used already. Choose another.")
    last = session.scalar(
        select(func.max(StandardisationWork.number)).where(*there, StandardisationWork.kind == kind.value)
    )
    row = StandardisationWork(
        series_key=series_key,
        component_code=component_code,
        kind=kind.value,
        number=(last or 0) + 1,
        sample_item_id=sample_item_id,
        case_id=case.id,
        centre_number=case.centre_number,
        agreed_mark=agreed_mark,
        commentary=commentary.strip(),
        proposed_by=actor,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    return work_of(session, row.id)


def confirm_work(session: Session, work_id: str, *, actor: str, now: datetime) -> WorkView:
    """Confirm an agreed mark; from now on moderators are given the work.

    Raises: ``StandardisationRefused`` for whoever proposed it; ``AlreadyDecided``.
    """
    row = session.get_one(StandardisationWork, work_id, with_for_update=True)
    if row.confirmed_by is not None or row.retired_at is not None:
        raise AlreadyDecided
    if row.proposed_by == actor:
        raise StandardisationRefused("You proposed this mark, so somebody else confirms it.")
    row.confirmed_by, row.confirmed_at = actor, now
    session.flush()
    return work_of(session, work_id)


def retire_work(session: Session, work_id: str, *, now: datetime) -> WorkView:
    """Give a work to nobody any more; what was marked stays. Raises: ``AlreadyDecided``."""
    row = session.get_one(StandardisationWork, work_id, with_for_update=True)
    if row.retired_at is not None:
        raise AlreadyDecided
    row.retired_at = now
    session.flush()
    return work_of(session, work_id)


def work_of(session: Session, work_id: str) -> WorkView:
    """Return one work; raises ``LookupError`` for one that is not there."""
    row = session.get(StandardisationWork, work_id)
    if row is None:
        raise LookupError(work_id)
    return _view(row)


def works_of(session: Session, series_key: str, component_code: str) -> tuple[WorkView, ...]:
    """Return every work of a component, in the order of their numbers, retired ones too."""
    rows = session.scalars(
        select(StandardisationWork)
        .where(*_of_component(series_key, component_code))
        .order_by(StandardisationWork.kind, StandardisationWork.number)
    )
    return tuple(_view(row) for row in rows)


def given_to(
    session: Session, series_key: str, component_code: str, person_id: str, now: datetime
) -> tuple[ReadingView, ...]:
    """Return the practice and approval works of a component that a moderator is to mark, with the marks given so far.

    Works of centres that the moderator has a tie to, or moderates, are left out: they would not be marked unseen.
    """
    marked = {
        row.work_id: row
        for row in session.scalars(select(StandardisationReading).where(StandardisationReading.person_id == person_id))
    }
    found = []
    for work in works_of(session, series_key, component_code):
        row = marked.get(work.work_id)
        is_marked = row is not None and row.mark is not None
        usable = work.is_in_use and work.kind is not WorkKind.SEED and _is_unseen(session, work, person_id, now)
        if work.kind is not WorkKind.SEED and (usable or is_marked):
            found.append(_reading(work, person_id, row))
    return tuple(found)


def mark_work(
    session: Session,
    work_id: str,
    *,
    person_id: str,
    mark: int,
    comment: str,
    now: datetime,
    expected_number: int | None = None,
) -> ReadingView:
    """Keep a moderator's mark of a practice or approval work, given once, or of a seed, which may change as live ones do.

    Takes: ``expected_number``, how often it was marked when the person saw it; ``None`` checks nothing.
    Raises: ``MarkOutOfRange``; ``AlreadyDecided`` for a work that has the moderator's mark; ``StaleVersion``.
    """
    work = work_of(session, work_id)
    component = _component(session, work.series_key, work.component_code)
    if not 0 <= mark <= component.maximum_mark:
        raise MarkOutOfRange(
            f"The mark must be a whole number from 0 to {component.maximum_mark}.", maximum=component.maximum_mark
        )
    row = session.scalars(
        select(StandardisationReading)
        .where(StandardisationReading.work_id == work_id, StandardisationReading.person_id == person_id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        row = StandardisationReading(work_id=work_id, person_id=person_id, given_at=now, number=0)
        session.add(row)
    if row.mark is not None and row.case_id is None:
        raise AlreadyDecided("You have marked this work. It is marked once.")
    if (row.mark, row.comment) == (mark, comment.strip()):
        return _reading(work, person_id, row)
    if expected_number is not None and expected_number != row.number:
        raise StaleVersion
    row.mark, row.comment, row.marked_at, row.number = mark, comment.strip(), now, row.number + 1
    session.flush()
    return _reading(work, person_id, row)


def decide_approval(
    session: Session,
    series_key: str,
    component_code: str,
    person_id: str,
    *,
    is_approved: bool,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Decide that a moderator may mark live work of a component, or may not; the last decision counts.

    Raises: ``ReasonMissing``; ``StandardisationRefused`` for a decision about oneself.
    """
    if not reason.strip():
        raise ReasonMissing
    if actor == person_id:
        raise StandardisationRefused("Nobody decides about their own approval.")
    last = session.scalar(
        select(func.max(ModeratorApproval.number)).where(*_decisions(series_key, component_code, person_id))
    )
    session.add(
        ModeratorApproval(
            series_key=series_key,
            component_code=component_code,
            person_id=person_id,
            number=(last or 0) + 1,
            is_approved=is_approved,
            reason=reason.strip(),
            decided_by=actor,
            decided_at=now,
        )
    )
    session.flush()


def standing_of(
    session: Session, series_key: str, component_code: str, person_id: str, now: datetime
) -> ModeratorStanding:
    """Return how a moderator stands in a component."""
    component = _component(session, series_key, component_code)
    plan = plan_of(session, series_key, component_code)
    readings = given_to(session, series_key, component_code, person_id, now)
    pairs = [Pair(one.work.agreed_mark, one.mark) for one in readings if one.work.kind is WorkKind.APPROVAL]
    decision = session.scalars(
        select(ModeratorApproval)
        .where(*_decisions(series_key, component_code, person_id))
        .order_by(ModeratorApproval.number.desc())
        .limit(1)
    ).first()
    decided = None
    if decision is not None:
        decided = ApprovalState.APPROVED if decision.is_approved else ApprovalState.REFUSED
    tolerance = component.tolerance_marks or 0
    state = state_of(
        pairs,
        is_required=plan is not None and plan.approval_required,
        tolerance_marks=tolerance,
        decided=decided,
    )
    return ModeratorStanding(
        person_id,
        state,
        standard_of(pairs, tolerance),
        standard_of(_seed_pairs(session, series_key, component_code, person_id), tolerance),
    )


def standings_of(
    session: Session, series_key: str, component_code: str, now: datetime
) -> tuple[ModeratorStanding, ...]:
    """Return how everybody who was given work of a component stands."""
    ids = session.scalars(
        select(Allocation.person_id)
        .where(
            Allocation.series_key == series_key,
            Allocation.component_code == component_code,
            Allocation.act == "MODERATE",
        )
        .distinct()
        .order_by(Allocation.person_id)
    )
    return tuple(standing_of(session, series_key, component_code, person_id, now) for person_id in ids)


def need_approved(session: Session, series_key: str, component_code: str, person_id: str, now: datetime) -> None:
    """Refuse live marks of a moderator who needs approval and has none; raises ``NotApproved``."""
    plan = plan_of(session, series_key, component_code)
    if plan is None or not plan.approval_required:
        return
    standing = standing_of(session, series_key, component_code, person_id, now)
    if standing.state is not ApprovalState.APPROVED:
        raise NotApproved(component_code=component_code)


def seeds_in(session: Session, case: ModerationCase, person_id: str, now: datetime) -> tuple[ReadingView, ...]:
    """Return the seeds among a moderator's works of a case; one that the moderator never met is put there the first time.

    Each case gets one at most, and each moderator each seed once.
    """
    rows = session.execute(
        select(StandardisationReading, StandardisationWork)
        .join(StandardisationWork, StandardisationWork.id == StandardisationReading.work_id)
        .where(StandardisationReading.case_id == case.id, StandardisationReading.person_id == person_id)
    ).all()
    if rows:
        return tuple(_reading(work_of(session, work.id), person_id, row) for row, work in rows)
    plan = plan_of(session, case.series_key, case.component_code)
    if plan is None or not plan.uses_seeds:
        return ()
    met = set(
        session.scalars(select(StandardisationReading.work_id).where(StandardisationReading.person_id == person_id))
    )
    for work in works_of(session, case.series_key, case.component_code):
        fits = work.kind is WorkKind.SEED and work.is_in_use and work.work_id not in met and work.case_id != case.id
        if fits and _is_unseen(session, work, person_id, now):
            row = StandardisationReading(work_id=work.work_id, person_id=person_id, case_id=case.id, given_at=now)
            session.add(row)
            session.flush()
            return (_reading(work, person_id, row),)
    return ()


def seed_of(session: Session, item_id: str, person_id: str) -> ReadingView | None:
    """Return the seed that a sampled work is among this moderator's works, or None if it is none."""
    found = session.execute(
        select(StandardisationReading, StandardisationWork.id)
        .join(StandardisationWork, StandardisationWork.id == StandardisationReading.work_id)
        .where(
            StandardisationWork.sample_item_id == item_id,
            StandardisationReading.person_id == person_id,
            StandardisationReading.case_id.is_not(None),
        )
    ).first()
    return None if found is None else _reading(work_of(session, found[1]), person_id, found[0])


def _is_unseen(session: Session, work: WorkView, person_id: str, now: datetime) -> bool:
    marked = session.scalar(
        select(ModeratorMark.id).where(
            ModeratorMark.sample_item_id == work.sample_item_id, ModeratorMark.marked_by == person_id
        )
    )
    moderates = session.scalar(
        select(Allocation.id).where(
            Allocation.person_id == person_id,
            Allocation.component_code == work.component_code,
            Allocation.centre_number == work.centre_number,
        )
    )
    tied = is_tied(session, person_id, work.centre_number, work.series_key, now)
    return marked is None and moderates is None and not tied


def _seed_pairs(session: Session, series_key: str, component_code: str, person_id: str) -> Sequence[Pair]:
    rows = session.execute(
        select(StandardisationWork.agreed_mark, StandardisationReading.mark)
        .join(StandardisationReading, StandardisationReading.work_id == StandardisationWork.id)
        .where(
            *_of_component(series_key, component_code),
            StandardisationWork.kind == WorkKind.SEED.value,
            StandardisationReading.person_id == person_id,
        )
    )
    return [Pair(agreed, mark) for agreed, mark in rows]


def _of_component(series_key: str, component_code: str) -> tuple[ColumnElement[bool], ...]:
    return StandardisationWork.series_key == series_key, StandardisationWork.component_code == component_code


def _decisions(series_key: str, component_code: str, person_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ModeratorApproval.series_key == series_key,
        ModeratorApproval.component_code == component_code,
        ModeratorApproval.person_id == person_id,
    )


def _component(session: Session, series_key: str, component_code: str) -> Component:
    component = session.get(Component, (series_key, component_code))
    if component is None:
        raise UnknownComponent(component_code=component_code)
    return component


def _view(row: StandardisationWork) -> WorkView:
    return WorkView(
        row.id,
        row.series_key,
        row.component_code,
        WorkKind(row.kind),
        row.number,
        row.sample_item_id,
        row.case_id,
        row.centre_number,
        row.agreed_mark,
        row.commentary,
        row.proposed_by,
        row.confirmed_by,
        row.retired_at,
    )


def _reading(work: WorkView, person_id: str, row: StandardisationReading | None) -> ReadingView:
    if row is None:
        return ReadingView(work, person_id, None, "", None)
    return ReadingView(work, person_id, row.mark, row.comment, row.marked_at, row.case_id, row.number)
