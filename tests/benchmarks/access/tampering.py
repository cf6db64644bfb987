"""Alterations of the log: a thousand of one byte each, and rows taken out, put in and swapped; how many are found.

Each is made with the guards of the database down, looked for as `nea audit verify` does, and undone before the next. Found
means: verification names the very event that was altered.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from repository import audit, migrating
from repository.audit import Context, verifying
from repository.audit.keeping import Log
from repository.audit.notes import LogSigner
from repository.audit.places import FolderPlace
from repository.audit.sequencing import histories
from repository.audit.verifying import Published
from repository.database import Database
from repository.tables import new_id

from ...repository.audit import tampering
from ..figures import Figure

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
EVENTS = 600
"""More than two tiles, so that every alteration has a full and a partial tile to fall into."""


def measure(quick: bool) -> list[Figure]:
    """Alter and look."""
    return asyncio.run(_measure(100 if quick else 1000))


async def _measure(alterations: int) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as folder:
        database = Database(f"sqlite:///{folder}/nea.sqlite3")
        await migrating.migrate(database)
        place = FolderPlace(Path(folder) / "published")
        log = Log(database, LogSigner(Ed25519PrivateKey.generate()), (place,), "nea.example/audit", lambda: NOW)
        for _ in range(3):
            await database.write(_happen)
            await log.checkpoint()
        known = await database.read(histories)
        published = {one.number: [verifying.read_place(place, one)] for one in known}
        bytes_found = await database.on_connection(
            lambda c: _found(c, published, (tampering.one_byte,), alterations, seed=1)
        )
        kinds = (tampering.delete, tampering.insert, tampering.reorder)
        rows = alterations // 10 * 3
        rows_found = await database.on_connection(lambda c: _found(c, published, kinds, rows, seed=2))
        await database.close()
    return [
        Figure(f"{alterations:,} alterations of one byte: found and named", bytes_found, "found", alterations),
        Figure(f"{rows:,} events taken out, put in, swapped: found and named", rows_found, "found", rows),
    ]


def _happen(session: Session) -> None:
    for at in range(EVENTS // 3):
        context = Context(None, NOW, f"request-{at}", origin="bench")
        audit.record(session, context, "document.view", "document", new_id(), case=new_id())


def _found(
    connection: Connection, published: dict[int, list[Published]], kinds: tuple[object, ...], count: int, *, seed: int
) -> int:
    tampering.take_guards_down(connection)
    chance = random.Random(seed)
    found = 0
    for at in range(count):
        with connection.begin():
            done, undo = kinds[at % len(kinds)](connection, chance, EVENTS)
        with Session(connection) as session:
            report = verifying.verify(session, published)
        found += [one.seq for one in report.findings] == [done.seq]
        with connection.begin():
            undo()
    with Session(connection) as session:
        if not verifying.verify(session, published).is_sound:
            raise RuntimeError("an alteration was not undone, so what was counted says nothing")
    return found
