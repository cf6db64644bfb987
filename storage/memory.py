"""A backend in memory, for tests and for trying things out; nothing survives the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from storage.backend import Data, ObjectHead, checked_range, pieces
from storage.errors import ObjectNotFound
from storage.names import checked_key, checked_prefix


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryBackend:
    """Keeps blobs in a dictionary, under the same contract as the real stores."""

    compose_minimum_bytes = 0

    def __init__(self, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._blobs: dict[str, tuple[bytes, datetime, dict[str, str]]] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def put(
        self, key: str, data: Data, *, metadata: Mapping[str, str] | None = None, sha256: bytes | None = None
    ) -> None:
        """Keep a copy of the data."""
        blob = b"".join(pieces(data))
        with self._lock:
            self._blobs[checked_key(key)] = (blob, self._clock(), dict(metadata or {}))

    def _blob(self, key: str) -> tuple[bytes, datetime, dict[str, str]]:
        with self._lock:
            found = self._blobs.get(checked_key(key))
        if found is None:
            raise ObjectNotFound(key=key)
        return found

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of a range."""
        checked_range(start, stop)
        return self._blob(key)[0][start:stop]

    def head(self, key: str) -> ObjectHead:
        """Size, instant and metadata."""
        blob, stored_at, metadata = self._blob(key)
        return ObjectHead(key, len(blob), stored_at, dict(metadata))

    def delete(self, key: str) -> None:
        """Forget a blob."""
        with self._lock:
            self._blobs.pop(checked_key(key), None)

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Every blob under a prefix, ordered by key."""
        checked_prefix(prefix)
        with self._lock:
            found = [
                ObjectHead(key, len(b), at) for key, (b, at, _) in sorted(self._blobs.items()) if key.startswith(prefix)
            ]
        yield from found

    def compose(self, target: str, sources: Sequence[str], metadata: Mapping[str, str]) -> None:
        """Join blobs."""
        self.put(target, [self._blob(source)[0] for source in sources], metadata=metadata)

    def copy(self, source: str, target: str, metadata: Mapping[str, str]) -> None:
        """Copy a blob."""
        self.put(target, self._blob(source)[0], metadata=metadata)
