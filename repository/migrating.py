"""Brings a database to the shape this version needs, and refuses to start on one that is behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from repository.database import Database
from repository.errors import DatabaseBehind


def config() -> Config:
    """Return Alembic's configuration: our migrations, no file, no logging set-up."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return settings


async def migrate(database: Database) -> None:
    """Bring the database to the newest shape; does nothing on one that is there already."""

    def upgrade(connection: Connection) -> None:
        settings = config()
        settings.attributes["connection"] = connection
        with _rebuilding(database, connection), connection.begin():
            command.upgrade(settings, "head")
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
    """Raise ``DatabaseBehind`` unless the database has the newest shape."""
    newest = ScriptDirectory.from_config(config()).get_current_head()

    def current(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    if await database.on_connection(current) != newest:
        raise DatabaseBehind
