"""Documents to measure with, made here: a text with pictures as candidates hand it in, a scan, an office document."""

from __future__ import annotations

import io
from functools import cache
from random import Random

from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.corpus import office

LINES = 45
SCAN_PIXELS = (1654, 2339)
"""A4 at 200 dots to the inch."""


@cache
def essay(pages: int, seed: int = 1) -> bytes:
    """Return a PDF of text, with a photograph on every fourth page."""
    random, buffer = Random(seed), io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for number in range(pages):
        canvas.setFont("Helvetica", 11)
        for line in range(LINES):
            words = " ".join("".join(random.choices("abcdefghinorstu", k=random.randint(2, 9))) for _ in range(13))
            canvas.drawString(60, 780 - 15 * line, f"{number} {words}"[:95])
        if number % 4 == 3:
            canvas.drawImage(ImageReader(io.BytesIO(photograph((900, 600), seed + number))), 80, 120, 420, 280)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@cache
def scan(pages: int) -> bytes:
    """Return a PDF of scanned pages, each one picture in colour."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    for number in range(pages):
        canvas.drawImage(ImageReader(io.BytesIO(photograph(SCAN_PIXELS, number % 4))), 0, 0, *A4)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


@cache
def photograph(size: tuple[int, int], seed: int) -> bytes:
    """Return a JPEG with as much in it as a photograph has."""
    small = Image.frombytes("RGB", (160, 120), Random(seed).randbytes(160 * 120 * 3))
    buffer = io.BytesIO()
    small.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def letter(pages: int) -> bytes:
    """Return a text document of an office program."""
    return office.pages(pages)
