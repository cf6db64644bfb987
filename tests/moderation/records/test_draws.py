from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from moderation.errors import (
    ChoiceRefused,
    ExemptionRefused,
    IllegalTransition,
    NotYoursToChoose,
    ReasonMissing,
    StaleVersion,
    UnknownExemption,
)
from moderation.marks import MarkFlag, MarkStatus
from moderation.outcome import OutcomeKind, Stage
from moderation.records.cases import history_of, view_case
from moderation.records.draws import choose_sample, cohort_of, is_waiting_for_choice
from moderation.records.exemptions import end_exemption, grant_exemption, listed_exemptions
from moderation.records.marks import MarkEntry, check_marks, confirm_marks, save_marks, submit_marks
from moderation.records.outcomes import outcome_of
from moderation.records.ranked_lists import ranked_list
from moderation.records.rules import profile_version
from moderation.records.rules_import import import_rules
from moderation.records.samples import sample_of
from moderation.rule_files import FORMAT
from moderation.sampling import PickReason, pick
from moderation.submission import CaseState
from moderation.tables import Entry, ModerationCase, Sample
from tests.moderation.records import stage
from tests.moderation.records.stage import COMPONENT, NOW, OFFICER, TEACHER


def assign(session: Session, profile_id: str, profile: dict[str, object] | None = None) -> None:
    parts: dict[str, object] = {"assignments": [{"awarding_body": "01", "profile_id": profile_id}]}
    if profile:
        parts["profiles"] = [profile]
    import_rules(session, "r.json", json.dumps({"format": FORMAT, **parts}).encode(), actor=OFFICER, now=NOW)


def exempt(session: Session, centre_number: str = "99901", **changes: object) -> str:
    fields: dict[str, object] = {
        "awarding_body": "01",
        "centre_number": centre_number,
        "component_code": COMPONENT,
        "expires_on": date(2026, 5, 15),
        "reason": "Accredited in 2024",
        "officer": OFFICER,
        "now": NOW,
        **changes,
    }
    return grant_exemption(session, **fields).exemption_id


def test_a_sample_that_a_person_chooses_is_waited_for(session: Session) -> None:
    stage.make_series(session)
    assign(session, "oxfordaqa-ipq")
    case_id = stage.make_centre(session, 20)
    case = stage.confirm(session, case_id, [60 - i for i in range(20)])
    assert case.state is CaseState.MARKS_CONFIRMED
    assert is_waiting_for_choice(session, session.get_one(ModerationCase, case_id))
    ids = stage.candidate_ids(session)
    with pytest.raises(ReasonMissing):
        choose_sample(session, case_id, ids[:5], reason=" ", actor=OFFICER, now=NOW)
    with pytest.raises(StaleVersion):
        choose_sample(session, case_id, ids[:5], reason="x", actor=OFFICER, now=NOW, expected_version=1)
    with pytest.raises(ChoiceRefused):
        choose_sample(session, case_id, ids, reason="Everybody", actor=OFFICER, now=NOW)
    assert view_case(session, case_id).state is CaseState.MARKS_CONFIRMED
    choose_sample(session, case_id, ids[:5], reason="Across both teachers", actor=OFFICER, now=NOW)
    sample = sample_of(session, case_id)
    assert view_case(session, case_id).state is CaseState.SAMPLE_REQUESTED
    assert (sample.chosen_by, sample.choice_reason) == (OFFICER, "Across both teachers")
    assert [(item.position, item.reason) for item in sample.items] == [(i, PickReason.CHOSEN) for i in range(1, 6)]
    assert sample.due_at == datetime(2026, 5, 20, 22, 59, 59, tzinfo=UTC)
    with pytest.raises(IllegalTransition):
        choose_sample(session, case_id, ids[:5], reason="Again", actor=OFFICER, now=NOW)


