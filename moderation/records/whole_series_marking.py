"""Marking of a whole series at once: samples handed in, moderators' marks, and what follows when a stage is read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import MarksRefused, ModerationError
from moderation.marking import Work, check_moderator_mark, report_stage
from moderation.marks import is_adjustable
from moderation.outcome import Stage
from moderation.records.bulk import change_rows, count_anew, insert_rows, many_rows, ordered_ids, read_rows
from moderation.records.marking import MODERATE
from moderation.records.rules import policy_for
from moderation.records.whole_series import (
    CaseLine,
    CaseSteps,
    Seen,
    StepReport,
    each_component,
    groups_of,
    need_series,
    unseen,
)
from moderation.records.whole_series_proposals import Proposals, SampleFacts, outcomes_before
from moderation.submission import READABLE, CaseEvent, CaseState
from moderation.tables import (
    Allocation,
    CaseTransition,
    CentreMark,
    Component,
    MalpracticeHold,
    ModerationCase,
    ModeratorMark,
    Outcome,
    Sample,
    SampleItem,
)

_JUST_ARRIVED = frozenset({CaseState.SUBMITTED, CaseState.RECEIVED})
_DONE = READABLE | {CaseState.SAMPLE_NOT_REQUIRED}


class SeriesWork(NamedTuple):
    """A work that is to be read now."""

    item_id: str
    case_id: str
    centre_number: str
    centre_mark: int


class WorkMark(NamedTuple):
    """A moderator's mark for a work."""

    item_id: str
    mark: int
    moderator: str
    comment: str = ""


MarksFor = Callable[[str, Sequence[SeriesWork]], Iterable[WorkMark]]
"""Gives the moderators' marks for works of a component that are to be read now."""


def allocate_series(
    session: Session, series_key: str, rows: Iterable[tuple[str, str, str]], *, actor: str, now: datetime
) -> StepReport:
    """Allocate the cases of a series to moderators, from now on and without a closing day; earlier allocations stay.

    Takes: ``rows`` of (moderator, component, centre).
    Raises: ``UnknownSeries``; what the database raises for an allocation that independence forbids.
    """
    need_series(session, series_key)
    there = set(
        session.execute(
            select(Allocation.person_id, Allocation.component_code, Allocation.centre_number).where(
                Allocation.series_key == series_key, Allocation.act == MODERATE
            )
        )
    )
    report = StepReport("allocations")
    fresh = (row for row in dict.fromkeys(rows) if row not in there)
    made = insert_rows(
        session,
        Allocation,
        ("id", "person_id", "component_code", "centre_number"),
        ((identifier, *row) for identifier, row in zip(ordered_ids(), fresh, strict=False)),
        {"series_key": series_key, "act": MODERATE, "opens_at": now, "granted_by": actor, "granted_at": now},
    )
    report.add("allocations", made)
    count_anew(session, Allocation)
    return report


def hand_in_series(session: Session, series_key: str, *, actor: str, now: datetime, seen: Seen = unseen) -> StepReport:
    """Note that the works of every uploaded sample that was asked for have come in whole.

    For works that reached the awarding body by another way, so that the service holds none of them.
    Raises: ``UnknownSeries``; ``StaleVersion``.
    """
    report = StepReport("samples handed in")
    with many_rows(session):
        for _, cases in each_component(session, series_key, (CaseState.SAMPLE_REQUESTED,), seen):
            steps = CaseSteps()
            for case in cases:
                if case.state is not CaseState.SAMPLE_REQUESTED:
                    continue
                if case.submission_mode != SubmissionMode.UPLOAD:
                    words = f"The works travel by {case.submission_mode.lower()}: their receipt is noted one by one."
                    report.leave(case, "wrong-submission-mode", words)
                    continue
                steps.step(case, CaseEvent.START_UPLOAD, actor=actor, now=now)
                steps.step(case, CaseEvent.SUBMIT_SAMPLE, actor=actor, now=now)
            report.add("cases", steps.write(session))
        count_anew(session, CaseTransition)
    return report


def mark_series(
    session: Session, series_key: str, marks_for: MarksFor, *, now: datetime, seen: Seen = unseen
) -> StepReport:
    """Record moderators' marks for the works that are to be read now, and decide every stage that is read with them.

    A work has no mark yet; to change one is done by itself. Left and named: components without a tolerance, consortia
    of which a member has not handed in.
    Raises: ``MarksRefused`` with ``faults`` (sample item, code, sentence), and nothing is recorded; ``StaleVersion``.
    """
    report = StepReport("moderators' marks")
    with many_rows(session):
        for component, cases in each_component(session, series_key, READABLE, seen):
            _Marking(session, component, cases, now, report).run(marks_for)
        count_anew(session, ModeratorMark, Outcome, CaseTransition, ModerationCase)
    return report


