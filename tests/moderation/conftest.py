from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from moderation import guards
from moderation.tables import Base

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def _prepare(connection: Any) -> None:
    for pragma in ("foreign_keys", "recursive_triggers"):
        connection.execute(f"PRAGMA {pragma} = ON")


def _fill(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        guards.install(connection)


def _fill_and_leave(url: str) -> None:
    engine = create_engine(url)
    _fill(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def filled_in_memory() -> Iterator[sqlite3.Connection]:
    """A database of SQLite with the tables and guards of moderation; tests get copies of it."""
    engine = create_engine("sqlite://")
    _fill(engine)
    with engine.connect() as connection:
        kept = connection.connection.driver_connection
        assert isinstance(kept, sqlite3.Connection)
        yield kept
    engine.dispose()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database of each kind with the tables and guards of moderation."""
    if request.param == "sqlite":
        made = create_engine("sqlite://")
        event.listen(made, "connect", lambda connection, _: _prepare(connection))
        with made.connect() as connection:
            copy = connection.connection.driver_connection
            assert isinstance(copy, sqlite3.Connection)
            request.getfixturevalue("filled_in_memory").backup(copy)
    else:
        template = request.getfixturevalue("postgres_template")("moderation", _fill_and_leave)
        made = create_engine(request.getfixturevalue("new_postgres_database")(template))
    guards.speak_plainly(made)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session
