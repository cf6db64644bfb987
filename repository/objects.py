"""Encrypted objects as the database records them: rows to the facts that the vault takes back, and the reverse."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import islice

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.errors import DocumentDestroyed
from repository.tables import DataKeyRow, ObjectPart, ScopeKeyRow, StoredObjectRow, new_id
from storage.errors import KeyRefused, ObjectNotFound, ObjectTampered
from storage.vault import DataKey, Part, ScopeKey, StoredObject, Vault

SEGMENTS_PER_HOP = 16
ORIGINALS = "original"
SCRIPTS = "script"


def scope_name(centre_number: str, series_key: str, object_class: str) -> str:
    """Return the scope of a key: centre × series × class. Shredding it shreds everything under it."""
    return f"{centre_number}/{series_key}/{object_class}"


def scope_key(session: Session, vault: Vault, scope: str, now: datetime) -> ScopeKey:
    """Return the scope's key, made and wrapped at its first use, in the caller's transaction."""
    # Shared with other users of the key, but not with its rotation: no data key may be wrapped under a key that goes.
    wanted = select(ScopeKeyRow).where(ScopeKeyRow.scope == scope).with_for_update(read=True, key_share=True)
    row = session.scalars(wanted).first()
    if row is None:
        made = vault.new_scope_key(scope)
        row = ScopeKeyRow(sk_id=made.sk_id, scope=made.scope, kid=made.kid, blob=made.blob, created_at=now)
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:  # another process used the scope first, this very moment
            row = session.scalars(wanted).one()
    return ScopeKey(row.sk_id, row.scope, row.kid, row.blob)


def new_data_key(session: Session, vault: Vault, key: ScopeKey, total_bytes: int, now: datetime) -> DataKey:
    """Make the data key of a new object of ``total_bytes`` and record its wrap, in the caller's transaction."""
    made = vault.new_data_key(key, new_id(), total_bytes)
    session.add(
        DataKeyRow(
            oid=made.oid,
            sk_id=made.sk_id,
            suite=made.suite,
            total_bytes=made.total_bytes,
            blob=made.blob,
            commitment=made.commitment,
            created_at=now,
        )
    )
    session.flush()
    return made


def keys_of(session: Session, oid: str) -> tuple[ScopeKey, DataKey]:
    """Return the keys of an object, both wrapped; raises ``DocumentDestroyed`` when they were shredded."""
    data = session.get_one(DataKeyRow, oid)
    if data.shredded_at is not None:
        raise DocumentDestroyed
    scope = session.get_one(ScopeKeyRow, data.sk_id)
    return (
        ScopeKey(scope.sk_id, scope.scope, scope.kid, scope.blob),
        DataKey(data.oid, data.sk_id, data.suite, data.total_bytes, data.blob, data.commitment),
    )


def add_part(session: Session, oid: str, part: Part) -> None:
    """Record one durable part."""
    session.add(
        ObjectPart(
            oid=oid,
            part_index=part.index,
            key=part.key,
            header=part.header,
            sha256=part.sha256,
            plain_bytes=part.plain_bytes,
            sealed_bytes=part.sealed_bytes,
        )
    )


def stored_object(session: Session, oid: str) -> StoredObject:
    """Return the facts of a complete object, as the vault reads it."""
    row = session.get_one(StoredObjectRow, oid)
    parts = session.scalars(select(ObjectPart).where(ObjectPart.oid == oid).order_by(ObjectPart.part_index))
    key, data_key = keys_of(session, oid)
    facts = tuple(Part(p.part_index, p.key, p.header, p.sha256, p.plain_bytes, p.sealed_bytes) for p in parts)
    return StoredObject(key, data_key, facts, row.layout)


def save_released(session: Session, released: StoredObject, sha256: str) -> None:
    """Record where a released object lies now, and the hash of its plaintext."""
    oid = released.data_key.oid
    row = session.get_one(StoredObjectRow, oid)
    row.layout = released.layout
    row.plain_sha256 = sha256
    session.execute(delete(ObjectPart).where(ObjectPart.oid == oid))
    for part in released.parts:
        add_part(session, oid, part)


def note_damage(
    session: Session,
    context: Context,
    object_kind: str,
    object_id: str,
    damage: ObjectTampered | KeyRefused | ObjectNotFound,
) -> None:
    """Record that a stored object is missing, or is not what was written: its diagnosis code, and the part it is in."""
    if isinstance(damage, ObjectNotFound):
        audit.record(session, context, "object.missing", object_kind, object_id)
        return
    part, diagnosis = damage.facts.get("part"), str(damage.facts.get("diagnosis", ""))
    where = part if isinstance(part, int) else None
    audit.record(session, context, "object.tampered", object_kind, object_id, diagnosis=diagnosis, part=where)


def seal_whole(vault: Vault, key: ScopeKey, data_key: DataKey, plaintext: bytes) -> tuple[Part, ...]:
    """Seal and stage bytes that are already in memory, part by part. Blocks; run it in a thread."""
    writer = vault.resume(key, data_key)
    view = memoryview(plaintext)
    size = vault.part_plain_bytes
    starts = range(0, max(len(view), 1), size)
    return tuple(writer.seal_part(index, view[start : start + size]) for index, start in enumerate(starts))


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


async def read(vault: Vault, stored: StoredObject, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
    """Give the plaintext of [start, stop) as it is decrypted, without holding the event loop.

    The first segment comes by itself, so that an answer can begin; later ones come some at a time, since each hop to a
    thread costs as much as decrypting a segment.
    Raises: ``storage.errors.ObjectTampered`` before any byte of a segment that does not verify.
    """
    reader = await asyncio.to_thread(vault.open, stored)
    segments = reader.read(start, reader.size_bytes if stop is None else stop)
    pieces = await asyncio.to_thread(list, islice(segments, 1))
    while pieces:
        for piece in pieces:
            yield piece
        pieces = await asyncio.to_thread(list, islice(segments, SEGMENTS_PER_HOP))
