"""The vocabulary of entries: series, centres, candidates and the way their work is submitted.

The only module of ``moderation`` that ``scripts`` may import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MONTHS = {
    "1": "January",
    "2": "February",
    "3": "March",
    "4": "April",
    "5": "May",
    "6": "June",
    "7": "July",
    "8": "August",
    "9": "September",
    "A": "October",
    "B": "November",
    "C": "December",
}


class SubmissionMode(StrEnum):
    """How the work of a component travels; fixed by the entered option, never picked per file.

    Source: OCR, https://support.ocr.org.uk/hc/en-gb/articles/360034590811.
    """

    UPLOAD = "UPLOAD"
    POSTAL = "POSTAL"
    VISIT = "VISIT"
    CARRIED_FORWARD = "CARRIED_FORWARD"
    NONE = "NONE"


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """An exam series of one awarding body, e.g. ``Series("01", "6A", 17)``: June 2017, OCR's 6A family.

    Takes: ``awarding_body`` two digits; ``code`` month (1–9, A, B, C) and family letter; ``year`` two digits, 0–99.
    Raises: ``ValueError`` naming the part that is wrong.
    Source: JCQ formats for the exchange of examination related data, version 14.
    """

    awarding_body: str
    code: str
    year: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{2}", self.awarding_body):
            raise ValueError(f"awarding body {self.awarding_body!r} is not two digits")
        if not re.fullmatch(r"[1-9ABC][A-Z]", self.code):
            raise ValueError(f"series code {self.code!r} is not a month (1-9, A, B, C) followed by a letter")
        if not 0 <= self.year <= 99:
            raise ValueError(f"series year {self.year!r} is not two digits")

    @property
    def label(self) -> str:
        """Return the series code and year as printed on labels, e.g. ``6A17``."""
        return f"{self.code}{self.year:02d}"

    @property
    def key(self) -> str:
        """Return the key of the series across awarding bodies, e.g. ``01-6A17``."""
        return f"{self.awarding_body}-{self.label}"

    @property
    def title(self) -> str:
        """Return the series as a person says it, e.g. ``June 2017``."""
        return f"{MONTHS[self.code[0]]} 20{self.year:02d}"

    @classmethod
    def from_key(cls, key: str) -> Series:
        """Return the series of a key such as ``01-6A17``; raises ``ValueError`` if it is not one."""
        match = re.fullmatch(r"([0-9]{2})-([1-9ABC][A-Z])([0-9]{2})", key)
        if match is None:
            raise ValueError(f"{key!r} is not a series key such as 01-6A17")
        return cls(match[1], match[2], int(match[3]))
