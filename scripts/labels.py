"""Codes on paper: packet labels and script covers, their payloads, and the sheets they are printed on.

A scanned code is data from outside: bounded, allow-listed, checked, and never proof that somebody may do something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode import code128, qr
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from scripts.errors import CodeRefused, ForeignCode, LabelRefused, UnreadableCover, WrongExam

MAX_CODE_CHARACTERS = 80
LABELS_A_PAGE = 3
MARK_HEIGHT_MM = 9
"""Height of the solid bars at the top and foot of a cover sheet, by which a cover with a spoilt code is still known."""

ALLOWED = re.compile(r"[A-Z0-9|/\-]+")
CENTRE = re.compile(r"[0-9]{5}")
CANDIDATE = re.compile(r"[0-9]{4}")
SERIES_LABEL = re.compile(r"[1-9ABC][A-Z][0-9]{2}")
COMPONENT = re.compile(r"[A-Z0-9][A-Z0-9/\-]{0,11}")
OF = re.compile(r"([1-9][0-9]{0,2})/(0|[1-9][0-9]{0,2})")
ISSUE = re.compile(r"[1-9][0-9]?")


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial 0xFFFF, not reflected, no final exclusive or.

    Returns: 0–65535; ``crc16(b"123456789") == 0x29B1``.
    Source: project policy (domain: scripts, section 5); the check value is the published one of the algorithm.
    """
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021) & 0xFFFF if crc & 0x8000 else (crc << 1) & 0xFFFF
    return crc


def sealed(fields: str) -> str:
    """Return the fields with their check appended: ``|`` and four hex digits."""
    return f"{fields}|{crc16(fields.encode('ascii')):04X}"


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if pattern.fullmatch(value) is None:
        raise LabelRefused(f"{what} {value!r} cannot be printed in a code", field=what, value=value)


def _require_of(number: int, of: int, what: str) -> None:
    if not 1 <= number <= 999 or not 0 <= of <= 999 or (of and number > of):
        raise LabelRefused(f"{what} {number} of {of} is not possible", field=what, number=number, of=of)


@dataclass(frozen=True, slots=True, order=True)
class PacketLabel:
    """The label of one packet: ``SL1|centre|series|component|n/m|issue|crc``.

    Takes: ``series`` as printed, e.g. ``6A26``; ``of`` may be 0 when printed before packing; ``issue`` 1–99.
    Raises: ``LabelRefused`` for a value that no code can carry.
    Source: project policy (domain: scripts, section 5); boards' own payloads are not public.
    """

    centre_number: str
    series: str
    component_code: str
    number: int
    of: int
    issue: int = 1

    def __post_init__(self) -> None:
        _require(CENTRE, self.centre_number, "centre number")
        _require(SERIES_LABEL, self.series, "series")
        _require(COMPONENT, self.component_code, "component")
        _require_of(self.number, self.of, "packet")
        _require(ISSUE, str(self.issue), "issue")

    @property
    def payload(self) -> str:
        """Return what the barcode carries."""
        return sealed(
            f"SL1|{self.centre_number}|{self.series}|{self.component_code}|{self.number}/{self.of}|{self.issue}"
        )

    def reissued(self, issue: int | None = None) -> PacketLabel:
        """Return the emergency label of the same packet: the next issue, which voids this one once it arrives."""
        return replace(self, issue=self.issue + 1 if issue is None else issue)


@dataclass(frozen=True, slots=True, order=True)
class ScriptCover:
    """The cover of one booklet of a script: ``CV1|centre|candidate|component|n/m|crc``.

    Takes: ``number`` and ``of`` count booklets; ``of`` may be 0 when not known.
    Raises: ``LabelRefused`` for a value that no code can carry.
    Source: project policy (domain: scripts, section 5).
    """

    centre_number: str
    candidate_number: str
    component_code: str
    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        _require(CENTRE, self.centre_number, "centre number")
        _require(CANDIDATE, self.candidate_number, "candidate number")
        _require(COMPONENT, self.component_code, "component")
        _require_of(self.number, self.of, "booklet")

    @property
    def payload(self) -> str:
        """Return what the barcode carries."""
        return sealed(f"CV1|{self.centre_number}|{self.candidate_number}|{self.component_code}|{self.number}/{self.of}")


