"""Writing an object: parts and tails, each sealed whole from memory and stored under a fresh name."""

from __future__ import annotations

import hashlib
import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from storage import names
from storage.backend import Backend
from storage.errors import BackendUnavailable, LengthMismatch, ObjectTampered
from storage.facts import DataKey, Part, Tail
from storage.keyring import SecretKey
from storage.streaming import Buffer, Geometry, Random, open_sealed, part_aad, seal, tail_aad

_POOLED_FROM_BYTES = 1024 * 1024


class Buffers:
    """Part-sized, page-aligned buffers, used again, because fresh pages cost as much as the cipher."""

    def __init__(self, size_bytes: int, kept: int) -> None:
        self._size_bytes = size_bytes
        self._kept = kept
        self._free: list[mmap.mmap] = []
        self._lock = threading.Lock()

    @contextmanager
    def take(self, size_bytes: int) -> Iterator[memoryview]:
        """A buffer of that size, for as long as the block runs."""
        if size_bytes < min(_POOLED_FROM_BYTES, self._size_bytes) or size_bytes > self._size_bytes:
            yield memoryview(bytearray(size_bytes))
            return
        with self._lock:
            held = self._free.pop() if self._free else None
        pages = held or mmap.mmap(-1, self._size_bytes)
        try:
            yield memoryview(pages)[:size_bytes]
        finally:
            with self._lock:
                if len(self._free) < self._kept:
                    self._free.append(pages)


class Writer:
    """Seals the parts and tails of one object; holds its stream key only."""

    __slots__ = ("_backend", "_buffers", "_data_key", "_geometry", "_random", "_stream_key")

    def __init__(
        self,
        backend: Backend,
        data_key: DataKey,
        stream_key: SecretKey,
        geometry: Geometry,
        random: Random,
        buffers: Buffers,
    ) -> None:
        self._backend = backend
        self._data_key = data_key
        self._stream_key = stream_key
        self._geometry = geometry
        self._random = random
        self._buffers = buffers

    @property
    def part_count(self) -> int:
        """How many parts the object will have."""
        return self._geometry.parts(self._data_key.total_bytes)

    def expected_part_bytes(self, index: int) -> int:
        """The plaintext length that part must have.

        Raises: GeometryRefused if the object has no such part.
        """
        return self._geometry.part_length(self._data_key.total_bytes, index)

    def seal_part(self, index: int, plaintext: Buffer) -> Part:
        """Seal a whole part and store it durably under a fresh name.

        Raises: LengthMismatch unless it is exactly as long as its place; BackendUnavailable, StorageFull. After a
        failure the name is abandoned; sealing again takes a fresh name, salt and nonce prefix.
        """
        given = memoryview(plaintext).nbytes
        if given != self.expected_part_bytes(index):
            raise LengthMismatch(expected=self.expected_part_bytes(index), given=given)
        oid = self._data_key.oid
        key = names.staged_part(oid, index, self._random(names.RANDOM_BYTES))
        aad = part_aad(oid, self._data_key.total_bytes, index)
        header, digest, sealed_bytes = self._store(key, aad, plaintext)
        return Part(index, key, header, digest, given, sealed_bytes)

    def seal_tail(self, index: int, plaintext: Buffer) -> Tail:
        """Seal the leftover of an unfinished part and store it durably under a fresh name.

        Raises: LengthMismatch unless it is shorter than its part and not empty; BackendUnavailable, StorageFull.
        """
        given = memoryview(plaintext).nbytes
        if not 0 < given < self.expected_part_bytes(index):
            raise LengthMismatch(expected=self.expected_part_bytes(index), given=given)
        oid = self._data_key.oid
        key = names.staged_tail(oid, self._random(names.RANDOM_BYTES))
        header, digest, sealed_bytes = self._store(key, tail_aad(oid, index, given), plaintext)
        return Tail(index, key, header, digest, given, sealed_bytes)

    def open_tail(self, tail: Tail) -> bytes:
        """The plaintext of a tail, to be continued.

        Raises: ObjectTampered (E3, E4, E5, E6), ObjectNotFound, BackendUnavailable.
        """
        oid = self._data_key.oid
        sealed = self._backend.get(tail.key, 0, tail.sealed_bytes + 1)
        if sealed[: len(tail.header)] != tail.header:
            raise ObjectTampered(diagnosis="E3", oid=oid, part=tail.index)
        if len(sealed) != tail.sealed_bytes:
            if self._backend.head(tail.key).size_bytes == tail.sealed_bytes:
                raise BackendUnavailable(key=tail.key)
            raise ObjectTampered(diagnosis="E4", oid=oid, part=tail.index)
        if hashlib.sha256(sealed).digest() != tail.sha256:
            raise ObjectTampered(diagnosis="E6", oid=oid, part=tail.index)
        aad = tail_aad(oid, tail.index, tail.plain_bytes)
        opened = open_sealed(self._stream_key.reveal(), aad, tail.header, sealed, tail.plain_bytes, self._geometry)
        return b"".join(opened)

    def _store(self, key: str, aad: bytes, plaintext: Buffer) -> tuple[bytes, bytes, int]:
        size_bytes = self._geometry.sealed_bytes(memoryview(plaintext).nbytes)
        with self._buffers.take(size_bytes) as buffer:
            header = seal(self._stream_key.reveal(), aad, plaintext, buffer, self._random, self._geometry)
            digest = hashlib.sha256(buffer).digest()
            self._backend.put(key, buffer, sha256=digest)
        return header, digest, size_bytes
