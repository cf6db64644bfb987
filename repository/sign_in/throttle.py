"""How failed sign-ins are slowed: enough to make guessing hopeless, never so that somebody else locks a person out.

* Against one name: from the fifth failure each try has to wait a little longer; after the tenth, 15 minutes; then five more
  tries. Never for good. A known device and a passkey have counts of their own, so whoever guesses elsewhere does not touch
  them.
* From one address: only the answers to *wrong* passwords come later. A whole school sits behind one address, so a right
  password is never refused or delayed for what others do there.

Names and addresses stand in the table as keyed hashes: what people type into the name box by mistake is a password.
Source: project policy (safety §7); OWASP ASVS 5.0 §6.3.1; NIST SP 800-63B-4 §3.2.2.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repository.errors import TooManyTries
from repository.sign_in.local_tables import Failures

FREE = 4
"""So many failures cost nothing: people mistype."""
LOCK_AT = 10
LOCK_SECONDS = 15 * 60
FORGET_SECONDS = 24 * 3600
"""Counts are forgotten after so long without a failure."""
ADDRESS_FREE = 20
ADDRESS_STEP_SECONDS = 0.25
ADDRESS_LONGEST_SECONDS = 4.0
ADDRESS_FORGET_SECONDS = 15 * 60


@dataclass(frozen=True, slots=True)
class Count:
    """Failures so far, and when the last was."""

    failures: int
    last_at: datetime


def wait_seconds(failures: int) -> int:
    """Return how long after its last failure the next try is taken: 0, then 1, 2, 4, 8, 16 s, then 15 minutes."""
    if failures <= FREE:
        return 0
    return LOCK_SECONDS if failures >= LOCK_AT else 2 ** (failures - FREE - 1)


def next_count(count: Count | None, now: datetime) -> int:
    """Return the count if the try that begins at ``now`` fails: after a lock, five more tries until the next."""
    if count is None or now - count.last_at >= timedelta(seconds=FORGET_SECONDS):
        return 1
    return FREE + 1 if count.failures >= LOCK_AT else count.failures + 1


def left_to_wait(count: Count | None, now: datetime) -> int:
    """Return the seconds until a try is taken, 0 for at once; a clock that was set back makes nobody wait longer."""
    if count is None:
        return 0
    wait = wait_seconds(count.failures)
    left = count.last_at + timedelta(seconds=wait) - now
    return 0 if left <= timedelta(0) else min(wait, int(left.total_seconds()) + 1)


def slowing_seconds(failures: int) -> float:
    """Return how much later a *wrong* password from an address is answered after so many failures there."""
    return min(max(0, failures - ADDRESS_FREE) * ADDRESS_STEP_SECONDS, ADDRESS_LONGEST_SECONDS)


def network_of(address: str | None) -> str:
    """Return what counts as one address: one of IPv4, the /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def begin(session: Session, key: bytes, now: datetime) -> int:
    """Count a try as failed before it is judged, so that many at once cannot slip through; ``forget`` takes it back.

    Returns: how many failures it makes if it is one.
    Raises: ``TooManyTries`` while it has to wait; such a try counts for nothing.
    """
    row = _locked(session, key, now)
    count = Count(row.count, row.last_at) if row.count else None
    left = left_to_wait(count, now)
    if left:
        raise TooManyTries(_sentence(left), wait_seconds=left)
    row.count, row.last_at = next_count(count, now), now
    return row.count


def forget(session: Session, key: bytes) -> None:
    """Forget the failures: the right thing was shown."""
    session.execute(delete(Failures).where(Failures.key == key))


def give_back(session: Session, key: bytes, now: datetime) -> None:
    """Take back one try that was never judged."""
    row = _locked(session, key, now)
    if row.count <= 1:
        forget(session, key)
    else:
        row.count -= 1


def count_address(session: Session, key: bytes, now: datetime) -> int:
    """Count a failure from an address and return how many there were lately."""
    row = _locked(session, key, now)
    lately = now - row.last_at < timedelta(seconds=ADDRESS_FORGET_SECONDS)
    row.count, row.last_at = (row.count + 1 if lately else 1), now
    return row.count


def is_crowd(session: Session, key: bytes, now: datetime) -> bool:
    """Return whether so many failures came from an address lately that what comes from there has to share places."""
    row = session.get(Failures, key)
    lately = row is not None and now - row.last_at < timedelta(seconds=ADDRESS_FORGET_SECONDS)
    return row is not None and lately and row.count > ADDRESS_FREE


def sweep(session: Session, now: datetime) -> None:
    """Delete the counts that are forgotten."""
    session.execute(delete(Failures).where(Failures.last_at < now - timedelta(seconds=FORGET_SECONDS)))


def _locked(session: Session, key: bytes, now: datetime) -> Failures:
    """Return the row of a count, made if it is not there, and hold it: tries at once wait for each other."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    session.execute(dialect.insert(Failures).values(key=key, count=0, last_at=now).on_conflict_do_nothing())
    return session.get_one(Failures, key, with_for_update=True, populate_existing=True)


def _sentence(seconds: int) -> str:
    wait = f"{-(-seconds // 60)} minutes" if seconds > 60 else f"{seconds} seconds" if seconds > 1 else "a second"
    return f"There were too many wrong tries. Wait {wait}, then try again. You are not locked out for good."
