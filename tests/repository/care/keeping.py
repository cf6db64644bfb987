"""A service without its pages: database, store and keys, with objects of every standing put there directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.records.samples import sample_of
from moderation.tables import SampleItem
from repository import objects
from repository.access import Role
from repository.audit import Context
from repository.people import add_person
from repository.services import Services
from repository.tables import AuditEvent, DataKeyRow, ObjectPart, StoredObjectRow, UploadRow, new_id
from repository.uploads import UploadState
from storage.backend import Backend
from storage.vault import StoredObject
from tests.moderation.records.stage import confirm, make_centre, make_series

T = TypeVar("T")
CENTRE = "99901"


@dataclass
class Clock:
    """A clock that the test moves; it begins at the present, as real stores date their names by it."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Kept:
    """Services over one store, and the ways in which things come to lie there."""

    services: Services
    clock: Clock
    _senders: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def backend(self) -> Backend:
        return self.services.vault.backend

    def context(self) -> Context:
        return Context(None, self.clock(), new_id(), origin="test")

    async def read(self, work: Callable[[Session], T]) -> T:
        return await self.services.database.read(work)

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self.services.database.write(work)

    async def sealed(self, content: bytes, scope: str = "99901/6A17/original") -> StoredObject:
        """Make a key and stage the content under it; no row says yet that an object exists."""
        vault = self.services.vault

        def keys(session: Session):
            key = objects.scope_key(session, vault, scope)
            return key, objects.new_data_key(session, vault, key, len(content), self.clock())

        key, data_key = await objects.write_with_keys(self.services.database, vault, self.clock(), keys)
        parts = await asyncio.to_thread(objects.seal_whole, vault, key, data_key, content)
        return StoredObject(key, data_key, parts, "staged")

    async def release(self, staged: StoredObject) -> StoredObject:
        """Release what is staged, as the worker does; the caller commits and discards."""
        sealed = {"filename": "EXAMPLE.pdf"}
        return await asyncio.to_thread(self.services.vault.release, staged, metadata={}, sealed=sealed)

    async def complete(self, stored: StoredObject, content: bytes) -> str:
        """Commit that an object exists."""
        oid = stored.data_key.oid

        def keep(session: Session) -> None:
            session.add(StoredObjectRow(oid=oid, layout=stored.layout, plain_sha256=objects.sha256_hex(content)))
            for part in stored.parts:
                objects.add_part(session, oid, part)

        await self.write(keep)
        return oid

    async def held(self, content: bytes) -> str:
        """Keep an object that is complete but not released."""
        return await self.complete(await self.sealed(content), content)

    async def released(self, content: bytes, scope: str = "99901/6A17/original") -> str:
        """Keep a released object, as it lies after its staged names are gone."""
        staged = await self.sealed(content, scope)
        released = await self.release(staged)
        oid = await self.complete(released, content)
        await asyncio.to_thread(self.services.vault.discard, [part.key for part in staged.parts])
        return oid

    async def upload(self, total_bytes: int, content: bytes, *, state: UploadState = UploadState.OPEN) -> str:
        """Keep an upload whose content arrived as whole parts and a tail."""
        person_id, assignment_id, item_id = await self._sender()
        vault = self.services.vault

        def begin(session: Session):
            key = objects.scope_key(session, vault, "99901/6A17/original")
            data_key = objects.new_data_key(session, vault, key, total_bytes, self.clock())
            session.add(
                UploadRow(
                    oid=data_key.oid,
                    token_sha256=bytes(32),
                    person_id=person_id,
                    assignment_id=assignment_id,
                    centre_number=CENTRE,
                    case_id=session.get_one(SampleItem, item_id).case_id,
                    sample_item_id=item_id,
                    slot="work",
                    filename="EXAMPLE.pdf",
                    total_bytes=total_bytes,
                    offset_bytes=len(content),
                    state=state,
                    created_at=self.clock(),
                    expires_at=self.clock() + timedelta(days=14),
                )
            )
            return key, data_key

        key, data_key = await objects.write_with_keys(self.services.database, vault, self.clock(), begin)
        writer, size = vault.resume(key, data_key), vault.part_plain_bytes
        whole = len(content) // size
        parts = [writer.seal_part(i, memoryview(content)[i * size : (i + 1) * size]) for i in range(whole)]
        tail = writer.seal_tail(whole, content[whole * size :]) if len(content) % size else None

        def arrived(session: Session) -> None:
            row = session.get_one(UploadRow, data_key.oid)
            if state in {UploadState.TERMINATED, UploadState.EXPIRED}:
                return  # its parts are forgotten; the names are left to the collector
            for part in parts:
                objects.add_part(session, data_key.oid, part)
            if tail is not None:
                row.tail_key, row.tail_sealed_bytes = tail.key, tail.sealed_bytes

        await self.write(arrived)
        return data_key.oid

    async def _sender(self) -> tuple[str, str, str]:
        if not self._senders:

            def build(session: Session) -> tuple[str, str, str]:
                make_series(session)
                case_id = make_centre(session, 6, CENTRE)
                confirm(session, case_id, [60, 50, 40, 30, 20, 10])
                item_id = sample_of(session, case_id).items[0].item_id
                made = add_person(session, "Test teacher", Role.TEACHER, self.clock(), centre_number=CENTRE)
                return made.person_id, made.id, item_id

            self._senders.append(await self.write(build))
        return self._senders[0]

    async def stored(self, oid: str) -> StoredObject:
        return await self.read(lambda session: objects.stored_object(session, oid))

    async def row(self, oid: str) -> StoredObjectRow:
        return await self.read(lambda session: session.get_one(StoredObjectRow, oid))

    async def shred(self, oid: str, *, bytes_too: bool = True) -> None:
        """Destroy the key of an object, and its bytes unless the process is to die between."""
        stored = await self.stored(oid)
        values = {"blob": b"", "shredded_at": self.clock()}
        await self.write(lambda session: session.execute(update(DataKeyRow).filter_by(oid=oid).values(**values)))
        if bytes_too:
            await asyncio.to_thread(self.services.vault.shred, stored)

    async def names_referred(self) -> set[str]:
        """Return the names that committed rows of parts and tails give, unless the object was destroyed."""

        def names(session: Session) -> set[str]:
            tails = session.scalars(select(UploadRow.tail_key).where(UploadRow.tail_key.is_not(None)))
            parts = select(ObjectPart.key).join(DataKeyRow, DataKeyRow.oid == ObjectPart.oid)
            standing = session.scalars(parts.where(DataKeyRow.shredded_at.is_(None)))
            return {*standing, *(key for key in tails if key)}

        return await self.read(names)

    async def events(self, *actions: str) -> list[tuple[str, str, Mapping[str, object]]]:
        query = select(AuditEvent).where(AuditEvent.action.in_(actions)).order_by(AuditEvent.id)
        rows = await self.read(lambda session: session.scalars(query).all())
        return [(row.object_kind, row.object_id, row.details) for row in rows]

    def names(self, prefix: str = "") -> list[str]:
        """List the store, without what care itself keeps there."""
        return [head.key for head in self.backend.list(prefix) if not head.key.startswith("c/")]

    def change(self, key: str, how: Callable[[bytes], bytes]) -> None:
        """Put other bytes under a name, behind the service's back."""
        metadata = self.backend.head(key).metadata
        self.backend.put(key, how(self.backend.get(key)), metadata=metadata)


def flipped(content: bytes, bit: int) -> bytes:
    """Return the content with one bit flipped."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)
