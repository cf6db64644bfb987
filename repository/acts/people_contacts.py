"""Acts on notification contacts: exams officers keep those of their centre, officers of the awarding body read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.orm import Session

from repository import access, audit, contacts
from repository.access import Action, Actor
from repository.acts.cases import actor_of
from repository.acts.people_roles import email_address
from repository.audit import Context
from repository.contacts import Contact, NoticeKind
from repository.errors import FieldRefused, NotFound
from repository.mail import records as mail
from repository.sign_in import paired_links
from repository.sign_in.paired_links import Wrong

OFFICE_LIMIT = 100


def listed(session: Session, context: Context, centre_number: str | None = None) -> tuple[Contact, ...]:
    """Return the contacts of the own centre; to officers those of the centre they name, none without a name."""
    actor = actor_of(context)
    centre = actor.centre_number or centre_number
    access.require(actor, Action.CONTACTS_READ, centre_number=centre)
    return tuple(contacts.of_centre(session, centre)) if centre else ()


def add(
    session: Session,
    context: Context,
    new_token: Callable[[], str],
    *,
    office: str,
    email: str,
    kinds: Sequence[str],
) -> tuple[Contact, bool]:
    """Add a contact of the own centre and mail it a code; returns it, and whether the mail was queued.

    Raises: ``NotFound``; ``FieldRefused``.
    """
    centre = _own_centre(context)
    office = " ".join(office.split())
    if not office or len(office) > OFFICE_LIMIT or not office.isprintable():
        raise FieldRefused(f"Enter the name of the office, in {OFFICE_LIMIT} characters or fewer.", field="office")
    code = paired_links.new_secrets(new_token).code
    made = contacts.add(
        session,
        centre,
        office=office,
        email=email_address(email),
        kinds=notice_kinds(kinds),
        code=code,
        now=context.now,
    )
    audit.record(session, context, "contact.added", "contact", made.contact_id, kinds=len(made.kinds))
    return made, _mail(session, context, made, code)


def send_again(session: Session, context: Context, contact_id: str, new_token: Callable[[], str]) -> bool:
    """Mail a contact a new code; returns whether the mail was queued. Raises ``NotFound``, ``FieldRefused``."""
    code = paired_links.new_secrets(new_token).code
    row = contacts.new_code(session, _own_centre(context), contact_id, code)
    audit.record(session, context, "contact.code_sent", "contact", contact_id)
    return _mail(session, context, row, code)


def verify(session: Session, context: Context, contact_id: str, untrusted_code: str) -> Wrong | None:
    """Hold a code against the one that was mailed; what is returned is to be committed, then told."""
    code = paired_links.code_field(untrusted_code)
    wrong = contacts.verify(session, _own_centre(context), contact_id, code, context.now)
    outcome = "done" if wrong is None else "refused"
    audit.record(session, context, "contact.verified", "contact", contact_id, outcome=outcome)
    return wrong


def set_kinds(session: Session, context: Context, contact_id: str, kinds: Sequence[str]) -> None:
    """Say anew what a contact of the own centre is written about; raises ``NotFound``, ``FieldRefused``."""
    contacts.set_kinds(session, _own_centre(context), contact_id, notice_kinds(kinds))
    audit.record(session, context, "contact.changed", "contact", contact_id, kinds=len(kinds))


def remove(session: Session, context: Context, contact_id: str) -> None:
    """Remove a contact of the own centre; raises ``NotFound``."""
    contacts.remove(session, _own_centre(context), contact_id)
    audit.record(session, context, "contact.removed", "contact", contact_id)


def notice_kinds(untrusted: Sequence[str]) -> tuple[NoticeKind, ...]:
    """Return the kinds of notice that were chosen; raises ``FieldRefused`` for none, or one that is not there."""
    try:
        kinds = {NoticeKind(kind) for kind in untrusted}
    except ValueError as error:
        raise FieldRefused("Choose kinds of notice from the list.", field="kinds") from error
    if not kinds:
        raise FieldRefused("Choose at least one kind of notice.", field="kinds")
    return tuple(kind for kind in NoticeKind if kind in kinds)


def _own_centre(context: Context) -> str:
    actor: Actor = actor_of(context)
    access.require(actor, Action.CONTACTS_MANAGE, centre_number=actor.centre_number)
    if actor.centre_number is None:
        raise NotFound
    return actor.centre_number


def _mail(session: Session, context: Context, contact: Contact, code: str) -> bool:
    facts = {"code": f"{code[:4]} {code[4:]}", "centre_number": contact.centre_number}
    return mail.enqueue(session, context, contact.email, "contact-code", facts)
