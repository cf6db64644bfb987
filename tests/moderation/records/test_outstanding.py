from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.records.extensions import ask_extension, decide_extension
from moderation.records.marks import MarkEntry, case_marks, save_marks
from moderation.records.outstanding import (
    extensions_asked,
    inbox,
    make_reminders,
    missing_of,
    outstanding,
    reminders_of,
)
from moderation.records.postal import despatch_consignment, receive_consignment
from moderation.records.samples import sample_of
from moderation.tables import Component, Reminder
from moderation.tracking import Finding, Subject
from tests.moderation.records import stage
from tests.moderation.records.stage import COMPONENT, MODERATOR, NOW, OFFICER, SERIES, TEACHER


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 5, day, hour, tzinfo=UTC)


def test_marks_and_samples_are_outstanding_with_what_is_missing(session: Session) -> None:
    stage.make_series(session)
    drawn, marking, untouched = (stage.make_centre(session, 3, number) for number in ("99901", "99902", "99903"))
    stage.confirm(session, drawn, [60, 50, 40])
    lines = case_marks(session, marking).lines
    save_marks(session, marking, [MarkEntry(lines[0].candidate_id, 30)], actor=TEACHER, now=NOW)
    session.get_one(Component, (SERIES, COMPONENT)).due_on = date(2026, 5, 15)
    session.flush()
    found = outstanding(session)
    assert [(one.centre_number, one.subject) for one in found] == [
        ("99902", Subject.MARKS),
        ("99903", Subject.MARKS),
        ("99901", Subject.SAMPLE),
    ]
    items = [item.item_id for item in sample_of(session, drawn).items]
    missing = missing_of(session, found, {items[0]: frozenset({"work"})})
    assert missing == {marking: ("2 of 3 marks",), untouched: ("3 of 3 marks",), drawn: ("1002", "1003")}
    assert [one.working_days_late(at(19)) for one in found] == [2, 2, 0]
    assert [one.is_late(at(19)) for one in found] == [True, True, False]
    assert [one.case_id for one in outstanding(session, centre_number="99901", series_key=SERIES)] == [drawn]
    assert outstanding(session, component_code="X999/99") == []
    stage.hand_in(session, drawn)
    assert drawn not in {one.case_id for one in outstanding(session)}


def test_of_a_posted_sample_what_was_not_found_is_missing(session: Session) -> None:
    stage.make_series(session, "POSTAL")
    case_id = stage.make_centre(session, 3, mode="POSTAL")
    stage.confirm(session, case_id, [60, 50, 40])
    one, two, three = (item.item_id for item in sample_of(session, case_id).items)
    parcel = despatch_consignment(
        session, case_id, proof_of_posting_number="P", contents=[one, two, three], actor=OFFICER, now=NOW
    )
    assert missing_of(session, outstanding(session), {}) == {case_id: ("1001", "1002", "1003")}
    receive_consignment(
        session,
        parcel.consignment_id,
        findings={one: (Finding.RECEIVED, ""), two: (Finding.MISLABELLED, "?"), three: (Finding.MISSING, "")},
        actor=MODERATOR,
        now=NOW,
    )
    assert missing_of(session, outstanding(session), {}) == {case_id: ("1002", "1003")}


def test_reminders_are_made_once_for_each_of_the_policys_days(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])  # due on Wednesday 20 May; reminders 1 day before, that day, 1 after
    made = [make_reminders(session, now) for now in (at(18), at(19), at(19, 20), at(20), at(21), at(21), at(28))]
    assert made == [0, 1, 0, 1, 1, 0, 0]
    assert [one.working_days for one in reminders_of(session, [case_id])[case_id]] == [1, 0, -1]
    ((line, newest),) = inbox(session, "99901")
    assert (line.case_id, newest.working_days, newest.subject) == (case_id, -1, Subject.SAMPLE)
    assert inbox(session, "99902") == []
    stage.hand_in(session, case_id)
    assert inbox(session, "99901") == []


def test_a_service_that_stood_still_makes_one_reminder_and_not_three(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    assert make_reminders(session, at(28)) == 1
    assert [one.working_days for one in reminders_of(session, [case_id])[case_id]] == [-1]


def test_more_time_begins_a_clock_with_its_own_reminders(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    make_reminders(session, at(19))
    asked = ask_extension(
        session, case_id, reason="Flood", wanted_on=date(2026, 5, 27), actor=OFFICER, now=at(19)
    ).extension_id
    assert extensions_asked(session) == {case_id}
    decide_extension(session, asked, granted_on=date(2026, 5, 27), reason="", officer="other", now=at(19))
    assert extensions_asked(session) == frozenset()
    assert inbox(session, "99901") == []  # the reminder of the day before is over
    assert make_reminders(session, at(20)) == 0
    assert make_reminders(session, at(26)) == 1
    assert [newest.working_days for _, newest in inbox(session, "99901")] == [1]
    assert session.scalar(select(func.count()).select_from(Reminder)) == 2


def test_marks_are_reminded_of_by_the_same_days(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    assert make_reminders(session, at(19)) == 0  # no day was set
    session.get_one(Component, (SERIES, COMPONENT)).due_on = date(2026, 5, 20)
    session.flush()
    assert make_reminders(session, at(19)) == 1
    ((line, reminder),) = inbox(session, "99901")
    assert (line.case_id, line.subject, reminder.working_days) == (case_id, Subject.MARKS, 1)
