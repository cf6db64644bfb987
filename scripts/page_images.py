"""Looking at the picture of one page: its codes, which way up it lies, whether it is blank, and what is wrong with it.

Fast settings first: the picture is shrunk to what a code needs and the codes of our kinds are sought as they are printed.
Slower ones follow only for a page that gave nothing.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO

import zxingcpp
from PIL import Image, ImageChops, ImageFilter, ImageOps

from scripts.labels import MAX_CODE_CHARACTERS
from scripts.readings import MAX_CODES_A_PAGE, PageNote, PageReading

MAX_PIXELS = 60_000_000
MIN_SIDE_PX = 16
NEEDED_PX = 1100
"""Width to which a page may be shrunk before its codes are sought: about 130 dots to the inch on A4."""
OURS = zxingcpp.BarcodeFormats((zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode))
OTHERS = zxingcpp.BarcodeFormats(
    (
        zxingcpp.BarcodeFormat.Code39,
        zxingcpp.BarcodeFormat.ITF,
        zxingcpp.BarcodeFormat.EAN13,
        zxingcpp.BarcodeFormat.DataMatrix,
        zxingcpp.BarcodeFormat.PDF417,
        zxingcpp.BarcodeFormat.Aztec,
    )
)
"""What other boards print on their booklets; a text that is never ours makes the page somebody else's."""
ALL = zxingcpp.BarcodeFormats([*OURS, *OTHERS])
MIN_OTHERS_CHARACTERS = 6
"""Shorter texts of codes without a check are now and then found in handwriting."""

COARSE = 8
COARSE_PX = 150
"""Width of the coarse copy: a dot of it is 1.4 mm of A4, which a pen stroke darkens and a scanner's noise does not."""
DARK_STEP = 20
BLANK_DOTS = 3
SECTIONS = 4
"""In so many sections a row or column is looked at for what darkens it evenly."""
EVEN_PART = 12
"""A page with more than a twelfth of it dark is written on, and needs no closer look."""
HOLE_DOTS = 7
"""A punch hole or staple is no larger than this, on either side."""
MARGIN = 0.1
"""Part of the width along each edge in which there may be holes."""

GREY_PAPER = 200
DARKEST_PAPER = 90
INK_PART = 0.0002
"""The darkest part of a page by which its ink is judged: a single written line has more."""
LOW_CONTRAST = 60
LEAST_CONTRAST = 36
LOW_DPI = 140
LEAST_DPI = 90
SKEW_DEGREES = 2.0
SKEWS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
SIDEWAYS = 4.0
"""So many times clearer must lines run one way than the other before a page is said to lie so."""
STRIPS = 50
"""So many strips of a page are moved against each other to make it straight: within one, no tilt of ours is seen."""
RAISED = bytes(min(255, 4 * level) for level in range(256))
WRITTEN = [255 if level >= DARK_STEP else 0 for level in range(256)]
A4_WIDTH_INCHES = 8.27
FINGERPRINT_SIDE = 16
BROKEN = (OSError, ValueError, SyntaxError, Image.DecompressionBombWarning, Image.DecompressionBombError)
"""What the library says of a picture that is not what it claims to be."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A page's picture before decoding: JPEG bytes as scanned, or an image already unpacked, or neither when it is broken.

    Takes: ``rotate``: the clockwise turn that the file itself asks for; ``dpi``: dots to the inch, 0 when not known.
    """

    index: int
    jpeg: bytes | None
    image: Image.Image | None
    rotate: int = 0
    dpi: float = 0.0


@dataclass(frozen=True, slots=True)
class _Found:
    """The codes of a page: their texts, and the turn and skew of the first, None without one."""

    texts: tuple[str, ...]
    turn: int | None
    skew: float


NOTHING = _Found((), None, 0.0)


