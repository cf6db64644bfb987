"""A recording that is made and sent at once, and can still be jumped about in: fragments first, their index last.

ffmpeg writes fragments into a pipe, each with its own small index before it. Those are taken out and added up to one index
of the whole, which a browser reads first. The parent stores the fragments as they come and serves the front before them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .boxes import Source
from .findings import Refused

FRAGMENT_LIMIT = 60_000
FRAGMENT_LIMIT_BYTES = 256 * 1024 * 1024
FRONT_LIMIT_BYTES = 1024 * 1024
PIECE_BYTES = 1024 * 1024
STARTS_WITH_WHOLE_PICTURE = 0x90000000


class Fragments:
    """What ffmpeg writes, box by box. ``front`` is known once all of it was read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._brand = b""
        self._index = b""
        self._track = 0
        self._timescale = 0
        self._starts_at: int | None = None
        self._lengths: list[list[int]] = []
        """Of each fragment: how many bytes, how many ticks."""

    def body(self) -> Iterator[bytes]:
        """Yield the fragments in order, without what came before each."""
        while (header := self._source.read(8)) != b"":
            size, name, header = self._header(header)
            left = size - len(header)
            if name in {b"ftyp", b"moov", b"sidx", b"mfra", b"styp", b"free", b"prft"}:
                if left > FRONT_LIMIT_BYTES:
                    raise Refused("damaged")
                self._keep(name, header, self._source.read(left))
                continue
            if not self._lengths or name not in {b"moof", b"mdat"} or left > FRAGMENT_LIMIT_BYTES:
                raise Refused("damaged")
            self._lengths[-1][0] += size
            yield header
            while left > 0:
                piece = self._source.read(min(left, PIECE_BYTES))
                if not piece:
                    raise Refused("damaged")
                left -= len(piece)
                yield piece

    @property
    def seconds(self) -> float:
        """Return how long all fragments last."""
        return sum(ticks for _, ticks in self._lengths) / self._timescale if self._timescale else 0.0

    def front(self) -> bytes:
        """Return what a browser reads first: brand, tracks with their whole length, and where each fragment is."""
        if not self._index or not self._lengths:
            raise Refused("recording-empty")
        return self._brand + self._with_length() + self._whole_index()

    def _header(self, header: bytes) -> tuple[int, bytes, bytes]:
        if len(header) < 8:
            raise Refused("damaged")
        size, name = struct.unpack(">I4s", header)
        if size == 1:
            header += self._source.read(8)
            size = struct.unpack_from(">Q", header, 8)[0]
        if size < len(header):
            raise Refused("damaged")
        return size, name, header

    def _keep(self, name: bytes, header: bytes, content: bytes) -> None:
        if name == b"ftyp":
            self._brand = header + content
        elif name == b"moov":
            self._index = header + content
        elif name == b"sidx":
            self._note(content)

    def _note(self, content: bytes) -> None:
        """Note how long the next fragment lasts. Each track has an index; the first one counts."""
        version, track, timescale = content[0], *struct.unpack_from(">II", content, 4)
        if version == 0:
            starts_at, _, _, count = struct.unpack_from(">IIHH", content, 12)
            at = 24
        else:
            starts_at, _, _, count = struct.unpack_from(">QQHH", content, 12)
            at = 32
        if self._track == 0:
            self._track, self._timescale, self._starts_at = track, timescale, starts_at
        if track == self._track:
            if len(self._lengths) >= FRAGMENT_LIMIT:
                raise Refused("recording-too-long")
            self._lengths.append([0, sum(struct.unpack_from(">I", content, at + 12 * n + 4)[0] for n in range(count))])

    def _with_length(self) -> bytes:
        """Return the tracks with the whole length in them, for readers that look for it there."""
        scale = self._movie_timescale()
        length = struct.pack(">I4sIQ", 20, b"mehd", 1 << 24, round(self.seconds * scale))
        at = self._index.find(b"mvex")
        if at < 8:
            return self._index
        size = struct.unpack_from(">I", self._index, at - 4)[0]
        inner = struct.pack(">I4s", size + len(length), b"mvex") + length + self._index[at + 4 : at - 4 + size]
        outer = self._index[8 : at - 4] + inner + self._index[at - 4 + size :]
        return struct.pack(">I4s", 8 + len(outer), b"moov") + outer

    def _movie_timescale(self) -> int:
        at = self._index.find(b"mvhd")
        if at < 0:
            raise Refused("damaged")
        offset = at + 4 + (20 if self._index[at + 4] == 1 else 12)
        return int(struct.unpack_from(">I", self._index, offset)[0])

    def _whole_index(self) -> bytes:
        kept = [(size, ticks) for size, ticks in self._lengths if size > 0]
        if any(size >= 1 << 31 for size, _ in kept) or len(kept) >= 1 << 16:
            raise Refused("recording-too-long")
        head = struct.pack(
            ">4sIIIQQHH", b"sidx", 1 << 24, self._track, self._timescale, self._starts_at or 0, 0, 0, len(kept)
        )
        rows = b"".join(struct.pack(">III", size, ticks, STARTS_WITH_WHOLE_PICTURE) for size, ticks in kept)
        return struct.pack(">I", 4 + len(head) + len(rows)) + head + rows
