"""Notification contacts of a centre: the offices that notices go to by e-mail, so that none hangs on one person.

An address counts once a code that was mailed to it came back: that shows that mail arrives, and nothing else. A contact
is never a way to sign in.

Source: users of other services, "the message goes to one person or to junk": several contacts, each for kinds of notice.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.errors import FieldRefused, NotFound
from repository.sign_in.paired_links import CODE_TRIES, Wrong, mac_of
from repository.sign_in.people_tables import NotificationContact
from repository.tables import new_id

CONTACTS_LIMIT = 20
"""So many contacts has a centre at most. Project policy."""


class NoticeKind(StrEnum):
    """What a contact is written about."""

    DEADLINES = "deadlines"
    SAMPLES = "samples"
    RECEIPTS = "receipts"
    RESULTS = "results"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Contact:
    """A notification contact of a centre."""

    contact_id: str
    centre_number: str
    office: str
    email: str
    kinds: tuple[NoticeKind, ...]
    added_at: datetime
    verified_at: datetime | None
    tries_left: int


def contacts_for(session: Session, centre_number: str, kind: str) -> tuple[str, ...]:
    """Return the addresses of a centre for one kind of notice: those at which mail was seen to arrive."""
    found = {one.email for one in of_centre(session, centre_number) if one.verified_at and kind in one.kinds}
    return tuple(sorted(found))


def of_centre(session: Session, centre_number: str) -> Sequence[Contact]:
    """Return every contact of a centre, by office."""
    return [
        _view(row)
        for row in session.scalars(
            select(NotificationContact)
            .where(NotificationContact.centre_number == centre_number)
            .order_by(NotificationContact.office, NotificationContact.id)
        )
    ]


def has_any(session: Session, centre_number: str) -> bool:
    """Return whether a centre has a contact at which mail was seen to arrive."""
    query = select(NotificationContact.id).where(
        NotificationContact.centre_number == centre_number, NotificationContact.verified_at.is_not(None)
    )
    return session.scalars(query.limit(1)).first() is not None


def add(
    session: Session,
    centre_number: str,
    *,
    office: str,
    email: str,
    kinds: Sequence[NoticeKind],
    code: str,
    now: datetime,
) -> Contact:
    """Add a contact that waits for its code; raises ``FieldRefused`` for one that is there already, or one too many."""
    there = of_centre(session, centre_number)
    if any(one.email.casefold() == email.casefold() for one in there):
        raise FieldRefused("This address is a contact of your centre already.", field="email")
    if len(there) >= CONTACTS_LIMIT:
        raise FieldRefused(f"A centre has {CONTACTS_LIMIT} contacts at most. Remove one first.", field="email")
    contact_id = new_id()
    row = NotificationContact(
        id=contact_id,
        centre_number=centre_number,
        office=office,
        email=email,
        kinds=[kind.value for kind in kinds],
        code_mac=mac_of(contact_id, code),
        failed_codes=0,
        added_at=now,
    )
    session.add(row)
    session.flush()
    return _view(row)


def new_code(session: Session, centre_number: str, contact_id: str, code: str) -> Contact:
    """Give a contact that waits a new code, with fresh tries; raises ``NotFound``."""
    row = _of(session, centre_number, contact_id)
    if row.verified_at is not None:
        raise FieldRefused("Mail is known to arrive at this address.", field="code")
    row.code_mac, row.failed_codes = mac_of(row.id, code), 0
    session.flush()
    return _view(row)


def verify(session: Session, centre_number: str, contact_id: str, code: str, now: datetime) -> Wrong | None:
    """Hold a code against the one that was mailed; returns what is left when it is wrong, which is to be committed.

    Raises: ``NotFound``; ``FieldRefused`` after too many wrong codes.
    """
    row = _of(session, centre_number, contact_id)
    if row.verified_at is not None:
        return None
    if row.failed_codes >= CODE_TRIES:
        raise FieldRefused("A wrong code was entered too often. Send a new one.", field="code")
    if not hmac.compare_digest(row.code_mac, mac_of(row.id, code)):
        row.failed_codes += 1
        return Wrong(CODE_TRIES - row.failed_codes)
    row.verified_at = now
    return None


def set_kinds(session: Session, centre_number: str, contact_id: str, kinds: Sequence[NoticeKind]) -> None:
    """Say anew what a contact is written about; raises ``NotFound``."""
    _of(session, centre_number, contact_id).kinds = [kind.value for kind in kinds]
    session.flush()


def remove(session: Session, centre_number: str, contact_id: str) -> None:
    """Remove a contact; raises ``NotFound``."""
    session.delete(_of(session, centre_number, contact_id))
    session.flush()


def _of(session: Session, centre_number: str, contact_id: str) -> NotificationContact:
    row = session.get(NotificationContact, contact_id, with_for_update=True)
    if row is None or row.centre_number != centre_number:
        raise NotFound
    return row


def _view(row: NotificationContact) -> Contact:
    return Contact(
        row.id,
        row.centre_number,
        row.office,
        row.email,
        tuple(NoticeKind(kind) for kind in row.kinds),
        row.added_at,
        row.verified_at,
        CODE_TRIES - row.failed_codes,
    )
