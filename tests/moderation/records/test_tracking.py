from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from moderation.errors import (
    FindingUnexplained,
    IllegalTransition,
    ImportRefused,
    ReasonMissing,
    ReceiptDiscrepancy,
    SampleIncomplete,
    UnknownSampleItem,
)
from moderation.records.cases import view_case
from moderation.records.postal import despatch_consignment, overdue_consignments, receive_consignment
from moderation.records.samples import sample_item_of, sample_of
from moderation.records.slots import set_slots, slots_for, slots_of_series
from moderation.records.tracking import (
    HeldFiles,
    explain_missing,
    find_in_item,
    findings_of,
    take_back_missing,
    track,
)
from moderation.slots import DEFAULT_SLOTS, Slot, SlotScope
from moderation.submission import CaseState
from moderation.tracking import Finding, ItemState, LossReason, MissingCode
from tests.moderation.records import stage
from tests.moderation.records.stage import COMPONENT, MODERATOR, NOW, OFFICER, SERIES

LATER = NOW + timedelta(days=1)
WORK = Slot("work", "Work")
LOG = Slot("log", "Log book", media_types=("application/pdf",), max_bytes=5)
RECORD = Slot("record", "Assessment record", scope=SlotScope.COHORT)


def asked_for(session: Session, mode: str = "UPLOAD") -> tuple[str, list[str]]:
    stage.make_series(session, mode)
    case_id = stage.make_centre(session, 3, mode=mode)
    stage.confirm(session, case_id, [60, 50, 40])
    return case_id, [item.item_id for item in sample_of(session, case_id).items]


def states(session: Session, case_id: str, held: dict[str, HeldFiles] | None = None, days: int = 1) -> list[ItemState]:
    found = track(session, case_id, held or {}, (), NOW + timedelta(days=days))
    return [one.standing.state for one in found.items]


def test_slots_of_a_component_are_replaced_as_a_whole(session: Session) -> None:
    stage.make_series(session)
    assert slots_for(session, SERIES, COMPONENT) == DEFAULT_SLOTS
    assert set_slots(session, SERIES, {COMPONENT: [WORK, LOG, RECORD]}) == 3
    assert slots_for(session, SERIES, COMPONENT) == (WORK, LOG, RECORD)
    set_slots(session, SERIES, {COMPONENT: [LOG]})
    assert slots_of_series(session, SERIES) == {COMPONENT: (LOG,)}
    with pytest.raises(ImportRefused) as caught:
        set_slots(session, SERIES, {"X999/99": [WORK]})
    assert caught.value.facts["faults"] == [
        ("X999/99", "unknown-component", "Component X999/99 is not in the basedata of this series.")
    ]


def test_a_digital_sample_is_complete_with_every_required_slot_and_document(session: Session) -> None:
    case_id, (one, two, three) = asked_for(session)
    set_slots(session, SERIES, {COMPONENT: [WORK, LOG, RECORD]})
    both = HeldFiles(frozenset({"work", "log"}), frozenset(), NOW, NOW)
    half = HeldFiles(frozenset({"work"}), frozenset({"log"}), NOW, NOW)
    found = track(session, case_id, {one: both, two: half}, (), LATER)
    assert [item.standing.state for item in found.items] == [
        ItemState.RECEIVED,
        ItemState.INCOMPLETE,
        ItemState.EXPECTED,
    ]
    assert found.item(two).missing_slots == (LOG,)
    assert (found.standing.state, found.missing_cohort) == (ItemState.INCOMPLETE, (RECORD,))
    assert track(session, case_id, {one: both, two: half}, (), NOW + timedelta(days=9)).standing.state is ItemState.LATE
    all_in = dict.fromkeys((one, two, three), both)
    assert track(session, case_id, all_in, (), LATER).standing.state is ItemState.INCOMPLETE
    assert track(session, case_id, all_in, ("record",), LATER).standing.is_complete
    with pytest.raises(UnknownSampleItem):
        found.item("none")


