"""The calendars of the missing-script alarm: working days of each centre's nation, and the day of results of each series."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import is_practice
from moderation.tables import Centre, ResultVersion, SeriesRow
from moderation.working_days import LONDON, Nation, is_working_day
from repository.tables import ReleaseProposal
from scripts.cases import WorkingDaysAfter
from scripts.records.alarms import CentreCalendar


def centre_calendar(session: Session) -> CentreCalendar:
    """Return the calendar of each centre: that of its nation, of England where the centre is not known.

    Every centre is read at once, the first time one is asked for.
    """
    nations: dict[str, Nation] = {}

    def calendar(centre_number: str) -> WorkingDaysAfter:
        if not nations:
            nations[""] = Nation.ENGLAND
            nations.update(
                (number, Nation(nation))
                for number, nation in session.execute(select(Centre.centre_number, Centre.nation))
            )
        nation = nations.get(centre_number, Nation.ENGLAND)
        return lambda on, days: working_day(on, days, nation)

    return calendar


@lru_cache(maxsize=4096)
def working_day(on: date, days: int, nation: Nation) -> date:
    """Return the working day so many after another; before it, when ``days`` is negative."""
    step = timedelta(days=1 if days >= 0 else -1)
    left = abs(days)
    while left:
        on += step
        left -= is_working_day(on, nation)
    return on


def results_days(session: Session) -> dict[str, date]:
    """Return the day on which candidates get their results, of every series for which it is known.

    It is what was announced for the series; else what was proposed or released last.
    """
    found: dict[str, date] = {}
    released = select(ResultVersion.series_key, ResultVersion.candidates_at).order_by(ResultVersion.number)
    proposed = select(ReleaseProposal.series_key, ReleaseProposal.candidates_at).order_by(ReleaseProposal.proposed_at)
    for query in (released, proposed):
        found.update((key, at.astimezone(LONDON).date()) for key, at in session.execute(query))
    announced = select(SeriesRow.key, SeriesRow.results_on).where(SeriesRow.results_on.is_not(None))
    found.update((key, on) for key, on in session.execute(announced) if on is not None)
    return {key: on for key, on in found.items() if not is_practice(key)}
