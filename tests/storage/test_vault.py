from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage import keyring
from storage.directory import DirectoryBackend
from storage.errors import (
    BackendUnavailable,
    KeyRefused,
    KeyUnavailable,
    LengthMismatch,
    ObjectNotFound,
    ObjectTampered,
    RangeRefused,
    StorageError,
)
from storage.memory import MemoryBackend
from storage.vault import Layout, StoredObject, Vault

from .conftest import OID, OTHER_OID, SMALL

P = SMALL.part_plain_bytes
SCOPE = "99001/6A17/original"


class PlainBackend:
    """The contract and none of the optional powers, over a memory backend."""

    def __init__(self, inner: MemoryBackend) -> None:
        self.put, self.get, self.head = inner.put, inner.get, inner.head
        self.delete, self.list = inner.delete, inner.list


def staged(vault: Vault, content: bytes, oid: str = OID, scope_key=None) -> StoredObject:
    scope_key = scope_key or vault.new_scope_key(SCOPE)
    data_key = vault.new_data_key(scope_key, oid, len(content))
    writer = vault.resume(scope_key, data_key)
    parts = tuple(
        writer.seal_part(index, memoryview(content)[index * P : (index + 1) * P]) for index in range(writer.part_count)
    )
    return StoredObject(scope_key, data_key, parts, Layout.STAGED)


def release(vault: Vault, stored: StoredObject) -> StoredObject:
    return vault.release(stored, metadata={}, sealed={"file_name": "EXAMPLE.pdf"})


def layouts(vault: Vault, backend: MemoryBackend, keys, content: bytes) -> list[tuple[Vault, StoredObject]]:
    stored = staged(vault, content)
    plain = Vault(PlainBackend(backend), keys, geometry=SMALL)
    apart = staged(plain, content, OTHER_OID)
    return [(vault, stored), (vault, release(vault, stored)), (plain, release(plain, apart))]


def diagnosis(caught) -> object:
    return caught.value.facts.get("diagnosis")


@pytest.mark.parametrize("length", [0, 1, 71, 72, 73, P - 1, P, P + 1, 2 * P, 3 * P - 1, 3 * P + 5])
def test_st18_every_layout_gives_the_same_bytes(vault, backend, keys, length):
    content = os.urandom(length)
    seen = []
    for owner, stored in layouts(vault, backend, keys, content):
        reader = owner.open(stored)
        assert reader.size_bytes == length
        assert b"".join(reader.read()) == content
        assert owner.verify(stored) == hashlib.sha256(content).hexdigest()
        seen.append(stored.layout)
    assert seen == ["staged", "whole", "parts"]
    assert backend.head(f"d/{OID}").size_bytes == SMALL.stored_bytes(length)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60, deadline=None
)
@given(ends=st.tuples(st.integers(0, 3 * P), st.integers(0, 3 * P)))
def test_every_range_is_exact(vault, backend, ends):
    content = bytes(range(256)) * (3 * P // 256 + 1)
    content = content[: 3 * P]
    stored = release(vault, staged(vault, content))
    start, stop = sorted(ends)
    assert b"".join(vault.open(stored).read(start, stop)) == content[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(-1, 1), (0, 11), (5, 4), (11, 11)])
def test_a_range_outside_is_refused_at_once(vault, start, stop):
    reader = vault.open(staged(vault, b"0123456789"))
    with pytest.raises(RangeRefused):
        reader.read(start, stop)


def test_a_small_range_fetches_only_its_segments(vault, backend, monkeypatch):
    stored = release(vault, staged(vault, os.urandom(2 * P)))
    asked = []
    get = backend.get
    monkeypatch.setattr(
        backend, "get", lambda key, start=0, stop=None: asked.append((start, stop)) or get(key, start, stop)
    )
    list(vault.open(stored).read(P + 80, P + 90))
    assert asked == [(512 + 128, 512 + 256)]


def test_nothing_in_the_store_shows_the_content(vault, backend):
    content = b"CANARY-7f3a" * 200
    stored = staged(vault, content)
    tail = vault.resume(stored.scope_key, vault.new_data_key(stored.scope_key, OTHER_OID, 1000))
    tail.seal_tail(0, b"CANARY-7f3a")
    release(vault, stored)
    for head in backend.list(""):
        blob = backend.get(head.key)
        assert b"CANARY" not in blob
        assert b"EXAMPLE" not in blob


