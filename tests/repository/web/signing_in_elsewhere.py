"""A service with two identity providers that tests make lie, and browsers that sign in there."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientResponse
from sqlalchemy import func, select

from repository import app
from repository.settings import from_environ
from repository.sign_in.providers_tables import IdentityRequest
from repository.sign_in.tables import Account, SignInAttempt
from repository.tables import Assignment, AuditEvent, WebSession
from tests.servers.lying_provider import CLIENT_ID, SECRET, LyingProvider, running_liar

from .conftest import Client, Clock, Server, Service

SCHOOL: dict[str, Any] = {
    "centre": {"claim": "school", "table": {"123456": "99001", "654321": "99002"}},
    "multi_factor": {"amr": ["mfa"], "acr": ["urn:example:two-factors"]},
    "roles": [
        {"claim": "groups", "value": "exams", "role": "exams_officer"},
        {"claim": "groups", "value": "staff", "role": "teacher", "grant": "at_once"},
        {"claim": "groups", "value": "moderators", "role": "moderator", "grant": "at_once"},
    ],
}


def write_file(folder: Path, issuers: list[dict[str, Any]]) -> Path:
    """Write the file of providers and their secret."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "client.secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    path = folder / "providers.json"
    path.write_text(json.dumps({"issuers": issuers}))
    path.chmod(0o644)
    return path


@dataclass
class Elsewhere:
    """The service and the two providers `school` and `other`."""

    service: Service
    school: LyingProvider
    other: LyingProvider

    async def browser(self) -> Client:
        client = await self.service.anonymous()
        client.session.headers.update({"Accept": "text/html"})
        return client

    async def begin(self, browser: Client, key: str = "school", next_path: str = "/") -> str:
        """Press the button of a provider; returns where the browser is sent."""
        answer = await browser.get(f"/sign-in/provider/{key}", params={"next": next_path}, allow_redirects=False)
        assert answer.status == 303, await answer.text()
        return answer.headers["Location"]

    async def come_back(
        self,
        browser: Client,
        location: str,
        *,
        liar: LyingProvider | None = None,
        key: str = "school",
        **changes: str | None,
    ) -> ClientResponse:
        """Sign in there and come back with the answer."""
        liar = liar or self.school
        code, asked = liar.code_for(location)
        answer = {"code": code, "state": asked["state"], "iss": liar.address, **changes}
        query = {name: value for name, value in answer.items() if value is not None}
        return await browser.get(f"/sign-in/provider/{key}/answer", params=query, allow_redirects=False)

    async def sign_in(self, browser: Client | None = None, **changes: str | None) -> ClientResponse:
        """The whole way, at the school's provider."""
        browser = browser or await self.browser()
        return await self.come_back(browser, await self.begin(browser), **changes)

    async def count(self, table: Any) -> int:
        counted = select(func.count()).select_from(table)
        return await self.service.services.database.read(lambda s: s.scalar(counted) or 0)

    async def events(self, action: str) -> list[tuple[str, dict[str, Any]]]:
        """Outcome and details of the events of an action."""
        query = select(AuditEvent.outcome, AuditEvent.details).where(AuditEvent.action == action)
        rows = await self.service.services.database.read(lambda s: s.execute(query.order_by(AuditEvent.at)).all())
        return [(outcome, details) for outcome, details in rows]

    async def nobody_came_in(self) -> bool:
        return not await self.count(WebSession) and not await self.count(SignInAttempt)

    async def accounts(self) -> list[tuple[str, str]]:
        query = select(Account.issuer, Account.subject).order_by(Account.issuer, Account.subject)
        return [tuple(row) for row in await self.service.services.database.read(lambda s: s.execute(query).all())]

    async def roles(self) -> list[tuple[str, str | None]]:
        """The roles that stand."""
        now = self.service.clock.now
        query = select(Assignment.role, Assignment.centre_number).where(
            Assignment.valid_to.is_(None) | (Assignment.valid_to > now)
        )
        rows = await self.service.services.database.read(lambda s: s.execute(query).all())
        return sorted((role, centre) for role, centre in rows)

    async def waiting(self) -> list[tuple[str | None, list[str], str | None]]:
        query = select(IdentityRequest.centre_number, IdentityRequest.roles, IdentityRequest.decision)
        rows = await self.service.services.database.read(
            lambda s: s.execute(query.order_by(IdentityRequest.asked_at, IdentityRequest.centre_number)).all()
        )
        return [(centre, roles, decision) for centre, roles, decision in rows]


def asked_of(location: str) -> dict[str, str]:
    """What the browser is sent to ask."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


@asynccontextmanager
async def running_elsewhere(
    folder: Path, database: Path | str, changes: dict[str, Any] | None = None
) -> AsyncIterator[Elsewhere]:
    """The service over a migrated file of SQLite or the URL of a migrated database."""
    clock = Clock()
    async with running_liar(clock) as school, running_liar(clock) as other:
        common = {"client_id": CLIENT_ID, "client_secret_file": "client.secret"}
        path = write_file(
            folder / "etc",
            [
                {
                    "key": "school",
                    "name": "School sign-in",
                    "issuer": school.address,
                    **common,
                    **SCHOOL,
                    **(changes or {}),
                },
                {"key": "other", "name": "Other sign-in", "issuer": other.address, **common},
            ],
        )
        environ = {"NEA_DATA_DIR": str(folder / "data"), "NEA_PORT": "0", "NEA_OIDC_FILE": str(path)}
        if isinstance(database, str):
            environ["NEA_DATABASE_URL"] = database
        settings = from_environ(environ)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if isinstance(database, Path):
            shutil.copy(database, settings.data_dir / "nea.sqlite3")
        services = await app.compose(settings, clock=clock)
        try:
            async with Server(app.create_app(services), host="127.0.0.1") as server:
                service = Service(services, server, clock, settings.data_dir)
                yield Elsewhere(service, school, other)
                for client in service._clients:
                    await client.close()
        finally:
            await services.database.close()
