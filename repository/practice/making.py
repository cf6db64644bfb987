"""Makes a practice centre: invented candidates, marks to enter, a sample to send, one that is late, days around today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import MONTHS, PRACTICE_PREFIX, Series, SubmissionMode, is_practice
from moderation.records import declarations, marks, reference, slots
from moderation.records.marks import MarkEntry
from moderation.rehearsal.people import invent
from moderation.slots import COHORT_SLOT, WORK_SLOT, Slot, SlotScope
from moderation.tables import (
    Candidate,
    Centre,
    Component,
    Entry,
    EntryOption,
    ModerationCase,
    OptionComponent,
    Sample,
    SeriesRow,
)
from moderation.working_days import LONDON, Nation, add_working_days, end_of_day
from repository.errors import PracticeFull
from repository.tables import PracticeCentre

CHARACTERS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
FAMILIES = "ABCDEFGHJKLMNPQRSTUVWXYZ"
TRIES = 200
DAYS_TO_ENTER_MARKS = 5
PRACTICE_NAME = "Practice centre"


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a practice centre, and how far it is when somebody begins.

    ``stage``: ``marks`` some marks are entered; ``sample`` the sample is asked for; ``late`` it was due yesterday.
    """

    code: str
    title: str
    option: str
    candidates: int
    maximum: int
    stage: str
    each_candidate: bool = False


PARTS: tuple[Part, ...] = (
    Part("PRAC/01", "Practice computing project", "PRAC1", 18, 60, "marks"),
    Part("PRAC/02", "Practice art portfolio", "PRAC2", 24, 80, "sample", each_candidate=True),
    Part("PRAC/03", "Practice English folder", "PRAC3", 4, 40, "late"),
)
"""What a practice centre has. Source: project policy: one of each thing that a centre has to do, small enough for an hour."""
SLOTS: dict[str, tuple[Slot, ...]] = {
    "PRAC/02": (
        Slot(WORK_SLOT, "Portfolio", "Photographs or scans of the work, in one or several files."),
        Slot("record", "Unit recording sheet", "The sheet with the marks by criterion."),
        Slot(COHORT_SLOT, "Documents about the whole group", "", required=False, scope=SlotScope.COHORT),
    )
}
STATEMENT = (
    "I have seen this candidate's work grow, and I declare that it is the candidate's own. (These are practice words: an "
    "awarding body enters its own.)"
)


def new_place(session: Session, seed: str, now: datetime) -> tuple[str, str]:
    """Return the number and the series key of a new practice centre; a number is never given twice.

    Raises: ``PracticeFull`` when as many as there can be are in use.
    """
    random = Random(seed)
    today = now.astimezone(LONDON).date()
    month = list(MONTHS)[today.month - 1]
    for _ in range(TRIES):
        number = PRACTICE_PREFIX + "".join(random.choice(CHARACTERS) for _ in range(4))
        body = PRACTICE_PREFIX + random.choice(CHARACTERS)
        key = Series(body, month + random.choice(FAMILIES), today.year % 100).key
        if session.get(PracticeCentre, number) is None and session.get(SeriesRow, key) is None:
            return number, key
    raise PracticeFull


def make(session: Session, number: str, series_key: str, nation: Nation, seed: str, now: datetime) -> None:
    """Put the rows of a practice centre into the database: everything but the role of the person whose it is."""
    if not (is_practice(number) and is_practice(series_key)):
        raise ValueError("a practice centre has a number and a series of practice")
    random, series = Random(seed), Series.from_key(series_key)
    today = now.astimezone(LONDON).date()
    row = SeriesRow(
        key=series_key,
        awarding_body=series.awarding_body,
        code=series.code,
        year=series.year,
        title=f"Practice, {series.title}",
    )
    session.add_all([row, Centre(centre_number=number, name=PRACTICE_NAME, nation=nation.value)])
    session.flush()
    for part in PARTS:
        _add_component(session, series_key, part, _marks_due_on(part, today, nation))
    session.flush()
    slots.set_slots(session, series_key, SLOTS)
    for part in PARTS:
        if part.each_candidate:
            declarations.set_terms(
                session, series.awarding_body, part.code, STATEMENT, each_candidate=True, actor="practice", now=now
            )
    first = 1001
    for part in PARTS:
        _add_candidates(session, series, number, part, first, random)
        first += part.candidates + 10
    session.flush()
    reference.open_all_cases(session, series_key, actor="practice", now=now)
    for part in PARTS:
        _bring_on(session, series_key, number, part, random, now)


def _marks_due_on(part: Part, today: date, nation: Nation) -> date:
    return add_working_days(today, DAYS_TO_ENTER_MARKS, nation) if part.stage == "marks" else today - timedelta(days=7)


def _add_component(session: Session, series_key: str, part: Part, due_on: date) -> None:
    session.add_all(
        [
            Component(
                series_key=series_key,
                component_code=part.code,
                title=part.title,
                teacher_marks=True,
                maximum_mark=part.maximum,
                due_on=due_on,
                submission_mode=SubmissionMode.UPLOAD.value,
                mode_source="practice",
                tolerance_marks=3,
            ),
            EntryOption(
                series_key=series_key,
                option_code=part.option,
                syllabus_code=part.option,
                title=part.title,
                submission_mode=SubmissionMode.UPLOAD.value,
            ),
        ]
    )
    session.flush()
    session.add(OptionComponent(series_key=series_key, option_code=part.option, component_code=part.code))


def _add_candidates(session: Session, series: Series, number: str, part: Part, first: int, random: Random) -> None:
    people = [invent("99999", first + place, series.year, random) for place in range(part.candidates)]
    rows = [
        # Without identifiers: nothing of a practice centre can be taken for a person who is entered anywhere.
        Candidate(
            series_key=series.key,
            centre_number=number,
            candidate_number=one.candidate_number,
            surname=one.surname,
            forenames=one.forenames,
        )
        for one in people
    ]
    session.add_all(rows)
    session.flush()
    session.add_all(Entry(candidate_id=row.id, option_code=part.option, series_key=series.key) for row in rows)


def _bring_on(session: Session, series_key: str, number: str, part: Part, random: Random, now: datetime) -> None:
    """Enter marks, and bring a component as far as it is to be when somebody begins."""
    case = session.scalars(
        select(ModerationCase).where(
            ModerationCase.series_key == series_key,
            ModerationCase.centre_number == number,
            ModerationCase.component_code == part.code,
        )
    ).one()
    lines = marks.case_marks(session, case.id).lines
    entered = lines[: len(lines) // 2] if part.stage == "marks" else lines
    marks.save_marks(session, case.id, _marks(entered, part, random), actor="practice", now=now)
    if part.stage == "marks":
        return
    marks.check_marks(session, case.id, actor="practice", now=now)
    marks.submit_marks(session, case.id, actor="practice", now=now)
    marks.confirm_marks(session, case.id, actor="practice", now=now)
    if part.stage == "late" and case.sample_id is not None:
        sample = session.get_one(Sample, case.sample_id)
        sample.due_at = end_of_day(now.astimezone(LONDON).date() - timedelta(days=1))
        session.flush()


def _marks(lines: Sequence[marks.MarkLine], part: Part, random: Random) -> list[MarkEntry]:
    return [
        MarkEntry(
            line.candidate_id, random.randint(part.maximum // 4, part.maximum), teaching_set=f"SET {'AB'[place % 2]}"
        )
        for place, line in enumerate(lines)
    ]
