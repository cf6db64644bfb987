"""The marks file ``M``: centre marks as records of 96 characters. JCQ-style, not JCQ: version ``P1``.

M5 = 3 status · 4–8 centre · 9–12 candidate number · 13–25 UCI · 26–37 component · 38–43 option · 44 flag · 45–48 mark ·
49–51 grade · 52–60 teaching set · 61–96 blank. M7 adds 21–28, the sum of marks. Lost and pending work and the reason of
a zero do not travel: they are keyed on screen.
Source: project policy, marks file ``M``; the awarding bodies' own layout is not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO

from moderation.entries import Series, check_candidate_number, check_uci
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.lines import Field, Findings
from moderation.exchange.own_records import MANY_CENTRES, CentreBlock, OwnBlock, OwnReader, own_lines
from moderation.exchange.records import Record, digits, file_name
from moderation.marks import MarkStatus

LETTER = "M"
MARK, ABSENT, GRADE, WITHDRAWN = "M", "A", "G", "W"
STATUS_OF_FLAG = {ABSENT: MarkStatus.ABSENT, WITHDRAWN: MarkStatus.WITHDRAWN}
FLAG_OF_STATUS = {
    MarkStatus.PRESENT: MARK,
    MarkStatus.ZERO_NO_WORTH: MARK,
    MarkStatus.ABSENT: ABSENT,
    MarkStatus.WITHDRAWN: WITHDRAWN,
}
"""What can travel. Lost, pending, special consideration and a zero with a reason are keyed on screen."""

_STATUS, _CENTRE, _NUMBER, _UCI = (
    Field("status", 3, 3),
    Field("centre", 4, 8),
    Field("candidate", 9, 12),
    Field("uci", 13, 25),
)
_COMPONENT, _OPTION, _FLAG = Field("component", 26, 37), Field("option", 38, 43), Field("flag", 44, 44)
_MARK, _GRADE, _SET = Field("mark", 45, 48), Field("grade", 49, 51), Field("teaching set", 52, 60)
_BLANK, _SUM = Field("blank", 61, 96), Field("sum of marks", 21, 28)


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """One candidate's mark in one component; ``mark`` is ``None`` unless ``flag`` is ``M``, ``grade`` blank unless ``G``."""

    candidate_number: str
    component_code: str
    option_code: str
    flag: str = MARK
    mark: int | None = None
    grade: str = ""
    uci: str = ""
    teaching_set: str = ""
    status: str = "C"
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class CentreMarks:
    """The marks of one centre and their sum."""

    centre_number: str
    sequence: int
    rows: tuple[MarkRecord, ...]
    control_total: int
    postcode: str = ""


@dataclass(frozen=True, slots=True)
class MarksFile:
    """A whole marks file, and its warnings."""

    series: Series
    centres: tuple[CentreMarks, ...]
    warnings: tuple[Fault, ...]


def read_marks(name: str, data: bytes) -> MarksFile:
    """Read a marks file of one centre or many; raises ``FileRefused`` with every fault located."""
    findings = Findings(name)
    reader = OwnReader(LETTER, findings)
    centres = tuple(centres_of(reader, BytesIO(data)))
    findings.refuse_if_any()
    assert reader.series is not None  # noqa: S101 - without a header there is a fault, and faults were refused above
    return MarksFile(reader.series, centres, tuple(findings.warnings))


def centres_of(reader: OwnReader, lines: Iterable[bytes]) -> Iterator[CentreMarks]:
    """Yield the marks of a file centre by centre, noting faults; see ``OwnReader`` on what may be kept of them."""
    for block in reader.blocks(lines):
        rows = _rows(block, reader.findings)
        total = sum(row.mark for row in rows if row.mark is not None)
        said = digits(_SUM.of(block.trailer.text))
        if said != total:
            reader.findings.error(
                "control-total", block.trailer.line, _SUM, f"The sum of marks says {said}; the marks add up to {total}.",
                "Digits may have changed places, or records are missing. Export the file again.",
            )  # fmt: skip
        yield CentreMarks(block.centre_number, block.sequence, tuple(rows), total, block.postcode)


