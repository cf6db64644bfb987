"""Fixtures that every test can use: databases of both kinds, empty and with all tables."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine, text

from repository import acting, app
from repository.sign_in.hashing import Hasher
from repository.web import pages

from .compiled import shared_statements
from .passwords import QuickHasher
from .servers.fixtures import open_bucket, s3_server
from .servers.postgres import running_postgres
from .worlds import MADE, WORLDS

__all__ = ["open_bucket", "s3_server"]

# How fast a machine is, is nothing that a test fails for.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long` adds the long forms; `--seed` repeats a random run."""
    parser.addoption("--long", action="store_true", help="run the long forms of tests as well")
    parser.addoption("--seed", type=int, default=None, help="repeat the random fault run that printed this seed")


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look through it again for each of thousands of tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms out unless they are asked for: deselected and counted, not skipped."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def _beside(url: str, name: str) -> str:
    return url.rpartition("/")[0] + f"/{name}"


def _migrate(url: str, world: str = "") -> None:
    from repository import migrating
    from repository.database import Database

    async def work() -> None:
        database = Database(url, own_clock=bool(world))
        await migrating.migrate(database)
        if world:
            with acting.as_service("test"):
                MADE[world] = await database.write(WORLDS[world])
        await database.close()

    # A loop of its own in a thread of its own: the test that asks first may have one running.
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, work()).result()


@pytest.fixture(autouse=True)
def behind_the_service() -> Iterator[None]:
    """What a test reads and writes past the pages, it does as the service itself; a request never inherits that."""
    with acting.as_service("test"):
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_templates() -> Iterator[None]:
    """Templates are compiled, and catalogs read, once in a process and not for each of a thousand services."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "templates", cache(pages.templates))
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_statements() -> Iterator[None]:
    """Statements are compiled once in a process, and not for each of a thousand engines."""
    with shared_statements():
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Services in the process of the tests spend little on passwords."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "Hasher", QuickHasher)
        yield


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services spend on passwords what they do spend; to be asked for before the service."""
    monkeypatch.setattr(app, "Hasher", Hasher)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """One real PostgreSQL server for this test process."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def new_postgres_database(postgres_server: str) -> Iterator[Callable[..., str]]:
    """Makes a database, empty or as a template has it, and gives its URL."""
    made: list[str] = []
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")

    def new(template: str = "template1") -> str:
        name = f"test_{uuid4().hex[:12]}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
        made.append(name)
        return _beside(postgres_server, name)

    yield new
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Callable[[str, Callable[[str], None]], str]:
    """Fills a database once, under a name, so that tests get copies of it: a copy is far quicker than all migrations."""
    filled: set[str] = set()

    def template(name: str, fill: Callable[[str], None]) -> str:
        if name not in filled:
            engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            engine.dispose()
            fill(_beside(postgres_server, name))
            filled.add(name)
        return name

    return template


@pytest.fixture
def postgres_url(new_postgres_database: Callable[..., str]) -> str:
    """An empty PostgreSQL database."""
    return new_postgres_database()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite as all migrations leave it; to be copied, not opened."""
    path = tmp_path_factory.mktemp("migrated") / "nea.sqlite3"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def file_of_world(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives a file of SQLite that holds a world, or no rows; to be copied, not opened."""
    made = {"": migrated_file}

    def file(world: str) -> Path:
        if world not in made:
            path = tmp_path_factory.mktemp(world) / "nea.sqlite3"
            shutil.copy(migrated_file, path)
            _migrate(f"sqlite:///{path}", world)
            made[world] = path
        return made[world]

    return file


@pytest.fixture
def staged_world() -> None:
    """Asks for a database with a centre whose sample has been requested."""


@pytest.fixture
def rehearsed_world() -> None:
    """Asks for a database with the rehearsal series in it, seeded when the clock of tests begins."""


@pytest.fixture
def world(request: pytest.FixtureRequest) -> str:
    """Which world a test's fixtures ask for; the empty string for none."""
    asked = [name for name in WORLDS if name in request.fixturenames]
    assert len(asked) < 2, asked
    return "".join(asked)


@pytest.fixture
def migrated_postgres_url(
    postgres_template: Callable[[str, Callable[[str], None]], str],
    new_postgres_database: Callable[..., str],
    world: str,
) -> str:
    """A PostgreSQL database as all migrations leave it, without rows but those of the world that is asked for."""
    return new_postgres_database(postgres_template(f"migrated_{world}", lambda url: _migrate(url, world)))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path, world: str) -> str:
    """A database of each kind as all migrations leave it, without rows but those of the world that is asked for."""
    if request.param == "sqlite":
        path = tmp_path / "nea.sqlite3"
        shutil.copy(request.getfixturevalue("file_of_world")(world), path)
        return f"sqlite:///{path}"
    return str(request.getfixturevalue("migrated_postgres_url"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind, as the service opens it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'nea.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))
