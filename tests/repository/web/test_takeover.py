"""One writer per upload: a newer request takes over from a line that is dead or slow, and the old one changes nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
from dataclasses import dataclass

import pytest

from repository import app, receiving
from repository.web import keys

from ...patience import PATIENCE_SECONDS
from .conftest import Server
from .uploading import STREAM, TUS, P, Stage


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    """Over each kind of database."""
    return stage_on_each


@dataclass
class Zombie:
    """A client that sent half of a body and then neither sends nor reads nor closes: a half-open line."""

    line: socket.socket

    async def sends(self, data: bytes) -> None:
        """What it still had to say, long after; the server may have closed its side."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.line, data)
        except ConnectionError:
            return

    async def hears(self) -> bytes:
        """The answer, or nothing when the server has closed its side."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await asyncio.get_running_loop().sock_recv(self.line, 65536)
        except ConnectionError:
            return b""


async def half_open(stage: Stage, made: dict[str, str], first: bytes, size: int, *, port: int = 0) -> Zombie:
    """Begin a PATCH at offset 0 and fall silent."""
    line = socket.socket()
    line.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(line, ("127.0.0.1", port or stage.service.server.port))
    head = (
        f"PATCH {made['Location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Upload-Token: {made['Upload-Token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {size}\r\n\r\n"
    )
    await loop.sock_sendall(line, head.encode() + first)
    return Zombie(line)


async def until_held(gate: receiving.WriterGate, made: dict[str, str]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not gate.is_held(made["Location"].rpartition("/")[2]):
            await asyncio.sleep(0.01)


async def first_part_committed(stage: Stage, made: dict[str, str]) -> None:
    """Wait until the first part of an upload stands in the database; asking by HEAD would end the zombie already."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await stage.kept())[0][0][2] < P:
            await asyncio.sleep(0.02)


