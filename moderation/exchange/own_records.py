"""The framework of this project's own record files: JCQ-style, not JCQ. Version ``P1`` makes a JCQ reader refuse them.

They stand on the records 1, 3, 5, 7 and 9 of the JCQ framework and add control totals to the trailers. A file holds one
centre or many, and is read centre by centre: what is in memory at a time is one centre. The reader is as lenient towards
line ends and padding as for JCQ files, and strict about everything else, for only this project writes them.
Source: project policy; never send these files to an awarding body, or call them JCQ files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from moderation.entries import Series, check_centre_number
from moderation.exchange.lines import Field, Findings, text_of
from moderation.exchange.records import (
    BODY,
    COUNT,
    FORMAT_VERSION,
    SENDER,
    SEQUENCE,
    SERIES_CODE,
    SOFTWARE,
    YEAR,
    Record,
    check_sequence,
    digits,
    padded,
    write_date,
)

OWN_VERSION = "P1"
OWN_LENGTHS = {"M": 96, "R": 112}
"""Data type letter → characters of a record without its line end."""
LINES_LIMIT = 4_000_000
"""A national series of 900,000 candidates with three components each fits."""
MANY_CENTRES = "00000"
CENTRES, POSTCODE = Field("centres", 15, 21), Field("postcode", 17, 24)


@dataclass(frozen=True, slots=True)
class CentreBlock:
    """The records of one centre: from its header to its trailer."""

    centre_number: str
    sequence: int
    line: int
    records: tuple[Record, ...]
    trailer: Record
    postcode: str = ""


@dataclass(slots=True)
class OwnReader:
    """Reads a file of one of the project's record types, centre by centre; ``series`` is known once a centre is.

    What is yielded before the end is not proven yet: the file trailer comes last. Keep nothing of it until the
    iteration has ended and ``findings`` has no fault.
    """

    letter: str
    findings: Findings
    series: Series | None = None
    file_trailer: Record | None = None
    centres: int = 0
    lines: int = 0
    _seen: dict[str, int] = field(default_factory=dict)

    def blocks(self, lines: Iterable[bytes]) -> Iterator[CentreBlock]:
        """Yield the centres of a file; every fault is noted with its line and columns."""
        length = OWN_LENGTHS[self.letter]
        findings = self.findings
        header: Record | None = None
        rows: list[Record] = []
        for record in self._records(lines, length):
            kind = record.text[1]
            if self.series is None:
                if kind != "1" or not self._begin(record):
                    if kind != "1":
                        self._order(record, "The file does not begin with its header (type 1).")
                    return
            elif self.file_trailer is not None:
                self._order(record, "A record stands behind the file trailer.")
            elif kind == "5":
                if header is None:
                    self._order(record, "The record stands outside a centre.")
                else:
                    rows.append(record)
            elif kind == "3":
                if header is not None:
                    self._order(record, "A centre begins before the one before it has ended.")
                header, rows = record, []
                self._check_centre(record)
            elif kind == "7":
                if header is None:
                    self._order(record, "A centre ends that has not begun.")
                    continue
                self._count(record, record.line - header.line + 1, "records from the centre header to here")
                sequence = digits(SEQUENCE.of(header.text)) or 0
                postcode = POSTCODE.of(header.text)
                yield CentreBlock(SENDER.of(header.text), sequence, header.line, tuple(rows), record, postcode)
                header, rows = None, []
            elif kind == "9":
                if header is not None:
                    self._order(record, "The file ends before its last centre does.")
                self.file_trailer = record
                self._count(record, record.line, "records in the file")
                if digits(CENTRES.of(record.text)) != self.centres:
                    findings.error(
                        "centres", record.line, CENTRES, f"The trailer counts other than {self.centres} centres.",
                        "The file may have been cut off or edited. Export it again.",
                    )  # fmt: skip
            else:
                self._order(record, "A second file header stands inside the file.")
        if self.file_trailer is None:
            findings.error(
                "record-9", self.lines or None, Field("record type", 2, 2), "The file trailer (type 9) is missing.",
                "The file may have been cut off. Export it again and send the whole file.",
            )  # fmt: skip

    def _records(self, lines: Iterable[bytes], length: int) -> Iterator[Record]:
        blank = 0
        findings = self.findings
        begin = self.letter.encode()
        for number, raw in enumerate(lines, 1):
            if number == 1:
                if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\x00" in raw[:2]:
                    findings.error("utf-16", 1, None, "The file is UTF-16 text.", "Save it as plain ASCII text.")
                    return
                if raw.startswith(b"\xef\xbb\xbf"):
                    findings.warn("byte-order-mark", 1, None, "A byte order mark at the start was ignored.", "")
                    raw = raw[3:]
                if raw[:1].upper() != begin:
                    findings.error(
                        "wrong-type", 1, Field("data type", 1, 1), f"The first record does not begin with {self.letter}.",
                        "Check that this is the right file for this import.",
                    )  # fmt: skip
                    return
            if number > LINES_LIMIT:
                findings.error("too-large", number, None, "The file has too many records.", "Split it by centre.")
                return
            line = raw.rstrip(b"\r\n")
            if line.endswith(b"\x1a") or not line.strip(b" \x1a"):
                line = line.rstrip(b"\x1a")
                if not line.strip():
                    blank += 1
                    continue
            if blank:
                findings.error("blank-line", number, None, "Blank lines stand inside the file.", "Export it again.")
                blank = 0
            self.lines = number
            if len(line) == length and line.isascii() and line[:1] == begin and line[1:2] in b"13579":
                text = line.decode("ascii")
                if text.isprintable():
                    yield Record(number, text)
                    continue
            before = findings.total
            text = padded(number, text_of(number, line, findings), self.letter, length, findings)
            if findings.total == before:
                yield Record(number, text)
        if blank:
            findings.warn("blank-line", self.lines + 1, None, "Blank lines or Ctrl-Z at the end were ignored.", "")

    def _begin(self, header: Record) -> bool:
        version = FORMAT_VERSION.of(header.text)
        if version != OWN_VERSION:
            self.findings.error(
                "version", header.line, FORMAT_VERSION, f"The format version is {version or 'missing'}, not {OWN_VERSION}.",
                "This is a format of this project, no JCQ file. Export it from an installation of it.",
            )  # fmt: skip
            return False
        try:
            year = digits(YEAR.of(header.text))
            self.series = Series(BODY.of(header.text), SERIES_CODE.of(header.text), -1 if year is None else year)
        except ValueError as error:
            self.findings.error(
                "series", header.line, Field("series", 8, 13), f"Of the series, {error}.", "Check the header."
            )
            return False
        return True

    def _check_centre(self, header: Record) -> None:
        number = SENDER.of(header.text)
        self.centres += 1
        series = self.series
        assert series is not None  # noqa: S101 - a centre is only looked at behind a file header
        try:
            check_centre_number(number)
        except ValueError as error:
            self.findings.error("centre", header.line, SENDER, f"Here, {error}.", "Check the header.")
        if number in self._seen:
            self.findings.error(
                "duplicate-centre", header.line, SENDER, f"The centre stands on line {self._seen[number]} already.",
                "A centre stands in a file once.",
            )  # fmt: skip
        self._seen.setdefault(number, header.line)
        if header.text[7:13] != f"{series.awarding_body}{series.label}":
            self.findings.error(
                "series", header.line, Field("series", 8, 13), "Body, series and year differ from the file header's.",
                "A file holds one series of one awarding body.",
            )  # fmt: skip
        try:
            check_sequence(digits(SEQUENCE.of(header.text)) or 0)
        except ValueError as error:
            self.findings.error("sequence", header.line, SEQUENCE, f"Here, {error}.", "Check the header.")

    def _count(self, record: Record, right: int, what: str) -> None:
        counted = digits(COUNT.of(record.text))
        if counted != right:
            said = "no number" if counted is None else counted
            self.findings.error(
                "count", record.line, COUNT, f"The count says {said}; there are {right} {what}.",
                "The file may have been cut off or edited. Export it again.",
            )  # fmt: skip

    def _order(self, record: Record, message: str) -> None:
        self.findings.error("order", record.line, Field("record type", 2, 2), message, "Export the file again.")


@dataclass(frozen=True, slots=True)
class OwnBlock:
    """What is written of one centre: data records without their line ends, and what its trailer says besides the count."""

    centre_number: str
    sequence: int
    records: Sequence[str]
    trailer: str
    postcode: str = ""


def own_lines(
    letter: str,
    series: Series,
    blocks: Iterable[OwnBlock],
    *,
    written_on: date,
    sender: str = MANY_CENTRES,
    end: Callable[[], str] = str,
) -> Iterator[bytes]:
    """Yield a file as pieces of bytes, one for each centre: headers, data records and trailers, CRLF.

    Takes: ``end``, asked once all centres are written: what the file trailer says besides its counts.
    Raises: ``ValueError`` for what a header cannot carry.
    """
    length = OWN_LENGTHS[letter]
    key = f"{series.awarding_body}{series.label}"

    def joined(lines: Iterable[str]) -> bytes:
        return "".join(f"{line:<{length}}\r\n" for line in lines).encode("ascii")

    yield joined([f"{letter}1{sender}{key}S{SOFTWARE:<10}{OWN_VERSION}"])
    lines, centres = 2, 0
    for block in blocks:
        check_centre_number(block.centre_number)
        check_sequence(block.sequence)
        if len(block.postcode) > 8 or not block.postcode.isascii():
            raise ValueError("the postcode does not fit its 8 characters")
        lines += len(block.records) + 2
        centres += 1
        yield joined(
            [
                f"{letter}3{block.centre_number}{key}{block.sequence:03d}{block.postcode}",
                *block.records,
                f"{letter}7{block.centre_number}{len(block.records) + 2:07d}{write_date(written_on)}{block.trailer}",
            ]
        )
    yield joined([f"{letter}9{sender}{lines:07d}{centres:07d}{end()}"])
