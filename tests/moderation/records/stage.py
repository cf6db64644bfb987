"""A synthetic series with centres and candidates, and the steps that many tests share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict
from moderation.records.cases import CaseView, view_case
from moderation.records.checks import cases_to_check, decide_check, open_check, record_check_mark
from moderation.records.marking import allocate, record_moderator_mark, stage_of
from moderation.records.marks import MarkEntry, case_marks, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.samples import sample_of, submit_sample
from moderation.submission import CaseState
from moderation.tables import (
    Candidate,
    Centre,
    Component,
    Consortium,
    ConsortiumMember,
    Entry,
    EntryOption,
    ExternalMark,
    GradeBoundary,
    ModerationCase,
    OptionComponent,
    SeriesRow,
    new_id,
)

SERIES = "01-6A26"
COMPONENT = "X446/03"
PAPER = "X446/01"
NOW = datetime(2026, 5, 15, 9, 0, tzinfo=UTC)
TEACHER, OFFICER, MODERATOR = "person-teacher", "person-officer", "person-moderator"
LEADER = "person-leader"
CENTRE_B = (68, 64, 61, 58, 55, 52, 49, 46, 43, 40, 36, 32, 27, 21, 12)
MODERATOR_B = (62, 58, 56, 52, 50, 47, 45, 42, 39, 36, 33, 29, 25, 19, 11)
CENTRE_D = (58, 55, 52, 50, 47, 44, 41, 38, 35, 31, 28, 24, 20, 15, 9)
MODERATOR_D = (50, 39, 54, 36, 49, 33, 46, 29, 38, 24, 35, 18, 30, 11, 14)


def make_series(session: Session, mode: str = "UPLOAD", tolerance_marks: int | None = 4) -> None:
    session.add(SeriesRow(key=SERIES, awarding_body="01", code="6A", year=26, title="June 2026"))
    session.flush()
    session.add_all(
        [
            EntryOption(series_key=SERIES, option_code="X446A", syllabus_code="X446", title="EXAMPLE: COMPUTING"),
            EntryOption(
                series_key=SERIES,
                option_code="X446C",
                syllabus_code="X446",
                title="EXAMPLE: COMPUTING, CARRIED FORWARD",
                submission_mode="CARRIED_FORWARD",
            ),
            Component(
                series_key=SERIES,
                component_code=COMPONENT,
                title="EXAMPLE: PROJECT",
                teacher_marks=True,
                maximum_mark=70,
                submission_mode=mode,
                tolerance_marks=tolerance_marks,
            ),
            Component(
                series_key=SERIES,
                component_code=PAPER,
                title="EXAMPLE: PAPER",
                maximum_mark=140,
                weighted_maximum="280",
            ),
            *[
                GradeBoundary(series_key=SERIES, option_code="X446A", grade=g, mark=m)
                for g, m in (("A", 280), ("B", 200))
            ],
        ]
    )
    session.flush()
    session.add_all(
        OptionComponent(series_key=SERIES, option_code=option, component_code=component)
        for option, component in (("X446A", COMPONENT), ("X446A", PAPER), ("X446C", COMPONENT))
    )
    session.flush()


def make_centre(
    session: Session, size: int, centre_number: str = "99901", mode: str = "UPLOAD", consortium_id: str | None = None
) -> str:
    session.add(Centre(centre_number=centre_number, name="EXAMPLE:CENTRE", nation="ENGLAND"))
    session.flush()
    for i in range(size):
        candidate = Candidate(
            id=new_id(),
            series_key=SERIES,
            centre_number=centre_number,
            candidate_number=f"{1001 + i}",
            surname="EXAMPLE",
            forenames=f"TEST {i + 1}",
        )
        session.add(candidate)
        session.flush()
        session.add(Entry(candidate_id=candidate.id, option_code="X446A", series_key=SERIES))
        session.add(
            ExternalMark(series_key=SERIES, component_code=PAPER, candidate_id=candidate.id, mark=100, status="PRESENT")
        )
    case = ModerationCase(
        id=new_id(),
        series_key=SERIES,
        component_code=COMPONENT,
        centre_number=centre_number,
        consortium_id=consortium_id,
        submission_mode=mode,
        state=CaseState.MARKS_OPEN.value,
        opened_at=NOW,
    )
    session.add(case)
    session.flush()
    return case.id


def make_consortium(session: Session, centre_numbers: Sequence[str], sizes: Sequence[int]) -> list[str]:
    ids = [make_centre(session, size, number) for number, size in zip(centre_numbers, sizes, strict=True)]
    consortium = Consortium(
        id=new_id(), series_key=SERIES, component_code=COMPONENT, lead_centre_number=centre_numbers[0]
    )
    session.add(consortium)
    session.flush()
    for number, case_id in zip(centre_numbers, ids, strict=True):
        session.add(
            ConsortiumMember(
                consortium_id=consortium.id, centre_number=number, series_key=SERIES, component_code=COMPONENT
            )
        )
        session.get_one(ModerationCase, case_id).consortium_id = consortium.id
    session.flush()
    return ids


def enter_marks(session: Session, case_id: str, marks: Sequence[int]) -> None:
    lines = case_marks(session, case_id).lines
    rows = [MarkEntry(line.candidate_id, mark) for line, mark in zip(lines, marks, strict=True)]
    save_marks(session, case_id, rows, actor=TEACHER, now=NOW)
    check_marks(session, case_id, actor=TEACHER, now=NOW)
    submit_marks(session, case_id, actor=OFFICER, now=NOW)


def confirm(session: Session, case_id: str, marks: Sequence[int]) -> CaseView:
    enter_marks(session, case_id, marks)
    return confirm_marks(session, case_id, actor="system", now=NOW)


def hand_in(session: Session, case_id: str) -> None:
    items = {item.item_id for item in sample_of(session, case_id).items}
    submit_sample(session, case_id, items_with_work=items, actor=OFFICER, now=NOW + timedelta(days=1))


def give_to_moderator(session: Session, case_id: str) -> None:
    case = view_case(session, case_id)
    allocate(
        session,
        person_id=MODERATOR,
        series_key=case.series_key,
        component_code=case.component_code,
        centre_number=case.centre_number,
    )


def moderate(session: Session, case_id: str, mark_of: Mapping[int, int]) -> None:
    """Mark what is unread, by centre mark, until an outcome stands."""
    whole = {item.item_id: item for item in sample_of(session, case_id, whole=True).items}
    report = stage_of(session, case_id)
    while report.unread:
        for item_id in report.unread:
            mark = mark_of[whole[item_id].centre_mark]
            report = record_moderator_mark(session, item_id, mark=mark, moderator=MODERATOR, now=NOW)
    check_if_due(session, case_id)


def check_if_due(session: Session, case_id: str, checker: str = LEADER) -> None:
    """Let a team leader agree with the moderator, where policy asks for it."""
    if not cases_to_check(session, [case_id]):
        return
    check = open_check(session, case_id, checker=checker, is_principal=False, now=NOW)
    for work in check.works:
        check = record_check_mark(session, check.check_id, work.item_id, mark=1, checker=checker, now=NOW)
    decide_check(session, check.check_id, verdict=Verdict.AGREED, reason="", checker=checker, now=NOW)


def candidate_ids(session: Session, centre_number: str = "99901") -> list[str]:
    return list(
        session.scalars(
            select(Candidate.id).where(Candidate.centre_number == centre_number).order_by(Candidate.candidate_number)
        )
    )
