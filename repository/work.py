"""Background work: claim, do, acknowledge. At least once, so everything done here must be repeatable.

Rows are claimed in the database, so workers on other machines need nothing but the database and the store. A claim is
renewed while its job lives, and whatever a job commits it commits under ``fence``: a worker that slept through its claim
commits nothing. Decision 0024 says why this is no library.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session

from repository.database import Database
from repository.tables import Work, new_id

logger = logging.getLogger(__name__)

CLAIM_SECONDS = 60.0
RENEWALS = 4
"""How often a claim is renewed while it would last."""
IDLE_SECONDS = 1.0
CHORES_SECONDS = 60.0
ATTEMPTS_LIMIT = 8
FIRST_RETRY_SECONDS = 2
LONGEST_RETRY_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed piece of work.

    ``claim`` is the number of the claim, which only one worker ever has; ``last_attempt`` says that no further try
    follows; ``exhausted`` that there were enough already, each ended by the death of its worker.
    """

    id: str
    kind: str
    subject_id: str
    claim: int
    last_attempt: bool
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How work stands: how much waits to be done, and since when the oldest."""

    waiting: int
    oldest_at: datetime | None


class Later(Exception):
    """A handler cannot begin now, through no fault of its job: it is asked again in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(seconds)


class ClaimLost(Exception):
    """Another worker has the job by now: nothing that this one did since counts."""


Handler = Callable[[Job], Awaitable[None]]
GiveUp = Callable[[Session, Job, datetime], None]


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


_OPEN = Work.finished_at.is_(None)
_LAST_OF_LANE = select(func.max(Work.turn)).where(_OPEN, Work.lane == bindparam("lane")).scalar_subquery()
_FIRST_OF_ALL = select(func.min(Work.turn)).where(_OPEN).scalar_subquery()
_TURN = func.coalesce(_LAST_OF_LANE + 1, _FIRST_OF_ALL, 0)
_ADD = insert(Work).values(
    id=bindparam("id"),
    kind=bindparam("kind"),
    subject_id=bindparam("subject_id"),
    lane=bindparam("lane"),
    turn=_TURN,
    attempts=0,
    claims=0,
    available_at=bindparam("available_at"),
)


def add(session: Session, kind: str, subject_id: str, now: datetime, *, lane: str = "") -> None:
    """Put a piece of work into the outbox, in the caller's transaction. ``kind`` and ``subject_id`` are unique.

    Takes: ``lane``, whose work it is: each lane's next piece comes before another lane's second.
    """
    values = {"id": new_id(), "kind": kind, "subject_id": subject_id, "lane": lane, "available_at": now}
    session.execute(_ADD, values)


def again(session: Session, kind: str, subject_id: str, now: datetime, *, lane: str = "") -> None:
    """Have a piece of work done once more, from its first attempt; whoever has it still loses the claim."""
    row = session.scalars(
        select(Work).where(Work.kind == kind, Work.subject_id == subject_id).with_for_update()
    ).one_or_none()
    if row is None:
        add(session, kind, subject_id, now, lane=lane)
        return
    row.turn = session.scalar(select(_TURN), {"lane": row.lane}) or 0
    row.claims += 1
    row.attempts = 0
    row.available_at = now
    row.claimed_until = row.finished_at = row.set_aside_at = row.last_error = None


