"""The real service over a temporary folder, with people of every kind who can sign in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web_runner import BaseRunner
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import app, people, sign_in_lines
from repository.access import CENTRE_ROLES, Role
from repository.database import metadatas
from repository.receiving import WriterGate
from repository.services import Services
from repository.settings import from_environ
from repository.tables import AUDIT_TABLES, Work
from repository.web import keys
from repository.web.connection import Runner

from ...patience import PATIENCE_SECONDS
from ...worlds import NOW

if TYPE_CHECKING:
    from .uploading import Stage

T = TypeVar("T")
OWN_ROUNDS = AUDIT_TABLES | {"receipt_proof", "care_mark"}
"""What a running service writes by itself."""


@dataclass
class Clock:
    """A clock that the test moves."""

    now: datetime = field(default_factory=lambda: NOW)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


class Server(TestServer):
    """aiohttp's test server, but like the service a broken line does not cancel the handler: what came is kept."""

    async def _make_runner(self, **kwargs: Any) -> BaseRunner:
        settings = {**kwargs, "handler_cancellation": False, "max_field_size": app.HEADER_FIELD_LIMIT_BYTES}
        return Runner(self.app, **settings)


class Client(TestClient[web.Request, web.Application]):
    """A program or browser that speaks to a service; whose it is, is known once somebody signed in with it."""

    person_id = ""
    account_id = ""


@dataclass
class Service:
    """A running service and its clock."""

    services: Services
    server: TestServer
    clock: Clock
    folder: Path
    _clients: list[Client] = field(default_factory=list)

    @property
    def gate(self) -> WriterGate:
        """Who writes which upload now."""
        return self.server.app[keys.RECEIVER]._gate

    async def write(self, work: Callable[[Session], T]) -> T:
        return await self.services.database.write(work)

    async def add_person(self, role: Role, centre_number: str | None = None) -> tuple[str, str]:
        """Add a person; returns the person's id and sign-in token."""

        def add(session: Session) -> tuple[str, str]:
            name = f"Test {role} {centre_number or ''}".strip()
            assignment = people.add_person(session, name, role, self.clock.now, centre_number=centre_number)
            token = sign_in_lines.token_of(assignment.id)
            people.add_sign_in_link(session, assignment.id, token)
            return assignment.person_id, token

        return await self.write(add)

    async def anonymous(self) -> Client:
        client = Client(self.server)
        self._clients.append(client)
        return client

    async def client(self, role: Role, centre_number: str | None = None) -> Client:
        """Return a program's client, signed in with a bearer token; `person_id` is set on it."""
        if role in CENTRE_ROLES and centre_number is None:
            centre_number = "99001"
        person_id, token = await self.add_person(role, centre_number)
        client = await self.anonymous()
        answer = await client.post("/api/sessions", json={"token": token})
        assert answer.status == 201, await answer.text()
        client.session.headers["Authorization"] = f"Bearer {(await answer.json())['token']}"
        client.person_id = person_id
        return client

    async def browser(self, role: Role, centre_number: str | None = None) -> Client:
        """Return a browser's client, signed in with the cookie; forms need `csrf(client)`."""
        if role in CENTRE_ROLES and centre_number is None:
            centre_number = "99001"
        person_id, token = await self.add_person(role, centre_number)
        client = await self.anonymous()
        client.session.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
        answer = await client.get(f"/sign-in/{token}", allow_redirects=False)
        assert answer.status == 303, await answer.text()
        client.person_id = person_id
        return client

    async def rows(self, *, sessions: bool = False) -> dict[str, list[str]]:
        """Every row of every table but the log's and those of the service's own rounds; ``sessions`` too, if asked."""
        left_out = OWN_ROUNDS if sessions else OWN_ROUNDS | {"web_session"}

        def read(session: Session) -> dict[str, list[str]]:
            return {
                table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
                for data in metadatas()
                for table in data.sorted_tables
                if table.name not in left_out
            }

        return await self.services.database.read(read)

    async def settle(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the background worker has nothing left to do."""
        open_work = select(func.count()).select_from(Work).where(Work.finished_at.is_(None))
        async with asyncio.timeout(seconds):
            while await self.services.database.read(lambda session: session.scalar(open_work)):
                await asyncio.sleep(0.02)


StartService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start_service(
    tmp_path: Path, file_of_world: Callable[[str], Path], world: str
) -> AsyncIterator[StartService]:
    """Starts a service over the URL of a database that has every migration; None means the embedded one.

    Further settings are given by name, such as ``NEA_REHEARSAL="no"``.
    """
    started: list[Service] = []

    async def start(database_url: str | None = None, **further: str) -> Service:
        environ = {"NEA_DATA_DIR": str(tmp_path / "data"), "NEA_REHEARSAL": "yes", "NEA_PORT": "0", **further}
        if database_url is not None:
            environ["NEA_DATABASE_URL"] = database_url
        settings = from_environ(environ)
        if database_url is None:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            shutil.copy(file_of_world(world), settings.data_dir / "nea.sqlite3")
        clock = Clock()
        services = await app.compose(settings, clock=clock)
        server = Server(app.create_app(services), host="127.0.0.1")
        await server.start_server()
        service = Service(services, server, clock, tmp_path / "data")
        started.append(service)
        return service

    yield start
    for service in started:
        for client in service._clients:
            await client.close()
        await service.server.close()
        await service.services.database.close()


@pytest.fixture
async def service(start_service: StartService) -> Service:
    """The service over SQLite."""
    return await start_service(None)


@pytest.fixture
async def service_on_each(start_service: StartService, migrated_url: str) -> Service:
    """The service over each kind of database."""
    return await start_service(migrated_url)


@pytest.fixture
async def real_service(start_service: StartService) -> Service:
    """The service as it is in earnest, without development sign-in, over SQLite."""
    return await start_service(None, NEA_REHEARSAL="no")


@pytest.fixture
async def real_service_on_each(start_service: StartService, migrated_url: str) -> Service:
    """The service as it is in earnest, over each kind of database."""
    return await start_service(migrated_url, NEA_REHEARSAL="no")


@pytest.fixture
async def stage(service: Service, staged_world: None) -> Stage:
    """A centre whose sample has been requested, over SQLite."""
    from .uploading import on_stage

    return await on_stage(service)


@pytest.fixture
async def stage_on_each(service_on_each: Service, staged_world: None) -> Stage:
    """A centre whose sample has been requested, over each kind of database."""
    from .uploading import on_stage

    return await on_stage(service_on_each)


async def csrf(client: Client, path: str = "/") -> str:
    """Return the synchroniser token that a page gives its forms."""
    text = await (await client.get(path)).text()
    marker = '<meta name="csrf-token" content="'
    assert marker in text, text[:500]
    return text.partition(marker)[2].partition('"')[0]
