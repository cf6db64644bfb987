"""Acts on roles that two people give: one officer proposes, another confirms, and neither is who gets the role.

Source: project policy (safety, "accounts and roles: not own"): whoever could make an officer alone could make a second
person for every act that needs two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import SamePerson
from moderation.records import independence
from repository import audit
from repository.access import ROLES_OF_TWO, Action, Role
from repository.acts import people_roles
from repository.acts.people_roles import Handover, email_address, manager_of, need_another, person_name
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.sign_in import invitations, paired_links
from repository.sign_in.people_tables import RoleProposal
from repository.sign_in.telling import tell
from repository.tables import Person


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A role that one officer proposed and that waits for another."""

    proposal_id: str
    role: Role
    name: str
    email: str
    proposed_by: str
    proposed_at: datetime


def propose(
    session: Session, context: Context, *, role: str, name: str = "", email: str = "", person_id: str | None = None
) -> str:
    """Propose a role that sees everything, for somebody who is here or somebody to be invited; returns the proposal.

    Raises: ``NotFound``; ``FieldRefused``; ``SamePerson`` for a role for oneself.
    """
    actor = manager_of(context, Action.PEOPLE_MANAGE_BODY)
    kind, _ = people_roles.role_and_centre(session, actor, role, None)
    if kind not in ROLES_OF_TWO:
        raise FieldRefused("This role needs no second officer.", field="role")
    if person_id is not None:
        if session.get(Person, person_id) is None:
            raise NotFound
        need_another(session, actor, person_id)
        name = email = ""
    else:
        name, email = person_name(name), email_address(email)
    row = RoleProposal(
        role=kind,
        person_id=person_id,
        name=name,
        email=email,
        proposed_by=actor.person_id,
        proposed_at=context.now,
    )
    session.add(row)
    session.flush()
    audit.record(session, context, "role.proposed", "role_proposal", row.id, role=kind.value, person=person_id)
    return row.id


def confirm(session: Session, context: Context, proposal_id: str, new_token: Callable[[], str]) -> Handover | None:
    """Give a proposed role, as another officer: to somebody who is here at once, to somebody else by an invitation.

    Returns: what to hand over with the invitation; None when there is none.
    Raises: ``NotFound``; ``SamePerson`` for whoever proposed it, or gets it, under any account.
    """
    actor = manager_of(context, Action.PEOPLE_MANAGE_BODY)
    row = _open(session, proposal_id)
    need_second(session, actor.person_id, row.proposed_by)
    row.confirmed_by, row.confirmed_at = actor.person_id, context.now
    session.flush()
    handover = None
    if row.person_id is not None:
        need_another(session, actor, row.person_id)
        made = invitations.give(
            session,
            row.person_id,
            Role(row.role),
            None,
            context.now,
            by=row.proposed_by,
            confirmed_by=actor.person_id,
        )
        audit.record(session, context, "role.given", "assignment", made.id, role=row.role)
        tell(session, context, row.person_id, "You were given a further role in this service.")
    else:
        handover = people_roles.send_invitation(
            session,
            context,
            paired_links.new_secrets(new_token),
            role=Role(row.role),
            centre_number=None,
            name=row.name,
            email=row.email,
            made_by=row.proposed_by,
            confirmed_by=actor.person_id,
        )
    audit.record(session, context, "role.confirmed", "role_proposal", row.id)
    return handover


def withdraw(session: Session, context: Context, proposal_id: str) -> None:
    """Take a proposal back, as any officer; raises ``NotFound``."""
    actor = manager_of(context, Action.PEOPLE_MANAGE_BODY)
    row = _open(session, proposal_id)
    row.withdrawn_by, row.withdrawn_at = actor.person_id, context.now
    session.flush()
    audit.record(session, context, "role.proposal_withdrawn", "role_proposal", row.id)


def waiting(session: Session) -> tuple[ProposalView, ...]:
    """Return what waits for a second officer, oldest first."""
    rows = session.execute(
        select(RoleProposal, Person.display_name)
        .outerjoin(Person, Person.id == RoleProposal.person_id)
        .where(RoleProposal.confirmed_by.is_(None), RoleProposal.withdrawn_by.is_(None))
        .order_by(RoleProposal.proposed_at, RoleProposal.id)
    )
    return tuple(
        ProposalView(row.id, Role(row.role), name or row.name, row.email, row.proposed_by, row.proposed_at)
        for row, name in rows
    )


def need_second(session: Session, person_id: str, first_id: str) -> None:
    """Refuse the second step to whoever did the first; raises ``SamePerson``."""
    if first_id in independence.accounts_of(session, person_id):
        raise SamePerson("You proposed this. Another officer has to confirm it.")


def _open(session: Session, proposal_id: str) -> RoleProposal:
    row = session.get(RoleProposal, proposal_id, with_for_update=True)
    if row is None or row.confirmed_by is not None or row.withdrawn_by is not None:
        raise NotFound
    return row
