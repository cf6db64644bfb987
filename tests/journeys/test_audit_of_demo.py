"""What a whole journey leaves in the log: an event for every change (SF-10), and nothing personal anywhere (SF-21)."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from repository.demo.serving import LOG_FILE
from repository.tables import AUDIT_TABLES

from .conftest import Demo

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
PROGRESS = ("PATCH", "/uploads/{oid}")
"""Bytes of an upload under way leave no event; its beginning, its arrival and its end do."""
SAID_IN_PLAIN_WORDS = 12
"""A text of so many characters with a space in it is a name, a title or something that a person typed."""


@pytest.fixture(scope="module")
def database(demo: Demo) -> Iterator[sqlite3.Connection]:
    """What the journey left."""
    assert demo.status == 0, demo.complaints[-2000:]
    connection = sqlite3.connect(f"file:{demo.folder}/nea.sqlite3?immutable=1", uri=True)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def requests(demo: Demo) -> list[dict[str, Any]]:
    """Every line that the server wrote to its log of requests."""
    lines = (demo.folder / LOG_FILE).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_every_change_of_the_journey_left_an_event(
    database: sqlite3.Connection, requests: list[dict[str, Any]]
) -> None:
    recorded = {
        row[0] for row in database.execute("SELECT request_id FROM audit_log UNION SELECT request_id FROM audit_inbox")
    }
    changed = [
        line for line in requests if line["event"] == "request" and line["method"] in UNSAFE and line["status"] < 400
    ]
    assert len({line["route"] for line in changed}) >= 30
    silent = {(line["method"], line["route"]) for line in changed if line["request_id"] not in recorded}
    assert silent <= {PROGRESS}


def canaries(database: sqlite3.Connection) -> set[str]:
    """Names, file names and whatever a person typed, out of every table of the database but those of the log."""
    tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found: set[str] = set()
    for table in set(tables) - AUDIT_TABLES - {"alembic_version", "sqlite_sequence", "sqlite_stat1"}:
        for row in database.execute(f'SELECT * FROM "{table}"'):
            found |= {
                value.strip()
                for value in row
                if isinstance(value, str) and len(value.strip()) >= SAID_IN_PLAIN_WORDS and " " in value.strip()
            }
    for statement in (
        "SELECT surname FROM candidate UNION SELECT forenames FROM candidate UNION SELECT uci FROM candidate",
        "SELECT filename FROM document UNION SELECT filename FROM upload",
        "SELECT display_name FROM person",
        "SELECT name FROM centre",
    ):
        found |= {row[0] for row in database.execute(statement) if row[0] and len(row[0]) > 3}
    return {one for one in found if not _is_plain(one)}


def _is_plain(value: str) -> bool:
    """Instants and JSON of numbers and codes say nothing of a person."""
    return re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?|[\[{].*[\]}]", value, re.DOTALL) is not None


def test_nothing_personal_is_in_the_log_or_in_the_lines_of_the_server(
    demo: Demo, database: sqlite3.Connection, requests: list[dict[str, Any]]
) -> None:
    seeded = canaries(database)
    files = [one for one in seeded if re.fullmatch(r"[^ ]+\.[a-z0-9]{3,4}", one)]
    assert len(seeded) > 200
    assert len(files) > 40
    columns = "event, details, object_id, request_id"
    events = [" ".join(map(str, row)) for row in database.execute(f"SELECT {columns} FROM audit_log")]
    events += [" ".join(map(str, row)) for row in database.execute("SELECT details, object_id FROM audit_inbox")]
    assert len(events) > 300
    lines = [json.dumps(line, ensure_ascii=False) for line in requests]
    published = [
        path.read_bytes().decode("latin-1")
        for path in (demo.folder / "objects").rglob("audit/**/entries/**/*")
        if path.is_file()
    ]
    assert published
    found = {
        canary
        for canary in seeded
        for text in (*events, *lines, *published)
        if canary in text and re.search(rf"(?<![\w-]){re.escape(canary)}(?![\w-])", text)
    }
    assert found == set()
