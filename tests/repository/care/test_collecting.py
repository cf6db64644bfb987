"""The collector takes what nobody refers to, and never anything else (ST-03, ST-19)."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from repository import objects
from repository.care import collecting, marks, nightly, reconciling
from repository.care.claims import GRACE
from repository.care.collecting import Collected
from repository.commands.care import GRACE_LEAST_HOURS
from repository.errors import CollectorStopped, ServiceBusy
from repository.records import Step, commit_step
from repository.uploads import UploadState
from storage.directory import DirectoryBackend
from storage.memory import MemoryBackend
from storage.vault import Part, StoredObject

from .conftest import Keep
from .keeping import Clock, Kept

NOW = timedelta(0)


async def collect(kept: Kept, **options: object) -> Collected:
    kept.clock.advance(minutes=1)
    return await collecting.collect(kept.services, kept.context(), **{"grace": NOW, **options})


async def populate(kept: Kept) -> set[str]:
    """Let one object of every standing lie in the store; returns the names that must stay."""
    size = kept.services.vault.part_plain_bytes
    content = os.urandom(size + 10)
    await kept.released(content)
    await kept.held(content)
    await kept.upload(3 * size, content)
    orphans = set()
    for state in (UploadState.TERMINATED, UploadState.EXPIRED):
        before = set(kept.names())
        await kept.upload(3 * size, content, state=state)
        orphans |= set(kept.names()) - before
    before = set(kept.names())
    await kept.shred(await kept.released(content), bytes_too=False)
    broken_off = await kept.sealed(content)  # an intake that was killed before it had its row
    await kept.release(broken_off)
    kept.backend.put(f"q/{uuid4()}/0.{os.urandom(16).hex()}", b"of nobody")
    kept.backend.put(f"d/{uuid4()}", b"of nobody")
    orphans |= set(kept.names()) - before
    open_upload = await kept.upload(3 * size, content)
    killed = f"q/{open_upload}/1.{os.urandom(16).hex()}"  # stored, and the process was killed before the commit
    kept.backend.put(killed, b"never committed")
    return set(kept.names()) - orphans - {killed}


async def test_st_03_every_orphan_goes_and_all_else_stays(kept_on_each_store: Kept) -> None:
    kept = kept_on_each_store
    stay = await populate(kept)
    orphans = set(kept.names()) - stay
    dry = await collect(kept, dry_run=True)
    assert (dry.orphans, dry.deleted, set(kept.names())) == (len(orphans), 0, stay | orphans)
    done = await collect(kept)
    assert set(kept.names()) == stay
    assert (done.deleted, done.orphans, done.saved) == (len(orphans), len(orphans), 0)
    assert stay >= await kept.names_referred()
    again = await collect(kept)
    assert (again.orphans, again.deleted) == (0, 0)
    assert [facts["deleted"] for _, _, facts in await kept.events("store.collected")] == [len(orphans), 0]
    assert (await reconciling.reconcile(kept.services, kept.context())).passed


async def test_each_database_is_asked_alike(kept_on_each_database: Kept) -> None:
    kept = kept_on_each_database
    stay = await populate(kept)
    await collect(kept)
    assert set(kept.names()) == stay


async def test_nothing_young_by_the_stores_own_clock_goes(keep: Keep) -> None:
    """The store's clock runs ahead of ours, and only it dates its names."""
    theirs = Clock()
    theirs.advance(days=300)
    kept = await keep(MemoryBackend(clock=theirs))
    old = f"q/{uuid4()}/0.{os.urandom(16).hex()}"
    kept.backend.put(old, b"x")
    theirs.advance(hours=1)
    young = f"q/{uuid4()}/0.{os.urandom(16).hex()}"
    kept.backend.put(young, b"x")
    theirs.advance(hours=23)
    assert (await collect(kept, grace=GRACE)).deleted == 1
    assert kept.names() == [young]
    theirs.advance(hours=1)
    assert (await collect(kept, grace=GRACE)).deleted == 1


