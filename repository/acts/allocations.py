"""Acts on allocations: which moderator works on which component at which centre."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records import marking
from moderation.tables import Allocation
from repository import access, audit
from repository.access import ROLE_TITLES, Action, Role
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused
from repository.tables import Assignment, Person


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person with a role, as an officer chooses them from a list."""

    person_id: str
    name: str
    role: Role
    centre_number: str | None

    @property
    def role_title(self) -> str:
        """Return the role in plain words."""
        return ROLE_TITLES[self.role]


def people(session: Session, context: Context, role: Role | None = None) -> tuple[Colleague, ...]:
    """Return people who hold a role now."""
    access.require(actor_of(context), Action.ALLOCATION_WRITE)
    query = (
        select(Person, Assignment)
        .join(Assignment, Assignment.person_id == Person.id)
        .where(Assignment.valid_from <= context.now)
        .where((Assignment.valid_to.is_(None)) | (Assignment.valid_to > context.now))
        .order_by(Person.display_name)
    )
    found = [
        Colleague(person.id, person.display_name, Role(assignment.role), assignment.centre_number)
        for person, assignment in session.execute(query)
    ]
    return tuple(one for one in found if role is None or one.role is role)


def allocate(
    session: Session, context: Context, person_id: str, series_key: str, component_code: str, centre_number: str
) -> str:
    """Give a moderator the work of one component at one centre; returns the allocation's id.

    Raises: ``FieldRefused`` for a person who is not a moderator; errors of moderation for an unknown component or
    centre.
    """
    access.require(actor_of(context), Action.ALLOCATION_WRITE)
    if person_id not in {one.person_id for one in people(session, context, Role.MODERATOR)}:
        raise FieldRefused("Choose a moderator from the list.", field="person_id")
    marking.allocate(
        session,
        person_id=person_id,
        series_key=series_key,
        component_code=component_code,
        centre_number=centre_number,
        opens_at=context.now,
    )
    made = session.scalars(
        select(Allocation.id).where(
            Allocation.person_id == person_id,
            Allocation.series_key == series_key,
            Allocation.component_code == component_code,
            Allocation.centre_number == centre_number,
        )
    ).first()
    audit.record(session, context, Action.ALLOCATION_WRITE, "allocation", made or "", person=person_id)
    return made or ""


def moderators_of(session: Session, series_key: str) -> dict[tuple[str, str], str]:
    """Return who moderates what in a series: (component, centre) → name."""
    rows = session.execute(
        select(Allocation.component_code, Allocation.centre_number, Person.display_name)
        .join(Person, Person.id == Allocation.person_id)
        .where(Allocation.series_key == series_key)
    )
    return {(row[0], row[1]): row[2] for row in rows}
