"""``nea demo``: the whole journey on a server of its own, checked step by step."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from moderation.exchange.basedata import SeriesBasedata
from moderation.exchange.faults import FileRefused
from repository.commands.service import run
from repository.demo import journey, serving
from repository.demo.journey import NothingToRehearse
from repository.demo.report import Report
from repository.settings import Settings

CENTRES = 4
SEED = 2026
TABLE_WIDTH = 150


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    demo = commands.add_parser("demo", help="do the whole journey on a server of its own, and check every step")
    demo.add_argument("folder", nargs="?", type=Path, help="folder of basedata files (default: an invented series)")
    demo.add_argument("--centres", type=int, default=CENTRES, help=f"number of centres, 1 to 900 (default: {CENTRES})")
    demo.add_argument("--seed", type=int, default=SEED, help=f"the same seed gives the same files (default: {SEED})")
    demo.add_argument(
        "--json", action="store_true", help="one JSON document on standard output, the steps on the other"
    )
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep the data in this empty folder")
    demo.add_argument(
        "--development-sign-in", action="store_true", help="sign in by development links, as a rehearsal does: quicker"
    )
    demo.set_defaults(command=_demo)


def _demo(arguments: argparse.Namespace, settings: Settings) -> int:
    try:
        given = journey.folder_files(arguments.folder) if arguments.folder else None
        basedata, files = journey.choose_series(given)
    except OSError as error:
        print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return 1
    except (FileRefused, NothingToRehearse) as error:
        print(f"nea: {error}", file=sys.stderr)
        return 1
    if not 1 <= arguments.centres <= 900:
        print("nea: --centres is from 1 to 900.", file=sys.stderr)
        return 1
    console = Console(stderr=arguments.json)
    if not console.is_terminal:
        console = Console(stderr=arguments.json, width=TABLE_WIDTH)
    report = Report(console)
    with ExitStack() as stack:
        folder = _folder(arguments.keep, stack)
        if folder is None:
            print(f"nea: {arguments.keep} is not an empty folder.", file=sys.stderr)
            return 1
        own = serving.settings_in(folder, settings.frontend_dir, rehearsal=arguments.development_sign_in)
        run(_walked(report, own, basedata, files, arguments))
    report.show()
    if arguments.json:
        print(report.as_json())
    return 0 if report.passed else 1


async def _walked(
    report: Report,
    settings: Settings,
    basedata: SeriesBasedata,
    files: dict[str, bytes],
    arguments: argparse.Namespace,
) -> int:
    await journey.walk(report, settings, basedata, files, centres=arguments.centres, seed=arguments.seed)
    return 0


def _folder(keep: Path | None, stack: ExitStack) -> Path | None:
    """Return the folder to work in: a temporary one, or the named one if it is empty or not there yet."""
    if keep is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nea-demo-")))
    keep.mkdir(parents=True, exist_ok=True)
    return keep.absolute() if not any(keep.iterdir()) else None
