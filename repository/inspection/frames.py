"""What a child answers with pixels, words and recordings, frame by frame: believed only as far as it is checked here."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from repository.errors import InspectionFailed
from repository.inspection import words
from repository.inspection.children import Output

WIDTH_LIMIT_PIXELS = 2_000
HEIGHT_LIMIT_PIXELS = 4 * WIDTH_LIMIT_PIXELS
TEXT_LIMIT_BYTES = 256 * 1024
WORDS_LIMIT = 20_000
WORD_LIMIT_CHARACTERS = 1_000
PAYLOADS = {
    b"P": 8 + 3 * WIDTH_LIMIT_PIXELS * HEIGHT_LIMIT_PIXELS,
    b"T": TEXT_LIMIT_BYTES,
    b"N": 64 * 1024,
    b"M": 4 * 1024 * 1024,
    b"H": 4 * 1024 * 1024,
    b"Z": 0,
}
"""The letters there are, each with the most that one frame of it may hold."""
THOUSAND = 1_000
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Pixels:
    """A picture as a child drew it: nothing but its size and its colours."""

    width: int
    height: int
    rgb: bytes


async def read(output: Output) -> AsyncIterator[tuple[bytes, bytes]]:
    """Give each frame's letter and payload, up to the good end.

    Raises: ``InspectionFailed`` for a letter that is none, a frame that is too large, an answer without an end, and a
    child that fails after it: what was given before counts for nothing then. Its fact ``refused`` is the code of a
    refusal that the child found out only now.
    """
    while True:
        head = await output.exactly(5)
        letter, size = head[:1], struct.unpack(">I", head[1:])[0]
        if letter not in PAYLOADS or size > PAYLOADS[letter]:
            raise InspectionFailed(cause="shape")
        payload = await output.exactly(size)
        if letter == b"Z":
            if await output.read():
                raise InspectionFailed(cause="shape")
            return
        if letter == b"N":
            _check_refusal(payload)
        yield letter, payload


def _check_refusal(payload: bytes) -> None:
    refused = _object(payload).get("refused")
    if isinstance(refused, str):
        raise InspectionFailed(refused=refused[:40])


def pixels(payload: bytes, width_limit: int = WIDTH_LIMIT_PIXELS) -> Pixels:
    """Return the picture of a ``P`` frame. Raises: ``InspectionFailed``."""
    if len(payload) < 8:
        raise InspectionFailed(cause="shape")
    width, height = struct.unpack(">II", payload[:8])
    if not (0 < width <= width_limit and 0 < height <= HEIGHT_LIMIT_PIXELS and len(payload) == 8 + 3 * width * height):
        raise InspectionFailed(cause="shape")
    return Pixels(width, height, payload[8:])


def jpeg(picture: Pixels, turn: int = 0) -> bytes:
    """Return a new picture file of ours, turned clockwise by 0, 90, 180 or 270. Takes a moment; run it in a thread."""
    image = _image(picture)
    return _saved(image.rotate(-turn, expand=True) if turn else image)


def jpeg_with_thumbnail(picture: Pixels, thumbnail_width: int) -> tuple[bytes, bytes, tuple[int, int]]:
    """Return new picture files of ours, large and small, and the small one's size. Takes a moment; run it in a thread."""
    image = _image(picture)
    large = _saved(image)
    image.thumbnail((thumbnail_width, 4 * thumbnail_width), reducing_gap=2.0)
    return large, _saved(image), image.size


def _image(picture: Pixels) -> Any:
    from PIL import Image  # of use to whoever makes pictures only

    return Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)


def _saved(image: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def words_of(payload: bytes) -> bytes:
    """Return the words of a ``T`` frame as JSON of ours: each with its place in thousandths of the page."""
    untrusted = _object(payload)
    listed = untrusted.get("words")
    if not isinstance(listed, list) or len(listed) > WORDS_LIMIT:
        raise InspectionFailed(cause="shape")
    found = [_word(one) for one in listed]
    return json.dumps({"words": found}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _word(untrusted: object) -> list[int | str]:
    if not (isinstance(untrusted, list) and len(untrusted) == 5 and isinstance(untrusted[4], str)):
        raise InspectionFailed(cause="shape")
    if not all(type(number) in (int, float) and abs(number) < 1e6 for number in untrusted[:4]):
        raise InspectionFailed(cause="shape")
    box = [min(max(round(number), 0), THOUSAND) for number in untrusted[:4]]
    text = "".join(letter for letter in untrusted[4][:WORD_LIMIT_CHARACTERS] if letter.isprintable())
    return [*box, text]


def note_of(payload: bytes) -> tuple[str, int | None, dict[str, Any]]:
    """Return a note's code, the page it is about, if it is, and the other facts told with it, not checked yet.

    A code that is not among ``words.NOTES`` is returned all the same: whoever reads it keeps what it knows.
    """
    untrusted = _object(payload)
    code, page = untrusted.pop("code", None), untrusted.pop("page", None)
    if not isinstance(code, str) or len(code) > 40 or not (page is None or (type(page) is int and page > 0)):
        raise InspectionFailed(cause="shape")
    return code, page, untrusted


def is_note(code: str) -> bool:
    """Return whether a person has something to read about a code."""
    return code in words.NOTES


def _object(payload: bytes) -> dict[str, Any]:
    try:
        untrusted = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InspectionFailed(cause="shape") from error
    if not isinstance(untrusted, dict):
        raise InspectionFailed(cause="shape")
    return untrusted
