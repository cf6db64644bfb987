"""What database and store hold, for the checker: read by us, not by the product's own care over time."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import objects
from repository.documents import DocumentState
from repository.services import Services
from repository.tables import (
    AuditEvent,
    DataKeyRow,
    DocumentRow,
    ObjectPart,
    ScopeKeyRow,
    StoredObjectRow,
    UploadRow,
    Work,
)
from storage import names
from storage.errors import StorageError
from storage.vault import Layout, StoredObject, Vault


async def examine(services: Services, *, reads_back: bool = True) -> dict[str, Any]:
    """Uploads, documents with the hash of what is read back, events, work, and both sides of the store."""

    def read(session: Session) -> tuple[dict[str, Any], dict[str, StoredObject]]:
        found = _rows(session)
        whole = [row.oid for row in session.scalars(select(StoredObjectRow)) if row.oid not in found["destroyed"]]
        return found, {oid: objects.stored_object(session, oid) for oid in whole}

    found, stored = await services.database.read(read)
    for document in found["documents"]:
        if (
            not reads_back
            or document["oid"] not in stored
            or document["state"] in {DocumentState.WITHDRAWN, DocumentState.HELD}
        ):
            continue
        digest = hashlib.sha256()
        async for piece in objects.read(services.vault, stored[document["oid"]]):
            digest.update(piece)
        document["read_back"] = digest.hexdigest()
    listed = await asyncio.to_thread(lambda: list(services.vault.backend.list("")))
    found["current_kid"] = services.vault.keys.current()
    copied = [one for one in stored.values() if reads_back and one.layout != Layout.STAGED]
    agree = await asyncio.to_thread(lambda: [_agrees(services.vault, one) for one in copied])
    found["stale_sidecars"] = [one.data_key.oid for one, agrees in zip(copied, agree, strict=True) if not agrees]
    found["names"] = sorted(head.key for head in listed)
    return found


def _agrees(vault: Vault, stored: StoredObject) -> bool:
    try:
        vault.check_sidecar(stored)
    except StorageError:
        return False
    return True


def _rows(session: Session) -> dict[str, Any]:
    uploads = [
        {"oid": row.oid, "state": row.state, "offset": row.offset_bytes, "total": row.total_bytes, "tail": row.tail_key}
        for row in session.scalars(select(UploadRow))
    ]
    documents = [
        {"oid": row.oid, "state": row.state, "sha256": row.sha256, "size": row.size_bytes}
        for row in session.scalars(select(DocumentRow))
    ]
    events = session.execute(
        select(AuditEvent.object_id, AuditEvent.action, func.count()).group_by(AuditEvent.object_id, AuditEvent.action)
    )
    work = [
        {"kind": row.kind, "subject": row.subject_id, "done": row.finished_at is not None, "error": row.last_error}
        for row in session.scalars(select(Work))
    ]
    keys = session.execute(select(DataKeyRow.oid, DataKeyRow.sk_id, DataKeyRow.blob != b"")).all()
    destroyed = {oid for oid, _, lives in keys if not lives}
    referenced = set(session.scalars(select(ObjectPart.key).where(ObjectPart.oid.not_in(destroyed))))
    referenced |= {upload["tail"] for upload in uploads if upload["tail"] and upload["oid"] not in destroyed}
    # A withdrawn document keeps its object, and so its sidecar, if it was released before.
    released = session.scalars(select(StoredObjectRow.oid).where(StoredObjectRow.layout != Layout.STAGED))
    return {
        "uploads": uploads,
        "documents": documents,
        "events": [[oid, action, count] for oid, action, count in events],
        "work": work,
        "referenced": sorted(referenced | {names.sidecar(oid) for oid in released if oid not in destroyed}),
        "destroyed": sorted(destroyed),
        "data_keys": {oid: sk_id for oid, sk_id, lives in keys if lives},
        "scope_keys": {
            row.sk_id: {"lives": row.blob != b"", "stands": row.superseded_at is None, "kid": row.kid}
            for row in session.scalars(select(ScopeKeyRow))
        },
    }
