"""The second calculation of moderated marks, written apart from the first and sharing no code with it.

Results leave only when both agree, mark for mark. It starts from what is stored: the pairs read and the centre marks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A mark on which the two calculations differ; ``key`` identifies the candidate to the caller."""

    key: str
    centre_mark: int
    recorded: int | None
    recomputed: int


def recompute_mark(pairs: Sequence[tuple[int, int]], centre_mark: int, maximum: int) -> int:
    """Return the adjusted mark of one centre mark, from the pairs read, by definition and without shortcuts.

    Source: project policy v1, steps 5 and 6; deviations from the means, one candidate at a time.
    """
    if centre_mark == 0:
        return 0
    size = len(pairs)
    mean_centre = sum((Fraction(pair[0]) for pair in pairs), Fraction(0)) / size
    mean_moderator = sum((Fraction(pair[1]) for pair in pairs), Fraction(0)) / size
    spread = sum(((pair[0] - mean_centre) ** 2 for pair in pairs), Fraction(0))
    together = sum(((pair[0] - mean_centre) * (pair[1] - mean_moderator) for pair in pairs), Fraction(0))
    slope = together / spread if spread else Fraction(1)
    # Through the point of the means, so no intercept is ever formed.
    return _whole(mean_moderator + slope * (centre_mark - mean_centre), maximum)


def disagreements(
    rows: Iterable[tuple[str, int, int | None]], pairs: Sequence[tuple[int, int]], maximum: int
) -> list[Disagreement]:
    """Return the rows whose recorded moderated mark is not what this calculation gives.

    Takes: ``rows`` of (candidate key, centre mark, recorded moderated mark) of every candidate the adjustment touches.
    """
    known: dict[int, int] = {}
    found = []
    for key, centre_mark, recorded in rows:
        if centre_mark not in known:
            known[centre_mark] = recompute_mark(pairs, centre_mark, maximum)
        if recorded != known[centre_mark]:
            found.append(Disagreement(key, centre_mark, recorded, known[centre_mark]))
    return found


def own_mark_disagreements(rows: Iterable[tuple[str, int | None]], read: Mapping[str, int]) -> list[str]:
    """Return the candidates whose recorded mark is not the one that the moderator gave their own work.

    Takes: ``rows`` of (candidate key, recorded moderated mark) of every candidate with a centre mark above zero;
    ``read``, candidate key → moderator mark. A work that nobody read gives no mark, so one recorded for it differs.
    Source: project policy: moderator's marks stand only where every work was read.
    """
    return [key for key, recorded in rows if key not in read or recorded != read[key]]


def is_adjustable_order(pairs: Sequence[tuple[int, int]], discordant_share: str, correlation: str) -> bool:
    """Say whether the order test allows an adjustment, counted pair by pair; the limits are decimal texts."""
    if len(pairs) < 3:
        return False
    if len({centre for centre, _ in pairs}) == 1:
        return True
    against = sum(1 for (c1, m1), (c2, m2) in combinations(pairs, 2) if (c1 - c2) * (m1 - m2) < 0)
    if Fraction(against, len(pairs) * (len(pairs) - 1) // 2) > Fraction(discordant_share):
        return False
    mean_centre, mean_moderator = (Fraction(sum(side), len(pairs)) for side in zip(*pairs, strict=True))
    together = sum((c - mean_centre) * (m - mean_moderator) for c, m in pairs)
    spreads = sum((c - mean_centre) ** 2 for c, _ in pairs) * sum((m - mean_moderator) ** 2 for _, m in pairs)
    return together > 0 and together**2 >= Fraction(correlation) ** 2 * spreads


def _whole(value: Fraction, maximum: int) -> int:
    whole, rest = divmod(value.numerator, value.denominator)
    if 2 * rest >= value.denominator:
        whole += 1
    return 0 if whole < 0 else min(whole, maximum)


@dataclass(frozen=True, slots=True)
class Part:
    """A component of an option as the second calculation sees it; ``weight`` as written, e.g. ``80`` or ``112/3``."""

    maximum: int
    weight: str


def recompute_result(
    marks: Sequence[tuple[str | None, int | None]], parts: Sequence[Part], boundaries: Iterable[tuple[int, str]]
) -> tuple[Fraction | None, str | None, str | None]:
    """Return total, grade and indicator of a candidate from (status, mark) of each part, over one common denominator.

    Takes: ``boundaries`` as (lowest total, grade) in any order.
    Source: OCR linear qualifications and indicators, as the first calculation, written apart from it.
    """
    if any(status == "PENDING_Q" for status, _ in marks):
        return None, None, "Q"
    missing = [status for status, mark in marks if mark is None]
    if not marks or any(status != "ABSENT" for status in missing):
        return None, None, "X"
    if len(missing) == len(marks):
        return None, None, "A"
    numerator, denominator = 0, 1
    for (_, mark), part in zip(marks, parts, strict=True):
        if mark is None:
            continue
        over, _, under = part.weight.partition("/")
        whole, _, decimals = over.partition(".")
        weight, scale = int(whole + decimals), 10 ** len(decimals) * int(under or 1)
        numerator, denominator = (
            numerator * part.maximum * scale + mark * weight * denominator,
            denominator * part.maximum * scale,
        )
    reached = [(lowest, grade) for lowest, grade in boundaries if lowest * denominator <= numerator]
    return Fraction(numerator, denominator), max(reached)[1] if reached else "U", "#" if missing else None
