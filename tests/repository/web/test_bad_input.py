"""Bad input to uploads: each the right status and a problem, and afterwards every row and file is what it was."""

from __future__ import annotations

import asyncio
import base64
import gzip
import socket

import pytest
from aiohttp import ClientResponse
from sqlalchemy import select

from moderation.records.samples import submit_sample
from repository import ending
from repository.access import Role
from repository.errors import NotFound
from repository.tables import Assignment, DocumentRow, UploadRow
from repository.web import tus

from ...patience import PATIENCE_SECONDS
from ..files import pdf
from .conftest import csrf
from .uploading import CENTRE, STREAM, TUS, Stage, objects_of, refused, sha


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    """Whatever is refused is refused over each kind of database."""
    return stage_on_each


async def everything(stage: Stage) -> object:
    """Return every row of every table, and every file of the store with its bytes; the log goes on by itself."""
    found = await stage.service.rows(sessions=True)
    return found, {str(path): path.read_bytes() for path in sorted(objects_of(stage.service.folder))}


async def nothing_lost(stage: Stage, before: object) -> None:
    """Every row is what it was, and every file; what was sealed too early is named by no row, so it is the collector's."""
    (rows, files), (rows_before, files_before) = await everything(stage), before
    assert rows == rows_before
    assert {path: files.get(path) for path in files_before} == files_before
    assert all("/q/" in path for path in files.keys() - files_before.keys())


async def half_sent(stage: Stage) -> dict[str, str]:
    """Return an upload of eight bytes of which four are there."""
    made = await stage.create(8)
    assert await stage.patch(made, 0, b"abcd") == (204, "4")
    return made


async def finish(stage: Stage, made: dict[str, str]) -> None:
    """The upload goes on as if nothing had happened."""
    assert await stage.patch(made, 4, b"efgh") == (204, "8")


@pytest.mark.fault("att:D01", "att:D02")
async def test_offsets(stage: Stage) -> None:
    made = await half_sent(stage)
    before = await everything(stage)
    malformed = ["-1", "-0", "+4", "4.0", "4e0", "0x4", "", " ", "four", "nan", "4,4", "4 4", "٤", "4" * 5000]
    for offset in [*malformed, str(2**63), str(10**30), str(-(2**63)), None]:
        answer = await stage.ask("PATCH", made, b"efgh", **{**STREAM, "Upload-Offset": offset})
        assert (await refused(answer, 400, "request-malformed"))["header"] == "Upload-Offset", offset
    for elsewhere in (0, 3, 5, 8, 9, 2**31, 2**63 - 1):
        answer = await stage.ask("PATCH", made, b"efgh", **{**STREAM, "Upload-Offset": str(elsewhere)})
        assert (await refused(answer, 409, "offset-mismatch"))["offset_bytes"] == 4, elsewhere
    assert await everything(stage) == before
    await finish(stage, made)


@pytest.mark.fault("att:D04")
async def test_lengths(stage: Stage) -> None:
    before = await everything(stage)
    for length in ("-1", "8.0", "", "eight", "8,8", "٨", str(2**63), str(10**30), "9" * 5000):
        assert (await refused(await stage.post(length), 400, "request-malformed"))["header"] == "Upload-Length", length
    limit = stage.service.services.settings.upload_limit_bytes
    for length in (str(limit + 1), str(2**62), str(2**63 - 1)):
        assert (await refused(await stage.post(length), 413, "file-too-large"))["limit_bytes"] == limit
    assert await everything(stage) == before


@pytest.mark.fault("att:D08")
async def test_bodies_longer_than_declared(stage: Stage) -> None:
    async def in_pieces(*pieces: bytes):
        for piece in pieces:
            yield piece

    made = await half_sent(stage)
    before = await everything(stage)
    at_four = {**STREAM, "Upload-Offset": "4"}
    bodies = [b"efghi", b"e" * 1_000_000, in_pieces(b"efghi"), in_pieces(b"efgh", b"i"), in_pieces(b"e", b"f" * 90_000)]
    for body in bodies:
        answer = await stage.ask("PATCH", made, body, **at_four)
        assert (await refused(answer, 400, "upload-too-long"))["total_bytes"] == 8
    answer = await stage.ask("PATCH", made, b"efghi", **at_four, **{"Upload-Checksum": sha("sha1", b"efghi")})
    await refused(answer, 400, "upload-too-long")
    await nothing_lost(stage, before)
    await finish(stage, made)
    await stage.service.settle()
    before = await everything(stage)
    for body in (b"i", in_pieces(b"i")):
        answer = await stage.ask("PATCH", made, body, **{**STREAM, "Upload-Offset": "8"})
        await refused(answer, 400, "upload-too-long")
    assert await everything(stage) == before


