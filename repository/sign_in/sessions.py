"""Sign-ins that last: how long, which a person has, ending them, and going on under a new token.

Source: project policy (safety §7): half an hour idle and ten hours in all; who sees the work of many centres, a quarter of an
hour and eight hours. A step-up holds for five minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from repository import audit, people
from repository.access import Role
from repository.audit import Context
from repository.errors import SecondFactorNeeded, SignInRefused
from repository.people import hash_token
from repository.sign_in import attempts, throttle
from repository.sign_in.limits import Limits
from repository.sign_in.local_tables import KnownDevice, SetUpLink
from repository.sign_in.methods import Method, is_enough
from repository.sign_in.tables import SignInAttempt
from repository.tables import Assignment, WebSession

PROOF_SECONDS = 300
"""A proof that it is the same person counts for so long, for acts that can do great harm."""
LONG_PROOF_SECONDS = 1800
"""The same where a person works on such things for an hour on end: sorting scanned pages. Project policy."""
KEPT_DAYS = 30
"""Rows of sign-ins that ended are deleted after so long; the audit log has them."""


@dataclass(frozen=True, slots=True)
class Mine:
    """One of a person's own sign-ins, as the account page lists it."""

    id: str
    device: str
    started_at: datetime
    last_used_at: datetime
    role: Role
    is_this: bool


def is_proved(methods: Iterable[str], proved_at: datetime | None, now: datetime, seconds: int = PROOF_SECONDS) -> bool:
    """Return whether who is signed in proved who they are just now, ``seconds`` ago at most.

    A development sign-in of the rehearsal mode counts as proved: it can prove nothing. A proof from the future, after a
    clock was set back, counts for nothing.
    """
    if Method.REHEARSAL in set(methods):
        return True
    return proved_at is not None and timedelta(0) <= now - proved_at <= timedelta(seconds=seconds)


def of_person(session: Session, person_id: str, token: str, now: datetime, limits: Limits) -> Sequence[Mine]:
    """Return a person's sign-ins that are alive, the newest use first; ``token`` is of the one that asks."""
    rows = session.execute(
        select(WebSession, Assignment)
        .join(Assignment, Assignment.id == WebSession.assignment_id)
        .where(Assignment.person_id == person_id, WebSession.ended_at.is_(None))
        .order_by(WebSession.last_seen_at.desc())
    )
    return [
        Mine(
            id=row.token_sha256.hex(),
            device=row.device or "A program, or a browser that does not say what it is",
            started_at=row.created_at,
            last_used_at=row.last_seen_at,
            role=Role(assignment.role),
            is_this=row.token_sha256 == hash_token(token),
        )
        for row, assignment in rows
        if limits.hold(Role(assignment.role), row.created_at, row.last_seen_at, now)
    ]


def end_one(session: Session, context: Context, person_id: str, session_id: str) -> bool:
    """End one of a person's sign-ins by the id in their list; returns whether there was such a one."""
    return _end(session, context, person_id, WebSession.token_sha256 == _id(session_id)) > 0


def end_others(session: Session, context: Context, person_id: str, token: str) -> int:
    """End all of a person's sign-ins but that of ``token``; returns how many."""
    return _end(session, context, person_id, WebSession.token_sha256 != hash_token(token))


def end_all(session: Session, context: Context, person_id: str) -> int:
    """End all of a person's sign-ins: a password was reset by somebody, or an account disabled; returns how many."""
    return _end(session, context, person_id)


def renew(session: Session, context: Context, token: str, *, assignment_id: str | None = None) -> str:
    """Go on under a new token, and under another assignment if one is named; the old token ends. Returns the new one.

    The time that a sign-in may last in all goes on counting, and so does the last proof.
    Raises: ``SignInRefused`` for a sign-in that has ended, or an assignment that is not this person's or does not hold;
    ``SecondFactorNeeded`` where what was shown is not enough for its role.
    """
    row = session.get(WebSession, hash_token(token), with_for_update=True)
    if row is None or row.ended_at is not None:
        raise SignInRefused
    now_as = session.get_one(Assignment, row.assignment_id)
    if assignment_id is not None:
        chosen = {one.id: one for one in attempts.choices(session, now_as.person_id, context.now)}.get(assignment_id)
        if chosen is None:
            raise SignInRefused
        if not is_enough(map(Method, row.methods), Role(chosen.role), centres_need_two=False):
            raise SecondFactorNeeded
    new = people.open_session(
        session,
        context,
        assignment_id or row.assignment_id,
        account_id=row.account_id,
        methods=row.methods,
        device=row.device,
        began_at=row.created_at,
        proved_at=row.proved_at,
    )
    people.end_session(session, context, token)
    if assignment_id is not None:
        audit.record(session, context, "role.switched", "assignment", assignment_id, before=now_as.id)
    return new


def sweep(session: Session, now: datetime, limits: Limits) -> None:
    """End what has run out and delete what nobody asks for any more."""
    for role in Role:
        idle, limit = limits.of(role)
        of_role = select(Assignment.id).where(Assignment.role == role)
        session.execute(
            update(WebSession)
            .where(
                WebSession.ended_at.is_(None),
                WebSession.assignment_id.in_(of_role),
                (WebSession.last_seen_at <= now - idle) | (WebSession.created_at <= now - limit),
            )
            .values(ended_at=now)
            .execution_options(synchronize_session=False)
        )
    kept = now - timedelta(days=KEPT_DAYS)
    session.execute(delete(WebSession).where(WebSession.ended_at < kept))
    session.execute(delete(SignInAttempt).where(SignInAttempt.expires_at < now - timedelta(days=1)))
    session.execute(delete(SetUpLink).where(SetUpLink.expires_at < kept))
    session.execute(delete(KnownDevice).where(KnownDevice.last_used_at < now - timedelta(days=365)))
    throttle.sweep(session, now)


def _end(session: Session, context: Context, person_id: str, *which: ColumnElement[bool]) -> int:
    rows = session.scalars(
        select(WebSession)
        .join(Assignment, Assignment.id == WebSession.assignment_id)
        .where(Assignment.person_id == person_id, WebSession.ended_at.is_(None), *which)
    ).all()
    for row in rows:
        row.ended_at = context.now
        audit.record(session, context, "session.ended", "assignment", row.assignment_id)
    return len(rows)


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
