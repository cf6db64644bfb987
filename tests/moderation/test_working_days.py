from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.working_days import Nation, add_working_days, due_after_calendar_days, due_at, is_working_day


@pytest.mark.parametrize(
    ("requested_on", "due_on"),
    [
        (date(2026, 5, 15), date(2026, 5, 20)),
        (date(2026, 5, 21), date(2026, 5, 27)),
        (date(2026, 5, 1), date(2026, 5, 7)),
    ],
)
def test_vectors_of_england(requested_on: date, due_on: date) -> None:
    assert add_working_days(requested_on, 3, Nation.ENGLAND) == due_on


def test_due_at_the_end_of_the_day_in_london() -> None:
    requested_at = datetime(2026, 5, 15, 9, 0, tzinfo=UTC)
    assert due_at(requested_at, "ENGLAND") == datetime(2026, 5, 20, 22, 59, 59, tzinfo=UTC)
    # 23:30 UTC is already the next day in London.
    late = datetime(2026, 5, 14, 23, 30, tzinfo=UTC)
    assert due_at(late, "ENGLAND") == datetime(2026, 5, 20, 22, 59, 59, tzinfo=UTC)
    assert due_at(datetime(2026, 1, 12, 9, tzinfo=UTC), "ENGLAND") == datetime(2026, 1, 15, 23, 59, 59, tzinfo=UTC)


def test_each_nation_has_its_own_holidays() -> None:
    assert not is_working_day(date(2026, 1, 2), Nation.SCOTLAND)
    assert is_working_day(date(2026, 1, 2), Nation.ENGLAND)
    assert not is_working_day(date(2026, 3, 17), Nation.NORTHERN_IRELAND)
    assert is_working_day(date(2026, 3, 17), Nation.WALES)
    assert is_working_day(date(2026, 4, 6), Nation.SCOTLAND)
    assert not is_working_day(date(2026, 4, 6), Nation.WALES)


def test_calendar_days_cross_the_change_of_clocks() -> None:
    assert due_after_calendar_days(datetime(2026, 3, 27, 12, tzinfo=UTC), 3) == datetime(
        2026, 3, 30, 22, 59, 59, tzinfo=UTC
    )


@given(st.dates(date(2020, 1, 1), date(2030, 12, 1)), st.integers(1, 15), st.sampled_from(Nation))
def test_the_last_day_is_a_working_day_and_counts_right(on: date, days: int, nation: Nation) -> None:
    last = add_working_days(on, days, nation)
    between = [on + timedelta(days=i) for i in range(1, (last - on).days + 1)]
    assert is_working_day(last, nation)
    assert sum(is_working_day(day, nation) for day in between) == days
