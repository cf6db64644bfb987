"""Local accounts as records: a sign-in name, a password kept as a hash, the devices that are known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit
from repository.access import CENTRE_ROLES, Role
from repository.audit import Context
from repository.errors import FieldRefused
from repository.people import hash_token
from repository.sign_in import attempts, factors
from repository.sign_in.local_tables import KnownDevice, LocalPassword
from repository.sign_in.tables import LOCAL, Account
from repository.tables import Person

KNOWN_DEVICE_DAYS = 180
_NAME = re.compile(r"[^\W_](?:[\w.@+'-]{1,98})[^\W_]")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a password is held against."""

    account_id: str
    person_id: str
    name: str
    phc: str


def clean_name(text: str, field: str = "name") -> str:
    """Return a sign-in name as it is kept: without surrounding space, in lower case; raises ``FieldRefused``."""
    name = text.strip().casefold()
    if not _NAME.fullmatch(name):
        raise FieldRefused(
            "A sign-in name has 3 to 100 letters, digits and . - _ @, such as an e-mail address, and no spaces.",
            field=field,
        )
    return name


def find(session: Session, name: str) -> Credential | None:
    """Return the credential of a sign-in name; None if nobody has it, or the account is disabled."""
    row = session.execute(
        select(Account, LocalPassword)
        .join(LocalPassword, LocalPassword.account_id == Account.id)
        .where(Account.issuer == LOCAL, Account.subject == name, Account.disabled_at.is_(None))
    ).first()
    return None if row is None else Credential(row[0].id, row[0].person_id, row[0].subject, row[1].phc)


def credential_of(session: Session, account_id: str) -> Credential | None:
    """Return the credential of an account; None if it has no password here or is disabled."""
    account, password = session.get(Account, account_id), session.get(LocalPassword, account_id)
    if account is None or password is None or account.disabled_at is not None:
        return None
    return Credential(account.id, account.person_id, account.subject, password.phc)


def add_account(
    session: Session, context: Context, person_id: str, name: str, phc: str, *, email: str | None = None
) -> str:
    """Give a person a local account with a password that was hashed; returns its id.

    Takes: a ``name`` from ``clean_name``; ``phc`` from ``Hasher.hash``.
    Raises: ``FieldRefused`` for a name that is taken.
    """
    if session.scalar(select(Account.id).where(Account.issuer == LOCAL, Account.subject == name)) is not None:
        raise FieldRefused("That sign-in name is taken. Choose another.", field="name")
    account = Account(person_id=person_id, issuer=LOCAL, subject=name, email=email, created_at=context.now)
    session.add(account)
    session.flush()
    session.add(LocalPassword(account_id=account.id, phc=phc, set_at=context.now))
    audit.record(session, context, "account.created", "account", account.id)
    return account.id


def set_password(session: Session, context: Context, account_id: str, phc: str) -> None:
    """Put a new password in place of the old one. Its sign-ins elsewhere are the caller's to end (``sessions``)."""
    row = session.get(LocalPassword, account_id)
    if row is None:
        session.add(LocalPassword(account_id=account_id, phc=phc, set_at=context.now))
    else:
        row.phc, row.set_at = phc, context.now
    audit.record(session, context, "password.set", "account", account_id)


def keep_hash(session: Session, account_id: str, old_phc: str, phc: str) -> None:
    """Keep the same password hashed at today's cost, unless it was changed in the meantime."""
    row = session.get(LocalPassword, account_id, with_for_update=True)
    if row is not None and row.phc == old_phc:
        row.phc = phc


def always_two(session: Session, account_id: str, now: datetime, *, centres_need_two: bool) -> bool:
    """Return whether an account's password is never enough by itself."""
    account = session.get_one(Account, account_id)
    roles = {Role(one.role) for one in attempts.choices(session, account.person_id, now)}
    must = bool(roles) and (centres_need_two or not roles & CENTRE_ROLES)
    return must or bool(factors.enrolled(session, account_id))


def words_about(session: Session, account_id: str, now: datetime) -> Iterable[str]:
    """Return what a password must not consist of: the person's name and sign-in name, the centre numbers."""
    account = session.get_one(Account, account_id)
    person = session.get_one(Person, account.person_id)
    centres = [one.centre_number or "" for one in attempts.choices(session, account.person_id, now)]
    return [person.display_name, account.subject, *centres]


def is_known_device(session: Session, token: str, account_id: str, now: datetime) -> bool:
    """Return whether the browser that holds ``token`` signed in to the account before, not too long ago."""
    row = session.get(KnownDevice, (hash_token(token), account_id)) if token else None
    return row is not None and now - row.last_used_at < timedelta(days=KNOWN_DEVICE_DAYS)


def know_device(session: Session, token: str, account_id: str, now: datetime) -> None:
    """Note that an account signed in, with all that was needed, in the browser that holds ``token``."""
    row = session.get(KnownDevice, (hash_token(token), account_id))
    if row is None:
        session.add(
            KnownDevice(token_sha256=hash_token(token), account_id=account_id, created_at=now, last_used_at=now)
        )
    else:
        row.last_used_at = now
