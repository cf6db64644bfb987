"""Results as files carry them: of one candidate in one entry option, with the marks of its components.

Totals and weighted marks are exact: decimals where they have an end, fractions such as ``637/3`` where they have none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

_EXACT = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,12}|/[0-9]{1,12})?")
INDICATORS = frozenset({"", "X", "#", "Q", "A"})
"""What stands beside, or instead of, a grade."""


@dataclass(frozen=True, slots=True)
class ComponentResult:
    """A component's part of a result. ``flag``: ``M`` a mark, ``A`` absent, ``N`` nothing to show."""

    component_code: str
    flag: str
    mark: int | None
    maximum_mark: int
    weighted_mark: str
    weighted_maximum: str


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """The result of one candidate in one entry option; ``grade``, ``indicator`` and ``total`` may be blank."""

    candidate_number: str
    option_code: str
    grade: str
    indicator: str
    total: str
    components: tuple[ComponentResult, ...] = ()
    uci: str = ""
    surname: str = ""
    forenames: str = ""
    born_on: date | None = None


@dataclass(frozen=True, slots=True)
class CentreResults:
    """The results of one centre in one release; ``release`` is the number of the version, 1 for the first."""

    centre_number: str
    release: int
    rows: tuple[CandidateResult, ...]

    @property
    def grades(self) -> int:
        """Return how many results have a grade: a control total."""
        return sum(bool(row.grade) for row in self.rows)

    @property
    def total(self) -> Fraction:
        """Return the exact sum of all totals: a control total."""
        return sum((Fraction(row.total) for row in self.rows if row.total), Fraction(0))


def check_exact(text: str) -> str:
    """Return an exact number such as ``62``, ``212.5`` or ``637/3``; raises ``ValueError`` for anything else."""
    if not _EXACT.fullmatch(text) or re.search(r"/0+$", text):
        raise ValueError("a number is whole, a decimal or a fraction such as 637/3")
    return text
