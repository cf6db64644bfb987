"""CSV that people open in spreadsheets: a reader that locates every fault, and a writer no formula gets through."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from types import MappingProxyType

from moderation.exchange.faults import FAULTS_LIMIT, Fault, FileRefused, Severity

SIZE_LIMIT_BYTES = 10 * 1024 * 1024
ROWS_LIMIT = 50_000
COLUMNS_LIMIT = 32
CELL_LIMIT_CHARACTERS = 1_000

_BOM = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Apostrophes belong to the pattern, so that a cell which already begins with one gets one more and comes back exact.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NEEDS_QUOTES = re.compile(r'[",\r\n]|^\s|\s$')
_QUOTE = '"'
_PIECE_ROWS = 1_000
_LONGEST_NUMBER = 40
_WHOLE = re.compile(r"[0-9]{1,9}")
_ROW_LENGTH_REMEDY = "Put a cell that holds commas in double quotes, and give every row one cell for each column."


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: the line where it begins, and its cells by column name, exactly as they were written."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a cell; a column the file does not have is blank."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a CSV file; ``columns`` in the order the file has them."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Findings:
    """The faults and warnings of one file while it is read."""

    def __init__(self, file: str, columns: Sequence[str] = ()) -> None:
        self.file = file
        self.columns = tuple(columns)
        self.total = 0
        self._errors: list[Fault] = []
        self._warnings: list[Fault] = []

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """Return what is to be shown although the file is taken."""
        return tuple(self._warnings)

    def error(self, code: str, line: int | None, field: str, message: str, remedy: str) -> None:
        """Note a fault that refuses the file; past the limit faults are only counted."""
        self.total += 1
        if len(self._errors) < FAULTS_LIMIT:
            self._errors.append(self._fault(code, line, field, message, remedy, Severity.ERROR))

    def warn(self, code: str, line: int | None, field: str, message: str, remedy: str) -> None:
        """Note something to show that does not refuse the file."""
        if len(self._warnings) < FAULTS_LIMIT:
            self._warnings.append(self._fault(code, line, field, message, remedy, Severity.WARNING))

    def refuse_if_any(self) -> None:
        """Raise ``FileRefused`` with every fault noted, if there is one."""
        if self.total:
            raise FileRefused(self._errors, self.total)

    def _fault(self, code: str, line: int | None, field: str, message: str, remedy: str, severity: Severity) -> Fault:
        column = self.columns.index(field) + 1 if field in self.columns else None
        return Fault(code, self.file, line, column, column, field, message, remedy, severity)


# Reading


def decode_csv(data: bytes, findings: Findings) -> str:
    """Return the text of a CSV file, without its byte-order mark.

    Raises: ``FileRefused`` for a file that is too large, UTF-16, not UTF-8, or has a NUL byte.
    Source: project policy, decision on errors in exchanged files.
    """
    save = "Save the file again as “CSV UTF-8”."
    if len(data) > SIZE_LIMIT_BYTES:
        findings.error("too-large", None, "", "The file is larger than 10 MB.", "Split it and send the parts.")
    elif data[:2] in (b"\xff\xfe", b"\xfe\xff") or _looks_utf16(data):
        findings.error("utf-16", None, "", "The file is in UTF-16 (“Unicode text”), not in UTF-8.", save)
    elif b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        findings.error("nul-byte", line, "", "The line has a NUL byte.", save)
    findings.refuse_if_any()
    try:
        return data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        findings.error("not-utf-8", line, "", "The line has a character that is not UTF-8.", save)
        findings.refuse_if_any()
        raise


def read_table(
    data: bytes, findings: Findings, *, columns: Sequence[str], optional: Collection[str] = frozenset()
) -> Table:
    """Return the rows of a CSV file; faults of rows are noted, so that the caller's own are listed beside them.

    Takes: ``columns``, every column the file may have, in any order; ``optional``, those it may lack.
    Raises: ``FileRefused`` when rows cannot be told apart: encoding, header, quoting, limits.
    Source: RFC 4180, https://www.rfc-editor.org/rfc/rfc4180, for quoting; limits are project policy.
    """
    text = decode_csv(data, findings)
    records = _records(text, findings)
    if not records:
        findings.error(
            "header-missing", 1, "", "The file is empty.", f"Begin with the header line: {','.join(columns)}."
        )
        findings.refuse_if_any()
    header = _header(records[0], columns, optional, findings)
    rows = []
    for line, cells in records[1:]:
        if not any(cell.strip() for cell in cells):
            if cells:
                findings.warn("blank-row", line, "", "The row is blank and was left out.", "")
            continue
        if len(cells) != len(header):
            message = f"The row has {len(cells)} cells where the header has {len(header)}."
            findings.error("row-length", line, "", message, _ROW_LENGTH_REMEDY)
            continue
        values = {column: _plain(cell) for column, cell in zip(header, cells, strict=True)}
        for column, value in values.items():
            if len(value) > CELL_LIMIT_CHARACTERS:
                findings.error("cell-too-long", line, column, "The cell has over 1,000 characters.", "Shorten it.")
        rows.append(Row(line, MappingProxyType(values)))
    return Table(header, tuple(rows))


def whole_number(row: Row, column: str, findings: Findings, *, maximum: int | None = None) -> int | None:
    """Return a cell as a whole number from 0, or ``None`` with a fault noted; a blank cell is a fault as well."""
    text = row[column].strip()
    remedy = "Enter a whole number with digits only, e.g. 62."
    if _WHOLE.fullmatch(text):
        number = int(text)
        if maximum is None or number <= maximum:
            return number
        findings.error(
            "mark-too-high", row.line, column, f"The number is above {maximum}, the maximum.", "Correct the number."
        )
        return None
    code, message = _what_is_wrong(text)
    findings.error(code, row.line, column, message, remedy)
    return None


def padded(row: Row, column: str, width: int, findings: Findings) -> str | None:
    """Return a number kept as text, such as ``0001``; one that a spreadsheet shortened is filled up with a warning."""
    text = row[column].strip()
    if not re.fullmatch(rf"[0-9]{{1,{width}}}", text) or not int(text):
        message = "The cell is blank." if not text else f"The cell is not a number of {width} digits."
        findings.error("number-invalid", row.line, column, message, f"Enter {width} digits, with leading zeros.")
        return None
    if len(text) < width:
        findings.warn(
            "zeros-added", row.line, column, "Leading zeros were missing and were added.", "Format the column as text."
        )
    return text.zfill(width)


def _looks_utf16(data: bytes) -> bool:
    start = data[:400]
    return len(start) >= 4 and (start[1::2].count(0) * 2 > len(start) // 2 or start[::2].count(0) * 2 > len(start) // 2)


def _records(text: str, findings: Findings) -> list[tuple[int, list[str]]]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    first_line = 1
    try:
        for cells in reader:
            records.append((first_line, cells))
            first_line = reader.line_num + 1
            if len(records) > ROWS_LIMIT + 1:
                findings.error("too-many-rows", first_line, "", "The file has over 50,000 rows.", "Split the file.")
                break
    except csv.Error:
        findings.error(
            "quoting",
            first_line,
            "",
            "The row that begins here is not quoted correctly, or has a cell of enormous length.",
            "Write a double quote inside a quoted cell twice, and close every quoted cell.",
        )
    findings.refuse_if_any()
    return records


def _header(
    record: tuple[int, list[str]], columns: Sequence[str], optional: Collection[str], findings: Findings
) -> tuple[str, ...]:
    # A file without its header has data in this line, so that a cell which is no known column is never repeated.
    line, cells = record
    header = tuple(cell.strip().casefold() for cell in cells)
    remedy = f"The header must be: {','.join(columns)} (any order)."
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        remedy = f"Separate the cells by commas, not by semicolons or tabs. {remedy}"
    if len(header) > COLUMNS_LIMIT:
        findings.error("too-many-columns", line, "", "The file has over 32 columns.", remedy)
        findings.refuse_if_any()
    for number, column in enumerate(header, 1):
        if column not in columns:
            findings.error("unknown-column", line, "", f"Column {number} of the header is not known.", remedy)
        elif column in header[: number - 1]:
            findings.error("repeated-column", line, column, f"The column {column} comes twice.", remedy)
    for column in columns:
        if column not in header and column not in optional:
            findings.error("missing-column", line, column, f"The column {column} is missing.", remedy)
    findings.refuse_if_any()
    findings.columns = header
    return header


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def _what_is_wrong(text: str) -> tuple[str, str]:
    if not text:
        return "number-missing", "The cell is blank; a blank is never read as 0."
    if len(text) > _LONGEST_NUMBER:
        # The patterns below try every way to divide a run of digits, which takes long for a long one.
        return "number-invalid", "The cell is not a whole number."
    if re.fullmatch(r"-[0-9]+", text):
        return "number-negative", "The number is negative."
    if re.fullmatch(r"[-+]?[0-9]*[.,]?[0-9]*[eE][-+]?[0-9]+", text):
        return "number-exponent", "The number is written with an exponent."
    if re.fullmatch(r"[0-9]{1,3}([, '\u00a0][0-9]{3})+", text):
        return "number-thousands", "The number has a thousands separator."
    if re.fullmatch(r"[-+]?[0-9]*[.,][0-9]*", text):
        return "number-decimal", "The number has decimals."
    return "number-invalid", "The cell is not a whole number."


# Writing


def write_table(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, str | int | None]],
    *,
    numeric: Collection[str] = frozenset(),
    bom: bool = True,
) -> bytes:
    """Return a CSV file that a spreadsheet shows as text and our reader reads back exactly.

    Takes: ``rows``, cells by column name, ``None`` = blank; ``numeric``, columns whose numbers are written bare;
    ``bom``, whether a byte-order mark tells spreadsheets that it is UTF-8.
    Raises: ``ValueError`` for a column that is not named, a NUL or surrogate, or a cell over the limit.
    Source: project policy, after https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return b"".join(table_pieces(columns, rows, numeric=numeric, bom=bom))


