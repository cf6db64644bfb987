"""Requests after results, from the window to the new outcome, on both kinds of database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation import guards
from moderation.checking import Verdict
from moderation.errors import (
    ConsentRefused,
    FindingRefused,
    IllegalTransition,
    ImportRefused,
    NoResults,
    NotAllocated,
    NotIndependent,
    OutcomeMissing,
    ReasonMissing,
    RecordKept,
    ResultsEmbargoed,
    ResultVersionPending,
    ReviewerInvolved,
    ReviewIncomplete,
    SamePerson,
    ServiceNotOffered,
    StaleVersion,
    TermsInvalid,
)
from moderation.outcome import Origin, OutcomeKind
from moderation.records.cases import view_case
from moderation.records.checks import decide_check, open_check, record_check_mark
from moderation.records.marking import is_allocated
from moderation.records.moderator_marks import marks_of_item
from moderation.records.outcomes import confirm_outcome, moderated_marks, outcomes_of, recomputation_of
from moderation.records.reference import ExternalMarkRow, import_external_marks
from moderation.records.results import release_results, results_for
from moderation.records.review_facts import SampleProof
from moderation.records.review_marks import record_review_mark, review_items
from moderation.records.review_outcomes import Proposal, begin, confirm, finding_of, invoice, months_after, propose
from moderation.records.review_requests import consent_of, entitled_scripts, history_of, list_requests
from moderation.records.review_terms import import_terms, terms_for
from moderation.records.reviews import Wish, offers, record_consent, start, step, submit
from moderation.results import Audience, IssueReason, embargo_from
from moderation.review import Finding, ReasonCode, Refusal, RequestEvent, RequestState, Service
from moderation.submission import CaseState
from moderation.tables import (
    Candidate,
    ExternalMark,
    ExternalMarkChange,
    GradeBoundary,
    ModerationCase,
    Outcome,
    ReviewRequest,
    SampleItem,
)
from tests.moderation.records import stage
from tests.moderation.records.stage import CENTRE_B, COMPONENT, MODERATOR_B, NOW, OFFICER, PAPER, SERIES

EMBARGO = embargo_from(date(2026, 8, 19))
OUT = EMBARGO.restricted_at
LATER = OUT + timedelta(days=2)
EXAMS, BODY, SECOND, REVIEWER, LEADER = "exams", "body", "second", "reviewer", "leader"
WHOLE = SampleProof(is_sealed=True, is_intact=True, is_filmed=True)
CENTRE = "99901"


@pytest.fixture
def case_id(session: Session, moderated_case: str) -> str:
    """A case whose centre's marks were adjusted, with results out."""
    case_id = moderated_case
    agree(session, case_id)
    highest = max(line.moderated_mark or 0 for line in moderated_marks(session, case_id))
    session.get_one(GradeBoundary, (SERIES, "X446A", "A")).mark = 200 + highest  # the best just has an A
    session.flush()
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    return case_id


def agree(session: Session, case_id: str) -> None:
    """A team leader checks the moderator, and an officer confirms."""
    check = open_check(session, case_id, checker=LEADER, is_principal=False, now=NOW)
    for item in check.works:
        mark = marks_of_item(session, item.item_id)[-1].mark
        record_check_mark(session, check.check_id, item.item_id, mark=mark, checker=LEADER, now=NOW)
    decide_check(session, check.check_id, verdict=Verdict.AGREED, reason="", checker=LEADER, now=NOW)
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)


def service_3(**changes: object) -> Wish:
    return Wish(SERIES, COMPONENT, CENTRE, Service.REVIEW_OF_MODERATION, **{"is_kept": True, "proof": WHOLE, **changes})


def paper(service: Service, candidate_id: str) -> Wish:
    return Wish(SERIES, PAPER, CENTRE, service, candidate_id)


def under_way(session: Session) -> str:
    """Return a review of moderation that a reviewer has begun."""
    made = start(session, service_3(), actor=EXAMS, now=LATER)
    submit(session, made.request_id, proof=WHOLE, actor=EXAMS, now=LATER)
    step(session, made.request_id, RequestEvent.ACKNOWLEDGE, actor=BODY, now=LATER)
    begin(session, made.request_id, actor=BODY, now=LATER, reviewer=REVIEWER, proof=WHOLE)
    return made.request_id


