from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.amendments import AmendmentDecision, AmendmentKind, SampleChoice
from moderation.errors import (
    AmendmentNotPossible,
    MarkOutOfRange,
    MarksLocked,
    OutcomeNotConfirmable,
    ReasonMissing,
    SamePerson,
    StaleVersion,
)
from moderation.marks import MarkStatus
from moderation.outcome import OutcomeKind, Stage
from moderation.records.amendments import (
    AmendmentView,
    amendments_of,
    approve_amendment,
    clerical_errors_of,
    open_amendments,
    propose_amendment,
    refuse_amendment,
)
from moderation.records.cases import view_case
from moderation.records.marking import centre_marks_now, stage_of
from moderation.records.marks import MarkEntry, case_marks, save_marks
from moderation.records.outcomes import confirm_outcome, moderated_marks, outcome_of, outcomes_of
from moderation.records.samples import sample_of
from moderation.submission import CaseState
from moderation.tables import CentreMark, ModerationCase, Outcome
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, MODERATOR, MODERATOR_B, NOW, OFFICER, SERIES, TEACHER
from tests.moderation.records.test_marking_and_outcomes import with_moderator

OTHER = "person-other-officer"
KIND = AmendmentKind.CLERICAL_ERROR


def propose(session: Session, case_id: str, position: int, mark: int | None, **more: object) -> AmendmentView:
    candidate = stage.candidate_ids(session)[position]
    asked = {"kind": KIND, "reason": "two criteria were added up wrongly", "actor": MODERATOR, "now": NOW} | more
    return propose_amendment(session, case_id, candidate, mark=mark, **asked)


def approve(session: Session, one: AmendmentView, choice: SampleChoice, officer: str = OFFICER) -> AmendmentView:
    return approve_amendment(session, one.amendment_id, choice=choice, reason="seen", officer=officer, now=NOW)


@pytest.mark.fault("att:H01")
def test_a_centre_cannot_edit_after_the_draw_and_an_amendment_is_the_way(session: Session) -> None:
    case_id = with_moderator(session)
    one = stage.candidate_ids(session)[0]
    with pytest.raises(MarksLocked):
        save_marks(session, case_id, [MarkEntry(one, 60)], actor=TEACHER, now=NOW)
    asked = propose(session, case_id, 0, 60, kind=AmendmentKind.CENTRE_ERROR, actor="exams-officer")
    assert open_amendments(session, SERIES) == {case_id}
    assert case_marks(session, case_id).lines[0].mark == 68
    done = approve(session, asked, SampleChoice.KEEP)
    assert (done.decision, done.mark_set_version) == (AmendmentDecision.APPROVED, 2)
    assert open_amendments(session, SERIES) == set()
    sheet = case_marks(session, case_id)
    assert (sheet.mark_set_version, sheet.lines[0].mark, sheet.lines[1].mark) == (2, 60, 64)
    assert sheet.is_complete
    before = session.scalars(
        select(CentreMark.mark).where(CentreMark.candidate_id == one, CentreMark.mark_set_version == 1)
    ).one()
    assert before == 68
    assert view_case(session, case_id).state is CaseState.SUBMITTED
    assert clerical_errors_of(session, case_id) == []


