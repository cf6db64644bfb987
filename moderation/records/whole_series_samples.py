"""Samples of a whole series at once: submitted marks are confirmed, and every sample that can be drawn is drawn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, or_, select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.marks import MarkFlag, is_drawable
from moderation.outcome import Stage, decide
from moderation.profiles import Basis, PickedBy, SampleProfile
from moderation.records.bulk import change_rows, count_anew, insert_rows, many_rows, read_rows
from moderation.records.outcomes import SYSTEM
from moderation.records.rules import policy_for, profile_for
from moderation.records.whole_series import (
    CaseLine,
    CaseSteps,
    Seen,
    StepReport,
    each_component,
    entered_in,
    unseen,
)
from moderation.records.whole_series_proposals import Proposals, SampleFacts, outcomes_before
from moderation.rules import ModerationPolicy
from moderation.sampling import PICKER_VERSION, Drawable, first_stage, pick, size_for
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
    SampleExemption,
    SampleItem,
)
from moderation.working_days import LONDON, Nation, due_at

READY = frozenset({CaseState.MARKS_CONFIRMED, CaseState.WAITING_FOR_MEMBERS})
_WANTED = READY | {CaseState.MARKS_SUBMITTED}


def draw_series(session: Session, series_key: str, *, actor: str, now: datetime, seen: Seen = unseen) -> StepReport:
    """Confirm all submitted marks of a series and draw every sample; a consortium waits for its last member.

    Left and named: cases with a candidate who has no mark; samples that by their profile a person chooses, whose marks
    are confirmed all the same.
    Raises: ``UnknownSeries``; ``UnknownProfile``; ``StaleVersion``.
    """
    report = StepReport("samples")
    nations = dict(session.execute(select(Centre.centre_number, Centre.nation)).all())
    leads = dict(
        session.execute(
            select(Consortium.id, Consortium.lead_centre_number).where(Consortium.series_key == series_key)
        ).all()
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
        self._proposals = Proposals(self._policy, outcomes_before(session, component, _WANTED))
        self._due: dict[str, datetime] = {}
        self._exempt = _exempt_centres(session, component, now)
        self._cohorts: dict[str, list[Drawable]] = defaultdict(list)
        self._marked: dict[str, int] = defaultdict(int)
        self._entered_at: dict[str, int] = defaultdict(int)
        self._old: list[str] = []
        self._samples: list[tuple[Any, ...]] = []
        self._items: list[tuple[Any, ...]] = []

    def run(self) -> None:
        """Confirm, draw and write."""
        self._read()
        groups: dict[str, list[CaseLine]] = defaultdict(list)
        for case in self._cases:
            groups[case.consortium_id or case.id].append(case)
        for members in groups.values():
            self._take_up(members)
        session, report = self._session, self._report
        self._set_aside()
        report.add("samples", insert_rows(session, Sample, _SAMPLE, self._samples, self._common()))
        report.add("works asked for", insert_rows(session, SampleItem, _ITEM, self._items))
        report.add("outcomes without a sample", self._proposals.write(session))
        report.add("cases", self._steps.write(session))

    def _take_up(self, members: list[CaseLine]) -> None:
        """Confirm the members' marks; draw their sample when all of them are confirmed."""
        for case in members:
            if case.state is not CaseState.MARKS_SUBMITTED:
                continue
            if self._marked.get(case.id, 0) < self._entered_at.get(case.centre_number, 0):
                self._report.leave(case, "marks-incomplete", "A candidate was entered later and has no mark.")
                continue
            self._step(case, CaseEvent.CONFIRM_MARKS)
            if any(one.state not in READY for one in members):
                self._step(case, CaseEvent.WAIT_FOR_MEMBERS)
        if any(case.state not in READY for case in members):
            return
        self._old += [case.sample_id for case in members if case.sample_id is not None]
        for case in members:
            case.sample_id = None
        exempt = self._all_exempt(members)
        if exempt:
            for case in members:
                self._step(case, CaseEvent.NEED_NO_SAMPLE, exempt)
            self._propose_without_sample(members, exempt, None)
            return
        self._draw_or_wait(members)

    def _draw_or_wait(self, members: list[CaseLine]) -> None:
        cohort = self._cohorts.get(members[0].id, []) if len(members) == 1 else self._pooled(members)
        entered = sum(self._entered_at.get(case.centre_number, 0) for case in members)
        profile, total = self._profile, len(cohort)
        if profile.picked_by is not PickedBy.SYSTEM and size_for(profile, total, entered) < total:
            for case in members:
                words = f"Under profile {profile.profile_id} the {profile.picked_by} chooses the sample."
                self._report.leave(case, "profile-not-picked", words)
            return
        drawn = pick(cohort, profile, self._component.tolerance_marks or 0, entered_total=entered)
        self._draw(members, drawn, entered if profile.basis is Basis.ENTERED else None)

    def _all_exempt(self, members: list[CaseLine]) -> str:
        reasons = [self._exempt[case.centre_number] for case in members if case.centre_number in self._exempt]
        return f"No sample required: {reasons[0]}"[:500] if len(reasons) == len(members) else ""

    def _draw(self, members: list[CaseLine], drawn: Drawn, entered_total: int | None) -> None:
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
                entered_total,
            )
        )
        read_first = first_stage(drawn.picks, self._profile.sub_sample_size)
        ids, items = self._steps.ids, self._items
        case_of = self._case_of_candidate(members)
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
            sample = SampleFacts(sample_id, drawn.profile_id, drawn.profile_version)
            self._propose_without_sample(members, "No candidate can be drawn", sample)

    def _propose_without_sample(self, members: list[CaseLine], reason: str, sample: SampleFacts | None) -> None:
        decision = decide(
            Stage.NO_SAMPLE,
            (),
            tolerance_marks=self._component.tolerance_marks or 0,
            maximum=self._component.maximum_mark,
            whole_sample_read=True,
            limits=self._policy.limits,
        )
        if decision is not None:
            self._proposals.propose(self._steps, members, decision, sample, actor=SYSTEM, now=self._now, reason=reason)

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

    def _set_aside(self) -> None:
        """Supersede the samples that the cases had before."""
        still = [
            (sample_id,)
            for sample_id in self._session.scalars(
                select(Sample.id).where(Sample.id.in_(self._old), Sample.superseded_at.is_(None))
            )
        ]
        if still:
            change_rows(self._session, Sample, ("id",), (), still, {"superseded_at": self._now})

    def _read(self) -> None:
        """Read who can be drawn, how many are entered at each centre, and how many of them have a mark or status."""
        places = entered_in(self._session, self._component)
        for centre_number, _ in places.values():
            self._entered_at[centre_number] += 1
        rows = read_rows(
            self._session,
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
            ),
        )
        cohorts, marked = self._cohorts, self._marked
        interest = f'"{MarkFlag.PARENTAL_INTEREST}"'
        for case_id, key, status, mark, teaching_set, flags in rows:
            place = places.get(key)
            if place is None:
                continue
            marked[case_id] += 1
            if is_drawable(status, mark):
                cohorts[case_id].append(Drawable(mark, *place, key, teaching_set, interest in flags))

    def _pooled(self, members: list[CaseLine]) -> list[Drawable]:
        return [row for case in members for row in self._cohorts.get(case.id, ())]

    def _case_of_candidate(self, members: list[CaseLine]) -> Mapping[str, str] | None:
        """Return candidate → case of a group, or ``None`` for a case by itself."""
        if len(members) == 1:
            return None
        return {row.key: case.id for case in members for row in self._cohorts.get(case.id, ())}


def _exempt_centres(session: Session, component: Component, now: datetime) -> dict[str, str]:
    """Return the centres that need send no sample of a component now, with the reason why."""
    series = Series.from_key(component.series_key)
    rows = session.execute(
        select(SampleExemption.centre_number, SampleExemption.reason)
        .where(
            SampleExemption.awarding_body == series.awarding_body,
            SampleExemption.ended_at.is_(None),
            SampleExemption.expires_on >= now.astimezone(LONDON).date(),
            or_(SampleExemption.component_code == "", SampleExemption.component_code == component.component_code),
            or_(SampleExemption.family == "", SampleExemption.family == series.code[1]),
        )
        .order_by(SampleExemption.expires_on, SampleExemption.id.desc())
    )
    return {centre_number: reason for centre_number, reason in rows}  # noqa: C416


_SAMPLE = (
    "id",
    "consortium_id",
    "list_sha256",
    "candidates_total",
    "size",
    "swaps",
    "uncovered_sets",
    "due_at",
    "entered_total",
)
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
