"""The despatch log on paper, as a centre prints it before the driver comes: filled as far as is known, or blank."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from scripts.despatch_log import LogSheet

ROWS_A_PAGE = 12
FONT, BOLD = "Helvetica", "Helvetica-Bold"
COLUMNS: tuple[tuple[str, float], ...] = (
    ("Date, session", 24),
    ("Component", 22),
    ("Packet", 15),
    ("Label", 50),
    ("Candidates", 24),
    ("Scripts", 14),
    ("Register\nenclosed", 16),
    ("Extra\nbooklets", 15),
    ("Sealed by", 25),
    ("Witnessed by", 25),
    ("Time\nsealed", 15),
    ("Tracking or proof\nof posting number", 32),
)
"""What each column is called and how wide it is, in millimetres: the fields of the boards' paper logs.

Source: project policy (domain: scripts, section 4).
"""


def log_pdf(sheet: LogSheet) -> bytes:
    """Print the log on A4, across: at least one page, with empty lines to write on below what is known.

    Returns: the PDF; the same log gives the same bytes.
    """
    target = BytesIO()
    canvas = Canvas(target, pagesize=landscape(A4), invariant=True, pageCompression=1)
    canvas.setTitle(f"Despatch log, {sheet.centre}, {sheet.day}")
    pages = max(1, -(-len(sheet.rows) // ROWS_A_PAGE))
    for page in range(pages):
        rows = sheet.rows[page * ROWS_A_PAGE : (page + 1) * ROWS_A_PAGE]
        _draw(canvas, sheet, rows, page + 1, pages)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def _draw(canvas: Canvas, sheet: LogSheet, rows: Sequence[Sequence[str]], page: int, pages: int) -> None:
    width, height = landscape(A4)
    left, top = 10 * mm, height - 14 * mm
    canvas.setFont(BOLD, 16)
    canvas.drawString(left, top, "Despatch log")
    canvas.setFont(FONT, 11)
    canvas.drawString(left + 42 * mm, top, f"{sheet.centre}    {sheet.day}")
    canvas.drawRightString(width - 10 * mm, top, f"Page {page} of {pages}")
    helpdesk = sheet.helpdesk or "____________________"
    canvas.drawString(left, top - 7 * mm, f"If the driver does not come, call the helpdesk: {helpdesk}")
    foot = _table(canvas, rows, left, top - 12 * mm)
    _signatures(canvas, sheet, left, foot - 6 * mm)
    canvas.setFont(FONT, 8)
    words = "Complete it before the driver comes. The log that the driver signed is your evidence: keep it until results are out."
    canvas.drawString(left, 8 * mm, words)


def _table(canvas: Canvas, rows: Sequence[Sequence[str]], left: float, top: float) -> float:
    head, tall = 9 * mm, 8.4 * mm
    foot: float = top - head - ROWS_A_PAGE * tall
    canvas.setLineWidth(0.5)
    x = left
    for place, (name, across) in enumerate(COLUMNS):
        canvas.line(x, top, x, foot)
        canvas.setFont(BOLD, 7.5)
        for number, words in enumerate(name.split("\n")):
            canvas.drawString(x + 1 * mm, top - (3.5 + 3.2 * number) * mm, words)
        for number, row in enumerate(rows):
            if place < len(row) and row[place]:
                _fit(canvas, row[place], x + 1 * mm, top - head - number * tall - 5.4 * mm, (across - 2) * mm)
        x += across * mm
    canvas.line(x, top, x, foot)
    canvas.line(left, top, x, top)
    for number in range(ROWS_A_PAGE + 1):
        at = top - head - number * tall
        canvas.line(left, at, x, at)
    return foot


def _fit(canvas: Canvas, text: str, x: float, y: float, room: float) -> None:
    """Draw a text as large as its cell allows; what is longer still is set smaller, never cut."""
    size = 9.0
    while size > 4 and stringWidth(text, FONT, size) > room:
        size -= 0.25
    canvas.setFont(FONT, size)
    canvas.drawString(x, y, text)


def _signatures(canvas: Canvas, sheet: LogSheet, left: float, top: float) -> None:
    boxes = (
        ("Kind of collection", sheet.collection, 50),
        ("Booking reference", sheet.booking_reference, 40),
        ("Carrier", sheet.carrier, 35),
        ("Driver’s name", sheet.driver_name, 55),
        ("Driver’s signature", "", 60),
        ("Time collected", "", 37),
    )
    tall = 17 * mm
    x = left
    for name, value, across in boxes:
        canvas.rect(x, top - tall, across * mm, tall)
        canvas.setFont(BOLD, 7.5)
        canvas.drawString(x + 1 * mm, top - 3.5 * mm, name)
        if value:
            _fit(canvas, value, x + 1 * mm, top - 11 * mm, (across - 2) * mm)
        x += across * mm
