"""A receipt as a PDF, to read and to print. The proof is the file in JSON; this says the same in words and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from reportlab.graphics.barcode import qr
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from moderation.entries import is_practice
from repository.receipts.bodies import LOCAL_ZONE, sha256_hex
from repository.receipts.files import ReceiptFile
from repository.receipts.kinds import title_of

QR_MM = 46
IN_LOG = "Stands in the audit log; the proof is in the .json file"
LOG_FOLLOWS = "The proof from the audit log follows; download the receipt again"
_SHEET = getSampleStyleSheet()
_BODY = ParagraphStyle("words", parent=_SHEET["BodyText"], fontSize=10, leading=14, spaceAfter=4)
_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8.5, leading=11, spaceAfter=0)
_HASH = ParagraphStyle("hash", parent=_CELL, fontName="Courier", fontSize=7.5, leading=10, wordWrap="CJK")
_HEAD = ParagraphStyle("head", parent=_CELL, fontName="Helvetica-Bold")
_SECTION = ParagraphStyle("section", parent=_SHEET["Heading2"], keepWithNext=1)


def receipt_pdf(file: ReceiptFile) -> bytes:
    """Return the PDF of a receipt; the same receipt gives the same bytes."""
    content = file.content
    title = f"Receipt: {title_of(content['kind'])}"
    sheet = BytesIO()
    document = SimpleDocTemplate(
        sheet,
        pagesize=A4,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=f"{title}, {content.get('component', '')}, centre {content['centre_number']}",
        author="NEA Repository",
        subject=f"Receipt {content['receipt']}",
        lang="en-GB",
        displayDocTitle=True,
        invariant=1,
    )

    def footer(canvas: Canvas, _document: Any) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(18 * mm, 11 * mm, f"Receipt {content['receipt']}")
        canvas.drawRightString(A4[0] - 18 * mm, 11 * mm, f"Page {canvas.getPageNumber()}")

    document.build(list(_story(title, content, file)), onFirstPage=footer, onLaterPages=footer)
    return sheet.getvalue()


def _story(title: str, content: Mapping[str, Any], file: ReceiptFile) -> Iterable[Flowable]:
    yield _words(title, _SHEET["Title"])
    yield _facts(facts_of(content))
    yield from _files(content)
    if content.get("missing"):
        yield _words("What is not here, and why", _SECTION)
        rows = [
            [one["candidate_number"] or "The whole group", ", ".join(one["what"]), one["why"]]
            for one in content["missing"]
        ]
        yield _table(("Candidate", "What", "Why"), rows, (30, 60, 84))
    if content.get("packets"):
        yield _words("Packets", _SECTION)
        rows = [
            [f"{one['packet']} of {one['of']}", one["label"], one["script_count"], ", ".join(one["candidate_numbers"])]
            for one in content["packets"]
        ]
        yield _table(("Packet", "Label", "Scripts", "Candidates"), rows, (22, 58, 18, 76))
    if content.get("custody"):
        yield from _custody(content["custody"])
    if content.get("destruction"):
        yield from _destruction(content["destruction"])
    yield from _proof(content, file)


def facts_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what every receipt says, as pairs of words, for the PDF and the page alike."""
    by = content.get("by", {})
    found = [
        (
            "Practice",
            "This is of a practice centre: nothing here counts" if is_practice(content["centre_number"]) else "",
        ),
        ("Receipt", content["receipt"]),
        ("Recorded", _both(content["issued_at"])),
        ("Centre", _joined(content["centre_number"], content.get("centre_name"))),
        ("Series", content.get("series_title") or content["series"]),
        ("Component", _joined(content["component"], content.get("component_title"))),
        ("Done by", _joined(by.get("name", ""), by.get("role_title"))),
    ]
    if content.get("due_at"):
        found.append(("Was due", _both(content["due_at"])))
    if content.get("arrived"):
        found.append(("Arrived", content["arrived"].capitalize()))
    if marks := content.get("marks"):
        found += [
            ("Candidates", str(marks["candidates"])),
            ("With a mark", str(marks["with_mark"])),
            ("Control total", f"{marks['control_total']} (maximum mark of each {marks['maximum_mark']})"),
            ("SHA-256 of the marks", content["marks_sha256"]),
        ]
    if content.get("proof_of_posting_number"):
        found.append(("Proof of posting", content["proof_of_posting_number"]))
    if declared := content.get("declaration"):
        found.append(("Declared", declared["statement"]))
        found += [(f"Candidate {one['candidate_number']}", _declared_by(one)) for one in declared.get("candidates", ())]
    if new := content.get("replaced_by"):
        found.append(("Replaced by", f"{new['name']}, version {new['version']}"))
    for one in content.get("moved_from", ()):
        found.append(("Was before at", _joined(one["candidate_number"] or "The whole group", one["slot"])))
    if content.get("held_on"):
        found.append(("Examination", f"{content['held_on']}, {content['session_of_day']}"))
    if checkpoint := content.get("log_checkpoint"):
        found.append(("Audit log when it was made", f"{checkpoint['origin']}, {checkpoint['size']} entries"))
        found.append(("Root of the log then", checkpoint["root"]))
    for name, words in (("replaces", "Takes the place of"), ("takes_back", "Takes back"), ("consignment", "Parcel")):
        if content.get(name):
            found.append((words, content[name]))
    return [(name, value) for name, value in found if value]


