"""The service in this process, over a store of the test's choosing, with a teacher who uploads."""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, web

from repository import app
from repository.inspection import Inspection
from repository.keys.providers import open_provider
from repository.services import Services
from repository.settings import from_environ
from storage.streaming import SDR1, Geometry
from storage.vault import Vault

from .client import Client, chunking
from .inventory import examine
from .life import BEGUN_AT, AcceptsAll, Clock, do_work
from .stage import Prepared, prepare
from .trace import Trace, records


@dataclass
class Sent:
    """A file that was sent, and the upload it went by."""

    oid: str
    sha256: str
    made: dict[str, str]


@dataclass
class Serving:
    """A running service; its worker does something when it is told to."""

    services: Services
    base: str
    clock: Clock
    prepared: Prepared
    folder: Path
    session: ClientSession
    _clients: list[Client] = field(default_factory=list)

    def client(self) -> Client:
        """A program that will make one upload, with a trace of its own."""
        path = self.folder / f"trace-{len(self._clients)}.jsonl"
        self._clients.append(Client(self.session, self.base, self.prepared, Trace(path), path))
        return self._clients[-1]

    async def send(self, size: int, seed: int, cut: str = "first", client: Client | None = None) -> Sent:
        """Send a file whole, going on after each refusal."""
        client = client or self.client()
        data = random.Random(seed).randbytes(size)
        sha256 = hashlib.sha256(data).hexdigest()
        made = await client.create(size, sha256)
        await client.send(made, data, chunking(cut, size, self.services.vault.part_plain_bytes, seed))
        return Sent(client.oid(made), sha256, made)

    async def work(self) -> None:
        """Let the worker do all that is due, and what it put off, at its time."""
        await do_work(self.services, self.clock)

    async def work_once(self) -> None:
        """Let the worker try what is due now, once."""
        worker = app.worker_of(self.services)
        while await worker.step():
            pass

    async def document(self, sent: Sent, *, reads_back: bool = True) -> dict[str, Any]:
        """What became of a file: its row, its events, and the hash of what is read back."""
        found = await examine(self.services, reads_back=reads_back)
        (document,) = [one for one in found["documents"] if one["oid"] == sent.oid]
        document["events"] = {action: count for oid, action, count in found["events"] if oid == sent.oid}
        return dict(document)

    async def state(self, sent: Sent) -> str:
        """What the teacher is shown."""
        headers = {"Authorization": f"Bearer {self.prepared.bearer}"}
        async with self.session.get(f"{self.base}/api/documents/{sent.oid}", headers=headers) as answer:
            assert answer.status == 200
            return str((await answer.json())["state"])

    def close(self) -> None:
        """Close the traces."""
        for client in self._clients:
            client.trace.close()
            assert len(list(records(client.trace_path, "created"))) <= 1


@asynccontextmanager
async def serving(
    environ: Mapping[str, str], geometry: Geometry = SDR1, inspection: Inspection | None = None
) -> AsyncIterator[Serving]:
    """Compose and serve as ``nea serve`` does; the inspector accepts everything unless another is given."""
    settings = from_environ(environ)
    (prepared,) = await prepare(environ, BEGUN_AT)
    clock = Clock(BEGUN_AT)
    services = await app.compose(settings, clock=clock)
    vault = Vault(app.open_backend(settings), open_provider(settings), geometry=geometry)
    services = replace(services, vault=vault, inspection=inspection or AcceptsAll(None))
    runner = web.AppRunner(app.create_app(services), access_log=None, shutdown_timeout=1)
    await runner.setup()
    session = ClientSession()
    try:
        await web.SockSite(runner, app.listener("127.0.0.1", 0)).start()
        host, port = runner.addresses[0][:2]
        made = Serving(services, f"http://{host}:{port}", clock, prepared, settings.data_dir, session)
        yield made
        made.close()
    finally:
        await session.close()
        await runner.cleanup()
        await services.database.close()


async def last_life(environ: Mapping[str, str]) -> dict[str, Any]:
    """After all other processes ended, do what work is left, an hour later, with the real inspector.

    Returns: what database and store hold then.
    """
    now = datetime.now(UTC) + timedelta(hours=1)
    services = await app.compose(from_environ(environ), clock=lambda: now)
    try:
        worker = app.worker_of(services)
        while await worker.step():
            pass
        return await examine(services)
    finally:
        await services.database.close()
