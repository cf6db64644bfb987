"""When a connection is too slow: the rule, without sockets, so that it can be read and tested by itself.

Needed because the HTTP library waits for ever: for the end of a head, for the next byte of a body, for a reader to read.
"""

from __future__ import annotations

from enum import StrEnum

from repository.web.limits import Limits


class Guarded:
    """A connection that is watched. ``is_known`` once somebody has shown on it who they are."""

    __slots__ = ()
    is_known: bool


class Breach(StrEnum):
    """Which limit a connection is beyond; the words of the log."""

    HEAD_SLOW = "head-slow"
    HEAD_LARGE = "head-large"
    BODY_SILENT = "body-silent"
    BODY_SLOW = "body-slow"
    READER_SILENT = "reader-silent"
    READER_SLOW = "reader-slow"
    NOT_CLOSING = "not-closing"


class Flow:
    """Bytes that move one way: since when none has moved, and how many in the present stretch."""

    __slots__ = ("_limits", "_moved", "_silent_since", "_stretch_since")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin anew: what comes, or does not come, from now on counts."""
        self._silent_since = self._stretch_since = now
        self._moved = 0

    def move(self, now: float, count: int) -> None:
        """Count bytes that moved."""
        self._silent_since = now
        self._moved += count

    def is_silent(self, now: float) -> bool:
        """Return whether nothing has moved for too long."""
        return now - self._silent_since >= self._limits.silence_seconds

    def is_slow(self, now: float) -> bool:
        """Return whether the stretch that ends now moved too little; a stretch that did well is followed by the next."""
        length = now - self._stretch_since
        if length < self._limits.grace_seconds:
            return False
        if self._moved < self._limits.slowest_bytes_per_second * length:
            return True
        self._stretch_since, self._moved = now, 0
        return False


class Watch:
    """One connection as it stands. It is told what happens, with the time in seconds, and says what is too slow."""

    __slots__ = (
        "_body",
        "_closing_since",
        "_head_since",
        "_limits",
        "_unsent",
        "_writing",
        "body_is_open",
        "head_bytes",
    )

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._head_since: float | None = now
        self._body = Flow(limits, now)
        self._writing: Flow | None = None
        self._unsent = 0
        self._closing_since: float | None = None
        self.body_is_open = False
        self.head_bytes = 0

    def received(self, now: float, count: int, *, heads_ended: bool, body_is_open: bool) -> None:
        """Note that bytes came.

        Takes: ``heads_ended``, whether a head was complete by them; ``body_is_open``, whether a body is under way now.
        """
        if heads_ended:
            self._head_since, self.head_bytes = None, 0
            self._body.restart(now)
        elif self.body_is_open:
            self._body.move(now, count)
        elif count:
            self._head_since = now if self._head_since is None else self._head_since
            self.head_bytes += count
        self.body_is_open = body_is_open

    def excuse(self, now: float) -> None:
        """Note that we ourselves are not reading: nobody is slow who is not listened to."""
        self._body.restart(now)
        if self._head_since is not None:
            self._head_since = now

    def unsent(self, now: float, count: int, *, is_held_up: bool, is_closing: bool) -> None:
        """Note how many bytes of answers wait for their reader, and whether that holds up more, or the end of the connection."""
        self._closing_since = (self._closing_since or now) if is_closing else None
        if not is_held_up:
            self._writing = None
        elif self._writing is None:
            self._writing = Flow(self._limits, now)
        elif count < self._unsent:
            self._writing.move(now, self._unsent - count)
        self._unsent = count

    def breach(self, now: float) -> Breach | None:
        """Return the limit that the connection is beyond, if any."""
        if self._closing_since is not None and now - self._closing_since >= self._limits.silence_seconds:
            return Breach.NOT_CLOSING
        if self._writing is not None and self._writing.is_silent(now):
            return Breach.READER_SILENT
        if self._writing is not None and self._writing.is_slow(now):
            return Breach.READER_SLOW
        if self.head_bytes > self._limits.head_bytes:
            return Breach.HEAD_LARGE
        if self._head_since is not None and now - self._head_since >= self._limits.head_seconds:
            return Breach.HEAD_SLOW
        if self.body_is_open and self._body.is_silent(now):
            return Breach.BODY_SILENT
        if self.body_is_open and self._body.is_slow(now):
            return Breach.BODY_SLOW
        return None
