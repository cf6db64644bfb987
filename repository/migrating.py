"""Brings a database to the shape this version needs, and refuses to start on one that is behind."""

from __future__ import annotations

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
        command.upgrade(settings, "head")

    async with database.engine.begin() as connection:
        await connection.run_sync(upgrade)


async def check(database: Database) -> None:
    """Raise ``DatabaseBehind`` unless the database has the newest shape."""
    newest = ScriptDirectory.from_config(config()).get_current_head()

    def current(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    async with database.engine.connect() as connection:
        if await connection.run_sync(current) != newest:
            raise DatabaseBehind
