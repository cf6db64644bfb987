"""What the child says of the pages of a scan bundle, and reading it back with no more trust than its shape deserves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from scripts.errors import BundleUnreadable
from scripts.labels import MAX_CODE_CHARACTERS

MAX_PAGES = 1000
TOO_LARGE_STATUS = 4
"""With this the child ends for a bundle of more pages, which can be sent in parts."""
MAX_CODES_A_PAGE = 8
VERSION = 2
FINGERPRINT = re.compile(r"(?:[0-9a-f]{64})?")
SHA256 = re.compile(r"[0-9a-f]{64}")
NEAR_BITS = 28
"""Two scans of one page differ in fewer bits of their fingerprints; pages of different contents in far more."""


class PageNote(StrEnum):
    """What is remarkable about the image of a page.

    Source: project policy (domain: scripts, section 11): red notes block a page, the others go with it.
    """

    TURNED = "turned"
    """It lay upside down or on its side, and is shown upright."""
    TURN_UNKNOWN = "turn_unknown"
    """Nothing on it says which way up it is."""
    ON_ITS_SIDE = "on_its_side"
    """Its lines run from top to bottom, and nothing on it says to which side it is to be turned."""
    SKEWED = "skewed"
    GREY_PAPER = "grey_paper"
    LOW_CONTRAST = "low_contrast"
    LOW_RESOLUTION = "low_resolution"
    CUT_OFF = "cut_off"
    """Something printed on it runs over its edge."""
    TOO_DARK = "too_dark"
    TOO_LIGHT = "too_light"
    TOO_COARSE = "too_coarse"
    """So few dots to the inch that handwriting cannot be read."""


PAGE_NOTES = frozenset(PageNote)
RED_NOTES = frozenset({PageNote.TOO_DARK, PageNote.TOO_LIGHT, PageNote.TOO_COARSE})


@dataclass(frozen=True, slots=True)
class PageReading:
    """What a look at one page gave.

    Takes: ``index`` from 0; ``codes``: texts of the barcodes, as read; ``blank``: nothing seen on it; ``mark``: the bars
        of a cover sheet were seen, whether or not its code could be read; ``unreadable``: the image could not be
        opened; ``sha256`` of the image, hex; ``rotation``: the clockwise turn that makes it upright; ``notes``: codes of
        what is wrong with the image; ``fingerprint``: what the page looks like, hex, close for two scans of one page.
    """

    index: int
    sha256: str
    codes: tuple[str, ...] = ()
    blank: bool = False
    mark: bool = False
    unreadable: bool = False
    width_px: int = 0
    height_px: int = 0
    rotation: int = 0
    notes: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def code(self) -> str | None:
        """Return the text of the page's code when it has exactly one."""
        return self.codes[0] if len(self.codes) == 1 else None

    @property
    def rejected(self) -> bool:
        """Return whether the image is too poor to be marked from."""
        return not RED_NOTES.isdisjoint(self.notes)

    def looks_like(self, other: PageReading) -> bool:
        """Return whether two readings are of one page, scanned twice."""
        if self.sha256 == other.sha256:
            return True
        if not self.fingerprint or not other.fingerprint:
            return False
        return (int(self.fingerprint, 16) ^ int(other.fingerprint, 16)).bit_count() < NEAR_BITS


def readings_header(pages: int) -> str:
    """Return the line before the readings of a bundle, which says how many follow."""
    return json.dumps({"version": VERSION, "pages": pages}, separators=(",", ":")) + "\n"


def to_json_line(reading: PageReading) -> str:
    """Return a reading as a line of JSON, ASCII only."""
    return json.dumps(asdict(reading), separators=(",", ":")) + "\n"


def readings_to_json(readings: Iterable[PageReading]) -> str:
    """Return the readings of a bundle as lines of JSON, ASCII only, for the way out of the child process."""
    lines = [to_json_line(reading) for reading in readings]
    return "".join([readings_header(len(lines)), *lines])


def readings_from_json(untrusted_text: str | bytes) -> tuple[PageReading, ...]:
    """Read the child's description of a bundle, believing only its shape.

    Raises: ``BundleUnreadable`` when it is anything but 1 to 1,000 well-formed pages in order, as many as announced.
    """
    try:
        lines: list[str | bytes] = list(untrusted_text.splitlines())
        header = lines.pop(0)
        announced = json.loads(header)
        if announced != {"version": VERSION, "pages": len(lines)} or not 1 <= len(lines) <= MAX_PAGES:
            raise ValueError("not a description of 1 to 1,000 pages")
        return tuple(_reading(index, json.loads(line)) for index, line in enumerate(lines))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
        raise BundleUnreadable from cause


def _reading(index: int, page: dict[str, object]) -> PageReading:
    codes, sha256 = page["codes"], page["sha256"]
    if page["index"] != index or not isinstance(codes, list) or len(codes) > MAX_CODES_A_PAGE:
        raise ValueError("pages out of order, or codes that are no list")
    if not all(isinstance(code, str) and len(code) <= MAX_CODE_CHARACTERS + 1 for code in codes):
        raise ValueError("a code is longer than any code of ours")
    if not isinstance(sha256, str) or SHA256.fullmatch(sha256) is None:
        raise ValueError("not a hash")
    notes, fingerprint = page["notes"], page["fingerprint"]
    if not isinstance(notes, list) or len(notes) > len(PAGE_NOTES) or not set(notes) <= PAGE_NOTES:
        raise ValueError("notes that are none of ours")
    if not isinstance(fingerprint, str) or FINGERPRINT.fullmatch(fingerprint) is None:
        raise ValueError("not a fingerprint")
    flags = [page["blank"], page["mark"], page["unreadable"]]
    numbers = [page["width_px"], page["height_px"], page["rotation"]]
    if any(type(flag) is not bool for flag in flags) or any(type(number) is not int for number in numbers):
        raise ValueError("not a reading")
    width_px, height_px, rotation = (int(str(number)) for number in numbers)
    if rotation not in {0, 90, 180, 270} or not 0 <= width_px < 1_000_000 or not 0 <= height_px < 1_000_000:
        raise ValueError("not a turn by quarters, or not a size")
    return PageReading(
        index=index,
        sha256=sha256,
        codes=tuple(codes),
        blank=flags[0] is True,
        mark=flags[1] is True,
        unreadable=flags[2] is True,
        width_px=width_px,
        height_px=height_px,
        rotation=rotation,
        notes=tuple(str(note) for note in notes),
        fingerprint=fingerprint,
    )
