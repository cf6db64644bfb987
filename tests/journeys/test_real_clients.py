"""Clients that people really use, killed in the middle of a file and started again: only the rest goes, and all is exact.

The line falls silent in the middle of a PATCH, then the client is killed with SIGKILL. To the service its connection stays
half-open, as after a closed lid: the next run has to take the upload over from it. In the end what had been withheld
arrives after all, and must change nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic, sleep
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Playwright, expect, sync_playwright

from repository.demo import files
from repository.demo.files import WorkFile
from repository.documents import IN_INSPECTION

from ..patience import PATIENCE_SECONDS
from .conftest import CHROMIUM, FLAGS, PATIENCE_MS
from .line import Line, line_to
from .serving import Running

pytestmark = pytest.mark.journey

TOP = Path(__file__).parents[2]
CLIENTS = Path(__file__).with_name("clients")
TUS_JS = TOP / "repository" / "web" / "node_modules" / "tus-js-client"
CENTRE = "99003"
MIB = 1024 * 1024
OVERHEAD_BYTES = 64 * 1024
"""Heads of requests, which go over the line as well."""
RECORDING_SECONDS = 60


@dataclass
class Sender:
    """A teacher's program: who it is for the service, and one place for a file."""

    service: Running
    headers: dict[str, str]
    item: str

    def metadata(self, work: WorkFile) -> dict[str, str]:
        return {"item": self.item, "slot": "work", "filename": work.filename, "sha256": work.sha256}

    def ask(self, path: str) -> bytes:
        with urlopen(Request(self.service.address + path, headers=self.headers), timeout=PATIENCE_SECONDS) as answer:
            content: bytes = answer.read()
        return content

    def released(self, document: str) -> dict[str, object]:
        """Wait until the document is released; returns its state."""
        give_up_at = monotonic() + PATIENCE_SECONDS
        while monotonic() < give_up_at:
            state: dict[str, object] = json.loads(self.ask(document))
            if state["state"] not in IN_INSPECTION:
                break
            sleep(0.1)
        assert state["state"] == "released", state
        return state


