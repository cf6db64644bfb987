"""A centre's journey: marks are entered, checked and submitted; the work goes up; the receipt is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page, Request, Route, expect

from repository.demo import files
from repository.demo.files import WorkFile
from repository.receipts import verify

from .conftest import Visit

pytestmark = pytest.mark.journey

CENTRE = "99001"
MIB = 1024 * 1024
LARGE_SECONDS = 60
"""Of recording: some 10 MB, more than one of the uploader's chunks."""
SLOW_BYTES_PER_SECOND = 6 * MIB
RECEIVED = "Received and checked"
MARKER = "JOURNEY-99"


def as_payload(work: WorkFile, name: str | None = None) -> dict[str, object]:
    """A file as the browser is handed it."""
    return {"name": name or work.filename, "mimeType": work.media_type, "buffer": work.content}


def work_of(number: str) -> WorkFile:
    return files.pdf(number, "Project", MARKER, 1, Random(int(number)))


def recording_of(number: str) -> WorkFile:
    return files.wav(number, MARKER, Random(int(number)), seconds=LARGE_SECONDS, large=True)


def sampled(page: Page) -> list[str]:
    """The candidates whose work the page asks for."""
    rows = page.locator("[data-candidate-number]")
    return [row.get_attribute("data-candidate-number") or "" for row in rows.all()]


def title_of(page: Page, number: str) -> str:
    """How a menu calls a candidate."""
    row = row_of(page, number)
    return f"{number}, {row.get_attribute('data-surname')}, {row.get_attribute('data-forenames')}"


def row_of(page: Page, number: str):
    return page.locator(f"[data-candidate-number='{number}']")


def test_from_marks_to_a_receipt(visit: Visit, tmp_path: Path) -> None:
    teacher = visit("teacher", CENTRE)
    page = teacher.page
    page.get_by_role("link", name=re.compile("Enter and check marks")).click()
    teacher.look("Centre marks")

    # The totals follow what is typed, and nothing wrong can be saved.
    first = page.locator("[data-mark]").first
    maximum = int(first.get_attribute("data-maximum") or "0")
    total, old = int(page.locator("[data-marks-total]").inner_text()), int(first.input_value())
    first.fill(str(maximum + 1))
    expect(page.locator("[data-mark-message]").first).to_have_text(f"Enter a mark from 0 to {maximum}")
    page.get_by_role("button", name="Save marks").click()
    teacher.look("Centre marks")
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    assert page.title().startswith("Error: ")
    page.get_by_role("alert").get_by_role("link").first.click()
    assert first.evaluate("input => input === document.activeElement")
    first.fill(str(maximum - 1))
    total += maximum - 1 - old
    expect(page.locator("[data-marks-total]")).to_have_text(str(total))
    page.get_by_role("button", name="Save marks").click()
    expect(page.get_by_role("alert")).to_contain_text(f"Control total {total}")
    page.get_by_role("button", name="I have checked every mark").click()
    expect(page.get_by_role("alert")).to_contain_text("exams officer can now submit")
    teacher.look("Centre marks")

    officer = visit("exams officer", CENTRE)
    page = officer.page
    page.get_by_role("link", name=re.compile("Submit the marks")).click()
    officer.look("Centre marks")
    page.get_by_label("Control total").fill(str(total + 1))
    page.get_by_role("button", name="Submit marks").click()
    expect(page.get_by_role("alert")).to_contain_text("There is a problem")
    page.get_by_label("Control total").fill(str(total))
    page.get_by_role("button", name="Submit marks").click()
    officer.look("Sample,")
    numbers = sampled(page)
    assert len(numbers) == len(set(numbers)) >= 10
    expect(page.get_by_text("Still missing:")).to_contain_text(numbers[-1])

    # Every file but one is chosen at once; the names say whose they are. One name says nothing. Nothing is sent until she says so.
    named = [as_payload(work_of(number)) for number in numbers[2:]]
    page.locator("[data-drop-input]").set_input_files([*named, as_payload(work_of(numbers[1]), "film studies.pdf")])
    expect(page.locator("[data-plan-summary]")).to_contain_text(f"Still nothing for {numbers[0]}, {numbers[1]}")
    page.get_by_text("1 file of nobody in this sample").click()
    page.get_by_label("Where does film studies.pdf go?").select_option(label=title_of(page, numbers[1]))
    page.get_by_role("button", name=f"Send {len(numbers) - 1} files").click()
    officer.look("Sample,")
    for number in numbers[1:]:
        expect(row_of(page, number).locator(".app-files__status")).to_have_text(RECEIVED)
    row_of(page, numbers[0]).locator("input[type=file]").set_input_files(as_payload(work_of(numbers[0])))
    expect(row_of(page, numbers[0]).locator(".app-files__status")).to_have_text(RECEIVED)
    officer.look("Sample,")
    page.get_by_role("link", name="Show this page with everything received so far").click()
    expect(page.get_by_text("All work is in.")).to_be_visible()
    officer.look("Sample,")

    page.get_by_role("button", name="Submit sample").click()
    expect(page.get_by_role("alert")).to_contain_text("Tick the declaration")
    page.get_by_label(re.compile("candidates' own")).check()
    page.get_by_role("button", name="Submit sample").click()
    officer.look("Sample submitted")
    for number in numbers:
        expect(page.get_by_role("row").filter(has_text=number)).to_contain_text(work_of(number).sha256)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download the proof").click()
    kept = tmp_path / started.value.suggested_filename
    started.value.save_as(kept)
    receipt = json.loads(kept.read_text())
    text, signature = receipt["signed_text"].encode("ascii"), bytes.fromhex(receipt["signature"])
    assert verify(text, signature, receipt["public_key"])
    assert {c["candidate_number"] for c in json.loads(text)["candidates"]} == set(numbers)

    # The teacher sees that it is done, and that nothing can be added.
    page = teacher.page
    page.goto(officer.page.url)
    teacher.open("/")
    teacher.open("/cases")
    page.get_by_role("main").get_by_role("link").first.click()
    page.get_by_role("link", name="Sample", exact=True).click()
    teacher.look("Sample,")
    expect(page.get_by_text("is locked")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)


