"""Explained outcome: from what was stored, why each mark of a centre is what it is, as far as the policy discloses it.

Nothing is computed here that decides anything: the arithmetic is done again, step by step, and held against the marks
that were recorded. What a level does not disclose is not in the object at all, so that nothing can print it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from moderation.adjustment import Method
from moderation.errors import ExplanationDiffers
from moderation.explanation_words import Lean, Tally, Told, what_happened, what_it_means, what_you_can_do
from moderation.marks import is_adjustable, is_drawable
from moderation.outcome import OutcomeKind, Stage
from moderation.rules import Disclosure

LEAN_SHARE = Fraction(1, 2)
"""Share of the tolerance from which an average difference is called generous or severe: project policy v1."""
_ORDER = (Disclosure.OUTCOME, Disclosure.ARITHMETIC, Disclosure.DIFFERENCES)
_WITHOUT_MARKS = frozenset({OutcomeKind.INVALID_ORDER, OutcomeKind.OFFICER_DECIDES})


class MarkReason(StrEnum):
    """Why a candidate's mark after moderation is what it is."""

    ACCEPTED = "ACCEPTED"
    """The centre's marks stand."""
    ADJUSTED = "ADJUSTED"
    """The rule gives it; more is not disclosed, or nothing more applies."""
    AT_MAXIMUM = "AT_MAXIMUM"
    """The rule gives more than the maximum, which is as far as a mark can go."""
    AT_ZERO = "AT_ZERO"
    """The rule gives less than 0, which is as far as a mark can fall."""
    IN_ORDER = "IN_ORDER"
    """A lower centre mark has this mark already, and no mark may fall below that of a lower one."""
    ZERO = "ZERO"
    """A centre mark of 0 stays 0."""
    UNCHANGED = "UNCHANGED"
    """Its status keeps it out of the adjustment."""
    NO_MARK = "NO_MARK"
    """The centre gave no mark: absent, pending and the like."""
    MODERATOR_MARK = "MODERATOR_MARK"
    """Every work was read, and the moderator's mark stands."""
    NOT_MADE = "NOT_MADE"
    """This outcome gives no marks."""


@dataclass(frozen=True, slots=True)
class Found:
    """A stored outcome; ``numbers`` as ``moderation.outcome.Decision.numbers`` wrote them."""

    kind: OutcomeKind
    stage: Stage
    numbers: Mapping[str, Any]
    policy_version: str


@dataclass(frozen=True, slots=True)
class OwnMark:
    """A candidate of the centre; ``recorded`` is the moderated mark, ``None`` also before anything is recorded."""

    candidate_number: str
    centre_mark: int | None
    status: str
    recorded: int | None = None


@dataclass(frozen=True, slots=True)
class OwnWork:
    """A work of the centre that was read."""

    candidate_number: str
    centre_mark: int
    moderator_mark: int


@dataclass(frozen=True, slots=True)
class Steps:
    """The arithmetic of one mark: a + b·c exactly, rounded half up once, kept from 0 to the maximum and in order."""

    exact: Fraction
    rounded: int
    kept: int


@dataclass(frozen=True, slots=True)
class ExplainedMark:
    """A candidate's mark before and after moderation, with the reason; ``steps`` where a rule made it and may be shown."""

    candidate_number: str
    centre_mark: int | None
    moderated_mark: int | None
    status: str
    reason: MarkReason
    steps: Steps | None = None

    @property
    def change(self) -> int | None:
        """Return moderated minus centre mark; ``None`` where one of them is missing."""
        if self.centre_mark is None or self.moderated_mark is None:
            return None
        return self.moderated_mark - self.centre_mark


@dataclass(frozen=True, slots=True)
class Line:
    """The rule of an adjustment: moderated = intercept + slope × centre mark, before rounding."""

    method: Method
    intercept: Fraction
    slope: Fraction
    works: int


@dataclass(frozen=True, slots=True)
class OrderTest:
    """How well the moderator's order follows the centre's, with the limits; shares as exact fractions."""

    discordant: int
    comparable: int
    correlation: str | None
    discordant_limit: Fraction
    correlation_limit: Fraction


@dataclass(frozen=True, slots=True)
class Point:
    """A work that was read, in the differences plot: the centre's mark across, centre minus moderator up."""

    candidate_number: str
    centre_mark: int
    moderator_mark: int
    is_within: bool

    @property
    def difference(self) -> int:
        """Return centre minus moderator mark; above zero the centre was generous."""
        return self.centre_mark - self.moderator_mark


