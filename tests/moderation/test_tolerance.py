from __future__ import annotations

from fractions import Fraction

import pytest

from moderation.tolerance import greatest_difference, illustrate, is_within


@pytest.mark.parametrize(("maximum", "floor", "half_up"), [(60, 3, 4), (70, 4, 4), (100, 6, 6), (30, 1, 2), (96, 5, 6)])
def test_six_per_cent_is_shown_three_ways(maximum: int, floor: int, half_up: int) -> None:
    shown = illustrate(6, maximum)
    assert (shown.exact, shown.floor, shown.half_up) == (Fraction(6 * maximum, 100), floor, half_up)


def test_within() -> None:
    assert is_within(30, 26, 4)
    assert is_within(26, 30, 4)
    assert not is_within(30, 25, 4)
    assert greatest_difference([]) == 0
    assert greatest_difference([(30, 28), (20, 25)]) == 5
