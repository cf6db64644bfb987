"""Reference data as CSV, formats of this project: components, boundaries, external marks, consortia, centres.

Whole files or nothing: every fault is located, and any fault refuses the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

from moderation.entries import Series, SubmissionMode
from moderation.exchange.csv_text import Findings, Row, Table, padded, read_table, whole_number, write_table
from moderation.exchange.faults import Fault
from moderation.marks import WITHOUT_MARK, MarkStatus
from moderation.sampling import packaged_profiles
from moderation.working_days import Nation

COMPONENT_COLUMNS = (
    "series",
    "component",
    "submission_mode",
    "tolerance_marks",
    "weighted_maximum",
    "sample_profile",
    "maximum_mark",
    "read_blind",
)
BOUNDARY_COLUMNS = ("series", "entry_option", "grade", "boundary")
EXTERNAL_MARK_COLUMNS = ("series", "centre", "component", "candidate_number", "mark", "status")
CONSORTIUM_COLUMNS = ("series", "component", "lead_centre", "member_centre")
CENTRE_COLUMNS = ("centre", "name", "nation")
MODERATOR_MARK_COLUMNS = ("centre", "component", "candidate_number", "mark")

T = TypeVar("T")

_CODE = re.compile(r"[A-Z0-9][A-Z0-9/_.*-]{0,11}")


class YesNo(StrEnum):
    """Yes or no, as a file says it."""

    YES = "YES"
    NO = "NO"


@dataclass(frozen=True, slots=True)
class ComponentSetting:
    """What an officer enters for a component; ``None`` leaves a value as it is."""

    component_code: str
    submission_mode: SubmissionMode | None = None
    tolerance_marks: int | None = None
    weighted_maximum: Fraction | None = None
    sample_profile_id: str | None = None
    maximum_mark: int | None = None
    read_blind: bool | None = None
    """Whether moderators do not learn whose work they read."""


class Boundary(NamedTuple):
    """The lowest total of a grade of an entry option."""

    option_code: str
    grade: str
    mark: int


@dataclass(frozen=True, slots=True)
class ExternalMark:
    """A mark of a written paper, or one carried forward."""

    component_code: str
    centre_number: str
    candidate_number: str
    mark: int | None
    status: MarkStatus = MarkStatus.PRESENT


@dataclass(frozen=True, slots=True)
class ConsortiumGroup:
    """Centres moderated as one group in a component; the lead centre is one of the members."""

    component_code: str
    lead_centre_number: str
    member_centre_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CentreName:
    """Name and nation of a centre."""

    centre_number: str
    name: str
    nation: Nation = Nation.ENGLAND


@dataclass(frozen=True, slots=True)
class ModeratorMark:
    """The mark a moderator gives in a rehearsal."""

    centre_number: str
    component_code: str
    candidate_number: str
    mark: int


@dataclass(frozen=True, slots=True)
class ReferenceFile(Generic[T]):
    """The rows of a reference file, in its order, and its warnings."""

    rows: tuple[T, ...]
    warnings: tuple[Fault, ...]


# Components


def read_components_csv(
    name: str, data: bytes, *, series: Series, profiles: Collection[str] | None = None
) -> ReferenceFile[ComponentSetting]:
    """Return submission mode, tolerance, weight and sample profile of components; a blank cell leaves a value as it is.

    Takes: ``profiles``, the sample profiles that are known; without them those that ship.
    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=COMPONENT_COLUMNS, optional=frozenset(COMPONENT_COLUMNS[2:]))
    _need_series(table, series, findings)
    _need_unique(table, ("component",), findings)
    rows = []
    for row in table.rows:
        code = _code(row, "component", findings)
        mode = _one_of(row, "submission_mode", SubmissionMode, findings) if row["submission_mode"].strip() else None
        tolerance = whole_number(row, "tolerance_marks", findings) if row["tolerance_marks"].strip() else None
        weight = _fraction(row, "weighted_maximum", findings) if row["weighted_maximum"].strip() else None
        profile = row["sample_profile"].strip() or None
        if profile is not None and profile not in (packaged_profiles() if profiles is None else profiles):
            message = "There is no sample profile of this name."
            findings.error("unknown-profile", row.line, "sample_profile", message, "Enter the name of a profile.")
        if code is not None:
            maximum = whole_number(row, "maximum_mark", findings) if row["maximum_mark"].strip() else None
            blind = _one_of(row, "read_blind", YesNo, findings) if row["read_blind"].strip() else None
            is_blind = None if blind is None else blind is YesNo.YES
            rows.append(ComponentSetting(code, mode, tolerance, weight, profile, maximum, is_blind))
    return _taken(rows, findings)


def write_components_csv(rows: Iterable[ComponentSetting], *, series: Series, bom: bool = True) -> bytes:
    """Return the settings of components as a file that ``read_components_csv`` reads back."""
    return _written(
        COMPONENT_COLUMNS,
        rows,
        lambda row: (
            series.key,
            row.component_code,
            None if row.submission_mode is None else row.submission_mode.value,
            row.tolerance_marks,
            None if row.weighted_maximum is None else _fraction_text(row.weighted_maximum),
            row.sample_profile_id,
            row.maximum_mark,
            None if row.read_blind is None else (YesNo.YES if row.read_blind else YesNo.NO).value,
        ),
        bom,
    )


