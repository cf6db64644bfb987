from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest

from moderation.errors import BoundariesInvalid
from moderation.marks import MarkStatus
from moderation.results import (
    Audience,
    ComponentMark,
    Embargo,
    Indicator,
    Reconciliation,
    aggregate,
    check_boundaries,
    embargo_from,
    exact_text,
    grade_of,
    keep_published,
    kind_of_mark,
    weighted,
)

BOUNDARIES = (("A", 150), ("B", 120), ("C", 90))


def component(mark: int | None, weighted_maximum: int, status: MarkStatus | None = MarkStatus.PRESENT) -> ComponentMark:
    return ComponentMark(f"X{weighted_maximum}", mark, status, 50, Fraction(weighted_maximum))


def test_linear_vector_three_papers_of_fifty() -> None:
    result = aggregate([component(50, 100), component(50, 50), component(50, 50)], BOUNDARIES)
    assert result.total == 200
    assert aggregate([component(30, 100), component(20, 50), component(10, 50)], BOUNDARIES).total == 90
    assert weighted(31, 70, Fraction(100)) == Fraction(310, 7)


def test_grades_at_and_below_the_boundary() -> None:
    assert grade_of(Fraction(150), BOUNDARIES) == "A"
    assert grade_of(Fraction(299, 2), BOUNDARIES) == "B"
    assert grade_of(Fraction(0), BOUNDARIES) == "U"


@pytest.mark.parametrize(
    ("components", "indicator", "grade"),
    [
        ([component(50, 100), component(None, 50, MarkStatus.ABSENT)], Indicator.PARTLY_ABSENT, "C"),
        ([component(None, 100, MarkStatus.ABSENT), component(None, 50, MarkStatus.ABSENT)], Indicator.ABSENT, None),
        ([component(50, 100), component(None, 50, MarkStatus.PENDING_Q)], Indicator.PENDING, None),
        ([component(50, 100), component(None, 50, None)], Indicator.NO_RESULT, None),
        ([component(50, 100), component(None, 50, MarkStatus.LOST)], Indicator.NO_RESULT, None),
        ([component(None, 100, None), component(None, 50, MarkStatus.PENDING_Q)], Indicator.PENDING, None),
        ([], Indicator.NO_RESULT, None),
        ([component(50, 100), component(0, 50, MarkStatus.ZERO_NO_WORTH)], None, "C"),
        ([component(50, 100), component(40, 50, MarkStatus.CARRIED_FORWARD)], None, "B"),
    ],
)
def test_indicators(components: list[ComponentMark], indicator: Indicator | None, grade: str | None) -> None:
    result = aggregate(components, BOUNDARIES)
    assert (result.indicator, result.grade) == (indicator, grade)


@pytest.mark.parametrize("rows", [[("A", 10), ("A", 5)], [("A", 10), ("B", 10)], [("U", 0)], [("A", 201)], [("A", -1)]])
def test_boundaries_that_contradict_themselves_are_refused(rows: list[tuple[str, int]]) -> None:
    with pytest.raises(BoundariesInvalid):
        check_boundaries(rows, Fraction(200))


def test_embargo_of_each_audience_to_the_second_in_london() -> None:
    embargo = embargo_from(date(2026, 8, 12))
    assert embargo.restricted_at == datetime(2026, 8, 11, 23, 1, tzinfo=UTC)
    assert embargo.candidates_at == datetime(2026, 8, 13, 7, 0, tzinfo=UTC)
    for audience in (Audience.CENTRE, Audience.CANDIDATE, Audience.PUBLIC):
        opens_at = embargo.opens_at(audience)
        assert opens_at is not None
        assert not embargo.is_open(audience, opens_at - timedelta(seconds=1))
        assert embargo.is_open(audience, opens_at)
    assert embargo.is_open(Audience.AWARDING_BODY, datetime(2000, 1, 1, tzinfo=UTC))


def test_an_embargo_in_the_wrong_order_is_refused() -> None:
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    with pytest.raises(ValueError, match="centre first"):
        Embargo(late, early, late)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(90), "90"),
        (Fraction(1, 8), "0.125"),
        (Fraction(310, 7), "310/7"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(0), "0"),
    ],
)
def test_numbers_are_written_without_loss(value: Fraction, text: str) -> None:
    assert exact_text(value) == text
    assert Fraction(text) == value


def test_reconciliation_accounts_for_every_entry() -> None:
    rows = [
        ("PRESENT", 30),
        ("LOST", 20),
        ("ABSENT", None),
        ("ZERO_NO_WORTH", 0),
        ("CARRIED_FORWARD", 9),
        ("PENDING_Q", None),
        ("LOST", None),
    ]
    kinds = [kind_of_mark(status, mark, adjusted=True) for status, mark in rows]
    assert kinds == ["adjusted", "adjusted", "absent", "zero", "carried_forward", "held", "held"]
    assert kind_of_mark("PRESENT", 1, adjusted=False) == "accepted"
    report = Reconciliation("H446/03", "99901", 8, **Counter(kinds))
    assert (report.moderated, report.difference) == (2, 1)


def test_a_published_grade_stays_only_where_the_new_one_is_lower() -> None:
    boundaries = (("A", 150), ("B", 120))
    assert keep_published("B", "A", boundaries)
    assert keep_published("U", "B", boundaries)
    assert not keep_published("A", "B", boundaries)
    assert not keep_published("B", "B", boundaries)
    assert not keep_published(None, "A", boundaries)
    assert not keep_published("B", None, boundaries)
