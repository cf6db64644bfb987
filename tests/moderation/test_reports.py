from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import MarksInReport
from moderation.reports import WHOLE_WORK, Gap, Line, Section, Verdict, check_no_marks, gaps

WHERE = {"where": "The section on accuracy", "field": "accuracy"}
FULL = dict.fromkeys(Section, "Words.")


@given(
    st.integers(0, 999),
    st.sampled_from(["{} marks", "{}/70", "{} out of 70", "mark: {}", "marks of {}", "{} %", "{} per cent"]),
)
def test_a_stated_mark_is_named(mark: int, pattern: str) -> None:
    with pytest.raises(MarksInReport, match=f"“.*{mark}"):
        check_no_marks(f"This is {pattern.format(mark)} at best.", **WHERE)


@pytest.mark.parametrize("text", ["seven marks", "Twenty-one marks too many", "one mark more"])
def test_a_mark_in_words_is_a_mark(text: str) -> None:
    with pytest.raises(MarksInReport):
        check_no_marks(text, **WHERE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The marking was generous at the top of the range.",
        "See page 12 and section 3.4 of the mark scheme.",
        "Remarks on criterion 2 follow.",
        "All 15 works were annotated.",
        "Marking was consistent across both teaching groups.",
        "Task 2 suited every candidate.",
    ],
)
def test_what_is_no_mark_may_be_said(text: str) -> None:
    check_no_marks(text, **WHERE)


@given(st.integers(0, 200), st.integers(0, 200))
def test_in_a_comment_the_moderators_own_number_is_a_mark(mark: int, other: int) -> None:
    with pytest.raises(MarksInReport):
        check_no_marks(f"I would say {mark}, at most.", {mark}, **WHERE)
    if other != mark:
        check_no_marks(f"See page {other}.", {mark}, **WHERE)


def test_gaps_are_sections_and_verdicts() -> None:
    lines = [Line("a", "AO1", Verdict.AGREED), Line("b", "AO1", Verdict.SEVERE)]
    assert gaps(FULL, lines, ["a", "b"], ["AO1"]) == ()
    assert gaps({**FULL, Section.GENERAL: " "}, lines, ["a"], ["AO1", "AO2"]) == (
        Gap(Section.GENERAL),
        Gap(item_id="a", criterion_code="AO2"),
    )
    assert gaps(FULL, [], ["a"], []) == (Gap(item_id="a", criterion_code=WHOLE_WORK),)
    assert len(gaps({}, [], [], [])) == len(Section)
