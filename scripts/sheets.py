"""Labels and cover sheets as PDF to print: Code 128, the same payload as a 2-D code, and the words for people."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from reportlab.graphics import renderPDF
from reportlab.graphics.barcode import code128, qr
from reportlab.graphics.shapes import Drawing
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from scripts.errors import LabelRefused
from scripts.labels import PacketLabel, ScriptCover

LABELS_A_PAGE = 3
MARK_HEIGHT_MM = 9


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