@pytest.mark.fault("att:D03", "real:R01")
@pytest.mark.parametrize("came", [0, 40_000, P + 5])
async def test_a_half_open_line_gives_way_within_the_limit(stage: Stage, came: int) -> None:
    data = os.urandom(P + 100_000)
    made = await stage.create(len(data))
    zombie = await half_open(stage, made, data[:came], len(data))
    await until_held(stage.service.gate, made)
    if came > P:
        await first_part_committed(stage, made)
    offset = await stage.offset(made)  # by itself refused at the limit
    assert 0 <= offset <= came
    assert offset >= (P if came > P else 0)
    assert await stage.patch(made, offset, data[offset : offset + 1000]) == (204, str(offset + 1000))
    before = await stage.kept()
    await zombie.sends(b"Z" * 200_000)
    assert await zombie.hears() == b""
    zombie.line.close()
    assert await stage.kept() == before
    offset += 1000
    assert await stage.patch(made, offset, data[offset:]) == (204, str(len(data)))
    assert (await stage.document(made))["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.fault("att:D03", "inj:F10")
async def test_a_newer_patch_takes_over_without_asking_where_it_stands(stage: Stage) -> None:
    made = await stage.create(1000)
    zombie = await half_open(stage, made, b"", 1000)
    await until_held(stage.service.gate, made)
    assert await stage.patch(made, 0, b"n" * 1000) == (204, "1000")
    await zombie.sends(b"Z" * 1000)
    assert await zombie.hears() == b""
    zombie.line.close()
    assert (await stage.document(made))["sha256"] == hashlib.sha256(b"n" * 1000).hexdigest()


@pytest.mark.fault("att:D09")
async def test_nobody_without_the_token_ends_the_line_of_another(stage: Stage) -> None:
    made = await stage.create(1000)
    slow = await half_open(stage, made, b"s" * 400, 1000)
    await until_held(stage.service.gate, made)
    for method in ("HEAD", "PATCH", "DELETE"):
        body = {**STREAM, "Upload-Offset": "0", "Upload-Token": "guess"}
        assert (await stage.ask(method, made, b"x" if method == "PATCH" else None, **body)).status == 404
    await slow.sends(b"s" * 600)
    assert (await slow.hears()).startswith(b"HTTP/1.1 204 ")
    slow.line.close()
    assert await stage.offset(made) == 1000


@pytest.mark.fault("inj:F12", "att:D03")
async def test_st05_a_zombie_on_another_node_loses_at_the_commit(stage: Stage) -> None:
    """Two nodes share no memory: only the compare-and-set on the offset stands between them."""
    other = Server(app.create_app(stage.service.services), host="127.0.0.1")
    await other.start_server()
    try:
        made = await stage.create(1000)
        zombie = await half_open(stage, made, b"Z" * 500, 1000, port=other.port or 0)
        await until_held(other.app[keys.RECEIVER]._gate, made)
        assert not stage.service.gate.is_held(made["Location"].rpartition("/")[2])
        assert await stage.patch(made, 0, b"n" * 700) == (204, "700")
        before = await stage.kept()
        await zombie.sends(b"Z" * 500)
        answer = await zombie.hears()
        zombie.line.close()
        assert answer.startswith(b"HTTP/1.1 409 ")
        assert b"/problems/offset-mismatch" in answer
        after = await stage.kept()
        assert after[:4] == before[:4]
        assert await stage.patch(made, 700, b"n" * 300) == (204, "1000")
        assert (await stage.document(made))["sha256"] == hashlib.sha256(b"n" * 1000).hexdigest()
    finally:
        await other.close()


@pytest.mark.fault("inj:F10")
async def test_a_holder_that_cannot_let_go_makes_others_wait_and_come_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a commit is under way nothing can be taken over; who asks meanwhile is told when to come back."""
    monkeypatch.setattr(receiving, "TAKEOVER_SECONDS", 0.3)
    made = await stage.create(1000)
    async with stage.service.gate.hold(made["Location"].rpartition("/")[2], lambda: None):
        answer = await stage.ask("PATCH", made, b"n" * 1000, **{**STREAM, "Upload-Offset": "0"})
        assert answer.status == 423
        assert 0 < int(answer.headers["Retry-After"]) <= 15
        assert (await answer.json())["type"] == "/problems/upload-busy"
        assert (
            await stage.teacher.head(made["Location"], headers={**TUS, "Upload-Token": made["Upload-Token"]})
        ).status == 200
    assert await stage.patch(made, 0, b"n" * 1000) == (204, "1000")


@pytest.mark.fault("att:D05", "att:D06")
async def test_the_last_byte_and_the_end_cannot_both_have_their_way(stage: Stage) -> None:
    for number in range(6):
        made = await stage.create(8, item=number % len(stage.items))
        assert await stage.patch(made, 0, b"abcd") == (204, "4")
        last, end = await asyncio.gather(
            stage.ask("PATCH", made, b"efgh", **{**STREAM, "Upload-Offset": "4"}), stage.ask("DELETE", made)
        )
        assert end.status == 204
        # Either the document had arrived and is withdrawn, or the upload had ended and there is none.
        assert last.status in {204, 409, 410}
        assert (await stage.ask("HEAD", made)).status == 410
        await stage.service.settle()
        answer = await stage.teacher.get(made["Document-Location"])
        if last.status == 204:
            assert (await answer.json())["state"] == "withdrawn"
        else:
            assert answer.status == 404


@pytest.mark.fault("att:D02", "att:D20", "inj:F10")
async def test_a_request_that_a_proxy_sends_twice_counts_once(stage: Stage) -> None:
    data = os.urandom(5000)
    made = await stage.create(len(data))
    for start in range(0, len(data), 1000):
        twice = await asyncio.gather(
            *(stage.patch(made, start, data[start : start + 1000]) for _ in range(2)), return_exceptions=True
        )
        statuses = sorted(result[0] if isinstance(result, tuple) else 0 for result in twice)
        # The first may be cut off by the second, but then what it had sent is there, and the second is told so.
        assert statuses in ([0, 204], [0, 409], [204, 409]), statuses
        assert await stage.offset(made) in range(start, start + 1001)
        if await stage.offset(made) < start + 1000:
            offset = await stage.offset(made)
            assert (await stage.patch(made, offset, data[offset : start + 1000]))[0] == 204
    assert (await stage.document(made))["sha256"] == hashlib.sha256(data).hexdigest()
