"""Acts on teams: which moderators a team leader watches over, and who is principal moderator of a component."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records import teams as records
from moderation.records.teams import TeamView
from moderation.tables import Allocation, Component
from repository import access, audit, people
from repository.access import Action, Role
from repository.acts import allocations
from repository.acts.allocations import Colleague
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused


@dataclass(frozen=True, slots=True)
class TeamsPage:
    """The teams of a series and the people who can be in them."""

    series_key: str
    components: tuple[tuple[str, str], ...]
    """Moderated components: code and title."""
    teams: tuple[TeamView, ...]
    principals: Mapping[str, str]
    moderators: tuple[Colleague, ...]
    leaders: tuple[Colleague, ...]
    principal_people: tuple[Colleague, ...]
    without_team: Mapping[str, tuple[str, ...]]
    """Component → moderators with work there who are in no team."""
    names: Mapping[str, str]


def page(session: Session, context: Context, series_key: str) -> TeamsPage:
    """Return the teams of a series."""
    access.require(actor_of(context), Action.TEAM_READ)
    components = session.execute(
        select(Component.component_code, Component.title)
        .where(Component.series_key == series_key, Component.teacher_marks.is_(True))
        .order_by(Component.component_code)
    ).all()
    found = tuple(records.teams_of(session, series_key))
    principals = records.principals_of(session, series_key)
    in_team = {(one.component_code, person) for one in found for person in one.member_ids}
    without: dict[str, list[str]] = {}
    working = session.execute(
        select(Allocation.component_code, Allocation.person_id)
        .where(Allocation.series_key == series_key, Allocation.act == "MODERATE")
        .distinct()
        .order_by(Allocation.component_code, Allocation.person_id)
    )
    for code, person_id in working:
        if (code, person_id) not in in_team:
            without.setdefault(code, []).append(person_id)
    named = {person for _, person in in_team} | {one.leader_id for one in found} | set(principals.values())
    return TeamsPage(
        series_key,
        tuple((code, title) for code, title in components),
        found,
        principals,
        allocations.people(session, context, Role.MODERATOR),
        allocations.people(session, context, Role.TEAM_LEADER),
        allocations.people(session, context, Role.PRINCIPAL_MODERATOR),
        {code: tuple(ids) for code, ids in without.items()},
        people.names_of(session, named | {person for ids in without.values() for person in ids}),
    )


def set_team(
    session: Session, context: Context, series_key: str, component_code: str, leader_id: str, member_ids: Sequence[str]
) -> TeamView:
    """Put moderators into a leader's team in a component; raises ``FieldRefused`` for people without the role."""
    access.require(actor_of(context), Action.TEAM_WRITE)
    if leader_id not in {one.person_id for one in allocations.people(session, context, Role.TEAM_LEADER)}:
        raise FieldRefused("Choose a team leader from the list.", field="leader_id")
    if set(member_ids) - {one.person_id for one in allocations.people(session, context, Role.MODERATOR)}:
        raise FieldRefused("Choose moderators from the list.", field="member_ids")
    made = records.set_team(
        session, series_key=series_key, component_code=component_code, leader_id=leader_id, member_ids=member_ids
    )
    audit.record(session, context, Action.TEAM_WRITE, "team", made.team_id, leader=leader_id, members=len(member_ids))
    return made


def set_principal(session: Session, context: Context, series_key: str, component_code: str, person_id: str) -> None:
    """Name the principal moderator of a component; raises ``FieldRefused`` for a person without the role."""
    access.require(actor_of(context), Action.TEAM_WRITE)
    if person_id not in {one.person_id for one in allocations.people(session, context, Role.PRINCIPAL_MODERATOR)}:
        raise FieldRefused("Choose a principal moderator from the list.", field="person_id")
    records.set_principal(session, series_key=series_key, component_code=component_code, person_id=person_id)
    audit.record(
        session, context, Action.TEAM_WRITE, "component", component_code, series=series_key, principal=person_id
    )
