"""What-if from the records: one case with its group, or a component over all its centres. Nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.adjustment import OrderLimits
from moderation.errors import NoSample, ToleranceMissing, UnknownCandidate, UnknownComponent
from moderation.marking import Work, check_moderator_mark
from moderation.marks import MarkStatus, check_mark
from moderation.outcome import OutcomeKind, Stage
from moderation.records.calculation import Calculation, ResultLine
from moderation.records.cases import candidates_of, case_of, component_of, group_of
from moderation.records.rules import policy_for, profile_for
from moderation.records.works import SampledWork, unread_candidates, works_of
from moderation.results import ComponentMark, aggregate, check_boundaries
from moderation.tables import (
    Candidate,
    CentreMark,
    Component,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    Outcome,
    Sample,
)
from moderation.what_if import (
    CohortMark,
    Move,
    Rules,
    Simulated,
    corrected,
    first_stage_of,
    marks_under,
    moves,
    simulate,
)


@dataclass(frozen=True, slots=True)
class Correction:
    """One mark to correct on the copy: of which candidate, whose mark, and to what."""

    candidate_number: str
    mark: int
    is_moderators: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What is changed on the copy; ``None`` leaves a value as it is."""

    tolerance_marks: int | None = None
    discordant_share: Fraction | None = None
    correlation: Fraction | None = None
    correction: Correction | None = None


@dataclass(frozen=True, slots=True)
class GradeMove:
    """A grade or indicator that would differ; ``None`` is nothing shown."""

    option_code: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class MovedCandidate:
    """A candidate whose mark would differ, with what follows for grades."""

    centre_number: str
    candidate_number: str
    centre_mark: int | None
    before: int | None
    after: int | None
    grades: tuple[GradeMove, ...]


@dataclass(frozen=True, slots=True)
class GroupWhatIf:
    """Cases moderated together: what stands, what the rules give now, and what they would give.

    ``recorded`` is the kind of the present outcome, which an officer may have decided against the rule.
    """

    case_id: str
    centre_numbers: tuple[str, ...]
    recorded: OutcomeKind | None
    before: Simulated
    after: Simulated
    candidates: int
    moved: tuple[MovedCandidate, ...]

    @property
    def kind_changes(self) -> bool:
        """Say whether another kind of outcome would be found."""
        return self.before.kind is not self.after.kind

    @property
    def grades_moved(self) -> int:
        """Return how many grades would differ."""
        return sum(len(one.grades) for one in self.moved)


@dataclass(frozen=True, slots=True)
class ComponentWhatIf:
    """A component over all its centres; groups without a sample or a tolerance are counted and left out."""

    groups: tuple[GroupWhatIf, ...]
    left_out: int
    before: Rules
    after: Rules


@dataclass(frozen=True, slots=True)
class CaseWhatIf:
    """One case with the cases moderated together with it."""

    group: GroupWhatIf
    before: Rules
    after: Rules


def what_if_case(session: Session, case_id: str, change: Change) -> CaseWhatIf:
    """Return what would differ for a case, and for those moderated with it, if ``change`` were so.

    Raises: ``UnknownCase``; ``NoSample``; ``ToleranceMissing``; ``UnknownCandidate`` and ``MarkOutOfRange`` for a
    correction that cannot be.
    """
    case = case_of(session, case_id)
    if case.sample_id is None:
        raise NoSample(case_id=case_id)
    before, after = _rules(session, component_of(session, case), change)
    grading = _Grading(session, case.series_key, case.component_code)
    group = _group(session, case, group_of(session, case), before, after, change.correction, grading)
    return CaseWhatIf(group, before, after)


def what_if_component(session: Session, series_key: str, component_code: str, change: Change) -> ComponentWhatIf:
    """Return what would differ at every centre of a component if ``change`` were so; corrections are left out.

    Raises: ``UnknownComponent``; ``ToleranceMissing``.
    """
    component = session.get(Component, (series_key, component_code))
    if component is None:
        raise UnknownComponent(component_code=component_code)
    before, after = _rules(session, component, change)
    cases = session.scalars(
        select(ModerationCase)
        .where(ModerationCase.series_key == series_key, ModerationCase.component_code == component_code)
        .order_by(ModerationCase.centre_number)
    ).all()
    groups: dict[str, list[ModerationCase]] = {}
    for case in cases:
        if case.sample_id is not None:
            groups.setdefault(case.sample_id, []).append(case)
    grading = _Grading(session, series_key, component_code)
    found = tuple(_group(session, members[0], members, before, after, None, grading) for members in groups.values())
    return ComponentWhatIf(found, len(cases) - sum(map(len, groups.values())), before, after)


