"""From bytes to the lines of an EDI file, and the faults found on the way: fields, findings, encodings, line ends.

Source: project policy on exchanged files: EDI is ASCII; what old programs do to it is read with a warning.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from moderation.exchange.faults import FAULTS_LIMIT, Fault, FileRefused, Severity

SIZE_LIMIT_BYTES = 20 * 1024 * 1024
LINES_LIMIT = 100_000
"""More than the largest file has: a centre of 9,999 candidates fills 10,000 records, a series some 2,000."""

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: 1-based first and last column, inclusive."""

    name: str
    first: int
    last: int

    def of(self, record: str) -> str:
        """Return the field's text without the spaces that pad it."""
        return record[self.first - 1 : self.last].strip()


class Findings:
    """Collects the faults of one file: the first of them to be listed, and of errors how many there are in all.

    Of warnings the first of each code are listed, as many as of errors.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.total = 0
        self.errors: list[Fault] = []
        self.warnings: list[Fault] = []
        self._warned: Counter[str] = Counter()

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
        if severity is Severity.WARNING:
            self._warned[code] += 1
            if self._warned[code] > FAULTS_LIMIT:
                return
        if severity is Severity.WARNING or len(found) < FAULTS_LIMIT:
            found.append(Fault(code, self.file, line, first, last, name, message, remedy, severity))

    def refuse_if_any(self) -> None:
        """Raise ``FileRefused`` with every error found so far."""
        if self.total:
            raise FileRefused(self.errors, self.total)


def split_lines(data: bytes, findings: Findings) -> list[str]:
    """Return the lines of a whole file without their ends; none when they cannot be told apart, with the fault noted."""
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
    return [text_of(number, line, findings) for number, line in enumerate(raw, 1)]


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


def text_of(number: int, line: bytes, findings: Findings) -> str:
    """Return one line as text, its columns as they were, and note what is no plain ASCII."""
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
