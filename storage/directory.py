"""A backend in a local directory: every blob a file, durable before it is acknowledged.

Blobs lie under `objects/`, their metadata under `metadata/`. A blob is written beside its place under a hidden name,
flushed, renamed, and its folder flushed, with every folder made on the way; only then is it acknowledged. A loss of
power leaves old, new or hidden files.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from storage.backend import Data, ObjectHead, checked_range, pieces
from storage.errors import BackendUnavailable, ObjectNotFound, StorageError, StorageFull, StoreRefused
from storage.names import checked_key, checked_prefix

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM}
_COPY_BYTES = 1024 * 1024
_BLOCK_BYTES = 4096
_DIRECT_FROM_BYTES = 1024 * 1024


@contextmanager
def _failures(key: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ObjectNotFound(key=key) from None
    except OSError as error:
        raise _named(error, key) from error


def _named(error: OSError, key: str) -> StorageError:
    if error.errno in _FULL:
        return StorageFull(key=key)
    if error.errno in _REFUSED:
        return StoreRefused(key=key)
    return BackendUnavailable(key=key, errno=error.errno)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive loss of power."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, each flushed into its parent."""
    missing: list[Path] = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        with suppress(FileExistsError):
            made.mkdir(mode=0o700)
        flush_folder(made.parent)