def read_code(
    untrusted_text: str, *, series: str | None = None, components: frozenset[str] | None = None
) -> PacketLabel | ScriptCover:
    """Read a scanned code and say what it is, or refuse it by name.

    Takes: ``series`` (e.g. ``6A26``) and ``components``: when given, a good code of another exam is refused.
    Raises: ``ForeignCode`` (too long, characters we never print, unknown prefix), ``UnreadableCover`` (bad check or
        fields), ``WrongExam`` (good code, other series or component).
    Source: project policy (domain: scripts, section 5).
    """
    if len(untrusted_text) > MAX_CODE_CHARACTERS or ALLOWED.fullmatch(untrusted_text) is None:
        raise ForeignCode(reason="foreign_code")
    fields, _, check = untrusted_text.rpartition("|")
    prefix = untrusted_text.split("|", 1)[0]
    if prefix not in {"SL1", "CV1"} or "|" not in untrusted_text:
        raise ForeignCode(reason="foreign_code")
    if check != f"{crc16(fields.encode('ascii')):04X}":
        raise UnreadableCover(reason="unreadable_cover")
    found = _from_fields(fields.split("|"))
    if found is None or found.payload != untrusted_text:
        # A good check over fields that we would never print: not to be guessed at.
        raise UnreadableCover(reason="unreadable_cover")
    if series is not None and isinstance(found, PacketLabel) and found.series != series:
        raise WrongExam(reason="wrong_exam", expected=series, found=found.series)
    if components is not None and found.component_code not in components:
        raise WrongExam(reason="wrong_exam", expected=sorted(components), found=found.component_code)
    return found


def _from_fields(fields: list[str]) -> PacketLabel | ScriptCover | None:
    try:
        if fields[0] == "SL1" and len(fields) == 6 and (of := OF.fullmatch(fields[4])) and ISSUE.fullmatch(fields[5]):
            return PacketLabel(fields[1], fields[2], fields[3], int(of[1]), int(of[2]), int(fields[5]))
        if fields[0] == "CV1" and len(fields) == 5 and (of := OF.fullmatch(fields[4])):
            return ScriptCover(fields[1], fields[2], fields[3], int(of[1]), int(of[2]))
    except LabelRefused:
        return None
    return None


def refusal_reason(refusal: CodeRefused) -> str:
    """Return the queue reason of a refused code: ``foreign_code``, ``unreadable_cover`` or ``wrong_exam``."""
    return str(refusal.facts.get("reason", "unreadable_cover"))


def labels_pdf(labels: Sequence[PacketLabel], *, title: str = "Packet labels") -> bytes:
    """Print packet labels on A4, three to a page, each to be cut out and used once.

    Returns: the PDF; the same labels give the same bytes.
    Raises: ``LabelRefused`` when there is nothing to print.
    """
    canvas, sheet = _canvas(labels, title)
    height = A4[1] / LABELS_A_PAGE
    for position, label in enumerate(labels):
        place = position % LABELS_A_PAGE
        if position and place == 0:
            canvas.showPage()
        _draw_label(canvas, label, A4[1] - (place + 1) * height, height)
    canvas.save()
    return sheet.getvalue()


def covers_pdf(covers: Sequence[ScriptCover], *, series: str = "", title: str = "Script cover sheets") -> bytes:
    """Print one cover sheet per booklet on A4: Code 128, the same payload as a 2-D code, and bars at top and foot.

    Takes: ``series``: the words printed after "Series", e.g. ``June 2026``; empty prints none.
    Returns: the PDF; the same covers give the same bytes.
    Raises: ``LabelRefused`` when there is nothing to print.
    """
    canvas, sheet = _canvas(covers, title)
    for cover in covers:
        _draw_cover(canvas, cover, series)
        canvas.showPage()
    canvas.save()
    return sheet.getvalue()


def _canvas(items: Sequence[object], title: str) -> tuple[Canvas, BytesIO]:
    if not items:
        raise LabelRefused("There is nothing to print.")
    sheet = BytesIO()
    canvas = Canvas(sheet, pagesize=A4, invariant=True, pageCompression=1)
    canvas.setTitle(title)
    return canvas, sheet


