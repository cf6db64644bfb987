"""What the policy costs the pages that list: each asked with it and without it, in turn, in one run.

Two servers of one process stand over one database. The one narrows what a person's SELECTs find, on PostgreSQL twice over;
the other asks the database as the service itself, which is never narrowed. All else is the same, sign-in and drawing of
the page included.
"""

from __future__ import annotations

import asyncio
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from moderation import guards
from repository import acting, app, migrating, people, sign_in_lines
from repository.access import Role
from repository.database import Database
from repository.guards import all_guards
from repository.scoping import row_security
from repository.settings import from_environ
from repository.tables import new_id

from ...repository.scoping import world
from ...servers.postgres import running_postgres
from ..figures import Figure

T = TypeVar("T")
COST_LIMIT = 1.3
CENTRES, COMPONENTS, CANDIDATES = 80, 8, 30
ALLOCATED = 40
SERIES = "01-6A26"


class Unnarrowed(Database):
    """A database that is asked as the service itself, whoever asks."""

    async def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` without the policy."""
        with acting.as_service("bench"):
            return await super().read(work)


def measure(quick: bool) -> list[Figure]:
    """Measure the pages on each kind of database."""
    figures: list[Figure] = []
    for name, place in (("SQLite", _file), ("PostgreSQL", running_postgres)):
        with place() as url, tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
            figures += asyncio.run(_measure(name, url, Path(folder), rounds=6 if quick else 40))
    return figures


@contextmanager
def _file() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        yield f"sqlite:///{folder}/nea.sqlite3"


async def _measure(name: str, url: str, folder: Path, rounds: int) -> list[Figure]:
    database = Database(url)
    await migrating.migrate(database)
    await database.close()
    case_id = _fill(url)
    settings = from_environ(
        {"NEA_DATA_DIR": str(folder), "NEA_REHEARSAL": "yes", "NEA_PORT": "0", "NEA_DATABASE_URL": url}
    )
    settings = dataclasses.replace(settings, works_itself=False)
    narrowed = await app.compose(settings)
    free = dataclasses.replace(narrowed, database=Unnarrowed(url))
    servers = [TestServer(app.create_app(one), host="127.0.0.1") for one in (free, narrowed)]
    found: list[Figure] = []
    try:
        for server in servers:
            await server.start_server()
        for what, role, centre, path in (
            ("an exams officer's cases", Role.EXAMS_OFFICER, "90001", "/cases"),
            ("a centre's mark sheet", Role.EXAMS_OFFICER, "90001", f"/cases/{case_id}/marks"),
            ("a centre's receipts", Role.EXAMS_OFFICER, "90001", "/receipts"),
            ("a moderator's worklist", Role.MODERATOR, None, "/worklist"),
            ("a moderator's cases", Role.MODERATOR, None, "/api/cases"),
            ("all cases, to an officer", Role.AB_OFFICER, None, "/cases"),
        ):
            token = await _person(narrowed.database, role, centre)
            found += await _compare(f"{name}: {what}", servers, token, path, rounds)
    finally:
        for server in servers:
            await server.close()
        await narrowed.database.close()
        await free.database.close()
    return found


async def _compare(name: str, servers: list[TestServer], token: str, path: str, rounds: int) -> list[Figure]:
    clients = [TestClient(server) for server in servers]
    headers = {"Accept": "text/html"}
    for client in clients:
        answer = await client.post("/api/sessions", json={"token": token})
        client.session.headers["Authorization"] = f"Bearer {(await answer.json())['token']}"
    spans: list[list[float]] = [[], []]
    for turn in range(rounds + 6):  # the first few fill caches of statements and of plans
        for client, taken in zip(clients, spans, strict=True):
            began = time.perf_counter()
            answer = await client.get(path, headers=headers)
            await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status}")
            if turn >= 6:
                taken.append(time.perf_counter() - began)
    for client in clients:
        client._server = None  # the servers stay for the next page
        await client.session.close()
    without, with_policy = map(statistics.median, spans)
    return [
        Figure(f"{name}, without the policy", without * 1000, "ms"),
        Figure(f"{name}, with the policy", with_policy * 1000, "ms"),
        Figure(f"{name}: cost", with_policy / without, "times", COST_LIMIT, at_most=True),
    ]


async def _person(database: Database, role: Role, centre: str | None) -> str:
    now = datetime.now(UTC)

    def add(session: Session) -> str:
        assignment = people.add_person(session, f"Test {role}", role, now, centre_number=centre)
        token = sign_in_lines.token_of(assignment.id)
        people.add_sign_in_link(session, assignment.id, token)
        if role is Role.MODERATOR:
            table = world.tables()["allocation"]
            session.execute(
                insert(table),
                [
                    {
                        **world.filling(table, number),
                        "id": new_id(),
                        "person_id": assignment.person_id,
                        "series_key": SERIES,
                        "component_code": "X446/0",
                        "centre_number": f"{90001 + number}",
                        "act": "MODERATE",
                    }
                    for number in range(ALLOCATED)
                ],
            )
        return token

    with acting.as_service("bench"):
        return await database.write(add)


def _fill(url: str) -> str:
    """Put a series of many centres into a database; returns a case of the first."""
    rows = _rows()
    engine = create_engine(url)
    with engine.begin() as connection:
        guards.drop(connection)
        for name, table in world.tables().items():
            if name in rows:
                connection.execute(insert(table), rows[name])
        guards.install(connection, all_guards())
        row_security.let_guards_see(connection)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    return str(rows["moderation_case"][0]["id"])


def _rows() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    tables = world.tables()

    def add(name: str, **given: Any) -> dict[str, Any]:
        there = rows.setdefault(name, [])
        there.append({**world.filling(tables[name], len(there) + 1), **given})
        return there[-1]

    add("series", key=SERIES, awarding_body="01", code="6A", year=26)
    add("entry_option", series_key=SERIES, option_code="X446A")
    components = [f"X446/{number}" for number in range(COMPONENTS)]
    for component in components:
        add("component", series_key=SERIES, component_code=component, maximum_mark=70, teacher_marks=True)
        add("option_component", series_key=SERIES, option_code="X446A", component_code=component)
    for centre in (f"{90001 + number}" for number in range(CENTRES)):
        add("centre", centre_number=centre)
        candidates = [
            add("candidate", series_key=SERIES, centre_number=centre, candidate_number=f"{1000 + number}")
            for number in range(CANDIDATES)
        ]
        for candidate in candidates:
            add("entry", candidate_id=candidate["id"], option_code="X446A", series_key=SERIES)
        for component in components:
            sample = add("sample", series_key=SERIES, component_code=component)
            case = add(
                "moderation_case",
                series_key=SERIES,
                component_code=component,
                centre_number=centre,
                submission_mode="UPLOAD",
                state="RECEIPT_COMPLETE",
                sample_id=sample["id"],
                version=1,
                mark_set_version=1,
            )
            add("case_transition", case_id=case["id"])
            add("receipt", case_id=case["id"], centre_number=centre, kind="marks", body=b"{}")
            for place, candidate in enumerate(candidates):
                ids = {"case_id": case["id"], "candidate_id": candidate["id"]}
                add("centre_mark", **ids, mark_set_version=1, status="PRESENT", mark=10)
                if place < 8:
                    add("sample_item", **ids, sample_id=sample["id"], position=place, centre_mark=10)
    return rows