def _declared_by(one: Mapping[str, Any]) -> str:
    who = _joined(one["declared_by_name"], one["declared_as"].replace("_", " "))
    return f"declared by {who}, {_both(one['declared_at'])}"


def _files(content: Mapping[str, Any]) -> Iterable[Flowable]:
    groups = [(one["candidate_number"], one) for one in content.get("candidates", ())]
    groups.append(("The whole group", {"files": content.get("cohort_files", ())}))
    rows: list[Sequence[object]] = []
    for number, one in groups:
        rows += [
            (number, f"{line['name']}\n{line['slot']}", f"{line['size_bytes']:,} bytes", _times(line), line["sha256"])
            for line in one.get("files", ())
        ]
        if one.get("no_work_reason"):
            rows.append((number, f"No work: {one['no_work_reason']}", "", "", ""))
    if rows:
        yield _words("Files", _SECTION)
        yield _table(
            ("Candidate", "File and place", "Size", "Times (UTC)", "SHA-256"), rows, (20, 45, 25, 42, 42), hashed=4
        )
    elif content.get("candidates"):
        yield _words("Candidates whose work is in it", _SECTION)
        yield _words(", ".join(str(one["candidate_number"]) for one in content["candidates"]))


def _times(line: Mapping[str, Any]) -> str:
    found = []
    if line.get("declared_at"):
        in_time = {True: ", in time", False: ", late", None: ""}[line.get("declared_in_time")]
        found.append(f"declared {_short(line['declared_at'])}{in_time}")
    in_time = {True: ", in time", False: ", after it was due", None: ""}[line.get("received_in_time")]
    found.append(f"received {_short(line['received_at'])}{in_time}")
    return "\n".join(found)


# Custody

KNOWN_OF = {"script": "seen", "packet": "the packet", "nothing": "unknown"}
NOT_A_STEP = {"waiting": "due", "late": "late", "overdue": "OVERDUE", "ahead": "not yet", "none": "\u2013"}
STEPS_OF_CUSTODY = {
    "packed": "Packed", "collected": "Coll.", "delivered": "Deliv.", "opened": "Opened", "scanned": "Scanned",
    "indexed": "Indexed", "quality_checked": "Checked", "marked": "Marked", "archived": "Arch.",
}  # fmt: skip


def known_of(step: Mapping[str, Any]) -> str:
    """Return in a word or two what is known of a step: of the script, of its packet only, or nothing."""
    return NOT_A_STEP.get(step["standing"]) or KNOWN_OF[step["known_of"]]


def _custody(custody: Mapping[str, Any]) -> Iterable[Flowable]:
    yield _words("What is known of each script", _SECTION)
    yield _words(
        "Seen: of the script itself. The packet: its packet was seen, which is no proof that the script was inside. "
        "Unknown: nobody recorded it."
    )
    rows = [[one["candidate_number"], *(known_of(step) for step in one["steps"])] for one in custody["scripts"]]
    yield _table(("Candidate", *STEPS_OF_CUSTODY.values()), rows, (21, *(17,) * len(STEPS_OF_CUSTODY)))
    for one in custody["packets"]:
        yield _words(f"Packet {one['packet']} of {one['of']}, event by event", _SECTION)
        yield _events(one["events"])
        yield from _evidence(one["events"])
        kept = one["record_chain"]
        state = "whole when this was made" if kept["holds"] else "BROKEN when this was made: ask the awarding body"
        yield _facts(
            [("Chain of the record", f"{kept['events']} events, {state}"), ("Last link of it", kept["last_sha256"])]
        )
    for one in custody["scripts"]:
        yield _words(f"Script of candidate {one['candidate_number']}, event by event", _SECTION)
        yield _events(one["events"]) if one["events"] else _words("Nothing is recorded of the script itself.")
        yield from _evidence(one["events"])
        scans = [(f"Scan of the {scan['what']}", scan["sha256"]) for scan in one["scans"]]
        if scans:
            yield _facts(scans)


def _events(events: Sequence[Mapping[str, Any]]) -> Table:
    corrected = {event["corrects"]: event["number"] for event in events if event["corrects"]}
    rows = []
    for event in events:
        what = event["words"] + ("" if event["counted"] is None else f", {event['counted']} counted")
        if event["event"] in corrected:
            what += f"\n(taken back or corrected by no. {corrected[event['event']]})"
        what += "".join(f"\n{_kind(one)}: see below" for one in event["evidence"])
        when = f"{_short(event['occurred_at'])}\nlearnt {_short(event['received_at'])}"
        where = "\n".join(word for word in (event["place"], event["role"], event["source"]) if word)
        rows.append((event["number"], what, when, where, event["event"]))
    return _table(
        ("No.", "What", "When (UTC), and when learnt", "Where, by whom, told by", "Id"), rows, (10, 50, 42, 40, 32)
    )


