from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from moderation.errors import OutcomeMissing, ResultsEmbargoed, ResultsWithdrawn
from moderation.explanation import MarkReason
from moderation.marks import MarkStatus
from moderation.outcome import Origin, OutcomeKind, Stage
from moderation.records import explanations, reports
from moderation.records.invalid_order import return_to_centre
from moderation.records.marks import MarkEntry, case_marks, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.outcomes import accept_by_officer, moderated_marks
from moderation.records.reports import Draft
from moderation.records.results import release_results, withdraw_results
from moderation.records.review_marks import review_items
from moderation.records.review_outcomes import Proposal, propose
from moderation.records.review_outcomes import confirm as confirm_review
from moderation.reports import Line, Section, Verdict
from moderation.results import Audience, IssueReason, embargo_from
from moderation.review import Finding, ReasonCode
from moderation.rules import Disclosure
from moderation.tables import Outcome
from tests.moderation.records import locking, stage
from tests.moderation.records import test_reviews as reviewing
from tests.moderation.records.stage import (
    CENTRE_B,
    CENTRE_D,
    MODERATOR,
    MODERATOR_B,
    MODERATOR_D,
    NOW,
    OFFICER,
    SERIES,
)

OPENS_AT = datetime(2026, 8, 11, 23, 1, tzinfo=UTC)
"""00:01:00 of 12 August in London is 23:01 of the day before in UTC."""
LATER = OPENS_AT + timedelta(days=1)
SECTIONS = {section: f"Words on {section.value}." for section in Section}


def moderated(session: Session, centre: tuple[int, ...] = CENTRE_B, moderator: tuple[int, ...] = MODERATOR_B) -> str:
    stage.make_series(session)
    case_id = stage.make_centre(session, len(centre))
    stage.confirm(session, case_id, centre)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, dict(zip(centre, moderator, strict=True)))
    return case_id


def report(session: Session, case_id: str) -> None:
    lines = [
        Line(work.item_id, "", Verdict.GENEROUS, f"Seen at {work.centre_number}.")
        for work in reports.works_read(session, case_id)
    ]
    reports.save_report(session, case_id, Draft(SECTIONS, lines), moderator=MODERATOR, now=NOW, expected_number=0)
    reports.submit_report(session, case_id, moderator=MODERATOR, now=NOW, expected_number=1)


def issue(session: Session, case_id: str, **more: object) -> None:
    locking.confirm(session, case_id)
    embargo = embargo_from(date(2026, 8, 12))
    release_results(session, SERIES, first="one", second="two", embargo=embargo, now=NOW, **more)


def test_it_opens_one_minute_after_midnight_in_london(session: Session) -> None:
    case_id = moderated(session)
    report(session, case_id)
    with pytest.raises(ResultsEmbargoed) as caught:
        explanations.explanation_for_centre(session, case_id, now=LATER)
    assert "opens_at" not in caught.value.facts
    issue(session, case_id)
    for early in (NOW, OPENS_AT - timedelta(seconds=1)):
        with pytest.raises(ResultsEmbargoed) as caught:
            explanations.explanation_for_centre(session, case_id, now=early)
        assert caught.value.facts["opens_at"] == OPENS_AT.isoformat()
    shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT)
    assert shown.explanation.kind is OutcomeKind.ADJUSTED
    assert shown.explanation.level is Disclosure.DIFFERENCES
    assert shown.report is not None
    assert len(shown.report.lines) == 15
    assert shown.release is not None


def test_every_explained_mark_is_the_recorded_one(session: Session) -> None:
    case_id = moderated(session)
    issue(session, case_id)
    shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT)
    recorded = {line.candidate_number: line.moderated_mark for line in moderated_marks(session, case_id)}
    assert {one.candidate_number: one.moderated_mark for one in shown.explanation.marks} == recorded
    assert "so the whole sample was read: 15 works." in " ".join(shown.explanation.what_happened)
    assert shown.explanation.differences is not None
    assert [(p.centre_mark, p.moderator_mark) for p in shown.explanation.differences.points] == list(
        zip(CENTRE_B, MODERATOR_B, strict=True)
    )


