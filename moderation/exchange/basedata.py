"""Basedata: the S, O, C, L and D files in which an awarding body describes a series.

Source: JCQ formats, version 14; record positions as measured on genuine files of June 2014 and June 2017.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import TypeVar

from moderation.entries import Series, SubmissionMode, propose_mode
from moderation.exchange.basedata_records import (
    BoardComponent,
    DisallowedPair,
    Link,
    Option,
    Syllabus,
    read_data_record,
    write_data_record,
)
from moderation.exchange.faults import Fault, FileRefused
from moderation.exchange.records import EdiFile, Field, Findings, file_name, read_frame, write_file
from moderation.exchange.unit_links import is_unit_links, read_unit_links

__all__ = [
    "BasedataRead",
    "BoardComponent",
    "DisallowedPair",
    "FileRead",
    "Link",
    "Option",
    "SeriesBasedata",
    "Syllabus",
    "read_basedata",
    "write_basedata",
]

Row = TypeVar("Row")
LETTERS = "SOCLD"
_CODE = Field("option code", 3, 8)


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

        The titles of its options propose, and its own. A component that only carried-forward options name is carried
        forward; otherwise those options say nothing of how fresh work travels.
        Source: project policy; an officer confirms each proposal.
        """
        modes: dict[str, SubmissionMode | None] = {}
        for component in self.components:
            if component.teacher_marks not in {"Y", "G"}:
                continue
            options = [
                self.option_by_code[code] for code in self.options_of(component.code) if code in self.option_by_code
            ]
            proposed = {option.proposed_mode for option in options} | {propose_mode(component.title)} - {None}
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
    total = 0
    warnings: list[Fault] = []
    read: dict[Series, list[tuple[EdiFile, list[object]]]] = defaultdict(list)
    for name, data in files:
        findings = Findings(name)
        if is_unit_links(name, data):
            try:
                warnings += read_unit_links(name, data).warnings
            except FileRefused as refused:
                errors += refused.faults
                total += refused.total
            continue
        edi = read_frame(name, data, LETTERS, findings)
        rows: list[object] = []
        if edi is not None:
            rows = _rows(edi, findings)
            _need_alone(edi, read[edi.series], findings)
        if edi is None or findings.total:
            errors += findings.errors
            total += findings.total
            continue
        warnings += findings.warnings
        read[edi.series].append((edi, rows))
    found = tuple(_series_basedata(series, parts) for series, parts in sorted(read.items()) if parts)
    if not total:
        for basedata in found:
            lines = {
                row: record.line
                for edi, rows in read[basedata.series]
                for row, record in zip(rows, edi.records, strict=True)
            }
            errors += _orphans(basedata, lines)
            warnings += _doubts(basedata, lines)
        total = len(errors)
    if total:
        raise FileRefused(errors, total)
    return BasedataRead(found, tuple(warnings))


def write_basedata(basedata: SeriesBasedata, *, written_on: date) -> Mapping[str, bytes]:
    """Return the five files of a series, name → content, which our own reader has read back.

    Raises: ``ValueError`` naming a value that the format cannot carry.
    """
    series = basedata.series
    parts: Mapping[str, Sequence[Syllabus | Option | BoardComponent | Link | DisallowedPair]] = {
        "S": basedata.syllabuses,
        "O": basedata.options,
        "C": basedata.components,
        "L": basedata.links,
        "D": basedata.disallowed,
    }
    middle = f"{series.label}_"
    files = {
        file_name(letter, middle, series.awarding_body, basedata.issue): write_file(
            letter,
            series,
            sender=middle,
            sequence=basedata.issue,
            records=[write_data_record(row) for row in rows],
            written_on=written_on,
        )
        for letter, rows in parts.items()
    }
    try:
        read_basedata(list(files.items()))
    except FileRefused as refused:
        raise ValueError(f"the files could not be read back: {refused.faults[0]}") from refused
    return files


def _rows(edi: EdiFile, findings: Findings) -> list[object]:
    rows: list[object] = []
    seen: dict[object, int] = {}
    for record in edi.records:
        row, key = read_data_record(edi.letter, edi.version, record, findings)
        if key in seen:
            findings.error(
                "duplicate", record.line, Field("code", 3, 8), f"The same record stands on line {seen[key]}.",
                "Remove one of them.",
            )  # fmt: skip
        seen[key] = record.line
        rows.append(row)
    return rows


def _need_alone(edi: EdiFile, others: Sequence[tuple[EdiFile, list[object]]], findings: Findings) -> None:
    for other, _ in others:
        if other.letter == edi.letter:
            findings.error(
                "second-file", None, None, f"The file {other.name} is of the same type and series.",
                "Send the newest issue of each file alone.",
            )  # fmt: skip


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


def _orphans(basedata: SeriesBasedata, lines: Mapping[object, int]) -> list[Fault]:
    """Return what names something unknown; only when the files that define it came along."""
    name = {file.letter: file.name for file in basedata.files}
    faults: list[Fault] = []

    def orphan(letter: str, row: object, place: Field, message: str) -> None:
        remedy = "Load the five files of one issue together."
        faults.append(
            Fault("orphan", name[letter], lines.get(row), place.first, place.last, place.name, message, remedy)
        )

    if {"O", "C", "L"} <= set(name):
        for link in basedata.links:
            if link.option_code not in basedata.option_by_code:
                orphan("L", link, _CODE, f"The link names option {link.option_code}, which the O file lacks.")
            if link.component_code not in basedata.component_by_code:
                message = f"The link names component {link.component_code}, which the C file lacks."
                orphan("L", link, Field("component code", 9, 20), message)
        for component in basedata.components:
            if not basedata.options_of(component.code):
                place = Field("component code", 3, 14)
                orphan("C", component, place, f"No option links to component {component.code}.")
    if {"S", "O"} <= set(name):
        codes = {syllabus.code for syllabus in basedata.syllabuses}
        for option in basedata.options:
            if option.syllabus_code and option.syllabus_code not in codes:
                message = f"Option {option.code} names syllabus {option.syllabus_code}, which the S file lacks."
                orphan("O", option, Field("syllabus code", 9, 14), message)
    return faults


def _doubts(basedata: SeriesBasedata, lines: Mapping[object, int]) -> list[Fault]:
    name = {file.letter: file.name for file in basedata.files}
    if not {"O", "C", "L"} <= set(name):
        return []
    counts, modes = Findings(name["O"]), Findings(name["C"])
    linked = Counter(link.option_code for link in basedata.links)
    for option in basedata.options:
        if option.component_count != linked[option.code]:
            counts.warn(
                "component-count", lines.get(option), Field("component count", 114, 115),
                f"Option {option.code} says {option.component_count} components and links to {linked[option.code]}.",
                "The links are used.",
            )  # fmt: skip
    for code, mode in basedata.component_modes().items():
        component = basedata.component_by_code[code]
        if mode is None and component.teacher_marks == "Y":
            modes.warn(
                "mode-unknown", lines.get(component), Field("title", 15, 50),
                f"How the work of {code} is submitted does not follow from the titles.",
                "Enter its submission mode in the reference data.",
            )  # fmt: skip
    return counts.warnings + modes.warnings


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
