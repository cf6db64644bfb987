from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from moderation.errors import (
    HoldMissing,
    HoldNotPossible,
    IllegalTransition,
    ReasonMissing,
    SamePerson,
    UnknownCandidate,
)
from moderation.outcome import OutcomeKind
from moderation.records.cases import history_of, view_case
from moderation.records.gate import gate
from moderation.records.holds import (
    SuspicionDecision,
    decide_suspicion,
    held_candidates,
    hold,
    holds_of,
    raise_suspicion,
    release,
    suspicions_of,
)
from moderation.records.marking import record_moderator_mark, stage_of
from moderation.records.outcomes import confirm_outcome, moderated_marks, outcome_of
from moderation.submission import CaseState
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, COMPONENT, MODERATOR, MODERATOR_B, NOW, OFFICER, SERIES
from tests.moderation.records.test_marking_and_outcomes import with_moderator

WHY = "two works share a page"


def test_a_held_candidate_is_left_out_and_the_others_go_on(session: Session) -> None:
    case_id = with_moderator(session)
    one = stage.candidate_ids(session)[0]
    made = hold(session, case_id, candidate_id=one, reason=WHY, officer=OFFICER, now=NOW)
    assert held_candidates(session, SERIES) == {(one, COMPONENT)}
    assert view_case(session, case_id).state is CaseState.SUBMITTED
    assert len(stage_of(session, case_id).unread) == 5
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.numbers["n"], outcome.numbers["left_out"]) == (OutcomeKind.ADJUSTED, 14, [one])
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    # The mapping covers every mark, so the mark is there when the hold ends.
    assert moderated_marks(session, case_id)[0].moderated_mark == 62
    release(session, made.hold_id, reason="both works are their own", officer=OFFICER, now=NOW)
    assert held_candidates(session, SERIES) == frozenset()


def test_a_hold_on_the_last_unread_work_lets_the_outcome_be_found(session: Session) -> None:
    case_id = with_moderator(session)
    unread = stage_of(session, case_id).unread
    items = {item.item_id: item for item in stage.sample_of(session, case_id).items}
    for item_id in unread[:-1]:
        record_moderator_mark(session, item_id, mark=items[item_id].centre_mark, moderator=MODERATOR, now=NOW)
    last = items[unread[-1]].candidate_id
    hold(session, case_id, candidate_id=last, reason=WHY, officer=OFFICER, now=NOW)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.numbers["n"]) == (OutcomeKind.ACCEPTED, 5)


def test_a_held_case_stops_and_goes_on_where_it_was_with_neutral_words_in_its_history(session: Session) -> None:
    case_id = with_moderator(session)
    made = hold(session, case_id, candidate_id=None, reason=WHY, officer=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.MALPRACTICE_HOLD
    assert held_candidates(session, SERIES) == frozenset()
    with pytest.raises(HoldNotPossible):
        hold(session, case_id, candidate_id=None, reason=WHY, officer=OFFICER, now=NOW)
    item = stage.sample_of(session, case_id).items[0]
    with pytest.raises(IllegalTransition):
        record_moderator_mark(session, item.item_id, mark=1, moderator=MODERATOR, now=NOW)
    with pytest.raises(ReasonMissing):
        release(session, made.hold_id, reason=" ", officer=OFFICER, now=NOW)
    done = release(session, made.hold_id, reason="nothing found", officer=OFFICER, now=NOW)
    assert (done.release_reason, done.released_by) == ("nothing found", OFFICER)
    assert view_case(session, case_id).state is CaseState.SUBMITTED
    with pytest.raises(HoldNotPossible):
        release(session, made.hold_id, reason="again", officer=OFFICER, now=NOW)
    with pytest.raises(HoldMissing):
        release(session, "no such hold", reason="again", officer=OFFICER, now=NOW)
    said = " ".join(step.reason for step in history_of(session, case_id))
    assert WHY not in said
    assert "nothing found" not in said


def test_a_suspicion_holds_nothing_until_another_person_decides(session: Session) -> None:
    case_id = with_moderator(session)
    one = stage.candidate_ids(session)[2]
    with pytest.raises(ReasonMissing):
        raise_suspicion(session, case_id, candidate_id=one, statement="", actor=MODERATOR, now=NOW)
    with pytest.raises(UnknownCandidate):
        raise_suspicion(session, case_id, candidate_id="nobody", statement=WHY, actor=MODERATOR, now=NOW)
    made = raise_suspicion(session, case_id, candidate_id=one, statement=WHY, actor=MODERATOR, now=NOW)
    assert holds_of(session, case_id=case_id) == []
    assert view_case(session, case_id).state is CaseState.SUBMITTED

    def decide(decision: SuspicionDecision, officer: str = OFFICER) -> object:
        return decide_suspicion(
            session, made.suspicion_id, decision=decision, reason="looked at", officer=officer, now=NOW
        )

    with pytest.raises(SamePerson):
        decide(SuspicionDecision.HOLD_CANDIDATE, MODERATOR)
    decide(SuspicionDecision.HOLD_CANDIDATE)
    assert held_candidates(session, SERIES) == {(one, COMPONENT)}
    with pytest.raises(HoldNotPossible):
        decide(SuspicionDecision.NO_ACTION)
    (kept,) = suspicions_of(session, series_key=SERIES)
    assert (kept.decision, kept.decided_by, kept.candidate_number) == (
        SuspicionDecision.HOLD_CANDIDATE,
        OFFICER,
        "1003",
    )


def test_a_suspicion_about_nobody_cannot_hold_a_candidate(session: Session) -> None:
    case_id = with_moderator(session)
    made = raise_suspicion(session, case_id, candidate_id=None, statement=WHY, actor=MODERATOR, now=NOW)
    with pytest.raises(HoldNotPossible):
        decide_suspicion(
            session,
            made.suspicion_id,
            decision=SuspicionDecision.HOLD_CANDIDATE,
            reason="x",
            officer=OFFICER,
            now=NOW,
        )
    done = decide_suspicion(
        session, made.suspicion_id, decision=SuspicionDecision.HOLD_CASE, reason="x", officer=OFFICER, now=NOW
    )
    assert done is not None
    assert view_case(session, case_id).state is CaseState.MALPRACTICE_HOLD


def test_the_gate_counts_a_held_candidate_as_held_and_its_second_calculation_leaves_the_work_out(
    session: Session,
) -> None:
    case_id = with_moderator(session)
    items = {item.item_id: item for item in stage.sample_of(session, case_id).items}
    for item_id in stage_of(session, case_id).unread:
        centre = items[item_id].centre_mark
        given = 20 if centre == 68 else centre - 3
        record_moderator_mark(session, item_id, mark=given, moderator=MODERATOR, now=NOW)
    one = stage.candidate_ids(session)[0]
    made = hold(session, case_id, candidate_id=one, reason=WHY, officer=OFFICER, now=NOW)
    # The work was read before the hold; so far from the others, it would leave no valid order.
    stage.moderate(session, case_id, {mark: mark - 5 for mark in CENTRE_B})
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert outcome.numbers["left_out"] == [one]
    stage.check_if_due(session, case_id)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    report = gate(session, SERIES)
    assert [block.code for block in report.blocks] == []
    assert [(row.held, row.difference) for row in report.reconciliations] == [(1, 0)]
    release(session, made.hold_id, reason="its own work", officer=OFFICER, now=NOW)
    report = gate(session, SERIES)
    assert [(row.held, row.difference) for row in report.reconciliations] == [(0, 0)]
