"""``nea series``: a whole series at once, drawn, decided, confirmed or examined by the gate; all of a step, or nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from moderation.errors import ModerationError
from moderation.records.gate import GateReport
from moderation.records.whole_series import StepReport
from repository import app, migrating, people
from repository.acts import results, whole_series
from repository.audit import Context
from repository.commands.progress import Bar
from repository.commands.service import run
from repository.database import Database
from repository.settings import Settings
from repository.tables import new_id

COMMAND = "command"
SHOWN = 50
"""So many cases are listed; with --json all of them."""
STEPS: dict[str, tuple[Callable[..., StepReport], str]] = {
    "draw": (
        whole_series.draw,
        "confirm submitted marks and draw every sample; a consortium waits for its last member",
    ),
    "decide": (whole_series.decide, "decide every sample that is read and for which nothing followed yet"),
    "confirm": (whole_series.confirm, "confirm every outcome that this officer may confirm, each mark computed twice"),
}


class _NotKept(Exception):
    """A trial run that ends without keeping anything; carries what was found."""

    def __init__(self, report: StepReport) -> None:
        self.report = report


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    top = commands.add_parser("series", help="draw, decide, confirm or examine a whole series at once")
    steps = top.add_subparsers(title="steps", required=True, metavar="STEP")
    for name, (_, words) in STEPS.items():
        step = steps.add_parser(name, help=words)
        _common(step)
        step.add_argument("--dry-run", action="store_true", help="do everything but keep it, and say what would follow")
        step.set_defaults(command=_step, step=name)
    gate = steps.add_parser("gate", help="run the results gate and record what it found; status 1 while it is closed")
    _common(gate)
    gate.set_defaults(command=_gate)


def _common(step: argparse.ArgumentParser) -> None:
    step.add_argument("--series", required=True, help="series, e.g. 01-6B26")
    step.add_argument("--officer", required=True, metavar="PERSON", help="id or name of the officer who does it")
    step.add_argument("--json", action="store_true", help="one JSON document on standard output")


def _step(arguments: argparse.Namespace, settings: Settings) -> int:
    act, _ = STEPS[arguments.step]

    def work(session: Session, bar: Bar) -> StepReport:
        context = _context(session, arguments.officer)
        report = act(session, context, arguments.series, expected=bar.total, seen=bar.seen)
        if arguments.dry_run:
            raise _NotKept(report)
        return report

    try:
        report = _written(settings, f"{arguments.step.capitalize()} series {arguments.series}", work)
    except _NotKept as trial:
        report = trial.report
    except ModerationError as error:
        return _refused(error)
    if arguments.json:
        print(json.dumps({**asdict(report), "series": arguments.series, "kept": not arguments.dry_run}, indent=2))
    else:
        _show(report, arguments.series, kept=not arguments.dry_run)
    return 0


def _gate(arguments: argparse.Namespace, settings: Settings) -> int:
    def work(session: Session, bar: Bar) -> GateReport:
        done_before = 0

        def progress(done: int, total: int) -> None:
            nonlocal done_before
            bar.total(total)
            bar.seen(done - done_before)
            done_before = done

        return results.run_gate(session, _context(session, arguments.officer), arguments.series, progress=progress)

    try:
        report = _written(settings, f"Gate of series {arguments.series}", work)
    except ModerationError as error:
        return _refused(error)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        _show_gate(report)
    return 0 if report.is_open else 1


def _written(settings: Settings, title: str, work: Callable[[Session, Bar], Any]) -> Any:
    async def main() -> Any:
        database = Database(settings.database_url)
        try:
            await migrating.check(database)
            with Bar(title) as bar:
                return await database.write_many(lambda session: work(session, bar))
        finally:
            await database.close()

    found: list[Any] = []

    async def status() -> int:
        found.append(await main())
        return 0

    run(status())
    return found[0]


def _context(session: Session, officer: str) -> Context:
    now = app.utc_now()
    return Context(people.officer_named(session, officer, now), now, new_id(), origin=COMMAND)


def _refused(error: ModerationError) -> int:
    for name in ("faults", "candidates"):
        listed = error.facts.get(name, ())
        for one in listed if isinstance(listed, (list, tuple)) else ():
            print(f"  {one if isinstance(one, str) else ': '.join(map(str, one))}", file=sys.stderr)
    print(f"nea: {error.detail} Nothing was changed.", file=sys.stderr)
    return 1


def _show(report: StepReport, series_key: str, *, kept: bool) -> None:
    console = Console(width=None if Console().is_terminal else 120)
    title = f"Series {series_key}: {report.step}" + ("" if kept else " (a trial: nothing was kept)")
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("how many", justify="right")
    for name, number in report.counts.items():
        table.add_row(name, f"{number:,}")
    table.add_row("cases left as they were", f"{len(report.left):,}")
    console.print(table)
    if not report.left:
        return
    for code, number in Counter(one.code for one in report.left).most_common():
        console.print(f"{number:,} × {code}")
    for one in report.left[:SHOWN]:
        console.print(f"{one.component_code} at centre {one.centre_number}: {one.detail}", markup=False)
    if len(report.left) > SHOWN:
        console.print(f"… and {len(report.left) - SHOWN:,} more: --json lists all of them.")


def _show_gate(report: GateReport) -> None:
    console = Console(width=None if Console().is_terminal else 120)
    table = Table(title=f"Series {report.series_key}: entries and what became of them", title_justify="left")
    names = ("entries", "accepted", "adjusted", "absent", "zero", "carried_forward", "held", "difference")
    table.add_column("component")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for row in report.by_component():
        table.add_row(row.component_code, *(f"{getattr(row, name):,}" for name in names))
    console.print(table)
    for code, number in Counter(block.code for block in report.blocks).most_common():
        console.print(f"{number:,} × {code}")
    for block in report.blocks[:SHOWN]:
        console.print(block.detail, markup=False)
    words = "open: results may be released" if report.is_open else f"closed by {len(report.blocks):,} things"
    console.print(f"The gate is {words}. {report.results_total:,} results, digest {report.digest[:16]}…")
