"""``nea serve``, ``nea migrate`` and ``nea check-config``: running the service."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from repository import app, migrating, sign_in_lines
from repository.care import health
from repository.database import Database
from repository.services import Services
from repository.settings import Settings
from repository.sign_in import ceremonies, providers_file, set_up_lines

Command = Callable[[argparse.Namespace, Settings], int]


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine to its end, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    status: int = uvloop.run(main)
    return status


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    serve = commands.add_parser("serve", help="serve pages, API and background work until stopped")
    serve.add_argument("--port", type=int, help="port to listen on; 0 picks a free one (default: NEA_PORT)")
    serve.set_defaults(command=_serve)
    work = commands.add_parser(
        "work", help="check received files until stopped, beside `nea serve` or on another machine"
    )
    work.set_defaults(command=_work)
    migrate = commands.add_parser("migrate", help="bring the database to the shape this version needs")
    migrate.set_defaults(command=_migrate)
    check = commands.add_parser(
        "check-config", help="show what the settings come to; `nea doctor` says whether it works"
    )
    check.set_defaults(command=_check_config)


def _serve(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.port is not None:
        settings = dataclasses.replace(settings, port=arguments.port)
    return run(serve(settings))


def _work(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def work() -> int:
        services = await app.compose(settings)
        try:
            await health.require_fit_store(services)
            # A task of its own: whoever is impatient signals twice, and closing must not be cancelled.
            task = asyncio.create_task(app.work(services))
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, task.cancel)
            print("Working (stop with Ctrl-C)", flush=True)
            with contextlib.suppress(asyncio.CancelledError):
                await task
            print("Stopped.")
        finally:
            await services.database.close()
        return 0

    return run(work())


async def serve(settings: Settings, announce: Callable[[str], None] = print) -> int:
    """Serve until SIGINT or SIGTERM. ``announce`` is given each line a person should read."""
    services = await app.compose(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    lines = await services.database.read(sign_in_lines.read) if settings.rehearsal else []
    set_up_token = await set_up_lines.new_link(services) if not settings.rehearsal else ""

    def started(address: str) -> None:
        announce(f"NEA Repository is at {address} (stop with Ctrl-C)")
        if services.inspection.sandbox is None:
            announce("Strangers' files are opened in a child process without a sandbox: bubblewrap does not work here.")
        if set_up_token:
            for words in set_up_lines.words(address, set_up_token):
                announce(words)
        if lines:
            announce("Rehearsal: development sign-in, on this computer only.")
        first = {line.role: line for line in reversed(lines)}
        others = [line for line in lines if line is not first[line.role]]
        for line in [*(line for line in lines if line not in others), *others]:
            if others and line is others[0]:
                announce("People of other centres, and the second officer where two must act:")
            announce(f"  {line.title:<56} {address}/sign-in/{line.token}")
        sys.stdout.flush()

    await app.serve(services, started=started, stop=stop)
    announce("Stopped.")
    return 0


def _migrate(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def migrate() -> int:
        database = Database(settings.database_url)
        try:
            await migrating.migrate(database)
        finally:
            await database.close()
        return 0

    return run(migrate())


def mail_words(settings: Settings) -> str:
    """Return whether mail is sent, and how, in words; never the password."""
    if (mail := settings.mail) is None:
        return "none is sent: receipts, reminders and notices are shown in the service only (NEA_MAIL_HOST)"
    name = f", signed in as {mail.user}" if mail.user else ""
    return f"from {mail.sender} by {mail.host}, port {mail.port}, {mail.tls}{name}"


async def _program_words(services: Services) -> dict[str, str]:
    """Say of each kind of file that a program is needed for whether it can be shown."""
    found = await services.inspection.programs()
    return {
        "office documents": "shown as pages"
        if "office" in found
        else "held: LibreOffice cannot be started in a sandbox",
        "plain text": "drawn onto pages" if "text" in found else "held: there is no font to draw it with",
        "sound and film": "made playable" if "recordings" in found else "held: ffmpeg cannot be started in a sandbox",
    }


def _check_config(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def check() -> int:
        services = await app.compose(settings)
        shown = {
            "database": services.database.url.render_as_string(hide_password=True),
            "row security": "none: SQLite has one enforcer of the policy, for one centre or a demonstration"
            if services.database.embedded
            else "PostgreSQL's own, for every table of centres",
            "store": settings.s3.bucket if settings.s3 else str(settings.data_dir / "objects"),
            "virus scanner": str(settings.clamd_socket)
            if settings.clamd_socket is not None
            else "none configured: documents are not virus-scanned (NEA_CLAMD_SOCKET)",
            "needs a program": await _program_words(services),
            "receipt public key": services.signer.public_key_hex,
            "mail": mail_words(settings),
            "passkeys": ceremonies.words_about(settings.base_url),
            "identity providers": [providers_file.shown(one) for one in services.issuers] or "none configured",
        }
        print(json.dumps(shown, indent=2))
        await services.database.close()
        return 0

    return run(check())
