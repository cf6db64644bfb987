"""The picture of a series' progress: counted backwards from now, never more than there are, deadlines where they lie."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from moderation.records.progress import Move
from moderation.submission import CaseState
from repository.progress_plot import (
    DAYS_AT_MOST,
    FILLS,
    HEIGHT,
    STAGE_WORDS,
    WIDTH,
    Stage,
    days_of,
    progress_of,
    stage_of,
)

S = CaseState
TODAY = date(2026, 5, 20)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def test_days_are_counted_backwards_from_how_it_stands() -> None:
    moves = [
        Move(ago(3), S.MARKS_OPEN, S.MARKS_SAVED, 2),
        Move(ago(2), S.MARKS_CHECKED, S.SAMPLE_REQUESTED, 3),
        Move(TODAY, S.UPLOADING, S.SUBMITTED, 1),
    ]
    days = days_of({S.SUBMITTED: 1, S.UPLOADING: 2, S.MARKS_OPEN: 4}, moves, TODAY)
    assert [one.day for one in days] == [ago(4), ago(3), ago(2), ago(1), TODAY]
    assert [[one.counts[stage] for stage in Stage] for one in days] == [
        [0, 0, 0, 7],
        [0, 0, 0, 7],
        [0, 0, 3, 4],
        [0, 0, 3, 4],
        [0, 1, 2, 4],
    ]


def test_a_series_without_cases_has_no_picture_and_one_without_moves_has_a_flat_one() -> None:
    assert progress_of({}, [], [], TODAY) is None
    picture = progress_of({S.MARKS_OPEN: 3}, [], [], TODAY)
    assert picture is not None
    assert [one.counts[Stage.MARKS] for one in picture.days] == [3, 3]


def test_a_case_that_was_not_opened_yet_is_not_there() -> None:
    days = days_of({S.MARKS_OPEN: 3}, [Move(ago(1), None, S.MARKS_OPEN, 2)], TODAY)
    assert [one.counts[Stage.MARKS] for one in days] == [1, 3, 3]


def test_the_commonest_deadlines_near_now_are_marked() -> None:
    due = [ago(-5)] * 9 + [ago(-6)] * 3 + [ago(-7)] * 2 + [ago(-8)] + [ago(-300)] * 50
    picture = progress_of({S.UPLOADING: 65}, [Move(ago(2), S.MARKS_CHECKED, S.UPLOADING, 65)], due, TODAY)
    assert picture is not None
    assert [(mark.day, mark.count) for mark in picture.deadlines] == [(ago(-5), 9), (ago(-6), 3), (ago(-7), 2)]
    assert picture.deadlines[-1].x == WIDTH - 16


def test_every_state_has_a_stage_and_every_stage_words_and_a_fill() -> None:
    assert {stage_of(state) for state in CaseState} == set(Stage) == set(STAGE_WORDS) == set(FILLS)
    assert len(set(FILLS.values())) == len(Stage)


@given(
    st.dictionaries(st.sampled_from(list(CaseState)), st.integers(1, 500), min_size=1),
    st.lists(
        st.builds(
            Move,
            st.integers(0, 400).map(ago),
            st.sampled_from(list(CaseState)),
            st.sampled_from(list(CaseState)),
            st.just(1),
        ),
        max_size=20,
    ),
)
def test_every_day_holds_every_case_and_everything_lies_in_the_frame(
    counts: dict[CaseState, int], moves: list[Move]
) -> None:
    picture = progress_of(counts, moves, [], TODAY)
    assert picture is not None
    assert len(picture.days) <= DAYS_AT_MOST + 1
    assert {sum(one.counts.values()) for one in picture.days} == {sum(counts.values())}
    top = picture.areas[-1].points.split()
    assert all(0 <= float(point.split(",")[0]) <= WIDTH for point in top)
    assert float(top[0].split(",")[1]) < HEIGHT
