"""The rehearsal series: there once, and something due for everybody."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from moderation.tables import Allocation, ModerationCase
from repository import rehearsing, sign_in_lines
from repository.access import Role
from repository.database import Database
from repository.settings import from_environ
from scripts.tables import Packet, ScriptCase, Sitting

NOW = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path, migrated_file: Path) -> Database:
    shutil.copy(migrated_file, tmp_path / "nea.sqlite3")
    return Database(from_environ({"NEA_DATA_DIR": str(tmp_path)}).database_url)


async def test_everybody_has_a_sign_in_line_and_the_series_is_under_way(database: Database) -> None:
    assert await database.read(rehearsing.is_empty)
    made = await database.write(lambda session: rehearsing.seed(session, NOW))
    assert not await database.read(rehearsing.is_empty)

    lines = await database.read(sign_in_lines.read)
    per_role = Counter(line.role for line in lines)
    centres = len(made.centre_numbers)
    assert per_role == {
        Role.AB_OFFICER: 2,
        Role.MODERATOR: 2,
        Role.TEAM_LEADER: 1,
        Role.PRINCIPAL_MODERATOR: 1,
        Role.TRACKING_CLERK: 2,
        Role.EXAMS_OFFICER: centres,
        Role.TEACHER: centres,
    }
    assert all(line.title.startswith("Rehearsal ") for line in lines)

    cases = await database.read(lambda session: list(session.scalars(select(ModerationCase))))
    states = {(case.centre_number, case.component_code): case.state for case in cases}
    first = made.centre_numbers[0]
    assert {state for (centre, _), state in states.items() if centre == first} == {"MARKS_SAVED"}
    # Something is due for everybody: work to send, work to read, an outcome to confirm.
    assert {"SAMPLE_REQUESTED", "RECEIVED", "OUTCOME_PROPOSED"} <= set(states.values())

    allocated = await database.read(lambda session: list(session.scalars(select(Allocation))))
    assert {(one.centre_number, one.component_code) for one in allocated} == set(states)
    sittings = await database.read(lambda session: list(session.scalars(select(Sitting))))
    assert {sitting.centre_number for sitting in sittings} == set(made.centre_numbers)
    packets = await database.read(lambda session: list(session.scalars(select(Packet))))
    papers = [sitting for sitting in sittings if sitting.purpose == "scripts"]
    assert all(sitting.held_on < NOW.date() for sitting in papers), "nothing leaves before it was written"
    samples = {sitting.id for sitting in sittings if sitting.purpose == "sample"}
    assert {packet.state for packet in packets if packet.sitting_id not in samples} == {
        "collected",
        "received",
        "opened",
    }
    assert {packet.state for packet in packets if packet.sitting_id in samples} == {"opened"}
    found = await database.read(lambda session: list(session.scalars(select(ScriptCase))))
    assert {"packet_overdue", "missing"} & {one.kind for one in found}, "somebody has to look for scripts"
    assert {one.alarm for one in found} >= {"red"}
    await database.close()


async def test_data_that_is_there_is_never_touched(database: Database) -> None:
    await database.write(lambda session: rehearsing.add_people(session, NOW, ()))
    with pytest.raises(rehearsing.NotEmpty):
        await database.write(lambda session: rehearsing.seed(session, NOW))
    assert not await database.read(lambda session: list(session.scalars(select(ModerationCase))))
    await database.close()
