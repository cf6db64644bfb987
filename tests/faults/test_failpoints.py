"""Kill −9 at every point of receiving and releasing, one after the other, until a run passes them all."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from storage.s3 import S3Backend
from storage.streaming import SDR1
from tests.servers.seaweed import S3Server

from .checking import check_end, check_raced, check_standing
from .life import BEGUN_AT, SMALL, Plan
from .nursery import Nursery, running_nursery
from .stage import environ_of, prepare, s3_environ
from .trace import records

P = SMALL.part_plain_bytes
SIZES = [0, 1, P - 1, P, P + 1, 3 * P, 9 * P + 1]
LIMIT = 2_000


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with running_nursery() as made:
        yield made


Fresh = Callable[[], Plan]


@pytest.fixture(scope="module")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    folder = tmp_path_factory.mktemp("template")
    shutil.copy(migrated_file, folder / "nea.sqlite3")
    (made,) = asyncio.run(prepare(environ_of(folder), BEGUN_AT, migrated=True))
    made.write(folder / "prepared.json")
    return folder


@pytest.fixture
def fresh_sqlite(sqlite_template: Path, tmp_path: Path) -> Fresh:
    """Copies the prepared folder, database and all."""

    def fresh() -> Plan:
        folder = tmp_path / "life"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sqlite_template, folder)
        return Plan(str(folder), environ_of(folder))

    return fresh


@pytest.fixture
def fresh_postgres(tmp_path: Path, migrated_postgres_url: str) -> Iterator[Fresh]:
    """Copies the prepared database inside the server."""
    template = tmp_path / "template"
    url = migrated_postgres_url
    base, _, name = url.rpartition("/")
    (made,) = asyncio.run(prepare(environ_of(template, NEA_DATABASE_URL=url), BEGUN_AT, migrated=True))
    made.write(template / "prepared.json")
    engine = create_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")

    def drop() -> None:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}_life WITH (FORCE)"))

    def fresh() -> Plan:
        folder = tmp_path / "life"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        drop()
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}_life TEMPLATE {name} STRATEGY FILE_COPY"))
        return Plan(str(folder), environ_of(folder, NEA_DATABASE_URL=f"{base}/{name}_life"))

    yield fresh
    drop()
    engine.dispose()


@pytest.fixture
def fresh_s3(fresh_sqlite: Fresh, s3_server: S3Server, open_bucket: Callable[..., S3Backend], tmp_path: Path) -> Fresh:
    """As over SQLite, with the bucket emptied each time."""
    bucket = open_bucket()
    more = s3_environ(tmp_path, s3_server.endpoint, s3_server)

    def fresh() -> Plan:
        for head in bucket.list(""):
            bucket.delete(head.key)
        plan = fresh_sqlite()
        return replace(plan, environ={**plan.environ, **more})

    return fresh


@pytest.fixture
def fresh(request: pytest.FixtureRequest, database: str) -> Fresh:
    made: Fresh = request.getfixturevalue(f"fresh_{database}")
    return made


def kill_at_each_point(
    nursery: Nursery, fresh: Fresh, *, first: int = 1, stride: int = 1, **what: object
) -> tuple[int, int]:
    """Kill at point ``first``, then every ``stride`` points on, until a run ends unkilled; check after each.

    Returns: how many kills there were, and how many points a whole run has.
    """
    kills = 0
    for number in range(first, LIMIT, stride):
        plan = replace(fresh(), strike_at=number, **what)
        killed = nursery.raise_one(plan) == -signal.SIGKILL
        report = "report.json"
        if killed:
            kills += 1
            # Six minutes later, so that what the dead worker had claimed is free again.
            again = replace(plan, strike_at=None, minutes=6, report="again.json")
            assert nursery.raise_one(again) == 0
            report = "again.json"
        found = json.loads((Path(plan.folder) / report).read_text())
        try:
            check_standing(plan, found["before"], lives=int(killed))
            check_end(plan, found["after"])
        except AssertionError as error:
            raise AssertionError(f"{what}, killed at point {number}: {struck(plan)}: {error}") from error
        if not killed:
            return kills, int(found["points"])
    raise AssertionError("no run ever ends")


def struck(plan: Plan) -> str:
    return ", ".join(str(record["label"]) for record in records(plan.trace, "struck"))


DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
kills = pytest.mark.fault("inj:F1", "att:G01", "att:F11", "att:D20", "real:R07", "real:R09", "real:R22")


@kills
@pytest.mark.parametrize(
    ("database", "scenario", "size", "cut", "stride"),
    [
        ("sqlite", "upload", P + 1, "first", 89),
        ("sqlite", "upload", 0, "one", 127),
        ("sqlite", "upload", 3 * P, "random", 151),
        ("sqlite", "terminate", 2 * P, "first", 47),
        ("sqlite", "withdraw", P, "one", 117),
        ("sqlite", "expire", 2 * P, "small", 53),
        ("sqlite", "collect", 2 * P, "one", 97),
        pytest.param("postgres", "upload", P + 1, "first", 131, marks=pytest.mark.postgres),
        pytest.param("postgres", "terminate", P, "first", 59, marks=pytest.mark.postgres),
    ],
)
def test_st01_to_st04_a_kill_at_any_step_loses_nothing(
    nursery: Nursery, fresh: Fresh, database: str, scenario: str, size: int, cut: str, stride: int
) -> None:
    killed, points = kill_at_each_point(nursery, fresh, stride=stride, scenario=scenario, size=size, cut=cut)
    print(f"{database} {scenario} {size}: {killed} kills at {points} points")
    assert killed >= points // stride


@kills
@pytest.mark.long
@pytest.mark.parametrize("cut", ["one", "first", "part", "small", "random"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("database", DATABASES)
def test_st01_to_st04_every_point_of_every_size(
    nursery: Nursery, fresh: Fresh, database: str, size: int, cut: str
) -> None:
    # One way to cut the file has every point; the others, whose steps are the same, every seventh.
    stride = 1 if cut == "first" else 7
    killed, points = kill_at_each_point(nursery, fresh, stride=stride, scenario="upload", size=size, cut=cut)
    print(f"{database} upload {size} {cut}: {killed} kills at {points} points")
    assert killed >= points // stride


@kills
@pytest.mark.long
@pytest.mark.parametrize("scenario", ["terminate", "withdraw", "expire", "collect", "shred", "rotate"])
@pytest.mark.parametrize("size", [1, P, 3 * P])
@pytest.mark.parametrize("database", DATABASES)
def test_st01_to_st04_every_point_of_ending(
    nursery: Nursery, fresh: Fresh, database: str, size: int, scenario: str
) -> None:
    killed, points = kill_at_each_point(nursery, fresh, scenario=scenario, size=size, cut="first")
    print(f"{database} {scenario} {size}: {killed} kills at {points} points")
    assert killed == points


@kills
@pytest.mark.long
@pytest.mark.s3
@pytest.mark.parametrize(
    ("size", "real_parts", "stride"),
    [(0, False, 1), (P + 1, False, 1), (3 * P, False, 3), (SDR1.part_plain_bytes + 1, True, 5)],
)
def test_st01_to_st04_every_point_on_a_real_s3_server(
    nursery: Nursery, fresh_s3: Fresh, size: int, real_parts: bool, stride: int
) -> None:
    killed, points = kill_at_each_point(
        nursery, fresh_s3, stride=stride, scenario="upload", size=size, real_parts=real_parts
    )
    print(f"s3 upload {size}: {killed} kills at {points} points")
    assert killed >= points // stride


@kills
@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=[pytest.mark.long, pytest.mark.postgres])]
)
def test_st19_a_collector_killed_twice_at_one_place_goes_on(nursery: Nursery, fresh: Fresh, database: str) -> None:
    for number in range(1, 24, 2):
        plan = replace(fresh(), scenario="collect", size=1)
        for life in range(2):
            killed = replace(plan, strike_at=number, minutes=6 * life)
            assert nursery.raise_one(killed) == -signal.SIGKILL
        assert nursery.raise_one(replace(plan, minutes=12)) == 0
        check_end(plan, json.loads((Path(plan.folder) / "report.json").read_text())["after"])


@kills
@pytest.mark.parametrize(
    ("database", "chains"),
    [
        ("sqlite", 3),
        pytest.param("sqlite", 100, marks=pytest.mark.long),
        pytest.param("postgres", 100, marks=[pytest.mark.long, pytest.mark.postgres]),
    ],
)
def test_st01_to_st04_killed_again_and_again_at_random_points(
    nursery: Nursery, fresh: Fresh, database: str, chains: int, seed: int
) -> None:
    chosen = random.Random(seed)
    lives = 0
    for _ in range(chains):
        size = chosen.choice(SIZES)
        plan = replace(
            fresh(), size=size, cut=chosen.choice(["first", "small", "random"]), seed=chosen.randrange(2**32)
        )
        status, number = -signal.SIGKILL, 0
        while status == -signal.SIGKILL and number < 6:
            strike_at = chosen.randint(1, 200) if number < 5 else None
            life = replace(plan, strike_at=strike_at, minutes=6 * number, report=f"{number}.json")
            status = nursery.raise_one(life)
            number += 1
        lives += number
        found = json.loads((Path(plan.folder) / f"{number - 1}.json").read_text())
        check_standing(plan, found["before"], lives=number - 1)
        check_end(plan, found["after"])
    assert lives > chains, "nothing was ever killed"


@pytest.mark.fault("inj:F7", "att:G04")
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("scenario", "size", "stride"),
    [
        ("upload", P + 1, 29),
        pytest.param("upload", P + 1, 1, marks=pytest.mark.long),
        pytest.param("upload", 3 * P, 1, marks=pytest.mark.long),
        pytest.param("terminate", 2 * P, 1, marks=pytest.mark.long),
        pytest.param("withdraw", P, 1, marks=pytest.mark.long),
        pytest.param("expire", 2 * P, 1, marks=pytest.mark.long),
    ],
)
def test_a_connection_dropped_at_any_statement_leaves_no_partial_state(
    nursery: Nursery, fresh_postgres: Fresh, scenario: str, size: int, stride: int
) -> None:
    dropped = 0
    for number in range(1, LIMIT, stride):
        plan = replace(fresh_postgres(), scenario=scenario, size=size, strike_at=number, strike="drop")
        assert nursery.raise_one(plan) == 0
        found = json.loads((Path(plan.folder) / "report.json").read_text())
        try:
            check_end(plan, found["after"])
        except AssertionError as error:
            raise AssertionError(f"dropped at {number}: {struck(plan)}: {error}") from error
        if not struck(plan):
            break
        dropped += 1
    print(f"{scenario} {size}: dropped {dropped} times")
    assert dropped


@pytest.mark.fault("att:D05", "att:D06")
@pytest.mark.parametrize(
    ("database", "size", "stride"),
    [
        ("sqlite", P + 1, 4),
        pytest.param("sqlite", P + 1, 1, marks=pytest.mark.long),
        pytest.param("sqlite", 3 * P, 1, marks=pytest.mark.long),
        pytest.param("postgres", P + 1, 1, marks=[pytest.mark.long, pytest.mark.postgres]),
    ],
)
def test_st19_an_upload_ended_at_any_call_of_the_store_leaves_nothing_missing(
    nursery: Nursery, fresh: Fresh, database: str, size: int, stride: int
) -> None:
    """The last byte, the check and the release race with the sender who gives the file up."""
    ended = 0
    for number in range(1, LIMIT, stride):
        plan = replace(fresh(), size=size, strike_at=number, strike="end")
        assert nursery.raise_one(plan) == 0
        if not struck(plan):
            break
        ended += 1
        found = json.loads((Path(plan.folder) / "report.json").read_text())["after"]
        try:
            check_raced(found)
        except AssertionError as error:
            raise AssertionError(f"ended at {number}: {struck(plan)}: {error}") from error
    print(f"{database} {size}: ended at {ended} points")
    assert ended > 5
