"""Invitations: how somebody who is not here yet comes to a role. Whoever invites, gives.

An invitation is a paired link (``paired_links``). It grants nothing until it is accepted, goes to the first account that
accepts it and to no other, is gone after that, and falls with whoever made it: invitations of somebody who lost their
role in the meantime open nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit
from repository.access import GIVES, ROLES_OF_TWO, Role
from repository.audit import Context
from repository.errors import FieldRefused, LinkOver, NotFound
from repository.people import hash_token
from repository.sign_in import local, paired_links
from repository.sign_in.paired_links import LinkState, Secrets, Wrong, mac_of, state_of
from repository.sign_in.people_tables import Invitation
from repository.sign_in.tables import Account
from repository.tables import Assignment, Person

INVITATION_DAYS = 14
"""Project policy."""


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as whoever may see it sees it."""

    invitation_id: str
    role: Role
    centre_number: str | None
    name: str
    email: str
    state: LinkState
    made_by: str
    made_at: datetime
    expires_at: datetime


def may_give(giver: Role, role: Role, own_centre: str | None, centre_number: str | None) -> bool:
    """Return whether somebody who acts as ``giver`` may give ``role``; an exams officer at the own centre only."""
    if role not in GIVES.get(giver, frozenset()):
        return False
    return giver is not Role.EXAMS_OFFICER or (own_centre is not None and centre_number == own_centre)


def make(
    session: Session,
    context: Context,
    secrets: Secrets,
    *,
    role: Role,
    centre_number: str | None,
    name: str,
    email: str,
    made_by: str,
    confirmed_by: str | None = None,
) -> Invitation:
    """Add an invitation; an older open one to the same role and address is taken back."""
    for older in session.scalars(
        select(Invitation).where(
            Invitation.email == email,
            Invitation.role == role,
            Invitation.centre_number.is_not_distinct_from(centre_number),
        )
    ):
        if state_of(older, context.now) is LinkState.OPEN:
            paired_links.revoke(older, made_by, context.now)
    row = Invitation(
        token_sha256=hash_token(secrets.token),
        code_mac=mac_of(secrets.token, secrets.code),
        failed_codes=0,
        email=email,
        made_by=made_by,
        made_at=context.now,
        expires_at=context.now + timedelta(days=INVITATION_DAYS),
        role=role,
        centre_number=centre_number,
        name=name,
        confirmed_by=confirmed_by,
    )
    session.add(row)
    session.flush()
    audit.record(session, context, "invitation.made", "invitation", row.id, role=role.value)
    return row


def looked_at(session: Session, untrusted_token: str, now: datetime) -> InvitationView:
    """Return an open invitation to whoever holds its link; raises ``LinkOver``."""
    return _view(_standing(session, paired_links.find(session, Invitation, untrusted_token, now), now), now)


def claim(session: Session, context: Context, untrusted_token: str, code: str, claim_token: str) -> Wrong | None:
    """Bind an invitation to the browser that knows its code.

    Returns: what is left when the code is wrong, None when it is right; either is to be committed.
    Raises: ``LinkOver``.
    """
    row = _standing(session, paired_links.find(session, Invitation, untrusted_token, context.now), context.now)
    wrong = paired_links.claim(row, code, untrusted_token, claim_token, context.now)
    if wrong is None:
        audit.record(session, context, "invitation.claimed", "invitation", row.id)
    else:
        audit.record(
            session, context, "invitation.claimed", "invitation", row.id, outcome="refused", tries_left=wrong.tries_left
        )
    return wrong


def claimed(session: Session, untrusted_claim: str, now: datetime) -> InvitationView:
    """Return the invitation that is bound to a browser; raises ``LinkOver``."""
    return _view(_standing(session, paired_links.claimed(session, Invitation, untrusted_claim, now), now), now)


def accept_locally(session: Session, context: Context, untrusted_claim: str, sign_in_name: str, phc: str) -> str:
    """Add a person and a local account for a bound invitation, and let it accept; returns the account's id.

    Takes: a ``sign_in_name`` from ``local.clean_name``; ``phc`` of the password, from ``Hasher.hash``.
    Raises: ``LinkOver``; ``FieldRefused`` for a name that is taken.
    """
    row = _standing(session, paired_links.claimed(session, Invitation, untrusted_claim, context.now), context.now)
    person = Person(display_name=row.name, created_at=context.now)
    session.add(person)
    session.flush()
    account_id = local.add_account(session, context, person.id, sign_in_name, phc, email=row.email)
    accept(session, context, untrusted_claim, account_id)
    return account_id


