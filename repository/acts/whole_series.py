"""Acts on a whole series at once: samples drawn, stages decided, outcomes confirmed, each by an officer and recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from moderation.records import whole_series as records
from moderation.records.whole_series import Seen, StepReport, unseen
from moderation.records.whole_series_marking import decide_series
from moderation.records.whole_series_outcomes import confirm_series
from moderation.records.whole_series_samples import draw_series
from moderation.submission import READABLE, CaseState
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context

DRAWN_FROM = (CaseState.MARKS_SUBMITTED, CaseState.MARKS_CONFIRMED, CaseState.WAITING_FOR_MEMBERS)

Expected = Callable[[int], None]
"""Is told how many cases there are to do."""


def unexpected(_cases: int) -> None:
    """Take no notice of how much there is to do."""


def draw(
    session: Session, context: Context, series_key: str, *, expected: Expected = unexpected, seen: Seen = unseen
) -> StepReport:
    """Confirm the submitted marks of a series and draw every sample that can be drawn."""
    actor = actor_of(context)
    access.require(actor, Action.SAMPLE_REQUEST)
    expected(records.count_cases(session, series_key, DRAWN_FROM))
    report = draw_series(session, series_key, actor=actor.person_id, now=context.now, seen=seen)
    _record(session, context, "series.draw", series_key, report)
    return report


def decide(
    session: Session, context: Context, series_key: str, *, expected: Expected = unexpected, seen: Seen = unseen
) -> StepReport:
    """Decide every sample of a series that is read and for which nothing followed yet."""
    access.require(actor_of(context), Action.OUTCOME_CONFIRM)
    expected(records.count_cases(session, series_key, READABLE))
    report = decide_series(session, series_key, now=context.now, seen=seen)
    _record(session, context, "series.decide", series_key, report)
    return report


def confirm(
    session: Session, context: Context, series_key: str, *, expected: Expected = unexpected, seen: Seen = unseen
) -> StepReport:
    """Confirm every outcome of a series that this officer may confirm."""
    actor = actor_of(context)
    access.require(actor, Action.OUTCOME_CONFIRM)
    expected(records.count_cases(session, series_key, (CaseState.OUTCOME_PROPOSED,)))
    report = confirm_series(session, series_key, officer=actor.person_id, now=context.now, seen=seen)
    _record(session, context, "series.confirm", series_key, report)
    return report


def _record(session: Session, context: Context, action: str, series_key: str, report: StepReport) -> None:
    counts = {name.replace(" ", "_").replace("'", ""): number for name, number in report.counts.items()}
    details: dict[str, Any] = {**counts, "left": len(report.left)}
    audit.record(session, context, action, "series", series_key, **details)
