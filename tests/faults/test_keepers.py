"""Kill −9 at every point of rotating and destroying keys, one after the other, until a run passes them all."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from .keepers import OTHER_SCOPE, THE_SCOPE, Errand, prepare
from .nursery import TOP
from .stage import environ_of

LIMIT = 2_000
Fresh = Callable[[str], Errand]
Send = Callable[[Errand], int]


@contextmanager
def _running() -> Iterator[Send]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.keepers"],
        cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def send(errand: Errand) -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        print(errand.as_json(), file=process.stdin, flush=True)
        status = int(process.stdout.readline() or -signal.SIGABRT)
        if status not in {0, -signal.SIGKILL}:
            raise AssertionError(f"a life ended with {status}:\n{(Path(errand.folder) / 'log').read_text()[-6000:]}")
        return status

    with process:
        yield send
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def send() -> Iterator[Send]:
    with _running() as made:
        yield made


@pytest.fixture
def fresh_sqlite(tmp_path: Path, migrated_file: Path) -> Fresh:
    """Copies the prepared folder, database and all."""
    template = tmp_path / "template"
    template.mkdir()
    shutil.copy(migrated_file, template / "nea.sqlite3")
    asyncio.run(prepare(Errand(str(template), environ_of(template), "")))

    def fresh(what: str) -> Errand:
        folder = tmp_path / "life"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        return Errand(str(folder), environ_of(folder), what)

    return fresh


@pytest.fixture
def fresh_postgres(tmp_path: Path, migrated_postgres_url: str) -> Iterator[Fresh]:
    """Copies the prepared database inside the server."""
    template, url = tmp_path / "template", migrated_postgres_url
    base, _, name = url.rpartition("/")
    asyncio.run(prepare(Errand(str(template), environ_of(template, NEA_DATABASE_URL=url), "")))
    engine = create_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")

    def drop() -> None:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}_life WITH (FORCE)"))

    def fresh(what: str) -> Errand:
        folder = tmp_path / "life"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        drop()
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}_life TEMPLATE {name} STRATEGY FILE_COPY"))
        return Errand(str(folder), environ_of(folder, NEA_DATABASE_URL=f"{base}/{name}_life"), what)

    yield fresh
    drop()
    engine.dispose()


def check(errand: Errand, found: dict[str, Any]) -> None:
    """Hold what is left against ST-21 or ST-22; the life itself read and compared whatever is readable."""
    oids = json.loads((Path(errand.folder) / "oids.json").read_text())
    gone = {"shred-object": oids[:1], "shred-scope": oids[:3]}.get(errand.what, [])
    assert found["readable"] == {oid: oid not in gone for oid in oids}
    assert not [name for name in found["names"] if any(oid in name for oid in gone)]
    assert set(found["under"]) == set(oids) - set(gone)
    assert set(found["under"].values()) <= set(found["live"])
    assert not set(found["live"]) & set(found["superseded"])
    assert sorted(found["live"].values()) == ([] if errand.what == "shred-scope" else [THE_SCOPE]) + [OTHER_SCOPE]
    if errand.what == "root":
        assert found["kids"] == [found["current"]], "ST-21"
    if gone:
        assert [event for event in found["events"] if event in {"shred.started", "shred.finished"}] == [
            "shred.started",
            "shred.finished",
        ]


@pytest.mark.fault("inj:F1", "att:F08", "att:F16")
@pytest.mark.parametrize("what", ["root", "scope", "shred-object", "shred-scope"])
@pytest.mark.parametrize(
    ("database", "stride"),
    [
        ("sqlite", 7),
        pytest.param("sqlite", 1, marks=pytest.mark.long),
        pytest.param("postgres", 19, marks=pytest.mark.postgres),
        pytest.param("postgres", 1, marks=[pytest.mark.postgres, pytest.mark.long]),
    ],
)
def test_st21_st22_a_kill_at_any_step_is_made_good_by_repeating(
    send: Send, request: pytest.FixtureRequest, database: str, stride: int, what: str
) -> None:
    fresh: Fresh = request.getfixturevalue(f"fresh_{database}")
    kills = 0
    for number in range(1, LIMIT, stride):
        errand = replace(fresh(what), strike_at=number)
        killed = send(errand) == -signal.SIGKILL
        if killed:
            kills += 1
            assert send(replace(errand, strike_at=None)) == 0
        found = json.loads((Path(errand.folder) / "report.json").read_text())
        try:
            check(errand, found)
        except AssertionError as error:
            raise AssertionError(f"{what}, killed at point {number}: {error}") from error
        if not killed:
            break
    print(f"{database} {what}: {kills} kills at {found['points']} points")
    assert kills == len(range(1, found["points"] + 1, stride)) >= 2
