"""Acts on where files stand: to another candidate or place, two candidates' files against each other, and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records import samples
from moderation.records.cases import CaseView
from moderation.records.samples import SampleItemView
from moderation.records.slots import slots_for
from moderation.slots import Slot, SlotScope
from moderation.tables import SampleItem
from repository import audit, evidence, places
from repository.access import Action
from repository.acts import issuing
from repository.acts.cases import permitted
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import FieldRefused, NotFound, SlotClosed
from repository.receipts import Signer
from repository.records import OPEN_STATES
from repository.tables import DocumentRow, Evidence


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a file is to go: a place of a candidate, or of the whole group for no item."""

    item_id: str | None
    slot: str


@dataclass(frozen=True, slots=True)
class _Move:
    link: Evidence
    document: DocumentRow
    to: Destination


def move(
    session: Session, context: Context, signer: Signer, document_id: str, to: Destination, limit_bytes: int
) -> str:
    """Put a file into another place of the same sample; both candidates' work is counted anew. Returns the case's id.

    Raises: ``NotFound``; ``SlotClosed`` after the sample was submitted, or the moderator read either work, or while the
    file is being checked; ``SlotUnknown``; ``FieldRefused`` where the place does not take the file.
    """
    case, link, document = _found(session, context, document_id)
    _carry_out(session, context, signer, case, [_Move(link, document, to)], limit_bytes)
    return case.case_id


def swap_files(
    session: Session, context: Context, signer: Signer, document_id: str, other_id: str, limit_bytes: int
) -> str:
    """Put two files each into the other's place; raises as ``move``. Returns the case's id."""
    case, link, document = _found(session, context, document_id)
    _, other_link, other = _found(session, context, other_id)
    if other_link.case_id != link.case_id:
        raise NotFound
    moves = [
        _Move(link, document, Destination(other_link.sample_item_id, other_link.slot)),
        _Move(other_link, other, Destination(link.sample_item_id, link.slot)),
    ]
    _carry_out(session, context, signer, case, moves, limit_bytes)
    return case.case_id


def swap_candidates(
    session: Session, context: Context, signer: Signer, item_id: str, other_id: str, limit_bytes: int
) -> str:
    """Give two candidates each the other's files, all of them at once; raises as ``move``. Returns the case's id."""
    first, second = (session.get(SampleItem, one) for one in (item_id, other_id))
    if first is None or second is None or first.case_id != second.case_id:
        raise NotFound
    case = permitted(session, context, Action.DOCUMENT_MOVE, first.case_id)
    if first.id == second.id:
        raise FieldRefused("Choose another candidate.", field="other")
    rows = session.execute(
        select(Evidence, DocumentRow)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .where(Evidence.sample_item_id.in_([first.id, second.id]), Evidence.withdrawn_at.is_(None))
    ).all()
    if not rows:
        raise FieldRefused("Neither of the two candidates has a file yet.", field="other")
    moves = [
        _Move(link, document, Destination(second.id if link.sample_item_id == first.id else first.id, link.slot))
        for link, document in rows
    ]
    _carry_out(session, context, signer, case, moves, limit_bytes)
    return case.case_id


def place_in_order(session: Session, context: Context, document_id: str, place: str) -> str:
    """Put a file before or after its neighbours: ``up``, ``down``, or its number in the list. Returns the case's id.

    Raises: ``NotFound``; ``SlotClosed``; ``FieldRefused``.
    """
    case, link, _ = _found(session, context, document_id)
    if link.sample_item_id is None:
        listed = [one.document_id for one in evidence.cohort_documents_of(session, case.case_id)]
    else:
        sample_id = session.get_one(SampleItem, link.sample_item_id).sample_id
        files = evidence.documents_of(session, sample_id).get(link.sample_item_id, ())
        listed = [one.document_id for one in files]
    now = listed.index(document_id)
    wanted = {"up": now - 1, "down": now + 1}.get(place)
    if wanted is None:
        if not (place.isascii() and place.isdigit() and len(place) < 5):
            raise FieldRefused("Say where the file goes: up, down, or its number in the list.", field="place")
        wanted = int(place) - 1
    listed.remove(document_id)
    listed.insert(min(max(wanted, 0), len(listed)), document_id)
    numbers = {one: number for number, one in enumerate(listed, 1)}
    for row in session.scalars(select(Evidence).where(Evidence.document_id.in_(listed))):
        row.position = numbers[row.document_id]
    audit.record(
        session,
        context,
        "document.order",
        "document",
        document_id,
        before=str(now + 1),
        after=str(numbers[document_id]),
    )
    return case.case_id


