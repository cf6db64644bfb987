"""To which addresses of a centre something is written."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.entries import is_practice
from repository.access import Role
from repository.audit import Context
from repository.contacts import contacts_for
from repository.sign_in.tables import Account
from repository.tables import Assignment


def address_of(session: Session, person_id: str) -> str | None:
    """Return where notices for a person go: the address of the oldest account that has one and is in use."""
    return session.scalars(
        select(Account.email)
        .where(Account.person_id == person_id, Account.email.is_not(None), Account.disabled_at.is_(None))
        .order_by(Account.created_at, Account.id)
        .limit(1)
    ).first()


def addresses_for(session: Session, context: Context, centre_number: str, kind: str) -> tuple[str, ...]:
    """Return the addresses of a centre for one kind of notice: its contacts for that kind, and its exams officers.

    Takes: ``kind``: receipts, deadlines, samples or results.
    """
    if is_practice(centre_number):
        return ()  # what happens there is told to nobody
    now = context.now
    people = session.scalars(
        select(Assignment.person_id)
        .where(
            Assignment.role == Role.EXAMS_OFFICER,
            Assignment.centre_number == centre_number,
            Assignment.valid_from <= now,
            or_(Assignment.valid_to.is_(None), Assignment.valid_to > now),
        )
        .distinct()
    ).all()
    found = (address_of(session, person_id) for person_id in people)
    named = contacts_for(session, centre_number, kind)
    return tuple(sorted({address for address in (*found, *named) if address}))