def claim(session: Session, now: datetime, seconds: float = CLAIM_SECONDS) -> Job | None:
    """Claim the due piece of work whose turn it is, for so long, or return None if nothing is due."""
    due = (
        select(Work)
        .where(
            _OPEN,
            Work.set_aside_at.is_(None),
            Work.available_at <= now,
            or_(Work.claimed_until.is_(None), Work.claimed_until <= now),
        )
        .order_by(Work.turn, Work.available_at, Work.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = session.scalars(due).first()
    if row is None:
        return None
    row.claimed_until = now + timedelta(seconds=seconds)
    row.claims += 1
    row.attempts += 1
    return Job(
        row.id,
        row.kind,
        row.subject_id,
        row.claims,
        last_attempt=row.attempts >= ATTEMPTS_LIMIT,
        exhausted=row.attempts > ATTEMPTS_LIMIT,
    )


def renew(session: Session, job: Job, now: datetime, seconds: float = CLAIM_SECONDS) -> bool:
    """Let a claim last longer; returns False if another worker has the job."""
    held = select(Work.id).where(_is_held(job)).with_for_update()
    if session.scalar(held) is None:
        return False
    session.execute(update(Work).where(Work.id == job.id).values(claimed_until=now + timedelta(seconds=seconds)))
    return True


def fence(session: Session, job: Job) -> None:
    """Hold a claim until the end of the transaction, so that what it commits is committed by whoever has the job.

    Raises: ``ClaimLost``.
    """
    if session.scalar(select(Work.id).where(_is_held(job)).with_for_update()) is None:
        raise ClaimLost


def finish(session: Session, job: Job, now: datetime) -> None:
    """Acknowledge a piece of work: it will not be done again."""
    session.execute(update(Work).where(_is_held(job)).values(finished_at=now, claimed_until=None, last_error=None))


def postpone(session: Session, job: Job, now: datetime, error: str, *, counts: bool = True) -> None:
    """Give a piece of work back after a failure, to be tried later.

    Takes: ``counts``, whether this was one of its attempts; an outage of the store, say, is no fault of the job.
    """
    row = _held_row(session, job)
    if row is None:
        return  # this worker's claim had run out, and another was faster
    row.claimed_until = None
    row.last_error = error
    pause = min(FIRST_RETRY_SECONDS * 2 ** (row.attempts - 1), LONGEST_RETRY_SECONDS)
    row.available_at = now + timedelta(seconds=pause)
    if not counts:
        row.attempts = min(row.attempts, ATTEMPTS_LIMIT - 1)


def set_aside(session: Session, job: Job, now: datetime, error: str | None = None) -> bool:
    """Leave a piece of work to a person after its last attempt; returns False if another worker has it."""
    row = _held_row(session, job)
    if row is None:
        return False
    row.claimed_until = None
    row.set_aside_at = now
    row.last_error = error or row.last_error or "WorkerDied"
    return True


def give_back(session: Session, job: Job, until: datetime | None = None) -> None:
    """Give back a piece of work that was not finished because its worker was told to stop; that was no attempt.

    Takes: ``until``, before which nobody needs to take it up.
    """
    row = _held_row(session, job)
    if row is not None:
        row.claimed_until = None
        row.attempts -= 1
        row.available_at = until or row.available_at


def standing(session: Session, now: datetime) -> Standing:
    """Return how work stands."""
    due = and_(_OPEN, Work.set_aside_at.is_(None), Work.available_at <= now)
    waiting, oldest = session.execute(select(func.count(), func.min(Work.available_at)).where(due)).one()
    return Standing(waiting, oldest)


def _is_held(job: Job) -> ColumnElement[bool]:
    return and_(Work.id == job.id, Work.claims == job.claim, _OPEN, Work.set_aside_at.is_(None))


def _held_row(session: Session, job: Job) -> Work | None:
    return session.scalars(select(Work).where(_is_held(job)).with_for_update()).one_or_none()


class Worker:
    """Does work until it is stopped.

    Takes: ``handlers``, kind → what to do with the job; each must be repeatable; ``chores``, what is done at the start
    and every ``CHORES_SECONDS``, whether or not anybody asked; ``give_up``, kind → what is written down, in the same
    transaction, when a job is set aside; ``outages``, what is no fault of a job, which is tried until it is over;
    ``at_once``, how many jobs are done at a time.
    """

    def __init__(
        self,
        database: Database,
        bell: Bell,
        clock: Callable[[], datetime],
        handlers: Mapping[str, Handler],
        chores: Sequence[Callable[[], Awaitable[object]]] = (),
        *,
        give_up: Mapping[str, GiveUp] | None = None,
        outages: tuple[type[Exception], ...] = (),
        at_once: int = 1,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._database = database
        self._bell = bell
        self._clock = clock
        self._handlers = handlers
        self._chores = chores
        self._give_up = give_up or {}
        self._outages = outages
        self._at_once = at_once
        self._claim_seconds = claim_seconds

    async def run(self) -> None:
        """Work for ever; ends when cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_chores())
            for _ in range(self._at_once):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                busy = await self.step()
            except Exception:
                logger.exception("worker: the database did not answer")
                busy = False
            if not busy:
                await self._bell.wait(IDLE_SECONDS)

    async def _keep_chores(self) -> None:
        while True:
            for chore in self._chores:
                try:
                    await chore()
                except Exception:
                    logger.exception("worker: a chore failed")
            await asyncio.sleep(CHORES_SECONDS)

    async def step(self) -> bool:
        """Do one piece of work; return False if nothing was due."""
        job = await self._database.write(lambda session: claim(session, self._clock(), self._claim_seconds))
        if job is None:
            return False
        if job.exhausted:
            await self._database.write(lambda session: self._set_aside(session, job, None))
            return True
        try:
            await self._do(job)
        except ClaimLost:
            logger.warning("worker: lost its claim to a %s", job.kind)
        except Later as later:
            until = self._clock() + timedelta(seconds=later.seconds)
            await self._database.write(lambda session: give_back(session, job, until))
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):
                await asyncio.shield(self._database.write(lambda session: give_back(session, job)))
            raise
        except Exception as error:
            logger.exception("worker: %s failed", job.kind)
            reason, is_outage = type(error).__name__, isinstance(error, self._outages)
            await self._database.write(lambda session: self._failed(session, job, reason, is_outage=is_outage))
        else:
            await self._database.write(lambda session: finish(session, job, self._clock()))
        return True

    def _failed(self, session: Session, job: Job, reason: str, *, is_outage: bool) -> None:
        if job.last_attempt and not is_outage:
            self._set_aside(session, job, reason)
        else:
            postpone(session, job, self._clock(), reason, counts=not is_outage)

    def _set_aside(self, session: Session, job: Job, reason: str | None) -> None:
        now = self._clock()
        if set_aside(session, job, now, reason) and job.kind in self._give_up:
            self._give_up[job.kind](session, job, now)

    async def _do(self, job: Job) -> None:
        doing = asyncio.ensure_future(self._handlers[job.kind](job))
        lost = asyncio.Event()
        keeping = asyncio.create_task(self._keep_claim(job, doing, lost))
        try:
            await doing
        except asyncio.CancelledError:
            if lost.is_set():
                raise ClaimLost from None
            raise
        finally:
            keeping.cancel()

    async def _keep_claim(self, job: Job, doing: asyncio.Future[None], lost: asyncio.Event) -> None:
        """Renew the claim while the job lives; end the job once the claim is another's."""
        while True:
            await asyncio.sleep(self._claim_seconds / RENEWALS)
            try:
                kept = await self._database.write(
                    lambda session: renew(session, job, self._clock(), self._claim_seconds)
                )
            except Exception:
                logger.exception("worker: a claim could not be renewed")
                continue
            if not kept:
                lost.set()
                doing.cancel()
                return
