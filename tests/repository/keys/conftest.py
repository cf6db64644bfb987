"""The service over a temporary folder, with documents received, and officers who look after the keys."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import objects, people
from repository.access import Role
from repository.audit import Context
from repository.services import Services
from repository.tables import AuditEvent, DataKeyRow, ScopeKeyRow, new_id
from storage.vault import StoredObject
from tests.repository.files import pdf
from tests.repository.web.conftest import service, service_on_each, stage, stage_on_each, start_service
from tests.repository.web.uploading import Stage, objects_of

__all__ = ["service", "service_on_each", "stage", "stage_on_each", "start_service"]

SCOPE = "99901/01-6A26/original"


@dataclass
class Keeping:
    """A stage with released documents, and what is asked of its keys."""

    stage: Stage
    services: Services
    files: dict[str, bytes] = field(default_factory=dict)

    async def receive(self, count: int) -> list[str]:
        """Upload so many documents and wait until they are released; returns their object ids."""
        oids = []
        for _ in range(count):
            number = len(self.files)
            data = pdf(1, f"Work {number}")
            made = await self.stage.create(len(data), data, item=number % len(self.stage.items))
            oid = made["Location"].rpartition("/")[2]
            assert (await self.stage.document(made))["state"] == "released"
            self.files[oid] = data
            oids.append(oid)
        return oids

    async def officer(self) -> Context:
        """Add an awarding body officer; returns the context of what that officer does."""
        person_id, _ = await self.stage.service.add_person(Role.AB_OFFICER)
        now = self.now
        actor = await self.services.database.read(lambda s: people.officer_named(s, person_id, now))
        return Context(actor, now, new_id(), origin="command")

    @property
    def now(self):
        return self.services.clock()

    @property
    def context(self) -> Context:
        return Context(None, self.now, new_id(), origin="command")

    async def stored(self, oid: str) -> StoredObject:
        return await self.services.database.read(lambda s: objects.stored_object(s, oid))

    async def read(self, oid: str) -> bytes:
        """Read a document as the service does."""
        return b"".join([piece async for piece in objects.read(self.services.vault, await self.stored(oid))])

    async def all_open(self) -> None:
        """Every document is exactly what was sent, and its recovery copy agrees with the database."""
        self.services.vault.forget_keys()
        for oid, data in self.files.items():
            assert await self.read(oid) == data
            stored = await self.stored(oid)
            self.services.vault.check_sidecar(stored)
            recovered, _ = self.services.vault.recover(stored.scope_key, oid)
            assert recovered == stored

    async def rows(self) -> tuple[dict[str, ScopeKeyRow], dict[str, DataKeyRow]]:
        def load(session: Session) -> tuple[dict[str, ScopeKeyRow], dict[str, DataKeyRow]]:
            return (
                {row.sk_id: row for row in session.scalars(select(ScopeKeyRow))},
                {row.oid: row for row in session.scalars(select(DataKeyRow))},
            )

        return await self.services.database.read(load)

    async def events(self, *begins: str) -> list[tuple[str, str, str | None]]:
        """Return what the audit log says of keys: action, object, person."""

        def load(session: Session) -> list[tuple[str, str, str | None]]:
            rows = session.scalars(select(AuditEvent).order_by(AuditEvent.id))
            return [(row.action, row.object_id, row.person_id) for row in rows if row.action.startswith(begins)]

        return await self.services.database.read(load)

    def documents(self) -> dict[str, bytes]:
        """Return the files of the store that hold objects, not their recovery copies."""
        folder = self.stage.service.folder / "objects" / "objects"
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in objects_of(self.stage.service.folder)
            if path.relative_to(folder).parts[0] != "k"
        }

    def names_of(self, oid: str) -> list[str]:
        folder = self.stage.service.folder / "objects" / "objects"
        return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and oid in str(path)]

    def with_vault(self, vault) -> Keeping:
        """Return the same installation as another process sees it, over another vault."""
        return replace(self, services=replace(self.services, vault=vault))


@pytest.fixture
async def keeping(stage_on_each: Stage) -> Keeping:
    """An installation over each kind of database, with nothing received yet."""
    return Keeping(stage_on_each, stage_on_each.service.services)
