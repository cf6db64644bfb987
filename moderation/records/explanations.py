"""Explained outcomes from the records: what a centre may see of its own moderation, and from when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.errors import NoResults, OutcomeMissing, ResultsEmbargoed, ResultsWithdrawn
from moderation.explanation import Explanation, Found, OwnMark, OwnWork, explain
from moderation.marks import MarkStatus
from moderation.outcome import Origin, OutcomeKind, Stage
from moderation.records.cases import case_of, component_of
from moderation.records.criteria import CriterionView, criteria_of
from moderation.records.reports import ReportView, own_report, released_report, report_of
from moderation.records.results import ReleaseView, open_release
from moderation.records.reviewed_marks import reviewed_marks
from moderation.records.rules import policy_for
from moderation.reports import Section, Verdict
from moderation.results import Audience
from moderation.rules import Disclosure
from moderation.submission import RELEASED
from moderation.tables import (
    Candidate,
    CentreMark,
    GateHeld,
    MalpracticeHold,
    ModeratedMark,
    ModerationCase,
    ModeratorMark,
    OptionResult,
    Outcome,
    Sample,
    SampleItem,
)


@dataclass(frozen=True, slots=True)
class ReportedLine:
    """What the report says of one of the centre's candidates under a criterion; no title where none is known."""

    candidate_number: str
    criterion_code: str
    criterion_title: str
    verdict: Verdict
    comment: str


@dataclass(frozen=True, slots=True)
class CentreReport:
    """The moderator's report as one centre sees it."""

    number: int
    sections: tuple[tuple[Section, str], ...]
    lines: tuple[ReportedLine, ...]


@dataclass(frozen=True, slots=True)
class ExplainedOutcome:
    """A case's explained outcome and report; ``release`` is ``None`` in a preview."""

    case_id: str
    outcome_id: str
    origin: Origin
    explanation: Explanation
    report: CentreReport | None
    release: ReleaseView | None
    policy_title: str


def explanation_for_centre(session: Session, case_id: str, *, now: datetime) -> ExplainedOutcome:
    """Return what the case's centre is shown of its moderation, once its results are out.

    It explains the outcome that the release holds: one that is found later waits for its own release.
    Raises: ``UnknownCase``; ``ResultsEmbargoed``, with ``opens_at`` where there is an instant to wait for, until
    then and while the case is held; ``ResultsWithdrawn``; ``ExplanationDiffers``.
    Source: project policy: a moderator's report is under the same embargo as the results.
    """
    case = case_of(session, case_id)
    outcome, release = _open_outcome(session, case, now)
    level = policy_for(session, component_of(session, case)).disclosure
    return _explained(session, case, outcome, level, released_report(session, case_id), release)


def is_open_to_centre(session: Session, case_id: str, *, now: datetime) -> bool:
    """Say whether the case's centre may look now; raises ``UnknownCase``."""
    try:
        _open_outcome(session, case_of(session, case_id), now)
    except (ResultsEmbargoed, ResultsWithdrawn):
        return False
    return True


def preview(session: Session, case_id: str, *, level: Disclosure | None = None) -> ExplainedOutcome:
    """Return what the centre would be shown of the outcome as it stands, for the awarding body and the moderator.

    Takes: ``level``, to see another than the policy's.
    Raises: ``UnknownCase``; ``OutcomeMissing``; ``ExplanationDiffers``.
    """
    case = case_of(session, case_id)
    outcome = session.scalars(
        select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))
    ).one_or_none()
    if outcome is None:
        raise OutcomeMissing(case_id=case_id)
    shown = level or policy_for(session, component_of(session, case)).disclosure
    newest = report_of(session, case_id)
    report = own_report(session, case_id, newest) if newest is not None and newest.is_submitted else None
    return _explained(session, case, outcome, shown, report, None)


# Piece by piece

_REVIEWED = frozenset({Origin.REVIEW, Origin.APPEAL})


def _open_outcome(session: Session, case: ModerationCase, now: datetime) -> tuple[Outcome, ReleaseView]:
    """Return the outcome that the release holds, and the release; raises as ``explanation_for_centre``."""
    closed = "What moderation found is shown with the results. They are not out yet."
    try:
        release = open_release(session, case.series_key, audience=Audience.CENTRE, now=now)
    except NoResults as error:
        raise ResultsEmbargoed(closed) from error
    held = select(GateHeld).where(GateHeld.gate_run_id == release.gate_run_id, GateHeld.case_id == case.id)
    outcome = _released_outcome(session, case, release)
    if case.state not in RELEASED or outcome is None or session.scalars(held).first() is not None:
        raise ResultsEmbargoed(closed)
    return outcome, release


