from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.explanation import Differences, Point
from repository.differences_plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, plot_of, signed


def differences(pairs: list[tuple[int, int]], maximum: int, tolerance: int, shift: int = 0) -> Differences:
    points = tuple(Point(f"{1001 + i}", c, m, abs(c - m) <= tolerance) for i, (c, m) in enumerate(pairs))
    curve = tuple(min(mark, shift) for mark in range(maximum + 1)) if shift else ()
    return Differences(points, curve, (("2001", maximum),) if shift else (), None, 0)


@given(
    st.integers(1, 2000).flatmap(
        lambda maximum: st.tuples(
            st.just(maximum),
            st.integers(0, maximum),
            st.integers(0, maximum),
            st.lists(st.tuples(st.integers(1, maximum), st.integers(0, maximum)), min_size=1, max_size=20),
        )
    )
)
def test_everything_lies_inside_the_frame_and_in_order(drawn: tuple[int, int, int, list[tuple[int, int]]]) -> None:
    maximum, tolerance, shift, pairs = drawn
    plot = plot_of(differences(pairs, maximum, tolerance, shift), maximum, tolerance)
    for x, y in [*plot.line, *((dot.x, dot.y) for dot in (*plot.dots, *plot.unread))]:
        assert LEFT <= x <= WIDTH - RIGHT
        assert TOP <= y <= HEIGHT - BOTTOM
    for dot, (centre, moderator) in zip(plot.dots, pairs, strict=True):
        if centre > moderator:
            assert dot.y <= plot.zero_y
        inside = plot.band_top <= dot.y <= plot.band_bottom
        assert inside >= dot.is_within
    assert plot.band_top <= plot.zero_y <= plot.band_bottom
    assert abs((plot.zero_y - plot.band_top) - (plot.band_bottom - plot.zero_y)) < 0.3
    assert 2 <= len(plot.x_ticks) <= 10
    assert 3 <= len(plot.y_ticks) <= 11
    assert {"0"} <= {tick.text for tick in plot.y_ticks}


def test_words_for_who_cannot_see_it() -> None:
    plot = plot_of(differences([(40, 36), (30, 31)], 70, 3), 70, 3)
    assert [dot.words for dot in plot.dots] == [
        "Candidate 1001: centre mark 40, difference +4, outside the tolerance",
        "Candidate 1002: centre mark 30, difference −1, within the tolerance",
    ]
    assert plot.summary.startswith("2 of your works were read: 1 within the tolerance of 3, 1 outside it.")
    assert plot.line == ()


@pytest.mark.parametrize(("value", "text"), [(3, "+3"), (-2, "−2"), (0, "0")])
def test_differences_carry_their_sign(value: int, text: str) -> None:
    assert signed(value) == text
