"""Who may not confirm what they made: markers, proposers, and the check that some outcomes need first."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict, needs_check
from moderation.errors import CheckMissing, SamePerson
from moderation.outcome import OutcomeKind
from moderation.records.cases import component_of
from moderation.records.rules import policy_for
from moderation.tables import ModerationCase, ModeratorCheck, ModeratorMark, Outcome, SampleItem


def markers_of(session: Session, case: ModerationCase) -> set[str]:
    """Return everybody who ever marked a work of the case's sample."""
    return set(
        session.scalars(
            select(ModeratorMark.marked_by)
            .join(SampleItem, SampleItem.id == ModeratorMark.sample_item_id)
            .where(SampleItem.sample_id == case.sample_id)
        )
    )


def need_second_person(session: Session, case: ModerationCase, outcome: Outcome, officer: str) -> None:
    """Refuse with ``SamePerson`` whoever marked the works or proposed the outcome."""
    if officer in markers_of(session, case) or officer == outcome.proposed_by:
        raise SamePerson("Whoever marked the works or proposed the outcome cannot confirm it.")


def check_is_due(session: Session, members: Sequence[ModerationCase], outcome: Outcome) -> bool:
    """Say whether this outcome may only be confirmed after a check, whether or not there is one."""
    policy = policy_for(session, component_of(session, members[0]))
    return needs_check(OutcomeKind(outcome.kind), policy.team_leader_check, int(outcome.numbers.get("n") or 0))


def last_check(session: Session, members: Sequence[ModerationCase]) -> ModeratorCheck | None:
    """Return the latest decided check of the present outcome of the cases moderated together, or ``None``."""
    return session.scalars(
        select(ModeratorCheck)
        .join(Outcome, Outcome.id == ModeratorCheck.outcome_id)
        .where(
            Outcome.case_id.in_([member.id for member in members]),
            Outcome.superseded_at.is_(None),
            ModeratorCheck.verdict.is_not(None),
        )
        .order_by(ModeratorCheck.decided_at.desc(), ModeratorCheck.number.desc())
    ).first()


def need_check(session: Session, members: Sequence[ModerationCase], outcome: Outcome, officer: str) -> None:
    """Refuse with ``CheckMissing`` an outcome that needs a check and has none that agreed; or whose checker confirms.

    Raises: ``CheckMissing``; ``SamePerson`` when the officer made the check, or its maker marked the works.
    Source: project policy v1, step 7; the awarding body's policy says which outcomes need it.
    """
    if not check_is_due(session, members, outcome):
        return
    found = last_check(session, members)
    if found is None:
        raise CheckMissing
    if found.verdict == Verdict.ESCALATED:
        raise CheckMissing("The team leader passed this to the principal moderator, who has not agreed to it yet.")
    if found.verdict != Verdict.AGREED:
        raise CheckMissing
    if found.checker_id == officer or found.checker_id in markers_of(session, members[0]):
        raise SamePerson("Whoever checked the moderator neither marked the works nor confirms the outcome.")
