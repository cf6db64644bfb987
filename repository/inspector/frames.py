"""The shape in which the child answers with pixels: frames of a letter, a length and a payload.

``P`` a page (width and height as big-endian 32-bit numbers, then RGB), ``T`` the words of the page before, ``N`` a note,
``M`` bytes of a recording or of a PDF, ``H`` what stands before those in a recording and is known last, ``Z`` the end: an
answer without it broke off.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from .findings import Refused

TEXT_LIMIT_BYTES = 256 * 1024
Frame = tuple[bytes, bytes]
Word = tuple[int, int, int, int, str]


def page(width: int, height: int, rgb: bytes) -> Frame:
    """Return the frame of one page's pixels."""
    return b"P", struct.pack(">II", width, height) + rgb


def words(found: Sequence[Word]) -> Frame:
    """Return the frame of a page's words, each with its box in thousandths of the page; what is too much is left out."""
    kept: list[Word] = []
    size = 64
    for word in found:
        size += 32 + 6 * len(word[4])
        if size > TEXT_LIMIT_BYTES:
            break
        kept.append(word)
    return b"T", json.dumps({"words": kept}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def note(number: int, code: str) -> Frame:
    """Return the frame of something that a person should know of a page, which counts from 1."""
    return b"N", json.dumps({"page": number, "code": code}).encode()


def write(target: BinaryIO, found: Iterable[Frame]) -> None:
    """Write frames as they come, and the end after the last; a file that is refused has a note of that and no end."""
    try:
        for letter, payload in found:
            target.write(letter + struct.pack(">I", len(payload)))
            target.write(payload)
    except Refused as refusal:
        payload = json.dumps({"refused": str(refusal)}).encode()
        target.write(b"N" + struct.pack(">I", len(payload)) + payload)
        target.flush()
        raise
    target.write(b"Z" + struct.pack(">I", 0))
    target.flush()
