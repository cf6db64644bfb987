"""How long a sign-in lasts: pure rules.

Source: project policy (safety §7): half an hour without a request and ten hours in all; a quarter of an hour and eight hours
for those who see the work of other people's centres. The operator's settings may say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from repository.access import Role

SHORT = frozenset({Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR})
"""Who sees the work of many centres, and works at home or on the way."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a sign-in lasts without a request, and in all; for moderators and who checks them, and for everybody else."""

    idle_seconds: int = 30 * 60
    limit_seconds: int = 10 * 3600
    moderator_idle_seconds: int = 15 * 60
    moderator_limit_seconds: int = 8 * 3600

    @property
    def longest_seconds(self) -> int:
        """Return how long a cookie is worth keeping."""
        return max(self.limit_seconds, self.moderator_limit_seconds)

    def of(self, role: Role) -> tuple[timedelta, timedelta]:
        """Return how long a sign-in in ``role`` lasts without a request, and in all."""
        if role in SHORT:
            return timedelta(seconds=self.moderator_idle_seconds), timedelta(seconds=self.moderator_limit_seconds)
        return timedelta(seconds=self.idle_seconds), timedelta(seconds=self.limit_seconds)

    def hold(self, role: Role, began_at: datetime, last_used_at: datetime, now: datetime) -> bool:
        """Return whether a sign-in of ``role`` is still alive at ``now``; both spans are half-open."""
        idle, limit = self.of(role)
        return now - last_used_at < idle and now - began_at < limit
