"""One life of a service and its client in a process of their own: begun, and ended by itself or by a strike.

The service is composed of the product's own parts; only the store is wrapped, and the verdict on the content is fixed,
since random bytes of every length are no document. The real inspector is met by ``test_random_kills``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import secrets
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psycopg
from aiohttp import ClientSession, web
from sqlalchemy import func, select

from repository import acting, app, ending, receipts
from repository.access import Actor, Role
from repository.audit import Context
from repository.care import collecting
from repository.database import Database
from repository.errors import DocumentDestroyed, ServiceBusy, ShredRefused
from repository.inspection import Frames, Inspection, Verdict
from repository.keys import rotation, shredding
from repository.keys.holds import OBJECT
from repository.services import Services
from repository.settings import from_environ
from repository.sign_in import sealing
from repository.sign_in.hashing import Hasher
from repository.tables import ScopeKeyRow, new_id
from repository.tables import Work as WorkRow
from repository.work import Bell
from storage.keys.file import FileKeyring
from storage.names import RANDOM_BYTES, staged_part
from storage.streaming import SDR1, Geometry
from storage.vault import Vault

from .client import Client, chunking
from .inventory import examine
from .points import Failpoints, Strike, is_sql, is_store, kill, watch_database, watch_replies, witnessed
from .stage import TUS, read_prepared
from .trace import Trace, records

OPEN_WORK = select(func.count()).select_from(WorkRow).where(WorkRow.finished_at.is_(None))
MOVES = 6
BEGUN_AT = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
SMALL = Geometry(part_ciphertext_bytes=512, segment_ciphertext_bytes=128)
"""Four segments a part: every border of the format within a few hundred bytes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen in one life. ``strike_at`` counts failpoints; None lets the life run to its end."""

    folder: str
    environ: dict[str, str]
    scenario: str = "upload"
    size: int = 1
    cut: str = "first"
    seed: int = 1
    strike_at: int | None = None
    strike: str = "kill"
    minutes: int = 0
    real_parts: bool = False
    report: str = "report.json"
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def geometry(self) -> Geometry:
        """The sizes of parts."""
        return SDR1 if self.real_parts else SMALL

    @property
    def data(self) -> bytes:
        """The file that is sent, the same in every life."""
        return random.Random(self.seed).randbytes(self.size)

    @property
    def trace(self) -> Path:
        """What every life on this folder adds to."""
        return Path(self.folder) / "trace.jsonl"

    def as_json(self) -> str:
        """The plan for another process."""
        return json.dumps(asdict(self))


class AcceptsAll(Inspection):
    """Reads a document to its end and accepts it, so that any bytes can go the whole way."""

    async def inspect(self, filename: str, content: AsyncIterator[bytes]) -> Verdict:
        async for _ in content:
            pass
        return Verdict("application/pdf", 1)

    @asynccontextmanager
    async def derive(
        self, media_type: str, content: AsyncIterator[bytes], first: int, count: int, width_pixels: int
    ) -> AsyncIterator[Frames]:
        async for _ in content:
            pass
        yield _one_page()


async def _one_page() -> Frames:
    yield b"P", struct.pack(">II", 2, 3) + bytes(2 * 3 * 3)
    yield b"T", b'{"words": [[10, 20, 30, 40, "word"]]}'


@dataclass
class Clock:
    """A clock that scenarios move."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


def drop_connection(label: str, connection: Any) -> None:
    """End the database's side of the connection that a statement is about to use, as a failover does."""
    driver = connection.connection.driver_connection if hasattr(connection, "connection") else connection._connection
    dropped = driver.info
    with psycopg.connect(
        host=dropped.host, port=dropped.port, user=dropped.user, dbname="postgres", autocommit=True
    ) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [dropped.backend_pid])
        for _ in range(500):
            alive = admin.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [dropped.backend_pid])
            if alive.fetchone() is None:
                return
            time.sleep(0.002)


