"""Codes of authenticator apps (RFC 6238), each good once, and recovery codes for the day the app is not at hand.

Source: RFC 6238 with what every app takes: SHA-1, six digits, thirty seconds. One step before and after is taken, for
clocks that differ; OWASP ASVS 5.0 §6.5 (used once, short-lived, recovery codes of enough bits, kept as hashes).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.sign_in.local_tables import OneTimeCode, RecoveryCode
from repository.sign_in.sealing import SecretsBox

STEP_SECONDS = 30
DIGITS = 6
SKEW_STEPS = 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
SERVICE_NAME = "NEA Repository"


def new_secret(box: SecretsBox, *place: str) -> bytes:
    """Return the secret to enrol at one ``place`` (a sign-in under way, a session): the same until it is enrolled there."""
    return box.fingerprint("enrol", *place)[:SECRET_BYTES]


def key_words(secret: bytes) -> str:
    """Return a secret as people type it into an app: base32 in fours."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def address(secret: bytes, sign_in_name: str) -> str:
    """Return the ``otpauth:`` address that a QR code carries."""
    return _totp(secret).get_provisioning_uri(sign_in_name, SERVICE_NAME)


def matching_step(secret: bytes, code: str, now: datetime, last_used_step: int = -1) -> int | None:
    """Return the step that ``code`` belongs to, or None: not of now, or of a step that was used already.

    Takes: the ``code`` as typed; spaces in it do not matter.
    """
    digits = re.sub(r"\s", "", code)
    if not re.fullmatch(rf"\d{{{DIGITS}}}", digits, re.ASCII):
        return None
    this = int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(this - SKEW_STEPS, this + SKEW_STEPS + 1):  # all of them, so that each answer takes as long
        if hmac.compare_digest(code_of(secret, step), digits) and step > last_used_step:
            found = step
    return found


def code_of(secret: bytes, step: int) -> str:
    """Return the code of one step."""
    return _totp(secret).generate(step * STEP_SECONDS).decode()


def enrol(session: Session, context: Context, account_id: str, secret: bytes, step: int, box: SecretsBox) -> None:
    """Keep an app's secret, in place of another, once its first code was right; ``step`` is that code's, and is used."""
    session.execute(delete(OneTimeCode).where(OneTimeCode.account_id == account_id))
    session.add(
        OneTimeCode(
            account_id=account_id,
            sealed=box.seal(secret, account_id),
            enrolled_at=context.now,
            last_used_step=step,
        )
    )
    audit.record(session, context, "one_time_code.enrolled", "account", account_id)


def use(session: Session, account_id: str, code: str, now: datetime, box: SecretsBox) -> bool:
    """Return whether ``code`` is the app's and was not used before; it is used by that."""
    row = session.get(OneTimeCode, account_id)
    secret = box.open(row.sealed, account_id) if row is not None else None
    if row is None or secret is None:
        return False
    step = matching_step(secret, code, now, row.last_used_step)
    if step is None:
        return False
    # Compared again by the database: of two who bring the same code at once, one is late.
    changed = session.execute(
        update(OneTimeCode)
        .where(OneTimeCode.account_id == account_id, OneTimeCode.last_used_step < step)
        .values(last_used_step=step)
        .execution_options(synchronize_session=False)
    )
    return isinstance(changed, CursorResult) and changed.rowcount == 1


def make_recovery_codes(
    session: Session, context: Context, account_id: str, random_bytes: Sequence[bytes]
) -> list[str]:
    """Make ten recovery codes in place of all earlier ones; returns them, to be shown once. Only hashes are kept.

    Takes: ``random_bytes``, ten times ten bytes.
    """
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
    codes = [base64.b32encode(raw).decode().lower() for raw in random_bytes]
    for code in codes:
        session.add(RecoveryCode(account_id=account_id, code_sha256=_hash(code), made_at=context.now))
    audit.record(session, context, "recovery_codes.made", "account", account_id, count=len(codes))
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


def use_recovery_code(session: Session, context: Context, account_id: str, code: str) -> bool:
    """Return whether ``code`` is one of the account's recovery codes and was not used before; it is used by that."""
    changed = session.execute(
        update(RecoveryCode)
        .where(
            RecoveryCode.account_id == account_id,
            RecoveryCode.code_sha256 == _hash(re.sub(r"[\s-]", "", code).lower()),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=context.now)
        .execution_options(synchronize_session=False)
    )
    if not isinstance(changed, CursorResult) or changed.rowcount != 1:
        return False
    left = recovery_codes_left(session, account_id)
    audit.record(session, context, "recovery_code.used", "account", account_id, left=left)
    return True


def recovery_codes_left(session: Session, account_id: str) -> int:
    """Return how many recovery codes are left."""
    left = select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None))
    return session.scalar(left) or 0


def mark_of(session: Session, account_id: str) -> str:
    """Return what tells the app that is enrolled from those before and after it; nothing if none is."""
    row = session.get(OneTimeCode, account_id)
    return hashlib.sha256(row.sealed).hexdigest() if row is not None else ""


def is_enrolled(session: Session, account_id: str) -> bool:
    """Return whether an authenticator app is enrolled."""
    return session.get(OneTimeCode, account_id) is not None


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 — what the standard and every app use


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()
