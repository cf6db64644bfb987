"""Issuing a receipt: signed, kept, recorded and mailed in the transaction of the act that it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import Series, is_practice
from moderation.tables import Centre, Component
from repository import audit, mail
from repository.access import ROLE_TITLES, Actor, Role
from repository.audit import Context
from repository.mail.tables import MailMessage
from repository.receipts.bodies import LOCAL_ZONE, By, Missing, Place, body, sha256_hex
from repository.receipts.checking import ISSUED
from repository.receipts.kinds import SENTENCES, ReceiptKind
from repository.receipts.signing import Signer
from repository.tables import Assignment, Person, ReceiptProof, ReceiptRow, new_id

GATHERED = frozenset({ReceiptKind.LATE_FILE, ReceiptKind.DOCUMENT_WITHDRAWN, ReceiptKind.FILES_MOVED})
"""Of these many may come at once, so their mail waits a while and carries all that came meanwhile."""
GATHERING = timedelta(minutes=10)
GATHER_LOCK = 0x6E656172
"""PostgreSQL's advisory locks of gathered mail, a number of our own: the bytes of "near"."""
NOT_MAILED = frozenset({ReceiptKind.CUSTODY})
"""Whoever asks for one has it before them, and may ask often."""
CONTACTS = "receipts"
"""The kind of contact of a centre that is written to."""
PROOF_FOLLOWS = timedelta(seconds=2)
"""So long mail waits before it asks for the proof, which takes about a second."""


@dataclass(frozen=True, slots=True)
class About:
    """What a receipt is about: a case, or a sitting of an examination, at its place."""

    place: Place
    case_id: str | None
    sitting_id: str | None


def about(
    session: Session,
    *,
    series_key: str,
    component_code: str,
    centre_number: str,
    case_id: str | None = None,
    sitting_id: str | None = None,
) -> About:
    """Return what a receipt is about, with the titles that people know."""
    component = session.get(Component, (series_key, component_code))
    centre = session.get(Centre, centre_number)
    place = Place(
        series_key,
        Series.from_key(series_key).title,
        component_code,
        component.title if component else "",
        centre_number,
        centre.name if centre else "",
    )
    return About(place, case_id, sitting_id)


def by_actor(actor: Actor) -> By:
    """Return who acts, as a receipt says it."""
    return By(actor.person_id, actor.name, actor.role.value, actor.role_title)


def by_assignment(session: Session, person_id: str, assignment_id: str | None) -> By:
    """Return who acted some time ago, under which role."""
    person = session.get_one(Person, person_id)
    assignment = session.get(Assignment, assignment_id) if assignment_id else None
    role = assignment.role if assignment else ""
    return By(person_id, person.display_name, role, ROLE_TITLES[Role(role)] if role else "")


def issue(
    session: Session,
    context: Context,
    signer: Signer,
    kind: ReceiptKind,
    what: About,
    by: By,
    content: Mapping[str, object],
    *,
    missing: Sequence[Missing] = (),
    marks: bytes | None = None,
    receipt_id: str | None = None,
) -> str:
    """Sign and keep a receipt, record it, and queue the mail about it, all in the caller's transaction; returns its id.

    Takes: ``content``, what only this kind says; ``marks``, the text that the content commits to by its hash;
    ``receipt_id``, where that text had to name the receipt already.
    """
    receipt_id = receipt_id or new_id()
    signed = body(
        kind,
        receipt_id,
        context.now,
        what.place,
        by,
        content,
        missing=missing,
        public_key_hex=signer.public_key_hex,
    )
    session.add(
        ReceiptRow(
            id=receipt_id,
            centre_number=what.place.centre_number,
            case_id=what.case_id,
            sitting_id=what.sitting_id,
            kind=kind,
            body=signed,
            signature=signer.sign(signed),
            enclosure=marks,
            issued_at=context.now,
        )
    )
    session.flush()
    event_id = audit.record(session, context, ISSUED, "receipt", receipt_id, sha256=sha256_hex(signed), kind=kind.value)
    session.add(ReceiptProof(receipt_id=receipt_id, event_id=event_id))
    session.flush()
    _mail(session, context, kind, what, by, receipt_id)
    return receipt_id


def newest_of(session: Session, case_id: str, kind: ReceiptKind = ReceiptKind.SAMPLE_SUBMITTED) -> str | None:
    """Return the id of a case's newest receipt of a kind, or None."""
    return session.scalars(
        select(ReceiptRow.id)
        .where(ReceiptRow.case_id == case_id, ReceiptRow.kind == kind)
        .order_by(ReceiptRow.issued_at.desc())
        .limit(1)
    ).first()


# Mail


def _mail(session: Session, context: Context, kind: ReceiptKind, what: About, by: By, receipt_id: str) -> None:
    if kind in NOT_MAILED or not mail.is_sent_here(session) or is_practice(what.place.centre_number):
        return
    addresses = set(mail.addresses_for(session, context, what.place.centre_number, CONTACTS))
    if own := mail.address_of(session, by.person):
        addresses.add(own)
    for address in sorted(addresses):
        if kind in GATHERED and what.case_id is not None:
            _gather(session, context, address, kind, what, receipt_id)
            continue
        mail.enqueue(
            session,
            context,
            address,
            "receipt",
            _place_facts(what) | {"what": SENTENCES[kind], "when": _when(context.now), "receipt_id": receipt_id},
            key=f"receipt:{receipt_id}",
            centre_number=what.place.centre_number,
            receipt_ids=[receipt_id],
            wait=PROOF_FOLLOWS,
        )


def _gather(session: Session, context: Context, address: str, kind: ReceiptKind, what: About, receipt_id: str) -> None:
    """Put a receipt into the message to this address that still waits, or begin one.

    Of two transactions at once the second waits for the first, so that they begin one message, not two.
    """
    if session.get_bind().dialect.name == "postgresql":  # on SQLite whoever writes is the only one
        of_address = func.hashtext(f"{address} {what.case_id}")
        session.execute(select(func.pg_advisory_xact_lock(GATHER_LOCK, of_address)))
    line = f"{SENTENCES[kind]} {_when(context.now)}, receipt {receipt_id}"
    waiting = session.scalars(
        select(MailMessage)
        .where(
            MailMessage.to_address == address,
            MailMessage.letter == "receipts",
            MailMessage.state == "queued",
            MailMessage.attempts == 0,
            MailMessage.available_at > context.now,
            MailMessage.centre_number == what.place.centre_number,
        )
        .with_for_update()
    )
    for message in waiting:
        if message.facts["case_id"] == what.case_id:
            message.facts = message.facts | {"lines": [*message.facts["lines"], line]}
            message.receipt_ids = [*message.receipt_ids, receipt_id]
            return
    mail.enqueue(
        session,
        context,
        address,
        "receipts",
        _place_facts(what) | {"lines": [line], "case_id": what.case_id or ""},
        key=f"receipts:{receipt_id}",
        centre_number=what.place.centre_number,
        receipt_ids=[receipt_id],
        wait=GATHERING,
    )


def _place_facts(what: About) -> dict[str, str | int | list[str]]:
    place = what.place
    return {
        "component_code": place.component,
        "series": place.series_title,
        "centre_number": place.centre_number,
    }


def _when(at: datetime) -> str:
    local = at.astimezone(ZoneInfo(LOCAL_ZONE))
    return f"{local.day} {local:%B %Y}, {local:%H:%M}"
