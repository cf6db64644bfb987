"""The whole real server killed at random under load: `nea serve` in a process of its own, several clients at once.

Nothing is wrapped here: the real composition, the real sizes of parts, the real inspector. What lies in the store
between two lives is read from the disk and held against ST-01.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientError, ClientSession, ClientTimeout

from storage.names import DOCUMENTS, KEYS
from tests.servers.seaweed import free_ports

from .points import HEADER_BYTES
from .processes import Service
from .serving import last_life
from .stage import STREAM, TUS, Prepared, environ_of, prepare, upload_metadata

PATIENCE_SECONDS = 600.0


def sound(size: int, chosen: random.Random) -> bytes:
    """A genuine recording of about ``size`` bytes."""
    target = io.BytesIO()
    with wave.open(target, "wb") as recording:
        recording.setnchannels(2)
        recording.setsampwidth(2)
        recording.setframerate(48_000)
        recording.writeframes(chosen.randbytes(max(48_000, size // 4 * 4)))  # a quarter of a second at least
    return target.getvalue()


@dataclass
class Uploader:
    """One teacher's program that never gives up, and remembers the most that was ever acknowledged to it."""

    service: Service
    prepared: Prepared
    chosen: random.Random
    finished: dict[str, str] = field(default_factory=dict)
    resumed: int = 0

    async def run(self, more: Callable[[], bool], sizes: Callable[[random.Random], int]) -> None:
        """Upload one file after the other as long as there is to be more; each is finished, whatever happens."""
        timeout = ClientTimeout(total=60, sock_connect=5)
        while more():
            data = sound(sizes(self.chosen), self.chosen)
            async with ClientSession(timeout=timeout) as session:
                oid = await self._finish(session, data)
            self.finished[oid] = hashlib.sha256(data).hexdigest()

    async def _finish(self, session: ClientSession, data: bytes) -> str:
        made: dict[str, str] | None = None
        acknowledged = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    made = made or await self._create(session, data)
                    offset = await self._offset(session, made)
                    assert offset >= acknowledged, f"ST-02: {acknowledged} was acknowledged, now {offset}"
                    while offset < len(data):
                        piece = data[offset : offset + self.chosen.randint(1, len(data))]
                        headers = {**STREAM, "Upload-Token": made["token"], "Upload-Offset": str(offset)}
                        url = self.service.base + made["location"]
                        async with session.patch(url, headers=headers, data=io.BytesIO(piece)) as answer:
                            assert answer.status in {204, 409, 423, 503}, (answer.status, await answer.text())
                            if answer.status != 204:
                                break
                            offset = acknowledged = int(answer.headers["Upload-Offset"])
                    else:
                        return made["location"].rpartition("/")[2]
                except (ClientError, ClientConnectionError, ConnectionError, TimeoutError):
                    self.resumed += 1
                await asyncio.sleep(0.05)

    async def _create(self, session: ClientSession, data: bytes) -> dict[str, str]:
        pairs = {"item": self.chosen.choice(self.prepared.items), "slot": "work", "filename": "1001_talk.wav"}
        headers = {
            **TUS,
            "Authorization": f"Bearer {self.prepared.bearer}",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": upload_metadata(**pairs, sha256=hashlib.sha256(data).hexdigest()),
        }
        async with session.post(f"{self.service.base}/uploads", headers=headers) as answer:
            if answer.status == 503:
                raise ConnectionResetError
            assert answer.status == 201, (answer.status, await answer.text())
            return {"location": answer.headers["Location"], "token": answer.headers["Upload-Token"]}

    async def _offset(self, session: ClientSession, made: dict[str, str]) -> int:
        headers = {**TUS, "Upload-Token": made["token"]}
        async with session.head(self.service.base + made["location"], headers=headers) as answer:
            if answer.status == 503:
                raise ConnectionResetError
            assert answer.status == 200, answer.status
            return int(answer.headers["Upload-Offset"])


