"""An installation whose commands are run as a person runs them, with objects and officers in it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from sqlalchemy import select

from repository import app, objects, people
from repository.__main__ import main
from repository.access import Role
from repository.database import Database
from repository.services import Services
from repository.settings import Settings, from_environ
from repository.tables import AuditEvent, ScopeKeyRow, StoredObjectRow
from storage.backend import Backend
from storage.directory import DirectoryBackend
from storage.vault import Layout, StoredObject, Vault

T = TypeVar("T")
SCOPE = "99001/01-6A26/original"
SURE = "Officer Sure"
SECOND = "Officer Second"


class PlainBackend:
    """A store that cannot join parts."""

    def __init__(self, inner: Backend) -> None:
        self.put, self.get, self.head = inner.put, inner.get, inner.head
        self.delete, self.list = inner.delete, inner.list


@dataclass
class Installation:
    """Settings as the environment gives them, and how commands are run under them."""

    environ: dict[str, str]
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    @property
    def settings(self) -> Settings:
        return from_environ(self.environ)

    def nea(self, *words: str) -> tuple[int, str, str]:
        """Run a command; returns its status, and what it printed on both outputs."""
        for name in [name for name in os.environ if name.startswith("NEA_")]:
            self.monkeypatch.delenv(name)
        for name, value in self.environ.items():
            self.monkeypatch.setenv(name, value)
        self.capsys.readouterr()
        status = main(words)
        out, err = self.capsys.readouterr()
        return status, out, err

    def within(self, work: Callable[[Services], Awaitable[T]]) -> T:
        """Do something with the composed service."""

        async def composed() -> T:
            services = await app.compose(self.settings)
            try:
                return await work(services)
            finally:
                await services.database.close()

        return asyncio.run(composed())

    def begin(self) -> None:
        """Add two officers to a migrated database."""

        async def filled() -> None:
            database = Database(self.settings.database_url)
            for name in (SURE, SECOND):
                await database.write(lambda s, n=name: people.add_person(s, n, Role.AB_OFFICER, app.utc_now()))
            await database.close()

        asyncio.run(filled())

    def store(self, data: bytes, *, layout: str = Layout.WHOLE, scope: str = SCOPE) -> str:
        """Seal, stage and release an object as an upload does; returns its id."""

        async def kept(services: Services) -> str:
            vault = services.vault
            if layout == Layout.PARTS:
                folder = DirectoryBackend(services.settings.data_dir / "objects")
                vault = Vault(PlainBackend(folder), services.vault.keys)
            now = services.clock()

            def keys(session):
                key = objects.scope_key(session, vault, scope)
                return key, objects.new_data_key(session, vault, key, len(data), now)

            key, data_key = await objects.write_with_keys(services.database, vault, now, keys)
            parts = objects.seal_whole(vault, key, data_key, data)
            released = vault.release(StoredObject(key, data_key, parts, Layout.STAGED), metadata={}, sealed={})
            vault.discard([part.key for part in parts])
            assert released.layout == layout

            def rows(session):
                session.add(StoredObjectRow(oid=data_key.oid, layout=released.layout))
                for part in released.parts:
                    objects.add_part(session, data_key.oid, part)

            await services.database.write(rows)
            return data_key.oid

        return self.within(kept)

    def load(self, oid: str) -> bytes:
        """Read an object back."""

        async def read(services: Services) -> bytes:
            stored = await services.database.read(lambda s: objects.stored_object(s, oid))
            return b"".join([piece async for piece in objects.read(services.vault, stored)])

        return self.within(read)

    def scope_keys(self) -> dict[str, dict[str, Any]]:
        async def read(services: Services) -> dict[str, dict[str, Any]]:
            rows = await services.database.read(lambda s: s.scalars(select(ScopeKeyRow)).all())
            return {
                row.sk_id: {column.name: getattr(row, column.name) for column in ScopeKeyRow.__table__.columns}
                for row in rows
            }

        return self.within(read)

    def events(self) -> list[str]:
        async def read(services: Services) -> list[str]:
            return list(await services.database.read(lambda s: s.scalars(select(AuditEvent.action)).all()))

        return self.within(read)


@pytest.fixture
def installation(
    tmp_path: Path, migrated_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """An installation over each kind of database, with two officers and nothing stored."""
    environ = {"NEA_DATA_DIR": str(tmp_path / "data"), "NEA_DATABASE_URL": migrated_url}
    made = Installation(environ, capsys, monkeypatch)
    made.begin()
    return made


def random_bytes(size: int) -> bytes:
    """Bytes that no compression shortens and no two calls repeat, made quickly."""
    return (uuid4().bytes * (size // 16 + 1))[:size]
