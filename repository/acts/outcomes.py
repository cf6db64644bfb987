"""Acts on outcomes: reading the arithmetic, confirming it as a second person, accepting with a reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict
from moderation.errors import StaleVersion
from moderation.outcome import OutcomeKind
from moderation.records import checks, invalid_order, marking, outcomes, samples
from moderation.records.amendments import amendments_of
from moderation.records.applying import marks_given
from moderation.records.cases import CaseView, TransitionView, case_of, group_of, history_of
from moderation.records.checks import CheckView
from moderation.records.holds import holds_of
from moderation.records.invalid_order import CallView, FeedbackView
from moderation.records.marks import case_marks
from moderation.records.moderator_marks import ModeratorMarkView
from moderation.records.outcomes import ModeratedLine, OutcomeView
from moderation.records.samples import SampleItemView
from moderation.records.second_people import check_is_due, last_check
from moderation.submission import CaseState
from moderation.tables import ModerationCase, Outcome
from repository import audit, blinding, people
from repository.access import Action, Role
from repository.acts.cases import actor_of, permitted
from repository.audit import Context

GIVES_MARKS = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.ADJUSTED, OutcomeKind.MODERATOR_MARKS})
FINDABLE = frozenset({CaseState.RECEIPT_COMPLETE, CaseState.FULL_SAMPLE})


@dataclass(frozen=True, slots=True)
class Difference:
    """One work that was read: both marks, the centre's in the mark set in force."""

    item: SampleItemView
    mark: ModeratorMarkView
    centre_mark: int

    @property
    def difference(self) -> int:
        """Return centre mark minus moderator mark."""
        return self.centre_mark - self.mark.mark


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing looked at before an outcome is confirmed: what it is, how it stands, and whether it stands in the way."""

    title: str
    words: str
    is_met: bool


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
    proofs: tuple[Proof, ...] = ()
    checks: tuple[CheckView, ...] = ()
    """Checks of the moderator, where the person may see them."""
    earlier: tuple[OutcomeView, ...] = ()
    feedback: tuple[FeedbackView, ...] = ()
    calls: tuple[CallView, ...] = ()
    must_call_first: bool = False
    may_find_again: bool = False
    since: tuple[TransitionView, ...] = ()
    """What happened to the case since the version that the person had seen."""


def page(session: Session, context: Context, case_id: str, seen_version: int | None = None) -> OutcomePage:
    """Return the outcome of a case, what it rests on, what was looked at, and every moderated mark.

    Takes: ``seen_version``, the version of the case on the page that a person sent, so that what happened since shows.
    """
    case = permitted(session, context, Action.OUTCOME_READ, case_id)
    differences: tuple[Difference, ...] = ()
    if case.sample_due_at is not None:
        marks = marking.moderator_marks(session, case_id)
        centre = marking.centre_marks_now(session, case_id)
        items = samples.sample_of(session, case_id, whole=True).items
        differences = tuple(
            Difference(item, marks[item.item_id], centre.get(item.item_id) or 0)
            for item in items
            if item.item_id in marks
        )
    outcome = outcomes.outcome_of(session, case_id)
    moderated = tuple(outcomes.moderated_marks(session, case_id))
    if not moderated and outcome is not None and outcome.kind in GIVES_MARKS:
        moderated = _as_proposed(session, case_id)
    marked_by = frozenset(one.mark.marked_by for one in differences)
    officer = actor_of(context).role is Role.AB_OFFICER
    checked = tuple(checks.checks_of(session, case_id)) if officer else ()
    feedback = tuple(invalid_order.feedback_of(session, case_id))
    calls = tuple(invalid_order.calls_of(session, case_id)) if officer else ()
    every = outcomes.outcomes_of(session, case_id)
    named = set(marked_by) | {one.checker_id for one in checked} | {one.given_by for one in feedback}
    named |= {call.noted_by for call in calls}
    for one in every:
        named |= {one.proposed_by, one.confirmed_by or ""}
    since = () if seen_version is None else tuple(s for s in history_of(session, case_id) if s.number > seen_version)
    row = case_of(session, case_id)
    found = OutcomePage(
        case,
        outcome,
        differences,
        moderated,
        marked_by,
        people.names_of(session, named | {step.actor for step in since}),
        _proofs(session, row, outcome, marked_by) if officer and outcome and outcome.kind in GIVES_MARKS else (),
        checked,
        tuple(one for one in every if one.superseded_at is not None),
        feedback,
        calls,
        invalid_order.must_call_first(session, row),
        officer and outcome is None and case.state in FINDABLE and bool(every),
        since,
    )
    return blinding.mask(session, context, case_id, found)


def _as_proposed(session: Session, case_id: str) -> tuple[ModeratedLine, ...]:
    """Return what each candidate would get if the outcome were confirmed now."""
    row = session.scalars(select(Outcome).where(Outcome.case_id == case_id, Outcome.superseded_at.is_(None))).one()
    given = {one.candidate_id: one for one in marks_given(session, case_of(session, case_id), row)}
    return tuple(
        ModeratedLine(
            line.candidate_id,
            line.candidate_number,
            line.uci,
            line.mark,
            given[line.candidate_id].moderated_mark,
            line.status,
        )
        for line in case_marks(session, case_id).lines
        if line.status is not None and line.candidate_id in given
    )


def _proofs(
    session: Session, case: ModerationCase, outcome: OutcomeView, marked_by: Collection[str]
) -> tuple[Proof, ...]:
    """Return what is looked at before an officer may confirm, each with how it stands."""
    members = group_of(session, case)
    row = session.get_one(Outcome, outcome.outcome_id)
    numbers = outcome.numbers
    differing = outcomes.recomputation_of(session, case)
    waiting = [one for one in amendments_of(session, case.id) if one.decision is None]
    held = [one for one in holds_of(session, case_id=case.id) if one.released_at is None]
    found = [
        Proof(
            "Second calculation",
            f"{len(differing)} marks differ" if differing else "Agrees on every mark",
            not differing,
        ),
        Proof(
            "Mark set",
            f"Version {outcome.mark_set_version}; the marks in force are version {case.mark_set_version}",
            outcome.mark_set_version == case.mark_set_version,
        ),
        Proof(
            "Amendments of marks",
            f"{len(waiting)} wait for a decision" if waiting else "None waits",
            not waiting,
        ),
        Proof("Check by a team leader", *_check_words(session, members, row)),
        Proof(
            "Second person",
            "Whoever marked or proposed cannot confirm" if marked_by else "Nobody marked works of this sample",
            True,
        ),
        Proof(
            "Holds",
            f"{len(held)} in force: those candidates wait" if held else "None",
            True,
        ),
        Proof(
            "Policy",
            f"{outcome.policy_id}, version {outcome.policy_revision}; algorithm {outcome.policy_version}; "
            f"tolerance {numbers['tolerance_marks']} marks",
            True,
        ),
    ]
    return tuple(found)


def _check_words(session: Session, members: Sequence[ModerationCase], row: Outcome) -> tuple[str, bool]:
    last = last_check(session, members)
    if last is not None and last.verdict == Verdict.AGREED:
        return "Agreed", True
    if last is not None and last.verdict == Verdict.ESCALATED:
        return "Passed to the principal moderator", not check_is_due(session, members, row)
    if not check_is_due(session, members, row):
        return "Not needed for this outcome", True
    return "Needed, and not made yet", False


def confirm(session: Session, context: Context, case_id: str, version: int | None = None) -> OutcomeView:
    """Confirm a proposed outcome; every candidate of the cohort then has a moderated mark.

    Takes: ``version``, that of the case the officer looked at.
    Raises: ``StaleVersion``; ``SamePerson`` when the officer moderated or proposed it; ``CheckMissing``; errors of
    moderation when nothing is proposed or the independent recomputation differs.
    """
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    confirmed = outcomes.confirm_outcome(
        session, case_id, officer=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, Action.OUTCOME_CONFIRM, "case", case_id, kind=str(confirmed.kind))
    return confirmed


def accept(session: Session, context: Context, case_id: str, reason: str, version: int | None = None) -> OutcomeView:
    """Propose that the centre's marks stand although the works differ, with a reason; another officer confirms."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    accepted = outcomes.accept_by_officer(
        session,
        case_id,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "outcome.accept", "case", case_id)
    return accepted


