"""Acts on samples that do not travel by upload: consignments by post, and visits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from moderation.errors import NoSample
from moderation.records import postal as records
from moderation.records import samples
from moderation.records.cases import CaseView
from moderation.records.postal import ConsignmentView
from moderation.records.samples import SampleItemView, SampleView
from moderation.submission import WORK_EXPECTED
from moderation.tables import Consignment
from repository import audit
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound


@dataclass(frozen=True, slots=True)
class PostalPage:
    """A case whose sample is posted: what goes into the parcel, and the parcels so far."""

    case: CaseView
    sample: SampleView
    consignments: tuple[ConsignmentView, ...]
    is_open: bool

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
    return PostalPage(case, sample, tuple(records.consignments_of(session, case_id)), case.state in WORK_EXPECTED)


def despatch(
    session: Session, context: Context, case_id: str, proof_of_posting_number: str, contents: Collection[str]
) -> str:
    """Record a parcel handed to the post; returns the consignment's id.

    Raises: ``FieldRefused`` for an empty parcel; ``WrongSubmissionMode`` for work that is uploaded.
    """
    permitted(session, context, Action.CONSIGNMENT_DESPATCH, case_id)
    if not contents:
        raise FieldRefused("Tick the candidates whose work is in the parcel.", field="items")
    sent = records.despatch_consignment(
        session,
        case_id,
        proof_of_posting_number=proof_of_posting_number,
        contents=contents,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, Action.CONSIGNMENT_DESPATCH, "consignment", sent.consignment_id, items=len(contents))
    return sent.consignment_id


def receive(
    session: Session, context: Context, consignment_id: str, received: Collection[str] | None, discrepancy: str
) -> str:
    """Record what the moderator found in a parcel; returns the case's id.

    Takes: ``received``, the sample items found; None means everything on the contents list.
    """
    row = session.get(Consignment, consignment_id)
    if row is None:
        raise NotFound
    permitted(session, context, Action.CONSIGNMENT_RECEIVE, row.case_id)
    (sent,) = [c for c in records.consignments_of(session, row.case_id) if c.consignment_id == consignment_id]
    records.receive_consignment(
        session,
        consignment_id,
        received=sent.contents if received is None else received,
        discrepancy=discrepancy,
        actor=actor_of(context).person_id,
        now=context.now,
    )
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
