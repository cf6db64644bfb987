"""Telling people by mail what happened to their way in. Mail proves nothing; that something happened it can tell.

Source: OWASP ASVS 5.0 6.3.5, 6.3.7.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import mail
from repository.audit import Context
from repository.sign_in.tables import Account

LONDON = ZoneInfo("Europe/London")


def tell(session: Session, context: Context, person_id: str, what: str, *, once: str | None = None) -> None:
    """Queue a security notice to every address that a person has here.

    Takes: ``once``, what it is about, where it could happen many times and is told once.
    """
    addresses = session.scalars(
        select(Account.email).where(Account.person_id == person_id, Account.email.is_not(None)).distinct()
    )
    for address in sorted(one for one in addresses if one):
        facts = {"what": what, "when": said_at(context.now)}
        mail.enqueue(session, context, address, "security-notice", facts, key=once)


def said_at(instant: datetime) -> str:
    """Return an instant in UK time, as letters say it."""
    local = instant.astimezone(LONDON)
    return f"{local.day} {local:%B %Y, %H:%M}"
