"""Lives of commands that look after keys: each rotates or destroys until it is killed, or is done and reports.

Run as a program it reads one errand a line, forks a warmed-up process for it, and answers one line with how that ended:
0, or minus the signal's number. It has one thread only, so forking it is safe.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import acting, app, objects, people
from repository.access import Role
from repository.audit import Context
from repository.database import Database
from repository.errors import DocumentDestroyed
from repository.inspection import Inspection
from repository.keys import rotation, shredding
from repository.keys.holds import OBJECT, SCOPE
from repository.receipts import load_signer
from repository.services import Services
from repository.settings import from_environ
from repository.sign_in import sealing
from repository.sign_in.hashing import Hasher
from repository.tables import AuditEvent, DataKeyRow, ScopeKeyRow, StoredObjectRow, new_id
from repository.work import Bell
from storage import names
from storage.keys.file import FileKeyring
from storage.vault import Layout, StoredObject, Vault

from ..compiled import shared_statements
from .life import SMALL
from .nursery import warming
from .points import Failpoints, watch_database, witnessed
from .trace import Trace

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
LIFE_SECONDS = 300
THE_SCOPE = "99901/01-6A26/original"
OTHER_SCOPE = "99902/01-6A26/original"
FIRST, SECOND = "First Officer", "Second Officer"


@dataclass(frozen=True, slots=True)
class Errand:
    """What one life is to do: ``root``, ``scope``, ``shred-object`` or ``shred-scope``."""

    folder: str
    environ: dict[str, str]
    what: str
    strike_at: int | None = None

    def as_json(self) -> str:
        """The errand for another process."""
        return json.dumps(asdict(self))


def content(number: int) -> bytes:
    """What the object of that number holds: three parts and a bit."""
    return bytes([65 + number]) * (3 * SMALL.part_plain_bytes + number)


def compose(errand: Errand, points: Failpoints, trace: Trace) -> Services:
    """The service's parts, the store witnessed."""
    settings = from_environ(errand.environ)
    return Services(
        settings=settings,
        database=Database(settings.database_url),
        vault=Vault(
            witnessed(app.open_backend(settings), points, trace), FileKeyring(settings.keyring_path), geometry=SMALL
        ),
        inspection=Inspection(None),
        signer=load_signer(settings.data_dir / "receipt-signing.key"),
        bell=Bell(),
        clock=lambda: NOW,
        new_token=new_id,
        secrets_box=sealing.load(settings.data_dir / "sign-in.key"),
        hasher=Hasher(),
    )


async def prepare(errand: Errand) -> None:
    """Into a migrated database, keep three objects in one scope and one in another; two officers; what was first is proposed."""
    acting.set_service("preparing")
    settings = from_environ(errand.environ)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    trace = Trace(Path(errand.folder) / "trace.jsonl")
    services = compose(errand, Failpoints(trace, None), trace)
    oids = [await _keep(services, content(number), OTHER_SCOPE if number == 3 else THE_SCOPE) for number in range(4)]

    def fill(session: Session) -> None:
        for name in (FIRST, SECOND):
            people.add_person(session, name, Role.AB_OFFICER, NOW)
        session.flush()
        for kind, subject in ((OBJECT, oids[0]), (SCOPE, THE_SCOPE)):
            shredding.propose(session, _officer(session, FIRST), kind, subject, "")

    await services.database.write(fill)
    await services.database.close()
    trace.close()
    (Path(errand.folder) / "oids.json").write_text(json.dumps(oids))


async def _keep(services: Services, data: bytes, scope: str) -> str:
    vault = services.vault

    def keys(session: Session) -> Any:
        key = objects.scope_key(session, vault, scope)
        return key, objects.new_data_key(session, vault, key, len(data), NOW)

    key, data_key = await objects.write_with_keys(services.database, vault, NOW, keys)
    parts = objects.seal_whole(vault, key, data_key, data)
    released = vault.release(StoredObject(key, data_key, parts, Layout.STAGED), metadata={}, sealed={})
    vault.discard([part.key for part in parts])

    def rows(session: Session) -> None:
        session.add(StoredObjectRow(oid=data_key.oid, layout=released.layout))
        for part in released.parts:
            objects.add_part(session, data_key.oid, part)

    await services.database.write(rows)
    return str(data_key.oid)