def test_nobody_chooses_where_the_service_draws_or_everybody_is_in(session: Session) -> None:
    stage.make_series(session)
    assign(session, "oxfordaqa-ipq")
    case_id = stage.make_centre(session, 15)
    assert stage.confirm(session, case_id, [60 - i for i in range(15)]).state is CaseState.SAMPLE_REQUESTED
    assert sample_of(session, case_id).chosen_by is None
    first, second = stage.make_consortium(session, ["99902", "99903"], [10, 10])
    stage.confirm(session, first, [60 - i for i in range(10)])
    with pytest.raises(IllegalTransition):  # a member is still to come
        choose_sample(session, first, stage.candidate_ids(session)[:3], reason="x", actor=OFFICER, now=NOW)
    assign(session, "ocr-gq-current")
    stage.enter_marks(session, second, [50 - i for i in range(10)])
    assert not is_waiting_for_choice(session, session.get_one(ModerationCase, first))


def test_a_choice_for_a_consortium_spans_its_members(session: Session) -> None:
    stage.make_series(session)
    assign(session, "oxfordaqa-ipq")
    first, second = stage.make_consortium(session, ["99902", "99903"], [10, 10])
    stage.confirm(session, first, [60 - i for i in range(10)])
    stage.confirm(session, second, [50 - i for i in range(10)])
    ids = [line.candidate_id for line in ranked_list(session, first).lines]
    assign(session, "ocr-gq-current")
    with pytest.raises(NotYoursToChoose):
        choose_sample(session, first, ids[:3], reason="x", actor=OFFICER, now=NOW)
    assign(session, "oxfordaqa-ipq")
    choose_sample(session, second, ids[:3], reason="Widest range", actor=OFFICER, now=NOW)
    assert len(sample_of(session, first, whole=True).items) == 3
    states = {view_case(session, one).state for one in (first, second)}
    assert states <= {CaseState.SAMPLE_REQUESTED, CaseState.SAMPLE_NOT_REQUIRED}


@pytest.mark.fault("att:H03")
def test_everybody_entered_is_counted_where_the_profile_says_so(session: Session) -> None:
    stage.make_series(session)
    row: dict[str, object] = {
        "profile_id": "entered",
        "version": 1,
        "title": "Counts absentees",
        "bands": [{"first": 1, "last": 10, "size": 1}, {"first": 11, "last": None, "size": 4}],
        "basis": "entered",
        "sub_sample_size": 6,
        "picked_by": "system",
        "all_work_outcome": "fit",
        "source": "project policy",
        "verified": False,
    }
    assign(session, "entered", row)
    case_id = stage.make_centre(session, 12)
    entries = [
        MarkEntry(one, 60 - i) if i < 8 else MarkEntry(one, None, MarkStatus.ABSENT)
        for i, one in enumerate(stage.candidate_ids(session))
    ]
    save_marks(session, case_id, entries, actor=TEACHER, now=NOW)
    check_marks(session, case_id, actor=TEACHER, now=NOW)
    submit_marks(session, case_id, actor=OFFICER, now=NOW)
    confirm_marks(session, case_id, actor="system", now=NOW)
    sample = sample_of(session, case_id)
    assert (sample.candidates_total, sample.entered_total, sample.size) == (8, 12, 4)


def test_an_exempt_centre_needs_no_sample_and_an_officer_confirms(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 20)
    exempt(session)
    case = stage.confirm(session, case_id, [60 - i for i in range(20)])
    assert case.state is CaseState.OUTCOME_PROPOSED
    assert case.sample_due_at is None
    outcome = outcome_of(session, case_id)
    assert outcome is not None
    assert (outcome.kind, outcome.stage, outcome.confirmed_at) == (OutcomeKind.ACCEPTED, Stage.NO_SAMPLE, None)
    assert outcome.reason == "No sample required: Accredited in 2024"
    events = [step.event for step in history_of(session, case_id)]
    assert events[-2:] == ["NEED_NO_SAMPLE", "PROPOSE_OUTCOME"]


@pytest.mark.parametrize(
    "changes",
    [
        {"awarding_body": "10"},
        {"component_code": "X999/01"},
        {"component_code": "", "family": "B"},
    ],
)
def test_an_exemption_of_something_else_does_not_count(session: Session, changes: dict[str, object]) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 20)
    exempt(session, **changes)
    assert stage.confirm(session, case_id, [60 - i for i in range(20)]).state is CaseState.SAMPLE_REQUESTED


