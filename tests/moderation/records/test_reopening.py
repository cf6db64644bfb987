from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from moderation.errors import (
    MarksLocked,
    NotReopenable,
    ReasonMissing,
    RequestDecided,
    RequestOpen,
    RequestUnknown,
    SamePerson,
)
from moderation.records.cases import history_of, view_case
from moderation.records.marking import record_moderator_mark
from moderation.records.marks import MarkEntry, case_marks, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.reopening import (
    ask_reopening,
    decide_reopening,
    note_resubmitted,
    open_reopenings,
    reopenable,
    reopening_of,
    reopenings_of,
)
from moderation.records.samples import sample_of, submit_sample
from moderation.reopening import ChangeKind, FileFact
from moderation.submission import CaseState
from moderation.tracking import Subject
from tests.moderation.records import stage
from tests.moderation.records.stage import MODERATOR, NOW, OFFICER, TEACHER

AB_OFFICER, SECOND = "person-ab-officer", "person-ab-second"
OLD = FileFact("a", "1001", "work", "old.pdf", "aa")
NEW = FileFact("b", "1001", "work", "new.pdf", "bb")


def ask(session: Session, case_id: str) -> str:
    return ask_reopening(session, case_id, reason="Wrong file", actor=OFFICER, now=NOW).reopening_id


def submitted(session: Session) -> str:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    stage.hand_in(session, case_id)
    return case_id


def test_a_submitted_sample_comes_back_and_what_changed_is_shown(session: Session) -> None:
    case_id = submitted(session)
    assert reopenable(CaseState.SUBMITTED) is Subject.SAMPLE
    reopening_id = ask(session, case_id)
    assert [one.reopening_id for one in open_reopenings(session)] == [reopening_id]
    done = decide_reopening(
        session, reopening_id, grant=True, reason="", officer=AB_OFFICER, now=NOW, files=[OLD], receipt_id="r1"
    )
    assert done.granted
    assert view_case(session, case_id).state is CaseState.UPLOADING
    assert history_of(session, case_id)[-1].reason == "Wrong file"
    items = {item.item_id for item in sample_of(session, case_id).items}
    submit_sample(session, case_id, items_with_work=items, actor=OFFICER, now=NOW)
    noted = note_resubmitted(session, case_id, Subject.SAMPLE, actor=OFFICER, now=NOW, files=[NEW], receipt_id="r2")
    assert noted is not None
    (change,) = noted.files
    assert (change.kind, change.before, change.after) == (ChangeKind.REPLACED, OLD, NEW)
    assert (noted.receipt_before, noted.receipt_after, noted.marks) == ("r1", "r2", ())
    assert note_resubmitted(session, case_id, Subject.SAMPLE, actor=OFFICER, now=NOW) is None
    second = ask(session, case_id)
    decide_reopening(session, second, grant=True, reason="", officer=SECOND, now=NOW + timedelta(1), files=[NEW])
    assert [one.reopening_id for one in reopenings_of(session, case_id)] == [reopening_id, second]


def test_marks_come_back_while_a_consortium_is_waited_for(session: Session) -> None:
    stage.make_series(session)
    first, second = stage.make_consortium(session, ["99901", "99902"], [3, 3])
    stage.confirm(session, first, [60, 50, 40])
    reopening_id = ask(session, first)
    assert reopening_of(session, reopening_id).subject is Subject.MARKS
    decide_reopening(session, reopening_id, grant=True, reason="", officer=AB_OFFICER, now=NOW)
    assert view_case(session, first).state is CaseState.MARKS_SAVED
    line = case_marks(session, first).lines[1]
    save_marks(session, first, [MarkEntry(line.candidate_id, 55)], actor=TEACHER, now=NOW)
    check_marks(session, first, actor=TEACHER, now=NOW)
    submit_marks(session, first, actor=OFFICER, now=NOW)
    noted = note_resubmitted(session, first, Subject.MARKS, actor=OFFICER, now=NOW)
    assert noted is not None
    (change,) = noted.marks
    assert change.before is not None
    assert change.after is not None
    assert (change.candidate_number, change.before.mark, change.after.mark) == ("1002", 50, 55)
    confirm_marks(session, first, actor="system", now=NOW)
    stage.confirm(session, second, [30, 20, 10])
    with pytest.raises(NotReopenable):
        ask(session, first)


def test_a_refusal_leaves_everything_as_it_was(session: Session) -> None:
    case_id = submitted(session)
    before = view_case(session, case_id), history_of(session, case_id)
    reopening_id = ask(session, case_id)
    with pytest.raises(RequestOpen):
        ask(session, case_id)
    with pytest.raises(SamePerson):
        decide_reopening(session, reopening_id, grant=True, reason="", officer=OFFICER, now=NOW)
    with pytest.raises(ReasonMissing):
        decide_reopening(session, reopening_id, grant=False, reason=" ", officer=AB_OFFICER, now=NOW)
    refused = decide_reopening(session, reopening_id, grant=False, reason="Too late", officer=AB_OFFICER, now=NOW)
    assert (refused.granted, refused.files, refused.marks) == (False, (), ())
    assert (view_case(session, case_id), history_of(session, case_id)) == before
    with pytest.raises(RequestDecided):
        decide_reopening(session, reopening_id, grant=True, reason="", officer=SECOND, now=NOW)
    assert (view_case(session, case_id), history_of(session, case_id)) == before
    with pytest.raises(RequestUnknown):
        decide_reopening(session, "none", grant=True, reason="", officer=SECOND, now=NOW)
    with pytest.raises(RequestUnknown):
        reopening_of(session, "none")


def test_once_the_moderator_has_begun_nothing_is_given_back(session: Session) -> None:
    case_id = submitted(session)
    reopening_id = ask(session, case_id)
    stage.give_to_moderator(session, case_id)
    item = sample_of(session, case_id).items[0]
    record_moderator_mark(session, item.item_id, mark=item.centre_mark, moderator=MODERATOR, now=NOW)
    before = view_case(session, case_id)
    with pytest.raises(NotReopenable):
        decide_reopening(session, reopening_id, grant=True, reason="", officer=AB_OFFICER, now=NOW)
    assert view_case(session, case_id) == before


@pytest.mark.fault("att:H01")
def test_after_the_draw_the_centre_can_neither_edit_marks_nor_have_them_back(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    before = case_marks(session, case_id), sample_of(session, case_id)
    line = before[0].lines[0]
    with pytest.raises(MarksLocked):
        save_marks(session, case_id, [MarkEntry(line.candidate_id, 10)], actor=TEACHER, now=NOW)
    with pytest.raises(MarksLocked):
        check_marks(session, case_id, actor=TEACHER, now=NOW)
    with pytest.raises(NotReopenable, match="amendment"):
        ask(session, case_id)
    assert (case_marks(session, case_id), sample_of(session, case_id)) == before


def test_open_marks_need_no_reopening(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    with pytest.raises(NotReopenable, match="open"):
        ask(session, case_id)
    with pytest.raises(ReasonMissing):
        ask_reopening(session, case_id, reason="", actor=OFFICER, now=NOW)