def pair(key: str, value: bytes) -> str:
    return f"{key} {base64.b64encode(value).decode()}"


@pytest.mark.fault("att:D13")
async def test_metadata(stage: Stage) -> None:
    item = pair("item", stage.items[0].encode())
    before = await everything(stage)
    named = {
        f"{item},{item}": "item",
        f"{item},filename YQ==,filename Yg==": "filename",
        f"{item},filename Y": "filename",
        f"{item},filename *not*base64*": "filename",
        f"{item},filename YÿYÿ": "filename",
        f"{item},{pair('filename', bytes([0xFF, 0xFE, 0x41]))}": "filename",
        f"{item},{pair('filename', b'a' + bytes(1) + b'b')}": "filename",
        f"{item},{pair('sha256', b'abc')}": "sha256",
        f"{item},{pair('slot', b'../work')}": "slot",
        "filename YQ==": "item",
        "item": "item",
        "": "item",
    }
    for sent, key in named.items():
        problem = await refused(await stage.post(8, **{"Upload-Metadata": sent}), 400, "request-malformed")
        assert problem["key"] == key, sent
    malformed = [
        f"{item},,filename YQ==",
        f"{item},",
        f",{item}",
        f"{item} YQ==",
        f"{item},file;name YQ==",
        f"{item},ключ YQ==",
        f"{item},{'k' * 65} YQ==",
        f"{item},{pair('filename', b'n' * 256)}",
        f"{item},{pair('note', b'n' * 8192)}",
        f"{item},{pair('note', b'n' * 30_000)}",
        f"{item},{pair('note', b'n' * 1024**2)}",
    ]
    for sent in malformed:
        await refused(await stage.post(8, **{"Upload-Metadata": sent}), 400, "request-malformed")
    assert await everything(stage) == before


async def test_headers_that_stand_twice(stage: Stage) -> None:
    made = await half_sent(stage)
    before = await everything(stage)
    token = ("Upload-Token", made["Upload-Token"])
    patch = [("Tus-Resumable", "1.0.0"), ("Content-Type", STREAM["Content-Type"]), ("Upload-Offset", "4"), token]
    for twice in (("Upload-Offset", "0"), token, ("Upload-Checksum", "sha1"), ("Tus-Resumable", "0.2.2")):
        more = [twice, twice] if twice[0] == "Upload-Checksum" else [twice]
        answer = await stage.teacher.patch(made["Location"], headers=[*patch, *more], data=b"efgh")
        assert (await refused(answer, 400, "request-malformed"))["header"] == twice[0]
    create = [("Tus-Resumable", "1.0.0"), ("Upload-Length", "8")]
    create.append(("Upload-Metadata", pair("item", stage.items[0].encode())))
    for twice in (("Upload-Length", "9"), ("Upload-Metadata", pair("filename", b"other.pdf"))):
        answer = await stage.teacher.post("/uploads", headers=[*create, twice])
        assert (await refused(answer, 400, "request-malformed"))["header"] == twice[0]
    assert await everything(stage) == before
    await finish(stage, made)


