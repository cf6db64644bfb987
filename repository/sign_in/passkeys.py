"""Passkeys of local accounts: made, named, used and removed, as records.

A question (*challenge*) is put to a browser for one purpose, kept here, and answered once, from that browser, within
five minutes. What is not taken is an outcome with a reason, so that the record of it stays. Only local accounts have
passkeys: where an identity provider vouches for somebody, it also decides when to stop, and a passkey would outlive that.
Source: project policy (safety §6); https://www.w3.org/TR/webauthn-3/#sctn-rp-operations
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.people import hash_token
from repository.sign_in import ceremonies
from repository.sign_in.ceremonies import TIMEOUT_SECONDS, Answer, AnswerRefused, Proof, Refusal
from repository.sign_in.key_tables import Passkey, PasskeyChallenge
from repository.sign_in.relying_party import RelyingParty
from repository.sign_in.tables import LOCAL, Account

NAME_LIMIT = 60
PASSKEYS_LIMIT = 20
"""So many passkeys an account has at most."""


class Purpose(StrEnum):
    """What a passkey is asked for; an answer to one question is none to another."""

    MAKE = "make"
    SIGN_IN = "sign_in"
    SECOND_STEP = "second_step"
    STEP_UP = "step_up"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A passkey that answered as it should, and whose it is."""

    passkey_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that is not taken, why, and whose passkey it was as far as that is known."""

    refusal: Refusal
    account_id: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A passkey as its owner sees it."""

    passkey_id: str
    name: str
    is_synced: bool
    made_at: datetime
    last_used_at: datetime | None


def ask(
    session: Session,
    context: Context,
    party: RelyingParty,
    purpose: Purpose,
    *,
    token: str,
    challenge_token: str,
    account_id: str | None = None,
) -> dict[str, Any]:
    """Put a question to a browser.

    Takes: ``token``, which the browser's cookie holds from now on; ``challenge_token``, 256 random bits as text;
    whose passkey must answer, None for anybody's at the start of a sign-in.
    Returns: the options that the browser's WebAuthn is given.
    Raises: ``NotFound`` for an account that is closed or not a local one; ``FieldRefused`` when it has all the passkeys
    it may have.
    """
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= context.now))
    challenge = urlsafe_b64decode(challenge_token + "=" * (-len(challenge_token) % 4))
    account = None if account_id is None else _account(session, account_id)
    known = [] if account is None else [row.credential_id for row in _live(session, account.id)]
    if purpose is Purpose.MAKE and len(known) >= PASSKEYS_LIMIT:
        raise FieldRefused(f"You have {PASSKEYS_LIMIT} passkeys. Remove one before you add another.", field="name")
    session.add(
        PasskeyChallenge(
            token_sha256=hash_token(token),
            challenge=challenge,
            purpose=purpose,
            account_id=account_id,
            created_at=context.now,
            expires_at=context.now + timedelta(seconds=TIMEOUT_SECONDS),
        )
    )
    if purpose is Purpose.MAKE and account is not None:
        return ceremonies.ask_to_make(party, challenge, account.id, account.subject, known)
    return ceremonies.ask_to_answer(party, challenge, known)


def enrol(
    session: Session, context: Context, party: RelyingParty, account_id: str, token: str, name: str, untrusted: str
) -> Accepted | Refused:
    """Keep a passkey that the person's device made, under a name of theirs."""
    asked = _take(session, context, Purpose.MAKE, token, account_id)
    if asked is None:
        return _refuse(session, context, Refusal.TOO_LATE, Purpose.MAKE, account_id)
    try:
        made = ceremonies.read_new(party, asked.challenge, untrusted)
    except AnswerRefused as error:
        return _refuse(session, context, error.refusal, Purpose.MAKE, account_id)
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == made.credential_id)) is not None:
        return _refuse(session, context, Refusal.KNOWN_ALREADY, Purpose.MAKE, account_id)
    row = Passkey(
        account_id=account_id,
        name=name,
        credential_id=made.credential_id,
        credential_data=made.credential_data,
        counter=made.counter,
        is_synced=made.is_synced,
        transports=list(made.transports),
        made_at=context.now,
    )
    session.add(row)
    session.flush()
    audit.record(session, context, "passkey.made", "account", account_id, passkey=row.id)
    return Accepted(row.id, account_id)