def post(service: Running, path: str, body: object) -> dict[str, str]:
    request = Request(service.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        found: dict[str, str] = json.load(answer)
    return found


@pytest.fixture
def line(service: Running) -> Iterator[Line]:
    with line_to(service.address) as opened:
        yield opened


@pytest.fixture
def new_sender(service: Running) -> Callable[[int], Sender]:
    """Makes a program of a teacher that sends the work of the n-th candidate of the sample."""
    bearer = post(service, "/api/sessions", {"token": service.token("teacher", CENTRE)})["token"]
    sender = Sender(service, {"Authorization": f"Bearer {bearer}"}, "")
    cases = json.loads(sender.ask("/api/cases"))["cases"]
    open_now = {"SAMPLE_REQUESTED", "UPLOADING"}
    (case,) = [one for one in cases if one["state"] in open_now and one["submission_mode"] == "UPLOAD"][:1]
    items = [item["id"] for item in json.loads(sender.ask(f"/api/cases/{case['id']}/sample"))["items"]]
    return lambda number: Sender(service, sender.headers, items[number])


def recording(seed: int) -> WorkFile:
    """Some ten megabytes: more than one part of an object."""
    return files.wav(f"{1000 + seed}", "CLIENTS", Random(seed), seconds=RECORDING_SECONDS, large=True)


def find_node() -> str:
    """Node, as infra/dev/prepare.sh finds it: on the machine, or in the virtual environment."""
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    assert found, "Node.js is neither on the machine nor in the virtual environment; infra/test installs it"
    assert (TUS_JS / "package.json").exists(), "the front end's packages are missing; infra/test installs them"
    return found


def start(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)


def said(log: Path) -> list[dict[str, object]]:
    lines = [text for text in log.read_text().splitlines() if text.startswith("{")]
    return [json.loads(text) for text in lines]


def kill_in_the_middle(words: list[str], log: Path, line: Line, after_bytes: int) -> None:
    line.stall_after(after_bytes)
    client = start(words, log)
    try:
        line.until_stalled()
    finally:
        client.kill()
        client.wait()
    assert client.returncode == -signal.SIGKILL
    assert not [words for words in said(log) if "done" in words or "failed" in words]


def run_to_the_end(words: list[str], log: Path) -> list[dict[str, object]]:
    client = start(words, log)
    try:
        assert client.wait(PATIENCE_SECONDS) == 0, log.read_text()
    finally:
        client.kill()
        client.wait()
    heard = said(log)
    assert "done" in heard[-1], log.read_text()
    return heard


def exact(sender: Sender, document: str, work: WorkFile, line: Line) -> None:
    """The document is the file, byte for byte, also after the silent connection has said the rest."""
    line.send_what_was_withheld()
    state = sender.released(document)
    assert (state["sha256"], state["size_bytes"]) == (work.sha256, len(work.content))
    assert sender.ask(f"/documents/{state['id']}/content") == work.content


def for_node(sender: Sender, work: WorkFile, line: Line, folder: Path, chunk_bytes: int | None) -> list[str]:
    """Lay out what tus-js-client is to do under Node; returns the command."""
    (folder / "work.wav").write_bytes(work.content)
    asked = {
        "endpoint": f"{line.address}/uploads",
        "headers": sender.headers,
        "metadata": sender.metadata(work),
        "file": str(folder / "work.wav"),
        "storage": str(folder / "uploads.json"),
        "chunkBytes": chunk_bytes,
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    return [find_node(), str(CLIENTS / "tus_js.mjs"), str(TUS_JS), str(folder / "asked.json")]


@pytest.mark.fault("real:R01", "att:D03")
@pytest.mark.parametrize("chunk_bytes", [None, 3 * MIB])
def test_node_is_killed_in_the_middle_and_sends_only_the_rest(
    new_sender: Callable[[int], Sender], line: Line, tmp_path: Path, chunk_bytes: int | None
) -> None:
    number = 0 if chunk_bytes is None else 1
    sender, work = new_sender(number), recording(number)
    words = for_node(sender, work, line, tmp_path, chunk_bytes)
    kill_in_the_middle(words, tmp_path / "first.log", line, 4 * MIB)
    (created,) = [one for one in said(tmp_path / "first.log") if one.get("method") == "POST"]
    before = line.passed_bytes
    heard = run_to_the_end(words, tmp_path / "second.log")
    assert [one["method"] for one in heard[:2]] == ["HEAD", "PATCH"]
    assert "POST" not in [one.get("method") for one in heard]
    offset = int(str(heard[0]["answered"]))
    assert 3 * MIB <= offset <= 4 * MIB
    assert int(str(heard[1]["offset"])) == offset
    assert line.passed_bytes - before < len(work.content) - offset + OVERHEAD_BYTES
    exact(sender, str(created["document"]), work, line)


def test_node_starts_anew_when_its_upload_has_ended(
    new_sender: Callable[[int], Sender], line: Line, tmp_path: Path
) -> None:
    sender, work = new_sender(5), recording(5)
    words = for_node(sender, work, line, tmp_path, None)
    kill_in_the_middle(words, tmp_path / "first.log", line, 4 * MIB)
    (kept,) = json.loads((tmp_path / "uploads.json").read_text()).values()
    headers = {"Tus-Resumable": "1.0.0", "Upload-Token": kept["token"]}
    with urlopen(Request(kept["uploadUrl"], headers=headers, method="DELETE"), timeout=PATIENCE_SECONDS) as answer:
        assert answer.status == 204
    heard = run_to_the_end(words, tmp_path / "second.log")
    assert [(one["method"], one["status"]) for one in heard[:3]] == [("HEAD", 410), ("POST", 201), ("PATCH", 204)]
    exact(sender, str(heard[1]["document"]), work, line)


@pytest.mark.fault("real:R01", "att:D03", "att:D07")
@pytest.mark.parametrize("checksum", [False, True])
def test_tuspy_is_killed_in_the_middle_and_sends_only_the_rest(
    new_sender: Callable[[int], Sender], line: Line, tmp_path: Path, checksum: bool
) -> None:
    number = 3 if checksum else 2
    sender, work = new_sender(number), recording(number)
    (tmp_path / "work.wav").write_bytes(work.content)
    asked = {
        "endpoint": f"{line.address}/uploads",
        "headers": sender.headers,
        "metadata": sender.metadata(work),
        "file": str(tmp_path / "work.wav"),
        "storage": str(tmp_path / "kept.json"),
        "chunk_bytes": 3 * MIB,
        "checksum": checksum,
    }
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    words = [sys.executable, str(CLIENTS / "tus_python.py"), str(tmp_path / "asked.json")]
    kill_in_the_middle(words, tmp_path / "first.log", line, 4 * MIB)
    before = line.passed_bytes
    heard = run_to_the_end(words, tmp_path / "second.log")
    assert heard[0]["resumed"] is True
    offset = int(str(heard[1]["offset"]))
    # A checked body counts whole or not at all; without a checksum what had arrived of it is kept.
    assert offset == 3 * MIB if checksum else 3 * MIB < offset <= 4 * MIB
    assert line.passed_bytes - before < len(work.content) - offset + OVERHEAD_BYTES
    exact(sender, str(heard[0]["document"]), work, line)


def start_chromium(profile: Path) -> subprocess.Popen[bytes]:
    """A browser with a profile of its own that outlives it, in a process group of its own."""
    (profile / "DevToolsActivePort").unlink(missing_ok=True)
    return subprocess.Popen(
        [
            CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0",
            "--enable-aggressive-domstorage-flushing", "about:blank",
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def kill_chromium(browser: subprocess.Popen[bytes]) -> None:
    os.killpg(browser.pid, signal.SIGKILL)
    browser.wait()


def page_of(playwright: Playwright, profile: Path):
    """The first page of the browser that runs over this profile."""
    told, give_up_at = profile / "DevToolsActivePort", monotonic() + PATIENCE_SECONDS
    while not (told.exists() and told.read_text().count("\n")):
        assert monotonic() < give_up_at, "the browser did not start"
        sleep(0.05)
    browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{told.read_text().splitlines()[0]}")
    page = browser.contexts[0].pages[0]
    page.context.set_default_timeout(PATIENCE_MS)
    return page


def until_remembered(profile: Path) -> None:
    """Wait until the browser has written to its disk what tus-js-client gave it to keep."""
    give_up_at = monotonic() + PATIENCE_SECONDS
    while not any(b"tus::" in path.read_bytes() for path in (profile / "Default" / "Local Storage").rglob("*.log")):
        assert monotonic() < give_up_at, "the browser never wrote its storage"
        sleep(0.1)


@pytest.mark.fault("real:R01", "att:D03")
def test_chromium_is_killed_in_the_middle_and_the_page_sends_only_the_rest(
    service: Running, new_sender: Callable[[int], Sender], line: Line, tmp_path: Path
) -> None:
    sender, work, profile = new_sender(4), recording(4), tmp_path / "profile"
    path = tmp_path / "recording.wav"  # a name that carries another candidate's number would be asked about first
    path.write_bytes(work.content)
    sent: list[tuple[str, int]] = []
    documents: list[str] = []

    def choose_the_file(page) -> None:
        page.goto(line.address + service.sign_in_paths["teacher", CENTRE])
        page.get_by_role("link", name="X446/03").first.click()
        page.locator(f"[data-item-id='{sender.item}'] input[type=file]").set_input_files(path)

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = start_chromium(profile)
        try:
            page = page_of(playwright, profile)
            page.on(
                "response", lambda r: r.request.method == "POST" and documents.append(r.headers["document-location"])
            )
            line.stall_after(4 * MIB)
            choose_the_file(page)
            line.until_stalled()
            until_remembered(profile)
        finally:
            kill_chromium(browser)
        before = line.passed_bytes
        browser = start_chromium(profile)
        try:
            page = page_of(playwright, profile)
            page.on(
                "request",
                lambda r: (
                    r.method != "GET"
                    and "/uploads" in r.url
                    and sent.append((r.method, int(r.headers.get("upload-offset", -1))))
                ),
            )
            choose_the_file(page)
            status = page.locator(f"[data-item-id='{sender.item}'] .app-files__status")
            expect(status).to_have_text("Received and checked")
        finally:
            kill_chromium(browser)
    (offset,) = [at for method, at in sent if method == "PATCH"][:1]
    assert [method for method, _ in sent][:2] == ["HEAD", "PATCH"]
    assert "POST" not in [method for method, _ in sent]
    assert 3 * MIB <= offset <= 4 * MIB
    assert line.passed_bytes - before < len(work.content) - offset + OVERHEAD_BYTES
    exact(sender, documents[0], work, line)
