"""Accounts at identity providers, as records: who they are here, which roles their claims give, who waits for one.

A first sign-in makes a person and an account, and gives no role unless the issuer's rules say so. Claims never bring back
a role that an officer ended, and what they gave ends when they say it no longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository import audit
from repository.access import CENTRE_ROLES, Actor, Role
from repository.audit import Context
from repository.errors import (
    AccountClosed,
    AccountNotAdmitted,
    AttemptOver,
    FieldRefused,
    NotFound,
    ProviderAnswerRefused,
)
from repository.people import hash_token
from repository.sign_in import attempts, invitations
from repository.sign_in.providers import Identity, Issuer, Logout
from repository.sign_in.providers_tables import IdentityRequest, ProviderMessage, ProviderSession
from repository.sign_in.tables import Account, SignInAttempt
from repository.tables import Assignment, Person, WebSession

KEPT_DAYS = 2
"""So long messages and sign-ins of providers are remembered: no session and no token lasts longer."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in at a provider came to: a token of an attempt to go on with, or the centres at which one waits."""

    attempt_token: str | None
    waits: bool = False
    """Whether a request for a role is open; none is when all were refused."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who signed in at a provider and waits for a role."""

    request_id: str
    person_id: str
    account_id: str
    name: str
    """As the provider calls the person; it proves nothing."""
    issuer: str
    email: str | None
    centre_number: str | None
    roles: tuple[Role, ...]
    """What the provider's claims speak for; may be none."""
    asked_at: datetime


def take_once(session: Session, context: Context, kind: str, message: str) -> None:
    """Take a message of a provider, for the first and only time; raises ``AttemptOver`` if it was taken before."""
    digest = hash_token(f"{kind}\n{message}")
    session.execute(delete(ProviderMessage).where(ProviderMessage.taken_at < context.now - timedelta(days=KEPT_DAYS)))
    try:
        with session.begin_nested():
            session.add(ProviderMessage(message_sha256=digest, taken_at=context.now))
    except IntegrityError as error:
        raise AttemptOver from error


def sign_in(
    session: Session, context: Context, identity: Identity, next_path: str, *, invited: bool = False
) -> SignedIn:
    """Begin a sign-in of somebody whom a provider vouched for, or let them wait when they have no role.

    Takes: ``invited``, whether the page to go to gives a role to the account: then nobody waits.
    Raises: ``AccountClosed``; ``AccountNotAdmitted`` when the issuer's rules leave out people like this one.
    """
    account = _find(session, identity)
    if account is not None and account.disabled_at is not None:
        raise AccountClosed
    if not identity.is_admitted and not invited:
        raise AccountNotAdmitted
    if account is None:
        account = _make(session, context, identity)
    elif identity.email is not None:
        account.email = identity.email
    _follow_claims(session, context, account, identity)
    _note_session(session, context, account, identity)
    audit.record(
        session,
        context,
        "sign_in.provider",
        "account",
        account.id,
        provider=identity.issuer.key,
        method=identity.method.value,
    )
    if invited or attempts.choices(session, account.person_id, context.now):
        return SignedIn(
            attempts.start(
                session,
                context,
                account.id,
                [identity.method],
                next_path,
                proved_at=min(identity.proved_at, context.now),
            )
        )
    return SignedIn(None, waits=_ask(session, context, account, identity))


def log_out(session: Session, context: Context, issuer: Issuer, logout: Logout) -> int:
    """End every session of the accounts that a logout of the provider names, and their sign-ins under way.

    A sign-in there may have become several sessions here, by switches of role; all of the account's end, as the safe side.
    Returns: how many sessions ended.
    Raises: ``ProviderAnswerRefused`` for a logout that was taken before.
    """
    try:
        take_once(session, context, f"logout {issuer.issuer}", logout.jti)
    except AttemptOver as error:
        raise ProviderAnswerRefused("repeated") from error
    known = select(Account.id).where(Account.issuer == issuer.issuer)
    if logout.subject is not None:
        known = known.where(Account.subject == logout.subject)
    else:
        under_it = select(ProviderSession.account_id).where(ProviderSession.sid_sha256 == _sid_hash(issuer, logout.sid))
        known = known.where(Account.id.in_(under_it))
    ended = 0
    for account_id in session.scalars(known.order_by(Account.id)).all():
        ended += _end_all(session, context, account_id)
        audit.record(session, context, "session.ended_by_provider", "account", account_id, provider=issuer.key)
    return ended


