"""The differences plot as geometry: where axes, band, points and line lie. The page and the PDF draw the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.explanation import Differences

WIDTH, HEIGHT = 680, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 56
TICKS_AT_MOST = 9
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A work in the plot; ``words`` say what it is to who cannot see where it lies."""

    x: float
    y: float
    is_within: bool
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything to draw, in units of which ``WIDTH`` × ``HEIGHT`` fit; y grows downwards, as in SVG."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    zero_y: float
    band_top: float
    band_bottom: float
    dots: tuple[Dot, ...]
    line: tuple[tuple[float, float], ...]
    unread: tuple[Dot, ...]
    summary: str

    @property
    def line_points(self) -> str:
        """Return the line as SVG takes it."""
        return " ".join(f"{x},{y}" for x, y in self.line)


def plot_of(differences: Differences, maximum: int, tolerance_marks: int) -> Plot:
    """Return the plot of a centre's differences.

    Takes: ``maximum`` of the component, the end of the axis across; ``tolerance_marks``, half the height of the band.
    """
    heights = [point.difference for point in differences.points]
    heights += [differences.curve[mark] for _, mark in differences.unread]
    reach = max([tolerance_marks, *map(abs, heights), 1]) + 1
    reach = -(-reach // _step(2 * reach)) * _step(2 * reach)

    def across(mark: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * mark / maximum, 1)

    def up(difference: int) -> float:
        inside = max(-reach, min(reach, difference))
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (reach - inside) / (2 * reach), 1)

    dots = tuple(
        Dot(
            across(point.centre_mark),
            up(point.difference),
            point.is_within,
            f"Candidate {point.candidate_number}: centre mark {point.centre_mark}, "
            f"difference {signed(point.difference)}, {'within' if point.is_within else 'outside'} the tolerance",
        )
        for point in differences.points
    )
    unread = tuple(
        Dot(across(mark), up(differences.curve[mark]), True, f"Candidate {number}: centre mark {mark}, not read")
        for number, mark in differences.unread
    )
    line = tuple(
        (across(mark), up(value)) for mark, value in enumerate(differences.curve) if mark and abs(value) <= reach
    )
    outside = sum(not dot.is_within for dot in dots)
    return Plot(
        tuple(Tick(across(mark), str(mark)) for mark in _ticks(0, maximum)),
        tuple(Tick(up(value), signed(value)) for value in _ticks(-reach, reach)),
        up(0),
        up(tolerance_marks),
        up(-tolerance_marks),
        dots,
        line,
        unread,
        f"{len(dots)} of your works were read: {len(dots) - outside} within the tolerance of {tolerance_marks}, "
        f"{outside} outside it. The table after the plot has the same values.",
    )


def signed(value: int) -> str:
    """Return a difference with its sign: ``+3``, ``−2``, ``0``."""
    return f"+{value}" if value > 0 else f"−{-value}" if value else "0"


def _ticks(lowest: int, highest: int) -> Sequence[int]:
    step = _step(highest - lowest)
    first = -(-lowest // step) * step
    return range(first, highest + 1, step)


def _step(span: int) -> int:
    return next((step for step in _STEPS if span <= step * (TICKS_AT_MOST - 1)), _STEPS[-1])