def mark_all(session: Session, request_id: str, change: dict[int, int] | None = None) -> None:
    """Give every work that the moderator read its review mark: the moderator's, unless changed by centre mark."""
    for item in review_items(session, request_id):
        if item.original_mark is None:
            continue
        mark = (change or {}).get(item.centre_mark, item.original_mark)
        record_review_mark(
            session, request_id, item.item_id, mark=mark, comment="See the criteria.", reviewer=REVIEWER, now=LATER
        )


# Before and around results


def test_nothing_is_offered_before_results_are_out(session: Session, case_id: str) -> None:
    before = OUT - timedelta(seconds=1)
    for call in (
        lambda: start(session, service_3(), actor=EXAMS, now=before),
        lambda: offers(session, service_3(), before, list(Service)),
    ):
        with pytest.raises(ResultsEmbargoed):
            call()
    assert list_requests(session) == []
    start(session, service_3(), actor=EXAMS, now=OUT)


def test_nothing_is_offered_without_results(session: Session) -> None:
    stage.make_series(session)
    with pytest.raises(NoResults):
        offers(session, service_3(), LATER, list(Service))


def test_offers_name_the_window_and_the_reason(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    whole = {offer.service: offer for offer in offers(session, service_3(), LATER, list(Service))}
    assert whole[Service.REVIEW_OF_MODERATION].refusal is None
    assert whole[Service.REVIEW_OF_MODERATION].closes_at == datetime(2026, 9, 23, 22, 59, 59, tzinfo=UTC)
    assert whole[Service.CLERICAL_RECHECK].refusal is Refusal.CANDIDATE_NEEDED
    named = {
        offer.service: offer.refusal for offer in offers(session, paper(Service.SCRIPT, one), LATER, list(Service))
    }
    assert named[Service.REVIEW_OF_MARKING] is None
    assert named[Service.REVIEW_OF_MODERATION] is Refusal.CANDIDATE_NAMED
    assert named[Service.SCRIPT] is Refusal.WINDOW_NOT_OPEN
    assert named[Service.PRIORITY_REVIEW] is Refusal.LEVEL
    own = Wish(SERIES, COMPONENT, CENTRE, Service.SCRIPT, one)
    mine = {offer.service: offer.refusal for offer in offers(session, own, LATER, list(Service))}
    assert mine[Service.CLERICAL_RECHECK] is None
    assert mine[Service.REVIEW_OF_MARKING] is Refusal.NOT_MARKED_OUTSIDE
    assert mine[Service.SCRIPT_PRIORITY] is Refusal.NO_SCRIPT


def test_a_review_of_moderation_is_refused(session: Session, case_id: str) -> None:
    cases: list[tuple[dict[str, object], Refusal]] = [
        ({"is_kept": False}, Refusal.WORK_RETURNED),
        ({"proof": None}, Refusal.NOT_SEALED),
        ({"proof": SampleProof(is_sealed=True, is_intact=False, is_filmed=True)}, Refusal.SAMPLE_CHANGED),
        ({"candidate_id": "anybody"}, Refusal.CANDIDATE_NAMED),
        ({"component_code": PAPER}, Refusal.NOT_MODERATED),
    ]
    for changes, refusal in cases:
        with pytest.raises(ServiceNotOffered) as caught:
            start(session, replace(service_3(), **changes), actor=EXAMS, now=LATER)
        assert caught.value.facts["reason"] == refusal.name
    assert list_requests(session) == []


def test_a_late_request_has_no_review(session: Session, case_id: str) -> None:
    made = start(session, service_3(), actor=EXAMS, now=LATER)
    late = datetime(2026, 9, 23, 23, 0, 0, tzinfo=UTC)
    with pytest.raises(ServiceNotOffered) as caught:
        submit(session, made.request_id, proof=WHOLE, actor=EXAMS, now=late)
    assert caught.value.facts["reason"] == "WINDOW_CLOSED"
    submit(session, made.request_id, proof=WHOLE, actor=EXAMS, now=late - timedelta(seconds=1))
    step(session, made.request_id, RequestEvent.WITHDRAW, actor=EXAMS, now=late, reason="not wanted")


def test_accepted_marks_have_no_review(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, len(CENTRE_B))
    stage.confirm(session, case_id, CENTRE_B)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, dict(zip(CENTRE_B, CENTRE_B, strict=True)))
    confirm_outcome(session, case_id, officer=OFFICER, now=NOW)
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    with pytest.raises(ServiceNotOffered) as caught:
        start(session, service_3(), actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] == "ACCEPTED_UNCHANGED"


