"""Acts on outcomes: reading the arithmetic, confirming it as a second person, accepting with a reason."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.records import marking, outcomes, samples
from moderation.records.cases import CaseView
from moderation.records.marking import ModeratorMarkView
from moderation.records.outcomes import ModeratedLine, OutcomeView
from moderation.records.samples import SampleItemView
from repository import audit
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context


@dataclass(frozen=True, slots=True)
class Difference:
    """One work that was read: both marks."""

    item: SampleItemView
    mark: ModeratorMarkView

    @property
    def difference(self) -> int:
        """Return centre mark minus moderator mark."""
        return self.item.centre_mark - self.mark.mark


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """A case's outcome with everything it rests on."""

    case: CaseView
    outcome: OutcomeView | None
    differences: tuple[Difference, ...]
    moderated: tuple[ModeratedLine, ...]


def page(session: Session, context: Context, case_id: str) -> OutcomePage:
    """Return the outcome of a case, the differences it rests on and, once confirmed, every moderated mark."""
    case = permitted(session, context, Action.OUTCOME_READ, case_id)
    differences: tuple[Difference, ...] = ()
    if case.sample_due_at is not None:
        marks = marking.moderator_marks(session, case_id)
        items = samples.sample_of(session, case_id, whole=True).items
        differences = tuple(Difference(item, marks[item.item_id]) for item in items if item.item_id in marks)
    return OutcomePage(
        case, outcomes.outcome_of(session, case_id), differences, tuple(outcomes.moderated_marks(session, case_id))
    )


def confirm(session: Session, context: Context, case_id: str) -> OutcomeView:
    """Confirm a proposed outcome; every candidate of the cohort then has a moderated mark.

    Raises: ``SecondPersonNeeded`` when the officer moderated it; errors of moderation when nothing is proposed or the
    independent recomputation differs.
    """
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    confirmed = outcomes.confirm_outcome(session, case_id, officer=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.OUTCOME_CONFIRM, "case", case_id, kind=str(confirmed.kind))
    return confirmed


def accept(session: Session, context: Context, case_id: str, reason: str) -> OutcomeView:
    """Propose that the centre's marks stand although the works differ, with a reason; another officer confirms."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    accepted = outcomes.accept_by_officer(
        session, case_id, reason=reason, officer=actor_of(context).person_id, now=context.now
    )
    audit.record(session, context, "outcome.accept", "case", case_id)
    return accepted
