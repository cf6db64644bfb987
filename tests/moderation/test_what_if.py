from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from moderation.adjustment import OrderLimits
from moderation.marking import Work
from moderation.outcome import OutcomeKind, Stage
from moderation.profiles import AllWorkOutcome
from moderation.what_if import (
    CohortMark,
    Move,
    Rules,
    corrected,
    first_stage_of,
    marks_under,
    moves,
    simulate,
)
from tests.moderation.records.stage import CENTRE_B, CENTRE_D, MODERATOR_B, MODERATOR_D

FIRST = {1, 4, 7, 9, 12, 15}
RULES = Rules(4, OrderLimits(), 70)


def works_of(centre: Sequence[int], moderator: Sequence[int | None]) -> list[Work]:
    pairs = zip(centre, moderator, strict=True)
    return [Work(str(i), c, m, i in FIRST) for i, (c, m) in enumerate(pairs, 1)]


B = works_of(CENTRE_B, MODERATOR_B)
D = works_of(CENTRE_D, MODERATOR_D)
COHORT_B = [CohortMark(work.key, work.centre_mark, "PRESENT", work.moderator_mark) for work in B]


def test_a_wider_tolerance_accepts_what_was_adjusted_after_fewer_works() -> None:
    now = simulate(B, Stage.SUB_SAMPLE, RULES)
    wider = simulate(B, Stage.SUB_SAMPLE, Rules(6, OrderLimits(), 70))
    assert (now.kind, wider.kind) == (OutcomeKind.ADJUSTED, OutcomeKind.ACCEPTED)
    assert now.decision is not None
    assert wider.decision is not None
    assert (now.decision.stage, wider.decision.stage) == (Stage.FULL_SAMPLE, Stage.SUB_SAMPLE)
    moved = moves(marks_under(now.decision, COHORT_B), marks_under(wider.decision, COHORT_B))
    assert Move("1", 62, 68) in moved
    assert len(moved) == 15


def test_other_limits_make_an_order_valid_or_not() -> None:
    assert simulate(D, Stage.SUB_SAMPLE, RULES).kind is OutcomeKind.INVALID_ORDER
    easier = Rules(4, OrderLimits(Fraction(1, 5), Fraction(4, 5)), 60)
    assert simulate(D, Stage.SUB_SAMPLE, easier).kind is OutcomeKind.ADJUSTED
    stricter = Rules(4, OrderLimits(Fraction(0), Fraction(1)), 70)
    assert simulate(B, Stage.SUB_SAMPLE, stricter).kind is OutcomeKind.INVALID_ORDER


def test_works_that_nobody_read_are_not_guessed() -> None:
    first_only = works_of(CENTRE_B, [m if i in FIRST else None for i, m in enumerate(MODERATOR_B, 1)])
    found = simulate(first_only, Stage.SUB_SAMPLE, RULES)
    assert (found.kind, found.unread) == (None, 9)
    assert set(marks_under(found.decision, COHORT_B).values()) == {None}
    assert simulate(first_only, Stage.SUB_SAMPLE, Rules(6, OrderLimits(), 70)).kind is OutcomeKind.ACCEPTED


def test_a_copy_begins_where_somebody_asked_to_begin() -> None:
    assert first_stage_of(B, Stage.FULL_SAMPLE, 4) is Stage.SUB_SAMPLE
    assert first_stage_of(B, Stage.FULL_SAMPLE, 6) is Stage.FULL_SAMPLE
    assert first_stage_of(B, Stage.SUB_SAMPLE, 6) is Stage.SUB_SAMPLE
    assert first_stage_of(B, Stage.ALL_WORK, 4) is Stage.ALL_WORK
    assert first_stage_of([], Stage.FULL_SAMPLE, 4) is Stage.SUB_SAMPLE


def test_all_work_read_under_moderators_marks() -> None:
    rules = Rules(4, OrderLimits(), 70, AllWorkOutcome.MODERATOR_MARKS)
    found = simulate(B, Stage.ALL_WORK, rules)
    assert found.kind is OutcomeKind.MODERATOR_MARKS
    cohort = [*COHORT_B, CohortMark("zero", 0, "ZERO_NO_WORTH"), CohortMark("absent", None, "ABSENT")]
    marks = marks_under(found.decision, cohort)
    assert [marks[work.key] for work in B] == list(MODERATOR_B)
    assert (marks["zero"], marks["absent"]) == (0, None)
    assert simulate(B, Stage.ALL_WORK, rules, nobody_unread=False).kind is OutcomeKind.OFFICER_DECIDES


def test_a_corrected_mark_changes_one_work_and_the_original_stays() -> None:
    before = list(B)
    moved = corrected(B, "1", centre_mark=None, moderator_mark=68)
    assert moved[0].moderator_mark == 68
    assert moved[1:] == B[1:]
    assert corrected(B, "1", centre_mark=63, moderator_mark=None)[0].centre_mark == 63
    assert len(corrected(B, "1", centre_mark=0, moderator_mark=None)) == 14
    assert before == B


@given(st.integers(0, 70))
def test_the_same_rules_move_nobody_and_a_wider_tolerance_never_leaves_acceptance(tolerance: int) -> None:
    rules = Rules(tolerance, OrderLimits(), 70)
    one = simulate(B, Stage.SUB_SAMPLE, rules)
    marks = marks_under(one.decision, COHORT_B)
    assert moves(marks, marks_under(simulate(B, Stage.SUB_SAMPLE, rules).decision, COHORT_B)) == ()
    if one.kind is OutcomeKind.ACCEPTED:
        assert simulate(B, Stage.SUB_SAMPLE, Rules(tolerance + 1, OrderLimits(), 70)).kind is OutcomeKind.ACCEPTED
        assert marks == {work.key: work.centre_mark for work in B}