def patches(page: Page) -> list[tuple[str, str]]:
    """Note every upload request that leaves the page: its method, and the offset it starts from."""
    seen: list[tuple[str, str]] = []

    def note(request: Request) -> None:
        if "/uploads" in request.url:
            seen.append((request.method, request.headers.get("upload-offset", "")))

    page.on("request", note)
    return seen


def throttle(page: Page) -> Callable[[bool], None]:
    """Slow the line down, so that it can be cut in the middle of a file."""
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")

    def cut(offline: bool) -> None:
        line.send(
            "Network.emulateNetworkConditions",
            {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW_BYTES_PER_SECOND},
        )

    cut(False)
    return cut


def percent(page: Page) -> int:
    return int(page.locator(".app-progress__text").first.inner_text().rstrip("%") or 0)


def await_percent(page: Page, least: int) -> None:
    page.wait_for_function(
        "least => parseInt(document.querySelector('.app-progress__text')?.textContent ?? '0') >= least", arg=least
    )


def test_a_line_that_breaks_in_the_middle_of_a_file_goes_on_where_it_stopped(visit: Visit) -> None:
    window = visit("teacher", "99002")
    page = window.page
    page.get_by_role("link", name="X446/03").first.click()
    window.look("Sample,")
    number = sampled(page)[0]
    work = recording_of(number)
    sent, cut = patches(page), throttle(page)
    page.evaluate("document.title")
    row_of(page, number).locator("input[type=file]").set_input_files(as_payload(work))
    await_percent(page, 30)
    cut(True)
    expect(row_of(page, number).locator(".app-files__status")).not_to_have_text(RECEIVED)
    page.wait_for_timeout(700)
    cut(False)
    expect(row_of(page, number).locator(".app-files__status")).to_have_text(RECEIVED)
    window.look("Sample,")
    methods = [method for method, _ in sent]
    assert methods.count("POST") == 1, methods
    assert "HEAD" in methods
    again = methods.index("HEAD")
    resumed = [int(offset) for method, offset in sent[again:] if method == "PATCH"]
    assert resumed
    assert 0 < resumed[0] < len(work.content)
    # The document has the bytes that were chosen: what the server kept has their SHA-256.
    page.reload()
    expect(row_of(page, number)).to_contain_text(work.filename)
    expect(row_of(page, number)).to_contain_text(RECEIVED)


