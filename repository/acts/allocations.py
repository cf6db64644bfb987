"""Acts on allocations: which moderator works on which component at which centre."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import UnknownCase
from moderation.independence import Permission, Reason
from moderation.records import independence, marking
from moderation.records.cases import CaseView, list_cases
from moderation.tables import Allocation
from repository import access, audit
from repository.access import ROLE_TITLES, Action, Role
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused
from repository.people import REAL_ROLES
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
        .where(Assignment.valid_from <= context.now, REAL_ROLES)
        .where((Assignment.valid_to.is_(None)) | (Assignment.valid_to > context.now))
        .order_by(Person.display_name)
    )
    found = [
        Colleague(person.id, person.display_name, Role(assignment.role), assignment.centre_number)
        for person, assignment in session.execute(query)
    ]
    return tuple(one for one in found if role is None or one.role is role)


def eligible(session: Session, context: Context, act: Permission) -> tuple[Colleague, ...]:
    """Return who holds a role for such work: moderators; for a review or an appeal those who watch over them as well."""
    roles = {Role.MODERATOR}
    if act is not Permission.MODERATE:
        roles |= {Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR}
    return tuple(one for one in people(session, context) if one.role in roles)


def allocate(
    session: Session,
    context: Context,
    person_id: str,
    series_key: str,
    component_code: str,
    centre_number: str,
    act: Permission = Permission.MODERATE,
) -> str:
    """Give a moderator the work of one component at one centre; returns the allocation's id.

    Takes: ``act``, what the person may do with it: moderate, review, or hear an appeal.
    Raises: ``FieldRefused`` for a person without a role for it; ``UnknownCase`` for a component that this centre has no
    entries for; ``NotIndependent`` with reasons.
    """
    access.require(actor_of(context), Action.ALLOCATION_WRITE)
    if person_id not in {one.person_id for one in eligible(session, context, act)}:
        raise FieldRefused("Choose a moderator from the list.", field="person_id")
    if not list_cases(session, series_key=series_key, component_code=component_code, centre_number=centre_number):
        raise UnknownCase("This centre has no entries for this component in this series.")
    marking.allocate(
        session,
        person_id=person_id,
        series_key=series_key,
        component_code=component_code,
        centre_number=centre_number,
        act=act.value,
        opens_at=context.now,
        granted_by=actor_of(context).person_id,
    )
    made = session.scalars(
        select(Allocation.id).where(
            Allocation.person_id == person_id,
            Allocation.series_key == series_key,
            Allocation.component_code == component_code,
            Allocation.centre_number == centre_number,
            Allocation.act == act.value,
        )
    ).first()
    audit.record(session, context, Action.ALLOCATION_WRITE, "allocation", made or "", person=person_id, act=act.value)
    return made or ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A person for one case: why they cannot be chosen, or nothing against them."""

    person: Colleague
    reasons: tuple[Reason, ...]


def choices(session: Session, context: Context, case_id: str, act: Permission) -> tuple[CaseView, tuple[Choice, ...]]:
    """Return a case and everybody who could be given it, those who cannot with the reasons; raises ``NotFound``."""
    case = permitted(session, context, Action.ALLOCATION_WRITE, case_id)
    everybody = {one.person_id: one for one in eligible(session, context, act)}
    place = {
        "series_key": case.series_key,
        "component_code": case.component_code,
        "centre_number": case.centre_number,
    }
    barred = independence.barred(session, list(everybody), act=act.value, now=context.now, **place)
    return case, tuple(Choice(one, barred.get(one.person_id, ())) for one in everybody.values())


def allocations_of(session: Session, context: Context, case_id: str) -> tuple[tuple[str, Allocation], ...]:
    """Return who was given a case, with their names, oldest first."""
    case = permitted(session, context, Action.ALLOCATION_WRITE, case_id)
    rows = session.execute(
        select(Person.display_name, Allocation)
        .join(Person, Person.id == Allocation.person_id)
        .where(
            Allocation.series_key == case.series_key,
            Allocation.component_code == case.component_code,
            Allocation.centre_number == case.centre_number,
        )
        .order_by(Allocation.act, Allocation.granted_at, Allocation.id)
    )
    return tuple((name, row) for name, row in rows)


def moderators_of(session: Session, series_key: str, now: datetime | None = None) -> dict[tuple[str, str], str]:
    """Return who moderates what in a series: (component, centre) → name; with ``now``, only who may at that instant."""
    query = (
        select(Allocation.component_code, Allocation.centre_number, Person.display_name)
        .join(Person, Person.id == Allocation.person_id)
        .where(Allocation.series_key == series_key, Allocation.act == Permission.MODERATE.value)
    )
    if now is not None:
        query = query.where(Allocation.closes_at.is_(None) | (Allocation.closes_at > now))
    rows = session.execute(query)
    return {(row[0], row[1]): row[2] for row in rows}
