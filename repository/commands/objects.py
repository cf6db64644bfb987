"""``nea object``: one stored object: its key for a stranger, holds, and its destruction."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from sqlalchemy.orm import Session

from repository import audit, objects
from repository.audit import Context
from repository.commands.keys import add_officer, add_shredding, as_officer, shred, with_services
from repository.errors import NotFound
from repository.keys import backup, holds
from repository.keys.holds import OBJECT, SCOPE
from repository.services import Services
from repository.settings import Settings
from repository.tables import StoredObjectRow
from storage.vault import StoredObject


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    top = commands.add_parser("object", help="export the key of one object, hold it, or destroy it")
    verbs = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    export = verbs.add_parser(
        "export-key", help="write what infra/dev/decrypt_with_tink.py needs to open one object without us"
    )
    export.add_argument("oid")
    export.add_argument("--output", type=Path, metavar="FILE", help="a new file that only you can read")
    export.set_defaults(command=_export)
    destroy = verbs.add_parser("shred", help="destroy one object, on two officers' order")
    destroy.add_argument("oid")
    add_shredding(destroy)
    destroy.set_defaults(command=_shred)
    for verb, what in (("hold", "keep it whatever else is due"), ("unhold", "lift the holds that name it")):
        one = verbs.add_parser(verb, help=f"legal hold: {what}")
        named = one.add_mutually_exclusive_group(required=True)
        named.add_argument("oid", nargs="?")
        named.add_argument("--scope", help="everything under a scope, now and later")
        add_officer(one)
        if verb == "hold":
            one.add_argument("--reason", default="", help="why; kept with the hold")
        one.set_defaults(command=_hold, lifts=verb == "unhold")


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services, context: Context) -> int:
        def load(session: Session) -> StoredObject:
            if session.get(StoredObjectRow, arguments.oid) is None:
                raise NotFound("There is no complete object of that id.")
            stored = objects.stored_object(session, arguments.oid)
            audit.record(session, context, "key.exported", OBJECT, arguments.oid)
            return stored

        stored = await services.database.write(load)
        text = json.dumps(await asyncio.to_thread(services.vault.export_key, stored), indent=1) + "\n"
        if arguments.output is None:
            print(text, end="")
        else:
            backup.write_private(arguments.output, text.encode("ascii"))
        names = list(dict.fromkeys(part.key for part in stored.parts))
        print(f"The object is {', then '.join(names)} in the store, joined in this order.", file=sys.stderr)
        return 0

    return with_services(settings, work)


def _shred(arguments: argparse.Namespace, settings: Settings) -> int:
    return shred(arguments, settings, OBJECT, arguments.oid)


def _hold(arguments: argparse.Namespace, settings: Settings) -> int:
    kind, subject = (SCOPE, arguments.scope) if arguments.scope else (OBJECT, arguments.oid)

    async def work(services: Services, context: Context) -> int:
        officer = await as_officer(services, context, arguments.officer)
        if arguments.lifts:
            count = await services.database.write(lambda s: holds.lift(s, officer, kind, subject))
            print(f"{count} holds on {kind} {subject} were lifted.")
            return 0
        reason = arguments.reason.strip()[:200]
        await services.database.write(lambda s: holds.place(s, officer, kind, subject, reason))
        print(f"{kind} {subject} is under a hold: nothing under it can be destroyed.")
        return 0

    return with_services(settings, work)
