"""Codes on paper: packet labels, script covers and answer pages, and their payloads; `sheets` prints them.

A scanned code is data from outside: bounded, allow-listed, checked, and never proof that somebody may do something.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, replace

from scripts.errors import CodeRefused, ForeignCode, LabelRefused, UnreadableCover, WrongExam

MAX_CODE_CHARACTERS = 80
"""No code of ours is longer; whatever is longer is somebody else's."""

ALLOWED = re.compile(r"[A-Z0-9|/\-]+")
CENTRE = re.compile(r"[0-9]{5}")
CANDIDATE = re.compile(r"[0-9]{4}")
SERIES_LABEL = re.compile(r"[1-9ABC][A-Z][0-9]{2}")
COMPONENT = re.compile(r"[A-Z0-9][A-Z0-9/\-]{0,11}")
OF = re.compile(r"([1-9][0-9]{0,2})/(0|[1-9][0-9]{0,2})")
ISSUE = re.compile(r"[1-9][0-9]?")
BOOKLET = re.compile(r"[1-9][0-9]{0,2}")


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, initial 0xFFFF, not reflected, no final exclusive or.

    Returns: 0–65535; ``crc16(b"123456789") == 0x29B1``.
    Source: project policy (domain: scripts, section 5); the check value is the published one of the algorithm.
    """
    return binascii.crc_hqx(data, 0xFFFF)


def sealed(fields: str) -> str:
    """Return the fields with their check appended: ``|`` and four hex digits."""
    return f"{fields}|{crc16(fields.encode('ascii')):04X}"


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if pattern.fullmatch(value) is None:
        raise LabelRefused(f"{what} {value!r} cannot be printed in a code", field=what, value=value)


def _require_of(number: int, of: int, what: str) -> None:
    if not 1 <= number <= 999 or not 0 <= of <= 999 or (of and number > of):
        raise LabelRefused(f"{what} {number} of {of} is not possible", field=what, number=number, of=of)


@dataclass(frozen=True, slots=True, order=True)
class PacketLabel:
    """The label of one packet: ``SL1|centre|series|component|n/m|issue|crc``.

    Takes: ``series`` as printed, e.g. ``6A26``; ``of`` may be 0 when printed before packing; ``issue`` 1–99.
    Raises: ``LabelRefused`` for a value that no code can carry.
    Source: project policy (domain: scripts, section 5); boards' own payloads are not public.
    """

    centre_number: str
    series: str
    component_code: str
    number: int
    of: int
    issue: int = 1

    def __post_init__(self) -> None:
        _require(CENTRE, self.centre_number, "centre number")
        _require(SERIES_LABEL, self.series, "series")
        _require(COMPONENT, self.component_code, "component")
        _require_of(self.number, self.of, "packet")
        _require(ISSUE, str(self.issue), "issue")

    @property
    def payload(self) -> str:
        """Return what the barcode carries."""
        return sealed(
            f"SL1|{self.centre_number}|{self.series}|{self.component_code}|{self.number}/{self.of}|{self.issue}"
        )

    def reissued(self, issue: int | None = None) -> PacketLabel:
        """Return the emergency label of the same packet: the next issue, which voids this one once it arrives."""
        return replace(self, issue=self.issue + 1 if issue is None else issue)


@dataclass(frozen=True, slots=True, order=True)
class ScriptCover:
    """The cover of one booklet of a script: ``CV1|centre|candidate|component|n/m|crc``.

    Takes: ``number`` and ``of`` count booklets; ``of`` may be 0 when not known.
    Raises: ``LabelRefused`` for a value that no code can carry.
    Source: project policy (domain: scripts, section 5).
    """

    centre_number: str
    candidate_number: str
    component_code: str
    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        _require(CENTRE, self.centre_number, "centre number")
        _require(CANDIDATE, self.candidate_number, "candidate number")
        _require(COMPONENT, self.component_code, "component")
        _require_of(self.number, self.of, "booklet")

    @property
    def payload(self) -> str:
        """Return what the barcode carries."""
        return sealed(f"CV1|{self.centre_number}|{self.candidate_number}|{self.component_code}|{self.number}/{self.of}")


@dataclass(frozen=True, slots=True, order=True)
class PageCode:
    """The code of one answer page, which knows whose it is and where: ``PG1|centre|candidate|component|booklet|n/m|crc``.

    Takes: ``booklet`` counts the candidate's booklets from 1; ``page`` and ``of`` count the answer pages of that booklet,
        cover sheet left out; an odd page is the front of its sheet, the next even one its back.
    Raises: ``LabelRefused`` for a value that no code can carry; ``of`` may not be 0.
    Source: project policy (domain: scripts, section 5; decision 0027).
    """

    centre_number: str
    candidate_number: str
    component_code: str
    booklet: int
    page: int
    of: int

    def __post_init__(self) -> None:
        _require(CENTRE, self.centre_number, "centre number")
        _require(CANDIDATE, self.candidate_number, "candidate number")
        _require(COMPONENT, self.component_code, "component")
        _require(BOOKLET, str(self.booklet), "booklet")
        _require_of(self.page, self.of, "page")
        if self.of == 0:
            raise LabelRefused("a page code says how many pages its booklet has", field="of", number=self.page, of=0)

    @property
    def payload(self) -> str:
        """Return what the 2-D code carries."""
        whose = f"{self.centre_number}|{self.candidate_number}|{self.component_code}"
        return sealed(f"PG1|{whose}|{self.booklet}|{self.page}/{self.of}")


Code = PacketLabel | ScriptCover | PageCode


def read_code(untrusted_text: str, *, series: str | None = None, components: frozenset[str] | None = None) -> Code:
    """Read a scanned code and say what it is, or refuse it by name.

    Takes: ``series`` (e.g. ``6A26``) and ``components``: when given, a good code of another exam is refused.
    Raises: ``ForeignCode`` (too long, characters we never print, unknown prefix), ``UnreadableCover`` (bad check or
        fields), ``WrongExam`` (good code, other series or component).
    Source: project policy (domain: scripts, section 5).
    """
    if len(untrusted_text) > MAX_CODE_CHARACTERS or ALLOWED.fullmatch(untrusted_text) is None:
        raise ForeignCode(reason="foreign_code")
    fields, _, check = untrusted_text.rpartition("|")
    prefix = untrusted_text.split("|", 1)[0]
    if prefix not in {"SL1", "CV1", "PG1"} or "|" not in untrusted_text:
        raise ForeignCode(reason="foreign_code")
    if check != f"{crc16(fields.encode('ascii')):04X}":
        raise UnreadableCover(reason="unreadable_cover")
    found = _from_fields(fields.split("|"))
    if found is None or found.payload != untrusted_text:
        # A good check over fields that we would never print: not to be guessed at.
        raise UnreadableCover(reason="unreadable_cover")
    if series is not None and isinstance(found, PacketLabel) and found.series != series:
        raise WrongExam(reason="wrong_exam", expected=series, found=found.series)
    if components is not None and found.component_code not in components:
        raise WrongExam(reason="wrong_exam", expected=sorted(components), found=found.component_code)
    return found


def _from_fields(fields: list[str]) -> Code | None:
    try:
        if fields[0] == "SL1" and len(fields) == 6 and (of := OF.fullmatch(fields[4])) and ISSUE.fullmatch(fields[5]):
            return PacketLabel(fields[1], fields[2], fields[3], int(of[1]), int(of[2]), int(fields[5]))
        if fields[0] == "CV1" and len(fields) == 5 and (of := OF.fullmatch(fields[4])):
            return ScriptCover(fields[1], fields[2], fields[3], int(of[1]), int(of[2]))
        if fields[0] == "PG1" and len(fields) == 6 and BOOKLET.fullmatch(fields[4]) and (of := OF.fullmatch(fields[5])):
            return PageCode(fields[1], fields[2], fields[3], int(fields[4]), int(of[1]), int(of[2]))
    except LabelRefused:
        return None
    return None


def refusal_reason(refusal: CodeRefused) -> str:
    """Return the queue reason of a refused code: ``foreign_code``, ``unreadable_cover`` or ``wrong_exam``."""
    return str(refusal.facts.get("reason", "unreadable_cover"))
