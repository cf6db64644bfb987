from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from repository import acting
from repository.audit import Context
from repository.database import Database
from repository.mail import records
from repository.mail.composing import Enclosure
from repository.mail.records import enqueue
from repository.mail.sending import Limits, Sender
from repository.mail.tables import MailMessage
from repository.settings import MailSettings
from repository.tables import new_id

from ...patience import PATIENCE_SECONDS

START = datetime(2026, 5, 15, 9, 0, tzinfo=UTC)
SENDER = "nea@board.example"


@dataclass
class Post:
    """A database with mail switched on, a clock that is moved by hand, and what a test does with them."""

    database: Database
    now: datetime = START
    complete: bool = True
    broken: bool = False
    files: list[Enclosure] = field(default_factory=list)

    async def write(self, work: Callable[[Any], Any]) -> Any:
        with acting.as_service("test"):
            return await self.database.write(work)

    def context(self) -> Context:
        return Context(None, self.now, new_id())

    async def queue(self, to: str, *, letter: str = "security-notice", key: str | None = None, **more: Any) -> bool:
        facts = more.pop("facts", {"what": "Your password was changed.", "when": "15 May 2026, 10:00"})
        return bool(await self.write(lambda s: enqueue(s, self.context(), to, letter, facts, key=key, **more)))

    def sender(self, port: int, **changes: Any) -> Sender:
        limits = changes.pop("limits", Limits(step=30, message=60, look=0.05, first_pause=0.1))
        facts = {"host": "127.0.0.1", "port": port, "tls": "none", "ca_file": None, "user": "", "password": ""}
        settings = MailSettings(**(facts | {"sender": SENDER} | changes))

        async def enclose(_receipt_id: str) -> tuple[Sequence[Enclosure], bool]:
            if self.broken:
                raise LookupError("there is no such receipt")
            return self.files, self.complete

        return Sender(settings, "https://nea.example", self.database, lambda: self.now, enclose, limits)

    async def rows(self) -> list[MailMessage]:
        return list(
            await self.write(
                lambda s: s.scalars(select(MailMessage).order_by(MailMessage.created_at, MailMessage.key)).all()
            )
        )

    async def states(self) -> dict[str, str]:
        return {row.to_address: row.state for row in await self.rows()}

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
async def post(migrated_url: str) -> AsyncIterator[Post]:
    """Mail is on, and nothing is queued."""
    database = Database(migrated_url)
    made = Post(database)
    await made.write(lambda s: records.set_sent_here(s, True, START))
    yield made
    await database.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for certificates."""
    return tmp_path_factory.mktemp("certificates")


async def wait_for(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so, at most ``seconds``."""
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.02)
