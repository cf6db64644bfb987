"""Marking criteria of components as CSV, a format of this project: the whole file or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from moderation.entries import Series
from moderation.exchange.csv_text import Findings, read_table, whole_number, write_table
from moderation.exchange.reference_csv import ReferenceFile

CRITERIA_COLUMNS = ("series", "component", "criterion", "title", "maximum_mark")
TITLE_LIMIT_CHARACTERS = 120
_COMPONENT = re.compile(r"[A-Z0-9][A-Z0-9/_.*-]{0,11}")
_CRITERION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,11}")


@dataclass(frozen=True, slots=True)
class CriterionRow:
    """A criterion of a component, in the order of the mark scheme."""

    component_code: str
    code: str
    title: str
    maximum_mark: int


def read_criteria_csv(name: str, data: bytes, *, series: Series) -> ReferenceFile[CriterionRow]:
    """Return the criteria of components; the file restates all criteria of every component that it names.

    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=CRITERIA_COLUMNS)
    rows: list[CriterionRow] = []
    first_lines: dict[tuple[str, str], int] = {}
    for row in table.rows:
        component, code, title = (row[column].strip() for column in CRITERIA_COLUMNS[1:4])
        if row["series"].strip() not in {series.key, series.label}:
            message = "The row is of another series."
            findings.error("wrong-series", row.line, "series", message, f"Expected {series.key}.")
        for text, column, pattern in ((component, "component", _COMPONENT), (code, "criterion", _CRITERION)):
            if not pattern.fullmatch(text):
                message = "The cell is not a code of up to 12 letters, digits and strokes."
                findings.error("code-invalid", row.line, column, message, "Enter the code, such as AO1.")
        if not title or len(title) > TITLE_LIMIT_CHARACTERS:
            message = f"The title must have 1 to {TITLE_LIMIT_CHARACTERS} characters."
            findings.error("title-invalid", row.line, "title", message, "Shorten or write the title.")
        maximum = whole_number(row, "maximum_mark", findings)
        if maximum == 0:
            message = "A criterion with a maximum of 0 marks nothing."
            findings.error("maximum-zero", row.line, "maximum_mark", message, "Enter its maximum mark.")
        before = first_lines.setdefault((component, code), row.line)
        if before != row.line:
            message = f"The row repeats line {before} in component and criterion."
            findings.error("duplicate-row", row.line, "criterion", message, "Keep one of the rows.")
        if maximum:
            rows.append(CriterionRow(component, code, title, maximum))
    findings.refuse_if_any()
    return ReferenceFile(tuple(rows), findings.warnings)


def write_criteria_csv(rows: Iterable[CriterionRow], *, series: Series, bom: bool = True) -> bytes:
    """Return criteria as a file that ``read_criteria_csv`` reads back."""
    lines: list[Mapping[str, str | int | None]] = [
        {
            "series": series.key,
            "component": row.component_code,
            "criterion": row.code,
            "title": row.title,
            "maximum_mark": row.maximum_mark,
        }
        for row in rows
    ]
    return write_table(CRITERIA_COLUMNS, lines, numeric={"maximum_mark"}, bom=bom)
