"""The results gate: what closes it, and that two calculations have to agree on every mark and every grade."""

from __future__ import annotations

import ast
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation import guards
from moderation.errors import ReasonMissing, ResultsGateClosed, ResultsWithdrawn, SamePerson
from moderation.marks import MarkStatus
from moderation.recomputation import Part, recompute_result
from moderation.records import ranges, second_calculation
from moderation.records.gate import gate, record_run, runs_of
from moderation.records.results import changes_of, compute_results, release_results, results_for, withdraw_results
from moderation.results import Audience, ComponentMark, IssueReason, aggregate, embargo_from
from moderation.tables import (
    CentreMark,
    Component,
    Entry,
    ExternalMark,
    GateHeld,
    GateRun,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    ModeratorMark,
    Outcome,
    ResultVersion,
)
from tests.moderation.records import stage
from tests.moderation.records.locking import lock
from tests.moderation.records.stage import COMPONENT, NOW, PAPER, SERIES

EMBARGO = embargo_from(date(2026, 8, 12))
OTHER = "99902"


@pytest.fixture
def case_id(session: Session, moderated_case: str) -> str:
    """A case whose adjusted outcome is confirmed."""
    lock(session, moderated_case)
    return moderated_case


@pytest.fixture
def tampering(session: Session, case_id: str) -> None:
    """Who owns the database can take down its guards; the gate must still see what they then did."""
    session.flush()
    guards.drop(session.connection())


def codes(session: Session) -> list[str]:
    return [block.code for block in gate(session, SERIES).blocks]


def test_the_gate_is_clear_and_prints_what_became_of_every_entry(session: Session, case_id: str) -> None:
    report = gate(session, SERIES)
    assert report.is_open
    (row,) = report.reconciliations
    assert (row.entries, row.accepted, row.adjusted, row.difference) == (15, 0, 15, 0)
    assert report.results_total == 15
    assert report.by_component()[0].adjusted == 15
    assert gate(session, SERIES).digest == report.digest


def test_it_names_whose_mark_the_second_calculation_does_not_give(
    session: Session, case_id: str, tampering: None
) -> None:
    one = stage.candidate_ids(session)[3]
    session.execute(
        update(ModeratedMark).where(ModeratedMark.candidate_id == one).values(moderated_mark=ModeratedMark.centre_mark)
    )
    mark, result = gate(session, SERIES).blocks
    assert (mark.code, mark.candidates, mark.case_id) == ("recomputation-differs", ("1004",), case_id)
    assert "1004" in mark.detail
    assert (result.code, result.candidates) == ("result-differs", ("1004",))


def test_an_adjustment_left_out_closes_it(session: Session, case_id: str, tampering: None) -> None:
    """As in the costliest published failure: marks outside tolerance, and the centre's marks went to results."""
    session.execute(update(Outcome).values(kind="ACCEPTED"))
    session.execute(update(ModeratedMark).values(moderated_mark=ModeratedMark.centre_mark))
    assert codes(session) == ["decision-differs"]


def test_an_adjustment_that_nothing_asked_for_closes_it(session: Session, case_id: str, tampering: None) -> None:
    session.execute(update(ModeratorMark).values(mark=1))
    assert set(codes(session)) >= {"decision-differs", "recomputation-differs"}


@pytest.mark.fault("att:H01")
def test_centre_marks_changed_behind_the_outcome_close_it(session: Session, case_id: str, tampering: None) -> None:
    session.execute(update(ModerationCase).values(mark_set_version=2))
    assert "marks-changed" in codes(session)
    session.execute(update(ModerationCase).values(mark_set_version=1))
    session.execute(
        update(CentreMark).where(CentreMark.candidate_id == stage.candidate_ids(session)[0]).values(mark=69)
    )
    assert "recomputation-differs" in codes(session)


def test_whoever_marked_cannot_have_confirmed(session: Session, case_id: str, tampering: None) -> None:
    session.execute(update(Outcome).values(confirmed_by=stage.MODERATOR))
    assert codes(session) == ["not-independent"]
    session.execute(update(Outcome).values(confirmed_by=None))
    assert codes(session) == ["outcome-unconfirmed"]


def test_entries_without_a_case_close_it(session: Session, case_id: str, tampering: None) -> None:
    """A component whose submission mode nobody entered opens no case; its candidates would silently have no result."""
    second = stage.make_centre(session, 2, OTHER)
    session.execute(delete(ModerationCase).where(ModerationCase.id == second))
    (block,) = gate(session, SERIES).blocks
    assert (block.code, block.centre_number, block.candidates) == ("case-missing", OTHER, ("1001", "1002"))


