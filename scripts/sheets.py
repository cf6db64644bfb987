"""What is printed before the exam: packet labels, cover sheets and coded answer pages, as PDF.

Each carries its payload twice, as Code 128 or a second 2-D code, so that a torn or stained one is still read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode import code128, qr
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from scripts.errors import LabelRefused
from scripts.labels import PacketLabel, PageCode, ScriptCover

LABELS_A_PAGE = 3
MARK_HEIGHT_MM = 9
LINE_MM = 8
PLAIN, BOLD = "Helvetica", "Helvetica-Bold"


@dataclass(frozen=True, slots=True)
class LabelPaper:
    """A label with the words that its paper carries beside the code.

    Takes: ``candidates``, the range in the packet; ``sat``, day and session; ``belongs``, which packets are of the same
        sitting, where that is not all of 1 to m; ``is_emergency``; ``copy``, how many times it is printed, this one
        included.
    """

    label: PacketLabel
    candidates: str = ""
    sat: str = ""
    belongs: str = ""
    is_emergency: bool = False
    copy: int = 1

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what makes this label special: an emergency label, a later issue, a second print."""
        said = f"Issue {self.label.issue}: earlier labels of this packet are void" if self.label.issue > 1 else ""
        if self.is_emergency:
            said = f"EMERGENCY LABEL, issue {self.label.issue}, single use"
        again = f"PRINTED AGAIN ({self.copy}): destroy the earlier print" if self.copy > 1 else ""
        return tuple(line for line in (said, again) if line)


def labels_pdf(labels: Sequence[PacketLabel | LabelPaper], *, title: str = "Packet labels") -> bytes:
    """Print packet labels on A4, three to a page, each to be cut out and used once.

    Returns: the PDF; the same labels give the same bytes.
    Raises: ``LabelRefused`` when there is nothing to print.
    Source: project policy (domain: scripts, section 5): Code 128, the same payload as a 2-D code, a readable line.
    """
    canvas, sheet = new_canvas(labels, title)
    height = A4[1] / LABELS_A_PAGE
    for position, label in enumerate(labels):
        place = position % LABELS_A_PAGE
        if position and place == 0:
            canvas.showPage()
        paper = label if isinstance(label, LabelPaper) else LabelPaper(label)
        _draw_label(canvas, paper, A4[1] - (place + 1) * height, height)
    canvas.save()
    return sheet.getvalue()


def covers_pdf(
    covers: Sequence[ScriptCover],
    *,
    series: str = "",
    heading: str = "Answer script cover sheet",
    title: str = "Script cover sheets",
) -> bytes:
    """Print one cover sheet per booklet on A4: Code 128, the same payload as a 2-D code, and bars at top and foot.

    Takes: ``series``: the words printed after "Series", e.g. ``June 2026``; empty prints none; ``heading``: what the
        sheet says it is.
    Returns: the PDF; the same covers give the same bytes.
    Raises: ``LabelRefused`` when there is nothing to print.
    """
    canvas, sheet = new_canvas(covers, title)
    for cover in covers:
        _draw_cover(canvas, cover, series, heading)
        canvas.showPage()
    canvas.save()
    return sheet.getvalue()


def answer_sheets_pdf(pages: Sequence[PageCode], *, series: str = "", lined: bool = True) -> bytes:
    """Print answer pages that know whose they are: for word-processed or scribed work, and to go on writing on.

    Takes: pages in order, an odd page being the front of its sheet; ``lined``: with lines to write on.
    Returns: the PDF, to be printed on both sides; the same pages give the same bytes.
    Raises: ``LabelRefused`` when there is nothing to print.
    Source: project policy (domain: scripts, section 5; decision 0027).
    """
    canvas, sheet = new_canvas(pages, "Answer sheets")
    for page in pages:
        _draw_answer_page(canvas, page, series, lined)
        canvas.showPage()
    canvas.save()
    return sheet.getvalue()


def new_canvas(items: Sequence[object], title: str) -> tuple[Canvas, BytesIO]:
    """Return an empty A4 document to draw on; raises ``LabelRefused`` when there is nothing to print."""
    if not items:
        raise LabelRefused("There is nothing to print.")
    sheet = BytesIO()
    canvas = Canvas(sheet, pagesize=A4, invariant=True, pageCompression=1)
    canvas.setTitle(title)
    return canvas, sheet


def printable(text: str) -> str:
    """Return a text in the characters of the printed font: ŵ as w; what has no such form as a question mark."""
    made = []
    for character in unicodedata.normalize("NFC", text):
        try:
            character.encode("cp1252")
            made.append(character)
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", character).encode("cp1252", "ignore").decode("cp1252")
            made.append(plain or "?")
    return "".join(made)


def fitted(canvas: Canvas, text: str, font: str, size: float, room: float) -> str:
    """Set the font and return a text cut to a width, with an ellipsis where something is left out."""
    canvas.setFont(font, size)
    text = printable(text)
    if canvas.stringWidth(text, font, size) <= room:
        return text
    while text and canvas.stringWidth(text + "…", font, size) > room:
        text = text[:-1]
    return text + "…"


