from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.entries import SubmissionMode
from moderation.errors import IllegalTransition
from moderation.outcome import OutcomeKind
from moderation.review import (
    DONE,
    FINDINGS,
    OPEN,
    SET_ASIDE,
    TRANSITIONS,
    Before,
    Consent,
    MarkedWork,
    ModeratedWork,
    ReasonCode,
    Refusal,
    RequestEvent,
    RequestState,
    Service,
    move,
    why_not_appeal,
    why_not_marking,
    why_not_moderation,
)

S, E = RequestState, RequestEvent
GOOD = ModeratedWork(
    SubmissionMode.UPLOAD,
    OutcomeKind.ADJUSTED,
    is_lead_centre=True,
    is_sealed=True,
    is_intact=True,
    is_filmed=False,
    is_kept=True,
)
PAPER = MarkedWork(
    is_entered=True, is_marked_by_centre=False, levels=frozenset({"A"}), is_june=True, place_at_stake=True
)


@given(st.lists(st.sampled_from(list(E)), max_size=30), st.sampled_from(list(Consent)))
def test_any_order_of_events_keeps_to_the_table(events: list[RequestEvent], consent: Consent) -> None:
    state, consented = S.DRAFT, False
    for event in events:
        skips_consent = state is S.DRAFT and (event is E.SUBMIT) is (consent is not Consent.NONE)
        if (state, event) not in TRANSITIONS or (skips_consent and event in {E.SUBMIT, E.RECORD_CONSENT}):
            with pytest.raises(IllegalTransition) as caught:
                move(state, event, consent)
            assert caught.value.facts == {"state": state.value, "event": event.value}
            continue
        after = move(state, event, consent)
        assert TRANSITIONS[state, event] is after
        consented = consented or event is E.RECORD_CONSENT
        state = after
        if state not in {S.DRAFT, S.CONSENTED, S.WITHDRAWN} and consent is not Consent.NONE:
            assert consented
    if state in {S.CLOSED, *SET_ASIDE}:
        assert not [event for event in E if (state, event) in TRANSITIONS]


def test_every_state_is_reached_and_is_of_one_kind() -> None:
    reached = {S.DRAFT, *TRANSITIONS.values()}
    assert reached == set(S)
    assert set(S) == OPEN | DONE | SET_ASIDE
    assert not OPEN & DONE
    assert set(FINDINGS) == set(Service)


def test_the_reasons_are_the_regulators_seventeen() -> None:
    assert len(ReasonCode) == 17
    assert all(len(code.value) <= 60 for code in ReasonCode)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({}, None),
        ({"kind": OutcomeKind.MODERATOR_MARKS}, None),
        ({"kind": OutcomeKind.ACCEPTED}, Refusal.ACCEPTED_UNCHANGED),
        ({"kind": None}, Refusal.NOT_MODERATED),
        ({"is_lead_centre": False}, Refusal.NOT_LEAD_CENTRE),
        ({"is_disposed": True}, Refusal.WORK_DISPOSED),
        ({"mode": SubmissionMode.VISIT}, Refusal.NO_FILM),
        ({"mode": SubmissionMode.VISIT, "is_filmed": True}, None),
        ({"is_sealed": False}, Refusal.NOT_SEALED),
        ({"is_intact": False}, Refusal.SAMPLE_CHANGED),
        ({"is_kept": False}, Refusal.WORK_RETURNED),
    ],
)
def test_a_review_of_moderation(change: dict[str, object], refusal: Refusal | None) -> None:
    work = replace(GOOD, **change)
    assert why_not_moderation(work, candidate_named=False, before=()) is refusal
    assert why_not_moderation(work, candidate_named=True, before=()) is Refusal.CANDIDATE_NAMED


def test_a_review_of_moderation_is_made_once() -> None:
    for state in S:
        before = [Before(Service.REVIEW_OF_MODERATION, state)]
        found = why_not_moderation(GOOD, candidate_named=False, before=before)
        expected = Refusal.ALREADY_OPEN if state in OPEN else Refusal.ALREADY_DONE if state in DONE else None
        assert found is expected, state
    assert why_not_moderation(None, candidate_named=False, before=()) is Refusal.NOT_MODERATED


