"""An exams officer practises the whole way in a real browser: from what is missing to the receipt, then wipes it all."""

from __future__ import annotations

import re
from random import Random

import pytest
from playwright.sync_api import Page, expect

from repository.demo import files
from repository.demo.files import WorkFile

from .conftest import Visit

pytestmark = pytest.mark.journey

CENTRE = "99002"
BANNER = "Practice: nothing here counts."


def payload(work: WorkFile, name: str) -> dict[str, object]:
    return {"name": name, "mimeType": work.media_type, "buffer": work.content}


def work_of(number: str, title: str = "Folder") -> WorkFile:
    return files.pdf(number, title, "PRACTICE-JOURNEY", 1, Random(int(number)))


def row_of(page: Page, number: str):
    return page.locator(f"[data-candidate-number='{number}']")


def send(page: Page, number: str, name: str, work: WorkFile) -> None:
    row = row_of(page, number)
    row.locator("input[type=file]").set_input_files([payload(work, name)])
    expect(row.locator(".app-files__status").last).to_have_text("Received and checked")


def test_from_what_is_missing_to_a_receipt_and_nothing_is_left(visit: Visit) -> None:
    person = visit("exams officer", CENTRE)
    page = person.open("/practice")
    person.look("Practice")
    page.get_by_role("button", name="Begin to practise").click()
    person.look("What is missing")
    expect(page.get_by_text(BANNER)).to_be_visible()
    expect(page.locator(".app-ready h2").first).to_contain_text("PRAC/03")  # what is late stands first
    for path in ("/staff", "/exports", "/contacts", "/results", "/tokens"):
        answer = page.request.get(person.service.address + path)
        assert answer.status == 404, f"{path} reaches out of the practice centre"

    page.locator(".app-ready a", has_text="PRAC/03").click()
    person.look("Sample, PRAC/03")
    rows = page.locator("[data-candidate-number]").all()
    numbers = sorted(str(row.get_attribute("data-candidate-number")) for row in rows)
    assert len(numbers) == 4
    first, second, third, fourth = numbers
    # The first two are sent the wrong way round; their names say nothing.
    for number, name in zip(numbers, ("beta.pdf", "alpha.pdf", "gamma.pdf", "delta.pdf"), strict=True):
        send(page, number, name, work_of(number))
    page.get_by_role("link", name="Show this page with everything received so far").click()
    expect(page.get_by_text("All work is in.")).to_be_visible()

    page.get_by_role("link", name="Swap the files of two candidates").click()
    person.look("Swap the files of two candidates")
    page.get_by_label("Candidate", exact=True).select_option(label=option(page, "item", first))
    page.get_by_label("Swap with").select_option(label=option(page, "other", second))
    page.get_by_role("button", name="Swap their files").click()
    person.look("Sample, PRAC/03")
    expect(row_of(page, first).locator(".app-files__name")).to_contain_text("alpha.pdf")
    expect(row_of(page, second).locator(".app-files__name")).to_contain_text("beta.pdf")

    row_of(page, third).get_by_role("link", name="Replace or move").click()
    person.look("Change a file")
    page.get_by_label("The new file").set_input_files([payload(work_of(third, "Better"), "better.pdf")])
    page.get_by_role("button", name="Replace it").click()
    person.look("Sample, PRAC/03")
    words = ""
    for _ in range(40):
        page.reload()
        words = row_of(page, third).locator(".app-files").inner_text()
        if "version 2" in words and row_of(page, third).locator("li").count() == 1:
            break
        page.wait_for_timeout(500)
    assert "version 2" in words

    page.get_by_role("link", name="See it as the moderator will see it").click()
    person.look("As the moderator will see it")
    for place in range(1, 5):
        expect(page.get_by_text(f"{place} of 4 looked at")).to_be_visible()
        expect(page.locator(".app-verdicts__good, .app-verdicts__look")).to_have_count(1)
        expect(page.get_by_text("Opens: 1 page.")).to_be_visible()
        if place < 4:
            page.wait_for_load_state()  # the page hears the key once its script runs
            page.keyboard.press("n")
            page.wait_for_url(re.compile("/preview/"))
    page.get_by_role("link", name="To the sample, to submit it").click()
    person.look("Sample, PRAC/03")
    expect(page.get_by_text("4 of 4 looked at")).to_be_visible()
    page.get_by_label("The work is the candidates' own").check()
    page.get_by_role("button", name="Submit sample").click()
    expect(page.get_by_text("This is of a practice centre: nothing here counts")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=fourth)).to_be_visible()

    page = person.open("/readiness")
    expect(page.locator(".app-ready h2").first).to_contain_text("PRAC/02")
    page.locator(".app-ready a", has_text="PRAC/02").click()
    page.get_by_role("link", name="Declare each candidate’s work").click()
    person.look("Declarations, PRAC/02")
    page.locator("input[name=items]").first.check()
    page.get_by_label("I declare this of the candidates chosen.").check()
    page.get_by_role("button", name="Declare", exact=True).click()
    expect(page.get_by_text("The work of 1 candidate was declared.")).to_be_visible()
    expect(page.locator("td", has_text="Declared").first).to_be_visible()

    page = person.open("/practice")
    page.get_by_role("button", name="Wipe it").click()
    person.look("Practice")
    expect(page.get_by_role("button", name="Begin to practise")).to_be_visible()
    expect(page.get_by_text(BANNER)).to_have_count(0)
    page = person.open("/receipts")
    expect(page.get_by_text("PRAC/03")).to_have_count(0)


def option(page: Page, name: str, number: str) -> str:
    labels = page.locator(f"select[name={name}] option").all_inner_texts()
    return next(label for label in labels if label.startswith(number))