@dataclass
class Ciphertexts:
    """Every staged ciphertext that was ever seen lying in the store."""

    folder: Path
    seen: dict[bytes, tuple[str, bytes]] = field(default_factory=dict)

    def look(self) -> None:
        """Hold what lies there now against all that was seen; a file that a kill cut short has a header too."""
        for path in (self.folder / "objects" / "objects" / "q").rglob("*"):
            blob = path.read_bytes() if path.is_file() else b""
            if len(blob) > HEADER_BYTES and not path.name.startswith("."):
                found = (path.name, hashlib.sha256(blob).digest())
                assert self.seen.setdefault(blob[:HEADER_BYTES], found) == found, f"ST-01: {path.name}"


@pytest.mark.fault("inj:F2", "att:G06", "att:G09", "real:R16", "real:R21")
@pytest.mark.parametrize(
    ("database", "kills", "clients"),
    [
        ("sqlite", 3, 4),
        pytest.param("postgres", 2, 3, marks=pytest.mark.postgres),
        pytest.param("sqlite", 150, 20, marks=pytest.mark.long),
        pytest.param("postgres", 150, 20, marks=[pytest.mark.long, pytest.mark.postgres]),
    ],
)
async def test_st01_to_st04_kill_9_at_random_under_load(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, kills: int, clients: int, seed: int
) -> None:
    chosen = random.Random(seed)
    more = {"NEA_DATABASE_URL": request.getfixturevalue("migrated_postgres_url")} if database == "postgres" else {}
    environ = environ_of(tmp_path / "data", **{**more, "NEA_WORKS_ITSELF": "yes"})
    prepared = await prepare(environ, datetime.now(UTC), uploaders=clients, migrated=database == "postgres")
    service = Service(environ, free_ports(1)[0], tmp_path / "serve.log")
    ciphertexts = Ciphertexts(tmp_path / "data")
    uploaders = [Uploader(service, one, random.Random(chosen.randrange(2**32))) for one in prepared]
    left = kills

    def size(chosen: random.Random) -> int:
        return chosen.choice(
            [chosen.randint(1, 100_000), chosen.randint(1, 3_000_000), chosen.randint(8_000_000, 20_000_000)]
        )

    await service.start()
    sending = [asyncio.create_task(one.run(lambda: left > 0, size)) for one in uploaders]
    try:
        while left:
            await asyncio.sleep(chosen.uniform(0.05, 1.5))
            service.kill()
            ciphertexts.look()
            left -= 1
            await service.start()
        await asyncio.gather(*sending)
        service.kill()
        await check(environ, ciphertexts, uploaders)
    finally:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        if service.process is not None and service.process.poll() is None:
            service.kill()
    assert sum(one.resumed for one in uploaders) > 0, "no client was ever interrupted"
    text = service.log.read_text()
    assert "where=" not in text, text[-4000:]


async def check(environ: Mapping[str, str], ciphertexts: Ciphertexts, uploaders: list[Uploader]) -> None:
    """Let a last life do the work that is left, and hold everything against what the clients sent."""
    found = await last_life(environ)
    ciphertexts.look()
    assert not set(found["referenced"]) - set(found["names"])
    # What is staged and belongs to nobody any more is collected later, and so is what a worker that was killed had drawn
    # of a document; the published log has no row that refers to it. No document lies there that no row names.
    left = set(found["names"]) - set(found["referenced"])
    own = {document["oid"] for document in found["documents"]}
    assert all(name.startswith(("q/", "audit/", DOCUMENTS, KEYS)) for name in left)
    assert not {
        name for name in left if name.startswith(DOCUMENTS) and name.removeprefix(DOCUMENTS).partition("/")[0] in own
    }
    assert all(row["done"] for row in found["work"]), found["work"]
    documents = {document["oid"]: document for document in found["documents"]}
    events = {(oid, action): count for oid, action, count in found["events"]}
    for uploader in uploaders:
        for oid, sha256 in uploader.finished.items():
            document = documents[oid]
            assert (document["state"], document["sha256"], document["read_back"]) == ("released", sha256, sha256)
            assert events[oid, "document.arrived"] == events[oid, "document.released"] == 1, "ST-04"
    assert sum(len(uploader.finished) for uploader in uploaders) == len(documents), "ST-04: something arrived twice"
