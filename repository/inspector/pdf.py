"""PDF: every object is looked at by one reader, pages are counted by two and drawn by one."""

from __future__ import annotations

import ctypes
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import archives, frames, images
from .findings import Findings, Refused
from .frames import Frame, Word

if TYPE_CHECKING:
    import pikepdf

PAGE_LIMIT = 2_000
SIDE_LIMIT_POINTS = 14_400
SPARE_BYTES = 1024
HEIGHT_LIMIT_WIDTHS = 4
LETTER_LIMIT = 40_000
WORD_LIMIT_LETTERS = 100
TURN_SAMPLE = 400
TURN_LETTERS = 20
STRAIGHT_QUARTERS = 0.2
ASLANT = -1

ACTIVE: dict[str, str] = {
    "JavaScript": "javascript",
    "JS": "javascript",
    "Launch": "launch",
    "EmbeddedFile": "attachments",
    "EmbeddedFiles": "attachments",
    "XFA": "xfa",
    "RichMedia": "rich-media",
    "Movie": "rich-media",
    "3D": "rich-media",
    "SubmitForm": "submits-form",
    "ImportData": "imports-data",
    "GoToE": "other-documents",
    "GoToR": "other-documents",
    "AA": "acts-by-itself",
    "URI": "links",
    "FreeText": "comments",
    "Popup": "comments",
}
"""Names of PDF that stand for something that acts or is hidden → the note. Nothing of it reaches a page image."""

STRING = re.compile(rb"\((?:\\.|[^\\)])*\)|<[0-9a-fA-F\s]*>", re.DOTALL)
NAME = re.compile(rb"/(" + b"|".join(sorted(name.encode() for name in ACTIVE)) + rb")(?=[\s/<>\[\]()]|$)")


def inspect(data: bytes, kind: str) -> Findings:
    """Return what a PDF holds; raises ``Refused`` when it is locked, broken, incomplete, two things, or too large."""
    if archives.ends_as_zip(data):
        raise Refused("polyglot")
    _check_end(data)
    count = _counted(data)
    notes, facts = _walked(data, count)
    return Findings(count, notes, facts)


def derive(data: bytes, kind: str, first: int, count: int, width: int) -> Iterator[Frame]:
    """Yield pages drawn at ``width``, their words, and notes on blank and turned ones."""
    import pypdfium2
    from PIL import Image

    document = pypdfium2.PdfDocument(data)
    for number in range(first, min(first + count, len(document) + 1)):
        page = document[number - 1]
        wide, high = max(page.get_width(), 1), max(page.get_height(), 1)
        scale = min(width / wide, HEIGHT_LIMIT_WIDTHS * width / high)
        bitmap = page.render(scale=scale, prefer_bgrx=True)
        pixels = Image.frombuffer("RGB", (bitmap.width, bitmap.height), bitmap.buffer, "raw", "BGRX", bitmap.stride, 1)
        yield frames.page(bitmap.width, bitmap.height, pixels.tobytes())
        words, turned = _words(page)
        yield frames.words(words)
        if not words and images.is_blank(pixels):
            yield frames.note(number, "blank")
        if turned:
            yield frames.note(number, turned)
        bitmap.close()
        page.close()


def _check_end(data: bytes) -> None:
    end = data.rfind(b"%%EOF")
    if end < 0:
        raise Refused("incomplete")
    rest = data[end + 5 :]
    if len(rest) > SPARE_BYTES and rest.strip(b"\x00\r\n\t "):
        raise Refused("trailing-data")


def _counted(data: bytes) -> int:
    import pypdfium2
    import pypdfium2.raw

    try:
        document = pypdfium2.PdfDocument(data)
        count = len(document)
        if count > PAGE_LIMIT:
            raise Refused("too-large")
        sizes = [document.get_page_size(number) for number in range(count)]
    except pypdfium2.PdfiumError as error:
        locked = pypdfium2.raw.FPDF_GetLastError() == pypdfium2.raw.FPDF_ERR_PASSWORD
        raise Refused("password" if locked or "assword" in str(error) else "damaged") from error
    if count == 0:
        raise Refused("empty")
    if any(side > SIDE_LIMIT_POINTS for size in sizes for side in size):
        raise Refused("too-large")
    return count


