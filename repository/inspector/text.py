"""Plain text: never served as such. It is drawn onto page images, with its words beside them.

Other things made of letters (pages of the web, drawings, shortcuts) are told apart here, and refused by name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from . import frames
from .findings import Findings, Refused
from .frames import Frame, Word

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LIMIT_BYTES = 5 * 1024 * 1024
HEAD_BYTES = 64 * 1024
COLUMNS = 84
LINES = 62
PAGE_LIMIT = 2_000
TAB = 4
MARGIN = 0.08
LEADING = 1.95
"""Height of a line in widths of a letter, so that the lines of a page fill a sheet of A4."""
FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf",
    "/usr/share/fonts/truetype/liberation2/LiberationMono-Regular.ttf",
    "/usr/share/fonts/dejavu-sans-mono-fonts/DejaVuSansMono.ttf",
    "/usr/share/fonts/TTF/DejaVuSansMono.ttf",
)
HIDDEN = "\ufffd"
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
SOFT_HYPHEN = 0xAD

SPACES = "\ufeff \t\r\n\f"
UNASSIGNED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

MARKUP: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]|<script[\s>]|<iframe[\s>]"), "web-page"),
    (
        re.compile(
            r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype[^\[>]*(\[.*?\])?\s*>\s*)?(<!--.*?-->\s*)?<(svg:)?svg[\s>]",
            re.DOTALL,
        ),
        "svg",
    ),
    (re.compile(r"<\?xml[^>]*\?>\s*<html[\s>]"), "web-page"),
    (re.compile(r"<\?xml|<!doctype|<!entity"), "xml"),
    (re.compile(r"\[internetshortcut\]|\[desktop entry\]|\[\{000214a0-"), "shortcut"),
    (re.compile(r"#extm3u|\[playlist\]|ffconcat version|<asx[\s>]|<smil[\s>]"), "playlist"),
    (re.compile(r"(mime-version:|from:|received:|subject:|date:|message-id:)[^\n]*\n(?=(.*\n){0,40}content-type:)"), "web-archive"),
    (re.compile(r"\{\\rtf"), "application/rtf"),
    (re.compile(r"%!ps|%!fontype"), "postscript"),
    (re.compile(r"push graphic-context|viewbox \d"), "svg"),
    (re.compile(r"begin:v(calendar|card)"), "contact"),
)  # fmt: skip
"""How other things made of letters begin, in small letters."""
STUB = re.compile(r'^\{[^{}]{0,2000}"(url|doc_id|resource_id)"\s*:')


def decode(data: bytes) -> str | None:
    """Return text in UTF-8, UTF-16 with its mark, or Windows-1252; None when it is none of these. UTF-7 is never tried."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} and data[:4] != b"\xff\xfe\0\0":
        try:
            found = data.decode("utf-16")
        except UnicodeDecodeError:
            return None
        return None if "\0" in found else found
    if CONTROLS.search(data):
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None if UNASSIGNED.search(data) else data.decode("cp1252")


def kind_of(data: bytes) -> str:
    """Return ``text/plain``, or a refusal that names what else is made of these letters."""
    head = data[:HEAD_BYTES]
    if len(data) > HEAD_BYTES and data[:2] not in {b"\xff\xfe", b"\xfe\xff"}:
        head = head[: head.rfind(b"\n") + 1] or head[:-4]
    elif len(data) > HEAD_BYTES:
        head = head[: HEAD_BYTES - 2]
    found = decode(head)
    if found is None:
        return "unknown-type"
    if not found.strip(SPACES) and not data.strip(b"\xff\xfe\xef\xbb\xbf\0 \t\r\n\f"):
        return "empty"
    start = found.lstrip(SPACES)[:4096].lower()
    for pattern, kind in MARKUP:
        if pattern.match(start):
            return kind
    if STUB.match(start) and ("google.com" in start or "doc_id" in start or "resource_id" in start):
        return "cloud-shortcut"
    return "text/plain"