def test_an_adjustment_that_moved_no_mark_left_them_unchanged(session: Session, case_id: str) -> None:
    guards.drop(session.connection())
    session.execute(text("UPDATE moderated_mark SET moderated_mark = centre_mark"))
    with pytest.raises(ServiceNotOffered) as caught:
        start(session, service_3(), actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] == "ACCEPTED_UNCHANGED"


def test_a_visit_is_reviewed_only_where_it_was_filmed(session: Session, case_id: str) -> None:
    session.get_one(ModerationCase, case_id).submission_mode = "VISIT"
    session.flush()
    with pytest.raises(ServiceNotOffered) as caught:
        start(session, service_3(proof=SampleProof(False, True, False)), actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] == "NO_FILM"
    start(session, service_3(proof=SampleProof(False, True, True)), actor=EXAMS, now=LATER)


# Service 3


@pytest.mark.fault("att:H11")
def test_a_reviewer_had_no_part_in_the_moderation(session: Session, case_id: str) -> None:
    made = start(session, service_3(), actor=EXAMS, now=LATER)
    submit(session, made.request_id, proof=WHOLE, actor=EXAMS, now=LATER)
    step(session, made.request_id, RequestEvent.ACKNOWLEDGE, actor=BODY, now=LATER)
    for person in (stage.MODERATOR, OFFICER, BODY):
        with pytest.raises(ReviewerInvolved):
            begin(session, made.request_id, actor=BODY, now=LATER, reviewer=person, proof=WHOLE)
    with pytest.raises(NotAllocated):
        begin(session, made.request_id, actor=BODY, now=LATER, proof=WHOLE)
    assert view_case(session, case_id).state is CaseState.RESULTS_ISSUED
    begun = begin(session, made.request_id, actor=BODY, now=LATER, reviewer=REVIEWER, proof=WHOLE)
    assert begun.reviewer == REVIEWER
    assert view_case(session, case_id).state is CaseState.REVIEW_REQUESTED
    item = review_items(session, made.request_id)[0]
    session.commit()
    with pytest.raises(NotIndependent):
        session.execute(
            text(
                "INSERT INTO review_mark (id, request_id, sample_item_id, number, mark, comment, marked_by, marked_at) "
                "VALUES ('x', :r, :i, 1, 5, '', :p, '2026-08-21 10:00:00')"
            ),
            {"r": made.request_id, "i": item.item_id, "p": stage.MODERATOR},
        )
    session.rollback()
    with pytest.raises(NotAllocated):
        record_review_mark(session, made.request_id, item.item_id, mark=5, reviewer=stage.MODERATOR, now=LATER)


def test_the_clock_runs_from_the_reviewer_having_the_sample(session: Session, case_id: str) -> None:
    (found,) = list_requests(session, request_id=under_way(session))
    assert found.trigger_at == LATER
    assert found.due_at == datetime(2026, 9, 25, 22, 59, 59, tzinfo=UTC)  # 35 days, still summer time


