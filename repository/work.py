"""Background work: claim, do, acknowledge. At least once, so everything done here must be repeatable.

Rows are claimed in the database, so workers on other machines need nothing but the database and the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from repository.database import Database
from repository.tables import Work, insert_row

logger = logging.getLogger(__name__)

CLAIM_SECONDS = 300
IDLE_SECONDS = 2.0
CHORES_SECONDS = 60.0
ATTEMPTS_LIMIT = 8
FIRST_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed piece of work. ``last_attempt`` says that no further try follows."""

    id: str
    kind: str
    subject_id: str
    last_attempt: bool


class Bell:
    """Wakes this process's worker when new work was committed; a mere courtesy, as the worker also looks by itself."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Say that there may be work."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait for the bell, at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        self._event.clear()


def add(session: Session, kind: str, subject_id: str, now: datetime) -> None:
    """Put a piece of work into the outbox, in the caller's transaction. ``kind`` and ``subject_id`` are unique."""
    insert_row(session, Work, kind=kind, subject_id=subject_id, available_at=now)


def claim(session: Session, now: datetime) -> Job | None:
    """Claim the oldest due piece of work for ``CLAIM_SECONDS``, or return None if nothing is due."""
    due = (
        select(Work)
        .where(
            Work.finished_at.is_(None),
            Work.available_at <= now,
            or_(Work.claimed_until.is_(None), Work.claimed_until <= now),
        )
        .order_by(Work.available_at, Work.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalars(due).first()
    if row is None:
        return None
    row.claimed_until = now + timedelta(seconds=CLAIM_SECONDS)
    row.attempts += 1
    return Job(row.id, row.kind, row.subject_id, last_attempt=row.attempts >= ATTEMPTS_LIMIT)


def finish(session: Session, job: Job, now: datetime) -> None:
    """Acknowledge a piece of work: it will not be done again."""
    session.execute(update(Work).where(Work.id == job.id).values(finished_at=now, last_error=None))


def postpone(session: Session, job: Job, now: datetime, error: str) -> None:
    """Give a piece of work back after a failure, to be tried later; after the last attempt it stays for a person."""
    row = session.get_one(Work, job.id, with_for_update=True)
    if row.finished_at is not None:
        return  # this worker's claim had run out, and another was faster
    row.claimed_until = None
    row.last_error = error
    row.available_at = now + timedelta(seconds=FIRST_RETRY_SECONDS * 2 ** (row.attempts - 1))
    if job.last_attempt:
        row.available_at = now + timedelta(days=1)


class Worker:
    """Does work until it is stopped.

    Takes: ``handlers``, kind → what to do with the job; each must be repeatable; ``chores``, what is done at the start
    and every ``CHORES_SECONDS``, whether or not anybody asked.
    """

    def __init__(
        self,
        database: Database,
        bell: Bell,
        clock: Callable[[], datetime],
        handlers: Mapping[str, Callable[[Job], Awaitable[None]]],
        chores: Sequence[Callable[[], Awaitable[object]]] = (),
    ) -> None:
        self._database = database
        self._bell = bell
        self._clock = clock
        self._handlers = handlers
        self._chores = chores

    async def run(self) -> None:
        """Work for ever; ends when cancelled."""
        chores_at = time.monotonic()
        while True:
            if time.monotonic() >= chores_at:
                chores_at = time.monotonic() + CHORES_SECONDS
                await self._do_chores()
            try:
                busy = await self.step()
            except Exception:
                logger.exception("worker: the database did not answer")
                busy = False
            if not busy:
                await self._bell.wait(IDLE_SECONDS)

    async def _do_chores(self) -> None:
        for chore in self._chores:
            try:
                await chore()
            except Exception:
                logger.exception("worker: a chore failed")

    async def step(self) -> bool:
        """Do one piece of work; return False if nothing was due."""
        job = await self._database.write(lambda session: claim(session, self._clock()))
        if job is None:
            return False
        try:
            await self._handlers[job.kind](job)
        except Exception as error:
            logger.exception("worker: %s failed", job.kind)
            reason = type(error).__name__
            await self._database.write(lambda session: postpone(session, job, self._clock(), reason))
        else:
            await self._database.write(lambda session: finish(session, job, self._clock()))
        return True
