"""Resets: the way back for somebody who lost the password or the second factor of a local account.

Either a person above in the same scope opens it, and tells the code by another way than mail; or the person alone, who
then shows a recovery code in the code's place. Mail alone never does it. When it is done every session is over, what was
lost is gone, and every channel has been told.

Source: project policy (safety §6); OWASP ASVS 5.0 6.4.3, 6.4.4, 6.4.6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from repository import audit
from repository.access import Role
from repository.audit import Context
from repository.errors import FieldRefused, LinkOver
from repository.people import hash_token
from repository.sign_in import attempts, local, one_time_codes, paired_links, sessions
from repository.sign_in.invitations import may_give
from repository.sign_in.key_tables import Passkey
from repository.sign_in.local_tables import KnownDevice, LocalPassword, OneTimeCode, RecoveryCode
from repository.sign_in.paired_links import CODE_TRIES, LinkState, Secrets, Wrong, mac_of, state_of
from repository.sign_in.people_tables import Reset
from repository.sign_in.tables import LOCAL, Account
from repository.tables import Assignment

RESET_HOURS = 24
"""Project policy."""
OWN_RESETS_A_DAY = 3
"""So many links an account is sent in a day when nobody above opened the reset."""


@dataclass(frozen=True, slots=True)
class ResetView:
    """A reset, as whoever holds its link sees it."""

    account_id: str
    sign_in_name: str
    needs_recovery_code: bool
    expires_at: datetime


def may_reset(roles: Iterable[tuple[Role, str | None]], giver: Role, own_centre: str | None) -> bool:
    """Return whether somebody may open a reset for a person of these roles (with their centres).

    An exams officer may for a teacher who teaches at the own centre and nowhere else; an awarding body officer for
    everybody. Whoever has no role has nothing to come back to.
    """
    every = set(roles)
    if giver is Role.AB_OFFICER:
        return bool(every)
    return bool(every) and all(
        role is Role.TEACHER and may_give(giver, role, own_centre, centre) for role, centre in every
    )


def roles_of(session: Session, person_id: str, now: datetime) -> tuple[tuple[Role, str | None], ...]:
    """Return the roles that a person holds now, with their centres."""
    return tuple((Role(one.role), one.centre_number) for one in attempts.choices(session, person_id, now))


def start(
    session: Session,
    context: Context,
    account_id: str,
    secrets: Secrets,
    made_by: str,
    *,
    needs_recovery_code: bool = False,
) -> Reset:
    """Open a reset of a local account; one that was open before is taken back.

    Raises: ``FieldRefused`` for an account that has no password here: its identity provider resets it.
    """
    account = session.get_one(Account, account_id)
    if account.issuer != LOCAL:
        raise FieldRefused(
            "This person signs in with an account of another organisation, which has to reset it.", field="account"
        )
    for older in session.scalars(select(Reset).where(Reset.account_id == account_id, Reset.used_at.is_(None))):
        # What a person above opened is not taken back by whoever merely knows the sign-in name.
        if state_of(older, context.now) is LinkState.OPEN and (older.needs_recovery_code or not needs_recovery_code):
            paired_links.revoke(older, made_by, context.now)
    row = Reset(
        token_sha256=hash_token(secrets.token),
        code_mac=mac_of(secrets.token, secrets.code),
        failed_codes=0,
        email=account.email or "",
        made_by=made_by,
        made_at=context.now,
        expires_at=context.now + timedelta(hours=RESET_HOURS),
        account_id=account_id,
        needs_recovery_code=needs_recovery_code,
    )
    session.add(row)
    session.flush()
    audit.record(session, context, "reset.opened", "account", account_id, alone=needs_recovery_code)
    return row


def account_to_reset(session: Session, sign_in_name: str, now: datetime) -> Account | None:
    """Return the account whose owner may open a reset alone: it has an address and a recovery code, and was not sent
    too many links today.
    """
    account = session.scalars(
        select(Account).where(Account.issuer == LOCAL, Account.subject == sign_in_name, Account.disabled_at.is_(None))
    ).first()
    if account is None or not account.email or not one_time_codes.recovery_codes_left(session, account.id):
        return None
    today = select(func.count()).where(
        Reset.account_id == account.id, Reset.needs_recovery_code.is_(True), Reset.made_at > now - timedelta(days=1)
    )
    return account if (session.scalar(today) or 0) < OWN_RESETS_A_DAY else None


def looked_at(session: Session, untrusted_token: str, now: datetime) -> ResetView:
    """Return an open reset to whoever holds its link; raises ``LinkOver``."""
    return _view(session, _standing(session, paired_links.find(session, Reset, untrusted_token, now), now))


def claim(
    session: Session, context: Context, untrusted_token: str, untrusted_code: str, claim_token: str
) -> Wrong | None:
    """Bind a reset to the browser that knows its code: the one that was told, or one of the person's recovery codes.

    Returns: what is left when the code is wrong, None when it is right; either is to be committed.
    Raises: ``LinkOver``; ``FieldRefused`` for something that is no code.
    """
    row = _standing(session, paired_links.find(session, Reset, untrusted_token, context.now), context.now)
    wrong: Wrong | None = None
    if not row.needs_recovery_code:
        code = paired_links.code_field(untrusted_code)
        wrong = paired_links.claim(row, code, untrusted_token, claim_token, context.now)
    elif one_time_codes.use_recovery_code(session, context, row.account_id, untrusted_code):
        paired_links.bind(row, claim_token, context.now)
    else:
        row.failed_codes += 1
        wrong = Wrong(CODE_TRIES - row.failed_codes)
    outcome = "done" if wrong is None else "refused"
    audit.record(session, context, "reset.claimed", "account", row.account_id, outcome=outcome)
    return wrong


def claimed(session: Session, untrusted_claim: str, now: datetime) -> ResetView:
    """Return the reset that is bound to a browser; raises ``LinkOver``."""
    return _view(session, _standing(session, paired_links.claimed(session, Reset, untrusted_claim, now), now))


def complete(session: Session, context: Context, untrusted_claim: str, phc: str) -> str:
    """Put a new password in place, end every session, and forget what was lost; returns the account's id.

    What a person above opened takes every second factor away, to be set up anew; a person who showed a recovery code
    keeps them. Browsers that were known are known no more.
    Raises: ``LinkOver``.
    """
    now = context.now
    row = _standing(session, paired_links.claimed(session, Reset, untrusted_claim, now), now)
    account = session.get_one(Account, row.account_id)
    local.set_password(session, context, account.id, phc)
    if not row.needs_recovery_code:
        forget_factors(session, account.id, now)
    session.execute(delete(KnownDevice).where(KnownDevice.account_id == account.id))
    attempts.end_all(session, account.id, now)
    ended = sessions.end_all(session, context, account.person_id)
    row.used_at = now
    row.claim_sha256 = row.claim_expires_at = None
    session.flush()
    audit.record(session, context, "reset.done", "account", account.id, sessions=ended)
    return account.id


def forget_factors(session: Session, account_id: str, now: datetime) -> None:
    """Take every second factor of an account away: authenticator app, recovery codes, passkeys."""
    session.execute(delete(OneTimeCode).where(OneTimeCode.account_id == account_id))
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    session.execute(
        update(Passkey).where(Passkey.account_id == account_id, Passkey.removed_at.is_(None)).values(removed_at=now)
    )


def has_password(session: Session, account_id: str) -> bool:
    """Return whether an account has a password here."""
    return session.get(LocalPassword, account_id) is not None


def _standing(session: Session, row: Reset, now: datetime) -> Reset:
    """A reset opens nothing once its account is disabled, or whoever opened it may not any more."""
    account = session.get_one(Account, row.account_id)
    if account.disabled_at is not None:
        raise LinkOver
    if row.needs_recovery_code:
        return row
    roles = roles_of(session, account.person_id, now)
    givers: list[Assignment] = list(attempts.choices(session, row.made_by, now))
    if not any(may_reset(roles, Role(one.role), one.centre_number) for one in givers):
        raise LinkOver
    return row


def _view(session: Session, row: Reset) -> ResetView:
    account = session.get_one(Account, row.account_id)
    return ResetView(account.id, account.subject, row.needs_recovery_code, row.expires_at)
