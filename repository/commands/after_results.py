"""``nea import post-results`` and ``nea retention``: terms of services, and what is due for disposal and why."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from moderation.errors import ModerationError
from repository import app
from repository.acts import retention, review_decisions
from repository.acts.imports import COMMAND
from repository.acts.retention import DisposalLine
from repository.audit import Context
from repository.commands.service import run
from repository.settings import Settings
from repository.tables import new_id

KIND = "post-results"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("retention", help="until when work is kept and why; changes nothing")
    command.add_argument("--series", required=True, help="the series, e.g. 01-6B26")
    command.add_argument("--due", action="store_true", help="only what is due for disposal")
    command.set_defaults(command=_retention)


def import_terms_files(arguments: argparse.Namespace, settings: Settings) -> int:
    """Import files of terms, all of them or none; with ``--dry-run`` keep nothing.

    Returns: 0, or 1 when a file cannot be read or is refused.
    """
    try:
        files = [Path(path).read_text("utf-8-sig") for path in arguments.files]
    except OSError as error:
        print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    except UnicodeDecodeError:
        print("nea: a file of terms is not text in UTF-8. Nothing was imported.", file=sys.stderr)
        return 1

    async def main() -> int:
        services = await app.compose(settings)
        try:
            context = Context(None, services.clock(), new_id(), origin=COMMAND)
            added = await services.database.write(
                lambda s: sum(
                    review_decisions.take_terms(s, context, text, dry_run=arguments.dry_run) for text in files
                )
            )
        except ModerationError as error:
            print(f"nea: {error.detail} Nothing was imported.", file=sys.stderr)
            return 1
        finally:
            await services.database.close()
        print(f"{added} rows are new." if not arguments.dry_run else f"{added} rows would be new; nothing was kept.")
        return 0

    return run(main())


def _retention(arguments: argparse.Namespace, settings: Settings) -> int:
    async def main() -> int:
        services = await app.compose(settings)
        try:
            context = Context(None, services.clock(), new_id(), origin=COMMAND)
            lines = await services.database.read(lambda s: retention.due(s, context, arguments.series))
        finally:
            await services.database.close()
        show([one for one in lines if one.line.is_due or not arguments.due])
        return 0

    return run(main())


def show(lines: list[DisposalLine]) -> None:
    """Print until when the work of each case is kept, and because of what."""
    table = Table(title="Retention (nothing was changed)")
    for column in ("case", "how it stands", "kept until", "because of", "files left", ""):
        table.add_column(column)
    for one in lines:
        until = one.line.retention.until
        table.add_row(
            f"{one.line.component_code} at {one.line.centre_number}",
            one.line.state.lower().replace("_", " "),
            "without end for now" if until is None else f"{until:%Y-%m-%d %H:%M} UTC",
            ", ".join(one.line.retention.kept_by),
            str(one.files),
            "due" if one.line.is_due else "keep",
        )
    Console().print(table)
