"""Acts on concerns for somebody's safety: raised from the desk, mailed to officers at once, dealt with by one of them.

The centre is never told by the service: whom to call there is for a person to decide, who knows the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.errors import HoldMissing
from moderation.records import concerns as records
from moderation.records.cases import CaseView
from moderation.records.concerns import ConcernView
from moderation.records.marks import case_marks
from repository import audit, blinding, mail, people
from repository.access import Action, Role, require
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.mail.contacts import address_of
from repository.tables import Assignment


@dataclass(frozen=True, slots=True)
class ConcernsPage:
    """Every concern, for officers: those that wait first."""

    open: tuple[ConcernView, ...]
    closed: tuple[ConcernView, ...]
    names: Mapping[str, str]


def ask(session: Session, context: Context, case_id: str) -> tuple[CaseView, list[str]]:
    """Return a case about which a concern can be raised, and its candidates as their reader may know them."""
    case = permitted(session, context, Action.SAFEGUARDING_RAISE, case_id)
    lines = blinding.mask(session, context, case_id, case_marks(session, case_id).lines)
    return case, [line.candidate_number for line in lines]


def raise_concern(
    session: Session, context: Context, case_id: str, candidate_number: str, statement: str
) -> ConcernView:
    """Raise a concern about a candidate, or about no one candidate; officers are told at once, without its words."""
    permitted(session, context, Action.SAFEGUARDING_RAISE, case_id)
    number = blinding.number_of(session, context, case_id, candidate_number)
    candidates = {line.candidate_number: line.candidate_id for line in case_marks(session, case_id).lines}
    if number and number not in candidates:
        raise FieldRefused("Choose a candidate of this component from the list.", field="candidate_number")
    made = records.raise_concern(
        session,
        case_id,
        candidate_id=candidates.get(number),
        statement=statement,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, Action.SAFEGUARDING_RAISE, "concern", made.concern_id, case=case_id)
    for address in officers(session, context):
        mail.enqueue(session, context, address, "safeguarding", {}, key=f"concern:{made.concern_id}")
    return made


def listed(session: Session, context: Context) -> ConcernsPage:
    """Return every concern to an officer; the look is recorded."""
    require(actor_of(context), Action.SAFEGUARDING_READ)
    every = records.concerns_of(session)
    ids = (
        {one.raised_by for one in every}
        | {one.taken_by or "" for one in every}
        | {one.closed_by or "" for one in every}
    )
    audit.record(session, context, Action.SAFEGUARDING_READ, "concern", "all", count=len(every))
    return ConcernsPage(
        tuple(one for one in every if one.closed_at is None),
        tuple(reversed([one for one in every if one.closed_at is not None])),
        people.names_of(session, ids),
    )


def waiting(session: Session) -> list[ConcernView]:
    """Return the concerns that nobody has closed, for an officer's home page."""
    return records.concerns_of(session, is_open=True)


def take(session: Session, context: Context, concern_id: str) -> ConcernView:
    """Take a concern on: others then see that somebody deals with it."""
    _permitted(session, context, concern_id)
    done = records.take_concern(session, concern_id, officer=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.SAFEGUARDING_WRITE, "concern", concern_id, step="take")
    return done


def close(session: Session, context: Context, concern_id: str, note: str) -> ConcernView:
    """Close a concern with what was done."""
    _permitted(session, context, concern_id)
    done = records.close_concern(session, concern_id, note=note, officer=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.SAFEGUARDING_WRITE, "concern", concern_id, step="close")
    return done


def officers(session: Session, context: Context) -> list[str]:
    """Return the addresses of the officers of the awarding body."""
    ids = session.scalars(
        select(Assignment.person_id)
        .where(
            Assignment.role == Role.AB_OFFICER,
            Assignment.valid_from <= context.now,
            or_(Assignment.valid_to.is_(None), Assignment.valid_to > context.now),
        )
        .distinct()
    )
    return sorted({address for person_id in ids if (address := address_of(session, person_id))})


def _permitted(session: Session, context: Context, concern_id: str) -> CaseView:
    try:
        found = records.concern_of(session, concern_id)
    except HoldMissing as error:
        raise NotFound from error
    return permitted(session, context, Action.SAFEGUARDING_WRITE, found.case_id)
