"""A client that uploads by tus and takes up again where the service says it stands, whatever happened between."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession

from .stage import STREAM, TUS, Prepared, upload_metadata
from .trace import Trace, records

Chunking = Callable[[int], int]
LATER = {409, 423, 503, 507}
"""What a client may be told when it is to ask where the upload stands, and go on."""
TRIES = 40


def chunking(name: str, size: int, part_bytes: int, seed: int) -> Chunking:
    """How a file is cut: the length of the next piece from the offset it begins at.

    Takes: `first` (one byte, then half a part, then the rest), `one`, `part`, `small`, `random` or `halves`.
    """
    chosen = random.Random(seed)
    cuts: dict[str, Chunking] = {
        "one": lambda offset: size,
        "first": lambda offset: 1 if offset == 0 else part_bytes // 2 if offset < part_bytes // 2 else size,
        "part": lambda offset: part_bytes,
        "small": lambda offset: max(1, part_bytes // 3),
        "random": lambda offset: chosen.randint(1, 2 * part_bytes),
        "halves": lambda offset: max(1, size // 2),
    }
    return cuts[name]


@dataclass
class Client:
    """One teacher's program. What it must not forget lies in the trace, as in a browser's storage."""

    session: ClientSession
    base: str
    prepared: Prepared
    trace: Trace
    trace_path: Path
    reached: Callable[[str], None] = lambda _label: None
    pause_seconds: float = 0.02

    def known(self) -> dict[str, str] | None:
        """The upload that an earlier life made, if its reply arrived."""
        found = list(records(self.trace_path, "created"))
        return dict(found[-1].facts) if found else None

    @staticmethod
    def oid(made: dict[str, str]) -> str:
        """The id of an upload."""
        return made["location"].rpartition("/")[2]

    async def create(self, size: int, sha256: str | None, name: str = "1001_work.pdf") -> dict[str, str]:
        """Make an upload, or find the one that was made."""
        made = self.known()
        if made is not None:
            return made
        pairs = {"item": self.prepared.items[0], "slot": "work", "filename": name}
        headers = {
            **TUS,
            "Authorization": f"Bearer {self.prepared.bearer}",
            "Upload-Length": str(size),
            "Upload-Metadata": upload_metadata(**pairs, **({"sha256": sha256} if sha256 else {})),
        }
        for _ in range(TRIES):
            async with self.session.post(f"{self.base}/uploads", headers=headers) as answer:
                if answer.status == 201:
                    self.reached("after reply POST")
                    made = {"location": answer.headers["Location"], "token": answer.headers["Upload-Token"]}
                    self.trace.add("created", **made)
                    return made
                assert answer.status in LATER, (answer.status, await answer.text())
            await asyncio.sleep(self.pause_seconds)
        raise AssertionError("no upload could be made")

    async def offset(self, made: dict[str, str]) -> int | None:
        """Where the upload stands; None when it has ended."""
        headers = {**TUS, "Upload-Token": made["token"]}
        for _ in range(TRIES):
            async with self.session.head(self.base + made["location"], headers=headers) as answer:
                self.reached("after reply HEAD")
                if answer.status == 410:
                    return None
                if answer.status == 200:
                    return int(answer.headers["Upload-Offset"])
                assert answer.status in LATER, answer.status
            await asyncio.sleep(self.pause_seconds)
        raise AssertionError("the service does not say where the upload stands")

    async def send(self, made: dict[str, str], data: bytes, cut: Chunking, until: int | None = None) -> None:
        """Send what is missing, up to ``until``; after each refusal, ask where the upload stands and go on from there."""
        end = len(data) if until is None else until
        refused = 0
        offset = await self.offset(made)
        while offset is not None and offset < end:
            piece = data[offset : min(end, offset + cut(offset))]
            headers = {**STREAM, "Upload-Token": made["token"], "Upload-Offset": str(offset)}
            async with self.session.patch(
                self.base + made["location"], headers=headers, data=io.BytesIO(piece)
            ) as answer:
                self.reached("after reply PATCH")
                if answer.status == 204:
                    refused = 0
                    assert int(answer.headers["Upload-Offset"]) == offset + len(piece)
                    offset += len(piece)
                    continue
                if answer.status == 410:
                    return
                refused += 1
                assert answer.status in LATER, (answer.status, await answer.text())
                assert refused < TRIES, "refused again and again"
            await asyncio.sleep(self.pause_seconds)
            offset = await self.offset(made)

    async def end(self, made: dict[str, str]) -> None:
        """Terminate the upload, or withdraw what became of it."""
        headers = {**TUS, "Upload-Token": made["token"]}
        for _ in range(TRIES):
            async with self.session.delete(self.base + made["location"], headers=headers) as answer:
                self.reached("after reply DELETE")
                if answer.status in {204, 410}:
                    return
                assert answer.status in LATER, (answer.status, await answer.text())
            await asyncio.sleep(self.pause_seconds)
        raise AssertionError("the upload could not be ended")
