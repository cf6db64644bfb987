"""Database and store are compared both ways, and recovery copies made good (att:F14, real:R12)."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, update

from repository import objects
from repository.care import canaries, reconciling
from repository.care.examining import ABSENT
from repository.care.reconciling import Reconciliation, Wrong
from repository.tables import DataKeyRow, ObjectPart, StoredObjectRow
from storage.memory import MemoryBackend

from .conftest import Keep
from .keeping import Kept, flipped


async def reconcile(kept: Kept, **options: object) -> Reconciliation:
    kept.clock.advance(minutes=1)
    return await reconciling.reconcile(kept.services, kept.context(), **options)


def differences(found: Reconciliation) -> set[tuple[str, str]]:
    return {(one.wrong, one.name) for one in found.discrepancies}


async def test_what_agrees_passes(kept_on_each_store: Kept) -> None:
    kept = kept_on_each_store
    size = kept.services.vault.part_plain_bytes
    content = os.urandom(size + 10)
    await kept.released(content)
    await kept.released(b"")
    await kept.held(content)
    await kept.upload(3 * size, content)
    await kept.shred(await kept.released(b"gone"))
    steps: list[int] = []
    found = await reconcile(kept, seen=steps.append)
    assert found.passed
    assert (found.objects_known, found.orphans, found.sidecars_stale) == (5, 0, [])
    assert found.names_listed == found.names_referred == len(kept.names())
    assert len(steps) == 16
    assert (await kept.events("store.reconciled"))[0][2]["discrepancies"] == 0


@pytest.mark.fault("real:R12", "att:F14", "att:G13")
async def test_every_difference_is_named(kept_on_each_store: Kept) -> None:
    kept = kept_on_each_store
    size = kept.services.vault.part_plain_bytes
    content = os.urandom(size + 10)
    missing, short = await kept.released(content), await kept.released(content)
    held, upload = await kept.held(content), await kept.upload(3 * size, content)
    names = {oid: sorted((await kept.stored(oid)).parts, key=lambda p: p.index) for oid in (missing, short, held)}
    kept.backend.delete(names[missing][0].key)
    kept.change(names[short][0].key, lambda blob: blob[:-1])
    kept.backend.delete(names[held][1].key)
    (tail,) = (name for name in kept.names(f"q/{upload}/tail."))
    kept.backend.delete(tail)
    unknown, orphan = str(uuid4()), str(uuid4())
    strangers = ["d/readme.txt", "d/0123", "q/notes/1", f"d/{orphan}.html"]
    for name in (f"d/{unknown}", f"k/{unknown}.json", f"d/{orphan}", *strangers):
        kept.backend.put(name, b"{}")
    kept.backend.put("k/scopes-2026-05-01.age", b"a backup of scope keys is no stranger")
    expected = {
        (Wrong.MISSING, names[missing][0].key),
        (Wrong.SIZE, names[short][0].key),
        (Wrong.MISSING, names[held][1].key),
        (Wrong.MISSING, tail),
        (Wrong.UNKNOWN, f"d/{unknown}"),
        (Wrong.UNKNOWN, f"k/{unknown}.json"),
        *((Wrong.STRANGER, name) for name in strangers),
    }
    before = kept.names()
    found = await reconcile(kept, grace=timedelta(0))
    assert differences(found) == expected
    assert (found.orphans, found.orphan_bytes, found.passed) == (1, 2, False)
    assert kept.names() == before  # it deletes nothing
    sealed = names[short][0].sealed_bytes if (await kept.stored(short)).layout == "parts" else None
    total = sealed or sum(part.sealed_bytes for part in names[short])
    (size_differs,) = (one.detail for one in found.discrepancies if one.wrong == Wrong.SIZE)
    assert f"{total} bytes, but {total - 1} bytes" in size_differs
    events = {oid for _, oid, _ in await kept.events("object.missing", "object.wrong-size")}
    assert events == {missing, short, held, upload}
    assert (await reconcile(kept)).orphans == 0  # a day has not passed


async def test_each_database_tells_the_same(kept_on_each_database: Kept) -> None:
    kept = kept_on_each_database
    oid = await kept.released(os.urandom(1000))
    lost = await kept.released(os.urandom(1000))
    kept.backend.delete(f"d/{oid}")
    for table in (ObjectPart, StoredObjectRow, DataKeyRow):  # a partial restore: the database does not know it at all
        await kept.write(lambda s, table=table: s.execute(delete(table).filter_by(oid=lost)))
    found = await reconcile(kept)
    assert differences(found) == {
        (Wrong.MISSING, f"d/{oid}"),
        (Wrong.UNKNOWN, f"d/{lost}"),
        (Wrong.UNKNOWN, f"k/{lost}.json"),
    }


async def test_recovery_copies_are_renewed(kept_on_each_store: Kept) -> None:
    kept = kept_on_each_store
    vault = kept.services.vault
    oids = {
        name: await kept.released(os.urandom(100)) for name in ("sound", "absent", "altered", "foreign", "rewrapped")
    }
    held = await kept.held(b"a held document has none yet")
    kept.backend.delete(f"k/{oids['absent']}.json")
    kept.change(f"k/{oids['altered']}.json", lambda blob: blob.replace(b'"v":1', b'"v":2'))
    kept.change(f"k/{oids['foreign']}.json", lambda _: kept.backend.get(f"k/{oids['sound']}.json"))
    stored = await kept.stored(oids["rewrapped"])
    again = vault.rewrap_data_key(stored.scope_key, stored.data_key, stored.scope_key)
    await kept.write(lambda s: s.execute(update(DataKeyRow).filter_by(oid=oids["rewrapped"]).values(blob=again.blob)))
    stale = {f"k/{oid}.json" for name, oid in oids.items() if name != "sound"}
    before = {name: kept.backend.get(name) for name in kept.names("k/")}
    dry = await reconcile(kept, dry_run=True)
    assert (set(dry.sidecars_stale), dry.sidecars_renewed, dry.passed) == (stale, 0, True)
    assert {name: kept.backend.get(name) for name in kept.names("k/")} == before
    missed = await reconcile(kept, dry_run=True, read_sidecars=False)
    assert missed.sidecars_stale == [f"k/{oids['absent']}.json"]
    done = await reconcile(kept)
    assert (set(done.sidecars_stale), done.sidecars_renewed, done.passed) == (stale, 4, True)
    for oid in oids.values():
        await asyncio.to_thread(vault.check_sidecar, await kept.stored(oid))
    assert vault.check_sidecar(await kept.stored(oids["rewrapped"])) == {"filename": "EXAMPLE.pdf"}  # kept, not lost
    assert (await reconcile(kept)).sidecars_stale == []
    assert f"k/{held}.json" not in kept.names("k/")


@pytest.mark.parametrize("column", ["header", "sha256"])
async def test_a_damaged_database_does_not_overwrite_the_good_copy(kept: Kept, column: str) -> None:
    """The copy differs because the row was altered: it is the last that knows better."""
    oid = await kept.released(os.urandom(1000))
    part = (await kept.stored(oid)).parts[0]
    wrong = flipped(getattr(part, column), 3)
    await kept.write(lambda s: s.execute(update(ObjectPart).filter_by(oid=oid, part_index=0).values(**{column: wrong})))
    copy = kept.backend.get(f"k/{oid}.json")
    found = await reconcile(kept)
    assert differences(found) == {(Wrong.SIDECAR, f"k/{oid}.json")}
    assert ("E3" if column == "header" else "E6") in found.discrepancies[0].detail
    assert kept.backend.get(f"k/{oid}.json") == copy


async def test_planted_faults_of_a_scrub_are_no_differences(kept: Kept) -> None:
    await canaries.plant(kept.services, kept.context(), ABSENT)
    found = await reconcile(kept)
    assert (found.passed, found.sidecars_stale) == (True, [])


async def test_objects_that_move_meanwhile_are_no_differences(keep: Keep) -> None:
    """Released, destroyed and begun after the listing and before the database is asked."""
    loop = asyncio.get_running_loop()

    class Moving(MemoryBackend):
        move = None

        def list(self, prefix):
            found = list(super().list(prefix))
            if self.move and prefix[:2] == "k/" and prefix[2:] in set("0123456789abcdef"):
                asyncio.run_coroutine_threadsafe(self.move(prefix[2:]), loop).result(10)
            return iter(found)

    backend = Moving()
    kept = await keep(backend)
    staged = [await kept.stored(await kept.held(b"to be released")) for _ in range(6)]
    gone = [await kept.released(b"to be destroyed") for _ in range(6)]
    moved: list[str] = []

    async def move(shard: str) -> None:
        for one in staged:
            oid = one.data_key.oid
            if oid.startswith(shard):
                released = await kept.release(one)
                await kept.write(
                    lambda s, r=released: objects.save_released(s, r, objects.sha256_hex(b"to be released"))
                )
                kept.services.vault.discard([part.key for part in one.parts])
                moved.append(oid)
        for oid in gone:
            if oid.startswith(shard):
                await kept.shred(oid)
                moved.append(oid)
        await kept.upload(1000, os.urandom(500))

    backend.move = move
    found = await reconcile(kept)
    assert len(moved) == 12
    assert found.discrepancies == []
    backend.move = None
    again = await reconcile(kept)
    assert (again.passed, again.sidecars_stale, again.orphans) == (True, [], 0)


async def test_a_copy_written_while_its_object_is_destroyed_goes_again(keep: Keep) -> None:
    """A recovery copy keeps a wrap of the key, so it must not outlive the destruction (ST-22)."""
    loop = asyncio.get_running_loop()

    class Slow(MemoryBackend):
        move = None

        def put(self, key, data, **more):
            if self.move and key.startswith("k/"):
                move, self.move = self.move, None
                asyncio.run_coroutine_threadsafe(move(), loop).result(10)
            super().put(key, data, **more)

    backend = Slow()
    kept = await keep(backend)
    oid = await kept.released(b"to be destroyed")
    backend.delete(f"k/{oid}.json")
    backend.move = lambda: kept.shred(oid)
    assert (await reconcile(kept)).passed
    assert kept.names() == []
