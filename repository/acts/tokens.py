"""Acts on tokens of school systems: an exams officer makes and revokes those of the own centre; officers see that they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy.orm import Session

from repository import access
from repository.access import Action, Scope
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.contacts import NoticeKind
from repository.mail import records as mail
from repository.sign_in import token_format, tokens
from repository.sign_in.telling import said_at
from repository.sign_in.token_format import Grant
from repository.sign_in.tokens import ShownIntegration


@dataclass(frozen=True, slots=True)
class TokensPage:
    """The integrations that somebody sees, and whether they are those of the own centre."""

    integrations: tuple[ShownIntegration, ...]
    is_own: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What an exams officer asks a token to be: for a new integration of a name, or one that is there."""

    grants: tuple[Grant, ...]
    network: str | None
    days: int
    name: str = ""
    integration_id: str | None = None


def page(session: Session, context: Context, centre_number: str | None = None) -> TokensPage:
    """Return the integrations of the own centre; to officers, of the centre they ask for, or of all."""
    actor = actor_of(context)
    is_own = access.scope_of(actor, Action.TOKEN_READ) is Scope.MY_CENTRE
    return TokensPage(tokens.listed(session, actor.centre_number if is_own else centre_number), is_own)


def make(session: Session, context: Context, asked: Asked, random: Collection[str], *, live: bool) -> str:
    """Make a token and return it; nothing shows it a second time.

    Takes: two texts of 256 random bits; whether the service is a real one.
    Raises: as ``tokens.make``.
    """
    actor = actor_of(context)
    access.require(actor, Action.TOKEN_WRITE, centre_number=actor.centre_number)
    for_id, for_secret = random
    written = token_format.write(for_id, for_secret, live=live)
    integration_id = tokens.make(
        session,
        context,
        actor,
        written,
        asked.grants,
        asked.network,
        asked.days,
        name=asked.name,
        integration_id=asked.integration_id,
    )
    # Whoever took over an exams officer's sign-in could stay by a token, so somebody else hears of it.
    facts = {
        "what": "A token was made, by which a school system can act for the centre.",
        "centre_number": str(actor.centre_number),
        "when": said_at(context.now),
    }
    about = f"token:{integration_id}:{written.token_id}"
    mail.tell_centre(
        session, context, str(actor.centre_number), NoticeKind.SECURITY, "centre-security-notice", facts, key=about
    )
    return written.text


def revoke(session: Session, context: Context, token_id: str) -> str:
    """Revoke a token of the own centre; returns the name of its integration."""
    actor = actor_of(context)
    access.require(actor, Action.TOKEN_WRITE, centre_number=actor.centre_number)
    return tokens.revoke(session, context, actor, token_id)
