"""A log over each kind of database, with events of nobody in particular."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.audit.keeping import Log, Signed
from repository.audit.notes import LogSigner
from repository.audit.places import FolderPlace
from repository.database import Database

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
ORIGIN = "nea.example/audit"


@dataclass
class Kept:
    """A log, its folder, and what acts would do with it."""

    log: Log
    folder: Path
    events: list[str] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.log.database

    async def happen(self, count: int = 1, *, object_id: str = "thing", **details: str | int) -> list[str]:
        """Let things happen, each in its own transaction."""

        def act(session: Session, at: int) -> str:
            context = Context(None, NOW, f"request-{at}", origin="test")
            return audit.record(session, context, "test.act", "test", object_id, number=at, **details)

        made = [
            await self.database.write(lambda session, at=at: act(session, at))
            for at in range(len(self.events), len(self.events) + count)
        ]
        self.events += made
        return made

    async def signed(self) -> Signed:
        """Sign and publish the log as it is."""
        signed = await self.log.checkpoint()
        assert signed is not None
        return signed

    def beside(self, database: Database) -> Kept:
        """The same log over another database, as a restored one is."""
        return Kept(replace(self.log, database=database), self.folder, list(self.events))


@pytest.fixture
async def kept(migrated_url: str, tmp_path: Path) -> AsyncIterator[Kept]:
    """A log over each kind of database."""
    database = Database(migrated_url)
    folder = tmp_path / "published"
    yield Kept(
        Log(database, LogSigner(Ed25519PrivateKey.generate()), (FolderPlace(folder),), ORIGIN, lambda: NOW), folder
    )
    await database.close()