def why(service: Service, work: MarkedWork | None = PAPER, *before: Before) -> Refusal | None:
    return why_not_marking(service, work, before=before, levels=frozenset({"A", "ASB"}))


def test_services_about_marking() -> None:
    own = replace(PAPER, is_marked_by_centre=True)
    assert why(Service.CLERICAL_RECHECK, own) is None  # recording of the centre's mark
    assert why(Service.REVIEW_OF_MARKING, own) is Refusal.NOT_MARKED_OUTSIDE
    assert why(Service.SCRIPT, own) is Refusal.NO_SCRIPT
    assert why(Service.SCRIPT_PRIORITY) is None
    assert why(Service.REVIEW_OF_MARKING, None) is Refusal.CANDIDATE_NEEDED
    assert why(Service.REVIEW_OF_MARKING, replace(PAPER, is_entered=False)) is Refusal.NOT_ENTERED
    assert why(Service.PRIORITY_REVIEW) is None
    assert why(Service.PRIORITY_REVIEW, replace(PAPER, is_june=False)) is Refusal.LEVEL
    assert why(Service.PRIORITY_REVIEW, replace(PAPER, levels=frozenset({"GCSE"}))) is Refusal.LEVEL
    assert why(Service.PRIORITY_REVIEW, replace(PAPER, place_at_stake=False)) is Refusal.NO_PLACE_AT_STAKE


def test_one_after_the_other() -> None:
    done, open_ = S.OUTCOME, S.SUBMITTED
    assert why(Service.REVIEW_OF_MARKING, PAPER, Before(Service.CLERICAL_RECHECK, done)) is None
    assert why(Service.REVIEW_OF_MARKING, PAPER, Before(Service.CLERICAL_RECHECK, open_)) is Refusal.OTHER_OPEN
    assert why(Service.CLERICAL_RECHECK, PAPER, Before(Service.REVIEW_OF_MARKING, done)) is Refusal.RECHECK_AFTER_REVIEW
    assert why(Service.PRIORITY_REVIEW, PAPER, Before(Service.REVIEW_OF_MARKING, open_)) is Refusal.ALREADY_OPEN
    assert why(Service.REVIEW_OF_MARKING, PAPER, Before(Service.PRIORITY_REVIEW, done)) is Refusal.ALREADY_DONE
    assert why(Service.REVIEW_OF_MARKING, PAPER, Before(Service.SCRIPT_PRIORITY, open_)) is None
    assert why(Service.SCRIPT, PAPER, Before(Service.SCRIPT_PRIORITY, done)) is Refusal.ALREADY_DONE
    for service, gone in product((Service.CLERICAL_RECHECK, Service.REVIEW_OF_MARKING, Service.SCRIPT), SET_ASIDE):
        assert why(service, PAPER, Before(service, gone)) is None


def test_appeals_follow_outcomes() -> None:
    first, second = Service.APPEAL_STAGE_1, Service.APPEAL_STAGE_2
    for state in S:
        review = Before(Service.REVIEW_OF_MARKING, state)
        assert (why_not_appeal(first, review, before=()) is None) is (state in DONE)
        heard = Before(first, state)
        assert (why_not_appeal(second, heard, before=()) is None) is (state in DONE)
    script = Before(Service.SCRIPT, S.OUTCOME)
    assert why_not_appeal(first, script, before=()) is Refusal.NO_REVIEW_OUTCOME
    assert why_not_appeal(first, None, before=()) is Refusal.NO_REVIEW_OUTCOME
    review = Before(Service.REVIEW_OF_MODERATION, S.OUTCOME)
    assert why_not_appeal(second, review, before=()) is Refusal.STAGE_1_FIRST
    assert why_not_appeal(first, review, before=[Before(first, S.SUBMITTED)]) is Refusal.ALREADY_OPEN
    assert why_not_appeal(first, review, before=[Before(first, S.CLOSED)]) is Refusal.ALREADY_DONE
