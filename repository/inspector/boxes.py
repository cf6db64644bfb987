"""The boxes of an ISO base media file (MP4, M4A, MOV, 3GP): read as a stream, never held whole.

A phone writes the index of a recording (``moov``) last, and a reader that cannot jump needs it first. ``Front`` keeps the
index and passes over the picture and sound, so that a file of any size costs only the memory of its index.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Protocol

from .findings import Refused

INDEX_LIMIT_BYTES = 64 * 1024 * 1024
SAMPLE_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
SPARE_BYTES = 1024
DEPTH_LIMIT = 6
BOX_LIMIT = 200_000
KNOWN = frozenset(
    b"ftyp styp moov mdat free skip wide moof mfra sidx ssix meta uuid pdin prft emsg pnot PICT junk udta".split()
)
HOLDERS = frozenset(b"trak mdia minf stbl".split())
OFFSETS = {b"stco": 4, b"co64": 8}


class Source(Protocol):
    """Anything that gives bytes one after the other."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end."""
        ...


class Part:
    """The next so many bytes of a source, as a source of their own."""

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        """Return the next ``size`` bytes, or all that are left."""
        piece = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece


class Continued:
    """A source of which the head was read already, from its beginning."""

    def __init__(self, head: bytes, source: Source) -> None:
        self._head = head
        self._source = source

    def read(self, size: int = -1, /) -> bytes:
        """Return the next ``size`` bytes, or all that are left."""
        if size < 0:
            piece, self._head = self._head, b""
            return piece + self._source.read()
        piece, self._head = self._head[:size], self._head[size:]
        return piece + self._source.read(size - len(piece)) if len(piece) < size else piece


class Front:
    """What a reader needs first: the index, where it stood, and the first bytes of picture and sound.

    Raises: ``Refused`` with ``incomplete`` where the end or the index is missing, ``damaged``, ``trailing-data`` or
    ``recording-too-large``.
    """

    def __init__(self, source: Source) -> None:
        self.brand = b""
        self.index = b""
        self.index_at = 0
        self.first_data_at: int | None = None
        self.sample = b""
        self.fragmented = False
        at = boxes = 0
        while (header := source.read(8)) != b"":
            boxes += 1
            if boxes > BOX_LIMIT:
                raise Refused("recording-too-large")
            size, name, header = _size_and_name(source, header)
            if name not in KNOWN:
                raise Refused(_why_unknown(source, at, header))
            self._take(source, at, size, name, header)
            if size == 0:  # it goes on to the end of the file
                break
            at += size
        if not self.index:
            raise Refused("incomplete")

    @property
    def index_comes_last(self) -> bool:
        """Return whether picture or sound stands before the index."""
        return self.first_data_at is not None and self.first_data_at < self.index_at

    def head(self) -> bytes:
        """Return brand and index as they stand before picture and sound in a file for the web."""
        if not self.index_comes_last:
            return self.brand + self.index
        return self.brand + moved(self.index, len(self.index), self.index_at)

    def _take(self, source: Source, at: int, size: int, name: bytes, header: bytes) -> None:
        left = None if size == 0 else size - len(header)
        if name == b"moov":
            if self.index or left is None or left > INDEX_LIMIT_BYTES:
                raise Refused("damaged" if self.index or left is None else "recording-too-large")
            self.index, self.index_at = header + _exactly(source, left), at
        elif name == b"ftyp" and at == 0:
            if left is None or left > SPARE_BYTES:
                raise Refused("damaged")
            self.brand = header + _exactly(source, left)
        else:
            self.fragmented = self.fragmented or name == b"moof"
            if name in {b"mdat", b"moof"} and self.first_data_at is None:
                self.first_data_at = at
            room = SAMPLE_BYTES - len(self.sample)
            kept = header
            for piece in _pieces(source, left):
                if len(kept) < room:
                    kept += piece[: room - len(kept)]
            if room > 0:
                self.sample += kept


def in_order(source: Source, front: Front) -> Iterator[bytes]:
    """Give a file again with its index first: the second reading of what ``front`` has read.

    Only the place of the index and the offsets in it change; a file that has it first already goes through as it is.
    """
    if not front.index_comes_last:
        yield from _pieces(source, None)
        return
    yield front.head()
    _exactly(source, len(front.brand))
    yield from _pieces(source, front.index_at - len(front.brand))
    _exactly(source, len(front.index))
    yield from _pieces(source, None)


def moved(index: bytes, by: int, before: int) -> bytes:
    """Return an index whose offsets to data that stands before ``before`` are moved by ``by`` bytes."""
    changed = bytearray(index)

    def move(name: bytes, start: int, end: int) -> None:
        width = OFFSETS.get(name)
        if width is None:
            return
        if end - start < 8:
            raise Refused("damaged")
        count = struct.unpack_from(">I", changed, start + 4)[0]
        if count * width > end - start - 8:
            raise Refused("damaged")
        shape = f">{count}{'I' if width == 4 else 'Q'}"
        offsets = struct.unpack_from(shape, changed, start + 8)
        if any(offset + by >= 1 << (8 * width) for offset in offsets):
            raise Refused("recording-too-large")
        struct.pack_into(shape, changed, start + 8, *(offset + by if offset < before else offset for offset in offsets))

    walk(index, 8, len(index), move)
    return bytes(changed)


def walk(data: bytes, start: int, end: int, each: Callable[[bytes, int, int], None], depth: int = 0) -> None:
    """Call ``each`` with name, start and end of the content of every box between ``start`` and ``end``, inner ones too."""
    if depth > DEPTH_LIMIT:
        raise Refused("damaged")
    while end - start >= 8:
        size, name = struct.unpack_from(">I4s", data, start)
        first = start + 8
        if size == 1 and end - start >= 16:
            size = struct.unpack_from(">Q", data, start + 8)[0]
            first = start + 16
        if size == 0:
            return  # the end of a list in old QuickTime files
        if size < first - start or start + size > end:
            raise Refused("damaged")
        if name in HOLDERS:
            walk(data, first, start + size, each, depth + 1)
        else:
            each(name, first, start + size)
        start += size


def _size_and_name(source: Source, header: bytes) -> tuple[int, bytes, bytes]:
    if len(header) < 8:
        raise Refused("incomplete")
    size, name = struct.unpack(">I4s", header)
    if size == 1:
        header += _exactly(source, 8)
        size = struct.unpack_from(">Q", header, 8)[0]
    if size != 0 and size < len(header):
        raise Refused("damaged")
    return size, name, header


def _why_unknown(source: Source, at: int, header: bytes) -> str:
    if at == 0:
        return "damaged"
    return "trailing-data" if len(header) + len(source.read(SPARE_BYTES)) > 0 else "damaged"


def _exactly(source: Source, size: int) -> bytes:
    found = source.read(size)
    if len(found) < size:
        raise Refused("incomplete")
    return found


def _pieces(source: Source, size: int | None) -> Iterator[bytes]:
    """Yield the next ``size`` bytes, or all that come."""
    left = size
    while left is None or left > 0:
        piece = source.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
        if not piece:
            if left is not None:
                raise Refused("incomplete")
            return
        if left is not None:
            left -= len(piece)
        yield piece
