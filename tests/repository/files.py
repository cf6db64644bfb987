"""Genuine small files for tests."""

from __future__ import annotations

import io

from reportlab.pdfgen.canvas import Canvas


def pdf(pages: int = 2, text: str = "Work of a candidate") -> bytes:
    """A PDF with lines of text on every page."""
    target = io.BytesIO()
    canvas = Canvas(target, pageCompression=0)
    for number in range(pages):
        for line in range(12):
            canvas.drawString(72, 720 - 20 * line, f"{text}, page {number + 1}, line {line + 1}")
        canvas.showPage()
    canvas.save()
    return target.getvalue()
