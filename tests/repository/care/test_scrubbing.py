"""A scrub finds every planted fault, each by its code, and shows that it can find any (ST-11)."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from repository import objects
from repository.care import collecting, reconciling, scrubbing
from repository.care.scrubbing import Report, Watch, Wish
from repository.tables import DataKeyRow, ScopeKeyRow, StoredObjectRow
from storage.errors import BackendUnavailable, ComposeRefused
from storage.keys.file import FileKeyring
from storage.memory import MemoryBackend
from storage.vault import Vault
from tests.storage.conftest import SMALL

from .conftest import Keep
from .keeping import Kept, flipped

EVERYTHING = Wish(older_than=None)


async def scrub(kept: Kept, wish: Wish = EVERYTHING, watch: Watch | None = None) -> Report:
    kept.clock.advance(minutes=1)
    return await scrubbing.scrub(kept.services, kept.context(), wish, watch)


def found(report: Report) -> set[tuple[str, str, str]]:
    return {(finding.oid, finding.place, finding.code) for finding in report.findings}


async def test_a_whole_store_is_read_and_nothing_of_the_cycle_stays(kept_on_each_store: Kept) -> None:
    kept = kept_on_each_store
    size = kept.services.vault.part_plain_bytes
    contents = [b"", os.urandom(1), os.urandom(size), os.urandom(size + 1)]
    oids = [await kept.released(content) for content in contents] + [await kept.held(os.urandom(100))]
    before = kept.names()
    report = await scrub(kept)
    assert (report.objects_read, report.findings, report.unread) == (5, [], {})
    assert (report.canaries_planted, report.canaries_found, report.failed, report.sound) == (2, 2, False, True)
    assert report.bytes_read == sum(
        part.sealed_bytes for stored in [await kept.stored(oid) for oid in oids] for part in stored.parts
    )
    assert kept.names() == before
    assert set(await kept.read(lambda s: s.scalars(select(StoredObjectRow.oid)).all())) == set(oids)
    for oid in oids:
        assert (await kept.row(oid)).last_scrubbed_at == kept.clock()
    assert report.oldest_unread_since == kept.clock()
    assert await kept.events("object.fault") == []


@pytest.mark.fault("att:G13", "real:R20", "diag:E1", "diag:E2", "diag:E3", "diag:E4", "diag:E6")
async def test_every_planted_fault_is_found_with_its_code(kept_on_each_store: Kept) -> None:
    """ST-11: absence included, one cycle, whole and staged objects."""
    kept = kept_on_each_store
    size = kept.services.vault.part_plain_bytes
    contents = {name: os.urandom(size + 200) for name in ("sound", "E4 short", "E4 long", "E3", "E6", "absent", "E1")}
    oid = {name: await kept.released(content) for name, content in contents.items()}
    for name in ("E2", "sidecar absent", "sidecar E2", "sidecar E1", "scope E1"):
        oid[name] = await kept.released(os.urandom(300), f"{name[-1]}/{len(oid)}/original")
    first = {name: (await kept.stored(one)).parts[0].key for name, one in oid.items()}
    kept.change(first["E4 short"], lambda blob: blob[:-1])
    kept.change(first["E4 long"], lambda blob: blob + b"\0")
    kept.change(first["E3"], lambda blob: flipped(blob, 39 * 8))
    kept.change(first["E6"], lambda blob: flipped(blob, 40 * 8))
    kept.backend.delete(first["absent"])
    kept.backend.delete(f"k/{oid['sidecar absent']}.json")
    kept.change(f"k/{oid['sidecar E2']}.json", lambda blob: blob.replace(b'"v":1', b'"v":2'))
    kept.change(f"k/{oid['sidecar E1']}.json", lambda _: kept.backend.get(f"k/{oid['sound']}.json"))
    stored = {name: await kept.stored(one) for name, one in oid.items()}

    def damage(session):
        for name, column in (("E1", "blob"), ("E2", "commitment")):
            value = flipped(getattr(stored[name].data_key, column), 100)
            session.execute(update(DataKeyRow).filter_by(oid=oid[name]).values(**{column: value}))
        blob = flipped(stored["scope E1"].scope_key.blob, 300)
        session.execute(update(ScopeKeyRow).filter_by(sk_id=stored["scope E1"].scope_key.sk_id).values(blob=blob))

    await kept.write(damage)
    report = await scrub(kept)
    expected = {(one, "object", name.split()[0]) for name, one in oid.items() if name[0] in "Ea"}
    expected |= {(oid["scope E1"], "object", "E1")}
    expected |= {(oid[name], "sidecar", name.split()[1]) for name in oid if name.startswith("sidecar")}
    assert found(report) == expected
    assert (report.failed, report.sound) == (False, False)
    assert report.objects_read == len(oid)
    for one, place, code in expected:
        assert (await kept.row(one)).fault == (code if place == "object" else f"sidecar {code}")
    assert {(kind, one, facts["diagnosis"]) for kind, one, facts in await kept.events("object.fault")} == {
        (place, one, code) for one, place, code in expected
    }
    assert sum((await kept.read(scrubbing.faults)).values()) == len(oid) - 1


async def test_st_09_an_old_authentic_attempt_put_back_is_e3(kept_on_each_store: Kept) -> None:
    kept = kept_on_each_store
    content = os.urandom(500 if kept.services.vault.part_plain_bytes > 500 else 100)
    staged = await kept.sealed(content)
    old = staged.parts[0]
    oid = staged.data_key.oid
    fresh = objects.seal_whole(kept.services.vault, staged.scope_key, staged.data_key, content)
    await kept.complete(type(staged)(staged.scope_key, staged.data_key, fresh, "staged"), content)
    assert (await scrub(kept)).sound
    kept.backend.put(fresh[0].key, kept.backend.get(old.key))
    assert found(await scrub(kept)) == {(oid, "object", "E3")}


async def test_a_plaintext_that_is_not_the_document_on_record_is_e6(kept: Kept) -> None:
    oid = await kept.released(b"one")
    await kept.write(
        lambda s: s.execute(update(StoredObjectRow).filter_by(oid=oid).values(plain_sha256=objects.sha256_hex(b"two")))
    )
    assert found(await scrub(kept)) == {(oid, "object", "E6")}


async def test_what_was_put_right_is_marked_sound(kept_on_each_database: Kept) -> None:
    kept = kept_on_each_database
    oid = await kept.released(b"one")
    kept.change(f"d/{oid}", lambda blob: flipped(blob, 400))
    assert not (await scrub(kept)).sound
    assert (await kept.row(oid)).fault == "E6"
    kept.change(f"d/{oid}", lambda blob: flipped(blob, 400))
    assert (await scrub(kept)).sound
    assert (await kept.row(oid)).fault is None
    assert await kept.events("object.sound") == [("object", oid, {"diagnosis": "E6", "origin": "test"})]


async def test_the_longest_unread_come_first_within_the_budget(kept_on_each_database: Kept) -> None:
    kept = kept_on_each_database
    oids = [await kept.released(os.urandom(100)) for _ in range(6)]
    sealed = (await kept.stored(oids[0])).parts[0].sealed_bytes
    for days, oid in ((9, oids[3]), (40, oids[1]), (31, oids[4])):
        at = kept.clock() - timedelta(days=days)
        await kept.write(
            lambda s, oid=oid, at=at: s.execute(update(StoredObjectRow).filter_by(oid=oid).values(last_scrubbed_at=at))
        )

    async def read_now() -> set[str]:
        rows = await kept.read(lambda s: s.scalars(select(StoredObjectRow)).all())
        return {row.oid for row in rows if row.last_scrubbed_at == kept.clock()}

    assert (await scrub(kept, Wish(budget_bytes=1))).objects_read == 1  # at least one, or a large one never comes
    assert len(await read_now()) == 1
    assert await read_now() < {oids[0], oids[2], oids[5]}
    assert (await scrub(kept, Wish(budget_bytes=3 * sealed))).objects_read == 3
    assert oids[1] in await read_now()
    assert (await scrub(kept, Wish())).objects_read == 1
    assert await read_now() == {oids[4]}
    report = await scrub(kept, Wish())
    assert (report.objects_read, report.failed) == (0, False)
    assert report.oldest_unread_since == (await kept.row(oids[3])).last_scrubbed_at
    assert (await scrub(kept, EVERYTHING)).objects_read == 6


@pytest.mark.fault("real:R20")
@pytest.mark.parametrize("hides", [{"missing", "altered"}, {"altered"}, {"missing"}])
async def test_a_cycle_that_does_not_find_what_it_planted_has_failed(keep: Keep, hides: set[str]) -> None:
    """A store behind a cache that still gives what was there before: nothing it answers can be trusted."""

    class Caching(MemoryBackend):
        def put(self, key, data, **more):
            if "altered" in hides and any(head.key == key for head in self.list(key)) and key.startswith("d/"):
                return
            super().put(key, data, **more)

        def delete(self, key):
            if not ("missing" in hides and key.startswith("d/")):
                super().delete(key)

    kept = await keep(Caching())
    await kept.released(b"sound")
    report = await scrub(kept)
    assert report.failed
    assert not report.sound
    assert report.canaries_found == 2 - len(hides)
    assert report.findings == []


async def test_a_stopped_cycle_keeps_what_was_read_and_the_next_goes_on(kept: Kept) -> None:
    oids = [await kept.released(os.urandom(1000)) for _ in range(8)]
    told: list[int] = []
    watch = Watch(total=told.append)

    def seen(_size: int) -> None:
        told.append(0)
        if len(told) > 8:  # in the middle of the third object
            watch.stop.set()

    watch.seen = seen
    report = await scrub(kept, Wish(older_than=None, threads=1), watch)
    assert report.interrupted
    assert not report.failed
    assert 0 < report.objects_read < len(oids)
    assert told[0] == 8 * sum(part.sealed_bytes for part in (await kept.stored(oids[0])).parts)
    assert kept.names("q/") == []
    assert len(kept.names("d/")) == len(oids)
    second = await scrub(kept, Wish(threads=1))
    assert second.objects_read == len(oids) - report.objects_read
    assert second.sound


async def test_a_service_that_stops_does_not_wait_for_the_end_of_an_object(kept: Kept) -> None:
    small, large = await kept.held(b"read"), await kept.held(os.urandom(50_000))
    first = (await kept.stored(small)).parts[0].sealed_bytes
    loop, watch = asyncio.get_running_loop(), Watch()
    seen: list[int] = []

    def in_the_large_one(size: int) -> None:
        seen.append(size)
        if size != first:
            loop.call_soon_threadsafe(cycle.cancel)
            watch.stop.wait(20)

    watch.seen = in_the_large_one
    cycle = asyncio.create_task(scrub(kept, Wish(older_than=None, threads=1), watch))
    with pytest.raises(asyncio.CancelledError):
        await cycle
    assert len(seen) <= 2
    assert (await kept.row(large)).last_scrubbed_at is None
    assert ((await kept.row(small)).last_scrubbed_at is not None) == (seen[0] == first)
    assert kept.names("d/") == []


async def test_an_object_that_moves_while_it_is_read_is_no_fault(keep: Keep) -> None:
    """The worker releases it, or two officers destroy it, between the facts and the bytes."""
    loop = asyncio.get_running_loop()

    class Moving(MemoryBackend):
        moves: dict = {}  # noqa: RUF012

        def get(self, key, start=0, stop=None):
            if move := self.moves.pop(key, None):
                asyncio.run_coroutine_threadsafe(move(), loop).result(10)
            return super().get(key, start, stop)

    backend = Moving()
    kept = await keep(backend)
    oid = await kept.held(b"to be released")
    gone = await kept.held(b"to be destroyed")
    staged = await kept.stored(oid)

    async def release() -> None:
        released = await kept.release(staged)
        await kept.write(lambda s: objects.save_released(s, released, objects.sha256_hex(b"to be released")))
        kept.services.vault.discard([part.key for part in staged.parts])

    backend.moves = {staged.parts[0].key: release, (await kept.stored(gone)).parts[0].key: lambda: kept.shred(gone)}
    report = await scrub(kept)
    assert backend.moves == {}
    assert (report.findings, report.unread, report.objects_read) == ([], {}, 1)
    assert (await kept.row(oid)).layout == "whole"


async def test_a_store_that_does_not_answer_is_no_fault_of_the_objects(keep: Keep) -> None:
    class Silent(MemoryBackend):
        silent = False

        def get(self, key, start=0, stop=None):
            if self.silent:
                raise BackendUnavailable(key=key)
            return super().get(key, start, stop)

    backend = Silent()
    kept = await keep(backend)
    oids = [await kept.released(os.urandom(50)) for _ in range(30)]
    backend.silent = True
    watch = Watch()
    with pytest.raises(BackendUnavailable):  # not even its own faults can be planted
        await scrub(kept, EVERYTHING, watch)
    backend.silent = False
    silenced = Watch(total=lambda _: None)

    def after_the_canaries(_size: int) -> None:
        backend.silent = True

    silenced.seen = after_the_canaries
    report = await scrub(kept, Wish(older_than=None, threads=2), silenced)
    assert not report.sound
    assert report.findings == []
    assert scrubbing.UNREAD_LIMIT <= len(report.unread) < len(oids)
    assert set(report.unread.values()) == {"backend-unavailable"}
    backend.silent = False
    assert (await scrub(kept, Wish(threads=2))).sound


async def test_canaries_of_a_killed_cycle_are_cleared_away_later(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    async def killed(*_: object) -> None:
        raise GeneratorExit

    with monkeypatch.context() as patch:
        patch.setattr(scrubbing._Cycle, "_settle", killed)
        with pytest.raises(GeneratorExit):
            await scrub(kept)
    assert kept.names() != []
    assert (await scrub(kept)).sound
    assert kept.names() != []  # another cycle may still be running
    kept.clock.advance(days=2)
    assert (await scrub(kept)).sound
    assert kept.names() == []
    assert await kept.read(lambda s: s.scalars(select(StoredObjectRow.oid)).all()) == []


@pytest.mark.fault("diag:E1")
async def test_under_another_root_key_every_object_is_e1(kept: Kept, tmp_path: Path) -> None:
    oids = [await kept.released(os.urandom(50)) for _ in range(3)]
    vault = Vault(kept.backend, FileKeyring(tmp_path / "another.json"), geometry=SMALL)
    stranger = Kept(dataclasses.replace(kept.services, vault=vault), kept.clock)
    report = await scrub(stranger)
    assert found(report) == {(oid, "object", "E1") for oid in oids}
    assert (report.canaries_found, report.failed) == (2, False)


async def test_parts_that_lie_apart_are_cared_for_alike(keep: Keep) -> None:
    """A store that cannot join parts keeps each released part under a name of its own."""

    class Apart(MemoryBackend):
        def compose(self, *_: object) -> None:
            raise ComposeRefused

    kept = await keep(Apart())
    sound, rotten, short, lost = [await kept.released(os.urandom(900)) for _ in range(4)]
    assert (await kept.row(sound)).layout == "parts"
    assert (await collecting.collect(kept.services, kept.context(), grace=timedelta(0))).orphans == 0
    assert (await scrub(kept)).sound
    kept.change(f"d/{rotten}/1", lambda blob: flipped(blob, 1000))
    kept.change(f"d/{short}/2", lambda blob: blob[:-1])
    kept.backend.delete(f"d/{lost}/0")
    report = await scrub(kept)
    assert found(report) == {(rotten, "object", "E6"), (short, "object", "E4"), (lost, "object", "absent")}
    assert report.canaries_found == 2
    compared = await reconciling.reconcile(kept.services, kept.context())
    assert {(str(one.wrong), one.name) for one in compared.discrepancies} == {
        ("wrong size", f"d/{short}/2"),
        ("missing", f"d/{lost}/0"),
    }