# Piece by piece


def _rules(session: Session, component: Component, change: Change) -> tuple[Rules, Rules]:
    if component.tolerance_marks is None:
        raise ToleranceMissing(component_code=component.component_code)
    limits = policy_for(session, component).limits
    whole = profile_for(session, component).all_work_outcome
    before = Rules(component.tolerance_marks, limits, component.maximum_mark, whole)
    changed = OrderLimits(
        limits.discordant_share if change.discordant_share is None else change.discordant_share,
        limits.correlation if change.correlation is None else change.correlation,
    )
    tolerance = before.tolerance_marks if change.tolerance_marks is None else change.tolerance_marks
    return before, replace(before, tolerance_marks=tolerance, limits=changed)


def _group(
    session: Session,
    case: ModerationCase,
    members: Sequence[ModerationCase],
    rules: Rules,
    changed: Rules,
    correction: Correction | None,
    grading: _Grading,
) -> GroupWhatIf:
    sampled = [work for work in works_of(session, case) if work.counts]
    works = [_work(one) for one in sampled]
    sample = session.get_one(Sample, case.sample_id)
    stage = first_stage_of(works, Stage(sample.stage), rules.tolerance_marks)
    nobody_unread = stage is not Stage.ALL_WORK or not unread_candidates(session, members, sampled)
    cohort, places = _cohort(session, members, sampled)
    before = simulate(works, stage, rules, nobody_unread=nobody_unread)
    works_after, cohort_after = _with_correction(works, cohort, places, case, correction, rules.maximum)
    after = simulate(works_after, stage, changed, nobody_unread=nobody_unread)
    recorded = _recorded(session, members)
    marks_before = recorded or marks_under(before.decision, cohort)
    # While works must be read first nobody knows which marks would move.
    moved = () if after.decision is None else moves(marks_before, marks_under(after.decision, cohort_after))
    kind = session.scalars(
        select(Outcome.kind).where(Outcome.case_id == case.id, Outcome.superseded_at.is_(None))
    ).one_or_none()
    return GroupWhatIf(
        case.id,
        tuple(member.centre_number for member in members),
        None if kind is None else OutcomeKind(kind),
        before,
        after,
        len(cohort),
        _moved(moved, {one.key: one for one in cohort_after}, places, grading),
    )


def _work(one: SampledWork) -> Work:
    return Work(
        one.item.candidate_id,
        one.centre_mark or 0,
        None if one.mark is None else one.mark.mark,
        one.item.first_stage,
    )


_Places = Mapping[str, tuple[str, str]]
"""Candidate → (centre number, candidate number)."""


def _cohort(
    session: Session, members: Sequence[ModerationCase], sampled: Sequence[SampledWork]
) -> tuple[list[CohortMark], _Places]:
    read = {one.item.candidate_id: one.mark.mark for one in sampled if one.mark is not None}
    cohort: list[CohortMark] = []
    places: dict[str, tuple[str, str]] = {}
    for member in members:
        rows = session.execute(
            select(Candidate.id, Candidate.candidate_number, CentreMark.mark, CentreMark.status)
            .join(CentreMark, CentreMark.candidate_id == Candidate.id)
            .where(CentreMark.case_id == member.id, CentreMark.mark_set_version == member.mark_set_version)
            .order_by(Candidate.candidate_number)
        )
        entered = {candidate.id for candidate in candidates_of(session, member)}
        for key, number, mark, status in rows:
            if key not in entered:
                continue
            cohort.append(CohortMark(key, mark, status, read.get(key)))
            places[key] = member.centre_number, number
    return cohort, places