def reopen(session: Session, context: Context, case_id: str, reason: str, version: int | None = None) -> None:
    """Send a proposed outcome back to the moderator, with a reason; the whole sample is then read."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    marking.reopen_marking(
        session,
        case_id,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "outcome.reopen", "case", case_id)


def withdraw(session: Session, context: Context, case_id: str, reason: str, version: int | None = None) -> None:
    """Withdraw a confirmed outcome before results, with a reason; it stays in the history."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    outcomes.withdraw_outcome(
        session,
        case_id,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "outcome.withdraw", "case", case_id)


def find_again(session: Session, context: Context, case_id: str, version: int | None = None) -> OutcomeView | None:
    """Let the rule find the outcome again from the marks as they stand."""
    case = permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    _unchanged(case, version)
    marking.find_again(session, case_id, now=context.now)
    audit.record(session, context, "outcome.find_again", "case", case_id)
    return outcomes.outcome_of(session, case_id)


def return_to_centre(
    session: Session, context: Context, case_id: str, feedback: str, version: int | None = None
) -> None:
    """Return marks whose order failed to the centre, with feedback that holds no marks; the cohort is marked again."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    invalid_order.return_to_centre(
        session,
        case_id,
        feedback=feedback,
        officer=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "outcome.return", "case", case_id)


def offer_call(session: Session, context: Context, case_id: str, reason: str, version: int | None = None) -> None:
    """Note that the centre is to be called about its order of merit."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    invalid_order.offer_support_call(
        session,
        case_id,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, "support_call.offer", "case", case_id)


def note_call(session: Session, context: Context, case_id: str, spoken_with: str, notes: str) -> None:
    """Keep what was said in a support call."""
    permitted(session, context, Action.OUTCOME_CONFIRM, case_id)
    invalid_order.note_support_call(
        session,
        case_id,
        spoken_with=spoken_with,
        notes=notes,
        officer=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, "support_call.note", "case", case_id)


def _unchanged(case: CaseView, version: int | None) -> None:
    if version is not None and case.version != version:
        raise StaleVersion(expected=version, found=case.version)
