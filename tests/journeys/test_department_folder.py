"""The folder of a department becomes a sealed sample; lines, servers, sign-ins and computers change on the way."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import monotonic

import pytest
from playwright.sync_api import Browser, FileChooser, Locator, Page, Request, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject

from repository.demo import files

from .axe import violations
from .conftest import PATIENCE_MS, Visit, Visitor
from .line import line_to
from .serving import NEA, Running, environment

pytestmark = pytest.mark.journey

COMPONENT = "X446/03"
MARKER = "FOLDER-99"
RECEIVED = "Received and checked"
TRIES = 8
KIB = 1024
MIB = 1024 * KIB
OVERHEAD_BYTES = 256 * KIB
"""Heads of requests and everything else that the page asks for."""


@dataclass
class Person:
    number: str
    surname: str
    forenames: str


@dataclass
class Hands:
    """What a person does with mouse and keyboard, counted."""

    page: Page
    clicks: int = 0
    choices: int = 0
    keys: int = 0
    said: list[str] = field(default_factory=list)

    def click(self, place: Locator) -> None:
        place.click()
        self.clicks += 1

    def choose(self, menu: Locator, label: str) -> None:
        menu.select_option(label=label)
        self.choices += 1

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.page.keyboard.press(key)
        self.keys += times


def pdf(seed: int) -> bytes:
    return files.pdf(f"{seed:04}", "Project", MARKER, 1, Random(seed)).content


def large_pdf(seed: int, size_bytes: int) -> bytes:
    """A PDF of one page with much in it that no page shows."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(seed))))
    ballast = DecodedStreamObject()
    ballast.set_data(Random(seed).randbytes(size_bytes))
    writer.root_object[NameObject("/Ballast")] = writer._add_object(ballast)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def open_sample(visitor: Visitor) -> list[Person]:
    """Go to the sample page; returns who is sampled."""
    visitor.page.get_by_role("link", name=COMPONENT).first.click()
    visitor.look("Sample,")
    rows = visitor.page.locator("[data-candidate-number]").all()
    return [
        Person(*(row.get_attribute(f"data-{name}") or "" for name in ("candidate-number", "surname", "forenames")))
        for row in rows
    ]


def chooser(hands: Hands, button: Locator) -> FileChooser:
    """Press Enter on a button that opens the system's own window for files.

    Chromium lets only a window that is looked at open it, and on a busy machine did not open it at the first time.
    """
    page = hands.page
    for _ in range(TRIES):
        page.bring_to_front()
        button.focus()
        expect(button).to_be_focused()
        try:
            with page.expect_file_chooser(timeout=PATIENCE_MS / TRIES) as asked:
                hands.press("Enter")
            return asked.value
        except PlaywrightTimeout:
            continue
    raise AssertionError("no window for files opened")


def title(person: Person) -> str:
    return f"{person.number}, {person.surname}, {person.forenames}"


def menu(page: Page, name: str) -> Locator:
    return page.get_by_label(f"Where does {name} go?")


def why(page: Page, name: str) -> Locator:
    return page.locator(".app-plan__file").filter(has=page.get_by_text(name, exact=True)).locator("td").last


def status_of(page: Page, number: str) -> Locator:
    return page.locator(f"[data-candidate-number='{number}'] .app-files__status").last


def slow_down(page: Page, bytes_per_second: int) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": bytes_per_second},
    )


def await_percent(page: Page, least: int) -> None:
    page.wait_for_function(
        "least => parseInt(document.querySelector('.app-progress__text')?.textContent ?? '0') >= least", arg=least
    )


def requests_of(page: Page) -> list[tuple[str, int]]:
    """Note every request for an upload that leaves the page: method and offset."""
    seen: list[tuple[str, int]] = []

    def note(request: Request) -> None:
        if re.search(r"/uploads(/|$)", request.url) and "/static/" not in request.url:
            seen.append((request.method, int(request.headers.get("upload-offset", "-1"))))

    page.on("request", note)
    return seen


def department(folder: Path, people: list[Person]) -> None:
    """A folder as departments keep them: four habits of naming, and what goes wrong with them."""
    folder.mkdir()
    for at, one in enumerate(people):
        name = (
            f"{one.number}_project.pdf",
            f"{one.number} {one.surname.title()}/project.pdf",
            f"{one.forenames.title()} {one.surname.title()} final.pdf",
            f"99002-{one.number}-X446.pdf",
        )[at % 4]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(pdf(at))
    for name in (".DS_Store", "Thumbs.db", "~$project.docx"):
        (folder / name).write_bytes(b"x")
    (folder / "0099_project.pdf").write_bytes(pdf(99))  # somebody who is not asked for
    (folder / "Marking scheme.pages").write_bytes(b"PK\x03\x04")
    (folder / f"{people[1].number}_draft.pdf").write_bytes(pdf(98)[:-50])  # a download that broke off
    (folder / f"{people[0].number}_same again.pdf").write_bytes(pdf(0))  # the same again
    (folder / "IMG_2044.pdf").write_bytes(pdf(97))  # the work of the one whose own file is gone
    gone = people[4]
    (folder / f"{gone.number}_project.pdf").unlink()


