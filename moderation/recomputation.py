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


class SecondLine:
    """The line through the points read, by deviations from the means; no intercept is ever formed.

    With n points every deviation is kept n times as large, so that it is a whole number.
    Takes: ``pairs``, (centre mark, moderator mark) of the works read.
    Source: project policy v1, steps 5 and 6.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], maximum: int) -> None:
        self._size, self._maximum = len(pairs), maximum
        self._all_centre = sum([centre for centre, _ in pairs])
        self._all_moderator = sum([moderator for _, moderator in pairs])
        away = [
            (self._size * centre - self._all_centre, self._size * moderator - self._all_moderator)
            for centre, moderator in pairs
        ]
        self.spread = sum([centre * centre for centre, _ in away])
        self.other_spread = sum([moderator * moderator for _, moderator in away])
        self.together = sum([centre * moderator for centre, moderator in away])

    def mark(self, centre_mark: int) -> int:
        """Return the adjusted mark of one centre mark: through the point of the means, rounded half up, kept in range."""
        if centre_mark == 0:
            return 0
        away = self._size * centre_mark - self._all_centre
        # Where all centre marks read are equal the line has slope 1.
        over, under = (self.together, self.spread) if self.spread else (1, 1)
        whole, rest = divmod(self._all_moderator * under + over * away, self._size * under)
        if 2 * rest >= self._size * under:
            whole += 1
        return 0 if whole < 0 else min(whole, self._maximum)


def recompute_mark(pairs: Sequence[tuple[int, int]], centre_mark: int, maximum: int) -> int:
    """Return the adjusted mark of one centre mark from the pairs read, as ``SecondLine``."""
    return SecondLine(pairs, maximum).mark(centre_mark)


def disagreements(
    rows: Iterable[tuple[str, int, int | None]], pairs: Sequence[tuple[int, int]], maximum: int
) -> list[Disagreement]:
    """Return the rows whose recorded moderated mark is not what this calculation gives.

    Takes: ``rows`` of (candidate key, centre mark, recorded moderated mark) of every candidate the adjustment touches.
    """
    line = SecondLine(pairs, maximum)
    found = []
    for key, centre_mark, recorded in rows:
        recomputed = line.mark(centre_mark)
        if recorded != recomputed:
            found.append(Disagreement(key, centre_mark, recorded, recomputed))
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
    against = sum([(c1 - c2) * (m1 - m2) < 0 for (c1, m1), (c2, m2) in combinations(pairs, 2)])
    share = Fraction(discordant_share)
    if against * share.denominator > share.numerator * (len(pairs) * (len(pairs) - 1) // 2):
        return False
    line, least = SecondLine(pairs, 0), Fraction(correlation)
    if line.together <= 0:
        return False
    return (line.together * least.denominator) ** 2 >= least.numerator**2 * line.spread * line.other_spread


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