def waiting(session: Session, now: datetime, *, centre_number: str | None = None) -> Sequence[Waiting]:
    """Return who waits for a role, oldest first: at one centre, or everywhere.

    Somebody who came to a role there in another way waits no longer.
    """
    holds = (
        select(Assignment.id)
        .where(
            Assignment.person_id == Account.person_id,
            Assignment.centre_number.is_not_distinct_from(IdentityRequest.centre_number),
            or_(Assignment.valid_to.is_(None), Assignment.valid_to > now),
        )
        .exists()
    )
    query = (
        select(IdentityRequest, Account, Person)
        .join(Account, Account.id == IdentityRequest.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(IdentityRequest.decision.is_(None), Account.disabled_at.is_(None), ~holds)
        .order_by(IdentityRequest.asked_at, IdentityRequest.id)
    )
    if centre_number is not None:
        query = query.where(IdentityRequest.centre_number == centre_number)
    return [
        Waiting(
            request_id=row.id,
            person_id=person.id,
            account_id=account.id,
            name=person.display_name,
            issuer=account.issuer,
            email=account.email,
            centre_number=row.centre_number,
            roles=tuple(map(Role, row.roles)),
            asked_at=row.asked_at,
        )
        for row, account, person in session.execute(query)
    ]


def grant(
    session: Session, context: Context, actor: Actor, request_id: str, role: Role, *, centre_number: str | None = None
) -> Assignment:
    """Give somebody who waits a role, at the centre of the request, or at ``centre_number`` where it names none.

    Raises: ``NotFound`` for a request that is not there, decided, or beyond who acts; ``FieldRefused`` for a role that does
    not go with the centre, that is held already, or that two officers give.
    """
    row, account = _open_request(session, actor, request_id, role, centre_number)
    place = row.centre_number or centre_number
    if (place is None) == (role in CENTRE_ROLES):
        raise FieldRefused("Choose a role of the centre, or say which centre the role is at.", field="role")
    made = invitations.give(session, account.person_id, role, place, context.now, by=actor.person_id)
    row.decision, row.decided_at, row.decided_by = "granted", context.now, actor.person_id
    row.assignment_id = made.id
    session.flush()
    audit.record(
        session, context, "identity_request.granted", "identity_request", row.id, role=role.value, assignment=made.id
    )
    return made


def refuse(session: Session, context: Context, actor: Actor, request_id: str) -> None:
    """Give somebody who waits no role; they do not come back into the list by signing in again.

    Raises: ``NotFound`` for a request that is not there, decided, or beyond who acts.
    """
    row, _ = _open_request(session, actor, request_id, None, None)
    row.decision, row.decided_at, row.decided_by = "refused", context.now, actor.person_id
    session.flush()
    audit.record(session, context, "identity_request.refused", "identity_request", row.id)


def _open_request(
    session: Session, actor: Actor, request_id: str, role: Role | None, centre_number: str | None
) -> tuple[IdentityRequest, Account]:
    row = session.get(IdentityRequest, request_id, with_for_update=True)
    if row is None or row.decision is not None:
        raise NotFound
    account = session.get_one(Account, row.account_id)
    place = row.centre_number or centre_number
    reaches = actor.role is Role.AB_OFFICER or (
        actor.role is Role.EXAMS_OFFICER and row.centre_number is not None and row.centre_number == actor.centre_number
    )
    gives = role is None or invitations.may_give(actor.role, role, actor.centre_number, place)
    if not reaches or not gives or account.disabled_at is not None or account.person_id == actor.person_id:
        raise NotFound
    return row, account


def _find(session: Session, identity: Identity) -> Account | None:
    query = select(Account).where(Account.issuer == identity.issuer.issuer, Account.subject == identity.subject)
    return session.scalars(query.with_for_update()).one_or_none()


def _make(session: Session, context: Context, identity: Identity) -> Account:
    """Add a person and their account; whoever was quicker made them."""
    try:
        with session.begin_nested():
            person = Person(display_name=identity.name, created_at=context.now)
            session.add(person)
            session.flush()
            account = Account(
                person_id=person.id,
                issuer=identity.issuer.issuer,
                subject=identity.subject,
                email=identity.email,
                created_at=context.now,
            )
            session.add(account)
            session.flush()
    except IntegrityError as error:
        found = _find(session, identity)
        if found is None:
            raise AttemptOver from error
        return found
    audit.record(session, context, "account.made", "account", account.id, provider=identity.issuer.key)
    return account


def _follow_claims(session: Session, context: Context, account: Account, identity: Identity) -> None:
    """Give what the claims give at once, and end what they gave and no longer say. Officers' doings stay."""
    now, grantor = context.now, identity.issuer.grantor
    held = session.scalars(select(Assignment).where(Assignment.person_id == account.person_id)).all()
    for offer in identity.offers:
        same = [one for one in held if (one.role, one.centre_number) == (offer.role, offer.centre_number)]
        stands = any(one.valid_to is None or one.valid_to > now for one in same)
        ended_by_officer = any(one.ended_by != grantor for one in same if one.valid_to is not None)
        if offer.at_once and not stands and not ended_by_officer:
            made = invitations.give(session, account.person_id, offer.role, offer.centre_number, now, by=grantor)
            audit.record(session, context, "role.given_by_claims", "assignment", made.id, role=offer.role.value)
    for one in held:
        stands = one.valid_to is None or one.valid_to > now
        if one.granted_by == grantor and stands and (one.role, one.centre_number) not in identity.spoken_for:
            one.valid_to, one.ended_by = now, grantor
            audit.record(session, context, "role.ended_by_claims", "assignment", one.id)
    session.flush()


def _note_session(session: Session, context: Context, account: Account, identity: Identity) -> None:
    session.execute(delete(ProviderSession).where(ProviderSession.seen_at < context.now - timedelta(days=KEPT_DAYS)))
    if identity.sid is None:
        return
    digest = _sid_hash(identity.issuer, identity.sid)
    known = session.get(ProviderSession, (digest, account.id))
    if known is None:
        session.add(ProviderSession(sid_sha256=digest, account_id=account.id, seen_at=context.now))
    else:
        known.seen_at = context.now
    session.flush()


def _ask(session: Session, context: Context, account: Account, identity: Identity) -> bool:
    """Let a person wait at each of their centres, once; what was refused there stays so. Returns whether they wait."""
    asked = session.scalars(select(IdentityRequest).where(IdentityRequest.account_id == account.id)).all()
    refused = {one.centre_number for one in asked if one.decision == "refused"}
    waiting_at = {one.centre_number: one for one in asked if one.decision is None}
    places = {*identity.centres, *(centre for _, centre in identity.spoken_for)} or {None}
    for place in sorted(places - refused, key=str):
        roles = sorted(role.value for role, centre in identity.spoken_for if centre == place)
        if place in waiting_at:
            waiting_at[place].roles = roles
            continue
        row = IdentityRequest(account_id=account.id, centre_number=place, roles=roles, asked_at=context.now)
        session.add(row)
        session.flush()
        audit.record(session, context, "identity_request.made", "identity_request", row.id, account=account.id)
    session.flush()
    return bool(places - refused)


def _end_all(session: Session, context: Context, account_id: str) -> int:
    session.execute(
        update(SignInAttempt)
        .where(SignInAttempt.account_id == account_id, SignInAttempt.finished_at.is_(None))
        .values(finished_at=context.now)
    )
    live = session.scalars(
        select(WebSession).where(WebSession.account_id == account_id, WebSession.ended_at.is_(None))
    ).all()
    for row in live:
        row.ended_at = context.now
    session.flush()
    return len(live)


def _sid_hash(issuer: Issuer, sid: str | None) -> bytes:
    return hash_token(f"{issuer.issuer}\n{sid}")
