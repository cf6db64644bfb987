from __future__ import annotations

from fractions import Fraction

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict
from moderation.errors import (
    CheckMissing,
    CheckNotPossible,
    CheckUnknown,
    MarkOutOfRange,
    ReasonMissing,
    SamePerson,
    StaleVersion,
    TeamRefused,
    UnknownSampleItem,
)
from moderation.outcome import OutcomeKind, Stage
from moderation.records.cases import case_of, view_case
from moderation.records.checks import (
    CheckView,
    cases_to_check,
    checks_of,
    coverage,
    decide_check,
    open_check,
    record_check_mark,
)
from moderation.records.marking import moderator_marks, propose_again, record_moderator_mark, stage_of
from moderation.records.outcomes import accept_by_officer, confirm_outcome, outcome_of
from moderation.records.teams import (
    is_principal,
    leads,
    led_case_ids,
    principal_case_ids,
    set_principal,
    set_team,
    teams_of,
)
from moderation.submission import CaseState
from moderation.tables import ModeratorMark
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, LEADER, MODERATOR, MODERATOR_B, NOW, OFFICER, SERIES
from tests.moderation.records.test_marking_and_outcomes import with_moderator

PRINCIPAL = "person-principal"
MARKS = dict(zip(CENTRE_B, MODERATOR_B, strict=True))


def adjusted(session: Session) -> str:
    """A case whose adjustment is proposed and not checked."""
    case_id = with_moderator(session)
    items = {item.item_id: item for item in stage.sample_of(session, case_id).items}
    report = stage_of(session, case_id)
    while report.unread:
        for item_id in report.unread:
            mark = MARKS[items[item_id].centre_mark]
            report = record_moderator_mark(session, item_id, mark=mark, moderator=MODERATOR, now=NOW)
    return case_id


def begin(session: Session, case_id: str, checker: str = LEADER) -> CheckView:
    return open_check(session, case_id, checker=checker, is_principal=checker == PRINCIPAL, now=NOW)


def fill(session: Session, check: CheckView, difference: int = 0) -> CheckView:
    given = {item_id: view.mark for item_id, view in moderator_marks(session, check.case_id).items()}
    for work in check.works:
        mark = given[work.item_id] - difference
        check = record_check_mark(session, check.check_id, work.item_id, mark=mark, checker=check.checker_id, now=NOW)
    return check


def end(session: Session, check: CheckView, verdict: Verdict, reason: str = "") -> CheckView:
    return decide_check(session, check.check_id, verdict=verdict, reason=reason, checker=check.checker_id, now=NOW)


def test_an_adjustment_is_not_confirmed_without_a_check_by_a_third_person(session: Session) -> None:
    case_id = adjusted(session)
    assert cases_to_check(session, [case_id]) == {case_id}
    with pytest.raises(CheckMissing):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    with pytest.raises(SamePerson):
        begin(session, case_id, MODERATOR)
    check = begin(session, case_id)
    with pytest.raises(CheckNotPossible):
        end(session, check, Verdict.AGREED)
    with pytest.raises(CheckMissing):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    end(session, fill(session, check), Verdict.AGREED)
    assert cases_to_check(session, [case_id]) == set()
    with pytest.raises(SamePerson):
        confirm_outcome(session, case_id, officer=LEADER, now=NOW)
    assert confirm_outcome(session, case_id, officer=OFFICER, now=NOW).confirmed_by == OFFICER


def test_a_check_is_blind_until_every_work_is_marked_and_edits_nothing_of_the_moderator(session: Session) -> None:
    case_id = adjusted(session)
    check = begin(session, case_id)
    assert len(check.works) == 3
    assert [work.centre_mark for work in check.works] == [68, 46, 12]
    before = session.execute(select(ModeratorMark.id, ModeratorMark.mark, ModeratorMark.superseded_at)).all()
    for work in check.works:
        assert {one.moderator_mark for one in check.works} == {None}
        with pytest.raises(MarkOutOfRange):
            record_check_mark(session, check.check_id, work.item_id, mark=71, checker=LEADER, now=NOW)
        check = record_check_mark(session, check.check_id, work.item_id, mark=10, checker=LEADER, now=NOW)
    assert [(work.moderator_mark, work.difference) for work in check.works] == [(62, 52), (42, 32), (11, 1)]
    with pytest.raises(CheckNotPossible):
        record_check_mark(session, check.check_id, check.works[0].item_id, mark=62, checker=LEADER, now=NOW)
    after = session.execute(select(ModeratorMark.id, ModeratorMark.mark, ModeratorMark.superseded_at)).all()
    assert sorted(before) == sorted(after)


def test_a_check_belongs_to_who_began_it(session: Session) -> None:
    case_id = adjusted(session)
    check = begin(session, case_id)
    assert begin(session, case_id).check_id == check.check_id
    with pytest.raises(CheckUnknown):
        record_check_mark(session, check.check_id, check.works[0].item_id, mark=1, checker="somebody", now=NOW)
    with pytest.raises(UnknownSampleItem):
        record_check_mark(session, check.check_id, "no such work", mark=1, checker=LEADER, now=NOW)
    with pytest.raises(CheckUnknown):
        decide_check(session, "no such check", verdict=Verdict.AGREED, reason="", checker=LEADER, now=NOW)


