"""Step 9 of the journey: an exam paper is sat, packed, despatched, received, scanned and added up; one is missing."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pypdfium2
from PIL import Image, ImageDraw

from repository.demo import accounting
from repository.demo.paperwork import log_despatch, register
from repository.demo.stage import Stage

DPI = 110
ANSWER_PAGES = 2
PAPER = (int(8.27 * DPI), int(11.69 * DPI))


async def send_scripts(stage: Stage) -> None:
    """Take one paper of the first centre from the register to reconciliation."""
    report = stage.report
    sitting = await _open(stage)
    if sitting is None:
        report.check("this series has a written paper to sit", False, "none among the rehearsal's components")
        return
    centre = stage.rehearsal.centre_numbers[0]
    officer, path = stage.exams_officer(centre), f"/api/sittings/{sitting['id']}"
    numbers = [line["candidate_number"] for line in (await officer.get(path))["register"]]
    absent, missing = numbers[0], numbers[-1]
    await register(stage, officer, path, numbers, absent)
    present = [number for number in numbers if number != absent]
    labels = await _despatch(stage, officer, path, present)
    covers = await officer.get_bytes(f"/sittings/{sitting['id']}/covers.pdf")
    scanned = [number for number in present if number != missing]
    bundle = await asyncio.to_thread(scan, covers, numbers, scanned, stage.random)
    await _receive(stage, labels, len(present))
    await accounting.tell_late(stage, labels[-1])
    packets = (await officer.get(f"{path}/packets"))["packets"]
    await accounting.open_packets(stage, [(one["label"], len(one["candidates"])) for one in packets])
    await _scan(stage, sitting["id"], bundle, len(scanned))
    figures = await stage.clerk.get(f"{path}/reconciliation")
    found = set(figures["missing"])
    report.check(
        "reconciliation names exactly the script that is missing",
        found == {missing},
        f"expected {missing}, found {', '.join(sorted(found)) or 'nobody'}; {len(present)} present, {len(scanned)} scanned",
    )
    await accounting.case_of_missing(stage, sitting["id"], missing)
    await accounting.settle_missing(stage, officer, sitting["id"], missing)
    await accounting.certify(stage, officer, sitting["id"])
    await accounting.give_copy(stage, officer, sitting["component"], scanned[0])
    await accounting.keep(stage, sitting["id"])


async def _open(stage: Stage) -> dict[str, Any] | None:
    """Open sittings of the first timetabled paper of the rehearsal; returns that of the first centre."""
    moderated = {case.component_code for case in stage.rehearsal.cases}
    written = [
        one.code
        for one in stage.basedata.components
        if one.code in stage.weights and one.code not in moderated and one.timetabled == "T"
    ]
    centre = stage.rehearsal.centre_numbers[0]
    for code in written:
        await stage.officer.post("/api/sittings", {"series": stage.series, "component": code})
        listed = (await stage.exams_officer(centre).get("/api/sittings"))["sittings"]
        for one in listed:
            if one["component"] == code:
                found: dict[str, Any] = one
                return found
    return None


async def _despatch(stage: Stage, officer: Any, path: str, present: Sequence[str]) -> list[str]:
    made = (await officer.post(f"{path}/packets", {}))["packets"]
    labels = [packet["label"] for packet in made]
    sheet = await officer.get_bytes(f"{path.removeprefix('/api')}/labels.pdf")
    printed = await asyncio.to_thread(read_codes, sheet)
    stage.report.check(
        "packets have printed labels whose barcodes read as issued",
        set(printed) == set(labels) and sheet.startswith(b"%PDF-"),
        ", ".join(labels),
    )
    labels = await accounting.swap_label(stage, officer, path)
    packets = (await officer.get(path))["packets"]
    await log_despatch(
        stage, officer, [(label, len(one["candidates"])) for label, one in zip(labels, packets, strict=True)]
    )
    after = (await officer.get(path))["packets"]
    scripts, states = sum(len(one["candidates"]) for one in packets), {one["state"] for one in after}
    stage.report.check(
        "packets were despatched, and count as collected once the driver's signature is there",
        scripts == len(present) and states == {"collected"},
        f"{len(made)} packets, {scripts} scripts",
    )
    return labels


async def _receive(stage: Stage, labels: Sequence[str], scripts: int) -> None:
    for number, label in enumerate(labels, 1):
        event = {
            "event_id": f"demo-received-{number}",
            "label": label,
            "kind": "received",
            "occurred_at": datetime.now(UTC).isoformat(),
            "place": "Rehearsal scanning centre",
        }
        await stage.clerk.post("/api/tracking/events", event)
        again = await stage.clerk.ask("POST", "/api/tracking/events", body=event)
    wrong = {**event, "event_id": "demo-unknown-label", "label": "SL1|99999|6A26|H446/01|1/2|1|DA13"}
    unknown = await stage.clerk.ask("POST", "/api/tracking/events", body=wrong)
    stage.report.check(
        "packets were received by their labels; the same event again changes nothing; an unknown label is refused",
        again.ok and unknown.status == 404,
        f"{len(labels)} packets, {scripts} scripts; {unknown.detail[:70]}",
    )


async def _scan(stage: Stage, sitting_id: str, bundle: bytes, scripts: int) -> None:
    pages = scripts * (1 + ANSWER_PAGES) + 1  # with the loose sheet
    # The scanner of this demonstration scans fronts only; the sheets were counted, so that no cover can go unseen.
    counted = f"sheets={pages}&sheets_checked={pages}&booklets={scripts}&booklet_pages={1 + ANSWER_PAGES}&duplex=none"
    path, headers = f"/api/bundles?sitting={sitting_id}&{counted}", {"Content-Type": "application/pdf"}
    sent = await stage.clerk.ask("POST", f"{path}&filename=bundle.pdf", data=bundle, headers=headers)
    if not sent.ok:
        stage.report.check("a scanned bundle was taken in", False, sent.detail)
        return
    bundle_id = sent.json()["id"]
    done = await _pushed(stage, bundle_id)
    waiting = done["queued"]
    stage.report.check(
        "a scanned bundle was split into scripts by its cover sheets, and a loose sheet waits for a person",
        sent.status == 202 and len(done["scripts"]) == scripts and [one["page"] for one in waiting] == [0],
        f"{len(bundle):,} bytes, {done['pages']} pages, {len(done['scripts'])} scripts; "
        + (", ".join(f"page {one['page'] + 1}: {one['reason'].replace('_', ' ')}" for one in waiting) or "none waits"),
    )
    await accounting.decide_loose(stage, bundle_id, [one["page"] for one in waiting])
    ended = (await _pushed(stage, bundle_id))["ended"]
    stage.report.check(
        "every page that was scanned is in a script or was discarded for a reason",
        sum(ended.values()) == done["pages"] == pages and not ended.get("queued"),
        ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(ended.items()) if count),
    )
    again = await stage.clerk.ask("POST", f"{path}&filename=other-name.pdf", data=bundle, headers=headers)
    stage.report.check(
        "the same bundle under another name is the same bundle",
        again.status == 200 and again.json()["repeat"] is True,
        f"{again.status} {again.code}",
    )


async def _pushed(stage: Stage, bundle_id: str) -> dict[str, Any]:
    """Wait until a bundle is read, at most a minute."""
    for _ in range(120):
        found: dict[str, Any] = await stage.clerk.get(f"/api/bundles/{bundle_id}")
        if found["state"] not in {"staged", "reading", "split"}:
            return found
        await asyncio.sleep(0.5)
    return found


# The scanner


def scan(covers_pdf: bytes, numbers: Sequence[str], scanned: Sequence[str], random: Random) -> bytes:
    """Return what a scanner makes of the paper: a loose sheet, then of each script its cover and pages of handwriting.

    Takes: the cover sheets as printed, one page for each of ``numbers``; ``scanned``, those whose scripts are there.
    """
    document = pypdfium2.PdfDocument(covers_pdf)
    pages: list[Image.Image] = [_handwriting("loose sheet,", 1, random)]
    try:
        for index, number in enumerate(numbers):
            if number in scanned:
                page = document[index]
                pages.append(page.render(scale=DPI / 72, grayscale=True).to_pil().convert("L"))
                page.close()
                pages += [_handwriting(number, page_number, random) for page_number in range(1, ANSWER_PAGES + 1)]
    finally:
        document.close()
    target = io.BytesIO()
    pages[0].save(target, "PDF", save_all=True, append_images=pages[1:], resolution=DPI, quality=70)
    return target.getvalue()


def _handwriting(number: str, page_number: int, random: Random) -> Image.Image:
    page = Image.new("L", PAPER, 250)
    draw = ImageDraw.Draw(page)
    draw.text((PAPER[0] // 2, 30), f"{number} page {page_number}", fill=40)
    for line in range(90, PAPER[1] - 90, 34):
        x = 70
        points = []
        while x < PAPER[0] - 80:
            points.append((x, line + random.randint(-9, 9)))
            x += random.randint(5, 12)
        draw.line(points, fill=60, width=2)
    return page


def read_codes(pdf: bytes) -> list[str]:
    """Return the different texts of the barcodes on the pages of a PDF, as a hand scanner would."""
    import zxingcpp

    document = pypdfium2.PdfDocument(pdf)
    texts: dict[str, None] = {}
    try:
        for page in document:
            image = page.render(scale=150 / 72, grayscale=True).to_pil().convert("L")
            texts.update(dict.fromkeys(code.text for code in zxingcpp.read_barcodes(image)))
            page.close()
    finally:
        document.close()
    return list(texts)