def accept(session: Session, context: Context, untrusted_claim: str, account_id: str) -> Assignment:
    """Let an account accept a bound invitation: its person has the role from now on, and the invitation is used up.

    Raises: ``LinkOver``; ``FieldRefused`` when the person has the role already; ``SamePerson`` when it is their own.
    """
    now = context.now
    row = _standing(session, paired_links.claimed(session, Invitation, untrusted_claim, now), now)
    account = session.get(Account, account_id)
    if account is None or account.disabled_at is not None:
        raise LinkOver
    role = Role(row.role)
    made = give(session, account.person_id, role, row.centre_number, now, by=row.made_by, confirmed_by=row.confirmed_by)
    row.used_at, row.account_id = now, account.id
    row.claim_sha256 = row.claim_expires_at = None
    session.flush()
    audit.record(session, context, "invitation.accepted", "invitation", row.id, account=account.id, assignment=made.id)
    return made


def give(
    session: Session,
    person_id: str,
    role: Role,
    centre_number: str | None,
    now: datetime,
    *,
    by: str,
    confirmed_by: str | None = None,
) -> Assignment:
    """Give a person a role from now on; the database refuses one's own, and what two people must give, from one.

    Raises: ``FieldRefused`` when the person holds that role there already.
    """
    if role in ROLES_OF_TWO and confirmed_by is None:
        raise FieldRefused("This role is proposed by one officer and confirmed by another.", field="role")
    held = session.scalars(
        select(Assignment.id).where(
            Assignment.person_id == person_id,
            Assignment.role == role,
            Assignment.centre_number.is_not_distinct_from(centre_number),
            Assignment.valid_to.is_(None) | (Assignment.valid_to > now),
        )
    ).first()
    if held is not None:
        raise FieldRefused("This person has that role already.", field="role")
    made = Assignment(
        person_id=person_id,
        role=role,
        centre_number=centre_number,
        valid_from=now,
        granted_by=by,
        confirmed_by=confirmed_by,
    )
    session.add(made)
    session.flush()
    return made


def revoke(
    session: Session, context: Context, invitation_id: str, by: str, *, centre_number: str | None = None
) -> None:
    """Take an invitation back.

    Takes: ``centre_number`` when whoever asks reaches the invitations of one centre only.
    Raises: ``NotFound``; ``LinkOver`` for one that is not open.
    """
    row = session.get(Invitation, invitation_id, with_for_update=True)
    if row is None or (centre_number is not None and row.centre_number != centre_number):
        raise NotFound
    paired_links.revoke(row, by, context.now)
    audit.record(session, context, "invitation.revoked", "invitation", row.id)


def of_centre(session: Session, centre_number: str, now: datetime) -> Sequence[InvitationView]:
    """Return the invitations to roles at a centre, newest first."""
    query = select(Invitation).where(Invitation.centre_number == centre_number)
    return [_view(row, now) for row in session.scalars(query.order_by(Invitation.made_at.desc(), Invitation.id))]


def newest(session: Session, now: datetime, *, limit: int) -> Sequence[InvitationView]:
    """Return the newest invitations of the whole service."""
    query = select(Invitation).order_by(Invitation.made_at.desc(), Invitation.id).limit(limit)
    return [_view(row, now) for row in session.scalars(query)]


def _standing(session: Session, row: Invitation, now: datetime) -> Invitation:
    """An invitation opens nothing once whoever made or confirmed it may not give the role any more."""
    for person_id in (row.made_by, row.confirmed_by):
        if person_id is not None and not _may_still_give(session, person_id, Role(row.role), row.centre_number, now):
            raise LinkOver
    return row


def _may_still_give(session: Session, person_id: str, role: Role, centre_number: str | None, now: datetime) -> bool:
    held = session.execute(
        select(Assignment.role, Assignment.centre_number).where(
            Assignment.person_id == person_id,
            Assignment.valid_from <= now,
            Assignment.valid_to.is_(None) | (Assignment.valid_to > now),
        )
    )
    return any(may_give(Role(giver), role, own, centre_number) for giver, own in held)


def _view(row: Invitation, now: datetime) -> InvitationView:
    return InvitationView(
        row.id,
        Role(row.role),
        row.centre_number,
        row.name,
        row.email,
        state_of(row, now),
        row.made_by,
        row.made_at,
        row.expires_at,
    )