def _released_outcome(session: Session, case: ModerationCase, release: ReleaseView) -> Outcome | None:
    """Return the newest outcome that was confirmed when the release was made, and had not been replaced by then."""
    return session.scalars(
        select(Outcome)
        .where(
            Outcome.case_id == case.id,
            Outcome.confirmed_at <= release.created_at,
            or_(Outcome.superseded_at.is_(None), Outcome.superseded_at > release.created_at),
        )
        .order_by(Outcome.number.desc())
        .limit(1)
    ).one_or_none()


def _explained(
    session: Session,
    case: ModerationCase,
    outcome: Outcome,
    level: Disclosure,
    report: ReportView | None,
    release: ReleaseView | None,
) -> ExplainedOutcome:
    found = Found(OutcomeKind(outcome.kind), Stage(outcome.stage), outcome.numbers, outcome.policy_version)
    pending = _pending(session, case, release) | _left_out(session, case, outcome)
    marks = [
        OwnMark(one.candidate_number, None, MarkStatus.PENDING_Q) if one.candidate_number in pending else one
        for one in _own_marks(session, case, outcome)
    ]
    works = [one for one in _own_works(session, case, outcome) if one.candidate_number not in pending]
    explanation = explain(
        found,
        marks,
        works,
        level=level,
        is_group=case.consortium_id is not None,
        is_review=outcome.origin in _REVIEWED,
        was_returned=_was_returned(session, outcome),
        first_differed=_first_differed(session, case, outcome),
        is_recorded=outcome.confirmed_at is not None,
    )
    return ExplainedOutcome(
        case.id,
        outcome.id,
        Origin(outcome.origin),
        explanation,
        None if report is None else _centre_report(session, case, report),
        release,
        policy_for(session, component_of(session, case)).title,
    )


def _pending(session: Session, case: ModerationCase, release: ReleaseView | None) -> set[str]:
    """Return the numbers of candidates whose mark waits: as the release has it, or as it is now for a preview.

    What is pending in the results is pending here too, whatever was recorded for it.
    """
    if release is None:
        held = (
            select(Candidate.candidate_number)
            .join(MalpracticeHold, MalpracticeHold.candidate_id == Candidate.id)
            .where(MalpracticeHold.case_id == case.id, MalpracticeHold.released_at.is_(None))
        )
        return set(session.scalars(held))
    rows = session.execute(
        select(Candidate.candidate_number, OptionResult.components)
        .join(Candidate, Candidate.id == OptionResult.candidate_id)
        .where(
            OptionResult.version_id == release.version_id,
            Candidate.series_key == case.series_key,
            Candidate.centre_number == case.centre_number,
        )
    )
    return {
        number
        for number, components in rows
        if any(
            part["component"] == case.component_code and part["status"] == MarkStatus.PENDING_Q for part in components
        )
    }


def _left_out(session: Session, case: ModerationCase, outcome: Outcome) -> set[str]:
    """Return the numbers of candidates about whom something was pending when all work was read: they got no mark."""
    left_out = outcome.numbers.get("left_out") or []
    if outcome.kind != OutcomeKind.MODERATOR_MARKS or not left_out:
        return set()
    rows = select(Candidate.candidate_number).where(
        Candidate.id.in_(left_out), Candidate.centre_number == case.centre_number
    )
    return set(session.scalars(rows))


def _own_marks(session: Session, case: ModerationCase, outcome: Outcome) -> list[OwnMark]:
    """Return the centre's candidates with what was recorded; those withdrawn before anything was recorded are not in it."""
    query = (
        select(Candidate.candidate_number, CentreMark.mark, CentreMark.status, ModeratedMark.moderated_mark)
        .join(CentreMark, CentreMark.candidate_id == Candidate.id)
        .join(
            ModeratedMark,
            (ModeratedMark.candidate_id == Candidate.id) & (ModeratedMark.outcome_id == outcome.id),
            isouter=outcome.confirmed_at is None or outcome.kind == OutcomeKind.INVALID_ORDER,
        )
        .where(
            CentreMark.case_id == case.id,
            CentreMark.mark_set_version == outcome.mark_set_version,
            CentreMark.status != MarkStatus.WITHDRAWN.value,
        )
        .order_by(Candidate.candidate_number)
    )
    return [OwnMark(number, mark, status, recorded) for number, mark, status, recorded in session.execute(query)]


class _Read(NamedTuple):
    """A work that was read when an outcome was proposed."""

    item_id: str
    case_id: str
    candidate_id: str
    candidate_number: str
    is_first: bool
    centre_mark: int
    mark: int


