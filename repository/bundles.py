"""Takes in scan bundles: read in the child, split by cover sheets, sealed whole and script by script, or not at all."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from repository import audit, objects
from repository.access import Action
from repository.acts import sittings
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import InspectionFailed, ServiceBusy
from repository.services import Services
from repository.tables import BundleDocument, DocumentRow, ScriptDocument, StoredObjectRow
from scripts import records
from scripts.errors import BundleDuplicate, BundleUnreadable
from scripts.records import BundleOutcome
from scripts.splitting import MAX_PAGES, PageReading, readings_from_json, split
from storage.vault import DataKey, ScopeKey, StoredObject

READINGS_LIMIT_BYTES = 16 * 1024 * 1024
BUNDLE_LIMIT_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 256 * 1024
Link = Callable[[str], BundleDocument | ScriptDocument]
"""Makes the row that ties a document to its bundle or script."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A file that is sealed and released, waiting for the transaction that makes it known."""

    stored: StoredObject
    filename: str
    size_bytes: int
    sha256: str
    page_count: int


async def take_in(services: Services, context: Context, sitting_id: str, filename: str, pdf: bytes) -> BundleOutcome:
    """Take in one scan bundle of a sitting.

    Returns: the bundle's id, the scripts found with their pages, and the pages that wait for a person.
    Raises: ``BundleDuplicate`` naming the earlier bundle; ``BundleUnreadable``; ``NotFound``. Nothing is kept then.
    """
    sha256 = objects.sha256_hex(pdf)
    series_key, centre_number = await services.database.read(lambda s: _may_take(s, context, sitting_id, sha256))
    readings = await _read(services, pdf)
    expected = await services.database.read(lambda s: records.expectation(s, sitting_id))
    planned = split(readings, expected).scripts
    parts = await _cut(services, pdf, [script.pages for script in planned])
    files = [(filename, pdf, len(readings))]
    files += [
        (f"{script.key.candidate_number}.pdf", part, len(script.pages))
        for script, part in zip(planned, parts, strict=True)
    ]
    scope = objects.scope_name(centre_number, series_key, objects.SCRIPTS)
    sealed = [await _seal(services, context, scope, *file) for file in files]

    def keep(session: Session) -> BundleOutcome:
        objects.check_timely(context.now, services.clock())
        outcome = records.register_bundle(
            session,
            sitting_id=sitting_id,
            sha256=sha256,
            readings=readings,
            now=context.now,
            actor=actor_of(context).person_id,
        )
        if [script.pages for script in outcome.scripts] != [script.pages for script in planned]:
            # Somebody changed the register while the pages were read: start again from what is true now.
            raise ServiceBusy
        _keep(
            session,
            context,
            sealed[0],
            lambda document: BundleDocument(bundle_id=outcome.bundle_id, document_id=document),
        )
        for script, file in zip(outcome.scripts, sealed[1:], strict=True):
            _keep(session, context, file, _link(script.script_id))
        audit.record(session, context, Action.BUNDLE_WRITE, "bundle", outcome.bundle_id, pages=len(readings))
        return outcome

    try:
        return await services.database.write(keep)
    except Exception:
        for file in sealed:
            await asyncio.to_thread(services.vault.shred, file.stored)
        raise


def _may_take(session: Session, context: Context, sitting_id: str, sha256: str) -> tuple[str, str]:
    sitting = sittings.permitted(session, context, Action.BUNDLE_WRITE, sitting_id)
    earlier = records.bundle_by_hash(session, sha256)
    if earlier is not None:
        raise BundleDuplicate(bundle_id=earlier.id, received_at=earlier.received_at.isoformat())
    return sitting.series_key, sitting.centre_number


async def _read(services: Services, pdf: bytes) -> tuple[PageReading, ...]:
    try:
        untrusted = await services.inspection.scan([], _pieces(pdf), READINGS_LIMIT_BYTES)
        return tuple(readings_from_json(untrusted.decode("ascii")))
    except (InspectionFailed, UnicodeDecodeError) as error:
        raise BundleUnreadable from error


async def _cut(services: Services, pdf: bytes, pages: Sequence[Sequence[int]]) -> list[bytes]:
    if not pages:
        return []
    wanted = "[" + ",".join(str(list(numbers)) for numbers in pages) + "]"
    limit = 2 * len(pdf) + MAX_PAGES * PIECE_BYTES
    try:
        untrusted = await services.inspection.scan(["extract", f'{{"pages": {wanted}}}'], _pieces(pdf), limit)
    except InspectionFailed as error:
        raise BundleUnreadable from error
    return list(_extracts(untrusted, len(pages)))


def _extracts(untrusted: bytes, count: int) -> Iterator[bytes]:
    source = io.BytesIO(untrusted)
    for _ in range(count):
        head = source.read(8)
        length = struct.unpack(">Q", head)[0] if len(head) == 8 else -1
        part = source.read(length) if 0 < length <= len(untrusted) else b""
        if len(part) != length:
            raise BundleUnreadable
        yield part


async def _seal(services: Services, context: Context, scope: str, filename: str, data: bytes, pages: int) -> _Sealed:
    def keys(session: Session) -> tuple[ScopeKey, DataKey]:
        key = objects.scope_key(session, services.vault, scope)
        return key, objects.new_data_key(session, services.vault, key, len(data), context.now)

    key, data_key = await objects.write_with_keys(services.database, services.vault, context.now, keys)
    vault = services.vault
    sha256 = objects.sha256_hex(data)

    def seal() -> StoredObject:
        parts = objects.seal_whole(vault, key, data_key, data)
        staged = StoredObject(key, data_key, parts, "staged")
        released = vault.release(staged, metadata={}, sealed={"filename": filename, "sha256": sha256})
        vault.discard([part.key for part in parts])
        return released

    return _Sealed(await asyncio.to_thread(seal), filename, len(data), sha256, pages)


def _keep(session: Session, context: Context, file: _Sealed, link: Link) -> None:
    oid = file.stored.data_key.oid
    objects.check_key_unmoved(session, file.stored)
    session.add(StoredObjectRow(oid=oid, layout=file.stored.layout, plain_sha256=file.sha256))
    for part in file.stored.parts:
        objects.add_part(session, oid, part)
    session.flush()
    session.add(
        DocumentRow(
            id=oid,
            oid=oid,
            filename=file.filename[:255],
            size_bytes=file.size_bytes,
            media_type="application/pdf",
            sha256=file.sha256,
            page_count=file.page_count,
            state=DocumentState.RELEASED,
            uploaded_by=actor_of(context).person_id,
            received_at=context.now,
            decided_at=context.now,
        )
    )
    session.flush()
    session.add(link(oid))
    session.flush()


def _link(script_id: str) -> Link:
    return lambda document: ScriptDocument(script_id=script_id, document_id=document)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]
