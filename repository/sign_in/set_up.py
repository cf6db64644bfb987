"""The first start: a one-time link, usable on this machine only, makes an officer. There is no default account.

A link is open while fewer officers of the awarding body can sign in than two-person acts need. Who can run a command on
the server could do anything to its database anyway, so a link is one command away; from outside there is no way at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from repository import audit, people
from repository.access import Role
from repository.audit import Context
from repository.errors import SetUpOver
from repository.people import hash_token
from repository.sign_in import attempts, local
from repository.sign_in.local_tables import SetUpLink
from repository.sign_in.methods import Method
from repository.sign_in.tables import Account
from repository.tables import Assignment

LINK_SECONDS = 3600
OFFICERS_NEEDED = 2
"""Every further officer is proposed by one and confirmed by another, so the first two come by links."""


def officers(session: Session, now: datetime) -> int:
    """Return how many awarding body officers can sign in."""
    held = (
        select(func.count(Assignment.person_id.distinct()))
        .join(Account, Account.person_id == Assignment.person_id)
        .where(
            Assignment.role == Role.AB_OFFICER,
            Assignment.valid_from <= now,
            Assignment.valid_to.is_(None) | (Assignment.valid_to > now),
            Account.disabled_at.is_(None),
        )
    )
    return session.scalars(held).one()


def is_due(session: Session, now: datetime) -> bool:
    """Return whether fewer officers can sign in than two-person acts need."""
    return officers(session, now) < OFFICERS_NEEDED


def make_link(session: Session, context: Context, token: str) -> None:
    """Let ``token`` set up an officer, once, within the hour; earlier links are over by that.

    Raises: ``SetUpOver`` once two officers can sign in.
    """
    if not is_due(session, context.now):
        raise SetUpOver("Two awarding body officers can sign in. They invite everybody else.")
    session.execute(delete(SetUpLink).where(SetUpLink.used_at.is_(None)))
    session.add(
        SetUpLink(
            token_sha256=hash_token(token),
            created_at=context.now,
            expires_at=context.now + timedelta(seconds=LINK_SECONDS),
        )
    )
    audit.record(session, context, "set_up.link_made", "service", "set-up")


def require_open(session: Session, token: str, now: datetime) -> None:
    """Refuse a link that is unknown, used or too old, or no longer due; raises ``SetUpOver``."""
    link = session.get(SetUpLink, hash_token(token), with_for_update=True)
    if link is None or link.used_at is not None or link.expires_at <= now or not is_due(session, now):
        raise SetUpOver


def make_officer(session: Session, context: Context, token: str, display_name: str, name: str, phc: str) -> str:
    """Make an awarding body officer, use the link up, and begin the sign-in; returns the attempt's token.

    Raises: ``SetUpOver``; ``FieldRefused`` for a sign-in name that is taken.
    """
    require_open(session, token, context.now)
    assignment = people.add_person(session, display_name, Role.AB_OFFICER, context.now)
    account_id = local.add_account(session, context, assignment.person_id, name, phc)
    session.get_one(SetUpLink, hash_token(token)).used_at = context.now
    audit.record(session, context, "set_up.officer_made", "assignment", assignment.id)
    return attempts.start(session, context, account_id, [Method.PASSWORD])