def decide_series(session: Session, series_key: str, *, now: datetime, seen: Seen = unseen) -> StepReport:
    """Decide every sample of a series whose stage is read and for which nothing followed yet.

    The whole sample is called, or an outcome is proposed in the name of whoever marked last.
    Raises: ``UnknownSeries``; ``StaleVersion``.
    """
    report = StepReport("outcomes")
    with many_rows(session):
        for component, cases in each_component(session, series_key, READABLE, seen):
            _Marking(session, component, cases, now, report).run(None)
        count_anew(session, Outcome, CaseTransition, ModerationCase)
    return report


class _Item(NamedTuple):
    id: str
    sample_id: str
    case_id: str
    candidate_id: str
    is_first: bool
    status: str | None
    centre_mark: int | None
    mark: int | None
    marked_by: str | None
    marked_at: datetime | None
    hold_id: str | None

    @property
    def counts(self) -> bool:
        """Say whether the work is read and compared, as ``works.SampledWork`` says it."""
        return self.centre_mark is not None and is_adjustable(self.status or "", self.centre_mark) and not self.hold_id


class _Marking:
    """The samples of one component."""

    def __init__(
        self, session: Session, component: Component, cases: Sequence[CaseLine], now: datetime, report: StepReport
    ) -> None:
        self._session, self._component, self._report, self._now = session, component, report, now
        self._policy = policy_for(session, component)
        self._cases = cases
        self._steps = CaseSteps()
        self._proposals = Proposals(self._policy, outcomes_before(session, component, READABLE))
        self._to_full: list[tuple[str, str]] = []
        self._facts: Mapping[str, tuple[Stage, SampleFacts]] = {}
        self._all_work: set[str] = set()

    def run(self, marks_for: MarksFor | None) -> None:
        """Record marks, decide, and write."""
        self._facts = self._samples()
        self._all_work = {key for key, (stage, _) in self._facts.items() if stage is Stage.ALL_WORK}
        groups = [group for group in groups_of(self._cases) if self._is_readable(group)]
        items = self._items()
        given: dict[str, WorkMark] = {}
        if marks_for is not None:
            given = self._given(groups, items, marks_for)
        for members in groups:
            sample_id = members[0].sample_id or ""
            works = [self._marked(item, given) for item in items.get(sample_id, ())]
            if marks_for is not None and not any(item.id in given for item in works):
                continue
            self._decide(members, works, *self._facts[sample_id])
        self._write(given)

    def _is_readable(self, group: Sequence[CaseLine]) -> bool:
        here = [case for case in group if case.state in READABLE and case.sample_id]
        if not here:
            return False
        if self._component.tolerance_marks is None:
            for case in here:
                self._report.leave(case, "tolerance-missing", "No tolerance is set for this component.")
            return False
        if here[0].sample_id in self._all_work:
            for case in here:
                self._report.leave(case, "all-work", "All work was called: mark and decide this case by itself.")
            return False
        late = [case.centre_number for case in group if case.state not in _DONE]
        if late:
            for case in here:
                words = f"Centres of the consortium have not handed in their works: {', '.join(late)}."
                self._report.leave(case, "sample-incomplete", words)
        return not late

    def _given(
        self,
        groups: Sequence[Sequence[CaseLine]],
        items: Mapping[str, Sequence[_Item]],
        marks_for: MarksFor,
    ) -> dict[str, WorkMark]:
        case_of = {case.id: case for group in groups for case in group}
        wanted = {
            item.id: item
            for group in groups
            for item in items.get(group[0].sample_id or "", ())
            if item.mark is None
            and item.counts
            and (item.is_first or self._facts[item.sample_id][0] is not Stage.SUB_SAMPLE)
        }
        works = [
            SeriesWork(item.id, item.case_id, case_of[item.case_id].centre_number, item.centre_mark or 0)
            for item in wanted.values()
        ]
        allocated = self._allocated()
        given: dict[str, WorkMark] = {}
        faults: list[tuple[str, str, str]] = []
        maximum = self._component.maximum_mark
        for row in marks_for(self._component.component_code, works):
            item = wanted.get(row.item_id)
            if item is None or row.item_id in given:
                faults.append((row.item_id, "not-in-stage", "This work is not to be read now, or has a mark already."))
            elif row.moderator not in allocated.get(case_of[item.case_id].centre_number, ()):
                faults.append((row.item_id, "not-allocated", "The case is not allocated to this moderator."))
            else:
                try:
                    check_moderator_mark(row.mark, maximum)
                except ModerationError as error:
                    faults.append((row.item_id, error.code, error.detail))
                    continue
                given[row.item_id] = row
        if faults:
            raise MarksRefused(faults=faults)
        return given

    def _marked(self, item: _Item, given: Mapping[str, WorkMark]) -> _Item:
        row = given.get(item.id)
        return item if row is None else item._replace(mark=row.mark, marked_by=row.moderator, marked_at=self._now)

    def _decide(self, members: Sequence[CaseLine], items: Sequence[_Item], stage: Stage, sample: SampleFacts) -> None:
        tolerance, maximum = self._component.tolerance_marks, self._component.maximum_mark
        read = [item for item in items if item.mark is not None and item.marked_at is not None]
        if tolerance is None or not read:
            return
        in_order = sorted(read, key=lambda item: item.marked_at or self._now)  # stable: by position within an instant
        first, moderator = in_order[0].marked_by or "", in_order[-1].marked_by or ""
        for case in members:
            if case.state in _JUST_ARRIVED:
                self._step(case, CaseEvent.COMPLETE_RECEIPT, first, "The moderator began to mark")
        report = report_stage(
            [Work(item.id, item.centre_mark or 0, item.mark, item.is_first) for item in items if item.counts],
            stage,
            tolerance_marks=tolerance,
            maximum=maximum,
            limits=self._policy.limits,
        )
        if report.unread:
            return
        if report.decision is not None:
            left_out = sorted(item.candidate_id for item in items if item.hold_id)
            self._proposals.propose(
                self._steps,
                members,
                report.decision,
                sample,
                actor=moderator,
                now=self._now,
                particulars={"left_out": left_out, "moderator_marks": None},
            )
            self._report.add(report.decision.kind.value.lower(), 1)
            return
        self._report.add("whole samples called", 1)
        if stage is Stage.SUB_SAMPLE:
            self._to_full.append((items[0].sample_id, Stage.FULL_SAMPLE.value))
        for case in members:
            if case.state is CaseState.RECEIPT_COMPLETE:
                self._step(case, CaseEvent.CALL_FULL_SAMPLE, moderator)

    def _step(self, case: CaseLine, event: CaseEvent, actor: str, reason: str = "") -> None:
        self._steps.step(case, event, actor=actor, now=self._now, reason=reason)

    def _write(self, given: Mapping[str, WorkMark]) -> None:
        session, report, ids = self._session, self._report, self._steps.ids
        marks = insert_rows(
            session,
            ModeratorMark,
            ("id", "sample_item_id", "mark", "comment", "marked_by"),
            ((next(ids), row.item_id, row.mark, row.comment.strip(), row.moderator) for row in given.values()),
            {"number": 1, "marked_at": self._now},
        )
        report.add("marks", marks)
        if self._to_full:
            change_rows(session, Sample, ("id",), ("stage",), self._to_full)
        report.add("outcomes", self._proposals.write(session))
        report.add("cases", self._steps.write(session))

    # What is read

    def _in_component(self) -> tuple[Any, ...]:
        return (
            ModerationCase.series_key == self._component.series_key,
            ModerationCase.component_code == self._component.component_code,
        )

    def _items(self) -> Mapping[str, Sequence[_Item]]:
        """Return sample → its works by position; those that do not exist or were replaced are left out."""
        samples = select(ModerationCase.sample_id).where(*self._in_component(), ModerationCase.state.in_(READABLE))
        rows = read_rows(
            self._session,
            select(
                SampleItem.id,
                SampleItem.sample_id,
                SampleItem.case_id,
                SampleItem.candidate_id,
                SampleItem.first_stage,
                CentreMark.status,
                CentreMark.mark,
                ModeratorMark.mark,
                ModeratorMark.marked_by,
                ModeratorMark.marked_at,
                MalpracticeHold.id,
            )
            .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
            .outerjoin(
                CentreMark,
                (CentreMark.case_id == SampleItem.case_id)
                & (CentreMark.candidate_id == SampleItem.candidate_id)
                & (CentreMark.mark_set_version == ModerationCase.mark_set_version),
            )
            .outerjoin(
                ModeratorMark,
                (ModeratorMark.sample_item_id == SampleItem.id) & ModeratorMark.superseded_at.is_(None),
            )
            .outerjoin(
                MalpracticeHold,
                (MalpracticeHold.case_id == SampleItem.case_id)
                & (MalpracticeHold.candidate_id == SampleItem.candidate_id)
                & MalpracticeHold.released_at.is_(None),
            )
            .where(SampleItem.sample_id.in_(samples), SampleItem.no_work_reason == "", SampleItem.replaced_at.is_(None))
            .order_by(SampleItem.sample_id, SampleItem.position, SampleItem.id),
        )
        found: dict[str, list[_Item]] = defaultdict(list)
        for row in rows:
            found[row[1]].append(_Item(*row))
        return found

    def _samples(self) -> Mapping[str, tuple[Stage, SampleFacts]]:
        rows = read_rows(
            self._session,
            select(Sample.id, Sample.stage, Sample.profile_id, Sample.profile_version).where(
                Sample.series_key == self._component.series_key,
                Sample.component_code == self._component.component_code,
                Sample.superseded_at.is_(None),
            ),
        )
        return {row[0]: (Stage(row[1]), SampleFacts(row[0], row[2], row[3])) for row in rows}

    def _allocated(self) -> Mapping[str, set[str]]:
        rows = read_rows(
            self._session,
            select(Allocation.centre_number, Allocation.person_id).where(
                Allocation.series_key == self._component.series_key,
                Allocation.component_code == self._component.component_code,
                Allocation.act == MODERATE,
                or_(Allocation.opens_at.is_(None), Allocation.opens_at <= self._now),
                or_(Allocation.closes_at.is_(None), Allocation.closes_at > self._now),
            ),
        )
        found: dict[str, set[str]] = defaultdict(set)
        for centre_number, person_id in rows:
            found[centre_number].add(person_id)
        return found
