"""``nea scripts``: the alarm of missing scripts, a day added up, cases and the regulator's return as files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from repository import app, migrating, people
from repository.acts import script_boards, script_case_views
from repository.acts.script_case_views import Wanted
from repository.audit import Context
from repository.care import alarming
from repository.commands.service import run
from repository.database import Database
from repository.settings import Settings
from repository.tables import new_id

COMMAND = "command"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    top = commands.add_parser("scripts", help="exam scripts: alarm, reconciliation, cases, the regulator's return")
    steps = top.add_subparsers(title="commands", required=True, metavar="WHAT")
    alarm = steps.add_parser("alarm", help="raise what has become worrying, and tell centres and owners, once a stage")
    alarm.add_argument("--json", action="store_true", help="one JSON document on standard output")
    alarm.set_defaults(command=_alarm)
    reconcile = steps.add_parser("reconcile", help="add up every sitting of a day or a series; differences open cases")
    which = reconcile.add_mutually_exclusive_group(required=True)
    which.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="the day of the exams")
    which.add_argument("--series", help="series, e.g. 01-6B26")
    reconcile.add_argument("--json", action="store_true", help="one JSON document on standard output")
    reconcile.set_defaults(command=_reconcile)
    cases = steps.add_parser("cases", help="write the cases of scripts as a CSV file")
    _file(cases)
    cases.add_argument("--series", default="", help="of one series only")
    cases.add_argument("--state", choices=("open", "closed", "all"), default="open", help="which cases (default: open)")
    cases.set_defaults(command=_cases)
    missing = steps.add_parser("ofqual-missing", help="write the regulator's return on missing scripts as a CSV file")
    _file(missing)
    missing.add_argument("--series", required=True, help="series, e.g. 01-6B26")
    missing.set_defaults(command=_ofqual_missing)
    results = steps.add_parser("results-day", help="set the day of results, before which missing scripts are decided")
    results.add_argument("--series", required=True, help="series, e.g. 01-6B26")
    results.add_argument("--officer", required=True, metavar="PERSON", help="id or name of the officer who does it")
    results.add_argument("day", type=_day, metavar="YYYY-MM-DD")
    results.set_defaults(command=_results_day)


def _file(step: argparse.ArgumentParser) -> None:
    step.add_argument("--officer", required=True, metavar="PERSON", help="id or name of the officer who does it")
    step.add_argument("--out", type=Path, metavar="FILE", help="write to this file (default: standard output)")


def _alarm(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(database: Database) -> int:
        done = await alarming.alarm(database, _own_context())
        if arguments.json:
            print(json.dumps(asdict(done), indent=2))
        else:
            print(
                f"{done.reconciled.sittings:,} sittings added up, {done.reconciled.closing:,} agree. "
                f"{done.opened:,} cases opened; {done.amber:,} turned amber, {done.red:,} red; {done.answered:,} differences "
                f"are gone; {done.located:,} scripts were found; {done.letters:,} letters queued."
            )
        return 0

    return _with_database(settings, work)


def _reconcile(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(database: Database) -> int:
        done = await alarming.reconcile_all(
            database, _own_context(), held_on=arguments.day, series_key=arguments.series
        )
        if arguments.json:
            print(json.dumps(asdict(done), indent=2))
        else:
            print(
                f"{done.sittings:,} sittings, {done.closing:,} agree. {done.present:,} scripts expected, {done.received:,} "
                f"received, {done.indexed:,} indexed; {done.differences:,} differences. {done.opened:,} cases opened, "
                f"{done.reopened:,} opened again, {done.answered:,} answered."
            )
        return 0

    return _with_database(settings, work)


def _cases(arguments: argparse.Namespace, settings: Settings) -> int:
    wanted = Wanted(series_key=arguments.series, state=arguments.state)
    return _write(arguments, settings, lambda s, context: script_case_views.as_csv(s, context, wanted))


def _ofqual_missing(arguments: argparse.Namespace, settings: Settings) -> int:
    return _write(arguments, settings, lambda s, context: script_boards.return_csv(s, context, arguments.series))


def _results_day(arguments: argparse.Namespace, settings: Settings) -> int:
    def act(session: Session) -> None:
        context = _context(session, arguments.officer)
        script_boards.set_results_day(session, context, arguments.series, arguments.day)

    async def work(database: Database) -> int:
        await database.write(act)
        print(f"Candidates get the results of series {arguments.series} on {arguments.day:%d %B %Y}.")
        return 0

    return _with_database(settings, work)


def _write(arguments: argparse.Namespace, settings: Settings, act: Callable[[Session, Context], bytes]) -> int:
    async def work(database: Database) -> int:
        body = await database.write(lambda s: act(s, _context(s, arguments.officer)))
        if arguments.out is None:
            sys.stdout.buffer.write(body)
            sys.stdout.buffer.flush()
        else:
            arguments.out.write_bytes(body)
        return 0

    return _with_database(settings, work)


def _with_database(settings: Settings, work: Callable[[Database], Awaitable[int]]) -> int:
    async def main() -> int:
        database = Database(settings.database_url)
        try:
            await migrating.check(database)
            return await work(database)
        finally:
            await database.close()

    return run(main())


def _own_context() -> Context:
    return Context(None, app.utc_now(), new_id(), origin=COMMAND)


def _context(session: Session, officer: str) -> Context:
    now = app.utc_now()
    return Context(people.officer_named(session, officer, now), now, new_id(), origin=COMMAND)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError("a day such as 2026-05-15") from error
