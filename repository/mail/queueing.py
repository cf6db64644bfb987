"""The states of a message, and when it is tried again. Pure rules.

At least once: a message counts as sent only when that is committed after the server took it. A process that dies in
between leaves it to be sent again, under the same Message-ID, by which the receiving side can drop the second.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum

CLAIM = timedelta(minutes=10)
"""So long a message that is being sent belongs to who claimed it; longer than sending can take."""
FIRST_RETRY = timedelta(minutes=1)
LAST_RETRY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=5)
"""Source: RFC 5321, 4.5.4.1: the give-up time generally needs to be at least four to five days."""
DAILY_LIMIT = 20
"""So many notices go to one address in a day at most; receipts and security notices always go. Source: project policy."""
ADDRESS_LIMIT = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


class State(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    """The receiving side will never take it, or the address is none."""
    GIVEN_UP = "given-up"
    """It was tried for five days."""


FAILED = frozenset({State.REFUSED, State.GIVEN_UP})


def is_address(text: str) -> bool:
    """Return whether mail can be sent to it: one plain address, no name, nothing that could end a header."""
    return len(text) <= ADDRESS_LIMIT and _ADDRESS.fullmatch(text) is not None


def next_try(attempts: int, now: datetime) -> datetime:
    """Return when a message is tried again after ``attempts`` tries, of which the receiving side put off the last."""
    return now + min(FIRST_RETRY * (1 << min(attempts - 1, 10)), LAST_RETRY)
