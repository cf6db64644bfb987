"""A centre asks for more time and gets some of it; it asks its sample back, changes a file, and both see what changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from moderation.entries import Series
from moderation.exchange.slots_csv import write_slots_csv
from moderation.slots import Slot, SlotScope
from repository.places import TYPE_WORDS

from .conftest import Visit, Visitor
from .test_centre import RECEIVED, as_payload, row_of, sampled, work_of

pytestmark = pytest.mark.journey

CENTRE = "99001"
SERIES = Series("99", "6B", 26)
MIB = 1024 * 1024
LATE_DAY, LESS, MORE = "2099-06-30", "30 June 2099", "2099-07-31"
RECORD = "Assessment record"


def bring_in_slots(officer: Visitor, component: str, folder: Path) -> None:
    """Ask for a record about the whole group beside the work, in a file of slots."""
    slots = [
        Slot("work", "Project", media_types=("application/pdf",), max_bytes=5 * MIB),
        Slot("record", RECORD, "Signed by the head of department", scope=SlotScope.COHORT),
    ]
    file = folder / "slots.csv"
    file.write_bytes(write_slots_csv([(component, slot) for slot in slots], series=SERIES, type_words=TYPE_WORDS))
    page = officer.open("/imports")
    page.get_by_label("Evidence slots").check()
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Every file was taken in.")).to_be_visible()


def submit_marks(visit: Visit) -> tuple[Visitor, str]:
    """Check and submit the marks of the centre's first component; returns the exams officer's window on the sample."""
    teacher = visit("teacher", CENTRE)
    page = teacher.page
    page.get_by_role("link", name=re.compile("Enter and check marks")).first.click()
    total = page.locator("[data-marks-total]").inner_text()
    page.get_by_role("button", name="I have checked every mark").click()
    expect(page.get_by_role("alert")).to_contain_text("exams officer can now submit")
    component = re.search(r"X\d{3}/\d\d", page.title())
    assert component is not None
    path = page.url.removeprefix(teacher.service.address)
    officer = visit("exams officer", CENTRE)
    page = officer.open(path)
    page.get_by_label("Control total").fill(total)
    page.get_by_role("button", name="Submit marks").click()
    officer.look("Sample,")
    return officer, component[0]


def ask_for_more_time(centre: Visitor, body: Visitor, sample: str) -> None:
    page = centre.open(sample)
    page.get_by_role("link", name="ask for more time").click()
    centre.look("More time")
    page.get_by_role("button", name="Ask for more time").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a day")
    page.get_by_label("Why can it not be sent in time?").fill("The art room was flooded")
    page.get_by_label("Until which day do you need?").fill(MORE)
    page.get_by_role("button", name="Ask for more time").click()
    expect(page.get_by_text("Waiting for a decision")).to_be_visible()
    centre.look("More time")

    page = body.open("/")
    page.get_by_role("link", name="Decide on 1 request of centres").click()
    body.look("Requests of centres")
    page.get_by_role("link", name=re.compile(f"Centre {CENTRE}")).click()
    page.get_by_label("New last day").fill("2099-08-01")
    page.get_by_role("button", name="Grant more time").click()
    expect(page.get_by_role("alert")).to_contain_text("after the one that was asked for")
    page.get_by_label("New last day").fill(LATE_DAY)
    page.get_by_role("button", name="Grant more time").click()
    expect(page.get_by_role("alert")).to_contain_text("More time was granted")
    body.look("More time")
    expect(centre.open(sample).locator("main")).to_contain_text(LESS)


def send(centre: Visitor, sample: str) -> list[str]:
    """Send every work and the record about the group; one file of another kind is refused on the page."""
    page = centre.open(sample)
    numbers = sampled(page)
    row_of(page, numbers[0]).locator("input[type=file]").set_input_files(as_payload(work_of(numbers[0]), "film.mp4"))
    expect(row_of(page, numbers[0]).locator(".app-files__status")).to_contain_text("not accepted here")
    centre.look("Sample,")
    page.locator("[data-drop-input]").set_input_files([as_payload(work_of(number)) for number in numbers])
    page.get_by_role("button", name=f"Send {len(numbers)} files").click()
    for number in numbers:
        expect(row_of(page, number).locator(".app-files__status").last).to_have_text(RECEIVED)
    page.get_by_role("link", name="Show this page with everything received so far").click()
    expect(page.get_by_text(f"the documents about the whole group are here: {RECORD}")).to_be_visible()
    group = page.locator("[data-subject=case]")
    group.locator("input[type=file]").set_input_files(as_payload(work_of("9999"), "record.pdf"))
    expect(group.locator(".app-files__status").last).to_have_text(RECEIVED)
    centre.open(sample)
    centre.look("Sample,")
    return numbers


def hand_in(page: Page) -> None:
    page.get_by_label(re.compile("candidates' own")).check()
    page.get_by_role("button", name="Submit sample").click()


def test_more_time_and_a_sample_that_comes_back(visit: Visit, tmp_path: Path) -> None:
    centre, component = submit_marks(visit)
    sample = centre.page.url.removeprefix(centre.service.address)
    body = visit("awarding body officer A")
    bring_in_slots(body, component, tmp_path)
    ask_for_more_time(centre, body, sample)
    body.open("/outstanding")
    body.look("still have to send")
    numbers = send(centre, sample)
    page = centre.page
    hand_in(page)
    centre.look("Sample submitted")
    expect(page.get_by_role("row").filter(has_text="The whole group")).to_contain_text("record.pdf")

    page = centre.open(sample)
    page.get_by_role("link", name="ask for it back").click()
    page.get_by_label("What has to be put right?").fill("The wrong version of one work was sent")
    page.get_by_role("button", name="Ask for the sample back").click()
    centre.look("More time")
    requests = page.url.removeprefix(centre.service.address)
    page = body.open(requests)
    page.get_by_role("button", name="Refuse").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.get_by_role("button", name="Give it back to the centre").click()
    expect(page.get_by_role("alert")).to_contain_text("submits it again")

    page = centre.open(sample)
    row_of(page, numbers[0]).get_by_role("button", name=re.compile("Remove")).click()
    centre.look("Sample,")
    again = as_payload(work_of("9998"), f"{numbers[0]}_right.pdf")
    row_of(page, numbers[0]).locator("input[type=file]").set_input_files(again)
    expect(row_of(page, numbers[0]).locator(".app-files__status").last).to_have_text(RECEIVED)
    page = centre.open(sample)
    hand_in(page)
    centre.look("Sample submitted")
    expect(page.get_by_text("Takes the place of", exact=True)).to_be_visible()
    for window in (centre, body):
        page = window.open(requests)
        window.look("More time")
        changed = page.get_by_role("table", name=re.compile("What changed")).get_by_role("row")
        expect(changed).to_have_count(2)
        expect(changed.last).to_contain_text("Replaced")
        expect(changed.last).to_contain_text(work_of("9998").sha256)