def inspect(data: bytes, kind: str) -> Findings:
    """Return how many pages a text fills; raises ``Refused`` when it is too long or its letters cannot be drawn."""
    font = _font(16)
    found, notes = _readable(data)
    _check_letters(found, font, notes)
    count = -(-len(_lines(found)) // LINES)
    if count > PAGE_LIMIT:
        raise Refused("too-large")
    return Findings(max(count, 1), tuple(notes), {"lines": found.count("\n") + 1})


def derive(data: bytes, kind: str, first: int, count: int, width: int) -> Iterator[Frame]:
    """Yield pages of the text, drawn line by line, with their words."""
    from PIL import Image, ImageDraw

    letter = width * (1 - 2 * MARGIN) / COLUMNS
    font = _font(max(letter / 0.602, 4))
    height = int(width * 1.4142)
    lines = _lines(_readable(data)[0])
    for number in range(first, min(first + count, max(-(-len(lines) // LINES), 1) + 1)):
        image = Image.new("RGB", (width, height), "white")
        draw = ImageDraw.Draw(image)
        words: list[Word] = []
        for row, line in enumerate(lines[(number - 1) * LINES : number * LINES]):
            top = height * 0.06 + row * letter * LEADING
            for found in re.finditer(r"\S+", line):
                left = width * MARGIN + found.start() * letter
                draw.text((left, top), found[0], fill="black", font=font)
                box = (left / width, top / height, len(found[0]) * letter / width, letter * 1.8 / height)
                words.append((*(round(side * 1000) for side in box), found[0].replace(HIDDEN, "")))  # type: ignore[arg-type]
        yield frames.page(width, height, image.tobytes())
        yield frames.words(words)


def _readable(data: bytes) -> tuple[str, list[str]]:
    """Return the text with nothing in it that hides or turns round what is read, and notes on that."""
    if len(data) > LIMIT_BYTES:
        raise Refused("too-large")
    found = decode(data)
    if found is None:
        raise Refused("damaged")
    found = unicodedata.normalize("NFC", found.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", ""))
    hidden = {ord(sign): HIDDEN for sign in set(found) if sign not in "\n\t\f" and unicodedata.category(sign) in UNSEEN}
    shown = found.translate({**hidden, SOFT_HYPHEN: None})
    return shown, (["hidden-signs"] if HIDDEN in shown else [])


def _check_letters(found: str, font: FreeTypeFont, notes: list[str]) -> None:
    missing = bytes(font.getmask("\U0010ffff"))
    for sign in sorted(set(found)):
        if sign.isascii() or sign == HIDDEN or sign.isspace():
            continue
        letter = unicodedata.category(sign)[0] in "LM"
        if letter and unicodedata.bidirectional(sign) in {"R", "AL"}:
            raise Refused("text-script")
        if bytes(font.getmask(sign)) == missing:
            if letter:
                raise Refused("text-script")
            notes.append("missing-signs")
            return


def _lines(found: str) -> list[str]:
    """Return the lines as they stand on pages: at most so many columns wide, broken between words where there are some."""
    lines: list[str] = []
    for line in found.expandtabs(TAB).replace("\f", "\n").split("\n"):
        rest = line.rstrip()
        at = 0
        while len(rest) - at > COLUMNS:
            cut = rest.rfind(" ", at + COLUMNS // 2, at + COLUMNS + 1)
            cut = cut if cut > 0 else at + COLUMNS
            lines.append(rest[at:cut])
            at = cut + (rest[cut] == " ")
        lines.append(rest[at:])
    while lines and not lines[-1]:
        lines.pop()
    return lines


def works() -> bool:
    """Return whether there is a letter to draw with."""
    return any(Path(path).exists() for path in FONTS)


def _font(size: float) -> FreeTypeFont:
    from PIL import ImageFont

    for path in FONTS:
        if Path(path).exists():
            return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
    raise Refused("no-text-font")
