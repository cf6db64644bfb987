"""From marks to proof: submitted, receipted on the page, mailed by a real server, and checked by the page in a folder."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from repository.receipts import files

from ..patience import PATIENCE_SECONDS
from ..servers.mail import MailServer, running_mail_server
from .conftest import Visit
from .serving import Running, environment, running

pytestmark = pytest.mark.journey
CENTRE, CONTACT = "99001", "exams.office@school.example"


@pytest.fixture(scope="module")
def post() -> Iterator[MailServer]:
    with running_mail_server() as server:
        yield server


@pytest.fixture(scope="module")
def service(rehearsal_folder: Path, tmp_path_factory: pytest.TempPathFactory, post: MailServer) -> Iterator[Running]:
    """The service over a copy of the rehearsal, with mail on and a contact of the centre."""
    folder = tmp_path_factory.mktemp("service")
    shutil.copytree(rehearsal_folder, folder / "data")
    with closing(sqlite3.connect(folder / "data" / "nea.sqlite3")) as database, database:
        database.execute(
            "INSERT INTO notification_contact (id, centre_number, office, email, kinds, code_mac, failed_codes, added_at,"
            " verified_at) VALUES ('c1', ?, 'Exams office', ?, ?, x'00', 0, ?, ?)",
            (CENTRE, CONTACT, json.dumps(["receipts", "samples"]), *["2026-01-01 00:00:00.000000"] * 2),
        )
    settings = {
        "NEA_MAIL_HOST": "127.0.0.1",
        "NEA_MAIL_PORT": str(post.port),
        "NEA_MAIL_TLS": "none",
        "NEA_MAIL_FROM": "nea@board.example",
    }
    with running(environment(folder / "data", settings), folder / "log") as started:
        yield started


def wait_for(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < give_up_at, "no mail came"
        time.sleep(0.1)


def test_marks_are_submitted_receipted_mailed_and_proven_without_the_service(
    visit: Visit, post: MailServer, tmp_path: Path
) -> None:
    teacher = visit("teacher", CENTRE)
    teacher.page.get_by_role("link", name=re.compile("Enter and check marks")).click()
    teacher.page.get_by_role("button", name="I have checked every mark").click()
    expect(teacher.page.get_by_role("alert")).to_contain_text("exams officer can now submit")

    officer = visit("exams officer", CENTRE)
    page = officer.page
    page.get_by_role("link", name=re.compile("Submit the marks")).click()
    total = page.locator("[data-marks-total]").inner_text()
    page.get_by_label("Control total").fill(total)
    page.get_by_role("button", name="Submit marks").click()
    officer.look("Sample,")
    page.get_by_role("link", name="Your receipts").click()
    officer.look("Receipts of")
    page.get_by_role("link", name=re.compile("Marks submitted")).click()
    officer.look("Marks submitted")
    expect(page.get_by_text("Control total")).to_be_visible()
    expect(page.get_by_text(total, exact=False).first).to_be_visible()
    wait_for(lambda: bool(page.reload()) and page.get_by_text("Signed and in the audit log").is_visible())
    officer.look("Marks submitted")
    kept = saved(page.get_by_role("button", name="Download the proof"), tmp_path)
    printed = saved(page.get_by_role("link", name="Download it to read and print"), tmp_path)
    assert printed.read_bytes().startswith(b"%PDF-")

    # It comes by mail, proof and all, without the marks.
    wait_for(lambda: any("Receipt" in str(one["Subject"]) for one in post.to(CONTACT)))
    message = next(one for one in post.to(CONTACT) if "Receipt" in str(one["Subject"]))
    found = {str(one.get_filename()): one.get_payload(decode=True) for one in message.iter_attachments()}
    mailed = files.read(bytes(found[kept.name]))
    whole = files.read(kept.read_bytes())
    assert mailed.signed_text == whole.signed_text
    assert (mailed.log_proof, mailed.marks_text) == (whole.log_proof, None)
    assert whole.marks_text is not None

    # The keys are published, and so is the page that checks: kept in a folder, it needs nobody.
    officer.open("/receipt-keys")
    officer.look("Keys of receipts")
    key = page.locator("code").first.inner_text()
    checking = saved(page.get_by_role("link", name="download the checking page"), tmp_path / "stick")
    officer.open("/verify-receipt")
    judge(page, kept.read_bytes(), key, "Yes. This receipt is proven")
    page.context.set_offline(True)
    page.goto(checking.as_uri())
    judge(page, kept.read_bytes(), key, "Yes. This receipt is proven")
    expect(page.get_by_text("The marks in the file are those that were submitted.")).to_be_visible()
    judge(
        page, kept.read_bytes().replace(b"marks-submitted", b"marks-submittee"), key, "No. Do not rely on this receipt"
    )
    judge(page, bytes(found[kept.name]), key, "Nothing was changed")
    page.context.set_offline(False)

    # Nothing failed to arrive.
    officer.open("/mail")
    officer.look("Mail")
    expect(page.get_by_text("None. Every message so far was taken")).to_be_visible()
    board = visit("awarding body officer A")
    board.open("/mail")
    board.look("Mail")
    board.open(f"/receipts?centre={CENTRE}")
    board.look("Receipts of centre")
    narrow = visit("exams officer", CENTRE, width=320, height=700)
    narrow.open("/receipts")
    narrow.look("Receipts of centre")
    narrow.page.get_by_role("link", name=re.compile("Marks submitted")).click()
    narrow.look("Marks submitted")
    assert narrow.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def saved(link: Locator, folder: Path) -> Path:
    with link.page.expect_download() as started:
        link.click()
    kept = folder / started.value.suggested_filename
    started.value.save_as(kept)
    return kept


def judge(page: Page, data: bytes, key: str, words: str) -> None:
    page.get_by_label("The receipt").set_input_files(
        {"name": "receipt.json", "mimeType": "application/json", "buffer": data}
    )
    page.get_by_label("Public key of the service").fill(key)
    expect(page.locator("#verdict")).to_contain_text(words)
