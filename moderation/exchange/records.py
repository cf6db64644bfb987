"""The framework of JCQ EDI files: fixed-width records of types 1, 3, 5, 7 and 9. Lenient reader, strict writer.

Source: JCQ formats for the exchange of examination related data, version 14,
https://www.jcq.org.uk/exams-office/entries/jcq-formats/formats-for-the-exchange-of-examination-related-data/
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from moderation.entries import Series
from moderation.exchange.faults import Fault
from moderation.exchange.lines import Field, Findings, split_lines

__all__ = [
    "EdiFile",
    "Field",
    "Findings",
    "Record",
    "check_sequence",
    "compose",
    "digits",
    "file_name",
    "next_sequence",
    "padded",
    "read_date",
    "read_file",
    "read_frame",
    "write_date",
    "write_file",
]

RECORD_LENGTHS: Mapping[str, int] = {"S": 45, "O": 115, "C": 75, "L": 26, "D": 26, "E": 192, "A": 192}
"""Data type letter → characters of a record without its line end."""
BROADCAST = frozenset("SOCLD")
VERSION = "14"
VERSIONS_READ = frozenset({"12", "13", VERSION})
SOFTWARE = "OPENNEA100"

_NAME = re.compile(r"([A-Z])(.{5})([0-9]{2})\.X([0-9]{2})")


SENDER, BODY, SERIES_CODE, YEAR = (
    Field("sender", 3, 7),
    Field("body", 8, 9),
    Field("series", 10, 11),
    Field("year", 12, 13),
)
FORMAT_VERSION, SEQUENCE, COUNT = Field("version", 25, 26), Field("sequence", 14, 16), Field("count", 8, 14)


@dataclass(frozen=True, slots=True)
class Record:
    """One data record (type 5): its line in the file and its text, padded to the full length."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class EdiFile:
    """A file whose framework is sound: header values, data records and warnings."""

    letter: str
    name: str
    sha256: str
    size_bytes: int
    series: Series
    centre_number: str
    sequence: int
    records: tuple[Record, ...]
    record_count: int
    warnings: tuple[Fault, ...]
    version: str = VERSION


def read_file(name: str, data: bytes, letters: str) -> EdiFile:
    """Read the framework of a file.

    Takes: ``letters``, the data types expected, e.g. ``"EA"``.
    Raises: ``FileRefused`` with every fault of the framework, each with its line and columns.
    """
    findings = Findings(name)
    file = read_frame(name, data, letters, findings)
    findings.refuse_if_any()
    assert file is not None  # noqa: S101 - without a frame there is an error, and errors were refused above
    return file


def read_frame(name: str, data: bytes, letters: str, findings: Findings) -> EdiFile | None:
    """Read the framework of a file, noting its faults, so that those of its records are listed beside them.

    Takes: ``letters``, the data types expected, e.g. ``"EA"``.
    Returns: the file, with the records that have the right shape; ``None`` when they cannot be told apart.
    """
    lines = split_lines(data, findings)
    if not lines:
        return None
    letter = lines[0][:1].upper()
    if letter not in letters or letter not in RECORD_LENGTHS:
        expected = " or ".join(letters)
        findings.error(
            "wrong-type", 1, Field("data type", 1, 1), f"The first record does not begin with {expected}.",
            "Check that this is the right file for this import.",
        )  # fmt: skip
        return None
    length = RECORD_LENGTHS[letter]
    shaped, records = [], []
    for number, line in enumerate(lines, 1):
        before = findings.total
        records.append(Record(number, padded(number, line, letter, length, findings)))
        shaped.append(findings.total == before)
    frame = _frame(records, letter, findings)
    if frame is None:
        return None
    series, centre_number, sequence = frame
    body = tuple(record for record, sound in zip(records, shaped, strict=True) if sound and record.text[1] == "5")
    version = FORMAT_VERSION.of(records[0].text)
    digest = hashlib.sha256(data).hexdigest()
    file = EdiFile(letter, name, digest, len(data), series, centre_number, sequence, body, len(records), (), version)
    _doubt_name(file, findings)
    return replace(file, warnings=tuple(findings.warnings))


