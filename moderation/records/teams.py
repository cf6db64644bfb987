"""Teams: who leads which moderators in a component, and who answers for the component as principal moderator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from moderation.errors import TeamRefused, UnknownComponent
from moderation.records.independence import holds_for
from moderation.records.marking import MODERATE
from moderation.tables import Allocation, Component, ModerationCase, PrincipalModerator, Team, TeamMember, new_id


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team in a component: its leader and its moderators."""

    team_id: str
    series_key: str
    component_code: str
    leader_id: str
    member_ids: tuple[str, ...]


def set_team(
    session: Session, *, series_key: str, component_code: str, leader_id: str, member_ids: Sequence[str]
) -> TeamView:
    """Put moderators into a leader's team in a component; those who were in another team of the component leave it.

    Whoever of the leader's team is not named leaves it too.
    Raises: ``TeamRefused`` when the leader is among the members; ``UnknownComponent``.
    """
    if session.get(Component, (series_key, component_code)) is None:
        raise UnknownComponent(component_code=component_code)
    if leader_id in member_ids:
        raise TeamRefused("Nobody can be a moderator of their own team.")
    team = session.scalars(
        select(Team).where(
            Team.series_key == series_key, Team.component_code == component_code, Team.leader_id == leader_id
        )
    ).one_or_none()
    if team is None:
        team = Team(id=new_id(), series_key=series_key, component_code=component_code, leader_id=leader_id)
        session.add(team)
        session.flush()
    present = session.scalars(
        select(TeamMember).where(TeamMember.series_key == series_key, TeamMember.component_code == component_code)
    ).all()
    for row in present:
        if row.person_id in member_ids or row.team_id == team.id:
            session.delete(row)
    session.flush()
    session.add_all(
        TeamMember(
            series_key=series_key,
            component_code=component_code,
            person_id=person_id,
            leader_id=leader_id,
            team_id=team.id,
        )
        for person_id in dict.fromkeys(member_ids)
    )
    session.flush()
    return TeamView(team.id, series_key, component_code, leader_id, tuple(dict.fromkeys(member_ids)))


def set_principal(session: Session, *, series_key: str, component_code: str, person_id: str) -> None:
    """Name the principal moderator of a component, who replaces the one before; raises ``UnknownComponent``."""
    if session.get(Component, (series_key, component_code)) is None:
        raise UnknownComponent(component_code=component_code)
    rows = session.scalars(
        select(PrincipalModerator).where(
            PrincipalModerator.series_key == series_key, PrincipalModerator.component_code == component_code
        )
    ).all()
    for row in rows:
        if row.person_id != person_id:
            session.delete(row)
    if person_id not in {row.person_id for row in rows}:
        session.add(PrincipalModerator(series_key=series_key, component_code=component_code, person_id=person_id))
    session.flush()


def teams_of(session: Session, series_key: str) -> list[TeamView]:
    """Return the teams of a series by component and leader; empty teams too."""
    members: dict[str, list[str]] = {}
    rows = session.scalars(select(TeamMember).where(TeamMember.series_key == series_key).order_by(TeamMember.person_id))
    for row in rows:
        members.setdefault(row.team_id, []).append(row.person_id)
    teams = session.scalars(
        select(Team).where(Team.series_key == series_key).order_by(Team.component_code, Team.leader_id)
    )
    return [
        TeamView(one.id, one.series_key, one.component_code, one.leader_id, tuple(members.get(one.id, ())))
        for one in teams
    ]


def principals_of(session: Session, series_key: str) -> dict[str, str]:
    """Return component → principal moderator of a series."""
    rows = session.execute(
        select(PrincipalModerator.component_code, PrincipalModerator.person_id).where(
            PrincipalModerator.series_key == series_key
        )
    )
    return {code: person_id for code, person_id in rows}  # noqa: C416


def leads(session: Session, leader_id: str, case: ModerationCase, now: datetime) -> bool:
    """Say whether a case is moderated by somebody of the leader's team, under an allocation open now."""
    return session.scalars(_led(leader_id, now).where(ModerationCase.id == case.id)).first() is not None


def is_principal(session: Session, person_id: str, case: ModerationCase) -> bool:
    """Say whether the person answers for the component of a case."""
    return session.get(PrincipalModerator, (case.series_key, case.component_code, person_id)) is not None


def led_case_ids(session: Session, leader_id: str, now: datetime) -> list[str]:
    """Return the cases moderated by the leader's team now, those of centres that the leader has a tie to left out."""
    return list(session.scalars(_led(leader_id, now).distinct()))


def principal_case_ids(session: Session, person_id: str, now: datetime | None = None) -> list[str]:
    """Return the cases of every component that the person answers for.

    Takes: ``now``, to leave out the cases of centres that the person has a tie to then.
    """
    tied = () if now is None else (~holds_for(person_id, ModerationCase.centre_number, ModerationCase.series_key, now),)
    return list(
        session.scalars(
            select(ModerationCase.id)
            .join(
                PrincipalModerator,
                (PrincipalModerator.series_key == ModerationCase.series_key)
                & (PrincipalModerator.component_code == ModerationCase.component_code),
            )
            .where(PrincipalModerator.person_id == person_id, *tied)
        )
    )


def _led(leader_id: str, now: datetime) -> Select[str]:
    mine = exists().where(
        TeamMember.leader_id == leader_id,
        TeamMember.series_key == ModerationCase.series_key,
        TeamMember.component_code == ModerationCase.component_code,
        TeamMember.person_id == Allocation.person_id,
    )
    return (
        select(ModerationCase.id)
        .join(
            Allocation,
            (Allocation.series_key == ModerationCase.series_key)
            & (Allocation.component_code == ModerationCase.component_code)
            & (Allocation.centre_number == ModerationCase.centre_number),
        )
        .where(
            Allocation.act == MODERATE,
            mine,
            ~holds_for(leader_id, ModerationCase.centre_number, ModerationCase.series_key, now),
            or_(Allocation.opens_at.is_(None), Allocation.opens_at <= now),
            or_(Allocation.closes_at.is_(None), Allocation.closes_at > now),
        )
    )
