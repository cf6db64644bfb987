"""Makes what is played in place of a recording: every browser plays it, and nothing but sound and pictures is left in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from repository import derivatives
from repository.derivatives import MADE_AS, DerivativeKind, Volume
from repository.deriving import Commit, Store
from repository.errors import InspectionFailed
from repository.inspection import frames
from repository.services import Services
from repository.tables import DocumentRow

VOLUME_BYTES = 8 * 1024 * 1024
PEAKS_LIMIT = 2_000
MILLISECONDS_LIMIT = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Recording:
    """A document that is to be played: how large it is, how long at most, and whence it is read, each time anew."""

    document_id: str
    scope: str
    media_type: str
    size_bytes: int
    duration_seconds: float
    read: Callable[[], AsyncIterator[bytes]]


async def make(services: Services, recording: Recording, permit: Commit) -> None:
    """Make what is played of a recording, with a still to stand for it, and commit it, unless it is stored already.

    Takes: ``permit``, as ``deriving.pages``.
    Raises: ``InspectionFailed`` when it could not be made; what ``permit`` raises; errors of storage.
    """
    document_id = recording.document_id
    if await services.database.read(lambda s: derivatives.has(s, document_id, DerivativeKind.MEDIA)):
        return
    store = Store(services, recording.scope, document_id)
    taking = _Taking(store, recording.media_type)
    try:
        async with services.inspection.transcode(
            recording.media_type, recording.read, recording.size_bytes, recording.duration_seconds
        ) as found:
            async for letter, payload in found:
                await taking.take(letter, payload)
        await taking.close()
        await store.commit(lambda session: taking.record(session, document_id, permit), taking.placed)
    except BaseException:
        await store.forget()
        raise


class _Taking:
    """Puts a recording into volumes as it comes; what stands before it is known last."""

    def __init__(self, store: Store, media_type: str) -> None:
        self._store = store
        self._made_as = "video/mp4" if media_type.startswith("video/") else "audio/mp4"
        self._data = bytearray()
        self._first = 0
        self._front = b""
        self._still: frames.Pixels | None = None
        self._facts: dict[str, Any] = {}
        self._notes: list[str] = []

    async def take(self, letter: bytes, payload: bytes) -> None:
        if letter == b"M":
            self._data += payload
            while len(self._data) >= VOLUME_BYTES:
                await self._put(VOLUME_BYTES)
        elif letter == b"H":
            self._front = payload
        elif letter == b"P":
            self._still = self._still or frames.pixels(payload)
        elif letter == b"N":
            self._note(payload)

    async def close(self) -> None:
        if self._data:
            await self._put(len(self._data))
        if not self._front or not self._first:
            raise InspectionFailed(cause="shape")
        front = Volume(DerivativeKind.MEDIA, -1, len(self._front), self._made_as, facts=self._facts)
        await self._store.put((front, self._front))
        if self._still is not None:
            poster = await asyncio.to_thread(frames.jpeg, self._still)
            await self._store.put(
                (Volume(DerivativeKind.POSTER, 0, len(poster), MADE_AS[DerivativeKind.POSTER]), poster)
            )

    def placed(self, volume: Volume) -> Volume:
        """Say where a volume begins in the whole, now that the length of what stands before it is known."""
        if volume.kind is not DerivativeKind.MEDIA:
            return volume
        return replace(volume, first=0 if volume.first < 0 else volume.first + len(self._front))

    def record(self, session: Session, document_id: str, permit: Commit) -> None:
        permit(session)
        row = session.get_one(DocumentRow, document_id)
        row.notes = list(dict.fromkeys([*(row.notes or []), *self._notes]))
        if "milliseconds" in self._facts:
            row.duration_seconds = self._facts["milliseconds"] / 1000

    async def _put(self, size: int) -> None:
        data = bytes(self._data[:size])
        del self._data[:size]
        await self._store.put((Volume(DerivativeKind.MEDIA, self._first, size, self._made_as), data))
        self._first += size

    def _note(self, payload: bytes) -> None:
        code, _, facts = frames.note_of(payload)
        if code == "duration":
            self._facts["milliseconds"] = _whole(facts.get("milliseconds"), MILLISECONDS_LIMIT)
        elif code == "waveform":
            peaks = facts.get("peaks")
            if not isinstance(peaks, list) or len(peaks) > PEAKS_LIMIT:
                raise InspectionFailed(cause="shape")
            self._facts["peaks"] = [_whole(peak, 100) for peak in peaks]
            self._facts["milliseconds_each"] = _whole(facts.get("milliseconds_each"), MILLISECONDS_LIMIT)
        elif frames.is_note(code):
            self._notes.append(code)


def _whole(untrusted: object, limit: int) -> int:
    if type(untrusted) is not int or not 0 <= untrusted <= limit:
        raise InspectionFailed(cause="shape")
    return untrusted
