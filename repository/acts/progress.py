"""The progress of a series, for officers."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from moderation.records.progress import moves
from repository import access, progress_plot
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.series import SeriesPage
from repository.audit import Context
from repository.progress_plot import Progress

_LONDON = ZoneInfo("Europe/London")


def progress(session: Session, context: Context, page: SeriesPage) -> Progress | None:
    """Return how the cases of a series came to where they stand, day by day; None when it has none."""
    access.require(actor_of(context), Action.REFERENCE_IMPORT)
    due_on = [case.sample_due_at.astimezone(_LONDON).date() for case in page.cases if case.sample_due_at is not None]
    today = context.now.date()
    return progress_plot.progress_of(dict(page.counts), moves(session, page.series.key), due_on, today)
