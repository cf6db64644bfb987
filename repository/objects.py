"""Encrypted objects as the database records them: rows to the facts that the vault takes back, and the reverse."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice, starmap
from typing import TypeVar, cast

from sqlalchemy import Table, bindparam, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.database import Database
from repository.errors import DocumentDestroyed, ServiceBusy
from repository.tables import DataKeyRow, ObjectPart, ScopeKeyRow, StoredObjectRow, insert_row, new_id
from storage.errors import KeyRefused, ObjectNotFound, ObjectTampered
from storage.vault import DataKey, Part, ScopeKey, StoredObject, Vault

T = TypeVar("T")
SEGMENTS_PER_HOP = 16
KEY_TRIES = 4
COMMIT_WITHIN = timedelta(hours=1)
ORIGINALS = "original"
SCRIPTS = "script"
_STANDING = select(ScopeKeyRow).where(ScopeKeyRow.scope == bindparam("scope"), ScopeKeyRow.superseded_at.is_(None))
_HELD = _STANDING.with_for_update(read=True, key_share=True)
_KEYS = (
    select(DataKeyRow, ScopeKeyRow)
    .join(ScopeKeyRow, ScopeKeyRow.sk_id == DataKeyRow.sk_id)
    .where(DataKeyRow.oid == bindparam("oid"))
)
_LAYOUT = select(StoredObjectRow.layout).where(StoredObjectRow.oid == bindparam("oid"))
_OF_PARTS = cast(Table, ObjectPart.__table__).c
# Plain rows in the order of `Part`: a film has hundreds, and a range of it waits for them.
_PARTS = (
    select(
        _OF_PARTS.part_index,
        _OF_PARTS.key,
        _OF_PARTS.header,
        _OF_PARTS.sha256,
        _OF_PARTS.plain_bytes,
        _OF_PARTS.sealed_bytes,
    )
    .where(_OF_PARTS.oid == bindparam("oid"))
    .order_by(_OF_PARTS.part_index)
)


def scope_name(centre_number: str, series_key: str, object_class: str) -> str:
    """Return the scope of a key: centre × series × class. Shredding it shreds everything under it."""
    return f"{centre_number}/{series_key}/{object_class}"


class KeyNotAtHand(Exception):
    """A scope key must be asked of the key provider first, which no transaction may wait for."""

    def __init__(self, scope: str, key: ScopeKey | None) -> None:
        super().__init__(scope)
        self.scope = scope
        self.key = key


async def write_with_keys(database: Database, vault: Vault, now: datetime, work: Callable[[Session], T]) -> T:
    """Run ``work``, which makes data keys, in one transaction, and ask the key provider between tries, in a thread.

    So the event loop and the database's locks never wait for a key service; and nothing new is begun while it is down,
    since a scope key counts as at hand for seconds only.
    Raises: as ``Database.write``, and ``storage.errors.KeyUnavailable``, ``KeyRefused``: nothing was changed.
    """
    for _ in range(KEY_TRIES):
        try:
            return await database.write(work)
        except KeyNotAtHand as wanted:
            if wanted.key is not None:
                await asyncio.to_thread(vault.confirm, wanted.key)
            else:
                made = await asyncio.to_thread(vault.new_scope_key, wanted.scope)
                await database.write(partial(add_scope_key, made=made, now=now))
    raise ServiceBusy


def scope_key(session: Session, vault: Vault, scope: str) -> ScopeKey:
    """Return the key of the scope that wraps now; raises ``KeyNotAtHand``, which ``write_with_keys`` takes care of."""
    # Shared with other users of the key, but not with its rotation: no data key may be wrapped under a key that goes.
    row = session.scalars(_HELD, {"scope": scope}).first()
    if row is None:
        raise KeyNotAtHand(scope, None)
    key = ScopeKey(row.sk_id, row.scope, row.kid, row.blob)
    if not vault.at_hand(key):
        raise KeyNotAtHand(scope, key)
    return key


def add_scope_key(session: Session, made: ScopeKey, now: datetime) -> bool:
    """Record a fresh scope key; returns False if the scope has one already, perhaps since this very moment."""
    if session.scalars(_STANDING, {"scope": made.scope}).first() is not None:
        return False
    try:
        with session.begin_nested():
            session.add(ScopeKeyRow(sk_id=made.sk_id, scope=made.scope, kid=made.kid, blob=made.blob, created_at=now))
    except IntegrityError:  # another process used the scope first
        return False
    return True


def new_data_key(session: Session, vault: Vault, key: ScopeKey, total_bytes: int, now: datetime) -> DataKey:
    """Make the data key of a new object of ``total_bytes`` and record its wrap, in the caller's transaction."""
    made = vault.new_data_key(key, new_id(), total_bytes)
    insert_row(
        session,
        DataKeyRow,
        oid=made.oid,
        sk_id=made.sk_id,
        suite=made.suite,
        total_bytes=made.total_bytes,
        blob=made.blob,
        commitment=made.commitment,
        created_at=now,
    )
    return made