def _officer(session: Session, name: str) -> Context:
    return Context(people.officer_named(session, name, NOW), NOW, new_id(), origin="command")


async def live(errand: Errand) -> None:
    """Do the errand under the strikes, then report what is left."""
    acting.set_service("an errand")
    folder = Path(errand.folder)
    trace = Trace(folder / "trace.jsonl")
    points = Failpoints(trace, errand.strike_at)
    services = compose(errand, points, trace)
    watch_database(services.database.sync_engine, points)
    points.armed = True
    await _do(errand, services)
    points.armed = False
    report = await _left(services, json.loads((folder / "oids.json").read_text()))
    await services.database.close()
    trace.close()
    (folder / "report.json").write_text(json.dumps({**report, "points": points.passed}))


async def _do(errand: Errand, services: Services) -> None:
    context = Context(None, NOW, new_id(), origin="command")
    if errand.what == "root":
        await rotation.rotate_root(services, context)
    elif errand.what == "scope":
        await rotation.rotate_scope(services, context, THE_SCOPE)
    else:
        oids = json.loads((Path(errand.folder) / "oids.json").read_text())
        kind, subject = (OBJECT, oids[0]) if errand.what == "shred-object" else (SCOPE, THE_SCOPE)
        if await services.database.read(lambda s: shredding._open_proposal(s, context, kind, subject)) is None:
            return  # an earlier life finished it
        officer = await services.database.read(lambda s: _officer(s, SECOND))
        proposal = await services.database.write(lambda s: shredding.confirm(s, officer, kind, subject))
        await shredding.carry_out(services, officer, proposal)


async def _left(services: Services, oids: list[str]) -> dict[str, Any]:
    """Return what can still be read, what lies in the store, and how the keys stand."""
    services.vault.forget_keys()
    readable: dict[str, bool] = {}
    for number, oid in enumerate(oids):
        try:
            stored = await services.database.read(lambda s, o=oid: objects.stored_object(s, o))
        except DocumentDestroyed:
            readable[oid] = False
            continue
        reader = services.vault.open(stored)
        assert b"".join(reader.read(0, reader.size_bytes)) == content(number)
        services.vault.check_sidecar(stored)
        recovered, _ = services.vault.recover(stored.scope_key, oid)
        assert recovered == stored
        readable[oid] = True

    def keys(session: Session) -> dict[str, Any]:
        scopes = session.scalars(select(ScopeKeyRow)).all()
        return {
            "kids": sorted({row.kid for row in scopes if row.blob}),
            "live": {row.sk_id: row.scope for row in scopes if row.blob},
            "superseded": [row.sk_id for row in scopes if row.superseded_at is not None],
            "under": {row.oid: row.sk_id for row in session.scalars(select(DataKeyRow)) if row.blob},
            "events": list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.id))),
        }

    listed = [
        head.key for area in (names.STAGING, names.DOCUMENTS, names.KEYS) for head in services.vault.backend.list(area)
    ]
    return {"readable": readable, "names": listed, "current": services.vault.keys.current()} | (
        await services.database.read(keys)
    )


def _serve() -> None:
    warm: set[str] = set()
    for line in sys.stdin:
        errand = Errand(**json.loads(line))
        if errand.what not in warm and "NEA_DATABASE_URL" not in errand.environ:
            _warm_up(errand)
            warm.add(errand.what)
        child = os.fork()
        if child == 0:
            _live(errand)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _warm_up(errand: Errand) -> None:
    with warming(errand.folder) as folder:
        environ = errand.environ | {"NEA_DATA_DIR": folder}
        asyncio.run(live(replace(errand, folder=folder, environ=environ, strike_at=None)))


def _live(errand: Errand) -> None:
    status = 1
    try:
        signal.alarm(LIFE_SECONDS)
        log = os.open(Path(errand.folder) / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        asyncio.run(live(errand))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    with shared_statements():
        _serve()
