"""Makes what is shown in place of a document: the child draws, the parent makes new files of it and seals them.

Nothing is held whole: pages become pictures one by one, and a volume of them is sealed as soon as it is full. What one
child drew is committed together, so that a worker that comes after a crash goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from repository import derivatives, objects
from repository.derivatives import MADE_AS, OF_PAGES, DerivativeKind, Entry, Volume
from repository.errors import InspectionFailed
from repository.inspection import frames
from repository.inspection.frames import Pixels
from repository.services import Services
from storage.errors import StorageError
from storage.vault import DataKey, ScopeKey, StoredObject

PAGE_WIDTH_PIXELS = 1240
"""A4 at 150 dots to the inch."""
THUMBNAIL_WIDTH_PIXELS = 200
PAGES_OF_ONE_CHILD = 200
VOLUME_BYTES = 4 * 1024 * 1024
PICTURES_AT_ONCE = 3
"""So many pages of one document are in memory as pixels at most."""
VOLUMES_AT_ONCE = 2
"""So many full volumes wait to be stored at most."""

COMMIT_WITHIN = timedelta(hours=12)
"""So long may making one take, such as coding a long film anew."""

Commit = Callable[[Session], object]
"""Says in a transaction whether what was made may still be committed, by raising if not."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is drawn: a document or a PDF that was made of it, its type and pages, and whence it is read, each time anew."""

    document_id: str
    scope: str
    media_type: str
    page_count: int
    read: Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A volume that lies in the store and that no row names yet."""

    volume: Volume
    stored: StoredObject
    sha256: str


@dataclass(slots=True)
class _Filling:
    """A volume that is being filled."""

    kind: DerivativeKind
    first: int
    data: bytearray = field(default_factory=bytearray)
    entries: list[Entry] = field(default_factory=list)

    def add(self, content: bytes, width: int = 0, height: int = 0) -> None:
        self.entries.append(Entry(len(self.data), len(content), width, height))
        self.data += content

    def note(self, number: int, code: str) -> None:
        if 0 <= (at := number - self.first) < len(self.entries):
            entry = self.entries[at]
            self.entries[at] = replace(entry, notes=tuple(dict.fromkeys((*entry.notes, code))))

    def closed(self) -> tuple[Volume, bytes]:
        return Volume(self.kind, self.first, len(self.data), MADE_AS[self.kind], tuple(self.entries)), bytes(self.data)


async def pages(services: Services, source: Source, permit: Commit, begun: int) -> None:
    """Make pictures, thumbnails and words of every page that is not stored yet, and commit them child by child.

    Takes: ``permit``, run first in each transaction, to say whether this may still be committed; ``begun``, how many
    pages are stored already.
    Raises: ``InspectionFailed`` when the child could not draw them; what ``permit`` raises; errors of storage.
    """
    first = begun + 1
    while first <= source.page_count:
        count = min(PAGES_OF_ONE_CHILD, source.page_count - first + 1)
        store = Store(services, source.scope, source.document_id)
        try:
            await _Chunk(services, source, store, first, count).draw()
            await store.commit(permit)
        except BaseException:
            await store.forget()
            raise
        first += count


class _Chunk:
    """The pages that one child draws."""

    def __init__(self, services: Services, source: Source, store: Store, first: int, count: int) -> None:
        self._services = services
        self._source = source
        self._store = store
        self._first = first
        self._count = count
        self._number = first - 1
        self._filling = {kind: _Filling(kind, first) for kind in OF_PAGES}
        self._drawing: deque[tuple[int, Pixels, asyncio.Task[tuple[bytes, bytes, tuple[int, int]]]]] = deque()
        self._words: dict[int, bytes] = {}
        self._notes: dict[int, list[str]] = {}

    async def draw(self) -> None:
        source = self._source
        drawing = self._services.inspection.derive(
            source.media_type, source.read(), self._first, self._count, PAGE_WIDTH_PIXELS
        )
        try:
            async with drawing as found:
                async for letter, payload in found:
                    await self._take(letter, payload)
            while self._drawing:
                await self._place()
        finally:
            for _, _, task in self._drawing:
                task.cancel()
        if self._number != self._first + self._count - 1:
            raise InspectionFailed(cause="shape")
        await self._store.put(*(filling.closed() for filling in self._filling.values() if filling.entries))

    async def _take(self, letter: bytes, payload: bytes) -> None:
        if letter == b"P":
            self._number += 1
            if self._number >= self._first + self._count:
                raise InspectionFailed(cause="shape")
            while len(self._drawing) >= PICTURES_AT_ONCE:
                await self._place()
            picture = frames.pixels(payload)
            task = asyncio.create_task(asyncio.to_thread(frames.jpeg_with_thumbnail, picture, THUMBNAIL_WIDTH_PIXELS))
            self._drawing.append((self._number, Pixels(picture.width, picture.height, b""), task))
        elif letter == b"T":
            self._words[self._number] = frames.words_of(payload)
        elif letter == b"N":
            code, number, _ = frames.note_of(payload)
            if frames.is_note(code):
                self._notes.setdefault(number or self._number, []).append(code)

    async def _place(self) -> None:
        """Put the oldest page that is being made into its volumes; volumes that are full go to the store."""
        number, shape, task = self._drawing[0]
        large, small, (width, height) = await task
        self._drawing.popleft()
        filling = self._filling
        full = [
            kind for kind in OF_PAGES if len(filling[kind].data) + len(large) > VOLUME_BYTES and filling[kind].entries
        ]
        if full:
            await self._store.put(*(filling[kind].closed() for kind in full))
            filling.update({kind: _Filling(kind, number) for kind in full})
        filling[DerivativeKind.PAGES].add(large, shape.width, shape.height)
        filling[DerivativeKind.THUMBNAILS].add(small, width, height)
        filling[DerivativeKind.TEXT].add(self._words.pop(number, b'{"words":[]}'))
        for code in self._notes.pop(number, ()):
            filling[DerivativeKind.PAGES].note(number, code)


class Store:
    """Seals volumes while the next are filled; nothing counts before all are committed together."""

    def __init__(self, services: Services, scope: str, document_id: str) -> None:
        self._services = services
        self._scope = scope
        self._document_id = document_id
        self._begun_at: datetime | None = None
        self._putting: deque[asyncio.Task[list[Sealed]]] = deque()
        self._sealed: list[Sealed] = []

    async def put(self, *volumes: tuple[Volume, bytes]) -> None:
        """Begin to store volumes; waits while enough are under way."""
        if not volumes:
            return
        self._begun_at = self._begun_at or self._services.clock()
        while len(self._putting) >= VOLUMES_AT_ONCE:
            self._sealed += await self._putting[0]
            self._putting.popleft()
        self._putting.append(asyncio.create_task(self._seal(volumes)))

    async def commit(self, permit: Commit, also: Callable[[Volume], Volume] = lambda volume: volume) -> None:
        """Record every volume in one transaction, once all are stored.

        Takes: ``also``, what is said of each volume only now, such as where it begins in the whole.
        Raises: what ``permit`` raises; ``ServiceBusy`` when the first was stored too long ago.
        """
        while self._putting:
            self._sealed += await self._putting[0]
            self._putting.popleft()
        now = self._services.clock()

        def record(session: Session) -> None:
            permit(session)
            if self._begun_at is not None:
                objects.check_timely(self._begun_at, now, COMMIT_WITHIN)
            for one in self._sealed:
                derivatives.keep(session, self._document_id, also(one.volume), one.stored, one.sha256, now)

        await self._services.database.write(record)

    async def forget(self) -> None:
        """Take away what was stored and will not be committed; what cannot be taken away now is the collector's."""
        for task in self._putting:
            task.cancel()
        for one in self._sealed:
            with suppress(StorageError):
                await asyncio.to_thread(self._services.vault.shred, one.stored)

    async def _seal(self, volumes: tuple[tuple[Volume, bytes], ...]) -> list[Sealed]:
        services, vault, now = self._services, self._services.vault, self._services.clock()

        def make_keys(session: Session) -> list[tuple[ScopeKey, DataKey]]:
            key = objects.scope_key(session, vault, self._scope)
            return [(key, objects.new_data_key(session, vault, key, volume.size_bytes, now)) for volume, _ in volumes]

        keys = await objects.write_with_keys(services.database, vault, now, make_keys)

        def seal(key: ScopeKey, data_key: DataKey, volume: Volume, data: bytes) -> Sealed:
            parts = objects.seal_whole(vault, key, data_key, data)
            business: dict[str, Any] = {"shows": self._document_id, "kind": volume.kind.value, "first": volume.first}
            stored = vault.release(StoredObject(key, data_key, parts, "staged"), metadata={}, sealed=business)
            vault.discard([part.key for part in parts])
            return Sealed(volume, stored, objects.sha256_hex(data))

        return await gather(
            *(
                asyncio.to_thread(seal, key, data_key, volume, data)
                for (key, data_key), (volume, data) in zip(keys, volumes, strict=True)
            )
        )


async def gather(*work: Coroutine[Any, Any, Sealed]) -> list[Sealed]:
    """Do all at once and wait for all, whatever fails: what runs in threads cannot be left behind."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for one in done:
        if isinstance(one, BaseException):
            raise one
    return [one for one in done if isinstance(one, Sealed)]
