"""Reading an object: only the segments that are needed, each authenticated before its first byte leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from storage.backend import Backend
from storage.errors import BackendUnavailable, ObjectTampered, RangeRefused
from storage.facts import Layout, Part, StoredObject
from storage.keyring import SecretKey
from storage.streaming import HEADER_BYTES, Geometry, Opener, open_sealed, part_aad

FIRST_WINDOW_SEGMENTS = 16
WINDOW_SEGMENTS = 64
_SHORT_READS = 3


class Reader:
    """One object, open for reading; holds its stream key only."""

    __slots__ = ("_backend", "_geometry", "_stored", "_stream_key")

    def __init__(self, backend: Backend, stored: StoredObject, stream_key: SecretKey, geometry: Geometry) -> None:
        self._backend = backend
        self._stored = stored
        self._stream_key = stream_key
        self._geometry = geometry
        check_shape(stored, geometry)

    @property
    def size_bytes(self) -> int:
        """The plaintext length of the object."""
        return self._stored.data_key.total_bytes

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The plaintext from `start` up to, not including, `stop`, in pieces of at most one segment.

        Memory is bounded by one window (1 MiB, then 4 MiB) whatever the range.
        Raises: RangeRefused at once; ObjectTampered before any byte of a bad segment; ObjectNotFound;
        BackendUnavailable.
        """
        end = self.size_bytes if stop is None else stop
        if not 0 <= start <= end <= self.size_bytes:
            raise RangeRefused(size_bytes=self.size_bytes)
        return self._read(start, end)

    def digest(self, seen: Callable[[int], None] | None = None) -> str:
        """The SHA-256 of the plaintext in hexadecimal, after every part is compared with its facts and opened.

        Takes: `seen`, called with the stored size in bytes of each part that was read; what it raises ends the reading.
        Raises: ObjectTampered (E3 header, E4 length, E6 hash, E5 content), ObjectNotFound, BackendUnavailable.
        """
        whole = hashlib.sha256()
        for part in self._stored.parts:
            sealed = self._fetch(part, 0, part.sealed_bytes)
            if hashlib.sha256(sealed).digest() != part.sha256:
                raise ObjectTampered(diagnosis="E6", oid=self._stored.data_key.oid, part=part.index)
            key, aad = self._stream_key.reveal(), self._aad(part)
            for piece in open_sealed(key, aad, part.header, sealed, part.plain_bytes, self._geometry):
                whole.update(piece)
            if seen is not None:
                seen(part.sealed_bytes)
        return whole.hexdigest()

    def check_headers(self) -> None:
        """Compare the header and end of every part with the facts, without reading what lies between.

        Raises: ObjectTampered (E3 header, E4 length), ObjectNotFound, BackendUnavailable.
        """
        for part in self._stored.parts:
            self._fetch(part, 0, HEADER_BYTES)
        last = self._stored.parts if self._stored.layout != Layout.WHOLE else self._stored.parts[-1:]
        for part in last:
            self._check_size(part)

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        size = self._geometry.part_plain_bytes
        width = FIRST_WINDOW_SEGMENTS
        if start == stop and self.size_bytes:
            return
        for part in self._stored.parts[start // size : max(start, stop - 1) // size + 1]:
            low = max(0, start - part.index * size)
            high = min(part.plain_bytes, stop - part.index * size)
            segment = self._geometry.segment_of(low)
            end = self._geometry.segment_of(max(low, high - 1)) + 1
            opener = Opener(self._stream_key.reveal(), self._aad(part), part.header, part.plain_bytes, self._geometry)
            while segment < end:
                until = min(end, segment + width)
                at = self._geometry.segment_plain_start(segment)
                for piece in self._window(part, opener, segment, until):
                    cut = piece[max(0, low - at) : high - at] if at < low or at + len(piece) > high else piece
                    at += len(piece)
                    if cut:
                        yield cut
                segment, width = until, WINDOW_SEGMENTS

    def _window(self, part: Part, opener: Opener, first: int, stop: int) -> Iterator[bytes]:
        start = 0 if first == 0 else self._geometry.segment_span(first, part.sealed_bytes)[0]
        sealed = self._fetch(part, start, self._geometry.segment_span(stop - 1, part.sealed_bytes)[1])
        skip = HEADER_BYTES if first == 0 else 0
        try:
            yield from opener.open_window(first, stop, memoryview(sealed)[skip:])
        except ObjectTampered as error:
            if first > 0:
                self._fetch(part, 0, HEADER_BYTES)  # an old attempt shows itself by its header: E3 rather than E5
            raise ObjectTampered(**{**error.facts, "oid": self._stored.data_key.oid, "part": part.index}) from None

    def _fetch(self, part: Part, start: int, stop: int) -> bytes:
        """Exactly the bytes a part must have there; at a blob's end one more is asked for, to see additions."""
        base = self._base(part)
        ends_blob = stop == part.sealed_bytes and self._ends_blob(part)
        for _ in range(_SHORT_READS):
            sealed = self._backend.get(part.key, base + start, base + stop + ends_blob)
            if start == 0 and len(sealed) >= HEADER_BYTES and sealed[:HEADER_BYTES] != part.header:
                raise ObjectTampered(diagnosis="E3", oid=self._stored.data_key.oid, part=part.index)
            if len(sealed) == stop - start:
                return sealed
            self._check_size(part)
        raise BackendUnavailable(key=part.key)

    def _check_size(self, part: Part) -> None:
        stored_bytes = self._backend.head(part.key).size_bytes
        expected = part.sealed_bytes
        if self._stored.layout == Layout.WHOLE:
            expected = self._geometry.stored_bytes(self.size_bytes)
        if stored_bytes != expected:
            raise ObjectTampered(
                diagnosis="E4", oid=self._stored.data_key.oid, part=part.index, expected=expected, stored=stored_bytes
            )

    def _base(self, part: Part) -> int:
        return self._geometry.part_start(part.index) if self._stored.layout == Layout.WHOLE else 0

    def _ends_blob(self, part: Part) -> bool:
        return self._stored.layout != Layout.WHOLE or part.index == len(self._stored.parts) - 1

    def _aad(self, part: Part) -> bytes:
        return part_aad(self._stored.data_key.oid, self.size_bytes, part.index)


def check_shape(stored: StoredObject, geometry: Geometry) -> None:
    """Refuse facts that cannot be those of an object of that length.

    Raises: ObjectTampered (E4).
    """
    total_bytes = stored.data_key.total_bytes
    lengths = [geometry.part_length(total_bytes, index) for index in range(geometry.parts(total_bytes))]
    given = [(part.index, part.plain_bytes, part.sealed_bytes) for part in stored.parts]
    if given != [(index, size, geometry.sealed_bytes(size)) for index, size in enumerate(lengths)]:
        raise ObjectTampered(diagnosis="E4", oid=stored.data_key.oid)