def read_picture(picture: Picture, all_codes_at_once: bool = False) -> PageReading:
    """Look at one page.

    Takes: ``all_codes_at_once``: seek what other boards print together with ours, not after it: the reading is the same, and
    is there sooner where most pages have no code, later where most have one of ours.
    Returns: the reading; a picture that cannot be opened, or claims to be enormous, is ``unreadable``.
    """
    return _read(picture, None, all_codes_at_once=all_codes_at_once)


def read_again(picture: Picture, first: PageReading) -> PageReading:
    """Seek the codes of a page that gave none in its whole picture, however long that takes.

    Takes: ``first``: what the quick look said of it. Returns: this same reading when there is no code after all.
    """
    try:
        found = _sought(_whole(picture))
    except BROKEN:
        return first
    return _read(picture, found) if found.texts else first


def _read(picture: Picture, known: _Found | None, *, all_codes_at_once: bool = False) -> PageReading:
    """Look at one page, whose codes may be known."""
    raw = picture.jpeg
    if raw is None:
        raw = picture.image.tobytes() if picture.image is not None else b""
    sha256 = hashlib.sha256(raw).hexdigest()
    try:
        image, size = _shrunk(picture)
        dots = _dots(image)
        codes = [] if known else _codes(dots, ALL if all_codes_at_once else OURS)
        found = known or _found(code for code in codes if code.symbology in OURS)
        coarse = image.resize(
            (COARSE_PX, max(MIN_SIDE_PX, round(COARSE_PX * image.height / image.width))),
            Image.Resampling.BOX,
            reducing_gap=1.0,
        )
        mark, cut_off = (False, False) if found.texts else _bars(coarse)
        if mark:
            found = _sought(_whole(picture))
        elif not found.texts:
            codes = codes if all_codes_at_once else _codes(dots, OTHERS)
            found = _found(code for code in codes if len(code.text) >= MIN_OTHERS_CHARACTERS)
        return _reading(picture, sha256, image, coarse, size, found, mark=mark, cut_off=cut_off)
    except BROKEN:
        return PageReading(picture.index, sha256, unreadable=True)


def _reading(
    picture: Picture,
    sha256: str,
    image: Image.Image,
    coarse: Image.Image,
    size: tuple[int, int],
    found: _Found,
    *,
    mark: bool,
    cut_off: bool,
) -> PageReading:
    paper = _level(coarse, 0.5)
    # Where a code was read, the darkness is only to tell two scans of the page from two pages.
    ink = coarse.point(lambda level: max(0, paper - level)) if found.texts else _ink(coarse)
    blank = not found.texts and not mark and _is_blank(ink)
    skew, turn = found.skew, found.turn
    on_its_side = False
    if turn is None and not blank:
        skew, turn, on_its_side = _lie(ink)
    notes: list[PageNote] = [] if blank else _lying(turn, skew)
    notes += [PageNote.ON_ITS_SIDE] if on_its_side else []
    contrast = 255 if blank or found.texts else paper - _darkest(image)
    notes += _quality(paper, contrast)
    dpi = picture.dpi or min(size) / A4_WIDTH_INCHES
    if dpi < LOW_DPI:
        notes.append(PageNote.TOO_COARSE if dpi < LEAST_DPI else PageNote.LOW_RESOLUTION)
    if cut_off:
        notes.append(PageNote.CUT_OFF)
    return PageReading(
        picture.index,
        sha256,
        found.texts,
        blank=blank,
        mark=mark,
        width_px=size[0],
        height_px=size[1],
        rotation=turn or 0,
        notes=tuple(str(note) for note in notes),
        fingerprint="" if blank else _fingerprint(ink, skew, turn or 0),
    )


