"""Mail as records: queued in the transaction of the act, claimed by one sender at a time, never queued twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository.audit import Context
from repository.mail import contacts, letters
from repository.mail.letters import LETTERS, Facts
from repository.mail.queueing import CLAIM, DAILY_LIMIT, FAILED, GIVE_UP_AFTER, State, is_address, next_try
from repository.mail.tables import MailMessage
from repository.tables import CareMark, new_id

MARK = "mail"
REPLY_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process is to send now. ``attempts`` tells this claim from others."""

    id: str
    to_address: str
    letter: str
    facts: Mapping[str, Any]
    receipt_ids: tuple[str, ...]
    message_id: str
    created_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What officers see of the queue. ``trouble`` is what the mail server last failed at, None while it answers."""

    is_on: bool
    counts: Mapping[State, int]
    oldest_queued_at: datetime | None
    trouble: str | None
    trouble_since: datetime | None


def set_sent_here(session: Session, is_on: bool, now: datetime) -> None:
    """Note whether this service sends mail: said at its start by the process that does, or would."""
    row = session.get(CareMark, MARK)
    if row is None:
        session.add(CareMark(name=MARK, facts={"on": is_on}, changed_at=now))
    elif row.facts.get("on") != is_on:
        row.facts, row.changed_at = {"on": is_on}, now
    session.flush()


def is_sent_here(session: Session) -> bool:
    """Return whether this service sends mail at all."""
    row = session.get(CareMark, MARK)
    return row is not None and bool(row.facts.get("on"))


def enqueue(
    session: Session,
    context: Context,
    to: str | None,
    letter: str,
    facts: Facts,
    *,
    key: str | None = None,
    centre_number: str | None = None,
    receipt_ids: Sequence[str] = (),
    wait: timedelta = timedelta(0),
) -> bool:
    """Queue a letter to one address, in the caller's transaction; returns whether it was.

    It is not where the service sends no mail, where there is no address, or where ``key`` was queued before. An address
    that is none is kept as refused, for a person to see, and never stops an act.

    Takes: ``facts``, those that the letter takes and no others; ``key``, what it is about, given where an act could be
    repeated; ``wait``, how long it stays open for more.
    Raises: ``ValueError`` for an unknown letter or other facts, which is a mistake in the code.
    """
    letters.check(letter, facts)
    if not to or not is_sent_here(session):
        return False
    address = to.strip()
    if not LETTERS[letter].always and _sent_today(session, address, context.now) >= DAILY_LIMIT:
        letter, facts, centre_number, receipt_ids = "more-notices", {}, None, ()
        key = f"more:{_short(address)}:{context.now:%Y-%m-%d}"
    elif key is not None:
        key = f"{key}:{_short(address)}"
    if key is not None and session.scalars(select(MailMessage.id).where(MailMessage.key == key)).first():
        return False
    good = is_address(address)
    row = MailMessage(
        id=(message_id := new_id()),
        key=key or message_id,
        to_address=address if good else "",
        centre_number=centre_number,
        letter=letter,
        facts=dict(facts),
        receipt_ids=list(receipt_ids),
        state=State.QUEUED if good else State.REFUSED,
        attempts=0,
        created_at=context.now,
        available_at=context.now + wait,
        finished_at=None if good else context.now,
        last_reply=None if good else "The address is not one that mail can be sent to.",
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False  # another transaction queued the same at the same time
    return True


def tell_centre(
    session: Session, context: Context, centre_number: str, kind: str, letter: str, facts: Facts, *, key: str
) -> int:
    """Queue a letter to every contact of a centre for one kind of notice; returns how many."""
    if not is_sent_here(session):
        return 0
    return sum(
        enqueue(session, context, address, letter, facts, key=key, centre_number=centre_number)
        for address in contacts.addresses_for(session, context, centre_number, kind)
    )


def _sent_today(session: Session, address: str, now: datetime) -> int:
    """Count the notices of a day; those that always go do not count."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    counted = [name for name, letter in LETTERS.items() if not letter.always]
    return session.scalars(
        select(func.count())
        .select_from(MailMessage)
        .where(MailMessage.to_address == address, MailMessage.created_at >= day, MailMessage.letter.in_(counted))
    ).one()


def _short(address: str) -> str:
    return hashlib.sha256(address.lower().encode()).hexdigest()[:24]


# Sending


def is_due(session: Session, now: datetime) -> bool:
    """Return whether a message waits to be sent."""
    return session.scalars(select(MailMessage.id).where(_due(now)).limit(1)).first() is not None


def _due(now: datetime) -> Any:
    queued = (MailMessage.state == State.QUEUED) & (MailMessage.available_at <= now)
    left = (MailMessage.state == State.SENDING) & (MailMessage.claimed_until <= now)
    return or_(queued, left)


