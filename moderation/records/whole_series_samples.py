"""Samples of a whole series at once: submitted marks are confirmed, and every sample that can be drawn is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from moderation.errors import ProfileNotPicked
from moderation.marks import MarkFlag, is_drawable
from moderation.outcome import Stage, decide
from moderation.profiles import SampleProfile
from moderation.records.bulk import count_anew, insert_rows, many_rows
from moderation.records.outcomes import SYSTEM
from moderation.records.rules import policy_for, profile_for
from moderation.records.whole_series import (
    CaseLine,
    CaseSteps,
    Seen,
    StepReport,
    each_component,
    entered_in,
    groups_of,
    unseen,
)
from moderation.records.whole_series_outcomes import Proposals
from moderation.rules import ModerationPolicy
from moderation.sampling import PICKER_VERSION, Drawable, first_stage, pick
from moderation.sampling import Sample as Drawn
from moderation.submission import CaseEvent, CaseState
from moderation.tables import (
    CaseTransition,
    Centre,
    CentreMark,
    Component,
    Consortium,
    ModerationCase,
    Outcome,
    Sample,
    SampleItem,
)
from moderation.working_days import Nation, due_at

READY = frozenset({CaseState.MARKS_CONFIRMED, CaseState.WAITING_FOR_MEMBERS})
_WANTED = READY | {CaseState.MARKS_SUBMITTED}


def draw_series(session: Session, series_key: str, *, actor: str, now: datetime, seen: Seen = unseen) -> StepReport:
    """Confirm all submitted marks of a series and draw every sample; a consortium waits for its last member.

    Left and named: cases with a candidate who has no mark; samples that by their profile a person chooses; cases whose
    sample was drawn before and is to be drawn again, which needs a reason.
    Raises: ``UnknownSeries``; ``UnknownProfile``; ``StaleVersion``.
    """
    report = StepReport("samples")
    nations = dict(session.execute(select(Centre.centre_number, Centre.nation)).tuples().all())
    leads = dict(
        session.execute(select(Consortium.id, Consortium.lead_centre_number).where(Consortium.series_key == series_key))
        .tuples()
        .all()
    )
    with many_rows(session):
        for component, cases in each_component(session, series_key, _WANTED, seen):
            drawing = _Drawing(session, component, cases, nations, leads, report, actor, now)
            drawing.run()
        count_anew(session, Sample, SampleItem, CaseTransition, ModerationCase, Outcome)
    return report


class _Drawing:
    """The samples of one component."""

    def __init__(
        self,
        session: Session,
        component: Component,
        cases: Sequence[CaseLine],
        nations: Mapping[str, str],
        leads: Mapping[str, str],
        report: StepReport,
        actor: str,
        now: datetime,
    ) -> None:
        self._session, self._component, self._report = session, component, report
        self._cases = cases
        self._nations, self._leads = nations, leads
        self._actor, self._now = actor, now
        self._profile: SampleProfile = profile_for(session, component)
        self._policy: ModerationPolicy = policy_for(session, component)
        self._steps = CaseSteps()
        self._proposals = Proposals(self._policy)
        self._due: dict[str, datetime] = {}
        self._samples: list[tuple[Any, ...]] = []
        self._items: list[tuple[Any, ...]] = []

    def run(self) -> None:
        """Confirm, draw and write."""
        cohorts, marked = self._cohorts()
        entered = self._entered_by_centre()
        for members in groups_of(self._cases):
            self._take_up(members, cohorts, marked, entered)
        session, report = self._session, self._report
        report.add("samples", insert_rows(session, Sample, _SAMPLE, self._samples, self._common()))
        items = insert_rows(session, SampleItem, _ITEM, self._items)
        report.add("works asked for", items)
        report.add("outcomes without a sample", self._proposals.write(session))
        report.add("cases", self._steps.write(session))

    def _take_up(
        self,
        members: list[CaseLine],
        cohorts: Mapping[str, list[Drawable]],
        marked: Mapping[str, int],
        entered: Mapping[str, int],
    ) -> None:
        here = [case for case in members if case.state in _WANTED]
        if not here:
            return
        for case in here:
            if case.sample_id is not None:
                self._report.leave(case, "drawn-before", "Its sample was drawn before; draw it again by itself.")
                return
        for case in here:
            if case.state is CaseState.MARKS_SUBMITTED and marked.get(case.id, 0) < entered.get(case.centre_number, 0):
                self._report.leave(case, "marks-incomplete", "A candidate was entered later and has no mark.")
        blank = {one.case_id for one in self._report.left if one.code == "marks-incomplete"}
        to_confirm = [case for case in here if case.state is CaseState.MARKS_SUBMITTED and case.id not in blank]
        try:
            drawn = self._drawn(members, to_confirm, cohorts)
        except ProfileNotPicked as error:
            for case in here:
                self._report.leave(case, error.code, error.detail)
            return
        for case in to_confirm:
            self._step(case, CaseEvent.CONFIRM_MARKS)
            if case is not to_confirm[-1] or drawn is None:
                self._step(case, CaseEvent.WAIT_FOR_MEMBERS)
        if drawn is not None:
            self._draw(members, drawn, cohorts)

    def _drawn(
        self, members: list[CaseLine], to_confirm: list[CaseLine], cohorts: Mapping[str, list[Drawable]]
    ) -> Drawn | None:
        """Return the sample of a group, or ``None`` while it waits for a member."""
        if any(case.state not in READY and case not in to_confirm for case in members):
            return None
        cohort = cohorts.get(members[0].id, []) if len(members) == 1 else _pooled(members, cohorts)
        return pick(cohort, self._profile, self._component.tolerance_marks or 0)

    def _draw(self, members: list[CaseLine], drawn: Drawn, cohorts: Mapping[str, list[Drawable]]) -> None:
        sample_id = next(self._steps.ids)
        self._samples.append(
            (
                sample_id,
                members[0].consortium_id,
                drawn.list_sha256,
                drawn.candidates_total,
                drawn.size,
                [asdict(swap) for swap in drawn.swaps],
                drawn.uncovered_sets,
                self._due_at(members),
            )
        )
        read_first = first_stage(drawn.picks, self._profile.sub_sample_size)
        ids, items = self._steps.ids, self._items
        case_of = _case_of_candidate(members, cohorts)
        drawn_from: set[str] = set()
        for position, key, mark, reason, explanation in drawn.picks:
            case_id = members[0].id if case_of is None else case_of[key]
            drawn_from.add(case_id)
            items.append(
                (next(ids), sample_id, case_id, key, position, mark, reason.value, explanation, key in read_first)
            )
        for case in members:
            case.sample_id = sample_id
            if case.id in drawn_from:
                self._step(case, CaseEvent.SELECT_SAMPLE)
                self._step(case, CaseEvent.REQUEST_SAMPLE)
            else:
                self._step(case, CaseEvent.NEED_NO_SAMPLE, "No candidate of this centre was drawn")
        if not drawn.picks:
            self._propose_without_sample(members)

    def _propose_without_sample(self, members: list[CaseLine]) -> None:
        decision = decide(
            Stage.NO_SAMPLE,
            (),
            tolerance_marks=self._component.tolerance_marks or 0,
            maximum=self._component.maximum_mark,
            whole_sample_read=True,
            limits=self._policy.limits,
        )
        if decision is not None:
            reason = "No candidate can be drawn"
            self._proposals.propose(self._steps, members, decision, actor=SYSTEM, now=self._now, reason=reason)

    def _step(self, case: CaseLine, event: CaseEvent, reason: str = "") -> None:
        self._steps.step(case, event, actor=self._actor, now=self._now, reason=reason)

    def _common(self) -> dict[str, Any]:
        return {
            "series_key": self._component.series_key,
            "component_code": self._component.component_code,
            "profile_id": self._profile.profile_id,
            "profile_version": self._profile.version,
            "picker_version": PICKER_VERSION,
            "requested_at": self._now,
        }

    def _due_at(self, members: list[CaseLine]) -> datetime:
        consortium_id = members[0].consortium_id
        centre_number = members[0].centre_number if consortium_id is None else self._leads[consortium_id]
        nation = self._nations.get(centre_number, Nation.ENGLAND)
        if nation not in self._due:
            self._due[nation] = due_at(self._now, nation, self._policy.sample_working_days)
        return self._due[nation]

    def _cohorts(self) -> tuple[Mapping[str, list[Drawable]], Mapping[str, int]]:
        """Return case → who can be drawn, and case → how many of the entered have a mark or status."""
        places = self._entered = entered_in(self._session, self._component)
        rows = self._session.execute(
            select(
                CentreMark.case_id,
                CentreMark.candidate_id,
                CentreMark.status,
                CentreMark.mark,
                CentreMark.teaching_set,
                cast(CentreMark.flags, String),
            )
            .join(
                ModerationCase,
                (ModerationCase.id == CentreMark.case_id)
                & (ModerationCase.mark_set_version == CentreMark.mark_set_version),
            )
            .where(
                ModerationCase.series_key == self._component.series_key,
                ModerationCase.component_code == self._component.component_code,
                ModerationCase.state.in_(_WANTED),
            )
        )
        cohorts: dict[str, list[Drawable]] = defaultdict(list)
        marked: dict[str, int] = defaultdict(int)
        interest = f'"{MarkFlag.PARENTAL_INTEREST}"'
        for case_id, key, status, mark, teaching_set, flags in rows:
            place = places.get(key)
            if place is None:
                continue
            marked[case_id] += 1
            if is_drawable(status, mark):
                cohorts[case_id].append(Drawable(mark, *place, key, teaching_set, interest in flags))
        return cohorts, marked

    def _entered_by_centre(self) -> Mapping[str, int]:
        numbers: dict[str, int] = defaultdict(int)
        for centre_number, _ in self._entered.values():
            numbers[centre_number] += 1
        return numbers


def _pooled(members: list[CaseLine], cohorts: Mapping[str, list[Drawable]]) -> list[Drawable]:
    return [row for case in members for row in cohorts.get(case.id, ())]


def _case_of_candidate(members: list[CaseLine], cohorts: Mapping[str, list[Drawable]]) -> Mapping[str, str] | None:
    """Return candidate → case of a group, or ``None`` for a case by itself."""
    if len(members) == 1:
        return None
    return {row.key: case.id for case in members for row in cohorts.get(case.id, ())}


_SAMPLE = ("id", "consortium_id", "list_sha256", "candidates_total", "size", "swaps", "uncovered_sets", "due_at")
_ITEM = (
    "id",
    "sample_id",
    "case_id",
    "candidate_id",
    "position",
    "centre_mark",
    "reason",
    "explanation",
    "first_stage",
)
