"""Events of before the log wait in its inbox, in their order, and go back where they came from."""

from __future__ import annotations

from alembic import command
from sqlalchemy import Connection, select, text

from repository import migrating
from repository.database import Database
from repository.tables import AuditEvent, AuditInbox

FIRST = ("document.view", "marks.save", "results.release")


async def test_0020_moves_events_into_the_inbox_and_can_be_taken_back(database_url: str) -> None:
    database = Database(database_url)
    settings = migrating.config()

    def fill(connection: Connection) -> None:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0019")
        add = (
            "INSERT INTO audit_event (at, request_id, action, object_kind, object_id, outcome, details) "
            "VALUES (:at, 'r', :action, 'case', 'c', 'done', '{\"origin\": \"web\"}')"
        )
        for action in FIRST:
            connection.execute(text(add), {"at": "2026-05-15 10:00:00", "action": action})
        connection.commit()

    await database.on_connection(fill)

    def there_and_back(connection: Connection) -> tuple[list[str], list[str]]:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0020")
        query = text("SELECT action FROM audit_inbox ORDER BY id")
        there = list(connection.execute(query).scalars())
        command.downgrade(settings, "0019")
        back = list(connection.execute(text("SELECT action FROM audit_event ORDER BY id")).scalars())
        connection.commit()
        return there, back

    assert await database.on_connection(there_and_back) == (list(FIRST), list(FIRST))
    await migrating.migrate(database)
    ids = await database.read(lambda s: s.scalars(select(AuditInbox.event_id)).all())
    assert len(set(ids)) == len(FIRST)
    seen = await database.read(lambda s: s.scalars(select(AuditEvent.action).order_by(AuditEvent.id)).all())
    assert list(seen) == list(FIRST)
    await database.close()
