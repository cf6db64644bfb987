"""The attendance register on paper: to be filled in by hand, or as it stands; each page knows which register it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from scripts.errors import UnreadableCover
from scripts.labels import sealed
from scripts.sheets import BOLD, PLAIN, draw_code_128, draw_two_d, fitted, new_canvas

ROWS_A_PAGE = 24
BLANK_ROWS = 4
"""Rows at the end for candidates who are written in by hand."""
ROW_MM = 7.2
COLUMNS_MM = (13, 24, 62, 15, 15, 51)
HEADINGS = ("Seat", "Candidate", "Name", "Present", "Absent", "Notes")
MARKS = {"present": "Present", "absent": "Absent", "withdrawn": "Struck out"}


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One line as it is printed: ``state`` as on the register; ``note``: added, struck out, corrected, and why."""

    seat: str
    candidate_number: str
    name: str = ""
    state: str = "unmarked"
    note: str = ""


@dataclass(frozen=True, slots=True)
class RegisterSheet:
    """A register to print, in seating order; ``is_blank``: for the paper, without marks.

    Takes: ``series`` as on labels, such as ``6A26``; ``signed_off``: by whom and when, in words; empty while it is open.
    """

    centre_number: str
    centre_name: str
    series: str
    component_code: str
    component_title: str
    held_on: date
    session_of_day: str
    rows: tuple[RegisterRow, ...]
    is_blank: bool = False
    signed_off: str = ""

    def payload(self, page: int, of: int) -> str:
        """Return what the code of a page carries: ``RG1|centre|series|component|yyyymmddAM|page/of|crc``."""
        when = f"{self.held_on:%Y%m%d}{self.session_of_day}"
        return sealed(f"RG1|{self.centre_number}|{self.series}|{self.component_code}|{when}|{page}/{of}")


def is_register_code(untrusted_text: str) -> bool:
    """Return whether a scanned code is of a register page, as comes with the scripts of a packet.

    Raises: ``UnreadableCover`` for one whose check is wrong.
    """
    if not untrusted_text.startswith("RG1|") or not untrusted_text.isascii():
        return False
    if sealed(untrusted_text.rpartition("|")[0]) != untrusted_text:
        raise UnreadableCover(reason="unreadable_cover")
    return True


def register_pdf(register: RegisterSheet) -> bytes:
    """Print a register on A4, with room for candidates written in by hand, corrections and signatures.

    Returns: the PDF; the same register gives the same bytes.
    Raises: ``LabelRefused`` for a register with nobody on it.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/:
        everybody listed is marked, unlisted ones are added, withdrawn ones struck out, corrections counter-signed.
    """
    canvas, sheet = new_canvas(register.rows, f"Attendance register {register.component_code}")
    rows = [*register.rows, *([RegisterRow("", "")] * BLANK_ROWS)]
    pages = [rows[start : start + ROWS_A_PAGE] for start in range(0, len(rows), ROWS_A_PAGE)]
    for number, part in enumerate(pages, start=1):
        _draw_head(canvas, register, number, len(pages))
        _draw_rows(canvas, register, part)
        _draw_foot(canvas, register, number == len(pages), register.payload(number, len(pages)))
        canvas.showPage()
    canvas.save()
    return sheet.getvalue()


def _draw_head(canvas: Canvas, register: RegisterSheet, page: int, of: int) -> None:
    width, height = A4
    left, side = 15 * mm, 27 * mm
    room = width - 2 * left - side - 4 * mm
    canvas.setFont(BOLD, 16)
    canvas.drawString(left, height - 18 * mm, f"Attendance register, page {page} of {of}")
    lines = (
        (BOLD, f"Centre {register.centre_number} {register.centre_name}"),
        (BOLD, f"{register.component_code} {register.component_title}"),
        (
            PLAIN,
            f"{register.held_on:%A} {register.held_on.day} {register.held_on:%B %Y}, session {register.session_of_day}, "
            f"series {register.series}",
        ),
    )
    for place, (font, line) in enumerate(lines):
        canvas.drawString(left, height - (26 + 7 * place) * mm, fitted(canvas, line, font, 11, room))
    draw_two_d(canvas, register.payload(page, of), width - left - side, height - 12 * mm - side, side)


def _draw_rows(canvas: Canvas, register: RegisterSheet, rows: Sequence[RegisterRow]) -> None:
    top, left = A4[1] - 48 * mm, 15 * mm
    edges = [left]
    for column in COLUMNS_MM:
        edges.append(edges[-1] + column * mm)
    canvas.setLineWidth(0.4)
    canvas.setFont(BOLD, 9)
    for place, heading in enumerate(HEADINGS):
        canvas.drawString(edges[place] + 1.5 * mm, top - 5 * mm, heading)
    foot = top - (len(rows) + 1) * ROW_MM * mm
    for place in range(len(rows) + 2):
        canvas.line(edges[0], top - place * ROW_MM * mm, edges[-1], top - place * ROW_MM * mm)
    for edge in edges:
        canvas.line(edge, top, edge, foot)
    for place, row in enumerate(rows, start=1):
        _draw_row(canvas, register, row, edges, top - (place + 1) * ROW_MM * mm)


def _draw_row(canvas: Canvas, register: RegisterSheet, row: RegisterRow, edges: Sequence[float], foot: float) -> None:
    is_struck = row.state == "withdrawn"
    marks = ("", "") if register.is_blank else (row.state == "present" and "X", row.state == "absent" and "X")
    note = "Struck out" + (f": {row.note}" if row.note else "") if is_struck else row.note
    cells = (row.seat, row.candidate_number, row.name, marks[0] or "", marks[1] or "", note)
    for place, text in enumerate(cells):
        room = edges[place + 1] - edges[place] - 3 * mm
        font, size = (BOLD, 11) if place in (1, 3, 4) else (PLAIN, 9)
        canvas.drawString(edges[place] + 1.5 * mm, foot + 2.2 * mm, fitted(canvas, text, font, size, room))
    if is_struck:
        middle = foot + ROW_MM * mm / 2
        canvas.setLineWidth(1)
        canvas.line(edges[0] + 1.5 * mm, middle, edges[3] - 1.5 * mm, middle)
        canvas.setLineWidth(0.4)


def _draw_foot(canvas: Canvas, register: RegisterSheet, is_last: bool, payload: str) -> None:
    left, right = 15 * mm, A4[0] - 15 * mm
    canvas.setFont(PLAIN, 8.5)
    canvas.drawString(left, 46 * mm, "Mark everybody present or absent. Write in who is not listed, with the reason.")
    canvas.drawString(
        left, 42 * mm, "Correct only a centre number, candidate number or name; two people sign beside it."
    )
    if register.signed_off:
        canvas.setFont(BOLD, 9)
        canvas.drawString(left, 36 * mm, fitted(canvas, register.signed_off, BOLD, 9, right - left))
    elif is_last:
        canvas.drawString(left, 34 * mm, "Invigilator")
        canvas.drawString(left + 92 * mm, 34 * mm, "Second person")
        canvas.line(left + 18 * mm, 33 * mm, left + 86 * mm, 33 * mm)
        canvas.line(left + 115 * mm, 33 * mm, right, 33 * mm)
    draw_code_128(canvas, payload, 15 * mm, 11 * mm)
    canvas.setFont("Courier", 8)
    canvas.drawCentredString(A4[0] / 2, 11 * mm, payload)