# Boundaries


def read_boundaries_csv(name: str, data: bytes, *, series: Series) -> ReferenceFile[Boundary]:
    """Return grade boundaries; an option's grades and its marks must all differ, and ``U`` has no boundary.

    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=BOUNDARY_COLUMNS)
    _need_series(table, series, findings)
    _need_unique(table, ("entry_option", "grade"), findings)
    _need_unique(table, ("entry_option", "boundary"), findings)
    rows = []
    for row in table.rows:
        option = _code(row, "entry_option", findings, longest=6)
        grade = row["grade"].strip()
        if not re.fullmatch(r"[A-Za-z0-9*-]{1,4}", grade) or grade.upper() == "U":
            message = "The grade is not one of up to four letters, digits, * and -, or it is U."
            findings.error("grade-invalid", row.line, "grade", message, "Enter a grade other than U.")
        mark = whole_number(row, "boundary", findings)
        if option is not None and mark is not None:
            rows.append(Boundary(option, grade, mark))
    return _taken(rows, findings)


def write_boundaries_csv(rows: Iterable[Boundary], *, series: Series, bom: bool = True) -> bytes:
    """Return grade boundaries as a file that ``read_boundaries_csv`` reads back."""
    return _written(BOUNDARY_COLUMNS, rows, lambda row: (series.key, *row), bom)


# External marks


def read_external_marks_csv(name: str, data: bytes, *, series: Series) -> ReferenceFile[ExternalMark]:
    """Return marks that moderation does not make: written papers, and marks carried forward.

    Raises: ``FileRefused`` with every fault; a present or carried-forward candidate needs a mark, others have none.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=EXTERNAL_MARK_COLUMNS)
    _need_series(table, series, findings)
    _need_unique(table, ("component", "centre", "candidate_number"), findings)
    rows = []
    for row in table.rows:
        centre = padded(row, "centre", 5, findings)
        number = padded(row, "candidate_number", 4, findings)
        code = _code(row, "component", findings)
        status = _one_of(row, "status", MarkStatus, findings)
        mark = None
        if status is not None and status in WITHOUT_MARK - {MarkStatus.CARRIED_FORWARD}:
            if row["mark"].strip():
                message = "A candidate with this status cannot have a mark."
                findings.error("mark-not-allowed", row.line, "mark", message, "Remove the mark or correct the status.")
        elif status is not MarkStatus.LOST or row["mark"].strip():
            mark = whole_number(row, "mark", findings)
        if centre is not None and number is not None and code is not None and status is not None:
            rows.append(ExternalMark(code, centre, number, mark, status))
    return _taken(rows, findings)


def write_external_marks_csv(rows: Iterable[ExternalMark], *, series: Series, bom: bool = True) -> bytes:
    """Return external marks as a file that ``read_external_marks_csv`` reads back."""
    return _written(
        EXTERNAL_MARK_COLUMNS,
        rows,
        lambda row: (
            series.key,
            row.centre_number,
            row.component_code,
            row.candidate_number,
            row.mark,
            row.status.value.lower(),
        ),
        bom,
    )


# Consortia


def read_consortia_csv(name: str, data: bytes, *, series: Series) -> ReferenceFile[ConsortiumGroup]:
    """Return consortia, one row of the file for each member; the lead centre has a row as a member too.

    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=CONSORTIUM_COLUMNS)
    _need_series(table, series, findings)
    _need_unique(table, ("component", "member_centre"), findings)
    members: dict[tuple[str, str], list[str]] = {}
    first_lines: dict[tuple[str, str], int] = {}
    for row in table.rows:
        code = _code(row, "component", findings)
        lead = padded(row, "lead_centre", 5, findings)
        member = padded(row, "member_centre", 5, findings)
        if code is not None and lead is not None and member is not None:
            members.setdefault((code, lead), []).append(member)
            first_lines.setdefault((code, lead), row.line)
    for (code, lead), numbers in members.items():
        if lead not in numbers or len(numbers) < 2:
            message = "The consortium has fewer than two members, or its lead centre is not one of them."
            remedy = "Give the lead centre a row as a member as well."
            findings.error("consortium-incomplete", first_lines[code, lead], "lead_centre", message, remedy)
    return _taken([ConsortiumGroup(*key, tuple(numbers)) for key, numbers in members.items()], findings)


def write_consortia_csv(rows: Iterable[ConsortiumGroup], *, series: Series, bom: bool = True) -> bytes:
    """Return consortia as a file that ``read_consortia_csv`` reads back."""
    lines = [
        (row.component_code, row.lead_centre_number, member) for row in rows for member in row.member_centre_numbers
    ]
    return _written(CONSORTIUM_COLUMNS, lines, lambda line: (series.key, *line), bom)


# Centres


def read_centres_csv(name: str, data: bytes) -> ReferenceFile[CentreName]:
    """Return names and nations of centres; a blank nation is England.

    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=CENTRE_COLUMNS, optional={"nation"})
    _need_unique(table, ("centre",), findings)
    rows = []
    for row in table.rows:
        number = padded(row, "centre", 5, findings)
        if not 1 <= len(row["name"].strip()) <= 120:
            message = "The name is blank or has over 120 characters."
            findings.error("name-invalid", row.line, "name", message, "Enter the name of the centre.")
        nation = _one_of(row, "nation", Nation, findings) if row["nation"].strip() else Nation.ENGLAND
        if number is not None and nation is not None:
            rows.append(CentreName(number, row["name"].strip(), nation))
    return _taken(rows, findings)


