"""The progress of a series as geometry: how many components at centres stood in which stage at the end of each day.

Counted backwards from how they stand now, by the moves of each day, so the picture always ends in the truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from moderation.records.progress import Move
from moderation.submission import CaseState

WIDTH, HEIGHT = 680, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 28, 44
DAYS_AT_MOST = 60
DAYS_AHEAD = 21
DEADLINES_AT_MOST = 3


class Stage(StrEnum):
    """What a component at a centre waits for; the first is drawn at the foot."""

    FINISHED = "finished"
    MODERATION = "moderation"
    SAMPLE = "sample"
    MARKS = "marks"


STAGE_WORDS: Mapping[Stage, str] = {
    Stage.FINISHED: "Finished",
    Stage.MODERATION: "Being moderated",
    Stage.SAMPLE: "Sample to come",
    Stage.MARKS: "Marks to come",
}
FILLS: Mapping[Stage, str] = {
    Stage.FINISHED: "#0b4144",
    Stage.MODERATION: "#4f9a9e",
    Stage.SAMPLE: "#bfe0e1",
    Stage.MARKS: "#ffffff",
}
"""From dark to white, with a dark line between: told apart without seeing colours, and on paper."""
_S = CaseState
_MARKS = frozenset({_S.MARKS_OPEN, _S.MARKS_SAVED, _S.MARKS_CHECKED, _S.RETURNED_TO_CENTRE})
_SAMPLE = frozenset(
    {
        _S.MARKS_SUBMITTED, _S.MARKS_CONFIRMED, _S.WAITING_FOR_MEMBERS, _S.SAMPLE_SELECTED, _S.SAMPLE_REQUESTED,
        _S.UPLOADING, _S.DESPATCHED, _S.VISIT_BOOKED, _S.MORE_WORK_REQUESTED, _S.ALL_WORK_REQUESTED, _S.RECEIPT_QUERY,
    }
)  # fmt: skip
_MODERATION = frozenset(
    {
        _S.SUBMITTED, _S.RECEIVED, _S.RECEIPT_COMPLETE, _S.FULL_SAMPLE, _S.OUTCOME_PROPOSED, _S.INVALID_ORDER,
        _S.SUPPORT_CALL, _S.MALPRACTICE_HOLD,
    }
)  # fmt: skip


def stage_of(state: CaseState) -> Stage:
    """Return what a case in this state waits for."""
    for stage, states in ((Stage.MARKS, _MARKS), (Stage.SAMPLE, _SAMPLE), (Stage.MODERATION, _MODERATION)):
        if state in states:
            return stage
    return Stage.FINISHED


@dataclass(frozen=True, slots=True)
class Day:
    """How many components at centres stood in each stage at the end of a day."""

    day: date
    counts: Mapping[Stage, int]


@dataclass(frozen=True, slots=True)
class Area:
    """One stage, drawn: its outline as SVG takes it."""

    stage: Stage
    fill: str
    points: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A day on the axis, or a deadline with the number of samples due."""

    x: float
    day: date
    count: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Everything to draw and to say, in units of which ``WIDTH`` × ``HEIGHT`` fit."""

    days: tuple[Day, ...]
    areas: tuple[Area, ...]
    ticks: tuple[Mark, ...]
    heights: tuple[tuple[float, int], ...]
    deadlines: tuple[Mark, ...]

    @property
    def now(self) -> Mapping[Stage, int]:
        """Return how they stand today."""
        return self.days[-1].counts


def days_of(counts: Mapping[CaseState, int], moves: Sequence[Move], today: date) -> tuple[Day, ...]:
    """Return the stages at the end of each day, the oldest first, from the day before the first move to today."""
    standing = Counter(dict.fromkeys(Stage, 0))
    for state, count in counts.items():
        standing[stage_of(state)] += count
    first = min((move.day for move in moves), default=today) - timedelta(days=1)
    first = max(first, today - timedelta(days=DAYS_AT_MOST))
    days, day = [], today
    while day >= first:
        days.append(Day(day, dict(standing)))
        for move in moves:
            if move.day == day or (day == today and move.day > today):
                standing[stage_of(move.to_state)] -= move.cases
                if move.from_state is not None:
                    standing[stage_of(move.from_state)] += move.cases
        day -= timedelta(days=1)
    return tuple(reversed(days))


def progress_of(
    counts: Mapping[CaseState, int], moves: Sequence[Move], due_on: Sequence[date], today: date
) -> Progress | None:
    """Return the picture of a series; None when it has no cases.

    Takes: ``counts``, how many cases are in each state now; ``due_on``, the day of each sample that has one.
    """
    total = sum(counts.values())
    if not total:
        return None
    days = days_of(counts, moves, today)
    soon = [
        (day, count)
        for day, count in Counter(due_on).most_common()
        if days[0].day <= day <= today + timedelta(DAYS_AHEAD)
    ]
    wanted = sorted(soon[:DEADLINES_AT_MOST])
    last = max([today, *(day for day, _ in wanted)])
    span = max((last - days[0].day).days, 1)

    def x_of(day: date) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (day - days[0].day).days / span, 1)

    def y_of(cases: int) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * cases / total, 1)

    areas, below = [], [0] * len(days)
    for stage in Stage:
        above = [foot + one.counts[stage] for foot, one in zip(below, days, strict=True)]
        outline = [(x_of(one.day), y_of(height)) for one, height in zip(days, above, strict=True)]
        foot = [(x_of(one.day), y_of(height)) for one, height in zip(days, below, strict=True)]
        areas.append(Area(stage, FILLS[stage], " ".join(f"{x},{y}" for x, y in [*outline, *reversed(foot)])))
        below = above
    step = max(span // 4, 1)
    ticks = tuple(Mark(x_of(day), day) for day in (days[0].day + timedelta(days=n) for n in range(0, span + 1, step)))
    heights = tuple((y_of(cases), cases) for cases in sorted({0, total // 2, total}))
    return Progress(days, tuple(areas), ticks, heights, tuple(Mark(x_of(day), day, count) for day, count in wanted))
