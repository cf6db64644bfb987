"""Attempts that were refused: events of their own, in short transactions of their own, and bounded.

What was refused undid its own transaction, so nothing of it would be left in the log. A flood of refusals must not fill
the disk: past a bound for each address and minute they are counted, and the count is an event.
Source: project policy.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from repository.access import Action
from repository.audit.recording import Context, record
from repository.database import Database
from repository.tables import RefusalCount, new_id

EVENTS_LIMIT = 20
"""So many refusals of one address leave events of their own in one minute."""
COUNTED = "refusals.counted"
UNKNOWN_ADDRESS = "unknown"
WRITTEN_EVERY = timedelta(seconds=1)
ADDRESSES_LIMIT = 10_000
"""So many addresses are told apart in one minute; further ones are counted together."""


def address_hash(key: bytes, address: str) -> str | None:
    """Return the keyed hash under which an address stands in the log; None for a connection without one.

    Of IPv6 the network of 64 bits counts as one address, as one subscriber has them all.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    network = parsed if parsed.version == 4 else ipaddress.ip_network((parsed, 64), strict=False)
    return hmac.digest(key, str(network).encode(), "sha256")[:16].hex()


@dataclass
class Bound:
    """How many refusals this process saw in this minute, by address, and which are not written down yet."""

    minute_at: datetime | None = None
    seen: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    written_at: datetime | None = None

    def note(self, address: str, now: datetime) -> bool:
        """Count one refusal; returns whether it is to have an event of its own."""
        minute = now.replace(second=0, microsecond=0)
        if minute != self.minute_at:
            self.minute_at, self.seen = minute, Counter()
        if address not in self.seen and len(self.seen) >= ADDRESSES_LIMIT:
            address = UNKNOWN_ADDRESS
        self.seen[address] += 1
        if self.seen[address] <= EVENTS_LIMIT:
            return True
        self.waiting[address] += 1
        return False

    def due(self, now: datetime) -> Counter[str]:
        """Return what is to be written now, and forget it."""
        if self.written_at is not None and timedelta(0) <= now - self.written_at < WRITTEN_EVERY:
            return Counter()
        self.written_at = now
        found, self.waiting = self.waiting, Counter()
        return found


async def record_refusal(
    database: Database,
    context: Context,
    action: Action | str,
    object_kind: str,
    object_id: str,
    *,
    reason: str,
    count: int = 1,
    only_count: bool = False,
    **details: str | int | bool | None,
) -> None:
    """Record that somebody was refused, in a transaction of its own; past the bound, only count it.

    Takes: ``reason``, a code such as an error's; ``count``, how many alike; ``only_count`` to leave no
    event of its own in any case; ``details`` as ``record`` takes them.
    """

    def note(session: Session) -> None:
        if _counted(session, context, count, own=not only_count):
            record(session, context, action, object_kind, object_id, outcome="refused", reason=reason, **details)

    await database.write(note)


def _counted(session: Session, context: Context, count: int, *, own: bool) -> bool:
    """Count refusals; returns whether this one is to have an event of its own."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    minute, address = _minute(context.now), context.address_hash or UNKNOWN_ADDRESS
    counting = insert(RefusalCount).values(minute_at=minute, address_hash=address, refused=count, recorded=0)
    recorded = session.scalar(
        counting.on_conflict_do_update(
            index_elements=[RefusalCount.minute_at, RefusalCount.address_hash],
            set_={"refused": RefusalCount.refused + count},
        ).returning(RefusalCount.recorded)
    )
    if not own or (recorded or 0) >= EVENTS_LIMIT:
        return False
    session.execute(
        update(RefusalCount)
        .where(RefusalCount.minute_at == minute, RefusalCount.address_hash == address)
        .values(recorded=RefusalCount.recorded + 1)
        .execution_options(synchronize_session=False)
    )
    return True


def close_minutes(session: Session, now: datetime) -> int:
    """Write down what was only counted in the minutes that are over; returns how many such events."""
    over = session.scalars(select(RefusalCount).where(RefusalCount.minute_at < _minute(now))).all()
    written = 0
    for row in over:
        if row.refused > row.recorded:
            ended = row.minute_at + timedelta(minutes=1)
            address = None if row.address_hash == UNKNOWN_ADDRESS else row.address_hash
            context = Context(None, ended, new_id(), origin="sequencer", address_hash=address)
            counted = row.refused - row.recorded
            record(session, context, COUNTED, "address", row.address_hash, outcome="refused", count=counted)
            written += 1
    session.execute(
        delete(RefusalCount).where(RefusalCount.minute_at < _minute(now)).execution_options(synchronize_session=False)
    )
    return written


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
