"""``nea doctor``: whether everything the service stands on works, and what to do where it does not."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from repository import app, migrating
from repository.care import health, log_health, mail_health, scan_folder_health
from repository.care.health import Check, State
from repository.commands.service import run
from repository.database import Database
from repository.errors import ProviderAnswerRefused, ProviderUnavailable, RepositoryError
from repository.services import Services
from repository.settings import Settings
from repository.web import provider_client
from storage.errors import StorageError

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red"}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    doctor = commands.add_parser("doctor", help="try everything the service stands on, and say what to do")
    doctor.add_argument("--json", action="store_true", help="one JSON document on standard output")
    doctor.set_defaults(command=_doctor)


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work() -> int:
        checks = await examine(settings)
        if arguments.json:
            print(json.dumps({"checks": [asdict(check) for check in checks]}))
        else:
            _show(checks)
        return int(any(check.state is State.FAILED for check in checks))

    return run(work())


async def examine(settings: Settings) -> list[Check]:
    """Try everything the settings name, as far as it can be opened."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        checks = [health.disk_check(settings.data_dir)]
    except OSError as error:
        says = f"{settings.data_dir} cannot be used: {error.strerror}"
        return [health.failed("disk", says, "Make the folder, or choose another with NEA_DATA_DIR.")]
    checks.append(await _database(settings))
    checks += await _store(settings)
    if any(check.state is State.FAILED for check in checks[1:]):
        return checks
    try:
        services = await app.compose(settings)
    except (RepositoryError, StorageError) as error:
        remedy = "Check the settings of the key provider; restore the key backup if it was lost."
        return [*checks, health.failed("keys", error.detail, remedy)]
    try:
        return checks + await _services(services)
    finally:
        await services.database.close()


async def _database(settings: Settings) -> Check:
    subject = "database"
    database = Database(settings.database_url)
    try:
        await migrating.check(database)
    except RepositoryError as error:
        return health.failed(subject, error.detail, "Run `nea migrate`.")
    except (SQLAlchemyError, OSError) as error:
        says = f"{database.url.render_as_string(hide_password=True)} does not answer ({type(error).__name__})"
        return health.failed(subject, says, "Start it, or correct NEA_DATABASE_URL.")
    finally:
        await database.close()
    return health.ok(subject, f"reachable and up to date: {database.url.render_as_string(hide_password=True)}")


async def _store(settings: Settings) -> list[Check]:
    try:
        backend = await asyncio.to_thread(app.open_store, settings)
    except StorageError as error:
        return [health.failed("store", error.detail, "Correct the settings of the store.")]
    return await asyncio.to_thread(health.probe, backend)


async def _services(services: Services) -> list[Check]:
    checks = [
        *await health.key_checks(services),
        health.sandbox_check(services),
        *await health.program_checks(services),
        await health.antivirus_check(services),
        await health.work_check(services),
    ]
    checks += await provider_checks(services)
    checks.append(await log_health.log_check(services))
    checks += await scan_folder_health.checks(services)
    mail = services.settings.mail
    checks += await mail_health.mail_checks(services, app.sender_of(services, mail) if mail else None)
    return [*checks, await health.clock_check(services), *await health.care_checks(services)]


async def provider_checks(services: Services) -> list[Check]:
    """Try each identity provider: whether it answers, and as itself."""
    checks: list[Check] = []
    async with provider_client.opened(services.issuers, services.settings.base_url, services.clock) as providers:
        for key, client in providers.items():
            subject = f"identity provider {key}"
            try:
                await client.examine()
                checks.append(health.ok(subject, f"answers: {client.issuer.issuer}"))
            except ProviderUnavailable:
                says = f"{client.issuer.issuer} does not answer as it should"
                checks.append(
                    health.warning(subject, says, "Ask those who run it; check the way there from this machine.")
                )
            except ProviderAnswerRefused as error:
                says = f"{client.issuer.issuer} is not what the file pins ({error.reason})"
                checks.append(health.failed(subject, says, "Correct NEA_OIDC_FILE, or ask those who run the provider."))
    return checks


def _show(checks: list[Check]) -> None:
    console = Console()
    table = Table()
    for column in ("", "what", "how it is", "what to do"):
        table.add_column(column, overflow="fold")
    for check in checks:
        table.add_row(f"[{_COLOURS[check.state]}]{check.state}[/]", check.subject, check.says, check.remedy)
    (console if console.is_terminal else Console(width=150)).print(table)