@pytest.mark.fault("att:A10", "att:A18", "att:D17", "real:R23", "real:R24")
def test_a_department_folder_becomes_a_sealed_sample(visit: Visit, tmp_path: Path) -> None:
    officer = visit("exams officer", "99002")
    page = officer.page
    hands = Hands(page)
    people = open_sample(officer)
    assert len(people) >= 15
    gone = people[4]
    department(tmp_path / "Media 2026", people)
    sent = requests_of(page)
    with page.expect_file_chooser() as asked:
        hands.click(page.get_by_role("button", name="Choose a folder"))
    asked.value.set_files(tmp_path / "Media 2026")

    # Everything whose name says whose it is has its place, with the reason; the rest is shown, and nothing has been sent.
    summary = page.locator("[data-plan-summary]")
    expect(summary).to_contain_text(
        re.compile(rf"^{len(people) - 1} files for {len(people) - 1} candidates will be sent")
    )
    expect(summary).to_contain_text(f"Still nothing for {gone.number}.")
    expect(page.locator("[data-plan-notes]")).to_contain_text("Thumbs.db")
    expect(why(page, f"{people[0].number}_project.pdf")).to_contain_text("Certain")
    expect(why(page, f"99002-{people[3].number}-X446.pdf")).to_contain_text("Certain")
    expect(why(page, f"{people[2].forenames.title()} {people[2].surname.title()} final.pdf")).to_contain_text("Likely")
    expect(why(page, f"{people[1].number}_draft.pdf")).to_contain_text("The end of this file is missing")
    expect(why(page, f"{people[0].number}_same again.pdf")).to_contain_text("is sent once")
    officer.look("Sample,")
    assert sent == []
    hands.click(page.get_by_text(re.compile("files of nobody in this sample")))
    expect(why(page, "0099_project.pdf")).to_contain_text("0099 is not a candidate whose work is asked for here")
    expect(why(page, "Marking scheme.pages")).to_contain_text("Export To, PDF")
    hands.choose(menu(page, "IMG_2044.pdf"), title(gone))
    expect(summary).to_contain_text("Every candidate has work.")
    assert violations(page) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1280, "height": 900})

    hands.click(page.get_by_role("button", name=f"Send {len(people)} files"))
    words = page.locator("[data-queue-words]")
    expect(words).to_contain_text(f"{len(people)} of {len(people)} files received and checked.")
    for one in people:
        expect(status_of(page, one.number)).to_have_text(RECEIVED)
    assert violations(page) == []
    officer.look("Sample,")
    # The same folder again: what is here is known by its content, and nothing is sent twice.
    posted = [method for method, _ in sent].count("POST")
    assert posted == len(people)
    with page.expect_file_chooser() as asked:
        page.get_by_role("button", name="Choose a folder").click()
    asked.value.set_files(tmp_path / "Media 2026")
    expect(why(page, f"{people[0].number}_project.pdf")).to_contain_text("Here already")
    expect(page.get_by_role("button", name="Send 0 files")).to_be_disabled()
    page.get_by_role("button", name="Send none of these").click()

    hands.click(page.get_by_role("link", name="Show this page with everything received so far"))
    expect(page.get_by_text("All work is in.")).to_be_visible()
    hands.click(page.get_by_label(re.compile("candidates' own")))
    hands.click(page.get_by_role("button", name="Submit sample"))
    officer.look("Sample submitted")
    # Besides choosing the folder in the system's own window.
    assert (hands.clicks, hands.choices) == (6, 1)


