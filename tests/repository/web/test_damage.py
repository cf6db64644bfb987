"""A stored object that is not what was written is never served as whole, and its case is recorded with its code."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import wave
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientPayloadError
from sqlalchemy import select

from repository.derivatives import DerivativeKind
from repository.tables import AuditEvent, DataKeyRow, Derivative, ObjectPart, ScopeKeyRow
from storage.streaming import SDR1

from ..files import pdf
from .uploading import STREAM, Stage, objects_of, refused

BAD_SEGMENT = 20
"""Of the some forty that the recording has; the first sixteen are fetched together, so it lies in the second window."""


def recording() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(os.urandom(2_600_000))
    return target.getvalue()


@dataclass
class Kept:
    """A released recording: its bytes as they were sent, and the one file they lie in."""

    stage: Stage
    made: dict[str, str]
    data: bytes
    path: Path
    id: str

    @property
    def content(self) -> str:
        return f"/documents/{self.id}/content"

    def alter(self, change: Callable[[bytearray], None]) -> None:
        stored = bytearray(self.path.read_bytes())
        change(stored)
        self.path.chmod(0o600)
        self.path.write_bytes(stored)

    async def cases(self) -> list[tuple[str, object, str]]:
        """Return what was recorded of damage: what, its code, and whom it touches."""

        def read(session):
            wanted = select(AuditEvent).where(AuditEvent.action.like("object.%")).order_by(AuditEvent.id)
            return [(row.action, row.details.get("diagnosis"), row.object_id) for row in session.scalars(wanted)]

        return list(await self.stage.service.services.database.read(read))


@pytest.fixture
async def kept(stage_on_each: Stage) -> Kept:
    """A recording of some forty segments, received and released."""
    data = recording()
    made = await stage_on_each.create(len(data), filename="1001_talk.wav", sha256=hashlib.sha256(data).hexdigest())
    assert await stage_on_each.patch(made, 0, data) == (204, str(len(data)))
    document = await stage_on_each.document(made)
    assert document["state"] == "released", document
    (path,) = [path for path in objects_of(stage_on_each.service.folder) if path.name == document["id"]]
    return Kept(stage_on_each, made, data, path, str(document["id"]))


def flip(at: int) -> Callable[[bytearray], None]:
    def change(stored: bytearray) -> None:
        stored[at] ^= 1

    return change


@pytest.mark.fault("att:F04", "att:F10")
async def test_the_stream_breaks_before_the_bad_segment(kept: Kept) -> None:
    first = SDR1.segment_plain_start(BAD_SEGMENT)
    kept.alter(flip(SDR1.segment_ciphertext_bytes * BAD_SEGMENT + 7))
    answer = await kept.stage.teacher.get(kept.content)
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) == len(kept.data)
    came = bytearray()

    async def read_on() -> None:
        async for piece in answer.content.iter_any():
            came.extend(piece)

    with pytest.raises(ClientPayloadError):
        await read_on()
    assert 0 < len(came) <= first
    assert came == kept.data[: len(came)]
    assert await kept.cases() == [("object.tampered", "E5", kept.id)]


@pytest.mark.fault("att:F04")
async def test_the_line_of_a_broken_stream_is_closed(kept: Kept) -> None:
    kept.alter(flip(SDR1.segment_ciphertext_bytes * BAD_SEGMENT + 7))
    line = socket.create_connection(("127.0.0.1", kept.stage.service.server.port or 0))
    bearer = kept.stage.teacher.session.headers["Authorization"]
    line.sendall(f"GET {kept.content} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {bearer}\r\n\r\n".encode())
    line.setblocking(False)
    loop, came = kept.stage.teacher.session._loop, b""
    try:
        while piece := await loop.sock_recv(line, 65536):
            came += piece
    except ConnectionResetError:
        pass
    line.close()
    head, _, body = came.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"chunked" not in head.lower()
    assert len(body) < len(kept.data)
    assert body == kept.data[: len(body)]


@pytest.mark.fault("att:F04", "att:F10")
async def test_a_range_shows_the_bad_segment_only_to_whom_it_touches(kept: Kept) -> None:
    first, after = SDR1.segment_plain_start(BAD_SEGMENT), SDR1.segment_plain_start(BAD_SEGMENT + 1)
    kept.alter(flip(SDR1.segment_ciphertext_bytes * (BAD_SEGMENT + 1) - 1))  # the last byte of its tag
    for start, stop in ((0, first), (first - 10, first), (after, after + 10), (after, len(kept.data))):
        answer = await kept.stage.teacher.get(kept.content, headers={"Range": f"bytes={start}-{stop - 1}"})
        assert (answer.status, await answer.read()) == (206, kept.data[start:stop])
    assert await kept.cases() == []
    for start, stop in ((first, first + 1), (after - 1, after), (first + 9, after + 100_000)):
        answer = await kept.stage.teacher.get(kept.content, headers={"Range": f"bytes={start}-{stop - 1}"})
        assert answer.status == 500
        assert (await answer.json())["type"] == "/problems/document-unreadable"
    answer = await kept.stage.teacher.get(kept.content, headers={"Range": f"bytes={first - 1}-{first}"})
    assert answer.status == 206
    with pytest.raises(ClientPayloadError):
        await answer.read()
    assert await kept.cases() == [("object.tampered", "E5", kept.id)] * 4


def first_of(table: type, column: str, oid: str | None = None) -> Callable[[object], None]:
    """Flip the last byte of a column of the only row of a table, or of the only one of an object."""

    def change(session) -> None:
        row = session.scalars(select(table).filter_by(**({"oid": oid} if oid else {}))).one()
        value = getattr(row, column)
        setattr(row, column, value[:-1] + bytes([value[-1] ^ 1]))

    return change


@pytest.mark.fault("att:F04", "att:F06", "att:F10")
async def test_st12_whatever_the_code_the_answer_is_the_same(kept: Kept) -> None:
    whole = kept.path.read_bytes()
    in_the_store = {
        "E3": flip(20),
        "E4": lambda stored: stored.__delitem__(slice(100, None)),
        "E5": flip(60),
    }
    in_the_database = {
        "E1": (DataKeyRow, "blob"),
        "E2": (DataKeyRow, "commitment"),
        "E3": (ObjectPart, "header"),
    }
    seen, expected = set(), []

    async def ask(code: str) -> None:
        answer = await kept.stage.teacher.get(kept.content)
        problem = await answer.json()
        problem.pop("instance")
        policy = answer.headers["Content-Security-Policy"].partition("nonce")[0]
        seen.add((answer.status, str(problem), str(sorted(answer.headers)), policy))
        assert code not in str(problem)
        expected.append(("object.tampered", code, kept.id))

    for code, change in in_the_store.items():
        kept.alter(change)
        await ask(code)
        kept.alter(lambda stored: stored.__setitem__(slice(None), whole))
    for code, (table, column) in in_the_database.items():
        await kept.stage.service.write(first_of(table, column, kept.id))
        await ask(code)
        await kept.stage.service.write(first_of(table, column, kept.id))
    await kept.stage.service.write(first_of(ScopeKeyRow, "blob"))
    await ask("E1")
    await kept.stage.service.write(first_of(ScopeKeyRow, "blob"))
    answer = await kept.stage.teacher.get(kept.content)
    assert await answer.read() == kept.data
    kept.path.unlink()
    answer = await kept.stage.teacher.get(kept.content)
    problem = await answer.json()
    problem.pop("instance")
    assert (answer.status, str(problem)) == next(iter(seen))[:2]
    assert len(seen) == 1
    assert await kept.cases() == [*expected, ("object.missing", None, kept.id)]


@pytest.mark.fault("att:F04", "att:F07")
async def test_a_damaged_tail_ends_nothing_and_is_recorded(stage_on_each: Stage) -> None:
    stage = stage_on_each
    made = await stage.create(1000)
    assert await stage.patch(made, 0, b"x" * 500) == (204, "500")
    (tail,) = objects_of(stage.service.folder)
    sealed = tail.read_bytes()
    tail.chmod(0o600)
    before = await stage.kept()
    for damage, code in ((sealed[:50] + bytes([sealed[50] ^ 1]) + sealed[51:], "E6"), (sealed[:-1], "E4")):
        tail.write_bytes(damage)
        answer = await stage.ask("PATCH", made, b"x" * 500, **{**STREAM, "Upload-Offset": "500"})
        await refused(answer, 500, "document-unreadable")

        def last(session):
            row = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
            return row.action, row.details["diagnosis"], row.object_id

        oid = made["Location"].rpartition("/")[2]
        assert await stage.service.services.database.read(last) == ("object.tampered", code, oid)
    after = await stage.kept()
    assert (after[:3], after[4]) == (before[:3], before[4])
    tail.write_bytes(sealed)
    assert await stage.patch(made, 500, b"x" * 500) == (204, "1000")
    assert (await stage.document(made))["sha256"] == hashlib.sha256(b"x" * 1000).hexdigest()


@pytest.mark.fault("att:F04", "att:F10")
async def test_no_page_is_drawn_from_a_damaged_file(stage_on_each: Stage) -> None:
    stage, data = stage_on_each, pdf(12)
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    assert document["state"] == "released", document
    page = f"/documents/{document['id']}/pages/1"
    whole = await stage.teacher.get(page)
    assert (whole.status, whole.content_type) == (200, "image/jpeg")

    def pictures(session):
        query = select(Derivative.oid).where(Derivative.kind == DerivativeKind.PAGES).order_by(Derivative.first)
        return session.scalars(query).first()

    shown = await stage.service.services.database.read(pictures)
    (path,) = [path for path in objects_of(stage.service.folder) if path.name == shown]
    kept = Kept(stage, made, data, path, str(document["id"]))
    for at in range(100, len(path.read_bytes()), 50_000):
        kept.alter(flip(at))
    answer = await stage.teacher.get(page)
    assert answer.status == 500
    assert (await answer.json())["type"] == "/problems/document-unreadable"
    assert await kept.cases() == [("object.tampered", "E5", kept.id)]
