"""``infra/bench national``: a series of 6,000 centres, from entries to released results, on SQLite and PostgreSQL."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, create_engine, text

from moderation import guards
from repository import migrating
from repository.database import Database
from tests.servers.postgres import running_postgres

from ..figures import Figure, Options, show
from . import rules, steps
from .series import CENTRES, National

DATABASES = ("sqlite", "postgresql")
CURVE = (1, 3, 10, 30, 100)
RATE, SECONDS, MEMORY, GROWTH = 300_000.0, 120.0, 1024.0, 1.3
SERVER = ("shared_buffers=256MB", "max_wal_size=4GB", "checkpoint_timeout=30min")
"""What a server that takes a national series would be given; like those of tests, it does not flush the disk."""
TOP = Path(__file__).resolve().parents[3]


def main(words: Sequence[str] | None = None) -> int:
    """Measure as the command line says; returns 1 when a target is missed."""
    arguments = _parser().parse_args(words)
    if arguments.one is not None:
        print(json.dumps(measure_one(arguments.database, arguments.one)))
        return 0
    databases = DATABASES if arguments.database == "both" else (arguments.database,)
    shares = [1.0] if arguments.quick else [float(share) for share in arguments.share.split(",")]
    found: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for share in shares:
        for _ in range(arguments.times if share == max(shares) and not arguments.quick else 1):
            for database in databases:  # in turn, so that a busy minute hits both
                found.setdefault((database, share), []).append(_in_a_process(database, share))
    rated, spent = _rules(1.0 if arguments.quick else 10.0, 1 if arguments.quick else 5)
    console = Console(width=None if Console().is_terminal else 130)
    console.print(_versions(databases))
    _show_steps(console, databases, max(shares), found)
    _show_curve(console, databases, shares, found)
    figures = [*_rule_figures(rated, spent), *_figures(databases, shares, found)]
    return show("Marks at national scale", figures, Options(arguments.quick, arguments.json))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="infra/bench national")
    parser.add_argument("--quick", action="store_true", help="1 %% of the series, once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--share", default=",".join(map(str, CURVE)), help="shares of the series in per cent")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--times", type=int, default=1, help="how often the largest share is run on each database")
    parser.add_argument("--one", type=float, metavar="SHARE", help=argparse.SUPPRESS)
    return parser


def measure_one(database: str, share: float) -> dict[str, Any]:
    """Walk through a share of the series on a fresh database, with its migrations and guards, and return what it cost."""
    with _fresh(database) as engine:
        told = Console(stderr=True)
        series = National(centres=max(1, round(CENTRES * share / 100)))
        measured = steps.walk(engine, series, lambda name, s: told.print(f"{database} {share:g} %: {name} {s:.1f} s"))
    own_mib = max(measured.peak_mib.values())
    return {
        **asdict(measured),
        "peaks_mib": measured.peak_mib,
        "peak_mib": own_mib,
        "server_peak_mib": measured.server_peak_kib / 1024,
    }


@contextmanager
def _fresh(database: str) -> Iterator[Engine]:
    if database == "sqlite":
        with (
            tempfile.TemporaryDirectory(prefix="nea-national-") as folder,
            _migrated(f"sqlite:///{folder}/nea.sqlite3") as ready,
        ):
            yield ready.sync_engine
        return
    with running_postgres(*SERVER) as url, _migrated(url):
        engine = create_engine(url)
        guards.speak_plainly(engine)
        yield engine
        engine.dispose()


@contextmanager
def _migrated(url: str) -> Iterator[Database]:
    database = Database(url)
    asyncio.run(migrating.migrate(database))
    yield database
    if database.embedded:
        asyncio.run(database.close())


def _in_a_process(database: str, share: float) -> dict[str, Any]:
    """Measure in a process of its own, whose peak memory is then only this."""
    command = [sys.executable, "-m", "tests.benchmarks.national", "--database", database, "--one", str(share)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=TOP)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _rules(share: float, times: int) -> tuple[int, dict[str, float]]:
    series = National(centres=round(CENTRES * share / 100))
    runs = [rules.measure(series) for _ in range(times)]
    return runs[0][0], {name: median(spent[name] for _, spent in runs) for name in runs[0][1]}


# What is shown


def _total(run: dict[str, Any], what: str = "seconds") -> float:
    values = run[what]
    return sum(values.values()) if isinstance(values, dict) else 0.0


def _figures(
    databases: Sequence[str], shares: Sequence[float], found: dict[tuple[str, float], list[dict[str, Any]]]
) -> list[Figure]:
    whole = max(shares)
    full = whole >= 100
    figures = []
    for database in databases:
        runs = found[database, whole]
        name = f"{database}, {whole:g} %"
        figures += [
            Figure(f"{name}: end to end", median(map(_total, runs)), "s", SECONDS if full else None, True),
            Figure(f"{name}: processor", median(_total(run, "processor") for run in runs), "s"),
            Figure(
                f"{name}: peak memory of ours", max(float(str(run["peak_mib"])) for run in runs), "MiB", MEMORY, True
            ),
        ]
        if database == "postgresql":
            peak = max(float(str(run["server_peak_mib"])) for run in runs)
            figures.append(Figure(f"{name}: peak memory of the server's process", peak, "MiB", MEMORY, True))
        if len(shares) > 1:
            least = min(share for share in shares if share >= min(3, whole))
            slow = median(_total(run, "processor") for run in runs) / whole
            quick = median(_total(run, "processor") for run in found[database, least]) / least
            figures.append(Figure(f"{name}: cost of a candidate ÷ at {least:g} %", slow / quick, "×", GROWTH, True))
    return figures


def _rule_figures(candidates: int, spent: dict[str, float]) -> list[Figure]:
    figures = [Figure(f"rules: {name}", candidates / seconds, "candidates/s") for name, seconds in spent.items()]
    return [Figure("rules together", candidates / sum(spent.values()), "candidates/s", RATE), *figures]


def _show_steps(
    console: Console,
    databases: Sequence[str],
    share: float,
    found: dict[tuple[str, float], list[dict[str, Any]]],
) -> None:
    table = Table(title=f"Steps at {share:g} %, seconds (processor)", title_justify="left")
    table.add_column("step")
    for database in databases:
        table.add_column(database, justify="right")
    first = {database: found[database, share] for database in databases}
    for name in first[databases[0]][0]["seconds"]:
        cells = [
            f"{median(run['seconds'][name] for run in runs):.1f} ({median(run['processor'][name] for run in runs):.1f})"
            for runs in first.values()
        ]
        table.add_row(str(name), *cells)
    console.print(table)


def _show_curve(
    console: Console,
    databases: Sequence[str],
    shares: Sequence[float],
    found: dict[tuple[str, float], list[dict[str, Any]]],
) -> None:
    table = Table(title="Growth", title_justify="left")
    for column in ("share", "cases", "candidates", "rows"):
        table.add_column(column, justify="right")
    for database in databases:
        table.add_column(f"{database}, s", justify="right")
        table.add_column("processor, s", justify="right")
        table.add_column("MiB", justify="right")
    for share in shares:
        counts = found[databases[0], share][0]["counts"]
        row = [f"{share:g} %"]
        row += [f"{counts[key]:,}" for key in ("entries: cases", "entries: candidates", "rows")]
        for database in databases:
            runs = found[database, share]
            row += [
                f"{median(map(_total, runs)):.1f}",
                f"{median(_total(run, 'processor') for run in runs):.1f}",
                f"{max(float(str(run['peak_mib'])) for run in runs):.0f}",
            ]
        table.add_row(*row)
    console.print(table)


def _versions(databases: Sequence[str]) -> str:
    words = [f"Python {platform.python_version()}", f"SQLAlchemy {sqlalchemy.__version__}"]
    if "sqlite" in databases:
        words.append(f"SQLite {sqlite3.sqlite_version}")
    if "postgresql" in databases:
        with running_postgres() as url:
            engine = create_engine(url)
            with engine.connect() as connection:
                words.append(f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar()}")
            engine.dispose()
    return ", ".join(words)


if __name__ == "__main__":
    sys.exit(main())