def keys_of(session: Session, oid: str) -> tuple[ScopeKey, DataKey]:
    """Return the keys of an object, both wrapped; raises ``DocumentDestroyed`` when they were shredded."""
    # In one statement: between two, a rotation could take the scope key away.
    data, scope = session.execute(_KEYS, {"oid": oid}).one()
    if data.shredded_at is not None or scope.shredded_at is not None:
        raise DocumentDestroyed
    return (
        ScopeKey(scope.sk_id, scope.scope, scope.kid, scope.blob),
        DataKey(data.oid, data.sk_id, data.suite, data.total_bytes, data.blob, data.commitment),
    )


def check_key_unmoved(session: Session, stored: StoredObject) -> None:
    """Hold an object's data key until the end of the transaction, if it is still wrapped as ``stored`` says.

    A recovery copy was just written from these facts; had the scope key been rotated meanwhile, it would be out of date
    with nobody to renew it.
    Raises: ``DocumentDestroyed``; ``ServiceBusy`` if it was wrapped anew: what was done must be repeated.
    """
    row = session.execute(
        select(DataKeyRow.blob, DataKeyRow.shredded_at).where(DataKeyRow.oid == stored.data_key.oid).with_for_update()
    ).one()
    if row.shredded_at is not None:
        raise DocumentDestroyed
    if row.blob != stored.data_key.blob:
        raise ServiceBusy("The keys of this document were renewed in this moment. Try again.")


def check_timely(begun_at: datetime, now: datetime, within: timedelta = COMMIT_WITHIN) -> None:
    """Refuse to commit names whose bytes were sent long ago: a process that slept meanwhile lost its claim to them.

    The collector leaves alone what is younger than a day, so what it takes can never be named by a later commit.
    Takes: ``begun_at``, when the first of the bytes was sent; ``within``, well under that day.
    Raises: ``ServiceBusy``.
    """
    if now - begun_at > within:
        raise ServiceBusy("The service stood still for too long to keep what it had just stored. Send it again.")


def add_part(session: Session, oid: str, part: Part) -> None:
    """Record one durable part."""
    insert_row(
        session,
        ObjectPart,
        oid=oid,
        part_index=part.index,
        key=part.key,
        header=part.header,
        sha256=part.sha256,
        plain_bytes=part.plain_bytes,
        sealed_bytes=part.sealed_bytes,
    )


def stored_object(session: Session, oid: str) -> StoredObject:
    """Return the facts of a complete object, as the vault reads it."""
    layout = session.execute(_LAYOUT, {"oid": oid}).scalar_one()
    key, data_key = keys_of(session, oid)
    return StoredObject(key, data_key, tuple(starmap(Part, session.execute(_PARTS, {"oid": oid}))), layout)


def save_released(session: Session, released: StoredObject, sha256: str) -> None:
    """Record where a released object lies now, and the hash of its plaintext; raises as ``check_key_unmoved``."""
    check_key_unmoved(session, released)
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

    def begin() -> tuple[Iterator[bytes], list[bytes]]:
        segments = vault.open(stored).read(start, stop)
        return segments, list(islice(segments, 1))

    segments, pieces = await asyncio.to_thread(begin)
    while pieces:
        for piece in pieces:
            yield piece
        pieces = await asyncio.to_thread(list, islice(segments, SEGMENTS_PER_HOP))
