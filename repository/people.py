"""People, their assignments and their sign-ins, as records. Tokens are kept as hashes only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, or_, select, update
from sqlalchemy.orm import Session

from moderation.entries import PRACTICE_PREFIX
from moderation.records import independence, teams
from moderation.tables import Allocation, ModerationCase
from repository import audit
from repository.access import Action, Actor, Role, Scope, scope_of
from repository.audit import Context
from repository.errors import ClerkUnknown, OfficerUnknown, SignInRefused
from repository.sign_in.limits import Limits
from repository.sign_in.people_tables import Teaching
from repository.sign_in.tables import Account
from repository.tables import Assignment, Person, SignInLink, WebSession

REAL_ROLES = or_(Assignment.centre_number.is_(None), Assignment.centre_number.not_like(f"{PRACTICE_PREFIX}%"))
"""The roles that stand in lists: what somebody is in a practice centre stands in none."""
TOUCH_SECONDS = 60
"""A sign-in's last use is written at most this often, so that reading pages does not write on each request."""


@dataclass(frozen=True, slots=True)
class Found:
    """A live sign-in."""

    actor: Actor
    csrf_token: str
    notice: dict[str, Any] | None
    stale: bool
    account_id: str | None
    """None for a development sign-in of the rehearsal mode."""
    methods: frozenset[str]
    proved_at: datetime | None
    language: str | None
    """In which the person reads the pages, once chosen."""


def hash_token(token: str | bytes) -> bytes:
    """Return the SHA-256 of a 256-bit random token; such a secret needs no slow hash. A hash, as bytes, stays what it is."""
    if isinstance(token, bytes):
        return token
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def add_person(
    session: Session, name: str, role: Role, now: datetime, *, centre_number: str | None = None
) -> Assignment:
    """Add a person with one assignment that holds from now on; a teacher so added teaches the whole of the centre."""
    person = Person(display_name=name, created_at=now)
    session.add(person)
    session.flush()
    assignment = Assignment(person_id=person.id, role=role, centre_number=centre_number, valid_from=now)
    session.add(assignment)
    session.flush()
    if role is Role.TEACHER:
        session.add(Teaching(assignment_id=assignment.id))
        session.flush()
    return assignment


def officer_named(session: Session, words: str, now: datetime) -> Actor:
    """Return the awarding body officer of that person id or name, for commands run on the server itself.

    Raises: ``OfficerUnknown`` unless exactly one person of that id or name holds the role now.
    """
    found = _named(session, words, Role.AB_OFFICER, now)
    if len(found) > 1:
        raise OfficerUnknown("Several officers have that name; give the id of the person instead.")
    if not found:
        raise OfficerUnknown
    return found[0]


def clerk_named(session: Session, words: str, now: datetime) -> Actor:
    """Return the tracking clerk of that person id or name, under whose account the watch folder is taken in.

    Raises: ``ClerkUnknown`` unless exactly one person of that id or name holds the role now.
    """
    found = _named(session, words, Role.TRACKING_CLERK, now)
    if len(found) != 1:
        raise ClerkUnknown(clerk=words)
    return found[0]


def _named(session: Session, words: str, role: Role, now: datetime) -> list[Actor]:
    rows = session.execute(
        select(Assignment, Person)
        .join(Person, Person.id == Assignment.person_id)
        .where(Assignment.role == role, or_(Person.id == words, Person.display_name == words))
        .order_by(Assignment.valid_from)
    ).all()
    held = {person.id: (assignment, person) for assignment, person in rows if _holds(assignment, now)}
    return [Actor(person.id, assignment.id, person.display_name, role, None) for assignment, person in held.values()]


def add_sign_in_link(session: Session, assignment_id: str, token: str) -> None:
    """Let a token sign in under an assignment: rehearsal mode only."""
    session.add(SignInLink(token_sha256=hash_token(token), assignment_id=assignment_id))


def sign_in_with_link(session: Session, context: Context, token: str) -> tuple[str, str]:
    """Open a sign-in for a development link.

    Returns: the session token, shown once to the browser, and the person's assignment id.
    Raises: ``SignInRefused`` for an unknown token.
    """
    link = session.get(SignInLink, hash_token(token))
    if link is None:
        raise SignInRefused
    return open_session(session, context, link.assignment_id, methods=["rehearsal"]), link.assignment_id


def open_session(
    session: Session,
    context: Context,
    assignment_id: str,
    *,
    account_id: str | None = None,
    methods: Iterable[str] = (),
    device: str | None = None,
    began_at: datetime | None = None,
    proved_at: datetime | None = None,
) -> str:
    """Open a session under one assignment and return its token; raises ``SignInRefused`` if the assignment has ended.

    Takes: the account that was signed in with, None for a development link; the ``methods`` that were shown; the
    ``device`` in words; when it began and the person was last proved, if it goes on from an earlier one.
    """
    assignment = session.get_one(Assignment, assignment_id)
    if not _holds(assignment, context.now):
        raise SignInRefused
    token = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            token_sha256=hash_token(token),
            assignment_id=assignment_id,
            csrf_token=secrets.token_urlsafe(32),
            created_at=began_at or context.now,
            last_seen_at=context.now,
            account_id=account_id,
            methods=sorted(methods),
            proved_at=proved_at or context.now,
            device=device,
        )
    )
    audit.record(session, context, "session.opened", "assignment", assignment_id)
    return token


