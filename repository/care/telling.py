"""Telling centres by mail what was asked of them and what is ready: samples, more work, results, what is due.

It looks once a minute at what has happened since it last looked, so that a whole series that is drawn or released at
once delays nobody. What it finds again it does not tell again: each notice has a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.records.outstanding import Outstanding, inbox
from moderation.tables import (
    Candidate,
    ModerationCase,
    Reminder,
    ResultVersion,
    ResultWithdrawal,
    Sample,
    SampleItem,
    WorkRequest,
)
from moderation.tracking import Subject
from repository import mail
from repository.audit import Context
from repository.care import telling_of_messages
from repository.contacts import NoticeKind
from repository.mail.letters import Facts
from repository.mail.tables import MailMessage
from repository.services import Services
from repository.tables import CareMark, new_id

MARK = "notices"
AGAIN = timedelta(hours=1)
"""It looks back so far each time, as what happened then may have been committed only now."""
TOGETHER = 100
"""Notices of so many centres are queued in one transaction."""
LINES_LIMIT = 30
LONDON = ZoneInfo("Europe/London")
SENT_BY_CENTRES = (SubmissionMode.UPLOAD, SubmissionMode.POSTAL)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell a centre."""

    key: str
    centre_number: str
    kind: NoticeKind
    letter: str
    facts: Facts = field(default_factory=dict)


async def tell(services: Services) -> int:
    """Queue mail about what happened since this was last done; returns how many messages. Nothing where mail is off."""
    now = services.clock()
    since = await services.database.write(lambda session: _since(session, now))
    if since is None:
        return 0
    notices = await services.database.read(lambda session: _found(session, since - AGAIN, now))
    context = Context(None, now, new_id(), origin="care")
    queued = 0
    for start in range(0, len(notices), TOGETHER):
        part = notices[start : start + TOGETHER]
        queued += await services.database.write(partial(_queue, context=context, notices=part))
    centres = await services.database.read(lambda session: _reminded(session, since - timedelta(days=3)))
    for start in range(0, len(centres), TOGETHER):
        some = centres[start : start + TOGETHER]
        queued += await services.database.write(partial(_digests, context=context, centres=some))
    people = await services.database.read(lambda session: telling_of_messages.concerned(session, since - AGAIN, now))
    if people:
        queued += await services.database.write(lambda session: telling_of_messages.tell(session, context, people))
    await services.database.write(lambda session: _note(session, now))
    return queued


def _since(session: Session, now: datetime) -> datetime | None:
    """Return when this was last done; the first time, and while mail is off, nothing from before is told."""
    row = session.get(CareMark, MARK)
    if not mail.is_sent_here(session):
        if row is not None:
            session.delete(row)
        return None
    if row is None:
        session.add(CareMark(name=MARK, facts={}, changed_at=now))
        return None
    return row.changed_at


def _note(session: Session, now: datetime) -> None:
    row = session.get(CareMark, MARK, with_for_update=True)
    if row is not None:
        row.changed_at = now


def _found(session: Session, since: datetime, now: datetime) -> list[Notice]:
    # Whoever was told has a message whose key begins with the notice's.
    told = {
        key.rpartition(":")[0]
        for key in session.scalars(select(MailMessage.key).where(MailMessage.created_at > since - AGAIN))
    }
    found = [*_samples(session, since, now), *_more_work(session, since, now), *_results(session, since, now)]
    return [one for one in found if one.key not in told]


def _samples(session: Session, since: datetime, now: datetime) -> Iterable[Notice]:
    rows = session.execute(
        select(ModerationCase, Sample.due_at)
        .join(Sample, Sample.id == ModerationCase.sample_id)
        .where(
            Sample.requested_at > since,
            Sample.requested_at <= now,
            ModerationCase.submission_mode.in_(SENT_BY_CENTRES),
        )
    )
    for case, due_at in rows:
        key = f"sample:{case.sample_id}:{case.id}"
        yield Notice(key, case.centre_number, NoticeKind.SAMPLES, "sample-requested", _work_facts(case, due_at))