def _draw_label(canvas: Canvas, label: PacketLabel, foot: float, height: float) -> None:
    width = A4[0]
    canvas.setDash(2, 3)
    canvas.setLineWidth(0.4)
    canvas.line(0, foot, width, foot)
    canvas.setDash()
    top = foot + height
    canvas.setFont("Helvetica-Bold", 20)
    canvas.drawString(12 * mm, top - 16 * mm, f"Centre {label.centre_number}")
    canvas.drawRightString(width - 40 * mm, top - 16 * mm, label.component_code)
    canvas.setFont("Helvetica", 13)
    of = f" of {label.of}" if label.of else ""
    canvas.drawString(12 * mm, top - 24 * mm, f"Series {label.series}    Packet {label.number}{of}")
    if label.issue > 1:
        canvas.setFont("Helvetica-Bold", 13)
        canvas.drawString(12 * mm, top - 31 * mm, f"EMERGENCY LABEL, issue {label.issue}: single use")
    _draw_two_d(canvas, label.payload, width - 36 * mm, top - 38 * mm, 28 * mm)
    _draw_code_128(canvas, label.payload, foot + 20 * mm, 26 * mm)
    canvas.setFont("Courier", 11)
    canvas.drawCentredString(width / 2, foot + 13 * mm, label.payload)
    canvas.setFont("Helvetica", 8)
    canvas.drawString(12 * mm, foot + 5 * mm, "One packet, one component, one label. Never photocopy this label.")


def _draw_cover(canvas: Canvas, cover: ScriptCover, series: str) -> None:
    width, height = A4
    bar = MARK_HEIGHT_MM * mm
    canvas.rect(12 * mm, height - 12 * mm - bar, width - 24 * mm, bar, stroke=0, fill=1)
    canvas.rect(12 * mm, 12 * mm, width - 24 * mm, bar, stroke=0, fill=1)
    canvas.setFont("Helvetica-Bold", 22)
    canvas.drawString(15 * mm, height - 40 * mm, "Answer script cover sheet")
    canvas.setFont("Helvetica", 15)
    lines = [
        f"Centre {cover.centre_number}",
        f"Candidate {cover.candidate_number}",
        f"Component {cover.component_code}",
    ]
    lines += [f"Series {series}"] if series else []
    lines += [f"Booklet {cover.number}" + (f" of {cover.of}" if cover.of else "")]
    for number, line in enumerate(lines):
        canvas.drawString(15 * mm, height - (54 + 9 * number) * mm, line)
    _draw_code_128(canvas, cover.payload, height / 2 - 10 * mm, 35 * mm)
    canvas.setFont("Courier", 13)
    canvas.drawCentredString(width / 2, height / 2 - 20 * mm, cover.payload)
    _draw_two_d(canvas, cover.payload, width / 2 - 30 * mm, 45 * mm, 60 * mm)
    canvas.setFont("Helvetica", 10)
    canvas.drawCentredString(width / 2, 30 * mm, "Place this sheet before the booklet. Do not write on it or fold it.")


def _draw_code_128(canvas: Canvas, payload: str, foot: float, height: float) -> None:
    """Draw the barcode across the page, as wide as its quiet zones allow."""
    modules = code128.Code128(payload, barWidth=1, quiet=False).width
    room = A4[0] - 24 * mm
    bar = min(room / modules, 0.5 * mm)
    code = code128.Code128(payload, barWidth=bar, barHeight=height, quiet=False)
    code.drawOn(canvas, (A4[0] - code.width) / 2, foot)


def _draw_two_d(canvas: Canvas, payload: str, left: float, foot: float, side: float) -> None:
    code = qr.QrCodeWidget(payload, barLevel="Q")
    x0, y0, x1, y1 = code.getBounds()
    drawing = Drawing(side, side, transform=[side / (x1 - x0), 0, 0, side / (y1 - y0), 0, 0])
    drawing.add(code)
    renderPDF.draw(drawing, canvas, left, foot)
