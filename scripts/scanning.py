"""Opening scan bundles: what is on each page, and cutting a script's pages out of the file.

This module parses files from outside. The service therefore runs it in a child process that holds no keys and has no
network (``python -m scripts.scanning``), and believes nothing it says but through ``splitting.readings_from_json``.

* ``python -m scripts.scanning`` reads a PDF on standard input and writes the JSON of its pages on standard output.
* ``python -m scripts.scanning extract '{"pages": [[0, 1], [2]]}'`` reads a PDF on standard input and writes one PDF
  per list, each preceded by its length as eight bytes, most significant first.

Exit status 0, or 3 with one word on standard error: ``bundle-unreadable`` or ``bundle-too-large``. Limits on memory,
time and output are the caller's to set.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import BinaryIO

import pikepdf
import pypdfium2
import zxingcpp
from PIL import Image

from scripts.errors import BundleTooLarge, BundleUnreadable, ScriptsError
from scripts.labels import MAX_CODE_CHARACTERS
from scripts.splitting import MAX_CODES_A_PAGE, MAX_PAGES, PageReading, readings_to_json, split

__all__ = ["MAX_BYTES", "extract", "main", "read_extracts", "read_pages", "split"]

MAX_BYTES = 1 << 30
MAX_PIXELS = 60_000_000
NEEDED_PX = 1100
"""Width to which a page may be shrunk before its codes are sought: about 130 dots to the inch on A4."""
RENDER_DPI = 150
FORMATS = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode))
PLAIN_OPERATORS = frozenset({"q", "Q", "cm", "Do", "gs", "w", "J", "j", "BT", "ET", "Tf", "TL"})
"""Operators that draw nothing but the one picture: the text operators here set a font and show no text."""
COARSE = 8
DARK_STEP = 20
BLANK_DOTS = 3


@dataclass(frozen=True, slots=True)
class _Picture:
    """A page's picture before decoding: JPEG bytes as scanned, or an image already rendered."""

    index: int
    jpeg: bytes | None
    image: Image.Image | None
    rotate: int = 0


def read_pages(untrusted_pdf: bytes, *, workers: int = 2) -> tuple[PageReading, ...]:
    """Look at every page of a scan bundle: its codes, whether it is blank, whether it bears the bars of a cover.

    Takes: the whole PDF, at most 1 GiB and 1,000 pages; ``workers``: threads that decode pages, 1 or more.
    Returns: one reading per page, in order; a page that cannot be opened is returned as ``unreadable``.
    Raises: ``BundleUnreadable`` (no PDF, encrypted, damaged, empty), ``BundleTooLarge``.
    Source: project policy (domain: scripts, section 11).
    """
    readings: list[PageReading] = []
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=workers) as pool:
        # A picture that claims to be enormous is refused before it is unpacked.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        pictures = _pictures(untrusted_pdf)
        while chunk := list(islice(pictures, 8 * workers)):
            readings += pool.map(_read, chunk)
    return tuple(readings)


def extract(untrusted_pdf: bytes, pages: Sequence[int]) -> bytes:
    """Cut the pages of one script out of a bundle, in the order given, without annotations or actions.

    Returns: the PDF; the same pages of the same bundle give the same bytes.
    Raises: ``BundleUnreadable`` for a file or a page number that is not there.
    """
    with _opened(untrusted_pdf) as bundle:
        return _extract(bundle, pages)


def _extract(bundle: pikepdf.Pdf, pages: Sequence[int]) -> bytes:
    if not pages or not all(type(page) is int and 0 <= page < len(bundle.pages) for page in pages):
        raise BundleUnreadable("The bundle has no such page.")
    written = BytesIO()
    with pikepdf.new() as script:
        for index in pages:
            script.pages.append(bundle.pages[index])
            copied = script.pages[-1].obj
            for key in ("/Annots", "/AA", "/Metadata", "/PieceInfo", "/B"):
                if key in copied:
                    del copied[key]
        script.save(written, deterministic_id=True)
    return written.getvalue()


