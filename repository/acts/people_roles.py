"""Acts on people that exams officers do at their centre and officers everywhere: invite, give, end, suspend.

Nobody acts on roles of their own; a role that sees everything is given by two (``people_proposals``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from moderation.errors import SamePerson
from moderation.records import independence
from moderation.tables import Centre
from repository import access, audit
from repository.access import CENTRE_ROLES, ROLES_OF_TWO, Action, Actor, Role
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.contacts import NoticeKind, contacts_for
from repository.errors import FieldRefused, NotFound
from repository.mail import records as mail
from repository.mail.queueing import is_address
from repository.sign_in import attempts, invitations, paired_links, sessions
from repository.sign_in.paired_links import Secrets
from repository.sign_in.tables import Account
from repository.sign_in.telling import said_at, tell
from repository.tables import Assignment, Person, WebSession

NAME_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Handover:
    """What whoever made a link has to hand over by another way than mail; shown once and kept nowhere."""

    spoken_code: str
    path: str | None
    """The link itself, where this service sends no mail; otherwise it has gone to ``email``."""
    email: str
    expires_at: datetime


def manager_of(context: Context, action: Action) -> Actor:
    """Return who manages people here; raises ``NotFound`` for anybody else."""
    actor = actor_of(context)
    access.require(actor, action, centre_number=actor.centre_number)
    return actor


def reaches(actor: Actor, assignment: Assignment) -> bool:
    """Return whether somebody gives and ends roles like this one: an exams officer only those of the own centre."""
    return invitations.may_give(actor.role, Role(assignment.role), actor.centre_number, assignment.centre_number)


def reached(session: Session, actor: Actor, assignment_id: str) -> Assignment:
    """Return a role that the manager reaches; raises ``NotFound``."""
    row = session.get(Assignment, assignment_id)
    if row is None or not reaches(actor, row):
        raise NotFound
    return row


def need_another(session: Session, actor: Actor, person_id: str) -> None:
    """Refuse acts on oneself, under any account; raises ``SamePerson``."""
    if person_id in independence.accounts_of(session, actor.person_id):
        raise SamePerson("Nobody gives, changes or ends a role of their own, under any account. Ask a second person.")


def person_name(untrusted: str, field: str = "name") -> str:
    """Return a name that can be shown; raises ``FieldRefused``."""
    name = " ".join(untrusted.split())
    if not name or len(name) > NAME_LIMIT or not name.isprintable():
        raise FieldRefused(f"Enter the person’s name, in {NAME_LIMIT} characters or fewer.", field=field)
    return name


def email_address(untrusted: str, field: str = "email") -> str:
    """Return an address that mail can be sent to; raises ``FieldRefused``."""
    address = untrusted.strip()
    if not is_address(address) or "." not in address.partition("@")[2]:
        raise FieldRefused("Enter an e-mail address in the correct format, like name@example.com.", field=field)
    return address


def role_and_centre(
    session: Session, actor: Actor, untrusted_role: str, centre_number: str | None
) -> tuple[Role, str | None]:
    """Return a role that the manager gives, and its centre; an exams officer's is always the own.

    Raises: ``FieldRefused`` naming the field.
    """
    try:
        role = Role(untrusted_role)
    except ValueError as error:
        raise FieldRefused("Choose a role from the list.", field="role") from error
    if role not in CENTRE_ROLES:
        centre_number = None
    elif actor.centre_number is not None:
        centre_number = actor.centre_number
    elif not centre_number or session.get(Centre, centre_number) is None:
        raise FieldRefused("Enter the number of a centre that is known here: five digits.", field="centre_number")
    if not invitations.may_give(actor.role, role, actor.centre_number, centre_number):
        raise FieldRefused("Choose a role from the list.", field="role")
    return role, centre_number


def invite(
    session: Session,
    context: Context,
    action: Action,
    new_token: Callable[[], str],
    *,
    role: str,
    name: str,
    email: str,
    centre_number: str | None = None,
) -> Handover:
    """Invite somebody to a role: the link goes by mail, the code is told by whoever invites.

    Raises: ``NotFound`` to whoever manages nobody; ``FieldRefused``, also for a role that two people give.
    """
    actor = manager_of(context, action)
    kind, centre = role_and_centre(session, actor, role, centre_number)
    if kind in ROLES_OF_TWO:
        raise FieldRefused("This role is proposed by one officer and confirmed by another.", field="role")
    return send_invitation(
        session,
        context,
        paired_links.new_secrets(new_token),
        role=kind,
        centre_number=centre,
        name=person_name(name),
        email=email_address(email),
        made_by=actor.person_id,
    )


def send_invitation(
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
) -> Handover:
    """Make an invitation and queue its mail."""
    row = invitations.make(
        session,
        context,
        secrets,
        role=role,
        centre_number=centre_number,
        name=name,
        email=email,
        made_by=made_by,
        confirmed_by=confirmed_by,
    )
    path = f"/invitation/{secrets.token}"
    facts = {"expires": said_at(row.expires_at), "path": path}
    is_mailed = mail.enqueue(session, context, email, "invitation", facts)
    return Handover(secrets.spoken_code, None if is_mailed else path, email, row.expires_at)


def give(
    session: Session, context: Context, action: Action, person_id: str, role: str, centre_number: str | None = None
) -> Assignment:
    """Give somebody who is here a further role.

    Raises: ``NotFound``; ``SamePerson`` for oneself; ``FieldRefused``, also for a role that two people give.
    """
    actor = manager_of(context, action)
    if session.get(Person, person_id) is None:
        raise NotFound
    need_another(session, actor, person_id)
    kind, centre = role_and_centre(session, actor, role, centre_number)
    made = invitations.give(session, person_id, kind, centre, context.now, by=actor.person_id)
    audit.record(session, context, "role.given", "assignment", made.id, role=kind.value)
    tell(session, context, person_id, "You were given a further role in this service.")
    return made


def revoke(session: Session, context: Context, action: Action, invitation_id: str) -> None:
    """Take an invitation back; raises ``NotFound``, ``LinkOver``."""
    actor = manager_of(context, action)
    invitations.revoke(session, context, invitation_id, actor.person_id, centre_number=actor.centre_number)


def end_role(session: Session, context: Context, action: Action, assignment_id: str) -> Assignment:
    """End a role: the next request under it is refused.

    Raises: ``NotFound``; ``SamePerson`` for a role of one's own; ``RecordKept`` for the last officer.
    """
    actor = manager_of(context, action)
    row = reached(session, actor, assignment_id)
    if Role(row.role) is Role.AB_OFFICER:
        lock_officers(session, context)
    need_another(session, actor, row.person_id)
    if row.valid_to is not None and row.valid_to <= context.now:
        raise NotFound
    row.valid_to, row.ended_by = context.now, actor.person_id
    session.flush()
    ended = end_sessions(session, context, [row.id])
    audit.record(session, context, "role.ended", "assignment", row.id, role=row.role, sessions=ended)
    tell(session, context, row.person_id, "A role of yours in this service has ended.")
    return row


def suspend(session: Session, context: Context, person_id: str) -> None:
    """Disable every account of a person and end what is open; raises ``NotFound``, ``SamePerson``."""
    actor = manager_of(context, Action.PEOPLE_MANAGE_BODY)
    lock_officers(session, context)
    need_another(session, actor, person_id)
    accounts = session.scalars(select(Account).where(Account.person_id == person_id)).all()
    if not accounts:
        raise NotFound
    tell(session, context, person_id, "Your account was suspended by the awarding body.")
    tell_centres(
        session, context, person_id, "An account of somebody at your centre was suspended by the awarding body."
    )
    for account in accounts:
        account.disabled_at = account.disabled_at or context.now
        attempts.end_all(session, account.id, context.now)
    ended = sessions.end_all(session, context, person_id)
    audit.record(session, context, "account.disabled", "person", person_id, accounts=len(accounts), sessions=ended)


def restore(session: Session, context: Context, person_id: str) -> None:
    """Let the accounts of a person be used again; raises ``NotFound``, ``SamePerson``."""
    actor = manager_of(context, Action.PEOPLE_MANAGE_BODY)
    need_another(session, actor, person_id)
    accounts = session.scalars(select(Account).where(Account.person_id == person_id)).all()
    if not accounts:
        raise NotFound
    for account in accounts:
        account.disabled_at = None
    session.flush()
    audit.record(session, context, "account.enabled", "person", person_id, accounts=len(accounts))
    tell(session, context, person_id, "Your account can be used again.")


def lock_officers(session: Session, context: Context) -> None:
    """Let no two officers act on each other at the same moment.

    Raises: ``NotFound`` when whoever acts was ended while this waited.
    """
    rows = session.scalars(
        select(Assignment)
        .where(Assignment.role == Role.AB_OFFICER)
        .order_by(Assignment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    own = next((row for row in rows if row.id == actor_of(context).assignment_id), None)
    if own is None or (own.valid_to is not None and own.valid_to <= context.now):
        raise NotFound


def end_sessions(session: Session, context: Context, assignment_ids: list[str]) -> int:
    """End every session under these roles; returns how many."""
    ended = session.execute(
        update(WebSession)
        .where(WebSession.assignment_id.in_(assignment_ids), WebSession.ended_at.is_(None))
        .values(ended_at=context.now)
        .returning(WebSession.token_sha256)
    ).all()
    return len(ended)


def tell_centres(session: Session, context: Context, person_id: str, what: str) -> None:
    """Queue a notice to the contacts for security of every centre at which a person has a role; it names nobody."""
    roles = attempts.choices(session, person_id, context.now)
    for centre in sorted({one.centre_number for one in roles if one.centre_number is not None}):
        for address in contacts_for(session, centre, NoticeKind.SECURITY):
            facts = {"what": what, "centre_number": centre, "when": said_at(context.now)}
            mail.enqueue(session, context, address, "centre-security-notice", facts, centre_number=centre)
