"""Writing an object: parts and tails, each sealed whole from memory and stored under a fresh name."""

from __future__ import annotations

import hashlib
import mmap
import threading

from storage import names
from storage.backend import Backend
from storage.errors import BackendUnavailable, LengthMismatch, ObjectTampered
from storage.facts import DataKey, Part, Tail
from storage.keyring import SecretKey
from storage.streaming import Buffer, Geometry, Random, open_sealed, part_aad, place, seal_placed, tail_aad

_POOLED_FROM_BYTES = 1024 * 1024


class Buffers:
    """Part-sized, page-aligned buffers, used again, because fresh pages cost as much as the cipher."""

    def __init__(self, size_bytes: int, kept: int) -> None:
        self._size_bytes = size_bytes
        self._kept = kept
        self._free: list[mmap.mmap] = []
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> memoryview:
        """A buffer of that size; give it back when nothing refers to it any more."""
        if size_bytes < min(_POOLED_FROM_BYTES, self._size_bytes) or size_bytes > self._size_bytes:
            return memoryview(bytearray(size_bytes))
        with self._lock:
            held = self._free.pop() if self._free else None
        return memoryview(held or mmap.mmap(-1, self._size_bytes))[:size_bytes]

    def give_back(self, buffer: memoryview) -> None:
        """Keep a buffer for the next taker, or let it go."""
        pages = buffer.obj
        buffer.release()
        if isinstance(pages, mmap.mmap):
            with self._lock:
                if len(self._free) < self._kept:
                    self._free.append(pages)


class Filling:
    """A part, or the beginning of one, as its plaintext arrives: put at once where its ciphertext will stand.

    Sealing uses it up. Whoever drops one unsealed calls `drop`.
    """

    __slots__ = ("_buffers", "_geometry", "_pages", "expected_bytes", "index", "plain_bytes")

    def __init__(self, index: int, expected_bytes: int, buffers: Buffers, geometry: Geometry) -> None:
        self.index = index
        self.expected_bytes = expected_bytes
        self.plain_bytes = 0
        self._buffers = buffers
        self._geometry = geometry
        self._pages: memoryview | None = buffers.take(geometry.sealed_bytes(expected_bytes))

    @property
    def full(self) -> bool:
        """Whether the part has all its plaintext."""
        return self.plain_bytes == self.expected_bytes

    def take(self, piece: memoryview) -> memoryview:
        """Take as much as there is room for.

        Returns: what is left over.
        """
        room = self.expected_bytes - self.plain_bytes
        place(self.plain_bytes, piece[:room], self._held(), self._geometry)
        self.plain_bytes += min(room, len(piece))
        return piece[room:]

    def sealing(self) -> memoryview:
        """The bytes that sealing turns into ciphertext."""
        return self._held()[: self._geometry.sealed_bytes(self.plain_bytes)]

    def drop(self) -> None:
        """Give the memory back; may be called again."""
        if self._pages is not None:
            self._buffers.give_back(self._pages)
            self._pages = None

    def _held(self) -> memoryview:
        if self._pages is None:
            raise LengthMismatch("The part was sealed or dropped already.")
        return self._pages


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

    def fill(self, index: int) -> Filling:
        """Begin to collect part `index`.

        Raises: GeometryRefused if the object has no such part.
        """
        return Filling(index, self.expected_part_bytes(index), self._buffers, self._geometry)

    def seal_part(self, index: int, plaintext: Buffer) -> Part:
        """Seal a whole part that is in memory already and store it durably under a fresh name.

        Raises: as `seal_filled`.
        """
        return self.seal_filled(self._filled(index, plaintext))

    def seal_filled(self, filling: Filling) -> Part:
        """Seal a whole part and store it durably under a fresh name; uses the filling up.

        Raises: LengthMismatch unless it is exactly as long as its place; BackendUnavailable, StorageFull. After a
        failure the name is abandoned; sealing again takes a fresh name, salt and nonce prefix.
        """
        given = filling.plain_bytes
        if not filling.full:
            filling.drop()
            raise LengthMismatch(expected=filling.expected_bytes, given=given)
        oid = self._data_key.oid
        key = names.staged_part(oid, filling.index, self._random(names.RANDOM_BYTES))
        aad = part_aad(oid, self._data_key.total_bytes, filling.index)
        header, digest, sealed_bytes = self._store(key, aad, filling)
        return Part(filling.index, key, header, digest, given, sealed_bytes)

    def seal_tail(self, index: int, plaintext: Buffer) -> Tail:
        """Seal a leftover that is in memory already and store it durably; raises as `seal_filled_tail`."""
        return self.seal_filled_tail(self._filled(index, plaintext))

    def seal_filled_tail(self, filling: Filling) -> Tail:
        """Seal the leftover of an unfinished part and store it durably under a fresh name; uses the filling up.

        Raises: LengthMismatch unless it is shorter than its part and not empty; BackendUnavailable, StorageFull.
        """
        index, given = filling.index, filling.plain_bytes
        if filling.full or not given:
            filling.drop()
            raise LengthMismatch(expected=filling.expected_bytes, given=given)
        oid = self._data_key.oid
        key = names.staged_tail(oid, self._random(names.RANDOM_BYTES))
        header, digest, sealed_bytes = self._store(key, tail_aad(oid, index, given), filling)
        return Tail(index, key, header, digest, given, sealed_bytes)

    def _filled(self, index: int, plaintext: Buffer) -> Filling:
        view = memoryview(plaintext).cast("B")
        filling = self.fill(index)
        if len(view) > filling.expected_bytes:
            filling.drop()
            raise LengthMismatch(expected=filling.expected_bytes, given=len(view))
        filling.take(view)
        return filling

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

    def _store(self, key: str, aad: bytes, filling: Filling) -> tuple[bytes, bytes, int]:
        try:
            with filling.sealing() as sealed:
                header = seal_placed(
                    self._stream_key.reveal(), aad, sealed, filling.plain_bytes, self._random, self._geometry
                )
                digest = hashlib.sha256(sealed).digest()
                size_bytes = len(sealed)
                self._backend.put(key, sealed, sha256=digest)
        finally:
            filling.drop()
        return header, digest, size_bytes
