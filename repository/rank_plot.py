"""The order-of-merit plot as geometry: the centre's order on one side, the moderator's on the other, a line for each work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moderation.standing import Standing

WIDTH = 480
LEFT, RIGHT, TOP, BOTTOM = 130, 350, 40, 16
ROW = 24
HEIGHT_AT_MOST = 720
NAMED_AT_MOST = 30
"""So many works have their names beside the plot; of more, the table says who is who."""


@dataclass(frozen=True, slots=True)
class Line:
    """A work: its place in the centre's order and in the moderator's; ``crosses``, when a pair of it is out of order."""

    label: str
    left_y: float
    right_y: float
    centre_rank: int
    moderator_rank: int
    crosses: bool

    @property
    def words(self) -> tuple[str, int, int]:
        """Return who it is and both places, for the line's own title."""
        return self.label, self.centre_rank, self.moderator_rank


@dataclass(frozen=True, slots=True)
class RankPlot:
    """Everything to draw, in units of which ``WIDTH`` × ``height`` fit."""

    lines: tuple[Line, ...]
    height: int
    is_named: bool


def rank_plot_of(standing: Standing, labels: Mapping[str, str]) -> RankPlot:
    """Return the plot of both orders; works with equal marks stand below each other, the higher centre mark first.

    Takes: ``labels``, work → what it is called on the page.
    """
    works = standing.compared
    by_moderator = sorted(range(len(works)), key=lambda place: (works[place].moderator_rank, place))
    height = min(HEIGHT_AT_MOST, TOP + BOTTOM + ROW * max(len(works) - 1, 1))
    step = (height - TOP - BOTTOM) / max(len(works) - 1, 1)
    crossing = {key for pair in standing.out_of_order for key in pair}
    right = {place: round(TOP + step * at, 1) for at, place in enumerate(by_moderator)}
    return RankPlot(
        tuple(
            Line(
                labels.get(work.key, ""),
                round(TOP + step * place, 1),
                right[place],
                work.centre_rank,
                work.moderator_rank,
                work.key in crossing,
            )
            for place, work in enumerate(works)
        ),
        height,
        len(works) <= NAMED_AT_MOST,
    )
