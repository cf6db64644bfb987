"""The Merkle tree over the events: hashes, roots, proofs. Pure arithmetic over hashes that somebody else keeps.

Hashes are kept in tiles of 256 (heights 0, 8, 16 …), as they are published; everything between is computed when asked.

Source: RFC 6962, section 2.1; C2SP tlog-tiles (https://c2sp.org/tlog-tiles).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
TILE_HASHES = 256
TILE_HEIGHT = 8
EMPTY_ROOT = hashlib.sha256(b"").digest()

ReadHashes = Callable[[int, int, int], Sequence[bytes]]
"""Gives ``count`` hashes of tiles of a level, from an index of that level on: ``(level, first, count)``, all of one tile."""


def leaf_hash(event: bytes) -> bytes:
    """Return the hash under which an event stands in the tree."""
    return hashlib.sha256(b"\x00" + event).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _below(size: int) -> int:
    """Return the largest power of two that is smaller than ``size``."""
    return 1 << ((size - 1).bit_length() - 1)


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of ``size`` events whose hashes can be read."""

    size: int
    read: ReadHashes

    def root(self) -> bytes:
        """Return the hash that stands for all events."""
        return self.range(0, self.size) if self.size else EMPTY_ROOT

    def range(self, start: int, stop: int) -> bytes:
        """Return the hash over the events from ``start`` up to, not including, ``stop``, as the tree has it."""
        count = stop - start
        if count & (count - 1) == 0:
            return self._node(count.bit_length() - 1, start // count)
        middle = start + _below(count)
        return node_hash(self.range(start, middle), self.range(middle, stop))

    def _node(self, height: int, index: int) -> bytes:
        level, above = divmod(height, TILE_HEIGHT)
        row = list(self.read(level, index << above, 1 << above))
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    def inclusion(self, index: int) -> list[bytes]:
        """Return the proof that the event at ``index`` is in the tree: sibling hashes, from the leaf up."""
        if not 0 <= index < self.size:
            raise ValueError(f"no event {index} in a tree of {self.size}")
        return self._path(index, 0, self.size)

    def _path(self, index: int, start: int, stop: int) -> list[bytes]:
        if stop - start == 1:
            return []
        middle = start + _below(stop - start)
        if index < middle:
            return [*self._path(index, start, middle), self.range(middle, stop)]
        return [*self._path(index, middle, stop), self.range(start, middle)]

    def consistency(self, before: int) -> list[bytes]:
        """Return the proof that this tree only added to the one of its first ``before`` events."""
        if not 0 < before <= self.size:
            raise ValueError(f"no tree of {before} in one of {self.size}")
        return self._subproof(before, 0, self.size, whole=True)

    def _subproof(self, before: int, start: int, stop: int, *, whole: bool) -> list[bytes]:
        if before == stop:
            return [] if whole else [self.range(start, stop)]
        middle = start + _below(stop - start)
        if before <= middle:
            return [*self._subproof(before, start, middle, whole=whole), self.range(middle, stop)]
        return [*self._subproof(before, middle, stop, whole=False), self.range(start, middle)]


def root_of_proof(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion proof leads to.

    Raises: ``ValueError`` for a proof that does not fit a tree of this size.
    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise ValueError("the index is outside the tree")
    place, last, found = index, size - 1, leaf
    for other in proof:
        if last == 0:
            raise ValueError("the proof is too long")
        if place & 1 or place == last:
            found = node_hash(other, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, other)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return found


class Growing:
    """A tree that is read from its first event on and remembers only what it needs: its right edge."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[tuple[int, bytes]] = []

    @classmethod
    def after(cls, tree: Tree) -> Growing:
        """Return a tree that goes on where another ends."""
        made, start = cls(), 0
        for height in reversed(range(tree.size.bit_length())):
            if tree.size >> height & 1:
                made._edge.append((height, tree.range(start, start + (1 << height))))
                start += 1 << height
        made.size = tree.size
        return made

    def add(self, leaf: bytes) -> None:
        """Add the next event's hash."""
        self.size += 1
        self._edge.append((0, leaf))
        while len(self._edge) > 1 and self._edge[-1][0] == self._edge[-2][0]:
            height, right = self._edge.pop()
            _, left = self._edge.pop()
            self._edge.append((height + 1, node_hash(left, right)))

    def root(self) -> bytes:
        """Return the hash that stands for all events so far."""
        if not self._edge:
            return EMPTY_ROOT
        found = self._edge[-1][1]
        for _, left in reversed(self._edge[:-1]):
            found = node_hash(left, found)
        return found


def full_tile_hash(hashes: bytes) -> bytes:
    """Return the hash of a full tile, which stands in the tile above it."""
    row = list(split(hashes))
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def split(hashes: bytes) -> Iterator[bytes]:
    """Yield the hashes of a tile."""
    for at in range(0, len(hashes), HASH_BYTES):
        yield hashes[at : at + HASH_BYTES]


def tile_path(level: int | str, index: int, width: int = TILE_HASHES) -> str:
    """Return where a tile lies, as ``tile/0/x001/x234/067`` and, when not full, ``….p/5``."""
    digits = f"{index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])
    return f"tile/{level}/{path}" + ("" if width == TILE_HASHES else f".p/{width}")


def tiles_of(size: int, since: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of every tile of a tree of ``size`` that one of ``since`` had not, or not so wide."""
    level = 0
    while (count := size >> (TILE_HEIGHT * level)) > 0:
        before = since >> (TILE_HEIGHT * level)
        if count > before:
            for index in range(before // TILE_HASHES, -(-count // TILE_HASHES)):
                yield level, index, min(TILE_HASHES, count - index * TILE_HASHES)
        level += 1
