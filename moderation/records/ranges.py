"""A series taken a few hundred centres at a time, so that a national one needs no more memory than a small one."""

from __future__ import annotations

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from moderation.tables import Candidate, ModerationCase

CENTRES_AT_ONCE = 250

Range = tuple[str, str]
"""First and last centre number, both included."""


def centre_ranges(session: Session, series_key: str, centres_at_once: int = CENTRES_AT_ONCE) -> list[Range]:
    """Return ranges of centre numbers that together hold every centre with candidates or cases in a series."""
    numbers = session.scalars(
        union(
            select(Candidate.centre_number).where(Candidate.series_key == series_key),
            select(ModerationCase.centre_number).where(ModerationCase.series_key == series_key),
        ).order_by("centre_number")
    ).all()
    return [
        (numbers[start], numbers[min(start + centres_at_once, len(numbers)) - 1])
        for start in range(0, len(numbers), centres_at_once)
    ]