async def test_files_are_dated_by_the_file_system(keep: Keep, tmp_path: Path) -> None:
    kept = await keep(DirectoryBackend(tmp_path / "store"))
    names = [f"q/{uuid4()}/0.{os.urandom(16).hex()}" for _ in range(2)]
    for name in names:
        kept.backend.put(name, b"x")
    path = tmp_path / "store" / "objects" / names[0]
    day_ago = path.stat().st_mtime - 86_401
    os.utime(path, (day_ago, day_ago))
    assert (await collect(kept, grace=GRACE)).deleted == 1
    assert kept.names() == [names[1]]


async def test_an_intake_that_may_still_finish_is_left_alone(kept: Kept) -> None:
    staged = await kept.sealed(b"arriving this very moment")
    before = kept.names()
    assert (await collecting.collect(kept.services, kept.context(), grace=NOW)).deleted == 0
    assert kept.names() == before
    kept.clock.advance(days=2)
    assert (await collect(kept)).deleted == len(staged.parts)


async def test_an_unknown_object_with_a_recovery_copy_is_for_a_person(kept: Kept) -> None:
    """The database lost it: a partial restore. Its bytes, and whatever is staged for it, are not the collector's."""
    oid = str(uuid4())
    names = [f"d/{oid}", f"k/{oid}.json", f"q/{oid}/0.{os.urandom(16).hex()}"]
    for name in names:
        kept.backend.put(name, b"{}")
    found = await collect(kept)
    assert sorted(found.unknown) == sorted(names)
    assert (found.deleted, found.orphans) == (0, 0)
    assert sorted(kept.names()) == sorted(names)


@pytest.mark.fault("att:G11")
async def test_the_brake_stops_a_run_and_a_person_can_let_it_go_on(kept: Kept) -> None:
    for _ in range(10):
        kept.backend.put(f"q/{uuid4()}/0.{os.urandom(16).hex()}", b"x")
    assert (await collect(kept)).deleted == 10  # ten objects or fewer are never many
    for _ in range(11):
        kept.backend.put(f"q/{uuid4()}/0.{os.urandom(16).hex()}", b"x")
    before = kept.names()
    for allowed in (None, 10):
        with pytest.raises(CollectorStopped, match="brake"):
            await collect(kept, past_brake_objects=allowed)
    assert kept.names() == before
    assert (await collect(kept, dry_run=True)).orphan_objects == 11
    assert (await collect(kept, past_brake_objects=11)).deleted == 11


@pytest.mark.parametrize(
    ("names", "orphans", "objects", "stops"),
    [
        (1_000_000, 1_000, 1_000, False),
        (1_000_000, 1_001, 1_001, True),
        (10_000, 100, 100, False),
        (10_000, 101, 101, True),
        (50, 10, 10, False),
        (4_000, 3_201, 1, False),  # one killed release of 25 GiB
        (20_000, 3_201, 11, True),
    ],
)
def test_the_brake_in_numbers(names: int, orphans: int, objects: int, stops: bool) -> None:
    found = Collected(names_listed=names, orphans=orphans, orphan_objects=objects)
    if stops:
        with pytest.raises(CollectorStopped):
            collecting._brake(found, None)
    else:
        collecting._brake(found, None)


