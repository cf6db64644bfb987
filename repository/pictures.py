"""Small pictures that people send beside their work: looked at, scanned, drawn anew from pixels, sealed, and only then kept.

What is kept is our own drawing: where it was taken, and with which telephone, goes no further.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from repository import objects
from repository.acts.cases import actor_of
from repository.antivirus import ScanState
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import InspectionFailed, PictureRefused
from repository.services import Services
from repository.tables import DocumentRow, StoredObjectRow
from storage.vault import DataKey, ScopeKey, StoredObject

WIDTH_PIXELS = 1600
"""So wide is a picture drawn at most: the small print of a receipt can be read on it."""
LIMIT_BYTES = 12 * 1024 * 1024
TYPES = frozenset({"image/jpeg", "image/png", "image/webp"})
JPEG = "image/jpeg"
PIECE_BYTES = 256 * 1024
_GOOD = frozenset({ScanState.CLEAN, ScanState.NONE})


@dataclass(frozen=True, slots=True)
class Sealed:
    """A picture that is sealed and waits for the transaction that makes it known."""

    stored: StoredObject
    filename: str
    size_bytes: int
    sha256: str
    scan_state: str


async def draw(services: Services, data: bytes) -> tuple[bytes, str]:
    """Return a picture drawn anew, and what the virus scanner said of what was sent.

    Raises: ``PictureRefused`` for what is no picture, cannot be read, or holds what the scanner knows.
    """
    suffix = {b"\x89PNG": "png", b"RIFF": "webp"}.get(data[:4], "jpg")
    verdict = await services.inspection.inspect(f"picture.{suffix}", _pieces(data))
    if verdict.held or verdict.media_type not in TYPES:
        raise PictureRefused(verdict.reason or "")
    scanned = await services.antivirus.scan(lambda: _pieces(data), len(data))
    if scanned.state not in _GOOD:
        raise PictureRefused("The virus scanner did not let this picture pass. Take it again.")
    try:
        return await services.inspection.page_jpeg(_pieces(data), 1, WIDTH_PIXELS), scanned.state.value
    except InspectionFailed as error:
        raise PictureRefused from error


async def seal(
    services: Services, context: Context, scope: str, filename: str, drawn: bytes, scan_state: str
) -> Sealed:
    """Seal a drawn picture under a scope's key; nothing of it is known until ``keep``, and ``forget`` takes it away."""

    def keys(session: Session) -> tuple[ScopeKey, DataKey]:
        key = objects.scope_key(session, services.vault, scope)
        return key, objects.new_data_key(session, services.vault, key, len(drawn), context.now)

    key, data_key = await objects.write_with_keys(services.database, services.vault, context.now, keys)
    vault, sha256 = services.vault, objects.sha256_hex(drawn)

    def store() -> StoredObject:
        parts = objects.seal_whole(vault, key, data_key, drawn)
        staged = StoredObject(key, data_key, parts, "staged")
        released = vault.release(staged, metadata={}, sealed={"filename": filename, "sha256": sha256})
        vault.discard([part.key for part in parts])
        return released

    return Sealed(await asyncio.to_thread(store), filename, len(drawn), sha256, scan_state)


async def forget(services: Services, sealed: Sealed) -> None:
    """Take away what was sealed and did not become known."""
    await asyncio.to_thread(services.vault.shred, sealed.stored)


def keep(session: Session, context: Context, sealed: Sealed, now: datetime) -> str:
    """Make a sealed picture a released document, in the caller's transaction; returns the document's id.

    Takes: ``now``, when that is; raises ``ServiceBusy`` if the service slept since it was sealed.
    """
    oid = sealed.stored.data_key.oid
    objects.check_timely(context.now, now)
    objects.check_key_unmoved(session, sealed.stored)
    session.add(StoredObjectRow(oid=oid, layout=sealed.stored.layout, plain_sha256=sealed.sha256))
    for part in sealed.stored.parts:
        objects.add_part(session, oid, part)
    session.flush()
    session.add(
        DocumentRow(
            id=oid,
            oid=oid,
            filename=sealed.filename,
            size_bytes=sealed.size_bytes,
            media_type=JPEG,
            sha256=sealed.sha256,
            page_count=1,
            state=DocumentState.RELEASED,
            scan_state=sealed.scan_state,
            uploaded_by=actor_of(context).person_id,
            received_at=context.now,
            decided_at=context.now,
        )
    )
    session.flush()
    return oid


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
