"""``nea keys``: the keys listed, rotated, backed up, and destroyed with everything under them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import app, migrating, people
from repository.app import utc_now
from repository.audit import Context
from repository.commands.progress import Bar
from repository.commands.service import run
from repository.database import Database
from repository.errors import BackupRefused
from repository.keys import backup, rotation, shredding
from repository.keys.holds import SCOPE
from repository.keys.providers import described
from repository.keys.rotation import Rotated
from repository.services import Services
from repository.settings import Settings
from repository.tables import DataKeyRow, ScopeKeyRow, new_id
from storage.keys import age

COMMAND = "command"
UNFINISHED = 2


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    keys = commands.add_parser("keys", help="list, rotate, back up and destroy keys")
    verbs = keys.add_subparsers(title="commands", required=True, metavar="COMMAND")
    verbs.add_parser("list", help="who keeps the root keys, and every scope key").set_defaults(command=_list)
    verbs.add_parser(
        "rotate-root", help="new version of the root key; every scope key is wrapped anew; repeat it after a stop"
    ).set_defaults(command=_rotate_root)
    retire = verbs.add_parser("retire-root", help="make an older version of the root key useless for good")
    retire.add_argument("version", help="as `nea keys list` shows it")
    retire.set_defaults(command=_retire_root)
    rotate = verbs.add_parser(
        "rotate-scope", help="new key of one scope; its data keys are wrapped anew; repeat it after a stop"
    )
    rotate.add_argument("scope", help="centre/series/class, such as 99001/01-6B26/original")
    rotate.set_defaults(command=_rotate_scope)
    shred = verbs.add_parser("shred-scope", help="destroy a scope key and everything under it, on two officers' order")
    shred.add_argument("scope")
    add_shredding(shred)
    shred.set_defaults(command=_shred_scope)
    keep = verbs.add_parser("backup", help="write scope keys and key file into an age file")
    keep.add_argument("file", type=Path)
    sealed = keep.add_mutually_exclusive_group(required=True)
    sealed.add_argument(
        "--recipient", action="append", metavar="KEY", help="age1… or an SSH public key; may be repeated"
    )
    sealed.add_argument("--passphrase-file", type=Path, metavar="FILE", help="a file that only you can read")
    keep.set_defaults(command=_backup)
    restore = verbs.add_parser("restore", help="add what is absent from a backup; nothing is overwritten")
    restore.add_argument("file", type=Path)
    opened = restore.add_mutually_exclusive_group(required=True)
    opened.add_argument("--identity", type=Path, metavar="FILE", help="age identity or SSH private key")
    opened.add_argument("--passphrase-file", type=Path, metavar="FILE", help="a file that only you can read")
    restore.set_defaults(command=_restore)


def add_shredding(parser: argparse.ArgumentParser) -> None:
    """Add the words of the two-person rule to a parser."""
    step = parser.add_mutually_exclusive_group(required=True)
    step.add_argument("--dry-run", action="store_true", help="show what would go, and what stands in its way")
    step.add_argument("--propose", action="store_true", help="first officer: ask for it")
    step.add_argument("--confirm", action="store_true", help="second officer: destroy it; repeat it after a stop")
    add_officer(parser, required=False)
    parser.add_argument("--reason", default="", help="why; kept with the proposal")


def add_officer(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Add the words that say who acts."""
    parser.add_argument(
        "--as", dest="officer", metavar="OFFICER", required=required, help="awarding body officer: name or person id"
    )


def with_services(settings: Settings, work: Callable[[Services, Context], Awaitable[int]]) -> int:
    """Compose the service, do something with it, and close it again; returns the exit status."""

    async def main() -> int:
        services = await app.compose(settings)
        try:
            return await work(services, Context(None, services.clock(), new_id(), origin=COMMAND))
        finally:
            await services.database.close()

    return run(main())


async def as_officer(services: Services, context: Context, words: str | None) -> Context:
    """Return the context of an officer named on the command line; raises ``OfficerUnknown``."""
    actor = await services.database.read(lambda s: people.officer_named(s, words or "", context.now))
    return Context(actor, context.now, context.request_id, context.origin)


@dataclass(frozen=True, slots=True)
class _Line:
    scope: str
    sk_id: str
    kid: str
    state: str
    data_keys: int


def _lines(session: Session) -> list[_Line]:
    counts = dict(
        session.execute(
            select(DataKeyRow.sk_id, func.count()).where(DataKeyRow.shredded_at.is_(None)).group_by(DataKeyRow.sk_id)
        ).all()
    )
    rows = session.scalars(select(ScopeKeyRow).order_by(ScopeKeyRow.scope, ScopeKeyRow.created_at))
    return [_Line(row.scope, row.sk_id, row.kid, _state(row), counts.get(row.sk_id, 0)) for row in rows]


def _state(row: ScopeKeyRow) -> str:
    if row.shredded_at is not None:
        return "shredded"
    if row.retired_at is not None:
        return "retired"
    return "superseded" if row.superseded_at is not None else "stands"


def _list(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, _context: Context) -> int:
        lines = await services.database.read(_lines)
        current = await asyncio.to_thread(services.vault.keys.current)
        print(f"Root keys: {described(settings)}\nVersion that wraps now: {current}")
        table = Table()
        for column in ("scope", "scope key", "wrapped under", "state", "data keys"):
            table.add_column(column, justify="right" if column == "data keys" else "left", overflow="fold")
        for line in lines:
            table.add_row(line.scope, line.sk_id, line.kid, line.state, f"{line.data_keys:,}")
        console = Console()
        (console if console.is_terminal else Console(width=200)).print(table)
        return 0

    return with_services(settings, work)


