"""One case of a full disk, as a program: it mounts its own small file system, which ends with it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import ClientConnectionError

from repository import acting

from .life import SMALL
from .serving import Sent, Serving, serving
from .stage import STREAM, environ_of

SIZE_BYTES = 16 * 1024 * 1024
INODES = 2_000
BLOCK_BYTES = 4096
P = SMALL.part_plain_bytes


@dataclass(frozen=True, slots=True)
class Case:
    """What is to run out: `objects` (bytes of the store's disk), `inodes`, `database`, or the disk is `read-only`."""

    folder: str
    what: str
    steps: int

    def as_json(self) -> str:
        """The case for another process."""
        return json.dumps(asdict(self))


class Disk:
    """A small file system, and ballast that leaves so much room on it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._ballast = place / ".ballast"

    def mount(self) -> None:
        """Mount it, empty."""
        self._place.mkdir(parents=True, exist_ok=True)
        options = f"size={SIZE_BYTES},nr_inodes={INODES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self._place], check=True)

    def leave_blocks(self, count: int) -> None:
        """Fill it up, but for so many blocks."""
        self._ballast.mkdir(exist_ok=True)
        free = os.statvfs(self._place).f_bavail - count
        with (self._ballast / "blocks").open("wb") as file, suppress(OSError):
            for _ in range(max(0, free)):
                file.write(bytes(BLOCK_BYTES))
                file.flush()

    def leave_inodes(self, count: int) -> None:
        """Make files until so many more are possible."""
        self._ballast.mkdir(exist_ok=True)
        with suppress(OSError):
            for number in range(max(0, os.statvfs(self._place).f_ffree - count)):
                (self._ballast / str(number)).touch()

    def forbid_writing(self, count: int) -> None:
        """Remount it read-only."""
        subprocess.run(["mount", "-o", "remount,ro", self._place], check=True)

    def free(self) -> None:
        """Make room, and allow writing."""
        subprocess.run(["mount", "-o", "remount,rw", self._place], check=True)
        shutil.rmtree(self._ballast, ignore_errors=True)


async def run(case: Case) -> dict[str, object]:
    """Upload again and again while the disk is full after one more step each time; free it, finish, read back."""
    acting.set_service("a full disk")
    folder = Path(case.folder) / "data"
    place = folder / "objects" if case.what != "database" else folder / "database"
    disk = Disk(place)
    disk.mount()
    more = {"NEA_DATABASE_URL": f"sqlite:///{place / 'nea.sqlite3'}"} if case.what == "database" else {}
    fill: Callable[[int], None] = {
        "objects": disk.leave_blocks,
        "database": disk.leave_blocks,
        "inodes": disk.leave_inodes,
        "read-only": disk.forbid_writing,
    }[case.what]
    statuses: Counter[int] = Counter()
    async with serving(environ_of(folder, **more), SMALL) as service:
        for step in range(case.steps):
            await one(service, disk, fill, step, statuses)
    return {"statuses": dict(statuses)}


async def one(service: Serving, disk: Disk, fill: Callable[[int], None], step: int, statuses: Counter[int]) -> None:
    """One upload that meets a full disk after a first piece was acknowledged."""
    data = random.Random(step).randbytes(3 * P + 1)
    client = service.client()
    made = await client.create(len(data), hashlib.sha256(data).hexdigest())
    await client.send(made, data, lambda offset: P // 2, until=P // 2)
    fill(step)
    try:
        told = await push(service, made, data, statuses)
        await service.work_once()
        offset = await client.offset(made)
        assert offset is not None
        assert offset >= told, f"{told} was acknowledged, now {offset}"
    finally:
        disk.free()
    await client.send(made, data, lambda offset: P)
    await service.work()
    sha256 = hashlib.sha256(data).hexdigest()
    found = await service.document(Sent(client.oid(made), sha256, made))
    assert (found["state"], found["sha256"], found["read_back"]) == ("released", sha256, sha256)
    assert (found["events"]["document.arrived"], found["events"]["document.released"]) == (1, 1)


async def push(service: Serving, made: dict[str, str], data: bytes, statuses: Counter[int]) -> int:
    """Send pieces until one is refused or all are there; notes every answer.

    Returns: the last offset that was acknowledged.
    """
    offset, cut = P // 2, P - 7
    while offset < len(data):
        headers = {**STREAM, "Upload-Token": made["token"], "Upload-Offset": str(offset)}
        with suppress(ClientConnectionError):
            url = service.base + made["location"]
            async with service.session.patch(url, headers=headers, data=data[offset : offset + cut]) as answer:
                statuses[answer.status] += 1
                if answer.status != 204:
                    assert answer.content_type == "application/problem+json"
                    return offset
                offset = int(answer.headers["Upload-Offset"])
    return offset


def main() -> None:
    """Run the case that is given as JSON."""
    print(json.dumps(asyncio.run(run(Case(**json.loads(sys.argv[1]))))))


if __name__ == "__main__":
    main()
