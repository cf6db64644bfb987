"""What can be shown at sign-in, and what is enough for whom: pure rules.

Source: project policy (safety): people of the awarding body always show two factors; people of centres do unless the
operator says otherwise; a passkey that verified its user counts for two, a code from a mailbox for none.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from repository.access import CENTRE_ROLES, Role


class Method(StrEnum):
    """One thing that was shown."""

    PASSWORD = "password"  # noqa: S105 — a word, not one
    ONE_TIME_CODE = "one_time_code"
    RECOVERY_CODE = "recovery_code"
    PASSKEY = "passkey"
    """A passkey that verified its user: two factors in one."""
    PROVIDER = "provider"
    """An identity provider vouched for the person, with one factor as far as it says."""
    PROVIDER_MULTI_FACTOR = "provider_multi_factor"
    REHEARSAL = "rehearsal"
    """A development link of the rehearsal mode."""
    SET_UP = "set_up"
    """The one-time link of the first start, or an invitation being accepted."""


_FIRST = frozenset({Method.PASSWORD, Method.PROVIDER})
_SECOND = frozenset({Method.ONE_TIME_CODE, Method.RECOVERY_CODE})
_BOTH = frozenset({Method.PASSKEY, Method.PROVIDER_MULTI_FACTOR, Method.REHEARSAL})


def is_multi_factor(methods: Iterable[Method]) -> bool:
    """Return whether two factors were shown."""
    shown = set(methods)
    return bool(shown & _BOTH or (shown & _FIRST and shown & _SECOND))


def is_enough(methods: Iterable[Method], role: Role, *, centres_need_two: bool = True) -> bool:
    """Return whether what was shown lets somebody act in ``role``."""
    shown = set(methods)
    if is_multi_factor(shown):
        return True
    return role in CENTRE_ROLES and not centres_need_two and bool(shown & _FIRST)