def _opened(untrusted_pdf: bytes) -> pikepdf.Pdf:
    if len(untrusted_pdf) > MAX_BYTES:
        raise BundleTooLarge
    if not untrusted_pdf.startswith(b"%PDF-"):
        raise BundleUnreadable
    try:
        bundle = pikepdf.open(BytesIO(untrusted_pdf), suppress_warnings=True)
        count = len(bundle.pages)
    except (pikepdf.PdfError, pikepdf.PasswordError, ValueError, RuntimeError) as cause:
        raise BundleUnreadable from cause
    if bundle.is_encrypted or count == 0 or bundle.get_warnings():
        # A file that had to be repaired may have lost pages in the repair; the paper is still there to scan again.
        bundle.close()
        raise BundleUnreadable
    if count > MAX_PAGES:
        bundle.close()
        raise BundleTooLarge(pages=count, maximum=MAX_PAGES)
    return bundle


def _pictures(untrusted_pdf: bytes) -> Iterator[_Picture]:
    renderer: pypdfium2.PdfDocument | None = None
    with _opened(untrusted_pdf) as bundle:
        try:
            for index, page in enumerate(bundle.pages):
                jpeg = _plain_jpeg(page)
                if jpeg is not None:
                    yield _Picture(index, jpeg, None, page.rotation)
                    continue
                if renderer is None:
                    renderer = _renderer(untrusted_pdf)
                yield _Picture(index, None, _rendered(renderer, index))
        finally:
            if renderer is not None:
                renderer.close()


def _plain_jpeg(page: pikepdf.Page) -> bytes | None:
    """Return the JPEG of a page that is one scanned picture and nothing else; None for any other page."""
    try:
        images = [value for value in page.resources.get("/XObject", {}).values() if value.get("/Subtype") == "/Image"]
        if len(images) != 1 or "/Annots" in page.obj:
            return None
        image = images[0]
        grey_or_colour = image.get("/ColorSpace") in ("/DeviceGray", "/DeviceRGB")
        if not grey_or_colour or "/SMask" in image or "/Decode" in image:
            return None
        contents = page.obj.get("/Contents")
        streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
        if not all(isinstance(part, pikepdf.Stream) and int(part.get("/Length", 0)) <= 4096 for part in streams):
            return None
        operators = [str(part.operator) for part in pikepdf.parse_content_stream(page)]
        if operators.count("Do") != 1 or not set(operators) <= PLAIN_OPERATORS:
            return None
        return _jpeg_bytes(image)
    except (pikepdf.PdfError, AttributeError, TypeError, ValueError):
        return None


def _jpeg_bytes(image: pikepdf.Object) -> bytes | None:
    """Return the JPEG inside a picture, taken out of the text armour that some writers put around it."""
    filters = image.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
    raw = bytes(image.read_raw_bytes())
    if names == ["/ASCII85Decode", "/DCTDecode"]:
        return base64.a85decode(raw.strip().removesuffix(b"~>"))
    return raw if names == ["/DCTDecode"] else None


