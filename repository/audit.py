"""The record of every view, change and refusal, written in the transaction of the act itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from repository.access import Action, Actor
from repository.tables import AuditEvent, insert_row


@dataclass(frozen=True, slots=True)
class Context:
    """Who acts, when, and under which request: what every act is given."""

    actor: Actor | None
    now: datetime
    request_id: str
    origin: str = field(default="web")


def record(
    session: Session,
    context: Context,
    action: Action | str,
    object_kind: str,
    object_id: str,
    *,
    outcome: str = "done",
    **details: str | int | bool | None,
) -> None:
    """Add one event to the log, in the caller's transaction: no act without a record, no record without an act.

    Takes: ``details`` of internal ids, counts and states only; never a name, a mark's owner or free text.
    """
    actor = context.actor
    insert_row(
        session,
        AuditEvent,
        at=context.now,
        request_id=context.request_id,
        person_id=actor.person_id if actor else None,
        assignment_id=actor.assignment_id if actor else None,
        action=str(action),
        object_kind=object_kind,
        object_id=object_id,
        outcome=outcome,
        details=dict(details) | {"origin": context.origin},
    )