def _marks_then(session: Session, case: ModerationCase, outcome: Outcome) -> list[_Read]:
    """Return the works read when the outcome was proposed, of the whole consortium."""
    rows = session.execute(
        select(
            SampleItem.id,
            SampleItem.case_id,
            SampleItem.candidate_id,
            Candidate.candidate_number,
            SampleItem.first_stage,
            SampleItem.centre_mark,
            ModeratorMark.mark,
        )
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
        .where(
            SampleItem.sample_id == case.sample_id,
            ModeratorMark.marked_at <= outcome.proposed_at,
            or_(ModeratorMark.superseded_at.is_(None), ModeratorMark.superseded_at > outcome.proposed_at),
        )
        .order_by(Candidate.centre_number, Candidate.candidate_number)
    )
    return [_Read(*row) for row in rows]


def _own_works(session: Session, case: ModerationCase, outcome: Outcome) -> list[OwnWork]:
    """Return the centre's own works among those the outcome rests on, with the centre mark of its mark set.

    After a review the reviewer's marks stand in for the moderator's; where moderator's marks stand, those it holds.
    """
    centre_marks = {one.candidate_number: one.centre_mark for one in _own_marks_of_set(session, case, outcome)}
    given: Mapping[str, int] = outcome.numbers.get("moderator_marks") or {}
    in_force = outcome.origin == Origin.REVIEW and outcome.superseded_at is None
    reviewed = reviewed_marks(session, [case.sample_id]) if in_force else {}
    pairs = {(centre, moderator) for centre, moderator in outcome.numbers["pairs"]}
    works = [
        OwnWork(
            one.candidate_number,
            centre_marks.get(one.candidate_number) or 0,
            given.get(one.candidate_id, reviewed.get(one.item_id, one.mark)),
        )
        for one in _marks_then(session, case, outcome)
        if one.case_id == case.id
    ]
    # A work whose marks the outcome does not hold had no part in it: replaced, or without a mark any more.
    return [work for work in works if (work.centre_mark, work.moderator_mark) in pairs]


def _own_marks_of_set(session: Session, case: ModerationCase, outcome: Outcome) -> list[OwnMark]:
    rows = session.execute(
        select(Candidate.candidate_number, CentreMark.mark, CentreMark.status)
        .join(CentreMark, CentreMark.candidate_id == Candidate.id)
        .where(CentreMark.case_id == case.id, CentreMark.mark_set_version == outcome.mark_set_version)
    )
    return [OwnMark(number, mark, status) for number, mark, status in rows]


def _first_differed(session: Session, case: ModerationCase, outcome: Outcome) -> bool | None:
    """Say whether a first work was outside tolerance; ``None`` when all was asked for at once, or that is not known."""
    sample = None if case.sample_id is None else session.get(Sample, case.sample_id)
    if sample is None or outcome.stage != Stage.FULL_SAMPLE or outcome.origin in _REVIEWED:
        return None
    tolerance = int(outcome.numbers["tolerance_marks"])
    first = [one for one in _marks_then(session, case, outcome) if one.is_first]
    return any(abs(one.centre_mark - one.mark) > tolerance for one in first) if first else None


def _was_returned(session: Session, outcome: Outcome) -> bool:
    earlier = select(Outcome.id).where(
        Outcome.case_id == outcome.case_id,
        Outcome.number < outcome.number,
        Outcome.kind == OutcomeKind.INVALID_ORDER.value,
        Outcome.confirmed_at.is_not(None),
        Outcome.mark_set_version < outcome.mark_set_version,
    )
    return session.scalars(earlier).first() is not None


def _centre_report(session: Session, case: ModerationCase, report: ReportView) -> CentreReport:
    criteria: dict[str, CriterionView] = {
        one.code: one for one in criteria_of(session, case.series_key, case.component_code)
    }
    order = {code: position for position, code in enumerate(criteria)}
    rows = session.execute(
        select(SampleItem.id, Candidate.candidate_number)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(SampleItem.case_id == case.id)
    )
    numbers = {row[0]: row[1] for row in rows}
    lines = [
        ReportedLine(
            numbers[line.item_id],
            line.criterion_code,
            criteria[line.criterion_code].title if line.criterion_code in criteria else "",
            line.verdict,
            line.comment,
        )
        for line in report.lines
    ]
    lines.sort(key=lambda line: (line.candidate_number, order.get(line.criterion_code, len(order))))
    return CentreReport(report.number, tuple(report.sections.items()), tuple(lines))
