"""The worked examples and every edge rule of moderation, by their published or stated numbers."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.adjustment import Method, OrderLimits, Refusal, fit
from moderation.marking import Work, report_stage
from moderation.outcome import OutcomeKind, Stage, decide
from moderation.profiles import AllWorkOutcome
from moderation.recomputation import is_adjustable_order, own_mark_disagreements, recompute_mark
from moderation.sampling import positions
from tests.moderation.test_adjustment import B, D
from tests.moderation.test_outcome import EXAMPLE_A

MAXIMUM = 40
PAIRS = st.lists(st.tuples(st.integers(1, MAXIMUM), st.integers(0, MAXIMUM)), min_size=3, max_size=25)
LIMITS = st.sampled_from([OrderLimits(), OrderLimits(Fraction(1), Fraction(0)), OrderLimits(Fraction(0), Fraction(1))])


def works_of(pairs: tuple[tuple[int, int], ...], first: tuple[int, ...], read: int | None = None) -> list[Work]:
    return [
        Work(str(i), centre, moderator if read is None or i <= read else None, i in first)
        for i, (centre, moderator) in enumerate(pairs, 1)
    ]


def test_a_no_further_work_is_read_and_the_centre_marks_are_final() -> None:
    rest = tuple((50, 50) for _ in range(4))
    works = works_of(EXAMPLE_A + rest, (1, 2, 3, 4, 5, 6), read=6)
    report = report_stage(works, Stage.SUB_SAMPLE, tolerance_marks=6, maximum=100)
    assert report.unread == ()
    assert report.decision is not None
    assert (report.decision.kind, report.decision.greatest_difference) == (OutcomeKind.ACCEPTED, 3)


def test_b_from_the_first_six_works_to_every_mark_of_the_map() -> None:
    first = tuple(positions(15, 6))
    assert first == (1, 4, 7, 9, 12, 15)
    report = report_stage(works_of(B, first), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert (report.decision, report.unread) == (None, ())
    decision = report_stage(works_of(B, first), Stage.FULL_SAMPLE, tolerance_marks=4, maximum=70).decision
    assert decision is not None
    sums = decision.statistics
    assert (Fraction(sums.sum_centre, 15), Fraction(sums.sum_moderator, 15)) == (Fraction(664, 15), Fraction(604, 15))
    assert (sums.slope, sums.intercept) == (Fraction(25447, 28057), Fraction(3308, 28057))
    assert decision.mapping is not None
    by_definition = [
        0
        if mark == 0
        else min(70, max(0, (Fraction(3308, 28057) + Fraction(25447, 28057) * mark + Fraction(1, 2)).__floor__()))
        for mark in range(71)
    ]
    assert list(decision.mapping) == by_definition
    assert [recompute_mark(B, mark, 70) for mark in range(71)] == by_definition


def test_d_the_fit_that_must_not_run_would_send_9_to_14() -> None:
    decision = decide(Stage.FULL_SAMPLE, D, tolerance_marks=4, maximum=60, whole_sample_read=True)
    assert decision is not None
    assert (decision.kind, decision.mapping, decision.method) == (OutcomeKind.INVALID_ORDER, None, None)
    sums = decision.statistics
    assert (sums.slope, sums.intercept) == (Fraction(34813, 47516), Fraction(333359, 47516))
    assert sums.slope is not None
    assert sums.intercept is not None
    assert (sums.intercept + sums.slope * 9 + Fraction(1, 2)).__floor__() == 14
    assert not is_adjustable_order(D, "1/20", "9/10")


@pytest.mark.parametrize(("difference", "kind"), [(4, OutcomeKind.ACCEPTED), (-4, OutcomeKind.ACCEPTED)])
def test_exactly_the_tolerance_is_inside_either_way(difference: int, kind: OutcomeKind) -> None:
    found = decide(Stage.SUB_SAMPLE, [(30, 30 - difference)], tolerance_marks=4, maximum=50, whole_sample_read=False)
    assert found is not None
    assert found.kind is kind


@pytest.mark.parametrize("difference", [5, -5])
def test_one_beyond_the_tolerance_calls_the_whole_sample(difference: int) -> None:
    pairs = [(30, 30 - difference)]
    assert decide(Stage.SUB_SAMPLE, pairs, tolerance_marks=4, maximum=50, whole_sample_read=False) is None


@pytest.mark.fault("att:H02")
@pytest.mark.parametrize("pairs", [[], [(30, 20)], [(30, 20), (20, 10)]])
def test_fewer_than_three_pairs_are_the_officers(pairs: list[tuple[int, int]]) -> None:
    assert fit(pairs, 40).refusal is Refusal.TOO_FEW_PAIRS
    if pairs:
        found = decide(Stage.FULL_SAMPLE, pairs, tolerance_marks=4, maximum=40, whole_sample_read=True)
        assert found is not None
        assert (found.kind, found.mapping) == (OutcomeKind.OFFICER_DECIDES, None)


@pytest.mark.fault("att:H02")
def test_the_edge_rules_come_in_their_order() -> None:
    # n < 3 before everything, Sxx = 0 before the slope, the slope before the limits.
    assert fit([(30, 10), (30, 10)], 40).refusal is Refusal.TOO_FEW_PAIRS
    same = fit([(30, 10), (30, 20), (30, 36)], 40)
    assert (same.method, same.refusal) == (Method.SHIFT, None)
    lax = OrderLimits(Fraction(1), Fraction(0))
    assert fit([(30, 20), (25, 20), (20, 20)], 40, lax).refusal is Refusal.INVALID_ORDER
    assert fit([(30, 19), (25, 20), (20, 21)], 40, lax).refusal is Refusal.INVALID_ORDER


def test_a_shift_by_a_half_rounds_up_once_and_is_clamped() -> None:
    fitted = fit([(30, 33), (30, 32), (30, 33), (30, 32)], 40)
    assert fitted.mapping is not None
    assert fitted.statistics.intercept == Fraction(5, 2)
    assert [fitted.mapping[mark] for mark in (0, 1, 2, 30, 37, 38, 40)] == [0, 4, 5, 33, 40, 40, 40]


def test_ties_are_not_discordant_and_equal_marks_stay_equal() -> None:
    pairs = ((30, 25), (30, 22), (25, 22), (25, 20), (10, 8))
    fitted = fit(pairs, 40)
    assert fitted.statistics.discordant == 0
    assert fitted.mapping is not None
    assert {recompute_mark(pairs, 30, 40)} == {fitted.mapping[30]}


def test_above_the_maximum_becomes_the_maximum_and_ties_at_the_top_are_accepted() -> None:
    fitted = fit([(20, 30), (30, 40), (10, 20), (5, 15)], 40)
    assert fitted.mapping is not None
    assert [fitted.mapping[mark] for mark in (29, 30, 31, 40)] == [39, 40, 40, 40]


def test_a_mark_above_zero_may_fall_to_zero_and_not_below() -> None:
    fitted = fit([(20, 10), (30, 20), (10, 0), (15, 5)], 40)
    assert fitted.mapping is not None
    assert [fitted.mapping[mark] for mark in (0, 1, 9, 10, 11)] == [0, 0, 0, 0, 1]


@pytest.mark.fault("att:H05")
@given(PAIRS, LIMITS)
def test_a_mapping_depends_on_the_centre_mark_alone_and_a_second_calculation_agrees(
    pairs: list[tuple[int, int]], limits: OrderLimits
) -> None:
    fitted = fit(pairs, MAXIMUM, limits)
    if fitted.mapping is None:
        assert fitted.refusal is Refusal.INVALID_ORDER
        assert not is_adjustable_order(pairs, str(limits.discordant_share), str(limits.correlation))
        return
    assert is_adjustable_order(pairs, str(limits.discordant_share), str(limits.correlation))
    assert fitted.mapping[0] == 0
    assert list(fitted.mapping) == sorted(fitted.mapping)
    assert 0 <= fitted.mapping[0] <= fitted.mapping[-1] <= MAXIMUM
    assert [recompute_mark(pairs, mark, MAXIMUM) for mark in range(MAXIMUM + 1)] == list(fitted.mapping)
    assert fit(list(reversed(pairs)), MAXIMUM, limits).mapping == fitted.mapping


@given(
    st.lists(st.tuples(st.integers(1, MAXIMUM), st.integers(0, MAXIMUM)), min_size=1, max_size=20), st.integers(0, 10)
)
def test_all_work_read_gives_marks_of_the_moderator_only_where_nobody_is_unread(
    pairs: list[tuple[int, int]], tolerance: int
) -> None:
    def found(rule: AllWorkOutcome, nobody_unread: bool) -> OutcomeKind:
        decision = decide(
            Stage.ALL_WORK,
            pairs,
            tolerance_marks=tolerance,
            maximum=MAXIMUM,
            whole_sample_read=True,
            all_work_outcome=rule,
            nobody_unread=nobody_unread,
        )
        assert decision is not None
        assert decision.all_work_outcome is rule
        return decision.kind

    inside = all(abs(c - m) <= tolerance for c, m in pairs)
    expected = OutcomeKind.ACCEPTED if inside else OutcomeKind.MODERATOR_MARKS
    assert found(AllWorkOutcome.MODERATOR_MARKS, True) is expected
    unread = OutcomeKind.ACCEPTED if inside else OutcomeKind.OFFICER_DECIDES
    assert found(AllWorkOutcome.MODERATOR_MARKS, False) is unread
    assert found(AllWorkOutcome.FIT, True) is not OutcomeKind.MODERATOR_MARKS


def test_a_sample_never_gives_moderator_marks() -> None:
    found = decide(
        Stage.FULL_SAMPLE,
        B,
        tolerance_marks=4,
        maximum=70,
        whole_sample_read=True,
        all_work_outcome=AllWorkOutcome.MODERATOR_MARKS,
    )
    assert found is not None
    assert (found.kind, found.all_work_outcome) == (OutcomeKind.ADJUSTED, None)


@pytest.mark.fault("att:H10")
def test_a_moderator_mark_that_nobody_gave_is_named() -> None:
    rows = [("a", 30), ("b", 21), ("c", 10), ("d", None)]
    assert own_mark_disagreements(rows, {"a": 30, "b": 20, "d": 5}) == ["b", "c", "d"]
