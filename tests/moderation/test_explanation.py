from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.adjustment import Method, OrderLimits
from moderation.errors import ExplanationDiffers
from moderation.explanation import (
    Explanation,
    Found,
    MarkReason,
    OwnMark,
    OwnWork,
    decimal_text,
    explain,
    lean_of,
)
from moderation.explanation_words import Lean
from moderation.marks import MarkStatus
from moderation.outcome import Decision, OutcomeKind, Stage, decide
from moderation.recomputation import recompute_mark
from moderation.rules import Disclosure
from tests.moderation.records.stage import CENTRE_B, CENTRE_D, MODERATOR_B, MODERATOR_D

D = Disclosure
LOWER = (D.OUTCOME, D.ARITHMETIC)
ANY_ORDER = OrderLimits(Fraction(1), Fraction(0))


def found_of(decision: Decision | None) -> Found:
    assert decision is not None
    return Found(decision.kind, decision.stage, decision.numbers(), decision.policy_version)


def decided(pairs: Sequence[tuple[int, int]], tolerance: int, maximum: int, **more: object) -> Found:
    whole = {"whole_sample_read": True, **more}
    return found_of(decide(Stage.FULL_SAMPLE, pairs, tolerance_marks=tolerance, maximum=maximum, **whole))


def works_of(pairs: Sequence[tuple[int, int]]) -> list[OwnWork]:
    return [OwnWork(f"{1001 + i}", centre, moderator) for i, (centre, moderator) in enumerate(pairs)]


def marks_of(found: Found, centre_marks: Sequence[int | None]) -> list[OwnMark]:
    """The marks as `records.outcomes` writes them when the outcome is confirmed."""
    mapping = found.numbers["mapping"]
    return [
        OwnMark(
            f"{1001 + i}",
            centre,
            "ABSENT" if centre is None else "PRESENT" if centre else "ZERO_NO_WORTH",
            centre if mapping is None or not centre else mapping[centre],
        )
        for i, centre in enumerate(centre_marks)
    ]


B = decided(list(zip(CENTRE_B, MODERATOR_B, strict=True)), 4, 70)
B_WORKS = works_of(list(zip(CENTRE_B, MODERATOR_B, strict=True)))


def explained_b(level: Disclosure, **more: object) -> Explanation:
    return explain(B, marks_of(B, [*CENTRE_B, 50, 0, None]), B_WORKS, level=level, **more)


def test_the_arithmetic_of_worked_example_b() -> None:
    one = explained_b(D.ARITHMETIC, first_differed=True)
    assert one.line is not None
    assert (one.line.slope, one.line.intercept, one.line.works) == (
        Fraction(25447, 28057),
        Fraction(3308, 28057),
        15,
    )
    assert (decimal_text(one.line.slope, 6), decimal_text(one.line.intercept, 6)) == ("0.906975", "0.117903")
    first, fifty, zero, absent = one.marks[0], one.marks[15], one.marks[16], one.marks[17]
    assert first.steps is not None
    assert (first.centre_mark, first.moderated_mark, first.change) == (68, 62, -6)
    assert first.steps.exact == Fraction(3308 + 25447 * 68, 28057)
    assert (first.steps.rounded, first.steps.kept, first.reason) == (62, 62, MarkReason.ADJUSTED)
    assert (fifty.moderated_mark, fifty.reason) == (45, MarkReason.ADJUSTED)
    assert (zero.moderated_mark, zero.reason, zero.steps) == (0, MarkReason.ZERO, None)
    assert (absent.moderated_mark, absent.reason, absent.change) == (None, MarkReason.NO_MARK, None)
    assert "more than the tolerance of 4 marks, so the whole sample was read: 15 works." in " ".join(one.what_happened)
    assert one.may_be_reviewed


def test_why_the_whole_sample_was_read_is_said_as_far_as_it_is_known() -> None:
    assert "The awarding body had the whole sample read" in " ".join(
        explained_b(D.OUTCOME, first_differed=False).what_happened
    )
    assert "The whole sample was read" in " ".join(explained_b(D.OUTCOME).what_happened)


def test_each_level_holds_the_one_before_and_nothing_more() -> None:
    low, middle, high = (explained_b(level) for level in (D.OUTCOME, D.ARITHMETIC, D.DIFFERENCES))
    assert (low.line, low.differences, {one.steps for one in low.marks}) == (None, None, {None})
    assert middle.line is not None
    assert middle.differences is None
    assert middle == replace(high, level=D.ARITHMETIC, differences=None)
    assert [one.moderated_mark for one in low.marks] == [one.moderated_mark for one in high.marks]
    assert high.differences is not None
    assert [point.difference for point in high.differences.points] == [
        c - m for c, m in zip(CENTRE_B, MODERATOR_B, strict=True)
    ]
    assert [number for number, _ in high.differences.unread] == ["1016"]
    assert high.differences.curve[68] == 6
    assert high.differences.order is not None
    assert (high.differences.order.discordant, high.differences.order.comparable) == (0, 105)
    assert high.differences.order.correlation == "0.9997"


