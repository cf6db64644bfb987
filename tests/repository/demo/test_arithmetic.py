"""The demo's own arithmetic, held against the published examples and never against ours."""

from __future__ import annotations

from fractions import Fraction

import pytest

from repository.demo import arithmetic

CENTRE_B = (68, 64, 61, 58, 55, 52, 49, 46, 43, 40, 36, 32, 27, 21, 12)
MODERATOR_B = (62, 58, 56, 52, 50, 47, 45, 42, 39, 36, 33, 29, 25, 19, 11)
CENTRE_D = (58, 55, 52, 50, 47, 44, 41, 38, 35, 31, 28, 24, 20, 15, 9)
MODERATOR_D = (50, 39, 54, 36, 49, 33, 46, 29, 38, 24, 35, 18, 30, 11, 14)


@pytest.mark.parametrize(
    ("candidates", "size"),
    [(0, 0), (1, 1), (5, 5), (15, 15), (16, 15), (100, 15), (101, 20), (200, 20), (201, 25), (900, 25)],
)
def test_sample_sizes_are_those_of_the_published_bands(candidates: int, size: int) -> None:
    assert arithmetic.sample_size(candidates) == size


def test_a_lenient_centre_is_adjusted_as_in_the_worked_example() -> None:
    pairs = list(zip(CENTRE_B, MODERATOR_B, strict=True))
    sub = [pairs[position - 1] for position in (1, 4, 7, 9, 12, 15)]
    kind, mapping = arithmetic.outcome(sub, pairs, 4, 70)
    assert kind == arithmetic.ADJUSTED
    wanted = {0: 0, 1: 1, 5: 5, 12: 11, 13: 12, 20: 18, 35: 32, 50: 45, 60: 55, 66: 60, 68: 62, 70: 64}
    assert {mark: mapping[mark] for mark in wanted} == wanted


def test_an_invalid_order_gives_no_marks() -> None:
    pairs = list(zip(CENTRE_D, MODERATOR_D, strict=True))
    assert arithmetic.outcome(pairs, pairs, 4, 60) == (arithmetic.INVALID_ORDER, {})


def test_exactly_the_tolerance_is_inside() -> None:
    assert arithmetic.outcome([(40, 36)], [(40, 36)], 4, 70)[0] == arithmetic.ACCEPTED
    assert arithmetic.outcome([(40, 35)], [(40, 35)], 4, 70)[0] == arithmetic.OFFICER


def test_equal_centre_marks_are_shifted() -> None:
    pairs = [(40, 30), (40, 31), (40, 31)]
    kind, mapping = arithmetic.outcome(pairs, pairs, 4, 50)
    assert (kind, mapping[40], mapping[5]) == (arithmetic.ADJUSTED, 31, 0)


def test_totals_are_exact_and_boundaries_belong_to_the_grade() -> None:
    parts = [(1, 3, Fraction(1)), (1, 3, Fraction(1)), (1, 3, Fraction(1))]
    assert arithmetic.total(parts) == 1
    assert arithmetic.grade(Fraction(50), {"A": 50, "B": 40}) == "A"
    assert arithmetic.grade(Fraction(99, 2), {"A": 50, "B": 40}) == "B"
    assert arithmetic.grade(Fraction(10), {"A": 50, "B": 40}) == "U"
