"""Acts on outcomes: reading the arithmetic, confirming it as a second person, accepting with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import StaleVersion
from moderation.marks import is_adjustable
from moderation.outcome import OutcomeKind
from moderation.records import marking, outcomes, samples
from moderation.records.cases import CaseView
from moderation.records.marking import ModeratorMarkView
from moderation.records.marks import case_marks
from moderation.records.outcomes import ModeratedLine, OutcomeView
from moderation.records.samples import SampleItemView
from repository import audit
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.tables import Person


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
    """What each candidate gets: as proposed, or as it stands once confirmed; empty without marks to give."""
    marked_by: frozenset[str]
    """Who read works of this sample; none of them may confirm."""
    names: Mapping[str, str]
    """Person id → name, of everybody named in the outcome."""


def page(session: Session, context: Context, case_id: str) -> OutcomePage:
    """Return the outcome of a case, the differences it rests on and, once confirmed, every moderated mark."""
    case = permitted(session, context, Action.OUTCOME_READ, case_id)
    differences: tuple[Difference, ...] = ()
    if case.sample_due_at is not None:
        marks = marking.moderator_marks(session, case_id)
        items = samples.sample_of(session, case_id, whole=True).items
        differences = tuple(Difference(item, marks[item.item_id]) for item in items if item.item_id in marks)
    outcome = outcomes.outcome_of(session, case_id)
    moderated = tuple(outcomes.moderated_marks(session, case_id))
    if not moderated and outcome is not None and outcome.kind in {OutcomeKind.ACCEPTED, OutcomeKind.ADJUSTED}:
        moderated = _as_proposed(session, case_id, outcome)
    marked_by = frozenset(one.mark.marked_by for one in differences)
    named = marked_by | ({outcome.proposed_by, outcome.confirmed_by or ""} if outcome else set())
    people = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(named)))
    names = {row[0]: row[1] for row in people}
    return OutcomePage(case, outcome, differences, moderated, marked_by, names)


def _as_proposed(session: Session, case_id: str, outcome: OutcomeView) -> tuple[ModeratedLine, ...]:
    """Return what each candidate would get if the outcome were confirmed now."""
    mapping = outcome.numbers["mapping"] if outcome.kind is OutcomeKind.ADJUSTED else None
    lines = []
    for line in case_marks(session, case_id).lines:
        if line.status is None:
            continue
        mark = line.mark
        if mapping is not None and mark is not None and is_adjustable(line.status, mark):
            mark = mapping[mark]
        lines.append(ModeratedLine(line.candidate_id, line.candidate_number, line.uci, line.mark, mark, line.status))
    return tuple(lines)


def confirm(session: Session, context: Context, case_id: str, version: int | None = None) -> OutcomeView:
    """Confirm a proposed outcome; every candidate of the cohort then has a moderated mark.

    Takes: ``version``, that of the case the officer looked at.
    Raises: ``StaleVersion``; ``SamePerson`` when the officer moderated or proposed it; errors of moderation when
    nothing is proposed or the independent recomputation differs.
    """
    _unchanged(permitted(session, context, Action.OUTCOME_CONFIRM, case_id), version)
    confirmed = outcomes.confirm_outcome(session, case_id, officer=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.OUTCOME_CONFIRM, "case", case_id, kind=str(confirmed.kind))
    return confirmed


def accept(session: Session, context: Context, case_id: str, reason: str, version: int | None = None) -> OutcomeView:
    """Propose that the centre's marks stand although the works differ, with a reason; another officer confirms."""
    _unchanged(permitted(session, context, Action.OUTCOME_CONFIRM, case_id), version)
    accepted = outcomes.accept_by_officer(
        session, case_id, reason=reason, officer=actor_of(context).person_id, now=context.now
    )
    audit.record(session, context, "outcome.accept", "case", case_id)
    return accepted


def reopen(session: Session, context: Context, case_id: str, reason: str, version: int | None = None) -> None:
    """Send a proposed outcome back to the moderator, with a reason; the whole sample is then read."""
    _unchanged(permitted(session, context, Action.OUTCOME_CONFIRM, case_id), version)
    marking.reopen_marking(session, case_id, reason=reason, officer=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "outcome.reopen", "case", case_id)


def _unchanged(case: CaseView, version: int | None) -> None:
    if version is not None and case.version != version:
        raise StaleVersion(expected=version, found=case.version)
