from __future__ import annotations

import pytest

from moderation.errors import IllegalTransition
from moderation.submission import MARKS_EDITABLE, TRANSITIONS, CaseEvent, CaseState, move


@pytest.mark.parametrize("state", CaseState)
@pytest.mark.parametrize("event", CaseEvent)
def test_only_the_table_moves(state: CaseState, event: CaseEvent) -> None:
    if (state, event) in TRANSITIONS:
        assert move(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransition) as caught:
            move(state, event)
        assert caught.value.facts == {"state": str(state), "event": str(event)}


@pytest.mark.fault("att:H01")
def test_marks_cannot_be_saved_once_submitted() -> None:
    saving = {state for state, event in TRANSITIONS if event is CaseEvent.SAVE_MARKS}
    assert saving == MARKS_EDITABLE


def test_every_state_can_be_reached_from_open_marks() -> None:
    reached = {CaseState.MARKS_OPEN}
    for _ in CaseState:
        reached |= {to for (state, _), to in TRANSITIONS.items() if state in reached}
    assert reached == set(CaseState)


@pytest.mark.fault("att:H09")
def test_results_follow_a_locked_outcome_only() -> None:
    before = {state for (state, _), to in TRANSITIONS.items() if to is CaseState.RESULTS_ISSUED}
    assert before == {CaseState.OUTCOME_LOCKED, CaseState.RESULTS_ISSUED}
