"""Acts on practice centres: an exams officer begins one of their own, goes back to the real one, wipes it.

What is made is of a number that no real centre has, so the person who makes it, at a real centre, could not write it: the
service does so itself, for a moment (``scoping.widening``), and only what ``repository.practice`` writes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import is_practice
from moderation.tables import Centre
from moderation.working_days import Nation
from repository import access, audit
from repository.access import Action, Role
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import NotFound
from repository.practice import making, wiping
from repository.scoping.widening import widened
from repository.services import Services
from repository.tables import Assignment, PracticeCentre

BY = "practice"
"""Who gives the role in a practice centre: the service. A person gives themself no role, here neither."""


@dataclass(frozen=True, slots=True)
class Mine:
    """A person's practice centre: its number, since when, and when it is wiped by itself."""

    centre_number: str
    assignment_id: str
    home_assignment_id: str
    made_at: datetime
    ends_at: datetime
    is_inside: bool


def mine(session: Session, context: Context) -> Mine | None:
    """Return the practice centre of the person who asks, None if there is none."""
    access.require_role(context.actor, Action.PRACTICE)
    row = _standing(session, actor_of(context).person_id)
    return None if row is None else _view(row, context)


def begin(session: Session, context: Context, seed: str, days: int) -> str:
    """Make a practice centre for the exams officer who asks, or find the one there is; returns the role to go on under.

    Takes: ``seed``, from which its number, candidates and marks are drawn; ``days`` after which it is wiped by itself.
    Raises: ``NotFound`` for anybody else; ``PracticeFull``.
    """
    access.require_role(context.actor, Action.PRACTICE)
    actor = actor_of(context)
    standing = _standing(session, actor.person_id)
    if standing is not None:
        return standing.assignment_id
    if actor.is_in_practice:
        raise NotFound
    home = session.get(Centre, actor.centre_number)
    nation = Nation(home.nation) if home is not None else Nation.ENGLAND
    with widened(session, "makes the rows of a practice centre, which are of no centre that its maker is at"):
        number, series_key = making.new_place(session, seed, context.now)
        making.make(session, number, series_key, nation, seed, context.now)
        role = Assignment(
            person_id=actor.person_id,
            role=Role.EXAMS_OFFICER,
            centre_number=number,
            valid_from=context.now,
            granted_by=BY,
        )
        session.add(role)
        session.flush()
        session.add(
            PracticeCentre(
                centre_number=number,
                series_key=series_key,
                person_id=actor.person_id,
                home_assignment_id=actor.assignment_id,
                assignment_id=role.id,
                made_at=context.now,
                ends_at=context.now + timedelta(days=days),
            )
        )
        session.flush()
        session.expire_all()
    audit.record(session, context, "practice.begin", "practice_centre", number, series=series_key)
    return role.id


def home_of(session: Session, context: Context) -> str:
    """Return the role at the real centre that the person goes back to; raises ``NotFound`` outside of practice."""
    access.require_role(context.actor, Action.PRACTICE)
    actor = actor_of(context)
    row = session.get(PracticeCentre, actor.centre_number)
    if row is None or row.person_id != actor.person_id:
        raise NotFound
    return row.home_assignment_id


def wipe(session: Session, context: Context) -> list[str]:
    """Wipe the practice centre of the person who asks; returns the names in the store that are to be deleted then.

    Raises: ``NotFound`` when there is none.
    """
    access.require_role(context.actor, Action.PRACTICE)
    row = _standing(session, actor_of(context).person_id)
    if row is None:
        raise NotFound
    return _wipe(session, context, row)


async def wipe_ended(services: Services, context: Context) -> int:
    """Wipe the practice centres whose days are over; returns how many."""

    def work(session: Session) -> tuple[int, list[str]]:
        rows = session.scalars(
            select(PracticeCentre).where(PracticeCentre.wiped_at.is_(None), PracticeCentre.ends_at <= context.now)
        ).all()
        numbers = [row.centre_number for row in rows]
        keys: list[str] = []
        for number in numbers:
            keys += _wipe(session, context, session.get_one(PracticeCentre, number))
        return len(numbers), keys

    wiped, keys = await services.database.write(work)
    await discard(services, keys)
    return wiped


async def discard(services: Services, keys: list[str]) -> None:
    """Delete the objects of a practice centre that is wiped. What cannot be deleted now, the collector takes."""
    if keys:
        await asyncio.to_thread(services.vault.discard, keys)


def _standing(session: Session, person_id: str) -> PracticeCentre | None:
    return session.scalars(
        select(PracticeCentre)
        .where(PracticeCentre.person_id == person_id, PracticeCentre.wiped_at.is_(None))
        .order_by(PracticeCentre.made_at.desc())
        .limit(1)
    ).first()


def _wipe(session: Session, context: Context, row: PracticeCentre) -> list[str]:
    number, series_key = row.centre_number, row.series_key
    if not is_practice(number):
        raise NotFound
    with widened(session, "wipes a practice centre: every row that names it or hangs on it"):
        keys = wiping.wipe(session, number, series_key)
        kept = session.get_one(PracticeCentre, number)
        kept.wiped_at = context.now
        role = session.get_one(Assignment, kept.assignment_id)
        role.valid_to, role.ended_by = context.now, BY
        session.flush()
        session.expire_all()
    audit.record(session, context, "practice.wipe", "practice_centre", number, objects=len(keys))
    return keys


def _view(row: PracticeCentre, context: Context) -> Mine:
    inside = actor_of(context).centre_number == row.centre_number
    return Mine(row.centre_number, row.assignment_id, row.home_assignment_id, row.made_at, row.ends_at, inside)
