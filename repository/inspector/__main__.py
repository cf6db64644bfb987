"""Run as ``python -m repository.inspector inspect`` or ``… page NUMBER WIDTH`` with the file on standard input.

``inspect`` answers one JSON object; ``page`` answers width and height as two big-endian 32-bit numbers, then RGB.
The parent believes nothing of it (see ``inspection``).
"""

from __future__ import annotations

import io
import json
import struct
import sys

PAGE_LIMIT = 2_000
PIXEL_LIMIT = 50_000_000
FRAME_LIMIT = 200
PAGE_SIDE_LIMIT_POINTS = 14_400
HEAD_BYTES = 1024


class Refused(Exception):
    """The file is not acceptable; carries the code of the reason."""


def sniff(data: bytes) -> str | None:
    """Return the media type that the content itself shows, or None."""
    if data[:5] == b"%PDF-":
        return "application/pdf"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "audio/wav"
    if data[:4] == b"OggS":
        return "audio/ogg"
    if data[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in data[:64]:
        return "video/webm"
    if data[4:8] == b"ftyp":
        return "audio/mp4" if data[8:12] in {b"M4A ", b"M4B "} else "video/mp4"
    if data[:3] == b"ID3" or (len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):
        return "audio/mpeg"
    return None


def inspect_pdf(data: bytes) -> dict[str, object]:
    """Return what a PDF holds; raises ``Refused`` when it is locked, broken, empty or beyond the limits."""
    import pypdfium2
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data))
        encrypted = reader.is_encrypted
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused("damaged") from error
    if encrypted:
        raise Refused("password")
    end = data.rfind(b"%%EOF")
    if end < 0:
        raise Refused("incomplete")
    if len(data) - end > HEAD_BYTES:
        raise Refused("trailing-data")
    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
        sizes = [document.get_page_size(number) for number in range(min(count, PAGE_LIMIT))]
    except pypdfium2.PdfiumError as error:
        raise Refused("damaged") from error
    if count == 0:
        raise Refused("empty")
    if count > PAGE_LIMIT or any(side > PAGE_SIDE_LIMIT_POINTS for size in sizes for side in size):
        raise Refused("too-large")
    return {"pages": count}


def inspect_image(data: bytes, kind: str) -> dict[str, object]:
    """Return what an image holds; raises ``Refused`` when it is broken or beyond the limits."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"] if kind == "image/jpeg" else ["PNG"]) as image:
            width, height = image.size
            if width * height > PIXEL_LIMIT or getattr(image, "n_frames", 1) > FRAME_LIMIT:
                raise Refused("too-large")
            image.load()
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused("too-large") from error
    except Exception as error:
        raise Refused("damaged") from error
    return {"pages": 1}


def inspect(data: bytes) -> dict[str, object]:
    """Return the verdict on a file: its type by content and page count, or the code of a refusal."""
    kind = sniff(data)
    try:
        if not data:
            raise Refused("empty")
        if kind is None:
            raise Refused("unknown-type")
        facts: dict[str, object] = {"pages": None}
        if kind == "application/pdf":
            facts = inspect_pdf(data)
        elif kind.startswith("image/"):
            facts = inspect_image(data, kind)
    except Refused as refusal:
        return {"kind": kind, "refused": str(refusal)}
    return {"kind": kind, **facts}


def render(data: bytes, number: int, width: int) -> tuple[int, int, bytes]:
    """Return one page as width, height and RGB pixels; ``number`` counts from 1, ``width`` is in pixels."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
    if sniff(data) == "application/pdf":
        import pypdfium2

        page = pypdfium2.PdfDocument(data)[number - 1]
        scale = min(width / max(page.get_width(), 1), (4 * width) / max(page.get_height(), 1))
        picture = page.render(scale=scale).to_pil().convert("RGB")
    else:
        with Image.open(io.BytesIO(data), formats=["JPEG", "PNG"]) as image:
            image.draft("RGB", (width, width))
            picture = ImageOps.exif_transpose(image).convert("RGB")
        if picture.width > width:
            picture.thumbnail((width, 4 * width), reducing_gap=2.0)
    return picture.width, picture.height, picture.tobytes()


def main(arguments: list[str]) -> int:
    """Read standard input, answer on standard output; exit status 1 when the file could not be read."""
    data = sys.stdin.buffer.read()
    if arguments[0] == "inspect":
        sys.stdout.write(json.dumps(inspect(data)))
        return 0
    if arguments[0] == "page":
        width, height, pixels = render(data, int(arguments[1]), int(arguments[2]))
        sys.stdout.buffer.write(struct.pack(">II", width, height) + pixels)
        return 0
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
