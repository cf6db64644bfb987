"""Planning packets: which candidates' scripts travel in which envelope.

One component to an envelope, even when the address is the same; not overfilled; one label each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from scripts.errors import LabelRefused

PACKET_LIMIT = 999
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
    require_room_on_label(len(parts))
    return tuple(PlannedPacket(place, len(parts), part) for place, part in enumerate(parts, start=1))


def first_free_number(own_first: int | None, count: int, taken: Collection[int]) -> int:
    """Return the number of the first packet of a sitting, so that its packets stand in one row after each other.

    Labels carry centre, series and component, not the day: packets of one component are therefore numbered through all its
    sittings at a centre. A sitting keeps its numbers where they still fit, and goes behind the others where not.

    Takes: ``own_first``, where it began before, None at first; ``count``, packets it needs; ``taken`` by other sittings.
    Source: project policy (domain: scripts, section 5): a label says one packet and no other.
    """
    if own_first is not None and not set(range(own_first, own_first + count)) & set(taken):
        return own_first
    return max(taken, default=0) + 1


def require_room_on_label(highest: int) -> None:
    """Refuse more packets than a label can count; raises ``LabelRefused``."""
    if highest > PACKET_LIMIT:
        raise LabelRefused(f"More than {PACKET_LIMIT} packets do not fit on a label.", packets=highest)
