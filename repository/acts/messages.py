"""Acts on messages about a case: among those who moderate it, and of officers with its centre. Only ever added to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.errors import ThreadMissing
from moderation.messages import Party, ThreadKind, may_pass_to
from moderation.records import messages as records
from moderation.records.cases import CaseView, case_of
from moderation.records.messages import ThreadView
from moderation.records.samples import sample_item_of
from repository import audit, blinding, people
from repository.access import ROLE_TITLES, Action, Actor, Role
from repository.acts import standardisation_marks
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused, NotFound


@dataclass(frozen=True, slots=True)
class ThreadsPage:
    """The conversations about a case that a person can see, and whom they can write to."""

    case: CaseView
    threads: tuple[ThreadView, ...]
    addressees: Mapping[ThreadKind, tuple[Party, ...]]
    item_id: str | None
    candidate_number: str | None
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """One conversation, and to whom it can be passed on."""

    case: CaseView
    thread: ThreadView
    pass_to: tuple[Party, ...]
    names: Mapping[str, str]
    """Person id → who that is to the reader: a name within the awarding body, to a centre an office."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """A person's conversations: those with something new first; others of their cases last."""

    new: tuple[ThreadView, ...]
    mine: tuple[ThreadView, ...]
    others: tuple[ThreadView, ...]


def inbox(session: Session, context: Context) -> Inbox:
    """Return every conversation that a person can see."""
    actor = actor_of(context)
    every = records.threads_of(session, actor.person_id, actor.role.value)
    shown = [_masked(session, context, one) for one in every]
    return Inbox(
        tuple(one for one in shown if one.unread),
        tuple(one for one in shown if one.is_for_me and not one.unread),
        tuple(one for one in shown if not one.is_for_me),
    )


def unread_of(session: Session, context: Context) -> tuple[ThreadView, ...]:
    """Return the conversations in which something is new to a person, for their home page."""
    actor = actor_of(context)
    return tuple(one for one in records.threads_of(session, actor.person_id, actor.role.value) if one.unread)


def page(session: Session, context: Context, case_id: str, item_id: str | None = None) -> ThreadsPage:
    """Return the conversations about a case; ``item_id`` narrows a new one to a work of it."""
    case = permitted(session, context, Action.MESSAGE_READ, case_id)
    actor = actor_of(context)
    number = None
    if item_id is not None and standardisation_marks.words_about(session, context, case_id, item_id) is not None:
        item_id = None  # a seed is talked about as the case is
    if item_id is not None:
        item = sample_item_of(session, item_id)
        if item.case_id != case_id:
            raise NotFound
        number = blinding.mask(session, context, case_id, item).candidate_number
    threads = records.threads_of(session, actor.person_id, actor.role.value, case_ids=[case_id])
    return ThreadsPage(
        case,
        tuple(_masked(session, context, one) for one in threads),
        addressees(session, context, case_id),
        item_id,
        number,
        _names(session, actor, threads),
    )


def addressees(session: Session, context: Context, case_id: str) -> Mapping[ThreadKind, tuple[Party, ...]]:
    """Return whom a person can begin a conversation with about a case they may see, by its kind."""
    actor = actor_of(context)
    party = Party(actor.role.value)
    present = records.present_parties(session, case_of(session, case_id))
    kinds = {ThreadKind.CENTRE} if party is Party.EXAMS_OFFICER else {ThreadKind.DESK}
    if party is Party.AB_OFFICER:
        kinds.add(ThreadKind.CENTRE)
    return {kind: may_pass_to(kind, party, present) for kind in sorted(kinds, reverse=True)}


def start(
    session: Session,
    context: Context,
    case_id: str,
    *,
    item_id: str | None,
    addressed_to: str,
    subject: str,
    body: str,
) -> str:
    """Begin a conversation; returns its id. To whom it is says of which kind it is.

    Raises: ``FieldRefused`` for somebody whom this person cannot address: a moderator never writes to a centre.
    """
    permitted(session, context, Action.MESSAGE_WRITE, case_id)
    actor = actor_of(context)
    offered = addressees(session, context, case_id)
    kind = next((kind for kind, parties in offered.items() if addressed_to in parties), None)
    if kind is None:
        raise FieldRefused("Choose from the list who the message is for.", field="addressed_to")
    made = records.open_thread(
        session,
        case_id,
        item_id=item_id if kind is ThreadKind.DESK else None,
        kind=kind,
        subject=subject,
        body=body,
        addressed_to=addressed_to,
        person_id=actor.person_id,
        party=Party(actor.role.value),
        now=context.now,
    )
    audit.record(session, context, Action.MESSAGE_WRITE, "thread", made, case=case_id, kind=kind.value)
    return made


def read(session: Session, context: Context, thread_id: str) -> ThreadPage:
    """Return one conversation, which is read with that; the look is recorded. Raises ``NotFound``."""
    case, thread = _found(session, context, Action.MESSAGE_READ, thread_id)
    actor = actor_of(context)
    party = Party(actor.role.value)
    last = thread.messages[-1].number if thread.messages else 0
    records.mark_read(session, thread_id, actor.person_id, last, context.now)
    audit.record(session, context, Action.MESSAGE_READ, "thread", thread_id)
    present = records.present_parties(session, case_of(session, case.case_id))
    offered = may_pass_to(thread.kind, party, present) if thread.kind is ThreadKind.DESK else ()
    return ThreadPage(case, _masked(session, context, thread), offered, _names(session, actor, [thread]))


def reply(
    session: Session, context: Context, thread_id: str, *, body: str, addressed_to: str, expected_number: int | None
) -> int:
    """Add a message, and pass the conversation on where ``addressed_to`` says to whom; returns its number."""
    case, _ = _found(session, context, Action.MESSAGE_WRITE, thread_id)
    actor = actor_of(context)
    number = records.reply(
        session,
        thread_id,
        body=body,
        addressed_to=addressed_to,
        person_id=actor.person_id,
        party=Party(actor.role.value),
        now=context.now,
        expected_number=expected_number,
    )
    audit.record(session, context, Action.MESSAGE_WRITE, "thread", thread_id, case=case.case_id, number=number)
    return number


def _found(session: Session, context: Context, action: Action, thread_id: str) -> tuple[CaseView, ThreadView]:
    actor = actor_of(context)
    try:
        thread = records.thread_of(session, thread_id, actor.person_id, actor.role.value)
    except ThreadMissing as error:
        raise NotFound from error
    return permitted(session, context, action, thread.case_id), thread


def _masked(session: Session, context: Context, thread: ThreadView) -> ThreadView:
    return blinding.mask(session, context, thread.case_id, thread)


def _names(session: Session, actor: Actor, threads: list[ThreadView]) -> Mapping[str, str]:
    """Return who wrote, in words for the reader: a centre reads an office, and so does who reads a centre's message."""
    written = {one.written_by: Role(one.written_as) for thread in threads for one in thread.messages}
    names = people.names_of(session, set(written))
    is_centre = actor.role is Role.EXAMS_OFFICER
    return {
        person_id: f"{names.get(person_id, 'A person who has left')}, {ROLE_TITLES[role].lower()}"
        if not is_centre or person_id == actor.person_id or role is Role.EXAMS_OFFICER
        else ROLE_TITLES[role]
        for person_id, role in written.items()
    }