def _rotate_root(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        with Bar("Wrapping scope keys") as bar:
            done = await rotation.rotate_root(services, context, bar)
        if done.resumed:
            print("An interrupted rotation was finished; no new version was made.")
        print(f"{done.rewrapped} scope keys were wrapped under {done.key_id}. Older versions still open what is left.")
        return _left_over(done)

    return with_services(settings, work)


def _retire_root(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        await rotation.retire_root(services, context, arguments.version)
        print(f"{arguments.version} opens nothing any more. Key backups made before need their own copy of it.")
        return 0

    return with_services(settings, work)


def _rotate_scope(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        with Bar("Wrapping data keys") as bar:
            done = await rotation.rotate_scope(services, context, arguments.scope, bar)
        if done.resumed:
            print("An interrupted rotation was finished; no new key was made.")
        print(
            f"{done.rewrapped} data keys were wrapped under {done.key_id}, {done.renewed} recovery copies renewed, "
            f"{done.retired} older scope keys retired."
        )
        return _left_over(done)

    return with_services(settings, work)


def _left_over(done: Rotated) -> int:
    for key in done.refused:
        print(f"nea: {key} does not open and was left as it is; `nea scrub` says more.", file=sys.stderr)
    for oid in done.stale:
        print(f"nea: the recovery copy of {oid} was altered and left; run `nea reconcile`.", file=sys.stderr)
    return UNFINISHED if done.refused or done.stale else 0


def _shred_scope(arguments: argparse.Namespace, settings: Settings) -> int:
    return shred(arguments, settings, SCOPE, arguments.scope)


def shred(arguments: argparse.Namespace, settings: Settings, kind: str, subject: str) -> int:
    """Do one step of shredding: show, propose, or confirm and carry out."""

    async def work(services: Services, context: Context) -> int:
        database = services.database
        seen = await database.read(lambda s: shredding.preview(s, context, kind, subject))
        print(
            f"{kind} {subject}: {seen.objects} objects, {seen.size_bytes:,} bytes"
            + (", UNDER A LEGAL HOLD" if seen.held else "")
            + (", confirmed and not finished" if seen.confirmed else ", proposed" if seen.proposed_by else "")
        )
        if arguments.dry_run:
            print("Nothing was changed.")
            return 0
        officer = await as_officer(services, context, arguments.officer)
        if arguments.propose:
            reason = arguments.reason.strip()[:200]
            await database.write(lambda s: shredding.propose(s, officer, kind, subject, reason))
            print("Proposed. Another officer must confirm it: the same command with --confirm and --as.")
            return 0
        proposal = await database.write(lambda s: shredding.confirm(s, officer, kind, subject))
        with Bar("Deleting") as bar:
            count = await shredding.carry_out(services, officer, proposal, bar)
        print(
            f"Destroyed: {count} objects. It is final once the key and database backups made before are gone (14 days)."
        )
        return 0

    return with_services(settings, work)


def _backup(arguments: argparse.Namespace, settings: Settings) -> int:
    passphrase = read_private(arguments.passphrase_file).strip() if arguments.passphrase_file else ""

    async def work(services: Services, context: Context) -> int:
        content, count = await services.database.write(lambda s: backup.collect(s, context, settings))
        if passphrase:
            sealed = await asyncio.to_thread(age.seal_under, passphrase, content)
        else:
            sealed = await asyncio.to_thread(age.seal_for, arguments.recipient, content)
        backup.write_private(arguments.file, sealed)
        kept = "scope keys" if settings.key_service else "scope keys and the key file"
        print(
            f"{kept} are in {arguments.file} ({count}). Delete it within 14 days: what is shredded must not outlive it."
        )
        return 0

    return with_services(settings, work)


def _restore(arguments: argparse.Namespace, settings: Settings) -> int:
    try:
        sealed = arguments.file.read_bytes()
    except OSError as error:
        raise BackupRefused(f"{arguments.file} cannot be read: {error.strerror}.") from error
    if arguments.identity:
        content = age.open_with(read_private(arguments.identity), sealed)
    else:
        content = age.open_under(read_private(arguments.passphrase_file).strip(), sealed)
    found = backup.read(content)

    # The service is not composed: that would make a key file, which is just what may be missing.
    async def main() -> int:
        database = Database(settings.database_url)
        try:
            await migrating.check(database)
            await database.read(lambda s: backup.check_rows(s, found))
            writes = backup.check_keyring(settings, found)
            if writes and found.keyring is not None:
                settings.keyring_path.parent.mkdir(parents=True, exist_ok=True)
                backup.write_private(settings.keyring_path, found.keyring)
            context = Context(None, utc_now(), new_id(), origin=COMMAND)
            done = await database.write(lambda s: backup.restore_rows(s, context, found))
        finally:
            await database.close()
        print(
            f"Of the backup of {found.made_at:%d %B %Y}: {done.added} scope keys were added, {done.kept} were there, "
            f"{done.newer} were wrapped anew since, {done.destroyed} were shredded since and stay so."
        )
        print("The key file was written. " * writes + "Now run `nea doctor`.")
        return 0

    return run(main())


def read_private(path: Path) -> str:
    """Return the text of a file of secrets; raises ``BackupRefused`` if others can read it, or it cannot be read."""
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BackupRefused(f"{path} cannot be read.") from error
    if mode & 0o077:
        raise BackupRefused(f"Others on this machine can read {path}. Run `chmod 600` on it.")
    if not text.strip():
        raise BackupRefused(f"{path} is empty.")
    return text