def end_upload(plan: Plan) -> Strike:
    """End the upload by another request while the store is in the middle of something."""

    def strike(_label: str, _subject: object) -> None:
        # Store calls run in threads, so the loop is free to answer.
        (base,) = [record["base"] for record in records(plan.trace, "serving")]
        (made,) = list(records(plan.trace, "created"))
        headers = {**TUS, "Upload-Token": made["token"]}
        with urlopen(Request(base + made["location"], method="DELETE", headers=headers)) as answer:
            assert answer.status == 204

    return strike


STRIKES: dict[str, tuple[Callable[[Plan], Strike], Callable[[str], bool]]] = {
    "kill": (lambda plan: kill, bool),
    "drop": (lambda plan: drop_connection, is_sql),
    "end": (end_upload, is_store),
}


async def live(plan: Plan) -> None:
    """Start the service, look at what an earlier life left, go on with the scenario, and report."""
    acting.set_service("a life")
    folder = Path(plan.folder)
    trace = Trace(plan.trace)
    trace.add("life")
    strike, counts = STRIKES[plan.strike]
    points = Failpoints(trace, plan.strike_at, strike(plan), counts)
    clock = Clock(BEGUN_AT + timedelta(minutes=plan.minutes))
    services = compose(plan, points, trace, clock)
    watch_database(services.database.sync_engine, points)
    report: dict[str, Any] = {"before": await examine(services)}
    async with serving(services, points, trace) as base, ClientSession() as session:
        trace.add("serving", base=base)
        client = Client(session, base, read_prepared(folder / "prepared.json"), trace, plan.trace, points.reach)
        if plan.scenario in PREPARATIONS:
            await PREPARATIONS[plan.scenario](plan, services, client, clock)
        points.armed = True
        await SCENARIOS[plan.scenario](plan, services, client, clock)
        points.armed = False
        await collect(plan, services, client, clock)
    report |= {"after": await examine(services), "points": points.passed}
    await services.database.close()
    trace.close()
    (folder / plan.report).write_text(json.dumps(report))


def compose(plan: Plan, points: Failpoints, trace: Trace, clock: Clock) -> Services:
    """The service's parts, the store witnessed."""
    settings = from_environ(plan.environ)
    backend = witnessed(app.open_backend(settings), points, trace)
    return Services(
        settings=settings,
        database=Database(settings.database_url),
        vault=Vault(backend, FileKeyring(settings.keyring_path), geometry=plan.geometry),
        inspection=AcceptsAll(None),
        signer=receipts.load_signer(settings.data_dir / "receipt-signing.key"),
        bell=Bell(),
        clock=clock,
        new_token=lambda: secrets.token_urlsafe(32),
        secrets_box=sealing.load(settings.data_dir / "sign-in.key"),
        hasher=Hasher(),
    )


@asynccontextmanager
async def serving(services: Services, points: Failpoints, trace: Trace) -> AsyncIterator[str]:
    """Serve on a free port, as ``app.serve`` does, with points at the replies; the worker is stepped by the scenario."""
    made = app.create_app(services)
    watch_replies(made, points, trace)
    runner = web.AppRunner(made, access_log=None, shutdown_timeout=1, read_bufsize=app.READ_BUFFER_BYTES)
    await runner.setup()
    try:
        await web.SockSite(runner, app.listener("127.0.0.1", 0)).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def do_work(services: Services, clock: Clock) -> None:
    """Let the worker do all that is due; work that was put off is done at its time."""
    worker = app.worker_of(services)
    for _ in range(MOVES):
        with suppress(ServiceBusy):  # a worker that meets a dead database looks again later
            while await worker.step():
                pass
            if not await services.database.read(lambda session: session.scalar(OPEN_WORK)):
                break
        clock.now += timedelta(minutes=6)
    await sweep(services)


