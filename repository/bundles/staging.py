"""Takes bundles in: sealed into the store first, acknowledged only then; and lets failed ones be tried again or dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from repository import access, audit, objects, work
from repository.access import Action
from repository.acts import sittings
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.bundles import sealing
from repository.bundles.sealing import PDF, TIFF, Sealed
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.services import Services
from repository.tables import BundleDocument, DataKeyRow, DocumentRow
from scripts import records
from scripts.errors import BundleDiffers, BundleTooLarge, BundleUnreadable
from scripts.queues import BundleState
from scripts.records import NewBundle
from scripts.tables import ScanBundle
from storage.errors import StorageError
from storage.vault import StoredObject

PUSH = "bundle.push"
"""The kind of work that reads a bundle and pushes its pages."""
LIMIT_BYTES = 512 * 1024 * 1024
MAGIC = {b"%PDF-": PDF, b"II*\x00": TIFF, b"MM\x00*": TIFF}
UNPLACED = objects.scope_name("00000", "unplaced", objects.SCRIPTS)
"""The scope of a bundle that came without saying of which sitting it is."""


@dataclass(frozen=True, slots=True)
class Announced:
    """What a sender says of a bundle beside its bytes; only ``size_bytes`` must be said.

    ``sitting_id`` or ``label``, a packet label, say of which sitting it is; without either, the label sheets in it do.
    """

    size_bytes: int
    filename: str = "bundle.pdf"
    sha256: str | None = None
    sitting_id: str | None = None
    label: str = ""
    batch: str = ""
    station: str = ""
    sheets: int | None = None
    sheets_checked: int | None = None
    booklets: int | None = None
    booklet_pages: int | None = None
    duplex: str = "merged"
    source: str = field(default="upload")


@dataclass(frozen=True, slots=True)
class Taken:
    """A bundle that is in the store. ``repeat``: it had come before, under whatever name, and was not stored again."""

    bundle_id: str
    state: str
    repeat: bool


async def take(services: Services, context: Context, announced: Announced, pieces: AsyncIterator[bytes]) -> Taken:
    """Take a bundle in; sent again, by whatever name, it is the same bundle.

    Returns: only once its bytes are durable and its reading is on the list of work.
    Raises: ``BundleUnreadable`` for what is no PDF or TIFF; ``BundleTooLarge``; ``BundleDiffers`` when the bytes are not
    the announced ones; ``NotFound`` for a sitting that is not there. Nothing is kept then.
    """
    if announced.size_bytes > LIMIT_BYTES:
        raise BundleTooLarge(limit_bytes=LIMIT_BYTES)
    if announced.size_bytes == 0:
        raise BundleUnreadable
    scope, known = await services.database.read(lambda s: _may_take(s, context, announced))
    if known is not None:  # told by the declared hash, so its bytes need not come a second time
        return Taken(known.id, known.state, repeat=True)
    first = await anext(pieces, b"")
    while len(first) < 5 and (more := await anext(pieces, b"")):
        first += more
    media_type = next((kind for magic, kind in MAGIC.items() if first.startswith(magic)), None)
    if media_type is None:
        raise BundleUnreadable("This is neither a PDF nor a TIFF file. Scan the packet again and send the new file.")
    sealed = await sealing.seal_stream(
        services, scope, announced.filename, announced.size_bytes, _chained(first, pieces)
    )
    try:
        if announced.sha256 not in {None, sealed.sha256}:
            raise BundleDiffers
        taken = await services.database.write(lambda s: _stage(s, services, context, announced, sealed, media_type))
    except BaseException:
        await sealing.forget(services, [sealed])
        raise
    if taken.repeat:
        await sealing.forget(services, [sealed])
    services.bell.ring()
    return taken


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _may_take(session: Session, context: Context, announced: Announced) -> tuple[str, ScanBundle | None]:
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    sitting_id = announced.sitting_id
    if sitting_id is None and announced.label:
        sitting_id = records.sitting_of_label(session, announced.label)
    known = records.bundle_by_hash(session, announced.sha256) if announced.sha256 else None
    if known is not None and known.state in {BundleState.DISCARDED, BundleState.FAILED, BundleState.UNPLACED}:
        known = None  # sent again for a reason
    if sitting_id is None:
        return UNPLACED, known
    sitting = sittings.permitted(session, context, Action.BUNDLE_WRITE, sitting_id)
    return objects.scope_name(sitting.centre_number, sitting.series_key, objects.SCRIPTS), known


def _stage(
    session: Session, services: Services, context: Context, announced: Announced, sealed: Sealed, media_type: str
) -> Taken:
    actor = actor_of(context)
    sitting_id = announced.sitting_id
    if sitting_id is None and announced.label:
        sitting_id = records.sitting_of_label(session, announced.label)
    new = NewBundle(
        sha256=sealed.sha256,
        filename=announced.filename,
        size_bytes=sealed.size_bytes,
        source=announced.source,
        sitting_id=sitting_id,
        label=announced.label,
        batch=announced.batch,
        station=announced.station,
        sheets=announced.sheets,
        sheets_checked=announced.sheets_checked,
        booklets=announced.booklets,
        booklet_pages=announced.booklet_pages,
        duplex=announced.duplex,
    )
    staged = records.stage_bundle(session, new, now=context.now, actor=actor.person_id)
    bundle = staged.bundle
    if staged.is_new:
        document_id = sealing.keep(
            session,
            services,
            sealed,
            media_type=media_type,
            page_count=None,
            uploaded_by=actor.person_id,
            now=context.now,
        )
        session.add(BundleDocument(bundle_id=bundle.id, document_id=document_id))
    if bundle.state == BundleState.STAGED:
        work.again(session, PUSH, bundle.id, context.now, lane=_lane(bundle))
    audit.record(
        session,
        context,
        Action.BUNDLE_WRITE,
        "bundle",
        bundle.id,
        size_bytes=sealed.size_bytes,
        repeat=not staged.is_new,
    )
    return Taken(bundle.id, bundle.state, repeat=not staged.is_new)


def _lane(bundle: ScanBundle) -> str:
    """Return whose bundle it is, so that a station with a mountain of paper does not keep the others waiting."""
    return (bundle.station or bundle.received_by)[:36]


def retry(session: Session, context: Context, bundle_id: str, sitting_id: str | None = None) -> ScanBundle:
    """Have a bundle read again that failed, or say of which sitting it is.

    Raises: ``NotFound``; ``BundleMoveRefused`` for a bundle that is under way or pushed.
    """
    bundle = permitted(session, context, bundle_id)
    if sitting_id is not None:
        bundle.sitting_id = sittings.permitted(session, context, Action.BUNDLE_WRITE, sitting_id).id
    records.move_bundle(session, bundle, BundleState.STAGED, now=context.now)
    work.again(session, PUSH, bundle.id, context.now, lane=_lane(bundle))
    audit.record(session, context, "bundle.retry", "bundle", bundle.id)
    return bundle


async def discard(services: Services, context: Context, bundle_id: str) -> None:
    """Drop a bundle of which nothing counts: its file is destroyed, its row says so. Sent again, it begins anew.

    Raises: ``NotFound``; ``BundleMoveRefused`` once it is under way or pushed.
    """
    stored = await services.database.write(lambda s: _discard(s, context, bundle_id))
    if stored is not None:
        with suppress(StorageError):  # without its key it is noise; what is left is the collector's
            await asyncio.to_thread(services.vault.shred, stored)


def _discard(session: Session, context: Context, bundle_id: str) -> StoredObject | None:
    bundle = permitted(session, context, bundle_id)
    records.move_bundle(session, bundle, BundleState.DISCARDED, now=context.now)
    audit.record(session, context, "bundle.discard", "bundle", bundle.id)
    link = session.get(BundleDocument, bundle_id)
    if link is None:
        return None
    document = session.get_one(DocumentRow, link.document_id)
    stored = objects.stored_object(session, document.oid)
    document.state, document.decided_at = DocumentState.WITHDRAWN, context.now
    key = session.get_one(DataKeyRow, document.oid)
    key.blob, key.shredded_at = b"", context.now
    session.execute(delete(BundleDocument).where(BundleDocument.bundle_id == bundle_id))
    return stored


def permitted(session: Session, context: Context, bundle_id: str) -> ScanBundle:
    """Return a bundle that the actor may work on; raises ``NotFound`` for any other, absent or forbidden."""
    access.require(actor_of(context), Action.BUNDLE_WRITE)
    bundle = session.scalar(select(ScanBundle).where(ScanBundle.id == bundle_id).with_for_update())
    if bundle is None:
        raise NotFound
    return bundle
