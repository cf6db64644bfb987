"""Basedata: the S, O, C, L and D files in which an awarding body describes a series.

Source: JCQ formats, version 14; record positions as measured on genuine files of June 2014 and June 2017.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TypeVar

from moderation.entries import Series, SubmissionMode, propose_mode
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.records import (
    EdiFile,
    Field,
    Findings,
    Record,
    compose,
    file_name,
    read_date,
    read_file,
    write_date,
    write_file,
)

Row = TypeVar("Row")
LETTERS = "SOCLD"


@dataclass(frozen=True, slots=True)
class Syllabus:
    """A syllabus (specification): code and title."""

    code: str
    title: str


@dataclass(frozen=True, slots=True)
class Option:
    """An entry option: what a candidate is entered for. Fee in pence."""

    code: str
    syllabus_code: str
    title: str
    qualification: str = ""
    level: str = ""
    exam_item: str = "C"
    unit_qualification: str = ""
    unit_level: str = ""
    process: str = "E"
    classification: str = ""
    qan: str = ""
    fee_pence: int | None = None
    forecast_gradesets: tuple[str, str] = ("", "")
    result_type: str = ""
    result_gradesets: tuple[str, str] = ("", "")
    endorsement_gradesets: tuple[str, str] = ("", "")
    maximum: int | None = None
    component_count: int = 0

    @property
    def proposed_mode(self) -> SubmissionMode | None:
        """Return the submission mode that the title proposes, or ``None``."""
        return propose_mode(self.title)


@dataclass(frozen=True, slots=True)
class BoardComponent:
    """A component. ``teacher_marks``: Y centre submits a mark, N none, G a grade, E externally marked work."""

    code: str
    title: str
    teacher_marks: str
    maximum_mark: int
    gradeset: str = ""
    due_on: date | None = None
    timetabled: str = "N"
    timetable_on: date | None = None
    session: str = ""
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A component of an option."""

    option_code: str
    component_code: str


@dataclass(frozen=True, slots=True)
class DisallowedPair:
    """Two options that one candidate may not take together; ``*`` at the end of a code stands for any ending."""

    first: str
    second: str

    def matches(self, one: str, other: str) -> bool:
        """Return whether the pair forbids these two options together, in either order."""
        return (_is_like(one, self.first) and _is_like(other, self.second)) or (
            _is_like(other, self.first) and _is_like(one, self.second)
        )


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file that was read: type, name, hash, size, issue and number of records."""

    letter: str
    name: str
    sha256: str
    size_bytes: int
    sequence: int
    record_count: int


@dataclass(frozen=True)
class SeriesBasedata:
    """The basedata of one series."""

    series: Series
    issue: int = 1
    syllabuses: tuple[Syllabus, ...] = ()
    options: tuple[Option, ...] = ()
    components: tuple[BoardComponent, ...] = ()
    links: tuple[Link, ...] = ()
    disallowed: tuple[DisallowedPair, ...] = ()
    files: tuple[FileRead, ...] = field(default=(), compare=False)

    @cached_property
    def option_by_code(self) -> Mapping[str, Option]:
        """Return the options by code."""
        return {option.code: option for option in self.options}

    @cached_property
    def component_by_code(self) -> Mapping[str, BoardComponent]:
        """Return the components by code."""
        return {component.code: component for component in self.components}

    @cached_property
    def _components_of(self) -> Mapping[str, tuple[str, ...]]:
        return _grouped((link.option_code, link.component_code) for link in self.links)

    @cached_property
    def _options_of(self) -> Mapping[str, tuple[str, ...]]:
        return _grouped((link.component_code, link.option_code) for link in self.links)

    def components_of(self, option_code: str) -> tuple[str, ...]:
        """Return the codes of an option's components."""
        return self._components_of.get(option_code, ())

    def options_of(self, component_code: str) -> tuple[str, ...]:
        """Return the codes of the options that a component belongs to."""
        return self._options_of.get(component_code, ())

    def component_modes(self) -> Mapping[str, SubmissionMode | None]:
        """Return the proposed mode of each component whose work the centre marks; ``None`` where titles do not agree.

        A component that only carried-forward options name is carried forward; otherwise those options say nothing of
        how fresh work travels. Source: project policy; an officer confirms each proposal.
        """
        modes: dict[str, SubmissionMode | None] = {}
        for component in self.components:
            if component.teacher_marks not in {"Y", "G"}:
                continue
            options = [
                self.option_by_code[code] for code in self.options_of(component.code) if code in self.option_by_code
            ]
            proposed = {option.proposed_mode for option in options}
            if proposed == {SubmissionMode.CARRIED_FORWARD}:
                modes[component.code] = SubmissionMode.CARRIED_FORWARD
                continue
            fresh = proposed - {None, SubmissionMode.CARRIED_FORWARD}
            modes[component.code] = fresh.pop() if len(fresh) == 1 else None
        return modes


