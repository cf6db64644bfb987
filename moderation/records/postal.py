"""Samples that travel by post, and visits: consignments with proof of posting, what arrived, and what did not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import (
    ConsignmentMissing,
    IllegalTransition,
    ReasonMissing,
    ReceiptDiscrepancy,
    UnknownSampleItem,
)
from moderation.records.cases import advance, case_of, component_of
from moderation.records.rules import policy_for
from moderation.records.samples import sample_of
from moderation.records.tracking import note_findings
from moderation.submission import CaseEvent, CaseState
from moderation.tables import Centre, Consignment, ModerationCase, Visit, new_id
from moderation.tracking import FINDING_WORDS, Finding, parcel_due_at
from moderation.working_days import Nation


@dataclass(frozen=True, slots=True)
class ConsignmentView:
    """A posted parcel: which sampled works went in, and which came out."""

    consignment_id: str
    case_id: str
    proof_of_posting_number: str
    contents: tuple[str, ...]
    despatched_at: datetime
    despatched_by: str
    received_at: datetime | None
    received_by: str | None
    received_contents: tuple[str, ...] | None
    discrepancy: str


def despatch_consignment(
    session: Session,
    case_id: str,
    *,
    proof_of_posting_number: str,
    contents: Collection[str],
    actor: str,
    now: datetime,
) -> ConsignmentView:
    """Record a parcel that was posted; a sample may travel in several.

    Takes: ``contents``, the sample items inside.
    Raises: ``ReasonMissing`` without a proof of posting; ``UnknownSampleItem`` for a work outside this sample or an
    empty parcel; ``WrongSubmissionMode``; ``IllegalTransition``.
    """
    case = case_of(session, case_id)
    number = proof_of_posting_number.strip()
    if not number:
        raise ReasonMissing("Give the number on the proof of posting.")
    known = {item.item_id for item in sample_of(session, case_id).items}
    if not contents or not set(contents) <= known:
        raise UnknownSampleItem("The contents list must name works of this sample, and at least one.")
    advance(session, case, CaseEvent.DESPATCH, actor=actor, now=now, reason=f"Proof of posting {number}")
    row = Consignment(
        id=new_id(),
        case_id=case.id,
        sample_id=case.sample_id or "",
        proof_of_posting_number=number,
        contents=sorted(set(contents)),
        despatched_at=now,
        despatched_by=actor,
        discrepancy="",
    )
    session.add(row)
    session.flush()
    return _view(row)


def receive_consignment(
    session: Session,
    consignment_id: str,
    *,
    received: Collection[str] = (),
    discrepancy: str = "",
    findings: Mapping[str, tuple[Finding, str]] | None = None,
    actor: str,
    now: datetime,
) -> ConsignmentView:
    """Record what a parcel held when it was opened; the last parcel makes the sample received, or queried.

    Takes: ``findings``, sample item → what was found and a note, for every work on the contents list and any other
    that was inside; or, without them, ``received``, the sample items found. ``discrepancy``, what differs from the
    contents list, in words.
    Raises: ``ConsignmentMissing``; ``ReceiptDiscrepancy`` when contents differ and nothing is said about it;
    ``FindingUnexplained``; ``UnknownSampleItem``; ``IllegalTransition`` for a parcel that was received before.
    """
    row = session.get(Consignment, consignment_id, with_for_update=True)
    if row is None:
        raise ConsignmentMissing(consignment_id=consignment_id)
    if row.received_at is not None:
        raise IllegalTransition("This parcel was received before.")
    case = case_of(session, row.case_id)
    if case.state != CaseState.DESPATCHED:
        raise IllegalTransition("No parcel is under way for this sample.", state=case.state)
    numbers = {item.item_id: item.candidate_number for item in sample_of(session, case.id).items}
    if findings is None:
        if not set(received) <= numbers.keys():
            raise UnknownSampleItem
        if set(received) != set(row.contents) and not discrepancy.strip():
            raise ReceiptDiscrepancy
        findings = dict.fromkeys(row.contents, (Finding.MISSING, ""))
        findings |= dict.fromkeys(received, (Finding.RECEIVED, ""))
    elif not findings.keys() <= numbers.keys():
        raise UnknownSampleItem
    elif not set(row.contents) <= findings.keys():
        raise ReceiptDiscrepancy("Say for every work on the contents list what you found.")
    note_findings(session, findings, actor=actor, now=now, consignment_id=row.id)
    row.received_at, row.received_by = now, actor
    row.received_contents = sorted(item_id for item_id, (what, _) in findings.items() if what is Finding.RECEIVED)
    row.discrepancy = (discrepancy.strip() or _differences(findings, numbers))[:1000]
    session.flush()
    _settle(session, case, actor=actor, now=now)
    return _view(row)


def overdue_consignments(
    session: Session, now: datetime, *, series_key: str | None = None, case_id: str | None = None
) -> list[tuple[ConsignmentView, datetime]]:
    """Return the parcels that were posted and not opened for too long, oldest first, with when each was overdue."""
    query = (
        select(Consignment, ModerationCase, Centre.nation)
        .join(ModerationCase, ModerationCase.id == Consignment.case_id)
        .outerjoin(Centre, Centre.centre_number == ModerationCase.centre_number)
        .where(Consignment.received_at.is_(None), ModerationCase.state == CaseState.DESPATCHED.value)
        .order_by(Consignment.despatched_at)
    )
    if series_key is not None:
        query = query.where(ModerationCase.series_key == series_key)
    if case_id is not None:
        query = query.where(ModerationCase.id == case_id)
    days: dict[tuple[str, str], int] = {}
    overdue = []
    for row, case, nation in session.execute(query):
        place = (case.series_key, case.component_code)
        if place not in days:
            days[place] = policy_for(session, component_of(session, case)).parcel_working_days
        due_at = parcel_due_at(row.despatched_at, Nation(nation or Nation.ENGLAND), days[place])
        if due_at < now:
            overdue.append((_view(row), due_at))
    return overdue


def consignments_of(session: Session, case_id: str) -> list[ConsignmentView]:
    """Return the parcels of a case's present sample in the order of posting."""
    case = case_of(session, case_id)
    return [_view(row) for row in _parcels(session, case)]


