"""Shredding an object or a scope: proposed by one officer, confirmed by another, never under a hold.

Order: the wrap goes first, in the statement that also looks for holds and for the two persons; then the recovery copy;
then the object's names. A run that was cut short is finished by repeating the command.

Source: project policy, decision 0009.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from repository import audit
from repository.access import Role
from repository.audit import Context
from repository.errors import DocumentDestroyed, OfficerUnknown, SecondPersonNeeded, ShredRefused
from repository.keys import holds
from repository.keys.holds import OBJECT
from repository.keys.rotation import Counter, Unseen, rows_changed
from repository.services import Services
from repository.tables import (
    Assignment,
    DataKeyRow,
    ObjectPart,
    ScopeKeyRow,
    ShredProposal,
    StoredObjectRow,
    UploadRow,
    new_id,
)
from repository.uploads import UploadState
from storage.vault import DataKey, Part, ScopeKey, StoredObject

PROPOSAL_LASTS = timedelta(days=14)
"""A proposal that nobody confirmed for so long has lapsed."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a shredding would destroy, and what stands in its way."""

    scope: str
    objects: int
    size_bytes: int
    held: bool
    proposed_by: str | None
    confirmed: bool


def preview(session: Session, context: Context, kind: str, subject: str) -> Preview:
    """Return what would go; raises ``NotFound``. Nothing is changed."""
    scope = holds.scope_of(session, subject) if kind == OBJECT else subject
    count, size = session.execute(
        select(func.count(), func.coalesce(func.sum(DataKeyRow.total_bytes), 0)).where(
            _under(kind, subject), DataKeyRow.shredded_at.is_(None)
        )
    ).one()
    held = session.scalar(select(_hold(kind, subject, scope)))
    proposal = _open_proposal(session, context, kind, subject)
    return Preview(
        scope,
        int(count),
        int(size),
        bool(held),
        proposal.proposed_by if proposal else None,
        proposal is not None and proposal.confirmed_at is not None,
    )


def propose(session: Session, context: Context, kind: str, subject: str, reason: str) -> str:
    """Note one officer's wish to destroy an object or a scope.

    Returns: the proposal's id; an open proposal of the same officer is kept.
    Raises: ``NotFound``; ``HoldInForce``; ``DocumentDestroyed`` if there is nothing left to destroy; ``ShredRefused``
    if another officer proposed it already.
    """
    actor = _officer(context)
    scope = holds.scope_of(session, subject) if kind == OBJECT else subject
    holds.lock_scope(session, scope)
    holds.check_free(session, _hold(kind, subject, scope))
    if not _anything_left(session, kind, subject):
        raise DocumentDestroyed
    there = _open_proposal(session, context, kind, subject)
    if there is not None:
        if there.proposed_by != actor:
            raise ShredRefused("Another officer proposed this already; confirm it instead. Nothing was changed.")
        return there.id
    made = ShredProposal(
        id=new_id(), kind=kind, subject=subject, reason=reason, proposed_by=actor, proposed_at=context.now
    )
    session.add(made)
    audit.record(session, context, "shred.proposed", kind, subject[:64], proposal=made.id)
    return made.id


def confirm(session: Session, context: Context, kind: str, subject: str) -> str:
    """Confirm what another officer proposed, and destroy the wraps in the same transaction.

    Returns: the proposal's id. One that was confirmed before and not finished is simply taken up again.
    Raises: ``ShredRefused`` without a proposal; ``SecondPersonNeeded``; ``HoldInForce``. Nothing is changed then.
    """
    actor = _officer(context)
    scope = holds.scope_of(session, subject) if kind == OBJECT else subject
    holds.lock_scope(session, scope)
    proposal = _open_proposal(session, context, kind, subject)
    if proposal is None:
        raise ShredRefused("No open proposal to destroy this was found: one officer proposes, another confirms.")
    if proposal.confirmed_at is not None:
        return proposal.id
    confirmed = session.execute(
        update(ShredProposal)
        .where(
            ShredProposal.id == proposal.id,
            ShredProposal.confirmed_by.is_(None),
            ShredProposal.proposed_by != actor,
            _is_officer(actor, context),
            _is_officer(ShredProposal.proposed_by, context),
        )
        .values(confirmed_by=actor, confirmed_at=context.now)
        .execution_options(synchronize_session=False)
    )
    if rows_changed(confirmed) != 1:
        raise SecondPersonNeeded
    destroyed = _destroy(session, context, proposal.id, kind, subject, scope)
    audit.record(session, context, "shred.started", kind, subject[:64], proposal=proposal.id, objects=destroyed)
    return proposal.id


async def carry_out(services: Services, context: Context, proposal_id: str, counter: Counter | None = None) -> int:
    """Delete what lies in the store of everything whose wraps were destroyed; repeatable.

    Returns: how many objects. Raises: ``storage.errors.BackendUnavailable``: repeat the command.
    """
    counter = counter or Unseen()
    oids = await services.database.read(lambda s: _destroyed_oids(s, proposal_id))
    counter.total(len(oids))
    for oid in oids:
        stored = await services.database.read(lambda s, o=oid: _remains(s, o))  # type: ignore[misc]
        await asyncio.to_thread(services.vault.shred, stored)
        counter.seen(1)
    services.vault.forget_keys()
    await services.database.write(lambda s: _finish(s, context, proposal_id, len(oids)))
    await services.database.forget_deleted("data_key", "scope_key")
    return len(oids)