def _shrunk(picture: Picture) -> tuple[Image.Image, tuple[int, int]]:
    """Return the page in grey, no larger than its codes need, and its true size in pixels."""
    image = picture.image
    if picture.jpeg is not None:
        image = Image.open(BytesIO(picture.jpeg), formats=("JPEG",))
    if image is None:
        raise ValueError("the page could not be rendered")
    size = image.size
    if size[0] * size[1] > MAX_PIXELS or min(size) < MIN_SIDE_PX:
        raise ValueError("the picture is too large, or too small to hold anything")
    ratio = min(size) / NEEDED_PX
    if picture.jpeg is not None and ratio > 1:
        image.draft("L", (int(size[0] / ratio), int(size[1] / ratio)))
    grey = image.convert("L")
    if grey.size == size and ratio >= 2:
        grey = grey.reduce(int(ratio))
    return _turned(grey, picture.rotate), size


def _turned(image: Image.Image, clockwise: int) -> Image.Image:
    return image.rotate(-clockwise, expand=True) if clockwise else image


def _whole(picture: Picture) -> Image.Image:
    if picture.jpeg is None:
        return picture.image.convert("L") if picture.image is not None else _shrunk(picture)[0]
    return _turned(Image.open(BytesIO(picture.jpeg), formats=("JPEG",)).convert("L"), picture.rotate)


def _dots(image: Image.Image) -> memoryview:
    """Return a grey picture's dots as the reader of codes takes them, row by row: made once, however often they are read."""
    return memoryview(image.tobytes()).cast("B", (image.height, image.width))


def _codes(
    dots: memoryview,
    formats: zxingcpp.BarcodeFormats,
    *,
    slow: bool = False,
    binarizer: zxingcpp.Binarizer = zxingcpp.Binarizer.LocalAverage,
) -> list[zxingcpp.Barcode]:
    return zxingcpp.read_barcodes(
        dots, formats=formats, try_rotate=slow, try_downscale=slow, try_invert=slow, binarizer=binarizer
    )


def _found(sought: Iterable[zxingcpp.Barcode]) -> _Found:
    """Return what codes say, the longest possible text cut off, and how the first of them lies."""
    codes = list(sought)
    if not codes:
        return NOTHING
    texts = dict.fromkeys(code.text[: MAX_CODE_CHARACTERS + 1] for code in codes)
    # A 2-D code knows its own upper side; a barcode is read from either end.
    first = next((code for code in codes if code.format == zxingcpp.BarcodeFormat.QRCode), codes[0])
    quarter = round(first.orientation / 90) * 90
    return _Found(tuple(texts)[:MAX_CODES_A_PAGE], -quarter % 360, first.orientation - quarter)


def _sought(whole: Image.Image) -> _Found:
    """Seek our codes with everything there is: all directions, the full picture, half of it, contrast stretched."""
    half = whole.reduce(2) if min(whole.size) >= 2 * NEEDED_PX else whole
    for way, binarizer in (
        (whole, zxingcpp.Binarizer.LocalAverage),
        (half, zxingcpp.Binarizer.LocalAverage),
        (ImageOps.autocontrast(half, cutoff=2), zxingcpp.Binarizer.GlobalHistogram),
    ):
        found = _found(_codes(_dots(way), OURS, slow=True, binarizer=binarizer))
        if found.texts:
            return found
    return NOTHING


def _level(image: Image.Image, part: float) -> int:
    """Return the grey level below which ``part`` of the picture lies."""
    wanted, total = image.size[0] * image.size[1] * part, 0
    for level, count in enumerate(image.histogram()):
        total += count
        if total >= wanted:
            return level
    return 255


def _darkest(image: Image.Image) -> int:
    """Return how dark the ink of a page is, judged by every fourth dot of its picture."""
    fourth = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.NEAREST)
    return _level(fourth, INK_PART)


def _ink(coarse: Image.Image) -> Image.Image:
    """Return how much darker each dot is than the paper around it: shadows of folds and grey paper are gone."""
    paper = coarse
    # The lightest of five dots each way; what lies beyond the edge counts as black. Many times faster than MaxFilter.
    for right, down in ((1, 0), (1, 0), (0, 1), (0, 1)):
        width, height = paper.size
        before = paper.crop((-right, -down, width - right, height - down))
        after = paper.crop((right, down, width + right, height + down))
        paper = ImageChops.lighter(paper, ImageChops.lighter(before, after))
    return ImageChops.subtract(paper.filter(ImageFilter.BoxBlur(2)), coarse)


