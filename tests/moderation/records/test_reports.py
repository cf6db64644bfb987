from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from moderation.errors import (
    ImportRefused,
    MarksInReport,
    ReasonMissing,
    RecordKept,
    ReportIncomplete,
    ReportLocked,
    ReportMissing,
    SamePerson,
    StaleVersion,
    UnknownCriterion,
    UnknownSampleItem,
)
from moderation.exchange.criteria_csv import CriterionRow
from moderation.records import reports
from moderation.records.cases import view_case
from moderation.records.criteria import criteria_of, set_criteria
from moderation.records.reports import Draft, ReportView
from moderation.records.results import release_results
from moderation.reports import Line, Section, Verdict
from moderation.results import embargo_from
from moderation.submission import CaseState
from moderation.tables import Criterion, ModeratorReport, Outcome, ReportLine
from tests.moderation.records import locking, stage
from tests.moderation.records.stage import CENTRE_B, COMPONENT, MODERATOR, MODERATOR_B, NOW, OFFICER, SERIES

OTHER = "person-other-officer"
CRITERIA = (
    CriterionRow(COMPONENT, "AO2", "Design", 30),
    CriterionRow(COMPONENT, "AO1", "Analysis", 40),
)
SECTIONS = {section: f"Words on {section.value}." for section in Section}


@pytest.fixture
def case_id(session: Session) -> str:
    stage.make_series(session)
    set_criteria(session, SERIES, CRITERIA)
    case_id = stage.make_centre(session, len(CENTRE_B))
    stage.confirm(session, case_id, CENTRE_B)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    return case_id


def draft(session: Session, case_id: str, sections: Mapping[Section, str] = SECTIONS, comment: str = "") -> Draft:
    lines = [
        Line(work.item_id, code, Verdict.GENEROUS, comment)
        for work in reports.works_read(session, case_id)
        for code in ("AO1", "AO2")
    ]
    return Draft(sections, lines)


def saved(session: Session, case_id: str, number: int = 0, **more: object) -> ReportView:
    one = draft(session, case_id, **more)
    return reports.save_report(session, case_id, one, moderator=MODERATOR, now=NOW, expected_number=number)


def submitted(session: Session, case_id: str) -> ReportView:
    number = saved(session, case_id).number
    return reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=number)


def issue(session: Session, case_id: str) -> None:
    locking.confirm(session, case_id)
    release_results(session, SERIES, first="one", second="two", embargo=embargo_from(date(2026, 8, 12)), now=NOW)


def test_criteria_keep_the_order_of_the_mark_scheme_and_are_restated_whole(session: Session, case_id: str) -> None:
    assert [one.code for one in criteria_of(session, SERIES, COMPONENT)] == ["AO2", "AO1"]
    set_criteria(session, SERIES, CRITERIA[1:])
    assert [(one.code, one.maximum_mark) for one in criteria_of(session, SERIES, COMPONENT)] == [("AO1", 40)]
    with pytest.raises(ImportRefused, match="X999/01"):
        set_criteria(session, SERIES, [CriterionRow("X999/01", "AO1", "Analysis", 40)])


def test_versions_are_kept_and_the_same_again_makes_none(session: Session, case_id: str) -> None:
    first = saved(session, case_id)
    again = saved(session, case_id, 1)
    second = saved(session, case_id, 1, comment="Evidence is thin.")
    assert (first.number, again.number, second.number) == (1, 1, 2)
    kept = reports.versions_of(session, case_id)
    assert [{line.comment for line in one.lines} for one in kept] == [{""}, {"Evidence is thin."}]
    assert len(second.lines) == 30


@pytest.mark.fault("att:H06")
def test_two_tabs_cannot_overwrite_each_other(session: Session, case_id: str) -> None:
    saved(session, case_id)
    with pytest.raises(StaleVersion):
        saved(session, case_id, 0, comment="Typed in the other tab.")
    with pytest.raises(StaleVersion):
        reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=2)