@pytest.mark.parametrize(("index", "length"), [(0, P - 1), (0, P + 1), (1, 9), (1, 11), (1, 0)])
def test_a_part_of_another_length_is_refused(vault, backend, index, length):
    scope_key = vault.new_scope_key(SCOPE)
    writer = vault.resume(scope_key, vault.new_data_key(scope_key, OID, P + 10))
    assert [writer.expected_part_bytes(i) for i in range(writer.part_count)] == [P, 10]
    with pytest.raises(LengthMismatch):
        writer.seal_part(index, bytes(length))
    assert list(backend.list("")) == []


class TestTail:
    def writer(self, vault):
        scope_key = vault.new_scope_key(SCOPE)
        return vault.resume(scope_key, vault.new_data_key(scope_key, OID, P + 10))

    @pytest.mark.parametrize("length", [1, 72, 73, P - 1])
    def test_it_comes_back(self, vault, length):
        writer = self.writer(vault)
        content = os.urandom(length)
        assert writer.open_tail(writer.seal_tail(0, content)) == content

    @pytest.mark.parametrize(("index", "length"), [(0, 0), (0, P), (1, 10)])
    def test_a_whole_part_or_nothing_is_no_tail(self, vault, index, length):
        with pytest.raises(LengthMismatch):
            self.writer(vault).seal_tail(index, bytes(length))

    @pytest.mark.fault("att:F07")
    def test_st09_an_older_tail_of_equal_length_is_refused(self, vault, backend):
        writer = self.writer(vault)
        old, new = writer.seal_tail(0, b"first"), writer.seal_tail(0, b"later")
        backend.put(new.key, backend.get(old.key))
        with pytest.raises(ObjectTampered) as caught:
            writer.open_tail(new)
        assert diagnosis(caught) == "E3"

    def test_changes_are_diagnosed(self, vault, backend):
        writer = self.writer(vault)
        tail = writer.seal_tail(0, b"hello")
        blob = backend.get(tail.key)
        for bad, code in ((blob[:-1], "E4"), (blob + b"\0", "E4"), (blob[:-1] + bytes([blob[-1] ^ 1]), "E6")):
            backend.put(tail.key, bad)
            with pytest.raises(ObjectTampered) as caught:
                writer.open_tail(tail)
            assert diagnosis(caught) == code
        backend.delete(tail.key)
        with pytest.raises(ObjectNotFound):
            writer.open_tail(tail)


@pytest.mark.fault("att:F11")
def test_st01_sealing_again_shares_neither_name_nor_header(vault):
    scope_key = vault.new_scope_key(SCOPE)
    data_key = vault.new_data_key(scope_key, OID, 5)
    parts = [vault.resume(scope_key, data_key).seal_part(0, content) for content in (b"hello",) * 20 + (b"other",) * 20]
    assert len({part.key for part in parts}) == len({part.header for part in parts}) == 40


@pytest.mark.fault("att:F07")
def test_st09_an_older_attempt_at_a_part_is_refused(vault, backend):
    scope_key = vault.new_scope_key(SCOPE)
    data_key = vault.new_data_key(scope_key, OID, 300)
    writer = vault.resume(scope_key, data_key)
    old, new = writer.seal_part(0, b"a" * 300), writer.seal_part(0, b"b" * 300)
    stored = StoredObject(scope_key, data_key, (new,), Layout.STAGED)
    backend.put(new.key, backend.get(old.key))
    for start in (0, 80, 299):
        with pytest.raises(ObjectTampered) as caught:
            list(vault.open(stored).read(start, 300))
        assert diagnosis(caught) == "E3"
    with pytest.raises(ObjectTampered) as caught:
        vault.verify(stored)
    assert diagnosis(caught) == "E3"
    with pytest.raises(ObjectTampered) as caught:
        release(vault, stored)
    assert diagnosis(caught) == "E3"


