"""The extensions of tus 1.0.0 that we offer: each MUST and SHOULD, as ``infra/docs/tus.md`` names them."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from ...patience import PATIENCE_SECONDS
from .uploading import STREAM, Stage, objects_of, refused, sha

DAY_SECONDS = 24 * 3600


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    """Every sentence of the specification holds over each kind of database."""
    return stage_on_each


def expires(headers: object) -> datetime:
    """Return what Upload-Expires says; it must be in the one format of RFC 7231 that is not obsolete."""
    text = headers["Upload-Expires"]
    assert re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", text)
    return parsedate_to_datetime(text)


# Creation


async def test_creation_answers_where_the_upload_is(stage: Stage) -> None:
    answer = await stage.post(8)
    assert answer.status == 201
    assert answer.headers["Location"].startswith("/uploads/")
    assert (await stage.ask("HEAD", dict(answer.headers))).status == 200


async def test_a_length_beyond_the_limit_is_too_large(stage: Stage) -> None:
    before = await stage.kept()
    limit = stage.service.services.settings.upload_limit_bytes
    problem = await refused(await stage.post(limit + 1), 413, "file-too-large")
    assert problem["limit_bytes"] == limit
    await refused(await stage.post(2**63 - 1), 413, "file-too-large")
    assert await stage.kept() == before


@pytest.mark.fault("att:D04")
async def test_a_deferred_length_is_not_offered_and_refused(stage: Stage) -> None:
    before = await stage.kept()
    for headers in (
        {"Upload-Length": None, "Upload-Defer-Length": "1"},
        {"Upload-Defer-Length": "1"},
        {"Upload-Length": None, "Upload-Defer-Length": "2"},
        {"Upload-Length": None},
    ):
        await refused(await stage.post(8, **headers), 400, "request-malformed")
    assert await stage.kept() == before
    assert "creation-defer-length" not in (await stage.teacher.options("/uploads")).headers["Tus-Extension"]


@pytest.mark.fault("att:D04")
async def test_a_length_never_changes(stage: Stage) -> None:
    made = await stage.create(8)
    for length in ("4", "16"):
        body = {**STREAM, "Upload-Offset": "0", "Upload-Length": length}
        assert (await stage.ask("PATCH", made, b"", **body)).status == 204
        assert (await stage.ask("HEAD", made)).headers["Upload-Length"] == "8"


@pytest.mark.fault("att:D18")
async def test_concatenation_is_not_offered_and_refused(stage: Stage) -> None:
    made = await stage.create(8)
    before = await stage.kept()
    for value in ("partial", f"final;{made['Location']} {made['Location']}"):
        await refused(await stage.post(8, **{"Upload-Concat": value}), 400, "request-malformed")
    assert await stage.kept() == before
    assert "concatenation" not in (await stage.teacher.options("/uploads")).headers["Tus-Extension"]


# Creation with upload


@pytest.mark.parametrize("size", [1, 5, 10])
async def test_first_bytes_are_taken_and_the_offset_after_them_is_told(stage: Stage, size: int) -> None:
    answer = await stage.post(10, b"x" * size)
    assert (answer.status, answer.headers["Upload-Offset"]) == (201, str(size))
    assert ("Upload-Expires" in answer.headers) == (size < 10)
    assert await stage.offset(dict(answer.headers)) == size


async def test_refused_first_bytes_leave_no_upload_open(stage: Stage) -> None:
    async def too_many():
        yield b"x" * 6
        yield b"x" * 6

    answer = await stage.post(10, b"abcd", **{"Upload-Checksum": sha("sha1", b"abce")})
    await refused(answer, 460, "checksum-mismatch")
    answer = await stage.post(10, too_many())
    await refused(answer, 400, "upload-too-long")
    answer = await stage.post(10, b"x" * 11)
    await refused(answer, 400, "upload-too-long")
    uploads, parts, documents, _, files = await stage.kept()
    assert {row[1] for row in uploads} == {"terminated"}
    assert (parts, documents, files) == ([], [], [])
    answer = await stage.post(10, b"abcd", **{"Upload-Checksum": "crc32 AAAA"})
    await refused(answer, 400, "checksum-unknown")
    assert len((await stage.kept())[0]) == len(uploads)


async def asked_first(stage: Stage, head: dict[str, str], path: str, method: str, body: bytes) -> list[int]:
    """Send a head with `Expect: 100-continue`, and the body only after leave; returns the statuses that were heard."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.service.server.port)
    more = {"Host": "127.0.0.1", "Expect": "100-continue", "Content-Length": str(len(body)), **STREAM, **head}
    lines = "".join(f"{name}: {value}\r\n" for name, value in more.items())
    writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
    statuses = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            statuses.append(int((await reader.readline()).split()[1]))
            if statuses == [100]:
                assert await reader.readline() == b"\r\n"
                writer.write(body)
                statuses.append(int((await reader.readline()).split()[1]))
    finally:
        writer.close()
    return statuses


