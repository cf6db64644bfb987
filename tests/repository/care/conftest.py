from __future__ import annotations

import dataclasses
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from repository import app
from repository.settings import from_environ
from storage.backend import Backend
from storage.directory import DirectoryBackend
from storage.keys.file import FileKeyring
from storage.memory import MemoryBackend
from storage.retry import retrying
from storage.streaming import SDR1, Geometry
from storage.vault import Vault
from tests.servers.fixtures import open_bucket, s3_bucket, s3_server
from tests.storage.conftest import SMALL

from .keeping import Clock, Kept

__all__ = ["open_bucket", "s3_bucket", "s3_server"]

Keep = Callable[..., Awaitable[Kept]]


@pytest.fixture
async def keep(tmp_path: Path, migrated_file: Path) -> AsyncIterator[Keep]:
    """Puts services over a store and a migrated database together; parts are small unless the store asks for real ones."""
    made: list[Kept] = []

    async def build(
        backend: Backend | None = None, database_url: str | None = None, geometry: Geometry = SMALL
    ) -> Kept:
        environ = {"NEA_DATA_DIR": str(tmp_path / "data"), "NEA_REHEARSAL": "yes", "NEA_PORT": "0"}
        if database_url is not None:
            environ["NEA_DATABASE_URL"] = database_url
        settings = from_environ(environ)
        if database_url is None and not settings.data_dir.exists():
            settings.data_dir.mkdir()
            shutil.copy(migrated_file, settings.data_dir / "nea.sqlite3")
        clock = Clock()
        services = await app.compose(settings, clock=clock)
        keys = FileKeyring(settings.keyring_path)
        vault = Vault(backend if backend is not None else MemoryBackend(), keys, geometry=geometry)
        made.append(Kept(dataclasses.replace(services, vault=vault), clock))
        return made[-1]

    yield build
    for kept in made:
        await kept.services.database.close()


@pytest.fixture
async def kept(keep: Keep) -> Kept:
    """Services over a store in memory and SQLite."""
    return await keep()


@pytest.fixture
async def kept_on_each_database(keep: Keep, migrated_url: str) -> Kept:
    """Services over a store in memory and each kind of database."""
    return await keep(database_url=migrated_url)


@pytest.fixture(params=["memory", "directory", pytest.param("s3", marks=pytest.mark.s3)])
async def kept_on_each_store(keep: Keep, request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """Services over each kind of store and SQLite."""
    match request.param:
        case "memory":
            return await keep()
        case "directory":
            return await keep(DirectoryBackend(tmp_path / "store"))
        case _:
            return await keep(retrying(request.getfixturevalue("open_bucket")()), geometry=SDR1)