@pytest.mark.fault("att:F03", "att:F04")
def test_st11_planted_faults_are_diagnosed_in_every_layout(vault, backend, keys):
    content = os.urandom(2 * P + 100)
    for owner, stored in layouts(vault, backend, keys, content):
        last = stored.parts[-1]
        key = last.key
        good = backend.get(key)
        base = 2 * 512 if stored.layout == "whole" else 0

        def flipped(position: int, good: bytes = good) -> bytes:
            return good[:position] + bytes([good[position] ^ 0x80]) + good[position + 1 :]

        cases = [
            (flipped(base + 3), "E3", "E3"),
            (flipped(base + 45), "E5", "E6"),
            (flipped(len(good) - 1), "E5", "E6"),
            (good[:-1], "E4", "E4"),
            (good + b"\0", "E4", "E4"),
        ]
        for bad, on_read, on_verify in cases:
            backend.put(key, bad)
            pieces: list[bytes] = []
            with pytest.raises(ObjectTampered) as caught:
                pieces.extend(owner.open(stored).read())
            out = b"".join(pieces)
            assert diagnosis(caught) == on_read
            assert content.startswith(out)
            assert len(out) < len(content)
            with pytest.raises(ObjectTampered) as caught:
                owner.verify(stored)
            assert diagnosis(caught) == on_verify
        backend.delete(key)
        with pytest.raises(ObjectNotFound):
            owner.verify(stored)
        backend.put(key, good)
        assert owner.verify(stored)


def test_a_short_answer_about_a_sound_object_is_a_fault_of_the_store(vault, backend, monkeypatch):
    stored = staged(vault, b"x" * 300)
    get = backend.get
    monkeypatch.setattr(backend, "get", lambda key, start=0, stop=None: get(key, start, stop)[:-1])
    with pytest.raises(BackendUnavailable):
        list(vault.open(stored).read())


@pytest.mark.fault("att:F01")
def test_two_objects_swapped_are_refused(vault, backend):
    scope_key = vault.new_scope_key(SCOPE)
    one, two = staged(vault, b"a" * 300, OID, scope_key), staged(vault, b"b" * 300, OTHER_OID, scope_key)
    swapped = replace(one, parts=(replace(two.parts[0], key=one.parts[0].key),))
    backend.put(one.parts[0].key, backend.get(two.parts[0].key))
    with pytest.raises(ObjectTampered) as caught:
        list(vault.open(swapped).read())
    assert diagnosis(caught) == "E5"


@pytest.mark.fault("att:F02", "att:F05")
def test_swapped_or_altered_key_records_are_refused(vault):
    one, two = staged(vault, b"a", OID), staged(vault, b"b", OTHER_OID)
    same_scope = staged(vault, b"c", "00000000-0000-4000-8000-000000000003", one.scope_key)
    bad = [
        replace(one, scope_key=two.scope_key),
        replace(one, scope_key=replace(one.scope_key, blob=two.scope_key.blob)),
        replace(one, scope_key=replace(one.scope_key, scope="99002/6A17/original")),
        replace(one, data_key=replace(one.data_key, blob=same_scope.data_key.blob)),
        replace(one, data_key=replace(one.data_key, suite="older")),
        replace(one, data_key=replace(one.data_key, total_bytes=2)),
    ]
    for stored in bad:
        with pytest.raises(KeyRefused) as caught:
            vault.open(stored)
        assert diagnosis(caught) == "E1"
    with pytest.raises(ObjectTampered) as caught:
        vault.open(replace(one, data_key=replace(one.data_key, commitment=two.data_key.commitment)))
    assert diagnosis(caught) == "E2"


def test_st10_a_wrong_data_key_decrypts_nothing(vault, backend, monkeypatch):
    stored = staged(vault, b"a")
    wrong = replace(stored, data_key=replace(stored.data_key, commitment=bytes(32)))
    monkeypatch.setattr(backend, "get", lambda *_: pytest.fail("nothing may be read under a wrong key"))
    with pytest.raises(ObjectTampered) as caught:
        vault.open(wrong)
    assert diagnosis(caught) == "E2"


def test_facts_that_do_not_fit_are_refused(vault):
    stored = staged(vault, os.urandom(2 * P))
    first, second = stored.parts
    for parts in ((), (first,), (second, first), (first, second, second), (first, replace(second, plain_bytes=P - 1))):
        with pytest.raises(ObjectTampered):
            vault.open(replace(stored, parts=parts))


