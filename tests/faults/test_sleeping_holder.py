"""Two servers over one database and store: the one that writes an upload is put to sleep, the other takes over.

When the sleeper wakes and goes on, the database refuses it: liveness may err, safety does not.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.servers.seaweed import free_ports

from .client import Client
from .processes import Service
from .serving import last_life
from .stage import Prepared, environ_of, prepare
from .trace import Trace

TOTAL = 400_000
PART = 150_000


async def half_sent(service: Service, made: dict[str, str], offset: int, data: bytes, sent: int) -> socket.socket:
    """A PATCH of which only so many bytes were sent."""
    line = socket.create_connection(("127.0.0.1", service.port))
    head = (
        f"PATCH {made['location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
        f"Upload-Token: {made['token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    await asyncio.to_thread(line.sendall, head.encode() + data[:sent])
    return line


@pytest.mark.postgres
@pytest.mark.fault("inj:F12", "att:D03", "att:G06", "real:R30")
@pytest.mark.parametrize("rounds", [3, pytest.param(50, marks=pytest.mark.long)])
async def test_st05_a_holder_that_slept_cannot_commit(
    tmp_path: Path, migrated_postgres_url: str, seed: int, rounds: int
) -> None:
    chosen = random.Random(seed)
    environ = environ_of(tmp_path / "data", NEA_DATABASE_URL=migrated_postgres_url)
    (prepared,) = await prepare(environ, datetime.now(UTC), migrated=True)
    ports = free_ports(2)
    sleeper, other = (Service(environ, port, tmp_path / f"{port}.log") for port in ports)
    await asyncio.gather(sleeper.start(), other.start())
    sent: dict[str, str | None] = {}
    try:
        async with ClientSession() as session:
            for number in range(rounds):
                sent |= await one_round(tmp_path / f"{number}.jsonl", session, prepared, sleeper, other, chosen)
    finally:
        for service in (sleeper, other):
            if service.process is not None and service.process.poll() is None:
                service.process.send_signal(signal.SIGCONT)
                service.kill()
    found = await last_life(environ)
    assert {document["oid"]: document["sha256"] for document in found["documents"]} == sent
    for service in (sleeper, other):
        assert "where=" not in service.log.read_text(), service.log.read_text()[-3000:]


async def one_round(
    path: Path, session: ClientSession, prepared: Prepared, sleeper: Service, other: Service, chosen: random.Random
) -> dict[str, str | None]:
    """The sleeper holds the upload with half a body; the other finishes it; the sleeper wakes and is refused.

    Returns: the upload's id and the hash its document must have.
    """
    data = chosen.randbytes(TOTAL)
    trace = Trace(path)
    client = Client(session, other.base, prepared, trace, path)
    made = await client.create(len(data), hashlib.sha256(data).hexdigest())
    await client.send(made, data, lambda offset: PART, until=PART)
    # The sleeper's client lies about the content, so that a commit of it could not go unnoticed.
    wrong = os.urandom(TOTAL - PART)
    whole = chosen.random() < 0.5
    line = await half_sent(sleeper, made, PART, wrong, len(wrong) if whole else len(wrong) // 2)
    assert sleeper.process is not None
    await asyncio.sleep(0 if whole else chosen.uniform(0.02, 0.1))
    sleeper.process.send_signal(signal.SIGSTOP)
    try:
        offset = await client.offset(made)
        if offset == PART:
            await client.send(made, data, lambda offset: TOTAL)
    finally:
        sleeper.process.send_signal(signal.SIGCONT)
    answer = await asyncio.to_thread(finish, line, b"" if whole else wrong[len(wrong) // 2 :])
    if offset == PART:
        assert answer.startswith((b"HTTP/1.1 409 ", b"HTTP/1.1 410 ")), answer[:200]
    else:
        # It had committed everything before it fell asleep; then it is the one winner, and the other learnt so.
        assert (offset, answer[:13]) == (TOTAL, b"HTTP/1.1 204 ")
    assert await client.offset(made) == TOTAL
    trace.close()
    print("the sleeper", "lost" if offset == PART else "had won before")
    # What the sleeper's client sent is not what was declared, so that document is held and has no hash.
    return {client.oid(made): hashlib.sha256(data).hexdigest() if offset == PART else None}


def finish(line: socket.socket, rest: bytes) -> bytes:
    """Send what is left, and hear the answer."""
    with line:
        line.settimeout(30)
        line.sendall(rest)
        return line.recv(4096)