def test_files_are_placed_with_the_keyboard_alone_and_a_change_is_undone(visit: Visit, tmp_path: Path) -> None:
    teacher = visit("teacher", "99003")
    page = teacher.page
    hands = Hands(page)
    people = open_sample(teacher)
    (tmp_path / "film studies.pdf").write_bytes(pdf(1))
    (tmp_path / f"{people[1].number} IMG.pdf").write_bytes(pdf(2))
    chooser(hands, page.get_by_role("button", name="Choose files")).set_files(sorted(tmp_path.glob("*.pdf")))
    expect(page.locator("[data-plan-heading]")).to_be_focused()
    expect(page.get_by_role("button", name="Send 1 file")).to_be_visible()
    for _ in range(12):  # as far as the list of files of nobody
        hands.press("Tab")
        if page.evaluate("document.activeElement.matches('[data-plan-others] summary')"):
            break
    hands.press("Enter")
    hands.press("Tab")
    expect(menu(page, "film studies.pdf")).to_be_focused()
    page.keyboard.type(people[0].number)
    expect(page.get_by_role("button", name="Send 2 files")).to_be_visible()
    expect(why(page, "film studies.pdf")).to_contain_text("Chosen by you")
    page.get_by_role("button", name="Undo the last change").focus()
    hands.press("Enter")
    expect(menu(page, "film studies.pdf")).to_have_value("")
    expect(menu(page, "film studies.pdf")).to_be_focused()
    expect(page.locator("[data-uploader-status]")).to_contain_text("Undone: film studies.pdf is not sent.")
    # Beyond 16 MiB the page computes the hash itself, piece by piece.
    size = 17 * MIB + 5
    found = page.evaluate(
        "async size => (await import('/static/uploads/hashing.js')).digestOf(new Blob([new Uint8Array(size).fill(7)]))",
        size,
    )
    assert found == hashlib.sha256(b"\x07" * size).hexdigest()
    # A file can be dragged onto a candidate as well; the menu then says the same.
    page.locator(".app-plan__file", has_text="film studies.pdf").drag_to(
        page.locator(".app-tray__candidate", has_text=people[2].number)
    )
    expect(page.locator(".app-tray__candidate", has_text=people[2].number)).to_contain_text("1 file")
    # Somebody else's number in the name: not attached silently, even where a candidate's own field is used.
    field = page.locator(f"[data-candidate-number='{people[3].number}'] input[type=file]")
    field.set_input_files({"name": f"{people[4].number}_x.pdf", "mimeType": "application/pdf", "buffer": pdf(3)})
    expect(why(page, f"{people[4].number}_x.pdf")).to_contain_text("another candidate of this sample")
    page.get_by_role("button", name="Send 2 files").focus()
    hands.press("Enter")
    expect(status_of(page, people[1].number)).to_have_text(RECEIVED)
    expect(status_of(page, people[2].number)).to_have_text(RECEIVED)
    expect(page.locator(f"[data-candidate-number='{people[3].number}'] .app-files__status")).to_have_count(0)
    teacher.look("Sample,")


@pytest.mark.fault("att:D03")
def test_another_person_on_another_computer_sends_only_the_rest(
    visit: Visit, service: Running, browser: Browser, tmp_path: Path
) -> None:
    teacher = visit("teacher", "99003")
    page = teacher.page
    page.on("dialog", lambda dialog: dialog.accept())
    person = open_sample(teacher)[6]
    path = tmp_path / f"{person.number} portfolio.pdf"
    path.write_bytes(large_pdf(5, 4 * MIB))
    slow_down(page, MIB)
    page.locator("[data-drop-input]").set_input_files(path)
    page.get_by_role("button", name="Send 1 file").click()
    await_percent(page, 40)
    page.get_by_role("button", name="Pause all").click()
    expect(status_of(page, person.number)).to_contain_text("on any computer")
    address = page.url.removeprefix(service.address)
    page.goto("about:blank")
    teacher.context.close()

    with line_to(service.address) as line:
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(line.address + service.sign_in_paths["exams officer", "99003"])
        page.goto(line.address + address)
        begun = page.locator("[data-unfinished]")
        expect(begun).to_contain_text("One file was not finished.")
        expect(begun.locator("li")).to_contain_text(f"candidate {person.number}")
        # Under another name: its content says what it is.
        renamed = tmp_path / "copy from the school's disk.pdf"
        shutil.copy(path, renamed)
        sent, before = requests_of(page), line.passed_bytes
        page.locator("[data-drop-input]").set_input_files(renamed)
        expect(why(page, renamed.name)).to_contain_text("of it has arrived: only the rest is sent")
        expect(page.locator(".app-tray__candidate", has_text=person.number)).to_contain_text("1 file")
        page.get_by_role("button", name="Send 1 file").click()
        expect(status_of(page, person.number)).to_have_text(RECEIVED)
        patched = [offset for method, offset in sent if method == "PATCH"]
        assert [method for method, _ in sent][:3] == [
            "POST",
            "HEAD",
            "PATCH",
        ]  # the right to go on, where it is, the rest
        assert patched[0] >= 0.3 * path.stat().st_size
        assert line.passed_bytes - before < path.stat().st_size - patched[0] + OVERHEAD_BYTES
        expect(page.locator("[data-unfinished]")).to_be_hidden()
        context.close()


