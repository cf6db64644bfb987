"""What if: the same works under another tolerance, other limits or one corrected mark. Nothing is kept.

The stages run again from the start on a copy: first works, then the whole sample, then the rule of adjustment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from moderation.adjustment import OrderLimits
from moderation.marking import Work, report_stage
from moderation.marks import is_adjustable
from moderation.outcome import Decision, OutcomeKind, Stage
from moderation.profiles import AllWorkOutcome


@dataclass(frozen=True, slots=True)
class Rules:
    """What an outcome is decided by, beside the marks."""

    tolerance_marks: int
    limits: OrderLimits
    maximum: int
    all_work_outcome: AllWorkOutcome = AllWorkOutcome.FIT


@dataclass(frozen=True, slots=True)
class Simulated:
    """What would be found: a decision, or how many works somebody would have to read first."""

    decision: Decision | None
    unread: int = 0

    @property
    def kind(self) -> OutcomeKind | None:
        """Return the kind of outcome; ``None`` while more must be read."""
        return None if self.decision is None else self.decision.kind


@dataclass(frozen=True, slots=True)
class CohortMark:
    """A candidate of the cohort: the centre mark, and the moderator's where the work was read."""

    key: str
    centre_mark: int | None
    status: str
    moderator_mark: int | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A candidate whose mark would differ; ``None`` is no mark."""

    key: str
    before: int | None
    after: int | None


def first_stage_of(works: Sequence[Work], stage: Stage, tolerance_marks: int) -> Stage:
    """Return with which stage a copy begins: with the first works, unless somebody asked for more beside the rule.

    Takes: ``stage``, how much of the sample was asked for.
    Source: project policy: an officer's call for the whole sample, or for all work, is no effect of the tolerance.
    """
    if stage is not Stage.FULL_SAMPLE:
        return stage
    first = [work for work in works if work.first_stage and work.moderator_mark is not None]
    called_by_rule = any(abs(work.centre_mark - (work.moderator_mark or 0)) > tolerance_marks for work in first)
    return Stage.SUB_SAMPLE if called_by_rule or not first else Stage.FULL_SAMPLE


def simulate(works: Sequence[Work], stage: Stage, rules: Rules, *, nobody_unread: bool = True) -> Simulated:
    """Return what would be found, beginning with ``stage``; works without a moderator mark cannot be guessed.

    Source: the rules of ``moderation.marking.report_stage``, unchanged.
    """
    for now in (stage, Stage.FULL_SAMPLE):
        report = report_stage(
            works,
            now,
            tolerance_marks=rules.tolerance_marks,
            maximum=rules.maximum,
            limits=rules.limits,
            all_work_outcome=rules.all_work_outcome,
            nobody_unread=nobody_unread,
        )
        if report.unread:
            return Simulated(None, len(report.unread))
        if report.decision is not None:
            return Simulated(report.decision)
    raise AssertionError("a whole sample that is read always leads to a decision")


def marks_under(decision: Decision | None, cohort: Sequence[CohortMark]) -> dict[str, int | None]:
    """Return the mark of each candidate of the cohort under a decision; no mark where it gives none."""
    if decision is None or decision.kind in {OutcomeKind.INVALID_ORDER, OutcomeKind.OFFICER_DECIDES}:
        return {one.key: None for one in cohort}
    return {one.key: _mark(decision, one) for one in cohort}


def moves(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> tuple[Move, ...]:
    """Return the candidates whose mark would differ, by key."""
    return tuple(Move(key, before.get(key), after[key]) for key in sorted(after) if before.get(key) != after[key])


def corrected(works: Sequence[Work], key: str, *, centre_mark: int | None, moderator_mark: int | None) -> list[Work]:
    """Return a copy of the works with one mark corrected; a centre mark of 0 takes the work out of the comparison."""
    found = []
    for work in works:
        if work.key != key:
            found.append(work)
            continue
        one = work if centre_mark is None else replace(work, centre_mark=centre_mark)
        one = one if moderator_mark is None else replace(one, moderator_mark=moderator_mark)
        if one.centre_mark > 0:
            found.append(one)
    return found


def _mark(decision: Decision, one: CohortMark) -> int | None:
    if one.centre_mark is None or not is_adjustable(one.status, one.centre_mark):
        return one.centre_mark
    if decision.kind is OutcomeKind.MODERATOR_MARKS:
        return one.moderator_mark
    return one.centre_mark if decision.mapping is None else decision.mapping[one.centre_mark]
