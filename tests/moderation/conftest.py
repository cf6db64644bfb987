from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import Session

from moderation.tables import Base

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An empty database with the tables of moderation; PostgreSQL where the tests have started a server."""
    if request.param == "sqlite":
        made = create_engine("sqlite://")
        event.listen(made, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    else:
        try:
            url = request.getfixturevalue("postgres_url")
        except pytest.FixtureLookupError:
            pytest.skip("no PostgreSQL server has been started by the tests")
        made = create_engine(url.replace("postgresql+asyncpg", "postgresql+psycopg"))
        Base.metadata.drop_all(made)
    Base.metadata.create_all(made)
    yield made
    if request.param != "sqlite":
        Base.metadata.drop_all(made)
    made.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session
