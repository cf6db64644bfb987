"""Workers on their own: processes that have nothing but the database and the store, killed and put to sleep in the middle."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select, update

from repository.database import Database
from repository.documents import IN_INSPECTION, DocumentState
from repository.settings import from_environ
from repository.tables import AuditEvent, Derivative, DocumentRow, Work
from tests.repository.files import pdf
from tests.servers.seaweed import free_ports

from .client import Client
from .processes import NEA, Service
from .stage import Prepared, environ_of, prepare
from .trace import Trace

PAGES = 30
WITHIN_SECONDS = 300
AT_WORK = [state.value for state in IN_INSPECTION if state is not DocumentState.UPLOADED]


@contextmanager
def working(environ: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`nea work`, as on a machine of its own."""
    surroundings = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **environ}
    with log.open("ab") as output:
        process = subprocess.Popen([*NEA, "work"], env=surroundings, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Watch:
    """Sends documents, and sees in the database what becomes of them."""

    def __init__(self, folder: Path, base: str, session: ClientSession, prepared: Prepared, database: Database) -> None:
        self.folder, self.base, self.session, self.prepared, self.database = folder, base, session, prepared, database
        self.sent: list[str] = []

    async def send(self) -> None:
        number = len(self.sent)
        path = self.folder / f"{number}.jsonl"
        client = Client(self.session, self.base, self.prepared, Trace(path), path)
        data = pdf(PAGES, f"Work {number}")
        made = await client.create(len(data), hashlib.sha256(data).hexdigest())
        await client.send(made, data, lambda offset: len(data))
        client.trace.close()
        self.sent.append(client.oid(made))

    async def until(self, condition: object, wanted: int) -> None:
        """Wait until so many documents fulfil a condition."""
        counted = select(func.count()).select_from(DocumentRow).where(condition)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await self.database.read(lambda session: session.scalar(counted)) < wanted:
                await asyncio.sleep(0.02)

    async def let_claims_pass(self) -> None:
        """What a minute does."""
        past = datetime.now(UTC).replace(year=2020)
        await self.database.write(lambda session: session.execute(update(Work).values(claimed_until=past)))

    async def check(self) -> None:
        """Each document went each step once, and each page is there once."""

        def read(session):
            events = Counter(map(tuple, session.execute(select(AuditEvent.object_id, AuditEvent.action))))
            return events, Counter(map(tuple, session.execute(select(Derivative.document_id, Derivative.kind))))

        events, made = await self.database.read(read)
        steps = ("typed", "scanned", "derived", "released")
        assert {events[oid, f"document.{step}"] for oid in self.sent for step in steps} == {1}
        assert set(made.values()) == {1}
        assert len(made) == 3 * len(self.sent)


@pytest.mark.postgres
@pytest.mark.fault("att:G06", "att:G09")
async def test_workers_killed_and_put_to_sleep_double_and_lose_nothing(
    tmp_path: Path, migrated_postgres_url: str
) -> None:
    environ = environ_of(tmp_path / "data", NEA_DATABASE_URL=migrated_postgres_url)
    (prepared,) = await prepare(environ, datetime.now(UTC), migrated=True)
    service = Service(environ, free_ports(1)[0], tmp_path / "serve.log")
    await service.start()
    database = Database(from_environ(environ).database_url)
    released = DocumentRow.state == DocumentState.RELEASED.value
    try:
        async with ClientSession() as session:
            watch = Watch(tmp_path, service.base, session, prepared, database)
            await watch.send()
            with working(environ, tmp_path / "killed.log") as killed:
                await watch.until(DocumentRow.state.in_(AT_WORK), 1)
                killed.send_signal(signal.SIGKILL)
                killed.wait()
            with working(environ, tmp_path / "sleeper.log") as sleeper:
                await watch.let_claims_pass()
                await watch.until(released, 1)
                await watch.send()
                await watch.until(DocumentRow.state.in_(AT_WORK), 1)
                sleeper.send_signal(signal.SIGSTOP)
                await watch.let_claims_pass()
                with working(environ, tmp_path / "other.log"):
                    await watch.until(released, 2)
                sleeper.send_signal(signal.SIGCONT)
                await watch.send()  # the sleeper, alone again, gets over its loss and goes on
                await watch.until(released, 3)
            await watch.check()
    finally:
        service.kill()
        await database.close()
