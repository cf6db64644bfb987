"""The data records of basedata: syllabus, option, component, link and disallowed pair, each as a value and as a record.

Source: JCQ formats, version 14; record positions as measured on genuine files of June 2014 and June 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from moderation.entries import SubmissionMode, propose_mode
from moderation.exchange.records import Field, Findings, Record, compose, digits, read_date, write_date


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


def _code(record: Record, place: Field, findings: Findings) -> str:
    code = place.of(record.text)
    if not code:
        findings.error("missing", record.line, place, f"The {place.name} is missing.", "Every record names its code.")
    return code


def _whole(record: Record, place: Field, findings: Findings) -> int | None:
    text = place.of(record.text)
    if not text:
        return None
    number = digits(text)
    if number is None:
        findings.error(
            "not-a-number", record.line, place, f"The {place.name} is not a whole number.", "Check the field."
        )
    return number


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


def read_data_record(letter: str, version: str, record: Record, findings: Findings) -> tuple[object, object]:
    """Return one data record as a value, and the key that no other record of its file may have.

    Takes: ``version`` of the format; version 12 gives an option's maximum three columns where later ones give it four.
    """
    if letter == "O" and version == "12":
        record = replace(record, text=f"{record.text[:109]} {record.text[109:114]}")
    return _READERS[letter](record, findings)


_READERS: Mapping[str, Callable[[Record, Findings], tuple[object, object]]] = {
    "S": _read_syllabus,
    "O": _read_option,
    "C": _read_component,
    "L": _read_link,
    "D": _read_pair,
}


def write_data_record(row: Syllabus | Option | BoardComponent | Link | DisallowedPair) -> str:
    """Return a value as a data record of version 14; raises ``ValueError`` naming a value it cannot carry."""
    match row:
        case Option():
            return _write_option(row)
        case BoardComponent():
            return _write_component(row)
        case Syllabus():
            return compose("S", [(_S_CODE, row.code), (_S_TITLE, row.title)])
        case Link():
            return compose("L", [(_L_OPTION, row.option_code), (_L_COMPONENT, row.component_code)])
        case DisallowedPair():
            return compose("D", [(_D_FIRST, row.first), (_D_SECOND, row.second)])


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
