"""Acts on samples that do not travel by upload: consignments by post, and visits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from moderation.errors import NoSample
from moderation.records import postal as records
from moderation.records import samples, tracking
from moderation.records.cases import CaseView
from moderation.records.postal import ConsignmentView
from moderation.records.samples import SampleItemView, SampleView
from moderation.records.tracking import Tracking
from moderation.submission import WORK_EXPECTED
from moderation.tables import Consignment
from moderation.tracking import Finding
from repository import audit, blinding
from repository.access import Action
from repository.acts import issuing
from repository.acts import parcels as custody
from repository.acts.cases import actor_of, permitted
from repository.acts.parcel_views import Parcel, of_case
from repository.acts.parcels import Posting
from repository.audit import Context
from repository.errors import NotFound
from repository.receipts import Signer


@dataclass(frozen=True, slots=True)
class PostalPage:
    """A case whose sample is posted: what goes into the parcel, and the parcels so far."""

    case: CaseView
    sample: SampleView
    consignments: tuple[ConsignmentView, ...]
    tracking: Tracking
    overdue: frozenset[str]
    """Parcels that were posted and not opened for too long."""
    is_open: bool
    parcels: tuple[Parcel, ...] = ()
    """The parcels as they were packed, posted and followed; every consignment is one of them."""

    def wanted(self, item_id: str) -> bool:
        """Return whether a work still has to be sent: it is neither here, nor explained, nor on its way."""
        on_its_way = {one for parcel in self.consignments if parcel.received_at is None for one in parcel.contents}
        return not self.tracking.item(item_id).standing.is_settled and item_id not in on_its_way

    def may_go_into(self, item_id: str, parcel: Parcel | None) -> bool:
        """Return whether a work can be packed in a parcel: it has to be sent, and is in no other that waits for the post."""
        number = self.by_item[item_id].candidate_number
        waiting = (one for one in self.parcels if not one.is_posted and one != parcel)
        return self.wanted(item_id) and not any(number in one.candidate_numbers for one in waiting)

    @property
    def by_item(self) -> dict[str, SampleItemView]:
        """Return the sampled candidates by item id."""
        return {item.item_id: item for item in self.sample.items}


def page(session: Session, context: Context, case_id: str) -> PostalPage:
    """Return the parcels of a case; raises ``NotFound`` when no sample has been drawn."""
    case = permitted(session, context, Action.CONSIGNMENT_READ, case_id)
    try:
        sample = samples.sample_of(session, case_id)
    except NoSample as error:
        raise NotFound("No sample has been chosen for this component yet.") from error
    parcels = tuple(records.consignments_of(session, case_id))
    late = records.overdue_consignments(session, context.now, case_id=case_id)
    tracked = tracking.track(session, case_id, {}, (), context.now)
    overdue = frozenset(parcel.consignment_id for parcel, _ in late)
    packed = of_case(session, case, parcels, context.now)
    found = PostalPage(case, sample, parcels, tracked, overdue, case.state in WORK_EXPECTED, packed)
    return blinding.mask(session, context, case_id, found)


def despatch(
    session: Session,
    context: Context,
    signer: Signer | None,
    case_id: str,
    posting: Posting,
    *,
    packet_id: str | None = None,
    contents: Collection[str] = (),
) -> str:
    """Record a parcel handed to the post, with a signed receipt in the same transaction; returns the consignment's id.

    Takes: ``packet_id``, the parcel that was packed; or ``contents``, sample items that are packed by this very act.
    ``signer``, None for the invented past of a rehearsal.
    Raises: ``FieldRefused`` for an empty parcel; ``WrongSubmissionMode`` for work that is uploaded; ``DespatchRefused``
    for another label than the white one.
    """
    case = permitted(session, context, Action.CONSIGNMENT_DESPATCH, case_id)
    if packet_id is None:
        packet_id = custody.pack(session, context, case_id, contents)
    inside = custody.contents(session, case_id, packet_id)
    custody.post(session, context, packet_id, posting)
    sent = records.despatch_consignment(
        session,
        case_id,
        proof_of_posting_number=posting.proof_of_posting_number,
        contents=inside,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    custody.joined(session, packet_id, sent.consignment_id)
    audit.record(session, context, Action.CONSIGNMENT_DESPATCH, "consignment", sent.consignment_id, items=len(inside))
    if signer is not None:
        sample = samples.sample_of(session, case_id)
        issuing.of_parcel(
            session, context, signer, case, sample, sent.consignment_id, sent.proof_of_posting_number, sent.contents
        )
    return sent.consignment_id


def receive(
    session: Session,
    context: Context,
    consignment_id: str,
    received: Collection[str] | None = None,
    discrepancy: str = "",
    *,
    findings: Mapping[str, tuple[Finding, str]] | None = None,
) -> str:
    """Record what the moderator found in a parcel; returns the case's id.

    Takes: ``findings``, sample item → what was found and a note; or ``received``, the sample items found, where None
    means everything on the contents list.
    """
    row = session.get(Consignment, consignment_id)
    if row is None:
        raise NotFound
    permitted(session, context, Action.CONSIGNMENT_RECEIVE, row.case_id)
    (sent,) = [c for c in records.consignments_of(session, row.case_id) if c.consignment_id == consignment_id]
    here = sent.contents if received is None else received
    records.receive_consignment(
        session,
        consignment_id,
        received=here,
        discrepancy=discrepancy,
        findings=findings,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    if findings is not None:
        here = [item_id for item_id, (what, _) in findings.items() if what is not Finding.MISSING]
    custody.opened(session, context, consignment_id, here)
    custody.settle(session, context, row.case_id)
    audit.record(session, context, Action.CONSIGNMENT_RECEIVE, "consignment", consignment_id)
    return row.case_id


def book_visit(session: Session, context: Context, case_id: str, visit_on: date) -> None:
    """Book the day on which the moderator visits the centre."""
    permitted(session, context, Action.VISIT_BOOK, case_id)
    records.book_visit(session, case_id, visit_on=visit_on, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.VISIT_BOOK, "case", case_id)


def hold_visit(session: Session, context: Context, case_id: str) -> None:
    """Record that the moderator has been at the centre and seen the work."""
    permitted(session, context, Action.CONSIGNMENT_RECEIVE, case_id)
    records.hold_visit(session, case_id, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "visit.held", "case", case_id)