@pytest.mark.fault("att:D07")
async def test_checksums(stage: Stage) -> None:
    made = await half_sent(stage)
    before = await everything(stage)
    cases = {
        sha("sha1", b"efgi"): (460, "checksum-mismatch"),
        sha("sha256", b"abcd"): (460, "checksum-mismatch"),
        "crc32 AAAAAA==": (400, "checksum-unknown"),
        "sha512 AAAA": (400, "checksum-unknown"),
        "": (400, "checksum-unknown"),
        "sha1": (400, "request-malformed"),
        "sha1 %%%": (400, "request-malformed"),
        "sha1  " + sha("sha1", b"efgh")[5:]: (400, "request-malformed"),
        "sha1 " + sha("sha256", b"efgh")[7:]: (400, "request-malformed"),
        sha("sha1", b"efgh") + "," + sha("sha256", b"efgh"): (400, "request-malformed"),
    }
    for sent, (status, code) in cases.items():
        body = {**STREAM, "Upload-Offset": "4", "Upload-Checksum": sent}
        await refused(await stage.ask("PATCH", made, b"efgh", **body), status, code)
    assert await everything(stage) == before
    await finish(stage, made)


async def without_its_reference(answer: ClientResponse) -> tuple[object, ...]:
    problem = await refused(answer, 404, "not-found")
    problem.pop("instance", None)
    return answer.status, problem, sorted(set(answer.headers) - {"Date", "X-Request-Id"})


@pytest.mark.fault("att:D09", "att:D10")
async def test_uploads_of_others_look_like_absent_ones(stage: Stage) -> None:
    made, other = await half_sent(stage), await stage.create(8, item=1)
    stranger = await stage.service.client(Role.TEACHER, "99902")
    moderator = await stage.service.client(Role.MODERATOR)
    absent = {**made, "Location": "/uploads/4f5c0b6e-0000-4000-8000-000000000000"}
    swapped = {**made, "Upload-Token": other["Upload-Token"]}
    before = await everything(stage)
    for method, body in (("HEAD", None), ("PATCH", b"efgh"), ("DELETE", None)):
        more = {**STREAM, "Upload-Offset": "4"}
        nothing = await without_its_reference(await stage.ask(method, absent, body, **more))
        assert await without_its_reference(await stage.ask(method, swapped, body, **more)) == nothing
        for token in (None, "", "guess", made["Upload-Token"][:-1], made["Upload-Token"] + "A", "ÿ"):
            answer = await stage.ask(method, made, body, **more, **{"Upload-Token": token})
            assert await without_its_reference(answer) == nothing, token
        for client in (stranger, moderator):
            headers = {**more, "Upload-Token": other["Upload-Token"]}
            answer = await client.request(method, made["Location"], headers=headers, data=body)
            assert await without_its_reference(answer) == nothing
    headers = {**TUS, "Upload-Length": "8"}
    for client, item in ((stranger, stage.items[0]), (moderator, stage.items[0]), (stage.teacher, "no-such-item")):
        answer = await client.post("/uploads", headers={**headers, "Upload-Metadata": stage.metadata(item=item)})
        await refused(answer, 404, "not-found")
    assert await everything(stage) == before
    await finish(stage, made)


async def test_uploads_that_have_ended(stage: Stage) -> None:
    expired, ended = await half_sent(stage), await half_sent(stage)
    assert (await stage.ask("DELETE", ended)).status == 204
    stage.service.clock.advance(days=15)
    for swept in (False, True):
        if swept:
            await ending.sweep(stage.service.services)
        before = await everything(stage)
        for made in (expired, ended):
            for method, body in (("HEAD", None), ("PATCH", b"efgh"), ("PATCH", b""), ("DELETE", None)):
                answer = await stage.ask(method, made, body, **{**STREAM, "Upload-Offset": "4"})
                await refused(answer, 410, "upload-gone")
        assert await everything(stage) == before
    assert not objects_of(stage.service.folder)


