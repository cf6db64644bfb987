"""The vocabulary of entries: series, centres, candidates and the way their work is submitted.

The only module of ``moderation`` that ``scripts`` may import.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from operator import mul

PRACTICE_PREFIX = "P"
"""How the numbers of practice centres and the keys of their series begin.

A centre number of the register is exactly five digits, and an awarding body two, so no real one can begin so; nothing
that is imported passes as one. Source: glossary, centre number; the letter is project policy.
"""


def is_practice(number: str | None) -> bool:
    """Say whether a centre number, or the key of a series, is of a practice centre: what happens there counts nowhere."""
    return number is not None and number.startswith(PRACTICE_PREFIX)


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

    Takes: ``awarding_body`` two digits, or P and another character for practice;
    ``code`` month (1–9, A, B, C) and family letter; ``year`` two digits, 0–99.
    Raises: ``ValueError`` naming the part that is wrong.
    Source: JCQ formats for the exchange of examination related data, version 14.
    """

    awarding_body: str
    code: str
    year: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{2}|P[0-9A-Z]", self.awarding_body):
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
        match = re.fullmatch(r"([0-9]{2}|P[0-9A-Z])-([1-9ABC][A-Z])([0-9]{2})", key)
        if match is None:
            raise ValueError(f"{key!r} is not a series key such as 01-6A17")
        return cls(match[1], match[2], int(match[3]))


UCI_LETTERS = "ABCDEFGHKLMRTVWXY"
_UCI_WEIGHTS = tuple(range(16, 4, -1))
_UCI_VALUES = {**{digit: int(digit) for digit in "0123456789"}, "B": 2}
UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"


def check_centre_number(text: str) -> str:
    """Return a centre number: exactly five digits. Raises ``ValueError``."""
    if not re.fullmatch(r"[0-9]{5}", text):
        raise ValueError("a centre number is five digits")
    return text


def check_candidate_number(text: str) -> str:
    """Return a candidate number: four digits, 0001 to 9999. Raises ``ValueError``."""
    if not re.fullmatch(r"[0-9]{4}", text) or text == "0000":
        raise ValueError("a candidate number is four digits from 0001 to 9999")
    return text


def uci_check_letter(twelve: str) -> str:
    """Return the check letter of a UCI's first twelve characters.

    Raises: ``ValueError`` unless they are centre (5), ``0`` or ``B``, year (2) and candidate (4).
    Source: WJEC, https://www.wjec.co.uk/index.php?nav=43.
    """
    if not re.fullmatch(r"[0-9]{5}[0B][0-9]{6}", twelve):
        raise ValueError("a UCI begins with the centre number, 0 or B, and six digits")
    return UCI_LETTERS[sum(map(mul, map(_UCI_VALUES.__getitem__, twelve), _UCI_WEIGHTS)) % 17]


def check_uci(text: str) -> str:
    """Return a UCI of 13 characters whose check letter is right. Raises ``ValueError``."""
    text = text.strip().upper()
    if len(text) != 13:
        raise ValueError("a UCI has 13 characters")
    if uci_check_letter(text[:12]) != text[12]:
        raise ValueError("the check letter of the UCI is wrong")
    return text


def check_uln(text: str) -> str:
    """Return a ULN of ten digits whose check digit is right. Raises ``ValueError``."""
    if not re.fullmatch(r"[0-9]{10}", text):
        raise ValueError("a ULN is ten digits")
    rest = sum(int(c) * weight for c, weight in zip(text[:9], range(10, 1, -1), strict=True)) % 11
    if rest == 0 or 10 - rest != int(text[9]):
        raise ValueError("the check digit of the ULN is wrong")
    return text


def check_upn(text: str) -> str:
    """Return a UPN of a letter and twelve digits whose letter is right. Raises ``ValueError``."""
    text = text.strip().upper()
    if not re.fullmatch(r"[A-Z][0-9]{12}", text):
        raise ValueError("a UPN is a letter and twelve digits")
    if UPN_LETTERS[sum(int(c) * (i + 2) for i, c in enumerate(text[1:])) % 23] != text[0]:
        raise ValueError("the letter of the UPN is wrong")
    return text


def check_qan(text: str) -> str:
    """Return a QAN without slashes: seven digits and a digit or X. Raises ``ValueError``."""
    text = text.strip().upper().replace("/", "")
    if not re.fullmatch(r"[0-9]{7}[0-9X]", text):
        raise ValueError("a QAN is seven digits and a digit or X, e.g. 601/4911/5")
    return text


_MODE_WORDS: tuple[tuple[re.Pattern[str], SubmissionMode], ...] = (
    (
        re.compile(r"\bCFWD\b|\b(CARRIED|CARRY|CRD)\s*(FORWARD|FWD|FORWD|FORW|FOR)?\b|\bC/F\b"),
        SubmissionMode.CARRIED_FORWARD,
    ),
    (re.compile(r"\bVISIT(ING)?\b"), SubmissionMode.VISIT),
    (re.compile(r"\bOREP\b|\bOCR\s*(REP\w*|RPSTRY)\b|\bREPOSITORY\b|\bREPOS\b|\bRPSTRY\b"), SubmissionMode.UPLOAD),
    (re.compile(r"\bPMOD\b|\bPSTL?\b|\bPOSTAL\b|\bPOST\s*MOD\b|\bPOST\b(?!-)"), SubmissionMode.POSTAL),
)


def propose_mode(title: str) -> SubmissionMode | None:
    """Return the submission mode that an option's title names, or ``None``: a proposal that an officer confirms.

    The letter at the end of an option code is a habit, not a rule, so it is never read.
    Source: measured in OCR basedata of June 2014 and June 2017.
    """
    for pattern, mode in _MODE_WORDS:
        if pattern.search(title.upper()):
            return mode
    return None