def padded(number: int, line: str, letter: str, length: int, findings: Findings) -> str:
    """Return a line filled up to the length of its records, and note what is wrong with its shape."""
    # Blanks count too: one character too many in a name moves every field behind it, and the padding with them.
    if len(line) > length:
        findings.error(
            "too-long", number, Field("record", length + 1, len(line)),
            f"The record has {len(line)} characters; a record of this file has {length}.",
            "Check for a value that is too long, such as a name of more than 40 characters.",
        )  # fmt: skip
    if line[:1].upper() != letter:
        findings.error(
            "wrong-letter", number, Field("data type", 1, 1), f"The record does not begin with {letter}.",
            "All records of a file have the same data type.",
        )  # fmt: skip
    if line[1:2] not in {"1", "3", "5", "7", "9"}:
        findings.error(
            "unknown-record", number, Field("record type", 2, 2), "The record type is not 1, 3, 5, 7 or 9.",
            "Export the file again.",
        )  # fmt: skip
    return line.ljust(length)


def _frame(records: Sequence[Record], letter: str, findings: Findings) -> tuple[Series, str, int] | None:
    """Check headers, trailers and counts; return series, centre and sequence number, ``None`` without a sound header."""
    found = {kind: [record for record in records if record.text[1] == kind] for kind in "1379"}
    for kind, title in (("1", "file header"), ("3", "centre header"), ("7", "centre trailer"), ("9", "file trailer")):
        if len(found[kind]) != 1:
            last = found[kind][-1].line if found[kind] else len(records)
            count = "is missing" if not found[kind] else f"stands {len(found[kind])} times"
            findings.error(
                f"record-{kind}", last, Field("record type", 2, 2), f"The {title} (type {kind}) {count}.",
                "The file may have been cut off. Export it again and send the whole file.",
            )  # fmt: skip
    if any(len(rows) != 1 for rows in found.values()):
        return None
    header, centre, trailer, end = (found[kind][0] for kind in "1379")
    order = [header.line, centre.line, trailer.line, end.line]
    if order != [1, 2, len(records) - 1, len(records)]:
        findings.error("order", header.line, None, "Headers and trailers are not first and last.", "Export it again.")
    for record, right, what in (
        (trailer, trailer.line - centre.line + 1, "records from the centre header to here"),
        (end, len(records), "records in the file"),
    ):
        counted = digits(COUNT.of(record.text))
        if counted != right:
            said = "no number" if counted is None else counted
            findings.error(
                "count", record.line, COUNT, f"The count says {said}; there are {right} {what}.",
                "The file may have been cut off or edited. Export it again.",
            )  # fmt: skip
    version = FORMAT_VERSION.of(header.text)
    if version not in VERSIONS_READ:
        findings.error(
            "version", header.line, FORMAT_VERSION, f"The format version is {version or 'missing'}; 12 to 14 are read.",
            "Export the file in version 14.",
        )  # fmt: skip
    if [f.of(header.text) for f in (BODY, SERIES_CODE, YEAR)] != [f.of(centre.text) for f in (BODY, SERIES_CODE, YEAR)]:
        findings.error(
            "series", centre.line, SERIES_CODE, "Awarding body, series and year differ from the file header's.",
            "A file holds one series of one awarding body.",
        )  # fmt: skip
    series = _series(header, findings)
    centre_number = SENDER.of(centre.text)
    if letter not in BROADCAST and not re.fullmatch(r"[0-9]{5}", centre_number):
        findings.error("centre", centre.line, SENDER, "The centre number is not five digits.", "Check the header.")
    sequence = digits(SEQUENCE.of(centre.text))
    if sequence is None:
        findings.error(
            "sequence", centre.line, SEQUENCE, "The sequence number is not three digits.", "Check the header."
        )
    return None if series is None else (series, centre_number, sequence or 0)


def _series(header: Record, findings: Findings) -> Series | None:
    year = digits(YEAR.of(header.text))
    try:
        return Series(BODY.of(header.text), SERIES_CODE.of(header.text).upper(), -1 if year is None else year)
    except ValueError as error:
        findings.error("series", header.line, Field("series", 8, 13), f"Of the series, {error}.", "Check the header.")
        return None


def _doubt_name(file: EdiFile, findings: Findings) -> None:
    """Warn when the file's name says something else than its headers; other names say nothing."""
    named = _NAME.fullmatch(re.split(r"[/\\]", file.name)[-1].upper())
    if named is None:
        return
    middle = f"{file.series.label}" if file.letter in BROADCAST else file.centre_number
    inside = (file.letter, middle, file.series.awarding_body, f"{file.sequence % 100:02d}")
    if (named[1], named[2][: len(middle)], named[3], named[4]) != inside:
        findings.warn(
            "file-name", None, None, "The name of the file does not fit its headers; the headers are used.",
            "Check that this is the file you meant.",
        )  # fmt: skip