@dataclass(frozen=True, slots=True)
class Differences:
    """What the differences plot shows: the centre's own works, and what the rule does to every possible mark.

    ``curve`` holds centre minus moderated mark for centre marks 0 to the maximum; ``unread`` are (candidate number,
    centre mark) of the marks that moved with the rule without having been read.
    """

    points: tuple[Point, ...]
    curve: tuple[int, ...]
    unread: tuple[tuple[str, int], ...]
    order: OrderTest | None
    others: int
    """Works of other centres of the consortium, which are counted and never shown."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a centre is told of an outcome; what its level does not disclose is ``None`` or missing."""

    level: Disclosure
    kind: OutcomeKind
    stage: Stage
    policy_version: str
    tolerance_marks: int
    maximum: int
    is_group: bool
    lean: Lean | None
    what_happened: tuple[str, ...]
    what_it_means: tuple[str, ...]
    what_you_can_do: tuple[str, ...]
    may_be_reviewed: bool
    marks: tuple[ExplainedMark, ...]
    line: Line | None
    differences: Differences | None


def explain(
    found: Found,
    marks: Sequence[OwnMark],
    works: Sequence[OwnWork],
    *,
    level: Disclosure,
    is_group: bool = False,
    is_review: bool = False,
    was_returned: bool = False,
    first_differed: bool | None = None,
    is_recorded: bool = True,
) -> Explanation:
    """Return the explained outcome of one centre, with nothing in it that ``level`` does not disclose.

    Takes: ``marks`` and ``works`` of this centre only; ``is_group``, true for a centre of a consortium;
    ``is_review``, when a review or an appeal found it; ``was_returned``, when marks were returned to the centre before;
    ``first_differed``, whether a first work was outside tolerance, ``None`` when that is not known; ``is_recorded``,
    false before the outcome is confirmed: the marks are then those it would give.
    Raises: ``ExplanationDiffers`` when the arithmetic does not give a recorded mark: nothing false is explained.
    Source: project policy v1, steps 5 and 6, for the arithmetic; disclosure is each awarding body's own.
    """
    numbers, line = found.numbers, _line(found)
    explained = tuple(_mark(found, line, one, works, is_recorded=is_recorded) for one in marks)
    lean = None if found.kind in _WITHOUT_MARKS else lean_of(numbers["pairs"], numbers["tolerance_marks"])
    told = Told(
        kind=found.kind,
        stage=found.stage,
        read=int(numbers["n"]),
        tolerance_marks=int(numbers["tolerance_marks"]),
        is_outside=int(numbers["greatest_difference"]) > int(numbers["tolerance_marks"]),
        is_group=is_group,
        is_shift=line is not None and line.method is Method.SHIFT,
        is_review=is_review,
        was_returned=was_returned,
        has_drawable=any(is_drawable(one.status, one.centre_mark) for one in marks),
        first_differed=first_differed,
        lean=lean,
        tally=_tally(explained),
    )
    shows_arithmetic = _ORDER.index(level) >= _ORDER.index(Disclosure.ARITHMETIC)
    is_moderator_marks = found.kind is OutcomeKind.MODERATOR_MARKS
    return Explanation(
        level=level,
        kind=found.kind,
        stage=found.stage,
        policy_version=found.policy_version,
        tolerance_marks=told.tolerance_marks,
        maximum=int(numbers["maximum"]),
        is_group=is_group,
        lean=lean,
        what_happened=what_happened(told),
        what_it_means=what_it_means(told),
        what_you_can_do=what_you_can_do(told),
        may_be_reviewed=not is_review
        and told.may_have_moved
        and (found.kind is OutcomeKind.ADJUSTED or is_moderator_marks),
        marks=explained if shows_arithmetic else tuple(_without_arithmetic(one) for one in explained),
        line=line if shows_arithmetic else None,
        differences=_differences(found, marks, works, is_group=is_group) if level is Disclosure.DIFFERENCES else None,
    )


def lean_of(pairs: Sequence[Sequence[int]], tolerance_marks: int) -> Lean | None:
    """Return whether the works read were marked generously or severely on the whole, or neither.

    Source: the regulator asked boards to say so within tolerance,
    https://publications.parliament.uk/pa/cm201314/cmselect/cmeduc/204/204we06.htm; from which average on is project
    policy v1: half the tolerance.
    """
    total = sum(centre - moderator for centre, moderator in pairs)
    if not total or abs(total) < LEAN_SHARE * tolerance_marks * len(pairs):
        return None
    return Lean.GENEROUS if total > 0 else Lean.SEVERE


def steps_of(line: Line, centre_mark: int, maximum: int) -> Steps:
    """Return the arithmetic of one centre mark above 0: exact, rounded half up once, kept from 0 to the maximum."""
    exact = line.intercept + line.slope * centre_mark
    rounded = (exact + Fraction(1, 2)).__floor__()
    return Steps(exact, rounded, max(0, min(rounded, maximum)))


def decimal_text(value: Fraction, places: int = 4) -> str:
    """Return a fraction as a decimal with that many places, rounded half up, exactly."""
    scaled = (value * 10**places + Fraction(1, 2)).__floor__()
    digits = f"{abs(scaled):0{places + 1}d}"
    return f"{'-' if scaled < 0 else ''}{digits[:-places]}.{digits[-places:]}"


