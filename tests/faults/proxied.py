"""A service that reaches a real S3 server through the proxy only."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.s3 import S3Backend
from storage.streaming import Geometry
from tests.servers.seaweed import S3Server

from .life import SMALL
from .proxy import Proxy, Request, Rule, lying
from .serving import Sent, Serving, serving
from .stage import environ_of, s3_environ

P = SMALL.part_plain_bytes


@dataclass
class Stage:
    """A service that reaches its store through the proxy only, and the store as it truly is."""

    serving: Serving
    proxy: Proxy
    truth: S3Backend
    chosen: random.Random

    def size(self) -> int:
        """A size of two to four small parts."""
        return self.chosen.randint(P + 1, 4 * P)

    async def send(self) -> Sent:
        """Send a file of such a size."""
        return await self.serving.send(self.size(), self.chosen.randrange(2**32), cut="random")

    def lie(self, applies: Callable[[Request], bool], lie: Rule, times: int | None = None) -> None:
        """Begin to lie."""
        self.proxy.lied = 0
        self.proxy.rule = lying(self.proxy, applies, lie, times)

    async def release(self) -> Sent:
        """Send and release a file while nothing lies."""
        sent = await self.send()
        await self.serving.work()
        assert await self.serving.state(sent) == "released"
        return sent

    async def not_received(self, sent: Sent, states: set[str]) -> dict[str, Any]:
        """Hold that the lie was told, and that what it touched is not called received."""
        assert self.proxy.lied, "the lie was never told"
        document = await self.serving.document(sent, reads_back=False)
        assert document["state"] in states
        assert await self.serving.state(sent) in states
        assert "document.released" not in document["events"]
        return document

    async def received(self, sent: Sent) -> None:
        """Hold that it was received, once, exactly, and that the store is tidy."""
        document = await self.serving.document(sent)
        assert (document["state"], document["sha256"], document["read_back"]) == ("released", sent.sha256, sent.sha256)
        assert (document["events"]["document.arrived"], document["events"]["document.released"]) == (1, 1)


@pytest.fixture
def open_stage(
    tmp_path: Path,
    s3_server: S3Server,
    open_bucket: Callable[..., S3Backend],
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
) -> Callable[..., object]:
    monkeypatch.setattr("storage.s3.READ_SECONDS", 2.0)

    @asynccontextmanager
    async def open_one(geometry: Geometry = SMALL) -> AsyncIterator[Stage]:
        truth = open_bucket()
        async with Proxy(s3_server.endpoint).running() as proxy:
            environ = environ_of(tmp_path / "data", **s3_environ(tmp_path, proxy.address, s3_server))
            async with serving(environ, geometry) as service:
                yield Stage(service, proxy, truth, random.Random(seed))

    return open_one