async def test_versions_types_and_methods(stage: Stage) -> None:
    made = await half_sent(stage)
    before = await everything(stage)
    at_four = {**STREAM, "Upload-Offset": "4"}
    for version in ("0.2.2", "1.0.1", "2.0.0", "", None):
        answer = await stage.ask("PATCH", made, b"efgh", **{**at_four, "Tus-Resumable": version})
        await refused(answer, 412, "protocol-version-refused")
        assert answer.headers["Tus-Version"] == "1.0.0"
    for media_type in ("application/octet-stream", "text/html", "multipart/form-data; boundary=x", None):
        await refused(
            await stage.ask("PATCH", made, b"efgh", **{**at_four, "Content-Type": media_type}),
            415,
            "media-type-refused",
        )
        await refused(await stage.post(8, b"efgh", **{"Content-Type": media_type}), 415, "media-type-refused")
    # What a coding unpacks to is not what was announced, and a little can become very much.
    for coding, body in (
        ("gzip", gzip.compress(b"efgh")),
        ("deflate", b"efgh"),
        ("br", b"efgh"),
        ("gzip, gzip", b"efgh"),
    ):
        answer = await stage.ask("PATCH", made, body, **at_four, **{"Content-Encoding": coding})
        await refused(answer, 415, "media-type-refused")
        await refused(await stage.post(8, body, **{"Content-Encoding": coding}), 415, "media-type-refused")
    for method in ("GET", "PUT", "POST", "TRACE", "PROPFIND"):
        answer = await stage.ask(method, made, b"efgh", **at_four)
        await refused(answer, 405, "http")
        assert set(answer.headers["Allow"].split(",")) >= {"HEAD", "PATCH", "DELETE"}
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await stage.teacher.request(method, "/uploads", headers=at_four)
        await refused(answer, 405, "http")
    assert await everything(stage) == before
    await finish(stage, made)


async def send_half(stage: Stage, made: dict[str, str], offset: int, size: int, first: bytes) -> socket.socket:
    """Begin a PATCH and leave its body unfinished; returns the line once the first bytes are taken in."""
    line = socket.create_connection(("127.0.0.1", stage.service.server.port or 0))
    line.sendall(
        f"PATCH {made['Location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n"
        f"Upload-Token: {made['Upload-Token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {size}\r\n\r\n".encode()
        + first
    )
    await until_held(stage, made)
    return line


