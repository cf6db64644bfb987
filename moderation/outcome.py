"""Outcome of moderation for one case: accepted, adjusted, invalid order, or an officer decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from moderation.adjustment import POLICY_VERSION, Method, OrderLimits, Refusal, Statistics, fit, statistics_of
from moderation.tolerance import greatest_difference


class Stage(StrEnum):
    """How much of the sample is read."""

    NO_SAMPLE = "NO_SAMPLE"
    SUB_SAMPLE = "SUB_SAMPLE"
    FULL_SAMPLE = "FULL_SAMPLE"
    ALL_WORK = "ALL_WORK"


class OutcomeKind(StrEnum):
    """What moderation found."""

    ACCEPTED = "ACCEPTED"
    ADJUSTED = "ADJUSTED"
    INVALID_ORDER = "INVALID_ORDER"
    MODERATOR_MARKS = "MODERATOR_MARKS"
    """Every work was read, and the profile says that the moderator's marks stand."""
    OFFICER_DECIDES = "OFFICER_DECIDES"


class Origin(StrEnum):
    """What led to an outcome; after a review of moderation published grades of the series may not fall."""

    MODERATION = "MODERATION"
    CORRECTION = "CORRECTION"
    REVIEW = "REVIEW"
    APPEAL = "APPEAL"


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome with everything it was computed from, so that anybody can compute it again."""

    kind: OutcomeKind
    stage: Stage
    pairs: tuple[tuple[int, int], ...]
    tolerance_marks: int
    maximum: int
    greatest_difference: int
    limits: OrderLimits
    statistics: Statistics
    method: Method | None = None
    mapping: tuple[int, ...] | None = None
    policy_version: str = POLICY_VERSION

    def numbers(self) -> dict[str, Any]:
        """Return the inputs and the arithmetic as plain JSON values; fractions as texts such as ``25447/28057``."""
        sums = self.statistics
        return {
            "pairs": [list(pair) for pair in self.pairs],
            "tolerance_marks": self.tolerance_marks,
            "maximum": self.maximum,
            "greatest_difference": self.greatest_difference,
            "limits": {name: str(value) for name, value in asdict(self.limits).items()},
            "n": sums.n,
            "sxx": str(sums.sxx) if sums.n else None,
            "sxy": str(sums.sxy) if sums.n else None,
            "syy": str(sums.syy) if sums.n else None,
            "slope": None if sums.slope is None else str(sums.slope),
            "intercept": None if sums.intercept is None else str(sums.intercept),
            "correlation": None if sums.correlation is None else round(sums.correlation, 6),
            "discordant": sums.discordant,
            "comparable": sums.pairs,
            "method": self.method,
            "mapping": None if self.mapping is None else list(self.mapping),
        }


def decide(
    stage: Stage,
    pairs: Sequence[tuple[int, int]],
    *,
    tolerance_marks: int,
    maximum: int,
    whole_sample_read: bool,
    limits: OrderLimits | None = None,
) -> Decision | None:
    """Return the outcome once every work of a stage has a moderator mark; ``None`` = the whole sample must be read.

    Takes: ``pairs``, (centre mark, moderator mark) of the works read; ``whole_sample_read``, true when this stage
    left nothing of the sample unread.
    Source: stages as NCFE, https://www.ncfe.org.uk/customer-and-learner-support/preparing-for-eqa/moderation-review;
    the rest is project policy v1.
    """
    limits = limits or OrderLimits()
    read = tuple((centre, moderator) for centre, moderator in pairs)
    widest = greatest_difference(read)
    if widest <= tolerance_marks:
        kind = OutcomeKind.ACCEPTED if read or stage is Stage.NO_SAMPLE else OutcomeKind.OFFICER_DECIDES
        return Decision(kind, stage, read, tolerance_marks, maximum, widest, limits, statistics_of(read))
    if not whole_sample_read:
        return None
    fitted = fit(read, maximum, limits)
    kind = _KIND_OF_REFUSAL[fitted.refusal]
    return Decision(
        kind, stage, read, tolerance_marks, maximum, widest, limits, fitted.statistics, fitted.method, fitted.mapping
    )


_KIND_OF_REFUSAL = {
    None: OutcomeKind.ADJUSTED,
    Refusal.TOO_FEW_PAIRS: OutcomeKind.OFFICER_DECIDES,
    Refusal.INVALID_ORDER: OutcomeKind.INVALID_ORDER,
}
