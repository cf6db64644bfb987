from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.directory import DirectoryBackend
from storage.errors import BackendUnavailable, ObjectNotFound, StorageFull, StoreRefused


@pytest.fixture
def store(tmp_path: Path) -> DirectoryBackend:
    return DirectoryBackend(tmp_path / "store")


def test_only_the_owner_reads_it(store, tmp_path):
    store.put("q/a/0.x", b"hello", metadata={"x": "1"})
    for path in (tmp_path / "store").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_st25_everything_is_flushed_before_it_is_acknowledged(store, tmp_path, monkeypatch):
    """The order of writes, flushes and renames that loss of power respects."""
    did = []
    fsync, rename = os.fsync, os.rename

    def seen_fsync(handle: int) -> None:
        did.append(("fsync", os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    def seen_rename(source, target) -> None:
        did.append(("rename", str(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "rename", seen_rename)
    store.put("q/a/0.x", b"hello")
    objects = str(tmp_path / "store" / "objects")
    assert did[:2] == [("fsync", objects), ("fsync", f"{objects}/q")]
    assert did[2][0] == "fsync"
    assert did[2][1].startswith(f"{objects}/q/a/.")
    assert did[3:] == [("rename", f"{objects}/q/a/0.x"), ("fsync", f"{objects}/q/a")]


@pytest.mark.fault("att:G05")
@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EIO, BackendUnavailable),
        (errno.EROFS, BackendUnavailable),
        (errno.EACCES, StoreRefused),
    ],
)
def test_a_failed_write_is_named_and_leaves_nothing(store, tmp_path, monkeypatch, number, error):
    def fail(_: int) -> None:
        raise OSError(number, "planted")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error):
        store.put("a", b"hello")
    monkeypatch.undo()
    with pytest.raises(ObjectNotFound):
        store.get("a")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_an_interrupted_write_is_invisible_and_swept(store, tmp_path):
    store.put("q/a/0.x", b"hello")
    hidden = tmp_path / "store" / "objects" / "q" / "a" / ".0123"
    hidden.write_bytes(b"half")
    assert [head.key for head in store.list("")] == ["q/a/0.x"]
    now = datetime.now(UTC)
    assert store.sweep_hidden(now - timedelta(hours=1)) == 0
    assert store.sweep_hidden(now + timedelta(hours=1)) == 1
    assert not hidden.exists()
    assert store.get("q/a/0.x") == b"hello"


def test_empty_folders_do_not_pile_up(store, tmp_path):
    store.put("q/a/0.x", b"hello")
    store.put("q/a/1.x", b"hello")
    store.delete("q/a/0.x")
    assert store.get("q/a/1.x") == b"hello"
    store.delete("q/a/1.x")
    assert list((tmp_path / "store" / "objects" / "q").iterdir()) == []


def test_it_finds_again_what_it_kept(store, tmp_path):
    store.put("d/a", b"hello", metadata={"len": "5"})
    again = DirectoryBackend(tmp_path / "store")
    assert again.get("d/a") == b"hello"
    assert dict(again.head("d/a").metadata) == {"len": "5"}


def test_what_is_read_afresh_comes_from_the_disk(store, tmp_path):
    """As far as the file system drops pages at all: a file of our own beside it shows how far."""
    content = os.urandom(200_000)
    store.put("d/a", content)
    control = tmp_path / "control"
    control.write_bytes(content)
    for path in (control, *tmp_path.rglob("d/a")):
        with open(path, "rb") as file:
            file.read()
            os.fsync(file.fileno())
    with open(control, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    store.forget_cached("d/a")
    store.forget_cached("d/none")
    (kept,) = tmp_path.rglob("d/a")
    assert _in_memory(kept) == _in_memory(control)
    assert store.get("d/a") == content


def _in_memory(path):
    with open(path, "rb", buffering=0) as file:
        try:
            return os.preadv(file.fileno(), [bytearray(4096)], 0, os.RWF_NOWAIT) > 0
        except BlockingIOError:
            return False
        except OSError:
            return None
