"""Many writers on one upload: duplicate, overlapping, out of order, too late. One wins each byte; the file is exact."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError

from .life import SMALL
from .serving import Sent, Serving, serving
from .stage import STREAM, TUS, environ_of

P = SMALL.part_plain_bytes
MINE = {204, 400, 409, 423, 503}
"""What a writer may be told: taken, too long, elsewhere, wait. Never anything else."""


class Race:
    """Writers of one upload, each with a mind of its own; what each was told is counted."""

    def __init__(self, service: Serving, made: dict[str, str], data: bytes, chosen: random.Random) -> None:
        self._service = service
        self._made = made
        self._data = data
        self._chosen = chosen
        self.told: Counter[int] = Counter()
        self.acknowledged = 0
        self.moved: list[tuple[int, int]] = []

    async def write(self) -> None:
        """Send pieces from where the upload stands, or stood, or might stand, until it is complete."""
        async with asyncio.timeout(60):
            offset = 0
            while offset < len(self._data):
                guess = self._chosen.choice([offset, offset, offset, self._chosen.randint(0, len(self._data)), 0])
                await self._patch(guess, self._data[guess : guess + self._chosen.randint(1, 2 * P)])
                offset = await self._offset()

    async def _patch(self, offset: int, piece: bytes) -> None:
        headers = {**STREAM, "Upload-Token": self._made["token"], "Upload-Offset": str(offset)}
        url = self._service.base + self._made["location"]
        try:
            async with self._service.session.patch(url, headers=headers, data=io.BytesIO(piece)) as answer:
                self.told[answer.status] += 1
                assert answer.status in MINE, await answer.text()
                if answer.status == 204:
                    after = int(answer.headers["Upload-Offset"])
                    assert after == offset + len(piece)
                    if piece:
                        self.moved.append((offset, after))
                    self.acknowledged = max(self.acknowledged, after)
        except (ClientConnectionError, ConnectionError):
            self.told[0] += 1  # another connection took over

    async def _offset(self) -> int:
        promised = self.acknowledged
        headers = {**TUS, "Upload-Token": self._made["token"]}
        async with self._service.session.head(self._service.base + self._made["location"], headers=headers) as answer:
            assert answer.status == 200
            offset = int(answer.headers["Upload-Offset"])
        assert offset >= promised, f"ST-02: {promised} was acknowledged, now {offset}"
        return offset

    async def late(self) -> None:
        """Send after the end: nothing, and something."""
        size = len(self._data)
        before = self.told.total(), self.told[204]
        await self._patch(size, b"")
        assert (self.told.total(), self.told[204]) == (before[0] + 1, before[1] + 1)
        await self._patch(size, b"more")
        await self._patch(0, self._data[:10])
        assert self.told[204] == before[1] + 1, "bytes were taken after the end"


@pytest.mark.fault("inj:F10", "att:D01", "att:D02", "att:D03", "att:D20", "real:R05")
@pytest.mark.parametrize(
    ("database", "uploads"),
    [
        ("sqlite", 12),
        pytest.param("postgres", 8, marks=pytest.mark.postgres),
        pytest.param("sqlite", 500, marks=pytest.mark.long),
        pytest.param("postgres", 500, marks=[pytest.mark.long, pytest.mark.postgres]),
    ],
)
async def test_st05_of_many_writers_one_wins_each_byte(
    request: pytest.FixtureRequest, tmp_path: Path, seed: int, database: str, uploads: int
) -> None:
    more = {"NEA_DATABASE_URL": request.getfixturevalue("postgres_url")} if database == "postgres" else {}
    chosen = random.Random(seed)
    told: Counter[int] = Counter()
    async with serving(environ_of(tmp_path / "data", **more), SMALL) as service:
        sent = []
        for _ in range(uploads):
            data = chosen.randbytes(chosen.randint(1, 5 * P))
            sha256 = hashlib.sha256(data).hexdigest()
            client = service.client()
            made = await client.create(len(data), sha256)
            race = Race(service, made, data, chosen)
            await asyncio.gather(*(race.write() for _ in range(chosen.randint(4, 16))))
            await race.late()
            ends = sorted(race.moved)
            assert all(a[1] <= b[0] for a, b in pairwise(ends)), f"ST-05: a byte taken twice: {ends}"
            told += race.told
            sent.append(Sent(client.oid(made), sha256, made))
        await service.work()
        for one in sent:
            document = await service.document(one)
            assert (document["state"], document["read_back"]) == ("released", one.sha256)
            assert document["events"]["document.arrived"] == 1
    print(f"{uploads} uploads, told {dict(told)}")
    assert told[409] > uploads, "they hardly met"
