"""Review marks that stand in for the moderator's, wherever an outcome that came from a review is computed again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from moderation.outcome import Origin
from moderation.review import DONE, Finding
from moderation.tables import ModerationCase, Outcome, ReviewMark, ReviewOutcome, ReviewRequest


def reviewed_marks(session: Session, samples: Select[Any] | Collection[str | None]) -> Mapping[str, int]:
    """Return the review marks on which outcomes in force rest, by sample item.

    Takes: ``samples``, the identifiers of samples, or a query of them.
    """
    in_force = (
        select(ReviewRequest.id)
        .join(ModerationCase, ModerationCase.id == ReviewRequest.case_id)
        .join(Outcome, Outcome.case_id == ReviewRequest.case_id)
        .join(ReviewOutcome, ReviewOutcome.request_id == ReviewRequest.id)
        .where(
            ModerationCase.sample_id.in_(samples),
            ReviewRequest.state.in_([state.value for state in DONE]),
            ReviewOutcome.finding == Finding.MODERATION_CHANGED.value,
            ReviewOutcome.superseded_at.is_(None),
            Outcome.superseded_at.is_(None),
            Outcome.origin == Origin.REVIEW.value,
        )
    )
    rows = session.execute(
        select(ReviewMark.sample_item_id, ReviewMark.mark).where(
            ReviewMark.request_id.in_(in_force), ReviewMark.superseded_at.is_(None)
        )
    )
    return {item_id: mark for item_id, mark in rows}  # noqa: C416
