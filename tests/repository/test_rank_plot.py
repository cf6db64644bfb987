"""The order-of-merit plot: where each work lies in both orders, and which lines cross."""

from __future__ import annotations

from moderation.marking import Work
from moderation.outcome import Stage
from moderation.standing import standing_of
from repository.rank_plot import BOTTOM, HEIGHT_AT_MOST, NAMED_AT_MOST, TOP, rank_plot_of


def plot(pairs):
    works = [Work(f"w{at:03}", centre, moderator, True) for at, (centre, moderator) in enumerate(pairs)]
    standing = standing_of(works, Stage.FULL_SAMPLE, tolerance_marks=4, maximum=70)
    return rank_plot_of(standing, {work.key: work.key.upper() for work in works})


def test_one_order_has_level_lines() -> None:
    found = plot([(60, 55), (50, 45), (40, 35)])
    assert [(line.left_y, line.right_y, line.crosses) for line in found.lines] == [
        (TOP, TOP, False),
        (64.0, 64.0, False),
        (88.0, 88.0, False),
    ]
    assert [line.words for line in found.lines] == [("W000", 1, 1), ("W001", 2, 2), ("W002", 3, 3)]


def test_works_in_opposite_order_cross() -> None:
    found = plot([(60, 45), (50, 55), (40, 35)])
    assert [line.crosses for line in found.lines] == [True, True, False]
    assert (found.lines[0].right_y, found.lines[1].right_y) == (found.lines[1].left_y, found.lines[0].left_y)


def test_many_works_stay_within_the_height_and_are_not_named() -> None:
    found = plot([(70 - at % 70, at % 70) for at in range(200)])
    assert found.height == HEIGHT_AT_MOST
    assert not found.is_named
    assert max(line.right_y for line in found.lines) <= HEIGHT_AT_MOST - BOTTOM + 0.1
    assert plot([(50, 50)] * NAMED_AT_MOST).is_named


def test_a_single_work_and_none() -> None:
    assert [line.left_y for line in plot([(5, 5)]).lines] == [TOP]
    assert plot([]).lines == ()
