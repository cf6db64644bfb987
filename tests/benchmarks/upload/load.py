"""Sends files over the tus protocol and says how long it took. One process of its own; reads its task from stdin.

Blocking sockets and threads: while one thread waits in the system call the others run, and the client stays far cheaper
than any server measured.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import struct
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from itertools import count
from urllib.parse import urlsplit

HEAD = (
    b"RIFF\xff\xff\xff\xffWAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 8, 192_000, 3_072_000, 16, 16)
    + b"data\xff\xff\xff\xff"
)
BLOCK = memoryview(HEAD + os.urandom(1024 * 1024 - len(HEAD)))
"""A recording whose recorder never came back to say how long it is: it passes its checks, so that ranges of it can be read.

Three megabytes are a second of it, so that a large file takes seconds to be made playable.
"""

BODY_TYPE = "application/offset+octet-stream"


@dataclass(frozen=True, slots=True)
class Task:
    """What to send: ``files`` of ``size_bytes``, ``at_once`` at a time, their metadata taken in turn."""

    address: str
    files: int
    size_bytes: int
    at_once: int
    headers: dict[str, str] = field(default_factory=dict)
    metadata: list[dict[str, str]] = field(default_factory=list)
    in_one_request: bool = False

    def as_json(self) -> str:
        """Return the task as the client reads it."""
        return json.dumps(asdict(self))


def _send_body(connection: http.client.HTTPConnection, size_bytes: int) -> None:
    left = size_bytes
    while left:
        piece = BLOCK[: min(left, len(BLOCK))]
        connection.send(piece)
        left -= len(piece)


def _answer(connection: http.client.HTTPConnection, expected: int) -> http.client.HTTPResponse:
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != expected:
        raise SystemExit(f"expected {expected}, got {answer.status}: {body[:300]!r}")
    return answer


def _begin(
    connection: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str], size_bytes: int
) -> None:
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in {**headers, "Tus-Resumable": "1.0.0", "Content-Length": str(size_bytes)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    _send_body(connection, size_bytes)


def send_file(connection: http.client.HTTPConnection, task: Task, number: int) -> None:
    """Send one file: create and append, in one request where the server offers it."""
    pairs = task.metadata[number % len(task.metadata)] if task.metadata else {}
    encoded = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())
    headers = {**task.headers, "Upload-Length": str(task.size_bytes)}
    if encoded:
        headers["Upload-Metadata"] = encoded
    path = urlsplit(task.address).path
    if task.in_one_request:
        _begin(connection, "POST", path, {**headers, "Content-Type": BODY_TYPE}, task.size_bytes)
        _answer(connection, 201)
        return
    _begin(connection, "POST", path, headers, 0)
    created = _answer(connection, 201)
    token = created.headers.get("Upload-Token")
    headers = {**task.headers, "Upload-Offset": "0", "Content-Type": BODY_TYPE}
    if token:
        headers["Upload-Token"] = token
    _begin(connection, "PATCH", urlsplit(created.headers["Location"]).path, headers, task.size_bytes)
    _answer(connection, 204)


def run(task: Task) -> float:
    """Send everything; returns the seconds from the first request to the last answer."""
    numbers, problems = count(), []
    parts = urlsplit(task.address)

    def work() -> None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=300)
        try:
            while (number := next(numbers)) < task.files:
                send_file(connection, task, number)
        except BaseException as error:
            problems.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(task.at_once)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if problems:
        raise SystemExit(problems[0])
    return seconds


if __name__ == "__main__":
    print(json.dumps({"seconds": run(Task(**json.load(sys.stdin)))}))