# Asked with every request, so each is put together once.
_SESSION = (
    select(
        WebSession.last_seen_at,
        WebSession.created_at,
        WebSession.csrf_token,
        WebSession.notice,
        WebSession.account_id,
        WebSession.methods,
        WebSession.proved_at,
        Account.disabled_at,
        Assignment.id,
        Assignment.role,
        Assignment.centre_number,
        Assignment.valid_from,
        Assignment.valid_to,
        Person.id.label("person_id"),
        Person.display_name,
        Person.language,
    )
    .join(Assignment, Assignment.id == WebSession.assignment_id)
    .join(Person, Person.id == Assignment.person_id)
    .outerjoin(Account, Account.id == WebSession.account_id)
    .where(WebSession.token_sha256 == bindparam("token_sha256"), WebSession.ended_at.is_(None))
)


_ALLOCATION = select(Allocation.id).where(
    Allocation.person_id == bindparam("person_id"),
    Allocation.series_key == bindparam("series_key"),
    Allocation.component_code == bindparam("component_code"),
    Allocation.centre_number == bindparam("centre_number"),
    Allocation.opens_at.is_(None) | (Allocation.opens_at <= bindparam("now")),
    Allocation.closes_at.is_(None) | (Allocation.closes_at > bindparam("now")),
    independence.is_independent(bindparam("now", type_=Allocation.closes_at.type)),
)


def find_session(session: Session, token: str | bytes, now: datetime, limits: Limits) -> Found | None:
    """Return the live sign-in of a token, or of its hash, or None.

    None: unknown, idle for too long, too old, ended; or its role has ended, or its account was disabled.
    """
    row = session.execute(_SESSION, {"token_sha256": hash_token(token)}).first()
    if row is None:
        return None
    if not limits.hold(Role(row.role), row.created_at, row.last_seen_at, now) or not _holds(row, now):
        return None
    if row.disabled_at is not None:
        return None
    actor = Actor(row.person_id, row.id, row.display_name, Role(row.role), row.centre_number)
    return Found(
        actor=actor,
        csrf_token=row.csrf_token,
        notice=row.notice,
        stale=now - row.last_seen_at >= timedelta(seconds=TOUCH_SECONDS),
        account_id=row.account_id,
        methods=frozenset(row.methods),
        proved_at=row.proved_at,
        language=row.language,
    )


def set_language(session: Session, context: Context, person_id: str, code: str) -> None:
    """Keep in which language a person reads the pages, on whatever device they sign in next."""
    session.execute(update(Person).where(Person.id == person_id).values(language=code))
    audit.record(session, context, "person.language", "person", person_id, language=code)


def touch_session(session: Session, token: str | bytes, now: datetime) -> None:
    """Note that a sign-in is in use."""
    session.execute(update(WebSession).where(WebSession.token_sha256 == hash_token(token)).values(last_seen_at=now))


def set_notice(session: Session, token: str, notice: dict[str, Any] | None) -> None:
    """Keep a message for the next page of this sign-in."""
    session.execute(update(WebSession).where(WebSession.token_sha256 == hash_token(token)).values(notice=notice))


def end_session(session: Session, context: Context, token: str) -> None:
    """End a sign-in; the next request under it fails."""
    row = session.get(WebSession, hash_token(token))
    if row is not None and row.ended_at is None:
        row.ended_at = context.now
        audit.record(session, context, "session.ended", "assignment", row.assignment_id)


def is_allocated(
    session: Session, person_id: str, series_key: str, component_code: str, centre_number: str, now: datetime
) -> bool:
    """Return whether the person holds an allocation for the component at the centre, open at ``now`` (half-open)."""
    asked = {
        "person_id": person_id,
        "series_key": series_key,
        "component_code": component_code,
        "centre_number": centre_number,
        "now": now,
    }
    return session.execute(_ALLOCATION, asked).first() is not None


def names_of(session: Session, person_ids: Iterable[str]) -> dict[str, str]:
    """Return person → name, of those that are people here; ``system`` is none."""
    rows = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(set(person_ids))))
    return {person_id: name for person_id, name in rows}  # noqa: C416


def reaches(session: Session, actor: Actor, action: Action, case: ModerationCase, now: datetime) -> bool:
    """Return whether the person reaches a case by an allocation, a team or a component, as the action's scope says.

    A tie to the centre denies, whatever else was given.
    """
    scope = scope_of(actor, action)
    if scope in {Scope.TEAM, Scope.COMPONENT} and independence.is_tied(
        session, actor.person_id, case.centre_number, case.series_key, now
    ):
        return False
    if scope is Scope.ALLOCATED:
        place = (case.series_key, case.component_code, case.centre_number)
        return is_allocated(session, actor.person_id, *place, now)
    if scope is Scope.TEAM:
        return teams.leads(session, actor.person_id, case, now)
    return scope is Scope.COMPONENT and teams.is_principal(session, actor.person_id, case)


def _holds(assignment: Assignment | Row[*tuple[Any, ...]], now: datetime) -> bool:
    return assignment.valid_from <= now and (assignment.valid_to is None or now < assignment.valid_to)
