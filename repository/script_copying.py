"""Makes the copy of a script that a centre is given: every page a picture of ours that says for whom and when."""

from __future__ import annotations

import asyncio
import io

from repository import objects, watermark
from repository.acts.script_copies import ToCopy
from repository.errors import InspectionFailed
from repository.services import Services

PAGE_WIDTH_PIXELS = 1240
"""150 dots to the inch on A4: legible, and light enough to send on."""
PAGES_LIMIT = 400


async def copied(services: Services, what: ToCopy) -> bytes:
    """Return the copy as a PDF.

    Raises: ``InspectionFailed`` for a scan that cannot be drawn; errors of storage. Nothing is recorded here.
    """
    if not 1 <= what.page_count <= PAGES_LIMIT:
        raise InspectionFailed(cause="pages", pages=what.page_count)
    pages: list[bytes] = []
    for number in range(1, what.page_count + 1):
        content = objects.read(services.vault, what.stored)
        drawn = await services.inspection.page_jpeg(content, number, PAGE_WIDTH_PIXELS)
        pages.append(await asyncio.to_thread(watermark.marked, drawn, what.words))
    return await asyncio.to_thread(_bound, pages, what)


def _bound(pages: list[bytes], what: ToCopy) -> bytes:
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    sheet = io.BytesIO()
    canvas = Canvas(sheet, pagesize=A4, invariant=True, lang="en-GB")
    canvas.setTitle(
        f"Script of candidate {what.script.candidate_number}, {what.sitting.component_code}, "
        f"centre {what.sitting.centre_number}"
    )
    for jpeg in pages:
        picture = ImageReader(io.BytesIO(jpeg))
        width, height = picture.getSize()
        across, up = (A4[0], A4[1]) if width <= height else (A4[1], A4[0])
        scale = min(across / width, up / height)
        canvas.setPageSize((across, up))
        canvas.drawImage(picture, 0, up - height * scale, width * scale, height * scale)
        canvas.showPage()
    canvas.save()
    return sheet.getvalue()