def answer(
    session: Session,
    context: Context,
    party: RelyingParty,
    purpose: Purpose,
    token: str | None,
    untrusted: str,
    *,
    account_id: str | None = None,
) -> Accepted | Refused:
    """Hold a passkey's answer against the question that this browser was asked.

    Takes: the token of the browser's cookie, whose question is used up by this, whatever comes of it; whose passkey
    must answer, None for anybody's. Failed sign-ins by others are no matter here: a passkey cannot be guessed.
    Returns: whose passkey it is, or why it is not taken; the record of either is written.
    """
    asked = None if token is None else _take(session, context, purpose, token, account_id)
    if asked is None:
        return _refuse(session, context, Refusal.TOO_LATE, purpose, account_id)
    try:
        given = ceremonies.read_answer(untrusted)
    except AnswerRefused as error:
        return _refuse(session, context, error.refusal, purpose, account_id)
    row = session.scalar(select(Passkey).where(Passkey.credential_id == given.credential_id).with_for_update())
    if row is None:
        return _refuse(session, context, Refusal.UNKNOWN, purpose, account_id)
    proof = _proof(session, party, asked.challenge, given, row, account_id)
    if isinstance(proof, Refusal):
        return _refuse(session, context, proof, purpose, row.account_id, passkey=row.id)
    row.counter, row.is_synced, row.last_used_at = proof.counter, proof.is_synced, context.now
    audit.record(session, context, "passkey.used", "account", row.account_id, passkey=row.id, purpose=purpose)
    return Accepted(row.id, row.account_id)


def _proof(
    session: Session, party: RelyingParty, challenge: bytes, given: Answer, row: Passkey, account_id: str | None
) -> Proof | Refusal:
    if row.removed_at is not None:
        return Refusal.UNKNOWN
    if account_id is not None and row.account_id != account_id:
        return Refusal.OTHER_ACCOUNT
    if given.user_handle is not None and given.user_handle != row.account_id.encode():
        return Refusal.OTHER_ACCOUNT
    try:
        proof = ceremonies.prove(party, challenge, given, row.credential_data, row.counter)
    except AnswerRefused as error:
        return error.refusal
    if session.get_one(Account, row.account_id).disabled_at is not None:
        return Refusal.DISABLED  # said to nobody but who holds the passkey
    return proof


def listed(session: Session, account_id: str) -> tuple[Shown, ...]:
    """Return an account's passkeys, the oldest first."""
    return tuple(
        Shown(row.id, row.name, row.is_synced, row.made_at, row.last_used_at) for row in _live(session, account_id)
    )


def count(session: Session, account_id: str) -> int:
    """Return how many passkeys an account has."""
    live = select(func.count()).where(Passkey.account_id == account_id, Passkey.removed_at.is_(None))
    return session.scalar(live) or 0


def remove(session: Session, context: Context, account_id: str, passkey_id: str, *, may_be_last: bool) -> str:
    """Remove a passkey of an account; from the next request on it signs in to nothing.

    Takes: whether none at all may be left, because there is another second factor or none is needed.
    Returns: its name.
    Raises: ``NotFound`` for a passkey that is another's or removed already; ``FieldRefused`` for the last one that is
    needed.
    """
    rows = session.scalars(
        select(Passkey).where(Passkey.account_id == account_id, Passkey.removed_at.is_(None)).with_for_update()
    ).all()
    row = next((one for one in rows if one.id == passkey_id), None)
    if row is None:
        raise NotFound
    if len(rows) == 1 and not may_be_last:
        raise FieldRefused(
            "This is your only second step at sign-in, and your role needs one. "
            "Add another passkey or an authenticator app first, then remove this one.",
            field="remove",
        )
    row.removed_at = context.now
    audit.record(session, context, "passkey.removed", "account", account_id, passkey=row.id)
    return row.name


def local_account(session: Session, account_id: str | None) -> Account | None:
    """Return a person's account if it is one that may have passkeys: kept by this service, and open."""
    account = None if account_id is None else session.get(Account, account_id)
    return account if account is not None and account.issuer == LOCAL and account.disabled_at is None else None


def _account(session: Session, account_id: str) -> Account:
    account = local_account(session, account_id)
    if account is None:
        raise NotFound
    return account


def _live(session: Session, account_id: str) -> Sequence[Passkey]:
    return session.scalars(
        select(Passkey)
        .where(Passkey.account_id == account_id, Passkey.removed_at.is_(None))
        .order_by(Passkey.made_at, Passkey.id)
    ).all()


def _take(
    session: Session, context: Context, purpose: Purpose, token: str, account_id: str | None
) -> PasskeyChallenge | None:
    """Return the question of this browser and use it up; None when there is none for this, or it is too old."""
    row = session.get(PasskeyChallenge, hash_token(token), with_for_update=True)
    if row is None:
        return None
    session.delete(row)
    session.flush()
    fits = row.purpose == purpose and row.account_id == account_id and context.now < row.expires_at
    return row if fits else None


def _refuse(
    session: Session, context: Context, refusal: Refusal, purpose: Purpose, account_id: str | None, **details: str
) -> Refused:
    audit.record(
        session,
        context,
        "passkey.refused",
        "account",
        account_id or "unknown",
        outcome="refused",
        reason=refusal,
        purpose=purpose,
        **details,
    )
    return Refused(refusal, account_id)