def write_centres_csv(rows: Iterable[CentreName], *, bom: bool = True) -> bytes:
    """Return centres as a file that ``read_centres_csv`` reads back."""
    return _written(CENTRE_COLUMNS, rows, lambda row: (row.centre_number, row.name, row.nation.value), bom)


# Moderator marks


def read_moderator_marks_csv(name: str, data: bytes) -> ReferenceFile[ModeratorMark]:
    """Return the marks that a rehearsal's moderator gives.

    Raises: ``FileRefused`` with every fault.
    """
    findings = Findings(name)
    table = read_table(data, findings, columns=MODERATOR_MARK_COLUMNS)
    _need_unique(table, MODERATOR_MARK_COLUMNS[:3], findings)
    rows = []
    for row in table.rows:
        centre = padded(row, "centre", 5, findings)
        number = padded(row, "candidate_number", 4, findings)
        code = _code(row, "component", findings)
        mark = whole_number(row, "mark", findings)
        if centre is not None and number is not None and code is not None and mark is not None:
            rows.append(ModeratorMark(centre, code, number, mark))
    return _taken(rows, findings)


def write_moderator_marks_csv(rows: Iterable[ModeratorMark], *, bom: bool = True) -> bytes:
    """Return a rehearsal's moderator marks as a file that ``read_moderator_marks_csv`` reads back."""
    return _written(
        MODERATOR_MARK_COLUMNS,
        rows,
        lambda row: (row.centre_number, row.component_code, row.candidate_number, row.mark),
        bom,
    )


# Cells

_NUMERIC = frozenset({"tolerance_marks", "weighted_maximum", "maximum_mark", "boundary", "mark"})


def _written(
    columns: tuple[str, ...], rows: Iterable[T], cells: Callable[[T], tuple[str | int | None, ...]], bom: bool
) -> bytes:
    lines: list[Mapping[str, str | int | None]] = [dict(zip(columns, cells(row), strict=True)) for row in rows]
    return write_table(columns, lines, numeric=_NUMERIC, bom=bom)


def _taken(rows: list[T], findings: Findings) -> ReferenceFile[T]:
    findings.refuse_if_any()
    return ReferenceFile(tuple(rows), findings.warnings)


def _need_series(table: Table, series: Series, findings: Findings) -> None:
    for row in table.rows:
        if row["series"].strip() not in {series.key, series.label}:
            findings.error(
                "wrong-series", row.line, "series", "The row is of another series.", f"Expected {series.key}."
            )


def _need_unique(table: Table, columns: tuple[str, ...], findings: Findings) -> None:
    first_lines: dict[tuple[str, ...], int] = {}
    for row in table.rows:
        # Numbers that a spreadsheet shortened are the same numbers.
        key = tuple(row[column].strip().lstrip("0") for column in columns)
        if key in first_lines:
            message = f"The row repeats line {first_lines[key]} in {', '.join(columns)}."
            findings.error("duplicate-row", row.line, columns[-1], message, "Keep one of the rows.")
        first_lines.setdefault(key, row.line)


def _code(row: Row, column: str, findings: Findings, *, longest: int = 12) -> str | None:
    text = row[column].strip()
    if _CODE.fullmatch(text) and len(text) <= longest:
        return text
    message = f"The cell is not a code of up to {longest} capital letters, digits and strokes."
    findings.error("code-invalid", row.line, column, message, "Enter the code as the basedata has it.")
    return None


S = TypeVar("S", SubmissionMode, MarkStatus, Nation, YesNo)


def _one_of(row: Row, column: str, kind: type[S], findings: Findings) -> S | None:
    text = row[column].strip().upper().replace(" ", "_").replace("-", "_")
    for member in kind:
        if member.value == text:
            return member
    known = ", ".join(member.value.lower() for member in kind)
    findings.error(
        "value-unknown", row.line, column, f"The value is not one of: {known}.", "Enter one of these values."
    )
    return None


def _fraction(row: Row, column: str, findings: Findings) -> Fraction | None:
    text = row[column].strip()
    if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}|/[0-9]{1,6})?", text) and not re.search(r"/0+$", text):
        value = Fraction(text)
        if value > 0:
            return value
    message = "The cell is not a positive number."
    findings.error("number-invalid", row.line, column, message, "Enter e.g. 80, 37.5 or 112/3.")
    return None


def _fraction_text(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 10**6
    if scaled.denominator == 1:
        return f"{value.numerator // value.denominator}.{int(scaled) % 10**6:06d}".rstrip("0")
    return f"{value.numerator}/{value.denominator}"