@pytest.mark.fault("real:R25", "att:D15")
def test_a_sign_in_and_a_deadline_end_in_the_middle_of_a_file(visit: Visit, tmp_path: Path) -> None:
    teacher = visit("teacher", "99003")
    page = teacher.page

    def due_soon(route: Route) -> None:
        answer = route.fetch()
        due_at = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
        route.fulfill(response=answer, body=re.sub('data-due-at="[^"]+"', f'data-due-at="{due_at}"', answer.text()))

    page.route("**/sample", due_soon)
    person = open_sample(teacher)[7]
    slow_down(page, 500 * KIB)
    path = tmp_path / "portfolio.pdf"
    path.write_bytes(large_pdf(6, 4 * MIB))
    page.locator(f"[data-candidate-number='{person.number}'] input[type=file]").set_input_files(path)
    await_percent(page, 10)
    other = teacher.context.new_page()
    other.goto(f"{teacher.service.address}/")
    other.get_by_role("button", name="Sign out").click()
    expect(status_of(page, person.number)).to_contain_text("before the time was up at")
    expect(status_of(page, person.number)).to_contain_text("it may finish, and counts as sent in time")
    expect(status_of(page, person.number)).to_contain_text("Sign in again to see whether it was accepted")
    expect(page.locator("[data-signed-out]")).to_contain_text("Files that are on their way go on")
    with teacher.context.expect_page() as opened:
        page.get_by_role("link", name=re.compile("Sign in again")).click()
    assert "/sign-in" in opened.value.url
    opened.value.close()
    other.goto(teacher.service.sign_in_url("teacher", "99003"))
    other.close()
    page.bring_to_front()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(status_of(page, person.number)).to_have_text(RECEIVED)
    expect(page.locator("[data-signed-out]")).to_be_hidden()
    # What is new goes with what the new sign-in gave.
    page.locator(f"[data-candidate-number='{person.number}'] input[type=file]").set_input_files(
        {"name": "more.pdf", "mimeType": "application/pdf", "buffer": pdf(66)}
    )
    expect(status_of(page, person.number)).to_have_text(RECEIVED)
    teacher.complaints[:] = [words for words in teacher.complaints if " 401 " not in words]  # the browser's own remark


@contextmanager
def serving(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`nea serve` at a port of its own, until it is killed."""
    with (folder / f"log-{port}").open("ab") as output:
        process = subprocess.Popen(
            [*NEA, "serve"], env=environment(folder / "data", {"NEA_PORT": str(port)}),
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until_open(process, port)
        yield process
    finally:
        process.kill()
        process.wait()


def until_open(process: subprocess.Popen[bytes], port: int) -> None:
    give_up_at = monotonic() + 120
    while monotonic() < give_up_at and process.poll() is None:
        with socket.socket() as line:
            line.settimeout(0.2)
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the service did not start")


@pytest.mark.fault("real:R01", "inj:F2")
def test_a_server_killed_in_the_middle_loses_nothing_and_the_page_goes_on_by_itself(
    rehearsal_folder: Path, browser: Browser, tmp_path: Path
) -> None:
    shutil.copytree(rehearsal_folder, tmp_path / "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    expect.set_options(timeout=PATIENCE_MS)
    with serving(tmp_path, port) as first:
        text = ""
        give_up_at = monotonic() + 120
        while "/sign-in/" not in text and monotonic() < give_up_at:
            text = (tmp_path / f"log-{port}").read_text()
        link = re.search(r"Rehearsal teacher, centre 99002 \([a-z ]+\) +(http\S+/sign-in/\w+)", text)
        assert link, text
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(link[1])
        page.get_by_role("link", name=COMPONENT).first.click()
        number = page.locator("[data-candidate-number]").nth(8).get_attribute("data-candidate-number") or ""
        slow_down(page, 3 * MIB)
        sent = requests_of(page)
        path = tmp_path / f"{number} portfolio.pdf"
        path.write_bytes(large_pdf(7, 10 * MIB))
        page.locator("[data-drop-input]").set_input_files(path)
        page.get_by_role("button", name="Send 1 file").click()
        await_percent(page, 85)  # into the second of its chunks
        first.send_signal(signal.SIGKILL)
        first.wait()
        expect(status_of(page, number)).to_contain_text("Trying again by itself")
    with serving(tmp_path, port):
        expect(status_of(page, number)).to_have_text(RECEIVED)
        assert [method for method, _ in sent].count("POST") == 1
        resumed = [offset for method, offset in sent if method == "PATCH"][-1]
        assert resumed >= 8 * 1024 * KIB
        context.close()
