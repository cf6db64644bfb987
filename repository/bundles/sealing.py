"""Seals files of scanning into the store, and records them as documents once their transaction comes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository import objects
from repository.documents import DocumentState
from repository.services import Services
from repository.tables import DocumentRow, StoredObjectRow
from scripts.errors import BundleDiffers
from storage.errors import StorageError
from storage.vault import DataKey, Part, ScopeKey, StoredObject

PDF = "application/pdf"
TIFF = "image/tiff"
SEALED_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file that is sealed and released, waiting for the transaction that makes it known."""

    stored: StoredObject
    filename: str
    size_bytes: int
    sha256: str
    begun_at: datetime


async def seal_stream(
    services: Services, scope: str, filename: str, size_bytes: int, pieces: AsyncIterator[bytes]
) -> Sealed:
    """Seal a file as it arrives, part by part; nothing of it is ever written unsealed.

    Takes: ``size_bytes``, as announced.
    Raises: ``BundleDiffers`` when more or less arrives than was announced; errors of storage. Nothing is kept then.
    """
    begun_at, vault = services.clock(), services.vault
    ((key, data_key),) = await _keys(services, scope, [size_bytes])
    writer, digest = vault.resume(key, data_key), hashlib.sha256()
    parts: list[Part] = []
    held, taken = bytearray(), 0
    try:
        async for piece in pieces:
            taken += len(piece)
            if taken > size_bytes:
                raise BundleDiffers
            held += piece
            while len(held) >= vault.part_plain_bytes and len(parts) + 1 < writer.part_count:
                part = bytes(held[: vault.part_plain_bytes])
                del held[: vault.part_plain_bytes]
                await asyncio.to_thread(digest.update, part)
                parts.append(await asyncio.to_thread(writer.seal_part, len(parts), part))
        if taken != size_bytes:
            raise BundleDiffers
        digest.update(held)
        parts.append(await asyncio.to_thread(writer.seal_part, len(parts), bytes(held)))
        staged = StoredObject(key, data_key, tuple(parts), "staged")
        sha256 = digest.hexdigest()
        stored = await asyncio.to_thread(_release, services, staged, filename, sha256)
    except BaseException:
        await asyncio.to_thread(vault.discard, [part.key for part in parts])
        raise
    return Sealed(stored, filename, size_bytes, sha256, begun_at)


async def seal_all(services: Services, scope: str, files: Sequence[tuple[str, bytes]]) -> list[Sealed]:
    """Seal files that are in memory, some at a time; all, or none and an error.

    Takes: name and bytes of each.
    """
    begun_at = services.clock()
    keys = await _keys(services, scope, [len(data) for _, data in files])
    room = asyncio.Semaphore(SEALED_AT_ONCE)

    async def one(name: str, data: bytes, key: ScopeKey, data_key: DataKey) -> Sealed:
        async with room:
            return await asyncio.to_thread(_seal, services, name, data, key, data_key, begun_at)

    work = [one(name, data, *pair) for (name, data), pair in zip(files, keys, strict=True)]
    # What runs in threads cannot be left behind: all end before anything is said of one that failed.
    done = await asyncio.gather(*work, return_exceptions=True)
    sealed = [found for found in done if isinstance(found, Sealed)]
    for failed in done:
        if isinstance(failed, BaseException):
            await forget(services, sealed)
            raise failed
    return sealed


def keep(
    session: Session,
    services: Services,
    sealed: Sealed,
    *,
    media_type: str,
    page_count: int | None,
    uploaded_by: str,
    now: datetime,
) -> str:
    """Record a sealed file as a released document; returns its id.

    Raises: ``ServiceBusy`` when its bytes were sent too long ago, or its keys were renewed since.
    """
    objects.check_timely(sealed.begun_at, services.clock())
    objects.check_key_unmoved(session, sealed.stored)
    oid = sealed.stored.data_key.oid
    session.add(StoredObjectRow(oid=oid, layout=sealed.stored.layout, plain_sha256=sealed.sha256))
    for part in sealed.stored.parts:
        objects.add_part(session, oid, part)
    session.flush()
    session.add(
        DocumentRow(
            id=oid,
            oid=oid,
            filename=sealed.filename[:255],
            size_bytes=sealed.size_bytes,
            media_type=media_type,
            sha256=sealed.sha256,
            page_count=page_count,
            state=DocumentState.RELEASED,
            uploaded_by=uploaded_by,
            received_at=now,
            decided_at=now,
        )
    )
    session.flush()
    return oid


async def forget(services: Services, sealed: Sequence[Sealed]) -> None:
    """Take away what was sealed and will not be known; what cannot be taken away now is the collector's."""
    for one in sealed:
        with suppress(StorageError):
            await asyncio.to_thread(services.vault.shred, one.stored)


async def _keys(services: Services, scope: str, sizes: Sequence[int]) -> list[tuple[ScopeKey, DataKey]]:
    vault, now = services.vault, services.clock()

    def make(session: Session) -> list[tuple[ScopeKey, DataKey]]:
        key = objects.scope_key(session, vault, scope)
        return [(key, objects.new_data_key(session, vault, key, size, now)) for size in sizes]

    return await objects.write_with_keys(services.database, vault, now, make)


def _seal(services: Services, name: str, data: bytes, key: ScopeKey, data_key: DataKey, begun_at: datetime) -> Sealed:
    sha256 = objects.sha256_hex(data)
    parts = objects.seal_whole(services.vault, key, data_key, data)
    stored = _release(services, StoredObject(key, data_key, parts, "staged"), name, sha256)
    return Sealed(stored, name, len(data), sha256, begun_at)


def _release(services: Services, staged: StoredObject, filename: str, sha256: str) -> StoredObject:
    released = services.vault.release(staged, metadata={}, sealed={"filename": filename, "sha256": sha256})
    services.vault.discard([part.key for part in staged.parts])
    return released
