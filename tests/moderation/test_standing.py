"""How marks stand while they are given: always what the deciding rules say of the works read so far."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moderation.adjustment import discordances, statistics_of
from moderation.marking import Work, report_stage
from moderation.outcome import OutcomeKind, Stage, decide
from moderation.standing import standing_of
from tests.moderation.records.stage import CENTRE_B, CENTRE_D, MODERATOR_B, MODERATOR_D

FIRST = {1, 4, 7, 9, 12, 15}


def works(centre, moderator, read):
    return [
        Work(f"w{at:02}", c, m if at in read else None, at in FIRST)
        for at, (c, m) in enumerate(zip(centre, moderator, strict=True), 1)
    ]


def test_nothing_is_said_before_anything_is_read() -> None:
    found = standing_of(works(CENTRE_B, MODERATOR_B, ()), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert (found.left, found.compared, found.would_find, found.order_holds, found.first_is_within) == (
        6, (), None, None, None,
    )  # fmt: skip


def test_one_difference_beyond_the_tolerance_settles_that_the_whole_sample_is_read() -> None:
    found = standing_of(works(CENTRE_B, MODERATOR_B, {4}), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert (found.first_is_within, found.widest, found.would_find) == (False, 6, None)
    assert [one.key for one in found.outside] == ["w04"]


def test_the_first_works_within_tolerance_are_said_so_once_all_are_read() -> None:
    near = [mark - 4 for mark in CENTRE_B]
    some = standing_of(works(CENTRE_B, near, FIRST - {15}), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert (some.first_is_within, some.would_find, some.left) == (None, OutcomeKind.ACCEPTED, 1)
    every = standing_of(works(CENTRE_B, near, FIRST), Stage.SUB_SAMPLE, tolerance_marks=4, maximum=70)
    assert every.first_is_within
    assert every.report.decision is not None
    assert every.report.decision.kind is OutcomeKind.ACCEPTED


def test_an_order_that_does_not_hold_names_its_pairs() -> None:
    found = standing_of(
        works(CENTRE_D, MODERATOR_D, set(range(1, 16))), Stage.FULL_SAMPLE, tolerance_marks=4, maximum=60
    )
    assert found.order_holds is False
    assert found.would_find is OutcomeKind.INVALID_ORDER
    assert len(found.out_of_order) == 17  # example D of the rules
    marks = {one.key: (one.centre_mark, one.moderator_mark) for one in found.compared}
    for lower, higher in found.out_of_order:
        assert marks[lower][0] < marks[higher][0]
        assert marks[lower][1] > marks[higher][1]


def test_equal_marks_share_a_place() -> None:
    found = standing_of(works((50, 50, 40), (44, 46, 46), {1, 2, 3}), Stage.FULL_SAMPLE, tolerance_marks=4, maximum=70)
    assert [(one.centre_rank, one.moderator_rank) for one in found.compared] == [(1, 3), (1, 1), (3, 1)]


@given(
    st.lists(st.tuples(st.integers(0, 70), st.none() | st.integers(0, 70), st.booleans()), max_size=25),
    st.sampled_from([Stage.SUB_SAMPLE, Stage.FULL_SAMPLE]),
    st.integers(0, 10),
)
def test_it_is_never_a_second_rule(rows, stage, tolerance) -> None:
    sample = [Work(f"w{at:02}", c, m, first) for at, (c, m, first) in enumerate(rows)]
    found = standing_of(sample, stage, tolerance_marks=tolerance, maximum=70)
    assert found.report == report_stage(sample, stage, tolerance_marks=tolerance, maximum=70)
    pairs = [(one.centre_mark, one.moderator_mark) for one in found.compared]
    assert statistics_of(pairs).discordant == len(found.out_of_order) == len(list(discordances(pairs)))
    if pairs:
        whole = stage is not Stage.SUB_SAMPLE
        said = decide(stage, pairs, tolerance_marks=tolerance, maximum=70, whole_sample_read=whole)
        assert found.would_find == (None if said is None else said.kind)