def _draw_label(canvas: Canvas, paper: LabelPaper, foot: float, height: float) -> None:
    label, width, top = paper.label, A4[0], foot + height
    canvas.setDash(2, 3)
    canvas.setLineWidth(0.4)
    canvas.line(0, foot, width, foot)
    canvas.setDash()
    left, side = 12 * mm, 30 * mm
    canvas.setFont(BOLD, 20)
    canvas.drawString(left, top - 14 * mm, f"Centre {label.centre_number}")
    canvas.drawString(left + 62 * mm, top - 14 * mm, label.component_code)
    of = f" of {label.of}" if label.of else ""
    canvas.drawString(left, top - 24 * mm, f"Packet {label.number}{of}")
    canvas.setFont(PLAIN, 11)
    canvas.drawString(left + 62 * mm, top - 24 * mm, f"Series {label.series}" + (f", {paper.sat}" if paper.sat else ""))
    if paper.candidates or paper.belongs:
        who = f"Candidates {paper.candidates}" if paper.candidates else ""
        line = "   ".join(part for part in (who, paper.belongs) if part)
        canvas.drawString(left, top - 31 * mm, fitted(canvas, line, PLAIN, 11, width - 60 * mm))
    for place, line in enumerate(paper.warnings):
        canvas.drawString(left, top - (38 + 7 * place) * mm, fitted(canvas, line, BOLD, 12, width - 60 * mm))
    draw_two_d(canvas, label.payload, width - 12 * mm - side, top - 10 * mm - side, side)
    draw_code_128(canvas, label.payload, foot + 20 * mm, 26 * mm)
    canvas.setFont("Courier", 11)
    canvas.drawCentredString(width / 2, foot + 13 * mm, label.payload)
    canvas.setFont(PLAIN, 8)
    canvas.drawString(left, foot + 5 * mm, "One packet, one component, one label. Never photocopy this label.")


def _draw_cover(canvas: Canvas, cover: ScriptCover, series: str, heading: str) -> None:
    width, height = A4
    bar = MARK_HEIGHT_MM * mm
    canvas.rect(12 * mm, height - 12 * mm - bar, width - 24 * mm, bar, stroke=0, fill=1)
    canvas.rect(12 * mm, 12 * mm, width - 24 * mm, bar, stroke=0, fill=1)
    canvas.setFont(BOLD, 22)
    canvas.drawString(15 * mm, height - 40 * mm, heading)
    canvas.setFont(PLAIN, 15)
    lines = [
        f"Centre {cover.centre_number}",
        f"Candidate {cover.candidate_number}",
        f"Component {cover.component_code}",
    ]
    lines += [f"Series {series}"] if series else []
    lines += [f"Booklet {cover.number}" + (f" of {cover.of}" if cover.of else "")]
    for number, line in enumerate(lines):
        canvas.drawString(15 * mm, height - (54 + 9 * number) * mm, line)
    draw_code_128(canvas, cover.payload, height / 2 - 10 * mm, 35 * mm)
    canvas.setFont("Courier", 13)
    canvas.drawCentredString(width / 2, height / 2 - 20 * mm, cover.payload)
    draw_two_d(canvas, cover.payload, width / 2 - 30 * mm, 45 * mm, 60 * mm)
    canvas.setFont(PLAIN, 10)
    canvas.drawCentredString(width / 2, 30 * mm, "Place this sheet before the booklet. Do not write on it or fold it.")


def _draw_answer_page(canvas: Canvas, page: PageCode, series: str, lined: bool) -> None:
    width, height = A4
    left, right, side = 15 * mm, width - 15 * mm, 28 * mm
    head, foot = height - 45 * mm, 45 * mm
    canvas.setFont(BOLD, 14)
    canvas.drawString(left, height - 19 * mm, f"Centre {page.centre_number}    Candidate {page.candidate_number}")
    canvas.setFont(PLAIN, 12)
    about = f"Component {page.component_code}" + (f", series {series}" if series else "")
    canvas.drawString(left, height - 27 * mm, about)
    front = "front" if page.page % 2 else "back"
    canvas.drawString(left, height - 35 * mm, f"Booklet {page.booklet}, page {page.page} of {page.of} ({front})")
    draw_two_d(canvas, page.payload, right - side, height - 12 * mm - side, side)
    draw_two_d(canvas, page.payload, left, 12 * mm, side)
    canvas.setLineWidth(0.8)
    canvas.line(left, head, right, head)
    canvas.line(left, foot, right, foot)
    if lined:
        canvas.setLineWidth(0.3)
        canvas.setStrokeGray(0.6)
        place = head - LINE_MM * mm
        while place > foot + 2 * mm:
            canvas.line(left, place, right, place)
            place -= LINE_MM * mm
        canvas.setStrokeGray(0)
    canvas.setFont("Courier", 9)
    canvas.drawRightString(right, 32 * mm, page.payload)
    canvas.setFont(PLAIN, 9)
    canvas.drawRightString(right, 24 * mm, "Write between the two lines only, on both sides. This page is yours alone:")
    canvas.drawRightString(right, 19 * mm, "never give it to another candidate, never photocopy it.")


def draw_code_128(canvas: Canvas, payload: str, foot: float, height: float, room: float | None = None) -> None:
    """Draw the barcode across the page, as wide as its quiet zones allow."""
    modules = code128.Code128(payload, barWidth=1, quiet=False).width
    room = A4[0] - 24 * mm if room is None else room
    bar = min(room / modules, 0.5 * mm)
    code = code128.Code128(payload, barWidth=bar, barHeight=height, quiet=False)
    code.drawOn(canvas, (A4[0] - code.width) / 2, foot)


def draw_two_d(canvas: Canvas, payload: str, left: float, foot: float, side: float) -> None:
    """Draw the 2-D code in a square; it is read while a quarter of it is spoilt."""
    code = qr.QrCodeWidget(payload, barLevel="Q")
    x0, y0, x1, y1 = code.getBounds()
    drawing = Drawing(side, side, transform=[side / (x1 - x0), 0, 0, side / (y1 - y0), 0, 0])
    drawing.add(code)
    renderPDF.draw(drawing, canvas, left, foot)