@dataclass(frozen=True, slots=True)
class BasedataRead:
    """What a set of files holds, by series, and the warnings."""

    series: tuple[SeriesBasedata, ...]
    warnings: tuple[Fault, ...]


def read_basedata(files: Sequence[tuple[str, bytes]]) -> BasedataRead:
    """Read basedata files of any number of series.

    Takes: name and content of each file.
    Raises: ``FileRefused`` with the faults of all files; nothing is taken from any of them.
    """
    errors: list[Fault] = []
    warnings: list[Fault] = []
    read: dict[Series, list[tuple[EdiFile, list[object]]]] = defaultdict(list)
    for name, data in files:
        try:
            edi = read_file(name, data, LETTERS)
            findings = Findings(name)
            rows = _rows(edi, findings)
            findings.refuse_if_any()
        except FileRefused as refused:
            errors.extend(refused.faults)
            continue
        warnings += [*edi.warnings, *findings.warnings]
        read[edi.series].append((edi, rows))
    if errors:
        raise FileRefused(errors)
    found = tuple(_series_basedata(series, parts) for series, parts in sorted(read.items()))
    for basedata in found:
        errors += _orphans(basedata)
        warnings += _doubts(basedata)
    if errors:
        raise FileRefused(errors)
    return BasedataRead(found, tuple(warnings))


def write_basedata(basedata: SeriesBasedata, *, written_on: date) -> Mapping[str, bytes]:
    """Return the five files of a series, name → content.

    Raises: ``ValueError`` naming a value that the format cannot carry.
    """
    series = basedata.series
    records: Mapping[str, list[str]] = {
        "S": [compose("S", [(_S_CODE, row.code), (_S_TITLE, row.title)]) for row in basedata.syllabuses],
        "O": [_write_option(row) for row in basedata.options],
        "C": [_write_component(row) for row in basedata.components],
        "L": [
            compose("L", [(_L_OPTION, row.option_code), (_L_COMPONENT, row.component_code)]) for row in basedata.links
        ],
        "D": [compose("D", [(_D_FIRST, row.first), (_D_SECOND, row.second)]) for row in basedata.disallowed],
    }
    middle = f"{series.label}_"
    return {
        file_name(letter, middle, series.awarding_body, basedata.issue): write_file(
            letter, series, sender=middle, sequence=basedata.issue, records=lines, written_on=written_on
        )
        for letter, lines in records.items()
    }


_S_CODE, _S_TITLE = Field("syllabus code", 3, 8), Field("title", 10, 45)
_L_OPTION, _L_COMPONENT = Field("option code", 3, 8), Field("component code", 9, 20)
_D_FIRST, _D_SECOND = Field("first code", 3, 8), Field("second code", 9, 14)
_O = {
    name: Field(name.replace("_", " "), first, last)
    for name, first, last in (
        ("code", 3, 8), ("syllabus_code", 9, 14), ("qualification", 15, 18), ("level", 19, 21), ("exam_item", 22, 22),
        ("unit_qualification", 23, 26), ("unit_level", 27, 29), ("process", 30, 30), ("classification", 31, 34),
        ("qan", 35, 42), ("title", 43, 78), ("fee_defined", 79, 79), ("fee", 80, 84), ("forecast_1", 85, 88),
        ("forecast_2", 89, 92), ("result_type", 93, 93), ("result_1", 94, 97), ("result_2", 98, 101),
        ("endorsement_1", 102, 105), ("endorsement_2", 106, 109), ("maximum", 110, 113), ("component_count", 114, 115),
    )
}  # fmt: skip
_C = {
    name: Field(name.replace("_", " "), first, last)
    for name, first, last in (
        ("code", 3, 14), ("title", 15, 50), ("teacher_marks", 51, 51), ("maximum_mark", 52, 54), ("gradeset", 55, 58),
        ("due_on", 59, 64), ("timetabled", 65, 65), ("timetable_on", 66, 71), ("session", 72, 72), ("minutes", 73, 75),
    )
}  # fmt: skip