def book_visit(session: Session, case_id: str, *, visit_on: date, actor: str, now: datetime) -> None:
    """Book the day on which the moderator visits the centre; raises ``WrongSubmissionMode``, ``IllegalTransition``."""
    case = case_of(session, case_id)
    advance(session, case, CaseEvent.BOOK_VISIT, actor=actor, now=now, reason=f"Visit on {visit_on:%Y-%m-%d}")
    session.add(Visit(case_id=case.id, visit_on=visit_on, booked_at=now, booked_by=actor))
    session.flush()


def hold_visit(session: Session, case_id: str, *, actor: str, now: datetime) -> None:
    """Note that the visit took place and the moderator saw the works; raises ``IllegalTransition``."""
    case = case_of(session, case_id)
    if case.state != CaseState.VISIT_BOOKED:
        raise IllegalTransition("No visit is booked for this sample.", state=case.state)
    advance(session, case, CaseEvent.RECEIVE, actor=actor, now=now, reason="Visit held")
    visit = session.scalars(
        select(Visit).where(Visit.case_id == case.id, Visit.held_at.is_(None)).order_by(Visit.booked_at.desc())
    ).first()
    if visit is not None:
        visit.held_at, visit.held_by = now, actor
        session.flush()


def _settle(session: Session, case: ModerationCase, *, actor: str, now: datetime) -> None:
    """Once no parcel is under way, say whether the whole sample is here."""
    parcels = _parcels(session, case)
    if any(parcel.received_at is None for parcel in parcels):
        return
    here = {item_id for parcel in parcels for item_id in parcel.received_contents or ()}
    missing = [
        item.candidate_number
        for item in sample_of(session, case.id).items
        if item.item_id not in here and not item.no_work_reason
    ]
    advance(session, case, CaseEvent.RECEIVE, actor=actor, now=now)
    if missing:
        reason = f"Missing from the parcels: candidates {', '.join(missing)}"
        advance(session, case, CaseEvent.QUERY_RECEIPT, actor=actor, now=now, reason=reason[:500])


def _differences(findings: Mapping[str, tuple[Finding, str]], numbers: Mapping[str, str]) -> str:
    """Return what is not as it must be, work by work, as the centre reads it."""
    faults = sorted((numbers[item_id], what, note) for item_id, (what, note) in findings.items())
    return "; ".join(
        f"candidate {number}: {FINDING_WORDS[what].lower()}{f' ({note.strip()})' if note.strip() else ''}"
        for number, what, note in faults
        if what is not Finding.RECEIVED
    )


def _parcels(session: Session, case: ModerationCase) -> list[Consignment]:
    query = select(Consignment).where(Consignment.case_id == case.id, Consignment.sample_id == case.sample_id)
    return list(session.scalars(query.order_by(Consignment.despatched_at, Consignment.id)))


def _view(row: Consignment) -> ConsignmentView:
    return ConsignmentView(
        row.id,
        row.case_id,
        row.proof_of_posting_number,
        tuple(row.contents),
        row.despatched_at,
        row.despatched_by,
        row.received_at,
        row.received_by,
        None if row.received_contents is None else tuple(row.received_contents),
        row.discrepancy,
    )
