"""Telling people by mail, once a day at most, that messages wait for them in the service; never what they say."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.messages import Party, ThreadKind, Written, unread
from moderation.records.independence import holds_for
from moderation.tables import (
    Allocation,
    Message,
    ModerationCase,
    PrincipalModerator,
    TeamMember,
    Thread,
    ThreadReading,
)
from repository import mail
from repository.access import Role
from repository.audit import Context
from repository.tables import Assignment

LONDON = ZoneInfo("Europe/London")


def concerned(session: Session, since: datetime, now: datetime) -> list[tuple[str, str]]:
    """Return (person, centre or nothing) of everybody to whom a message written since is new."""
    threads = session.execute(
        select(Thread, ModerationCase)
        .join(ModerationCase, ModerationCase.id == Thread.case_id)
        .where(Thread.id.in_(select(Message.thread_id).where(Message.written_at > since)))
    ).all()
    found: set[tuple[str, str]] = set()
    for thread, case in threads:
        messages = [
            Written(one.number, one.written_by, one.addressed_to)
            for one in session.scalars(select(Message).where(Message.thread_id == thread.id).order_by(Message.number))
        ]
        read_to = {
            row.person_id: row.number
            for row in session.scalars(select(ThreadReading).where(ThreadReading.thread_id == thread.id))
        }
        for person_id, party in _readers(session, ThreadKind(thread.kind), case, now):
            if unread(messages, person_id, party, read_to.get(person_id, 0)):
                found.add((person_id, case.centre_number if party == Party.EXAMS_OFFICER else ""))
    return sorted(found)


def tell(session: Session, context: Context, people: list[tuple[str, str]]) -> int:
    """Queue one letter a day to each; returns how many were queued."""
    day = context.now.astimezone(LONDON).date()
    queued = 0
    for person_id, centre_number in people:
        address = mail.address_of(session, person_id)
        key = f"messages:{person_id}:{day}"
        if address and mail.enqueue(
            session, context, address, "messages", {}, key=key, centre_number=centre_number or None
        ):
            queued += 1
    return queued


def _readers(session: Session, kind: ThreadKind, case: ModerationCase, now: datetime) -> set[tuple[str, str]]:
    """Return who can see a conversation, each as what: those of the case who have no tie to its centre."""
    place = (case.series_key, case.component_code)
    if kind is ThreadKind.CENTRE:
        return {
            (one, Party.EXAMS_OFFICER) for one in _holders(session, Role.EXAMS_OFFICER, now, case.centre_number)
        } | {(one, Party.AB_OFFICER) for one in _holders(session, Role.AB_OFFICER, now)}
    moderators = set(
        session.scalars(
            select(Allocation.person_id).where(
                Allocation.series_key == place[0],
                Allocation.component_code == place[1],
                Allocation.centre_number == case.centre_number,
                Allocation.act == "MODERATE",
                or_(Allocation.opens_at.is_(None), Allocation.opens_at <= now),
                or_(Allocation.closes_at.is_(None), Allocation.closes_at > now),
            )
        )
    )
    leaders = session.scalars(
        select(TeamMember.leader_id).where(
            TeamMember.series_key == place[0],
            TeamMember.component_code == place[1],
            TeamMember.person_id.in_(moderators),
        )
    )
    principals = session.scalars(
        select(PrincipalModerator.person_id).where(
            PrincipalModerator.series_key == place[0], PrincipalModerator.component_code == place[1]
        )
    )
    readers = {(one, Party.MODERATOR.value) for one in moderators}
    readers |= {(one, Party.TEAM_LEADER.value) for one in leaders}
    readers |= {(one, Party.PRINCIPAL_MODERATOR.value) for one in principals}
    free = {one for one in readers if not _is_tied(session, one[0], case, now)}
    return free | {(one, Party.AB_OFFICER.value) for one in _holders(session, Role.AB_OFFICER, now)}


def _is_tied(session: Session, person_id: str, case: ModerationCase, now: datetime) -> bool:
    return bool(session.scalar(select(holds_for(person_id, case.centre_number, case.series_key, now))))


def _holders(session: Session, role: Role, now: datetime, centre_number: str | None = None) -> list[str]:
    query = select(Assignment.person_id).where(
        Assignment.role == role,
        Assignment.valid_from <= now,
        or_(Assignment.valid_to.is_(None), Assignment.valid_to > now),
    )
    if centre_number is not None:
        query = query.where(Assignment.centre_number == centre_number)
    return list(session.scalars(query.distinct()))
