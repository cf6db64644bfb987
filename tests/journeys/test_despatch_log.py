"""A day of despatch on a phone whose line goes: logged without it, sent once there is one, exactly once, with its pictures."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from repository.web.built import DEFAULT_DIR

from .axe import violations
from .conftest import PATIENCE_MS, PICTURES, Visit, listen, until
from .serving import environment, running

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
  const plan = { capacity: Math.ceil(lines.length / 2), again: true };
  const { packets } = await ask(`/api/sittings/${sitting.id}/packets`, "POST", plan);
  return { sitting: sitting.id, labels: packets.map((one) => one.label), candidates: lines.length };
}"""
PLAN = "async () => (await fetch('/api/despatch-log/plan')).json()"
KEPT = """async () => {
  const found = await caches.keys();
  return (await Promise.all(found.map((name) => caches.match("/despatch", { cacheName: name })))).some(Boolean);
}"""

KEPT_ANEW = """async () => {
  const found = await caches.keys();
  const pages = await Promise.all(found.map(async (name) => (await caches.match("/despatch", { cacheName: name }))?.text()));
  return pages.length === 1 && /page-Z[0-9A-Z]{8}[.]js/.test(pages[0] ?? "");
}"""


def photograph(pdf: bytes, folder: Path) -> Path:
    """A photograph of the first label as a phone takes it: a little turned, on a table."""
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=2).to_pil().convert("RGB")
    taken = Image.new("RGB", (page.width + 120, page.height + 120), (120, 96, 70))
    taken.paste(page, (60, 60))
    path = folder / "label.jpg"
    taken.rotate(3, fillcolor=(120, 96, 70)).save(path, quality=80)
    return path


def seal(page: Page, count: int, witness: str) -> None:
    page.get_by_label("Scripts in the packet").fill(str(count))
    page.get_by_label("Sealed by").fill("A. Officer")
    page.get_by_label("Witnessed by").fill(witness)
    page.get_by_label("Kept until collection in").fill("Safe in the exams office")
    page.locator("#part-seal").get_by_role("button", name="Save").click()


def sign(page: Page) -> None:
    canvas = page.get_by_label("Box for the driver’s signature")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(box["x"] + 20 + 25 * step, box["y"] + 40 + (step % 2) * 30)
    page.mouse.up()


def lose_answers(context: BrowserContext) -> list[int]:
    """Let the next sending of entries reach the service, and its answer reach nobody."""
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    context.route(re.compile(r"/api/despatch-log$"), lose)
    return lost


def build_anew(built: Path) -> None:
    """Give every module of pages another name, as a build of changed sources does, and take the old ones away."""
    manifest = built / "manifest.json"
    said = manifest.read_text("utf-8")
    for path in sorted((built / "pages").rglob("*.js")):
        new = re.sub(r"-([0-9A-Z]{8})\.js$", r"-Z\1.js", path.name)
        for other in (manifest, *(built / "pages").rglob("*.js")):
            other.write_text(other.read_text("utf-8").replace(path.name, new), "utf-8")
        path.rename(path.with_name(new))
    for packed in (built / "pages").rglob("*.br"):
        packed.unlink()
    assert manifest.read_text("utf-8") != said


def test_a_phone_that_has_not_the_new_version_yet_keeps_the_old_one_whole(
    rehearsal_folder: Path, browser: Browser, tmp_path: Path
) -> None:
    shutil.copytree(rehearsal_folder, tmp_path / "data")
    built = tmp_path / "built"
    shutil.copytree(DEFAULT_DIR, built)
    more = {"NEA_FRONTEND_DIR": str(built)}
    with running(environment(tmp_path / "data", more), tmp_path / "log") as service:
        context = browser.new_context(locale="en-GB", viewport={"width": 360, "height": 760})
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page = context.new_page()
        page.goto(service.sign_in_url("exams officer", CENTRE))
        page.goto(service.address + "/despatch")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        until(page, KEPT)

        build_anew(built)
        context.route("**/despatch/worker.js", lambda route: route.abort())  # the line goes before the new one is there
        page.reload()
        assert re.search(r"page-Z[0-9A-Z]{8}\.js", page.content())
        expect(page.locator("#light")).to_contain_text("All with the service since")
        context.set_offline(True)
        page.reload()
        assert not re.search(r"page-Z[0-9A-Z]{8}\.js", page.content())
        expect(page.locator("#light")).to_contain_text("There is no line now")

        context.set_offline(False)
        context.unroute("**/despatch/worker.js")
        page.reload()
        until(page, KEPT_ANEW)
        context.set_offline(True)
        page.reload()
        assert re.search(r"page-Z[0-9A-Z]{8}\.js", page.content())
        expect(page.locator("#light")).to_contain_text("There is no line now")
        context.close()


