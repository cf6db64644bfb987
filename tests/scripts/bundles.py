"""Scan bundles made for tests: covers as a scanner would see them, written pages, blank ones, skew and noise."""

from __future__ import annotations

import random
from collections.abc import Iterable
from io import BytesIO

import pypdfium2
from PIL import Image, ImageDraw
from reportlab.graphics.barcode import code128
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from scripts.labels import PacketLabel, ScriptCover
from scripts.sheets import covers_pdf, labels_pdf

DPI = 150
SIZE = (1240, 1754)
PAPER = 245


def rendered(pdf: bytes, dpi: int = DPI) -> Image.Image:
    document = pypdfium2.PdfDocument(pdf)
    page = document[0]
    image: Image.Image = page.render(scale=dpi / 72, grayscale=True).to_pil().convert("L")
    page.close()
    document.close()
    return image


def cover(
    candidate: str, *, component: str = "H446/01", centre: str = "99999", number: int = 1, of: int = 1, dpi: int = DPI
) -> Image.Image:
    return rendered(covers_pdf([ScriptCover(centre, candidate, component, number, of)]), dpi)


def header(label: PacketLabel) -> Image.Image:
    return rendered(labels_pdf([label]))


def spoilt(image: Image.Image) -> Image.Image:
    """Scribble over both codes of a cover; its bars stay."""
    draw = ImageDraw.Draw(image)
    width, height = image.size
    for step in range(0, width, 12):
        draw.line((step, height * 0.36, step + 90, height * 0.6), fill=0, width=7)
    draw.rectangle((width * 0.4, height * 0.66, width * 0.5, height * 0.86), fill=20)
    return image


def foreign() -> Image.Image:
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4)
    code128.Code128("AQA-7517-1-0042", barWidth=1.2, barHeight=60).drawOn(canvas, 80, 600)
    canvas.save()
    return rendered(buffer.getvalue())


def written(seed: int, size: tuple[int, int] = SIZE, lines: int = 20) -> Image.Image:
    """A page of handwriting-like strokes, different for each seed."""
    chance = random.Random(seed)
    image = Image.new("L", size, PAPER)
    draw = ImageDraw.Draw(image)
    pen = max(2, size[0] // 600)
    for line in range(lines):
        x, y = size[0] * 0.1, size[1] * (0.1 + 0.04 * line)
        while x < size[0] * 0.85:
            step = chance.uniform(0.005, 0.02) * size[0]
            draw.line((x, y, x + step, y + chance.uniform(-0.01, 0.01) * size[1]), fill=60, width=pen)
            x += step * 1.3
    return image


def blank(seed: int = 0) -> Image.Image:
    return noisy(Image.new("L", SIZE, PAPER), seed)


def noisy(image: Image.Image, seed: int) -> Image.Image:
    noise = Image.frombytes("L", image.size, random.Random(seed).randbytes(image.size[0] * image.size[1]))
    return Image.blend(image, noise, 0.05)


def skewed(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=PAPER)


def bundle(pages: Iterable[Image.Image], quality: int = 75, dpi: int = DPI) -> bytes:
    """A PDF as scanners write it: one JPEG a page and nothing else."""
    first, *rest = pages
    buffer = BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=rest, resolution=dpi, quality=quality)
    return buffer.getvalue()


def drawn(pages: Iterable[Image.Image]) -> bytes:
    """The same through a writer that wraps its pictures and adds to its pages."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=True)
    for page in pages:
        jpeg = BytesIO()
        page.save(jpeg, "JPEG")
        jpeg.seek(0)
        canvas.drawImage(ImageReader(jpeg), 0, 0, A4[0], A4[1])
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
