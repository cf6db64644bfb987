"""Acts on what a teacher teaches: given and taken by an exams officer of the same centre, from the next request on."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository import audit, teaching
from repository.access import Action, Role
from repository.acts.people_roles import manager_of, reached
from repository.audit import Context
from repository.errors import NotFound
from repository.tables import Assignment
from repository.teaching import Taught


def give(
    session: Session,
    context: Context,
    assignment_id: str,
    *,
    series_key: str | None,
    component_code: str | None,
    teaching_set: str | None,
) -> Taught:
    """Let a teacher of the own centre teach something more; raises ``NotFound``, ``FieldRefused``."""
    row = _teacher(session, context, assignment_id)
    made = teaching.give(
        session,
        row.id,
        row.centre_number or "",
        series_key=series_key,
        component_code=component_code,
        teaching_set=teaching_set,
    )
    audit.record(
        session,
        context,
        "teaching.given",
        "assignment",
        row.id,
        series=series_key,
        component=component_code,
        is_whole_centre=made.is_whole_centre,
    )
    return made


def take(session: Session, context: Context, assignment_id: str, teaching_id: str) -> None:
    """Take something away that a teacher of the own centre teaches; raises ``NotFound``."""
    row = _teacher(session, context, assignment_id)
    teaching.take(session, row.id, teaching_id)
    audit.record(session, context, "teaching.taken", "assignment", row.id)


def _teacher(session: Session, context: Context, assignment_id: str) -> Assignment:
    row = reached(session, manager_of(context, Action.PEOPLE_MANAGE_CENTRE), assignment_id)
    if Role(row.role) is not Role.TEACHER or (row.valid_to is not None and row.valid_to <= context.now):
        raise NotFound
    return row
