"""Who is approved by the rule, and how close marks are to agreed ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.standardisation import ApprovalState, Pair, standard_of, state_of

A = ApprovalState


@pytest.mark.parametrize(
    ("pairs", "decided", "state"),
    [
        ([], None, A.WAITING),
        ([Pair(40, None)], None, A.WAITING),
        ([Pair(40, 44), Pair(30, None)], None, A.WAITING),
        ([Pair(40, 44), Pair(30, 26)], None, A.APPROVED),
        ([Pair(40, 45), Pair(30, 30)], None, A.TO_DECIDE),
        ([Pair(40, 45)], A.APPROVED, A.APPROVED),
        ([Pair(40, 40)], A.REFUSED, A.REFUSED),
        ([Pair(40, None)], A.APPROVED, A.APPROVED),
    ],
)
def test_who_is_approved(pairs: list[Pair], decided: ApprovalState | None, state: ApprovalState) -> None:
    assert state_of(pairs, is_required=True, tolerance_marks=4, decided=decided) is state
    assert state_of(pairs, is_required=False, tolerance_marks=4, decided=decided) is A.NOT_NEEDED


@given(
    st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), min_size=1, max_size=12),
    st.integers(0, 10),
)
def test_the_rule_approves_exactly_those_who_are_within_tolerance_of_every_work(
    marks: list[tuple[int, int]], tolerance: int
) -> None:
    pairs = [Pair(*one) for one in marks]
    close = max(abs(one.difference or 0) for one in pairs) <= tolerance
    state = state_of(pairs, is_required=True, tolerance_marks=tolerance, decided=None)
    assert (state is A.APPROVED) == close
    standard = standard_of(pairs, tolerance)
    assert (standard.beyond == 0) == close
    assert standard.works == len(marks)


def test_the_mean_difference_is_signed() -> None:
    assert standard_of([Pair(40, 43), Pair(40, 39), Pair(40, None)], 4).mean_difference == 1
    assert standard_of([], 4).mean_difference is None
