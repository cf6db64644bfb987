"""From moderated marks to a result: weighting, totals, grades, indicators, embargo and reconciliation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from math import lcm

from moderation.errors import BoundariesInvalid
from moderation.marks import MarkStatus
from moderation.working_days import london_at

UNGRADED = "U"


class Indicator(StrEnum):
    """What is shown beside, or instead of, a grade; never a grade itself.

    Source: OCR, http://www.ocr.org.uk/administration/post_results/general.aspx.
    """

    NO_RESULT = "X"
    PARTLY_ABSENT = "#"
    PENDING = "Q"
    ABSENT = "A"


class Audience(StrEnum):
    """Who looks at results; each has its own instant from which it may."""

    AWARDING_BODY = "AWARDING_BODY"
    CENTRE = "CENTRE"
    CANDIDATE = "CANDIDATE"
    PUBLIC = "PUBLIC"


@dataclass(frozen=True, slots=True)
class Embargo:
    """From when each audience may see a release of results."""

    restricted_at: datetime
    candidates_at: datetime
    public_at: datetime

    def __post_init__(self) -> None:
        if not self.restricted_at <= self.candidates_at <= self.public_at:
            raise ValueError("an embargo ends for the centre first, then for candidates, then for the public")

    def opens_at(self, audience: Audience) -> datetime | None:
        """Return when the audience may look; ``None`` for the awarding body, which always may."""
        return {
            Audience.CENTRE: self.restricted_at,
            Audience.CANDIDATE: self.candidates_at,
            Audience.PUBLIC: self.public_at,
        }.get(audience)

    def is_open(self, audience: Audience, now: datetime) -> bool:
        """Say whether the audience may look now."""
        opens_at = self.opens_at(audience)
        return opens_at is None or now >= opens_at


def embargo_from(
    restricted_on: date,
    *,
    restricted: time = time(0, 1),
    candidates: time = time(8, 0),
    public: time = time(9, 30),
) -> Embargo:
    """Return the embargo of a release: centres from 00:01 London time, candidates the next day from 08:00.

    Source: OCR results day 2023; times of day are data.
    """
    next_day = restricted_on + timedelta(days=1)
    return Embargo(london_at(restricted_on, restricted), london_at(next_day, candidates), london_at(next_day, public))


@dataclass(frozen=True, slots=True)
class ComponentMark:
    """The mark of one component as it enters the total; ``status`` is ``None`` when nothing is known."""

    component_code: str
    mark: int | None
    status: MarkStatus | None
    maximum_mark: int
    weighted_maximum: Fraction


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Total, grade and indicator of one candidate in one option."""

    total: Fraction | None
    grade: str | None
    indicator: Indicator | None


def weighted(mark: int, maximum_mark: int, weighted_maximum: Fraction) -> Fraction:
    """Return raw mark × weighted maximum ÷ raw maximum, exactly; nothing is rounded.

    Source: OCR, linear qualifications.
    """
    return weighted_maximum * mark / maximum_mark


def check_boundaries(boundaries: Sequence[tuple[str, int]], maximum: Fraction | None) -> tuple[tuple[str, int], ...]:
    """Return the boundaries, highest first; raises ``BoundariesInvalid`` unless all grades and marks differ."""
    grades = {grade for grade, _ in boundaries}
    marks = {mark for _, mark in boundaries}
    if len(grades) != len(boundaries) or len(marks) != len(boundaries) or UNGRADED in grades:
        raise BoundariesInvalid
    if any(mark < 0 or (maximum is not None and mark > maximum) for mark in marks):
        raise BoundariesInvalid(f"A grade boundary lies outside 0 to {maximum}.", maximum=str(maximum))
    return tuple(sorted(boundaries, key=lambda row: -row[1]))


def grade_of(total: Fraction, boundaries: Sequence[tuple[str, int]]) -> str:
    """Return the grade of a total: the highest boundary reached, or ``U``; ``boundaries`` highest first."""
    for grade, mark in boundaries:
        if total >= mark:
            return grade
    return UNGRADED


