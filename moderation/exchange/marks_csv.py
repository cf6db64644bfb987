"""Centre marks of one component as CSV, a format of this project: JCQ-style, not JCQ."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from moderation.entries import Series
from moderation.exchange.csv_text import Findings, Row, padded, read_table, whole_number, write_table
from moderation.exchange.faults import Fault
from moderation.marks import MarkStatus, control_total

COLUMNS = (
    "series",
    "centre",
    "component",
    "entry_option",
    "candidate_number",
    "uci",
    "surname",
    "forenames",
    "mark",
    "status",
    "teacher",
    "comment",
)
OPTIONAL_COLUMNS = frozenset({"entry_option", "uci", "surname", "forenames", "teacher", "comment"})
STATUSES = {
    "present": MarkStatus.PRESENT,
    "absent": MarkStatus.ABSENT,
    "withdrawn": MarkStatus.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class MarkRow:
    """One candidate's mark; ``mark`` is ``None`` for the absent and the withdrawn, ``teaching_set`` is who taught."""

    candidate_number: str
    status: MarkStatus
    mark: int | None
    teaching_set: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class MarksFile:
    """The marks of a file; ``missing`` are entered candidates it lacks, which block submission, not the import."""

    rows: tuple[MarkRow, ...]
    warnings: tuple[Fault, ...]
    control_total: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkSheetRow:
    """One candidate as written to a file; ``status`` ``None`` leaves mark and status blank for the centre to fill."""

    candidate_number: str
    uci: str = ""
    surname: str = ""
    forenames: str = ""
    entry_option: str = ""
    mark: int | None = None
    status: MarkStatus | None = None
    teaching_set: str = ""
    comment: str = ""


def read_marks_csv(
    name: str,
    data: bytes,
    *,
    series: Series,
    centre_number: str,
    component_code: str,
    maximum_mark: int,
    candidates: Mapping[str, str],
    carried_forward: Collection[str] = (),
    other_routes: Collection[str] = (),
    entry_options: Mapping[str, str] | None = None,
    submitted: bool = False,
) -> MarksFile:
    """Return the marks of a file, or refuse all of it with every fault.

    Takes: ``candidates``, surname by candidate number of those entered for the component; ``carried_forward`` and
    ``other_routes``, candidates of the centre entered on a carried-forward option or on a sibling component of another
    submission mode; ``entry_options``, option code by candidate number; ``submitted``, when the marks were submitted.
    Returns: rows in the order of the file; a surname that differs is a warning, because a name is never a key.
    Raises: ``FileRefused``.
    Source: project policy, decision on the marks file.
    """
    findings = Findings(name)
    if submitted:
        findings.error(
            "marks-submitted", None, "", "The marks of this component were submitted.", "Ask for them to be reopened."
        )
        findings.refuse_if_any()
    table = read_table(data, findings, columns=COLUMNS, optional=OPTIONAL_COLUMNS)
    expected = _Expected(
        series,
        centre_number,
        component_code,
        maximum_mark,
        candidates,
        frozenset(carried_forward),
        frozenset(other_routes),
        entry_options or {},
    )
    first_lines: dict[str, int] = {}
    rows = []
    for row in table.rows:
        _check_place(row, expected, findings)
        number = padded(row, "candidate_number", 4, findings)
        if number is not None:
            _check_candidate(row, number, expected, findings)
            if number in first_lines:
                message = f"The candidate is on line {first_lines[number]} already."
                findings.error("duplicate-candidate", row.line, "candidate_number", message, "Keep one of the lines.")
            first_lines.setdefault(number, row.line)
        status, mark = _status_and_mark(row, maximum_mark, findings)
        if number is not None and status is not None:
            rows.append(MarkRow(number, status, mark, row["teacher"].strip(), row["comment"]))
    findings.refuse_if_any()
    missing = tuple(sorted(candidates.keys() - first_lines.keys() - expected.carried_forward))
    return MarksFile(tuple(rows), findings.warnings, control_total(row.mark for row in rows), missing)


