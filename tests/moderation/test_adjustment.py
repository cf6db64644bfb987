from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.adjustment import Method, OrderLimits, Refusal, fit, is_order_valid, statistics_of

CENTRE_B = (68, 64, 61, 58, 55, 52, 49, 46, 43, 40, 36, 32, 27, 21, 12)
MODERATOR_B = (62, 58, 56, 52, 50, 47, 45, 42, 39, 36, 33, 29, 25, 19, 11)
CENTRE_D = (58, 55, 52, 50, 47, 44, 41, 38, 35, 31, 28, 24, 20, 15, 9)
MODERATOR_D = (50, 39, 54, 36, 49, 33, 46, 29, 38, 24, 35, 18, 30, 11, 14)
B = tuple(zip(CENTRE_B, MODERATOR_B, strict=True))
D = tuple(zip(CENTRE_D, MODERATOR_D, strict=True))


def test_example_b_lenient_centre_exactly() -> None:
    fitted = fit(B, 70)
    sums = fitted.statistics
    assert (sums.sxx, sums.sxy, sums.syy) == (Fraction(56114, 15), Fraction(50894, 15), Fraction(46184, 15))
    assert (sums.slope, sums.intercept) == (Fraction(25447, 28057), Fraction(3308, 28057))
    assert round(sums.correlation or 0, 6) == 0.999736
    assert (sums.discordant, sums.pairs) == (0, 105)
    assert fitted.method is Method.LINE
    assert fitted.mapping is not None
    expected = {0: 0, 1: 1, 5: 5, 12: 11, 13: 12, 20: 18, 35: 32, 50: 45, 60: 55, 66: 60, 68: 62, 70: 64}
    assert {mark: fitted.mapping[mark] for mark in expected} == expected


def test_example_d_invalid_order_exactly() -> None:
    fitted = fit(D, 60)
    sums = fitted.statistics
    assert round(sums.correlation or 0, 6) == 0.842263
    assert (sums.discordant, sums.pairs) == (17, 105)
    assert (sums.slope, sums.intercept) == (Fraction(34813, 47516), Fraction(333359, 47516))
    assert fitted.refusal is Refusal.INVALID_ORDER
    assert fitted.mapping is None


def test_fewer_than_three_pairs_are_not_fitted() -> None:
    assert fit([(30, 20), (20, 10)], 40).refusal is Refusal.TOO_FEW_PAIRS
    assert fit([], 40).refusal is Refusal.TOO_FEW_PAIRS


@pytest.mark.fault("att:H02")
def test_all_the_same_centre_mark_is_a_constant_shift_rounded_half_up() -> None:
    fitted = fit([(30, 25), (30, 24), (30, 24), (30, 25)], 40)
    assert fitted.method is Method.SHIFT
    assert fitted.mapping is not None
    # 24.5 − 30 = −5.5: 30 → 24.5 → 25
    assert [fitted.mapping[mark] for mark in (0, 1, 5, 6, 30, 40)] == [0, 0, 0, 1, 25, 35]


def test_all_the_same_moderator_mark_has_no_order() -> None:
    assert fit([(30, 20), (25, 20), (20, 20)], 40).refusal is Refusal.INVALID_ORDER


def test_a_falling_line_is_refused_even_without_limits() -> None:
    lax = OrderLimits(Fraction(1), Fraction(0))
    assert fit([(30, 10), (20, 20), (10, 30)], 40, lax).refusal is Refusal.INVALID_ORDER


def test_limits_are_data_and_exact_at_their_edge() -> None:
    sums = statistics_of(D)
    assert not is_order_valid(sums, OrderLimits(Fraction(16, 105), Fraction(8, 10)))
    assert is_order_valid(sums, OrderLimits(Fraction(17, 105), Fraction(8, 10)))
    assert not is_order_valid(sums, OrderLimits(Fraction(17, 105), Fraction(85, 100)))


@pytest.mark.fault("att:H05")
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), min_size=3, max_size=25),
    st.sampled_from([OrderLimits(), OrderLimits(Fraction(1), Fraction(0))]),
)
def test_a_mapping_keeps_order_zero_and_bounds(pairs: list[tuple[int, int]], limits: OrderLimits) -> None:
    fitted = fit(pairs, 40, limits)
    if fitted.mapping is None:
        assert fitted.refusal is Refusal.INVALID_ORDER
        return
    assert len(fitted.mapping) == 41
    assert fitted.mapping[0] == 0
    assert list(fitted.mapping) == sorted(fitted.mapping)
    assert 0 <= fitted.mapping[0] <= fitted.mapping[-1] <= 40


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_discordant_pairs_by_definition(pairs: list[tuple[int, int]]) -> None:
    by_definition = sum(
        (pairs[i][0] - pairs[j][0]) * (pairs[i][1] - pairs[j][1]) < 0
        for i in range(len(pairs))
        for j in range(i + 1, len(pairs))
    )
    assert statistics_of(pairs).discordant == by_definition
