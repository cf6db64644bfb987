"""Legal holds: while one is in force, nothing under it can be destroyed, whoever asks."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, exists, or_, select, update
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.errors import DocumentDestroyed, HoldInForce, NotFound, OfficerUnknown
from repository.keys.rotation import rows_changed
from repository.tables import DataKeyRow, Derivative, DocumentRow, LegalHold, ScopeKeyRow

OBJECT = "object"
SCOPE = "scope"


def lock_scope(session: Session, scope: str) -> None:
    """Make holds and destructions in one scope wait for each other, so that each sees what the other did.

    Raises: ``NotFound`` for a scope that never had a key.
    """
    locked = select(ScopeKeyRow.sk_id).where(ScopeKeyRow.scope == scope).order_by(ScopeKeyRow.sk_id).with_for_update()
    if not session.scalars(locked).all():
        raise NotFound("There is no key of that scope. `nea keys list` shows them.")


def scope_of(session: Session, oid: str) -> str:
    """Return the scope of an object; raises ``NotFound``."""
    scope = session.scalar(
        select(ScopeKeyRow.scope).join(DataKeyRow, DataKeyRow.sk_id == ScopeKeyRow.sk_id).where(DataKeyRow.oid == oid)
    )
    if scope is None:
        raise NotFound("There is no object of that id.")
    return scope


def place(session: Session, context: Context, kind: str, subject: str, reason: str) -> None:
    """Put an object or a scope under a hold; a second one beside the first does no harm.

    Raises: ``NotFound``; ``DocumentDestroyed`` if there is nothing left to keep.
    """
    lock_scope(session, scope_of(session, subject) if kind == OBJECT else subject)
    if kind == OBJECT and session.get_one(DataKeyRow, subject, populate_existing=True).shredded_at is not None:
        raise DocumentDestroyed
    session.add(
        LegalHold(
            oid=subject if kind == OBJECT else None,
            scope=subject if kind == SCOPE else None,
            reason=reason,
            placed_by=_officer(context),
            placed_at=context.now,
        )
    )
    audit.record(session, context, "hold.placed", kind, subject[:64])


def lift(session: Session, context: Context, kind: str, subject: str) -> int:
    """Lift every hold that names the object or scope itself; the rows stay.

    Returns: how many were lifted. Raises: ``NotFound`` if none was in force.
    """
    named = LegalHold.oid == subject if kind == OBJECT else LegalHold.scope == subject
    lifted = session.execute(
        update(LegalHold)
        .where(named, LegalHold.lifted_at.is_(None))
        .values(lifted_by=_officer(context), lifted_at=context.now)
    )
    if not rows_changed(lifted):
        raise NotFound("No hold that names it is in force.")
    audit.record(session, context, "hold.lifted", kind, subject[:64])
    return rows_changed(lifted)


def shown_in_place_of(oid: str) -> Select[str]:
    """Return the query for the objects that are shown in place of the document that an object is."""
    return (
        select(Derivative.oid).join(DocumentRow, DocumentRow.id == Derivative.document_id).where(DocumentRow.oid == oid)
    )


def over_object(oid: str, scope: str) -> ColumnElement[bool]:
    """Return the condition that a hold is in force over an object, or over the document that it is shown in place of."""
    shown_for = (
        select(DocumentRow.oid).join(Derivative, Derivative.document_id == DocumentRow.id).where(Derivative.oid == oid)
    )
    held = or_(LegalHold.oid == oid, LegalHold.scope == scope, LegalHold.oid.in_(shown_for))
    return exists().where(LegalHold.lifted_at.is_(None), held)


def over_scope(scope: str) -> ColumnElement[bool]:
    """Return the condition that a hold is in force over a scope, or over any object under it."""
    oids = (
        select(DataKeyRow.oid)
        .join(ScopeKeyRow, ScopeKeyRow.sk_id == DataKeyRow.sk_id)
        .where(ScopeKeyRow.scope == scope)
        .correlate(None)
    )
    return exists().where(LegalHold.lifted_at.is_(None), or_(LegalHold.scope == scope, LegalHold.oid.in_(oids)))


def check_free(session: Session, condition: ColumnElement[bool]) -> None:
    """Raise ``HoldInForce`` if the condition of a hold holds."""
    if session.scalar(select(condition)):
        raise HoldInForce


def _officer(context: Context) -> str:
    if context.actor is None:
        raise OfficerUnknown
    return context.actor.person_id
