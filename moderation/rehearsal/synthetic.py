"""Basedata of a small invented series of awarding body 99; no code or title is that of a real specification."""

from __future__ import annotations

from datetime import date, timedelta

from moderation.entries import Series
from moderation.exchange.basedata import BoardComponent, DisallowedPair, Link, Option, SeriesBasedata, Syllabus

MARKS_DUE_ON = date(2026, 5, 15)
FIRST_PAPER_ON = date(2026, 6, 5)

_SYLLABUSES = (
    ("X446", "SPECIMEN COMPUTING"),
    ("X600", "SPECIMEN ART"),
    ("X555", "SPECIMEN PHYSICAL EDUCATION"),
    ("X410", "SPECIMEN GEOGRAPHY"),
    ("X999", "SPECIMEN AWARD"),
)

_OPTIONS = (
    ("X446A", "X446", "SPECIMEN COMPUTING OCR REP", ("X446/01", "X446/02", "X446/03")),
    ("X446B", "X446", "SPECIMEN COMPUTING PST MOD", ("X446/01", "X446/02", "X446/04")),
    ("X446C", "X446", "SPECIMEN COMPUTING CARRIED FORWARD", ("X446/01", "X446/02", "X446/80")),
    ("X600A", "X600", "SPECIMEN ART OCR REP", ("X600/01",)),
    ("X555C", "X555", "SPECIMEN PE VISIT MODERATION", ("X555/01", "X555/02")),
    ("X410A", "X410", "SPECIMEN GEOGRAPHY OCR REP", ("X410/01", "X410/02")),
    ("X999", "X999", "SPECIMEN AWARD CERTIFICATION", ()),
)

# Code, title, teacher marks, maximum, days from the first paper of the series to this one.
_COMPONENTS = (
    ("X446/01", "SPECIMEN COMPUTING SYSTEMS WRTN", "N", 140, 5),
    ("X446/02", "SPECIMEN COMPUTING PROGRAMS WRTN", "N", 140, 0),
    ("X446/03", "SPECIMEN COMPUTING PROJECT OCR REP", "Y", 70, None),
    ("X446/04", "SPECIMEN COMPUTING PROJECT PST MOD", "Y", 70, None),
    ("X446/80", "SPECIMEN PROJECT CARRIED FORWARD", "N", 70, None),
    ("X600/01", "SPECIMEN ART PORTFOLIO OCR REP", "Y", 100, None),
    ("X555/01", "SPECIMEN PE THEORY WRTN", "N", 90, 0),
    ("X555/02", "SPECIMEN PE PERFORMANCE VISIT MOD", "Y", 60, None),
    ("X410/01", "SPECIMEN GEOGRAPHY WRTN", "N", 120, 7),
    ("X410/02", "SPECIMEN GEOGRAPHY ENQUIRY OCR REP", "Y", 60, None),
)


def synthetic_basedata(marks_due_on: date = MARKS_DUE_ON, first_paper_on: date = FIRST_PAPER_ON) -> SeriesBasedata:
    """Return the series: computing by upload, post or carried forward; art, geography; one visit; one pure award.

    Takes: the day that centre marks are due, whose year is that of the series, and the day of its first paper.
    """
    return SeriesBasedata(
        Series("99", "6B", marks_due_on.year % 100),
        1,
        tuple(Syllabus(code, title) for code, title in _SYLLABUSES),
        tuple(_option(number, *row) for number, row in enumerate(_OPTIONS, 1)),
        tuple(_component(marks_due_on, first_paper_on, *row) for row in _COMPONENTS),
        tuple(Link(option, component) for option, _, _, components in _OPTIONS for component in components),
        (DisallowedPair("X446*", "X410*"), DisallowedPair("X600A", "X999")),
    )


def _option(number: int, code: str, syllabus_code: str, title: str, components: tuple[str, ...]) -> Option:
    return Option(
        code,
        syllabus_code,
        title,
        qualification="GCE",
        level="A",
        qan=f"9990000{number}",
        result_type="1",
        result_gradesets=("4", ""),
        component_count=len(components),
    )


def _component(
    marks_due_on: date,
    first_paper_on: date,
    code: str,
    title: str,
    teacher_marks: str,
    maximum: int,
    paper_days: int | None,
) -> BoardComponent:
    if paper_days is None:
        due_on = marks_due_on if teacher_marks == "Y" else None
        return BoardComponent(code, title, teacher_marks, maximum, due_on=due_on)
    return BoardComponent(
        code,
        title,
        teacher_marks,
        maximum,
        timetabled="T",
        timetable_on=first_paper_on + timedelta(days=paper_days),
        session="A",
        minutes=150,
    )