def _walked(data: bytes, count: int) -> tuple[tuple[str, ...], dict[str, int]]:
    """Look at every object of the file, also at those inside compressed streams and those that no page uses."""
    import pikepdf

    try:
        with pikepdf.Pdf.open(io.BytesIO(data), suppress_warnings=True) as document:
            if document.is_encrypted:
                raise Refused("restricted")
            if len(document.pages) != count:
                raise Refused("two-readings")
            found = Counter(name for thing in document.objects for name in _names(thing))
            if _opens_with_action(document):
                found["opens-with-action"] += 1
    except pikepdf.PasswordError as error:
        raise Refused("password") from error
    except (pikepdf.PdfError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError) as error:
        raise Refused("damaged") from error
    return tuple(sorted(found)), {code.replace("-", "_"): number for code, number in found.items()}


def _names(thing: Any) -> Iterator[str]:
    import pikepdf

    if isinstance(thing, pikepdf.Stream):
        thing = thing.stream_dict
    elif not isinstance(thing, pikepdf.Object):
        return
    # The reader writes names in one spelling, whatever the file said; words in strings are no names.
    written = thing.unparse(resolved=True)
    if b"/" in written:
        for name in NAME.findall(STRING.sub(b"()", written)):
            yield ACTIVE[name.decode()]


def _opens_with_action(document: pikepdf.Pdf) -> bool:
    """Return whether opening the file does more than go to a page, which is what most programs write there."""
    import pikepdf

    action = document.Root.get("/OpenAction")
    return isinstance(action, pikepdf.Dictionary) and action.get("/S") != pikepdf.Name.GoTo


def _words(page: Any) -> tuple[list[Word], str | None]:
    """Return a page's words with their boxes as it is seen, and whether its text stands on its head or side."""
    import pypdfium2.raw as raw

    text = page.get_textpage()
    count = min(raw.FPDFText_CountChars(text), LETTER_LIMIT)
    wide, high = page.get_width(), page.get_height()
    found: list[Word] = []
    start = 0
    letters: list[str] = []
    get = raw.FPDFText_GetUnicode
    codes = [get(text, number) for number in range(count)]
    for number, code in enumerate([*codes, 32]):
        shown = code > 32 and code not in HIDDEN
        if shown and len(letters) < WORD_LIMIT_LETTERS:
            if not letters:
                start = number
            letters.append(chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd")
            continue
        if letters and (code <= 32 or code == 0xA0 or len(letters) >= WORD_LIMIT_LETTERS):
            box = _box(raw, page, text, start, number - start, wide, high)
            if box is not None:
                found.append((*box, "".join(letters)))
            letters = []
    turned = _turned(raw, page, text, codes)
    text.close()
    return found, turned


HIDDEN = frozenset(
    [
        *range(0x7F, 0xA1),
        0xAD,
        0x61C,
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        0xFFFE,
        0xFFFF,
    ]
)
"""Signs that are not seen, or that turn round what is read. They are left out of the words."""


def _box(
    raw: Any, page: Any, text: Any, start: int, count: int, wide: float, high: float
) -> tuple[int, int, int, int] | None:
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    rects = raw.FPDFText_CountRects(text, start, count)
    if rects < 1 or not raw.FPDFText_GetRect(text, 0, left, top, right, bottom):
        return None
    xs, ys = [], []
    x, y = ctypes.c_int(), ctypes.c_int()
    for across, up in ((left, top), (right, bottom)):
        # Where it is seen: the reader knows the page's turn and where its corner is.
        raw.FPDF_PageToDevice(page, 0, 0, 1000, 1000, 0, across, up, x, y)
        xs.append(x.value)
        ys.append(y.value)
    x0, x1 = (min(max(value, 0), 1000) for value in (min(xs), max(xs)))
    y0, y1 = (min(max(value, 0), 1000) for value in (min(ys), max(ys)))
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 or y1 > y0 else None


def _turned(raw: Any, page: Any, text: Any, codes: list[int]) -> str | None:
    """Return ``upside-down`` or ``sideways`` when nine in ten letters run that way. Pictures of text are not judged."""
    seen: Counter[int] = Counter()
    step = max(1, len(codes) // TURN_SAMPLE)
    for number in range(0, len(codes), step):
        if codes[number] > 32:
            quarters = raw.FPDFText_GetCharAngle(text, number) / (math.pi / 2)
            straight = abs(quarters - round(quarters)) < STRAIGHT_QUARTERS
            seen[round(quarters) % 4 if straight else ASLANT] += 1
    total = sum(seen.values())
    if total < TURN_LETTERS:
        return None
    way, often = seen.most_common(1)[0]
    if way == ASLANT or often < 0.9 * total:
        return None
    way = (way + page.get_rotation() // 90) % 4
    return {2: "upside-down", 1: "sideways", 3: "sideways"}.get(way)