async def test_who_asks_first_hears_a_refusal_before_the_body(stage: Stage) -> None:
    made = await stage.create(8)
    token = {"Upload-Token": made["Upload-Token"]}
    patch = (made["Location"], "PATCH", b"abcdefgh")
    assert await asked_first(stage, {**token, "Upload-Offset": "4"}, *patch) == [409]
    assert await asked_first(stage, {"Upload-Offset": "0"}, *patch) == [404]
    assert await asked_first(stage, {**token, "Upload-Offset": "0"}, *patch) == [100, 204]
    assert await stage.offset(made) == 8
    signed_in = {"Authorization": stage.teacher.session.headers["Authorization"], "Upload-Length": "8"}
    create = ("/uploads", "POST", b"abcdefgh")
    item = {"Upload-Metadata": stage.metadata(item=stage.items[1])}
    before = await stage.kept()
    assert await asked_first(stage, {**signed_in, "Upload-Metadata": stage.metadata(item="none")}, *create) == [404]
    assert await asked_first(stage, {**item, "Upload-Length": "8"}, *create) == [401]
    assert await asked_first(stage, {**signed_in, **item, "Upload-Length": "7"}, *create) == [400]
    after = await stage.kept()
    assert {row[1] for row in after[0]} - {row[1] for row in before[0]} <= {"terminated"}
    assert await asked_first(stage, {**signed_in, **item}, *create) == [100, 201]


# Expiration


async def test_expiry_is_told_at_creation_and_in_every_patch_and_moves_on(stage: Stage) -> None:
    ttl = stage.service.services.settings.upload_ttl_seconds
    assert ttl == 14 * DAY_SECONDS
    clock = stage.service.clock
    made = await stage.create(10)
    assert (expires(made) - clock.now).total_seconds() == ttl
    clock.advance(days=13)
    answer = await stage.ask("PATCH", made, b"abc", **{**STREAM, "Upload-Offset": "0"})
    assert (expires(answer.headers) - clock.now).total_seconds() == ttl
    clock.advance(days=13)
    answer = await stage.ask("PATCH", made, b"", **{**STREAM, "Upload-Offset": "3"})
    assert (expires(answer.headers) - clock.now).total_seconds() == DAY_SECONDS  # nothing came: nothing moves
    assert expires((await stage.ask("HEAD", made)).headers) == expires(answer.headers)
    answer = await stage.ask("PATCH", made, b"defghij", **{**STREAM, "Upload-Offset": "3"})
    assert answer.status == 204
    assert "Upload-Expires" not in answer.headers  # complete: it is not going to expire
    assert "Upload-Expires" not in (await stage.ask("HEAD", made)).headers
    clock.advance(days=400)
    assert (await stage.ask("HEAD", made)).headers["Upload-Offset"] == "10"


async def test_an_expired_upload_is_gone(stage: Stage) -> None:
    made = await stage.create(10, b"abc")
    stage.service.clock.advance(seconds=14 * DAY_SECONDS - 1)
    assert (await stage.ask("HEAD", made)).status == 200
    stage.service.clock.advance(seconds=1)
    before = await stage.kept()
    for method in ("HEAD", "PATCH", "DELETE"):
        answer = await stage.ask(method, made, b"" if method == "PATCH" else None, **{**STREAM, "Upload-Offset": "3"})
        await refused(answer, 410, "upload-gone")
    assert await stage.kept() == before


# Checksum


@pytest.mark.fault("att:D07")
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_a_checksum_is_held_against_the_body(stage: Stage, algorithm: str) -> None:
    made = await stage.create(8)
    before = await stage.kept()
    for wrong in (b"abce", b"", b"abcdefgh"):
        body = {**STREAM, "Upload-Offset": "0", "Upload-Checksum": sha(algorithm, wrong)}
        await refused(await stage.ask("PATCH", made, b"abcd", **body), 460, "checksum-mismatch")
    assert await stage.kept() == before
    for offset, right in ((0, b"abcd"), (4, b"efgh")):
        body = {**STREAM, "Upload-Offset": str(offset), "Upload-Checksum": sha(algorithm, right)}
        assert (await stage.ask("PATCH", made, right, **body)).status == 204
    assert await stage.offset(made) == 8


