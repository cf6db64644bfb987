from __future__ import annotations

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


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database of each kind with the tables and guards of moderation."""
    if request.param == "sqlite":
        made = create_engine("sqlite://")
        event.listen(made, "connect", lambda connection, _: _prepare(connection))
    else:
        made = create_engine(request.getfixturevalue("postgres_url"))
    Base.metadata.create_all(made)
    with made.begin() as connection:
        guards.install(connection)
    guards.speak_plainly(made)
    yield made
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session
