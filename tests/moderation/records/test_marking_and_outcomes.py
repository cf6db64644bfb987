from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation import guards
from moderation.errors import (
    IllegalTransition,
    MarkOutOfRange,
    NotAllocated,
    NotInStage,
    OutcomeMissing,
    OutcomeNotConfirmable,
    ReasonMissing,
    RecomputationDiffers,
    SamePerson,
    SampleIncomplete,
    StaleVersion,
    ToleranceMissing,
)
from moderation.outcome import OutcomeKind, Stage
from moderation.records import outcomes
from moderation.records.cases import case_of, hold_case, release_hold, view_case
from moderation.records.invalid_order import return_to_centre
from moderation.records.marking import (
    allocate,
    find_again,
    record_moderator_mark,
    reopen_marking,
    stage_of,
    worklist,
)
from moderation.records.marks import MarkEntry, case_marks, save_marks
from moderation.records.moderator_marks import marks_of_item
from moderation.records.outcomes import (
    accept_by_officer,
    confirm_outcome,
    moderated_marks,
    outcome_of,
    outcomes_of,
    withdraw_outcome,
)
from moderation.records.samples import sample_of
from moderation.submission import CaseState
from moderation.tables import CentreMark, Component, Outcome, PolicyRow, RuleAssignment
from tests.moderation.records import stage
from tests.moderation.records.stage import (
    CENTRE_B,
    CENTRE_D,
    MODERATOR,
    MODERATOR_B,
    MODERATOR_D,
    NOW,
    OFFICER,
    SERIES,
    TEACHER,
)


def with_moderator(session: Session, marks: tuple[int, ...] = CENTRE_B) -> str:
    stage.make_series(session)
    case_id = stage.make_centre(session, len(marks))
    stage.confirm(session, case_id, marks)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    return case_id


def test_an_accurate_centre_is_accepted_after_six_works(session: Session) -> None:
    case_id = with_moderator(session)
    assert [(line.sampled, line.read, line.is_readable) for line in worklist(session, MODERATOR, NOW)] == [
        (15, 0, True)
    ]
    stage.moderate(session, case_id, {mark: mark - 2 for mark in CENTRE_B})
    assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage, outcome.numbers["n"]) == (OutcomeKind.ACCEPTED, Stage.SUB_SAMPLE, 6)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert [row.moderated_mark for row in moderated_marks(session, case_id)] == list(CENTRE_B)
    assert view_case(session, case_id).state is CaseState.OUTCOME_LOCKED


def test_a_lenient_centre_is_adjusted_as_example_b(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage) == (OutcomeKind.ADJUSTED, Stage.FULL_SAMPLE)
    assert outcome.numbers["slope"] == "25447/28057"
    confirmed = confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert confirmed.confirmed_by == OFFICER
    after = {row.centre_mark: row.moderated_mark for row in moderated_marks(session, case_id)}
    assert (after[68], after[12]) == (62, 11)
    assert confirmed.policy_version == "moderation-policy/1"


def test_an_invalid_order_goes_back_and_is_moderated_again(session: Session) -> None:
    case_id = with_moderator(session, CENTRE_D)
    stage.moderate(session, case_id, dict(zip(CENTRE_D, MODERATOR_D, strict=True)))
    assert view_case(session, case_id).state is CaseState.INVALID_ORDER
    with pytest.raises(OutcomeNotConfirmable):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    return_to_centre(session, case_id, feedback="Look at criterion C again.", officer=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.RETURNED_TO_CENTRE
    assert moderated_marks(session, case_id) == []
    old_sample = sample_of(session, case_id).sample_id
    one = stage.candidate_ids(session)[0]
    sheet = save_marks(session, case_id, [MarkEntry(one, 50)], actor=TEACHER, now=NOW)
    assert (sheet.mark_set_version, sheet.blank) == (2, 14)
    stage.confirm(session, case_id, [50 - i for i in range(15)])
    assert sample_of(session, case_id).sample_id != old_sample
    stage.hand_in(session, case_id)
    stage.moderate(session, case_id, {50 - i: 50 - i for i in range(15)})
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert [row.kind for row in outcomes_of(session, case_id)] == [OutcomeKind.INVALID_ORDER, OutcomeKind.ACCEPTED]
    assert [row.moderated_mark for row in moderated_marks(session, case_id)] == [50 - i for i in range(15)]


def test_only_the_first_works_may_be_read_first(session: Session) -> None:
    case_id = with_moderator(session)
    items = sample_of(session, case_id).items
    later = next(item for item in items if not item.first_stage)
    first = next(item for item in items if item.first_stage)
    with pytest.raises(NotInStage):
        record_moderator_mark(session, later.item_id, mark=1, moderator=MODERATOR, now=NOW)
    with pytest.raises(MarkOutOfRange):
        record_moderator_mark(session, first.item_id, mark=71, moderator=MODERATOR, now=NOW)
    with pytest.raises(NotAllocated):
        record_moderator_mark(session, first.item_id, mark=1, moderator="somebody", now=NOW)
    with pytest.raises(OutcomeMissing):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)