def test_another_mark_needs_a_comment_and_two_tabs_are_told_apart(session: Session, case_id: str) -> None:
    request_id = under_way(session)
    item = next(item for item in review_items(session, request_id) if item.original_mark)
    assert item.original_mark is not None

    def give(mark: int, comment: str, number: int) -> None:
        record_review_mark(
            session,
            request_id,
            item.item_id,
            mark=mark,
            comment=comment,
            reviewer=REVIEWER,
            now=LATER,
            expected_number=number,
        )

    with pytest.raises(ReasonMissing):
        give(item.original_mark + 1, " ", 0)
    give(item.original_mark, "", 0)
    with pytest.raises(StaleVersion):
        give(item.original_mark + 1, "Band 4.", 0)
    give(item.original_mark + 1, "Band 4.", 1)
    found = next(one for one in review_items(session, request_id) if one.item_id == item.item_id)
    assert (found.review_mark, found.number, found.original_mark) == (item.original_mark + 1, 2, item.original_mark)


def test_an_upheld_review_leaves_the_outcome_in_force(session: Session, case_id: str) -> None:
    request_id = under_way(session)
    with pytest.raises(ReviewIncomplete):
        propose(session, request_id, Proposal(Finding.UPHELD, "as before"), actor=REVIEWER, now=LATER)
    with pytest.raises(OutcomeMissing):
        confirm(session, request_id, actor=BODY, now=LATER)
    mark_all(session, request_id)
    with pytest.raises(FindingRefused) as caught:
        propose(
            session,
            request_id,
            Proposal(Finding.CENTRE_MARKS_REINSTATED, "kind", ReasonCode.MODERATION_CRITERIA),
            actor=REVIEWER,
            now=LATER,
        )
    assert caught.value.facts["found"] == "UPHELD"
    propose(
        session, request_id, Proposal(Finding.UPHELD, "Every mark follows the criteria."), actor=REVIEWER, now=LATER
    )
    with pytest.raises(SamePerson):
        confirm(session, request_id, actor=REVIEWER, now=LATER)
    once = confirm(session, request_id, actor=BODY, now=LATER)
    assert confirm(session, request_id, actor=BODY, now=LATER + timedelta(hours=1)) == once
    with pytest.raises(IllegalTransition):
        confirm(session, request_id, actor=SECOND, now=LATER)
    assert len(outcomes_of(session, case_id)) == 1
    assert not is_allocated(session, case_id, REVIEWER, LATER, act="REVIEW")  # the works are closed again
    assert view_case(session, case_id).state is CaseState.REVIEW_DONE
    assert [row.to_state for row in history_of(session, request_id)] == [
        "SUBMITTED",
        "ACKNOWLEDGED",
        "IN_REVIEW",
        "OUTCOME",
    ]
    assert invoice(session, request_id, actor=BODY, now=LATER).is_fee_due is False  # no fee is known
    with pytest.raises(ServiceNotOffered) as caught_again:
        start(session, service_3(), actor=EXAMS, now=LATER)
    assert caught_again.value.facts["reason"] == "ALREADY_DONE"


def test_reinstated_centre_marks_are_a_new_outcome(session: Session, case_id: str) -> None:
    request_id = under_way(session)
    items = review_items(session, request_id)
    mark_all(session, request_id, {item.centre_mark: item.centre_mark for item in items})
    proposal = Proposal(Finding.CENTRE_MARKS_REINSTATED, "Band 4 was read as band 3.", ReasonCode.MODERATION_CRITERIA)
    propose(session, request_id, proposal, actor=REVIEWER, now=LATER)
    before = {line.candidate_id: line.moderated_mark for line in moderated_marks(session, case_id)}
    confirm(session, request_id, actor=BODY, now=LATER)
    old, new = session.scalars(select(Outcome).order_by(Outcome.number))
    assert (old.superseded_at, new.superseded_at) == (LATER, None)
    assert (new.kind, new.origin, new.confirmed_by) == ("ACCEPTED", Origin.REVIEW, BODY)
    after = {line.candidate_id: line.moderated_mark for line in moderated_marks(session, case_id)}
    assert sorted(mark for mark in after.values() if mark is not None) == sorted(CENTRE_B)
    assert before != after
    assert [mark.marked_by for item in items for mark in marks_of_item(session, item.item_id)] == [
        stage.MODERATOR
    ] * len(items)
    release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=EMBARGO,
        now=LATER,
        reason_code=IssueReason.REVIEW,
        reason="review of moderation",
    )
    shown = results_for(session, SERIES, audience=Audience.CENTRE, now=LATER, centre_number=CENTRE)
    assert [row.components[1]["mark"] for row in shown][:2] == list(CENTRE_B[:2])
    assert invoice(session, request_id, actor=BODY, now=LATER).is_fee_due is False


