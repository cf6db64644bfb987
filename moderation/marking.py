"""What a moderator reads now: the first works of the sample, or all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.adjustment import OrderLimits
from moderation.errors import MarkOutOfRange
from moderation.outcome import Decision, Stage, decide
from moderation.profiles import AllWorkOutcome


@dataclass(frozen=True, slots=True)
class Work:
    """A sampled work: its centre mark, the moderator's mark once there is one, and whether it is read first."""

    key: str
    centre_mark: int
    moderator_mark: int | None
    first_stage: bool


@dataclass(frozen=True, slots=True)
class StageReport:
    """Where the marking of a sample stands.

    ``unread`` are the works to read in this stage; when none is left, ``decision`` is the outcome, or ``None`` when
    the whole sample must now be read.
    """

    stage: Stage
    total: int
    unread: tuple[str, ...]
    decision: Decision | None

    @property
    def is_complete(self) -> bool:
        """Say whether every work of the stage has a moderator mark."""
        return not self.unread


def check_moderator_mark(mark: int, maximum: int) -> int:
    """Return the mark; raises ``MarkOutOfRange`` unless it is whole and from 0 to the maximum."""
    if isinstance(mark, bool) or not isinstance(mark, int) or not 0 <= mark <= maximum:
        raise MarkOutOfRange(f"The mark must be a whole number from 0 to {maximum}.", maximum=maximum)
    return mark


def report_stage(
    works: Sequence[Work],
    stage: Stage,
    *,
    tolerance_marks: int,
    maximum: int,
    limits: OrderLimits | None = None,
    all_work_outcome: AllWorkOutcome = AllWorkOutcome.FIT,
    nobody_unread: bool = True,
) -> StageReport:
    """Return what is unread in the stage and, when nothing is, what follows.

    Takes: ``all_work_outcome`` and ``nobody_unread`` as ``decide``.
    Source: project policy v1, steps 2 and 3; the full stage fits over all read works, the first ones included.
    """
    in_stage = [work for work in works if stage is not Stage.SUB_SAMPLE or work.first_stage]
    unread = tuple(work.key for work in in_stage if work.moderator_mark is None)
    if unread:
        return StageReport(stage, len(in_stage), unread, None)
    pairs = [(work.centre_mark, work.moderator_mark) for work in in_stage if work.moderator_mark is not None]
    decision = decide(
        stage,
        pairs,
        tolerance_marks=tolerance_marks,
        maximum=maximum,
        whole_sample_read=len(in_stage) == len(works),
        limits=limits,
        all_work_outcome=all_work_outcome,
        nobody_unread=nobody_unread,
    )
    return StageReport(stage, len(in_stage), (), decision)
