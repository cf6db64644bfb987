from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from moderation.errors import (
    IllegalTransition,
    MarksIncomplete,
    MarksLocked,
    MarksRefused,
    StaleVersion,
    UnknownCandidate,
    UnknownCase,
)
from moderation.marks import MarkStatus
from moderation.records.cases import history_of
from moderation.records.marks import MarkEntry, case_marks, check_marks, confirm_marks, save_marks, submit_marks
from moderation.submission import CaseState
from moderation.tables import Candidate, Entry, new_id
from tests.moderation.records import stage
from tests.moderation.records.stage import NOW, OFFICER, SERIES, TEACHER


@pytest.fixture
def case_id(session: Session) -> str:
    stage.make_series(session)
    return stage.make_centre(session, 3)


def test_marks_go_from_open_to_confirmed(session: Session, case_id: str) -> None:
    one, two, three = stage.candidate_ids(session)
    sheet = save_marks(session, case_id, [MarkEntry(one, 62)], actor=TEACHER, now=NOW, expected_version=1)
    assert (sheet.case.state, sheet.blank, sheet.unchecked) == (CaseState.MARKS_SAVED, 2, 3)
    with pytest.raises(MarksIncomplete):
        submit_marks(session, case_id, actor=OFFICER, now=NOW)
    rows = [MarkEntry(two, None, MarkStatus.ABSENT), MarkEntry(three, 0)]
    save_marks(session, case_id, rows, actor=TEACHER, now=NOW)
    sheet = check_marks(session, case_id, actor=TEACHER, now=NOW)
    assert (sheet.case.state, sheet.control_total, sheet.is_complete) == (CaseState.MARKS_CHECKED, 62, True)
    assert [line.status for line in sheet.lines] == [MarkStatus.PRESENT, MarkStatus.ABSENT, MarkStatus.ZERO_NO_WORTH]
    submit_marks(session, case_id, actor=OFFICER, now=NOW)
    assert confirm_marks(session, case_id, actor="system", now=NOW).state is CaseState.SAMPLE_REQUESTED
    history = history_of(session, case_id)
    assert [step.number for step in history] == sorted({step.number for step in history})
    assert [step.to_state for step in history][-3:] == ["MARKS_CONFIRMED", "SAMPLE_SELECTED", "SAMPLE_REQUESTED"]


@pytest.mark.fault("att:H02")
def test_wrong_marks_are_all_named_and_nothing_is_saved(session: Session, case_id: str) -> None:
    one, two, three = stage.candidate_ids(session)
    rows = [
        MarkEntry(one, 62),
        MarkEntry(one, 62),
        MarkEntry(two, 71),
        MarkEntry(three, None),
        MarkEntry("nobody", 1),
        MarkEntry(three, None, MarkStatus.ZERO_UNAUTHENTICATED),
    ]
    with pytest.raises(MarksRefused) as caught:
        save_marks(session, case_id, rows, actor=TEACHER, now=NOW)
    faults = caught.value.facts["faults"]
    assert isinstance(faults, list)
    assert [(who, code) for who, code, _ in faults] == [
        (one, "duplicate-candidate"),
        (two, "mark-out-of-range"),
        (three, "mark-missing"),
        ("nobody", "unknown-candidate"),
        (three, "duplicate-candidate"),
    ]
    assert case_marks(session, case_id).blank == 3


@pytest.mark.fault("att:H06")
def test_a_second_tab_does_not_overwrite(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    seen = case_marks(session, case_id).case.version
    save_marks(session, case_id, [MarkEntry(one, 62)], actor=TEACHER, now=NOW, expected_version=seen)
    with pytest.raises(StaleVersion):
        save_marks(session, case_id, [MarkEntry(one, 20)], actor=TEACHER, now=NOW, expected_version=seen)
    assert case_marks(session, case_id).lines[0].mark == 62


@pytest.mark.fault("att:H01")
def test_submitted_marks_are_locked(session: Session, case_id: str) -> None:
    stage.enter_marks(session, case_id, [60, 50, 40])
    one = stage.candidate_ids(session)[0]
    with pytest.raises(MarksLocked):
        save_marks(session, case_id, [MarkEntry(one, 61)], actor=TEACHER, now=NOW)
    with pytest.raises(MarksLocked):
        check_marks(session, case_id, actor=TEACHER, now=NOW)
    with pytest.raises(IllegalTransition):
        submit_marks(session, case_id, actor=OFFICER, now=NOW)
    confirm_marks(session, case_id, actor="system", now=NOW)
    with pytest.raises(MarksLocked):
        save_marks(session, case_id, [MarkEntry(one, 61)], actor=TEACHER, now=NOW)
    with pytest.raises(IllegalTransition):
        confirm_marks(session, case_id, actor="system", now=NOW)
    assert case_marks(session, case_id).control_total == 150


def test_a_changed_mark_has_to_be_checked_again(session: Session, case_id: str) -> None:
    one, two, three = stage.candidate_ids(session)
    rows = [MarkEntry(one, 60), MarkEntry(two, 50), MarkEntry(three, 40)]
    save_marks(session, case_id, rows, actor=TEACHER, now=NOW)
    check_marks(session, case_id, actor=TEACHER, now=NOW)
    sheet = save_marks(session, case_id, [MarkEntry(one, 60), MarkEntry(two, 51)], actor=TEACHER, now=NOW)
    assert sheet.case.state is CaseState.MARKS_SAVED
    assert [line.checked for line in sheet.lines] == [True, False, True]
    with pytest.raises(UnknownCandidate):
        check_marks(session, case_id, ["nobody"], actor=TEACHER, now=NOW)


def test_a_late_entry_stops_the_confirmation(session: Session, case_id: str) -> None:
    stage.enter_marks(session, case_id, [60, 50, 40])
    late = Candidate(id=new_id(), series_key=SERIES, centre_number="99901", candidate_number="1900")
    session.add(late)
    session.flush()
    session.add(Entry(candidate_id=late.id, option_code="X446A", series_key=SERIES))
    session.flush()
    with pytest.raises(MarksIncomplete):
        confirm_marks(session, case_id, actor="system", now=NOW)


@pytest.mark.fault("att:H13")
def test_carried_forward_and_withdrawn_candidates_are_not_on_the_sheet(session: Session, case_id: str) -> None:
    ids = stage.candidate_ids(session)
    forward = Candidate(id=new_id(), series_key=SERIES, centre_number="99901", candidate_number="1901")
    session.add(forward)
    session.flush()
    session.add(Entry(candidate_id=forward.id, option_code="X446C", series_key=SERIES))
    session.get_one(Entry, (ids[0], "X446A")).withdrawn_at = NOW
    session.flush()
    assert [line.candidate_id for line in case_marks(session, case_id).lines] == ids[1:]


def test_unknown_case(session: Session) -> None:
    with pytest.raises(UnknownCase):
        case_marks(session, "no-such-case")