def _rows(edi: EdiFile, findings: Findings) -> list[object]:
    reader = _READERS[edi.letter]
    rows: list[object] = []
    seen: dict[object, int] = {}
    for record in edi.records:
        row, key = reader(record, findings)
        if key in seen:
            findings.error(
                "duplicate", record.line, Field("code", 3, 8), f"The same record stands on line {seen[key]}.",
                "Remove one of them.",
            )  # fmt: skip
        seen[key] = record.line
        rows.append(row)
    return rows


def _code(record: Record, place: Field, findings: Findings) -> str:
    code = place.of(record.text)
    if not code:
        findings.error("missing", record.line, place, f"The {place.name} is missing.", "Every record names its code.")
    return code


def _whole(record: Record, place: Field, findings: Findings) -> int | None:
    text = place.of(record.text)
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        findings.error(
            "not-a-number", record.line, place, f"The {place.name} is not a whole number.", "Check the field."
        )
        return None
    return int(text)


def _day(record: Record, place: Field, findings: Findings) -> date | None:
    try:
        return read_date(place.of(record.text))
    except ValueError:
        findings.error("not-a-date", record.line, place, f"The {place.name} is not a date DDMMYY.", "Check the field.")
        return None


def _read_syllabus(record: Record, findings: Findings) -> tuple[Syllabus, object]:
    row = Syllabus(_code(record, _S_CODE, findings), _S_TITLE.of(record.text))
    return row, row.code


def _read_option(record: Record, findings: Findings) -> tuple[Option, object]:
    text = {name: place.of(record.text) for name, place in _O.items()}
    row = Option(
        code=_code(record, _O["code"], findings),
        syllabus_code=text["syllabus_code"],
        title=text["title"],
        qualification=text["qualification"],
        level=text["level"],
        exam_item=text["exam_item"],
        unit_qualification=text["unit_qualification"],
        unit_level=text["unit_level"],
        process=text["process"],
        classification=text["classification"],
        qan=text["qan"],
        fee_pence=_whole(record, _O["fee"], findings) if text["fee_defined"] == "Y" else None,
        forecast_gradesets=(text["forecast_1"], text["forecast_2"]),
        result_type=text["result_type"],
        result_gradesets=(text["result_1"], text["result_2"]),
        endorsement_gradesets=(text["endorsement_1"], text["endorsement_2"]),
        maximum=_whole(record, _O["maximum"], findings),
        component_count=_whole(record, _O["component_count"], findings) or 0,
    )
    if row.exam_item not in {"C", "U", "B"}:
        findings.error("exam-item", record.line, _O["exam_item"], "The exam item is not C, U or B.", "Check the field.")
    return row, row.code


def _read_component(record: Record, findings: Findings) -> tuple[BoardComponent, object]:
    text = {name: place.of(record.text) for name, place in _C.items()}
    row = BoardComponent(
        code=_code(record, _C["code"], findings),
        title=text["title"],
        teacher_marks=text["teacher_marks"],
        maximum_mark=_whole(record, _C["maximum_mark"], findings) or 0,
        gradeset=text["gradeset"],
        due_on=_day(record, _C["due_on"], findings),
        timetabled=text["timetabled"],
        timetable_on=_day(record, _C["timetable_on"], findings),
        session=text["session"],
        minutes=_whole(record, _C["minutes"], findings),
    )
    if row.teacher_marks not in {"Y", "N", "G", "E"}:
        findings.error(
            "teacher-marks", record.line, _C["teacher_marks"], "The teacher-marks flag is not Y, N, G or E.",
            "Check the field.",
        )  # fmt: skip
    return row, row.code


def _read_link(record: Record, findings: Findings) -> tuple[Link, object]:
    row = Link(_code(record, _L_OPTION, findings), _code(record, _L_COMPONENT, findings))
    return row, row


def _read_pair(record: Record, findings: Findings) -> tuple[DisallowedPair, object]:
    row = DisallowedPair(_code(record, _D_FIRST, findings), _code(record, _D_SECOND, findings))
    return row, row


_READERS: Mapping[str, Callable[[Record, Findings], tuple[object, object]]] = {
    "S": _read_syllabus,
    "O": _read_option,
    "C": _read_component,
    "L": _read_link,
    "D": _read_pair,
}


