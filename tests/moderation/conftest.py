from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from moderation import guards
from moderation.tables import Base, ModerationCase

from .records import stage

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def _prepare(connection: Any) -> None:
    for pragma in ("foreign_keys", "recursive_triggers"):
        connection.execute(f"PRAGMA {pragma} = ON")


def _fill(engine: Engine) -> None:
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        guards.install(connection)


def _moderate(engine: Engine) -> None:
    _fill(engine)
    with Session(engine) as session, session.begin():
        stage.make_series(session)
        case_id = stage.make_centre(session, len(stage.CENTRE_B))
        stage.confirm(session, case_id, stage.CENTRE_B)
        stage.hand_in(session, case_id)
        stage.give_to_moderator(session, case_id)
        stage.moderate(session, case_id, dict(zip(stage.CENTRE_B, stage.MODERATOR_B, strict=True)))


FILLED: dict[str, Callable[[Engine], None]] = {"moderation": _fill, "moderated": _moderate}
"""Each kind of database is filled once in a process; tests get copies."""


@pytest.fixture(scope="session")
def filled_in_memory() -> Iterator[Callable[[str], sqlite3.Connection]]:
    """Gives a database of SQLite that is filled, to be copied."""
    made: dict[str, Engine] = {}

    def filled(name: str) -> sqlite3.Connection:
        if name not in made:
            made[name] = create_engine("sqlite://", poolclass=StaticPool)
            event.listen(made[name], "connect", lambda connection, _: _prepare(connection))
            FILLED[name](made[name])
        with made[name].connect() as connection:
            kept = connection.connection.driver_connection
            assert isinstance(kept, sqlite3.Connection)
            return kept

    yield filled
    for engine in made.values():
        engine.dispose()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database of each kind with the tables and guards of moderation; with a moderated case where one is asked for."""
    name = "moderated" if "moderated_case" in request.fixturenames else "moderation"
    if request.param == "sqlite":
        made = create_engine("sqlite://")
        event.listen(made, "connect", lambda connection, _: _prepare(connection))
        with made.connect() as connection:
            copy = connection.connection.driver_connection
            assert isinstance(copy, sqlite3.Connection)
            request.getfixturevalue("filled_in_memory")(name).backup(copy)
    else:

        def fill(url: str) -> None:
            filled = create_engine(url)
            FILLED[name](filled)
            filled.dispose()

        template = request.getfixturevalue("postgres_template")(name, fill)
        made = create_engine(request.getfixturevalue("new_postgres_database")(template))
    guards.speak_plainly(made)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.fixture
def moderated_case(session: Session) -> str:
    """A case of fifteen whose sample is moderated, as the worked example of an adjustment has it."""
    return session.scalars(select(ModerationCase.id)).one()