def _is_blank(ink: Image.Image) -> bool:
    """Say whether nothing is written: a few dots, what shines through from the back, and holes near the edges aside."""
    width, height = ink.size
    edge = max(1, width // 25)
    inner = ink.crop((edge, edge, width - edge, height - edge))
    if _level(inner, 1 - 1 / EVEN_PART) >= DARK_STEP:
        return False
    if sum(inner.histogram()[DARK_STEP:]) <= BLANK_DOTS:
        return True
    inner = _without_even(_without_even(inner).transpose(Image.Transpose.TRANSPOSE))
    dark = sum(inner.histogram()[DARK_STEP:])
    if dark <= BLANK_DOTS or dark > 8 * HOLE_DOTS**2:
        return dark <= BLANK_DOTS
    rest = _without_holes(inner.point(WRITTEN))
    return rest <= BLANK_DOTS


def _without_even(ink: Image.Image) -> Image.Image:
    """Take away what darkens a stretch of a row evenly: a crease, a ruled line, a shadow. Writing has gaps."""
    width, height = ink.size
    dots, step = ink.tobytes(), max(1, width // SECTIONS)
    even = bytearray()
    for row in range(0, width * height, width):
        for start in range(0, width, step):
            stretch = sorted(dots[row + start : row + min(width, start + step)])
            even += bytes([stretch[len(stretch) // 4]]) * len(stretch)
    return ImageChops.subtract(ink, Image.frombytes("L", ink.size, bytes(even)))


def _without_holes(dark: Image.Image) -> int:
    """Count the dark dots that are not in a small round spot near an edge."""
    width, height = dark.size
    dots = dark.tobytes()
    left = {place for place, level in enumerate(dots) if level}
    near = int(MARGIN * width)
    rest = 0
    while left:
        spot, waiting = [], [left.pop()]
        while waiting:
            place = waiting.pop()
            spot.append(place)
            around = [place + step for step in (-1, 1, -width, width, -width - 1, -width + 1, width - 1, width + 1)]
            waiting += [other for other in around if other in left]
            left.difference_update(around)
        columns, rows = [place % width for place in spot], [place // width for place in spot]
        small = max(max(columns) - min(columns), max(rows) - min(rows)) < HOLE_DOTS
        aside = max(columns) < near or min(columns) >= width - near or max(rows) < near or min(rows) >= height - near
        rest += 0 if small and aside else len(spot)
    return rest


def _bars(coarse: Image.Image) -> tuple[bool, bool]:
    """Say whether a page bears the bars of a cover sheet at top and foot, and whether either runs off the picture."""
    width, height = coarse.size
    limit = int(_level(coarse, 0.5) * 0.55)
    black = coarse.point(lambda level: 255 if level < limit else 0)
    band = height // 8
    tops = [_bar(black.crop((0, 0, width, band))), _bar(black.crop((0, height - band, width, height)))]
    return all(bar for bar, _ in tops), any(off for bar, off in tops if bar)


def _bar(band: Image.Image) -> tuple[bool, bool]:
    """Say whether three columns in four of a band have something black in them, a fifth of it being black."""
    width, height = band.size
    columns = band.getprojection()[0]
    is_bar = sum(columns) >= 0.75 * width and band.histogram()[255] >= 0.18 * width * height
    return is_bar, bool(columns[0] or columns[-1])


def _lying(turn: int | None, skew: float) -> list[PageNote]:
    notes = [PageNote.TURN_UNKNOWN] if turn is None else [PageNote.TURNED] if turn else []
    return [*notes, PageNote.SKEWED] if abs(skew) > SKEW_DEGREES else notes


def _quality(paper: int, contrast: int) -> list[PageNote]:
    """Judge brightness, and contrast: a page that is blank, or whose code was read, has enough of it."""
    if paper < DARKEST_PAPER:
        return [PageNote.TOO_DARK]
    notes = [PageNote.GREY_PAPER] if paper < GREY_PAPER else []
    if contrast < LOW_CONTRAST:
        notes.append(PageNote.TOO_LIGHT if contrast < LEAST_CONTRAST else PageNote.LOW_CONTRAST)
    return notes


def _lie(ink: Image.Image) -> tuple[float, int | None, bool]:
    """Return the skew of the lines on a page in degrees, the turn that makes it upright, and whether it is on its side.

    The turn is None when its lines do not say.
    """
    across, skew = _lined(ink, SKEWS)
    along, other = _lined(ink.transpose(Image.Transpose.ROTATE_90), SKEWS[::2])
    if across >= along:
        return skew, _upright(ink, skew) if across >= SIDEWAYS * along else None, False
    return other, None, along >= SIDEWAYS * across


def _lined(ink: Image.Image, skews: Sequence[float]) -> tuple[float, float]:
    """Return how clearly lines run across a picture, and at which of the skews they do so most, to half a degree."""
    strips = ink.resize((STRIPS, ink.height), Image.Resampling.BOX)
    aspect = ink.width / STRIPS
    best = max((_sharpness(strips, aspect, degrees), degrees) for degrees in skews)
    closer = (best[1] - 0.5, best[1] + 0.5)
    return max([best, *((_sharpness(strips, aspect, degrees), degrees) for degrees in closer)])


def _sharpness(strips: Image.Image, aspect: float, degrees: float) -> float:
    """Return how much the darkness changes from row to row, faint lines raised, once the strips lie at a skew."""
    width, height = strips.size
    if degrees:
        fall = math.tan(math.radians(degrees)) * aspect
        strips = strips.transform(
            strips.size, Image.Transform.AFFINE, (1, 0, 0, -fall, 1, fall * width / 2), Image.Resampling.NEAREST
        )
    rows = strips.resize((1, height), Image.Resampling.BOX).tobytes().translate(RAISED)
    steps = list(map(operator.sub, rows, rows[1:]))
    return float(sum(map(operator.mul, steps, steps)))


def _upright(ink: Image.Image, skew: float) -> int | None:
    """Return 0 or 180 when the lines begin at one margin and end raggedly at the other; None when they do not say."""
    dark = (ink.rotate(-skew) if skew else ink).point(WRITTEN)
    width, dots = dark.width, dark.tobytes()
    starts, ends = [], []
    for top in range(0, width * (dark.height - 3), 3 * width):
        rows = [dots[row : row + width] for row in range(top, top + 3 * width, width)]
        start = width - max(len(row.lstrip(b"\0")) for row in rows)
        end = max(len(row.rstrip(b"\0")) for row in rows)
        if end - start > width // 4:
            starts.append(start)
            ends.append(end)
    if len(starts) < 8:
        return None
    left, right = _spread(starts), _spread(ends)
    if max(left, right) < 6 or max(left, right) < 2.5 * min(left, right):
        return None
    return 0 if left < right else 180


def _spread(numbers: Sequence[int]) -> float:
    ordered = sorted(numbers)
    return 1 + ordered[len(ordered) * 9 // 10] - ordered[len(ordered) // 10]


def _fingerprint(ink: Image.Image, skew: float, turn: int) -> str:
    """Return 256 bits of where a page is dark, after it was made straight and cut to what is on it; hex."""
    straight = _turned(ink.rotate(-skew) if skew else ink, turn)
    dark = straight.point(lambda level: level if level >= DARK_STEP // 2 else 0)
    box = dark.getbbox()
    if box is None:
        return ""
    small = dark.crop(box).resize((FINGERPRINT_SIDE, FINGERPRINT_SIDE), Image.Resampling.BOX).tobytes()
    middle = sorted(small)[len(small) // 2]
    bits = sum(1 << place for place, level in enumerate(small) if level > middle)
    return f"{bits:064x}"
