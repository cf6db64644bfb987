"""Entry and amendment files (E, A): the candidates of one centre and the options they are entered for.

Source: JCQ formats, version 14: record 5, status to ULN in columns 3–95, twelve slots of seven from column 109.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from moderation.entries import Series, SubmissionMode, check_uci, check_uln
from moderation.exchange.basedata import SeriesBasedata
from moderation.exchange.faults import Fault
from moderation.exchange.records import (
    EdiFile,
    Field,
    Findings,
    Record,
    compose,
    file_name,
    read_date,
    read_file,
    write_date,
    write_file,
)

SLOTS = 12
_F = {
    name: Field(name.replace("_", " "), first, last)
    for name, first, last in (
        ("status", 3, 3), ("centre_number", 4, 8), ("candidate_number", 9, 12), ("name", 13, 52), ("sex", 53, 53),
        ("born_on", 54, 59), ("uci", 60, 72), ("upn", 73, 85), ("uln", 86, 95),
    )
}  # fmt: skip
_SLOTS = tuple(Field(f"option {k}", 109 + 7 * (k - 1), 114 + 7 * (k - 1)) for k in range(1, SLOTS + 1))
TRANSLITERATION: Mapping[str, str] = {
    "ß": "ss",
    "ø": "o",
    "Ø": "O",
    "æ": "ae",
    "Æ": "AE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "‘": "'",
    "’": "'",
}
"""What accents alone do not explain; everything else loses its accents by Unicode decomposition."""


@dataclass(frozen=True, slots=True)
class EntryRecord:
    """One candidate with all options; ``line`` is where the file named the candidate first."""

    candidate_number: str
    surname: str
    forenames: str
    uci: str
    options: tuple[str, ...]
    sex: str = ""
    born_on: date | None = None
    upn: str = ""
    uln: str = ""
    status: str = "C"
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A whole entry (``E``) or amendment (``A``) file of one centre."""

    kind: str
    name: str
    sha256: str
    size_bytes: int
    series: Series
    centre_number: str
    sequence: int
    entries: tuple[EntryRecord, ...]
    warnings: tuple[Fault, ...]


def read_entries(name: str, data: bytes) -> EntryFile:
    """Read an entry or amendment file; continuation records of a candidate are joined.

    Raises: ``FileRefused`` with every fault, each with its line, columns and field. No text of a fault names a person.
    """
    edi = read_file(name, data, "EA")
    findings = Findings(name)
    order: list[str] = []
    joined: dict[str, EntryRecord] = {}
    previous = ""
    for record in edi.records:
        read = _read_record(record, edi, findings)
        if read is None:
            continue
        number = read.candidate_number
        known = joined.get(number)
        if known is None:
            order.append(number)
            joined[number] = read
        elif number == previous and (known.surname, known.uci) == (read.surname, read.uci):
            joined[number] = _joined(known, read)
        else:
            findings.error(
                "duplicate-candidate", record.line, _F["candidate_number"],
                f"The candidate number stands on line {known.line} too.", "Each candidate of a centre has one number.",
            )  # fmt: skip
        previous = number
    for number in order:
        _check_options(joined[number], findings)
    findings.refuse_if_any()
    entries = tuple(joined[number] for number in order)
    warnings = (*edi.warnings, *findings.warnings)
    return EntryFile(
        edi.letter, name, edi.sha256, edi.size_bytes, edi.series, edi.centre_number, edi.sequence, entries, warnings
    )


def check_entries(entry_file: EntryFile, basedata: SeriesBasedata) -> list[Fault]:
    """Hold an entry file against the series it is for.

    Returns: faults for options that do not exist, disallowed pairs, and candidates of one unit entered under different
    submission modes at this centre (one unit × one centre × one series = one mode).
    Source: OCR, https://support.ocr.org.uk/hc/en-gb/articles/5826606521106
    """
    findings = Findings(entry_file.name)
    used: dict[str, dict[SubmissionMode, int]] = defaultdict(dict)
    for entry in entry_file.entries:
        for place, code in enumerate(entry.options):
            option = basedata.option_by_code.get(code)
            where = _SLOTS[min(place, SLOTS - 1)]
            if option is None:
                findings.error(
                    "unknown-option", entry.line, where, f"Option {code} does not exist in {basedata.series.title}.",
                    "Check the code against the awarding body's basedata.",
                )  # fmt: skip
                continue
            mode = option.proposed_mode
            if option.exam_item != "U" and mode in {SubmissionMode.UPLOAD, SubmissionMode.POSTAL}:
                used[option.syllabus_code].setdefault(mode, entry.line)
        for first, second in _pairs(entry.options):
            if any(pair.matches(first, second) for pair in basedata.disallowed):
                findings.error(
                    "disallowed-pair", entry.line, _SLOTS[0], f"Options {first} and {second} may not be taken together.",
                    "Withdraw one of the two.",
                )  # fmt: skip
    for syllabus, modes in used.items():
        if len(modes) > 1:
            findings.error(
                "mixed_submission_mode", max(modes.values()), _SLOTS[0],
                f"Candidates for {syllabus} are entered for both upload and postal moderation.",
                "All candidates of a unit at a centre share one way of submission. Enter all for the same option.",
            )  # fmt: skip
    return findings.errors


