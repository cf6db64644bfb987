"""The missing-script alarm: every day what has become worrying is found, and who must act is told, once for each stage."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.working_days import LONDON
from repository import audit, mail
from repository.access import Role
from repository.acts.script_calendars import centre_calendar, results_days
from repository.audit import Context
from repository.contacts import NoticeKind
from repository.database import Database
from repository.mail.letters import Facts
from repository.tables import Assignment
from scripts import records
from scripts.records import Raised, Reconciled
from scripts.tables import DeclaredMissing, Script, Sitting

MARK = "script-alarm"
EVERY = timedelta(days=1)
ADDED_UP_FOR = timedelta(days=60)
"""Sittings of so many days are added up every night. Source: project policy; a paper's scripts are indexed long before."""
TOGETHER = 500
LINES_LIMIT = 30


@dataclass(frozen=True, slots=True)
class Alarmed:
    """What one run did."""

    reconciled: Reconciled
    opened: int
    amber: int
    red: int
    answered: int
    located: int
    letters: int


async def alarm(database: Database, context: Context) -> Alarmed:
    """Add up the sittings of the last weeks, raise what is worrying, and tell the centres and who has the cases.

    Doing it again on the same day opens nothing twice and tells nobody twice.
    """
    since = context.now.astimezone(LONDON).date() - ADDED_UP_FOR
    reconciled = await reconcile_all(database, context, since=since)
    return await database.write(partial(_alarm, context=context, reconciled=reconciled))


async def reconcile_all(
    database: Database,
    context: Context,
    *,
    since: date | None = None,
    held_on: date | None = None,
    series_key: str | None = None,
) -> Reconciled:
    """Add up many sittings, some hundred in each transaction, so that nobody's writing waits for long."""
    ids = await database.read(lambda s: records.sittings_of_day(s, held_on=held_on, series_key=series_key, since=since))
    done = Reconciled()
    for start in range(0, len(ids), TOGETHER):
        part = ids[start : start + TOGETHER]
        done += await database.write_many(partial(_reconcile, context=context, ids=part))
    return done


def _reconcile(session: Session, *, context: Context, ids: Sequence[str]) -> Reconciled:
    done = records.reconcile_many(session, ids, now=context.now)
    audit.record(
        session, context, "sitting.reconcile", "care", MARK, sittings=len(ids), opened=done.opened, located=done.located
    )
    return done


def _alarm(session: Session, *, context: Context, reconciled: Reconciled) -> Alarmed:
    today = context.now.astimezone(LONDON).date()
    run = records.raise_alarms(
        session,
        today=today,
        now=context.now,
        calendar=centre_calendar(session),
        results_on=results_days(session),
    )
    letters = _tell(session, context, run.raised) + _tell_located(session, context)
    amber = sum(one.alarm == "amber" for one in run.raised)
    red = len(run.raised) - amber
    audit.record(session, context, "script_alarm.run", "care", MARK, opened=run.opened, amber=amber, red=red)
    located = len(run.located) + reconciled.located
    return Alarmed(reconciled, run.opened, amber, red, run.answered + reconciled.answered, located, letters)


def _tell(session: Session, context: Context, raised: Iterable[Raised]) -> int:
    """Tell each centre of its cases that rose, and who has them of theirs; each rise is told once."""
    by_centre: dict[str, list[Raised]] = defaultdict(list)
    by_owner: dict[str, list[Raised]] = defaultdict(list)
    holders: dict[str, list[str]] = {}
    for one in raised:
        by_centre[one.centre_number].append(one)
        if one.owner_role not in holders:
            holders[one.owner_role] = _holders(session, one.owner_role, context.now)
        for person_id in [one.owner] if one.owner else holders[one.owner_role]:
            by_owner[person_id].append(one)
    told = 0
    for centre_number, some in sorted(by_centre.items()):
        facts: Facts = {"centre_number": centre_number, "lines": _lines(some)}
        key = f"script-alarm:{centre_number}:{_digest(some)}"
        told += mail.tell_centre(session, context, centre_number, NoticeKind.DEADLINES, "script-alarm", facts, key=key)
    for person_id, some in sorted(by_owner.items()):
        facts = {"lines": _lines(some, with_centre=True)}
        key = f"script-alarm-owner:{person_id}:{_digest(some)}"
        told += mail.enqueue(
            session, context, mail.address_of(session, person_id), "script-alarm-owner", facts, key=key
        )
    return told


def _tell_located(session: Session, context: Context) -> int:
    """Tell everybody concerned that a script that was declared missing turned up; each is told once, by its key."""
    found = session.execute(
        select(DeclaredMissing, Sitting)
        .join(Script, Script.id == DeclaredMissing.script_id)
        .join(Sitting, Sitting.id == Script.sitting_id)
        .where(DeclaredMissing.located_at > context.now - 2 * EVERY)
    ).all()
    told = 0
    for declared, sitting in found:
        facts: Facts = {
            "component_code": sitting.component_code,
            "centre_number": sitting.centre_number,
            "case_id": declared.script_case_id,
        }
        key = f"script-located:{declared.id}"
        told += mail.tell_centre(
            session, context, sitting.centre_number, NoticeKind.DEADLINES, "script-located", facts, key=key
        )
        for role in (Role.TRACKING_CLERK, Role.AB_OFFICER):
            for person_id in _holders(session, role, context.now):
                address = mail.address_of(session, person_id)
                told += mail.enqueue(session, context, address, "script-located", facts, key=key)
    return told


def _holders(session: Session, role: str, now: datetime) -> list[str]:
    query = select(Assignment.person_id).where(
        Assignment.role == role,
        Assignment.valid_from <= now,
        or_(Assignment.valid_to.is_(None), Assignment.valid_to > now),
    )
    return sorted(session.scalars(query.distinct()))


def _lines(some: Sequence[Raised], *, with_centre: bool = False) -> list[str]:
    """Return one line for each component and day, with how many and how urgent; never whose."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for one in some:
        day = f"{one.held_on.day} {one.held_on:%B %Y}"
        place = f", centre {one.centre_number}" if with_centre else ""
        what = f"Component {one.component_code}, {day}{place}"
        counted[what, str(one.alarm)] += max(one.scripts, 1)
    lines = [
        f"{what}: {total} {'script' if total == 1 else 'scripts'} not here ({alarm})"
        for (what, alarm), total in sorted(counted.items(), key=lambda item: (item[0][1] != "red", item[0][0]))
    ]
    return lines if len(lines) <= LINES_LIMIT else [*lines[:LINES_LIMIT], f"and {len(lines) - LINES_LIMIT} more"]


def _digest(some: Iterable[Raised]) -> str:
    stages = ",".join(sorted(f"{one.case_id}:{one.alarm}" for one in some))
    return hashlib.sha256(stages.encode()).hexdigest()[:24]