@pytest.mark.fault("att:G11")
async def test_st_19_after_a_restore_it_stays_off_until_reconciliation_passes(keep: Keep, migrated_url: str) -> None:
    """The database comes back older than the store: it counted fewer runs."""
    backend = MemoryBackend()
    kept = await keep(backend, migrated_url)
    oid = await kept.released(b"kept")
    for _ in range(3):
        await collect(kept)
    assert await kept.read(marks.runs_known) == marks.runs_stored(backend) == 3
    orphan = f"q/{uuid4()}/0.{os.urandom(16).hex()}"
    backend.put(orphan, b"x")
    marks.store_run(backend, 5)
    for _ in range(2):
        with pytest.raises(CollectorStopped, match="off"):
            await collect(kept)
    assert (await collect(kept, dry_run=True)).orphans == 1
    kept_bytes = backend.get(f"d/{oid}")
    backend.delete(f"d/{oid}")
    assert not (await reconciling.reconcile(kept.services, kept.context())).passed
    with pytest.raises(CollectorStopped, match="off"):
        await collect(kept)
    backend.put(f"d/{oid}", kept_bytes)
    dry = await reconciling.reconcile(kept.services, kept.context(), dry_run=True)
    assert (dry.passed, dry.collector_switched_on) == (True, False)
    with pytest.raises(CollectorStopped, match="off"):
        await collect(kept)
    done = await reconciling.reconcile(kept.services, kept.context())
    assert (done.passed, done.collector_switched_on) == (True, True)
    assert (await collect(kept)).deleted == 1
    assert await kept.read(marks.runs_known) == marks.runs_stored(backend)
    assert not (await reconciling.reconcile(kept.services, kept.context())).collector_switched_on


@pytest.mark.parametrize(
    ("known", "stored", "same"),
    [(0, 0, True), (4, 4, True), (5, 4, True), (6, 4, False), (4, 5, False), (3, -1, False)],
)
def test_a_run_killed_between_the_two_counts_is_no_restore(known: int, stored: int, same: bool) -> None:
    assert marks.same_age(known, stored) is same


async def test_what_no_listing_shows_is_cleared_away(keep: Keep, tmp_path: Path) -> None:
    kept = await keep(DirectoryBackend(tmp_path / "store"))
    hidden = tmp_path / "store" / "objects" / "q" / ".0123"
    probe = tmp_path / "store" / "objects" / "p" / "ab" / "0"
    for path in (hidden, probe):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"interrupted")
    assert (await collect(kept)).hidden_swept == 0
    for path in (hidden, probe):
        os.utime(path, (path.stat().st_mtime - 90_000,) * 2)
    assert (await collect(kept)).hidden_swept == 2
    assert not hidden.exists()
    assert not probe.exists()


@pytest.mark.fault("real:R11")
async def test_real_r11_a_finished_object_whose_commit_was_lost_is_not_reaped(kept_on_each_store: Kept) -> None:
    """The store joined the parts, the worker died before it said so: the next attempt must find both sides."""
    kept = kept_on_each_store
    content = os.urandom(kept.services.vault.part_plain_bytes + 1)
    oid = await kept.held(content)
    released = await kept.release(await kept.stored(oid))
    before = kept.names()
    assert released.parts[0].key in before
    kept.clock.advance(days=3)
    assert (await collect(kept)).deleted == 0
    assert kept.names() == before
    assert await kept.release(await kept.stored(oid)) == released


@pytest.mark.fault("att:G11", "real:R12")
async def test_a_real_restore_of_an_older_database_costs_nothing(keep: Keep, tmp_path: Path) -> None:
    """The database of yesterday comes back beside the store of today: nothing is deleted until the young one is back."""
    backend = MemoryBackend()
    kept = await keep(backend)
    await kept.released(os.urandom(1000))
    await collect(kept)
    yesterday, today = tmp_path / "yesterday", tmp_path / "today"
    _snapshot(tmp_path, yesterday)
    young = [await kept.released(os.urandom(1000)) for _ in range(3)]
    await collect(kept)
    _snapshot(tmp_path, today)
    before = set(kept.names())

    older = await _restored(keep, kept, tmp_path, yesterday)
    for _ in range(3):
        older.clock.advance(days=2)
        with pytest.raises(CollectorStopped, match="restored"):
            await collect(older)
        await nightly.round_if_due(older.services)
        found = await reconciling.reconcile(older.services, older.context())
        assert {one.name for one in found.discrepancies} == {
            *(f"d/{oid}" for oid in young),
            *(f"k/{oid}.json" for oid in young),
        }
        assert set(kept.names()) == before

    again = await _restored(keep, older, tmp_path, today)
    found = await reconciling.reconcile(again.services, again.context())
    assert (found.passed, found.orphans) == (True, 0)
    assert (await collect(again)).deleted == 0
    assert set(kept.names()) == before


