"""What a confirmed review or appeal does to the moderation of a component: a new outcome, marks anew, nothing overwritten."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from moderation.errors import RecomputationDiffers
from moderation.outcome import Origin, OutcomeKind
from moderation.records.applying import differing, marks_given, stored_marks, write_marks
from moderation.records.cases import advance, case_of, group_of
from moderation.records.review_marks import current_outcome, review_items
from moderation.records.review_requests import request_of
from moderation.review import Finding, Service
from moderation.submission import CaseEvent
from moderation.tables import ModerationCase, Outcome, ReviewOutcome, ReviewRequest

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
    for member in group_of(session, case_of(session, reviewed.case_id or "")):
        if Finding(outcome.finding) in _CHANGES:
            _supersede(session, reviewed, member, outcome, origin, actor=actor, now=now)
        advance(session, member, event, actor=actor, now=now, reason=outcome.finding)


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