def test_missing_work_has_a_coded_reason_that_can_be_taken_back(session: Session) -> None:
    case_id, (one, two, _) = asked_for(session)
    say = {"said_as": "exams officer", "actor": OFFICER, "now": NOW}
    with pytest.raises(ReasonMissing):
        explain_missing(session, one, code=MissingCode.LOST, **say)
    with pytest.raises(ReasonMissing):
        explain_missing(session, one, code=MissingCode.LOST, loss=LossReason.OTHER, **say)
    explain_missing(session, one, code=MissingCode.LOST, loss=LossReason.IN_POST, note="Claim 7", **say)
    explain_missing(session, two, code=MissingCode.ABSENT, loss=LossReason.STOLEN, **say)
    found = track(session, case_id, {}, (), LATER)
    assert [item.standing.state for item in found.items] == [
        ItemState.EXPLAINED,
        ItemState.EXPLAINED,
        ItemState.EXPECTED,
    ]
    lost, absent = found.item(one).missing, found.item(two).missing
    assert lost is not None
    assert (lost.code, lost.loss, lost.note) == (MissingCode.LOST, LossReason.IN_POST, "Claim 7")
    assert lost.words == "Lost through no fault of the candidate: in the post. Claim 7"
    assert absent is not None
    assert absent.loss is None
    assert "exams officer" in sample_item_of(session, one).no_work_reason
    take_back_missing(session, one, actor=OFFICER, now=LATER)
    take_back_missing(session, one, actor=OFFICER, now=LATER)
    assert states(session, case_id) == [ItemState.EXPECTED, ItemState.EXPLAINED, ItemState.EXPECTED]
    assert track(session, case_id, {}, (), LATER).item(one).missing is None
    stage.hand_in(session, case_id)
    with pytest.raises(SampleIncomplete):
        take_back_missing(session, two, actor=OFFICER, now=LATER)
    with pytest.raises(UnknownSampleItem):
        take_back_missing(session, "none", actor=OFFICER, now=LATER)


def test_a_parcel_is_opened_work_by_work_and_what_is_wrong_is_sent_again(session: Session) -> None:
    case_id, (one, two, three) = asked_for(session, "POSTAL")
    parcel = despatch_consignment(
        session, case_id, proof_of_posting_number="P1", contents=[one, two, three], actor=OFFICER, now=NOW
    )
    assert states(session, case_id, days=9) == [ItemState.EXPECTED] * 3  # posted in time
    found = {one: (Finding.RECEIVED, ""), two: (Finding.MISLABELLED, "Two labels"), three: (Finding.MISSING, "")}
    receive = {"consignment_id": parcel.consignment_id, "actor": MODERATOR, "now": LATER}
    with pytest.raises(ReceiptDiscrepancy):
        receive_consignment(session, findings={one: found[one]}, **receive)
    with pytest.raises(FindingUnexplained):
        receive_consignment(session, findings={**found, two: (Finding.UNREADABLE, " ")}, **receive)
    with pytest.raises(UnknownSampleItem):
        receive_consignment(session, findings={**found, "none": found[one]}, **receive)
    assert view_case(session, case_id).state is CaseState.DESPATCHED
    view = receive_consignment(session, findings=found, **receive)
    assert view.received_contents == (one,)
    assert (
        view.discrepancy == "candidate 1002: mislabelled: cannot tell whose it is (Two labels); candidate 1003: missing"
    )
    assert view_case(session, case_id).state is CaseState.RECEIPT_QUERY
    assert states(session, case_id, days=2) == [ItemState.RECEIVED, ItemState.MISLABELLED, ItemState.EXPECTED]
    assert states(session, case_id, days=9)[2] is ItemState.LATE
    again = despatch_consignment(
        session, case_id, proof_of_posting_number="P2", contents=[three], actor=OFFICER, now=LATER + timedelta(hours=1)
    )
    assert states(session, case_id, days=2) == [ItemState.RECEIVED, ItemState.MISLABELLED, ItemState.EXPECTED]
    receive_consignment(
        session,
        again.consignment_id,
        findings={three: (Finding.RECEIVED, ""), two: (Finding.RECEIVED, "The label was inside")},
        actor=MODERATOR,
        now=LATER + timedelta(days=2),
    )
    assert view_case(session, case_id).state is CaseState.RECEIVED
    assert states(session, case_id, days=9) == [ItemState.RECEIVED] * 3
    assert [view.finding for view in findings_of(session, case_id)[two]] == [Finding.MISLABELLED, Finding.RECEIVED]


