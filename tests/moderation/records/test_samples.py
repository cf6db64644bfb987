from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from moderation.errors import IllegalTransition, NoSample, SampleIncomplete, WrongSubmissionMode
from moderation.marks import MarkStatus
from moderation.outcome import OutcomeKind, Stage
from moderation.records.cases import view_case
from moderation.records.exports import sample_lines
from moderation.records.marks import MarkEntry, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.outcomes import confirm_outcome, moderated_marks, outcome_of
from moderation.records.postal import despatch_consignment
from moderation.records.samples import (
    explain_missing_work,
    progress_of,
    sample_of,
    start_upload,
    submit_sample,
)
from moderation.submission import CaseState
from tests.moderation.records import stage
from tests.moderation.records.stage import NOW, OFFICER, TEACHER


def test_the_sample_is_drawn_at_once_and_due_in_three_working_days(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 40)
    with pytest.raises(NoSample):
        sample_of(session, case_id)
    case = stage.confirm(session, case_id, [70 - i for i in range(40)])
    assert case.state is CaseState.SAMPLE_REQUESTED
    sample = sample_of(session, case_id)
    assert [item.position for item in sample.items] == [1, 4, 7, 9, 12, 15, 18, 21, 23, 26, 29, 32, 34, 37, 40]
    assert sample.items[0].explanation == "Highest mark"
    assert sum(item.first_stage for item in sample.items) == 6
    assert sample.due_at == datetime(2026, 5, 20, 22, 59, 59, tzinfo=UTC)
    assert case.sample_due_at == sample.due_at
    line = sample_lines(session, stage.SERIES)[0]
    assert (line.centre_mark, line.reason) == (70, "picked")


def test_a_sample_is_handed_in_when_every_work_is_there(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    one, two, three = (item.item_id for item in sample_of(session, case_id).items)
    start_upload(session, case_id, actor=TEACHER, now=NOW)
    start_upload(session, case_id, actor=TEACHER, now=NOW)
    with pytest.raises(SampleIncomplete) as caught:
        submit_sample(session, case_id, items_with_work=[one], actor=OFFICER, now=NOW)
    assert caught.value.facts["missing"] == ["1002", "1003"]
    explain_missing_work(session, three, reason="lost in a fire", actor=OFFICER, now=NOW)
    progress = progress_of(session, case_id, [one], NOW + timedelta(days=30))
    assert (progress.expected, progress.received, progress.is_late) == (3, 2, True)
    submit_sample(session, case_id, items_with_work=[one, two], actor=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.SUBMITTED
    with pytest.raises(IllegalTransition):
        submit_sample(session, case_id, items_with_work=[one, two], actor=OFFICER, now=NOW)


def test_an_uploaded_component_is_not_posted(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    stage.confirm(session, case_id, [60, 50])
    contents = [item.item_id for item in sample_of(session, case_id).items]
    with pytest.raises(WrongSubmissionMode):
        despatch_consignment(session, case_id, proof_of_posting_number="P1", contents=contents, actor=OFFICER, now=NOW)


@pytest.mark.fault("att:H14")
def test_a_consortium_waits_for_its_last_member_and_has_one_sample(session: Session) -> None:
    stage.make_series(session)
    first, second, third = stage.make_consortium(session, ["99901", "99902", "99903"], [10, 10, 2])
    assert stage.confirm(session, first, [70 - i for i in range(10)]).state is CaseState.WAITING_FOR_MEMBERS
    assert stage.confirm(session, second, [50 - i for i in range(10)]).state is CaseState.WAITING_FOR_MEMBERS
    stage.enter_marks(session, third, [0, 0])
    confirm_marks(session, third, actor="system", now=NOW)
    whole = sample_of(session, first, whole=True)
    assert (whole.candidates_total, whole.size, len(whole.items)) == (20, 15, 15)
    own = sample_of(session, first).items + sample_of(session, second).items
    assert {item.item_id for item in own} == {item.item_id for item in whole.items}
    assert {item.centre_number for item in sample_of(session, first).items} == {"99901"}
    assert view_case(session, second).state is CaseState.SAMPLE_REQUESTED
    assert view_case(session, third).state is CaseState.SAMPLE_NOT_REQUIRED


def test_nobody_to_draw_means_no_sample_and_marks_that_stand(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    one, two = stage.candidate_ids(session)
    rows = [MarkEntry(one, None, MarkStatus.ABSENT), MarkEntry(two, 0)]
    save_marks(session, case_id, rows, actor=TEACHER, now=NOW)
    check_marks(session, case_id, actor=TEACHER, now=NOW)
    submit_marks(session, case_id, actor=OFFICER, now=NOW)
    assert confirm_marks(session, case_id, actor="system", now=NOW).state is CaseState.OUTCOME_PROPOSED
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage) == (OutcomeKind.ACCEPTED, Stage.NO_SAMPLE)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert [(row.status, row.moderated_mark) for row in moderated_marks(session, case_id)] == [
        (MarkStatus.ABSENT, None),
        (MarkStatus.ZERO_NO_WORTH, 0),
    ]
