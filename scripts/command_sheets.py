"""The sheet of command cards of a scanning station, as PDF: one code under another, so that no scan catches two."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reportlab.graphics.barcode import code128
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from scripts.sheets import BOLD, PLAIN, draw_two_d, new_canvas
from scripts.stations import NOTICES, STEPS, Command

WORDS: Mapping[Command, tuple[str, str]] = MappingProxyType(
    {
        Command.RECEIVED: ("Packets arrive", "Every packet scanned from now on has arrived here."),
        Command.OPENED: ("Packets are opened", "Scan, count the scripts with a second person, type the number."),
        Command.COLLECTED: ("Packets are collected", "Every packet scanned from now on is in the carrier's hands."),
        Command.IN_TRANSIT: ("Packets pass through", "Every packet scanned from now on is on its way."),
        Command.FORWARDED: ("Packets are sent on", "Every packet scanned from now on goes to another site."),
        Command.DAMAGED: ("The next packet is damaged", "One packet only; then as before."),
        Command.OPENED_IN_TRANSIT: ("The next packet came open", "One packet only; then as before."),
        Command.UNDO: ("Take back the last scan", "Both stay in the history; scan this once."),
        Command.RESET: ("Start the counters again", "At the start of a shift or of a cage."),
    }
)
"""What stands on each card."""
CARD_MM = 28.0
HEAD_MM = 22.0


def cards_pdf() -> bytes:
    """Print every command card on one A4 sheet, to be cut up or hung beside the station.

    Returns: the PDF; always the same bytes.
    Source: project policy: each command as Code 128 and as a 2-D code, as on labels.
    """
    canvas, sheet = new_canvas(tuple(Command), "Command cards of the scanning station")
    canvas.setFont(BOLD, 15)
    canvas.drawString(12 * mm, A4[1] - 14 * mm, "Command cards of the scanning station")
    canvas.setFont(PLAIN, 9)
    canvas.drawRightString(A4[0] - 12 * mm, A4[1] - 14 * mm, "May be photocopied. Cover the others while you scan one.")
    for place, command in enumerate(Command):
        _draw_card(canvas, command, A4[1] - (HEAD_MM + (place + 1) * CARD_MM) * mm)
    canvas.save()
    return sheet.getvalue()


def _draw_card(canvas: Canvas, command: Command, foot: float) -> None:
    title, about = WORDS[command]
    canvas.setLineWidth(0.4)
    canvas.setDash(2, 3)
    canvas.line(12 * mm, foot, A4[0] - 12 * mm, foot)
    canvas.setDash()
    kind = "Until the next card" if command in STEPS else "Once" if command in NOTICES else ""
    canvas.setFont(BOLD, 14)
    canvas.drawString(12 * mm, foot + 18 * mm, title)
    canvas.setFont(PLAIN, 8.5)
    canvas.drawString(12 * mm, foot + 12 * mm, about)
    canvas.setFont(BOLD, 8.5)
    canvas.drawString(12 * mm, foot + 6 * mm, kind)
    left, room = 104 * mm, 66 * mm
    modules = code128.Code128(command.payload, barWidth=1, quiet=False).width
    code = code128.Code128(command.payload, barWidth=min(room / modules, 0.4 * mm), barHeight=13 * mm, quiet=False)
    code.drawOn(canvas, left + (room - code.width) / 2, foot + 9 * mm)
    canvas.setFont("Courier", 8)
    canvas.drawCentredString(left + room / 2, foot + 4 * mm, command.payload)
    draw_two_d(canvas, command.payload, A4[0] - 12 * mm - 20 * mm, foot + 4 * mm, 20 * mm)
