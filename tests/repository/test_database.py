"""Transactions of the embedded database: writers who wait together commit together, and none pays for another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from repository.database import Database
from repository.errors import ServiceBusy


class Refused(Exception):
    """A work that does not want to be kept."""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'nea.sqlite3'}")
    await made.write(lambda s: s.execute(text("CREATE TABLE kept (name TEXT PRIMARY KEY)")))
    yield made
    await made.close()


def add(name: str) -> Callable[[Session], str]:
    def work(session: Session) -> str:
        session.execute(text("INSERT INTO kept VALUES (:name)"), {"name": name})
        return name

    return work


async def kept(database: Database) -> list[str]:
    return list(await database.read(lambda s: s.scalars(text("SELECT name FROM kept ORDER BY rowid")).all()))


async def together(database: Database, *works: Callable[[Session], Any]) -> list[Any]:
    """Have the works wait while the writer is busy with another, so that they share a transaction."""
    begun, go_on = threading.Event(), threading.Event()

    def busy(_session: Session) -> None:
        begun.set()
        assert go_on.wait(10)

    first = asyncio.create_task(database.write(busy))
    await asyncio.to_thread(begun.wait, 10)
    waiting = [asyncio.create_task(database.write(work)) for work in works]
    await asyncio.sleep(0.05)
    go_on.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_who_waits_together_shares_a_commit_in_the_order_of_coming(database: Database) -> None:
    commits: list[int] = []
    event.listen(database.sync_engine, "commit", lambda _: commits.append(1))
    names = [f"w{number:02}" for number in range(20)]
    assert await together(database, *map(add, names)) == names
    assert await kept(database) == names
    assert len(commits) == 2  # the busy one's, and one for all who waited


async def test_one_that_fails_leaves_nothing_and_costs_the_others_nothing(database: Database) -> None:
    def fails(session: Session) -> None:
        add("gone")(session)
        raise Refused

    before, refused, after, twice = await together(database, add("a"), fails, add("b"), add("a"))
    assert (before, after) == ("a", "b")
    assert isinstance(refused, Refused)
    assert isinstance(twice, Exception)  # its statement failed, in its own savepoint
    assert await kept(database) == ["a", "b"]


async def test_when_the_common_commit_fails_all_failed_and_the_next_is_sound(database: Database) -> None:
    dialect = database.sync_engine.dialect
    commit, calls = dialect.do_commit, []

    def once(connection: Any) -> None:
        calls.append(1)
        if len(calls) == 2:  # the first is the busy one's
            raise OperationalError("COMMIT", {}, OSError("disk I/O error"))
        commit(connection)

    dialect.do_commit = once
    answers = await together(database, add("a"), add("b"))
    assert all(isinstance(answer, ServiceBusy) for answer in answers), answers
    assert await kept(database) == []
    assert await database.write(add("c")) == "c"
    assert await kept(database) == ["c"]


async def test_a_transaction_that_ends_under_them_fails_what_seemed_done_and_does_the_rest(database: Database) -> None:
    def ends(session: Session) -> None:  # as a full disk does: SQLite undoes the whole transaction by itself
        driver: Any = session.connection().connection.driver_connection
        driver.execute("ROLLBACK")
        raise Refused

    seemed, ended, later = await together(database, add("a"), ends, add("b"))
    assert isinstance(seemed, Exception)
    assert isinstance(ended, Exception)
    assert later == "b"
    assert await kept(database) == ["b"]


async def test_closing_finishes_what_was_submitted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.sqlite3'}"
    database = Database(url)
    await database.write(lambda s: s.execute(text("CREATE TABLE kept (name TEXT PRIMARY KEY)")))
    waiting = [asyncio.create_task(database.write(add(name))) for name in ("a", "b")]
    await asyncio.sleep(0)
    await database.close()
    assert await asyncio.gather(*waiting) == ["a", "b"]
    again = Database(url)
    assert await kept(again) == ["a", "b"]
    await again.close()


async def test_a_folder_that_it_makes_is_its_owners_alone(tmp_path: Path) -> None:
    """Names and marks lie in the clear in the file, so nobody else on the machine reaches it."""
    folder = tmp_path / "data"
    made = Database(f"sqlite:///{folder / 'nea.sqlite3'}")
    await made.write(lambda s: s.execute(text("CREATE TABLE kept (name TEXT PRIMARY KEY)")))
    await made.close()
    assert folder.stat().st_mode & 0o777 == 0o700