def test_a_label_that_is_explained_needs_no_second_parcel(session: Session) -> None:
    case_id, (one, two, three) = asked_for(session, "POSTAL")
    parcel = despatch_consignment(
        session, case_id, proof_of_posting_number="P1", contents=[one, two, three], actor=OFFICER, now=NOW
    )
    fine = (Finding.RECEIVED, "")
    receive_consignment(
        session,
        parcel.consignment_id,
        findings={one: fine, two: (Finding.MISLABELLED, "No number"), three: fine},
        actor=MODERATOR,
        now=LATER,
    )
    find_in_item(session, two, finding=Finding.RECEIVED, note="It is candidate 1002", actor=MODERATOR, now=LATER)
    assert view_case(session, case_id).state is CaseState.RECEIPT_COMPLETE
    assert states(session, case_id) == [ItemState.RECEIVED] * 3
    with pytest.raises(IllegalTransition):
        find_in_item(session, two, finding=Finding.MISSING, note="", actor=MODERATOR, now=LATER)


def test_a_moderator_asks_for_an_uploaded_work_again(session: Session) -> None:
    case_id, (one, two, three) = asked_for(session)
    with pytest.raises(IllegalTransition):
        find_in_item(session, one, finding=Finding.UNREADABLE, note="Blank", actor=MODERATOR, now=NOW)
    held = dict.fromkeys((one, two, three), HeldFiles(frozenset({"work"}), frozenset(), NOW, NOW))
    stage.hand_in(session, case_id)
    with pytest.raises(FindingUnexplained):
        find_in_item(session, one, finding=Finding.UNREADABLE, note="", actor=MODERATOR, now=LATER)
    find_in_item(session, one, finding=Finding.UNREADABLE, note="Blank pages", actor=MODERATOR, now=LATER)
    assert view_case(session, case_id).state is CaseState.RECEIPT_QUERY
    assert states(session, case_id, held) == [ItemState.INCOMPLETE, ItemState.RECEIVED, ItemState.RECEIVED]
    after = LATER + timedelta(hours=1)
    held[one] = HeldFiles(frozenset({"work"}), frozenset(), NOW, after)
    assert states(session, case_id, held, days=2) == [ItemState.RECEIVED] * 3  # something newer was sent
    with pytest.raises(UnknownSampleItem):
        find_in_item(session, "none", finding=Finding.RECEIVED, note="", actor=MODERATOR, now=LATER)


def test_parcels_that_were_posted_and_not_opened_are_overdue_after_the_policys_days(session: Session) -> None:
    case_id, items = asked_for(session, "POSTAL")
    despatch_consignment(session, case_id, proof_of_posting_number="P1", contents=items, actor=OFFICER, now=NOW)
    # Posted on Friday 15 May: five working days end on Friday 22 May.
    assert overdue_consignments(session, NOW + timedelta(days=7)) == []
    ((parcel, due_at),) = overdue_consignments(session, NOW + timedelta(days=8), series_key=SERIES)
    assert parcel.proof_of_posting_number == "P1"
    assert due_at < NOW + timedelta(days=8)
    assert overdue_consignments(session, NOW + timedelta(days=8), case_id="another") == []
