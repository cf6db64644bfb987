"""Marks by criterion: when the total is their sum, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from moderation.criteria import CriterionRule, adds_up, total_of
from moderation.errors import CriteriaRefused

WHOLE = (CriterionRule("AO1", "Research", 20), CriterionRule("AO2", "Making", 30), CriterionRule("AO3", "Judging", 20))
PART = WHOLE[:2]


def refused(criteria, given, total=None, maximum=70):
    with pytest.raises(CriteriaRefused) as caught:
        total_of(criteria, given, total, maximum)
    faults: Any = caught.value.facts["faults"]
    return [(field, code) for field, code, _ in faults]


def test_the_total_is_the_sum_where_the_maxima_make_the_maximum() -> None:
    assert adds_up(WHOLE, 70)
    assert total_of(WHOLE, {"AO1": 20, "AO2": 0, "AO3": 7}, None, 70) == 27
    assert total_of(WHOLE, {"AO1": 20, "AO2": 0, "AO3": 7}, 27, 70) == 27


def test_a_total_that_is_not_the_sum_is_refused_and_both_are_named() -> None:
    with pytest.raises(CriteriaRefused, match="add up to 27, and the total says 28"):
        total_of(WHOLE, {"AO1": 20, "AO2": 0, "AO3": 7}, 28, 70)


def test_where_the_maxima_do_not_make_the_maximum_the_total_is_given_beside_them() -> None:
    assert not adds_up(PART, 70)
    assert total_of(PART, {"AO1": 20, "AO2": 30}, 61, 70) == 61
    assert refused(PART, {"AO1": 20, "AO2": 30}) == [("mark", "total-missing")]


def test_without_marks_by_criterion_the_total_stands_alone() -> None:
    assert total_of((), {}, 12, 70) == 12
    assert total_of(WHOLE, {"AO1": None, "AO2": None, "AO3": None}, 12, 70) == 12
    assert refused(WHOLE, {}) == [("mark", "total-missing")]
    assert not adds_up((), 0)


def test_every_fault_is_named_with_its_criterion() -> None:
    given = {"AO1": 21, "AO2": None, "AO3": -1, "AO9": 3}
    assert refused(WHOLE, given) == [
        ("AO9", "unknown-criterion"),
        ("AO1", "criterion-out-of-range"),
        ("AO2", "criterion-missing"),
        ("AO3", "criterion-out-of-range"),
    ]
