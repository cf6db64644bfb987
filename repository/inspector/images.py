"""Pictures: opened by named formats only, measured before they are unpacked, shown as pixels turned the right way up."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from . import archives, frames
from .findings import Findings, Refused
from .frames import Frame

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

PIXEL_LIMIT = 50_000_000
SIDE_LIMIT_PIXELS = 30_000
FRAME_LIMIT = 200
SPARE_BYTES = 1024
HEIGHT_LIMIT_WIDTHS = 4

FORMATS: dict[str, tuple[str, ...]] = {
    "image/jpeg": ("JPEG", "MPO"),
    "image/png": ("PNG",),
    "image/gif": ("GIF",),
    "image/webp": ("WEBP",),
    "image/tiff": ("TIFF",),
    "image/bmp": ("BMP",),
}
PAGED = frozenset({"image/tiff"})
"""Kinds whose frames are pages. Of every other the first picture is shown: films and second views are not work on paper."""

BLANK_ACROSS = 400
"""Dots across the page when it is looked at for ink: each is the mean of some pixels, which takes the grain away."""
BLANK_STEPS = (20, 28)
"""How far from the paper a dot must be, least and most: twice as far as all but a hundredth of the page lies."""
BLANK_DOTS = 3
BLANK_PAPER = 160

MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
PHONE_EXTRAS = (b"MPF\x00", b"MotionPhoto", b"MicroVideo", b"hdrgm", b"SEFH")
"""What phones say in a picture to which they have added others: a second view, a map of light, a short film."""
GPS = 0x8825
CAMERA = (0x010F, 0x0110, 0x013B, 0x8769, GPS)
"""Tags of the maker, the model, the artist, and of the lists of camera and place."""


def inspect(data: bytes, kind: str) -> Findings:
    """Return what a picture holds; raises ``Refused`` when it is broken, incomplete, more than one thing, or too large."""
    end = _logical_end(data, kind)
    notes = []
    if end is not None and len(data) - end > SPARE_BYTES and data[end:].strip(b"\x00\r\n "):
        if not (kind == "image/jpeg" and any(mark in data[:end] or mark in data[-64:] for mark in PHONE_EXTRAS)):
            raise Refused("trailing-data")
        notes.append("phone-extras")
    if archives.ends_as_zip(data):
        raise Refused("polyglot")
    with _opened(data, kind) as image:
        count = _frames(image)
        try:
            image.seek(0)
            image.load()
        except MemoryError:
            raise
        except Exception as error:
            raise Refused("incomplete" if "truncated" in str(error) else "damaged") from error
        exif = image.getexif()
        if any(tag in exif for tag in CAMERA):
            notes.append("camera-data")
        if GPS in exif:
            notes.append("location")
        if count > 1 and kind not in PAGED and image.format != "MPO":
            notes.append("animated")
        width, height = image.size
    return Findings(count if kind in PAGED else 1, tuple(notes), {"width": width, "height": height, "frames": count})


def derive(data: bytes, kind: str, first: int, count: int, width: int) -> Iterator[Frame]:
    """Yield pictures at most ``width`` wide, turned as the camera was held, with nothing of the file but pixels."""
    from PIL import ImageOps

    with _opened(data, kind) as image:
        pages = _frames(image) if kind in PAGED else 1
        for number in range(first, min(first + count, pages + 1)):
            image.seek(number - 1)
            if image.width * image.height > PIXEL_LIMIT:
                raise Refused("too-large")
            if kind == "image/jpeg":
                image.draft("RGB", (width, width))
            picture = _on_white(ImageOps.exif_transpose(image))
            if picture.width > width or picture.height > HEIGHT_LIMIT_WIDTHS * width:
                picture.thumbnail((width, HEIGHT_LIMIT_WIDTHS * width), reducing_gap=2.0)
            yield frames.page(picture.width, picture.height, picture.tobytes())
            yield frames.words([])
            if is_blank(picture):
                yield frames.note(number, "blank")


def is_blank(picture: Picture) -> bool:
    """Return whether nothing stands out from the paper, not even one letter; grain and yellowing of scanned paper do not.

    A dark or shaded scan is not judged: better a blank page that nobody is told of than written work called blank.
    """
    small = picture.reduce(max(1, picture.width // BLANK_ACROSS))
    return all(_is_even(channel.histogram()) for channel in small.split())  # yellow on white shows in blue alone


def _is_even(dots: list[int]) -> bool:
    paper = max(range(256), key=dots.__getitem__)
    least, most = BLANK_STEPS
    grain = next(
        reach for reach in range(256) if 99 * sum(dots) <= 100 * sum(dots[max(paper - reach, 0) : paper + reach + 1])
    )
    step = min(max(2 * grain, least), most)
    darker = sum(dots[: max(paper - step, 0)])
    brighter = sum(dots[paper + step :])
    return paper > BLANK_PAPER and darker < BLANK_DOTS and brighter < BLANK_DOTS


def _opened(data: bytes, kind: str) -> Picture:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = PIXEL_LIMIT
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS[kind])
    except Image.DecompressionBombError as error:
        raise Refused("too-large") from error
    except MemoryError:
        raise
    except Exception as error:  # whatever a decoder says of a broken head
        raise Refused("damaged") from error
    width, height = image.size
    if width * height > PIXEL_LIMIT or max(width, height) > SIDE_LIMIT_PIXELS:
        raise Refused("too-large")
    return image


def _frames(image: Picture) -> int:
    """Return how many frames there are, without looking further than the limit."""
    count = 1
    try:
        if not hasattr(image, "n_frames"):
            return 1
        for number in range(1, FRAME_LIMIT + 1):
            image.seek(number)
            count = number + 1
            if image.width * image.height > PIXEL_LIMIT:
                raise Refused("too-large")
    except EOFError:
        return count
    except (Refused, MemoryError):
        raise
    except Exception as error:  # whatever a decoder says of a broken frame
        raise Refused("damaged") from error
    raise Refused("too-large")


def _on_white(image: Picture) -> Picture:
    """Return the pixels as RGB; what is transparent shows the paper."""
    from PIL import Image

    if image.mode in {"I;16", "I;16B", "I", "F"}:
        low, high = image.getextrema()
        scale = 255 / max(float(high) - float(low), 1.0)  # type: ignore[arg-type]
        return image.convert("F").point(lambda value: (value - float(low)) * scale).convert("RGB")  # type: ignore[arg-type]
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        solid = image.convert("RGBA")
        paper = Image.new("RGB", solid.size, "white")
        paper.paste(solid, mask=solid.getchannel("A"))
        return paper
    return image.convert("RGB")


def _logical_end(data: bytes, kind: str) -> int | None:
    """Return where the picture ends by its own structure, or None where the kind has no such place.

    Raises: ``Refused`` with ``incomplete`` when the file breaks off before.
    """
    ends = {"image/jpeg": _jpeg_end, "image/png": _png_end, "image/gif": _gif_end, "image/webp": _riff_end}
    return ends[kind](data) if kind in ends else None


def _jpeg_end(data: bytes) -> int:
    at = 2
    while True:
        found = MARKER.search(data, at)
        if found is None:
            raise Refused("incomplete")
        code = data[found.start() + 1]
        at = found.end()
        if code == 0xD9:
            return at
        if code not in {0x01, 0xD8}:
            if at + 2 > len(data):
                raise Refused("incomplete")
            at += struct.unpack_from(">H", data, at)[0]


def _png_end(data: bytes) -> int:
    at = 8
    while at + 8 <= len(data):
        size: int = struct.unpack_from(">I", data, at)[0]
        name = data[at + 4 : at + 8]
        at += 12 + size
        if name == b"IEND":
            break
    else:
        raise Refused("incomplete")
    if at > len(data):
        raise Refused("incomplete")
    return at


def _gif_end(data: bytes) -> int:
    if len(data) < 13:
        raise Refused("incomplete")
    at = 13 + (3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    while at < len(data):
        block = data[at]
        if block == 0x3B:
            return at + 1
        if block == 0x21:
            at += 2
        elif block == 0x2C and at + 10 <= len(data):
            packed = data[at + 9]
            at += 11 + (3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0)
        else:
            raise Refused("damaged")
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    raise Refused("incomplete")


def _riff_end(data: bytes) -> int:
    size: int = struct.unpack_from("<I", data, 4)[0] + 8
    if size > len(data):
        raise Refused("incomplete")
    return size