def _destroy(session: Session, context: Context, proposal_id: str, kind: str, subject: str, scope: str) -> int:
    """Empty the wraps, in statements that look for holds and for two persons themselves; returns how many objects."""
    allowed = and_(
        ~_hold(kind, subject, scope),
        exists().where(
            ShredProposal.id == proposal_id,
            ShredProposal.confirmed_by.is_not(None),
            ShredProposal.confirmed_by != ShredProposal.proposed_by,
        ),
    )
    wraps = 0
    if kind != OBJECT:
        keys = update(ScopeKeyRow).where(ScopeKeyRow.scope == scope, ScopeKeyRow.shredded_at.is_(None), allowed)
        wraps = rows_changed(
            session.execute(
                keys.values(
                    blob=b"",
                    shredded_at=context.now,
                    superseded_at=func.coalesce(ScopeKeyRow.superseded_at, context.now),
                ).execution_options(synchronize_session=False)
            )
        )
    oids = list(session.scalars(select(DataKeyRow.oid).where(_under(kind, subject), DataKeyRow.shredded_at.is_(None))))
    emptied = rows_changed(
        session.execute(
            update(DataKeyRow)
            .where(_under(kind, subject), DataKeyRow.shredded_at.is_(None), allowed)
            .values(blob=b"", shredded_at=context.now)
            .execution_options(synchronize_session=False)
        )
    )
    if emptied != len(oids) or (kind != OBJECT and not wraps) or (kind == OBJECT and not emptied):
        holds.check_free(session, _hold(kind, subject, scope))
        raise ShredRefused("It was destroyed before, or changed in this moment. Nothing was changed.")
    session.execute(
        update(UploadRow)
        .where(
            UploadRow.state == UploadState.OPEN, UploadRow.oid.in_(select(DataKeyRow.oid).where(_under(kind, subject)))
        )
        .values(state=UploadState.TERMINATED)
        .execution_options(synchronize_session=False)
    )
    return emptied


def _hold(kind: str, subject: str, scope: str) -> ColumnElement[bool]:
    return holds.over_object(subject, scope) if kind == OBJECT else holds.over_scope(scope)


def _under(kind: str, subject: str) -> ColumnElement[bool]:
    if kind == OBJECT:
        # What is shown in place of a document goes with it.
        return or_(DataKeyRow.oid == subject, DataKeyRow.oid.in_(holds.shown_in_place_of(subject)))
    return DataKeyRow.sk_id.in_(select(ScopeKeyRow.sk_id).where(ScopeKeyRow.scope == subject))


def _anything_left(session: Session, kind: str, subject: str) -> bool:
    if kind == OBJECT:
        left = exists().where(DataKeyRow.oid == subject, DataKeyRow.shredded_at.is_(None))
    else:
        left = exists().where(ScopeKeyRow.scope == subject, ScopeKeyRow.shredded_at.is_(None))
    return bool(session.scalar(select(left)))


def _open_proposal(session: Session, context: Context, kind: str, subject: str) -> ShredProposal | None:
    """Return the proposal that waits for its confirmation, or for being finished."""
    return session.scalars(
        select(ShredProposal)
        .where(
            ShredProposal.kind == kind,
            ShredProposal.subject == subject,
            ShredProposal.finished_at.is_(None),
            or_(ShredProposal.confirmed_at.is_not(None), ShredProposal.proposed_at > context.now - PROPOSAL_LASTS),
        )
        .order_by(ShredProposal.proposed_at)
        .execution_options(populate_existing=True)
    ).first()


def _is_officer(person: object, context: Context) -> ColumnElement[bool]:
    return exists().where(
        Assignment.person_id == person,
        Assignment.role == Role.AB_OFFICER,
        Assignment.valid_from <= context.now,
        or_(Assignment.valid_to.is_(None), Assignment.valid_to > context.now),
    )


def _destroyed_oids(session: Session, proposal_id: str) -> Sequence[str]:
    proposal = session.get_one(ShredProposal, proposal_id)
    if proposal.confirmed_at is None:
        raise ShredRefused("The proposal was not confirmed.")
    condition = _under(proposal.kind, proposal.subject)
    return session.scalars(
        select(DataKeyRow.oid).where(condition, DataKeyRow.shredded_at.is_not(None)).order_by(DataKeyRow.oid)
    ).all()


def _remains(session: Session, oid: str) -> StoredObject:
    """Return what is known of a destroyed object: the names it may still have, and no key."""
    data = session.get_one(DataKeyRow, oid)
    row = session.get(StoredObjectRow, oid)
    parts = [
        Part(part.part_index, part.key, part.header, part.sha256, part.plain_bytes, part.sealed_bytes)
        for part in session.scalars(select(ObjectPart).where(ObjectPart.oid == oid).order_by(ObjectPart.part_index))
    ]
    return StoredObject(
        ScopeKey(data.sk_id, "", "", b""),
        DataKey(oid, data.sk_id, data.suite, data.total_bytes, b"", data.commitment),
        tuple(parts),
        row.layout if row is not None else "staged",
    )


def _finish(session: Session, context: Context, proposal_id: str, count: int) -> None:
    proposal = session.get_one(ShredProposal, proposal_id)
    if proposal.finished_at is None:
        proposal.finished_at = context.now
        audit.record(
            session,
            context,
            "shred.finished",
            proposal.kind,
            proposal.subject[:64],
            proposal=proposal.id,
            objects=count,
        )


def _officer(context: Context) -> str:
    if context.actor is None:
        raise OfficerUnknown
    return context.actor.person_id
