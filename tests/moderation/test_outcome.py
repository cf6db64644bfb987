from __future__ import annotations

import json

from moderation.outcome import OutcomeKind, Stage, decide
from tests.moderation.test_adjustment import B, D

EXAMPLE_A = ((68, 69), (22, 21), (47, 46), (81, 80), (58, 58), (31, 28))


def test_example_a_published_accepted_at_the_sub_sample() -> None:
    decision = decide(Stage.SUB_SAMPLE, EXAMPLE_A, tolerance_marks=6, maximum=100, whole_sample_read=False)
    assert decision is not None
    assert decision.kind is OutcomeKind.ACCEPTED
    assert [c - m for c, m in decision.pairs] == [-1, 1, 1, 1, 0, 3]
    assert decision.mapping is None


def test_exactly_the_tolerance_is_inside() -> None:
    inside = decide(Stage.SUB_SAMPLE, [(30, 26)], tolerance_marks=4, maximum=50, whole_sample_read=False)
    assert inside is not None
    assert inside.kind is OutcomeKind.ACCEPTED
    assert decide(Stage.SUB_SAMPLE, [(30, 25)], tolerance_marks=4, maximum=50, whole_sample_read=False) is None


def test_example_b_needs_the_full_sample_and_is_adjusted() -> None:
    first = [B[position - 1] for position in (1, 4, 7, 9, 12, 15)]
    assert [c - m for c, m in first] == [6, 6, 4, 4, 3, 1]
    assert decide(Stage.SUB_SAMPLE, first, tolerance_marks=4, maximum=70, whole_sample_read=False) is None
    decision = decide(Stage.FULL_SAMPLE, B, tolerance_marks=4, maximum=70, whole_sample_read=True)
    assert decision is not None
    assert decision.kind is OutcomeKind.ADJUSTED
    numbers = json.loads(json.dumps(decision.numbers()))
    assert numbers["slope"] == "25447/28057"
    assert numbers["intercept"] == "3308/28057"
    assert numbers["correlation"] == 0.999736
    assert numbers["limits"] == {"discordant_share": "1/20", "correlation": "9/10"}
    assert numbers["mapping"][68] == 62
    assert numbers["greatest_difference"] == 6


def test_example_d_is_an_invalid_order_without_any_mapping() -> None:
    decision = decide(Stage.FULL_SAMPLE, D, tolerance_marks=4, maximum=60, whole_sample_read=True)
    assert decision is not None
    assert decision.kind is OutcomeKind.INVALID_ORDER
    assert decision.greatest_difference == 16
    assert decision.numbers()["mapping"] is None


def test_two_works_outside_tolerance_are_for_the_officer() -> None:
    decision = decide(Stage.SUB_SAMPLE, [(30, 10), (20, 5)], tolerance_marks=4, maximum=50, whole_sample_read=True)
    assert decision is not None
    assert decision.kind is OutcomeKind.OFFICER_DECIDES


def test_nothing_to_read() -> None:
    empty = decide(Stage.NO_SAMPLE, [], tolerance_marks=4, maximum=50, whole_sample_read=True)
    assert empty is not None
    assert empty.kind is OutcomeKind.ACCEPTED
    unread = decide(Stage.FULL_SAMPLE, [], tolerance_marks=4, maximum=50, whole_sample_read=True)
    assert unread is not None
    assert unread.kind is OutcomeKind.OFFICER_DECIDES
