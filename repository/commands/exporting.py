"""``nea export`` and ``nea read``: files out of the database, and a look into any file without keeping it."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from moderation.errors import ModerationError
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.reading import FileSummary, summary_of
from moderation.records.changes import Changes
from moderation.results import Audience
from repository import app
from repository.acts import exports
from repository.acts.exports import Exported, ExportKind, Wish
from repository.acts.imports import COMMAND
from repository.audit import Context
from repository.commands.importing import show_changes
from repository.commands.service import run
from repository.errors import RepositoryError
from repository.settings import Settings
from repository.tables import new_id

AUDIENCES = {"centre": Audience.CENTRE, "body": Audience.AWARDING_BODY}
"""Who may hold files that name candidates; the public is given none of them."""
SHOWN = 20


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    export = commands.add_parser("export", help="write entries, marks, samples, outcomes or results to files")
    export.add_argument("kind", choices=[str(kind) for kind in ExportKind])
    export.add_argument("--series", required=True, help="series, e.g. 01-6A26")
    export.add_argument("--centre", help="five digits; without it all centres, where the format can hold them")
    export.add_argument("--to", type=Path, default=Path(), metavar="FOLDER", help="where to (default: here)")
    export.add_argument(
        "--reader",
        choices=list(AUDIENCES),
        default="centre",
        help="who will read it: results and outcomes wait for them",
    )
    export.add_argument("--amendment", action="store_true", help="entries: write an amendment file (A), not an E file")
    export.add_argument("--sequence", type=int, default=1, help="entries and marks: sequence number (default: 1)")
    export.add_argument(
        "--names", type=Path, metavar="CSV", help="entries: shortened names that were confirmed: candidate_number,name"
    )
    export.add_argument("--no-bom", action="store_true", help="CSV for machines: without a byte order mark")
    export.set_defaults(command=_export)
    read = commands.add_parser("read", help="say what a file holds and what is wrong with it; nothing is kept")
    read.add_argument("files", nargs="+", type=Path, metavar="FILE")
    read.add_argument("--against", metavar="SERIES", help="results: say what differs from the release in force")
    read.set_defaults(command=_read)


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    try:
        names = _names(arguments.names)
    except (OSError, ValueError) as error:
        print(f"nea: the file of names cannot be read: {error}.", file=sys.stderr)
        return 1
    wish = Wish(
        ExportKind(arguments.kind),
        arguments.series,
        arguments.centre,
        AUDIENCES[arguments.reader],
        not arguments.no_bom,
        "A" if arguments.amendment else "E",
        arguments.sequence,
        names,
    )

    async def work() -> Exported:
        services = await app.compose(settings)
        try:
            context = Context(None, services.clock(), new_id(), origin=COMMAND)
            return await services.database.write(lambda session: exports.run(session, context, wish))
        finally:
            await services.database.close()

    async def main() -> int:
        try:
            done = await work()
        except ModerationError as error:
            opens_at = error.facts.get("opens_at")
            print(f"nea: {error.detail}{f' They open at {opens_at}.' if opens_at else ''}", file=sys.stderr)
            return 1
        except RepositoryError as error:
            print(f"nea: {error.detail}", file=sys.stderr)
            if error.facts.get("proposal"):
                print(f"  A shorter name to confirm with --names: {error.facts['proposal']}", file=sys.stderr)
            return 1
        return _write(done, arguments.to)

    return run(main())


def _write(done: Exported, folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in done.files:
            (folder / name).write_bytes(data)
    except OSError as error:
        print(f"nea: {error.filename} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    for name, data in done.files:
        print(f"{folder / name}  {len(data):,} bytes")
    if any(name.endswith(".xml") for name, _ in done.files):
        print("A2C-like, not certified.")
    for warning in done.warnings[:SHOWN]:
        print(f"{warning.message} {warning.remedy}".rstrip(), file=sys.stderr)
    if len(done.warnings) > SHOWN:
        print(f"… and {len(done.warnings) - SHOWN} more.", file=sys.stderr)
    return 0


def _names(path: Path | None) -> Mapping[str, str] | None:
    if path is None:
        return None
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or {"candidate_number", "name"} - set(rows[0]):
        raise ValueError("its header must be candidate_number,name")
    return {row["candidate_number"]: row["name"] for row in rows}


def _compare(arguments: argparse.Namespace, settings: Settings) -> int:
    """Hold files of results against a release; the exit status says whether they are the same."""

    async def work() -> list[tuple[str, Changes]]:
        services = await app.compose(settings)
        context = Context(None, services.clock(), new_id(), origin=COMMAND)
        try:
            found = []
            for path in arguments.files:
                data, name = path.read_bytes(), path.name
                compare = partial(_compared, context, arguments.against, name, data)
                done = await services.database.write(compare)
                found.append((name, done[0]))
            return found
        finally:
            await services.database.close()

    async def main() -> int:
        try:
            found = await work()
        except FileRefused as refused:
            for fault in refused.faults:
                print(fault, file=sys.stderr)
            print(f"nea: {refused}", file=sys.stderr)
            return 1
        except ModerationError as error:
            print(f"nea: {error.detail}", file=sys.stderr)
            return 1
        except OSError as error:
            print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
            return 1
        for name, changes in found:
            if changes.total:
                print(f"{name} differs from the release in force (before: the release, after: the file).")
                show_changes(Console(), changes)
            else:
                print(f"{name} says what the release in force says.")
        return int(any(changes.total for _, changes in found))

    return run(main())


def _read(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.against:
        return _compare(arguments, settings)
    table = Table(title="Read (nothing was kept)")
    for column in ("file", "what", "series", "holds"):
        table.add_column(column)
    status = 0
    for path in arguments.files:
        try:
            found = summary_of(path.name, path.read_bytes())
        except OSError as error:
            print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
            status = 1
        except FileRefused as refused:
            for fault in refused.faults:
                print(fault, file=sys.stderr)
            print(f"nea: {path.name}: {refused}", file=sys.stderr)
            status = 1
        else:
            _add(table, path.name, found)
    if table.rows:
        Console().print(table)
    return status


def _add(table: Table, name: str, found: FileSummary) -> None:
    table.add_row(name, found.what, found.series, ", ".join(f"{what} {count}" for what, count in found.counts.items()))
    for warning in found.warnings[:SHOWN]:
        print(warning, file=sys.stderr)


def _compared(
    context: Context, series_key: str, name: str, data: bytes, session: Session
) -> tuple[Changes, tuple[Fault, ...]]:
    return exports.compare_results(session, context, series_key, name, data)
