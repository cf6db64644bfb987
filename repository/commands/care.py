"""``nea scrub``, ``nea reconcile`` and ``nea gc``: care of the store over time."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from repository import app
from repository.audit import Context
from repository.care import collecting, reconciling, rescanning, scrubbing
from repository.care.claims import GRACE
from repository.care.collecting import Collected
from repository.care.inventory import SHARDS
from repository.care.reconciling import Reconciliation
from repository.care.scrubbing import Report, Watch, Wish
from repository.commands.progress import Bar
from repository.commands.service import run
from repository.services import Services
from repository.settings import Settings
from repository.tables import new_id
from storage.errors import StorageError

GRACE_LEAST_HOURS = 2
"""Twice the hour after which no commit can name what was sent before it."""
SHOWN = 200
CYCLE_FAILED = 2
INTERRUPTED = 130
_UNITS = {"": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    scrub = commands.add_parser("scrub", help="read stored objects again and say which are not what was written")
    scrub.add_argument(
        "--budget", type=_budget, metavar="BYTES", help="read this much at most, such as 500MiB or 20GiB"
    )
    scrub.add_argument(
        "--older-than", type=_days, default=scrubbing.OLDER_THAN, metavar="DAYS", help="only what was not read so long"
    )
    scrub.add_argument("--everything", action="store_true", help="whatever its last reading was")
    scrub.add_argument("--threads", type=_threads, default=scrubbing.THREADS, help="objects read at a time, 1 to 32")
    scrub.add_argument("--json", action="store_true", help="one JSON document on standard output")
    scrub.set_defaults(command=_scrub)
    reconcile = commands.add_parser("reconcile", help="compare database and store, both ways")
    reconcile.add_argument("--dry-run", action="store_true", help="change nothing: no recovery copy, no switch")
    reconcile.add_argument("--json", action="store_true", help="one JSON document on standard output")
    reconcile.set_defaults(command=_reconcile)
    rescan = commands.add_parser("rescan", help="scan released files for viruses with the scanner's present signatures")
    rescan.add_argument(
        "--budget", type=_budget, metavar="BYTES", help="read this much at most, such as 500MiB or 20GiB"
    )
    rescan.add_argument("--json", action="store_true", help="one JSON document on standard output")
    rescan.set_defaults(command=_rescan)
    collect = commands.add_parser("gc", help="delete what lies in the store and nobody refers to")
    collect.add_argument("--dry-run", action="store_true", help="say what would go")
    collect.add_argument(
        "--grace-hours",
        type=_grace,
        default=GRACE,
        metavar="HOURS",
        help=f"leave what is younger (default: 24, at least {GRACE_LEAST_HOURS})",
    )
    collect.add_argument(
        "--past-brake", type=int, metavar="OBJECTS", help="delete up to so many objects where the brake would stop"
    )
    collect.add_argument("--json", action="store_true", help="one JSON document on standard output")
    collect.set_defaults(command=_collect)


def _budget(text: str) -> int:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]iB)?", text, re.IGNORECASE)
    if match is None or not (size := int(float(match[1]) * _UNITS[(match[2] or "").lower()])):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write bytes, or 500MiB, 20GiB")
    return size


def _days(text: str) -> timedelta:
    try:
        return timedelta(days=_positive(float(text)))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days") from None


def _positive(number: float) -> float:
    if not 0 <= number <= 36_500:
        raise ValueError
    return number


def _grace(text: str) -> timedelta:
    try:
        grace = timedelta(hours=_positive(float(text)))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of hours") from None
    if grace < timedelta(hours=GRACE_LEAST_HOURS):
        raise argparse.ArgumentTypeError(
            f"it is at least {GRACE_LEAST_HOURS} hours: younger names may belong to an upload that is just committing"
        )
    return grace


def _threads(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 32:
        raise argparse.ArgumentTypeError("it is from 1 to 32")
    return int(text)


def _served(settings: Settings, work: Callable[[Services, Context], Awaitable[int]]) -> int:
    """Compose the service, do one piece of care with it, and close it again; returns the exit status."""

    async def main() -> int:
        try:
            services = await app.compose(settings)
            try:
                return await work(services, Context(None, services.clock(), new_id(), origin="command"))
            finally:
                await services.database.close()
        except StorageError as error:
            print(f"nea: {error.detail}", file=sys.stderr)
            return 1

    return run(main())


def _rescan(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        done = await rescanning.rescan(services, context, arguments.budget or sys.maxsize)
        if arguments.json:
            print(json.dumps(asdict(done)))
        elif done.why_not:
            print(f"nea: nothing was scanned: {done.why_not}", file=sys.stderr)
        else:
            rest = "every released file is scanned with them" if done.finished else "more are left for the next run"
            print(f"{done.engine}: {done.files} files scanned, {len(done.found)} with something new in them; {rest}.")
            for document_id in done.found:
                print(f"  document {document_id}")
        return 1 if done.found or done.why_not else 0

    return _served(settings, work)


def _scrub(arguments: argparse.Namespace, settings: Settings) -> int:
    wish = Wish(arguments.budget, None if arguments.everything else arguments.older_than, arguments.threads)

    async def work(services: Services, context: Context) -> int:
        with ExitStack() as stack:
            bar = stack.enter_context(Bar("Reading", in_bytes=True))
            watch = Watch(total=bar.total, seen=bar.seen)
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGINT, watch.stop.set)
            stack.callback(loop.remove_signal_handler, signal.SIGINT)
            report = await scrubbing.scrub(services, context, wish, watch)
        if arguments.json:
            _print_json({**asdict(report), "failed": report.failed, "sound": report.sound})
        else:
            _show_scrub(report, services.clock())
        if report.failed:
            return CYCLE_FAILED
        return INTERRUPTED if report.interrupted else int(not report.sound)

    return _served(settings, work)


def _show_scrub(report: Report, now: datetime) -> None:
    console = _console()
    _table(
        console,
        "Not what was written",
        ("object", "place", "code"),
        [(finding.oid, finding.place, finding.code) for finding in report.findings],
    )
    _table(console, "Could not be read", ("object", "reason"), list(report.unread.items()))
    mib = report.bytes_read / 2**20
    count = len(report.findings)
    print(f"Read {report.objects_read} objects, {mib:,.1f} MiB: {count} finding{'' if count == 1 else 's'}.")
    if count:
        print("What each code means and what to do about it: infra/docs/care.md")
    if report.interrupted:
        print("Interrupted: what was read is kept, and the next run goes on from there.")
    else:
        print(f"Planted faults found: {report.canaries_found} of {report.canaries_planted}.")
    if report.oldest_unread_since is not None:
        print(f"Oldest unscrubbed object: {(now - report.oldest_unread_since).total_seconds() / 86_400:.1f} days.")
    if report.failed:
        print("nea: this cycle did not find the faults it had planted itself: do not trust it.", file=sys.stderr)


def _reconcile(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        with Bar("Comparing") as bar:
            bar.total(len(SHARDS))
            found = await reconciling.reconcile(services, context, dry_run=arguments.dry_run, seen=bar.seen)
        if arguments.json:
            _print_json({**asdict(found), "passed": found.passed})
        else:
            _show_reconciliation(found)
        return int(not found.passed)

    return _served(settings, work)


def _show_reconciliation(found: Reconciliation) -> None:
    rows = [(one.wrong, one.name, one.detail) for one in found.discrepancies]
    _table(_console(), "Database and store differ", ("what", "name", "detail"), rows)
    print(
        f"{found.objects_known} objects known, {found.names_referred} names referred to, {found.names_listed} names in "
        f"the store: {len(found.discrepancies)} differences."
    )
    if found.orphans:
        print(f"{found.orphans} orphans, {found.orphan_bytes:,} bytes: `nea gc` takes them.")
    if found.sidecars_stale:
        done = "would be renewed" if found.dry_run else f"{found.sidecars_renewed} renewed"
        print(f"{len(found.sidecars_stale)} recovery copies absent or out of date: {done}.")
    if found.collector_switched_on:
        print("The collector is on again.")


def _collect(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        found = await collecting.collect(
            services,
            context,
            dry_run=arguments.dry_run,
            grace=arguments.grace_hours,
            past_brake_objects=arguments.past_brake,
        )
        if arguments.json:
            _print_json(asdict(found))
        else:
            _show_collected(found)
        return int(bool(found.unknown))

    return _served(settings, work)


def _show_collected(found: Collected) -> None:
    unknown = [(name,) for name in found.unknown]
    _table(_console(), "Unknown to the database, with a recovery copy: left alone", ("name",), unknown)
    if found.dry_run:
        print(
            f"Would delete {found.orphans} of {found.names_listed} names, of {found.orphan_objects} objects, "
            f"{found.orphan_bytes:,} bytes."
        )
        return
    print(f"Deleted {found.deleted} of {found.names_listed} names, {found.deleted_bytes:,} bytes.")
    if found.saved:
        print(f"{found.saved} names were claimed meanwhile and stay.")
    if found.hidden_swept:
        print(f"Cleared away {found.hidden_swept} remains of interrupted writes.")


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=150)


def _table(console: Console, title: str, columns: tuple[str, ...], rows: list[Any]) -> None:
    if not rows:
        return
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows[:SHOWN]:
        table.add_row(*map(str, row))
    console.print(table)
    if len(rows) > SHOWN:
        print(f"… and {len(rows) - SHOWN} more; --json gives all of them.")


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, default=lambda value: value.isoformat() if isinstance(value, datetime) else str(value)))
