"""Background work: what two workers may do to one row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from repository import migrating, work
from repository.database import Database
from repository.tables import Work, new_id

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)


async def test_a_worker_whose_claim_ran_out_does_not_touch_what_another_finished(database_url: str) -> None:
    database = Database(database_url)
    try:
        await migrating.migrate(database)
        await database.write(lambda session: work.add(session, "verify", new_id(), NOW))
        slow = await database.write(lambda session: work.claim(session, NOW))
        later = NOW + timedelta(seconds=work.CLAIM_SECONDS)
        quick = await database.write(lambda session: work.claim(session, later))
        assert slow is not None
        assert quick is not None
        assert slow.id == quick.id
        await database.write(lambda session: work.finish(session, quick, later))
        await database.write(lambda session: work.postpone(session, slow, later, "ObjectNotFound"))
        row = await database.read(lambda session: session.get_one(Work, slow.id))
        assert (row.finished_at, row.last_error, row.available_at) == (later, None, NOW)
    finally:
        await database.close()
