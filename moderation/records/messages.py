"""Conversations about a case as rows: only added to; who has read how far is kept for each person."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import MessageRefused, StaleVersion, ThreadMissing, UnknownSampleItem
from moderation.messages import Party, ThreadKind, Written, is_for, may_pass_to, unread
from moderation.records.cases import case_of
from moderation.records.teams import principals_of
from moderation.tables import (
    Allocation,
    Candidate,
    Message,
    ModerationCase,
    SampleItem,
    TeamMember,
    Thread,
    ThreadReading,
    new_id,
)


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message."""

    number: int
    body: str
    addressed_to: str
    written_by: str
    written_as: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A conversation as one person sees it; ``unread`` messages are new to them."""

    thread_id: str
    case_id: str
    component_code: str
    centre_number: str
    item_id: str | None
    candidate_number: str | None
    kind: ThreadKind
    subject: str
    opened_by: str
    opened_at: datetime
    messages: tuple[MessageView, ...]
    unread: int
    is_for_me: bool
    """Whether it was addressed to the person's kind, or they wrote in it; others of the case may read it too."""

    @property
    def last_at(self) -> datetime:
        """Return when the last message was written."""
        return self.messages[-1].written_at if self.messages else self.opened_at


def open_thread(
    session: Session,
    case_id: str,
    *,
    item_id: str | None,
    kind: ThreadKind,
    subject: str,
    body: str,
    addressed_to: str,
    person_id: str,
    party: Party,
    now: datetime,
) -> str:
    """Begin a conversation about a case or one work of it; returns its id.

    Raises: ``MessageRefused`` for somebody whom the person cannot address; ``UnknownSampleItem`` for another case's work.
    """
    case = case_of(session, case_id)
    if item_id is not None:
        item = session.get(SampleItem, item_id)
        if item is None or item.case_id != case_id:
            raise UnknownSampleItem(item_id=item_id)
    if addressed_to not in may_pass_to(kind, party, present_parties(session, case)):
        raise MessageRefused("Choose from the list who the message is for.", field="addressed_to")
    row = Thread(
        id=new_id(),
        case_id=case_id,
        sample_item_id=item_id,
        kind=kind.value,
        subject=subject.strip()[:120],
        opened_by=person_id,
        opened_at=now,
    )
    session.add(row)
    session.flush()
    _write(session, row.id, 1, body, addressed_to, person_id, party, now)
    return row.id


def reply(
    session: Session,
    thread_id: str,
    *,
    body: str,
    addressed_to: str = "",
    person_id: str,
    party: Party,
    now: datetime,
    expected_number: int | None = None,
) -> int:
    """Add a message to a conversation, and pass it on where ``addressed_to`` says to whom; returns its number.

    The same words by the same person as the last message are that message, sent twice.
    Raises: ``ThreadMissing``; ``MessageRefused``; ``StaleVersion`` when somebody wrote at the same moment.
    """
    row = _thread(session, thread_id)
    last = session.scalars(
        select(Message).where(Message.thread_id == thread_id).order_by(Message.number.desc()).limit(1)
    ).one()
    if (last.written_by, last.body, last.addressed_to) == (person_id, body.strip(), addressed_to):
        return last.number
    if expected_number is not None and expected_number != last.number:
        raise StaleVersion(
            "Somebody wrote while you were writing. Read it above; what you wrote is still in the box.",
            expected=expected_number,
            found=last.number,
            field="body",
        )
    kind = ThreadKind(row.kind)
    present = present_parties(session, case_of(session, row.case_id))
    if addressed_to and addressed_to not in may_pass_to(kind, party, present):
        raise MessageRefused("Choose from the list who the message is for.", field="addressed_to")
    if kind is ThreadKind.CENTRE and not addressed_to:
        addressed_to = may_pass_to(kind, party, present)[0].value
    _write(session, thread_id, last.number + 1, body, addressed_to, person_id, party, now)
    return last.number + 1


def mark_read(session: Session, thread_id: str, person_id: str, number: int, now: datetime) -> None:
    """Note that a person has read a conversation up to a message; it never goes back."""
    row = session.get(ThreadReading, (thread_id, person_id))
    if row is None:
        session.add(ThreadReading(thread_id=thread_id, person_id=person_id, number=number, read_at=now))
    elif row.number < number:
        row.number, row.read_at = number, now
    session.flush()


