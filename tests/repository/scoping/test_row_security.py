"""Enforcer 2: what PostgreSQL shows without our help, to whom, and that a database without it is not started on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, create_engine, make_url, select, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from moderation.records.bulk import insert_rows
from moderation.tables import Candidate, ModerationCase
from repository import acting, migrating
from repository.access import Action, Actor, Role
from repository.acting import Acting
from repository.database import Database
from repository.errors import PolicyMissing, PolicyRefused
from repository.scoping import row_security

from . import world
from .test_agreement import acting_of
from .world import NOW, SERIES, Someone, World

pytestmark = pytest.mark.postgres


@pytest.fixture
def made() -> World:
    return world.make(1)


@pytest.fixture
def filled(migrated_postgres_url: str, made: World) -> str:
    engine = create_engine(migrated_postgres_url)
    with engine.begin() as connection:
        world.put(connection, made)
    engine.dispose()
    return migrated_postgres_url


def of_role(made: World, role: Role) -> Someone:
    return next(one for one in made.people if one.role is role)


def counted(connection: Connection) -> dict[str, int]:
    return {
        table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        for table in row_security.scoped_tables()
    }


@pytest.mark.fault("att:E01")
def test_nobody_and_a_connection_without_settings_see_no_scoped_row(filled: str) -> None:
    """SF-02: nobody, a person's role without facts, and an owner that is no superuser and has not said what it is."""
    engine = create_engine(filled)
    with engine.begin() as connection:
        assert sum(counted(connection).values()) > 500  # the tests' own user is a superuser
    with engine.begin() as connection:
        row_security.tell(connection, acting.NOBODY)
        assert set(counted(connection).values()) == {0}
    for role in (*row_security.PEOPLES, row_security.SERVICES):
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL ROLE {role}"))
            assert set(counted(connection).values()) == {0}, role
    engine.dispose()


def test_what_a_transaction_was_told_ends_with_it(filled: str, made: World) -> None:
    engine = create_engine(filled, pool_size=1, max_overflow=0)
    officer = of_role(made, Role.AB_OFFICER)
    for end in ("commit", "rollback"):
        with engine.connect() as connection:
            row_security.tell(connection, acting_of(officer, None))
            assert sum(counted(connection).values()) > 500
            getattr(connection, end)()
        with engine.begin() as connection:  # the very same connection
            connection.execute(text(f"SET LOCAL ROLE {row_security.role_of(Role.AB_OFFICER)}"))
            assert set(counted(connection).values()) == {0}
    engine.dispose()


async def test_the_service_tells_it_for_whom_it_asks(filled: str, made: World) -> None:
    acting.set_nobody()
    database = Database(filled, own_clock=True)
    who = of_role(made, Role.EXAMS_OFFICER)
    count = text("SELECT count(*), current_user FROM moderation_case")

    async def seen() -> tuple[int, str]:
        found = await database.read(lambda session: session.execute(count).one())
        return found[0], found[1]

    assert await seen() == (0, row_security.PEOPLE)
    acting.set_person(
        Actor(who.person_id, who.assignment_id, "Test", who.role, who.centre_number), Action.CASE_READ, NOW
    )
    own = [row for row in made.rows["moderation_case"] if row["centre_number"] == who.centre_number]
    assert await seen() == (len(own), "nea_exams_officer")
    with acting.as_service("test"):
        assert (await seen())[0] == len(made.rows["moderation_case"])
    assert await seen() == (len(own), "nea_exams_officer")
    acting.set_nobody()
    await database.close()


