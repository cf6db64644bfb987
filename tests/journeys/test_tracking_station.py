"""A tracking clerk with a hand-held scanner: hundreds of packets by the keyboard alone, with a line and without."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from .axe import violations
from .conftest import PICTURES, Visit, until

pytestmark = pytest.mark.journey
CENTRE = "99001"

PREPARE = """async () => {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const ask = async (path, method, body) => {
    const headers = { "X-CSRF-Token": token, "Content-Type": "application/json" };
    const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  };
  const [sitting] = (await ask("/api/sittings", "GET")).sittings;
  const { register } = await ask(`/api/sittings/${sitting.id}`, "GET");
  const lines = register.map((one) => ({ candidate_number: one.candidate_number, state: "present" }));
  await ask(`/api/sittings/${sitting.id}/register`, "PUT", { lines });
  const plan = { capacity: Math.ceil(lines.length / 3), again: true };
  const { packets } = await ask(`/api/sittings/${sitting.id}/packets`, "POST", plan);
  return packets.map((one) => one.label);
}"""
KEPT = """async () => {
  const found = await caches.keys();
  return (await Promise.all(found.map((name) => caches.match("/tracking", { cacheName: name })))).some(Boolean);
}"""
# Which tones were begun, by their first pitch: what is heard is what the service meant.
HEAR = """
window.heard = [];
const begin = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) { window.heard.push(this.frequency.value); return begin.call(this, at); };
"""
GOOD, AGAIN, BAD = 1320, 880, 180


def scan(page: Page, code: str) -> None:
    """The scanner is a keyboard: it types wherever the focus is, and presses Enter."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def counted(page: Page, **expected: int) -> None:
    for name, count in expected.items():
        expect(page.locator(f"#counter-{name}")).to_have_text(str(count))


def read_cards(pdf: bytes, folder: Path) -> dict[str, str]:
    """The command cards as a scanner of somebody else's make reads them."""
    path = folder / "cards.png"
    pypdfium2.PdfDocument(pdf)[0].render(scale=2.5, grayscale=True).to_pil().save(path)
    done = subprocess.run(
        ["/usr/bin/zbarimg", "--quiet", "--raw", "--nodbus", str(path)], capture_output=True, text=True, check=True
    )
    return {code.split("|")[1]: code for code in done.stdout.split()}


def test_a_shift_at_the_station(visit: Visit, tmp_path: Path) -> None:
    officer = visit("exams officer", CENTRE)
    labels: list[str] = officer.page.evaluate(PREPARE)
    first, second, third = labels[:3]
    clerk = visit("script tracking clerk", width=1024, height=900)
    page, context = clerk.page, clerk.context
    page.add_init_script(HEAR)

    clerk.open("/tracking")
    clerk.look("Tracking station")
    page.get_by_label("Where is this station?").fill("Scanning hall")
    page.keyboard.press("Enter")
    field = page.get_by_label("Scan a packet label")
    expect(field).to_be_focused()
    word, text = page.locator("#result-word"), page.locator("#result-text")

    # One arrives, the same again, and one whose code is damaged.
    scan(page, first)
    expect(word).to_have_text("Received")
    expect(text).to_contain_text("Packet 1 of")
    expect(text).to_contain_text("Still to come: packet 2, 3")
    scan(page, first.replace("|", "~"))
    expect(word).to_have_text("Already scanned")
    scan(page, second[:-1] + ("0" if second[-1] != "0" else "1"))
    expect(word).to_have_text("Not read")
    scan(page, second.replace("SL1|99001|", "SL1|99001"))
    counted(page, accepted=1, repeated=1, unread=2, attention=0, waiting=0)
    assert page.evaluate("window.heard") == [GOOD, AGAIN, AGAIN, BAD, BAD]
    assert violations(page) == []
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/station-unread.png", full_page=True)

    # The keyboard is on a button: what the scanner types still goes into the field.
    page.locator("#station-sounds").focus()
    scan(page, second)
    expect(word).to_have_text("Received")
    expect(field).to_be_focused()
    expect(page.locator("#station-sounds")).to_have_text("Turn sounds off")

    # Taken back by a card, read from the printed sheet by another maker's decoder.
    cards = read_cards(context.request.get(clerk.service.address + "/tracking/cards.pdf").body(), tmp_path)
    assert len(cards) == 9
    scan(page, cards["UNDO"])
    expect(word).to_have_text("Taken back")
    counted(page, accepted=1)
    scan(page, cards["UNDO"])
    expect(text).to_contain_text("taken back already")

    # The line goes; the page is loaded anew without it, and with it, in another tab.
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    until(page, KEPT)
    context.set_offline(True)
    scan(page, second)
    expect(word).to_have_text("Kept, not sent yet")
    expect(page.locator("#light")).to_contain_text("There is no line")
    answer = page.reload()
    assert answer is not None
    assert answer.from_service_worker
    clerk.look("Tracking station")
    expect(page.locator("body")).not_to_contain_text("Rehearsal script tracking clerk")
    expect(field).to_be_focused()
    scan(page, cards["DAMAGED"])
    scan(page, third)
    counted(page, waiting=2)
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/station-offline.png", full_page=True)
    page.close()
    context.set_offline(False)
    page = clerk.page = context.new_page()
    page.add_init_script(HEAR)
    clerk.open("/tracking")
    word, text = page.locator("#result-word"), page.locator("#result-text")
    expect(word).to_have_text("Put it aside")
    expect(text).to_contain_text("It is damaged.")
    expect(page.locator("#light")).to_contain_text("All sent")
    counted(page, accepted=2, attention=1, waiting=0)
    expect(page.get_by_label("Scan a packet label")).to_be_focused()

    # Opened and counted, by two.
    scan(page, cards["OPENED"])
    expect(page.locator("#problem")).to_contain_text("who counts with you")
    page.get_by_label("Who counts with you").fill("B. Second")
    page.keyboard.press("Enter")
    page.locator("#station-sounds").click()
    heard = page.evaluate("window.heard.length")
    scan(page, second)
    expect(word).to_have_text("How many scripts?")
    expect(page.get_by_label("Scripts counted")).to_be_focused()
    scan(page, "2")
    expect(word).to_have_text("Opened and counted")
    assert page.evaluate("window.heard.length") == heard, "sounds are off"
    expect(page.locator("#history-rows tr")).to_have_count(9)
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert violations(page) == []
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/station-320.png", full_page=True)
    page.set_viewport_size({"width": 1024, "height": 900})

    # Everything is on the page of the packet, what was taken back too.
    page.goto(clerk.service.address + "/packets")
    page.get_by_label("Label, carrier’s number or centre").fill(second)
    page.keyboard.press("Enter")
    clerk.look("Packet 2 of 3")
    history = page.locator("#history tbody tr")
    expect(history).to_have_count(4)
    expect(history.nth(0).locator("s")).to_have_text("Delivered")
    page.goto(clerk.service.address + f"/packets?q={CENTRE}")
    clerk.look("Find a packet")
