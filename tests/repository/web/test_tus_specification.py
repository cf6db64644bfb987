"""The core of tus 1.0.0: each MUST and SHOULD that it lays on a server. ``infra/docs/tus.md`` names the test of each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re

import pytest

from repository.web import tus

from ...patience import PATIENCE_SECONDS
from .conftest import Service
from .uploading import STREAM, TUS, Stage, refused


@pytest.fixture
def stage(stage_on_each: Stage) -> Stage:
    """Every sentence of the specification holds over each kind of database."""
    return stage_on_each


# Core: OPTIONS


@pytest.mark.parametrize("version", [None, "1.0.0", "0.2.2", "nonsense"])
async def test_options_says_what_is_offered_whatever_version_is_asked_for(stage: Stage, version: str | None) -> None:
    client = await stage.service.anonymous()
    for path in ("/uploads", "/uploads/anything"):
        answer = await client.options(path, headers={"Tus-Resumable": version} if version else {})
        assert answer.status == 204
        assert answer.headers["Tus-Version"] == "1.0.0"
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        assert answer.headers["Tus-Extension"].split(",") == [
            "creation",
            "creation-with-upload",
            "expiration",
            "checksum",
            "termination",
        ]
        assert answer.headers["Tus-Max-Size"] == str(stage.service.services.settings.upload_limit_bytes)
        assert answer.headers["Tus-Checksum-Algorithm"].split(",") == ["sha256", "sha1"]


async def test_names_of_algorithms_are_lower_case_ascii(stage: Stage) -> None:
    answer = await stage.teacher.options("/uploads")
    for name in answer.headers["Tus-Checksum-Algorithm"].split(","):
        assert re.fullmatch(r"[a-z0-9]+", name)


# Core: versions


@pytest.mark.parametrize("version", [None, "", "0.2.2", "1.0", "1.0.0, 0.2.2"])
async def test_other_versions_are_refused_and_nothing_is_processed(stage: Stage, version: str | None) -> None:
    made = await stage.create(10)
    before = await stage.kept()
    wrong = {"Tus-Resumable": version, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    for method, body in (("HEAD", None), ("PATCH", b"x" * 10), ("DELETE", None)):
        answer = await stage.ask(method, made, body, **wrong)
        await refused(answer, 412, "protocol-version-refused")
        assert answer.headers["Tus-Version"] == "1.0.0"
    answer = await stage.post(10, **{"Tus-Resumable": version})
    await refused(answer, 412, "protocol-version-refused")
    assert answer.headers["Tus-Version"] == "1.0.0"
    answer = await stage.ask("POST", made, None, **{**wrong, "X-HTTP-Method-Override": "DELETE"})
    await refused(answer, 412, "protocol-version-refused")
    assert await stage.kept() == before


async def test_every_answer_names_the_version(stage: Stage) -> None:
    made = await stage.create(4)
    answers = [
        await stage.post(4),
        await stage.post("x"),
        await stage.ask("HEAD", made),
        await stage.ask("HEAD", {**made, "Location": "/uploads/unknown"}),
        await stage.ask("PATCH", made, b"ab", **{**STREAM, "Upload-Offset": "0"}),
        await stage.ask("PATCH", made, b"ab", **{**STREAM, "Upload-Offset": "0"}),
        await stage.ask("PUT", made),
        await stage.ask("DELETE", made),
        await stage.ask("HEAD", made),
    ]
    assert [answer.status for answer in answers] == [201, 400, 200, 404, 204, 409, 405, 204, 410]
    assert {answer.headers.get("Tus-Resumable") for answer in answers} == {"1.0.0"}


# Core: X-HTTP-Method-Override


async def test_the_overriding_method_counts_and_the_actual_one_is_ignored(stage: Stage) -> None:
    made = await stage.create(6)
    body = {**STREAM, "Upload-Offset": "0"}
    assert (await stage.ask("POST", made, b"abc", **body, **{"X-HTTP-Method-Override": "PATCH"})).status == 204
    answer = await stage.ask("POST", made, **{"X-HTTP-Method-Override": "HEAD"})
    assert (answer.status, answer.headers["Upload-Offset"]) == (200, "3")
    # The actual method would do something else here.
    answer = await stage.ask("DELETE", made, **{"X-HTTP-Method-Override": "HEAD"})
    assert (answer.status, answer.headers["Upload-Offset"]) == (200, "3")
    body["Upload-Offset"] = "3"
    assert (await stage.ask("DELETE", made, b"def", **body, **{"X-HTTP-Method-Override": "patch"})).status == 204
    assert await stage.offset(made) == 6
    assert (await stage.ask("PATCH", made, **{"X-HTTP-Method-Override": "DELETE"})).status == 204
    assert (await stage.ask("HEAD", made)).status == 410


async def test_any_actual_method_is_ignored(stage: Stage) -> None:
    made = await stage.create(6)
    body = {**STREAM, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert (await stage.ask("PUT", made, b"abcdef", **body)).status == 204
    answer = await stage.ask("GET", made, **{"X-HTTP-Method-Override": "HEAD"})
    assert (answer.status, answer.headers["Upload-Offset"]) == (200, "6")
    headers = {"Upload-Length": "5", "Upload-Metadata": stage.metadata(item=stage.items[0]), **TUS}
    answer = await stage.teacher.put("/uploads", headers={**headers, "X-HTTP-Method-Override": "POST"})
    assert answer.status == 201
    for path in ("/uploads", made["Location"]):
        answer = await stage.teacher.post(path, headers={"X-HTTP-Method-Override": "OPTIONS"})
        assert (answer.status, answer.headers["Tus-Version"]) == (204, "1.0.0")
        answer = await stage.teacher.options(path, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
        assert answer.status == 405
    assert await stage.offset(made) == 6


@pytest.mark.fault("att:D11")
async def test_an_overriding_method_that_is_not_offered_is_refused(stage: Stage) -> None:
    made = await stage.create(6)
    before = await stage.kept()
    for method in ("TRACE", "PUT", "POST", "", "PATCH, DELETE"):
        answer = await stage.ask("PATCH", made, b"abcdef", **STREAM, **{"X-HTTP-Method-Override": method})
        await refused(answer, 405, "http")
    answer = await stage.post(6, **{"X-HTTP-Method-Override": "PATCH"})
    await refused(answer, 405, "http")
    assert await stage.kept() == before


@pytest.mark.fault("att:D11")
async def test_an_overriding_method_needs_the_token_as_the_method_itself_does(stage: Stage) -> None:
    made = await stage.create(6)
    before = await stage.kept()
    for method in ("PATCH", "HEAD", "DELETE"):
        body = {**STREAM, "Upload-Offset": "0", "Upload-Token": None, "X-HTTP-Method-Override": method}
        assert (await stage.ask("POST", made, b"abcdef", **body)).status == 404
    assert await stage.kept() == before


# Core: HEAD


async def test_head_tells_offset_and_length_even_at_nothing_and_at_the_end(stage: Stage) -> None:
    made = await stage.create(8)
    for offset, piece in ((0, b"abcd"), (4, b"efgh"), (8, b"")):
        answer = await stage.ask("HEAD", made)
        assert answer.status == 200
        assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == (str(offset), "8")
        assert answer.headers["Cache-Control"] == "no-store"
        if piece:
            assert await stage.patch(made, offset, piece) == (204, str(offset + len(piece)))


async def test_head_of_what_is_not_there_carries_no_offset(stage: Stage) -> None:
    made = await stage.create(8)
    for absent in ({**made, "Location": "/uploads/nothing"}, {**made, "Upload-Token": "guess"}):
        await refused(await stage.ask("HEAD", absent), 404, "not-found")
    assert (await stage.ask("DELETE", made)).status == 204
    await refused(await stage.ask("HEAD", made), 410, "upload-gone")


async def test_head_gives_the_metadata_back_word_for_word(stage: Stage) -> None:
    sent = f"x-note  ,{stage.metadata(filename='Übung ‮.pdf', item=stage.items[0])}, empty".replace("  ", "")
    answer = await stage.post(8, **{"Upload-Metadata": sent})
    assert answer.status == 201, await answer.text()
    made = dict(answer.headers)
    assert (await stage.ask("HEAD", made)).headers["Upload-Metadata"] == sent
    await stage.patch(made, 0, b"x" * 8)
    assert (await stage.ask("HEAD", made)).headers["Upload-Metadata"] == sent


# Core: PATCH


async def test_patch_needs_the_media_type(stage: Stage) -> None:
    made = await stage.create(8)
    before = await stage.kept()
    for media_type in ("application/octet-stream", "text/plain", "application/offset+octet-streams"):
        answer = await stage.ask("PATCH", made, b"x" * 8, **{"Upload-Offset": "0", "Content-Type": media_type})
        await refused(answer, 415, "media-type-refused")
    answer = await stage.post(8, b"x" * 8, **{"Content-Type": "application/octet-stream"})
    await refused(answer, 415, "media-type-refused")
    assert await stage.kept() == before


@pytest.mark.fault("att:D02", "att:D08")
async def test_patch_at_another_offset_is_a_conflict_and_changes_nothing(stage: Stage) -> None:
    made = await stage.create(8)
    assert await stage.patch(made, 0, b"abcd") == (204, "4")
    before = await stage.kept()
    for offset in (0, 3, 5, 8, 9, 2**63 - 1):
        answer = await stage.ask("PATCH", made, b"z", **{**STREAM, "Upload-Offset": str(offset)})
        problem = await refused(answer, 409, "offset-mismatch")
        assert problem["offset_bytes"] == 4
    assert await stage.kept() == before


async def test_patch_answers_the_sum_of_offset_and_bytes(stage: Stage) -> None:
    made = await stage.create(1000)
    offset = 0
    for size in (1, 0, 7, 492, 500):
        status, answered = await stage.patch(made, offset, os.urandom(size))
        offset += size
        assert (status, answered) == (204, str(offset))
    assert await stage.patch(made, 1000, b"") == (204, "1000")


async def test_patch_of_nothing_known_is_not_found(stage: Stage) -> None:
    for name in ("4f5c0b6e-0000-4000-8000-000000000000", "x", "..%2f..", "%00", "%ff"):
        answer = await stage.ask(
            "PATCH",
            {"Location": f"/uploads/{name}", "Upload-Token": "guess"},
            b"abc",
            **{**STREAM, "Upload-Offset": "0"},
        )
        assert answer.status == 404, name


async def test_a_line_that_falls_silent_is_closed_and_what_came_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tus, "SILENCE_SECONDS", 0.3)
    made = await stage.create(1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.service.server.port)
    writer.write(
        f"PATCH {made['Location']} HTTP/1.1\r\nHost: 127.0.0.1\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n"
        f"Upload-Token: {made['Upload-Token']}\r\nContent-Type: application/offset+octet-stream\r\n"
        "Content-Length: 1000\r\n\r\n".encode()
        + b"y" * 400
    )
    answer = b""
    async with asyncio.timeout(PATIENCE_SECONDS):
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
    assert answer == b""  # closed by the server, without an answer
    writer.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await stage.offset(made) != 400:
            await asyncio.sleep(0.05)


async def test_nobody_else_is_granted_anything_across_origins(service: Service) -> None:
    client = await service.anonymous()
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "PATCH", **TUS}
    answer = await client.options("/uploads", headers=headers)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
