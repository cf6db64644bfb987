"""What a database may hold besides its tables, by the fixture that asks for it: written once, and copied for each test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

NOW = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
"""Where the clock of a test's service begins."""
STAGED_CENTRE = "99901"


def stage(session: Session) -> None:
    """A centre whose sample has been requested."""
    from .moderation.records.stage import confirm, make_centre, make_series

    make_series(session)
    confirm(session, make_centre(session, 6, STAGED_CENTRE), [60, 50, 40, 30, 20, 10])


def rehearse(session: Session) -> object:
    """The rehearsal series."""
    from repository import rehearsing

    return rehearsing.seed(session, NOW)


WORLDS: dict[str, Callable[[Session], object]] = {"staged_world": stage, "rehearsed_world": rehearse}
MADE: dict[str, Any] = {}
"""What the writing of each gave back."""