def table_pieces(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, str | int | None]],
    *,
    numeric: Collection[str] = frozenset(),
    bom: bool = True,
) -> Iterator[bytes]:
    """Yield a CSV file as ``write_table`` returns it, piece by piece, for one that is too long to be held."""
    known = set(columns)
    is_numeric = [column in numeric for column in columns]
    lines = [",".join(_cell(column, numeric=False) for column in columns)]
    yield _BOM if bom else b""
    for row in rows:
        if not row.keys() <= known:
            raise ValueError(f"the row has columns that are not among {', '.join(columns)}")
        cells = [_cell(row.get(column), number) for column, number in zip(columns, is_numeric, strict=True)]
        # A line without any character would be read as no row at all.
        lines.append(",".join(cells) or '""')
        if len(lines) >= _PIECE_ROWS:
            yield ("\r\n".join(lines) + "\r\n").encode("utf-8")
            lines = []
    if lines:
        yield ("\r\n".join(lines) + "\r\n").encode("utf-8")


def _cell(value: str | int | None, numeric: bool) -> str:
    """Return a cell as it is written: numbers bare, what a spreadsheet might calculate with quoted and behind a ``'``."""
    text = "" if value is None else str(value)
    if "\0" in text or len(text) > CELL_LIMIT_CHARACTERS:
        raise ValueError("a cell has a NUL character or over 1,000 characters")
    if numeric and _NUMBER.fullmatch(text):
        return text
    if _FORMULA.match(text):
        return f'"\'{text.replace(_QUOTE, _QUOTE * 2)}"'
    if _NEEDS_QUOTES.search(text):
        return f'"{text.replace(_QUOTE, _QUOTE * 2)}"'
    return text
