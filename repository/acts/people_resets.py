"""Acts on resets: opened by a person above in the same scope, or by the person alone; finished by the person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from repository.access import Action
from repository.acts.people_roles import Handover, manager_of, need_another, tell_centres
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.mail import records as mail
from repository.sign_in import paired_links, resets
from repository.sign_in.paired_links import Secrets
from repository.sign_in.tables import Account
from repository.sign_in.telling import said_at, tell


def start(
    session: Session, context: Context, action: Action, account_id: str, new_token: Callable[[], str]
) -> Handover:
    """Open a reset for somebody below in the same scope: the link goes by mail, the code is told.

    Raises: ``NotFound`` for somebody out of reach; ``SamePerson``; ``FieldRefused`` for an account without a password
    here, or of somebody with further roles, for whom the awarding body does it.
    """
    actor = manager_of(context, action)
    account = session.get(Account, account_id)
    if account is None or account.disabled_at is not None:
        raise NotFound
    roles = resets.roles_of(session, account.person_id, context.now)
    if actor.centre_number is not None and all(centre != actor.centre_number for _, centre in roles):
        raise NotFound
    need_another(session, actor, account.person_id)
    if not resets.may_reset(roles, actor.role, actor.centre_number):
        raise FieldRefused(
            "You can do this for teachers of your centre who have no other role. Ask the awarding body.", field="reset"
        )
    if not account.email:
        raise FieldRefused("This account has no e-mail address, so no link can be sent to it.", field="reset")
    secrets = paired_links.new_secrets(new_token)
    row = resets.start(session, context, account.id, secrets, actor.person_id)
    tell(session, context, account.person_id, "A reset of your sign-in was opened by somebody who manages accounts.")
    tell_centres(session, context, account.person_id, "A reset of the sign-in of somebody at your centre was opened.")
    return _send(session, context, row.email, secrets, row.expires_at)


def start_alone(session: Session, context: Context, sign_in_name: str, new_token: Callable[[], str]) -> None:
    """Send a link to whoever has that sign-in name and a recovery code; says nothing about whether anybody has.

    The same secrets are made either way.
    """
    secrets = paired_links.new_secrets(new_token)
    account = resets.account_to_reset(session, sign_in_name.strip().casefold(), context.now)
    if account is None:
        return
    row = resets.start(session, context, account.id, secrets, account.person_id, needs_recovery_code=True)
    _send(session, context, row.email, secrets, row.expires_at)


def complete(session: Session, context: Context, untrusted_claim: str, phc: str) -> str:
    """Put the new password in place and tell every channel; returns the account's id. Raises ``LinkOver``."""
    account_id = resets.complete(session, context, untrusted_claim, phc)
    person_id = session.get_one(Account, account_id).person_id
    tell(session, context, person_id, "Your password was reset, and every session of yours was ended.")
    tell_centres(session, context, person_id, "The sign-in of somebody at your centre was reset.")
    return account_id


def _send(session: Session, context: Context, email: str, secrets: Secrets, expires_at: datetime) -> Handover:
    path = f"/reset/{secrets.token}"
    facts = {"expires": said_at(expires_at), "path": path}
    is_mailed = mail.enqueue(session, context, email, "reset", facts)
    return Handover(secrets.spoken_code, None if is_mailed else path, email, expires_at)