def test_an_outcome_found_after_the_release_waits_for_its_own(session: Session) -> None:
    case_id = moderated(session)
    issue(session, case_id)
    row = session.query(Outcome).filter_by(case_id=case_id).one()
    row.superseded_at = NOW + timedelta(days=100)
    session.add(
        Outcome(
            case_id=case_id,
            number=2,
            kind="ACCEPTED",
            stage="FULL_SAMPLE",
            numbers={**row.numbers, "mapping": None, "method": None},
            policy_version=row.policy_version,
            mark_set_version=row.mark_set_version,
            origin="REVIEW",
            proposed_by="reviewer",
            proposed_at=NOW + timedelta(days=100),
            confirmed_by="somebody",
            confirmed_at=NOW + timedelta(days=101),
        )
    )
    session.flush()
    shown = explanations.explanation_for_centre(session, case_id, now=NOW + timedelta(days=120))
    assert shown.explanation.kind is OutcomeKind.ADJUSTED
    assert explanations.preview(session, case_id, level=Disclosure.OUTCOME).explanation.level is Disclosure.OUTCOME


def test_a_held_case_and_withdrawn_results_stay_closed(session: Session) -> None:
    case_id = moderated(session)
    other = stage.make_centre(session, 1, "99902")
    stage.confirm(session, other, [40])
    locking.confirm(session, case_id)
    embargo = embargo_from(date(2026, 8, 12))
    release_results(
        session, SERIES, first="one", second="two", embargo=embargo, now=NOW, held_case_ids=[case_id, other]
    )
    with pytest.raises(ResultsEmbargoed):
        explanations.explanation_for_centre(session, case_id, now=LATER)
    with pytest.raises(ResultsEmbargoed):
        explanations.explanation_for_centre(session, other, now=LATER)
    release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=embargo,
        now=NOW,
        held_case_ids=[other],
        reason_code=IssueReason.HELD_RESULTS,
        reason="Held no longer",
    )
    assert explanations.explanation_for_centre(session, case_id, now=LATER).explanation.marks
    withdraw_results(session, SERIES, first="one", second="two", reason="A component was wrong", now=LATER)
    with pytest.raises(ResultsWithdrawn):
        explanations.explanation_for_centre(session, case_id, now=LATER)


def test_a_preview_before_anything_is_confirmed(session: Session) -> None:
    stage.make_series(session)
    empty = stage.make_centre(session, 3)
    with pytest.raises(OutcomeMissing):
        explanations.preview(session, empty)


def test_a_preview_shows_what_the_marks_would_be(session: Session) -> None:
    case_id = moderated(session)
    shown = explanations.preview(session, case_id)
    assert shown.release is None
    assert shown.explanation.marks[0].moderated_mark == 62
    assert shown.report is None
    report(session, case_id)
    assert explanations.preview(session, case_id).report is not None


def test_an_order_that_fails_is_explained_without_marks(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, len(CENTRE_D))
    stage.confirm(session, case_id, CENTRE_D)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, dict(zip(CENTRE_D, MODERATOR_D, strict=True)))
    shown = explanations.preview(session, case_id)
    assert shown.explanation.kind is OutcomeKind.INVALID_ORDER
    assert {one.reason for one in shown.explanation.marks} == {MarkReason.NOT_MADE}


def test_an_officer_who_accepts_outside_tolerance(session: Session) -> None:
    case_id = moderated(session)
    accept_by_officer(session, case_id, reason="The moderator read the wrong version", officer="officer-1", now=NOW)
    issue(session, case_id)
    shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT)
    text = str(asdict(shown.explanation))
    assert "An officer of the awarding body decided" in text
    assert "wrong version" not in text
    assert {one.change for one in shown.explanation.marks} == {0}


def test_nobody_to_sample(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 2)
    rows = [MarkEntry(line.candidate_id, None, MarkStatus.ABSENT) for line in case_marks(session, case_id).lines]
    save_marks(session, case_id, rows, actor="t", now=NOW)
    check_marks(session, case_id, actor="t", now=NOW)
    submit_marks(session, case_id, actor="o", now=NOW)
    confirm_marks(session, case_id, actor="system", now=NOW)
    issue(session, case_id)
    shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT)
    assert shown.explanation.stage is Stage.NO_SAMPLE
    assert [one.reason for one in shown.explanation.marks] == [MarkReason.NO_MARK] * 2