# Piece by piece


def _line(found: Found) -> Line | None:
    numbers = found.numbers
    if found.kind is not OutcomeKind.ADJUSTED or numbers["intercept"] is None:
        return None
    method = Method(numbers["method"])
    slope = Fraction(1) if method is Method.SHIFT else Fraction(numbers["slope"])
    return Line(method, Fraction(numbers["intercept"]), slope, int(numbers["n"]))


def _mark(
    found: Found, line: Line | None, one: OwnMark, works: Sequence[OwnWork], *, is_recorded: bool
) -> ExplainedMark:
    """Return one explained mark; raises ``ExplanationDiffers`` when the explanation does not end at the record."""
    number, centre = one.candidate_number, one.centre_mark
    steps: Steps | None = None
    moderated = centre
    if found.kind in _WITHOUT_MARKS:
        return ExplainedMark(number, centre, None, one.status, MarkReason.NOT_MADE)
    if centre is None:
        reason = MarkReason.NO_MARK
    elif found.kind is OutcomeKind.ACCEPTED:
        reason = MarkReason.ACCEPTED
    elif centre == 0:
        reason = MarkReason.ZERO
    elif not is_adjustable(one.status, centre):
        reason = MarkReason.UNCHANGED
    elif found.kind is OutcomeKind.MODERATOR_MARKS:
        given = next((work.moderator_mark for work in works if work.candidate_number == number), None)
        moderated, reason = (centre, MarkReason.UNCHANGED) if given is None else (given, MarkReason.MODERATOR_MARK)
    elif line is None:
        raise ExplanationDiffers(candidate_number=number)
    else:
        moderated, steps, reason = _adjusted(found, line, centre)
    if is_recorded and one.recorded != moderated:
        raise ExplanationDiffers(candidate_number=number)
    return ExplainedMark(number, centre, moderated, one.status, reason, steps)


def _adjusted(found: Found, line: Line, centre: int) -> tuple[int, Steps, MarkReason]:
    mapping: Sequence[int] = found.numbers["mapping"]
    steps = steps_of(line, centre, int(found.numbers["maximum"]))
    given = mapping[centre]
    if given != steps.kept:
        if given != mapping[centre - 1] or given < steps.kept:
            raise ExplanationDiffers(centre_mark=centre)
        return given, steps, MarkReason.IN_ORDER
    if steps.kept < steps.rounded:
        return given, steps, MarkReason.AT_MAXIMUM
    return given, steps, MarkReason.AT_ZERO if steps.kept > steps.rounded else MarkReason.ADJUSTED


def _tally(marks: Sequence[ExplainedMark]) -> Tally:
    changes = [one.change for one in marks if one.change is not None]
    up, down = [change for change in changes if change > 0], [change for change in changes if change < 0]
    return Tally(
        len(up), len(down), len(changes) - len(up) - len(down), max(up, default=0), max(map(abs, down), default=0)
    )


def _without_arithmetic(one: ExplainedMark) -> ExplainedMark:
    arithmetical = {MarkReason.AT_MAXIMUM, MarkReason.AT_ZERO, MarkReason.IN_ORDER}
    reason = MarkReason.ADJUSTED if one.reason in arithmetical else one.reason
    return ExplainedMark(one.candidate_number, one.centre_mark, one.moderated_mark, one.status, reason)


def _differences(found: Found, marks: Sequence[OwnMark], works: Sequence[OwnWork], *, is_group: bool) -> Differences:
    numbers, tolerance = found.numbers, int(found.numbers["tolerance_marks"])
    points = tuple(
        Point(
            work.candidate_number,
            work.centre_mark,
            work.moderator_mark,
            abs(work.centre_mark - work.moderator_mark) <= tolerance,
        )
        for work in sorted(works, key=lambda one: (-one.centre_mark, one.candidate_number))
    )
    read = {work.candidate_number for work in works}
    unread: tuple[tuple[str, int], ...] = ()
    curve: tuple[int, ...] = ()
    if found.kind is OutcomeKind.ADJUSTED:
        curve = tuple(centre - moderated for centre, moderated in enumerate(numbers["mapping"]))
        unread = tuple(
            (one.candidate_number, one.centre_mark)
            for one in marks
            if one.candidate_number not in read
            and one.centre_mark is not None
            and is_adjustable(one.status, one.centre_mark)
        )
    limits, correlation = numbers["limits"], numbers["correlation"]
    order = None
    if numbers["comparable"]:
        order = OrderTest(
            int(numbers["discordant"]),
            int(numbers["comparable"]),
            None if correlation is None else f"{correlation:.4f}",
            Fraction(limits["discordant_share"]),
            Fraction(limits["correlation"]),
        )
    return Differences(points, curve, unread, order, max(0, int(numbers["n"]) - len(points)) if is_group else 0)