def write_marks_csv(
    rows: Iterable[MarkSheetRow], *, series: Series, centre_number: str, component_code: str, bom: bool = True
) -> bytes:
    """Return a marks file: filled in, or with blank marks as the form that a centre fills in.

    Raises: ``ValueError`` for a status other than present, absent and withdrawn, which have no place in this file.
    """
    texts = {status: text for text, status in STATUSES.items()} | {MarkStatus.ZERO_NO_WORTH: "present"}
    cells: list[dict[str, str | int | None]] = []
    for row in rows:
        if row.status is not None and row.status not in texts:
            raise ValueError(f"status {row.status} cannot be written to a marks file")
        cells.append(
            {
                "series": series.key,
                "centre": centre_number,
                "component": component_code,
                "entry_option": row.entry_option,
                "candidate_number": row.candidate_number,
                "uci": row.uci,
                "surname": row.surname,
                "forenames": row.forenames,
                "mark": row.mark,
                "status": None if row.status is None else texts[row.status],
                "teacher": row.teaching_set,
                "comment": row.comment,
            }
        )
    return write_table(COLUMNS, cells, numeric={"mark"}, bom=bom)


@dataclass(frozen=True, slots=True)
class _Expected:
    series: Series
    centre_number: str
    component_code: str
    maximum_mark: int
    candidates: Mapping[str, str]
    carried_forward: frozenset[str]
    other_routes: frozenset[str]
    entry_options: Mapping[str, str]


def _check_place(row: Row, expected: _Expected, findings: Findings) -> None:
    if row["series"].strip() not in {expected.series.key, expected.series.label}:
        findings.error(
            "wrong-series", row.line, "series", "The row is of another series.", f"Expected {expected.series.key}."
        )
    centre = padded(row, "centre", 5, findings)
    if centre is not None and centre != expected.centre_number:
        findings.error(
            "wrong-centre",
            row.line,
            "centre",
            "The row is of another centre.",
            f"Send only the marks of centre {expected.centre_number}.",
        )
    if row["component"].strip() != expected.component_code:
        findings.error(
            "wrong-route",
            row.line,
            "component",
            "The row is of another component or submission route.",
            f"Send only marks of {expected.component_code}.",
        )


def _check_candidate(row: Row, number: str, expected: _Expected, findings: Findings) -> None:
    field = "candidate_number"
    if number in expected.carried_forward:
        message = "The candidate's mark is carried forward from an earlier series."
        findings.error("carried-forward", row.line, field, message, "Remove the row, or amend the entry.")
        return
    if number in expected.other_routes:
        message = "The candidate is entered for another submission route of this unit."
        findings.error("wrong-route", row.line, field, message, "Remove the row, or amend the entry.")
        return
    if number not in expected.candidates:
        message = f"No candidate with this number is entered for {expected.component_code}."
        findings.error("unknown-candidate", row.line, field, message, "Correct the number, or amend the entry.")
        return
    option = row["entry_option"].strip()
    if option and number in expected.entry_options and option != expected.entry_options[number]:
        message = f"The candidate is entered for option {expected.entry_options[number]}."
        findings.error("wrong-route", row.line, "entry_option", message, "Correct the option, or amend the entry.")
    surname = row["surname"].strip()
    if surname and _plain_name(surname) != _plain_name(expected.candidates[number]):
        message = "The surname differs from the entry; the mark goes by the candidate number."
        findings.warn("surname-differs", row.line, "surname", message, "Check that the number is the right one.")


def _plain_name(text: str) -> str:
    """Return a name without case and accents, for entry files carry none: ``Müller`` is entered as ``MULLER``."""
    letters = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in letters if letter.isalnum())


def _status_and_mark(row: Row, maximum_mark: int, findings: Findings) -> tuple[MarkStatus | None, int | None]:
    """Return what a row says; ``None`` as status after a fault. A mark without a status is present."""
    status_text, mark_text = row["status"].strip().casefold(), row["mark"].strip()
    if not status_text and not mark_text:
        message = "Mark and status are both blank; a blank is never read as 0 or as absent."
        findings.error("mark-missing", row.line, "mark", message, "Enter a mark, or the status absent or withdrawn.")
        return None, None
    status = STATUSES.get(status_text) if status_text else MarkStatus.PRESENT
    if status is None:
        message = "The status is not one of present, absent, withdrawn."
        findings.error("status-unknown", row.line, "status", message, "Enter one of them, or key the mark on screen.")
    if status is MarkStatus.PRESENT and not mark_text:
        message = "The candidate is present but has no mark."
        findings.error("mark-missing", row.line, "mark", message, "Enter the mark, or the status absent.")
        return None, None
    if not mark_text:
        return status, None
    mark = whole_number(row, "mark", findings, maximum=maximum_mark)
    if status in {MarkStatus.ABSENT, MarkStatus.WITHDRAWN}:
        message = f"The candidate is {status_text} and has a mark as well."
        findings.error("mark-not-allowed", row.line, "mark", message, "Remove the mark, or correct the status.")
        return None, None
    return (None, None) if mark is None else (status, mark)
