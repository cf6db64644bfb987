"""Fixtures that every test can use: databases of both kinds, empty and with all tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from .servers.fixtures import open_bucket, s3_server
from .servers.postgres import running_postgres

__all__ = ["open_bucket", "s3_server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long` adds the long forms; `--seed` repeats a random run."""
    parser.addoption("--long", action="store_true", help="run the long forms of tests as well")
    parser.addoption("--seed", type=int, default=None, help="repeat the random fault run that printed this seed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms out unless they are asked for: deselected and counted, not skipped."""
    if config.getoption("--long"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """One real PostgreSQL server for this test process."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def new_postgres_database(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Makes an empty database and gives its URL."""
    made: list[str] = []
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")

    def new() -> str:
        name = f"test_{uuid4().hex[:12]}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        made.append(name)
        return postgres_server.rpartition("/")[0] + f"/{name}"

    yield new
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def postgres_url(new_postgres_database: Callable[[], str]) -> str:
    """An empty PostgreSQL database."""
    return new_postgres_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind, as the service opens it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'nea.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))