@pytest.mark.parametrize(
    "text",
    [
        "I gave 31 marks here.",
        "This is worth 31/70.",
        "31 out of 70 would be right",
        "You were four marks too high",
        "a mark of 31",
        "thirty-one marks",
        "about 60%",
    ],
)
def test_a_report_that_states_marks_is_refused(session: Session, case_id: str, text: str) -> None:
    with pytest.raises(MarksInReport) as caught:
        saved(session, case_id, sections={**SECTIONS, Section.ACCURACY: text})
    assert caught.value.facts["field"] == "accuracy"
    with pytest.raises(MarksInReport, match="The comment on candidate"):
        saved(session, case_id, comment=text)
    assert reports.report_of(session, case_id) is None


def test_the_very_number_of_the_moderators_mark_is_refused_in_its_comment(session: Session, case_id: str) -> None:
    (work, *_) = reports.works_read(session, case_id)
    line = Line(work.item_id, "AO1", Verdict.SEVERE, f"I would say {MODERATOR_B[0]}.")
    with pytest.raises(MarksInReport, match=f"“{MODERATOR_B[0]}”"):
        reports.save_report(session, case_id, Draft({}, [line]), moderator=MODERATOR, now=NOW, expected_number=0)
    fine = Line(work.item_id, "AO1", Verdict.SEVERE, "See pages 3 and 4 of the mark scheme.")
    reports.save_report(session, case_id, Draft({}, [fine]), moderator=MODERATOR, now=NOW, expected_number=0)


def test_lines_are_of_works_that_were_read_and_of_known_criteria(session: Session, case_id: str) -> None:
    (work, *_) = reports.works_read(session, case_id)
    for line, error in (
        (Line("nothing", "AO1", Verdict.AGREED), UnknownSampleItem),
        (Line(work.item_id, "AO9", Verdict.AGREED), UnknownCriterion),
        (Line(work.item_id, "", Verdict.AGREED), UnknownCriterion),
    ):
        with pytest.raises(error):
            reports.save_report(session, case_id, Draft({}, [line]), moderator=MODERATOR, now=NOW, expected_number=0)


def test_without_criteria_one_verdict_for_the_whole_work(session: Session, case_id: str) -> None:
    session.execute(delete(Criterion))
    lines = [Line(work.item_id, "", Verdict.AGREED) for work in reports.works_read(session, case_id)]
    one = Draft(SECTIONS, lines)
    reports.save_report(session, case_id, one, moderator=MODERATOR, now=NOW, expected_number=0)
    done = reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=1)
    assert done.is_submitted


def test_an_incomplete_report_is_not_handed_in(session: Session, case_id: str) -> None:
    with pytest.raises(ReportMissing):
        reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=1)
    report = saved(session, case_id, sections={**SECTIONS, Section.GENERAL: "  "})
    assert [gap.section for gap in reports.gaps_of(session, case_id, report)] == [Section.GENERAL]
    with pytest.raises(ReportIncomplete):
        reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=1)
    whole = draft(session, case_id)
    half = Draft(SECTIONS, [line for line in whole.lines if line.criterion_code == "AO1"])
    report = reports.save_report(session, case_id, half, moderator=MODERATOR, now=NOW, expected_number=1)
    assert {(gap.section, gap.criterion_code) for gap in reports.gaps_of(session, case_id, report)} == {(None, "AO2")}
    assert len(reports.gaps_of(session, case_id, report)) == 15


def test_what_was_written_stays_in_the_database_too(session: Session, case_id: str) -> None:
    saved(session, case_id)
    for statement in (
        update(ModeratorReport).values(general="Other words"),
        update(ReportLine).values(verdict="AGREED"),
        delete(ReportLine),
        delete(ModeratorReport),
    ):
        with pytest.raises(RecordKept), session.begin_nested():
            session.execute(statement)


def test_a_report_waits_for_the_outcome(session: Session, case_id: str) -> None:
    saved(session, case_id)
    session.execute(update(Outcome).values(superseded_at=NOW))
    with pytest.raises(ReportLocked, match="with the outcome"):
        reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=1)


def test_an_officer_returns_it_with_a_reason_and_a_new_version_follows(session: Session, case_id: str) -> None:
    submitted(session, case_id)
    with pytest.raises(ReportLocked):
        saved(session, case_id, 1, comment="Too late.")
    given = {"now": NOW, "expected_number": 1}
    with pytest.raises(ReasonMissing):
        reports.return_report(session, case_id, reason=" ", officer=OFFICER, **given)
    with pytest.raises(SamePerson):
        reports.return_report(session, case_id, reason="Names a teacher", officer=MODERATOR, **given)
    back = reports.return_report(session, case_id, reason="Names a teacher", officer=OFFICER, **given)
    assert (back.is_submitted, back.return_reason) == (False, "Names a teacher")
    with pytest.raises(ReportLocked):
        reports.return_report(session, case_id, reason="Again", officer=OFFICER, **given)
    second = saved(session, case_id, 1)
    assert (second.number, second.submitted_at) == (2, None)
    done = reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=2)
    assert done.is_submitted