def test_a_changed_adjustment_is_computed_from_the_review_marks_twice(session: Session, case_id: str) -> None:
    request_id = under_way(session)
    lower = {
        item.centre_mark: item.original_mark - 2 for item in review_items(session, request_id) if item.original_mark
    }
    mark_all(session, request_id, lower)
    proposal = Proposal(Finding.MODERATION_CHANGED, "Two marks too many each.", ReasonCode.MODERATION_CRITERIA)
    propose(session, request_id, proposal, actor=REVIEWER, now=LATER)
    before = {line.candidate_id: line.moderated_mark or 0 for line in moderated_marks(session, case_id)}
    confirm(session, request_id, actor=BODY, now=LATER)
    after = {line.candidate_id: line.moderated_mark or 0 for line in moderated_marks(session, case_id)}
    assert all(after[one] <= before[one] for one in before)
    assert any(after[one] < before[one] for one in before)
    assert recomputation_of(session, session.get_one(ModerationCase, case_id)) == []
    grades = {
        row.candidate_id: row.grade
        for row in results_for(session, SERIES, audience=Audience.CENTRE, now=LATER, centre_number=CENTRE)
    }
    release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=EMBARGO,
        now=LATER,
        reason_code=IssueReason.REVIEW,
        reason="review of moderation",
    )
    again = results_for(session, SERIES, audience=Audience.CENTRE, now=LATER, centre_number=CENTRE)
    assert {row.candidate_id: row.grade for row in again} == grades
    # The best candidate's total is below the boundary now; the published grade stands, and is marked as protected.
    best = next(row for row in again if row.grade == "A")
    boundary = session.get_one(GradeBoundary, (SERIES, "X446A", "A")).mark
    assert best.total is not None
    assert int(best.total) < boundary
    assert best.is_protected


def test_only_the_lead_centre_of_a_consortium_asks(session: Session) -> None:
    stage.make_series(session)
    first, second = stage.make_consortium(session, ["99901", "99902"], [15, 15])
    for one in (first, second):
        stage.enter_marks(session, one, CENTRE_B)
    from moderation.records.marks import confirm_marks

    for one in (first, second):
        confirm_marks(session, one, actor="system", now=NOW)
    for one in (first, second):
        stage.hand_in(session, one)
        stage.give_to_moderator(session, one)
    stage.moderate(session, first, dict(zip(CENTRE_B, MODERATOR_B, strict=True)))
    agree(session, first)
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    with pytest.raises(ServiceNotOffered) as caught:
        start(
            session,
            service_3(centre_number="99902")
            if False
            else Wish(SERIES, COMPONENT, "99902", Service.REVIEW_OF_MODERATION, is_kept=True, proof=WHOLE),
            actor=EXAMS,
            now=LATER,
        )
    assert caught.value.facts["reason"] == "NOT_LEAD_CENTRE"
    request_id = under_way(session)
    items = review_items(session, request_id)
    assert {item.centre_number for item in items} == {"99901", "99902"}
    mark_all(session, request_id, {item.centre_mark: item.centre_mark for item in items})
    proposal = Proposal(Finding.CENTRE_MARKS_REINSTATED, "All right.", ReasonCode.MODERATION_CRITERIA)
    propose(session, request_id, proposal, actor=REVIEWER, now=LATER)
    confirm(session, request_id, actor=BODY, now=LATER)
    for one in (first, second):
        assert view_case(session, one).state is CaseState.REVIEW_DONE
        assert outcomes_of(session, one)[-1].kind is OutcomeKind.ACCEPTED


# Services 1 and 2, access to scripts


def marking_request(session: Session, service: Service, candidate_id: str) -> str:
    """Return a request that is being looked at."""
    made = start(session, paper(service, candidate_id), actor=EXAMS, now=LATER)
    record_consent(session, made.request_id, given_on=LATER.date(), actor=EXAMS, now=LATER)
    submit(session, made.request_id, proof=None, actor=EXAMS, now=LATER)
    step(session, made.request_id, RequestEvent.ACKNOWLEDGE, actor=BODY, now=LATER)
    begin(session, made.request_id, actor=BODY, now=LATER)
    return made.request_id