def _snapshot(folder: Path, target: Path) -> None:
    with closing(sqlite3.connect(folder / "data" / "nea.sqlite3")) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


async def _restored(keep: Keep, running: Kept, folder: Path, snapshot: Path) -> Kept:
    await running.services.database.close()
    for path in (folder / "data").glob("nea.sqlite3*"):
        path.unlink()
    shutil.copy(snapshot, folder / "data" / "nea.sqlite3")
    return await keep(running.backend)


class Busy(MemoryBackend):
    """Lets something happen while the last names are listed, after the database was asked for the first ones."""

    during: object = None

    def list(self, prefix: str):
        found = list(super().list(prefix))
        if prefix == "k/f" and self.during is not None:
            self.during()
        return iter(found)


@pytest.mark.parametrize("seed", range(8))
async def test_st_19_no_name_of_a_committed_row_is_deleted_even_if_committed_meanwhile(keep: Keep, seed: int) -> None:
    draw = random.Random(seed)
    backend = Busy()
    kept = await keep(backend)
    vault = kept.services.vault
    size = vault.part_plain_bytes
    uploads = [await kept.upload(size * 5, os.urandom(draw.randrange(size * 4))) for _ in range(6)]
    for _ in range(draw.randrange(6)):
        await draw.choice([kept.released, kept.held])(os.urandom(draw.randrange(2 * size)))
    late: list[tuple[str, Part]] = []
    pending: list[StoredObject] = [await kept.sealed(os.urandom(10)) for _ in range(draw.randrange(4))]
    for oid in uploads:
        facts = await kept.read(lambda s, oid=oid: objects.keys_of(s, oid))
        late += [(oid, vault.resume(*facts).seal_part(4, os.urandom(size))) for _ in range(draw.randrange(3))]
    draw.shuffle(late)
    committed = dict(late[: len(late) // 2])
    loop = asyncio.get_running_loop()

    async def commit() -> None:
        def parts(session):
            for oid, part in committed.items():
                objects.add_part(session, oid, part)

        await kept.write(parts)
        for staged in pending:
            await kept.complete(staged, b"")

    backend.during = lambda: asyncio.run_coroutine_threadsafe(commit(), loop).result(10)
    kept.clock.advance(days=2)
    found = await collect(kept, past_brake_objects=1_000)
    referred = await kept.names_referred()
    assert {part.key for part in committed.values()} <= referred
    assert referred <= set(kept.names())
    assert set(kept.names("q/")) <= referred
    meanwhile = [*committed, *(staged.data_key.oid for staged in pending)]
    assert found.saved == sum(
        1 for oid in meanwhile if oid[0] != "f"
    )  # those of f were listed before they were asked for


async def test_o6_a_commit_of_what_was_sent_long_ago_is_refused(kept: Kept) -> None:
    """A process that slept for a day wakes up and commits: the collector may have taken what it names."""
    size = kept.services.vault.part_plain_bytes
    oid = await kept.upload(3 * size, os.urandom(size))
    part = kept.services.vault.resume(*await kept.read(lambda s: objects.keys_of(s, oid))).seal_part(
        1, os.urandom(size)
    )
    begun_at = kept.clock()

    def step(begun: datetime) -> Step:
        return Step(oid, size, 2 * size, (part,), None, None, False, begun)

    kept.clock.advance(minutes=61)
    with pytest.raises(ServiceBusy):
        await kept.write(lambda s: commit_step(s, kept.context(), step(begun_at), kept.clock()))
    assert part.key not in await kept.names_referred()
    await kept.write(lambda s: commit_step(s, kept.context(), step(kept.clock()), kept.clock()))
    assert part.key in await kept.names_referred()
    assert objects.COMMIT_WITHIN < timedelta(hours=GRACE_LEAST_HOURS) < GRACE
