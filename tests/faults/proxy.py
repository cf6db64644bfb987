"""A proxy of our own before a real S3 server: it passes requests on, or lies about them as the test says.

It speaks as much of HTTP/1.1 as S3 clients use: bodies of known length or in chunks, connections that are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_LIMIT_BYTES = 64 * 1024
NO_BODY = {204, 304}
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks of the store. ``key`` is the object's name, empty for the bucket itself."""

    method: str
    target: str
    head: bytes
    headers: Headers
    body: bytes

    @property
    def key(self) -> str:
        """The object's name."""
        return unquote(urlsplit(self.target).path).lstrip("/").partition("/")[2]

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def act(self) -> str:
        """What is asked, in one word: put, copy, get, head, delete, list, begin, part, complete, abort, others."""
        copies = "x-amz-copy-source" in self.headers
        if "uploads" in self.query:
            return "begin" if self.method == "POST" else "others"
        if "uploadId" in self.query:
            return {"POST": "complete", "DELETE": "abort", "PUT": "part"}.get(self.method, "others")
        if not self.key:
            return "list" if self.method == "GET" else "others"
        return "copy" if copies else self.method.lower()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client is told. ``cut_at`` ends the line after so many bytes of the body."""

    status: int
    headers: Headers = field(default_factory=dict)
    body: bytes = b""
    cut_at: int | None = None


class Reset(Exception):
    """Break the line without an answer."""


Forward = Callable[[Request], Awaitable[Answer]]
Rule = Callable[[Request, Forward], Awaitable[Answer]]


async def honest(request: Request, forward: Forward) -> Answer:
    """Pass everything on."""
    return await forward(request)


def error(status: int, code: str) -> Answer:
    """A refusal as S3 words it."""
    return Answer(status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode())


class Proxy:
    """Listens on a loopback port. ``rule`` decides about each request and may be changed at any time."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self.rule: Rule = honest
        self.seen: list[tuple[str, str, int]] = []
        self.lied = 0
        self.address = ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Listen until the block ends."""
        lines: set[asyncio.Task[None]] = set()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            lines.add(task)
            try:
                await self._serve(reader, writer)
            finally:
                lines.discard(task)

        server = await asyncio.start_server(take, "127.0.0.1", 0, limit=HEAD_LIMIT_BYTES)
        self.address = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
        try:
            yield self
        finally:
            server.close()
            for line in list(lines):
                line.cancel()
            await asyncio.gather(*lines, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader, writer)) is not None:
                answer = await self.rule(request, self._forward)
                self.seen.append((request.act, request.key, answer.status))
                if not await _write_answer(writer, request, answer):
                    break
        except (Reset, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _forward(self, request: Request) -> Answer:
        reader, writer = await asyncio.open_connection(*self._upstream, limit=HEAD_LIMIT_BYTES)
        try:
            writer.write(request.head + request.body)
            await writer.drain()
            status_line, headers = _read_head(await reader.readuntil(b"\r\n\r\n"))
            status = int(status_line.split()[1])
            body = b"" if request.method == "HEAD" or status in NO_BODY else await _read_body(reader, headers)
            return Answer(status, headers, body)
        finally:
            writer.close()


def lying(proxy: Proxy, applies: Callable[[Request], bool], lie: Rule, times: int | None = None) -> Rule:
    """A rule that lies about the requests it applies to, ``times`` at most, and passes on the rest."""

    async def rule(request: Request, forward: Forward) -> Answer:
        if not applies(request) or (times is not None and proxy.lied >= times):
            return await forward(request)
        proxy.lied += 1
        return await lie(request, forward)

    return rule


def changed(answer: Answer, body: bytes, **headers: str) -> Answer:
    """An answer with another body, its length told truly."""
    kept = {
        name: value for name, value in answer.headers.items() if name not in {"content-length", "transfer-encoding"}
    }
    return replace(answer, headers=kept | {name.replace("_", "-"): value for name, value in headers.items()}, body=body)


def _read_head(head: bytes) -> tuple[str, Headers]:
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first, {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, headers = _read_head(head)
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, target, _ = first.split(" ", 2)
    return Request(method, target, head, headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: Headers) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.read()
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


async def _write_answer(writer: asyncio.StreamWriter, request: Request, answer: Answer) -> bool:
    headers = {name: value for name, value in answer.headers.items() if name not in {"transfer-encoding", "connection"}}
    if request.method != "HEAD" and answer.status not in NO_BODY:
        headers["content-length"] = str(len(answer.body))
    lines = [f"HTTP/1.1 {answer.status} As told", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body[: answer.cut_at])
    await writer.drain()
    return answer.cut_at is None
