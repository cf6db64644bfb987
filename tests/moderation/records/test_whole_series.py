"""What is done to a whole series at once leaves the same rows as the records of single cases do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.orm import Session

from moderation import guards
from moderation.errors import ImportRefused, MarksRefused, RecomputationDiffers, StaleVersion, UnknownSeries
from moderation.marks import MarkFlag
from moderation.records.cases import advance
from moderation.records.entries import import_entries
from moderation.records.exemptions import grant_exemption
from moderation.records.marking import allocate, record_moderator_mark, stage_of
from moderation.records.marks import MarkEntry, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.outcomes import confirm_outcome
from moderation.records.samples import sample_of, submit_sample
from moderation.records.whole_series import CaseSteps, cases_of_component
from moderation.records.whole_series_entries import enter_series
from moderation.records.whole_series_marking import (
    SeriesWork,
    WorkMark,
    allocate_series,
    hand_in_series,
    mark_series,
)
from moderation.records.whole_series_marks import SeriesMark, submit_series_marks
from moderation.records.whole_series_outcomes import confirm_series
from moderation.records.whole_series_samples import draw_series
from moderation.submission import CaseEvent, CaseState
from moderation.tables import (
    Base,
    Candidate,
    CentreMark,
    Component,
    Entry,
    ModeratedMark,
    ModerationCase,
    ModeratorMark,
    Outcome,
    RuleAssignment,
    SampleItem,
)

from ...benchmarks.national import steps
from ...benchmarks.national.series import SERIES, National, marks_for, moderated, moderator_of

KEY = SERIES.key
NOW = steps.NOW
SMALL = National(centres=6, seed=314)
"""Sixty cases, from nobody who can be drawn to 49, in three consortia."""


def codes_of(refused: MarksRefused) -> set[str]:
    faults: Any = refused.facts["faults"]
    return {code for _, code, _ in faults}


def prepare(connection: Any) -> None:
    for pragma in ("foreign_keys", "recursive_triggers"):
        connection.execute(f"PRAGMA {pragma} = ON")


@pytest.fixture
def other_engine(engine: Engine, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A second empty database of the same kind."""
    if engine.dialect.name == "sqlite":
        made = create_engine("sqlite://")
        event.listen(made, "connect", lambda connection, _: prepare(connection))
    else:
        new: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        made = create_engine(new())
    Base.metadata.create_all(made)
    with made.begin() as connection:
        guards.install(connection)
    yield made
    made.dispose()


def one_by_one(session: Session, series: National) -> None:
    """Do the whole series case by case, as people do."""
    steps.prepare(session, series)
    for one in series.entries():
        import_entries(session, SERIES, one.centre_number, one.candidates, one.file, actor=steps.OFFICER, now=NOW)
    for person, code, centre in series.allocations():
        allocate(
            session,
            person_id=person,
            series_key=KEY,
            component_code=code,
            centre_number=centre,
            opens_at=NOW,
            granted_by=steps.OFFICER,
        )
    in_order = select(ModerationCase).order_by(ModerationCase.component_code, ModerationCase.centre_number)
    cases = session.scalars(in_order).all()
    for case in cases:
        _give_marks(session, series, case)
    for case in cases:
        if case.state == CaseState.SAMPLE_REQUESTED:
            items = {item.item_id for item in sample_of(session, case.id).items}
            submit_sample(session, case.id, items_with_work=items, actor=steps.TEACHERS, now=NOW)
    for case in cases:
        _moderate(session, series, case)
    for case in cases:
        session.refresh(case)
        outcome = session.scalars(
            select(Outcome).where(Outcome.case_id == case.id, Outcome.superseded_at.is_(None))
        ).one()
        if outcome.kind in {"ACCEPTED", "ADJUSTED"}:
            confirm_outcome(session, case.id, officer=steps.SECOND_OFFICER, now=NOW)


