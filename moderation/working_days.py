"""Clocks of moderation: working days of a nation of the United Kingdom, counted in Europe/London."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
SAMPLE_WORKING_DAYS = 3
_END_OF_DAY = time(23, 59, 59)


class Nation(StrEnum):
    """A nation of the United Kingdom; England and Wales share their bank holidays."""

    ENGLAND = "ENGLAND"
    WALES = "WALES"
    SCOTLAND = "SCOTLAND"
    NORTHERN_IRELAND = "NORTHERN_IRELAND"


_SUBDIVISION = {Nation.ENGLAND: "ENG", Nation.WALES: "WLS", Nation.SCOTLAND: "SCT", Nation.NORTHERN_IRELAND: "NIR"}


@cache
def bank_holidays(nation: Nation, year: int) -> frozenset[date]:
    """Return the bank holidays of a nation in a year."""
    import holidays  # every country's, so only when a day is to be counted

    return frozenset(holidays.country_holidays("GB", subdiv=_SUBDIVISION[nation], years=year).keys())


def is_working_day(on: date, nation: Nation) -> bool:
    """Say whether the day is Monday to Friday and no bank holiday; half-terms count as working days."""
    return on.weekday() < 5 and on not in bank_holidays(nation, on.year)


def add_working_days(on: date, days: int, nation: Nation) -> date:
    """Return the day that is so many working days after ``on``, which is day 0."""
    while days > 0:
        on += timedelta(days=1)
        if is_working_day(on, nation):
            days -= 1
    return on


def due_at(requested_at: datetime, nation: str, working_days: int = SAMPLE_WORKING_DAYS) -> datetime:
    """Return the instant by which a requested sample must be in: 23:59:59 in London on the last working day.

    Takes: ``requested_at``, an aware instant; ``nation`` of the centre.
    Returns: an aware instant in UTC.
    Source: OCR, three working days,
    https://www.ocr.org.uk/administration/general-qualifications/assessment/non-exam-assessment/;
    counting is project policy.
    """
    day_0 = requested_at.astimezone(LONDON).date()
    return end_of_day(add_working_days(day_0, working_days, Nation(nation)))


def due_after_calendar_days(requested_at: datetime, days: int) -> datetime:
    """Return 23:59:59 in London so many calendar days later, as an aware instant in UTC."""
    return end_of_day(requested_at.astimezone(LONDON).date() + timedelta(days=days))


def end_of_day(on: date) -> datetime:
    """Return 23:59:59 in London on that day, as an aware instant in UTC."""
    return datetime.combine(on, _END_OF_DAY, LONDON).astimezone(UTC)


def london_at(on: date, at: time) -> datetime:
    """Return a London wall-clock time as an aware instant in UTC."""
    return datetime.combine(on, at, LONDON).astimezone(UTC)
