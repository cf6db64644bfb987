"""Background work: what two workers may do to one row, whose turn it is, and what becomes of work that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from repository import work
from repository.database import Database
from repository.tables import Work, new_id
from repository.work import Bell, ClaimLost, Job, Worker

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=work.CLAIM_SECONDS)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Outage(Exception):
    """The store is down."""


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    database = Database(migrated_url)
    yield database
    await database.close()


async def row(database: Database) -> Work:
    return await database.read(lambda session: session.scalars(select(Work)).one())


async def test_a_worker_whose_claim_ran_out_does_not_touch_what_another_finished(database: Database) -> None:
    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    slow = await database.write(lambda session: work.claim(session, NOW))
    quick = await database.write(lambda session: work.claim(session, LATER))
    assert slow is not None
    assert quick is not None
    assert slow.id == quick.id
    with pytest.raises(ClaimLost):
        await database.write(lambda session: work.fence(session, slow))
    assert not await database.write(lambda session: work.renew(session, slow, LATER))
    await database.write(lambda session: work.finish(session, slow, LATER))
    assert (await row(database)).finished_at is None
    await database.write(lambda session: work.fence(session, quick))
    await database.write(lambda session: work.finish(session, quick, LATER))
    await database.write(lambda session: work.postpone(session, slow, LATER, "ObjectNotFound"))
    found = await row(database)
    assert (found.finished_at, found.last_error, found.available_at) == (LATER, None, NOW)


async def test_a_renewed_claim_is_nobody_elses(database: Database) -> None:
    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    job = await database.write(lambda session: work.claim(session, NOW))
    assert job is not None
    assert await database.write(lambda session: work.renew(session, job, LATER - timedelta(seconds=1)))
    assert await database.write(lambda session: work.claim(session, LATER)) is None


async def test_no_lane_waits_behind_all_of_another(database: Database) -> None:
    """500 files of one centre, and the first of another that came last: it is the second that is taken."""

    def fill(session) -> None:
        for number in range(500):
            work.add(session, "verify", f"a{number}", NOW, lane="99001")
        work.add(session, "verify", "b0", NOW + timedelta(seconds=1), lane="99002")
        work.add(session, "verify", "b1", NOW + timedelta(seconds=1), lane="99002")

    await database.write(fill)
    taken = []
    for _ in range(4):
        job = await database.write(lambda session: work.claim(session, NOW + timedelta(seconds=2)))
        assert job is not None
        taken.append(job.subject_id)
        await database.write(lambda session, job=job: work.finish(session, job, NOW))
    assert taken == ["a0", "b0", "a1", "b1"]


async def test_work_that_always_fails_is_set_aside_and_told_once(database: Database) -> None:
    clock, tries, told = Clock(), [], []

    async def fails(job: Job) -> None:
        tries.append(job.claim)
        raise ValueError

    worker = Worker(
        database, Bell(), clock, {"verify": fails}, give_up={"verify": lambda _s, job, _n: told.append(job.id)}
    )
    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    for _ in range(2 * work.ATTEMPTS_LIMIT):
        await worker.step()
        clock.now += timedelta(minutes=6)
    found = await row(database)
    assert (len(tries), told, found.last_error) == (work.ATTEMPTS_LIMIT, [found.id], "ValueError")
    assert found.set_aside_at is not None
    await database.write(lambda session: work.again(session, "verify", found.subject_id, clock.now))
    assert await worker.step()
    assert len(tries) == work.ATTEMPTS_LIMIT + 1


@pytest.mark.fault("att:G06", "att:G07")
async def test_work_that_kills_its_worker_is_set_aside_without_another_try(database: Database) -> None:
    clock, told = Clock(), []

    async def never(job: Job) -> None:
        raise AssertionError(job)

    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    for _ in range(work.ATTEMPTS_LIMIT):  # claimed, and never heard of again
        assert await database.write(lambda session: work.claim(session, clock.now)) is not None
        clock.now += timedelta(seconds=work.CLAIM_SECONDS)
    worker = Worker(
        database, Bell(), clock, {"verify": never}, give_up={"verify": lambda _s, job, _n: told.append(job.id)}
    )
    assert await worker.step()
    assert told == [(await row(database)).id]
    assert not await worker.step()


async def test_an_outage_is_no_fault_of_the_work(database: Database) -> None:
    clock, over = Clock(), False

    async def meets_outage(job: Job) -> None:
        if not over:
            raise Outage

    worker = Worker(database, Bell(), clock, {"verify": meets_outage}, outages=(Outage,))
    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    for _ in range(3 * work.ATTEMPTS_LIMIT):
        assert await worker.step()
        clock.now += timedelta(seconds=work.LONGEST_RETRY_SECONDS)
    over = True
    assert await worker.step()
    assert (await row(database)).finished_at is not None


async def test_a_job_that_has_to_wait_its_turn_is_asked_again_and_that_is_no_attempt(database: Database) -> None:
    clock, asked = Clock(), []

    async def waits(job: Job) -> None:
        asked.append(clock.now)
        if len(asked) <= work.ATTEMPTS_LIMIT + 1:
            raise work.Later(3)

    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    worker = Worker(database, Bell(), clock, {"verify": waits})
    for _ in range(work.ATTEMPTS_LIMIT + 2):
        assert await worker.step()
        assert not await worker.step()
        clock.now += timedelta(seconds=3)
    found = await row(database)
    assert len(asked) == work.ATTEMPTS_LIMIT + 2
    assert (found.attempts, found.finished_at, found.last_error) == (1, asked[-1], None)


async def test_a_job_ends_once_its_claim_is_anothers(database: Database) -> None:
    """The clock leaps past the claim while the job runs, as it does for a worker that was stopped and goes on."""
    clock, begun, ended = Clock(), asyncio.Event(), asyncio.Event()

    async def sleeps(job: Job) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    worker = Worker(database, Bell(), clock, {"verify": sleeps}, claim_seconds=0.4)
    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    step = asyncio.create_task(worker.step())
    await begun.wait()
    clock.now += timedelta(hours=1)
    other = await database.write(lambda session: work.claim(session, clock.now))
    assert other is not None
    assert await asyncio.wait_for(step, 5)
    assert ended.is_set()
    await database.write(lambda session: work.fence(session, other))


async def test_a_worker_that_is_stopped_gives_its_work_back_at_once(database: Database) -> None:
    clock, begun = Clock(), asyncio.Event()

    async def sleeps(job: Job) -> None:
        begun.set()
        await asyncio.Event().wait()

    worker = Worker(database, Bell(), clock, {"verify": sleeps}, at_once=2)
    await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
    running = asyncio.create_task(worker.run())
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    again = await database.write(lambda session: work.claim(session, clock.now))
    assert again is not None
    assert (await row(database)).attempts == 1
