"""``nea rehearsal``: invented series, as files or in the database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from moderation.exchange.faults import FileRefused
from moderation.rehearsal import make
from repository import migrating, rehearsing
from repository.app import utc_now
from repository.commands.service import run
from repository.database import Database
from repository.demo import journey
from repository.demo.journey import NothingToRehearse
from repository.settings import Settings


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    top = commands.add_parser("rehearsal", help="make an invented series: as files, or in an empty database")
    kinds = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    files = kinds.add_parser("make", help="write entries, marks and reference data of invented centres as files")
    files.add_argument("--centres", type=int, default=rehearsing.CENTRES, help="number of centres, 1 to 900")
    files.add_argument("--seed", type=int, default=rehearsing.SEED, help="the same seed gives the same bytes")
    files.add_argument("--basedata", type=Path, metavar="FOLDER", help="basedata files (default: an invented series)")
    files.add_argument("--out", type=Path, metavar="FOLDER", required=True, help="folder to write to")
    files.set_defaults(command=_make)
    seed = kinds.add_parser("seed", help="put an invented series and its people into an empty database")
    seed.add_argument("--if-empty", action="store_true", help="do nothing when there is data already")
    seed.add_argument("--centres", type=int, default=rehearsing.CENTRES, help="number of centres, 1 to 900")
    seed.add_argument("--seed", type=int, default=rehearsing.SEED, help="the same seed gives the same series")
    seed.set_defaults(command=_seed)


def _make(arguments: argparse.Namespace, _settings: Settings) -> int:
    try:
        given = journey.folder_files(arguments.basedata) if arguments.basedata else None
        basedata, basedata_files = journey.choose_series(given)
        made = make(basedata, centres=arguments.centres, seed=arguments.seed)
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name, data in {**({} if given else basedata_files), **made.files}.items():
            (arguments.out / name).write_bytes(data)
    except OSError as error:
        print(f"nea: {error.filename} cannot be read or written: {error.strerror}.", file=sys.stderr)
        return 1
    except (FileRefused, NothingToRehearse, ValueError) as error:
        print(f"nea: {error}", file=sys.stderr)
        return 1
    print(
        f"{len(made.files)} files of {made.series.title} ({made.series.key}): "
        f"{made.candidates_total} candidates at {len(made.centre_numbers)} centres, in {arguments.out}"
    )
    return 0


def _seed(arguments: argparse.Namespace, settings: Settings) -> int:
    if not settings.rehearsal:
        print("nea: NEA_REHEARSAL is not yes: a rehearsal series has development sign-in.", file=sys.stderr)
        return 1
    if not 1 <= arguments.centres <= 900:
        print("nea: --centres is from 1 to 900.", file=sys.stderr)
        return 1

    async def seed() -> int:
        database = Database(settings.database_url)
        try:
            await migrating.check(database)
            if arguments.if_empty and not await database.read(rehearsing.is_empty):
                return 0
            made = await database.write(
                lambda session: rehearsing.seed(
                    session, utc_now(), centres=arguments.centres, seed_number=arguments.seed
                )
            )
        finally:
            await database.close()
        print(
            f"A rehearsal series was made: {made.series.title}, {made.candidates_total} invented candidates "
            f"at {len(made.centre_numbers)} centres."
        )
        return 0

    return run(seed())