def write_entries(
    series: Series,
    centre_number: str,
    entries: Sequence[EntryRecord],
    *,
    written_on: date,
    sequence: int = 1,
    kind: str = "E",
    postcode: str = "ZZ99 9ZZ",
) -> tuple[str, bytes]:
    """Return name and content of an entry or amendment file.

    Raises: ``ValueError`` naming a value the format cannot carry: nothing is cut and nothing replaced.
    """
    records: list[str] = []
    for entry in entries:
        blocks = [entry.options[start : start + SLOTS] for start in range(0, max(len(entry.options), 1), SLOTS)]
        for block in blocks:
            values = [
                (_F["status"], entry.status),
                (_F["centre_number"], centre_number),
                (_F["candidate_number"], entry.candidate_number),
                (_F["name"], to_ascii(f"{entry.surname}:{entry.forenames}")),
                (_F["sex"], entry.sex),
                (_F["born_on"], write_date(entry.born_on)),
                (_F["uci"], entry.uci),
                (_F["upn"], entry.upn),
                (_F["uln"], entry.uln),
                *zip(_SLOTS, block, strict=False),
            ]
            records.append(compose(kind, values))
    content = write_file(
        kind,
        series,
        sender=centre_number,
        sequence=sequence,
        records=records,
        written_on=written_on,
        postcode=postcode,
        centres=1,
    )
    return file_name(kind, centre_number, series.awarding_body, sequence), content


def to_ascii(text: str) -> str:
    """Return a name as the file can carry it, by a fixed table; raises ``ValueError`` for what the table lacks."""
    plain = "".join(TRANSLITERATION.get(c, c) for c in text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    if not plain.isascii():
        missing = next(c for c in plain if not c.isascii())
        raise ValueError(f"the character U+{ord(missing):04X} has no ASCII form in the published table")
    return plain


def _read_record(record: Record, edi: EdiFile, findings: Findings) -> EntryRecord | None:
    text = {name: place.of(record.text) for name, place in _F.items()}
    before = len(findings.errors)
    if text["status"] not in {"C", "P"}:
        findings.error("status", record.line, _F["status"], "The status is not C or P.", "Check the field.")
    if text["centre_number"] != edi.centre_number:
        findings.error(
            "other-centre", record.line, _F["centre_number"], "The centre number differs from the file's.",
            "A file holds the entries of one centre.",
        )  # fmt: skip
    number = text["candidate_number"]
    if not (len(number) == 4 and number.isascii() and number.isdigit() and number != "0000"):
        findings.error(
            "candidate-number", record.line, _F["candidate_number"], "The candidate number is not 0001 to 9999.",
            "Check the field.",
        )  # fmt: skip
    surname, colon, forenames = text["name"].partition(":")
    if not surname:
        findings.error("name", record.line, _F["name"], "The name is missing.", "Names are SURNAME:Forenames.")
    elif not colon:
        findings.warn("name", record.line, _F["name"], "The name has no colon; all of it is read as the surname.", "")
    for name, check in (("uci", check_uci), ("uln", check_uln)):
        if text[name]:
            try:
                check(text[name])
            except ValueError as error:
                findings.error(
                    name, record.line, _F[name], f"Of the {name.upper()}, {error}.", "Check it was typed right."
                )
    born_on = None
    try:
        born_on = read_date(text["born_on"], pivot=edi.series.year)
    except ValueError:
        findings.error(
            "not-a-date", record.line, _F["born_on"], "The birth date is not a date DDMMYY.", "Check the field."
        )
    if len(findings.errors) > before:
        return None
    options = tuple(code for code in (slot.of(record.text) for slot in _SLOTS) if code)
    return EntryRecord(
        number,
        surname,
        forenames,
        text["uci"].upper(),
        options,
        text["sex"],
        born_on,
        text["upn"],
        text["uln"],
        text["status"],
        record.line,
    )


def _joined(first: EntryRecord, more: EntryRecord) -> EntryRecord:
    return EntryRecord(
        first.candidate_number,
        first.surname,
        first.forenames,
        first.uci,
        first.options + more.options,
        first.sex,
        first.born_on,
        first.upn,
        first.uln,
        first.status,
        first.line,
    )


def _check_options(entry: EntryRecord, findings: Findings) -> None:
    if not entry.options:
        findings.warn("no-options", entry.line, _SLOTS[0], "The candidate is entered for nothing.", "")
    seen: set[str] = set()
    for place, code in enumerate(entry.options):
        if code in seen:
            findings.error(
                "duplicate-option", entry.line, _SLOTS[min(place, SLOTS - 1)], f"Option {code} is entered twice.",
                "Remove one of the two.",
            )  # fmt: skip
        seen.add(code)


def _pairs(options: Sequence[str]) -> Iterable[tuple[str, str]]:
    return ((first, second) for place, first in enumerate(options) for second in options[place + 1 :])
