"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, inspect, text

from repository import migrating
from repository.database import Database, metadatas
from repository.errors import DatabaseBehind


def test_the_newest_migration_is_the_one_that_a_database_must_have() -> None:
    assert ScriptDirectory.from_config(migrating.config()).get_heads() == [migrating.HEAD]


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

    assert await database.on_connection(differences) == []
    await database.close()


async def test_every_declared_check_is_in_the_migrated_database(database_url: str) -> None:
    """A rebuilt table of SQLite loses its checks unless a migration names them again."""
    database = Database(database_url)
    await migrating.migrate(database)
    wanted = {
        (table.name, str(check.name))
        for metadata in metadatas()
        for table in metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }

    def found(connection: Connection) -> set[tuple[str, str]]:
        inspector = inspect(connection)
        return {
            (name, str(check["name"]))
            for name in inspector.get_table_names()
            for check in inspector.get_check_constraints(name)
        }

    assert wanted <= await database.on_connection(found)
    assert wanted
    await database.close()


async def test_0004_keeps_keys_and_what_refers_to_them(database_url: str) -> None:
    database = Database(database_url)
    settings = migrating.config()

    def fill(connection: Connection) -> None:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0003")
        add = "INSERT INTO scope_key (sk_id, scope, kid, blob, created_at) VALUES (:sk, :sc, 'k', :b, :at)"
        for sk_id, scope in (("one", "a/b/c"), ("two", "a/b/d")):
            at = "2026-05-15 10:00:00"
            connection.execute(text(add), {"sk": sk_id, "sc": scope, "b": b"wrap", "at": at})
        add = "INSERT INTO data_key (oid, sk_id, suite, total_bytes, blob, commitment) VALUES ('o', 'one', 's', 1, :b, :b)"
        connection.execute(text(add), {"b": b"wrap"})
        connection.commit()

    await database.on_connection(fill)
    await migrating.migrate(database)

    def read(connection: Connection) -> list[tuple[object, ...]]:
        kept = (
            "SELECT s.sk_id, s.scope, d.oid FROM scope_key s LEFT JOIN data_key d ON d.sk_id = s.sk_id ORDER BY s.sk_id"
        )
        return [tuple(row) for row in connection.execute(text(kept))]

    assert await database.on_connection(read) == [("one", "a/b/c", "o"), ("two", "a/b/d", None)]
    if database.embedded:
        watched = await database.on_connection(lambda c: c.exec_driver_sql("PRAGMA foreign_keys").scalar())
        assert watched == 1
    await database.close()
