"""Faults that a scrub plants for itself: a check that never finds anything has to show that it can.

Each cycle makes two small objects on the ordinary path, takes the bytes of one away and flips one bit of the other.
They belong to no document, and they are gone when the cycle ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from repository import objects
from repository.audit import Context
from repository.services import Services
from repository.tables import DataKeyRow, ObjectPart, StoredObjectRow
from storage.backend import Backend
from storage.errors import StorageError
from storage.streaming import HEADER_BYTES
from storage.vault import DataKey, ScopeKey, StoredObject

SCOPE = "care/scrub/canary"
MISSING = "missing"
ALTERED = "altered"
CANARY_BYTES = 4096
LEFT_BEHIND = timedelta(days=1)
"""Canaries this old are nobody's any more: the cycle that planted them was killed."""


async def plant(services: Services, context: Context, absent: str) -> Mapping[str, str]:
    """Plant one missing and one altered object; the draw comes from the service's source of tokens.

    Takes: ``absent``, the code for an object that is not there.
    Returns: the object ids, each with the code that the scrub must find.
    """
    expected: dict[str, str] = {}
    for kind in (MISSING, ALTERED):
        stored = await _make(services, context, kind)
        backend, key = services.vault.backend, stored.parts[0].key
        if kind == MISSING:
            await asyncio.to_thread(backend.delete, key)
            expected[stored.data_key.oid] = absent
        else:
            draw = int.from_bytes(services.new_token().encode(), "big")
            at = await asyncio.to_thread(_flip, backend, key, draw)
            in_header = at % stored.parts[0].sealed_bytes < HEADER_BYTES
            expected[stored.data_key.oid] = "E3" if in_header else "E6"
    return expected


def _flip(backend: Backend, key: str, draw: int) -> int:
    """Flip the bit of a blob that ``draw`` says; returns which byte it is in."""
    head, blob = backend.head(key), bytearray(backend.get(key))
    at, bit = divmod(draw % (8 * len(blob)), 8)
    blob[at] ^= 1 << bit
    backend.put(key, bytes(blob), metadata=head.metadata)
    return at


async def clear(services: Services, oids: Iterable[str]) -> None:
    """Take canaries away, bytes first, so that a crash between leaves rows that a later cycle finds.

    What the store does not let go of now is left to a later cycle too: what this one found must not be lost over it.
    """
    wanted = tuple(oids)

    def facts(session: Session) -> list[StoredObject]:
        rows = session.scalars(
            select(StoredObjectRow.oid).where(StoredObjectRow.oid.in_(wanted), StoredObjectRow.canary.is_not(None))
        )
        return [objects.stored_object(session, oid) for oid in rows]

    for stored in await services.database.read(facts):
        with suppress(StorageError):
            await asyncio.to_thread(services.vault.shred, stored)
            oid = stored.data_key.oid
            await services.database.write(lambda session, oid=oid: _forget(session, oid))  # type: ignore[misc]


async def clear_left_behind(services: Services, context: Context) -> None:
    """Take away what a killed cycle left."""

    def old(session: Session) -> list[str]:
        query = (
            select(StoredObjectRow.oid)
            .join(DataKeyRow, DataKeyRow.oid == StoredObjectRow.oid)
            .where(StoredObjectRow.canary.is_not(None), DataKeyRow.created_at < context.now - LEFT_BEHIND)
        )
        return list(session.scalars(query))

    await clear(services, await services.database.read(old))


async def _make(services: Services, context: Context, kind: str) -> StoredObject:
    plaintext = (services.new_token().encode() * CANARY_BYTES)[:CANARY_BYTES]
    vault = services.vault

    def keys(session: Session) -> tuple[ScopeKey, DataKey]:
        key = objects.scope_key(session, vault, SCOPE)
        return key, objects.new_data_key(session, vault, key, len(plaintext), context.now)

    key, data_key = await objects.write_with_keys(services.database, vault, context.now, keys)

    def seal() -> StoredObject:
        parts = objects.seal_whole(vault, key, data_key, plaintext)
        released = vault.release(StoredObject(key, data_key, parts, "staged"), metadata={}, sealed={})
        vault.discard([part.key for part in parts])
        return released

    stored = await asyncio.to_thread(seal)

    def keep(session: Session) -> None:
        objects.check_key_unmoved(session, stored)
        sha256 = objects.sha256_hex(plaintext)
        session.add(StoredObjectRow(oid=data_key.oid, layout=stored.layout, plain_sha256=sha256, canary=kind))
        for part in stored.parts:
            objects.add_part(session, data_key.oid, part)

    await services.database.write(keep)
    return stored


def _forget(session: Session, oid: str) -> None:
    session.execute(delete(ObjectPart).where(ObjectPart.oid == oid))
    session.execute(delete(StoredObjectRow).where(StoredObjectRow.oid == oid))
    session.execute(delete(DataKeyRow).where(DataKeyRow.oid == oid))
