from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from moderation.errors import (
    ConsignmentMissing,
    IllegalTransition,
    ReasonMissing,
    ReceiptDiscrepancy,
    UnknownSampleItem,
    WrongSubmissionMode,
)
from moderation.records.cases import view_case
from moderation.records.marking import complete_receipt
from moderation.records.postal import (
    book_visit,
    consignments_of,
    despatch_consignment,
    hold_visit,
    receive_consignment,
)
from moderation.records.samples import sample_of, start_upload
from moderation.submission import CaseState
from tests.moderation.records import stage
from tests.moderation.records.stage import MODERATOR, NOW, OFFICER


def posted(session: Session, mode: str = "POSTAL") -> tuple[str, list[str]]:
    stage.make_series(session, mode)
    case_id = stage.make_centre(session, 3, mode=mode)
    stage.confirm(session, case_id, [60, 50, 40])
    return case_id, [item.item_id for item in sample_of(session, case_id).items]


def test_two_parcels_arrive_and_the_sample_is_received(session: Session) -> None:
    case_id, items = posted(session)
    first = despatch_consignment(
        session, case_id, proof_of_posting_number="P1", contents=items[:2], actor=OFFICER, now=NOW
    )
    second = despatch_consignment(
        session, case_id, proof_of_posting_number="P2", contents=items[2:], actor=OFFICER, now=NOW
    )
    later = NOW + timedelta(days=2)
    receive_consignment(session, first.consignment_id, received=items[:2], actor=MODERATOR, now=later)
    assert view_case(session, case_id).state is CaseState.DESPATCHED
    receive_consignment(session, second.consignment_id, received=items[2:], actor=MODERATOR, now=later)
    assert view_case(session, case_id).state is CaseState.RECEIVED
    assert {parcel.proof_of_posting_number for parcel in consignments_of(session, case_id)} == {"P1", "P2"}
    with pytest.raises(IllegalTransition):
        receive_consignment(session, second.consignment_id, received=items[2:], actor=MODERATOR, now=later)


def test_a_missing_work_needs_words_and_makes_a_query(session: Session) -> None:
    case_id, items = posted(session)
    parcel = despatch_consignment(
        session, case_id, proof_of_posting_number="P1", contents=items, actor=OFFICER, now=NOW
    )
    with pytest.raises(ReceiptDiscrepancy):
        receive_consignment(session, parcel.consignment_id, received=items[:2], actor=MODERATOR, now=NOW)
    view = receive_consignment(
        session,
        parcel.consignment_id,
        received=items[:2],
        discrepancy="Third folder not in the parcel",
        actor=MODERATOR,
        now=NOW,
    )
    assert view.discrepancy == "Third folder not in the parcel"
    assert view_case(session, case_id).state is CaseState.RECEIPT_QUERY
    with pytest.raises(ReasonMissing):
        complete_receipt(session, case_id, actor=MODERATOR, now=NOW)
    again = despatch_consignment(
        session, case_id, proof_of_posting_number="P3", contents=items[2:], actor=OFFICER, now=NOW
    )
    receive_consignment(session, again.consignment_id, received=items[2:], actor=MODERATOR, now=NOW)
    assert view_case(session, case_id).state is CaseState.RECEIVED


def test_a_parcel_names_its_proof_and_works_of_the_sample(session: Session) -> None:
    case_id, items = posted(session)
    with pytest.raises(ReasonMissing):
        despatch_consignment(session, case_id, proof_of_posting_number=" ", contents=items, actor=OFFICER, now=NOW)
    with pytest.raises(UnknownSampleItem):
        despatch_consignment(session, case_id, proof_of_posting_number="P", contents=["x"], actor=OFFICER, now=NOW)
    with pytest.raises(UnknownSampleItem):
        despatch_consignment(session, case_id, proof_of_posting_number="P", contents=[], actor=OFFICER, now=NOW)
    with pytest.raises(ConsignmentMissing):
        receive_consignment(session, "none", received=[], actor=MODERATOR, now=NOW)
    with pytest.raises(WrongSubmissionMode):
        start_upload(session, case_id, actor=OFFICER, now=NOW)


def test_a_visit_is_booked_and_held(session: Session) -> None:
    case_id, _ = posted(session, "VISIT")
    with pytest.raises(IllegalTransition):
        hold_visit(session, case_id, actor=MODERATOR, now=NOW)
    book_visit(session, case_id, visit_on=date(2026, 5, 20), actor=OFFICER, now=NOW)
    hold_visit(session, case_id, actor=MODERATOR, now=NOW + timedelta(days=5))
    assert view_case(session, case_id).state is CaseState.RECEIVED
