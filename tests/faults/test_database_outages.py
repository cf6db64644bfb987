"""A database that turns read-only, as one does that lost a failover, and comes back: 503, never 500, nothing lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from .life import SMALL
from .serving import serving
from .stage import STREAM, TUS, environ_of

P = SMALL.part_plain_bytes


@contextmanager
def read_only(server: str) -> Iterator[None]:
    """Every new transaction of the server is read-only until the block ends."""

    def switch(statement: str) -> None:
        with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(statement)
            connection.execute("SELECT pg_reload_conf()")

    switch("ALTER SYSTEM SET default_transaction_read_only = on")
    try:
        yield
    finally:
        switch("ALTER SYSTEM RESET default_transaction_read_only")


@pytest.mark.postgres
@pytest.mark.fault("inj:F7", "att:G04")
async def test_a_database_turned_read_only_is_busy_not_broken(
    tmp_path: Path, postgres_server: str, postgres_url: str
) -> None:
    data = random.Random(1).randbytes(3 * P)
    async with serving(environ_of(tmp_path / "data", NEA_DATABASE_URL=postgres_url), SMALL) as service:
        client = service.client()
        made = await client.create(len(data), None)
        await client.send(made, data, lambda offset: P, until=P)
        url, token = service.base + made["location"], {"Upload-Token": made["token"]}

        async def patch() -> int:
            headers = {**STREAM, **token, "Upload-Offset": str(P)}
            async with service.session.patch(url, headers=headers, data=data[P : P + 10]) as answer:
                assert answer.status != 503 or "Retry-After" in answer.headers
                return answer.status

        with read_only(postgres_server):
            await asyncio.sleep(0.3)
            assert await patch() == 503
            assert await client.offset(made) == P
            async with service.session.delete(url, headers={**TUS, **token}) as answer:
                assert answer.status == 503
        await asyncio.sleep(0.3)
        sent = await service.send(len(data), 1, client=client)
        await service.work()
        assert (await service.document(sent))["read_back"] == sent.sha256


@pytest.mark.postgres
@pytest.mark.fault("inj:F7", "att:G04")
async def test_all_connections_taken_is_busy_not_broken(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(environ_of(tmp_path / "data", NEA_DATABASE_URL=postgres_url), SMALL) as service:
        client = service.client()
        made = await client.create(10, None)
        database = service.services.database
        pool = database.sync_engine.pool
        assert isinstance(pool, QueuePool)
        monkeypatch.setattr(pool, "_timeout", 0.2)  # it waits thirty seconds in service
        sleep = text("SELECT pg_sleep(2)")
        sleepers = [
            asyncio.create_task(database.read(lambda session: session.execute(sleep)))
            for _ in range(pool.size() + pool._max_overflow)
        ]
        await asyncio.sleep(1)
        headers = {**TUS, "Upload-Token": made["token"]}
        async with service.session.head(service.base + made["location"], headers=headers) as answer:
            assert answer.status == 503
        await asyncio.gather(*sleepers)
        assert await client.offset(made) == 0
