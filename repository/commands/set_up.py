"""``nea set-up``: a one-time link for an officer, while fewer than two can sign in."""

from __future__ import annotations

import argparse
import secrets

from repository import app, migrating
from repository.audit import Context
from repository.commands.service import run
from repository.database import Database
from repository.settings import Settings
from repository.sign_in import set_up, set_up_lines


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "set-up", help="print a one-time link that makes one of the first two awarding body officers"
    )
    parser.set_defaults(command=_set_up)


def _set_up(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def main() -> int:
        database = Database(settings.database_url)
        try:
            await migrating.check(database)
            token = secrets.token_urlsafe(32)
            context = Context(None, app.utc_now(), "nea set-up", origin="command")
            await database.write(lambda session: set_up.make_link(session, context, token))
        finally:
            await database.close()
        for line in set_up_lines.words(f"http://{settings.host}:{settings.port}", token):
            print(line)
        return 0

    return run(main())
