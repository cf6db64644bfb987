"""Postal samples packed as packets: what was in each parcel when it was opened, against what was sealed in it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from scripts.reconciliation import CaseProposal

SHORT = "register_present_no_script"
OVER = "packet_count_over"
"""The kinds that exam scripts have too: a work that should be inside and is not, and one that nobody sealed in it."""


@dataclass(frozen=True, slots=True)
class OpenedParcel:
    """One parcel that the moderator opened: whose work was sealed in it, and whose was found."""

    number: int
    candidate_numbers: frozenset[str]
    found: frozenset[str]


def differences(parcels: Iterable[OpenedParcel], settled: Collection[str] = ()) -> tuple[CaseProposal, ...]:
    """Return the cases that opened parcels call for.

    Takes: ``settled``: candidates whose work is here by another way, or explained.
    Returns: for each parcel that is short, one case that names exactly the works that were not in it; for each that held
        work nobody sealed in it, another. What was missing in one parcel and came in the next is settled by itself.
    Source: project policy (domain: scripts, section 9: opened = logged, for each packet).
    """
    opened = sorted(parcels, key=lambda parcel: parcel.number)
    here = frozenset(settled).union(*(parcel.found for parcel in opened))
    listed = frozenset[str]().union(*(parcel.candidate_numbers for parcel in opened))
    found: list[CaseProposal] = []
    for parcel in opened:
        subject = f"packet:{parcel.number}"
        short = tuple(sorted(parcel.candidate_numbers - here))
        over = tuple(sorted(parcel.found - listed - frozenset(settled)))
        if short:
            found.append(CaseProposal(SHORT, subject, short, len(short), parcel.number))
        if over:
            found.append(CaseProposal(OVER, subject, over, len(over), parcel.number))
    return tuple(found)
