"""The tus protocol over the real service: every byte acknowledged is there, and nothing else changes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import socket

import pytest
from sqlalchemy import func, select

from repository.access import Role
from repository.tables import AuditEvent, DocumentRow, ObjectPart, UploadRow, Work

from ...patience import PATIENCE_SECONDS
from ..files import pdf
from .conftest import Service
from .uploading import STREAM, TUS, P, Stage, make_stage, objects_of


async def test_a_file_sent_in_pieces_is_received_whole_on_each_database(service_on_each: Service) -> None:
    stage = await make_stage(service_on_each)
    data = pdf(3)
    made = await stage.create(len(data), sha256=hashlib.sha256(data).hexdigest())
    third = len(data) // 3
    assert await stage.patch(made, 0, data[:third]) == (204, str(third))
    assert await stage.patch(made, third, data[third : 2 * third]) == (204, str(2 * third))
    assert await stage.offset(made) == 2 * third
    assert await stage.patch(made, 2 * third, data[2 * third :]) == (204, str(len(data)))
    document = await stage.document(made)
    assert (document["state"], document["page_count"], document["sha256_declared"]) == ("released", 3, True)
    assert document["sha256"] == hashlib.sha256(data).hexdigest()
    answer = await stage.teacher.get(f"/documents/{document['id']}/content")
    assert (answer.status, await answer.read()) == (200, data)


@pytest.mark.parametrize("size", [0, 1, P - 1, P, P + 1, 2 * P + 1])
async def test_sizes_around_every_border_survive(stage: Stage, size: int) -> None:
    data = os.urandom(size)
    made = await stage.create(size)
    offset = 0
    for piece in (data[:1], data[1:P], data[P : P + 7], data[P + 7 :]):
        if piece:
            status, answered = await stage.patch(made, offset, piece)
            offset += len(piece)
            assert (status, answered) == (204, str(offset))
    document = await stage.document(made)
    # Random bytes are of no accepted type, so the document is held; what was stored is still exactly what was sent.
    assert (document["state"], document["sha256"]) == ("held", hashlib.sha256(data).hexdigest())
    assert document["size_bytes"] == size


async def test_creation_with_upload_takes_the_first_bytes(stage: Stage) -> None:
    data = pdf(1)
    made = await stage.create(len(data), data[:100])
    assert made["Upload-Offset"] == "100"
    assert await stage.patch(made, 100, data[100:]) == (204, str(len(data)))
    assert (await stage.document(made))["state"] == "released"


@pytest.mark.fault("att:D02", "att:D01", "att:D08")
async def test_wrong_offsets_change_nothing(stage: Stage) -> None:
    data = pdf(1)
    made = await stage.create(len(data))
    assert (await stage.patch(made, 5, data))[0] == 409
    assert (await stage.patch(made, 0, data + b"x"))[0] == 400
    assert await stage.offset(made) == 0
    assert (await stage.patch(made, 0, data[:50]))[0] == 204
    assert (await stage.patch(made, 0, data[:50]))[0] == 409
    for offset in ("-1", "x", str(2**63), ""):
        answer = await stage.teacher.patch(
            made["Location"],
            headers={**STREAM, "Upload-Token": made["Upload-Token"], "Upload-Offset": offset},
            data=b"x",
        )
        assert answer.status == 400
    assert await stage.offset(made) == 50


async def test_bytes_beyond_the_length_without_announcing_them_are_refused(stage: Stage) -> None:
    made = await stage.create(10)

    async def chunks():
        yield b"12345"
        yield b"678901"

    answer = await stage.teacher.patch(
        made["Location"], headers={**STREAM, "Upload-Token": made["Upload-Token"], "Upload-Offset": "0"}, data=chunks()
    )
    assert answer.status == 400
    assert await stage.offset(made) == 0


@pytest.mark.fault("att:D07")
async def test_a_wrong_checksum_keeps_nothing(stage: Stage) -> None:
    made = await stage.create(8)

    def sha(algorithm: str, data: bytes) -> str:
        return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"

    assert (await stage.patch(made, 0, b"abcd", **{"Upload-Checksum": sha("sha256", b"abce")}))[0] == 460
    assert (await stage.patch(made, 0, b"abcd", **{"Upload-Checksum": "crc32 AAAAAA=="}))[0] == 400
    assert await stage.offset(made) == 0
    assert (await stage.patch(made, 0, b"abcd", **{"Upload-Checksum": sha("sha1", b"abcd")}))[0] == 204
    assert (await stage.patch(made, 4, b"efgh", **{"Upload-Checksum": sha("sha256", b"efgh")}))[0] == 204
    assert await stage.offset(made) == 8


@pytest.mark.fault("att:D09")
async def test_only_the_token_writes_an_upload(stage: Stage) -> None:
    made = await stage.create(10)
    for token in ("", "x" * 43):
        answer = await stage.teacher.head(made["Location"], headers={**TUS, "Upload-Token": token})
        assert answer.status == 404
    assert (await stage.patch({**made, "Upload-Token": "guess"}, 0, b"0123456789"))[0] == 404
    assert await stage.offset(made) == 0


async def test_the_token_outlives_the_sign_in(stage: Stage) -> None:
    made = await stage.create(4)
    stage.service.clock.advance(hours=11)
    assert (await stage.teacher.get("/api/documents/x")).status == 401
    assert await stage.patch(made, 0, b"abcd") == (204, "4")


@pytest.mark.fault("att:D14")
async def test_an_ended_role_ends_its_uploads(stage: Stage) -> None:
    from repository.tables import Assignment

    made = await stage.create(4)

    def end(session):
        for assignment in session.scalars(select(Assignment)):
            assignment.valid_to = stage.service.clock.now

    await stage.service.write(end)
    assert (await stage.patch(made, 0, b"abcd"))[0] == 404


async def test_an_unfinished_upload_expires(stage: Stage) -> None:
    made = await stage.create(4)
    stage.service.clock.advance(days=15)
    assert (await stage.patch(made, 0, b"abcd"))[0] == 410


async def test_termination_forgets_the_bytes(stage: Stage) -> None:
    made = await stage.create(100)
    assert (await stage.patch(made, 0, b"x" * 60))[0] == 204
    headers = {**TUS, "Upload-Token": made["Upload-Token"]}
    assert (await stage.teacher.delete(made["Location"], headers=headers)).status == 204
    assert (await stage.teacher.head(made["Location"], headers=headers)).status == 410
    assert (await stage.patch(made, 60, b"x" * 40))[0] == 410
    assert not [path for path in (stage.service.folder / "objects").rglob("tail.*") if path.is_file()]


async def test_methods_can_be_overridden(stage: Stage) -> None:
    made = await stage.create(3)
    headers = {**STREAM, "Upload-Token": made["Upload-Token"], "Upload-Offset": "0"}
    answer = await stage.teacher.post(
        made["Location"], headers={**headers, "X-HTTP-Method-Override": "PATCH"}, data=b"abc"
    )
    assert answer.status == 204
    answer = await stage.teacher.post(made["Location"], headers={**headers, "X-HTTP-Method-Override": "TRACE"})
    assert answer.status == 405


async def test_other_versions_and_types_are_refused(stage: Stage) -> None:
    made = await stage.create(3)
    answer = await stage.teacher.patch(made["Location"], headers={"Tus-Resumable": "0.2.2"}, data=b"abc")
    assert answer.status == 412
    answer = await stage.teacher.patch(
        made["Location"], headers={**TUS, "Upload-Token": made["Upload-Token"], "Upload-Offset": "0"}, data=b"abc"
    )
    assert answer.status == 415
    options = await stage.teacher.options("/uploads")
    assert options.status == 204
    assert "termination" in options.headers["Tus-Extension"]


async def test_lengths_are_declared_once(stage: Stage) -> None:
    metadata = stage.metadata(item=stage.items[0])
    for headers in ({}, {"Upload-Defer-Length": "1"}, {"Upload-Length": "-4"}, {"Upload-Length": str(2**62)}):
        answer = await stage.teacher.post("/uploads", headers={**TUS, "Upload-Metadata": metadata, **headers})
        assert answer.status in {400, 413}
    assert not await stage.service.services.database.read(
        lambda s: s.scalar(select(func.count()).select_from(UploadRow))
    )


async def test_others_centres_and_items_look_absent(stage: Stage) -> None:
    other = await stage.service.client(Role.TEACHER, "99902")
    moderator = await stage.service.client(Role.MODERATOR)
    for client, item in ((other, stage.items[0]), (stage.teacher, "no-such-item"), (moderator, stage.items[0])):
        answer = await client.post(
            "/uploads", headers={**TUS, "Upload-Length": "4", "Upload-Metadata": stage.metadata(item=item)}
        )
        assert answer.status == 404
    made = await stage.create(1, b"x")
    assert (await other.get(made["Document-Location"])).status == 404
    assert (await moderator.get(made["Document-Location"])).status == 404


@pytest.mark.fault("att:D03", "inj:F10")
async def test_one_of_many_writers_wins(stage: Stage) -> None:
    made = await stage.create(1000)
    results = await asyncio.gather(
        *(stage.patch(made, 0, bytes([65 + n]) * 1000) for n in range(6)), return_exceptions=True
    )
    statuses = [result[0] for result in results if isinstance(result, tuple)]
    assert statuses.count(204) == 1
    assert await stage.offset(made) == 1000
    document = await stage.document(made)
    assert document["sha256"] in {hashlib.sha256(bytes([65 + n]) * 1000).hexdigest() for n in range(6)}


@pytest.mark.fault("real:R01")
async def test_a_broken_line_keeps_what_had_arrived(stage: Stage) -> None:
    made = await stage.create(100_000)
    port = stage.service.server.port
    line = socket.create_connection(("127.0.0.1", port))
    head = (
        f"PATCH {made['Location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Upload-Token: {made['Upload-Token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        "Content-Length: 100000\r\n\r\n"
    )
    line.sendall(head.encode() + b"y" * 40_000)
    await asyncio.sleep(0.3)
    line.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (offset := await stage.offset(made)) == 0:
            await asyncio.sleep(0.05)
    assert offset == 40_000
    assert await stage.patch(made, offset, b"y" * 60_000) == (204, "100000")
    assert (await stage.document(made))["sha256"] == hashlib.sha256(b"y" * 100_000).hexdigest()


@pytest.mark.fault("real:R24")
async def test_the_same_file_again_is_the_same_document(stage: Stage) -> None:
    data = pdf(1)
    first = await stage.create(len(data), data)
    assert (await stage.document(first))["state"] == "released"
    second = await stage.create(len(data), data)
    assert (await stage.document(second))["state"] == "withdrawn"


async def test_a_hash_that_differs_is_never_received(stage: Stage) -> None:
    data = pdf(1)
    made = await stage.create(len(data), data, sha256="ab" * 32)
    document = await stage.document(made)
    assert document["state"] == "held"
    assert "differs" in str(document["reason"])


async def test_exactly_one_arrival_is_recorded_and_worked(stage: Stage) -> None:
    data = pdf(1)
    made = await stage.create(len(data), data)
    await stage.document(made)

    def count(session):
        arrivals = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "document.arrived")
        return session.scalar(arrivals), session.scalar(select(func.count()).select_from(Work))

    assert await stage.service.services.database.read(count) == (1, 1)


@pytest.mark.fault("att:F13")
async def test_nothing_readable_lies_on_disk(stage: Stage) -> None:
    canary = b"CANARY-" + os.urandom(8).hex().encode()
    data = pdf(1, text=canary.decode())
    data += b"%" + canary + b"\n%%EOF\n"
    made = await stage.create(len(data), data)
    await stage.document(made)
    for path in stage.service.folder.rglob("*"):
        if path.is_file():
            assert canary not in path.read_bytes(), path


@pytest.mark.fault("att:F04", "att:F10")
async def test_a_damaged_object_breaks_and_says_nothing(stage: Stage) -> None:
    data = pdf(2)
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    assert document["state"] == "released"
    (stored,) = [path for path in objects_of(stage.service.folder) if path.name == document["id"]]
    stored.chmod(0o600)
    damaged = bytearray(stored.read_bytes())
    damaged[-3] ^= 1
    stored.write_bytes(damaged)
    answer = await stage.teacher.get(f"/documents/{document['id']}/content")
    text = await answer.text()
    assert answer.status >= 500
    assert "E5" not in text
    assert "tag" not in text.lower()


async def test_ranges_are_exactly_the_bytes_asked_for(stage: Stage) -> None:
    data = pdf(6, text="Work of a candidate " * 60)
    assert len(data) > 65_481, "the second range crosses from one segment into the next"
    made = await stage.create(len(data), data)
    document = await stage.document(made)
    path = f"/documents/{document['id']}/content"
    size = len(data)
    for asked, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=65479-65480", 65479, 65481),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=10-{size + 100}", 10, size),
    ):
        answer = await stage.teacher.get(path, headers={"Range": asked})
        assert answer.status == 206, asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert await answer.read() == data[start:stop]
    assert (await stage.teacher.get(path, headers={"Range": f"bytes={size}-"})).status == 416
    assert (await stage.teacher.get(path, headers={"Range": "bytes=9-3"})).status in {200, 416}


async def test_staged_parts_are_gone_after_release(stage: Stage) -> None:
    data = pdf(2)
    made = await stage.create(len(data), data[:1000])
    await stage.patch(made, 1000, data[1000:])
    await stage.document(made)
    names = {str(path.relative_to(stage.service.folder / "objects")) for path in objects_of(stage.service.folder)}
    assert not [name for name in names if "/q/" in f"/{name}"]

    def parts(session):
        return [part.key for part in session.scalars(select(ObjectPart))], session.scalars(select(DocumentRow)).one()

    keys, document = await stage.service.services.database.read(parts)
    assert all(key.startswith("d/") for key in keys)
    assert document.state == "released"
