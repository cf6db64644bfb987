"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from repository import migrating
from repository.database import Database, metadatas
from repository.errors import DatabaseBehind


async def test_migrated_tables_are_the_declared_ones(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(DatabaseBehind):
        await migrating.check(database)
    await migrating.migrate(database)
    await migrating.migrate(database)
    await migrating.check(database)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection)
        return list(compare_metadata(context, list(metadatas())))  # type: ignore[arg-type]

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await database.close()
