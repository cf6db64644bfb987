"""Acts on cases of scripts: given to somebody, talked about, answered by the centre, closed with a reason that balances."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action, Role
from repository.acts.cases import actor_of
from repository.acts.script_case_views import permitted, reasons_for
from repository.audit import Context
from repository.errors import FieldRefused
from scripts import records
from scripts.cases import CLERK, OFFICER, CaseState, end_of
from scripts.errors import CaseRefused
from scripts.ofqual import CAUSE_TEXT, DEFAULT_CAUSE, DEFAULT_STAGE, STAGE_TEXT
from scripts.records.settling import NAMES_SCRIPTS
from scripts.tables import ScriptCaseEvent

TEAMS = {CLERK: Role.TRACKING_CLERK, OFFICER: Role.AB_OFFICER}
"""The teams that have cases."""
ME = "me"


def assign(session: Session, context: Context, case_id: str, to: str) -> None:
    """Give a case to a team, or take it on oneself (``me``).

    Raises: ``FieldRefused`` for anybody else; ``CaseRefused`` for a closed case.
    """
    permitted(session, context, Action.SCRIPT_CASE_WORK, case_id)
    actor = actor_of(context)
    if to == ME:
        owner_role, owner = actor.role.value, actor.person_id
    elif to in TEAMS:
        owner_role, owner = to, ""
    else:
        raise FieldRefused("Choose who has the case from now on.", field="to")
    records.assign(session, case_id, owner_role=owner_role, owner=owner, actor=actor.person_id, now=context.now)
    audit.record(session, context, "script_case.assign", "script_case", case_id, team=owner_role, person=bool(owner))


def comment(session: Session, context: Context, case_id: str, text: str, *, to_centre: bool) -> None:
    """Say something about a case, to the awarding body's people or also to its centre."""
    permitted(session, context, Action.SCRIPT_CASE_WORK, case_id)
    records.comment(
        session, case_id, text=text, actor=actor_of(context).person_id, now=context.now, to_centre=to_centre
    )
    audit.record(session, context, "script_case.comment", "script_case", case_id, to_centre=to_centre)


def reply(session: Session, context: Context, case_id: str, text: str) -> ScriptCaseEvent:
    """Answer as the centre what was found in the log, the register and the secure room."""
    permitted(session, context, Action.SCRIPT_CASE_REPLY, case_id)
    said = records.reply(session, case_id, text=text, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, Action.SCRIPT_CASE_REPLY, "script_case", case_id)
    return said


def change_due(session: Session, context: Context, case_id: str, due_on: date, text: str) -> None:
    """Give a case until another day, for a reason.

    Raises: ``FieldRefused`` for a day that is past.
    """
    permitted(session, context, Action.SCRIPT_CASE_WORK, case_id)
    if end_of(due_on) < context.now:
        raise FieldRefused("The day must not be past.", field="due")
    records.change_due(
        session, case_id, due_at=end_of(due_on), text=text, actor=actor_of(context).person_id, now=context.now
    )
    audit.record(session, context, "script_case.due", "script_case", case_id, due=due_on.isoformat())


def close(
    session: Session,
    context: Context,
    case_id: str,
    reason: str,
    *,
    numbers: Collection[str] = (),
    text: str = "",
    sheets: int | None = None,
    stage_lost: str = DEFAULT_STAGE,
    cause: str = DEFAULT_CAUSE,
) -> None:
    """Close a case with a reason with which its equation balances; results wait for each missing script until then.

    Raises: ``CaseRefused`` for a reason that does not balance it, saying what is still open; ``FieldRefused`` for a stage
    or cause that is not in the lists.
    """
    found, _ = permitted(session, context, Action.SCRIPT_CASE_CLOSE, case_id)
    actor = actor_of(context)
    if found.state != CaseState.CLOSED and reason not in reasons_for(actor, found):
        raise CaseRefused("Choose one of the reasons of the list.", field="reason")
    if reason in NAMES_SCRIPTS:
        access.require(actor, Action.SCRIPT_DECIDE)
    if stage_lost not in STAGE_TEXT or cause not in CAUSE_TEXT:
        raise FieldRefused("Choose where and why the script was lost.", field="stage")
    records.close_case(
        session,
        case_id,
        reason=reason,
        actor=actor.person_id,
        now=context.now,
        numbers=numbers,
        text=text,
        sheets=sheets,
        stage_lost=stage_lost,
        cause=cause,
    )
    audit.record(
        session, context, Action.SCRIPT_CASE_CLOSE, "script_case", case_id, reason=reason, scripts=len(numbers)
    )


def reopen(session: Session, context: Context, case_id: str, text: str) -> None:
    """Open a closed case again, for a reason."""
    permitted(session, context, Action.SCRIPT_CASE_CLOSE, case_id)
    records.reopen(session, case_id, text=text, actor=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "script_case.reopen", "script_case", case_id)
