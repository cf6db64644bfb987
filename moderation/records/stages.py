"""Stages: how much of a sample is to be read, where that stands, and what follows when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from moderation.adjustment import OrderLimits
from moderation.marking import StageReport, Work, report_stage
from moderation.outcome import OutcomeKind, Stage
from moderation.profiles import AllWorkOutcome
from moderation.records.cases import advance, component_of, group_of
from moderation.records.outcomes import propose_outcome
from moderation.records.rules import policy_for, profile_for
from moderation.records.works import SampledWork, unread_candidates, works_of
from moderation.standing import Standing, standing_of
from moderation.submission import CaseEvent, CaseState
from moderation.tables import ModerationCase, Sample


def follow(
    session: Session, members: Sequence[ModerationCase], case: ModerationCase, *, actor: str, now: datetime
) -> StageReport:
    """Do what follows when a stage is read: the whole sample is called, or an outcome is proposed."""
    works = works_of(session, case)
    report = report_on(session, case, works)
    if report.is_complete and report.decision is None:
        call_whole_sample(session, case)
        for member in members:
            if member.state == CaseState.RECEIPT_COMPLETE:
                advance(session, member, CaseEvent.CALL_FULL_SAMPLE, actor=actor, now=now)
        report = report_on(session, case, works)
    if report.decision is not None:
        left_out = sorted(work.item.candidate_id for work in works if work.is_held)
        own_marks = report.decision.kind is OutcomeKind.MODERATOR_MARKS
        particulars = {
            member.id: {
                "left_out": left_out,
                "moderator_marks": {
                    work.item.candidate_id: work.mark.mark
                    for work in works
                    if work.item.case_id == member.id and work.counts and work.mark is not None
                }
                if own_marks
                else None,
            }
            for member in members
        }
        propose_outcome(session, members, report.decision, actor=actor, now=now, particulars=particulars)
    return report


def report_on(session: Session, case: ModerationCase, works: Sequence[SampledWork]) -> StageReport:
    """Return where the marking of a sample stands, by the rules that govern its component."""
    return report_stage(_compared(works), stage_now(session, case), **_governed(session, case, works))


def standing_on(session: Session, case: ModerationCase, works: Sequence[SampledWork]) -> Standing:
    """Return how the marks given so far stand, by the same rules."""
    return standing_of(_compared(works), stage_now(session, case), **_governed(session, case, works))


class _Governed(TypedDict):
    tolerance_marks: int
    maximum: int
    limits: OrderLimits
    all_work_outcome: AllWorkOutcome
    nobody_unread: bool


def _governed(session: Session, case: ModerationCase, works: Sequence[SampledWork]) -> _Governed:
    component = component_of(session, case)
    all_read = stage_now(session, case) is Stage.ALL_WORK
    return {
        "tolerance_marks": component.tolerance_marks or 0,
        "maximum": component.maximum_mark,
        "limits": policy_for(session, component).limits,
        "all_work_outcome": AllWorkOutcome(profile_for(session, component).all_work_outcome),
        "nobody_unread": not (all_read and unread_candidates(session, group_of(session, case), works)),
    }


def _compared(works: Sequence[SampledWork]) -> list[Work]:
    return [
        Work(work.item.id, work.centre_mark, None if work.mark is None else work.mark.mark, work.item.first_stage)
        for work in works
        if work.counts and work.centre_mark is not None
    ]


def call_whole_sample(session: Session, case: ModerationCase) -> None:
    """Have the whole sample read from now on, unless all work was called already."""
    sample = session.get_one(Sample, case.sample_id)
    if sample.stage == Stage.SUB_SAMPLE:
        sample.stage = Stage.FULL_SAMPLE.value


def stage_now(session: Session, case: ModerationCase) -> Stage:
    """Return how much of a case's sample is to be read."""
    return Stage(session.get_one(Sample, case.sample_id).stage) if case.sample_id else Stage.NO_SAMPLE