def test_carried_forward_entries_are_counted_and_not_missed(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    session.execute(update(Entry).where(Entry.candidate_id == one).values(option_code="X446C"))
    row = gate(session, SERIES).reconciliations[0]
    assert (row.entries, row.adjusted, row.carried_forward, row.difference) == (15, 14, 1, 0)


def test_marks_without_a_maximum_close_it(session: Session, case_id: str) -> None:
    session.execute(update(Component).where(Component.component_code == PAPER).values(maximum_mark=0))
    assert codes(session) == ["maximum-missing"]
    assert {row.indicator for row in compute_results(session, SERIES)} == {"X"}


def test_runs_are_recorded_clear_or_not(session: Session, case_id: str, tampering: None) -> None:
    session.execute(update(ModerationCase).values(state="FULL_SAMPLE"))
    record_run(session, gate(session, SERIES), actor="one", now=NOW)
    record_run(session, gate(session, SERIES, held_case_ids=[case_id]), actor="two", now=NOW)
    second, first = runs_of(session, SERIES)
    assert (first.number, first.is_clear, first.blocks_total) == (1, False, 1)
    assert (second.number, second.is_clear, second.blocks_total) == (2, True, 0)
    assert session.scalars(select(GateHeld.case_id)).all() == [case_id]


def test_a_release_rests_on_its_run(session: Session, case_id: str) -> None:
    release = release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    run = session.get_one(GateRun, release.gate_run_id)
    assert (run.is_clear, run.digest, run.results_total) == (True, release.digest, 15)
    assert run.reconciliations[0]["adjusted"] == 15


def version(session: Session, **values: object) -> None:
    """Add a version of results past every function, as a wrong statement would."""
    run = session.scalars(select(GateRun).order_by(GateRun.number.desc())).first()
    assert run is not None
    session.add(
        ResultVersion(
            **{
                "series_key": SERIES,
                "number": 9,
                "gate_run_id": run.id,
                "digest": run.digest,
                "reason_code": "CORRECTION",
                "released_by_first": "one",
                "released_by_second": "two",
                "created_at": NOW,
                "restricted_at": NOW,
                "candidates_at": NOW,
                "public_at": NOW,
                **values,
            }
        )
    )
    session.flush()


@pytest.mark.fault("att:H09")
def test_the_database_refuses_a_version_without_a_clear_run(session: Session, case_id: str) -> None:
    record_run(session, gate(session, SERIES), actor="one", now=NOW)
    cleared = session.scalars(select(GateRun.id)).one()
    with pytest.raises(ResultsGateClosed), session.begin_nested():
        version(session, digest="0" * 64)
    with pytest.raises((SamePerson, IntegrityError)), session.begin_nested():
        version(session, released_by_second="one")
    with session.begin_nested() as undone:
        version(session)
        undone.rollback()
    session.execute(delete(GradeBoundary))
    record_run(session, gate(session, SERIES), actor="one", now=NOW)
    for run in (cleared, session.scalars(select(GateRun.id).where(GateRun.number == 2)).one()):
        with pytest.raises(ResultsGateClosed), session.begin_nested():
            version(session, gate_run_id=run)


@pytest.mark.fault("att:H09")
def test_the_database_refuses_a_version_while_a_case_is_open(session: Session, case_id: str) -> None:
    """A run that was clear is not enough: a case that was opened since, or came since, keeps results in."""
    record_run(session, gate(session, SERIES), actor="one", now=NOW)
    other = stage.make_centre(session, 2, OTHER)
    with pytest.raises(ResultsGateClosed), session.begin_nested():
        version(session)
    record_run(session, gate(session, SERIES, held_case_ids=[other]), actor="one", now=NOW)
    version(session)


def test_the_second_calculation_never_reads_what_the_first_wrote() -> None:
    tree = ast.parse(Path(second_calculation.__file__).read_text("utf-8"))
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moderation")
        for alias in node.names
    }
    rooms = {name.rsplit(".", 1)[0] for name in imported}
    assert rooms == {
        "moderation.recomputation",
        "moderation.records.bulk",
        "moderation.records.ranges",
        "moderation.records.reviewed_marks",
        "moderation.tables",
    }
    assert "moderation.tables.ModeratedMark" not in imported


def test_a_correction_is_a_new_version_with_a_reason_and_says_what_changed(session: Session, case_id: str) -> None:
    first = release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    assert changes_of(session, first) == []
    one = stage.candidate_ids(session)[0]
    session.execute(update(ExternalMark).where(ExternalMark.candidate_id == one).values(mark=110))
    again = {"first": "one", "second": "two", "embargo": EMBARGO, "now": NOW + timedelta(days=1)}
    with pytest.raises(ReasonMissing):
        release_results(session, SERIES, **again)
    second = release_results(
        session,
        SERIES,
        reason_code=IssueReason.CORRECTION,
        reason="A total was added up wrongly",
        **again,
    )
    assert second.number == 2
    (change,) = changes_of(session, second)
    assert (change.candidate_number, change.before, change.after) == (
        "1001",
        ("262", "B", None),
        ("282", "A", None),
    )
    assert changes_of(session, second, centre_number=OTHER) == []


