"""Tolerance: how far centre and moderator may differ before more work is read. An integer, never a percentage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Illustration:
    """What a percentage of the maximum would be, for an officer to look at: exact, rounded down, rounded half up."""

    exact: Fraction
    floor: int
    half_up: int


def illustrate(percent: Fraction | int, maximum: int) -> Illustration:
    """Return what a percentage would mean in marks; it only illustrates and never fills in a tolerance.

    Source: ±6 % and ±3 % of 2012–13, https://publications.parliament.uk/pa/cm201314/cmselect/cmeduc/204/204we06.htm.
    """
    exact = Fraction(percent) * maximum / 100
    return Illustration(exact, exact.__floor__(), (exact + Fraction(1, 2)).__floor__())


def is_within(centre_mark: int, moderator_mark: int, tolerance_marks: int) -> bool:
    """Say whether the two marks differ by at most the tolerance; exactly the tolerance is within."""
    return abs(centre_mark - moderator_mark) <= tolerance_marks


def greatest_difference(pairs: Iterable[tuple[int, int]]) -> int:
    """Return the largest absolute difference of (centre mark, moderator mark) pairs; 0 without pairs."""
    return max((abs(centre - moderator) for centre, moderator in pairs), default=0)
