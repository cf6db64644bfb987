"""Office documents and recordings through the whole service: what is made of them is what is shown, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientResponse
from playwright.async_api import async_playwright
from sqlalchemy import select

from repository.access import Role
from repository.tables import Derivative, DocumentRow
from tests.corpus import media, office
from tests.journeys.conftest import CHROMIUM, FLAGS

from .uploading import CENTRE, Stage

SECONDS = 12


async def sent(stage: Stage, filename: str, data: bytes, item: int = 0) -> dict[str, Any]:
    made = await stage.create(len(data), None, item, filename=filename)
    assert await stage.patch(made, 0, data) == (204, str(len(data)))
    await stage.service.settle(240)
    return await stage.document(made)


async def rows(stage: Stage, document_id: str) -> dict[str, list[Derivative]]:
    """What was made of a document, by kind, each in order."""

    def read(session: Any) -> list[Derivative]:
        wanted = select(Derivative).where(Derivative.document_id == document_id).order_by(Derivative.first)
        return list(session.scalars(wanted))

    found: dict[str, list[Derivative]] = {}
    for row in await stage.service.services.database.read(read):
        found.setdefault(row.kind, []).append(row)
    return found


async def load(stage: Stage, document_id: str, rest: str, use: str, **headers: str) -> ClientResponse:
    """Ask the content host for something of a document, as the browser of an exams officer does."""
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    where = await (await officer.get(f"/api/documents/{document_id}/addresses")).json()
    host, _, path = where["base"].removeprefix("http://").partition("/")
    stranger = await stage.service.anonymous()
    asked = {
        "Host": host,
        "Sec-Fetch-Dest": use,
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "no-cors",
        **headers,
    }
    return await stranger.get(f"/{path}/{rest}?ticket={where['ticket']}", headers=asked)


@pytest.mark.fault("att:B08")
async def test_a_word_document_is_shown_as_pages_with_its_words_and_notes(stage: Stage) -> None:
    turn = '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
    body = turn.join(office.paragraph(f"Chapter {number}") for number in ("one", "two", "three"))
    document = await sent(stage, "1001_essay.docx", office.docx(body, office.VBA))
    assert document["state"] == "released", document
    made = await rows(stage, document["id"])
    assert {kind: sum(len(row.index["entries"]) for row in found) for kind, found in made.items()} == {
        "pages": 3, "thumbnails": 3, "text": 3,
    }  # fmt: skip
    picture = await load(stage, document["id"], "pages/2", "image")
    assert (picture.status, picture.content_type) == (200, "image/jpeg")
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    words = await (await officer.get(f"/documents/{document['id']}/text/2")).json()
    assert [word[4] for word in words["words"]] == ["Chapter", "two"]
    row = await stage.service.services.database.read(lambda s: s.get_one(DocumentRow, document["id"]))
    assert row.page_count == 3
    assert "macros" in row.notes


@pytest.mark.fault("att:B12")
async def test_a_film_is_played_as_what_was_made_of_it_and_jumped_about_in(stage: Stage) -> None:
    """Its index comes last, its codec is one that no browser plays; a real browser jumps to its end and back."""
    data = media.made("mov", "-c:v", "mpeg4", "-q:v", "2", "-c:a", "pcm_s16le", seconds=SECONDS, size="640x480")
    document = await sent(stage, "1001_dance.mov", data)
    assert document["state"] == "released", document
    made = await rows(stage, document["id"])
    assert set(made) == {"media", "poster"}
    size = sum(row.size_bytes for row in made["media"])
    assert [row.first for row in made["media"]] == [0, *[row.first for row in made["media"]][1:]]
    part = await load(stage, document["id"], "recording", "video", Range="bytes=0-999")
    assert (part.status, part.content_type) == (206, "video/mp4")
    assert part.headers["Content-Range"] == f"bytes 0-999/{size}"
    assert (await part.read())[4:8] == b"ftyp"
    assert (await load(stage, document["id"], "poster", "image")).content_type == "image/jpeg"
    found = await played(stage, document["id"])
    assert abs(found["duration"] - SECONDS) < 0.5
    assert [abs(at - wanted) < 0.1 for at, wanted in found["jumps"]] == [True, True, True]
    assert found["size"] == [640, 480]


async def played(stage: Stage, document_id: str) -> Any:
    """What Chromium makes of the recording on the document's page."""
    officer = await stage.service.browser(Role.EXAMS_OFFICER, CENTRE)
    address = f"http://127.0.0.1:{officer.server.port}"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = await browser.new_context()
        await context.add_cookies(
            [{"name": one.key, "value": one.value, "url": address} for one in officer.session.cookie_jar]
        )
        page = await context.new_page()
        await page.goto(f"{address}/documents/{document_id}")
        await page.wait_for_function("() => document.querySelector('video')?.readyState >= 1")
        found = await page.evaluate(
            """async () => {
                const film = document.querySelector('video');
                const jumps = [];
                for (const wanted of [film.duration * 0.9, 1, film.duration / 2]) {
                    const there = new Promise(done => film.addEventListener('seeked', done, {once: true}));
                    film.currentTime = wanted;
                    await there;
                    jumps.push([film.currentTime, wanted]);
                }
                return {duration: film.duration, jumps, size: [film.videoWidth, film.videoHeight]};
            }"""
        )
        await browser.close()
    return found


@pytest.mark.fault("att:C06", "att:B10")
async def test_what_cannot_be_shown_is_held_with_the_reason(stage: Stage) -> None:
    for number, (filename, data, words) in enumerate(
        (
            ("1001_talk.mp3", media.hours_of_silence(5), "longer than four hours"),
            ("1001_film.mp4", media.film()[:-100], "incomplete"),
            ("1001_essay.docx", office.old_container("EncryptedPackage"), "password"),
            ("1001_sums.xlsx", office.docx(), "content is a Word document"),
        )
    ):
        document = await sent(stage, f"{number}_{filename}", data)
        assert document["state"] == "held", document
        assert words in document["reason"], document
        assert document["remedy"]
