"""Tokens of school systems: made, used, rotated and revoked, as records.

An *integration* is a system of a centre; in the log it is a person of its own. Each of its tokens acts as an exams
officer of the centre under an assignment of its own, narrowed to the actions that were granted. The assignment ends with
the token, so whatever checks assignments (uploads under way, above all) stops when the token does.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import audit
from repository.access import Actor, Role
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.people import hash_token, names_of
from repository.sign_in import token_format
from repository.sign_in.key_tables import ApiToken, Integration
from repository.sign_in.token_format import DAYS_LIMIT, LIVE_LIMIT, Grant, Written
from repository.tables import Assignment, Person

TOUCH_SECONDS = 60
"""Last use, and the last refusal, of a token are written at most this often."""
INTEGRATIONS_LIMIT = 20
SOON_DAYS = 30
SHOWN_LIMIT = 200
"""So many integrations are listed at once."""
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a token that a request came with: who acts, or nobody; and whether that is to be noted now."""

    actor: Actor | None
    token_id: str | None
    reason: str
    stale: bool


@dataclass(frozen=True, slots=True)
class ShownToken:
    """A token as people see it: never the token itself."""

    token_id: str
    grants: tuple[Grant, ...]
    network: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_refused_at: datetime | None
    revoked_at: datetime | None

    def ends_soon(self, now: datetime) -> bool:
        """Return whether it is time to make the next one."""
        return self.is_live(now) and self.expires_at - now <= timedelta(days=SOON_DAYS)

    def is_live(self, now: datetime) -> bool:
        """Return whether it is taken now."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class ShownIntegration:
    """An integration with its tokens, the newest first."""

    integration_id: str
    centre_number: str
    name: str
    made_at: datetime
    tokens: tuple[ShownToken, ...]

    def live_count(self, now: datetime) -> int:
        """Return how many of its tokens are taken now."""
        return sum(one.is_live(now) for one in self.tokens)


def find(session: Session, token_id: str, text: str, now: datetime, address: str | None) -> Found:
    """Return who acts by a token; nobody, for one that is unknown, expired, revoked, or from elsewhere.

    Takes: the id that ``token_format.read_id`` found in ``text``. A token that is not known costs the same comparison
    as one that is, and whoever asks is told the same.
    """
    row = session.execute(
        select(ApiToken, Integration, Assignment, Person)
        .join(Integration, Integration.id == ApiToken.integration_id)
        .join(Assignment, Assignment.id == ApiToken.assignment_id)
        .join(Person, Person.id == Integration.person_id)
        .where(ApiToken.id == token_id)
    ).first()
    same = hmac.compare_digest(_NO_HASH if row is None else row[0].token_sha256, hash_token(text))
    if row is None or not same:
        return Found(None, None if row is None else token_id, "unknown", False)
    token, integration, assignment, person = row
    reason = _why_not(token, assignment, now, address)
    if reason:
        return Found(None, token_id, reason, _is_stale(token.last_refused_at, now))
    actor = Actor(
        person.id,
        assignment.id,
        person.display_name,
        Role.EXAMS_OFFICER,
        integration.centre_number,
        token_id=token_id,
        actions=token_format.actions_of(token.grants),
    )
    return Found(actor, token_id, "", _is_stale(token.last_used_at, now))


def _why_not(token: ApiToken, assignment: Assignment, now: datetime, address: str | None) -> str:
    if token.revoked_at is not None or (assignment.valid_to is not None and assignment.valid_to < token.expires_at):
        return "revoked"
    if not assignment.valid_from <= now < token.expires_at:
        return "expired"
    return "" if token_format.comes_from(token.network, address) else "network"


def _is_stale(noted_at: datetime | None, now: datetime) -> bool:
    return noted_at is None or now - noted_at >= timedelta(seconds=TOUCH_SECONDS)


def note(session: Session, context: Context, found: Found) -> None:
    """Note that a token was used, or was refused although its secret was right; the second also in the log."""
    row = None if found.token_id is None else session.get(ApiToken, found.token_id)
    if row is None:
        return
    if found.actor is not None:
        row.last_used_at = context.now
        return
    row.last_refused_at = context.now
    audit.record(session, context, "token.refused", "token", row.id, outcome="refused", reason=found.reason)


def make(
    session: Session,
    context: Context,
    maker: Actor,
    written: Written,
    grants: Collection[Grant],
    network: str | None,
    days: int,
    *,
    name: str = "",
    integration_id: str | None = None,
) -> str:
    """Keep a new token of a centre's integration: a new one of that name, or one that has a token already.

    Returns: the integration's id.
    Raises: ``NotFound`` for an integration of another centre; ``FieldRefused`` for a name that is taken, no grant at
    all, too many days, or a third token that would hold at the same time.
    """
    if not grants:
        raise FieldRefused("Choose what the system may do: at least one thing.", field="grants")
    if not 1 <= days <= DAYS_LIMIT:
        raise FieldRefused(f"A token holds for 1 to {DAYS_LIMIT} days.", field="days")
    if maker.centre_number is None:
        raise NotFound
    if integration_id is None:
        integration = _new_integration(session, context, maker, maker.centre_number, name)
    else:
        integration = _own_integration(session, maker, integration_id)
        _require_room(session, integration_id, context.now)
    expires_at = context.now + timedelta(days=days)
    assignment = Assignment(
        person_id=integration.person_id,
        role=Role.EXAMS_OFFICER,
        centre_number=integration.centre_number,
        valid_from=context.now,
        valid_to=expires_at,
        granted_by=maker.person_id,
    )
    session.add(assignment)
    session.flush()
    session.add(
        ApiToken(
            id=written.token_id,
            integration_id=integration.id,
            assignment_id=assignment.id,
            token_sha256=hash_token(written.text),
            grants=sorted(grants),
            network=network,
            made_by=maker.person_id,
            made_at=context.now,
            expires_at=expires_at,
        )
    )
    session.flush()
    audit.record(
        session,
        context,
        "token.made",
        "token",
        written.token_id,
        integration=integration.id,
        grants=" ".join(sorted(grants)),
    )
    return integration.id


def _new_integration(session: Session, context: Context, maker: Actor, centre_number: str, name: str) -> Integration:
    of_centre = select(func.count()).where(Integration.centre_number == centre_number)
    if (session.scalar(of_centre) or 0) >= INTEGRATIONS_LIMIT:
        raise FieldRefused(f"Your centre has {INTEGRATIONS_LIMIT} systems; that is the most.", field="name")
    if session.scalar(of_centre.where(func.lower(Integration.name) == name.lower())):
        raise FieldRefused("Your centre has a system of that name. Make its next token below.", field="name")
    person = Person(display_name=f"{name} (school system)", created_at=context.now)
    session.add(person)
    session.flush()
    integration = Integration(
        centre_number=centre_number, name=name, person_id=person.id, made_by=maker.person_id, made_at=context.now
    )
    session.add(integration)
    session.flush()
    return integration


def _own_integration(session: Session, maker: Actor, integration_id: str) -> Integration:
    # Locked, so that two tokens made at the same time cannot become three that hold.
    integration = session.get(Integration, integration_id, with_for_update=True)
    if integration is None or integration.centre_number != maker.centre_number:
        raise NotFound
    return integration


def _require_room(session: Session, integration_id: str, now: datetime) -> None:
    """Refuse a token beyond those that may hold at a time; raises ``FieldRefused``."""
    live = select(func.count()).where(
        ApiToken.integration_id == integration_id, ApiToken.revoked_at.is_(None), ApiToken.expires_at > now
    )
    if (session.scalar(live) or 0) >= LIVE_LIMIT:
        raise FieldRefused(
            "Two tokens of this system hold already. Revoke the one that is no longer used, then make a new one.",
            field="grants",
        )


def revoke(session: Session, context: Context, maker: Actor, token_id: str) -> str:
    """Revoke a token of the own centre; from its next request on it is refused, uploads that it began included.

    Returns: the name of its integration.
    Raises: ``NotFound`` for a token of another centre, or one that no longer holds.
    """
    row = session.get(ApiToken, token_id, with_for_update=True)
    integration = None if row is None else session.get_one(Integration, row.integration_id)
    if row is None or integration is None or integration.centre_number != maker.centre_number:
        raise NotFound
    if row.revoked_at is not None or row.expires_at <= context.now:
        raise NotFound
    row.revoked_at, row.revoked_by = context.now, maker.person_id
    assignment = session.get_one(Assignment, row.assignment_id)
    assignment.valid_to, assignment.ended_by = context.now, maker.person_id
    audit.record(session, context, "token.revoked", "token", token_id, integration=integration.id)
    return integration.name


def listed(session: Session, centre_number: str | None) -> tuple[ShownIntegration, ...]:
    """Return the integrations of a centre, or of all, by centre and name; ``SHOWN_LIMIT`` of them at most."""
    asked = select(Integration).order_by(Integration.centre_number, Integration.name).limit(SHOWN_LIMIT)
    if centre_number is not None:
        asked = asked.where(Integration.centre_number == centre_number)
    integrations = session.scalars(asked).all()
    rows = session.scalars(
        select(ApiToken)
        .where(ApiToken.integration_id.in_([one.id for one in integrations]))
        .order_by(ApiToken.made_at.desc(), ApiToken.id)
    ).all()
    names = names_of(session, {row.made_by for row in rows})
    return tuple(
        ShownIntegration(
            one.id,
            one.centre_number,
            one.name,
            one.made_at,
            tuple(_shown(row, names) for row in rows if row.integration_id == one.id),
        )
        for one in integrations
    )


def _shown(row: ApiToken, names: dict[str, str]) -> ShownToken:
    return ShownToken(
        row.id,
        tuple(grant for grant in Grant if grant in row.grants),
        row.network,
        names.get(row.made_by, "somebody who has left"),
        row.made_at,
        row.expires_at,
        row.last_used_at,
        row.last_refused_at,
        row.revoked_at,
    )