def _found(session: Session, context: Context, document_id: str) -> tuple[CaseView, Evidence, DocumentRow]:
    """Return a file that the actor may move now, with its case and place; locked, so that the worker waits."""
    row = session.execute(
        select(Evidence, DocumentRow)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .where(Evidence.document_id == document_id)
        .with_for_update(of=DocumentRow)
    ).first()
    if row is None:
        raise NotFound
    link, document = row
    case = permitted(session, context, Action.DOCUMENT_MOVE, link.case_id)
    if link.withdrawn_at is not None:
        raise SlotClosed("This file was withdrawn already. Load the page again.")
    if case.state not in OPEN_STATES:
        raise SlotClosed(state=case.state)
    evidence.check_unread(session, document_id)
    return case, link, document


def _carry_out(
    session: Session,
    context: Context,
    signer: Signer,
    case: CaseView,
    moves: Sequence[_Move],
    limit_bytes: int,
) -> None:
    if case.state not in OPEN_STATES:
        raise SlotClosed(state=case.state)
    slots = slots_for(session, case.series_key, case.component_code)
    items = {item.item_id: item for item in samples.sample_of(session, case.case_id).items}
    leaving = {one.document.id for one in moves}
    before: dict[str, Mapping[str, object]] = {}
    for one in moves:
        _check(session, case, one, slots, items, leaving, limit_bytes)
        number = items[one.link.sample_item_id].candidate_number if one.link.sample_item_id in items else ""
        before[one.document.id] = {"candidate_number": number, "slot": one.link.slot}
    for one in moves:
        audit.record(
            session,
            context,
            Action.DOCUMENT_MOVE,
            "document",
            one.document.id,
            before=f"{one.link.sample_item_id or case.case_id}/{one.link.slot}",
            after=f"{one.to.item_id or case.case_id}/{one.to.slot}",
        )
        one.link.sample_item_id, one.link.slot = one.to.item_id, one.to.slot
        one.link.attached_at, one.link.position = context.now, None
    session.flush()
    moved = [(one.document.id, one.to.item_id, before[one.document.id]) for one in moves]
    issuing.of_moved_files(session, context, signer, case, moved)


def _check(
    session: Session,
    case: CaseView,
    one: _Move,
    slots: Sequence[Slot],
    items: Mapping[str, SampleItemView],
    leaving: set[str],
    limit_bytes: int,
) -> None:
    """Refuse a move that the place, the work there, or the file itself does not allow."""
    link, document, to = one.link, one.document, one.to
    name = document.filename
    if document.state != DocumentState.RELEASED:
        words = (
            f"“{name}” needs attention first. Remove it, and send it again to the right place."
            if document.state == DocumentState.HELD
            else f"“{name}” is still being checked. Wait a moment, then move it."
        )
        raise SlotClosed(words, state=document.state)
    evidence.check_unread(session, document.id)
    if evidence.replacement_of(session, document.id) is not None:
        raise SlotClosed(f"“{name}” is being replaced. Wait until the new file is checked, or remove that one first.")
    if (link.sample_item_id, link.slot) == (to.item_id, to.slot):
        raise FieldRefused("The file is in this place already. Choose another.", field="to")
    if to.item_id is not None:
        item = items.get(to.item_id)
        if item is None:
            raise NotFound
        if item.is_replaced:
            raise SlotClosed("Another work was asked for in place of this one, so it is not needed any more.")
        evidence.check_item_unread(session, to.item_id)
    scope = SlotScope.COHORT if to.item_id is None else SlotScope.CANDIDATE
    slot = places.find_slot(slots, evidence.check_slot(to.slot), scope)
    if misplaced := places.wrong_type(slot, document.media_type, limit_bytes):
        raise FieldRefused(f"“{name}” was not moved. {misplaced[0]}", field="to")
    if not slot.takes_size(document.size_bytes):
        raise FieldRefused(f"“{name}” was not moved: it is larger than “{slot.title}” takes.", field="to")
    twin = session.scalars(
        select(Evidence.id)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .where(
            Evidence.case_id == case.case_id,
            Evidence.sample_item_id.is_not_distinct_from(to.item_id),
            Evidence.slot == to.slot,
            Evidence.withdrawn_at.is_(None),
            DocumentRow.sha256 == document.sha256,
            DocumentRow.state == DocumentState.RELEASED,
            DocumentRow.id.not_in(leaving),
        )
    ).first()
    if twin is not None:
        raise FieldRefused(f"The same file as “{name}” is in that place already, so it was not moved.", field="to")
