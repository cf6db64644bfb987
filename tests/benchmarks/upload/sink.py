"""An S3 endpoint that is not the bottleneck: what a client can send, not what a store can keep. Word: port.

Small bodies are kept in memory, large ones only counted: fresh memory for them would cost more than receiving them. It
proves nothing about correctness, so nothing but throughput is measured on it; tests use a real server.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from itertools import count
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

import uvloop

KEPT_BYTES = 1024 * 1024
_XML = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(slots=True)
class Blob:
    """A kept body, in the pieces it came in."""

    pieces: list[bytes]
    size_bytes: int
    metadata: dict[str, str] = field(default_factory=dict)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of a range."""
        found, at = [], 0
        for piece in self.pieces:
            if at < stop and at + len(piece) > start:
                found.append(piece[max(0, start - at) : stop - at])
            at += len(piece)
        return b"".join(found)


@dataclass(slots=True)
class Store:
    """What all connections share."""

    blobs: dict[str, Blob] = field(default_factory=dict)
    joins: dict[str, tuple[str, dict[str, str], dict[int, Blob]]] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=lambda: count(1))


@dataclass(slots=True)
class Request:
    """One request, its body collected."""

    method: str
    key: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: list[bytes]

    def blob(self) -> Blob:
        """Return the body as a blob; a chunked signature's framing is not unpacked, only its true size is noted."""
        size = int(self.headers.get("x-amz-decoded-content-length") or self.headers.get("content-length", "0"))
        metadata = {name: value for name, value in self.headers.items() if name.startswith("x-amz-meta-")}
        return Blob(self.body, size, metadata)


class Connection(asyncio.Protocol):
    """One connection; requests follow one another."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head = bytearray()
        self._request: Request | None = None
        self._left = 0
        self._chunked = False
        self._keeps = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where answers go."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect a head, then a body."""
        while data:
            if self._request is None:
                self._head += data
                head, found, data = bytes(self._head).partition(b"\r\n\r\n")
                if not found:
                    return
                self._head.clear()
                self._begin(head.decode("latin-1"))
            elif self._left:
                piece, data = data[: self._left], data[self._left :]
                if self._keeps:
                    self._request.body.append(piece)
                self._left -= len(piece)
            elif self._chunked:
                data = self._next_chunk(data)
            if self._left == 0 and not self._chunked and self._request is not None:
                request, self._request = self._request, None
                self._answer(request)

    def _next_chunk(self, data: bytes) -> bytes:
        """Read the line before a chunk; the last chunk has no bytes."""
        self._head += data
        line, found, rest = bytes(self._head).lstrip(b"\r\n").partition(b"\r\n")
        if not found or (line.startswith(b"0") and not rest.startswith(b"\r\n")):
            return b""
        self._head.clear()
        self._left = int(line.partition(b";")[0], 16)
        self._chunked = self._left > 0
        return rest if self._chunked else rest[2:]

    def _begin(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        parts = urlsplit(target)
        key = unquote(parts.path).lstrip("/").partition("/")[2]
        self._request = Request(method, key, parse_qs(parts.query, keep_blank_values=True), headers, [])
        self._left = int(headers.get("content-length", "0"))
        self._keeps = self._left < KEPT_BYTES and "x-amz-decoded-content-length" not in headers
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        if headers.get("expect"):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self, request: Request) -> None:
        status, headers, body = _handle(self._store, request)
        headers = {"Content-Length": str(len(body)), "ETag": f'"{next(self._store.numbers)}"', **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {status} OK\r\n{lines}\r\n".encode("latin-1"))
        if body and request.method != "HEAD":
            self._transport.write(body)


Answer = tuple[int, dict[str, str], bytes]


def _handle(store: Store, request: Request) -> Answer:
    upload_id = request.query.get("uploadId", [""])[0]
    if upload_id:
        return _join(store, request, upload_id)
    if "uploads" in request.query:
        return _begin_join(store, request)
    handlers: dict[str, Callable[[Store, Request], Answer]] = {
        "PUT": _put, "GET": _get, "HEAD": _get, "DELETE": _delete,
    }  # fmt: skip
    return handlers[request.method](store, request)


def _source(store: Store, request: Request) -> Blob | None:
    source = request.headers.get("x-amz-copy-source")
    return store.blobs[unquote(source).lstrip("/").partition("/")[2]] if source else None


def _put(store: Store, request: Request) -> Answer:
    given, source = request.blob(), _source(store, request)
    store.blobs[request.key] = Blob(source.pieces, source.size_bytes, given.metadata) if source else given
    body = f"{_XML}<CopyObjectResult><ETag>1</ETag></CopyObjectResult>".encode() if source else b""
    return 200, {}, body


def _get(store: Store, request: Request) -> Answer:
    if "list-type" in request.query or not request.key:
        return 200, {}, _listed(store, request.query.get("prefix", [""])[0])
    blob = store.blobs.get(request.key)
    if blob is None:
        return 404, {}, b"" if request.method == "HEAD" else f"{_XML}<Error><Code>NoSuchKey</Code></Error>".encode()
    headers = {"Last-Modified": formatdate(usegmt=True), **blob.metadata}
    if request.method == "HEAD":
        return 200, {**headers, "Content-Length": str(blob.size_bytes)}, b""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if asked is None:
        return 200, headers, blob.read(0, blob.size_bytes)
    start, stop = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else blob.size_bytes, blob.size_bytes)
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size_bytes}"
    return 206, headers, blob.read(start, stop)