def test_a_page_that_was_closed_in_the_middle_sends_only_the_rest(visit: Visit) -> None:
    window = visit("teacher", "99002")
    page = window.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("link", name="X446/03").first.click()
    number = sampled(page)[1]
    work = recording_of(number)
    throttle(page)
    row_of(page, number).locator("input[type=file]").set_input_files(as_payload(work))
    await_percent(page, 40)
    row_of(page, number).get_by_role("button", name="Pause").click()
    expect(row_of(page, number).locator(".app-files__status")).to_contain_text("choose the same file later")
    window.look("Sample,")
    page.reload()
    sent = patches(page)
    row_of(page, number).locator("input[type=file]").set_input_files(as_payload(work))
    expect(page.locator("[data-uploader-status]")).to_contain_text("going on from where it stopped")
    expect(row_of(page, number).locator(".app-files__status")).to_have_text(RECEIVED)
    assert "POST" not in [method for method, _ in sent]
    offsets = [int(offset) for method, offset in sent if method == "PATCH"]
    assert 0 < offsets[0] < len(work.content)


def test_a_file_that_is_not_what_its_name_says_is_refused_with_what_to_do(visit: Visit) -> None:
    window = visit("teacher", "99003")
    page = window.page
    page.get_by_role("link", name="X446/03").first.click()
    number = sampled(page)[0]
    field = row_of(page, number).locator("input[type=file]")
    status = row_of(page, number).locator(".app-files__status")
    field.set_input_files({"name": "notes.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ" + bytes(90)})
    expect(status.last).to_contain_text("is not accepted here")
    field.set_input_files({"name": "empty.pdf", "mimeType": "application/pdf", "buffer": b""})
    expect(status.last).to_contain_text("This file is empty")
    field.set_input_files({"name": "film.pdf", "mimeType": "application/pdf", "buffer": b"MZ" + bytes(9000)})
    expect(status.last).to_contain_text("The name ends in .pdf, but inside it is a program.")
    # What only a look inside finds is the server's to say: here is a PDF without a page.
    field.set_input_files(
        {"name": "essay.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n" + bytes(900) + b"%%EOF"}
    )
    expect(status.last).to_contain_text("not yet accepted: ")
    expect(status.last).to_contain_text(re.compile(r"\. [A-Z].+\.$"))
    window.look("Sample,")
    page.reload()
    expect(row_of(page, number)).to_contain_text("essay.pdf")
    expect(row_of(page, number)).not_to_contain_text(RECEIVED)
    expect(page.locator(".app-figures")).to_contain_text(re.compile(r"received or explained\s*0"))


def test_a_server_that_says_no_is_heard(visit: Visit) -> None:
    """A refusal is shown in the server's words, and the file can be taken off the list."""
    window = visit("teacher", "99003")
    page = window.page
    page.get_by_role("link", name="X446/03").first.click()
    number = sampled(page)[1]

    def refuse(route: Route) -> None:
        route.abort()

    page.route("**/uploads", refuse)
    row_of(page, number).locator("input[type=file]").set_input_files(as_payload(work_of(number)))
    status = row_of(page, number).locator(".app-files__status")
    expect(status).to_contain_text(re.compile("Sending|connection"))
    row_of(page, number).get_by_role("button", name="Cancel").click()
    expect(row_of(page, number).locator(".app-files__file")).to_have_count(0)
    assert row_of(page, number).locator("input[type=file]").evaluate("input => input === document.activeElement")