def _with_correction(
    works: list[Work],
    cohort: list[CohortMark],
    places: _Places,
    case: ModerationCase,
    correction: Correction | None,
    maximum: int,
) -> tuple[list[Work], list[CohortMark]]:
    if correction is None:
        return works, cohort
    place = case.centre_number, correction.candidate_number
    key = next((key for key, found in places.items() if found == place), None)
    if key is None:
        raise UnknownCandidate(candidate_number=correction.candidate_number)
    if correction.is_moderators:
        mark = check_moderator_mark(correction.mark, maximum)
        if not any(work.key == key for work in works):
            raise UnknownCandidate(
                f"The work of candidate {correction.candidate_number} is not in the sample, so it has no moderator mark.",
                candidate_number=correction.candidate_number,
            )
        marked = [replace(one, moderator_mark=mark) if one.key == key else one for one in cohort]
        return corrected(works, key, centre_mark=None, moderator_mark=mark), marked
    checked = check_mark(correction.mark, None, maximum)
    changed = [
        replace(one, centre_mark=checked.mark, status=checked.status.value) if one.key == key else one for one in cohort
    ]
    return corrected(works, key, centre_mark=checked.mark, moderator_mark=None), changed


def _recorded(session: Session, members: Sequence[ModerationCase]) -> dict[str, int | None]:
    """Return the moderated marks in force; none until the outcome is confirmed."""
    rows = session.execute(
        select(ModeratedMark.candidate_id, ModeratedMark.moderated_mark)
        .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
        .where(Outcome.case_id.in_([member.id for member in members]), Outcome.superseded_at.is_(None))
    )
    return {row[0]: row[1] for row in rows}


class _Grading:
    """Grades before and after a mark moves, by the rules of results; each centre's results are computed once."""

    def __init__(self, session: Session, series_key: str, component_code: str) -> None:
        self._session, self._component_code = session, component_code
        self._calculation = Calculation(session, series_key)
        self._lines: dict[str, dict[str, list[ResultLine]]] = {}
        pairs: dict[str, list[tuple[str, int]]] = {}
        for row in session.scalars(select(GradeBoundary).where(GradeBoundary.series_key == series_key)):
            pairs.setdefault(row.option_code, []).append((row.grade, row.mark))
        self._boundaries = {code: check_boundaries(found, None) for code, found in pairs.items()}

    def moves_of(self, centre_number: str, move: Move, status: str) -> tuple[GradeMove, ...]:
        """Return the grades of a candidate that would differ with the mark."""
        found = []
        for line in self._of_centre(centre_number).get(move.key, ()):
            if not any(part["component"] == self._component_code for part in line.components):
                continue
            before, after = (self._grade(line, mark, status) for mark in (move.before, move.after))
            if before != after:
                found.append(GradeMove(line.option_code, before, after))
        return tuple(found)

    def _of_centre(self, centre_number: str) -> dict[str, list[ResultLine]]:
        if centre_number not in self._lines:
            self._lines.clear()  # centres come one after the other
            lines: dict[str, list[ResultLine]] = {}
            for line in self._calculation.lines((centre_number, centre_number)):
                lines.setdefault(line.candidate_id, []).append(line)
            self._lines[centre_number] = lines
        return self._lines[centre_number]

    def _grade(self, line: ResultLine, mark: int | None, status: str) -> str | None:
        components = [
            ComponentMark(
                part["component"],
                mark if is_own else part["mark"],
                _status(part["status"] if not is_own else (status if mark is not None else MarkStatus.PENDING_Q)),
                part["maximum_mark"],
                Fraction(part["weighted_maximum"]),
            )
            for part in line.components
            for is_own in (part["component"] == self._component_code,)
        ]
        found = aggregate(components, self._boundaries.get(line.option_code, ()))
        return found.grade or (None if found.indicator is None else found.indicator.value)


def _status(text: str | None) -> MarkStatus | None:
    return None if text is None else MarkStatus(text)


def _moved(
    found: Sequence[Move], cohort: Mapping[str, CohortMark], places: _Places, grading: _Grading
) -> tuple[MovedCandidate, ...]:
    in_order = sorted(found, key=lambda move: places[move.key])
    return tuple(
        MovedCandidate(
            *places[move.key],
            cohort[move.key].centre_mark,
            move.before,
            move.after,
            grading.moves_of(places[move.key][0], move, cohort[move.key].status),
        )
        for move in in_order
    )