@pytest.mark.parametrize("level", LOWER)
def test_works_read_leave_no_trace_at_lower_levels(level: Disclosure) -> None:
    marks = marks_of(B, [*CENTRE_B, 50, 0])
    assert explain(B, marks, B_WORKS, level=level) == explain(B, marks, [], level=level)


@given(st.permutations(list(zip(CENTRE_B[:6], (66, 62, 60, 58, 54, 52), strict=True))), st.sampled_from(LOWER))
def test_which_accepted_work_differed_is_not_told_at_lower_levels(
    pairs: list[tuple[int, int]], level: Disclosure
) -> None:
    """Whoever knows the explanation cannot tell one set of moderator marks from another with the same outcome."""
    moved = [(pairs[i][0], pairs[i][0] - (pairs[-1 - i][0] - pairs[-1 - i][1])) for i in range(len(pairs))]
    first, second = (
        explain(
            found := decided(some, 4, 70),
            marks_of(found, [c for c, _ in pairs]),
            works_of(some),
            level=level,
        )
        for some in (pairs, moved)
    )
    assert first == second


@given(
    st.integers(5, 100).flatmap(
        lambda maximum: st.tuples(
            st.just(maximum),
            st.lists(st.tuples(st.integers(1, maximum), st.integers(0, maximum)), min_size=3, max_size=25),
        )
    ),
    st.integers(0, 3),
    st.sampled_from(D),
)
def test_the_explained_mark_is_always_the_recorded_one(
    drawn: tuple[int, list[tuple[int, int]]], tolerance: int, level: Disclosure
) -> None:
    maximum, pairs = drawn
    found = decided(pairs, tolerance, maximum, limits=ANY_ORDER)
    if found.kind is OutcomeKind.INVALID_ORDER:
        marks = [OwnMark("1001", 5, "PRESENT")]
        assert explain(found, marks, [], level=level).marks[0].moderated_mark is None
        return
    recorded = marks_of(found, [None, *range(maximum + 1)])
    explanation = explain(found, recorded, works_of(pairs), level=level)
    assert [one.moderated_mark for one in explanation.marks] == [one.recorded for one in recorded]
    for one in explanation.marks:
        if one.steps is not None:
            assert one.steps.kept == recompute_mark(pairs, one.centre_mark or 0, maximum) == one.moderated_mark
            assert 0 <= one.steps.exact + Fraction(1, 2) - one.steps.rounded < 1
    if level is not D.OUTCOME and found.kind is OutcomeKind.ADJUSTED:
        assert sum(one.steps is not None for one in explanation.marks) == maximum


@given(st.integers(0, len(CENTRE_B) - 1), st.integers(0, 70), st.sampled_from(D))
def test_a_mark_that_the_arithmetic_does_not_give_is_not_explained(position: int, mark: int, level: Disclosure) -> None:
    marks = marks_of(B, CENTRE_B)
    if marks[position].recorded == mark:
        return
    marks[position] = replace(marks[position], recorded=mark)
    with pytest.raises(ExplanationDiffers):
        explain(B, marks, B_WORKS, level=level)


def test_before_anything_is_recorded_the_marks_are_those_it_would_give() -> None:
    marks = [replace(one, recorded=None) for one in marks_of(B, CENTRE_B)]
    with pytest.raises(ExplanationDiffers):
        explain(B, marks, B_WORKS, level=D.OUTCOME)
    shown = explain(B, marks, B_WORKS, level=D.OUTCOME, is_recorded=False).marks
    assert [one.moderated_mark for one in shown] == [B.numbers["mapping"][c] for c in CENTRE_B]


@pytest.mark.fault("att:H05")
def test_marks_kept_within_0_and_the_maximum() -> None:
    pairs = [(10, 2), (30, 29), (50, 56)]
    found = decided(pairs, 2, 60)
    marks = marks_of(found, [1, 5, 30, 52, 60])
    reasons = [one.reason for one in explain(found, marks, works_of(pairs), level=D.ARITHMETIC).marks]
    R = MarkReason  # noqa: N806
    assert reasons == [R.AT_ZERO, R.AT_ZERO, R.ADJUSTED, R.ADJUSTED, R.AT_MAXIMUM]
    assert {one.reason for one in explain(found, marks, works_of(pairs), level=D.OUTCOME).marks} == {R.ADJUSTED}