async def until_held(stage: Stage, made: dict[str, str]) -> None:
    """Wait until a connection writes the upload, and has most likely taken in what came by it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not stage.service.gate.is_held(made["Location"].rpartition("/")[2]):
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


async def answer_on(line: socket.socket) -> bytes:
    """What the service answers; nothing if it closes the line instead."""
    line.settimeout(PATIENCE_SECONDS)
    try:
        return await asyncio.to_thread(line.recv, 65536)
    except ConnectionResetError:
        return b""


async def submit(stage: Stage) -> None:
    def work(session):
        submit_sample(session, stage.case_id, items_with_work=stage.items, actor="officer", now=stage.service.clock.now)

    await stage.service.write(work)


@pytest.mark.fault("att:D05", "att:D16")
async def test_a_sample_submitted_meanwhile(stage: Stage) -> None:
    made, under_way = await half_sent(stage), await stage.create(8, item=1)
    line = await send_half(stage, under_way, 0, 8, b"abcd")
    await submit(stage)
    before = await everything(stage)
    for body in (b"efgh", b"e"):
        answer = await stage.ask("PATCH", made, body, **{**STREAM, "Upload-Offset": "4"})
        await refused(answer, 409, "slot-closed")
    await refused(await stage.post(8), 409, "slot-closed")
    line.sendall(b"efgh")
    head, _, _ = (await answer_on(line)).partition(b"\r\n\r\n")
    line.close()
    assert b" 409 " in head.splitlines()[0]
    assert b"application/problem+json" in head
    await nothing_lost(stage, before)


@pytest.mark.fault("att:D14")
async def test_an_assignment_that_ended_meanwhile(stage: Stage) -> None:
    made = await half_sent(stage)

    def end(session):
        for assignment in session.scalars(select(Assignment)):
            assignment.valid_to = stage.service.clock.now

    await stage.service.write(end)
    before = await everything(stage)
    for method, body in (("HEAD", None), ("PATCH", b"efgh"), ("DELETE", None)):
        await refused(await stage.ask(method, made, body, **{**STREAM, "Upload-Offset": "4"}), 404, NotFound().code)
    assert await everything(stage) == before
    (upload,) = (await stage.kept())[0]
    assert (upload[1], upload[2]) == ("open", 4)  # what was acknowledged stays until it expires


@pytest.mark.fault("att:D15")
async def test_a_deadline_that_passed_meanwhile(stage: Stage) -> None:
    """A file whose length and hash were declared in time may finish; both times are kept for the receipt."""
    data = pdf(1)
    declared_at = stage.service.clock.now
    made = await stage.create(len(data), data[:50])
    stage.service.clock.advance(days=10)
    assert await stage.patch(made, 50, data[50:]) == (204, str(len(data)))
    await stage.service.settle()

    def times(session):
        return session.scalars(select(UploadRow.created_at)).one(), session.scalars(select(DocumentRow)).one()

    created_at, document = await stage.service.services.database.read(times)
    assert (created_at, document.received_at) == (declared_at, stage.service.clock.now)
    assert document.state == "released"


async def test_heads_that_no_parser_reads(stage: Stage) -> None:
    before = await everything(stage)
    port = stage.service.server.port or 0
    for head in (
        "POST /uploads HTTP/9.9\r\n\r\n",
        "POST /uploads HTTP/1.1\r\nno colon\r\n\r\n",
        "PATCH /uploads/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        "PATCH /uploads/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        f"PATCH /uploads/x HTTP/1.1\r\nHost: 127.0.0.1\r\nUpload-Offset: {'1' * 100_000}\r\n\r\n",
    ):
        line = socket.create_connection(("127.0.0.1", port))
        line.sendall(head.encode())
        answer = await answer_on(line)
        line.close()
        assert answer[8:13] == b" 400 ", head
        assert b"application/problem+json" in answer
        assert b"Tus-Resumable: 1.0.0" in answer
        assert b"/problems/request-malformed" in answer
    assert await everything(stage) == before


@pytest.mark.fault("att:D12")
async def test_uploads_that_another_page_asks_the_browser_for(stage: Stage) -> None:
    """A sign-in by cookie opens uploads only from our own pages; an upload's token is no cookie, so nobody can lend it."""
    browser = await stage.service.browser(Role.TEACHER, CENTRE)
    token = await csrf(browser)
    headers = {**TUS, "Upload-Length": "8", "Upload-Metadata": stage.metadata(item=stage.items[0])}
    before = await everything(stage)
    ours, theirs = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}
    forged = [
        {**ours},
        {**ours, "X-CSRF-Token": "guess"},
        {**ours, "X-CSRF-Token": token[:-1] + "ÿ"},
        {**theirs, "X-CSRF-Token": token},
        {"Sec-Fetch-Site": "same-site", "X-CSRF-Token": token},
        {**theirs, "X-HTTP-Method-Override": "POST", "X-CSRF-Token": "guess"},
    ]
    for more in forged:
        await refused(await browser.post("/uploads", headers={**headers, **more}), 403, "request-forged")
    answer = await browser.get("/uploads", headers={**headers, **theirs, "X-HTTP-Method-Override": "POST"})
    await refused(answer, 403, "request-forged")
    answer = await browser.options(
        "/uploads",
        headers={"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST", **theirs},
    )
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert await everything(stage) == before
    answer = await browser.post("/uploads", headers={**headers, **ours, "X-CSRF-Token": token})
    assert answer.status == 201


@pytest.mark.parametrize("late", [False, True])
async def test_bodies_whose_framing_breaks(stage: Stage, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    """Broken chunks are refused with the head they come with; later they are a line from which nothing more comes."""
    monkeypatch.setattr(tus, "SILENCE_SECONDS", 0.3)
    made = await half_sent(stage)
    before = await everything(stage)
    head = (
        f"PATCH {made['Location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 4\r\n"
        f"Upload-Token: {made['Upload-Token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    for chunks in ("zz\r\nefgh\r\n", "-4\r\nefgh\r\n", "ffffffffffffffffffff\r\nefgh\r\n"):
        with socket.create_connection(("127.0.0.1", stage.service.server.port or 0)) as line:
            line.sendall((head + chunks * (not late)).encode())
            if late:
                await until_held(stage, made)
                line.sendall(chunks.encode())
            answer = await answer_on(line)
        assert answer[8:13] == (b"" if late else b" 400 "), (chunks, answer)
        assert late or b"application/problem+json" in answer
        await nothing_lost(stage, before)
    await finish(stage, made)