@pytest.mark.fault("att:H06")
def test_two_tabs_of_a_check_conflict(session: Session) -> None:
    case_id = adjusted(session)
    check = begin(session, case_id)
    first, second, _ = check.works
    record_check_mark(
        session, check.check_id, first.item_id, mark=50, checker=LEADER, now=NOW, expected_version=check.version
    )
    with pytest.raises(StaleVersion):
        record_check_mark(
            session, check.check_id, second.item_id, mark=40, checker=LEADER, now=NOW, expected_version=check.version
        )
    assert [work.mark for work in checks_of(session, case_id)[0].works] == [50, None, None]


def test_a_returned_case_is_read_again_and_needs_a_new_check(session: Session) -> None:
    case_id = adjusted(session)
    check = fill(session, begin(session, case_id), difference=5)
    with pytest.raises(ReasonMissing):
        end(session, check, Verdict.RETURNED)
    done = end(session, check, Verdict.RETURNED, "too generous throughout")
    assert end(session, done, Verdict.RETURNED, "too generous throughout") == done
    with pytest.raises(CheckNotPossible):
        end(session, done, Verdict.AGREED)
    assert view_case(session, case_id).state is CaseState.FULL_SAMPLE
    propose_again(session, case_id, moderator=MODERATOR, now=NOW)
    assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED
    with pytest.raises(CheckMissing):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    end(session, fill(session, begin(session, case_id)), Verdict.AGREED)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert [one.verdict for one in checks_of(session, case_id)] == [Verdict.RETURNED, Verdict.AGREED]


def test_what_a_leader_passes_on_the_principal_decides(session: Session) -> None:
    case_id = adjusted(session)
    end(session, fill(session, begin(session, case_id), 5), Verdict.ESCALATED, "we do not agree on criterion B")
    assert cases_to_check(session, [case_id]) == set()
    assert cases_to_check(session, [case_id], escalated=True) == {case_id}
    with pytest.raises(CheckMissing):
        confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    check = fill(session, begin(session, case_id, PRINCIPAL))
    with pytest.raises(CheckNotPossible):
        end(session, check, Verdict.ESCALATED, "further up")
    end(session, check, Verdict.AGREED)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.OUTCOME_LOCKED


def test_an_accepted_outcome_needs_no_check_by_default_and_an_old_outcome_cannot_be_agreed(session: Session) -> None:
    case_id = adjusted(session)
    check = fill(session, begin(session, case_id))
    accept_by_officer(session, case_id, reason="a known difference of view", officer=OFFICER, now=NOW)
    with pytest.raises(CheckNotPossible):
        end(session, check, Verdict.AGREED)
    assert confirm_outcome(session, case_id, officer="another", now=NOW).kind is OutcomeKind.ACCEPTED


def test_nothing_read_is_nothing_to_check(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    stage.confirm(session, case_id, [0, 0])
    with pytest.raises(CheckNotPossible):
        begin(session, case_id)
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert outcome.stage is Stage.NO_SAMPLE


def test_teams_say_whom_a_leader_reaches(session: Session) -> None:
    case_id = with_moderator(session)
    case = case_of(session, case_id)
    assert not leads(session, LEADER, case, NOW)
    set_team(session, series_key=SERIES, component_code=stage.COMPONENT, leader_id=LEADER, member_ids=[MODERATOR])
    assert leads(session, LEADER, case, NOW)
    assert led_case_ids(session, LEADER, NOW) == [case_id]
    set_team(session, series_key=SERIES, component_code=stage.COMPONENT, leader_id="second", member_ids=[MODERATOR])
    assert not leads(session, LEADER, case, NOW)
    assert [(one.leader_id, one.member_ids) for one in teams_of(session, SERIES)] == [
        (LEADER, ()),
        ("second", (MODERATOR,)),
    ]
    with pytest.raises(TeamRefused):
        set_team(session, series_key=SERIES, component_code=stage.COMPONENT, leader_id=LEADER, member_ids=[LEADER])
    set_principal(session, series_key=SERIES, component_code=stage.COMPONENT, person_id="first")
    set_principal(session, series_key=SERIES, component_code=stage.COMPONENT, person_id=PRINCIPAL)
    assert not is_principal(session, "first", case)
    assert is_principal(session, PRINCIPAL, case)
    assert principal_case_ids(session, PRINCIPAL) == [case_id]


def test_coverage_and_drift_are_exact(session: Session) -> None:
    case_id = adjusted(session)
    place = [(SERIES, stage.COMPONENT)]
    (none,) = coverage(session, place)
    assert (none.works_read, none.works_checked, none.drift) == (15, 0, None)
    check = begin(session, case_id)
    given = moderator_marks(session, case_id)
    for work, less in zip(check.works, (1, 0, 0), strict=True):
        mark = given[work.item_id].mark - less
        check = record_check_mark(session, check.check_id, work.item_id, mark=mark, checker=LEADER, now=NOW)
    end(session, check, Verdict.AGREED)
    (line,) = coverage(session, place)
    assert (line.cases, line.cases_checked, line.works_checked) == (1, 1, 3)
    assert (line.share, line.drift, line.greatest) == (Fraction(1, 5), Fraction(1, 3), 1)
