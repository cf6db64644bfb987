"""A scanning operator's bundle: an unknown page, one upside down, one scanned twice; worked by keyboard, by two people."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.scripts import bundles

from .axe import violations
from .conftest import Visit, Visitor

pytestmark = pytest.mark.journey
CENTRE = "99002"
SITTING = """async (centre) => {
  const { sittings } = await (await fetch("/api/sittings")).json();
  const { id, component } = sittings.find((one) => one.centre_number === centre);
  const { register } = await (await fetch(`/api/sittings/${id}`)).json();
  return { id, component, candidate: register[0].candidate_number };
}"""
ANEW = "async (path) => (await (await fetch(path)).text()).includes('Images made anew')"
BUNDLE = "async (id) => (await fetch(`/api/bundles/${id}`)).json()"


def tiff(pages: list[Image.Image]) -> bytes:
    """A bundle as a scanner writes it that knows no PDF."""
    buffer = BytesIO()
    first, *rest = pages
    first.save(buffer, "TIFF", save_all=True, append_images=rest, compression="tiff_lzw", dpi=(150, 150))
    return buffer.getvalue()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def has_focus(page: Page, words: str) -> None:
    expect(page.locator(":focus")).to_contain_text(words)


def shows_its_page(page: Page) -> None:
    """The image itself is there, not a gap in its place."""
    image = page.locator(".app-scan__images > figure img").first
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("(one) => one.naturalWidth") > 300


def sent(operator: Visitor, sitting: dict[str, Any]) -> str:
    """Send the bundle and wait on its page, which follows by itself, until its pages are placed."""
    page = operator.page
    cover = bundles.cover(sitting["candidate"], component=sitting["component"], centre=CENTRE)
    # The cover lies upside down: its code says so. The loose page does as well, and nothing says so.
    twice = bundles.written(2)
    pages = [bundles.written(1).rotate(180), cover.rotate(180), twice, bundles.written(3), twice]
    operator.open("/scans")
    operator.look("Scanned bundles")
    page.set_input_files("input[name=bundle]", {"name": "day 1.tif", "mimeType": "image/tiff", "buffer": tiff(pages)})
    page.select_option("select[name=sitting]", sitting["id"])
    for name, count in (("sheets_checked", 4), ("booklets", 1), ("booklet_pages", 3)):
        page.fill(f"[name={name}]", str(count))
    page.select_option("select[name=duplex]", "none")
    page.get_by_role("button", name="Send bundle").click()
    expect(page.get_by_text("Every page that came in has its place.")).to_be_visible()
    assert violations(page) == []
    return page.url.rpartition("/")[2]


def test_an_operator_works_a_bundle_by_keyboard(visit: Visit) -> None:
    operator, second = visit("script tracking clerk"), visit("second script tracking clerk")
    page = operator.page
    sitting = page.evaluate(SITTING, CENTRE)
    bundle_id = sent(operator, sitting)
    before = page.evaluate(BUNDLE, bundle_id)
    assert [(one["page"], one["reason"]) for one in before["queued"]] == [
        (0, "before_first_cover"),
        (4, "duplicate_page"),
    ]

    page.get_by_role("link", name="Work through the pages that wait").press("Enter")
    operator.look("Pages that wait for a person")
    page.get_by_role("button", name="Take the next page").press("Enter")
    operator.look("Page 1 of day 1.tif")
    has_focus(page, "Page 1 of day 1.tif")
    shows_its_page(page)
    expect(page.get_by_text("It lies before the first cover sheet")).to_be_visible()
    assert violations(page) == []
    press(page, "Tab", "Tab", "Enter")  # turn upside down
    expect(page.get_by_text("shown turned by 180 degrees")).to_be_visible()
    has_focus(page, "Turn to the right")
    press(page, "Tab", "Tab", "Space", "Tab")  # it belongs to a script: of whom?
    page.keyboard.type(sitting["candidate"])
    press(page, "Tab", "Tab", "Enter")

    operator.look("Page 5 of day 1.tif")
    has_focus(page, "Page 5 of day 1.tif")
    expect(page.get_by_text("The cover sheet before it says so.")).to_be_visible()
    press(page, "Tab", "Tab", "Tab", "ArrowUp", "Tab", "Tab", "Tab", "Enter")  # not needed, but no reason given
    expect(page.get_by_role("alert")).to_contain_text("Choose why the page is discarded.")
    press(page, "Tab", "Enter", "ArrowDown")  # the summary leads to the field
    expect(page.get_by_label("Why it is not needed")).to_have_value("duplicate_scan")
    press(page, "Tab", "Enter")
    operator.look("Pages that wait for a person")
    expect(page.get_by_text("Nothing waits here for you now.")).to_be_visible()

    other = second.page
    second.open("/scan-queues")
    other.get_by_role("button", name="Take the next page").press("Enter")
    for number, what in ((1, "It belongs to the script of candidate"), (5, "To discard it: It was scanned twice")):
        second.look(f"Page {number} of day 1.tif")
        has_focus(other, f"Page {number} of day 1.tif")
        shows_its_page(other)
        expect(other.get_by_text(what)).to_be_visible()
        press(other, "Tab", "Enter")
    expect(other.get_by_text("Nothing waits here for you now.")).to_be_visible()

    second.open(f"/scans/{bundle_id}")
    after = other.evaluate(BUNDLE, bundle_id)
    assert (after["queued"], after["ended"]["indexed"], after["ended"]["discarded"], after["pages"]) == ([], 4, 1, 5)
    (script,) = after["scripts"]
    assert script["candidate_number"] == sitting["candidate"]
    # The images are made anew in the background, with the page that was found.
    history = f"/scripts/{script['script_id']}"
    other.wait_for_function(ANEW, arg=history)
    second.open(history)
    expect(other.get_by_text("Images made anew")).to_be_visible()