class TestRelease:
    def test_it_is_the_concatenation_and_repeatable(self, vault, backend):
        stored = staged(vault, os.urandom(2 * P + 7))
        joined = b"".join(backend.get(part.key) for part in stored.parts)
        released = release(vault, stored)
        assert backend.get(f"d/{OID}") == joined
        vault.discard(part.key for part in stored.parts)
        assert release(vault, stored) == release(vault, released) == released
        assert backend.get(f"d/{OID}") == joined
        assert [head.key for head in backend.list("")] == [f"d/{OID}", f"k/{OID}.json"]

    def test_st17_a_wrong_earlier_attempt_is_replaced(self, vault, backend):
        stored = staged(vault, os.urandom(P + 7))
        backend.put(f"d/{OID}", b"half of it")
        assert vault.verify(release(vault, stored)) == vault.verify(stored)

    def test_st17_a_planted_object_of_the_right_size_and_description_is_replaced(self, vault, backend):
        stored = staged(vault, os.urandom(P))
        released = release(vault, stored)
        head = backend.head(f"d/{OID}")
        backend.put(f"d/{OID}", bytes(head.size_bytes), metadata=head.metadata)
        assert release(vault, stored) == released
        assert vault.verify(released) == vault.verify(stored)

    def test_a_store_that_always_copies_something_else_releases_nothing(self, vault, backend, monkeypatch):
        stored = staged(vault, os.urandom(P))
        other = bytes(stored.parts[0].sealed_bytes)
        monkeypatch.setattr(
            backend, "compose", lambda target, _, metadata: backend.put(target, other, metadata=metadata)
        )
        with pytest.raises(ObjectTampered) as caught:
            release(vault, stored)
        assert diagnosis(caught) == "E3"

    def test_metadata_beside_the_object_says_nothing_of_a_person(self, vault, backend):
        stored = staged(vault, b"x")
        vault.release(stored, metadata={"class": "original"}, sealed={"candidate": "EXAMPLE:ADA TEST"})
        assert set(backend.head(f"d/{OID}").metadata) == {"class", "sdr", "suite", "oid", "sk_id", "len", "commit"}
        assert b"EXAMPLE" not in backend.get(f"k/{OID}.json")

    def test_the_sidecar_restores_the_facts(self, vault, backend, keys):
        content = os.urandom(P + 7)
        for owner, stored in layouts(vault, backend, keys, content)[1:]:
            found, metadata = Vault(backend, keys, geometry=SMALL).recover(stored.scope_key, stored.data_key.oid)
            assert found == stored
            assert metadata == {"file_name": "EXAMPLE.pdf"}
            assert owner.verify(found) == hashlib.sha256(content).hexdigest()

    def test_an_altered_sidecar_is_refused(self, vault, backend):
        stored = release(vault, staged(vault, b"hello"))
        sidecar = json.loads(backend.get(f"k/{OID}.json"))
        keyring_fields = {"wrapped_key", "sk_id", "oid", "total_len", "suite"}
        for name in sidecar:
            value = sidecar[name]
            changed = {
                **sidecar,
                name: value + 1 if isinstance(value, int) else [] if isinstance(value, list) else "00",
            }
            backend.put(f"k/{OID}.json", json.dumps(changed).encode())
            with pytest.raises((ObjectTampered, KeyRefused)) as caught:
                vault.recover(stored.scope_key, OID)
            assert isinstance(caught.value, KeyRefused) is (name in keyring_fields), name
        backend.put(f"k/{OID}.json", b"not json")
        with pytest.raises(ObjectTampered):
            vault.recover(stored.scope_key, OID)

    def test_a_staged_sidecar_finds_the_staged_parts_again(self, vault, backend):
        stored = staged(vault, os.urandom(2 * P))
        vault.resume(stored.scope_key, stored.data_key).seal_part(0, os.urandom(P))
        vault.record(stored, {"file_name": "EXAMPLE.pdf"})
        assert vault.recover(stored.scope_key, OID)[0] == stored


@pytest.mark.fault("att:F16")
def test_st22_shredding_leaves_nothing(vault, backend, keys):
    for owner, stored in layouts(vault, backend, keys, os.urandom(2 * P)):
        owner.shred(stored)
        owner.shred(stored)
        with pytest.raises(ObjectNotFound):
            list(owner.open(stored).read())
    assert list(backend.list("")) == []


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """The file provider with a switch, counting what it is asked."""

    def __init__(self, inner) -> None:
        self.inner, self.down, self.unwrapped = inner, False, 0

    def current(self) -> str:
        return self.inner.current()

    def wrap(self, key, context) -> bytes:
        if self.down:
            raise KeyUnavailable
        return self.inner.wrap(key, context)

    def unwrap(self, blob, context):
        if self.down:
            raise KeyUnavailable
        self.unwrapped += 1
        return self.inner.unwrap(blob, context)


