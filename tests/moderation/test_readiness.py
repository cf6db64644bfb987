"""Gaps put together, how pressing a component is, and the time left in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moderation.readiness import Gap, GapLine, Pressing, grouped, left_words, pressing, working_days_left
from moderation.working_days import Nation

FRIDAY = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
TUESDAY_NIGHT = datetime(2026, 5, 19, 22, 59, 59, tzinfo=UTC)


def test_gaps_of_one_kind_and_words_stand_in_one_line_by_number() -> None:
    found = grouped([(Gap.DECLARATION, "To declare", "1002"), (Gap.WORK, "Log", "1003"), (Gap.WORK, "Log", "1001")])
    assert found == (
        GapLine(Gap.WORK, "Log", ("1001", "1003")),
        GapLine(Gap.DECLARATION, "To declare", ("1002",)),
    )
    assert [one.count for one in found] == [2, 1]


@pytest.mark.parametrize(
    ("gaps", "is_late", "days", "found"),
    [
        ([Gap.WORK], True, 0, Pressing.LATE),
        ([Gap.WORK], False, 1, Pressing.SOON),
        ([Gap.WORK], False, 2, Pressing.OPEN),
        ([Gap.WORK], False, None, Pressing.OPEN),
        ([Gap.CHECKING], True, 0, Pressing.WAITING),
        ([Gap.CHECKING, Gap.WORK], True, 0, Pressing.LATE),
    ],
)
def test_what_is_late_comes_first_and_what_only_waits_last(
    gaps: list[Gap], is_late: bool, days: int | None, found: Pressing
) -> None:
    assert pressing([GapLine(gap, "") for gap in gaps], is_late=is_late, working_days=days) is found


def test_time_left_counts_working_days_after_today() -> None:
    assert working_days_left(TUESDAY_NIGHT, FRIDAY, Nation.ENGLAND) == 2
    assert left_words(TUESDAY_NIGHT, FRIDAY, Nation.ENGLAND, 0) == "2 working days left"
    assert left_words(TUESDAY_NIGHT, TUESDAY_NIGHT, Nation.ENGLAND, 0) == "Due today"
    assert left_words(FRIDAY, TUESDAY_NIGHT, Nation.ENGLAND, 2) == "Late by 2 working days"
    assert left_words(FRIDAY, FRIDAY.replace(hour=11), Nation.ENGLAND, 0) == "Late"
    assert left_words(None, FRIDAY, Nation.ENGLAND, 0) == "No day is set"
    whitsun = datetime(2026, 5, 25, 10, 0, tzinfo=UTC)  # a bank holiday, on a Monday
    assert (
        left_words(whitsun, datetime(2026, 5, 22, 20, 0, tzinfo=UTC), Nation.ENGLAND, 0)
        == "Due before the next working day"
    )
