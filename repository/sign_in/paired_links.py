"""A link that is mailed and a code that is told: both together are needed, and either alone opens nothing.

Whoever reads a mailbox has the link; whoever overhears a telephone has the code. Invitations and resets are made so.

Source: project policy (safety, "mail is never a credential"; a theft of papers in 2023 began with a school mailbox,
https://schoolsweek.co.uk/police-investigate-stolen-exam-papers-after-cyber-attack/). Eight digits that can be tried five
times are guessed once in twenty million links; OWASP ASVS 5.0 asks for 20 bits of such codes (6.5.4), these have 26.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.errors import FieldRefused, LinkOver
from repository.people import hash_token
from repository.sign_in.people_tables import Invitation, Reset

CODE_DIGITS = 8
CODE_TRIES = 5
"""After so many wrong codes the link is dead."""
CLAIM_SECONDS = 3600
"""So long the browser in which link and code came together may take to finish."""

L = TypeVar("L", Invitation, Reset)


class LinkState(StrEnum):
    """How a link stands."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"
    LOCKED = "locked"
    """Too many wrong codes."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is shown once and kept nowhere: the token of the link, and the code."""

    token: str
    code: str

    @property
    def spoken_code(self) -> str:
        """Return the code as it is read out: two groups of four digits."""
        return f"{self.code[:4]} {self.code[4:]}"


@dataclass(frozen=True, slots=True)
class Wrong:
    """A code was wrong; so many tries are left."""

    tries_left: int


def new_secrets(new_token: Callable[[], str]) -> Secrets:
    """Return a fresh link and code. Takes: ``new_token``, which gives 256 random bits as text."""
    number = int.from_bytes(hashlib.sha256(new_token().encode()).digest())
    return Secrets(new_token(), f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}")


def mac_of(key: str, code: str) -> bytes:
    """Return what is kept of a code: nothing that can be tried without the key, the token of the link."""
    return hmac.digest(key.encode("utf-8", "surrogatepass"), code.encode(), "sha256")


def code_field(untrusted: str, field: str = "code") -> str:
    """Return the digits of a code as it was typed, spaces and hyphens aside; raises ``FieldRefused`` for no such code."""
    digits = untrusted.replace(" ", "").replace("-", "")
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise FieldRefused(f"Enter the code that you were told: {CODE_DIGITS} digits.", field=field)
    return digits


def state_of(row: Invitation | Reset, now: datetime) -> LinkState:
    """Return how a link stands."""
    if row.used_at is not None:
        return LinkState.USED
    if row.revoked_at is not None:
        return LinkState.REVOKED
    if row.failed_codes >= CODE_TRIES:
        return LinkState.LOCKED
    return LinkState.OPEN if now < row.expires_at else LinkState.EXPIRED


def find(session: Session, table: type[L], untrusted_token: str, now: datetime) -> L:
    """Return an open link, for update; raises ``LinkOver`` for one that never was, was used, was revoked or is too old."""
    row = session.scalars(
        select(table).where(table.token_sha256 == hash_token(untrusted_token)).with_for_update()
    ).first()
    if row is None or state_of(row, now) is not LinkState.OPEN:
        raise LinkOver
    return row


def claim(row: Invitation | Reset, code: str, untrusted_token: str, claim_token: str, now: datetime) -> Wrong | None:
    """Bind an open link to the browser that knows its code, in place of any it was bound to before.

    Returns: what is left when the code is wrong, which the caller has to commit; None when it is right.
    """
    if not hmac.compare_digest(row.code_mac, mac_of(untrusted_token, code)):
        row.failed_codes += 1
        return Wrong(CODE_TRIES - row.failed_codes)
    bind(row, claim_token, now)
    return None


def bind(row: Invitation | Reset, claim_token: str, now: datetime) -> None:
    """Bind a link to a browser for a while: all that was asked for has been shown there."""
    row.claim_sha256 = hash_token(claim_token)
    row.claim_expires_at = now + timedelta(seconds=CLAIM_SECONDS)


def claimed(session: Session, table: type[L], untrusted_claim: str, now: datetime) -> L:
    """Return the open link that is bound to a browser, for update; raises ``LinkOver``."""
    row = session.scalars(
        select(table).where(table.claim_sha256 == hash_token(untrusted_claim)).with_for_update()
    ).first()
    is_bound = row is not None and row.claim_expires_at is not None and now < row.claim_expires_at
    if row is None or not is_bound or state_of(row, now) is not LinkState.OPEN:
        raise LinkOver
    return row


def revoke(row: Invitation | Reset, person_id: str, now: datetime) -> None:
    """Take an open link back; raises ``LinkOver`` for one that is not open."""
    if state_of(row, now) is not LinkState.OPEN:
        raise LinkOver("This link cannot be used any more, so there is nothing to take back.")
    row.revoked_at, row.revoked_by = now, person_id