def _renderer(untrusted_pdf: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(untrusted_pdf)
    except pypdfium2.PdfiumError as cause:
        raise BundleUnreadable from cause


def _rendered(renderer: pypdfium2.PdfDocument, index: int) -> Image.Image | None:
    try:
        page = renderer[index]
        width, height = page.get_size()
        scale = RENDER_DPI / 72
        if not 1 <= width * scale * height * scale <= MAX_PIXELS:
            return None
        image: Image.Image = page.render(scale=scale, grayscale=True).to_pil().convert("L")
        page.close()
    except (pypdfium2.PdfiumError, ValueError, MemoryError):
        return None
    return image


def _read(picture: _Picture) -> PageReading:
    """Read one picture: fast settings first, the slow ones only for a cover whose code did not come out."""
    raw = picture.jpeg
    if raw is None:
        raw = picture.image.tobytes() if picture.image is not None else b""
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        image, size = _shrunk(picture)
        codes = _codes(image, thorough=False)
        blank, mark = (False, False) if codes else _look(image)
        if mark and not codes:
            codes = _codes(_whole(picture), thorough=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return PageReading(picture.index, sha256, unreadable=True)
    return PageReading(picture.index, sha256, codes, blank, mark, False, size[0], size[1])


def _shrunk(picture: _Picture) -> tuple[Image.Image, tuple[int, int]]:
    """Return the page in grey, no larger than its codes need, and its true size in pixels."""
    if picture.jpeg is None:
        if picture.image is None:
            raise ValueError("the page could not be rendered")
        return picture.image, picture.image.size
    image: Image.Image = Image.open(BytesIO(picture.jpeg), formats=("JPEG",))
    size = image.size
    if size[0] * size[1] > MAX_PIXELS or min(size) < 16:
        raise ValueError("the picture is too large, or too small to hold anything")
    ratio = NEEDED_PX / min(size)
    if ratio < 1:
        image.draft("L", (int(size[0] * ratio), int(size[1] * ratio)))
    grey = image.convert("L")
    return (grey.rotate(-picture.rotate, expand=True) if picture.rotate else grey), size


def _whole(picture: _Picture) -> Image.Image:
    if picture.jpeg is None:
        return _shrunk(picture)[0]
    return Image.open(BytesIO(picture.jpeg), formats=("JPEG",)).convert("L")


def _codes(image: Image.Image, *, thorough: bool) -> tuple[str, ...]:
    """Return the different texts of the codes of our two kinds on a picture, longest possible text cut off."""
    found = zxingcpp.read_barcodes(
        image, formats=FORMATS, try_rotate=thorough, try_downscale=thorough, try_invert=thorough
    )
    texts = dict.fromkeys(code.text[: MAX_CODE_CHARACTERS + 1] for code in found)
    return tuple(texts)[:MAX_CODES_A_PAGE]


def _look(image: Image.Image) -> tuple[bool, bool]:
    """Say whether a page is blank and whether it bears the two bars of a cover sheet.

    Looks at a coarse copy, in which a pen stroke still darkens its dot and the noise of the scanner does not; the outer
    edge is left out, where shadows and staples are.
    """
    coarse = image.reduce(COARSE)
    width, height = coarse.size
    edge_x, edge_y = max(1, width // 25), max(1, height // 25)
    inner = coarse.crop((edge_x, edge_y, width - edge_x, height - edge_y))
    paper = _median(inner)
    dark = sum(inner.histogram()[: max(0, paper - DARK_STEP)])
    band = height // 8
    bars = [
        _has_bar(coarse.crop((0, 0, width, band)), paper),
        _has_bar(coarse.crop((0, height - band, width, height)), paper),
    ]
    return dark <= BLANK_DOTS, all(bars)


def _median(image: Image.Image) -> int:
    half, total = image.size[0] * image.size[1] / 2, 0
    for level, count in enumerate(image.histogram()):
        total += count
        if total >= half:
            return level
    return 255


def _has_bar(band: Image.Image, paper: int) -> bool:
    """Say whether three columns in four of a band have something black in them, a fifth of it being black."""
    limit = paper * 0.55
    width, height = band.size
    dots = band.tobytes()
    black = [sum(dots[column::width][row] < limit for row in range(height)) for column in range(width)]
    return sum(count > 0 for count in black) >= 0.75 * width and sum(black) >= 0.18 * width * height


def main(arguments: Sequence[str], source: BinaryIO, sink: BinaryIO) -> int:
    """Run one of the two modes on a PDF from ``source`` into ``sink``; return the exit status."""
    try:
        untrusted_pdf = source.read(MAX_BYTES + 1)
        if not arguments:
            sink.write(readings_to_json(read_pages(untrusted_pdf)).encode("ascii"))
        elif len(arguments) == 2 and arguments[0] == "extract":
            for part in _extracts(untrusted_pdf, json.loads(arguments[1])["pages"]):
                sink.write(struct.pack(">Q", len(part)))
                sink.write(part)
        else:
            raise BundleUnreadable("The only mode beside reading is extract.")
    except (ScriptsError, ValueError, KeyError, TypeError) as refusal:
        word = refusal.code if isinstance(refusal, ScriptsError) else BundleUnreadable().code
        sys.stderr.write(f"{word}\n")
        return 3
    sink.flush()
    return 0


def _extracts(untrusted_pdf: bytes, lists: Iterable[Sequence[int]]) -> Iterator[bytes]:
    with _opened(untrusted_pdf) as bundle:
        for pages in lists:
            yield _extract(bundle, pages)


def read_extracts(source: BinaryIO, count: int) -> Iterator[bytes]:
    """Read back what the ``extract`` mode wrote: ``count`` PDFs, one after the other.

    Raises: ``BundleUnreadable`` when the stream ends early or announces more than the largest bundle.
    """
    for _ in range(count):
        head = source.read(8)
        length = struct.unpack(">Q", head)[0] if len(head) == 8 else MAX_BYTES + 1
        part = source.read(length) if length <= MAX_BYTES else b""
        if len(part) != length:
            raise BundleUnreadable
        yield part


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer))
