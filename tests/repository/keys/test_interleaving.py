"""Two transactions that meet on PostgreSQL, held in the very moment that matters; SQLite has one writer at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from repository import objects
from repository.errors import DocumentDestroyed, HoldInForce, ServiceBusy
from repository.keys import holds, rotation, shredding
from repository.keys.holds import OBJECT
from tests.repository.web.conftest import StartService
from tests.repository.web.uploading import make_stage

from ...patience import PATIENCE_SECONDS
from .conftest import SCOPE, Keeping

pytestmark = pytest.mark.postgres
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@pytest.fixture
async def keeping(start_service: StartService, migrated_postgres_url: str) -> Keeping:
    stage = await make_stage(await start_service(migrated_postgres_url))
    return Keeping(stage, stage.service.services)


@contextmanager
def another_process(keeping: Keeping) -> Iterator[Session]:
    """A transaction of another process; what it did is committed when the test says so."""
    engine = create_engine(keeping.services.database.url)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


async def until_it_waits(keeping: Keeping, task: asyncio.Task[object]) -> None:
    """Return once the other transaction waits for a lock."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await keeping.services.database.read(lambda s: s.scalar(WAITING)):
            assert not task.done(), "it did not wait"
            await asyncio.sleep(0.02)


@pytest.mark.fault("att:F16")
async def test_st22_a_destruction_waits_for_a_hold_that_is_just_being_placed(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    write = keeping.services.database.write
    await write(lambda s: shredding.propose(s, first, OBJECT, oid, ""))
    with another_process(keeping) as session:
        holds.place(session, first, OBJECT, oid, "")
        session.flush()
        task = asyncio.create_task(write(lambda s: shredding.confirm(s, second, OBJECT, oid)))
        await until_it_waits(keeping, task)
        session.commit()
    with pytest.raises(HoldInForce):
        await task
    assert await keeping.read(oid) == keeping.files[oid]


@pytest.mark.fault("att:F16")
async def test_a_hold_waits_for_a_destruction_that_is_just_being_done(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    first, second = await keeping.officer(), await keeping.officer()
    write = keeping.services.database.write
    await write(lambda s: shredding.propose(s, first, OBJECT, oid, ""))
    with another_process(keeping) as session:
        shredding.confirm(session, second, OBJECT, oid)
        session.flush()
        task = asyncio.create_task(write(lambda s: holds.place(s, first, OBJECT, oid, "")))
        await until_it_waits(keeping, task)
        session.commit()
    with pytest.raises(DocumentDestroyed):
        await task


@pytest.mark.fault("att:F08")
async def test_a_rotation_waits_for_a_data_key_that_is_just_being_made(keeping: Keeping) -> None:
    await keeping.receive(1)
    services = keeping.services
    with another_process(keeping) as session:
        key = objects.scope_key(session, services.vault, SCOPE)
        made = objects.new_data_key(session, services.vault, key, 10, keeping.now)
        task = asyncio.create_task(rotation.rotate_scope(services, keeping.context, SCOPE))
        await until_it_waits(keeping, task)
        session.commit()
    done = await task
    assert (done.rewrapped, done.retired) == (5, 1)  # the file, three objects shown in its place, and the new key
    _, data_keys = await keeping.rows()
    assert data_keys[made.oid].sk_id == done.key_id


@pytest.mark.fault("att:F08")
async def test_a_new_data_key_waits_for_a_rotation_and_goes_under_the_new_key(keeping: Keeping) -> None:
    await keeping.receive(1)
    services = keeping.services
    fresh = services.vault.new_scope_key(SCOPE)
    with another_process(keeping) as session:
        rotation._supersede(session, keeping.context, fresh)
        session.flush()
        task = asyncio.create_task(keeping.stage.create(10, item=1))
        await until_it_waits(keeping, task)
        session.commit()
    made = await task
    _, data_keys = await keeping.rows()
    assert data_keys[made["Location"].rpartition("/")[2]].sk_id == fresh.sk_id


@pytest.mark.fault("att:F08")
async def test_a_release_and_a_rotation_of_the_same_object_wait_for_each_other(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    stored = await keeping.stored(oid)
    with another_process(keeping) as session:
        objects.check_key_unmoved(session, stored)
        task = asyncio.create_task(rotation.rotate_scope(keeping.services, keeping.context, SCOPE))
        await until_it_waits(keeping, task)
        session.commit()
    assert (await task).renewed == 4  # the file and what is shown in its place
    with pytest.raises(ServiceBusy):
        await keeping.services.database.write(lambda s: objects.save_released(s, stored, "0" * 64))
    await keeping.all_open()