def _evidence(events: Sequence[Mapping[str, Any]]) -> Iterable[Flowable]:
    """Name every picture by its whole hash: who has the picture can hold it against this sheet."""
    found = [(f"{_kind(one)} of no. {event['number']}", one["sha256"]) for event in events for one in event["evidence"]]
    if found:
        yield _facts(found)


def _kind(evidence: Mapping[str, Any]) -> str:
    return str(evidence["kind"]).replace("_", " ").capitalize()


def _destruction(destruction: Mapping[str, Any]) -> Iterable[Flowable]:
    counts = destruction["counts"]
    yield _words("What was destroyed, and what was kept", _SECTION)
    yield _facts(
        [
            ("Of", {"scans": "The scans", "paper": "The paper"}[destruction["what"]]),
            ("Scripts in all", str(counts["scripts"])),
            ("Destroyed", str(counts["destroyed"])),
            ("Kept", str(counts["kept"])),
            ("There was nothing of", str(counts["nothing"])),
            *((name, value) for name, value in destruction["how"]),
        ]
    )
    rows = [(one["candidate_number"], one["what"], one["why"]) for one in destruction["scripts"]]
    yield _table(("Candidate", "What", "Why"), rows, (30, 40, 104))


def _proof(content: Mapping[str, Any], file: ReceiptFile) -> Iterable[Flowable]:
    yield _words("How to prove it", _SECTION)
    yield _words(
        "This sheet is for reading. The proof is the file of this receipt that ends in .json: check it with the checking "
        "page, which works without a network, or with the command nea receipt verify. It proves what was recorded, when "
        "by the clock of the service, and that nothing of it was changed since. It does not prove who wrote the work."
    )
    digest = sha256_hex(file.body)
    log = IN_LOG if file.log_proof else LOG_FOLLOWS
    yield _facts(
        [
            ("SHA-256 of the signed text", digest),
            ("Signature (Ed25519)", file.signature),
            ("Public key", file.public_key),
            ("Audit log", log),
        ],
        hashed=True,
    )
    yield Spacer(1, 4 * mm)
    code = qr.QrCodeWidget(f"NEA-RECEIPT {content['receipt']} {digest} {file.signature}", barLevel="M")
    left, bottom, right, _ = code.getBounds()
    scale = QR_MM * mm / (right - left)
    yield Drawing(QR_MM * mm, QR_MM * mm, code, transform=[scale, 0, 0, scale, -left * scale, -bottom * scale])


def _both(at: str) -> str:
    """Return an instant in UK time and in UTC, in words."""
    utc = datetime.fromisoformat(at)
    local = utc.astimezone(ZoneInfo(LOCAL_ZONE))
    return f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M:%S} {local:%Z} ({_short(at)} UTC)"


def _short(at: str) -> str:
    return datetime.fromisoformat(at).strftime("%Y-%m-%d %H:%M:%S")


def _joined(*words: str | None) -> str:
    return ", ".join(word for word in words if word)


def _plain(words: str) -> str:
    """Return words in the letters that the standard fonts have."""
    return words.replace("−", "–").encode("cp1252", "replace").decode("cp1252")


def _words(words: str, style: ParagraphStyle = _BODY) -> Paragraph:
    return Paragraph(escape(_plain(words), quote=False).replace("\n", "<br/>"), style)


def _facts(rows: Sequence[tuple[str, str]], *, hashed: bool = False) -> Table:
    cells = [
        [_words(name, _HEAD), _words(value, _HASH if hashed or len(value) == 64 else _CELL)] for name, value in rows
    ]
    made = Table(cells, colWidths=[44 * mm, 130 * mm], hAlign="LEFT")
    made.setStyle(_ruled(0))
    return made


def _table(head: Sequence[str], rows: Sequence[Sequence[object]], widths: Sequence[float], hashed: int = -1) -> Table:
    cells = [[_words(one, _HEAD) for one in head]]
    cells += [[_words(str(one), _HASH if at == hashed else _CELL) for at, one in enumerate(row)] for row in rows]
    made = Table(cells, colWidths=[width * mm for width in widths], repeatRows=1, hAlign="LEFT")
    made.setStyle(_ruled(1))
    return made


def _ruled(head: int) -> TableStyle:
    lines = [("LINEBELOW", (0, head), (-1, -1), 0.25, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    if head:
        lines.append(("LINEBELOW", (0, 0), (-1, 0), 1, colors.black))
    return TableStyle([*lines, ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2)])
