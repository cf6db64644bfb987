"""What care remembers between its runs: whether the collector may delete, and whether database and store match in age.

Database and store count the runs of the collector together. After one of them was restored from a backup the two counts
differ, and the collector stays off until a reconciliation passes: a partial restore must not look like orphans.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository.errors import CollectorStopped
from repository.tables import CareMark
from storage.backend import Backend
from storage.errors import ObjectNotFound

COLLECTOR = "collector"
RUNS = "runs"
RUNS_BLOB = "c/runs"
CLOCK_BLOB = "c/clock"
DIFFERENT_AGE = "Database and store have not counted the same runs, so one of them was restored from a backup."


@dataclass(frozen=True, slots=True)
class CollectorOff:
    """Why the collector may not delete, and since when."""

    reason: str
    since_at: datetime


def collector_off(session: Session) -> CollectorOff | None:
    """Return why the collector is off, or None if it is on."""
    row = session.get(CareMark, COLLECTOR)
    if row is None or not row.facts.get("off"):
        return None
    return CollectorOff(str(row.facts["off"]), row.changed_at)


def switch_collector(session: Session, reason: str | None, now: datetime) -> None:
    """Switch the collector off for a reason, or on with None."""
    row = session.get(CareMark, COLLECTOR)
    if row is None:
        row = CareMark(name=COLLECTOR, facts={}, changed_at=now)
        session.add(row)
    row.facts = {"off": reason} if reason else {}
    row.changed_at = now


def runs_known(session: Session) -> int:
    """Return how many runs the database remembers."""
    row = session.get(CareMark, RUNS)
    return int(row.facts["number"]) if row is not None else 0


def runs_stored(backend: Backend) -> int:
    """Return how many runs the store remembers."""
    try:
        text = backend.get(RUNS_BLOB).decode("ascii", "replace")
    except ObjectNotFound:
        return 0
    return int(text) if text.isascii() and text.isdigit() else -1


def same_age(known: int, stored: int) -> bool:
    """Return whether database and store can be of one age.

    A run counts in the database first, so a run that was killed between leaves the store one behind; a database that is
    behind, or a store that is further behind, came from a backup.
    """
    return known - stored in {0, 1}


def count_run(session: Session, before: int, after: int, now: datetime) -> None:
    """Count a run in the database; raises ``CollectorStopped`` if another run began meanwhile."""
    row = session.get(CareMark, RUNS, with_for_update=True, populate_existing=True)
    if row is None:
        row = CareMark(name=RUNS, facts={"number": 0}, changed_at=now)
        session.add(row)
    if int(row.facts["number"]) != before:
        raise CollectorStopped("Another run of the collector began in this moment. Nothing was deleted.")
    row.facts = {"number": after}
    row.changed_at = now


def store_run(backend: Backend, number: int) -> None:
    """Count a run in the store."""
    backend.put(RUNS_BLOB, str(number).encode("ascii"))


def store_clock(backend: Backend) -> datetime:
    """Return the present instant by the store's own clock, which alone dates its names."""
    backend.put(CLOCK_BLOB, b"now")
    return backend.head(CLOCK_BLOB).last_modified_at
