"""Appeals and retention on real cases: who hears, what the case does, how long work is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import (
    IllegalTransition,
    NotIndependent,
    RetentionNotOver,
    ReviewerInvolved,
    SamePerson,
    ServiceNotOffered,
)
from moderation.outcome import Origin
from moderation.records.appeals import Plea, appeal_of, appeal_window, hear, start_appeal
from moderation.records.cases import view_case
from moderation.records.missing_results import MissingKind, answer_missing, report_missing
from moderation.records.outcomes import moderated_marks
from moderation.records.retention import begin_retention, dispose, need_in_retention, retention_lines, retention_of
from moderation.records.review_outcomes import Proposal, confirm, propose
from moderation.records.reviews import step, submit
from moderation.retention import Keeping
from moderation.review import Finding, Grounds, RequestEvent, Service
from moderation.submission import CaseState
from moderation.tables import Outcome
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, COMPONENT, OFFICER, SERIES
from tests.moderation.records.test_reviews import (
    BODY,
    CENTRE,
    EXAMS,
    LATER,
    LEADER,
    REVIEWER,
    SECOND,
    case_id,
    mark_all,
    under_way,
)

__all__ = ["case_id"]

PANEL = ("panel-1", "panel-2", "panel-3")
PLEA = Plea(
    Grounds.MODERATION,
    "The criteria of band 4 were not applied.",
    acts_for_head=True,
    evidence=(("criteria.pdf", "ab" * 32),),
)


def upheld(session: Session) -> str:
    """Return a review of moderation that was upheld."""
    request_id = under_way(session)
    mark_all(session, request_id)
    propose(session, request_id, Proposal(Finding.UPHELD, "As the criteria say."), actor=REVIEWER, now=LATER)
    confirm(session, request_id, actor=SECOND, now=LATER)
    return request_id


def lodged(session: Session, about_id: str, stage_of: Service, now: datetime) -> str:
    """Return an appeal that was acknowledged."""
    made = start_appeal(session, about_id, stage_of, PLEA, actor=EXAMS, now=now)
    submit(session, made.request_id, proof=None, actor=EXAMS, now=now)
    step(session, made.request_id, RequestEvent.ACKNOWLEDGE, actor=BODY, now=now)
    return made.request_id


@pytest.mark.fault("att:H11")
def test_two_stages_heard_by_people_without_a_part(session: Session, case_id: str) -> None:
    review = upheld(session)
    found = appeal_window(session, review)
    assert found is not None
    assert found[0] is Service.APPEAL_STAGE_1
    assert found[1].date() - LATER.date() >= timedelta(days=30)
    with pytest.raises(ServiceNotOffered) as caught:
        start_appeal(session, review, Service.APPEAL_STAGE_2, PLEA, actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] == "STAGE_1_FIRST"
    late = LATER + timedelta(days=31)
    with pytest.raises(ServiceNotOffered) as caught:
        start_appeal(session, review, Service.APPEAL_STAGE_1, PLEA, actor=EXAMS, now=late)
    assert caught.value.facts["reason"] == "WINDOW_CLOSED"

    first = lodged(session, review, Service.APPEAL_STAGE_1, LATER)
    for person in (REVIEWER, SECOND, stage.MODERATOR, OFFICER, BODY, EXAMS):
        with pytest.raises((ReviewerInvolved, NotIndependent)):
            hear(session, first, [person], actor=BODY, now=LATER)
    assert view_case(session, case_id).state is CaseState.REVIEW_DONE
    hear(session, first, [PANEL[0]], actor=BODY, now=LATER)
    assert view_case(session, case_id).state is CaseState.APPEAL
    held = appeal_of(session, first)
    assert held is not None
    assert (held.panel, held.evidence, len(held.evidence_sha256)) == ((PANEL[0],), PLEA.evidence, 64)
    dismissed = Proposal(Finding.APPEAL_DISMISSED, "The criteria were applied.")
    propose(session, first, dismissed, actor="clerk-1", now=LATER)
    confirm(session, first, actor="clerk-2", now=LATER)
    assert view_case(session, case_id).state is CaseState.REVIEW_DONE

    second = lodged(session, first, Service.APPEAL_STAGE_2, LATER)
    with pytest.raises((ReviewerInvolved, NotIndependent)):
        hear(session, second, PANEL, actor=BODY, now=LATER)  # the first of them heard stage 1
    hear(session, second, ["panel-4", "panel-5", "panel-6"], actor=BODY, now=LATER)
    reinstated = Proposal(Finding.CENTRE_MARKS_REINSTATED, "Band 4 was not applied.")
    propose(session, second, reinstated, actor="clerk-3", now=LATER)
    with pytest.raises(SamePerson):
        confirm(session, second, actor="clerk-3", now=LATER)
    confirm(session, second, actor="clerk-4", now=LATER)
    newest = session.scalars(select(Outcome).where(Outcome.superseded_at.is_(None))).one()
    assert (newest.origin, newest.kind) == (Origin.APPEAL, "ACCEPTED")
    marks = [line.moderated_mark for line in moderated_marks(session, case_id)]
    assert sorted(mark for mark in marks if mark is not None) == sorted(CENTRE_B)


def test_work_is_kept_until_the_last_of_it_is_over(session: Session, case_id: str) -> None:
    window = datetime(2026, 10, 21, 22, 59, 59, tzinfo=UTC)  # 35 days and a margin of 28
    assert retention_of(session, case_id, LATER).until == window
    with pytest.raises(RetentionNotOver, match="21 October 2026"):
        begin_retention(session, case_id, actor=BODY, now=window)
    review = upheld(session)
    # An outcome keeps the work until no appeal is possible any more: 30 days, and the margin.
    found = retention_of(session, case_id, LATER)
    assert (found.until, found.kept_by) == (window, (Keeping.REVIEW_DEADLINE,))
    appeal = lodged(session, review, Service.APPEAL_STAGE_1, LATER)
    assert retention_of(session, case_id, LATER).kept_by == (Keeping.APPEAL,)
    hear(session, appeal, [PANEL[0]], actor=BODY, now=LATER)
    late = LATER + timedelta(days=60)
    propose(session, appeal, Proposal(Finding.APPEAL_DISMISSED, "No."), actor="clerk-1", now=late)
    confirm(session, appeal, actor="clerk-2", now=late)
    found = retention_of(session, case_id, late)
    assert found.kept_by == (Keeping.APPEAL,)
    assert found.until is not None
    after = found.until + timedelta(seconds=1)
    (line,) = retention_lines(session, SERIES, after)
    assert line.is_due
    (line,) = retention_lines(session, SERIES, after, held_case_ids=[case_id])
    assert not line.is_due
    assert line.retention.kept_by == (Keeping.LEGAL_HOLD,)
    with pytest.raises(RetentionNotOver):
        begin_retention(session, case_id, actor=BODY, now=after, legal_hold=True)
    with pytest.raises(RetentionNotOver):
        need_in_retention(session, case_id, after)
    with pytest.raises(IllegalTransition):
        dispose(session, case_id, actor=BODY, now=after)
    begin_retention(session, case_id, actor=BODY, now=after)
    dispose(session, case_id, actor=SECOND, now=after)
    assert view_case(session, case_id).state is CaseState.DISPOSED


def test_a_missing_result_is_no_review(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]

    def report(**changes: str) -> str:
        values = {"centre_number": CENTRE, "candidate_id": one, "component_code": COMPONENT} | changes
        made = report_missing(
            session,
            series_key=SERIES,
            kind=MissingKind.ABSENT_IN_ERROR,
            details="She was there.",
            actor=EXAMS,
            now=LATER,
            **values,
        )
        return made.report_id

    with pytest.raises(ServiceNotOffered):
        report(component_code="X999/99")
    with pytest.raises(ServiceNotOffered):
        report(centre_number="99999")
    first = report()
    answer_missing(session, first, answer="The mark is in.", actor=LEADER, now=LATER)
    with pytest.raises(IllegalTransition):
        answer_missing(session, first, answer="Again.", actor=LEADER, now=LATER)
    report()
    with pytest.raises(ServiceNotOffered):
        report()
    session.rollback()