@pytest.mark.fault("att:E02")
def test_nobody_writes_outside_their_place(filled: str, made: World) -> None:
    """INSERT and UPDATE are held to the same reach: no row can be put, or moved, where its author does not see it."""
    engine = create_engine(filled)
    officer = of_role(made, Role.EXAMS_OFFICER)
    own = next(row for row in made.rows["moderation_case"] if row["centre_number"] == officer.centre_number)
    other = next(row for row in made.rows["moderation_case"] if row["centre_number"] not in world.JOINED)
    with engine.connect() as connection:
        row_security.tell(connection, acting_of(officer, None), writes=True)
        moved = "UPDATE visit SET booked_by = 'moved' WHERE case_id = :case_id"
        assert connection.execute(text(moved), {"case_id": own["id"]}).rowcount == 1
        assert connection.execute(text(moved), {"case_id": other["id"]}).rowcount == 0
        with pytest.raises(ProgrammingError, match="row-level security"), connection.begin_nested():
            connection.execute(
                text("UPDATE visit SET case_id = :there WHERE case_id = :case_id"),
                {"there": other["id"], "case_id": own["id"]},
            )
        with pytest.raises(DBAPIError, match="row-level security"), connection.begin_nested():
            connection.execute(
                text(
                    "INSERT INTO sitting (id, series_key, centre_number, component_code, held_on, session_of_day, opened_at) "
                    "VALUES ('s', '01-6A26', '99004', 'X', '2026-05-01', 'AM', now())"
                )
            )
    engine.dispose()


def test_a_person_cannot_change_roles_tables_or_policies(filled: str, made: World) -> None:
    engine = create_engine(filled)
    with engine.connect() as connection:
        row_security.tell(connection, acting_of(of_role(made, Role.MODERATOR), None))
        for statement in (
            "ALTER TABLE document DISABLE ROW LEVEL SECURITY",
            "DROP POLICY nea_services ON document",
            "ALTER FUNCTION nea_cases_allocated() SECURITY INVOKER",
            "CREATE VIEW peep AS SELECT * FROM document",
            "TRUNCATE document CASCADE",
            "DROP TRIGGER guard_allocation_given ON allocation",
            "DELETE FROM audit_inbox",
            "INSERT INTO audit_log DEFAULT VALUES",
            "DELETE FROM audit_tile",
            "UPDATE audit_checkpoint SET note = ''",
        ):
            with pytest.raises(ProgrammingError), connection.begin_nested():
                connection.execute(text(statement))
        with connection.begin_nested():  # a switch that owners may use: whoever is subject to policies gets an error
            connection.execute(text("SET LOCAL row_security = off"))
            with pytest.raises(ProgrammingError, match="row-level security"), connection.begin_nested():
                connection.execute(text("SELECT * FROM document"))
    engine.dispose()


@pytest.mark.fault("att:E05")
def test_guards_see_what_a_person_does_not(filled: str, made: World) -> None:
    """SF-06: what refuses a forbidden thing reads all rows, whoever's statement it is."""
    engine = create_engine(filled)
    with engine.connect() as connection:
        loose = connection.execute(
            text("SELECT proname FROM pg_proc WHERE starts_with(proname, 'guard_') AND NOT prosecdef")
        ).all()
        assert loose == []
        row_security.tell(connection, acting_of(of_role(made, Role.MODERATOR), None))
        for table in ("allocation", "conflict", "involvement", "person_alias", "team_member", "principal_moderator"):
            expected = len(made.rows[table])
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == expected
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP POLICY nea_moderator ON document", "row security of document"),
        ("ALTER POLICY nea_moderator ON document USING (true)", "row security of document"),
        ("CREATE POLICY mine ON receipt TO nea_moderator USING (true)", "row security of receipt"),
        ("ALTER TABLE candidate DISABLE ROW LEVEL SECURITY", "row security of candidate"),
        ("ALTER TABLE candidate NO FORCE ROW LEVEL SECURITY", "row security of candidate"),
        ("ALTER TABLE person ENABLE ROW LEVEL SECURITY", "person is not known"),
        ("ALTER FUNCTION nea_cases_allocated() SECURITY INVOKER", "nea_cases_allocated"),
        ("CREATE OR REPLACE VIEW nea_place_sample AS SELECT id FROM sample WHERE false", "nea_place_sample"),
        ("ALTER FUNCTION guard_allocation_given() SECURITY INVOKER", "guard_allocation_given"),
    ],
)
async def test_without_row_security_as_it_must_be_the_service_does_not_start(
    migrated_postgres_url: str, statement: str, said: str
) -> None:
    database = Database(migrated_postgres_url)
    await migrating.check(database)
    with acting.as_service("test"):
        await database.write(lambda session: session.execute(text(statement)))
    with pytest.raises(PolicyMissing) as refused:
        await migrating.check(database)
    assert said in refused.value.detail
    if "person" not in statement and "mine" not in statement:
        await migrating.migrate(database)
        await migrating.check(database)
    await database.close()