def _more_work(session: Session, since: datetime, now: datetime) -> Iterable[Notice]:
    rows = session.execute(
        select(ModerationCase, WorkRequest.id, WorkRequest.due_at)
        .distinct()
        .join(SampleItem, SampleItem.case_id == ModerationCase.id)
        .join(WorkRequest, WorkRequest.id == SampleItem.request_id)
        .where(
            WorkRequest.requested_at > since,
            WorkRequest.requested_at <= now,
            ModerationCase.submission_mode.in_(SENT_BY_CENTRES),
        )
    )
    for case, request_id, due_at in rows:
        key = f"more:{request_id}:{case.id}"
        yield Notice(key, case.centre_number, NoticeKind.SAMPLES, "more-work-requested", _work_facts(case, due_at))


def _results(session: Session, since: datetime, now: datetime) -> Iterable[Notice]:
    """Results are told of when centres may read them, not when they were released under embargo."""
    versions = session.scalars(
        select(ResultVersion).where(
            ResultVersion.restricted_at > since,
            ResultVersion.restricted_at <= now,
            ~select(ResultWithdrawal.version_id).where(ResultWithdrawal.version_id == ResultVersion.id).exists(),
        )
    ).all()
    for version in versions:
        centres = session.scalars(
            select(Candidate.centre_number).where(Candidate.series_key == version.series_key).distinct()
        )
        for number in centres:
            facts = {"series": Series.from_key(version.series_key).title, "centre_number": number}
            yield Notice(f"results:{version.id}:{number}", number, NoticeKind.RESULTS, "results-released", facts)


def _queue(session: Session, *, context: Context, notices: Sequence[Notice]) -> int:
    return sum(
        mail.tell_centre(session, context, one.centre_number, one.kind, one.letter, one.facts, key=one.key)
        for one in notices
    )


# Reminders: one message a day to a contact at most, with everything that is due


def _reminded(session: Session, since: datetime) -> list[str]:
    """Return the centres with a reminder newer than the newest message about reminders."""
    made = session.execute(
        select(ModerationCase.centre_number, func.max(Reminder.made_at))
        .join(ModerationCase, ModerationCase.id == Reminder.case_id)
        .where(Reminder.made_at > since)
        .group_by(ModerationCase.centre_number)
    ).all()
    told = {
        row[0]: row[1]
        for row in session.execute(
            select(MailMessage.centre_number, func.max(MailMessage.created_at))
            .where(MailMessage.letter == "reminders", MailMessage.created_at > since)
            .group_by(MailMessage.centre_number)
        )
    }
    return [row[0] for row in made if row[0] not in told or told[row[0]] < row[1]]


def _digests(session: Session, *, context: Context, centres: Sequence[str]) -> int:
    queued = 0
    day = context.now.astimezone(LONDON).date()
    for number in centres:
        lines = [_line(one, context.now) for one, _ in inbox(session, number)]
        if len(lines) > LINES_LIMIT:
            lines = [*lines[:LINES_LIMIT], f"and {len(lines) - LINES_LIMIT} more"]
        if lines:
            facts: Facts = {"centre_number": number, "lines": lines}
            key = f"reminders:{number}:{day}"
            queued += mail.tell_centre(session, context, number, NoticeKind.DEADLINES, "reminders", facts, key=key)
    return queued


def _line(one: Outstanding, now: datetime) -> str:
    what = "Marks" if one.subject is Subject.MARKS else "Sample"
    if one.due_at is None:
        return f"{what} of component {one.component_code}"
    return f"{what} of component {one.component_code}, {'was due' if one.is_late(now) else 'due'} {_day(one.due_at)}"


def _work_facts(case: ModerationCase, due_at: datetime) -> Facts:
    return {
        "component_code": case.component_code,
        "series": Series.from_key(case.series_key).title,
        "centre_number": case.centre_number,
        "due": _day(due_at),
        "case_id": case.id,
    }


def _day(at: datetime) -> str:
    local = at.astimezone(LONDON)
    return f"{local:%A} {local.day} {local:%B %Y}, {local:%H:%M}"