@pytest.mark.fault("att:H06")
def test_marks_are_superseded_and_two_tabs_conflict(session: Session) -> None:
    case_id = with_moderator(session)
    item_id = stage_of(session, case_id).unread[0]
    record_moderator_mark(session, item_id, mark=60, moderator=MODERATOR, now=NOW, expected_number=0)
    record_moderator_mark(session, item_id, mark=60, moderator=MODERATOR, now=NOW)
    with pytest.raises(StaleVersion):
        record_moderator_mark(session, item_id, mark=50, moderator=MODERATOR, now=NOW, expected_number=0)
    record_moderator_mark(session, item_id, mark=50, moderator=MODERATOR, now=NOW, expected_number=1)
    assert [(row.number, row.mark, row.superseded_at is None) for row in marks_of_item(session, item_id)] == [
        (1, 60, False),
        (2, 50, True),
    ]


def test_no_marking_without_tolerance_or_before_the_work_is_in(session: Session) -> None:
    stage.make_series(session, tolerance_marks=None)
    case_id = stage.make_centre(session, 3)
    stage.confirm(session, case_id, [60, 50, 40])
    stage.give_to_moderator(session, case_id)
    item_id = sample_of(session, case_id).items[0].item_id
    with pytest.raises(ToleranceMissing):
        record_moderator_mark(session, item_id, mark=60, moderator=MODERATOR, now=NOW)
    session.get_one(Component, (SERIES, stage.COMPONENT)).tolerance_marks = 4
    with pytest.raises(IllegalTransition):
        record_moderator_mark(session, item_id, mark=60, moderator=MODERATOR, now=NOW)


def test_an_allocation_has_two_ends(session: Session) -> None:
    case_id = with_moderator(session)
    case = view_case(session, case_id)
    allocate(
        session,
        person_id=MODERATOR,
        series_key=case.series_key,
        component_code=case.component_code,
        centre_number=case.centre_number,
        opens_at=NOW,
        closes_at=NOW + timedelta(days=1),
    )
    assert len(worklist(session, MODERATOR, NOW)) == 1
    assert worklist(session, MODERATOR, NOW + timedelta(days=1)) == []
    assert worklist(session, MODERATOR, NOW - timedelta(seconds=1)) == []


