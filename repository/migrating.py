"""Brings a database to the shape this version needs, and refuses to start on one that is behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from moderation import guards
from repository.acting import Acting
from repository.database import Database
from repository.errors import DatabaseBehind, GuardsMissing, PolicyMissing
from repository.guards import all_guards
from repository.scoping import row_security

if TYPE_CHECKING:
    from alembic.config import Config


HEAD = "0040"
"""The newest migration: what a database must have. Known here so that a running service need not load Alembic."""


def config() -> Config:
    """Return Alembic's configuration: our migrations, no file, no logging set-up."""
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


async def migrate(database: Database) -> None:
    """Bring the database to the newest shape, with guards and row security; does nothing on one that is there already.

    Guards are taken down first and put up last, in the transaction of the migration: SQLite cannot rebuild a table that
    a trigger names, and a rebuilt table has lost its triggers.
    """
    from alembic import command

    def upgrade(connection: Connection) -> None:
        with connection.begin():
            if _version(connection) == HEAD and not (
                guards.problems(connection, all_guards()) or row_security.problems(connection)
            ):
                return
        settings = config()
        settings.attributes["connection"] = connection
        with _rebuilding(database, connection), connection.begin():
            row_security.tell(connection, Acting(service="migrate"))
            row_security.drop(connection)
            guards.drop(connection)
            command.upgrade(settings, "head")
            guards.install(connection, all_guards())
            row_security.install(connection)
            if database.embedded and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise DatabaseBehind("The migration would leave rows that refer to nothing. Nothing was changed.")

    await database.on_connection(upgrade)


@contextmanager
def _rebuilding(database: Database, connection: Connection) -> Iterator[None]:
    """Let SQLite rebuild a table that others refer to: it can only while it does not watch their references."""
    driver = connection.connection.driver_connection
    if not database.embedded or driver is None:
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


async def check(database: Database) -> None:
    """Refuse a database that is not as this version needs it.

    Raises: ``DatabaseBehind`` unless it has the newest shape; ``GuardsMissing`` unless every guard stands in it;
    ``PolicyMissing`` unless PostgreSQL's row security does.
    """

    def look(connection: Connection) -> tuple[str | None, list[str], list[str]]:
        version = _version(connection)
        if version != HEAD:
            return version, [], []
        return version, guards.problems(connection, all_guards()), row_security.problems(connection)

    version, problems, openings = await database.on_connection(look)
    if version != HEAD:
        raise DatabaseBehind
    if problems:
        raise GuardsMissing(f"{GuardsMissing.SENTENCE} {problems[0]}", problems=problems)
    if openings:
        raise PolicyMissing(f"{PolicyMissing.SENTENCE} {openings[0]}", problems=openings)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