@pytest.mark.fault("att:H01", "att:H08")
def test_a_slip_is_corrected_before_the_fit_and_the_outcome_is_found_again(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    confirm_outcome(session, case_id, officer=OTHER, now=NOW)
    assert len(moderated_marks(session, case_id)) == 15
    approve(session, propose(session, case_id, 0, 62), SampleChoice.KEEP)
    kept = outcomes_of(session, case_id)
    assert [(one.number_of_pairs, one.superseded_at is None) for one in map(_Seen, kept)] == [(15, False), (15, True)]
    again = outcome_of(session, case_id)
    assert again is not None
    assert again.mark_set_version == 2
    assert [62, 62] in again.numbers["pairs"]
    assert [68, 62] not in again.numbers["pairs"]
    assert (again.confirmed_at, again.proposed_by) == (None, "system")
    assert moderated_marks(session, case_id) == []
    assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED
    item = next(one for one in sample_of(session, case_id).items if one.candidate_number == "1001")
    assert (item.centre_mark, centre_marks_now(session, case_id)[item.item_id]) == (68, 62)
    stage.check_if_due(session, case_id)
    confirm_outcome(session, case_id, officer=OTHER, now=NOW)
    told = clerical_errors_of(session, case_id)
    assert [(one.candidate_number, one.before.mark, one.after.mark) for one in told] == [("1001", 68, 62)]


class _Seen:
    def __init__(self, outcome: Outcome) -> None:
        self.number_of_pairs = outcome.numbers["n"]
        self.superseded_at = outcome.superseded_at


def test_an_accepted_outcome_may_call_the_whole_sample_once_a_mark_is_amended(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    approve(session, propose(session, case_id, 0, 30), SampleChoice.KEEP)
    assert outcome_of(session, case_id) is None
    assert view_case(session, case_id).state is CaseState.FULL_SAMPLE
    report = stage_of(session, case_id)
    assert (report.stage, len(report.unread)) == (Stage.FULL_SAMPLE, 9)


def test_the_work_of_an_amended_candidate_can_be_called(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 20)
    stage.confirm(session, case_id, [60 - i for i in range(20)])
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    drawn = {item.candidate_number for item in sample_of(session, case_id).items}
    left = next(i for i in range(20) if f"{1001 + i}" not in drawn)
    one = propose(session, case_id, left, 30)
    approve(session, one, SampleChoice.ADD)
    assert view_case(session, case_id).state is CaseState.MORE_WORK_REQUESTED
    assert one.candidate_number in {item.candidate_number for item in sample_of(session, case_id).items}
    stage.hand_in(session, case_id)
    stage.moderate(session, case_id, {mark: mark for mark in range(71)})
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert [30, 30] in outcome.numbers["pairs"]


def test_the_sample_can_be_drawn_anew_and_never_is_silently(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    before = sample_of(session, case_id).sample_id
    approve(session, propose(session, case_id, 3, 20), SampleChoice.REDRAW)
    assert view_case(session, case_id).state is CaseState.SAMPLE_REQUESTED
    after = sample_of(session, case_id)
    assert after.sample_id != before
    assert 20 in {item.centre_mark for item in after.items}
    assert outcome_of(session, case_id) is None


def test_an_amendment_to_absent_leaves_the_candidate_out(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    approve(session, propose(session, case_id, 14, None, status=MarkStatus.ABSENT), SampleChoice.KEEP)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert outcome.numbers["n"] == 14
    stage.check_if_due(session, case_id)
    confirm_outcome(session, case_id, officer=OTHER, now=NOW)
    assert moderated_marks(session, case_id)[-1].moderated_mark is None


def test_two_people_a_reason_and_a_mark_that_is_still_the_same(session: Session) -> None:
    case_id = with_moderator(session)
    with pytest.raises(ReasonMissing):
        propose(session, case_id, 0, 60, reason=" ")
    with pytest.raises(MarkOutOfRange):
        propose(session, case_id, 0, 71)
    with pytest.raises(AmendmentNotPossible):
        propose(session, case_id, 0, 68)
    one = propose(session, case_id, 0, 60)
    with pytest.raises(AmendmentNotPossible):
        propose(session, case_id, 0, 61)
    with pytest.raises(SamePerson):
        approve(session, one, SampleChoice.KEEP, officer=MODERATOR)
    with pytest.raises(AmendmentNotPossible):
        approve(session, one, SampleChoice.ADD)
    refused = refuse_amendment(session, one.amendment_id, reason="the sum is right", officer=OFFICER, now=NOW)
    assert refused.decision is AmendmentDecision.REFUSED
    with pytest.raises(AmendmentNotPossible):
        approve(session, one, SampleChoice.KEEP)
    assert case_marks(session, case_id).mark_set_version == 1
    second = propose(session, case_id, 1, 60)
    session.get_one(CentreMark, (case_id, second.candidate_id, 1)).mark = 63
    with pytest.raises(StaleVersion):
        approve(session, second, SampleChoice.KEEP)


def test_nothing_is_confirmed_while_an_amendment_waits(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    propose(session, case_id, 0, 60)
    with pytest.raises(OutcomeNotConfirmable):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)


def test_before_the_draw_and_after_results_there_is_no_amendment(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 5)
    stage.enter_marks(session, case_id, [50, 40, 30, 20, 10])
    with pytest.raises(AmendmentNotPossible):
        propose(session, case_id, 0, 45)


def test_whoever_can_be_drawn_now_needs_a_sample(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    stage.confirm(session, case_id, [0, 0])
    assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED
    one = propose(session, case_id, 0, 45)
    with pytest.raises(AmendmentNotPossible):
        approve(session, one, SampleChoice.KEEP)
    approve(session, one, SampleChoice.REDRAW)
    assert view_case(session, case_id).state is CaseState.SAMPLE_REQUESTED


def test_a_case_without_sample_keeps_its_outcome_when_a_zero_becomes_absent(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    stage.confirm(session, case_id, [0, 0])
    approve(session, propose(session, case_id, 0, None, status=MarkStatus.ABSENT), SampleChoice.KEEP)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage, outcome.mark_set_version) == (OutcomeKind.ACCEPTED, Stage.NO_SAMPLE, 2)


def test_a_consortium_is_found_again_as_one(session: Session) -> None:
    stage.make_series(session)
    first, second = stage.make_consortium(session, ["99901", "99902"], [8, 7])
    stage.confirm(session, first, CENTRE_B[:8])
    stage.confirm(session, second, CENTRE_B[8:])
    for case_id in (first, second):
        stage.give_to_moderator(session, case_id)
        stage.hand_in(session, case_id)
    stage.moderate(session, first, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    confirm_outcome(session, first, officer=OFFICER, now=NOW)
    approve(session, propose(session, first, 0, 62), SampleChoice.KEEP)
    versions = {}
    for case_id in (first, second):
        assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED
        outcome = outcome_of(session, case_id)
        assert outcome is not None
        versions[case_id] = outcome.mark_set_version
    assert versions == {first: 2, second: 1}
    assert session.get_one(ModerationCase, second).mark_set_version == 1
    assert len(amendments_of(session, first)) == 1
    stage.check_if_due(session, first)
    confirm_outcome(session, second, officer=OFFICER, now=NOW)
    assert moderated_marks(session, first)[0].centre_mark == 62
