"""Links a document to a sample item or a case and carries the news down: what is in, what is missing, what is held."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import Session

from moderation.records import samples
from moderation.records.slots import slots_for
from moderation.records.tracking import HeldFiles
from moderation.slots import DEFAULT_SLOTS, Slot, required_slots
from moderation.tables import ModerationCase, ModeratorMark, Sample, SampleItem
from repository import audit
from repository.audit import Context
from repository.documents import STATE_WORDS, DocumentState, may_move
from repository.errors import ReplacementRefused, RequestMalformed, SlotClosed
from repository.inspection import words
from repository.tables import DocumentRow, Evidence, UploadRow

CASES_AT_ONCE = 500
UNPLACED = 1_000_000
"""The place in the order of a file that nobody put anywhere: after all others, in the order in which they came."""
ALREADY_READ = "The moderator has read this work already, so its files stay as they are."

_FOUND = (
    select(DocumentRow, SampleItem, ModerationCase)
    .join(Evidence, Evidence.document_id == DocumentRow.id)
    .join(ModerationCase, ModerationCase.id == Evidence.case_id)
    .outerjoin(SampleItem, SampleItem.id == Evidence.sample_item_id)
    .where(DocumentRow.id == bindparam("document_id"))
)

_FILES = (
    select(Evidence, DocumentRow, UploadRow.created_at)
    .join(DocumentRow, DocumentRow.id == Evidence.document_id)
    .outerjoin(UploadRow, UploadRow.oid == DocumentRow.oid)
    .where(Evidence.withdrawn_at.is_(None))
    .order_by(func.coalesce(Evidence.position, UNPLACED), DocumentRow.received_at, DocumentRow.id)
)


@dataclass(frozen=True, slots=True)
class AttachedDocument:
    """One file of a candidate, or of the whole cohort, as a centre or a moderator sees it listed."""

    document_id: str
    slot: str
    filename: str
    size_bytes: int
    media_type: str | None
    page_count: int | None
    state: DocumentState
    sha256: str | None
    declared: bool
    reason: str | None
    remedy: str | None
    declared_at: datetime | None
    """When its length, and its hash if the sender gave one, were declared: it counts where a deadline passed since."""
    received_at: datetime
    version: int
    """1, and one more for each file that it replaced, or that one replaced."""
    attached_at: datetime
    """When it came to its present place."""
    replaces: str | None = None
    """The document that is withdrawn when this one is released."""
    remedy_kind: str | None = None
    """Who has to act on what is held (``inspection.words.RemedyKind``)."""
    scan_state: str | None = None
    duration_seconds: float | None = None
    notes: tuple[str, ...] = ()
    """What was noted about the whole of it, and whether it was scanned for viruses, in sentences."""

    @property
    def state_words(self) -> str:
        """Return the state in plain words."""
        return STATE_WORDS[self.state]


def check_slot(slot: str) -> str:
    """Return a slot name; raises ``RequestMalformed`` if it is not one."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,62}", slot):
        raise RequestMalformed("The slot must be a short name such as `work`.", key="slot")
    return slot


def documents_of(session: Session, *sample_ids: str) -> Mapping[str, tuple[AttachedDocument, ...]]:
    """Return the files attached to each item of these samples, in their order, withdrawn ones left out."""
    rows = session.execute(
        _FILES.join(SampleItem, SampleItem.id == Evidence.sample_item_id).where(SampleItem.sample_id.in_(sample_ids))
    )
    found: dict[str, list[AttachedDocument]] = {}
    for link, document, declared_at in rows:
        # The join leaves out what is about a whole cohort.
        found.setdefault(link.sample_item_id or "", []).append(_attached(link, document, declared_at))
    return {item: tuple(files) for item, files in found.items()}


def cohort_documents_of(session: Session, case_id: str) -> tuple[AttachedDocument, ...]:
    """Return the files about a case's whole cohort, oldest first, withdrawn ones left out."""
    return cohort_documents(session, [case_id]).get(case_id, ())


