"""Planning packets: which candidates' scripts travel in which envelope.

One component to an envelope, even when the address is the same; not overfilled; one label each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scripts.errors import LabelRefused

DEFAULT_CAPACITY = 25
"""Scripts in one envelope when the body names no figure (project policy: boards say only "not overfilled")."""


@dataclass(frozen=True, slots=True)
class PlannedPacket:
    """One envelope of the plan: packet ``number`` of ``of`` and its candidates, in number order."""

    number: int
    of: int
    candidate_numbers: tuple[str, ...]

    @property
    def candidate_range(self) -> str:
        """Return the first and last candidate number, as written on the envelope and in the log."""
        return candidate_range(self.candidate_numbers)


def candidate_range(candidate_numbers: Iterable[str]) -> str:
    """Return ``1001–1015`` for candidates of an envelope, ``1001`` for one, and nothing for none."""
    numbers = sorted(candidate_numbers)
    if not numbers:
        return ""
    return numbers[0] if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"


def plan_packets(candidate_numbers: Iterable[str], *, capacity: int = DEFAULT_CAPACITY) -> tuple[PlannedPacket, ...]:
    """Plan the envelopes of one sitting, in candidate number order, each filled before the next is begun.

    Takes: the candidates whose scripts will travel; ``capacity``: scripts in one envelope, 1 or more.
    Returns: the packets, every candidate in exactly one; none for a sitting without scripts.
    Raises: ``LabelRefused`` for a capacity below 1 or more than 999 packets.
    Source: OCR, https://www.ocr.org.uk/administration/general-qualifications/assessment/exams/send-scripts-for-marking/
    """
    if capacity < 1:
        raise LabelRefused("An envelope takes at least one script.", capacity=capacity)
    numbers = sorted(set(candidate_numbers))
    parts = [tuple(numbers[start : start + capacity]) for start in range(0, len(numbers), capacity)]
    if len(parts) > 999:
        raise LabelRefused("More than 999 packets do not fit on a label.", packets=len(parts))
    return tuple(PlannedPacket(place, len(parts), part) for place, part in enumerate(parts, start=1))