def test_a_mark_kept_in_order_says_so() -> None:
    mapping = [*B.numbers["mapping"]]
    mapping[49] = mapping[50] = mapping[48] + 2
    found = replace(B, numbers={**B.numbers, "mapping": mapping})
    marks = [OwnMark("1001", 50, "PRESENT", mapping[50])]
    assert explain(found, marks, [], level=D.ARITHMETIC).marks[0].reason is MarkReason.IN_ORDER
    lower = replace(B, numbers={**B.numbers, "mapping": [*mapping[:50], mapping[50] - 2, *mapping[51:]]})
    with pytest.raises(ExplanationDiffers):
        explain(lower, [OwnMark("1001", 50, "PRESENT", mapping[50] - 2)], [], level=D.ARITHMETIC)


def test_the_same_shift_for_all_marks() -> None:
    pairs = [(40, 33), (40, 34), (40, 36)]
    found = decided(pairs, 3, 60)
    one = explain(found, marks_of(found, [40, 60, 3]), works_of(pairs), level=D.ARITHMETIC)
    assert one.line is not None
    assert (one.line.method, one.line.slope, one.line.intercept) == (Method.SHIFT, 1, Fraction(-17, 3))
    assert [mark.moderated_mark for mark in one.marks] == [34, 54, 0]
    assert "average difference" in " ".join(one.what_happened)


def test_lost_work_with_a_mark_moves_and_special_consideration_does_not() -> None:
    mapped = B.numbers["mapping"][55]
    marks = [
        OwnMark("1001", 55, MarkStatus.LOST, mapped),
        OwnMark("1002", None, MarkStatus.SPECIAL_CONSIDERATION),
        OwnMark("1003", 0, MarkStatus.ZERO_UNAUTHENTICATED, 0),
    ]
    shown = explain(B, marks, [], level=D.ARITHMETIC).marks
    assert [one.reason for one in shown] == [MarkReason.ADJUSTED, MarkReason.NO_MARK, MarkReason.ZERO]


def test_accepted_at_the_first_stage_says_generous_or_severe() -> None:
    pairs = [(68, 65), (50, 47), (30, 28)]
    found = found_of(decide(Stage.SUB_SAMPLE, pairs, tolerance_marks=4, maximum=70, whole_sample_read=False))
    one = explain(found, marks_of(found, [68, 50, 30, 20]), works_of(pairs), level=D.OUTCOME)
    said = " ".join(one.what_happened)
    assert (one.kind, one.lean, one.may_be_reviewed) == (OutcomeKind.ACCEPTED, Lean.GENEROUS, False)
    assert "within the tolerance of 4 marks" in said
    assert "generous, within the tolerance" in said
    assert "not offered" in " ".join(one.what_you_can_do)
    assert {mark.reason for mark in one.marks} == {MarkReason.ACCEPTED}


@pytest.mark.parametrize(
    ("pairs", "tolerance", "lean"),
    [
        ([(10, 8), (20, 18)], 4, Lean.GENEROUS),
        ([(10, 12), (20, 22)], 4, Lean.SEVERE),
        ([(10, 9), (20, 18)], 4, None),
        ([(10, 12), (20, 18)], 4, None),
        ([(10, 10)], 0, None),
        ([], 4, None),
    ],
)
def test_a_lean_is_half_the_tolerance_on_average(
    pairs: list[tuple[int, int]], tolerance: int, lean: Lean | None
) -> None:
    assert lean_of(pairs, tolerance) is lean


def test_an_officer_who_accepts_outside_tolerance() -> None:
    numbers = {**B.numbers, "mapping": None, "method": None}
    found = replace(B, kind=OutcomeKind.ACCEPTED, numbers=numbers)
    one = explain(found, marks_of(found, CENTRE_B), B_WORKS, level=D.DIFFERENCES)
    assert "An officer of the awarding body decided" in " ".join(one.what_happened)
    assert {mark.change for mark in one.marks} == {0}
    assert one.line is None
    assert one.differences is not None
    assert one.differences.curve == ()