def test_consent_comes_first_and_after_results(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    made = start(session, paper(Service.REVIEW_OF_MARKING, one), actor=EXAMS, now=LATER)
    with pytest.raises(IllegalTransition):
        submit(session, made.request_id, proof=None, actor=EXAMS, now=LATER)
    for day in (date(2026, 8, 18), date(2026, 8, 22)):
        with pytest.raises(ConsentRefused):
            record_consent(session, made.request_id, given_on=day, actor=EXAMS, now=LATER)
    done = record_consent(session, made.request_id, given_on=date(2026, 8, 19), actor=EXAMS, now=LATER)
    assert done.state is RequestState.CONSENTED
    kept = consent_of(session, made.request_id)
    assert kept is not None
    assert "go down, go up or stay the same" in kept.wording
    with pytest.raises(StaleVersion):
        submit(session, made.request_id, proof=None, actor=EXAMS, now=LATER, expected_version=1)


def test_a_lower_mark_is_kept_beside_the_one_before_and_waits_for_a_release(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    request_id = marking_request(session, Service.REVIEW_OF_MARKING, one)
    with pytest.raises(FindingRefused):
        propose(session, request_id, Proposal(Finding.MARK_CHANGED, "less", None, 60), actor=BODY, now=LATER)
    for mark in (None, -1, 141, 100):
        wrong = Proposal(Finding.MARK_CHANGED, "less", ReasonCode.LEVELS_SCHEME, mark)
        with pytest.raises(FindingRefused):
            propose(session, request_id, wrong, actor=BODY, now=LATER)
    right = Proposal(Finding.MARK_CHANGED, "Level 2, not 3.", ReasonCode.LEVELS_SCHEME, 60)
    propose(session, request_id, right, actor=BODY, now=LATER)
    with pytest.raises(SamePerson):
        confirm(session, request_id, actor=BODY, now=LATER)
    confirm(session, request_id, actor=SECOND, now=LATER)
    kept = session.scalars(select(ExternalMarkChange)).one()
    assert (kept.mark_before, kept.mark_after, kept.reason_code) == (100, 60, "Misapplied levels scheme")
    assert session.get_one(ExternalMark, (SERIES, PAPER, one)).mark == 60
    with pytest.raises(ImportRefused) as caught:
        import_external_marks(session, SERIES, [ExternalMarkRow(PAPER, "99901", "1001", 100)])
    faults: Any = caught.value.facts["faults"]
    assert [code for _, code, _ in faults] == ["changed-after-results"]
    assert import_external_marks(session, SERIES, [ExternalMarkRow(PAPER, "99901", "1001", 60)]) == 1
    with pytest.raises(ResultVersionPending):
        invoice(session, request_id, actor=BODY, now=LATER)
    session.rollback()


def test_a_wrongly_recorded_centre_mark_is_corrected_by_a_new_mark_set(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 30)
    marks = [70 - 2 * number for number in range(30)]
    stage.confirm(session, case_id, marks)
    stage.hand_in(session, case_id)
    stage.give_to_moderator(session, case_id)
    stage.moderate(session, case_id, {mark: max(1, mark - 6) for mark in marks})
    agree(session, case_id)
    release_results(session, SERIES, first="one", second="two", embargo=EMBARGO, now=NOW)
    sampled = set(session.scalars(select(SampleItem.candidate_id)))
    before = {line.candidate_id: line for line in moderated_marks(session, case_id)}
    one = next(candidate for candidate in before if candidate not in sampled)
    drawn = next(candidate for candidate in before if candidate in sampled)

    def asked(candidate_id: str) -> str:
        wish = Wish(SERIES, COMPONENT, CENTRE, Service.CLERICAL_RECHECK, candidate_id)
        request_id = start(session, wish, actor=EXAMS, now=LATER).request_id
        record_consent(session, request_id, given_on=LATER.date(), actor=EXAMS, now=LATER)
        submit(session, request_id, proof=None, actor=EXAMS, now=LATER)
        step(session, request_id, RequestEvent.ACKNOWLEDGE, actor=BODY, now=LATER)
        begin(session, request_id, actor=BODY, now=LATER)
        return request_id

    wrong = Proposal(Finding.MARK_CHANGED, "Digits swapped.", ReasonCode.CENTRE_ERROR, 69)
    with pytest.raises(FindingRefused, match="in the sample"):
        propose(session, asked(drawn), wrong, actor=BODY, now=LATER)
    request_id = asked(one)
    propose(session, request_id, wrong, actor=BODY, now=LATER)
    confirm(session, request_id, actor=SECOND, now=LATER)
    after = {line.candidate_id: line for line in moderated_marks(session, case_id)}
    assert {key: line for key, line in after.items() if key != one} == {
        key: line for key, line in before.items() if key != one
    }
    assert (after[one].centre_mark, after[one].moderated_mark != before[one].moderated_mark) == (69, True)
    newest = session.scalars(select(Outcome).where(Outcome.superseded_at.is_(None))).one()
    assert (newest.origin, newest.mark_set_version, newest.kind) == (Origin.CORRECTION, 2, "ADJUSTED")
    assert recomputation_of(session, session.get_one(ModerationCase, case_id)) == []
    release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=EMBARGO,
        now=LATER,
        reason_code=IssueReason.REVIEW,
        reason="clerical re-check",
    )
    assert invoice(session, request_id, actor=BODY, now=LATER).is_fee_due is not None


def test_the_fee_is_waived_when_the_grade_changes(session: Session, case_id: str) -> None:
    one, two = stage.candidate_ids(session)[:2]
    changed = marking_request(session, Service.REVIEW_OF_MARKING, one)
    same = marking_request(session, Service.CLERICAL_RECHECK, two)
    propose(session, changed, Proposal(Finding.MARK_CHANGED, "x", ReasonCode.POINTS_SCHEME, 20), actor=BODY, now=LATER)
    propose(session, same, Proposal(Finding.MARK_CHANGED, "x", ReasonCode.TOTALLING, 101), actor=BODY, now=LATER)
    for request_id in (changed, same):
        confirm(session, request_id, actor=SECOND, now=LATER)
    release_results(
        session,
        SERIES,
        first="one",
        second="two",
        embargo=EMBARGO,
        now=LATER,
        reason_code=IssueReason.REVIEW,
        reason="reviews of marking",
    )
    assert invoice(session, changed, actor=BODY, now=LATER).is_fee_due is False
    charged = invoice(session, same, actor=BODY, now=LATER)
    assert (charged.is_fee_due, charged.fee_pence) == (True, 1250)
    kept = consent_of(session, same)
    assert kept is not None
    assert kept.keep_until == date(2027, 2, 21)
    assert step(session, same, RequestEvent.CLOSE, actor=BODY, now=LATER).state is RequestState.CLOSED


def test_a_recheck_then_a_review_and_nothing_twice(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    recheck = marking_request(session, Service.CLERICAL_RECHECK, one)
    with pytest.raises(ServiceNotOffered) as caught:
        start(session, paper(Service.REVIEW_OF_MARKING, one), actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] == "OTHER_OPEN"
    start(session, paper(Service.SCRIPT_PRIORITY, one), actor=EXAMS, now=LATER)
    wrong = Proposal(Finding.MARK_CHANGED, "x", ReasonCode.LEVELS_SCHEME, 90)
    with pytest.raises(FindingRefused):
        propose(session, recheck, wrong, actor=BODY, now=LATER)
    propose(session, recheck, Proposal(Finding.NO_CHANGE, "All parts are counted."), actor=BODY, now=LATER)
    confirm(session, recheck, actor=SECOND, now=LATER)
    marking_request(session, Service.REVIEW_OF_MARKING, one)
    with pytest.raises(ServiceNotOffered) as caught:
        start(session, paper(Service.CLERICAL_RECHECK, one), actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] in {"ALREADY_DONE", "OTHER_OPEN"}


def test_two_requests_at_the_same_time_are_one(session: Session, case_id: str) -> None:
    made = start(session, service_3(), actor=EXAMS, now=LATER)
    row = session.get_one(ReviewRequest, made.request_id)
    values = {column.name: getattr(row, column.name) for column in ReviewRequest.__table__.columns}
    session.commit()
    session.add(ReviewRequest(**{**values, "id": "another"}))
    with pytest.raises(IntegrityError):
        session.flush()
    session.rollback()


def test_a_script_is_given_after_permission(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    request_id = marking_request(session, Service.SCRIPT_PRIORITY, one)
    assert entitled_scripts(session, SERIES, CENTRE) == {}
    propose(session, request_id, Proposal(Finding.SCRIPT_GIVEN, "Copy made."), actor=BODY, now=LATER)
    confirm(session, request_id, actor=SECOND, now=LATER)
    assert entitled_scripts(session, SERIES, CENTRE) == {(one, PAPER): request_id}
    assert finding_of(session, request_id).finding is Finding.SCRIPT_GIVEN


# The database holds the same table


def test_the_database_refuses_moves_that_are_not_in_the_table(session: Session, case_id: str) -> None:
    one = stage.candidate_ids(session)[0]
    made = start(session, paper(Service.REVIEW_OF_MARKING, one), actor=EXAMS, now=LATER)
    session.commit()
    for state in ("SUBMITTED", "OUTCOME", "CLOSED", "REFUSED"):
        with pytest.raises(IllegalTransition):
            session.execute(
                text("UPDATE review_request SET state = :s WHERE id = :i"), {"s": state, "i": made.request_id}
            )
        session.rollback()
    record_consent(session, made.request_id, given_on=LATER.date(), actor=EXAMS, now=LATER)
    session.commit()
    for statement in (
        "UPDATE review_transition SET actor = 'somebody'",
        "DELETE FROM review_transition",
        "DELETE FROM review_request",
    ):
        with pytest.raises(RecordKept):
            session.execute(text(statement))
        session.rollback()


def test_terms_are_imported_by_body_and_series(session: Session) -> None:
    stage.make_series(session)
    row = terms_for(session, SERIES)[Service.REVIEW_OF_MODERATION].as_json()
    import json

    def file(**changes: object) -> str:
        return json.dumps({"terms": [{**row, "awarding_body": "01", **changes}]})

    assert import_terms(session, file(fee_pence=9000), actor=BODY, now=NOW) == 1
    assert import_terms(session, file(fee_pence=9000), actor=BODY, now=NOW) == 0
    with pytest.raises(TermsInvalid, match="version"):
        import_terms(session, file(fee_pence=9500), actor=BODY, now=NOW)
    assert import_terms(session, file(fee_pence=9500, version=2), actor=BODY, now=NOW) == 1
    assert terms_for(session, SERIES)[Service.REVIEW_OF_MODERATION].fee_pence == 9500
    dated = file(series=SERIES, closes_on="2026-09-24", awarding_body="01")
    import_terms(session, dated, actor=BODY, now=NOW)
    closes_at = terms_for(session, SERIES)[Service.REVIEW_OF_MODERATION].closes_at(OUT)
    assert closes_at == datetime(2026, 9, 24, 22, 59, 59, tzinfo=UTC)


def test_months_are_calendar_months() -> None:
    assert months_after(date(2026, 8, 21), 6) == date(2027, 2, 21)
    assert months_after(date(2026, 8, 31), 6) == date(2027, 3, 1)
    assert months_after(date(2026, 12, 31), 2) == date(2027, 3, 1)


def test_every_request_names_a_candidate_of_the_centre(session: Session, case_id: str) -> None:
    stage.make_centre(session, 1, "99905")
    other = session.scalars(select(Candidate.id).where(Candidate.centre_number == "99905")).one()
    with pytest.raises(ServiceNotOffered) as caught:
        start(session, paper(Service.REVIEW_OF_MARKING, other), actor=EXAMS, now=LATER)
    assert caught.value.facts["reason"] == "NOT_ENTERED"