def _listed(store: Store, prefix: str) -> bytes:
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    rows = "".join(
        f"<Contents><Key>{key}</Key><Size>{blob.size_bytes}</Size><LastModified>{at}</LastModified></Contents>"
        for key, blob in sorted(store.blobs.items())
        if key.startswith(prefix)
    )
    return f"{_XML}<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()


def _delete(store: Store, request: Request) -> Answer:
    if not request.key:
        store.blobs.clear()
        store.joins.clear()
    store.blobs.pop(request.key, None)
    return 204, {}, b""


def _begin_join(store: Store, request: Request) -> Answer:
    if request.method == "GET":
        return 200, {}, f"{_XML}<ListMultipartUploadsResult></ListMultipartUploadsResult>".encode()
    upload_id = str(next(store.numbers))
    store.joins[upload_id] = (request.key, request.blob().metadata, {})
    body = f"<UploadId>{upload_id}</UploadId><Key>{request.key}</Key>"
    return 200, {}, f"{_XML}<InitiateMultipartUploadResult>{body}</InitiateMultipartUploadResult>".encode()


def _join(store: Store, request: Request, upload_id: str) -> Answer:
    key, metadata, parts = store.joins[upload_id]
    if request.method == "PUT":
        source = _source(store, request)
        parts[int(request.query["partNumber"][0])] = source or request.blob()
        body = f"{_XML}<CopyPartResult><ETag>1</ETag></CopyPartResult>".encode() if source else b""
        return 200, {}, body
    if request.method == "GET":
        rows = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>1</ETag><Size>{part.size_bytes}</Size></Part>"
            for number, part in sorted(parts.items())
        )
        body = f"{_XML}<ListPartsResult><IsTruncated>false</IsTruncated>{rows}</ListPartsResult>".encode()
        return 200, {}, body
    del store.joins[upload_id]
    if request.method == "POST":
        ordered = [part for _, part in sorted(parts.items())]
        pieces = [piece for part in ordered for piece in part.pieces]
        store.blobs[key] = Blob(pieces, sum(part.size_bytes for part in ordered), metadata)
        joined = f"<Key>{key}</Key><ETag>1</ETag>"
        return 200, {}, f"{_XML}<CompleteMultipartUploadResult>{joined}</CompleteMultipartUploadResult>".encode()
    return 204, {}, b""


async def serve(port: int) -> None:
    """Serve until stopped."""
    store = Store()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(store), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
