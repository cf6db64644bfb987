from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from moderation.errors import (
    FeedbackRefused,
    IllegalTransition,
    ReasonMissing,
    SamePerson,
    StaleVersion,
    SupportCallNeeded,
)
from moderation.outcome import OutcomeKind
from moderation.records.cases import view_case
from moderation.records.invalid_order import (
    calls_of,
    feedback_of,
    note_support_call,
    offer_support_call,
    return_to_centre,
)
from moderation.records.marks import case_marks
from moderation.records.outcomes import outcomes_of
from moderation.submission import CaseState
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_D, MODERATOR, MODERATOR_D, NOW, OFFICER
from tests.moderation.records.test_marking_and_outcomes import with_moderator

FEEDBACK = "The candidates are not in the order of criterion C; mark everybody again."
INVALID = dict(zip(CENTRE_D, MODERATOR_D, strict=True))


def invalid(session: Session) -> str:
    case_id = with_moderator(session, CENTRE_D)
    stage.moderate(session, case_id, INVALID)
    assert view_case(session, case_id).state is CaseState.INVALID_ORDER
    return case_id


def mark_again(session: Session, case_id: str) -> None:
    stage.confirm(session, case_id, CENTRE_D)
    stage.hand_in(session, case_id)
    stage.moderate(session, case_id, INVALID)


def test_feedback_without_marks_returns_the_whole_cohort(session: Session) -> None:
    case_id = invalid(session)
    version = view_case(session, case_id).version
    with pytest.raises(FeedbackRefused):
        return_to_centre(session, case_id, feedback="1001 should have 45", officer=OFFICER, now=NOW)
    with pytest.raises(SamePerson):
        return_to_centre(session, case_id, feedback=FEEDBACK, officer=MODERATOR, now=NOW)
    with pytest.raises(StaleVersion):
        return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW, expected_version=version - 1)
    done = return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW, expected_version=version)
    assert return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW) == done
    assert [(one.number, one.feedback) for one in feedback_of(session, case_id)] == [(1, FEEDBACK)]
    assert view_case(session, case_id).state is CaseState.RETURNED_TO_CENTRE
    stage.enter_marks(session, case_id, CENTRE_D)
    assert case_marks(session, case_id).mark_set_version == 2


def test_after_a_second_failure_a_call_is_noted_before_marks_are_returned_again(session: Session) -> None:
    case_id = invalid(session)
    return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW)
    mark_again(session, case_id)
    assert [one.kind for one in outcomes_of(session, case_id)] == [OutcomeKind.INVALID_ORDER] * 2
    with pytest.raises(SupportCallNeeded):
        return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW)
    with pytest.raises(IllegalTransition):
        note_support_call(session, case_id, spoken_with="Head", notes="went through C", officer=OFFICER, now=NOW)
    with pytest.raises(ReasonMissing):
        offer_support_call(session, case_id, reason="", officer=OFFICER, now=NOW)
    offer_support_call(session, case_id, reason="failed twice", officer=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.SUPPORT_CALL
    with pytest.raises(SupportCallNeeded):
        return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW)
    with pytest.raises(ReasonMissing):
        note_support_call(session, case_id, spoken_with=" ", notes="went through C", officer=OFFICER, now=NOW)
    note_support_call(
        session, case_id, spoken_with="Head of department", notes="went through C", officer=OFFICER, now=NOW
    )
    assert [call.spoken_with for call in calls_of(session, case_id)] == ["Head of department"]
    return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.RETURNED_TO_CENTRE


def test_a_valid_order_is_not_returned(session: Session) -> None:
    case_id = with_moderator(session)
    stage.moderate(session, case_id, {mark: mark for mark in stage.CENTRE_B})
    with pytest.raises(IllegalTransition):
        return_to_centre(session, case_id, feedback=FEEDBACK, officer=OFFICER, now=NOW)
