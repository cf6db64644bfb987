"""Marks by criterion: how a moderator's total follows from them, and when it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moderation.errors import CriteriaRefused

Fault = tuple[str, str, str]
"""Code of the criterion, or ``mark`` for the total; code of the fault; sentence."""


@dataclass(frozen=True, slots=True)
class CriterionRule:
    """A criterion of a mark scheme: at most so many marks."""

    code: str
    title: str
    maximum_mark: int


def adds_up(criteria: Sequence[CriterionRule], maximum: int) -> bool:
    """Say whether the total of a component is the sum of its criteria: their maxima make its maximum."""
    return bool(criteria) and sum(one.maximum_mark for one in criteria) == maximum


def total_of(
    criteria: Sequence[CriterionRule], given: Mapping[str, int | None], total: int | None, maximum: int
) -> int:
    """Return the mark that follows from what a moderator gave, by criterion, in total, or both.

    Where the maxima of the criteria make the maximum of the component, the total is their sum, and a total that was
    also given must be that sum. Where they do not (a scheme that was imported in part, or that weights its criteria),
    they are kept beside a total that the moderator gives. Without marks by criterion the total stands alone.
    Raises: ``CriteriaRefused`` with ``faults``: a criterion without a mark while others have one, a mark out of its
    range, a criterion that the component does not have, a total that is not the sum, or no total at all.
    Source: the total of a record form must equal the mark submitted,
    https://www.aqa.org.uk/nea-replacement/submit-marks-and-grades; the rest is project policy.
    """
    filled = {code: mark for code, mark in given.items() if mark is not None}
    if filled:
        faults = _faults(criteria, filled)
        if faults:
            raise CriteriaRefused(faults[0][2], faults=faults)
        if adds_up(criteria, maximum):
            found = sum(filled.values())
            if total is not None and total != found:
                words = f"The marks by criterion add up to {found}, and the total says {total}. Correct one of them."
                raise CriteriaRefused(words, faults=[("mark", "total-differs", words)])
            return found
    if total is None:
        words = f"Enter the mark, a whole number from 0 to {maximum}."
        raise CriteriaRefused(words, faults=[("mark", "total-missing", words)])
    return total


def _faults(criteria: Sequence[CriterionRule], filled: Mapping[str, int]) -> list[Fault]:
    known = {one.code for one in criteria}
    faults: list[Fault] = [
        (code, "unknown-criterion", f"This component has no criterion {code}.") for code in filled if code not in known
    ]
    for one in criteria:
        mark = filled.get(one.code)
        if mark is None:
            words = f"Enter a mark for {one.code}, {one.title}, or leave all criteria empty and give the total only."
            faults.append((one.code, "criterion-missing", words))
        elif isinstance(mark, bool) or not 0 <= mark <= one.maximum_mark:
            words = f"The mark for {one.code}, {one.title}, must be from 0 to {one.maximum_mark}."
            faults.append((one.code, "criterion-out-of-range", words))
    return faults
