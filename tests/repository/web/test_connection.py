"""Raw sockets against the service: slow, silent, many, malformed and smuggled. Limits are short here; the rule is the same."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from aiohttp.test_utils import TestServer

from repository import app
from repository.web.connection import Lines, Runner
from repository.web.limits import Limits

from ...patience import PATIENCE_SECONDS
from .conftest import Server, Service
from .uploading import Stage

pytestmark = pytest.mark.fault("inj:F11")

SHORT = Limits(
    head_seconds=1.0,
    silence_seconds=1.5,
    slowest_bytes_per_second=1000,
    grace_seconds=1.2,
    keepalive_seconds=1.5,
    connections=12,
    unknown_per_address=8,
    look_seconds=0.05,
)
HOST = "Host: 127.0.0.1\r\n"


class ShortServer(Server):
    """The service, with limits that a test can wait for."""

    limits = SHORT

    async def _make_runner(self, **kwargs: object) -> Runner:
        settings = {**kwargs, "handler_cancellation": False, "max_field_size": app.HEADER_FIELD_LIMIT_BYTES}
        return Runner(self.app, limits=self.limits, **settings)


@pytest.fixture
async def short(service: Service) -> AsyncIterator[TestServer]:
    """The same service once more, behind short limits."""
    server = ShortServer(app.create_app(service.services), host="127.0.0.1")
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
async def usual(service: Service) -> AsyncIterator[TestServer]:
    """The same service once more, behind the limits that it is served with."""
    server = ShortServer(app.create_app(service.services), host="127.0.0.1")
    server.limits = Limits()
    await server.start_server()
    yield server
    await server.close()


class Raw:
    """A client that writes what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, server: TestServer) -> Raw:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**22)
        return cls(reader, writer)

    async def send(self, *pieces: str | bytes) -> None:
        for piece in pieces:
            self.writer.write(piece.encode("latin-1") if isinstance(piece, str) else piece)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def rest(self) -> bytes:
        """Everything until the server ends the connection, which it must."""
        said = b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with suppress(ConnectionError):
                while piece := await self.reader.read(65_536):
                    said += piece
        return said

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer of a connection that may go on."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
            return int(first.split(" ")[1]), headers, body

    def close(self) -> None:
        self.writer.close()


async def ask(server: TestServer, *pieces: str | bytes) -> bytes:
    raw = await Raw.to(server)
    await raw.send(*pieces)
    said = await raw.rest()
    raw.close()
    return said


def status_of(said: bytes) -> int:
    assert said.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), said[:80]
    return int(said[9:12])


# --- slow ---


@pytest.mark.fault("att:C08")
async def test_who_says_nothing_is_let_go(short: TestServer) -> None:
    assert await ask(short) == b""


@pytest.mark.fault("att:C08")
async def test_a_slow_head_is_answered_and_ended(short: TestServer) -> None:
    raw = await Raw.to(short)

    async def drip() -> None:
        with suppress(ConnectionError):
            for letter in f"GET /static/page.js HTTP/1.1\r\n{HOST}X-Slow: " + "a" * 10_000:
                await raw.send(letter)
                await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    said = await raw.rest()
    dripping.cancel()
    raw.close()
    assert status_of(said) == 408
    assert b"did not arrive in time" in said
    assert b"Content-Security-Policy" in said


