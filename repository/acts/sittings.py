"""Acts on sittings: opening them from entries, the register, packets and labels, despatch, reconciliation."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.script_case_views import is_shown
from repository.acts.tasks_of_scripts import sittings_of
from repository.audit import Context
from repository.errors import NotFound
from scripts import records
from scripts.errors import SittingUnknown
from scripts.reconciliation import Reconciliation
from scripts.tables import Packet, RegisterLine, Script, ScriptCase, Sitting

OF_ALL_PAPER = frozenset({Action.SITTING_READ, Action.SCRIPT_CASE_CLOSE})
"""What is done about a sitting whatever was packed: exam scripts, or a postal sample."""


@dataclass(frozen=True, slots=True)
class SittingPage:
    """A sitting with its register, packets, scripts, arithmetic and open cases."""

    sitting: Sitting
    register: tuple[RegisterLine, ...]
    packets: tuple[Packet, ...]
    scripts: tuple[Script, ...]
    figures: Reconciliation
    cases: tuple[ScriptCase, ...]


def listed(session: Session, context: Context) -> tuple[Sitting, ...]:
    """Return the sittings that the person may see."""
    return tuple(sittings_of(session, context))


def permitted(session: Session, context: Context, action: Action, sitting_id: str) -> Sitting:
    """Return a sitting that the actor may do ``action`` on; raises ``NotFound`` for any other."""
    try:
        sitting = records.get_sitting(session, sitting_id)
    except SittingUnknown as error:
        raise NotFound from error
    access.require(actor_of(context), action, centre_number=sitting.centre_number)
    if sitting.purpose == "sample" and action not in OF_ALL_PAPER:
        # A postal sample is packed and posted on the page of its case, by the rules of samples.
        raise NotFound
    return sitting


def page(session: Session, context: Context, sitting_id: str) -> SittingPage:
    """Return a sitting with everything about it."""
    sitting = permitted(session, context, Action.SITTING_READ, sitting_id)
    return SittingPage(
        sitting,
        tuple(records.register(session, sitting_id)),
        tuple(records.packets(session, sitting_id)),
        tuple(records.scripts_of(session, sitting_id)),
        records.figures(session, sitting_id),
        tuple(one for one in records.cases(session, sitting_id) if is_shown(context, one)),
    )


def reconcile(session: Session, context: Context, sitting_id: str) -> Reconciliation:
    """Do the arithmetic of a sitting and open a case for every difference."""
    permitted(session, context, Action.SITTING_READ, sitting_id)
    done = records.reconcile(session, sitting_id, now=context.now)
    audit.record(session, context, "sitting.reconcile", "sitting", sitting_id, expected=done.expected)
    return done
