from __future__ import annotations

from fractions import Fraction

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.errors import MarkOutOfRange, NoSample, ToleranceMissing, UnknownCandidate, UnknownComponent
from moderation.outcome import OutcomeKind
from moderation.records.cases import view_case
from moderation.records.outcomes import accept_by_officer
from moderation.records.results import compute_results
from moderation.records.what_if import Change, Correction, GradeMove, what_if_case, what_if_component
from moderation.submission import CaseState
from moderation.tables import Base, Component, Entry, GradeBoundary
from tests.moderation.records import locking, stage
from tests.moderation.records.stage import (
    CENTRE_B,
    COMPONENT,
    MODERATOR_B,
    NOW,
    SERIES,
)

K = OutcomeKind
MARK_OF = dict(zip(CENTRE_B, MODERATOR_B, strict=True))


def moderated(
    session: Session, centre_number: str = "99901", marks: tuple[int, ...] = CENTRE_B, lean: bool = True
) -> str:
    case_id = stage.make_centre(session, len(marks), centre_number)
    stage.confirm(session, case_id, marks)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, MARK_OF if lean else {mark: mark for mark in marks})
    return case_id


@pytest.fixture
def case_id(session: Session) -> str:
    stage.make_series(session)
    return moderated(session)


def rows_of(session: Session) -> dict[str, list[str]]:
    return {
        table.name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
        for table in Base.metadata.sorted_tables
    }


def test_a_wider_tolerance_and_who_would_move(session: Session, case_id: str) -> None:
    locking.confirm(session, case_id)
    before = rows_of(session)
    found = what_if_case(session, case_id, Change(tolerance_marks=6))
    group = found.group
    assert (group.recorded, group.before.kind, group.after.kind) == (K.ADJUSTED, K.ADJUSTED, K.ACCEPTED)
    assert group.kind_changes
    assert (found.before.tolerance_marks, found.after.tolerance_marks) == (4, 6)
    assert [(one.candidate_number, one.before, one.after) for one in group.moved][:2] == [
        ("1001", 62, 68),
        ("1002", 58, 64),
    ]
    assert (group.candidates, len(group.moved)) == (15, 15)
    # Nothing is stored, and nothing waits to be.
    assert not session.dirty
    assert not session.new
    assert rows_of(session) == before


def test_grades_follow_the_rules_of_results(session: Session, case_id: str) -> None:
    """The paper counts 200 of 280; with 62 the total is 262, with 68 it is 268."""
    session.execute(update(GradeBoundary).where(GradeBoundary.grade == "A").values(mark=265))
    locking.confirm(session, case_id)
    now = {row.candidate_number: row.grade for row in compute_results(session, SERIES)}
    group = what_if_case(session, case_id, Change(tolerance_marks=6)).group
    moved = {one.candidate_number: one.grades for one in group.moved}
    assert now["1001"] == "B"
    assert moved["1001"] == (GradeMove("X446A", "B", "A"),)
    assert moved["1002"] == ()
    assert group.grades_moved == 1


def test_the_same_rules_move_nobody(session: Session, case_id: str) -> None:
    for kind in (K.ADJUSTED, K.ADJUSTED):
        group = what_if_case(session, case_id, Change()).group
        assert (group.recorded, group.kind_changes, group.moved, group.grades_moved) == (kind, False, (), 0)
        if view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED:
            locking.confirm(session, case_id)


def test_stricter_limits_leave_no_marks(session: Session, case_id: str) -> None:
    group = what_if_case(session, case_id, Change(correlation=Fraction(1))).group
    assert group.after.kind is K.INVALID_ORDER
    assert {one.after for one in group.moved} == {None}
    assert {one.grades for one in group.moved} == {(GradeMove("X446A", one, "Q"),) for one in ("B",)}