def test_a_second_person_confirms(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    with pytest.raises(SamePerson):
        confirm_outcome(session, case_id, officer=MODERATOR, now=NOW)


@pytest.mark.fault("att:H08")
def test_confirming_twice_changes_nothing(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    first = confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert confirm_outcome(session, case_id, officer="another", now=NOW + timedelta(days=1)) == first


def test_an_officer_accepts_only_with_a_reason_and_another_confirms(session: Session) -> None:
    case_id = with_moderator(session, (60, 20))
    stage.moderate(session, case_id, {60: 30, 20: 10})
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.OFFICER_DECIDES
    with pytest.raises(OutcomeNotConfirmable):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    with pytest.raises(ReasonMissing):
        accept_by_officer(session, case_id, reason=" ", officer=OFFICER, now=NOW)
    accept_by_officer(session, case_id, reason="two candidates only", officer=OFFICER, now=NOW)
    with pytest.raises(SamePerson):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    confirm_outcome(session, case_id, officer="another", now=NOW)
    assert [row.moderated_mark for row in moderated_marks(session, case_id)] == [60, 20]


def test_a_proposed_outcome_can_be_sent_back_and_the_whole_sample_is_read(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    report = reopen_marking(session, case_id, reason="look again", officer=OFFICER, now=NOW)
    assert (report.stage, len(report.unread)) == (Stage.FULL_SAMPLE, 9)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert outcome.stage is Stage.FULL_SAMPLE


@pytest.mark.fault("att:H10")
def test_a_recomputation_that_differs_confirms_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    guards.drop(session.connection())  # somebody who owns the database changes what was recorded
    outcome = session.scalars(select(Outcome)).one()
    tampered = list(outcome.numbers["mapping"])
    tampered[68] = 63
    outcome.numbers = {**outcome.numbers, "mapping": tampered}
    session.commit()
    with pytest.raises(RecomputationDiffers) as caught:
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    session.rollback()
    assert caught.value.facts["candidates"] == [stage.candidate_ids(session)[0]]
    assert moderated_marks(session, case_id) == []


@pytest.mark.fault("att:H01", "att:H10")
def test_a_centre_mark_changed_behind_the_rules_is_found(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    one = stage.candidate_ids(session)[0]
    session.execute(update(CentreMark).where(CentreMark.candidate_id == one).values(mark=70))
    with pytest.raises(RecomputationDiffers):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)


def test_a_consortium_is_read_together_fitted_once_and_adjusted_everywhere(session: Session) -> None:
    stage.make_series(session)
    first, second, third = stage.make_consortium(session, ["99901", "99902", "99903"], [8, 7, 1])
    stage.confirm(session, first, CENTRE_B[:8])
    stage.confirm(session, third, [0])
    stage.confirm(session, second, CENTRE_B[8:])
    for case_id in (first, second, third):
        stage.give_to_moderator(session, case_id)
    stage.hand_in(session, first)
    item_id = next(item.item_id for item in sample_of(session, first).items if item.first_stage)
    with pytest.raises(SampleIncomplete):
        record_moderator_mark(session, item_id, mark=60, moderator=MODERATOR, now=NOW)
    stage.hand_in(session, second)
    stage.moderate(session, first, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    confirm_outcome(session, second, officer=OFFICER, now=NOW)
    assert {view_case(session, case_id).state for case_id in (first, second, third)} == {CaseState.OUTCOME_LOCKED}
    assert moderated_marks(session, first)[0].moderated_mark == 62
    assert moderated_marks(session, second)[-1].moderated_mark == 11
    assert moderated_marks(session, third)[0].moderated_mark == 0


def test_a_case_is_held_and_comes_back_where_it_was(session: Session) -> None:
    case_id = with_moderator(session)
    with pytest.raises(ReasonMissing):
        hold_case(session, case_id, reason="", actor=OFFICER, now=NOW)
    hold_case(session, case_id, reason="two works alike", actor=OFFICER, now=NOW)
    assert case_marks(session, case_id).case.state is CaseState.MALPRACTICE_HOLD
    assert release_hold(session, case_id, reason="nothing found", actor=OFFICER, now=NOW) is CaseState.SUBMITTED
    with pytest.raises(IllegalTransition):
        release_hold(session, case_id, reason="again", actor=OFFICER, now=NOW)


@pytest.mark.fault("att:H08")
def test_a_withdrawn_outcome_stays_in_the_history_and_is_found_again(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    version = view_case(session, case_id).version
    with pytest.raises(ReasonMissing):
        withdraw_outcome(session, case_id, reason=" ", officer=OFFICER, now=NOW)
    with pytest.raises(StaleVersion):
        withdraw_outcome(session, case_id, reason="wrong", officer=OFFICER, now=NOW, expected_version=version - 1)
    withdraw_outcome(session, case_id, reason="wrong criteria", officer=OFFICER, now=NOW, expected_version=version)
    assert outcome_of(session, case_id) is None
    assert moderated_marks(session, case_id) == []
    assert view_case(session, case_id).state is CaseState.RECEIPT_COMPLETE
    with pytest.raises(IllegalTransition):
        withdraw_outcome(session, case_id, reason="again", officer=OFFICER, now=NOW)
    find_again(session, case_id, now=NOW)
    first, second = outcomes_of(session, case_id)
    assert (first.confirmed_by, first.superseded_at) == (OFFICER, NOW)
    assert (second.confirmed_at, second.superseded_at) == (None, None)
    assert {**first.numbers, "sample": None} == {**second.numbers, "sample": None}


@pytest.mark.fault("att:H08")
def test_proposing_twice_changes_nothing(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in CENTRE_B})
    case = case_of(session, case_id)
    decision = stage_of(session, case_id).decision
    assert decision is not None
    (before,) = outcomes_of(session, case_id)
    version = case.version
    kept = {"left_out": [], "moderator_marks": None}
    outcomes.propose_outcome(session, [case], decision, actor=MODERATOR, now=NOW, particulars={case_id: kept})
    assert outcomes_of(session, case_id) == [before]
    assert case.version == version
    first = accept_by_officer(session, case_id, reason="a known view", officer=OFFICER, now=NOW)
    assert accept_by_officer(session, case_id, reason="a known view", officer=OFFICER, now=NOW) == first
    assert len(outcomes_of(session, case_id)) == 2


def test_the_policy_of_the_awarding_body_gives_the_limits_and_is_kept_with_the_outcome(session: Session) -> None:
    stage.make_series(session)
    lax = {
        "policy_id": "lax",
        "version": 3,
        "title": "Lax",
        "discordant_share": "17/105",
        "correlation": "8/10",
        "team_leader_check": "never",
        "disclosure": "outcome",
        "sample_working_days": 3,
        "reminder_working_days": [1],
        "source": "project policy",
        "verified": False,
    }
    session.add(PolicyRow(policy_id="lax", version=3, content=lax, imported_at=NOW, imported_by=OFFICER))
    session.add(
        RuleAssignment(awarding_body="01", policy_id="lax", policy_version=3, assigned_at=NOW, assigned_by=OFFICER)
    )
    session.flush()
    case_id = stage.make_centre(session, len(CENTRE_D))
    stage.confirm(session, case_id, CENTRE_D)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, dict(zip(CENTRE_D, MODERATOR_D, strict=True)))
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.policy_id, outcome.policy_revision) == (OutcomeKind.ADJUSTED, "lax", 3)
    assert outcome.numbers["limits"] == {"discordant_share": "17/105", "correlation": "4/5"}
    assert outcome.numbers["policy"] == {"policy_id": "lax", "version": 3, "team_leader_check": "never"}
    assert confirm_outcome(session, case_id, officer=OFFICER, now=NOW).confirmed_by == OFFICER
