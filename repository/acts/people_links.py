"""Acts of somebody who holds a link: looked at, claimed with its code, accepted. Nobody need be signed in for them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from moderation.tables import Centre
from repository.audit import Context
from repository.errors import AttemptOver
from repository.sign_in import attempts, invitations, providers_records
from repository.sign_in.invitations import InvitationView
from repository.sign_in.methods import Method
from repository.sign_in.providers import Identity


def invitation(session: Session, context: Context, untrusted_token: str) -> tuple[InvitationView, str]:
    """Return an open invitation, and the name of its centre, to whoever holds its link; raises ``LinkOver``."""
    found = invitations.looked_at(session, untrusted_token, context.now)
    return found, _centre_name(session, found)


def claimed_invitation(session: Session, context: Context, untrusted_claim: str) -> tuple[InvitationView, str]:
    """Return the invitation that is bound to a browser, and the name of its centre; raises ``LinkOver``."""
    found = invitations.claimed(session, untrusted_claim, context.now)
    return found, _centre_name(session, found)


def accept_locally(session: Session, context: Context, untrusted_claim: str, sign_in_name: str, phc: str) -> str:
    """Accept a bound invitation with a new local account; returns the token of the sign-in that goes on from there.

    Raises: ``LinkOver``; ``FieldRefused`` for a name that is taken.
    """
    account_id = invitations.accept_locally(session, context, untrusted_claim, sign_in_name, phc)
    return attempts.start(session, context, account_id, [Method.PASSWORD, Method.SET_UP])


def accept_from_provider(session: Session, context: Context, untrusted_claim: str, identity: Identity) -> str:
    """Accept a bound invitation as somebody whom an identity provider vouched for just now.

    Returns: the token of the sign-in that goes on from there.
    Raises: ``LinkOver``; ``AccountClosed``; ``FieldRefused`` when they have the role already; ``SamePerson`` when they
    invited themselves.
    """
    token = providers_records.sign_in(session, context, identity, "/", invited=True).attempt_token
    if token is None:
        raise AttemptOver
    account_id = attempts.standing(session, token, context.now).account_id
    invitations.accept(session, context, untrusted_claim, account_id)
    return token


def accept_signed_in(session: Session, context: Context, untrusted_claim: str, account_id: str) -> None:
    """Accept a bound invitation as the account that is signed in; raises as ``accept_from_provider`` does."""
    invitations.accept(session, context, untrusted_claim, account_id)


def _centre_name(session: Session, found: InvitationView) -> str:
    centre = session.get(Centre, found.centre_number) if found.centre_number else None
    return centre.name if centre is not None else ""