def test_a_day_without_a_signal(visit: Visit, tmp_path: Path) -> None:
    officer = visit("exams officer", CENTRE, width=360, height=760)
    page, context = officer.page, officer.context
    made: dict[str, Any] = page.evaluate(PREPARE)
    assert len(made["labels"]) == 2
    pdf = context.request.get(f"{officer.service.address}/sittings/{made['sitting']}/labels.pdf").body()
    label = photograph(pdf, tmp_path)

    officer.open("/despatch")
    officer.look("Despatch log")
    light = page.locator("#light")
    expect(light).to_contain_text("All with the service since")
    expect(page.locator("#packets li")).to_have_count(2)
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    until(page, KEPT)
    assert violations(page) == []

    context.set_offline(True)
    answer = page.reload()
    assert answer is not None
    assert answer.from_service_worker
    officer.look("Despatch log")
    expect(light).to_contain_text("There is no line now")
    page.get_by_label("Photograph its label").set_input_files(str(label))
    expect(page.locator("#seal-heading")).to_contain_text("Sealing packet 1 of 2")
    first, second = made["candidates"] - made["candidates"] // 2, made["candidates"] // 2
    page.get_by_label("Photograph of the sealed packet").set_input_files(str(label))
    seal(page, first, "A. Officer")
    expect(page.locator("#problem")).to_contain_text("The witness must be somebody else")
    seal(page, first, "B. Witness")
    expect(light).to_contain_text("1 entry waits on this phone")

    page.get_by_label("Or type the last four characters").fill("0000")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#problem")).to_contain_text("not a label of your packets")
    page.get_by_label("Or type the last four characters").fill(made["labels"][1][-4:].lower())
    page.get_by_role("button", name="Find").click()
    seal(page, second - 1, "B. Witness")
    expect(page.locator("#problem")).to_contain_text(f"The register says {second} and you counted {second - 1}")
    page.get_by_label("Remarks").first.fill("One script is with the invigilator")
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/seal.png", full_page=True)
    assert violations(page) == []
    seal(page, second - 1, "B. Witness")
    expect(light).to_contain_text("2 entries wait on this phone")

    page.get_by_role("button", name="Hand over the ticked packets").click()
    page.get_by_label("Courier").check()
    page.get_by_label("Carrier").fill("Parcelforce")
    page.get_by_label("Tracking number of").first.fill("RR473124828GB")
    page.get_by_label("Driver’s name").fill("C. Driver")
    page.get_by_label("On this phone").check()
    page.locator("#part-hand").get_by_role("button", name="Save").click()
    expect(page.locator("#problem")).to_contain_text("check digit does not agree")
    expect(page.locator("#problem")).to_contain_text("Let the driver sign")
    page.get_by_label("Tracking number of").first.fill("RR 4731 2482 9 GB")
    sign(page)
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/hand.png", full_page=True)
    assert violations(page) == []
    page.locator("#part-hand").get_by_role("button", name="Save").click()
    expect(light).to_contain_text("3 entries wait on this phone")

    # The tab is closed, the sign-in ends meanwhile, and the first answer that the line brings is lost on the way.
    page.close()
    context.clear_cookies()
    page = context.new_page()
    listen(page, officer.complaints)
    page.goto(officer.service.address + "/despatch")
    light = page.locator("#light")
    expect(light).to_contain_text("3 entries wait on this phone")
    context.set_offline(False)
    expect(light).to_contain_text("Sign in again")
    unsigned = [words for words in officer.complaints if "status of 401" in words]
    assert unsigned, "the browser notes what was asked of the service without a sign-in"
    officer.complaints[:] = [words for words in officer.complaints if words not in unsigned]
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/signed-out.png", full_page=True)
    lost = lose_answers(context)
    page.goto(officer.service.sign_in_url("exams officer", CENTRE))
    page.goto(officer.service.address + "/despatch")
    expect(light).to_contain_text("What waits is sent by itself")
    assert lost == [200]
    expect(light).to_contain_text("3 entries wait on this phone")
    page.reload()
    expect(light).to_contain_text("All with the service since")

    plan = page.evaluate(PLAN)
    assert sorted(entry["kind"] for entry in plan["log"]) == ["handed_over", "sealed", "sealed"]
    assert {packet["state"] for packet in plan["packets"]} == {"collected"}
    handed = next(entry for entry in plan["log"] if entry["kind"] == "handed_over")
    assert handed["signed"]
    assert sorted(picture["kind"] for entry in plan["log"] for picture in entry["pictures"]) == [
        "photograph",
        "signature",
    ]

    page.goto(officer.service.address + "/despatch-log")
    officer.page = page
    officer.look("Despatch log")
    for picture in page.locator("figure img").all():
        picture.scroll_into_view_if_needed()
        page.wait_for_function("(one) => one.complete && one.naturalWidth > 0", arg=picture.element_handle())
    expect(page.locator("figure")).to_have_count(2)
    expect(page.get_by_text(f"the register says {second}")).to_be_visible()
    assert violations(page) == []
    page.goto(officer.service.address + "/receipts")
    expect(page.locator("main")).to_contain_text("X446/02")

    # Signing out takes the packets and the key from the phone.
    page.goto(officer.service.address + "/despatch-log")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in*")
    assert page.evaluate("caches.keys()") == []
