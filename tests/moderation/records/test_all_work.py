"""What follows when every work was called and read: one line through all of them, or the moderator's own marks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from moderation import guards
from moderation.errors import OutcomeNotConfirmable, RecomputationDiffers, SampleIncomplete
from moderation.outcome import OutcomeKind, Stage
from moderation.profiles import AllWorkOutcome
from moderation.records.cases import view_case
from moderation.records.holds import hold
from moderation.records.marking import propose_again, stage_of
from moderation.records.outcomes import confirm_outcome, moderated_marks, outcome_of
from moderation.records.rules import listed_profiles
from moderation.records.samples import explain_missing_work, sample_of
from moderation.records.work_requests import request_all_work
from moderation.submission import CaseState
from moderation.tables import Component, Outcome
from tests.moderation.records import stage
from tests.moderation.records.stage import MODERATOR, NOW, OFFICER, SERIES

CENTRE = [60 - i for i in range(20)]
GIVEN = {mark: (mark * 7) % 41 for mark in CENTRE}
"""No order at all, and far outside the tolerance."""
LENIENT = {mark: mark - 8 for mark in CENTRE}


def called(
    session: Session, rule: AllWorkOutcome, marks: dict[int, int], hinder: Callable[[str], None] | None = None
) -> str:
    """A case all of whose work was called after its sample, and then read."""
    stage.make_series(session)
    profile = next(
        one
        for one in listed_profiles(session)
        if one.all_work_outcome is rule and (one.is_usable or rule is AllWorkOutcome.MODERATOR_MARKS)
    )
    case_id = stage.make_centre(session, 20)
    component = session.get_one(Component, (SERIES, stage.COMPONENT))
    stage.confirm(session, case_id, CENTRE)
    component.sample_profile_id = profile.profile_id
    session.flush()
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, marks)
    request_all_work(session, case_id, reason="no adjustment is reliable", actor=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.ALL_WORK_REQUESTED
    if hinder is not None:
        hinder(case_id)
    stage.hand_in(session, case_id)
    assert stage_of(session, case_id).stage is Stage.ALL_WORK
    stage.moderate(session, case_id, marks)
    return case_id


def test_each_candidate_gets_the_moderators_own_mark_and_both_calculations_agree(session: Session) -> None:
    case_id = called(session, AllWorkOutcome.MODERATOR_MARKS, GIVEN)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage) == (OutcomeKind.MODERATOR_MARKS, Stage.ALL_WORK)
    assert (outcome.numbers["n"], outcome.numbers["all_work_outcome"]) == (20, "moderator_marks")
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    lines = moderated_marks(session, case_id)
    assert [(row.centre_mark, row.moderated_mark) for row in lines] == list(GIVEN.items())


def test_one_line_is_fitted_to_all_works_where_the_profile_says_so(session: Session) -> None:
    case_id = called(session, AllWorkOutcome.FIT, LENIENT)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage, outcome.numbers["n"]) == (OutcomeKind.ADJUSTED, Stage.ALL_WORK, 20)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert [row.moderated_mark for row in moderated_marks(session, case_id)] == [mark - 8 for mark in CENTRE]


def test_moderators_marks_cannot_stand_while_a_work_is_unread(session: Session) -> None:
    def hinder(case_id: str) -> None:
        item = sample_of(session, case_id).items[-1]
        explain_missing_work(session, item.item_id, reason="lost in a fire", actor=OFFICER, now=NOW)

    case_id = called(session, AllWorkOutcome.MODERATOR_MARKS, GIVEN, hinder)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.OFFICER_DECIDES
    with pytest.raises(OutcomeNotConfirmable):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)


def test_a_held_candidate_waits_and_gets_no_mark_while_the_others_get_theirs(session: Session) -> None:
    one: list[str] = []

    def hinder(case_id: str) -> None:
        one.append(stage.candidate_ids(session)[7])
        hold(session, case_id, candidate_id=one[0], reason="two works alike", officer=OFFICER, now=NOW)

    # The work had been read before, or not at all: either way it is left out now.
    case_id = called(session, AllWorkOutcome.MODERATOR_MARKS, GIVEN, hinder)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.numbers["left_out"]) == (OutcomeKind.MODERATOR_MARKS, one)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    without = [row.candidate_id for row in moderated_marks(session, case_id) if row.moderated_mark is None]
    assert without == one


@pytest.mark.fault("att:H10")
def test_a_tampered_moderators_mark_confirms_nothing(session: Session) -> None:
    case_id = called(session, AllWorkOutcome.MODERATOR_MARKS, GIVEN)
    guards.drop(session.connection())  # somebody who owns the database changes what was recorded
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    row = session.get_one(Outcome, outcome.outcome_id)
    first = stage.candidate_ids(session)[0]
    row.numbers = {**row.numbers, "moderator_marks": {**row.numbers["moderator_marks"], first: 1}}
    session.flush()
    with pytest.raises(RecomputationDiffers) as caught:
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert caught.value.facts["candidates"] == [first]


def test_nothing_is_proposed_before_all_of_it_is_read(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 20)
    stage.confirm(session, case_id, CENTRE)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, LENIENT)
    request_all_work(session, case_id, reason="no adjustment is reliable", actor=OFFICER, now=NOW)
    stage.hand_in(session, case_id)
    with pytest.raises(SampleIncomplete):
        propose_again(session, case_id, moderator=MODERATOR, now=NOW)
