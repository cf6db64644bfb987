"""The rules once more, written from the published texts and the policy alone, to hold the service against.

Nothing here is imported from ``moderation``: two pieces of code that agree are worth more than one that agrees with
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import floor

BANDS = ((15, None), (100, 15), (200, 20))
"""Up to so many candidates → so many works (None = all of them); more than the last → 25.

Source: https://www.ocr.org.uk/administration/general-qualifications/assessment/non-exam-assessment/
"""
LARGEST_SAMPLE = 25
ACCEPTED, ADJUSTED, INVALID_ORDER, OFFICER = "ACCEPTED", "ADJUSTED", "INVALID_ORDER", "OFFICER_DECIDES"


def sample_size(candidates: int) -> int:
    """Return how many works are drawn from so many candidates."""
    for last, size in BANDS:
        if candidates <= last:
            return candidates if size is None else size
    return LARGEST_SAMPLE


def outcome(
    sub_sample: Sequence[tuple[int, int]], sample: Sequence[tuple[int, int]], tolerance: int, maximum: int
) -> tuple[str, Mapping[int, int]]:
    """Return what moderation must find, and centre mark → final mark (empty: marks stand, or there are none).

    Takes: (centre mark, moderator mark) of the works read first, and of the whole sample.
    Source: project policy ``moderation-policy/1``, steps 2 to 6.
    """
    if all(abs(centre - moderator) <= tolerance for centre, moderator in sub_sample):
        return ACCEPTED, {}
    count = len(sample)
    if count < 3:
        return OFFICER, {}
    mean_c = Fraction(sum(c for c, _ in sample), count)
    mean_m = Fraction(sum(m for _, m in sample), count)
    sxx = sum((c - mean_c) ** 2 for c, _ in sample)
    sxy = sum((c - mean_c) * (m - mean_m) for c, m in sample)
    syy = sum((m - mean_m) ** 2 for _, m in sample)
    if sxx == 0:
        return ADJUSTED, _mapping(mean_m - mean_c, Fraction(1), maximum)
    pairs = list(combinations(sample, 2))
    discordant = sum((one[0] - two[0]) * (one[1] - two[1]) < 0 for one, two in pairs)
    ordered = sxy > 0 and Fraction(discordant, len(pairs)) <= Fraction(1, 20)
    if not ordered or sxy**2 < Fraction(81, 100) * sxx * syy:
        return INVALID_ORDER, {}
    slope = Fraction(sxy) / sxx
    return ADJUSTED, _mapping(mean_m - slope * mean_c, slope, maximum)


def _mapping(intercept: Fraction, slope: Fraction, maximum: int) -> dict[int, int]:
    final, lowest = {0: 0}, 0
    for mark in range(1, maximum + 1):
        rounded = floor(intercept + slope * mark + Fraction(1, 2))
        lowest = final[mark] = max(lowest, min(maximum, max(0, rounded)))
    return final


def total(parts: Sequence[tuple[int, int, Fraction]]) -> Fraction:
    """Return the sum of (mark, maximum, weighted maximum), each mark weighted exactly.

    Source: OCR, linear qualifications: weighted mark = raw × maximum weighted ÷ maximum raw.
    """
    return sum((mark * weight / maximum for mark, maximum, weight in parts), Fraction(0))


def grade(points: Fraction, boundaries: Mapping[str, int]) -> str:
    """Return the best grade whose boundary is reached, or ``U``."""
    reached = [(mark, name) for name, mark in boundaries.items() if points >= mark]
    return max(reached)[1] if reached else "U"
