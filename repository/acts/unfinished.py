"""Acts on uploads that were begun and not finished: what there is of a case, and going on with one anywhere.

Whoever may send work for a case may go on with an upload of it, on any computer, by choosing the same file: its size and
the SHA-256 that was declared for it must agree, so nobody can put other bytes behind those that are here. The whole is
held against that hash in the end all the same. Source: project policy, decision of the uploads' page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit, records
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound, SlotClosed, UploadGone, UploadOfOtherContent
from repository.services import Services
from repository.tables import UploadRow
from repository.uploads import UploadState, hash_of_token


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload of which bytes are still to come: where it belongs, what was declared, and how far it is."""

    oid: str
    sample_item_id: str | None
    slot: str
    filename: str
    size_bytes: int
    declared_sha256: str | None
    offset_bytes: int
    begun_at: datetime
    expires_at: datetime
    is_own: bool


@dataclass(frozen=True, slots=True)
class GoneOn:
    """An upload that somebody goes on with: the new token that alone can write it, and how far it is."""

    oid: str
    token: str
    offset_bytes: int
    expires_at: datetime


def of_case(session: Session, context: Context, case_id: str) -> Sequence[Unfinished]:
    """Return the unfinished uploads of a case that the actor may go on with, the oldest first.

    Raises: ``NotFound`` for a case whose work the actor may not send.
    """
    permitted(session, context, Action.UPLOAD_CREATE, case_id)
    person_id = actor_of(context).person_id
    rows = session.scalars(
        select(UploadRow)
        .where(
            UploadRow.case_id == case_id,
            UploadRow.state == UploadState.OPEN,
            UploadRow.expires_at > context.now,
        )
        .order_by(UploadRow.created_at, UploadRow.oid)
    )
    return [
        Unfinished(
            row.oid,
            row.sample_item_id,
            row.slot,
            row.filename,
            row.total_bytes,
            row.declared_sha256,
            row.offset_bytes,
            row.created_at,
            row.expires_at,
            row.person_id == person_id,
        )
        for row in rows
    ]


def go_on(session: Session, services: Services, context: Context, oid: str, *, sha256: str, size_bytes: int) -> GoneOn:
    """Give whoever has the same file at hand the right to send the rest of an upload; it passes to them.

    The token before it ends, so a page elsewhere that still sends is stopped, and nothing it had sent is lost.
    Takes: ``sha256`` in lower-case hex and the size of the file that was chosen.
    Raises: ``NotFound``; ``UploadGone`` for one that ended; ``SlotClosed`` once the sample is submitted;
    ``UploadOfOtherContent`` when the file is another one, or nothing was declared that could tell.
    """
    row = session.scalars(select(UploadRow).where(UploadRow.oid == oid).with_for_update()).first()
    if row is None:
        raise NotFound
    case = permitted(session, context, Action.UPLOAD_CREATE, row.case_id)
    if row.state != UploadState.OPEN or row.expires_at <= context.now:
        raise UploadGone
    if case.state not in records.OPEN_STATES:
        raise SlotClosed(state=case.state)
    if row.declared_sha256 is None:
        raise UploadOfOtherContent(
            "What this upload holds was never said, so only the browser that began it can go on."
        )
    if row.total_bytes != size_bytes or row.declared_sha256 != sha256:
        raise UploadOfOtherContent
    actor = actor_of(context)
    passed_on = row.person_id != actor.person_id
    token = services.new_token()
    row.token_sha256 = hash_of_token(token)
    row.person_id, row.assignment_id = actor.person_id, actor.assignment_id
    audit.record(
        session,
        context,
        Action.UPLOAD_CONTINUE,
        "upload",
        oid,
        offset_bytes=row.offset_bytes,
        size_bytes=row.total_bytes,
        passed_on=passed_on,
    )
    return GoneOn(oid, token, row.offset_bytes, row.expires_at)
