"""What the audit log costs a transaction, and how fast the sequencer is.

The same small act (a row read, a row written, a row changed, one commit) is done with and without its event, lot by lot in
turn in one run, on each kind of database; what is compared is the median lot. The sequencer then takes what waits.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from repository import audit, migrating, work
from repository.audit import Context
from repository.audit.keeping import Log
from repository.audit.notes import LogSigner
from repository.audit.places import FolderPlace
from repository.database import Database
from repository.tables import Person, Work, new_id

from ...servers.postgres import running_postgres
from ..figures import Figure

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
COST_LIMIT = 1.25
SEQUENCED_PER_SECOND = 500
"""The design's own batch: five hundred events each second."""


def measure(quick: bool) -> list[Figure]:
    """Measure both databases."""
    figures: list[Figure] = []
    for name, url in databases():
        with url as address:
            figures += asyncio.run(_measure(name, address, quick))
    return figures


@contextmanager
def _embedded() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        yield f"sqlite:///{folder}/nea.sqlite3"


def databases() -> tuple[tuple[str, AbstractContextManager[str]], ...]:
    """Return the kinds of database, each with a context that gives an empty one."""
    return (("SQLite", _embedded()), ("PostgreSQL", running_postgres()))


async def _measure(name: str, url: str, quick: bool) -> list[Figure]:
    database = Database(url)
    await migrating.migrate(database)
    person = new_id()

    def begin(session: Session) -> None:
        session.add(Person(id=person, display_name="Somebody", created_at=NOW))

    await database.write(begin)
    lots, of = (6, 40) if quick else (16, 60)
    spans: dict[bool, list[float]] = {False: [], True: []}
    for lot in range(2 * lots):
        recorded = lot % 2 == 1
        started = time.perf_counter()
        for _ in range(of):
            await database.write(lambda session, recorded=recorded: _act(session, person, recorded))
        spans[recorded].append((time.perf_counter() - started) / of)
    without, with_event = (statistics.median(spans[recorded]) for recorded in (False, True))
    rate = await _sequenced(database, 2_000 if quick else 10_000)
    await database.close()
    return [
        Figure(f"{name}: a transaction without its event", without * 1000, "ms"),
        Figure(f"{name}: a transaction with its event", with_event * 1000, "ms"),
        Figure(f"{name}: cost of the event", with_event / without, "times", COST_LIMIT, at_most=True),
        Figure(f"{name}: events sequenced", rate, "a second", SEQUENCED_PER_SECOND),
    ]


def _act(session: Session, person: str, recorded: bool) -> None:
    session.scalar(select(Person.display_name).where(Person.id == person))
    subject = new_id()
    work.add(session, "bench", subject, NOW)
    session.execute(update(Work).where(Work.subject_id == subject).values(finished_at=NOW))
    if recorded:
        audit.record(session, Context(None, NOW, "bench", origin="bench"), "bench.act", "work", subject, attempts=1)


async def _sequenced(database: Database, count: int) -> float:
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        log = Log(
            database,
            LogSigner(Ed25519PrivateKey.generate()),
            (FolderPlace(Path(folder)),),
            "nea.example/audit",
            lambda: NOW,
        )
        await log.sequence()

        def happen(session: Session) -> None:
            for at in range(count):
                context = Context(None, NOW, f"request-{at}", origin="bench")
                audit.record(session, context, "document.view", "document", new_id(), case=new_id())

        await database.write(happen)
        started = time.perf_counter()
        done = await log.sequence()
        span = time.perf_counter() - started
        await log.checkpoint()
    if done != count:
        raise RuntimeError(f"{done} of {count} events were sequenced")
    return count / span
