"""Released files are scanned again when signatures change: each once, within a budget, taken up where it ended."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.antivirus import Clamd, Patience, ScanState
from repository.audit import Context
from repository.care import rescanning
from repository.documents import DocumentState
from repository.tables import AuditEvent, DocumentRow

from .conftest import Client, Service, StartService
from .uploading import make_stage

PATIENT = Patience(connect_seconds=60, probe_seconds=60, retries_seconds=())


@dataclass
class Scanner:
    """A scanner with signatures of a number, which finds a word in a stream if told to."""

    path: Path
    version: int = 1
    finds: bytes = b"nothing of the kind"
    asked: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        command = (await reader.readuntil(b"\0")).strip(b"z\0")
        stream = b""
        while command == b"INSTREAM" and (size := struct.unpack(">I", await reader.readexactly(4))[0]):
            stream += await reader.readexactly(size)
        if command == b"VERSION":
            writer.write(f"ClamAV 1.4.6/{self.version}/Fri May 15 07:00:00 2026\0".encode())
        elif stream.startswith((b"X5O", b"PK")) or self.finds in stream:
            writer.write(b"stream: Test.Late FOUND\0")
        else:
            self.asked.append(stream)
            writer.write(b"stream: OK\0")
        await writer.drain()
        writer.close()


@asynccontextmanager
async def scanning(path: Path) -> AsyncIterator[Scanner]:
    scanner = Scanner(path)
    server = await asyncio.start_unix_server(scanner.serve, path, limit=2**20)
    try:
        yield scanner
    finally:
        server.close()


async def with_documents(service: Service, count: int) -> tuple[Client, list[str]]:
    stage = await make_stage(service)
    ids = []
    for number in range(count):
        data = f"Work number {number}, of a candidate.\n".encode() * 20
        made = await stage.create(len(data), data, item=number, filename=f"100{number + 1}_work.txt")
        assert (await stage.document(made))["state"] == DocumentState.RELEASED
        ids.append(made["Location"].rpartition("/")[2])
    return stage.teacher, ids


def context(service: Service) -> Context:
    return Context(None, service.clock.now, "rescan-of-a-test", origin="care")


async def test_new_signatures_scan_each_released_file_once_and_say_what_they_find(
    start_service: StartService, migrated_url: str, tmp_path: Path
) -> None:
    async with scanning(tmp_path / "scanner") as scanner:
        service = await start_service(migrated_url, NEA_CLAMD_SOCKET=str(scanner.path), NEA_CLAMD_SIGNATURES_HOURS="0")
        teacher, ids = await with_documents(service, 3)
        first = await rescanning.rescan(service.services, context(service))
        assert (first.files, first.found, first.finished) == (3, (), True)
        again = await rescanning.rescan(service.services, context(service))
        assert (again.files, again.finished) == (0, True)

        scanner.version, scanner.finds = 2, b"Work number 1"
        scanner.asked.clear()
        budget = await rescanning.rescan(service.services, context(service), budget_bytes=1)
        assert (budget.files, budget.finished) == (1, False)
        rest = await rescanning.rescan(service.services, context(service))
        assert (rest.files, rest.finished) == (2, True)
        assert {*budget.found, *rest.found} == {ids[1]}
        assert len(scanner.asked) == 2

        def after(session: Session) -> tuple[dict[str, tuple[str, str | None]], list[str]]:
            rows = {row.id: (row.state, row.scan_state) for row in session.scalars(select(DocumentRow))}
            late = select(AuditEvent.object_id).where(AuditEvent.action == "document.found_late")
            return rows, list(session.scalars(late))

        rows, events = await service.services.database.read(after)
        assert rows[ids[1]] == (DocumentState.RELEASED, ScanState.INFECTED)
        assert {rows[one] for one in (ids[0], ids[2])} == {(DocumentState.RELEASED, ScanState.CLEAN)}
        assert events == [ids[1]]
        given = [(await teacher.get(f"/documents/{one}/content")).status for one in ids]
        assert given == [200, 409, 200]
        assert (await teacher.get(f"/documents/{ids[1]}/pages/1")).status == 200  # what we drew is still shown


@pytest.mark.fault("att:G07")
async def test_a_scanner_that_is_away_scans_nothing_and_forgets_nothing(service: Service, tmp_path: Path) -> None:
    away = Clamd(tmp_path / "nobody", None, service.clock, PATIENT)
    object.__setattr__(service.services, "antivirus", away)
    done = await rescanning.rescan(service.services, context(service))
    assert (done.files, done.finished) == (0, False)
    assert "nothing answers" in done.why_not
