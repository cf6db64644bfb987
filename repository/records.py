"""Uploads as the database records them: opened, standing somewhere, moved on, and complete with their document.

The compare-and-set on the offset, in ``commit_step``, is the only commit point of an upload (design: storage, D5, O4).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import CursorResult, Row, Table, bindparam, exists, false, null, select, update
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.records.slots import slots_for
from moderation.slots import Slot, SlotScope
from moderation.submission import WORK_ASKED_FOR, CaseState
from moderation.tables import ModerationCase, ModeratorMark, SampleItem
from repository import access, audit, evidence, objects, places, work
from repository.access import Action, Actor
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import (
    NotFound,
    OffsetMismatch,
    ReplacementRefused,
    SlotClosed,
    UploadGone,
    WrongSubmissionMode,
)
from repository.services import Services
from repository.sign_in.tables import Account
from repository.tables import Assignment, DocumentRow, Evidence, StoredObjectRow, UploadRow, insert_row
from repository.uploads import UploadState, hash_of_token
from storage.errors import KeyRefused, ObjectNotFound, ObjectTampered
from storage.vault import DataKey, Layout, Part, ScopeKey, Tail

VERIFY = "verify"
"""The kind of work that takes a document to its release; the name is older than its other steps."""
DERIVE = "derive"
"""The kind of work that makes what is shown of documents that were released before such a thing was made."""
OPEN_STATES = WORK_ASKED_FOR | {CaseState.UPLOADING}


# Statements of every upload, made once: SQLAlchemy takes longer to put one together than a database to carry it out.
_CASE = select(
    ModerationCase.id,
    ModerationCase.centre_number,
    ModerationCase.series_key,
    ModerationCase.component_code,
    ModerationCase.submission_mode,
    ModerationCase.state,
)
_CASE_OF_ITEM = (
    _CASE.add_columns(
        SampleItem.replaced_at, exists().where(ModeratorMark.sample_item_id == SampleItem.id).label("is_read")
    )
    .join(SampleItem, SampleItem.case_id == ModerationCase.id)
    .where(SampleItem.id == bindparam("sample_item_id"))
)
_ACCOUNTS = select(Account.id).where(Account.person_id == Assignment.person_id)
_SENDER = select(
    Assignment.valid_to,
    _ACCOUNTS.exists().label("has_account"),
    _ACCOUNTS.where(Account.disabled_at.is_(None)).exists().label("may_sign_in"),
).where(Assignment.id == bindparam("assignment_id"))
_CASE_BY_ID = _CASE.add_columns(null().label("replaced_at"), false().label("is_read")).where(
    ModerationCase.id == bindparam("case_id")
)
_UPLOAD_AND_CASE = (
    select(
        UploadRow.filename,
        UploadRow.total_bytes,
        UploadRow.declared_sha256,
        UploadRow.person_id,
        UploadRow.sample_item_id,
        UploadRow.slot,
        UploadRow.centre_number,
        UploadRow.replaces_document_id,
        ModerationCase.id.label("case_id"),
        ModerationCase.state,
    )
    .join(ModerationCase, ModerationCase.id == UploadRow.case_id)
    .where(UploadRow.oid == bindparam("oid"))
    .with_for_update(key_share=True, of=ModerationCase)
)
_UPLOADS = cast(Table, UploadRow.__table__)
_MOVED = (
    "offset_bytes", "expires_at", "state",
    "tail_index", "tail_key", "tail_header", "tail_sha256", "tail_plain_bytes", "tail_sealed_bytes",
)  # fmt: skip
_MOVE = (
    update(_UPLOADS)
    .where(
        _UPLOADS.c.oid == bindparam("of_oid"),
        _UPLOADS.c.offset_bytes == bindparam("offset_before"),
        _UPLOADS.c.state == UploadState.OPEN,
    )
    .values({name: bindparam(name) for name in _MOVED})
)


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What a client asks for when it creates an upload; every field already read and bounded.

    Takes: ``sample_item_id``, whose work it is; none for a document about the whole cohort of ``case_id``.
    """

    sample_item_id: str | None
    slot: str
    filename: str
    media_type: str | None
    declared_sha256: str | None
    total_bytes: int
    sent_metadata: str | None = None
    case_id: str | None = None
    replaces: str | None = None
    """The document of the same place that it is to replace."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an upload stands in the database."""

    oid: str
    state: UploadState
    offset_bytes: int
    total_bytes: int
    expires_at: datetime
    sent_metadata: str | None
    scope_key: ScopeKey
    data_key: DataKey
    tail: Tail | None