def cohort_documents(session: Session, case_ids: Sequence[str]) -> Mapping[str, tuple[AttachedDocument, ...]]:
    """Return the files about the whole cohort of each of many cases."""
    rows = session.execute(_FILES.where(Evidence.case_id.in_(case_ids), Evidence.sample_item_id.is_(None)))
    found: dict[str, list[AttachedDocument]] = {}
    for link, document, declared_at in rows:
        found.setdefault(link.case_id, []).append(_attached(link, document, declared_at))
    return {case_id: tuple(files) for case_id, files in found.items()}


def filled(files: Iterable[AttachedDocument], *states: DocumentState) -> frozenset[str]:
    """Return the slots in which at least one file is released, or in one of the states given."""
    wanted = states or (DocumentState.RELEASED,)
    return frozenset(file.slot for file in files if file.state in wanted)


def released_slots(session: Session, case_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the slots of each sample item that hold a released file, for many cases at once."""
    found: dict[str, set[str]] = {}
    for start in range(0, len(case_ids), CASES_AT_ONCE):
        rows = session.execute(
            select(Evidence.sample_item_id, Evidence.slot)
            .join(DocumentRow, DocumentRow.id == Evidence.document_id)
            .where(
                Evidence.case_id.in_(case_ids[start : start + CASES_AT_ONCE]),
                Evidence.withdrawn_at.is_(None),
                DocumentRow.state == DocumentState.RELEASED,
            )
        )
        for item_id, slot in rows:
            if item_id is not None:
                found.setdefault(item_id, set()).add(slot)
    return {item_id: frozenset(slots) for item_id, slots in found.items()}


def held_files(files: Iterable[AttachedDocument]) -> HeldFiles:
    """Return what is held of one work, for tracking."""
    held = tuple(files)
    released = filled(held)
    first: dict[str, datetime] = {}
    for file in held:
        if file.state is DocumentState.RELEASED:
            at = file.declared_at or file.received_at
            first[file.slot] = min(first.get(file.slot, at), at)
    return HeldFiles(
        released,
        frozenset(file.slot for file in held) - released,
        max(first.values(), default=None),
        max((file.declared_at or file.received_at for file in held), default=None),
    )


def item_ids_with_work(session: Session, sample_id: str) -> frozenset[str]:
    """Return the items whose required slots all hold a released document: what counts as received."""
    sample = session.get(Sample, sample_id)
    slots = DEFAULT_SLOTS if sample is None else slots_for(session, sample.series_key, sample.component_code)
    required = required_slots(slots)
    return frozenset(item for item, files in documents_of(session, sample_id).items() if required <= filled(files))


def slot_of(session: Session, document_id: str) -> Slot:
    """Return the slot a document is in; one that the component has no more takes anything."""
    row = session.execute(
        select(Evidence.slot, ModerationCase.series_key, ModerationCase.component_code)
        .join(ModerationCase, ModerationCase.id == Evidence.case_id)
        .where(Evidence.document_id == document_id)
    ).one()
    slots = {slot.slot: slot for slot in slots_for(session, row.series_key, row.component_code)}
    return slots.get(row.slot, Slot(row.slot, row.slot))


def centre_of(session: Session, document_id: str) -> str:
    """Return the number of the centre whose document it is."""
    return session.execute(
        select(ModerationCase.centre_number)
        .join(Evidence, Evidence.case_id == ModerationCase.id)
        .where(Evidence.document_id == document_id)
    ).scalar_one()


def find(session: Session, document_id: str) -> tuple[DocumentRow, SampleItem | None, ModerationCase] | None:
    """Return a document with the item, if it is one candidate's, and the case; or None if it is not evidence."""
    row = session.execute(_FOUND, {"document_id": document_id}).first()
    return None if row is None else (row[0], row[1], row[2])


def note_arrival(session: Session, context: Context, case_id: str) -> None:
    """Tell the case that work has begun to arrive."""
    actor = context.actor.person_id if context.actor else "system"
    samples.start_upload(session, case_id, actor=actor, now=context.now)


def move(session: Session, context: Context, document: DocumentRow, after: DocumentState) -> None:
    """Move a document to another state; raises ``ValueError`` for a move that does not exist."""
    before = DocumentState(document.state)
    if not may_move(before, after):
        raise ValueError(f"a document cannot go from {before} to {after}")
    document.state = after
    document.decided_at = context.now
    # Verification of the log holds what was released against what is kept.
    sha256 = document.sha256 if after is DocumentState.RELEASED else None
    audit.record(
        session, context, f"document.{after}", "document", document.id, before=before, after=after, sha256=sha256
    )


def check_unread(session: Session, document_id: str) -> None:
    """Refuse to take away what a moderator has read: a work with a mark, or a document about a group of which one has.

    More work may be asked for when the first is read; the files of the first are no longer the centre's to change.
    Raises: ``SlotClosed``.
    """
    link = session.scalars(select(Evidence).where(Evidence.document_id == document_id)).one()
    _check_unread(
        session,
        SampleItem.case_id == link.case_id if link.sample_item_id is None else SampleItem.id == link.sample_item_id,
    )


def check_item_unread(session: Session, item_id: str) -> None:
    """Refuse to add to a work that a moderator has read; raises ``SlotClosed``."""
    _check_unread(session, SampleItem.id == item_id)


def _check_unread(session: Session, of: ColumnElement[bool]) -> None:
    read = select(ModeratorMark.id).join(SampleItem, SampleItem.id == ModeratorMark.sample_item_id)
    if session.scalar(read.where(of).limit(1)) is not None:
        raise SlotClosed(ALREADY_READ)


def replacement_of(session: Session, document_id: str) -> str | None:
    """Return the file that is to replace this one once it is checked, None if none is."""
    return session.scalars(
        select(Evidence.document_id).where(
            Evidence.replaces_document_id == document_id, Evidence.withdrawn_at.is_(None)
        )
    ).first()


def replaceable(
    session: Session, document_id: str, case_id: str, item_id: str | None, slot: str
) -> tuple[int, int | None]:
    """Return version and place in the order of a file that another of the same place is to replace.

    Raises: ``ReplacementRefused`` when it is not there any more, stands elsewhere, or is being replaced already.
    """
    row = session.execute(
        select(Evidence.version, Evidence.position).where(
            Evidence.document_id == document_id,
            Evidence.case_id == case_id,
            Evidence.sample_item_id.is_not_distinct_from(item_id),
            Evidence.slot == slot,
            Evidence.withdrawn_at.is_(None),
        )
    ).first()
    if row is None:
        raise ReplacementRefused
    if replacement_of(session, document_id) is not None:
        raise ReplacementRefused("This file is being replaced already. Wait until the new one is checked.")
    return row.version, row.position


def withdraw(session: Session, context: Context, document_id: str) -> None:
    """Withdraw a document from its item; its row and the record of it stay."""
    # Locked, so that the worker that is checking it and its withdrawal cannot both have their way.
    document = session.get_one(DocumentRow, document_id, with_for_update=True)
    link = session.scalars(select(Evidence).where(Evidence.document_id == document_id)).one()
    if link.withdrawn_at is None:
        link.withdrawn_at = context.now
        move(session, context, document, DocumentState.WITHDRAWN)


def attached_of(session: Session, document_id: str) -> AttachedDocument:
    """Return one file as it is listed, whether or not it was withdrawn."""
    link, document, declared_at = session.execute(
        select(Evidence, DocumentRow, UploadRow.created_at)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .outerjoin(UploadRow, UploadRow.oid == DocumentRow.oid)
        .where(Evidence.document_id == document_id)
    ).one()
    return _attached(link, document, declared_at)


def _attached(link: Evidence, document: DocumentRow, declared_at: datetime | None) -> AttachedDocument:
    return AttachedDocument(
        document.id,
        link.slot,
        document.filename,
        document.size_bytes,
        document.media_type,
        document.page_count,
        DocumentState(document.state),
        document.sha256,
        document.declared_sha256 is not None,
        document.reason,
        document.remedy,
        declared_at,
        document.received_at,
        link.version,
        link.attached_at,
        link.replaces_document_id,
        document.remedy_kind,
        document.scan_state,
        document.duration_seconds,
        notes_of(document),
    )


def notes_of(document: DocumentRow) -> tuple[str, ...]:
    """Return what a person should know of a document where it is shown, in sentences."""
    scan = words.SCANS.get(document.scan_state or "") if document.state == DocumentState.RELEASED else None
    return (*words.of_notes(document.notes or ()), *((scan,) if scan else ()))
