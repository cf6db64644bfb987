"""Which second factors an account has: what the second step of a sign-in can ask for."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository.sign_in import one_time_codes, passkeys
from repository.sign_in.methods import Method


def enrolled(session: Session, account_id: str) -> frozenset[Method]:
    """Return the ways in which an account can show a second factor."""
    found = set()
    if one_time_codes.is_enrolled(session, account_id):
        found.add(Method.ONE_TIME_CODE)
        if one_time_codes.recovery_codes_left(session, account_id):
            found.add(Method.RECOVERY_CODE)
    if passkeys.count(session, account_id):
        found.add(Method.PASSKEY)
    return frozenset(found)
