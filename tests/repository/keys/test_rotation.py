"""Keys are rotated while the service runs; objects are not touched, and an interrupted rotation is finished."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import count

import pytest

from repository import objects
from repository.errors import KeyStillNeeded, NotFound
from repository.keys import rotation
from repository.tables import ScopeKeyRow
from storage.backend import Backend, ObjectHead
from storage.errors import BackendUnavailable, KeyRefused, KeyUnavailable
from storage.keyring import SecretKey
from storage.keys.file import FileKeyring
from storage.keys.provider import Rotates
from storage.vault import Vault
from tests.repository.files import pdf

from ...patience import PATIENCE_SECONDS
from .conftest import SCOPE, Keeping

OF_ONE = 4
"""Objects of one document: itself, and the pictures, thumbnails and words that are shown in its place."""


class Failing:
    """A provider that goes away after so many wraps."""

    def __init__(self, inner: FileKeyring, wraps: int) -> None:
        self.inner, self.left = inner, wraps
        self.current, self.unwrap, self.rotate = inner.current, inner.unwrap, inner.rotate

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise KeyUnavailable
        return self.inner.wrap(key, context)


class Stopping:
    """A store that stops answering after so many writes."""

    def __init__(self, inner: Backend, writes: int) -> None:
        self.inner, self.left = inner, writes
        self.get, self.head, self.delete = inner.get, inner.head, inner.delete

    def put(self, key: str, data: bytes, **words: object) -> None:
        self.left -= 1
        if self.left < 0:
            raise BackendUnavailable
        self.inner.put(key, data, **words)

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        return self.inner.list(prefix)


async def more_scopes(keeping: Keeping, number: int) -> None:
    vault = keeping.services.vault
    for index in range(number):
        made = vault.new_scope_key(f"99902/01-6A26/class-{index}")
        assert await keeping.services.database.write(lambda s, m=made: objects.add_scope_key(s, m, keeping.now))


@pytest.mark.fault("att:F08")
async def test_st21_a_rotated_root_key_leaves_objects_alone_and_the_old_version_can_go(keeping: Keeping) -> None:
    await keeping.receive(2)
    await more_scopes(keeping, 3)
    before, old = keeping.documents(), keeping.services.vault.keys.current()
    done = await rotation.rotate_root(keeping.services, keeping.context)
    assert (done.rewrapped, done.resumed, done.refused) == (4, False, [])
    assert done.key_id == keeping.services.vault.keys.current() != old
    scopes, _ = await keeping.rows()
    assert {row.kid for row in scopes.values()} == {done.key_id}
    assert keeping.documents() == before
    await rotation.retire_root(keeping.services, keeping.context, old)
    await keeping.all_open()
    events = await keeping.events("keys.")
    assert [action for action, *_ in events] == ["keys.root_rotated", "keys.root_rotated", "keys.root_retired"]


async def test_a_version_that_still_wraps_keys_is_not_retired(keeping: Keeping) -> None:
    await keeping.receive(1)
    keys = keeping.services.vault.keys
    assert isinstance(keys, Rotates)
    old = keys.current()
    keys.rotate()
    with pytest.raises(KeyStillNeeded, match="1 scope keys"):
        await rotation.retire_root(keeping.services, keeping.context, old)
    await rotation.rotate_root(keeping.services, keeping.context)
    with pytest.raises(KeyStillNeeded, match="1 scope keys"):
        await rotation.retire_root(keeping.services, keeping.context, keys.current())
    unused = keys.rotate()
    with pytest.raises(KeyRefused, match="older"):
        await rotation.retire_root(keeping.services, keeping.context, unused)
    await keeping.all_open()


@pytest.mark.fault("inj:F13")
async def test_an_interrupted_rotation_of_the_root_is_finished_without_another_version(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    await keeping.receive(1)
    await more_scopes(keeping, 4)
    keys = keeping.services.vault.keys
    assert isinstance(keys, FileKeyring)
    for wraps in (0, 3):  # the probe wraps once; a batch of two is what had been committed
        broken = keeping.with_vault(Vault(keeping.services.vault.backend, Failing(keys, wraps)))
        with pytest.raises(KeyUnavailable):
            await rotation.rotate_root(broken.services, keeping.context)
    assert len(keys.versions()) == 2
    scopes, _ = await keeping.rows()
    assert sorted(row.kid == keys.current() for row in scopes.values()) == [False] * 3 + [True] * 2
    await keeping.all_open()
    done = await rotation.rotate_root(keeping.services, keeping.context)
    assert (done.resumed, done.rewrapped, len(keys.versions())) == (True, 3, 2)
    await rotation.retire_root(keeping.services, keeping.context, keys.versions()[0])
    await keeping.all_open()


async def test_a_scope_key_that_does_not_open_is_named_and_left(keeping: Keeping) -> None:
    await keeping.receive(1)
    await more_scopes(keeping, 1)

    def alter(session):
        row = session.query(ScopeKeyRow).filter(ScopeKeyRow.scope != SCOPE).one()
        row.blob = row.blob[:-1] + bytes([row.blob[-1] ^ 1])
        return row.sk_id, row.blob

    sk_id, blob = await keeping.services.database.write(alter)
    done = await rotation.rotate_root(keeping.services, keeping.context)
    assert (done.refused, done.rewrapped) == ([sk_id], 1)
    scopes, _ = await keeping.rows()
    assert scopes[sk_id].blob == blob
    await keeping.all_open()


@pytest.mark.fault("att:F08")
async def test_st21_a_rotated_scope_key_takes_its_data_keys_and_recovery_copies_along(keeping: Keeping) -> None:
    await keeping.receive(3)
    data = pdf(1, "Half received")
    half = await keeping.stage.create(len(data), data[:500], item=4)
    before, (scopes, _) = keeping.documents(), await keeping.rows()
    ((old_id, old),) = scopes.items()
    old_facts = await keeping.stored(next(iter(keeping.files)))
    done = await rotation.rotate_scope(keeping.services, keeping.context, SCOPE)
    assert (done.resumed, done.rewrapped, done.renewed, done.retired) == (False, 3 * OF_ONE + 1, 3 * OF_ONE, 1)
    assert keeping.documents() == before
    scopes, data_keys = await keeping.rows()
    assert {row.sk_id for row in data_keys.values()} == {done.key_id} != {old_id}
    retired = scopes[old_id]
    assert (retired.blob, retired.kid) == (b"", old.kid)
    assert retired.superseded_at is not None
    assert retired.retired_at is not None
    keeping.services.vault.verify(old_facts)  # whoever began to read before the rotation reads on
    assert (await keeping.stage.patch(half, 500, data[500:]))[0] == 204
    assert (await keeping.stage.document(half))["state"] == "released"
    keeping.files[half["Location"].rpartition("/")[2]] = data
    await keeping.receive(1)
    await keeping.all_open()
    assert (await rotation.rotate_scope(keeping.services, keeping.context, SCOPE)).rewrapped == 5 * OF_ONE
    await keeping.all_open()


async def test_a_scope_without_a_key_is_not_found(keeping: Keeping) -> None:
    with pytest.raises(NotFound, match="nea keys list"):
        await rotation.rotate_scope(keeping.services, keeping.context, "99999/01-6A26/original")


@pytest.mark.fault("inj:F1")
async def test_a_rotation_of_a_scope_stopped_at_any_write_is_finished(keeping: Keeping) -> None:
    await keeping.receive(3)
    (old_id,) = (await keeping.rows())[0]
    whole = keeping.services.vault
    for writes in count():
        broken = keeping.with_vault(Vault(Stopping(whole.backend, writes), whole.keys))
        try:
            done = await rotation.rotate_scope(broken.services, keeping.context, SCOPE)
        except BackendUnavailable:
            scopes, _ = await keeping.rows()
            assert scopes[old_id].blob != b"", "not retired before every recovery copy was renewed"
            for oid, data in keeping.files.items():
                assert await keeping.read(oid) == data
            continue
        break
    assert writes == 5, (
        "of twelve none was renewed at first, then one, two, three, four, so the sixth try finds two left"
    )
    assert (done.resumed, done.renewed, done.retired) == (True, 2, 1)
    scopes, _ = await keeping.rows()
    assert len(scopes) == 2
    await keeping.all_open()


async def test_an_altered_recovery_copy_is_left_as_evidence(keeping: Keeping) -> None:
    (oid,) = await keeping.receive(1)
    backend = keeping.services.vault.backend
    altered = backend.get(f"k/{oid}.json").replace(b'"layout":"whole"', b'"layout":"parts"')
    backend.put(f"k/{oid}.json", altered)
    done = await rotation.rotate_scope(keeping.services, keeping.context, SCOPE)
    assert (done.stale, done.retired) == ([oid], 1)
    assert backend.get(f"k/{oid}.json") == altered
    assert await keeping.read(oid) == keeping.files[oid]


@pytest.mark.fault("att:F08", "inj:F13")
async def test_rotations_disturb_neither_readers_nor_writers(keeping: Keeping) -> None:
    await keeping.receive(2)
    over = asyncio.Event()

    async def reader() -> int:
        rounds = 0
        while not over.is_set():
            for oid, data in list(keeping.files.items()):
                assert await keeping.read(oid) == data
            rounds += 1
        return rounds

    async def writer() -> None:
        while not over.is_set():
            await keeping.receive(1)

    async def ticker() -> None:
        while True:  # what meets a rotation is done again a little later, by the service's clock
            keeping.stage.service.clock.advance(seconds=0.5)
            await asyncio.sleep(0.05)

    async def rotator() -> None:
        try:
            for _ in range(3):
                await rotation.rotate_root(keeping.services, keeping.context)
                await rotation.rotate_scope(keeping.services, keeping.context, SCOPE)
                keeping.services.vault.forget_keys()
        finally:
            over.set()

    ticking = asyncio.create_task(ticker())
    async with asyncio.timeout(PATIENCE_SECONDS):
        rounds, *_ = await asyncio.gather(reader(), writer(), rotator())
    assert rounds >= 1
    await keeping.receive(1)
    ticking.cancel()
    await keeping.all_open()
    scopes, data_keys = await keeping.rows()
    standing = {sk_id for sk_id, row in scopes.items() if row.superseded_at is None}
    assert {row.sk_id for row in data_keys.values()} == standing
    assert len(standing) == 1
    assert all(row.blob == b"" for sk_id, row in scopes.items() if sk_id not in standing)
