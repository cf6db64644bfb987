from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.amendments import check_feedback
from moderation.checking import mean_difference, needs_check, works_to_check
from moderation.errors import FeedbackRefused
from moderation.outcome import OutcomeKind
from moderation.rules import TeamLeaderCheck

K, T = OutcomeKind, TeamLeaderCheck


@pytest.mark.parametrize("kind", OutcomeKind)
@pytest.mark.parametrize("rule", TeamLeaderCheck)
def test_policy_says_which_outcomes_need_a_check(kind: OutcomeKind, rule: TeamLeaderCheck) -> None:
    changed = {K.ADJUSTED, K.MODERATOR_MARKS}
    wanted = {T.NEVER: set(), T.ADJUSTED: changed, T.ALWAYS: changed | {K.ACCEPTED}}[rule]
    assert needs_check(kind, rule, 6) is (kind in wanted)
    assert not needs_check(kind, rule, 0)


@given(st.lists(st.integers(), max_size=30, unique=True))
def test_the_works_of_a_check_are_spread_from_first_to_last(read: list[int]) -> None:
    chosen = works_to_check(read)
    assert len(chosen) == min(3, len(read))
    assert chosen == [work for work in read if work in chosen]
    if len(read) >= 3:
        assert (chosen[0], chosen[-1]) == (read[0], read[-1])


def test_drift_is_an_exact_mean() -> None:
    assert mean_difference([]) is None
    assert mean_difference([(30, 29), (20, 20), (10, 10)]) == Fraction(1, 3)
    assert mean_difference([(10, 12), (10, 11)]) == Fraction(-3, 2)


@pytest.mark.parametrize("words", ["", "  ", "Candidate 1001 had 45", "About 3.5 too high", "12", "mark=7"])
def test_feedback_with_what_could_be_a_mark_is_refused(words: str) -> None:
    with pytest.raises(FeedbackRefused):
        check_feedback(words)


@pytest.mark.parametrize("words", ["1001 is above 1002; look at criterion C.", "Mark everybody again, best first"])
def test_feedback_may_name_candidates_and_criteria(words: str) -> None:
    assert check_feedback(f" {words} ") == words
