"""Sign-ins under way: what was shown so far, until it is enough and a session opens.

However somebody begins, by a password, a passkey or an identity provider, it is the same three steps: ``start`` (or
``add``), then ``finish``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from repository import audit, people
from repository.access import Role
from repository.audit import Context
from repository.errors import AttemptOver, SecondFactorNeeded, SignInRefused
from repository.people import hash_token
from repository.sign_in.methods import Method, is_enough
from repository.sign_in.tables import Account, SignInAttempt
from repository.tables import Assignment

ATTEMPT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Standing:
    """A sign-in under way."""

    account_id: str
    person_id: str
    methods: frozenset[Method]
    next_path: str


def start(
    session: Session,
    context: Context,
    account_id: str,
    methods: Iterable[Method],
    next_path: str = "/",
    *,
    proved_at: datetime | None = None,
) -> str:
    """Begin a sign-in in which ``methods`` were shown; returns the token for the browser's attempt cookie.

    Takes: ``proved_at``, when they were shown, if that was not now.
    """
    token = secrets.token_urlsafe(32)
    session.add(
        SignInAttempt(
            token_sha256=hash_token(token),
            account_id=account_id,
            methods=sorted(methods),
            next_path=next_path,
            created_at=context.now,
            expires_at=context.now + timedelta(seconds=ATTEMPT_SECONDS),
            proved_at=proved_at,
        )
    )
    return token


def standing(session: Session, token: str, now: datetime) -> Standing:
    """Return how far a sign-in is; raises ``AttemptOver`` for one that is unknown, finished, too old or disabled."""
    attempt, account = _live(session, token, now)
    return Standing(account.id, account.person_id, frozenset(map(Method, attempt.methods)), attempt.next_path)


def add(session: Session, context: Context, token: str, method: Method) -> None:
    """Note one more thing that was shown; raises ``AttemptOver``."""
    attempt, _ = _live(session, token, context.now)
    attempt.methods = sorted({*attempt.methods, method})
    attempt.proved_at = None  # shown now


def choices(session: Session, person_id: str, now: datetime) -> Sequence[Assignment]:
    """Return the assignments under which a person may act now, by role and centre."""
    rows = session.scalars(
        select(Assignment)
        .where(
            Assignment.person_id == person_id,
            Assignment.valid_from <= now,
            Assignment.valid_to.is_(None) | (Assignment.valid_to > now),
        )
        .order_by(Assignment.role, Assignment.centre_number, Assignment.id)
    )
    return rows.all()


def finish(
    session: Session,
    context: Context,
    token: str,
    assignment_id: str,
    *,
    centres_need_two: bool = True,
    device: str | None = None,
) -> str:
    """End a sign-in and open a session under one of the person's assignments.

    Takes: the ``device`` in words, as its browser says.
    Returns: the session's token.
    Raises: ``AttemptOver``; ``SignInRefused`` for an assignment that is not this person's or does not hold;
    ``SecondFactorNeeded`` while what was shown is not enough for its role. An attempt finishes once.
    """
    attempt, account = _live(session, token, context.now)
    if assignment_id not in {one.id for one in choices(session, account.person_id, context.now)}:
        raise SignInRefused
    methods = frozenset(map(Method, attempt.methods))
    role = Role(session.get_one(Assignment, assignment_id).role)
    if not is_enough(methods, role, centres_need_two=centres_need_two):
        raise SecondFactorNeeded
    attempt.finished_at = context.now
    audit.record(session, context, "sign_in.finished", "account", account.id, methods=" ".join(sorted(methods)))
    return people.open_session(
        session,
        context,
        assignment_id,
        account_id=account.id,
        methods=methods,
        device=device,
        proved_at=attempt.proved_at,
    )


def end_all(session: Session, account_id: str, now: datetime) -> None:
    """End the sign-ins of an account that are under way: it was disabled, or its way in was reset."""
    session.execute(
        update(SignInAttempt)
        .where(SignInAttempt.account_id == account_id, SignInAttempt.finished_at.is_(None))
        .values(finished_at=now)
    )


def _live(session: Session, token: str, now: datetime) -> tuple[SignInAttempt, Account]:
    attempt = session.get(SignInAttempt, hash_token(token), with_for_update=True)
    if attempt is None or attempt.finished_at is not None or attempt.expires_at <= now:
        raise AttemptOver
    account = session.get_one(Account, attempt.account_id)
    if account.disabled_at is not None:
        raise AttemptOver
    return attempt, account
