"""Standardisation: works with an agreed mark, which moderators practise on, are approved by, and are checked with unseen.

Glossary: *practice* shows the agreed mark after one's own; *approval* works are marked before live work is begun, and show
nothing; a *seed* is such a work among the live ones, which nobody can tell from them.
Source: glossary (Seed, control item; Standardisation, approval). How many differences approve is project policy, decision 0026.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class WorkKind(StrEnum):
    """What a work with an agreed mark is used for."""

    PRACTICE = "PRACTICE"
    APPROVAL = "APPROVAL"
    SEED = "SEED"


class ApprovalState(StrEnum):
    """How a moderator stands in a component."""

    NOT_NEEDED = "NOT_NEEDED"
    WAITING = "WAITING"
    """Approval is needed, and not all of its works are marked yet."""
    TO_DECIDE = "TO_DECIDE"
    """All are marked, and not each within the tolerance: a person decides."""
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Pair:
    """One work: its agreed mark, and the moderator's own if there is one."""

    agreed_mark: int
    mark: int | None

    @property
    def difference(self) -> int | None:
        """Return the moderator's mark minus the agreed one; positive means generous."""
        return None if self.mark is None else self.mark - self.agreed_mark


@dataclass(frozen=True, slots=True)
class Standard:
    """How close a moderator is to agreed marks: how many works, how many beyond the tolerance, and the mean difference."""

    works: int
    beyond: int
    mean_difference: float | None


def state_of(
    pairs: Sequence[Pair], *, is_required: bool, tolerance_marks: int, decided: ApprovalState | None
) -> ApprovalState:
    """Return how a moderator stands.

    Takes: ``pairs``, every approval work of the component; ``decided``, what a person decided last, if anybody did.
    Returns: approved by the rule when every difference is within the tolerance; without works nobody can be approved by it.
    """
    if not is_required:
        return ApprovalState.NOT_NEEDED
    if decided is not None:
        return decided
    if not pairs or any(pair.mark is None for pair in pairs):
        return ApprovalState.WAITING
    if all(abs(pair.difference or 0) <= tolerance_marks for pair in pairs):
        return ApprovalState.APPROVED
    return ApprovalState.TO_DECIDE


def standard_of(pairs: Sequence[Pair], tolerance_marks: int) -> Standard:
    """Return how close the marks given so far are to the agreed ones."""
    differences = [pair.difference for pair in pairs if pair.difference is not None]
    beyond = sum(abs(difference) > tolerance_marks for difference in differences)
    return Standard(len(differences), beyond, sum(differences) / len(differences) if differences else None)
