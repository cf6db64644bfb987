"""What a place that keeps encrypted blobs must do, in prose, and its optional powers.

The contract
    * A blob is whole or absent. `put` returns only when the blob would survive loss of power; until then no reader sees
      any of it.
    * Staged names are written once. A `put` repeated with the same bytes is harmless; over other bytes the last one
      wins, whole.
    * A read sees every `put` that returned before it began.
    * No key is a folder of another: `a/b` and `a/b/c` are never both kept.
    * `get` returns exactly the bytes asked for, or fewer only because the blob ends there; a start at or past the end
      gives nothing.
    * `delete` of an absent key is done already.
    * `list` is lazy, in pages, ordered by key, and leaves `metadata` empty; a blob that comes or goes meanwhile may or
      may not show.
    * Metadata is small, ASCII, its names lower case; it is for recovery and comparison and holds nothing personal.
    * Everything may be called from several threads.
    * Failures are of `storage.errors`: ObjectNotFound, BackendUnavailable (worth another try), StorageFull,
      StoreRefused, NameRefused.
An optional power is a Protocol of its own; a backend that lacks the method lacks the power.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from storage.streaming import Buffer

Data = Buffer | Sequence[Buffer]


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a store says about a blob without giving it."""

    key: str
    size_bytes: int
    last_modified_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class Backend(Protocol):
    """A place that keeps named immutable blobs; see the module for the contract."""

    def put(
        self, key: str, data: Data, *, metadata: Mapping[str, str] | None = None, sha256: bytes | None = None
    ) -> None:
        """Keep a blob.

        Takes: `sha256` of the data, if the caller knows it already, so that the store can check the transport.
        """

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes from `start` up to, not including, `stop` or the end."""

    def head(self, key: str) -> ObjectHead:
        """Size, instant of storing and metadata."""

    def delete(self, key: str) -> None:
        """Forget a blob."""

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Every blob whose key begins with `prefix`."""


@runtime_checkable
class Composes(Protocol):
    """Can join blobs into one on its own side, without the bytes passing through us."""

    @property
    def compose_minimum_bytes(self) -> int:
        """The least size of every source but the last."""

    def compose(self, target: str, sources: Sequence[str], metadata: Mapping[str, str]) -> None:
        """Make `target` the concatenation of `sources`, whole or not at all.

        Repeating it after any interruption gives the same blob. The caller believes only a `head` afterwards.
        Raises: ComposeRefused if the store cannot do it after all; ObjectNotFound if a source is absent.
        """


@runtime_checkable
class Copies(Protocol):
    """Can copy a blob unchanged on its own side."""

    def copy(self, source: str, target: str, metadata: Mapping[str, str]) -> None:
        """Make `target` a copy of `source`."""


@runtime_checkable
class Purges(Protocol):
    """Keeps old versions of blobs and can forget those too."""

    def purge(self, key: str) -> None:
        """Forget every version of a blob."""


@runtime_checkable
class Sweeps(Protocol):
    """Can be left with remains of interrupted writes that no listing shows, and can clear them away."""

    def sweep_hidden(self, older_than_at: datetime) -> int:
        """Remove what interrupted writes left behind.

        Takes: an instant, by the store's own clock, before which nothing is still being written.
        Returns: how many were removed.
        """


@runtime_checkable
class Caches(Protocol):
    """Lies behind memory that may answer for it, and can be asked to answer for itself."""

    def forget_cached(self, key: str) -> None:
        """See to it that the next read of a blob comes from where it is kept; for an absent one there is nothing to do."""


def pieces(data: Data) -> tuple[memoryview, ...]:
    """The data as flat views of bytes, whether it came as one buffer or several."""
    if isinstance(data, bytes | bytearray | memoryview):
        return (memoryview(data).cast("B"),)
    return tuple(memoryview(piece).cast("B") for piece in data)


def size_of(data: Data) -> int:
    """How many bytes the data has."""
    return sum(len(piece) for piece in pieces(data))


def checked_range(start: int, stop: int | None) -> None:
    """Refuse a range that runs backwards or begins before the blob.

    Raises: ValueError, as only a mistake of ours can cause it.
    """
    if start < 0 or (stop is not None and stop < start):
        raise ValueError("a range runs from 0 or later, forwards")
