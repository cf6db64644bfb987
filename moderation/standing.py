"""How the marks given so far stand: differences, tolerance and order while a sample is still being read.

Nothing here decides: what the rules would say of the works read so far is asked of the rules themselves
(``moderation.marking``, ``moderation.outcome``, ``moderation.adjustment``). A candidate's result is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.adjustment import OrderLimits, Statistics, discordances, is_order_valid, statistics_of
from moderation.marking import StageReport, Work, report_stage
from moderation.outcome import OutcomeKind, Stage, decide
from moderation.profiles import AllWorkOutcome
from moderation.tolerance import greatest_difference, is_within

ORDER_FROM = 3
"""From so many works on something can be said of the order: fewer are not fitted either (project policy v1)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A work that was read, with both marks and its place in either order, best first; equal marks share a place."""

    key: str
    centre_mark: int
    moderator_mark: int
    centre_rank: int
    moderator_rank: int
    is_within: bool
    first_stage: bool

    @property
    def difference(self) -> int:
        """Return centre minus moderator mark; above zero the centre was generous."""
        return self.centre_mark - self.moderator_mark


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the marking of a sample stands now, and what the rules would say of it."""

    report: StageReport
    compared: tuple[Compared, ...]
    """By centre mark, best first."""
    tolerance_marks: int
    maximum: int
    widest: int
    first_is_within: bool | None
    """Whether every work that is read first is within tolerance; ``None`` while that is open."""
    out_of_order: tuple[tuple[str, str], ...]
    """Pairs of works that centre and moderator put in opposite order: the one the centre put lower, then the other."""
    statistics: Statistics
    order_holds: bool | None
    """``None`` while too few works are read, or all of them have one centre mark."""
    would_find: OutcomeKind | None
    """What the rules would find were the works read so far all that is read; ``None`` before any is, and where the
    whole sample would then have to be read."""

    @property
    def outside(self) -> tuple[Compared, ...]:
        """Return the works whose difference is beyond the tolerance."""
        return tuple(one for one in self.compared if not one.is_within)

    @property
    def left(self) -> int:
        """Return how many works of the stage are still to be read."""
        return len(self.report.unread)


def standing_of(
    works: Sequence[Work],
    stage: Stage,
    *,
    tolerance_marks: int,
    maximum: int,
    limits: OrderLimits | None = None,
    all_work_outcome: AllWorkOutcome = AllWorkOutcome.FIT,
    nobody_unread: bool = True,
) -> Standing:
    """Return how the marks given so far stand, by the rules that decide when the last one is in.

    Takes: as ``report_stage``.
    """
    limits = limits or OrderLimits()
    report = report_stage(
        works,
        stage,
        tolerance_marks=tolerance_marks,
        maximum=maximum,
        limits=limits,
        all_work_outcome=all_work_outcome,
        nobody_unread=nobody_unread,
    )
    read = sorted(
        ((one, one.moderator_mark) for one in works if one.moderator_mark is not None),
        key=lambda pair: (-pair[0].centre_mark, pair[0].key),
    )
    pairs = [(one.centre_mark, mark) for one, mark in read]
    statistics = statistics_of(pairs)
    compared = tuple(
        Compared(
            one.key,
            one.centre_mark,
            mark,
            1 + sum(centre > one.centre_mark for centre, _ in pairs),
            1 + sum(other > mark for _, other in pairs),
            is_within(one.centre_mark, mark, tolerance_marks),
            one.first_stage,
        )
        for one, mark in read
    )
    is_open = len(read) < ORDER_FROM or not statistics.n_sxx
    return Standing(
        report,
        compared,
        tolerance_marks,
        maximum,
        greatest_difference(pairs),
        _first_is_within(works, tolerance_marks),
        tuple((read[lower][0].key, read[higher][0].key) for lower, higher in discordances(pairs)),
        statistics,
        None if is_open else is_order_valid(statistics, limits),
        _would_find(
            stage,
            pairs,
            tolerance_marks=tolerance_marks,
            maximum=maximum,
            limits=limits,
            all_work_outcome=all_work_outcome,
            nobody_unread=nobody_unread,
        ),
    )


def _first_is_within(works: Sequence[Work], tolerance_marks: int) -> bool | None:
    first = [one for one in works if one.first_stage]
    read = [(one.centre_mark, one.moderator_mark) for one in first if one.moderator_mark is not None]
    if not all(is_within(centre, mark, tolerance_marks) for centre, mark in read):
        return False
    return True if first and len(read) == len(first) else None


def _would_find(
    stage: Stage,
    pairs: Sequence[tuple[int, int]],
    *,
    tolerance_marks: int,
    maximum: int,
    limits: OrderLimits,
    all_work_outcome: AllWorkOutcome,
    nobody_unread: bool,
) -> OutcomeKind | None:
    if not pairs:
        return None
    found = decide(
        stage,
        pairs,
        tolerance_marks=tolerance_marks,
        maximum=maximum,
        whole_sample_read=stage is not Stage.SUB_SAMPLE,
        limits=limits,
        all_work_outcome=all_work_outcome,
        nobody_unread=nobody_unread,
    )
    return None if found is None else found.kind