@pytest.mark.parametrize("level", D)
def test_an_invalid_order_gives_feedback_and_no_marks(level: Disclosure) -> None:
    pairs = list(zip(CENTRE_D, MODERATOR_D, strict=True))
    found = decided(pairs, 4, 60)
    one = explain(found, [OwnMark("1001", c, "PRESENT") for c in CENTRE_D], works_of(pairs), level=level)
    assert one.kind is OutcomeKind.INVALID_ORDER
    assert {mark.moderated_mark for mark in one.marks} == {None}
    assert {mark.reason for mark in one.marks} == {MarkReason.NOT_MADE}
    assert (one.line, one.lean, one.may_be_reviewed) == (None, None, False)
    assert "order" in " ".join(one.what_happened)
    assert "every candidate" in " ".join(one.what_it_means).lower()


def test_nobody_to_sample() -> None:
    found = found_of(decide(Stage.NO_SAMPLE, (), tolerance_marks=0, maximum=70, whole_sample_read=True))
    one = explain(
        found, [OwnMark("1001", None, "ABSENT"), OwnMark("1002", 0, "ZERO_NO_WORTH", 0)], [], level=D.DIFFERENCES
    )
    assert "No work was read" in one.what_happened[0]
    assert one.differences is not None
    assert one.differences.points == ()
    assert one.differences.order is None


def test_all_work_read_where_the_moderators_marks_stand() -> None:
    pairs = [(60, 52), (40, 44), (20, 12)]
    numbers = {**decided(pairs, 2, 70, limits=ANY_ORDER).numbers, "mapping": None, "method": None}
    found = Found(OutcomeKind.MODERATOR_MARKS, Stage.ALL_WORK, numbers, "moderation-policy/1")
    marks = [OwnMark(f"{1001 + i}", c, "PRESENT", m) for i, (c, m) in enumerate(pairs)]
    marks += [OwnMark("1004", 0, "ZERO_NO_WORTH", 0), OwnMark("1005", 33, "LOST", 33)]
    one = explain(found, marks, works_of(pairs), level=D.OUTCOME)
    R = MarkReason  # noqa: N806
    assert [mark.reason for mark in one.marks] == [R.MODERATOR_MARK] * 3 + [R.ZERO, R.UNCHANGED]
    assert [mark.change for mark in one.marks] == [-8, 4, -8, 0, 0]
    assert one.may_be_reviewed
    assert "2 go down, 1 goes up and 2 stay as they were" in " ".join(one.what_it_means)


def test_a_centre_of_a_consortium_is_told_of_the_group_and_shown_its_own() -> None:
    one = explain(B, marks_of(B, CENTRE_B[:5]), B_WORKS[:5], level=D.DIFFERENCES, is_group=True)
    assert one.differences is not None
    assert (len(one.differences.points), one.differences.others) == (5, 10)
    assert "one group" in " ".join(one.what_happened)
    assert "Only the lead centre" in " ".join(one.what_you_can_do)
    assert str(MODERATOR_B[-1]) not in str(asdict(one.differences)["points"])


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(1, 3), "0.3333"), (Fraction(-17, 3), "-5.6667"), (Fraction(5, 2), "2.5000"), (Fraction(0), "0.0000")],
)
def test_decimals_of_fractions(value: Fraction, text: str) -> None:
    assert decimal_text(value) == text


def test_what_a_review_found_says_so_and_offers_no_second_one() -> None:
    one = explained_b(D.OUTCOME, is_review=True)
    assert "A review looked at the moderation again" in one.what_happened[0]
    assert not one.may_be_reviewed
    assert "page of your request" in " ".join(one.what_you_can_do)


def test_that_works_differed_is_said_once() -> None:
    for first_differed in (True, False, None):
        said = " ".join(explained_b(D.OUTCOME, first_differed=first_differed).what_happened)
        assert said.count("more than the tolerance") == 1


def test_an_adjustment_that_moved_nothing_is_not_reviewed() -> None:
    one = explain(B, marks_of(B, [1, 5]), [], level=D.OUTCOME)
    assert (one.may_be_reviewed, {mark.change for mark in one.marks}) == (False, {0})
    assert "not offered" in " ".join(one.what_you_can_do)
    assert explain(B, marks_of(B, [1, 5]), [], level=D.OUTCOME, is_group=True).may_be_reviewed


def test_that_marks_were_returned_before_is_said() -> None:
    assert "returned to you" in explained_b(D.OUTCOME, was_returned=True).what_happened[0]
    assert "returned to you" not in " ".join(explained_b(D.OUTCOME).what_happened)


def test_a_centre_that_was_not_asked_for_a_sample() -> None:
    found = found_of(decide(Stage.NO_SAMPLE, (), tolerance_marks=4, maximum=70, whole_sample_read=True))
    one = explain(found, marks_of(found, [40, 30]), [], level=D.OUTCOME)
    assert "did not ask your centre for a sample" in one.what_happened[0]
    assert {mark.change for mark in one.marks} == {0}
