"""Writing an event down in the transaction of its act."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from repository.access import CENTRE_ROLES, Action, Actor
from repository.tables import AuditInbox, insert_row, new_id


@dataclass(frozen=True, slots=True)
class Context:
    """Who acts, when, and under which request: what every act is given.

    ``address_hash`` is the keyed hash of the network address the request came from, never the address.
    """

    actor: Actor | None
    now: datetime
    request_id: str
    origin: str = field(default="web")
    address_hash: str | None = field(default=None)


def record(
    session: Session,
    context: Context,
    action: Action | str,
    object_kind: str,
    object_id: str,
    *,
    outcome: str = "done",
    **details: str | int | bool | None,
) -> str:
    """Add one event to the log, in the caller's transaction: no act without a record, no record without an act.

    Takes: ``details`` of internal ids, counts, codes and states only; never a name, a mark's owner or free text.
    ``reason`` (a code), ``act``, ``before`` and ``after`` are said under these names where they are known.
    Returns: the event's id, by which ``audit.proofs.prove`` proves it once the transaction is committed.
    """
    actor = context.actor
    event_id = new_id()
    insert_row(
        session,
        AuditInbox,
        event_id=event_id,
        at=context.now,
        request_id=context.request_id,
        person_id=actor.person_id if actor else None,
        assignment_id=actor.assignment_id if actor else None,
        role=actor.role.value if actor else None,
        action=str(action),
        object_kind=object_kind,
        object_id=object_id,
        # A person of a centre acts on that centre alone; whose thing others acted on, the sequencer looks up.
        centre_number=actor.centre_number if actor and actor.role in CENTRE_ROLES else None,
        outcome=outcome,
        address_hash=context.address_hash,
        details=dict(details) | _token_of(actor) | {"origin": context.origin},
    )
    return event_id


def _token_of(actor: Actor | None) -> dict[str, str]:
    """Return which token of a school's system acted, if it was no person."""
    return {"token": actor.token_id} if actor is not None and actor.token_id is not None else {}
