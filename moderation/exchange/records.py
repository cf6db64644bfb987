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
from moderation.exchange.faults import FAULTS_LIMIT, Fault, FileRefused, Severity

RECORD_LENGTHS: Mapping[str, int] = {"S": 45, "O": 115, "C": 75, "L": 26, "D": 26, "E": 192, "A": 192}
"""Data type letter → characters of a record without its line end."""
BROADCAST = frozenset("SOCLD")
VERSION = "14"
VERSIONS_READ = frozenset({"12", "13", VERSION})
SIZE_LIMIT_BYTES = 20 * 1024 * 1024
LINES_LIMIT = 100_000
"""More than the largest file has: a centre of 9,999 candidates fills 10,000 records, a series some 2,000."""
SOFTWARE = "OPENNEA100"

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_NAME = re.compile(r"([A-Z])(.{5})([0-9]{2})\.X([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: 1-based first and last column, inclusive."""

    name: str
    first: int
    last: int

    def of(self, record: str) -> str:
        """Return the field's text without the spaces that pad it."""
        return record[self.first - 1 : self.last].strip()


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


class Findings:
    """Collects the faults of one file: the first of them to be listed, and of errors how many there are in all."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.total = 0
        self.errors: list[Fault] = []
        self.warnings: list[Fault] = []

    def error(self, code: str, line: int | None, field: Field | None, message: str, remedy: str) -> None:
        """Note an error; the whole file will be refused."""
        self.total += 1
        self._add(self.errors, Severity.ERROR, code, line, field, message, remedy)

    def warn(self, code: str, line: int | None, field: Field | None, message: str, remedy: str) -> None:
        """Note a warning; the file is taken."""
        self._add(self.warnings, Severity.WARNING, code, line, field, message, remedy)

    def _add(
        self,
        found: list[Fault],
        severity: Severity,
        code: str,
        line: int | None,
        field: Field | None,
        message: str,
        remedy: str,
    ) -> None:
        first, last, name = (field.first, field.last, field.name) if field else (None, None, "")
        # A hostile file must not fill the memory with what is wrong with it.
        if severity is Severity.WARNING or len(found) < FAULTS_LIMIT:
            found.append(Fault(code, self.file, line, first, last, name, message, remedy, severity))

    def refuse_if_any(self) -> None:
        """Raise ``FileRefused`` with every error found so far."""
        if self.total:
            raise FileRefused(self.errors, self.total)


def read_file(name: str, data: bytes, letters: str) -> EdiFile:
    """Read the framework of a file.

    Takes: ``letters``, the data types expected, e.g. ``"EA"``.
    Raises: ``FileRefused`` with every fault of the framework, each with its line and columns.
    """
    findings = Findings(name)
    lines = _lines(data, findings)
    findings.refuse_if_any()
    letter = lines[0][:1].upper() if lines else ""
    if letter not in letters or letter not in RECORD_LENGTHS:
        expected = " or ".join(letters)
        findings.error(
            "wrong-type", 1, Field("data type", 1, 1), f"The first record does not begin with {expected}.",
            "Check that this is the right file for this import.",
        )  # fmt: skip
        findings.refuse_if_any()
    length = RECORD_LENGTHS[letter]
    records = [Record(number, _padded(number, line, letter, length, findings)) for number, line in enumerate(lines, 1)]
    series, centre_number, sequence = _frame(records, letter, findings)
    findings.refuse_if_any()
    assert series is not None  # noqa: S101 - without a series there is an error, and errors were refused above
    body = tuple(record for record in records if record.text[1] == "5")
    version = FORMAT_VERSION.of(records[0].text)
    digest = hashlib.sha256(data).hexdigest()
    file = EdiFile(letter, name, digest, len(data), series, centre_number, sequence, body, len(records), (), version)
    _doubt_name(file, findings)
    return replace(file, warnings=tuple(findings.warnings))


def _lines(data: bytes, findings: Findings) -> list[str]:
    if len(data) > SIZE_LIMIT_BYTES or data.count(b"\n") > LINES_LIMIT:
        findings.error("too-large", None, None, "The file is larger than a file of this kind can be.", "Check it.")
        return []
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in data[:2]:
        findings.error("utf-16", 1, None, "The file is UTF-16 text.", "Save it as plain ASCII text.")
        return []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        findings.warn("byte-order-mark", 1, None, "A byte order mark at the start was ignored.", "")
    if b"\r" in data and b"\n" not in data:
        findings.error(
            "line-ends", 1, None, "The lines end in a carriage return alone.", "Save the file with line ends CRLF."
        )
        return []
    raw = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    _drop_end(raw, findings)
    if not raw:
        findings.error("empty", None, None, "The file is empty.", "Export it again.")
    return [_text(number, line, findings) for number, line in enumerate(raw, 1)]


def _drop_end(raw: list[bytes], findings: Findings) -> None:
    """Take off what old programs leave at the end of a file: blank lines and end-of-file marks."""
    if raw[-1] == b"":
        raw.pop()
    blank, mark = False, False
    while raw and not raw[-1].strip(b" \x1a"):
        mark |= b"\x1a" in raw[-1]
        blank |= b"\x1a" not in raw[-1]
        raw.pop()
    if raw and raw[-1].endswith(b"\x1a"):
        mark = True
        raw[-1] = raw[-1].rstrip(b"\x1a")
    if mark:
        findings.warn("end-of-file-mark", None, None, "An end-of-file mark (Ctrl-Z) at the end was ignored.", "")
    if blank:
        findings.warn("blank-line", len(raw) + 1, None, "Blank lines at the end were ignored.", "")


def _text(number: int, line: bytes, findings: Findings) -> str:
    control = _CONTROL.search(line)
    if control is not None:
        column = control.start() + 1
        code, what = ("nul", "a NUL byte") if control[0] == b"\x00" else ("control-character", "a control character")
        findings.error(
            code, number, Field("text", column, column), f"The record holds {what}.", "Export it again as plain text."
        )
    if line.isascii():
        return line.decode("ascii")
    column = next(i for i, byte in enumerate(line, 1) if byte > 0x7F)
    place = Field("text", column, column)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        findings.error(
            "utf-8", number, place, "A character takes several bytes (UTF-8), so the columns do not hold.",
            "Export the file as ASCII.",
        )  # fmt: skip
        return text
    text = line.decode("cp1252", "replace")
    if "\ufffd" in text:
        column = text.index("\ufffd") + 1
        findings.error(
            "unreadable", number, Field("text", column, column), "The byte is a character of no text.",
            "Export the file as ASCII.",
        )  # fmt: skip
    else:
        findings.warn("windows-1252", number, place, "A character outside ASCII was read as Windows-1252.", "")
    return text


def _padded(number: int, line: str, letter: str, length: int, findings: Findings) -> str:
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


def _frame(records: Sequence[Record], letter: str, findings: Findings) -> tuple[Series | None, str, int]:
    """Check headers, trailers and counts; return series, centre and sequence number."""
    found = {kind: [record for record in records if record.text[1] == kind] for kind in "1379"}
    for kind, title in (("1", "file header"), ("3", "centre header"), ("7", "centre trailer"), ("9", "file trailer")):
        if len(found[kind]) != 1:
            last = found[kind][-1].line if found[kind] else len(records)
            count = "is missing" if not found[kind] else f"stands {len(found[kind])} times"
            findings.error(
                f"record-{kind}", last, Field("record type", 2, 2), f"The {title} (type {kind}) {count}.",
                "The file may have been cut off. Export it again and send the whole file.",
            )  # fmt: skip
    if findings.errors:
        return None, "", 0
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
    return series, centre_number, sequence or 0


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

    Takes: ``sender``, five characters; ``centres``, the count for the file trailer (0 in OCR's broadcast files).
    """
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


def file_name(letter: str, middle: str, awarding_body: str, sequence: int) -> str:
    """Return a file's name: type, centre or series, awarding body, and the last two digits of the sequence number."""
    return f"{letter}{middle}{awarding_body}.X{sequence % 100:02d}"
