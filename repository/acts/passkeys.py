"""Acts on one's own passkeys: each changes how somebody signs in, so other sign-ins end and every address of theirs is told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from repository.access import Role
from repository.audit import Context
from repository.sign_in import attempts, factors, local, passkeys, sessions
from repository.sign_in.ceremonies import Refusal
from repository.sign_in.methods import Method, is_enough
from repository.sign_in.passkeys import Accepted, Purpose, Refused
from repository.sign_in.relying_party import RelyingParty
from repository.sign_in.tables import Account
from repository.sign_in.telling import tell


def add(
    session: Session,
    context: Context,
    party: RelyingParty,
    account_id: str,
    session_token: str,
    browser_token: str,
    name: str,
    untrusted: str,
) -> Accepted | Refused:
    """Keep a passkey that was made for an account; of its sign-ins that of ``session_token`` alone goes on."""
    done = passkeys.enrol(session, context, party, account_id, browser_token, name, untrusted)
    if isinstance(done, Accepted):
        _changed(session, context, account_id, session_token, "A passkey was added to your account.")
    return done


def remove(
    session: Session,
    context: Context,
    account_id: str,
    session_token: str,
    passkey_id: str,
    *,
    centres_need_two: bool,
) -> str:
    """Remove a passkey of an account; returns its name. Raises: as ``passkeys.remove``."""
    may_be_last = _may_have_none(session, account_id, context.now, centres_need_two=centres_need_two)
    name = passkeys.remove(session, context, account_id, passkey_id, may_be_last=may_be_last)
    _changed(session, context, account_id, session_token, "A passkey was removed from your account.")
    return name


def answer(
    session: Session,
    context: Context,
    party: RelyingParty,
    purpose: Purpose,
    browser_token: str | None,
    untrusted: str,
    account_id: str | None,
) -> Accepted | Refused:
    """Hold a passkey's answer against what was asked; its owner is told of one that may have been copied."""
    done = passkeys.answer(session, context, party, purpose, browser_token, untrusted, account_id=account_id)
    if isinstance(done, Refused) and done.refusal is Refusal.COUNTER and done.account_id is not None:
        whose = session.get_one(Account, done.account_id).person_id
        what = "A passkey of yours may have been copied. It was refused; remove it from your account."
        tell(session, context, whose, what, once=f"passkey-copied:{done.account_id}:{context.now:%Y-%m-%d}")
    return done


def _changed(session: Session, context: Context, account_id: str, session_token: str, what: str) -> None:
    person_id = session.get_one(Account, account_id).person_id
    sessions.end_others(session, context, person_id, session_token)
    tell(session, context, person_id, what)


def _may_have_none(session: Session, account_id: str, now: datetime, *, centres_need_two: bool) -> bool:
    """Return whether an account can be signed in to without any passkey, as its roles ask."""
    if local.credential_of(session, account_id) is None:
        return False
    if Method.ONE_TIME_CODE in factors.enrolled(session, account_id):
        return True
    person_id = session.get_one(Account, account_id).person_id
    roles = [Role(one.role) for one in attempts.choices(session, person_id, now)]
    return all(is_enough([Method.PASSWORD], role, centres_need_two=centres_need_two) for role in roles)
