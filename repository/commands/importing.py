"""``nea import``: files straight into the database, all or nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from moderation.errors import ModerationError
from moderation.exchange.faults import FileRefused
from moderation.records.changes import Changes
from repository import app
from repository.acts.imports import COMMAND, Imported, ImportKind
from repository.audit import Context
from repository.commands import after_results, rules
from repository.commands.progress import Bar
from repository.commands.service import run
from repository.settings import Settings
from repository.tables import new_id
from repository.web.api.imports import import_files

WARNINGS_SHOWN = 20
CHANGES_SHOWN = 100


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("import", help="import basedata, entries, marks or reference data")
    command.add_argument("kind", choices=[*(str(kind) for kind in ImportKind), rules.KIND, after_results.KIND])
    command.add_argument("files", nargs="+", type=Path, metavar="FILE")
    command.add_argument("--series", help="series of CSV reference data, e.g. 01-6B26 (default: the only one)")
    command.add_argument("--dry-run", action="store_true", help="do everything but keep it, and say what would change")
    command.add_argument(
        "--accept-gap", action="store_true", help="amendments: take them in although a file before them has not come"
    )
    command.set_defaults(command=_import)


def _import(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.kind == rules.KIND:
        return rules.import_rules_files(arguments, settings)
    if arguments.kind == after_results.KIND:
        return after_results.import_terms_files(arguments, settings)
    try:
        files = [(path.name, path.read_bytes()) for path in arguments.files]
    except OSError as error:
        print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    kind = ImportKind(arguments.kind)

    async def work() -> Imported:
        services = await app.compose(settings)
        try:
            context = Context(None, services.clock(), new_id(), origin=COMMAND)
            with Bar("Importing") as bar:
                bar.total(len(files))
                return await import_files(
                    services,
                    context,
                    kind,
                    files,
                    arguments.series,
                    dry_run=arguments.dry_run,
                    accept_gap=arguments.accept_gap,
                    seen=bar.seen,
                )
        finally:
            await services.database.close()

    async def main() -> int:
        try:
            done = await work()
        except FileRefused as refused:
            for fault in refused.faults:
                print(fault, file=sys.stderr)
            print(f"nea: {refused}", file=sys.stderr)
            return 1
        except ModerationError as error:
            for fault in error.facts.get("faults", ()):  # type: ignore[attr-defined]
                print(f"  {fault[0]}: {fault[2]}", file=sys.stderr)
            print(f"nea: {error.detail} Nothing was imported.", file=sys.stderr)
            return 1
        show(done, dry_run=arguments.dry_run)
        return 0

    return run(main())


def show(done: Imported, *, dry_run: bool = False) -> None:
    """Print what was imported as a table, and the warnings."""
    table = Table(title="Would be imported (nothing was kept)" if dry_run else "Imported")
    for column in ("file", "kind", "series", "centre", "counts", ""):
        table.add_column(column)
    for receipt in done.receipts:
        counts = ", ".join(
            f"{name} {count}" for name, count in receipt.counts.items() if isinstance(count, int) and count
        )
        known = "imported before: nothing changed" if receipt.was_known else ""
        table.add_row(receipt.name, receipt.kind, receipt.series_key or "", receipt.centre_number or "", counts, known)
    console = Console()
    if done.receipts:
        console.print(table)
    for one in done.waiting:
        after = "the entry file (E)" if one.waits_for is None else f"sequence number {one.waits_for}"
        would = "would wait" if dry_run else "waits"
        print(f"{one.name} {would} for {after}: nothing of it was imported yet.")
    if done.changes is not None:
        show_changes(console, done.changes, "What would change")
    for warning in done.warnings[:WARNINGS_SHOWN]:
        print(warning, file=sys.stderr)
    if len(done.warnings) > WARNINGS_SHOWN:
        print(f"… and {len(done.warnings) - WARNINGS_SHOWN} more warnings.", file=sys.stderr)


def show_changes(console: Console, changes: Changes, title: str = "What differs") -> None:
    """Print changes. A terminal's output may be kept, so that of personal data only the fact is said."""
    if not changes.total:
        console.print("Nothing would change: all of it is here already.")
        return
    table = Table(title=title)
    for column in ("", "what", "field", "before", "after"):
        table.add_column(column)
    for one in changes.listed[:CHANGES_SHOWN]:
        before, after = ("(personal)", "(personal)") if one.is_personal else (one.before, one.after)
        table.add_row(str(one.kind), f"{one.thing} {one.key}", one.field, before, after)
    console.print(table)
    counts = ", ".join(f"{thing} {kind} {count}" for (kind, thing), count in (changes.counts or {}).items())
    console.print(f"In all: {counts}.")
    if changes.total > CHANGES_SHOWN:
        console.print(f"{changes.total} changes; the first {min(CHANGES_SHOWN, len(changes.listed))} are shown.")
