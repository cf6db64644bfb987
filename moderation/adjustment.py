"""Adjustment of a centre's marks, policy version 1: one line fitted to all works read, in exact arithmetic.

No awarding body publishes its constraints; this algorithm is the project's own and says so wherever it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import sqrt

POLICY_VERSION = "moderation-policy/1"


@dataclass(frozen=True, slots=True)
class OrderLimits:
    """Limits of the order test: at most this share of discordant pairs, at least this correlation.

    Source: project policy v1; starting values, stored with every outcome.
    """

    discordant_share: Fraction = Fraction(1, 20)
    correlation: Fraction = Fraction(9, 10)


class Method(StrEnum):
    """How adjusted marks follow from centre marks."""

    LINE = "LINE"
    SHIFT = "SHIFT"


class Refusal(StrEnum):
    """Why no adjusted marks may exist."""

    TOO_FEW_PAIRS = "TOO_FEW_PAIRS"
    INVALID_ORDER = "INVALID_ORDER"


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sums over the (centre mark, moderator mark) pairs read, as integers.

    ``n_sxx`` is n·Sxx, and so on: n·Σx² − (Σx)², which needs no division.
    """

    n: int
    sum_centre: int
    sum_moderator: int
    n_sxx: int
    n_sxy: int
    n_syy: int
    discordant: int

    @property
    def pairs(self) -> int:
        """Return how many pairs of works can be compared in order."""
        return self.n * (self.n - 1) // 2

    @property
    def sxx(self) -> Fraction:
        """Return the sum of squared deviations of the centre's marks."""
        return Fraction(self.n_sxx, self.n)

    @property
    def sxy(self) -> Fraction:
        """Return the sum of products of deviations."""
        return Fraction(self.n_sxy, self.n)

    @property
    def syy(self) -> Fraction:
        """Return the sum of squared deviations of the moderator's marks."""
        return Fraction(self.n_syy, self.n)

    @property
    def slope(self) -> Fraction | None:
        """Return b of the fitted line, or ``None`` when all centre marks are the same."""
        return Fraction(self.n_sxy, self.n_sxx) if self.n_sxx else None

    @property
    def intercept(self) -> Fraction | None:
        """Return a of the fitted line: the mean shift when all centre marks are the same, ``None`` without pairs."""
        if not self.n:
            return None
        if not self.n_sxx:
            return Fraction(self.sum_moderator - self.sum_centre, self.n)
        return Fraction(self.sum_moderator * self.n_sxx - self.n_sxy * self.sum_centre, self.n * self.n_sxx)

    @property
    def correlation(self) -> float | None:
        """Return r for display only; decisions use the exact squares."""
        if not self.n_sxx or not self.n_syy:
            return None
        return self.n_sxy / sqrt(self.n_sxx * self.n_syy)


@dataclass(frozen=True, slots=True)
class Fit:
    """Either adjusted marks for every centre mark 0…maximum, or the reason why there are none."""

    statistics: Statistics
    maximum: int
    method: Method | None
    mapping: tuple[int, ...] | None
    refusal: Refusal | None


def statistics_of(pairs: Sequence[tuple[int, int]]) -> Statistics:
    """Return the sums over the pairs; ties are not discordant."""
    n = len(pairs)
    sum_c = sum_m = sum_cc = sum_cm = sum_mm = 0
    for c, m in pairs:
        sum_c += c
        sum_m += m
        sum_cc += c * c
        sum_cm += c * m
        sum_mm += m * m
    return Statistics(
        n,
        sum_c,
        sum_m,
        n * sum_cc - sum_c * sum_c,
        n * sum_cm - sum_c * sum_m,
        n * sum_mm - sum_m * sum_m,
        sum(1 for _ in discordances(pairs)),
    )


def discordances(pairs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Give the pairs of works that centre and moderator put in opposite order, as places in ``pairs``; ties are none.

    Source: project policy v1, step 3: (cᵢ−cⱼ)(mᵢ−mⱼ) < 0.
    """
    order = sorted((c, m, place) for place, (c, m) in enumerate(pairs))
    for i, (c, m, place) in enumerate(order):
        for later_c, later_m, later_place in order[i + 1 :]:
            if later_m < m and later_c > c:
                yield place, later_place


def is_order_valid(statistics: Statistics, limits: OrderLimits) -> bool:
    """Say whether the moderator's order supports an adjustment: few discordant pairs, high correlation, rising line.

    Source: project policy v1, step 4; r ≥ limit is tested as Sxy² ≥ limit²·Sxx·Syy, exactly.
    """
    share, correlation = limits.discordant_share, limits.correlation
    if statistics.n_sxy <= 0:
        return False
    if statistics.discordant * share.denominator > statistics.pairs * share.numerator:
        return False
    left = statistics.n_sxy**2 * correlation.denominator**2
    return left >= correlation.numerator**2 * statistics.n_sxx * statistics.n_syy


def fit(pairs: Sequence[tuple[int, int]], maximum: int, limits: OrderLimits | None = None) -> Fit:
    """Return the adjusted mark of every possible centre mark, or the reason why there can be none.

    Takes: ``pairs``, (centre mark, moderator mark) of all works read, absent and centre zero left out.
    Source: project policy v1, steps 3–6 with the edge rules in their stated order; least squares as Pearson states,
    https://qualifications.pearson.com/en/news-policy/qualifications/a-levels/design-and-technologyproductdesign/a-level-product-designcourseworkadjustments.html.
    """
    limits = limits or OrderLimits()
    sums = statistics_of(pairs)
    if sums.n < 3:
        return Fit(sums, maximum, None, None, Refusal.TOO_FEW_PAIRS)
    if sums.n_sxx == 0:
        mapping = _mapping(sums.sum_moderator - sums.sum_centre, sums.n, sums.n, maximum)
        return Fit(sums, maximum, Method.SHIFT, mapping, None)
    if not is_order_valid(sums, limits):
        return Fit(sums, maximum, None, None, Refusal.INVALID_ORDER)
    intercept = sums.sum_moderator * sums.n_sxx - sums.n_sxy * sums.sum_centre
    mapping = _mapping(intercept, sums.n * sums.n_sxy, sums.n * sums.n_sxx, maximum)
    return Fit(sums, maximum, Method.LINE, mapping, None)


def _mapping(intercept: int, slope: int, denominator: int, maximum: int) -> tuple[int, ...]:
    """Return floor((intercept + slope·c) / denominator + ½) for c = 0…maximum, clamped, never falling; 0 stays 0."""
    adjusted = [0]
    floor = 0
    for centre_mark in range(1, maximum + 1):
        value = (2 * (intercept + slope * centre_mark) + denominator) // (2 * denominator)
        floor = max(floor, min(value, maximum))
        adjusted.append(floor)
    return tuple(adjusted)
