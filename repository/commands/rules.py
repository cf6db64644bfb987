"""``nea import rules``: a rules file straight into the database, all or nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from moderation.errors import ModerationError
from moderation.exchange.faults import FileRefused
from moderation.records.rules_import import RulesImport
from repository import app
from repository.acts import rules
from repository.acts.imports import COMMAND
from repository.audit import Context
from repository.commands.service import run
from repository.settings import Settings
from repository.tables import new_id

KIND = "rules"


def import_rules_files(arguments: argparse.Namespace, settings: Settings) -> int:
    """Import the rules files of the command line, each whole or not at all; with ``--dry-run`` keep nothing.

    Returns: 0, or 1 when a file cannot be read or is refused.
    """
    try:
        files = [(Path(path).name, Path(path).read_bytes()) for path in arguments.files]
    except OSError as error:
        print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1

    async def work() -> list[RulesImport]:
        services = await app.compose(settings)
        try:
            context = Context(None, services.clock(), new_id(), origin=COMMAND)
            return await services.database.write(
                lambda s: [rules.import_file(s, context, name, data, dry_run=arguments.dry_run) for name, data in files]
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
            print(f"nea: {error.detail} Nothing was imported.", file=sys.stderr)
            return 1
        for one in done:
            show(one, dry_run=arguments.dry_run)
        return 0

    return run(main())


def show(done: RulesImport, *, dry_run: bool) -> None:
    """Print what an import did, and which components other rules govern then."""
    table = Table(title="Would be imported (nothing was kept)" if dry_run else "Imported")
    for column in ("kind", "what", ""):
        table.add_column(column)
    for line in done.lines:
        table.add_row(line.kind, line.name, line.what)
    Console().print(table)
    for move in done.moves:
        print(f"{move.series_key} {move.component_code}: {move.before} -> {move.after}")
    if not done.moves:
        print("No component is governed by other rules.")