def test_an_officers_decision_is_what_stands(session: Session, case_id: str) -> None:
    accept_by_officer(session, case_id, reason="Wrong version was read", officer="officer-1", now=NOW)
    locking.confirm(session, case_id)
    group = what_if_case(session, case_id, Change()).group
    assert (group.recorded, group.after.kind) == (K.ACCEPTED, K.ADJUSTED)
    assert [(one.before, one.after) for one in group.moved][:1] == [(68, 62)]


def test_one_mark_corrected_on_the_copy(session: Session, case_id: str) -> None:
    locking.confirm(session, case_id)
    group = what_if_case(session, case_id, Change(correction=Correction("1001", 66))).group
    first = group.moved[0]
    assert (first.candidate_number, first.centre_mark, first.before) == ("1001", 66, 62)
    theirs = what_if_case(session, case_id, Change(correction=Correction("1001", 68, is_moderators=True))).group
    assert theirs.moved
    zero = what_if_case(session, case_id, Change(correction=Correction("1001", 0))).group
    assert zero.moved[0].after == 0
    with pytest.raises(UnknownCandidate):
        what_if_case(session, case_id, Change(correction=Correction("9999", 5)))
    with pytest.raises(MarkOutOfRange):
        what_if_case(session, case_id, Change(correction=Correction("1001", 71)))
    with pytest.raises(MarkOutOfRange):
        what_if_case(session, case_id, Change(correction=Correction("1001", -1, is_moderators=True)))


def test_a_withdrawn_candidate_does_not_move(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    session.get_one(Entry, (one, "X446A")).withdrawn_at = NOW
    session.flush()
    locking.confirm(session, case_id)
    group = what_if_case(session, case_id, Change(tolerance_marks=6)).group
    assert (group.candidates, len(group.moved)) == (14, 14)


def test_what_cannot_be_asked(session: Session, case_id: str) -> None:
    empty = stage.make_centre(session, 2, "99909")
    with pytest.raises(NoSample):
        what_if_case(session, empty, Change())
    with pytest.raises(UnknownComponent):
        what_if_component(session, SERIES, "X999/99", Change())
    session.execute(update(Component).values(tolerance_marks=None))
    with pytest.raises(ToleranceMissing):
        what_if_case(session, case_id, Change())


def test_a_component_over_all_its_centres(session: Session, case_id: str) -> None:
    moderated(session, "99902", (60, 50, 40, 30), lean=False)
    stage.make_centre(session, 2, "99903")
    found = what_if_component(session, SERIES, COMPONENT, Change(tolerance_marks=6))
    assert found.left_out == 1
    assert [(one.centre_numbers, one.before.kind, one.after.kind, len(one.moved)) for one in found.groups] == [
        (("99901",), K.ADJUSTED, K.ACCEPTED, 15),
        (("99902",), K.ACCEPTED, K.ACCEPTED, 0),
    ]


def test_a_consortium_is_one_group(session: Session) -> None:
    stage.make_series(session)
    ids = stage.make_consortium(session, ["99901", "99902"], [8, 7])
    for one, marks in zip(ids, (CENTRE_B[:8], CENTRE_B[8:]), strict=True):
        stage.confirm(session, one, marks)
    for one in ids:
        stage.hand_in(session, one)
        stage.give_to_moderator(session, one)
    stage.moderate(session, ids[0], MARK_OF)
    group = what_if_case(session, ids[1], Change(tolerance_marks=6)).group
    assert group.centre_numbers == ("99901", "99902")
    assert {one.centre_number for one in group.moved} == {"99901", "99902"}
    assert len(what_if_component(session, SERIES, COMPONENT, Change()).groups) == 1


def test_works_that_are_not_read_are_counted(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, len(CENTRE_B))
    stage.confirm(session, case_id, CENTRE_B)
    stage.hand_in(session, case_id)
    group = what_if_case(session, case_id, Change()).group
    assert (group.recorded, group.before.kind, group.before.unread) == (None, None, 6)
    assert group.moved == ()
