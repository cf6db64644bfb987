"""How the cases of a series moved, by day: what the picture of its progress is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.submission import CaseState
from moderation.tables import CaseTransition, ModerationCase


@dataclass(frozen=True, slots=True)
class Move:
    """How many cases went from one state to another on one day, by UTC."""

    day: date
    from_state: CaseState | None
    """None: the case was opened."""
    to_state: CaseState
    cases: int


def moves(session: Session, series_key: str) -> Sequence[Move]:
    """Return the moves of a series, the oldest first; counted by the database, so that a whole country fits."""
    day = func.date(CaseTransition.occurred_at)
    rows = session.execute(
        select(day, CaseTransition.from_state, CaseTransition.to_state, func.count())
        .join(ModerationCase, ModerationCase.id == CaseTransition.case_id)
        .where(ModerationCase.series_key == series_key, CaseTransition.from_state != CaseTransition.to_state)
        .group_by(day, CaseTransition.from_state, CaseTransition.to_state)
        .order_by(day)
    )
    return [
        Move(date.fromisoformat(str(when)), CaseState(before) if before else None, CaseState(after), count)
        for when, before, after, count in rows
    ]
