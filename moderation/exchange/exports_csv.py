"""CSV files out: entries, samples, outcomes, and two shapes of component marks that schools' systems know.

Formats of this project, safe to open in spreadsheets; only the columns of the component-marks profile and of the CIE
template are other people's. No awarding body's portal is said to take them: their columns are not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from moderation.entries import Series
from moderation.exchange.csv_text import table_pieces

Cells = Mapping[str, str | int | None]

ENTRY_COLUMNS = ("series", "centre", "candidate_number", "surname", "forenames", "uci", "entry_option")
SAMPLE_COLUMNS = (
    "series", "centre", "component", "candidate_number", "position", "centre_mark", "teaching_set", "reason",
    "requested_at", "due_at",
)  # fmt: skip
SAMPLE_REASONS = frozenset({"picked", "teaching_set", "added", "replacement"})
OUTCOME_COLUMNS = (
    "series", "centre", "component", "candidate_number", "uci", "centre_mark", "status", "outcome", "moderated_mark",
    "policy_version",
)  # fmt: skip
RESULT_COLUMNS = (
    "series", "centre", "candidate_number", "uci", "entry_option", "total", "grade", "indicator", "provisional",
)  # fmt: skip
COMPONENT_MARK_COLUMNS = (
    "Series Year", "Series Code", "Candidate Number", "Entry Code", "Result Mark", "Component Code",
    "Component Scaled Mark", "Component UMS", "Component Status Notes",
)  # fmt: skip
CIE_BEGIN = ("Syllabus", "Option code", "Centre number", "Candidate number", "Candidate name")
CIE_OF_COMPONENT = ("Raw mark", "Adjusted mark", "Grade")
CIE_END = ("Syllabus total", "Syllabus grade")
_NUMERIC = frozenset(
    {
        "position", "centre_mark", "moderated_mark", "total", "Series Year", "Result Mark", "Component Scaled Mark",
        "Component UMS", "Syllabus total",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleLine:
    """One sampled candidate; ``reason`` is one of ``SAMPLE_REASONS``."""

    centre_number: str
    component_code: str
    candidate_number: str
    position: int
    centre_mark: int
    teaching_set: str
    reason: str
    requested_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """One candidate's mark after moderation. Under embargo: it may not leave before results do."""

    centre_number: str
    component_code: str
    candidate_number: str
    uci: str
    centre_mark: int | None
    status: str
    outcome: str
    moderated_mark: int | None
    policy_version: str


@dataclass(frozen=True, slots=True)
class ComponentMarkLine:
    """A component's part of a result, for schools' systems; scaled marks may be decimals."""

    candidate_number: str
    option_code: str
    result_mark: str
    component_code: str
    scaled_mark: str
    notes: str = ""


@dataclass(frozen=True, slots=True)
class CieLine:
    """A candidate of the CIE template; ``components`` are (raw mark, adjusted mark, grade) by component code."""

    syllabus_code: str
    option_code: str
    centre_number: str
    candidate_number: str
    candidate_name: str
    components: Mapping[str, tuple[int | None, str, str]]
    total: str
    grade: str


def sample_csv(series: Series, lines: Iterable[SampleLine], *, bom: bool = True) -> Iterator[bytes]:
    """Yield the sample CSV; raises ``ValueError`` for a reason that the format does not know."""

    def cells(line: SampleLine) -> Cells:
        if line.reason not in SAMPLE_REASONS:
            raise ValueError(f"{line.reason!r} is no reason of the sample CSV")
        return {
            "series": series.key,
            "centre": line.centre_number,
            "component": line.component_code,
            "candidate_number": line.candidate_number,
            "position": line.position,
            "centre_mark": line.centre_mark,
            "teaching_set": line.teaching_set,
            "reason": line.reason,
            "requested_at": line.requested_at.isoformat(timespec="seconds"),
            "due_at": line.due_at.isoformat(timespec="seconds"),
        }

    return table_pieces(SAMPLE_COLUMNS, map(cells, lines), numeric=_NUMERIC, bom=bom)


def outcome_csv(series: Series, lines: Iterable[OutcomeLine], *, bom: bool = True) -> Iterator[bytes]:
    """Yield the outcome CSV. Whoever calls it has asked whether its reader may see outcomes now."""

    def cells(line: OutcomeLine) -> Cells:
        return {
            "series": series.key,
            "centre": line.centre_number,
            "component": line.component_code,
            "candidate_number": line.candidate_number,
            "uci": line.uci,
            "centre_mark": line.centre_mark,
            "status": line.status.lower(),
            "outcome": line.outcome.lower(),
            "moderated_mark": line.moderated_mark,
            "policy_version": line.policy_version,
        }

    return table_pieces(OUTCOME_COLUMNS, map(cells, lines), numeric=_NUMERIC, bom=bom)


def component_marks_csv(series: Series, lines: Iterable[ComponentMarkLine], *, bom: bool = True) -> Iterator[bytes]:
    """Yield component marks under the headers that schools read from awarding bodies; there is no UMS here: blank."""

    def cells(line: ComponentMarkLine) -> Cells:
        return {
            "Series Year": 2000 + series.year,
            "Series Code": series.code,
            "Candidate Number": line.candidate_number,
            "Entry Code": line.option_code,
            "Result Mark": line.result_mark,
            "Component Code": line.component_code,
            "Component Scaled Mark": line.scaled_mark,
            "Component UMS": None,
            "Component Status Notes": line.notes,
        }

    return table_pieces(COMPONENT_MARK_COLUMNS, map(cells, lines), numeric=_NUMERIC, bom=bom)


def cie_csv(component_codes: Iterable[str], lines: Iterable[CieLine], *, bom: bool = True) -> Iterator[bytes]:
    """Yield the CIE template: three columns for each component, named by its code so that no name comes twice.

    Source: one template that schools import (the order of its columns is public, nothing else).
    """
    codes = tuple(component_codes)
    middle = {code: tuple(f"{code} {name}" for name in CIE_OF_COMPONENT) for code in codes}
    columns = (*CIE_BEGIN, *(name for names in middle.values() for name in names), *CIE_END)
    numeric = _NUMERIC | {name for names in middle.values() for name in names[:2]}

    def cells(line: CieLine) -> Cells:
        begin = (
            line.syllabus_code,
            line.option_code,
            line.centre_number,
            line.candidate_number,
            line.candidate_name,
        )
        row: dict[str, str | int | None] = dict(zip(CIE_BEGIN, begin, strict=True))
        for code, values in line.components.items():
            row.update(zip(middle[code], values, strict=True))
        return row | dict(zip(CIE_END, (line.total, line.grade), strict=True))

    return table_pieces(columns, map(cells, lines), numeric=numeric, bom=bom)


def entries_csv(
    series: Series, rows: Iterable[tuple[str, str, str, str, str, str]], *, bom: bool = True
) -> Iterator[bytes]:
    """Yield entries: (centre, candidate number, surname, forenames, UCI, entry option) each."""
    return table_pieces(
        ENTRY_COLUMNS, (dict(zip(ENTRY_COLUMNS, (series.key, *row), strict=True)) for row in rows), bom=bom
    )


def results_csv(series: Series, rows: Iterable[tuple[str, ...]], *, bom: bool = True) -> Iterator[bytes]:
    """Yield results: (centre, candidate number, UCI, entry option, total, grade, indicator) each, all provisional."""
    return table_pieces(
        RESULT_COLUMNS,
        (dict(zip(RESULT_COLUMNS, (series.key, *row, "yes"), strict=True)) for row in rows),
        numeric=_NUMERIC,
        bom=bom,
    )