class DirectoryBackend:
    """Keeps blobs as files below one directory that belongs to this service alone."""

    compose_minimum_bytes = 0

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._metadata = root / "metadata"
        with _failures(""):
            make_folders(self._objects)
            make_folders(self._metadata)

    def put(
        self, key: str, data: Data, *, metadata: Mapping[str, str] | None = None, sha256: bytes | None = None
    ) -> None:
        """Write, flush, rename, flush."""
        place = self._place(key)
        self._keep_metadata(key, metadata)
        with self._fresh(key, place) as file:
            for piece in pieces(data):
                _write_all(file, piece)

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of a range."""
        checked_range(start, stop)
        with _failures(key), open(self._place(key), "rb", buffering=0) as file:
            size_bytes = os.fstat(file.fileno()).st_size
            wanted = max(0, (size_bytes if stop is None else min(stop, size_bytes)) - start)
            got = os.pread(file.fileno(), wanted, start) if wanted else b""
            while len(got) < wanted:  # a read from a network file system may be short
                more = os.pread(file.fileno(), wanted - len(got), start + len(got))
                if not more:
                    raise BackendUnavailable(key=key)
                got += more
            return got

    def head(self, key: str) -> ObjectHead:
        """Size, instant and metadata."""
        place = self._place(key)
        with _failures(key):
            found = place.stat()
            if not place.is_file():
                raise ObjectNotFound(key=key)
        metadata: dict[str, str] = {}
        with suppress(FileNotFoundError, NotADirectoryError):
            metadata = json.loads(self._metadata_place(key).read_bytes())
        return ObjectHead(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC), metadata)

    def delete(self, key: str) -> None:
        """Remove the file, then its metadata; the folder is flushed so that it stays removed."""
        for place in (self._place(key), self._metadata_place(key)):
            with suppress(ObjectNotFound), _failures(key):
                place.unlink()
                flush_folder(place.parent)
                self._drop_empty(place.parent)

    def _drop_empty(self, folder: Path) -> None:
        # A writer that finds its folder gone makes it again, so only the innermost is dropped, and only below the
        # kinds.
        kinds = (self._objects, self._metadata)
        if folder.parent not in kinds and any(kind in folder.parents for kind in kinds):
            with suppress(OSError):
                folder.rmdir()

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Every blob under a prefix, ordered by key."""
        checked_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        with _failures(prefix):
            yield from self._walk(
                self._objects / folder if folder else self._objects, f"{folder}/" if folder else "", prefix
            )

    def _walk(self, folder: Path, base: str, prefix: str) -> Iterator[ObjectHead]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name + ("/" if entry.is_dir() else ""))
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in entries:
            key = base + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if f"{key}/".startswith(prefix) or prefix.startswith(f"{key}/"):
                    yield from self._walk(folder / entry.name, f"{key}/", prefix)
            elif key.startswith(prefix):
                with suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    yield ObjectHead(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def compose(self, target: str, sources: Sequence[str], metadata: Mapping[str, str]) -> None:
        """Append the sources to a hidden file, then give it its name."""
        places = [self._place(source) for source in sources]
        self._keep_metadata(target, metadata)
        with self._fresh(target, self._place(target)) as file:
            for place in places:
                with open(place, "rb", buffering=0) as source:
                    shutil.copyfileobj(source, file, _COPY_BYTES)

    def copy(self, source: str, target: str, metadata: Mapping[str, str]) -> None:
        """Copy a blob."""
        self.compose(target, [source], metadata)

    def forget_cached(self, key: str) -> None:
        """Drop a file from the page cache, so that the next read comes from the disk."""
        with suppress(OSError), open(self._place(key), "rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def sweep_hidden(self, older_than_at: datetime) -> int:
        """Remove hidden files that an interrupted write left behind.

        Takes: an instant before which nothing is still being written.
        Returns: how many were removed.
        """
        swept = 0
        for path in [*self._objects.rglob(".*"), *self._metadata.rglob(".*")]:
            with suppress(FileNotFoundError):
                if path.is_file() and path.stat().st_mtime < older_than_at.timestamp():
                    path.unlink()
                    swept += 1
        return swept

    def _place(self, key: str) -> Path:
        return self._objects / checked_key(key)

    def _metadata_place(self, key: str) -> Path:
        return self._metadata / f"{checked_key(key)}.json"

    def _keep_metadata(self, key: str, metadata: Mapping[str, str] | None) -> None:
        place = self._metadata_place(key)
        if metadata:
            with self._fresh(key, place) as file:
                file.write(json.dumps(dict(metadata), sort_keys=True).encode("ascii"))
        else:
            with suppress(FileNotFoundError, NotADirectoryError):
                place.unlink()

    @contextmanager
    def _fresh(self, key: str, place: Path) -> Iterator[BinaryIO]:
        hidden = place.parent / f".{secrets.token_hex(16)}"
        with _failures(key):
            try:
                with _open_fresh(hidden) as file:
                    yield file
                    os.fsync(file.fileno())
                os.rename(hidden, place)
                flush_folder(place.parent)
            except BaseException:
                with suppress(OSError):
                    hidden.unlink()
                raise


def _open_fresh(hidden: Path) -> BinaryIO:
    def create(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_EXCL, 0o600)

    for _ in range(3):
        make_folders(hidden.parent)
        with suppress(FileNotFoundError):  # the folder was emptied and dropped between
            return open(hidden, "wb", buffering=0, opener=create)
    raise BackendUnavailable


def _write_all(file: BinaryIO, piece: memoryview) -> None:
    whole = len(piece) - len(piece) % _BLOCK_BYTES
    if whole >= _DIRECT_FROM_BYTES and _past_the_cache(file, True):
        # What nobody reads soon need not pass through the page cache, which costs more than encrypting it. Memory that
        # is not aligned, or a file system that cannot, says EINVAL before anything is written.
        try:
            while whole:
                written = file.write(piece[:whole]) or 0
                piece = piece[written:]
                whole = whole - written if written % _BLOCK_BYTES == 0 else 0
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        finally:
            _past_the_cache(file, False)
    while piece:
        piece = piece[file.write(piece) :]


def _past_the_cache(file: BinaryIO, wanted: bool) -> bool:
    """Switch direct writing on or off; returns whether the system knows it at all."""
    direct: int = getattr(os, "O_DIRECT", 0)
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    try:
        fcntl.fcntl(file, fcntl.F_SETFL, flags | direct if wanted else flags & ~direct)
    except OSError:
        return False
    return bool(direct)