class OptionRule:
    """How the marks of an option become a total and a grade: put together once, asked for every candidate.

    Totals are kept as integers over one denominator, so that nothing is rounded and nothing is slow.
    Takes: ``parts``, (maximum mark, weighted maximum) of each component in its order; ``boundaries`` highest first.
    Source: OCR linear qualifications and indicators; order of precedence is project policy.
    """

    def __init__(self, parts: Sequence[tuple[int, Fraction]], boundaries: Sequence[tuple[str, int]]) -> None:
        factors = [weight / maximum if maximum else Fraction(0) for maximum, weight in parts]
        self._scale = lcm(*(factor.denominator for factor in factors))
        self._factors = [int(factor * self._scale) for factor in factors]
        self._boundaries = tuple((grade, mark * self._scale) for grade, mark in boundaries)
        self._totals: dict[int, tuple[Fraction, str]] = {}

    def result(self, marks: Sequence[tuple[int | None, str | None]]) -> Aggregate:
        """Return the result from (mark, status) of each component.

        A pending component makes the whole result pending; a missing one leaves no result; absence from some components
        adds nothing to the total and is shown, absence from all of them leaves no total.
        """
        absent = total = 0
        is_missing = not marks
        for (mark, status), factor in zip(marks, self._factors, strict=True):
            if status == MarkStatus.PENDING_Q:
                return Aggregate(None, None, Indicator.PENDING)
            if status == MarkStatus.ABSENT:
                absent += 1
            elif mark is None:
                is_missing = True
            if mark is not None:
                total += mark * factor
        if is_missing:
            return Aggregate(None, None, Indicator.NO_RESULT)
        if absent == len(marks):
            return Aggregate(None, None, Indicator.ABSENT)
        known = self._totals.get(total)
        if known is None:
            grade = next((grade for grade, lowest in self._boundaries if total >= lowest), UNGRADED)
            known = self._totals[total] = (Fraction(total, self._scale), grade)
        return Aggregate(*known, Indicator.PARTLY_ABSENT if absent else None)


def aggregate(components: Sequence[ComponentMark], boundaries: Sequence[tuple[str, int]]) -> Aggregate:
    """Return the result of an option from its component marks, as ``OptionRule``; ``boundaries`` highest first."""
    rule = OptionRule([(one.maximum_mark, one.weighted_maximum) for one in components], boundaries)
    return rule.result([(one.mark, one.status) for one in components])


def exact_text(value: Fraction) -> str:
    """Return a number without loss: as a decimal where it ends, otherwise as a fraction such as ``100/3``."""
    rest = value.denominator
    twos = fives = 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return str(value)
    places = max(twos, fives)
    digits = f"{abs(value.numerator) * 10**places // value.denominator:0{places + 1}d}"
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


def keep_published(grade: str | None, published: str | None, boundaries: Sequence[tuple[str, int]]) -> bool:
    """Say whether a published grade stays because the new one is lower; ``boundaries`` highest first.

    Source: OCR, a review of moderation may lower marks but not the published subject grades of that series,
    https://ocr-live-prd95.cambridgeassessment.org.uk/administration/cambridge-technicals/post-results/reviews-of-marking.
    """
    order = [*(name for name, _ in boundaries), UNGRADED]
    if grade not in order or published not in order:
        return False
    return order.index(grade) > order.index(published)


class IssueReason(StrEnum):
    """Why a version of results was issued.

    Source: project policy; a changed result after publication carries a reason code.
    """

    FIRST_ISSUE = "FIRST_ISSUE"
    HELD_RESULTS = "HELD_RESULTS"
    CORRECTION = "CORRECTION"
    REVIEW = "REVIEW"
    APPEAL = "APPEAL"
    EMBARGO_CHANGED = "EMBARGO_CHANGED"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What became of every entry of a component at a centre; the difference must be zero.

    Source: project policy, results gate: entries = accepted + adjusted + absent + zero + carried forward + held.
    """

    component_code: str
    centre_number: str
    entries: int
    accepted: int = 0
    adjusted: int = 0
    absent: int = 0
    zero: int = 0
    carried_forward: int = 0
    held: int = 0

    @property
    def moderated(self) -> int:
        """Return how many entries have a moderated mark above zero, accepted or adjusted."""
        return self.accepted + self.adjusted

    @property
    def difference(self) -> int:
        """Return how many entries are unaccounted for."""
        return self.entries - self.moderated - self.absent - self.zero - self.carried_forward - self.held


def kind_of_mark(status: str, mark: int | None, *, adjusted: bool) -> str:
    """Return the column of the reconciliation that a moderated mark belongs to."""
    if status == MarkStatus.ABSENT:
        return "absent"
    if status in {MarkStatus.ZERO_NO_WORTH, MarkStatus.ZERO_UNAUTHENTICATED}:
        return "zero"
    if status == MarkStatus.CARRIED_FORWARD:
        return "carried_forward"
    if mark is None:
        return "held"
    return "adjusted" if adjusted else "accepted"