def threads_of(
    session: Session,
    person_id: str,
    party: str,
    *,
    case_ids: Collection[str] | None = None,
    thread_ids: Collection[str] | None = None,
) -> list[ThreadView]:
    """Return the conversations that a person can see, latest first: of some cases, some of them, or every one."""
    query = (
        select(Thread, ModerationCase, Candidate.candidate_number)
        .join(ModerationCase, ModerationCase.id == Thread.case_id)
        .outerjoin(SampleItem, SampleItem.id == Thread.sample_item_id)
        .outerjoin(Candidate, Candidate.id == SampleItem.candidate_id)
    )
    if case_ids is not None:
        query = query.where(Thread.case_id.in_(case_ids))
    if thread_ids is not None:
        query = query.where(Thread.id.in_(thread_ids))
    rows = session.execute(query).all()
    ids = [row[0].id for row in rows]
    messages: dict[str, list[Message]] = {}
    for one in session.scalars(select(Message).where(Message.thread_id.in_(ids)).order_by(Message.number)):
        messages.setdefault(one.thread_id, []).append(one)
    read_to: dict[str, int] = {
        row[0]: row[1]
        for row in session.execute(
            select(ThreadReading.thread_id, ThreadReading.number).where(
                ThreadReading.thread_id.in_(ids), ThreadReading.person_id == person_id
            )
        )
    }
    views = []
    for row, case, number in rows:
        own = messages.get(row.id, [])
        written = [Written(one.number, one.written_by, one.addressed_to) for one in own]
        views.append(
            ThreadView(
                row.id,
                row.case_id,
                case.component_code,
                case.centre_number,
                row.sample_item_id,
                number,
                ThreadKind(row.kind),
                row.subject,
                row.opened_by,
                row.opened_at,
                tuple(
                    MessageView(one.number, one.body, one.addressed_to, one.written_by, one.written_as, one.written_at)
                    for one in own
                ),
                unread(written, person_id, party, read_to.get(row.id, 0)),
                is_for(written, person_id, party),
            )
        )
    return sorted(views, key=lambda view: (view.last_at, view.thread_id), reverse=True)


def thread_of(session: Session, thread_id: str, person_id: str, party: str) -> ThreadView:
    """Return one conversation; raises ``ThreadMissing``."""
    found = threads_of(session, person_id, party, thread_ids=[thread_id])
    if not found:
        raise ThreadMissing
    return found[0]


def unread_by_case(session: Session, person_id: str, party: str) -> dict[str, int]:
    """Return how many messages are new to a person, by case; cases without any are left out."""
    found: dict[str, int] = {}
    for view in threads_of(session, person_id, party):
        if view.unread:
            found[view.case_id] = found.get(view.case_id, 0) + view.unread
    return found


def present_parties(session: Session, case: ModerationCase) -> frozenset[Party]:
    """Return the parties that somebody holds for a case; officers and the centre are always there."""
    moderators = select(Allocation.person_id).where(
        Allocation.series_key == case.series_key,
        Allocation.component_code == case.component_code,
        Allocation.centre_number == case.centre_number,
        Allocation.act == "MODERATE",
    )
    led = select(func.count()).where(
        TeamMember.series_key == case.series_key,
        TeamMember.component_code == case.component_code,
        TeamMember.person_id.in_(moderators),
    )
    found = {Party.AB_OFFICER, Party.EXAMS_OFFICER}
    if session.scalars(moderators.limit(1)).first() is not None:
        found.add(Party.MODERATOR)
    if session.scalars(led).one():
        found.add(Party.TEAM_LEADER)
    if case.component_code in principals_of(session, case.series_key):
        found.add(Party.PRINCIPAL_MODERATOR)
    return frozenset(found)


def _thread(session: Session, thread_id: str) -> Thread:
    row = session.get(Thread, thread_id)
    if row is None:
        raise ThreadMissing
    return row


def _write(
    session: Session,
    thread_id: str,
    number: int,
    body: str,
    addressed_to: str,
    person_id: str,
    party: Party,
    now: datetime,
) -> None:
    if not body.strip():
        raise MessageRefused("Write the message.", field="body")
    session.add(
        Message(
            thread_id=thread_id,
            number=number,
            body=body.strip(),
            addressed_to=addressed_to,
            written_by=person_id,
            written_as=party.value,
            written_at=now,
        )
    )
    try:
        session.flush()
    except IntegrityError:
        raise StaleVersion("Somebody wrote at the same moment. Read it, then send yours again.") from None
    mark_read(session, thread_id, person_id, number, now)