def test_an_exemption_that_is_over_or_ended_does_not_count(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 20)
    exempt(session, now=datetime(2026, 5, 10, tzinfo=UTC), expires_on=date(2026, 5, 14))
    ended = exempt(session, component_code="", family="A", expires_on=date(2027, 8, 31))
    end_exemption(session, ended, officer=OFFICER, now=NOW)
    end_exemption(session, ended, officer=OFFICER, now=NOW)
    assert [one.is_in_force(NOW.date()) for one in listed_exemptions(session)] == [False, False]
    assert stage.confirm(session, case_id, [60 - i for i in range(20)]).state is CaseState.SAMPLE_REQUESTED
    with pytest.raises(UnknownExemption):
        end_exemption(session, "none", officer=OFFICER, now=NOW)


def test_a_consortium_is_exempt_when_every_member_is(session: Session) -> None:
    stage.make_series(session)
    first, second = stage.make_consortium(session, ["99902", "99903"], [10, 10])
    exempt(session, "99902")
    stage.confirm(session, first, [60 - i for i in range(10)])
    stage.enter_marks(session, second, [50 - i for i in range(10)])
    exempt(session, "99903", component_code="", family="A")
    confirm_marks(session, second, actor="system", now=NOW)
    assert [view_case(session, one).state for one in (first, second)] == [CaseState.OUTCOME_PROPOSED] * 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"component_code": ""}, "component_code"),
        ({"expires_on": date(2026, 5, 14)}, "expires_on"),
        ({"centre_number": "11111"}, "centre_number"),
    ],
)
def test_an_exemption_that_makes_no_sense_is_refused(session: Session, changes: dict[str, object], field: str) -> None:
    stage.make_series(session)
    stage.make_centre(session, 1)
    with pytest.raises(ExemptionRefused) as caught:
        exempt(session, **changes)
    assert caught.value.facts["field"] == field
    with pytest.raises(ReasonMissing):
        exempt(session, reason=" ")


def test_what_is_kept_with_a_sample_draws_it_again(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 40)
    lines = [
        MarkEntry(
            one, 70 - i, teaching_set="B" if i == 1 else "A", flags=(MarkFlag.PARENTAL_INTEREST,) if i == 5 else ()
        )
        for i, one in enumerate(stage.candidate_ids(session))
    ]
    save_marks(session, case_id, lines, actor=TEACHER, now=NOW)
    check_marks(session, case_id, actor=TEACHER, now=NOW)
    submit_marks(session, case_id, actor=OFFICER, now=NOW)
    confirm_marks(session, case_id, actor="system", now=NOW)
    kept = sample_of(session, case_id)
    cohort = cohort_of(session, [session.get_one(ModerationCase, case_id)])
    again = pick(cohort.order, profile_version(session, kept.profile_id, kept.profile_version), 4)
    row = session.get_one(Sample, kept.sample_id)
    assert again.list_sha256 == kept.list_sha256
    assert [(one.key, one.position, one.explanation) for one in again.picks] == [
        (item.candidate_id, item.position, item.explanation) for item in kept.items
    ]
    assert [asdict(swap) for swap in again.swaps] == row.swaps
    assert row.swaps[0]["teaching_set"] == "B"


@pytest.mark.fault("att:H13")
def test_an_entry_that_carries_forward_is_neither_drawn_nor_counted(session: Session) -> None:
    stage.make_series(session)
    case_id = stage.make_centre(session, 18)
    carrying = stage.candidate_ids(session)[:3]
    session.execute(update(Entry).where(Entry.candidate_id.in_(carrying)).values(option_code="X446C"))
    stage.confirm(session, case_id, [60 - i for i in range(15)])
    sample = sample_of(session, case_id)
    assert (sample.candidates_total, sample.size) == (15, 15)
    assert not {item.candidate_id for item in sample.items} & {*carrying}
    cohort = cohort_of(session, [session.get_one(ModerationCase, case_id)])
    assert cohort.entered_total == 15
