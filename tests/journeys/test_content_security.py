"""Uploaded bytes in a real browser: shown from their own host name, out of reach of the page, and nothing breaks the policy."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from repository.people import hash_token
from repository.sign_in_lines import token_of

from .conftest import Demo, Visit
from .serving import Running, environment, running

pytestmark = pytest.mark.journey

CENTRE = "99001"
LOADED = "image => image.complete && image.naturalWidth > 0"


@pytest.fixture
def service(demo: Demo, tmp_path: Path) -> Iterator[Running]:
    """The service over a copy of a series that has documents of every kind."""
    shutil.copytree(demo.folder, tmp_path / "data")
    give_link(tmp_path / "data" / "nea.sqlite3")
    with running(environment(tmp_path / "data"), tmp_path / "log") as started:
        yield started


def give_link(path: Path) -> None:
    """Let the exams officer of the centre sign in as in a rehearsal; the demo signed people in by their passwords."""
    with sqlite3.connect(path) as database:
        person_id, assignment_id = database.execute(
            "SELECT person_id, id FROM assignment WHERE role = 'exams_officer' AND centre_number = ?", (CENTRE,)
        ).fetchone()
        name = f"Rehearsal exams officer, centre {CENTRE}"
        database.execute("UPDATE person SET display_name = ? WHERE id = ?", (name, person_id))
        database.execute(
            "INSERT OR IGNORE INTO sign_in_link (token_sha256, assignment_id) VALUES (?, ?)",
            (hash_token(token_of(assignment_id)), assignment_id),
        )


def document(folder: Path, kind: str) -> str:
    """A released document of the centre, of a media type that begins so."""
    with sqlite3.connect(f"file:{folder}/nea.sqlite3?immutable=1", uri=True) as database:
        found = database.execute(
            "SELECT document.id FROM document JOIN evidence ON evidence.document_id = document.id "
            "JOIN sample_item ON sample_item.id = evidence.sample_item_id "
            "JOIN moderation_case ON moderation_case.id = sample_item.case_id "
            "WHERE document.state = 'released' AND document.media_type LIKE ? AND moderation_case.centre_number = ?",
            (f"{kind}%", CENTRE),
        ).fetchone()
    assert found is not None, kind
    return str(found[0])


@pytest.mark.fault("att:E16")
def test_pages_of_a_document_are_shown_from_the_other_host(visit: Visit, demo: Demo) -> None:
    window = visit("exams officer", CENTRE)
    asked: list[tuple[str, dict[str, str]]] = []
    window.page.on("request", lambda request: asked.append((request.url, request.all_headers())))
    page = window.open(f"/documents/{document(demo.folder, 'application/pdf')}")
    image = page.locator(".app-viewer__image").first
    expect(image).to_be_visible()
    page.wait_for_function(f"() => [...document.querySelectorAll('.app-viewer__image')].slice(0, 1).every({LOADED})")
    there = [(url, headers) for url, headers in asked if "/content/" in url]
    assert there
    for url, headers in there:
        assert url.startswith("http://localhost:")
        assert "nea_session" not in headers.get("cookie", "")  # SF-19
        assert "referer" not in headers
    jar = {(one["name"], one["domain"]): one for one in window.context.cookies()}
    kept = jar["nea_pass", "localhost"]
    assert kept["httpOnly"]
    assert kept["path"].startswith("/content/documents/")
    # Bytes are out of reach of scripts, even of our own page: a picture is all that the other host gives.
    assert (
        page.evaluate(
            "async url => { try { await fetch(url); return 'read' } catch { return 'refused' } }", there[0][0]
        )
        == "refused"
    )
    assert page.evaluate("crossOriginIsolated") is True
    # The refused reading is what this test did itself.
    window.complaints[:] = [
        words for words in window.complaints if "connect-src" not in words and "Fetch API" not in words
    ]


@pytest.mark.parametrize("kind", ["audio/"])
def test_a_recording_plays_from_the_other_host(visit: Visit, demo: Demo, kind: str) -> None:
    window = visit("exams officer", CENTRE)
    page = window.open(f"/documents/{document(demo.folder, kind)}")
    player = page.locator("video, audio").first
    page.wait_for_function(
        "() => document.querySelector('video, audio').readyState >= 1 || document.querySelector('video, audio').error"
    )
    assert player.evaluate("one => one.error && one.error.code") in {
        None,
        4,
    }  # invented films need no codec of the browser's
    source = str(player.get_attribute("src"))
    assert source.startswith("http://localhost:")


def test_no_string_becomes_markup_and_a_breach_is_noticed(visit: Visit, service: Running) -> None:
    window = visit("exams officer", CENTRE)
    page = window.open("/")
    with page.expect_response(lambda answer: answer.url.endswith("/content-policy-reports")) as reported:
        said = page.evaluate(
            "() => { try { document.body.innerHTML = '<b>x</b>'; return 'set' } catch (e) { return e.name } }"
        )
    assert said == "TypeError"
    assert reported.value.status == 204
    assert any("TrustedHTML" in words for words in window.complaints), "the journeys would not notice a breach"
    window.complaints.clear()
    assert (
        page.evaluate(
            "() => { try { trustedTypes.createPolicy('ours', {}); return 'made' } catch (e) { return e.name } }"
        )
        == "TypeError"
    )
    window.complaints.clear()
    page.wait_for_timeout(200)
    window.complaints.clear()
    assert "content-policy-violation" in service.log.read_text("utf-8")
