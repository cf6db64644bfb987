"""Ends uploads that nobody will finish: the sender gave them up, or their time ran out. What they held is freed."""

from __future__ import annotations

import asyncio

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from moderation.tables import ModerationCase
from repository import audit, evidence, records
from repository.audit import Context
from repository.errors import SlotClosed
from repository.services import Services
from repository.tables import ObjectPart, UploadRow
from repository.uploads import UploadState

EXPIRED_AT_ONCE = 100
"""So many uploads expire in one transaction at most."""


def terminate(session: Session, context: Context, oid: str, token: str | None) -> list[str]:
    """End an open upload, or withdraw a complete one whose sample is not submitted.

    Returns: staged names that nothing refers to any more.
    Raises: as ``records.standing``; ``SlotClosed`` after submission, as retention has begun.
    """
    # Locked first, so that the last byte and the end of an upload cannot both have their way.
    session.get(UploadRow, oid, with_for_update=True)
    stands = records.standing(session, oid, token, context.now)
    row = session.get_one(UploadRow, oid)
    freed: list[str] = []
    if stands.state is UploadState.COMPLETE:
        case = session.get_one(ModerationCase, row.case_id)
        if case.state not in records.OPEN_STATES:
            raise SlotClosed(state=case.state)
        evidence.check_unread(session, oid)
        evidence.withdraw(session, context, oid)
    else:
        freed = _free(session, row)
    row.state = UploadState.TERMINATED
    audit.record(session, context, "upload.terminated", "upload", oid)
    return freed


def expire_due(session: Session, context: Context) -> tuple[int, list[str]]:
    """End unfinished uploads whose time has run out, the oldest first, ``EXPIRED_AT_ONCE`` at most.

    Returns: how many ended, and the staged names that nothing refers to any more.
    """
    due = (
        select(UploadRow)
        .where(UploadRow.state == UploadState.OPEN, UploadRow.expires_at <= context.now)
        .order_by(UploadRow.expires_at)
        .limit(EXPIRED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    freed: list[str] = []
    rows = session.scalars(due).all()
    for row in rows:
        freed += _free(session, row)
        row.state = UploadState.EXPIRED
        audit.record(session, context, "upload.expired", "upload", row.oid, size_bytes=row.offset_bytes)
    return len(rows), freed


async def sweep(services: Services) -> int:
    """Expire everything that is due and delete its staged bytes; returns how many uploads ended."""
    total = 0
    while True:
        context = Context(None, services.clock(), "expiry", origin="worker")
        count, freed = await services.database.write(lambda s, c=context: expire_due(s, c))  # type: ignore[misc]
        await asyncio.to_thread(services.vault.discard, freed)
        total += count
        if count < EXPIRED_AT_ONCE:
            return total


def _free(session: Session, row: UploadRow) -> list[str]:
    """Forget the parts and tail of an upload; returns their names in the store."""
    keys = list(session.scalars(select(ObjectPart.key).where(ObjectPart.oid == row.oid)))
    session.execute(delete(ObjectPart).where(ObjectPart.oid == row.oid))
    if row.tail_key:
        keys.append(row.tail_key)
    row.tail_index = row.tail_key = row.tail_header = row.tail_sha256 = None
    row.tail_plain_bytes = row.tail_sealed_bytes = None
    return keys