def test_a_withdrawn_version_is_seen_by_nobody_outside_and_issued_anew(session: Session, case_id: str) -> None:
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    late = NOW + timedelta(days=200)
    assert len(results_for(session, SERIES, audience=Audience.CENTRE, now=late)) == 15
    with pytest.raises(SamePerson):
        withdraw_results(session, SERIES, first="one", second="one", reason="wrong", now=late)
    with pytest.raises(ReasonMissing):
        withdraw_results(session, SERIES, first="one", second="two", reason=" ", now=late)
    taken = withdraw_results(session, SERIES, first="one", second="two", reason="Wrong paper marks", now=late)
    assert taken.withdrawn_at == late
    assert withdraw_results(session, SERIES, first="two", second="one", reason="again", now=late) == taken
    for audience in (Audience.CENTRE, Audience.CANDIDATE, Audience.PUBLIC):
        with pytest.raises(ResultsWithdrawn):
            results_for(session, SERIES, audience=audience, now=late)
    assert len(results_for(session, SERIES, audience=Audience.AWARDING_BODY, now=late)) == 15
    again = release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=EMBARGO,
        now=late,
        reason_code=IssueReason.CORRECTION,
        reason="Checked again, nothing was wrong",
    )
    assert (again.number, again.digest, again.withdrawn_at) == (2, taken.digest, None)
    assert len(results_for(session, SERIES, audience=Audience.PUBLIC, now=late)) == 15
    assert session.scalar(select(ResultVersion.number).where(ResultVersion.id == taken.version_id)) == 1


@pytest.mark.parametrize("origin", ["REVIEW", "APPEAL"])
def test_a_review_lowers_marks_but_no_published_grade(
    session: Session, case_id: str, tampering: None, origin: str
) -> None:
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    before = {row.candidate_id: row for row in compute_results(session, SERIES)}
    session.execute(update(Outcome).values(origin=origin))
    session.execute(update(ExternalMark).values(mark=60))
    report = gate(session, SERIES)
    assert report.is_open
    after = compute_results(session, SERIES)
    fallen = [row for row in after if Fraction(row.total or 0) < 200 and before[row.candidate_id].grade == "B"]
    assert fallen
    assert {(row.grade, row.is_protected) for row in fallen} == {("B", True)}
    session.execute(update(Outcome).values(origin="CORRECTION"))
    assert {row.grade for row in compute_results(session, SERIES)} == {"U"}


STATUSES = st.sampled_from(["PRESENT", "ABSENT", "PENDING_Q", "LOST", "CARRIED_FORWARD", None])


@given(
    st.lists(
        st.tuples(STATUSES, st.integers(0, 70), st.integers(70, 140), st.sampled_from(["80", "37.5", "112/3", "0.5"])),
        max_size=4,
    ),
    st.lists(st.integers(1, 300), unique=True, max_size=5),
)
def test_both_calculations_of_a_result_agree(rows: list[tuple[str | None, int, int, str]], lowest: list[int]) -> None:
    boundaries = [(f"G{i}", mark) for i, mark in enumerate(sorted(lowest, reverse=True))]
    given_marks = [(status, mark if status in {"PRESENT", "CARRIED_FORWARD"} else None) for status, mark, _, _ in rows]
    first = aggregate(
        [
            ComponentMark("C", mark, None if status is None else MarkStatus(status), maximum, Fraction(weight))
            for (status, mark), (_, _, maximum, weight) in zip(given_marks, rows, strict=True)
        ],
        boundaries,
    )
    second = recompute_result(
        given_marks, [Part(maximum, weight) for _, _, maximum, weight in rows], [(m, g) for g, m in boundaries]
    )
    assert second == (first.total, first.grade, None if first.indicator is None else first.indicator.value)


def test_a_national_series_is_examined_range_by_range(session: Session, case_id: str, tampering: None) -> None:
    stage.make_centre(session, 3, OTHER)
    session.execute(update(ModerationCase).where(ModerationCase.centre_number == OTHER).values(state="FULL_SAMPLE"))
    assert ranges.centre_ranges(session, SERIES, 1) == [("99901", "99901"), (OTHER, OTHER)]
    assert ranges.centre_ranges(session, SERIES) == [("99901", OTHER)]
    assert [(block.code, block.centre_number, block.component_code) for block in gate(session, SERIES).blocks] == [
        ("case-open", OTHER, COMPONENT)
    ]
