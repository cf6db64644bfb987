"""What a confirmed review or appeal does to the moderation of a component: a new outcome, marks anew, nothing overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.errors import FindingRefused, RecomputationDiffers, StaleVersion
from moderation.marks import MarkStatus
from moderation.outcome import Origin, OutcomeKind
from moderation.records.applying import differing, marks_given, stored_marks, write_marks
from moderation.records.cases import advance, case_of, group_of
from moderation.records.review_marks import current_outcome, review_items
from moderation.records.review_requests import request_of
from moderation.review import Finding, Service
from moderation.submission import CaseEvent
from moderation.tables import (
    Allocation,
    CentreMark,
    ModerationCase,
    Outcome,
    PanelMember,
    ReviewOutcome,
    ReviewRequest,
    SampleItem,
)

REASON_LIMIT = 500
_CHANGES = frozenset({Finding.CENTRE_MARKS_REINSTATED, Finding.MODERATION_CHANGED})


def change_moderation(
    session: Session, row: ReviewRequest, outcome: ReviewOutcome, *, actor: str, now: datetime
) -> None:
    """Carry a confirmed review of moderation, or an appeal about one, into its cases.

    An upheld review leaves the outcome in force; any other makes a new one that supersedes it, with origin ``REVIEW``
    or ``APPEAL``, and gives every candidate a moderated mark anew. Results follow by a release of their own.
    Raises: ``RecomputationDiffers``; ``IllegalTransition`` of the case.
    """
    is_appeal = row.service != Service.REVIEW_OF_MODERATION
    reviewed = _review_behind(session, row)
    if reviewed.service != Service.REVIEW_OF_MODERATION:
        return
    event = CaseEvent.CLOSE_APPEAL if is_appeal else CaseEvent.COMPLETE_REVIEW
    origin = Origin.APPEAL if is_appeal else Origin.REVIEW
    members = group_of(session, case_of(session, reviewed.case_id or ""))
    _close_works(session, row, members, now)
    for member in members:
        if Finding(outcome.finding) in _CHANGES:
            _supersede(session, reviewed, member, outcome, origin, actor=actor, now=now)
        advance(session, member, event, actor=actor, now=now, reason=outcome.finding)


def _close_works(session: Session, row: ReviewRequest, members: Sequence[ModerationCase], now: datetime) -> None:
    """Take the works from the reviewer, or the panel, again: the permission ends with the outcome."""
    panel = select(PanelMember.person_id).where(PanelMember.request_id == row.id)
    given = session.scalars(
        select(Allocation).where(
            Allocation.series_key == row.series_key,
            Allocation.component_code == row.component_code,
            Allocation.centre_number.in_([member.centre_number for member in members]),
            Allocation.act.in_(["REVIEW", "APPEAL"]),
            Allocation.closes_at.is_(None),
            or_(Allocation.person_id == (row.reviewer or ""), Allocation.person_id.in_(panel)),
        )
    )
    for allocation in given:
        allocation.closes_at = now
    session.flush()


def correct_centre_mark(
    session: Session, row: ReviewRequest, outcome: ReviewOutcome, *, actor: str, now: datetime
) -> None:
    """Correct a centre's own mark that was recorded wrongly, as a new mark set and a new outcome by the same rule.

    The other marks stay; the candidate's moderated mark follows from the outcome in force.
    Raises: ``StaleVersion`` when the mark changed in the meantime; ``RecomputationDiffers``.
    Source: JCQ-board service 1 (recording); the way is project policy.
    """
    case = _case_of(session, row)
    marks = _marks_in_force(session, case)
    own = marks.get(row.candidate_id or "")
    if own is None or own.mark != outcome.mark_before:
        raise StaleVersion("The mark was changed since the outcome was proposed. Propose it again.")
    case.mark_set_version += 1
    for candidate_id, mark in marks.items():
        values = {column.name: getattr(mark, column.name) for column in CentreMark.__table__.columns}
        values["mark_set_version"] = case.mark_set_version
        if candidate_id == row.candidate_id:
            status = MarkStatus.PRESENT if outcome.mark_after else MarkStatus.ZERO_NO_WORTH
            reason = f"{outcome.reason_code}: {outcome.rationale}"[:REASON_LIMIT]
            values |= {
                "mark": outcome.mark_after,
                "status": status.value,
                "reason": reason,
                "saved_by": actor,
                "saved_at": now,
            }
        session.add(CentreMark(**values))
    session.flush()
    old = current_outcome(session, case.id)
    old.superseded_at = now
    kept = ("kind", "stage", "numbers", "policy_version", "policy_id", "policy_revision")
    new = Outcome(
        **{name: getattr(old, name) for name in kept},
        case_id=case.id,
        number=old.number + 1,
        origin=Origin.CORRECTION.value,
        mark_set_version=case.mark_set_version,
        reason=outcome.rationale[:REASON_LIMIT],
        proposed_by=outcome.proposed_by,
        proposed_at=outcome.proposed_at,
        confirmed_by=actor,
        confirmed_at=now,
    )
    session.add(new)
    session.flush()
    write_marks(session, case, new, marks_given(session, case, new))
    found = differing(session, case, new, stored_marks(session, new))
    if found:
        raise RecomputationDiffers(candidates=found, component_code=case.component_code)


def centre_mark_of(session: Session, row: ReviewRequest) -> int | None:
    """Return the centre's mark that a clerical re-check is about.

    Raises: ``FindingRefused`` for a candidate whose work was sampled, or whose mark is the moderator's own: there the
    moderation rests on the mark, and only a review of moderation can change it.
    """
    case = _case_of(session, row)
    sampled = session.scalars(
        select(SampleItem.id).where(SampleItem.sample_id == case.sample_id, SampleItem.candidate_id == row.candidate_id)
    ).first()
    if sampled is not None or current_outcome(session, case.id).kind == OutcomeKind.MODERATOR_MARKS:
        raise FindingRefused(
            "This candidate’s work was in the sample, so the moderation rests on this mark. It cannot be corrected alone: "
            "withdraw the results and amend the centre’s marks.",
            field="mark_after",
        )
    own = _marks_in_force(session, case).get(row.candidate_id or "")
    return None if own is None else own.mark


def _case_of(session: Session, row: ReviewRequest) -> ModerationCase:
    return session.scalars(
        select(ModerationCase).where(
            ModerationCase.series_key == row.series_key,
            ModerationCase.component_code == row.component_code,
            ModerationCase.centre_number == row.centre_number,
        )
    ).one()


def _marks_in_force(session: Session, case: ModerationCase) -> dict[str, CentreMark]:
    rows = session.scalars(
        select(CentreMark).where(CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version)
    )
    return {row.candidate_id: row for row in rows}


def _review_behind(session: Session, row: ReviewRequest) -> ReviewRequest:
    while row.about_id is not None:
        row = request_of(session, row.about_id)
    return row


def _supersede(
    session: Session,
    row: ReviewRequest,
    case: ModerationCase,
    outcome: ReviewOutcome,
    origin: Origin,
    *,
    actor: str,
    now: datetime,
) -> None:
    old = current_outcome(session, case.id)
    old.superseded_at = now
    reinstated = outcome.finding == Finding.CENTRE_MARKS_REINSTATED
    kind = OutcomeKind.ACCEPTED if reinstated else OutcomeKind(outcome.numbers["kind"])
    numbers = {name: value for name, value in (outcome.numbers or old.numbers).items() if name != "kind"}
    numbers["left_out"] = old.numbers.get("left_out") or []
    if kind is not OutcomeKind.ADJUSTED:
        numbers |= {"mapping": None, "method": None}
    if kind is OutcomeKind.MODERATOR_MARKS:
        items = review_items(session, row.id)
        numbers["moderator_marks"] = {
            item.candidate_id: item.review_mark for item in items if item.review_mark is not None
        }
    new = Outcome(
        case_id=case.id,
        number=old.number + 1,
        kind=kind.value,
        stage=old.stage,
        numbers=numbers,
        policy_version=old.policy_version,
        policy_id=old.policy_id,
        policy_revision=old.policy_revision,
        origin=origin.value,
        mark_set_version=case.mark_set_version,
        reason=outcome.rationale[:REASON_LIMIT],
        proposed_by=outcome.proposed_by,
        proposed_at=outcome.proposed_at,
        confirmed_by=actor,
        confirmed_at=now,
    )
    session.add(new)
    session.flush()
    write_marks(session, case, new, marks_given(session, case, new))
    found = differing(session, case, new, stored_marks(session, new))
    if found:
        raise RecomputationDiffers(candidates=found, component_code=case.component_code)