def test_it_goes_out_with_the_results(session: Session, case_id: str) -> None:
    with pytest.raises(ReportMissing):
        reports.release_report(session, case_id, officer=OFFICER, now=NOW)
    submitted(session, case_id)
    with pytest.raises(ReportLocked, match="with its results"):
        reports.release_report(session, case_id, officer=OFFICER, now=NOW)
    assert reports.released_report(session, case_id) is None
    issue(session, case_id)
    assert reports.released_report(session, case_id) is not None
    assert view_case(session, case_id).state is CaseState.REPORT_RELEASED
    with pytest.raises(ReportLocked):
        reports.return_report(session, case_id, reason="Too late", officer=OTHER, now=NOW, expected_number=1)
    with pytest.raises(ReportLocked):
        saved(session, case_id, 1, comment="Too late.")
    assert session.scalar(select(func.count()).select_from(ModeratorReport)) == 1


def test_one_that_comes_after_the_results_is_released_by_an_officer(session: Session, case_id: str) -> None:
    issue(session, case_id)
    assert view_case(session, case_id).state is CaseState.RESULTS_ISSUED
    submitted(session, case_id)
    with pytest.raises(SamePerson):
        reports.release_report(session, case_id, officer=MODERATOR, now=NOW)
    first = reports.release_report(session, case_id, officer=OTHER, now=NOW)
    again = reports.release_report(session, case_id, officer=OTHER, now=NOW + timedelta(hours=1))
    assert first == again
    assert view_case(session, case_id).state is CaseState.REPORT_RELEASED


def test_a_series_releases_every_report_that_is_handed_in_by_another(session: Session, case_id: str) -> None:
    submitted(session, case_id)
    assert reports.release_handed_in(session, SERIES, officer=OTHER, now=NOW) == 0
    locking.confirm(session, case_id)
    release_results(session, SERIES, first="one", second=MODERATOR, embargo=embargo_from(date(2026, 8, 12)), now=NOW)
    assert view_case(session, case_id).state is CaseState.RESULTS_ISSUED
    assert reports.release_handed_in(session, SERIES, officer=OTHER, now=NOW) == 1
    assert reports.release_handed_in(session, SERIES, officer=OTHER, now=NOW) == 0
    assert view_case(session, case_id).state is CaseState.REPORT_RELEASED


def test_a_consortium_has_one_report_and_each_centre_sees_its_own_candidates(session: Session) -> None:
    stage.make_series(session)
    ids = stage.make_consortium(session, ["99901", "99902"], [8, 7])
    for case_id, marks in zip(ids, (CENTRE_B[:8], CENTRE_B[8:]), strict=True):
        stage.confirm(session, case_id, marks)
    for case_id in ids:
        stage.hand_in(session, case_id)
        stage.give_to_moderator(session, case_id)
    stage.moderate(session, ids[0], dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    works = reports.works_read(session, ids[1])
    assert {work.centre_number for work in works} == {"99901", "99902"}
    lines = [Line(work.item_id, "", Verdict.AGREED, f"Of centre {work.centre_number}.") for work in works]
    reports.save_report(session, ids[0], Draft(SECTIONS, lines), moderator=MODERATOR, now=NOW, expected_number=0)
    reports.submit_report(session, ids[1], moderator=MODERATOR, now=NOW, expected_number=1)
    issue(session, ids[0])
    reports.release_report(session, ids[0], officer=OTHER, now=NOW)
    for case_id, number, size in zip(ids, ("99901", "99902"), (8, 7), strict=True):
        own = reports.released_report(session, case_id)
        assert own is not None
        assert {line.comment for line in own.lines} == {f"Of centre {number}."}
        assert len(own.lines) == size
        assert view_case(session, case_id).state is CaseState.REPORT_RELEASED
