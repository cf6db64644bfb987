"""Outcome of moderation for one case: accepted, adjusted, invalid order, or an officer decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from moderation.adjustment import POLICY_VERSION, Fit, Method, OrderLimits, Refusal, Statistics, fit, statistics_of
from moderation.profiles import AllWorkOutcome
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
    all_work_outcome: AllWorkOutcome | None = None

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
            "all_work_outcome": self.all_work_outcome,
        }


def decide(
    stage: Stage,
    pairs: Sequence[tuple[int, int]],
    *,
    tolerance_marks: int,
    maximum: int,
    whole_sample_read: bool,
    limits: OrderLimits | None = None,
    all_work_outcome: AllWorkOutcome = AllWorkOutcome.FIT,
    nobody_unread: bool = True,
) -> Decision | None:
    """Return the outcome once every work of a stage has a moderator mark; ``None`` = the whole sample must be read.

    When all work was read, works within tolerance still leave the centre's marks as they are; otherwise the profile's
    ``all_work_outcome`` says whether one line is fitted to all of them or the moderator's marks stand.
    Takes: ``pairs``, (centre mark, moderator mark) of the works read; ``whole_sample_read``, true when this stage
    left nothing of the sample unread; ``nobody_unread``, false when a candidate with a mark has no work that was
    read: moderator's marks cannot stand then, and an officer decides.
    Source: stages as NCFE, https://www.ncfe.org.uk/customer-and-learner-support/preparing-for-eqa/moderation-review;
    the rest is project policy v1.
    """
    limits = limits or OrderLimits()
    read = tuple((centre, moderator) for centre, moderator in pairs)
    widest = greatest_difference(read)
    rule = all_work_outcome if stage is Stage.ALL_WORK else None

    def decision(kind: OutcomeKind, fitted: Fit | None = None) -> Decision:
        sums, method, mapping = (
            (statistics_of(read), None, None) if fitted is None else (fitted.statistics, fitted.method, fitted.mapping)
        )
        return Decision(
            kind, stage, read, tolerance_marks, maximum, widest, limits, sums, method, mapping, all_work_outcome=rule
        )

    if widest <= tolerance_marks:
        return decision(OutcomeKind.ACCEPTED if read or stage is Stage.NO_SAMPLE else OutcomeKind.OFFICER_DECIDES)
    if not whole_sample_read:
        return None
    if rule is AllWorkOutcome.MODERATOR_MARKS:
        return decision(OutcomeKind.MODERATOR_MARKS if nobody_unread else OutcomeKind.OFFICER_DECIDES)
    fitted = fit(read, maximum, limits)
    return decision(_KIND_OF_REFUSAL[fitted.refusal], fitted)


_KIND_OF_REFUSAL = {
    None: OutcomeKind.ADJUSTED,
    Refusal.TOO_FEW_PAIRS: OutcomeKind.OFFICER_DECIDES,
    Refusal.INVALID_ORDER: OutcomeKind.INVALID_ORDER,
}
