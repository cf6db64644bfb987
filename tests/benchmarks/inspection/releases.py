"""From the last byte to released, over a real server with a real clamd and the sandbox; and what clamd takes a second."""

from __future__ import annotations

import asyncio
import base64
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from aiohttp import ClientSession, ClientTimeout

from repository.access import Role
from repository.antivirus import Clamd, ScanState
from repository.demo import serving
from repository.settings import from_environ
from tests.servers import clamd

from ..figures import Figure
from ..journey import seed
from . import documents

MIB = 1024 * 1024
SCANNED_BYTES = 64 * MIB
SETTLE_SECONDS = 60
TARGET_SECONDS = 2


async def scanned_per_second(socket_path: Path, size_bytes: int) -> float:
    """Return how many MB a second clamd takes and answers for."""
    content = Random(7).randbytes(size_bytes)

    async def read() -> AsyncIterator[bytes]:
        for start in range(0, size_bytes, 256 * 1024):
            yield content[start : start + 256 * 1024]

    scanner = Clamd(socket_path, None, lambda: datetime.now(UTC))
    begun = time.monotonic()
    result = await scanner.scan(read, size_bytes)
    if result.state is not ScanState.CLEAN:
        raise SystemExit(f"clamd did not scan: {result}")
    return size_bytes / 1e6 / (time.monotonic() - begun)


class Teacher:
    """Uploads as the page does: one request for a small file, then asks how the document stands."""

    def __init__(self, session: ClientSession, address: str, bearer: str) -> None:
        self._session, self._address = session, address
        self._headers = {"Authorization": f"Bearer {bearer}"}

    async def items(self) -> list[str]:
        """Return the sampled works of an uploading case."""
        for case in (await self._get("/api/cases"))["cases"]:
            if case["submission_mode"] == "UPLOAD" and case["state"] in {"SAMPLE_REQUESTED", "UPLOADING"}:
                return [one["id"] for one in (await self._get(f"/api/cases/{case['id']}/sample"))["items"]]
        raise SystemExit("The rehearsal has no sample to send.")

    async def release(self, item_id: str, data: bytes, number: int) -> float:
        """Upload a file; returns the seconds from its last byte to its release."""
        pairs = {"filename": f"work-{number}.pdf", "item": item_id, "slot": "work"}
        metadata = ",".join(f"{name} {base64.b64encode(text.encode()).decode()}" for name, text in pairs.items())
        headers = self._headers | {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": metadata,
            "Content-Type": "application/offset+octet-stream",
        }
        async with self._session.post(f"{self._address}/uploads", data=data, headers=headers) as answer:
            if answer.status != 201:
                raise SystemExit(f"The upload was answered with {answer.status}: {await answer.text()}")
            begun, where = time.monotonic(), answer.headers["Document-Location"]
        while time.monotonic() - begun < SETTLE_SECONDS:
            document = await self._get(where)
            if document["state"] == "released":
                return time.monotonic() - begun
            if document["state"] in {"held", "rejected"}:
                raise SystemExit(f"The document is {document['state']}: {document['reason']}")
            await asyncio.sleep(0.01)
        raise SystemExit("The document was not released within a minute.")

    async def _get(self, path: str) -> Any:
        async with self._session.get(self._address + path, headers=self._headers) as answer:
            return await answer.json()


@contextmanager
def _folder():
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as name:
        yield Path(name)


async def _measure(folder: Path, socket_path: Path, quick: bool) -> list[Figure]:
    rounds = 5 if quick else 30
    settings = serving.settings_in(folder / "data", from_environ({}).frontend_dir)
    settings = replace(settings, clamd_socket=socket_path, clamd_signatures_hours=0)
    tokens = await seed(settings)
    rate = await scanned_per_second(socket_path, SCANNED_BYTES)
    async with (
        serving.running(settings) as server,
        ClientSession(timeout=ClientTimeout(total=120)) as session,
    ):
        async with session.post(f"{server.address}/api/sessions", json={"token": tokens[Role.TEACHER]}) as answer:
            teacher = Teacher(session, server.address, (await answer.json())["token"])
        items = await teacher.items()
        await teacher.release(items[0], documents.essay(1, 99), 0)
        taken = [await teacher.release(items[n % len(items)], documents.essay(20, 100 + n), n) for n in range(rounds)]
        begun = time.monotonic()
        files = [documents.essay(5, 1000 + n) for n in range(rounds)]
        await asyncio.gather(*(teacher.release(items[n % len(items)], data, 500 + n) for n, data in enumerate(files)))
        many = rounds * 5 / (time.monotonic() - begun)
    worst = quantiles(taken, n=20)[18] if len(taken) > 1 else taken[0]
    return [
        Figure("scanned by clamd (with one signature)", round(rate, 1), "MB/s", 50),
        Figure(
            "last byte to released, 20 pages, one at a time: median", round(median(taken), 2), "s", TARGET_SECONDS, True
        ),
        Figure("  nineteen of twenty within", round(worst, 2), "s"),
        Figure(f"{rounds} files of 5 pages at once: released", round(many, 1), "pages/s"),
    ]


def measure(quick: bool) -> list[Figure]:
    """Measure a server of its own, with a clamd of its own."""
    with _folder() as folder, clamd.running(folder / "clamd") as socket_path:
        return asyncio.run(_measure(folder, socket_path, quick))
