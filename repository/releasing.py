"""After the last byte: verify end to end, inspect, release or hold. Every step may be repeated."""

from __future__ import annotations

import asyncio

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.slots import Slot
from repository import audit, evidence, objects, places
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import DocumentDestroyed
from repository.inspection import Verdict
from repository.receipts import late, replaced
from repository.services import Services
from repository.tables import DocumentRow, Evidence
from repository.work import Job
from storage.errors import ObjectTampered
from storage.vault import StoredObject

DAMAGED = (
    "What arrived in the store is not what you sent.",
    "Upload the file again. If it happens twice, tell the awarding body.",
)
DIFFERENT = (
    "What arrived differs from the file on your computer.",
    "Upload the file again.",
)
DUPLICATE = ("The same file is already here for this candidate.", "You need do nothing; the first copy counts.")


async def verify(services: Services, job: Job) -> None:
    """Take one received document from ``uploaded`` to ``released``, or to ``held`` with a reason a teacher can act on."""
    context = Context(None, services.clock(), f"work-{job.id}"[:36], origin="worker")
    document_id = job.subject_id

    def load(session: Session) -> tuple[DocumentState, str, str | None, StoredObject, Slot]:
        row = session.get_one(DocumentRow, document_id)
        stored = objects.stored_object(session, row.oid)
        return DocumentState(row.state), row.filename, row.declared_sha256, stored, evidence.slot_of(session, row.id)

    try:
        state, filename, declared, stored, slot = await services.database.read(load)
    except DocumentDestroyed:
        return
    if state not in {DocumentState.UPLOADED, DocumentState.VERIFIED}:
        return
    try:
        sha256 = await asyncio.to_thread(services.vault.verify, stored)
    except ObjectTampered as tampering:
        diagnosis = str(tampering.facts.get("diagnosis", ""))
        await _decide(services, context, document_id, DocumentState.HELD, DAMAGED, diagnosis=diagnosis)
        return
    if declared is not None and declared != sha256:
        await _decide(services, context, document_id, DocumentState.HELD, DIFFERENT)
        return
    if await services.database.write(lambda s: _verified(s, context, document_id, sha256)):
        return
    verdict = await services.inspection.inspect(filename, objects.read(services.vault, stored))
    if verdict.held:
        reason = (verdict.reason or "", verdict.remedy or "")
        await _decide(services, context, document_id, DocumentState.HELD, reason, media_type=verdict.media_type)
        return
    if misplaced := places.wrong_type(slot, verdict.media_type, services.settings.upload_limit_bytes):
        await _decide(services, context, document_id, DocumentState.HELD, misplaced, media_type=verdict.media_type)
        return
    if stored.layout == "staged":
        released = await asyncio.to_thread(
            services.vault.release, stored, metadata={}, sealed={"filename": filename, "sha256": sha256}
        )
    else:
        released = stored
    if not await services.database.write(
        lambda s: _released(s, services, context, document_id, released, sha256, verdict)
    ):
        return  # withdrawn meanwhile, or released by another worker: what is staged may still be what the rows name
    staged = [part.key for part in stored.parts if part.key.startswith("q/")]
    kept = {part.key for part in released.parts} if released.layout != "whole" else set()
    await asyncio.to_thread(services.vault.discard, [key for key in staged if key not in kept])


def _verified(session: Session, context: Context, document_id: str, sha256: str) -> bool:
    """Note the hash; return True when the same content is already attached to the same slot, and this copy retires."""
    row = session.get_one(DocumentRow, document_id, with_for_update=True)
    if row.state == DocumentState.UPLOADED:
        row.sha256 = sha256
        evidence.move(session, context, row, DocumentState.VERIFIED)
    link = session.scalars(select(Evidence).where(Evidence.document_id == document_id)).one()
    twin = session.scalars(
        select(DocumentRow)
        .join(Evidence, Evidence.document_id == DocumentRow.id)
        .where(
            Evidence.case_id == link.case_id,
            Evidence.sample_item_id == link.sample_item_id,
            Evidence.slot == link.slot,
            Evidence.withdrawn_at.is_(None),
            DocumentRow.sha256 == sha256,
            DocumentRow.id != document_id,
            DocumentRow.state == DocumentState.RELEASED,
        )
    ).first()
    if twin is None:
        return False
    row.reason, row.remedy = DUPLICATE
    evidence.withdraw(session, context, document_id)
    return True


def _released(
    session: Session,
    services: Services,
    context: Context,
    document_id: str,
    released: StoredObject,
    sha256: str,
    verdict: Verdict,
) -> bool:
    """Note the release; return False when the document is not to be released any more, and nothing changed."""
    row = session.get_one(DocumentRow, document_id, with_for_update=True)
    if row.state != DocumentState.VERIFIED:
        return False
    objects.save_released(session, released, sha256)
    row.media_type = verdict.media_type
    row.page_count = verdict.page_count
    row.reason = row.remedy = None
    evidence.move(session, context, row, DocumentState.RELEASED)
    replaced.withdraw_replaced(session, context, services.signer, document_id)
    late.note_released(session, context, services.signer, document_id)
    return True


async def _decide(
    services: Services,
    context: Context,
    document_id: str,
    state: DocumentState,
    reason: tuple[str, str],
    *,
    media_type: str | None = None,
    diagnosis: str = "",
) -> None:
    def decide(session: Session) -> None:
        row = session.get_one(DocumentRow, document_id, with_for_update=True)
        if row.state not in {DocumentState.UPLOADED, DocumentState.VERIFIED}:
            return  # withdrawn meanwhile
        row.reason, row.remedy = reason
        row.media_type = media_type
        evidence.move(session, context, row, state)
        if diagnosis:
            audit.record(session, context, "object.tampered", "document", document_id, diagnosis=diagnosis)

    await services.database.write(decide)
