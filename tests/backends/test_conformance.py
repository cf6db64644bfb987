"""One suite for every backend: what only one of them does is not relied on."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from storage.backend import Backend, Composes, Copies, Purges
from storage.capabilities import capabilities
from storage.errors import NameRefused, ObjectNotFound
from storage.keys.file import FileKeyring
from storage.streaming import Geometry
from storage.vault import Layout, StoredObject, Vault

OID = "00000000-0000-4000-8000-000000000001"
CONTENT = bytes(range(256)) * 5


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_003])
def test_what_is_put_is_got(backend: Backend, size):
    content = os.urandom(size)
    backend.put("q/a/0.x", content)
    assert backend.get("q/a/0.x") == content
    assert backend.head("q/a/0.x").size_bytes == size


@pytest.mark.parametrize(
    "shape", [bytes, bytearray, memoryview, lambda c: [c[:7], memoryview(c)[7:9], b"", bytearray(c[9:])]]
)
def test_any_buffer_is_taken(backend: Backend, shape):
    backend.put("q/a/0.x", shape(CONTENT), sha256=hashlib.sha256(CONTENT).digest())
    assert backend.get("q/a/0.x") == CONTENT


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (0, 0),
        (5, 5),
        (1, 1280),
        (1279, 1280),
        (1279, 5000),
        (1280, 1281),
        (9999, 10_000),
        (1280, 1280),
        (0, 9999),
    ],
)
def test_ranges_are_exact_and_end_with_the_blob(backend: Backend, start, stop):
    backend.put("q/a/0.x", CONTENT)
    assert backend.get("q/a/0.x", start, stop) == CONTENT[start:stop]
    assert backend.get("q/a/0.x", start) == CONTENT[start:]


def test_ranges_of_an_empty_blob(backend: Backend):
    backend.put("q/a/0.x", b"")
    assert backend.get("q/a/0.x", 0, 1) == backend.get("q/a/0.x", 5, 9) == backend.get("q/a/0.x") == b""


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (5, 4)])
def test_a_range_that_runs_backwards_is_a_mistake(backend: Backend, start, stop):
    backend.put("q/a/0.x", CONTENT)
    with pytest.raises(ValueError, match="range"):
        backend.get("q/a/0.x", start, stop)


def test_what_is_absent_is_not_found(backend: Backend):
    for call in (backend.get, backend.head, lambda key: backend.get(key, 0, 0), lambda key: backend.get(key, 5, 9)):
        with pytest.raises(ObjectNotFound):
            call("q/none/0.x")
    with pytest.raises(ObjectNotFound):
        backend.get("q")


def test_head_tells_size_instant_and_metadata(backend: Backend):
    metadata = {"oid": OID, "len": "5", "suite": "tink-aes256gcm-hkdf-64k"}
    backend.put("d/one", b"hello", metadata=metadata)
    head = backend.head("d/one")
    assert (head.key, head.size_bytes, dict(head.metadata)) == ("d/one", 5, metadata)
    assert head.last_modified_at.tzinfo is not None
    assert abs(head.last_modified_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_putting_again_replaces_all_of_it(backend: Backend):
    backend.put("k/one.json", CONTENT, metadata={"first": "1"})
    backend.put("k/one.json", b"short")
    assert backend.get("k/one.json") == b"short"
    assert dict(backend.head("k/one.json").metadata) == {}


def test_deleting_is_done_once_or_twice(backend: Backend):
    backend.put("q/a/0.x", CONTENT)
    backend.delete("q/a/0.x")
    backend.delete("q/a/0.x")
    backend.delete("q/never/0.x")
    with pytest.raises(ObjectNotFound):
        backend.get("q/a/0.x")
    backend.put("q/a/0.x", b"again")
    assert backend.get("q/a/0.x") == b"again"


def test_a_list_is_ordered_complete_and_by_prefix(backend: Backend):
    keys = ["d/a", "d/a-b", "d/ab", "d/b/0", "d/b/1", "k/a.json", "q/a/0.x", "q/a/tail.x", "q/ab/0.x"]
    for key in reversed(keys):
        backend.put(key, key.encode(), metadata={"x": "1"} if key.startswith("d/") else None)
    for prefix in ("", "d/", "d/a", "d/b/", "q/a/", "q/a", "q/a/t", "k/a.json", "none/"):
        found = list(backend.list(prefix))
        assert [head.key for head in found] == [key for key in sorted(keys) if key.startswith(prefix)], prefix
        assert all(head.size_bytes == len(head.key) for head in found)
        assert all(head.last_modified_at.utcoffset() == timedelta(0) for head in found)


def test_a_list_longer_than_a_page(backend: Backend):
    keys = [f"q/many/{number:04}.x" for number in range(1005)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: backend.put(key, b"x"), keys))
    assert [head.key for head in backend.list("q/many/")] == keys


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/.b",
        "A",
        "a b",
        "a\\b",
        "a\0",
        "é",
        "a%2fb",
        "x" * 600,
        "a\n",
    ],
)
@pytest.mark.fault("att:A01")
def test_no_other_name_is_accepted(backend: Backend, key):
    for call in (
        lambda: backend.put(key, b""),
        lambda: backend.get(key),
        lambda: backend.head(key),
        lambda: backend.delete(key),
    ):
        with pytest.raises(NameRefused):
            call()
    if isinstance(backend, Composes):
        backend.put("d/a", b"x")
        with pytest.raises(NameRefused):
            backend.compose(key, ["d/a"], {})


@pytest.mark.parametrize("prefix", ["/", "/a", "a//b", "..", "../", "a/../b", "A", "a b", "a\0", "é"])
def test_no_other_prefix_is_accepted(backend: Backend, prefix):
    with pytest.raises(NameRefused):
        list(backend.list(prefix))


def test_joining_gives_the_concatenation(backend: Backend):
    # Names that no other test uses as a folder: a store may keep those a while after they are empty.
    assert isinstance(backend, Composes)
    first, second = os.urandom(max(10, backend.compose_minimum_bytes)), os.urandom(10)
    backend.put("q/a/0.x", first)
    backend.put("q/a/1.x", second)
    for _ in range(2):
        backend.compose("d/joined", ["q/a/0.x", "q/a/1.x"], {"len": "20"})
        assert backend.get("d/joined") == first + second
        assert dict(backend.head("d/joined").metadata) == {"len": "20"}
    backend.compose("d/single", ["q/a/1.x"], {"len": "10"})
    assert backend.get("d/single") == second
    assert dict(backend.head("d/single").metadata) == {"len": "10"}


def test_joining_what_is_absent_leaves_nothing(backend: Backend):
    assert isinstance(backend, Composes)
    backend.put("q/a/0.x", os.urandom(max(10, backend.compose_minimum_bytes)))
    for sources in (["q/a/0.x", "q/none"], ["q/none"]):
        with pytest.raises(ObjectNotFound):
            backend.compose("d/a", sources, {})
    assert [head.key for head in backend.list("d/")] == []


def test_copying(backend: Backend):
    assert isinstance(backend, Copies)
    backend.put("q/a/0.x", CONTENT)
    backend.copy("q/a/0.x", "d/copied/0", {"oid": OID})
    assert backend.get("d/copied/0") == CONTENT
    assert dict(backend.head("d/copied/0").metadata) == {"oid": OID}
    with pytest.raises(ObjectNotFound):
        backend.copy("q/none", "d/b/0", {})


@pytest.mark.s3
def test_purging_forgets_one_blob_only(purging_backend: Backend):
    assert isinstance(purging_backend, Purges)
    purging_backend.put("d/a", b"one")
    purging_backend.put("d/ab", b"two")
    purging_backend.purge("d/a")
    purging_backend.purge("d/a")
    assert [head.key for head in purging_backend.list("d/")] == ["d/ab"]


def test_a_reader_sees_old_or_new_but_never_a_mixture(backend: Backend):
    old, new = b"o" * 200_000, b"n" * 200_000
    backend.put("k/a.json", old)
    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(backend.put, "k/a.json", content) for content in (new, old) * 5]
        seen = {backend.get("k/a.json") for _ in range(10)}
        for write in writes:
            write.result()
    assert seen <= {old, new}


def test_the_self_test_is_satisfied_and_tidy(backend: Backend):
    found = capabilities(backend, random=os.urandom)
    assert found.sufficient
    assert found.composes
    assert found.copies
    assert list(backend.list("")) == []


@pytest.mark.parametrize("geometry", [Geometry(512, 128), Geometry()], ids=["small", "full"])
def test_a_vault_lives_on_it(backend: Backend, tmp_path, geometry):
    """Small parts cannot be joined by every store; then they lie apart, and read the same."""
    vault = Vault(backend, FileKeyring(tmp_path / "root.json"), geometry=geometry)
    content = os.urandom(997) * (2 * vault.part_plain_bytes // 997 + 1)
    scope_key = vault.new_scope_key("99001/6A17/original")
    data_key = vault.new_data_key(
        scope_key, str(uuid4()), len(content)
    )  # SeaweedFS keeps a name's emptied folder for a while
    writer = vault.resume(scope_key, data_key)
    tail = writer.seal_tail(0, content[:100])
    assert writer.open_tail(tail) == content[:100]
    size = vault.part_plain_bytes
    parts = tuple(writer.seal_part(i, memoryview(content)[i * size : (i + 1) * size]) for i in range(writer.part_count))
    stored = StoredObject(scope_key, data_key, parts, Layout.STAGED)
    assert vault.verify(stored) == hashlib.sha256(content).hexdigest()
    released = vault.release(stored, metadata={}, sealed={"file_name": "EXAMPLE.pdf"})
    assert isinstance(backend, Composes)
    possible = backend.compose_minimum_bytes <= geometry.part_ciphertext_bytes
    assert released.layout == (Layout.WHOLE if possible else Layout.PARTS)
    vault.discard([tail.key, *(part.key for part in parts)])
    assert vault.release(stored, metadata={}, sealed={}) == released
    assert list(backend.list("q/")) == []
    assert vault.verify(released) == hashlib.sha256(content).hexdigest()
    reader = vault.open(released)
    for start, stop in ((0, 10), (size - 5, size + 5), (size, size), (len(content) - 3, len(content))):
        assert b"".join(reader.read(start, stop)) == content[start:stop]
    vault.shred(released)
    assert list(backend.list("")) == []