@pytest.mark.fault("att:E01")
async def test_an_owner_without_powers_of_its_own_serves_by_one_url(
    postgres_server: str, new_postgres_database: object, made: World
) -> None:
    """The simple case: the user of the URL owns the tables and is no superuser; it still sees nothing unasked."""
    admin = create_engine(new_postgres_database(), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP ROLE IF EXISTS owning"))
        connection.execute(text("CREATE ROLE owning LOGIN"))
        connection.execute(text("GRANT ALL ON SCHEMA public TO owning"))
    url = make_url(admin.url).set(username="owning")
    database = Database(url.render_as_string(hide_password=False), own_clock=True)
    try:
        if not _roles_there(postgres_server):
            with pytest.raises(PolicyRefused):
                await migrating.migrate(database)
        with admin.connect() as connection:
            there = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
            for statement in row_security.roles_ddl("owning"):  # what an administrator is asked to run
                if statement.split()[2] not in there or "CREATE" not in statement:
                    connection.execute(text(statement))
        await migrating.migrate(database)
        await migrating.check(database)
        with admin.begin() as connection:
            world.put(connection, made)
        engine = create_engine(url)
        with engine.begin() as connection:
            assert set(counted(connection).values()) == {0}  # FORCE: not even the owner, who has not said what it is
        with engine.begin() as connection:
            row_security.tell(connection, Acting(service="test"))
            assert counted(connection)["moderation_case"] == len(made.rows["moderation_case"])
        engine.dispose()
        who = next(one for one in made.people if one.role is Role.MODERATOR)
        acting.set_person(Actor(who.person_id, who.assignment_id, "T", who.role, None), Action.CASE_READ, NOW)
        from .oracle import Oracle

        expected = {row["id"] for row in Oracle(made.rows, who, Action.CASE_READ, NOW).seen("moderation_case")}
        found = await database.read(lambda session: {case.id for case in session.query(ModerationCase)})
        assert found == expected
        raw = await database.read(
            lambda session: set(session.execute(text("SELECT id FROM moderation_case")).scalars())
        )
        assert raw == expected
        with acting.as_service("test"):  # many rows at once: COPY is refused to whoever is held to row security
            rows = [(f"copied-{number}", SERIES[1], "99001", f"{number:04}") for number in range(5)]
            columns = ("id", "series_key", "centre_number", "candidate_number")
            assert await database.write_many(lambda session: insert_rows(session, Candidate, columns, rows)) == 5
            found = await database.read(lambda session: set(session.scalars(select(Candidate.id))))
        assert {row[0] for row in rows} <= found
    finally:
        acting.set_nobody()
        await database.close()
        admin.dispose()


def _roles_there(url: str) -> bool:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT count(*) FROM pg_roles WHERE starts_with(rolname, 'nea_')")
        ).scalar_one()
    engine.dispose()
    return bool(found == len(row_security.ROLES))


def test_the_database_s_own_clock_decides_when_no_other_is_told(filled: str, made: World) -> None:
    """A window that is over by the database's clock is closed, whatever instant the service believes it is."""
    engine = create_engine(filled)
    moderator = of_role(made, Role.MODERATOR)
    with engine.begin() as connection:
        connection.execute(text("UPDATE allocation SET opens_at = NULL, closes_at = now() - interval '1 second'"))
    believed = Acting(acting_of(moderator, None).actor, None, now=datetime(2000, 1, 1, tzinfo=UTC))
    with engine.begin() as connection:
        row_security.tell(connection, believed)
        assert connection.execute(text("SELECT count(*) FROM nea_cases_allocated()")).scalar_one() == 0
    with engine.begin() as connection:
        row_security.tell(connection, believed, own_clock=True)
        # By a clock of its own, which tests have, the same windows are open: ties of that time are none.
        assert connection.execute(text("SELECT count(*) FROM nea_cases_allocated()")).scalar_one() > 0
    engine.dispose()