@pytest.mark.fault("att:F09")
def test_st27_remembered_scope_keys_serve_for_five_minutes(backend, keys):
    clock, provider = Clock(), Provider(keys)
    vault = Vault(backend, provider, geometry=SMALL, clock=clock)
    stored = staged(vault, b"hello")
    vault.forget_keys()
    vault.verify(stored)
    vault.verify(stored)
    assert provider.unwrapped == 1
    provider.down = True
    clock.now = 299.0
    assert vault.verify(stored)
    with pytest.raises(KeyUnavailable):
        vault.new_scope_key(SCOPE)
    clock.now = 301.0
    before = len(list(backend.list("")))
    with pytest.raises(KeyUnavailable):
        vault.open(stored)
    with pytest.raises(KeyUnavailable):
        vault.new_data_key(stored.scope_key, OTHER_OID, 1)
    assert len(list(backend.list(""))) == before


@pytest.mark.fault("att:F08")
def test_st21_a_rewrapped_scope_key_opens_after_the_old_root_is_retired(backend, keys):
    vault = Vault(backend, keys, geometry=SMALL)
    stored = staged(vault, b"hello")
    old = keys.current()
    keys.rotate()
    renewed = replace(stored, scope_key=vault.rewrap_scope_key(stored.scope_key))
    keys.retire(old)
    vault.forget_keys()
    assert vault.verify(renewed) == hashlib.sha256(b"hello").hexdigest()
    with pytest.raises(KeyRefused):
        vault.verify(stored)


def test_discard_does_its_best(vault, backend, monkeypatch):
    stored = staged(vault, os.urandom(2 * P))
    vault.discard([*(part.key for part in stored.parts), "q/none"])
    assert list(backend.list("")) == []

    def refuse(key: str) -> None:
        raise BackendUnavailable

    monkeypatch.setattr(backend, "delete", refuse)
    vault.discard(["q/none"])


def test_no_error_tells_a_key_or_a_code(vault, backend):
    stored = staged(vault, b"hello")
    backend.put(stored.parts[0].key, backend.get(stored.parts[0].key)[:-1] + b"\0")
    with pytest.raises(StorageError) as caught:
        vault.verify(stored)
    assert caught.value.code == "object-tampered"
    assert "E6" not in str(caught.value)


def test_a_stranger_opens_an_export_with_tink_alone(keys, tmp_path):
    """Two parts at full size, on a real directory, decrypted by the shipped script in another process."""
    vault = Vault(DirectoryBackend(tmp_path / "store"), keys)
    content = os.urandom(4096) * (vault.part_plain_bytes // 4096 + 2)
    scope_key = vault.new_scope_key(SCOPE)
    data_key = vault.new_data_key(scope_key, OID, len(content))
    writer = vault.resume(scope_key, data_key)
    size = vault.part_plain_bytes
    parts = tuple(writer.seal_part(i, memoryview(content)[i * size : (i + 1) * size]) for i in range(writer.part_count))
    released = release(vault, StoredObject(scope_key, data_key, parts, Layout.STAGED))
    assert released.layout == "whole"
    assert vault.verify(released) == hashlib.sha256(content).hexdigest()
    export = vault.export_key(released)
    (tmp_path / "key.json").write_text(json.dumps(export))
    script = Path(__file__).parents[2] / "infra" / "dev" / "decrypt_with_tink.py"
    command = [sys.executable, str(script), "key.json", f"store/objects/d/{OID}", "plain"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    assert (tmp_path / "plain").read_bytes() == content
    assert len(script.read_text().splitlines()) <= 40
    assert "storage" not in script.read_text().replace("stored", "")


def test_keyring_is_the_only_door_to_a_data_key(vault):
    stored = staged(vault, b"hello")
    assert len(stored.data_key.blob) == keyring.WRAP_BYTES
    assert len(stored.data_key.commitment) == 32