def _series_basedata(series: Series, parts: Sequence[tuple[EdiFile, list[object]]]) -> SeriesBasedata:
    def rows(kind: type[Row]) -> tuple[Row, ...]:
        return tuple(row for _, found in parts for row in found if isinstance(row, kind))

    files = tuple(
        FileRead(edi.letter, edi.name, edi.sha256, edi.size_bytes, edi.sequence, edi.record_count) for edi, _ in parts
    )
    issue = max(edi.sequence for edi, _ in parts)
    return SeriesBasedata(
        series, issue, rows(Syllabus), rows(Option), rows(BoardComponent), rows(Link), rows(DisallowedPair), files
    )


def _orphans(basedata: SeriesBasedata) -> list[Fault]:
    """Return what names something unknown; only when the files that define it came along."""
    name = {file.letter: file.name for file in basedata.files}
    faults: list[Fault] = []

    def orphan(letter: str, message: str) -> None:
        remedy = "Load the five files of one issue together."
        faults.append(Fault("orphan", name[letter], None, None, None, "code", message, remedy))

    if {"O", "C", "L"} <= set(name):
        for link in basedata.links:
            if link.option_code not in basedata.option_by_code:
                orphan("L", f"A link names option {link.option_code}, which the O file lacks.")
            if link.component_code not in basedata.component_by_code:
                orphan("L", f"A link names component {link.component_code}, which the C file lacks.")
        for component in basedata.components:
            if not basedata.options_of(component.code):
                orphan("C", f"No option links to component {component.code}.")
    if {"S", "O"} <= set(name):
        codes = {syllabus.code for syllabus in basedata.syllabuses}
        for option in basedata.options:
            if option.syllabus_code and option.syllabus_code not in codes:
                orphan("O", f"Option {option.code} names syllabus {option.syllabus_code}, which the S file lacks.")
    return faults


def _doubts(basedata: SeriesBasedata) -> list[Fault]:
    name = {file.letter: file.name for file in basedata.files}
    if not {"O", "C", "L"} <= set(name):
        return []
    found = Findings(name["O"])
    linked = Counter(link.option_code for link in basedata.links)
    for option in basedata.options:
        if option.component_count != linked[option.code]:
            found.warn(
                "component-count", None, _O["component_count"],
                f"Option {option.code} says {option.component_count} components and links to {linked[option.code]}.",
                "The links are used.",
            )  # fmt: skip
    for code, mode in basedata.component_modes().items():
        if mode is None and basedata.component_by_code[code].teacher_marks == "Y":
            found.warn(
                "mode-unknown", None, None, f"How the work of {code} is submitted does not follow from the titles.",
                "Enter its submission mode in the reference data.",
            )  # fmt: skip
    return found.warnings


def _write_option(row: Option) -> str:
    fee = "" if row.fee_pence is None else f"{row.fee_pence:05d}"
    maximum = "" if row.maximum is None else f"{row.maximum:04d}"
    values = {
        "code": row.code, "syllabus_code": row.syllabus_code, "qualification": row.qualification, "level": row.level,
        "exam_item": row.exam_item, "unit_qualification": row.unit_qualification, "unit_level": row.unit_level,
        "process": row.process, "classification": row.classification, "qan": row.qan, "title": row.title,
        "fee_defined": "N" if row.fee_pence is None else "Y", "fee": fee or "00000",
        "forecast_1": row.forecast_gradesets[0], "forecast_2": row.forecast_gradesets[1],
        "result_type": row.result_type, "result_1": row.result_gradesets[0], "result_2": row.result_gradesets[1],
        "endorsement_1": row.endorsement_gradesets[0], "endorsement_2": row.endorsement_gradesets[1],
        "maximum": maximum, "component_count": f"{row.component_count:02d}",
    }  # fmt: skip
    return compose("O", [(_O[name], value) for name, value in values.items()])


def _write_component(row: BoardComponent) -> str:
    values = {
        "code": row.code, "title": row.title, "teacher_marks": row.teacher_marks,
        "maximum_mark": f"{row.maximum_mark:03d}", "gradeset": row.gradeset, "due_on": write_date(row.due_on),
        "timetabled": row.timetabled, "timetable_on": write_date(row.timetable_on), "session": row.session,
        "minutes": "" if row.minutes is None else f"{row.minutes:03d}",
    }  # fmt: skip
    return compose("C", [(_C[name], value) for name, value in values.items()])


def _is_like(code: str, pattern: str) -> bool:
    return code.startswith(pattern[:-1]) if pattern.endswith("*") else code == pattern


def _grouped(pairs: object) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:  # type: ignore[attr-defined]
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