def test_a_centre_of_a_consortium_sees_its_own_only(session: Session) -> None:
    stage.make_series(session)
    ids = stage.make_consortium(session, ["99901", "99902"], [8, 7])
    for case_id, marks in zip(ids, (CENTRE_B[:8], CENTRE_B[8:]), strict=True):
        stage.confirm(session, case_id, marks)
    for case_id in ids:
        stage.hand_in(session, case_id)
        stage.give_to_moderator(session, case_id)
    stage.moderate(session, ids[0], dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    report(session, ids[0])
    issue(session, ids[0])
    sizes = []
    for case_id, own, other in zip(ids, ("99901", "99902"), ("99902", "99901"), strict=True):
        shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT)
        assert shown.report is not None
        differences = shown.explanation.differences
        assert differences is not None
        sizes.append((len(shown.explanation.marks), len(differences.points), differences.others))
        assert {line.comment for line in shown.report.lines} == {f"Seen at {own}."}
        assert f"Seen at {other}." not in str(asdict(shown))
        assert shown.explanation.is_group
    assert sizes == [(8, 8, 7), (7, 7, 8)]


def test_the_audience_is_the_centre(session: Session) -> None:
    case_id = moderated(session)
    issue(session, case_id)
    shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT)
    assert shown.release is not None
    assert shown.release.embargo.opens_at(Audience.CENTRE) == OPENS_AT


def test_after_a_review_the_new_release_explains_the_new_marks(session: Session) -> None:
    case_id = moderated(session)
    issue(session, case_id)
    request_id = reviewing.under_way(session)
    originals = {item.centre_mark: item.original_mark for item in review_items(session, request_id)}
    lower = {centre: mark - 2 for centre, mark in originals.items() if mark}
    reviewing.mark_all(session, request_id, lower)
    proposal = Proposal(Finding.MODERATION_CHANGED, "Generous still.", ReasonCode.MODERATION_CRITERIA)
    propose(session, request_id, proposal, actor=reviewing.REVIEWER, now=reviewing.LATER)
    confirm_review(session, request_id, actor=reviewing.BODY, now=reviewing.LATER)
    before = explanations.explanation_for_centre(session, case_id, now=reviewing.LATER)
    assert before.origin is Origin.MODERATION
    release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=embargo_from(date(2026, 8, 12)),
        now=reviewing.LATER,
        reason_code=IssueReason.REVIEW,
        reason="Review of moderation",
    )
    after = explanations.explanation_for_centre(session, case_id, now=reviewing.LATER + timedelta(minutes=1))
    assert (after.origin, after.explanation.may_be_reviewed) == (Origin.REVIEW, False)
    recorded = {line.candidate_number: line.moderated_mark for line in moderated_marks(session, case_id)}
    assert {one.candidate_number: one.moderated_mark for one in after.explanation.marks} == recorded
    assert after.explanation.differences is not None
    shown = {point.centre_mark: point.moderator_mark for point in after.explanation.differences.points}
    assert shown == lower


def test_marks_that_were_returned_before_are_mentioned_and_not_explained(session: Session) -> None:
    case_id = moderated(session, CENTRE_D, MODERATOR_D)
    words = "The candidates do not follow criterion C; mark everybody again."
    return_to_centre(session, case_id, feedback=words, officer=OFFICER, now=NOW)
    stage.confirm(session, case_id, MODERATOR_D)
    stage.hand_in(session, case_id)
    stage.moderate(session, case_id, {mark: mark for mark in MODERATOR_D})
    issue(session, case_id)
    shown = explanations.explanation_for_centre(session, case_id, now=OPENS_AT).explanation
    assert shown.kind is OutcomeKind.ACCEPTED
    assert "returned to you" in shown.what_happened[0]
    assert sorted(one.centre_mark or 0 for one in shown.marks) == sorted(MODERATOR_D)
