"""Acts on explained outcomes: a centre reads its own once results are out; the awarding body and the moderator before."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.records import explanations as records
from moderation.records.cases import CaseView
from moderation.records.checks import may_see_marks
from moderation.records.explanations import ExplainedOutcome
from moderation.records.outcomes import outcome_of
from moderation.rules import Disclosure
from repository import access, audit, blinding
from repository.access import Action, Role
from repository.acts.cases import actor_of, permitted
from repository.audit import Context


@dataclass(frozen=True, slots=True)
class ExplanationPage:
    """A case's explained outcome; ``is_preview`` for everybody who sees it before its centre does."""

    case: CaseView
    shown: ExplainedOutcome
    is_preview: bool


def read(session: Session, context: Context, case_id: str, level: Disclosure | None = None) -> ExplanationPage:
    """Return what the person may see of the outcome now; looking is recorded.

    Takes: ``level``, another than the policy's, for an officer to look at; nobody else may choose.
    Raises: ``NotFound``; errors of ``moderation.records.explanations``, of which ``note_refusal`` records the embargo.
    """
    actor = actor_of(context)
    case = permitted(session, context, Action.EXPLANATION_READ, case_id)
    is_preview = actor.role not in access.CENTRE_ROLES
    if is_preview:
        shown = records.preview(session, case_id, level=level if actor.role is Role.AB_OFFICER else None)
    else:
        shown = records.explanation_for_centre(session, case_id, now=context.now)
    audit.record(
        session,
        context,
        Action.EXPLANATION_READ,
        "case",
        case_id,
        outcome_id=shown.outcome_id,
        level=str(shown.explanation.level),
        preview=is_preview,
        report=None if shown.report is None else shown.report.number,
    )
    return blinding.mask(session, context, case_id, ExplanationPage(case, shown, is_preview))


def note_refusal(session: Session, context: Context, case_id: str) -> None:
    """Record that somebody asked before the time; the refusal itself undid what it was part of."""
    audit.record(session, context, Action.EXPLANATION_READ, "case", case_id, outcome="refused")


def is_open(session: Session, context: Context, case_id: str) -> bool:
    """Say whether there is something for the person to read now, so that a page may lead to it."""
    case = permitted(session, context, Action.CASE_READ, case_id)
    actor = actor_of(context)
    if access.scope_of(actor, Action.EXPLANATION_READ) is None:
        return False
    if actor.role in access.CENTRE_ROLES:
        return records.is_open_to_centre(session, case.case_id, now=context.now)
    if actor.role in access.CHECKERS and not may_see_marks(session, case.case_id, actor.person_id):
        return False
    return outcome_of(session, case.case_id) is not None
