from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from moderation import guards
from moderation.errors import NoResults, ResultsEmbargoed, ResultsGateClosed, SamePerson, UnknownSeries
from moderation.records.cases import hold_case, view_case
from moderation.records.gate import gate
from moderation.records.results import (
    compute_results,
    release_of,
    release_results,
    result_rows,
    results_for,
)
from moderation.results import Audience, IssueReason, embargo_from
from moderation.submission import CaseState
from moderation.tables import Entry, ExternalMark, GradeBoundary, ModeratedMark
from tests.moderation.records import stage
from tests.moderation.records.locking import lock
from tests.moderation.records.stage import NOW, OFFICER, SERIES

EMBARGO = embargo_from(date(2026, 8, 12))


@pytest.fixture
def case_id(moderated_case: str) -> str:
    return moderated_case


def locked(session: Session, case_id: str) -> None:
    lock(session, case_id)


@pytest.mark.fault("att:H09")
def test_results_wait_for_a_pending_adjustment(session: Session, case_id: str) -> None:
    report = gate(session, SERIES)
    assert [(block.code, block.case_id) for block in report.blocks] == [("case-open", case_id)]
    with pytest.raises(ResultsGateClosed) as caught:
        release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    assert "case-open" in caught.value.detail
    assert release_of(session, SERIES) is None
    locked(session, case_id)
    report = gate(session, SERIES)
    assert report.is_open
    (row,) = report.reconciliations
    assert (row.entries, row.moderated, row.difference) == (15, 15, 0)
    assert report.as_json()["open"] is True


def test_totals_grades_and_indicators(session: Session, case_id: str) -> None:
    locked(session, case_id)
    ids = stage.candidate_ids(session)
    session.execute(update(ExternalMark).where(ExternalMark.candidate_id == ids[1]).values(mark=None, status="ABSENT"))
    session.execute(delete(ExternalMark).where(ExternalMark.candidate_id == ids[2]))
    results = compute_results(session, SERIES)
    assert [(row.total, row.grade, row.indicator) for row in results[:4]] == [
        ("262", "B", None),
        ("58", "U", "#"),
        (None, None, "X"),
        ("253", "B", None),
    ]
    assert [part["mark"] for part in results[0].components] == [100, 62]
    assert results[0].components[0]["weighted_mark"] == "200"
    assert result_rows(results, SERIES)[2]["indicator"] == "X"


def test_a_held_case_is_pending_and_the_rest_is_released(session: Session, case_id: str) -> None:
    report = gate(session, SERIES, held_case_ids=[case_id])
    assert report.is_open
    assert report.reconciliations[0].held == 15
    release = release_results(
        session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW, held_case_ids=[case_id]
    )
    assert view_case(session, case_id).state is CaseState.OUTCOME_PROPOSED
    rows = results_for(session, SERIES, audience=Audience.AWARDING_BODY, now=NOW)
    assert {row.indicator for row in rows} == {"Q"}
    locked(session, case_id)
    again = {"first": "one", "second": "two", "embargo": EMBARGO, "now": NOW}
    second = release_results(
        session, SERIES, reason_code=IssueReason.HELD_RESULTS, reason="The centre is moderated", **again
    )
    assert (release.number, second.number) == (1, 2)
    rows = results_for(session, SERIES, audience=Audience.AWARDING_BODY, now=NOW)
    assert {row.indicator for row in rows} == {None}
    assert view_case(session, case_id).state is CaseState.RESULTS_ISSUED


def test_a_malpractice_hold_gives_q(session: Session, case_id: str) -> None:
    hold_case(session, case_id, reason="two works alike", actor=OFFICER, now=NOW)
    assert gate(session, SERIES).is_open
    assert {row.indicator for row in compute_results(session, SERIES)} == {"Q"}


def test_each_audience_sees_results_from_its_instant(session: Session, case_id: str) -> None:
    with pytest.raises(NoResults):
        results_for(session, SERIES, audience=Audience.CENTRE, now=NOW)
    locked(session, case_id)
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    opens_at = datetime(2026, 8, 11, 23, 1, tzinfo=UTC)
    with pytest.raises(ResultsEmbargoed) as caught:
        results_for(session, SERIES, audience=Audience.CENTRE, now=opens_at - timedelta(seconds=1))
    assert caught.value.facts["opens_at"] == opens_at.isoformat()
    assert len(results_for(session, SERIES, audience=Audience.CENTRE, now=opens_at, centre_number="99901")) == 15
    assert results_for(session, SERIES, audience=Audience.CENTRE, now=opens_at, centre_number="99902") == []
    with pytest.raises(ResultsEmbargoed):
        results_for(session, SERIES, audience=Audience.CANDIDATE, now=opens_at)


def test_two_people_release_and_the_same_release_twice_is_one(session: Session, case_id: str) -> None:
    locked(session, case_id)
    with pytest.raises(SamePerson):
        release_results(session, SERIES, first="one", second="one", embargo=EMBARGO, now=NOW)
    first = release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    again = release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW + timedelta(hours=1))
    assert again == first


@pytest.mark.fault("att:H10")
def test_a_changed_moderated_mark_closes_the_gate(session: Session, case_id: str) -> None:
    locked(session, case_id)
    one = stage.candidate_ids(session)[0]
    guards.drop(session.connection())
    session.execute(update(ModeratedMark).where(ModeratedMark.candidate_id == one).values(moderated_mark=70))
    assert [block.code for block in gate(session, SERIES).blocks] == ["recomputation-differs", "result-differs"]
    session.execute(delete(ModeratedMark).where(ModeratedMark.candidate_id == one))
    assert [block.code for block in gate(session, SERIES).blocks] == ["entries-unaccounted", "result-differs"]


@pytest.mark.fault("att:H15")
def test_a_withdrawn_candidate_has_no_result_and_is_not_missed(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    session.get_one(Entry, (one, "X446A")).withdrawn_at = NOW
    locked(session, case_id)
    assert gate(session, SERIES).is_open
    assert len(compute_results(session, SERIES)) == 14


def test_missing_boundaries_and_an_empty_series_close_the_gate(session: Session, case_id: str) -> None:
    locked(session, case_id)
    session.execute(delete(GradeBoundary))
    assert [block.code for block in gate(session, SERIES).blocks] == ["boundaries-missing"]
    session.execute(update(Entry).values(withdrawn_at=NOW))
    assert [block.code for block in gate(session, SERIES).blocks] == ["no-entries"]
    with pytest.raises(UnknownSeries):
        gate(session, "01-6A99")
