"""Where the log is published: files that others can read, and that whoever has the database cannot all reach.

A place is the store itself under ``audit/``, and a folder of somebody else's where one is set. In it:
``audit/checkpoint`` is the newest signed checkpoint of all; of each history ``audit/N/checkpoint``,
``audit/N/checkpoints/SIZE`` every checkpoint ever signed, ``audit/N/vkey`` its verifier key, and ``audit/N/tile/…`` as
C2SP tlog-tiles has it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from repository.errors import LogPlaceRefused
from storage.backend import Backend
from storage.errors import ObjectNotFound

PREFIX = "audit/"
NEWEST = f"{PREFIX}checkpoint"
SIZE_DIGITS = 12


class Place(Protocol):
    """Somewhere the log is published. Every call blocks; run it in a thread."""

    def put(self, key: str, data: bytes) -> None:
        """Keep a file, whole, in place of one of that name."""

    def get(self, key: str) -> bytes | None:
        """Return a file, or None if there is none."""

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so, in order."""


class StorePlace:
    """The store of the service itself."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def put(self, key: str, data: bytes) -> None:
        """Keep a file."""
        self._backend.put(key, data)

    def get(self, key: str) -> bytes | None:
        """Return a file, or None."""
        try:
            return self._backend.get(key)
        except ObjectNotFound:
            return None

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so."""
        return [head.key for head in self._backend.list(prefix)]


class FolderPlace:
    """A plain folder, such as one that another administrator's machine lends and takes copies of.

    Raises: ``LogPlaceRefused`` when it cannot be read or written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes) -> None:
        """Keep a file, flushed before it takes its name."""
        path = self._root / key
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise LogPlaceRefused(cause=error.strerror) from error

    def get(self, key: str) -> bytes | None:
        """Return a file, or None."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogPlaceRefused(cause=error.strerror) from error

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin so."""
        start = self._root / prefix
        folder = start if prefix.endswith("/") else start.parent
        found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(name for path in found if (name := path.relative_to(self._root).as_posix()).startswith(prefix))


def of_history(number: int) -> str:
    """Return the prefix of a history's files."""
    return f"{PREFIX}{number}/"


def checkpoint_key(number: int, size: int) -> str:
    """Return where a checkpoint stays."""
    return f"{of_history(number)}checkpoints/{size:0{SIZE_DIGITS}}"


def text_of(data: bytes) -> str:
    """Return a published file as text; what is no UTF-8 reads as something that no signature fits."""
    return data.decode("utf-8", errors="replace")
