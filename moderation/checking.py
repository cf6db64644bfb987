"""Checks of moderators: which outcomes need one, which works are marked again, and how far a moderator drifts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from moderation.outcome import OutcomeKind
from moderation.rules import TeamLeaderCheck
from moderation.sampling import positions

WORKS_CHECKED = 3
"""How many works of a case are marked again, or all that were read if fewer. Source: project policy."""
_CHANGES_MARKS = frozenset({OutcomeKind.ADJUSTED, OutcomeKind.MODERATOR_MARKS})
_GIVES_MARKS = _CHANGES_MARKS | {OutcomeKind.ACCEPTED}

T = TypeVar("T")


class Verdict(StrEnum):
    """What a check of a moderator ends with."""

    AGREED = "AGREED"
    RETURNED = "RETURNED"
    """The moderator reads the whole sample again."""
    ESCALATED = "ESCALATED"
    """The principal moderator checks, and decides."""


def needs_check(kind: OutcomeKind, rule: TeamLeaderCheck, works_read: int) -> bool:
    """Say whether an outcome may only be confirmed after a check; where nothing was read there is nothing to check.

    Source: project policy v1, step 7: a team leader's check before an officer confirms; how often is the awarding
    body's policy.
    """
    if not works_read or rule is TeamLeaderCheck.NEVER:
        return False
    return kind in (_GIVES_MARKS if rule is TeamLeaderCheck.ALWAYS else _CHANGES_MARKS)


def works_to_check(read: Sequence[T], size: int = WORKS_CHECKED) -> list[T]:
    """Return the works of a check, spread evenly over those read, in their order.

    Source: project policy: the positions of the sample picker.
    """
    return [read[position - 1] for position in positions(len(read), size)]


def mean_difference(pairs: Iterable[tuple[int, int]]) -> Fraction | None:
    """Return the mean of moderator mark minus checker's mark, exactly; above zero the moderator is generous.

    Returns: ``None`` without pairs.
    """
    differences = [moderator - checker for moderator, checker in pairs]
    return Fraction(sum(differences), len(differences)) if differences else None
