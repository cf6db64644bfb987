"""The attendance register of a sitting: who was there, and every change of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from repository import audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.sittings import permitted
from repository.audit import Context
from scripts import records
from scripts.reconciliation import RegisterState


def mark_register(
    session: Session,
    context: Context,
    sitting_id: str,
    states: Mapping[str, RegisterState],
    added: Sequence[str] = (),
) -> None:
    """Mark candidates present or absent; ``added`` are candidates who sat without being listed."""
    permitted(session, context, Action.REGISTER_WRITE, sitting_id)
    actor = actor_of(context)
    records.mark_register(session, sitting_id, states, actor=actor.person_id, now=context.now, added=added)
    audit.record(session, context, Action.REGISTER_WRITE, "sitting", sitting_id, lines=len(states))
