"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
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
        return list(compare_metadata(context, list(metadatas())))

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


async def test_0007_says_to_which_case_a_file_belongs_and_can_be_taken_back(database_url: str) -> None:
    database = Database(database_url)
    settings = migrating.config()
    at = "2026-05-15 10:00:00"
    rows = (
        ("series", {"key": "S", "awarding_body": "01", "code": "6A", "year": 26, "title": ""}),
        ("centre", {"centre_number": "99901", "name": "", "nation": "ENGLAND"}),
        (
            "component",
            {"series_key": "S", "component_code": "X", "title": "", "teacher_marks": True, "maximum_mark": 9,
             "maximum_entered": False, "timetabled": False, "timetable_session": "", "mode_source": ""},
        ),
        (
            "sample",
            {"id": "s", "series_key": "S", "component_code": "X", "profile_id": "p", "profile_version": 1,
             "picker_version": "1", "list_sha256": "00", "candidates_total": 1, "size": 1, "swaps": "[]",
             "uncovered_sets": "[]", "requested_at": at, "due_at": at},
        ),
        (
            "moderation_case",
            {"id": "c", "series_key": "S", "component_code": "X", "centre_number": "99901", "submission_mode": "UPLOAD",
             "state": "UPLOADING", "version": 1, "mark_set_version": 1, "sample_id": "s", "opened_at": at},
        ),
        (
            "candidate",
            {"id": "k", "series_key": "S", "centre_number": "99901", "candidate_number": "1001", "surname": "",
             "forenames": "", "uci": "", "sex": ""},
        ),
        (
            "sample_item",
            {"id": "i", "sample_id": "s", "case_id": "c", "candidate_id": "k", "position": 1, "centre_mark": 5,
             "reason": "picked", "explanation": "", "first_stage": True, "no_work_reason": ""},
        ),
        ("person", {"id": "p", "display_name": "", "created_at": at}),
        ("assignment", {"id": "a", "person_id": "p", "role": "teacher", "valid_from": at}),
        (
            "upload",
            {"oid": "o", "token_sha256": bytes(32), "person_id": "p", "assignment_id": "a", "centre_number": "99901",
             "sample_item_id": "i", "slot": "work", "filename": "", "total_bytes": 9, "offset_bytes": 4, "state": "open",
             "created_at": at, "expires_at": at},
        ),
    )  # fmt: skip

    def walk(connection: Connection) -> list[tuple[object, ...]]:
        settings.attributes["connection"] = connection

        def go(step: Callable[[Config, str], None], to: str) -> None:
            with migrating._rebuilding(database, connection), connection.begin():
                step(settings, to)

        go(command.upgrade, "0006")
        for table, values in rows:
            names = ", ".join(values)
            places = ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)
        connection.commit()
        go(command.upgrade, "0007")
        read = "SELECT oid, case_id, sample_item_id, offset_bytes FROM upload"
        found = [tuple(row) for row in connection.execute(text(read))]
        connection.commit()
        go(command.downgrade, "0006")
        found += [tuple(row) for row in connection.execute(text("SELECT oid, sample_item_id FROM upload"))]
        connection.commit()
        return found

    assert await database.on_connection(walk) == [("o", "c", "i", 4), ("o", "i")]
    await database.close()


async def test_0019_lets_teachers_who_were_here_see_what_they_saw(database_url: str) -> None:
    database = Database(database_url)
    settings = migrating.config()

    def walk(connection: Connection) -> list[object]:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0018")
        add = "INSERT INTO person (id, display_name, created_at) VALUES ('p', 'Test', '2026-05-15 10:00:00')"
        connection.execute(text(add))
        for key, role in (("t", "teacher"), ("e", "exams_officer")):
            add = (
                "INSERT INTO assignment (id, person_id, role, centre_number, valid_from) "
                f"VALUES ('{key}', 'p', '{role}', '99901', '2026-05-15 10:00:00')"
            )
            connection.execute(text(add))
        connection.commit()
        command.upgrade(settings, "0019")
        read = "SELECT assignment_id, series_key, component_code, teaching_set FROM teaching"
        found: list[object] = [tuple(row) for row in connection.execute(text(read))]
        connection.commit()
        command.downgrade(settings, "0018")
        connection.commit()
        left = "SELECT id, role FROM assignment ORDER BY id"
        return found + [tuple(row) for row in connection.execute(text(left))]

    expected = [("t", None, None, None), ("e", "exams_officer"), ("t", "teacher")]
    assert await database.on_connection(walk) == expected
    await database.close()