@dataclass(frozen=True, slots=True)
class Created:
    """An upload that was opened: the token that alone can write it, and where it stands."""

    token: str
    stands: Standing


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction commits: the offset moves from ``offset_before`` to ``offset_after``, or nothing does.

    ``begun_at`` is when the first of its bytes was sent to the store, or just before.
    """

    oid: str
    offset_before: int
    offset_after: int
    parts: tuple[Part, ...]
    tail: Tail | None
    replaced_key: str | None
    complete: bool
    begun_at: datetime


def place_of(
    session: Session, context: Context, asked: NewUpload, limit_bytes: int
) -> tuple[Row[str, str, str, str, str, str, datetime | None, bool], Slot]:
    """Return the case and the slot that a file is meant for, if it may be sent there now; its size is not looked at.

    Raises: ``NotFound`` for an item or a case outside the actor's centre; ``WrongSubmissionMode``; ``SlotClosed`` once
    the sample is submitted; ``SlotUnknown`` and ``SlotTypeRefused`` saying what there is.
    """
    case = _case_for(session, asked)
    if case is None:
        raise NotFound
    access.require(_actor(context), Action.UPLOAD_CREATE, centre_number=case.centre_number)
    if case.submission_mode != SubmissionMode.UPLOAD:
        raise WrongSubmissionMode(submission_mode=case.submission_mode)
    if case.state not in OPEN_STATES:
        raise SlotClosed(state=case.state)
    if case.replaced_at is not None:
        raise SlotClosed("Another work was asked for in place of this one, so it is not needed any more.")
    if case.is_read:
        raise SlotClosed(evidence.ALREADY_READ)
    scope = SlotScope.COHORT if asked.sample_item_id is None else SlotScope.CANDIDATE
    slots = slots_for(session, case.series_key, case.component_code)
    slot = places.find_slot(slots, evidence.check_slot(asked.slot), scope)
    places.check_name(slot, asked.filename, asked.media_type, limit_bytes)
    return case, slot


def create(session: Session, services: Services, context: Context, asked: NewUpload) -> Created:
    """Open an upload for one slot of one sample item, or of a case for its whole cohort, before a byte is sent.

    Raises: as ``place_of``; ``FileTooLarge`` naming the limit.
    """
    actor = _actor(context)
    limit = services.settings.upload_limit_bytes
    case, slot = place_of(session, context, asked, limit)
    places.check_size(slot, asked.total_bytes, limit)
    if asked.replaces is not None:
        evidence.replaceable(session, asked.replaces, case.id, asked.sample_item_id, asked.slot)
    scope = objects.scope_name(case.centre_number, case.series_key, objects.ORIGINALS)
    key = objects.scope_key(session, services.vault, scope)
    data_key = objects.new_data_key(session, services.vault, key, asked.total_bytes, context.now)
    token = services.new_token()
    expires_at = context.now + timedelta(seconds=services.settings.upload_ttl_seconds)
    insert_row(
        session,
        UploadRow,
        oid=data_key.oid,
        token_sha256=hash_of_token(token),
        person_id=actor.person_id,
        assignment_id=actor.assignment_id,
        centre_number=case.centre_number,
        case_id=case.id,
        sample_item_id=asked.sample_item_id,
        slot=asked.slot,
        filename=asked.filename or f"{asked.slot}",
        declared_media_type=asked.media_type,
        declared_sha256=asked.declared_sha256,
        sent_metadata=asked.sent_metadata,
        total_bytes=asked.total_bytes,
        offset_bytes=0,
        state=UploadState.OPEN,
        created_at=context.now,
        expires_at=expires_at,
        replaces_document_id=asked.replaces,
    )
    audit.record(
        session,
        context,
        Action.UPLOAD_CREATE,
        "upload",
        data_key.oid,
        size_bytes=asked.total_bytes,
        item=asked.sample_item_id or case.id,
        replaces=asked.replaces,
    )
    stands = Standing(
        data_key.oid, UploadState.OPEN, 0, asked.total_bytes, expires_at, asked.sent_metadata, key, data_key, None
    )
    return Created(token, stands)


def standing(session: Session, oid: str, token: str | None, now: datetime, *, for_writing: bool = False) -> Standing:
    """Return where an upload stands, to whoever holds its token.

    Raises: ``NotFound`` without the right token, or when the sender's assignment has ended or all accounts of the
    sender were disabled; ``UploadGone`` for an upload that was terminated or has expired.
    """
    row = session.get(UploadRow, oid)
    if row is None or token is None or not hmac.compare_digest(row.token_sha256, hash_of_token(token)):
        raise NotFound
    sender = session.execute(_SENDER, {"assignment_id": row.assignment_id}).one()
    if (sender.valid_to is not None and sender.valid_to <= now) or (sender.has_account and not sender.may_sign_in):
        raise NotFound
    if row.state in {UploadState.TERMINATED, UploadState.EXPIRED} or (
        row.state == UploadState.OPEN and row.expires_at <= now
    ):
        raise UploadGone
    if for_writing and row.state == UploadState.OPEN:
        case = session.execute(_CASE_BY_ID, {"case_id": row.case_id}).first()
        if case is not None and case.state not in OPEN_STATES:
            raise SlotClosed(state=case.state)
    key, data_key = objects.keys_of(session, oid)
    tail = None
    if row.tail_key and row.tail_header and row.tail_sha256:
        tail = Tail(
            row.tail_index or 0,
            row.tail_key,
            row.tail_header,
            row.tail_sha256,
            row.tail_plain_bytes or 0,
            row.tail_sealed_bytes or 0,
        )
    return Standing(
        oid,
        UploadState(row.state),
        row.offset_bytes,
        row.total_bytes,
        row.expires_at,
        row.sent_metadata,
        key,
        data_key,
        tail,
    )


def commit_step(session: Session, context: Context, step: Step, expires_at: datetime) -> None:
    """Commit parts, tail and offset together; the last step also writes the document and its work.

    Raises: ``OffsetMismatch`` when another writer was faster or the upload ended; ``SlotClosed`` for the last step once
    the sample is submitted; ``ServiceBusy`` for bytes sent more than an hour ago; nothing changed.
    """
    objects.check_timely(step.begun_at, context.now)
    tail = step.tail
    moved = session.execute(
        _MOVE,
        {
            "of_oid": step.oid,
            "offset_before": step.offset_before,
            "offset_bytes": step.offset_after,
            "expires_at": expires_at,
            "state": UploadState.COMPLETE if step.complete else UploadState.OPEN,
            "tail_index": tail.index if tail else None,
            "tail_key": tail.key if tail else None,
            "tail_header": tail.header if tail else None,
            "tail_sha256": tail.sha256 if tail else None,
            "tail_plain_bytes": tail.plain_bytes if tail else None,
            "tail_sealed_bytes": tail.sealed_bytes if tail else None,
        },
    )
    if not isinstance(moved, CursorResult) or moved.rowcount != 1:
        raise OffsetMismatch
    for part in step.parts:
        objects.add_part(session, step.oid, part)
    if step.complete:
        _open_document(session, context, step.oid)


def note_tail_damage(
    session: Session, context: Context, before: Standing, damage: ObjectTampered | KeyRefused | ObjectNotFound
) -> None:
    """Record that an upload's tail is not what was written.

    Raises: ``OffsetMismatch`` if the upload has moved on or ended meanwhile, and its tail is gone for that reason.
    """
    row = session.get_one(UploadRow, before.oid)
    if (row.state, row.tail_key) != (before.state, before.tail.key if before.tail else None):
        raise OffsetMismatch
    objects.note_damage(session, context, "upload", before.oid, damage)


def _open_document(session: Session, context: Context, oid: str) -> None:
    upload = session.execute(_UPLOAD_AND_CASE, {"oid": oid}).one()
    if upload.state not in OPEN_STATES:
        raise SlotClosed(state=upload.state)
    insert_row(session, StoredObjectRow, oid=oid, layout=Layout.STAGED)
    insert_row(
        session,
        DocumentRow,
        id=oid,
        oid=oid,
        filename=upload.filename,
        size_bytes=upload.total_bytes,
        declared_sha256=upload.declared_sha256,
        state=DocumentState.UPLOADED,
        uploaded_by=upload.person_id,
        received_at=context.now,
    )
    replaces, version, position = upload.replaces_document_id, 1, None
    if replaces is not None:
        try:
            before, position = evidence.replaceable(
                session, replaces, upload.case_id, upload.sample_item_id, upload.slot
            )
            version = before + 1
        except ReplacementRefused:
            replaces = None  # the other went meanwhile: what arrived is kept as a file of its own
    insert_row(
        session,
        Evidence,
        document_id=oid,
        case_id=upload.case_id,
        sample_item_id=upload.sample_item_id,
        slot=upload.slot,
        attached_at=context.now,
        version=version,
        position=position,
        replaces_document_id=replaces,
    )
    if upload.state != CaseState.UPLOADING:
        evidence.note_arrival(session, context, upload.case_id)
    work.add(session, VERIFY, oid, context.now, lane=upload.centre_number)
    audit.record(session, context, "document.arrived", "document", oid, size_bytes=upload.total_bytes)


def _case_for(session: Session, asked: NewUpload) -> Row[str, str, str, str, str, str, datetime | None, bool] | None:
    if asked.sample_item_id is not None:
        return session.execute(_CASE_OF_ITEM, {"sample_item_id": asked.sample_item_id}).first()
    return session.execute(_CASE_BY_ID, {"case_id": asked.case_id}).first()


def _actor(context: Context) -> Actor:
    if context.actor is None:
        raise NotFound
    return context.actor