def digits(text: str) -> int | None:
    """Return a number of ASCII digits alone, or ``None``: other scripts' digits and ``²`` are no digits of a file."""
    return int(text) if text.isascii() and text.isdigit() else None


def read_date(text: str, *, pivot: int | None = None) -> date | None:
    """Return a DDMMYY date; ``000000`` or blank is none.

    Takes: ``pivot``, a two-digit year: later two-digit years are 19yy. Without it every year is 20yy.
    Raises: ``ValueError`` for anything else.
    """
    if text in {"", "000000"}:
        return None
    if not re.fullmatch(r"[0-9]{6}", text):
        raise ValueError("a date is six digits, DDMMYY")
    year = int(text[4:])
    return date((1900 if pivot is not None and year > pivot else 2000) + year, int(text[2:4]), int(text[:2]))


def write_date(day: date | None) -> str:
    """Return a date as DDMMYY, or ``000000`` for none."""
    return "000000" if day is None else f"{day:%d%m%y}"


def compose(letter: str, values: Sequence[tuple[Field, str]]) -> str:
    """Return one data record, padded to its length.

    Raises: ``ValueError`` for a value that is too long or not ASCII: nothing is cut and nothing replaced.
    """
    text = list((letter + "5").ljust(RECORD_LENGTHS[letter]))
    for field, value in values:
        width = field.last - field.first + 1
        if len(value) > width:
            raise ValueError(f"{field.name} has {len(value)} characters; {width} fit")
        if not value.isascii() or not value.isprintable():
            raise ValueError(f"{field.name} holds a character that the file cannot carry")
        text[field.first - 1 : field.last] = value.ljust(width)
    return "".join(text)


def write_file(
    letter: str,
    series: Series,
    *,
    sender: str,
    sequence: int,
    records: Sequence[str],
    written_on: date,
    postcode: str = "",
    centres: int = 0,
) -> bytes:
    """Return a whole file: headers, data records and trailers with their counts, every line padded, CRLF.

    Takes: ``sender``, five characters; ``sequence`` 1 to 999, no multiple of 100, whose file name would end in 00;
    ``centres``, the count for the file trailer (0 in OCR's broadcast files).
    Raises: ``ValueError`` for what a header cannot carry.
    """
    check_sequence(sequence)
    for what, text, width in (("sender", sender, 5), ("postcode", postcode, 8)):
        if len(text) > width or (what == "sender" and len(text) != width) or not text.isascii():
            raise ValueError(f"the {what} does not fit its {width} characters")
    length = RECORD_LENGTHS[letter]
    body, key = series.awarding_body, f"{series.code}{series.year:02d}"
    distribution = "B" if letter in BROADCAST else "S"
    lines = [
        f"{letter}1{sender}{body}{key}{distribution}{SOFTWARE:<10}{VERSION}",
        f"{letter}3{sender}{body}{key}{sequence:03d}{postcode:<8}",
        *records,
        f"{letter}7{sender}{len(records) + 2:07d}{write_date(written_on)}",
        f"{letter}9{sender}{len(records) + 4:07d}{centres:07d}",
    ]
    return "".join(f"{line:<{length}}\r\n" for line in lines).encode("ascii")


def check_sequence(sequence: int) -> None:
    """Refuse with ``ValueError`` a sequence number that no file can have.

    Source: JCQ formats (layout): three digits, and a number whose last two digits would be 00 is skipped.
    """
    if not 1 <= sequence <= 999 or sequence % 100 == 0:
        raise ValueError(f"the sequence number {sequence} is not from 1 to 999, or ends in 00")


def next_sequence(sequence: int) -> int:
    """Return the sequence number that follows; those ending in 00 are skipped."""
    return sequence + (2 if sequence % 100 == 99 else 1)


def file_name(letter: str, middle: str, awarding_body: str, sequence: int) -> str:
    """Return a file's name: type, centre or series, awarding body, and the last two digits of the sequence number."""
    return f"{letter}{middle}{awarding_body}.X{sequence % 100:02d}"