def _rows(block: CentreBlock, findings: Findings) -> list[MarkRecord]:
    first_lines: dict[tuple[str, str], int] = {}
    rows = []
    for record in block.records:
        row = _row(record, block.centre_number, findings)
        if row is None:
            continue
        key = (row.candidate_number, row.component_code)
        if key in first_lines:
            findings.error(
                "duplicate-candidate", record.line, _NUMBER,
                f"The candidate has a mark of this component on line {first_lines[key]} already.", "Keep one of them.",
            )  # fmt: skip
        first_lines.setdefault(key, record.line)
        rows.append(row)
    return rows


def _row(record: Record, centre_number: str, findings: Findings) -> MarkRecord | None:
    text, line = record.text, record.line
    before = findings.total
    flag, mark_text, grade, uci = text[43], text[44:48].strip(), text[48:51].strip(), text[12:25].strip()
    number, component, option = text[8:12], text[25:37].strip(), text[37:43].strip()
    if text[2] not in "CP":
        findings.error("status", line, _STATUS, "The status is not C or P.", "Check the field.")
    if text[3:8] != centre_number:
        findings.error(
            "other-centre", line, _CENTRE, "The centre number differs from the centre header's.", "Check the field."
        )
    for place, value, check in ((_NUMBER, number, check_candidate_number), (_UCI, uci, check_uci)):
        try:
            if value or place is _NUMBER:
                check(value)
        except ValueError as error:
            findings.error(
                f"{place.name}-number" if place is _NUMBER else "uci", line, place, f"Here, {error}.", "Check it."
            )
    for place, value in ((_COMPONENT, component), (_OPTION, option)):
        if not value:
            findings.error("missing", line, place, f"The {place.name} is missing.", "Every record names it.")
    if flag not in "MAGW":
        findings.error("flag", line, _FLAG, "The flag is not M, A, G or W.", "Blank is neither a zero nor an absence.")
    mark = digits(mark_text) if len(mark_text) == 4 else None
    if (flag == MARK) != (mark is not None) or (flag != MARK and mark_text):
        findings.error(
            "mark", line, _MARK, "A mark of four digits stands exactly where the flag is M.", "Check flag and mark."
        )
    if (flag == GRADE) != bool(grade):
        findings.error("grade", line, _GRADE, "A grade stands exactly where the flag is G.", "Check flag and grade.")
    if text[60:].strip():
        findings.warn("reserved", line, _BLANK, "Columns that mean nothing are not blank; they were ignored.", "")
    if findings.total > before:
        return None
    return MarkRecord(number, component, option, flag, mark, grade, uci, text[51:60].strip(), text[2], line)


def write_marks(
    series: Series,
    centres: Iterable[CentreMarks],
    *,
    written_on: date,
    sequence: int = 1,
) -> tuple[str, bytes]:
    """Return name and content of a marks file, which our own reader has read back.

    Raises: ``ValueError`` naming a value that the format cannot carry: nothing is cut and nothing replaced.
    """
    centres = list(centres)
    sender = centres[0].centre_number if len(centres) == 1 else MANY_CENTRES
    content = b"".join(marks_lines(series, centres, written_on=written_on, sender=sender))
    name = file_name(LETTER, sender, series.awarding_body, centres[0].sequence if len(centres) == 1 else sequence)
    try:
        read_marks(name, content)
    except FileRefused as refused:
        raise ValueError(f"the file could not be read back: {refused.faults[0]}") from refused
    return name, content


def marks_lines(
    series: Series, centres: Iterable[CentreMarks], *, written_on: date, sender: str = MANY_CENTRES
) -> Iterator[bytes]:
    """Yield a marks file piece by piece, for one that is too long to be held; whoever writes it reads it back."""
    blocks = (
        OwnBlock(
            centre.centre_number,
            centre.sequence,
            [_record(row, centre.centre_number) for row in centre.rows],
            f"{sum(row.mark for row in centre.rows if row.mark is not None):08d}",
            centre.postcode,
        )
        for centre in centres
    )
    return own_lines(LETTER, series, blocks, written_on=written_on, sender=sender)


def _record(row: MarkRecord, centre_number: str) -> str:
    mark = "" if row.mark is None else f"{row.mark:04d}"
    text = (
        f"M5{row.status:1}{centre_number:5}{row.candidate_number:4}{row.uci:13}{row.component_code:12}"
        f"{row.option_code:6}{row.flag:1}{mark:4}{row.grade:3}{row.teaching_set:9}"
    )
    if len(text) != 60 or not text.isascii() or not text.isprintable():
        raise ValueError(f"a value of candidate {row.candidate_number} is too long or not plain ASCII")
    return text
