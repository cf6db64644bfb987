"""The service's guards: roles at centres tie by themselves, and a database without its guards is not started on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from moderation.errors import NotIndependent, RecordKept, SamePerson
from moderation.independence import ConflictOrigin
from moderation.records import independence
from moderation.records.marking import allocate
from moderation.tables import Allocation, Centre, Conflict, SeriesRow
from repository import acting, migrating, people
from repository.access import Role
from repository.database import Database
from repository.errors import GuardsMissing
from repository.tables import Assignment, ShredProposal

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
CENTRE = "99901"


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    made = Database(migrated_url)
    yield made
    await made.close()


def hold_role(session: Session, role: Role = Role.TEACHER, *, until: datetime | None = None) -> str:
    """Give somebody a role at the centre, which may have ended."""
    made = people.add_person(session, "Test", role, NOW - timedelta(days=2000), centre_number=CENTRE)
    made.valid_to = until
    session.flush()
    return made.person_id


def give(session: Session, person_id: str, opens_at: datetime = NOW) -> None:
    if session.get(SeriesRow, "01-6A26") is None:
        session.add_all(
            [
                SeriesRow(key="01-6A26", awarding_body="01", code="6A", year=26, title="June 2026"),
                Centre(centre_number=CENTRE, name="EXAMPLE:CENTRE"),
            ]
        )
        session.flush()
    allocate(
        session,
        person_id=person_id,
        series_key="01-6A26",
        component_code="X446/03",
        centre_number=CENTRE,
        opens_at=opens_at,
    )


@pytest.mark.parametrize("role", [Role.TEACHER, Role.EXAMS_OFFICER])
@pytest.mark.fault("att:H11")
async def test_a_role_at_a_centre_ties_by_itself(database: Database, role: Role) -> None:
    person = await database.write(lambda session: hold_role(session, role))
    (line,) = await database.read(lambda session: independence.conflicts(session, person_id=person))
    assert (line.tie.origin, line.tie.valid_to, line.is_endable) == (ConflictOrigin.AUTOMATIC, None, False)
    with pytest.raises(NotIndependent, match="role at the centre"):
        await database.write(lambda session: give(session, person))


async def test_a_role_of_the_body_ties_nobody(database: Database) -> None:
    person = await database.write(lambda session: hold_role(session, Role.MODERATOR))
    assert await database.read(lambda session: independence.conflicts(session, person_id=person)) == []


async def test_a_tie_lasts_three_years_to_the_second(database: Database) -> None:
    ended = datetime(2023, 5, 15, 10, 0, tzinfo=UTC)
    person = await database.write(lambda session: hold_role(session, until=ended))
    (line,) = await database.read(lambda session: independence.conflicts(session, person_id=person))
    assert line.tie.valid_to == datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
    with pytest.raises(NotIndependent):
        await database.write(lambda session: give(session, person, NOW - timedelta(seconds=1)))
    await database.write(lambda session: give(session, person, NOW))


async def test_a_role_that_never_held_ties_nobody(database: Database) -> None:
    person = await database.write(lambda session: hold_role(session, until=NOW - timedelta(days=2000)))
    await database.write(lambda session: give(session, person))


async def test_an_automatic_tie_says_what_its_role_says_and_nothing_else(database: Database) -> None:
    await database.write(hold_role)
    for statement in (
        "UPDATE conflict SET valid_to = '2020-01-01 00:00:00'",
        "UPDATE conflict SET ended_by = 'x', ended_at = '2099-01-01 00:00:00', end_reason = 'x'",
        "UPDATE conflict SET valid_from = '2090-01-01 00:00:00'",
        "DELETE FROM conflict",
    ):
        with pytest.raises(RecordKept):
            await database.write(lambda session, one=statement: session.execute(text(one)))


async def test_a_role_given_later_ends_what_is_open(database: Database) -> None:
    def work(session: Session) -> str:
        person = people.add_person(session, "Test", Role.MODERATOR, NOW).person_id
        give(session, person)
        return person

    person = await database.write(work)
    assert await database.read(
        lambda s: people.is_allocated(s, person, "01-6A26", "X446/03", CENTRE, NOW + timedelta(hours=1))
    )

    def take_role(session: Session) -> None:
        session.add(Assignment(person_id=person, role=Role.TEACHER, centre_number=CENTRE, valid_from=NOW))

    await database.write(take_role)
    assert not await database.read(
        lambda s: people.is_allocated(s, person, "01-6A26", "X446/03", CENTRE, NOW + timedelta(hours=1))
    )
    assert await database.read(lambda s: s.scalars(select(Allocation.closes_at)).one()) is not None


async def test_a_statement_of_the_driver_is_refused_in_the_same_words(database: Database) -> None:
    await database.write(hold_role)

    def past_sqlalchemy(session: Session) -> None:
        session.connection().connection.cursor().execute("DELETE FROM conflict")

    with pytest.raises(RecordKept):
        await database.write(past_sqlalchemy)
    assert len(await database.read(lambda session: session.scalars(select(Conflict)).all())) == 1


async def test_two_accounts_of_one_officer_destroy_nothing(database: Database) -> None:
    """SF-18, and nothing of the transaction stays."""

    def work(session: Session) -> None:
        first, second, third = (people.add_person(session, "Test", Role.AB_OFFICER, NOW).person_id for _ in range(3))
        independence.merge_people(session, first, second, reason="One person", merged_by=third, now=NOW)
        session.add(
            ShredProposal(
                kind="object", subject="x", reason="x", proposed_by=first, proposed_at=NOW, confirmed_by=second
            )
        )
        session.flush()

    with pytest.raises(SamePerson):
        await database.write(work)


async def test_without_a_guard_the_service_does_not_start(database: Database) -> None:
    await migrating.check(database)
    name = "guard_allocation_given"
    drop = f"DROP TRIGGER {name}" if database.embedded else f"DROP TRIGGER {name} ON allocation"
    with acting.as_service("test"):
        await database.write(lambda session: session.execute(text(drop)))
    with pytest.raises(GuardsMissing, match=name):
        await migrating.check(database)
    await migrating.migrate(database)
    await migrating.check(database)


async def test_roles_from_before_the_guards_tie_too(database_url: str) -> None:
    from alembic import command
    from sqlalchemy import Connection

    database = Database(database_url)
    settings = migrating.config()

    def fill(connection: Connection) -> None:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0008")
        connection.execute(text("INSERT INTO person (id, display_name, created_at) VALUES ('p', 'Test', '2026-01-01')"))
        connection.execute(
            text(
                "INSERT INTO assignment (id, person_id, role, centre_number, valid_from, valid_to) "
                "VALUES ('a', 'p', 'teacher', '99901', '2020-01-01 00:00:00.000000', '2024-01-01 00:00:00.000000')"
            )
        )
        connection.commit()

    await database.on_connection(fill)
    await migrating.migrate(database)
    (line,) = await database.read(lambda session: independence.conflicts(session, person_id="p"))
    assert line.tie.valid_to == datetime(2027, 1, 1, tzinfo=UTC)

    def end_earlier(session: Session) -> None:
        session.get_one(Assignment, "a").valid_to = datetime(2023, 1, 1, tzinfo=UTC)

    await database.write(end_earlier)
    (line,) = await database.read(lambda session: independence.conflicts(session, person_id="p"))
    assert line.tie.valid_to == datetime(2026, 1, 1, tzinfo=UTC)
    await database.close()
