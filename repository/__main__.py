"""The ``nea`` command line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from repository import settings as settings_module
from repository.commands import care, demo, doctor, importing, keys, objects, rehearsal, service
from repository.errors import RepositoryError
from storage.errors import StorageError


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = argparse.ArgumentParser(
        prog="nea",
        description="Secure document repository and moderation sample service. Settings: infra/docs/settings.md",
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    service.add_to(commands)
    importing.add_to(commands)
    rehearsal.add_to(commands)
    demo.add_to(commands)
    care.add_to(commands)
    doctor.add_to(commands)
    keys.add_to(commands)
    objects.add_to(commands)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. A refusal is one sentence on standard error, never a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    arguments = parser().parse_args(words)
    try:
        settings = settings_module.from_environ(os.environ)
        return int(arguments.command(arguments, settings))
    except (RepositoryError, StorageError) as error:
        print(f"nea: {error.detail}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