def claim(session: Session, now: datetime, domain: str) -> Claimed | None:
    """Claim the message that has waited longest, or return None. ``domain`` ends the Message-ID that it gets once."""
    row = session.scalars(
        select(MailMessage)
        .where(_due(now))
        .order_by(MailMessage.available_at, MailMessage.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    row.state, row.claimed_until = State.SENDING, now + CLAIM
    row.attempts += 1
    row.message_id = row.message_id or f"<{row.id}@{domain}>"
    session.flush()
    return Claimed(
        row.id,
        row.to_address,
        row.letter,
        row.facts,
        tuple(row.receipt_ids),
        row.message_id,
        row.created_at,
        row.attempts,
    )


def note_sent(session: Session, claimed: Claimed, now: datetime, reply: str) -> None:
    """Note that the server took a message: it is not sent again."""
    _settle(session, claimed, state=State.SENT, finished_at=now, last_reply=reply[:REPLY_LIMIT])
    if LETTERS[claimed.letter].forgets:
        session.execute(update(MailMessage).where(MailMessage.id == claimed.id).values(facts={}))


def note_refused(session: Session, claimed: Claimed, now: datetime, reply: str) -> None:
    """Note that the receiving side will never take a message."""
    _settle(session, claimed, state=State.REFUSED, finished_at=now, last_reply=reply[:REPLY_LIMIT])


def note_put_off(session: Session, claimed: Claimed, now: datetime, reply: str) -> None:
    """Note that the receiving side does not take a message now; after five days it is given up."""
    if now - claimed.created_at >= GIVE_UP_AFTER:
        _settle(session, claimed, state=State.GIVEN_UP, finished_at=now, last_reply=reply[:REPLY_LIMIT])
        return
    later = next_try(claimed.attempts, now)
    _settle(session, claimed, state=State.QUEUED, available_at=later, last_reply=reply[:REPLY_LIMIT])


def give_back(session: Session, claimed: Claimed, available_at: datetime) -> None:
    """Give a message back that could not be tried: the server is away, or its receipt is not complete yet."""
    _settle(session, claimed, state=State.QUEUED, available_at=available_at, attempts=claimed.attempts - 1)


def note_server(session: Session, trouble: str | None, now: datetime) -> None:
    """Note that the mail server does not answer as it should, since when; or that it does again."""
    row = session.get(CareMark, MARK, with_for_update=True)
    if row is None or row.facts.get("trouble") == trouble:
        return
    facts: dict[str, Any] = {"on": row.facts.get("on", True)}
    if trouble is not None:
        facts |= {"trouble": trouble[:REPLY_LIMIT], "since": row.facts.get("since") or now.isoformat()}
    row.facts, row.changed_at = facts, now


def _settle(session: Session, claimed: Claimed, **values: object) -> None:
    """Move a message on; whoever's claim ran out moves nothing, but that the server took it is always noted."""
    query = update(MailMessage).where(MailMessage.id == claimed.id, MailMessage.state != State.SENT)
    if values["state"] != State.SENT:
        query = query.where(MailMessage.state == State.SENDING, MailMessage.attempts == claimed.attempts)
    session.execute(query.values(claimed_until=None, **values))


# For officers


def figures(session: Session) -> Figures:
    """Return how the queue stands."""
    row = session.get(CareMark, MARK)
    facts = row.facts if row else {}
    rows = session.execute(select(MailMessage.state, func.count()).group_by(MailMessage.state))
    counts = {row[0]: row[1] for row in rows}
    oldest = session.scalars(select(func.min(MailMessage.created_at)).where(MailMessage.state == State.QUEUED)).one()
    since = facts.get("since")
    return Figures(
        bool(facts.get("on")),
        {state: counts.get(state.value, 0) for state in State},
        oldest,
        facts.get("trouble"),
        datetime.fromisoformat(since) if since else None,
    )


def failed(session: Session, centre_number: str | None, limit: int) -> Sequence[MailMessage]:
    """Return the messages that will not arrive, newest first; of one centre, or of all."""
    query = (
        select(MailMessage).where(MailMessage.state.in_(FAILED)).order_by(MailMessage.finished_at.desc()).limit(limit)
    )
    if centre_number is not None:
        query = query.where(MailMessage.centre_number == centre_number)
    return session.scalars(query).all()


def try_again(session: Session, message_id: str, centre_number: str | None, now: datetime) -> bool:
    """Queue a failed message again, as if it were new; returns False where there is none such."""
    query = update(MailMessage).where(
        MailMessage.id == message_id, MailMessage.state.in_(FAILED), MailMessage.to_address != ""
    )
    if centre_number is not None:
        query = query.where(MailMessage.centre_number == centre_number)
    done = session.execute(
        query.values(
            state=State.QUEUED, attempts=0, created_at=now, available_at=now, finished_at=None, last_reply=None
        ).returning(MailMessage.id)
    )
    return done.first() is not None