@pytest.mark.fault("att:C08")
@pytest.mark.parametrize("pace", ["silent", "byte by byte"])
async def test_a_slow_body_is_ended(short: TestServer, pace: str) -> None:
    raw = await Raw.to(short)
    await raw.send(
        f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{{"
    )

    async def drip() -> None:
        with suppress(ConnectionError):
            while pace == "byte by byte":
                await raw.send(" ")
                await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    assert await raw.rest() == b""
    dripping.cancel()
    raw.close()


@pytest.mark.fault("att:C08")
async def test_what_a_slow_upload_sent_is_kept(stage: Stage) -> None:
    server = ShortServer(app.create_app(stage.service.services), host="127.0.0.1")
    await server.start_server()
    made = await stage.create(100_000)
    raw = await Raw.to(server)
    await raw.send(
        f"PATCH {made['Location']} HTTP/1.1\r\n{HOST}Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Upload-Token: {made['Upload-Token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        "Content-Length: 100000\r\n\r\n",
        b"y" * 40_000,
    )
    assert await raw.rest() == b""
    raw.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await stage.offset(made) == 0:
            await asyncio.sleep(0.02)
    assert await stage.offset(made) == 40_000
    await server.close()


@pytest.mark.fault("att:C08")
async def test_a_reader_who_does_not_read_is_left(service: Service, short: TestServer) -> None:
    made = socket.socket()
    made.settimeout(None)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", short.port))
    lines = _lines(short)
    # Many answers are asked for and none is read, so that they pile up on the service's side.
    asked = f"GET /static/build/tus.min.js HTTP/1.1\r\n{HOST}\r\n".encode() * 30
    await asyncio.get_running_loop().sock_sendall(made, asked * 20)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(lines._open) == 0:
            await asyncio.sleep(0.01)
        while len(lines._open) > 0:
            await asyncio.sleep(0.02)
    made.close()


async def test_an_idle_connection_is_ended_by_keep_alive(short: TestServer) -> None:
    raw = await Raw.to(short)
    await raw.send(f"GET /static/page.js HTTP/1.1\r\n{HOST}\r\n")
    status, _, _ = await raw.answer()
    assert status == 200
    assert await raw.rest() == b""
    raw.close()


# --- many ---


def _lines(server: TestServer) -> Lines:
    assert server.runner is not None
    lines = server.runner.server
    assert isinstance(lines, Lines)
    return lines


async def test_a_flood_of_idle_connections_is_bounded_and_people_go_on(service: Service) -> None:
    server = ShortServer(app.create_app(service.services), host="127.0.0.1")
    server.limits = replace(SHORT, head_seconds=60, silence_seconds=60, keepalive_seconds=60)
    await server.start_server()
    flood = [await Raw.to(server) for _ in range(40)]
    raw = await Raw.to(server)
    await raw.send(f"GET /static/page.js HTTP/1.1\r\n{HOST}\r\n")
    status, _, _ = await raw.answer()
    assert status == 200
    assert len(_lines(server)._open) <= SHORT.unknown_per_address
    for one in [raw, *flood]:
        one.close()
    await server.close()


async def test_connections_that_are_busy_are_not_ended_for_new_ones(service: Service) -> None:
    server = ShortServer(app.create_app(service.services), host="127.0.0.1")
    server.limits = replace(SHORT, head_seconds=60, silence_seconds=60)
    await server.start_server()
    busy = [await Raw.to(server) for _ in range(SHORT.unknown_per_address)]
    for one in busy:
        await one.send(f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: 10\r\n\r\n{{")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(line.is_idle for line in _lines(server)._open):
            await asyncio.sleep(0.01)
    said = await ask(server)
    assert status_of(said) == 503
    assert b"Retry-After: 5" in said
    for one in busy:
        await one.send(b'"":""}' + b"   ")
        assert (await one.answer())[0] in {400, 422}
        one.close()
    await server.close()


async def test_a_school_behind_one_address_goes_on(service: Service) -> None:
    """People who are signed in do not count against their address, so more of them work than strangers may connect."""
    from repository.access import Role

    server = ShortServer(app.create_app(service.services), host="127.0.0.1")
    server.limits = replace(SHORT, unknown_per_address=2, connections=30, keepalive_seconds=60)
    await server.start_server()
    client = await service.client(Role.TEACHER)
    bearer = client.session.headers["Authorization"]
    known = []
    for _ in range(10):
        raw = await Raw.to(server)
        await raw.send(f"GET /api/me HTTP/1.1\r\n{HOST}Authorization: {bearer}\r\n\r\n")
        assert (await raw.answer())[0] == 200
        known.append(raw)
    assert len(_lines(server)._open) == 10
    for raw in known:  # and each is still there
        await raw.send(f"GET /api/me HTTP/1.1\r\n{HOST}Authorization: {bearer}\r\n\r\n")
        assert (await raw.answer())[0] == 200
        raw.close()
    await server.close()


# --- malformed and smuggled ---

CHUNKED = "Transfer-Encoding: chunked\r\n"
NEXT = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n"
REFUSED = {
    "length and chunks": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n{NEXT}",
    "two lengths": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: 0\r\nContent-Length: 40\r\n\r\n{NEXT}",
    "two lengths in one": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: 0, 40\r\n\r\n{NEXT}",
    "a length with a sign": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: +5\r\n\r\nhello",
    "a length in hexadecimal": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: 0x5\r\n\r\nhello",
    "a negative length": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: -1\r\n\r\n",
    "a length beyond numbers": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length: {'9' * 40}\r\n\r\n",
    "a folded header": f"GET /static/page.js HTTP/1.1\r\n{HOST}X-Folded: a\r\n b\r\n\r\n",
    "a space before the colon": f"POST /api/sessions HTTP/1.1\r\n{HOST}Content-Length : 5\r\n\r\nhello",
    "a space in a name": f"GET /static/page.js HTTP/1.1\r\n{HOST}X Name: a\r\n\r\n",
    "a line without a colon": f"GET /static/page.js HTTP/1.1\r\n{HOST}nothing\r\n\r\n",
    "bare line feeds": "GET /static/page.js HTTP/1.1\nHost: 127.0.0.1\n\n",
    "a bare line feed in a header": f"GET /static/page.js HTTP/1.1\r\n{HOST}X-A: a\nTransfer-Encoding: chunked\r\n\r\n",
    "a bare return in a header": f"GET /static/page.js HTTP/1.1\r\n{HOST}X-A: a\rX-B: b\r\n\r\n",
    "a NUL in a header": f"GET /static/page.js HTTP/1.1\r\n{HOST}X-A: a\x00b\r\n\r\n",
    "a NUL in the target": f"GET /sign\x00-in HTTP/1.1\r\n{HOST}\r\n",
    "chunks that are not last": f"POST /api/sessions HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "another coding": f"POST /api/sessions HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk without size": f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}\r\n;\r\n\r\n",
    "a chunk size that is no number": f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}\r\nxyz\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a sign": f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}\r\n-1\r\n\r\n0\r\n\r\n",
    "a chunk size beyond numbers": f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}\r\n{'f' * 40}\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than its size": f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}\r\n2\r\n{{}}x\r\n0\r\n\r\n",
    "no host": "GET /static/page.js HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": f"GET /static/page.js HTTP/1.1\r\n{HOST}Host: evil.example\r\nConnection: close\r\n\r\n",
    "a host that is none": "GET /static/page.js HTTP/1.1\r\nHost: 127.0.0.1@evil.example\r\nConnection: close\r\n\r\n",
    "another target": f"GET http://evil.example/static/page.js HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n",
    "a tunnel": "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n",
    "no method of HTTP": f"G\x01T /static/page.js HTTP/1.1\r\n{HOST}\r\n",
    "another protocol": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http",
    "a preface of another version": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a line that does not end": f"GET /{'a' * 40_000} HTTP/1.1\r\n{HOST}\r\n",
    "a header that does not end": f"GET /static/page.js HTTP/1.1\r\n{HOST}X-A: {'a' * 70_000}\r\n\r\n",
    "too many headers": f"GET /static/page.js HTTP/1.1\r\n{HOST}"
    + "".join(f"X-{n}: a\r\n" for n in range(400))
    + "\r\n",
    "a foreign host": "GET /static/page.js HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
}


@pytest.mark.fault("att:D12")
@pytest.mark.parametrize("name", REFUSED)
async def test_what_two_readers_could_read_differently_is_refused(usual: TestServer, name: str) -> None:
    said = await ask(usual, REFUSED[name])
    status = status_of(said)
    assert status in {400, 421, 431, 501}, said[:300]
    assert len(re.findall(rb"HTTP/1\.[01] ", said)) == 1, said  # what was hidden behind it was not answered
    assert b"no-store" in said
    assert b"nosniff" in said
    assert b"default-src 'none'" in said
    body = json.loads(said.partition(b"\r\n\r\n")[2])
    assert body["status"] == status
    assert body["detail"].endswith(".")
    assert b"evil.example" not in said


async def test_chunk_extensions_and_trailers_change_nothing(usual: TestServer) -> None:
    raw = await Raw.to(usual)
    await raw.send(
        f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}Content-Type: application/json\r\n\r\n"
        '2;name="0\tx"\r\n{}\r\n0\r\nX-Trailer: 100\r\n\r\n',
        f"GET /static/page.js HTTP/1.1\r\n{HOST}\r\n",
    )
    first, second = await raw.answer(), await raw.answer()
    assert (first[0], second[0]) == (422, 200), (first, second)
    raw.close()


async def test_a_length_in_the_trailer_ends_the_connection(usual: TestServer) -> None:
    said = await ask(
        usual,
        f"POST /api/sessions HTTP/1.1\r\n{HOST}{CHUNKED}Content-Type: application/json\r\n\r\n"
        f"2\r\n{{}}\r\n0\r\nContent-Length: 100\r\n\r\n{NEXT}",
    )
    assert len(re.findall(rb"HTTP/1\.[01] ", said)) <= 1
    assert b" 200 " not in said


async def test_pipelined_requests_are_answered_in_order(usual: TestServer) -> None:
    raw = await Raw.to(usual)
    paths = ["/static/page.js", "/nothing", "/static/page.js", "/api/me", "/static/page.js"]
    await raw.send(*(f"GET {path} HTTP/1.1\r\n{HOST}\r\n" for path in paths))
    assert [(await raw.answer())[0] for _ in paths] == [200, 404, 200, 401, 200]
    raw.close()


async def test_an_old_version_is_answered_and_ended(usual: TestServer) -> None:
    said = await ask(usual, f"GET /static/page.js HTTP/1.0\r\n{HOST}\r\n")
    assert said.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200"))


async def test_an_absolute_target_of_this_host_is_the_same_as_its_path(usual: TestServer) -> None:
    said = await ask(usual, f"GET http://127.0.0.1/static/page.js HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
    assert status_of(said) == 200


async def test_leave_is_not_given_for_a_body_that_is_too_large(usual: TestServer) -> None:
    raw = await Raw.to(usual)
    await raw.send(f"POST /uploads HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: 900000000\r\n\r\n")
    status, _, _ = await raw.answer()
    assert status == 401
    raw.close()


async def test_another_expectation_is_refused(usual: TestServer) -> None:
    said = await ask(
        usual,
        f"POST /api/sessions HTTP/1.1\r\n{HOST}Expect: 200-ok\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
    )
    assert status_of(said) == 417
