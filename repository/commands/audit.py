"""``nea audit``: verify the log, prove an event, publish, export, and begin anew after a loss."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import acting, app
from repository.audit import proofs, sequencing, verifying
from repository.audit.keeping import Log, last_signed, log_of
from repository.audit.places import NEWEST, FolderPlace, Place, of_history
from repository.audit.verifying import Published, Report
from repository.commands.service import run
from repository.errors import EventUnknown, LogDamaged
from repository.services import Services
from repository.settings import Settings
from repository.tables import AuditLog


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("audit", help="verify, prove, publish or export the audit log")
    acts = command.add_subparsers(title="acts", required=True, metavar="ACT")
    verify = acts.add_parser("verify", help="hold every event against the tree, the checkpoints and what was published")
    verify.add_argument("--since", type=_seq, default=0, metavar="SEQ", help="read the events from this one on")
    verify.add_argument("--bundle", type=Path, metavar="DIR", help="hold the log against an exported bundle as well")
    verify.add_argument("--json", action="store_true", help="one JSON document on standard output")
    verify.set_defaults(command=_verify)
    prove = acts.add_parser("prove", help="print the proof that an event is in the log")
    prove.add_argument("event", metavar="SEQ|EVENT", help="its number in the newest history, or its id")
    prove.set_defaults(command=_prove)
    publish = acts.add_parser("publish", help="sign the log as it is now and publish it everywhere")
    publish.set_defaults(command=_publish)
    export = acts.add_parser("export", help="write the whole log into a folder that a stranger can verify")
    export.add_argument("folder", type=Path, metavar="DIR")
    export.set_defaults(command=_export)
    again = acts.add_parser("begin-again", help="go on under a new name, after the log or its key was lost")
    again.set_defaults(command=_begin_again)


def _seq(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError("it is the number of an event: 0 or more")
    return int(text)


def _served(settings: Settings, work: Callable[[Services], Awaitable[int]]) -> int:
    async def main() -> int:
        services = await app.compose(settings)
        try:
            with acting.as_service("command"):
                return await work(services)
        finally:
            await services.database.close()

    return run(main())


def _verify(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services) -> int:
        log = log_of(services)
        places: list[Place] = [*log.places]
        if arguments.bundle is not None:
            places.append(_bundle(arguments.bundle))
        report = await verify(log, places, arguments.since)
        _print(report, as_json=arguments.json)
        return 0 if report.is_sound else 1

    return _served(settings, work)


def _bundle(folder: Path) -> FolderPlace:
    if not (folder / NEWEST).is_file():
        raise LogDamaged(f"There is no bundle of an audit log in {folder}: it has no {NEWEST}.")
    return FolderPlace(folder)


async def verify(log: Log, places: Sequence[Place], since: int = 0) -> Report:
    """Verify the log against what lies in some places."""
    published: dict[int, list[Published]] = {}
    for history in await log.database.read(sequencing.histories):
        held = [await asyncio.to_thread(verifying.read_place, place, history) for place in places]
        # A place that was added later, or is a bundle of one history, has nothing of the others.
        published[history.number] = [one for one in held if one.newest is not None or one.notes]
    return await log.database.read(lambda session: verifying.verify(session, published, since))


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        said = {
            "sound": report.is_sound,
            "events": report.events,
            "checkpoints": report.checkpoints,
            "releases": report.releases,
            "gaps": report.gaps,
            "findings": [{"history": one.history, "seq": one.seq, "what": one.what} for one in report.findings],
        }
        print(json.dumps(said, indent=2))
        return
    for one in report.findings:
        print(f"ALTERED: history {one.history}, event {one.seq}: {one.what}.")
    for gap in report.gaps:
        print(f"Known loss: {gap}.")
    verdict = "The log is as it was signed" if report.is_sound else "THE LOG IS NOT AS IT WAS SIGNED"
    print(
        f"{verdict}: {report.events} events read, {report.checkpoints} signed checkpoints, {report.releases} releases."
    )


def _prove(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services) -> int:
        event_id = await services.database.read(lambda session: _named(session, arguments.event))
        sys.stdout.write(await proofs.prove(services, event_id))
        return 0

    return _served(settings, work)


def _named(session: Session, untrusted: str) -> str:
    if not untrusted.isdigit():
        return untrusted
    history = sequencing.newest_history(session)
    found = session.scalar(
        select(AuditLog.event_id).where(
            AuditLog.history == (history.number if history else 0), AuditLog.seq == int(untrusted[:18])
        )
    )
    if found is None:
        raise EventUnknown
    return found


def _publish(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services) -> int:
        log = log_of(services)
        signed = await log.checkpoint()
        if signed is None:
            print("There is no event yet.")
            return 0
        print(f"{signed.size} events of {signed.history.origin} are signed and published in {len(log.places)} places.")
        return 0

    return _served(settings, work)


def _export(arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services) -> int:
        log, place = log_of(services), FolderPlace(arguments.folder)
        await log.checkpoint()
        for history in await services.database.read(sequencing.histories):
            number = history.number
            signed = await services.database.read(partial(last_signed, number=number))
            if signed is not None:
                await log.publish_to(place, signed)
                print(f"{arguments.folder / of_history(number)}: {signed.size} events")
        for key in await proofs.verifier_keys(services):
            print(f"key: {key}")
        return 0

    return _served(settings, work)


def _begin_again(_arguments: argparse.Namespace, settings: Settings) -> int:
    async def work(services: Services) -> int:
        log = log_of(services)
        history = await log.begin_after_loss()
        print(f"The log goes on as {history.origin}; its first entry says what was before.")
        return 0

    return _served(settings, work)
