"""Centre marks: the statuses a mark can have and what follows from each.

The states of a mark set (open, saved, checked, submitted, confirmed) are the first states of a case: ``submission``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from moderation.errors import MarkMissing, MarkNotAllowed, MarkOutOfRange


class MarkStatus(StrEnum):
    """Why a candidate has the mark, or has none.

    Source: OCR, AQA, CCEA and Pearson wordings collected in the domain notes; absent, zero, blank and pending differ.
    """

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    ZERO_NO_WORTH = "ZERO_NO_WORTH"
    ZERO_UNAUTHENTICATED = "ZERO_UNAUTHENTICATED"
    LOST = "LOST"
    CARRIED_FORWARD = "CARRIED_FORWARD"
    WITHDRAWN = "WITHDRAWN"
    PENDING_Q = "PENDING_Q"
    SPECIAL_CONSIDERATION = "SPECIAL_CONSIDERATION"


class MarkFlag(StrEnum):
    """Something to know about a mark beside its status."""

    PARENTAL_INTEREST = "parental_interest"
    SPECIAL_CONSIDERATION_APPLIED = "special_consideration_applied"
    ACCESS_ARRANGEMENT = "access_arrangement"
    MALPRACTICE_HOLD = "malpractice_hold"
    LATE_ENTRY = "late_entry"


ZEROES = frozenset({MarkStatus.ZERO_NO_WORTH, MarkStatus.ZERO_UNAUTHENTICATED})
WITHOUT_MARK = frozenset(
    {
        MarkStatus.ABSENT,
        MarkStatus.CARRIED_FORWARD,
        MarkStatus.WITHDRAWN,
        MarkStatus.PENDING_Q,
        MarkStatus.SPECIAL_CONSIDERATION,
    }
)


@dataclass(frozen=True, slots=True)
class CentreMark:
    """A checked centre mark: ``mark`` is ``None`` where the status carries none."""

    status: MarkStatus
    mark: int | None


def check_mark(mark: int | None, status: MarkStatus | None, maximum: int) -> CentreMark:
    """Return the mark as it is kept; a total of 0 keyed as present is kept as ``ZERO_NO_WORTH``.

    Takes: ``mark``, whole marks or ``None`` for blank; ``status``, or ``None`` for blank; ``maximum`` of the component.
    Raises: ``MarkMissing`` for a blank; ``MarkOutOfRange``; ``MarkNotAllowed`` for a mark beside a status without one.
    Source: JCQ record framework for the flag; project policy, decision on zero and absent, for the rest.
    """
    if status is None and mark is not None:
        status = MarkStatus.PRESENT
    if status is None:
        raise MarkMissing
    if mark is not None and (isinstance(mark, bool) or not isinstance(mark, int) or not 0 <= mark <= maximum):
        raise MarkOutOfRange(f"The mark must be a whole number from 0 to {maximum}.", maximum=maximum)
    if status in WITHOUT_MARK:
        if mark is not None:
            raise MarkNotAllowed(f"A candidate with status {status} cannot have a mark.", status=str(status))
        return CentreMark(status, None)
    if status in ZEROES:
        if mark not in (None, 0):
            raise MarkNotAllowed(f"A candidate with status {status} has 0 marks.", status=str(status))
        return CentreMark(status, 0)
    if mark is None:
        if status is MarkStatus.LOST:
            return CentreMark(status, None)
        raise MarkMissing
    if mark == 0 and status is MarkStatus.PRESENT:
        return CentreMark(MarkStatus.ZERO_NO_WORTH, 0)
    return CentreMark(status, mark)


def is_drawable(status: str, mark: int | None) -> bool:
    """Say whether the work can be drawn into a sample: present, with at least one mark."""
    return status == MarkStatus.PRESENT and mark is not None and mark >= 1


def is_adjustable(status: str, mark: int | None) -> bool:
    """Say whether an adjustment changes the mark: present or lost after marking, with at least one mark."""
    return (status == MarkStatus.PRESENT or status == MarkStatus.LOST) and mark is not None and mark >= 1


def control_total(marks: Iterable[int | None]) -> int:
    """Return the sum of all marks, which shows transposed or truncated mark lists; blanks and absences add nothing."""
    return sum(mark for mark in marks if mark is not None)