async def sweep(services: Services) -> None:
    """Let expiry have its turn; a chore that failed has another."""
    try:
        await ending.sweep(services)
    except ServiceBusy:
        await ending.sweep(services)


async def collect(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Let the collector delete everything that nobody refers to, however young; a run that failed is done again."""
    for _ in range(2):
        with suppress(ServiceBusy):
            await collecting.collect(services, Context(None, clock(), "collection", origin="care"), grace=timedelta(0))
            return


async def upload(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Create, send in pieces, finish, verify, release."""
    data = plan.data
    made = await client.create(len(data), hashlib.sha256(data).hexdigest())
    await client.send(made, data, chunking(plan.cut, len(data), plan.geometry.part_plain_bytes, plan.seed))
    await do_work(services, clock)


async def terminate(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Create, send half, end it."""
    data = plan.data
    made = await client.create(len(data), None)
    cut = chunking(plan.cut, len(data), plan.geometry.part_plain_bytes, plan.seed)
    await client.send(made, data, cut, until=len(data) * 2 // 3)
    await client.end(made)
    await do_work(services, clock)


async def withdraw(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Create, send, release, withdraw."""
    data = plan.data
    made = await client.create(len(data), None)
    await client.send(made, data, chunking(plan.cut, len(data), plan.geometry.part_plain_bytes, plan.seed))
    await do_work(services, clock)
    await client.end(made)
    await do_work(services, clock)


async def expire(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Create, send two thirds, leave it until its time is over."""
    data = plan.data
    made = await client.create(len(data), None)
    cut = chunking(plan.cut, len(data), plan.geometry.part_plain_bytes, plan.seed)
    await client.send(made, data, cut, until=len(data) * 2 // 3)
    clock.now += timedelta(days=15)
    await sweep(services)


async def leave_orphans(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Release one upload, and strew names that nobody refers to: attempts of it, and of an object never begun."""
    await upload(plan, services, client, clock)
    backend = services.vault.backend
    for oid in (client.oid(await client.create(0, None)), new_id()):
        for number in range(2):
            backend.put(staged_part(oid, number, os.urandom(RANDOM_BYTES)), os.urandom(100 + number))


async def shred(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Let two officers destroy the document; who was cut short repeats the commands."""
    oid = client.oid(await client.create(0, None))
    first, second = (officer(client, clock, number) for number in range(2))
    with suppress(DocumentDestroyed):  # an earlier life came further
        await services.database.write(lambda s: shredding.propose(s, first, OBJECT, oid, "a test"))
    with suppress(ShredRefused):  # an earlier life finished
        proposal = await services.database.write(lambda s: shredding.confirm(s, second, OBJECT, oid))
        await shredding.carry_out(services, second, proposal)


async def rotate(plan: Plan, services: Services, client: Client, clock: Clock) -> None:
    """Give the root key a new version, and the scope a new key; who was cut short repeats the commands."""
    context = officer(client, clock, 0)
    await rotation.rotate_root(services, context)
    (scope,) = await services.database.read(lambda s: set(s.scalars(select(ScopeKeyRow.scope))))
    await rotation.rotate_scope(services, context, scope)


def officer(client: Client, clock: Clock, number: int) -> Context:
    """One of two officers, at work."""
    person_id, assignment_id = client.prepared.officers[number]
    return Context(Actor(person_id, assignment_id, f"Officer {number + 1}", Role.AB_OFFICER, None), clock(), new_id())


Scenario = Callable[[Plan, Services, Client, Clock], Awaitable[None]]
PREPARATIONS: dict[str, Scenario] = {"collect": leave_orphans, "shred": upload, "rotate": upload}
SCENARIOS: dict[str, Scenario] = {
    "upload": upload,
    "terminate": terminate,
    "withdraw": withdraw,
    "expire": expire,
    "collect": collect,
    "shred": shred,
    "rotate": rotate,
}


def run(plan: Plan) -> None:
    """Live one life in this process."""
    asyncio.run(live(plan))
