"""The ``nea`` command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from repository import acting, logs
from repository import settings as settings_module
from repository.errors import RepositoryError
from storage.errors import StorageError

MODULES = {
    "service": ("serve", "work", "migrate", "check-config"),
    "importing": ("import",),
    "exporting": ("export", "read"),
    "rehearsal": ("rehearsal",),
    "demo": ("demo",),
    "set_up": ("set-up",),
    "care": ("scrub", "reconcile", "gc"),
    "doctor": ("doctor",),
    "keys": ("keys",),
    "objects": ("object",),
    "proving": ("prove",),
    "audit": ("audit",),
    "after_results": ("retention",),
    "series": ("series",),
    "receipt": ("receipt",),
    "scripts": ("scripts",),
}
"""Which module of ``repository.commands`` has which commands; a service loads only what serves."""


def parser(wanted: str = "") -> argparse.ArgumentParser:
    """Return the parser of every command, or, where ``wanted`` is one, of those beside it."""
    top = argparse.ArgumentParser(
        prog="nea",
        description="Secure document repository and moderation sample service. Settings: infra/docs/settings.md",
    )
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    of_one = [module for module, names in MODULES.items() if wanted in names]
    for module in of_one or MODULES:
        import_module(f"repository.commands.{module}").add_to(commands)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status. A refusal is one sentence on standard error, never a traceback."""
    words = sys.argv[1:] if words is None else words
    arguments = parser(words[0] if words else "").parse_args(words)
    acting.set_service("command")
    try:
        settings = settings_module.from_environ(os.environ)
        logs.configure(settings.log_format)
        return int(arguments.command(arguments, settings))
    except (RepositoryError, StorageError) as error:
        print(f"nea: {error.detail}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