def _give_marks(session: Session, series: National, case: ModerationCase) -> None:
    there = select(Candidate.candidate_number, Candidate.id).where(Candidate.centre_number == case.centre_number)
    ids = dict(session.execute(there).all())
    given = [row for row in series.marks(case.component_code) if row.centre_number == case.centre_number]
    entries = [
        MarkEntry(ids[row.candidate_number], row.mark, row.status, row.teaching_set, _flags(row.flags), row.reason)
        for row in given
    ]
    save_marks(session, case.id, entries, actor=steps.TEACHERS, now=NOW)
    check_marks(session, case.id, actor=steps.TEACHERS, now=NOW)
    submit_marks(session, case.id, actor=steps.TEACHERS, now=NOW)
    confirm_marks(session, case.id, actor=steps.SYSTEM, now=NOW)


def _flags(flags: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(MarkFlag(flag) for flag in flags)


def _moderate(session: Session, series: National, case: ModerationCase) -> None:
    while True:
        session.refresh(case)
        if case.state not in {CaseState.SUBMITTED, CaseState.RECEIPT_COMPLETE, CaseState.FULL_SAMPLE}:
            return
        for item_id in stage_of(session, case.id).unread:
            item = session.get_one(SampleItem, item_id)
            centre = session.get_one(ModerationCase, item.case_id).centre_number
            record_moderator_mark(
                session,
                item_id,
                mark=moderated(case.component_code, centre, item.centre_mark, series.seed),
                moderator=moderator_of(case.component_code, centre),
                now=NOW,
            )


# Rows without identifiers and instants


def _names(session: Session) -> dict[str, str]:
    """Return identifier → what it stands for."""
    names: dict[str, str] = {}

    def learn(table: str, name: Callable[[Any], str]) -> None:
        shape = Base.metadata.tables[table]
        for row in session.execute(select(shape)).mappings():
            names[row["id"]] = name(row)

    learn("candidate", lambda row: f"{row['centre_number']}.{row['candidate_number']}")
    learn("consortium", lambda row: f"consortium {row['component_code']} {row['lead_centre_number']}")
    learn("moderation_case", lambda row: f"case {row['component_code']} {row['centre_number']}")
    cases = session.execute(select(ModerationCase.sample_id, ModerationCase.id))
    for sample_id, case_id in sorted(cases, key=lambda row: names[row[1]]):
        if sample_id:
            names.setdefault(sample_id, f"sample of {names[case_id]}")
    learn("sample_item", lambda row: f"{names[row['sample_id']]}: {names[row['candidate_id']]}")
    learn("outcome", lambda row: f"outcome {row['number']} of {names[row['case_id']]}")
    return names


def rows_of(engine: Engine) -> dict[str, list[Any]]:
    """Return every row of every table: identifiers as what they stand for, instants only as being there."""
    with Session(engine) as session:
        names = _names(session)

        def plain(value: Any) -> Any:
            if isinstance(value, datetime):
                return "instant"
            if isinstance(value, dict):
                return {key: plain(one) for key, one in value.items()}
            if isinstance(value, list):
                return [plain(one) for one in value]
            return names.get(value, value) if isinstance(value, str) else value

        return {
            table.name: sorted(
                (
                    {name: plain(value) for name, value in row.items() if name != "id"}
                    for row in session.execute(select(table)).mappings()
                ),
                key=repr,
            )
            for table in Base.metadata.sorted_tables
        }


def test_a_whole_series_leaves_the_rows_that_single_cases_leave(engine: Engine, other_engine: Engine) -> None:
    steps.walk(engine, SMALL, until="outcomes confirmed")
    with Session(other_engine) as session, session.begin():
        one_by_one(session, SMALL)
    at_once, singly = rows_of(engine), rows_of(other_engine)
    assert at_once.keys() == singly.keys()
    for table in singly:
        assert at_once[table] == singly[table], table
    kinds = {row["kind"] for row in singly["outcome"]}
    assert {"ACCEPTED", "ADJUSTED"} <= kinds
    assert {row["stage"] for row in singly["outcome"]} >= {"NO_SAMPLE", "SUB_SAMPLE", "FULL_SAMPLE"}
    assert len(singly["moderation_case"]) == 60
    assert len(singly["consortium_member"]) > 3


def test_what_an_officer_may_not_confirm_is_left_and_named(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="whole samples marked")
    with Session(engine) as session, session.begin():
        moderator = session.scalars(select(ModeratorMark.marked_by)).first()
        marked_there = set(
            session.scalars(
                select(SampleItem.case_id)
                .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
                .where(ModeratorMark.marked_by == moderator)
            )
        )
        report = confirm_series(session, KEY, officer=str(moderator), now=NOW)
        left = {one.case_id: one.code for one in report.left}
        assert {left[case_id] for case_id in marked_there} == {"same-person"}
        states = set(session.scalars(select(ModerationCase.state).where(ModerationCase.id.in_(marked_there))))
        assert CaseState.OUTCOME_LOCKED not in states
        kinds = session.execute(select(Outcome.case_id, Outcome.kind).where(Outcome.confirmed_at.is_(None)))
        assert {case_id for case_id, kind in kinds if kind not in {"ACCEPTED", "ADJUSTED"}} <= left.keys()


def test_an_outcome_that_a_team_leader_has_to_check_is_left(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="whole samples marked")
    with Session(engine) as session, session.begin():
        assignment = session.scalars(select(RuleAssignment)).one()
        assignment.superseded_at = NOW
        session.flush()
        report = confirm_series(session, KEY, officer=steps.SECOND_OFFICER, now=NOW)
        adjusted = set(session.scalars(select(Outcome.case_id).where(Outcome.kind == "ADJUSTED")))
        assert adjusted
        assert {one.case_id for one in report.left if one.code == "check-missing"} == adjusted
        assert report.counts["accepted"] > 30


def test_a_mark_that_the_second_calculation_does_not_give_stops_everything(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="whole samples marked")
    with Session(engine) as session, session.begin():
        row = session.scalars(select(Outcome).where(Outcome.kind == "ADJUSTED")).first()
        assert row is not None
        guards.drop(session.connection())  # what follows is what a wrong statement in the database would do
        row.numbers = {**row.numbers, "mapping": [max(0, mark - 1) for mark in row.numbers["mapping"]]}
    with Session(engine) as session, session.begin(), pytest.raises(RecomputationDiffers) as refused:
        confirm_series(session, KEY, officer=steps.SECOND_OFFICER, now=NOW)
    assert refused.value.facts["candidates"]
    with Session(engine) as session:
        assert session.scalars(select(ModeratedMark)).first() is None


def test_an_exempt_centre_needs_no_sample_and_a_missing_tolerance_leaves_the_case(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="centre marks")
    with Session(engine) as session, session.begin():
        alone = session.scalars(
            select(ModerationCase).where(ModerationCase.consortium_id.is_(None)).order_by(ModerationCase.id)
        ).all()
        case, other = alone[0], next(one for one in alone if one.component_code != alone[0].component_code)
        grant_exemption(
            session,
            awarding_body=SERIES.awarding_body,
            centre_number=case.centre_number,
            component_code=case.component_code,
            family="",
            expires_on=NOW.date().replace(year=2027),
            reason="three years without change",
            officer=steps.OFFICER,
            now=NOW,
        )
        session.get_one(Component, (KEY, other.component_code)).tolerance_marks = None
        draw_series(session, KEY, actor=steps.SYSTEM, now=NOW)
        hand_in_series(session, KEY, actor=steps.TEACHERS, now=NOW)
        allocate_series(session, KEY, SMALL.allocations(), actor=steps.OFFICER, now=NOW)
        report = mark_series(session, KEY, lambda code, works: marks_for(SMALL, code, works), now=NOW)
        session.expire_all()
        outcome = session.scalars(select(Outcome).where(Outcome.case_id == case.id)).one()
        assert (outcome.stage, outcome.reason) == ("NO_SAMPLE", "No sample required: three years without change")
        assert {one.code for one in report.left if one.component_code == other.component_code} == {"tolerance-missing"}


def test_faults_in_marks_are_named_and_nothing_is_saved(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="entries")

    def wrong(code: str) -> Iterator[SeriesMark]:
        rows = iter(SMALL.marks(code))
        first = next(rows, None)
        if first is not None:
            yield first._replace(mark=1000)
            yield first._replace(mark=True)
            yield first._replace(candidate_number="9999")
            yield from rows

    with Session(engine) as session, session.begin(), pytest.raises(MarksRefused) as refused:
        submit_series_marks(session, KEY, wrong, actor=steps.TEACHERS, now=NOW)
    codes = codes_of(refused.value)
    assert codes == {"mark-out-of-range", "duplicate-candidate", "unknown-candidate"}
    with Session(engine) as session:
        assert session.scalars(select(CentreMark)).first() is None


def test_a_case_with_a_blank_candidate_is_left_whole(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="entries")
    with Session(engine) as session, session.begin():

        def without_one(code: str) -> Iterator[SeriesMark]:
            rows = list(SMALL.marks(code))
            yield from rows[1:]

        report = submit_series_marks(session, KEY, without_one, actor=steps.TEACHERS, now=NOW)
        assert {one.code for one in report.left} == {"marks-incomplete"}
        left = {one.case_id for one in report.left}
        states = dict(session.execute(select(ModerationCase.id, ModerationCase.state)).all())
        assert {states[case_id] for case_id in left} == {CaseState.MARKS_OPEN}
        assert not set(session.scalars(select(CentreMark.case_id))) & left


def test_faults_in_entries_name_centre_and_candidate(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        steps.prepare(session, SMALL)
        one = next(SMALL.entries())
        rows = [replace(row, option_codes=("NOWHER",)) for row in one.candidates[:2]]
        with pytest.raises(ImportRefused) as refused:
            enter_series(session, SERIES, [replace(one, candidates=rows)], actor=steps.OFFICER, now=NOW)
        assert refused.value.facts["faults"][0][:2] == (f"{one.centre_number} 0001", "unknown-option")


def test_entries_that_come_again_are_amended_the_ordinary_way(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="entries")
    with Session(engine) as session, session.begin():
        one = next(SMALL.entries())
        gone = replace(one.candidates[0], option_codes=())
        again = replace(one, candidates=[gone], file=replace(one.file, sha256="f" * 64, sequence=2))
        report = enter_series(session, SERIES, [again], actor=steps.OFFICER, now=NOW)
        assert report.counts == {"centres": 0, "centres amended": 1}
        withdrawn = session.scalars(select(Entry.candidate_id).where(Entry.withdrawn_at.is_not(None))).all()
        assert len(set(withdrawn)) == 1


def test_marks_of_somebody_without_an_allocation_are_refused(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="works handed in")

    def strangers(_code: str, works: Sequence[SeriesWork]) -> Iterator[WorkMark]:
        return (WorkMark(work.item_id, work.centre_mark, "stranger") for work in works)

    with Session(engine) as session, session.begin(), pytest.raises(MarksRefused) as refused:
        mark_series(session, KEY, strangers, now=NOW)
    assert codes_of(refused.value) == {"not-allocated"}
    with Session(engine) as session:
        assert session.scalars(select(ModeratorMark)).first() is None


def test_a_series_that_is_not_here_is_refused(session: Session) -> None:
    with pytest.raises(UnknownSeries):
        draw_series(session, "99-1A99", actor=steps.SYSTEM, now=NOW)


def test_a_case_moved_in_the_meantime_undoes_the_step(engine: Engine) -> None:
    steps.walk(engine, SMALL, until="centre marks")
    with Session(engine) as session, session.begin():
        code = session.scalars(select(ModerationCase.component_code)).first()
        cases = cases_of_component(session, session.get_one(Component, (KEY, code)))
        moved = CaseSteps()
        moved.step(cases[0], CaseEvent.CONFIRM_MARKS, actor=steps.SYSTEM, now=NOW)
        advance(session, session.get_one(ModerationCase, cases[0].id), CaseEvent.CONFIRM_MARKS, actor="x", now=NOW)
        with pytest.raises(StaleVersion):
            moved.write(session)