@pytest.mark.fault("att:D07")
async def test_an_unknown_or_malformed_checksum_changes_nothing(stage: Stage) -> None:
    made = await stage.create(8)
    before = await stage.kept()
    cases = {
        "crc32 AAAAAA==": "checksum-unknown",
        "SHA1 " + sha("sha1", b"abcd").partition(" ")[2]: "checksum-unknown",
        "md5 4vxxTEcn7pOV8yTNLn8zHw==": "checksum-unknown",
        "": "checksum-unknown",
        "sha1": "request-malformed",
        "sha1 ": "request-malformed",
        "sha1 not*base64": "request-malformed",
        "sha1 ÿÿ": "request-malformed",
        "sha1 " + sha("sha256", b"abcd").partition(" ")[2]: "request-malformed",
    }
    for value, code in cases.items():
        body = {**STREAM, "Upload-Offset": "0", "Upload-Checksum": value}
        await refused(await stage.ask("PATCH", made, b"abcd", **body), 400, code)
    assert await stage.kept() == before


async def test_a_checked_body_over_the_limit_is_refused_whole(stage: Stage) -> None:
    data = bytes(16 * 1024 * 1024 + 1)
    made = await stage.create(len(data))
    before = await stage.kept()
    body = {**STREAM, "Upload-Offset": "0", "Upload-Checksum": sha("sha1", data)}
    problem = await refused(await stage.ask("PATCH", made, data, **body), 400, "request-malformed")
    assert problem["limit_bytes"] == 16 * 1024 * 1024
    assert await stage.kept() == before
    body["Upload-Checksum"] = sha("sha1", data[:-1])
    assert (await stage.ask("PATCH", made, data[:-1], **body)).status == 204


@pytest.mark.fault("att:D07")
async def test_the_checksum_of_nothing_is_held_against_nothing(stage: Stage) -> None:
    made = await stage.create(4, b"abcd")
    await stage.service.settle()
    before = await stage.kept()
    body = {**STREAM, "Upload-Offset": "4", "Upload-Checksum": sha("sha1", b"abcd")}
    await refused(await stage.ask("PATCH", made, b"", **body), 460, "checksum-mismatch")
    body["Upload-Checksum"] = sha("sha1", b"")
    assert (await stage.ask("PATCH", made, b"", **body)).status == 204
    assert await stage.kept() == before


async def test_a_checksum_after_the_body_is_not_offered_and_refused(stage: Stage) -> None:
    made = await stage.create(8)
    before = await stage.kept()
    body = {**STREAM, "Upload-Offset": "0", "Trailer": "Upload-Checksum"}
    await refused(await stage.ask("PATCH", made, b"abcd", **body), 400, "request-malformed")
    await refused(await stage.post(8, b"abcd", Trailer="X-Other, upload-checksum"), 400, "request-malformed")
    assert await stage.kept() == before
    assert "checksum-trailer" not in (await stage.teacher.options("/uploads")).headers["Tus-Extension"]


# Termination


@pytest.mark.parametrize("size", [0, 60, 8_386_520 + 60])
async def test_termination_frees_what_the_upload_held(stage: Stage, size: int) -> None:
    made = await stage.create(8_386_520 * 2)
    if size:
        assert (await stage.patch(made, 0, bytes(size)))[0] == 204
        assert objects_of(stage.service.folder)
    assert (await stage.ask("DELETE", made)).status == 204
    uploads, parts, documents, events, files = await stage.kept()
    assert [row[1] for row in uploads] == ["terminated"]
    assert (parts, documents, files) == ([], [], [])
    assert events == ["upload.create", "upload.terminated"]
    for method in ("HEAD", "PATCH", "DELETE"):
        body = {**STREAM, "Upload-Offset": str(size)}
        await refused(await stage.ask(method, made, b"x" if method == "PATCH" else None, **body), 410, "upload-gone")


@pytest.mark.fault("att:D05")
async def test_termination_of_a_complete_upload_withdraws_its_document(stage: Stage) -> None:
    made = await stage.create(4, b"abcd")
    assert (await stage.document(made))["state"] == "held"
    assert (await stage.ask("DELETE", made)).status == 204
    assert (await stage.document(made))["state"] == "withdrawn"
    await refused(await stage.ask("HEAD", made), 410, "upload-gone")
    await refused(await stage.ask("DELETE", made), 410, "upload-gone")
