"""A practice centre: everything of it is there at once, and everything of it is gone when it is wiped."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import is_practice
from moderation.tables import CentreMark, ModerationCase, SampleItem
from moderation.working_days import Nation
from repository.database import Database, metadatas
from repository.practice import making, wiping
from repository.practice.wiping import STAYS

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)


def counts(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for metadata in metadatas()
        for table in metadata.sorted_tables
        if table.name not in STAYS
    }


async def test_it_is_made_whole_and_wiped_without_a_trace(migrated_url: str) -> None:
    database = Database(migrated_url)

    def make(session: Session) -> tuple[str, str]:
        number, key = making.new_place(session, "1", NOW)
        making.make(session, number, key, Nation.WALES, "1", NOW)
        return number, key

    before = await database.read(counts)
    number, key = await database.write(make)
    assert is_practice(number)
    assert is_practice(key)

    def look(session: Session) -> None:
        cases = session.scalars(select(ModerationCase).order_by(ModerationCase.component_code)).all()
        assert [case.state for case in cases] == ["MARKS_SAVED", "SAMPLE_REQUESTED", "SAMPLE_REQUESTED"]
        assert session.scalar(select(func.count()).select_from(CentreMark)) == 9 + 24 + 4
        assert session.scalar(select(func.count()).select_from(SampleItem)) > 8

    await database.read(look)
    assert await database.write(lambda s: wiping.wipe(s, number, key)) == []
    assert await database.read(counts) == before
    await database.close()
