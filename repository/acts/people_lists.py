"""Lists of people: who has which role, when they last signed in, and whether a second factor is set up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from repository import access, teaching
from repository.access import CENTRE_ROLES, Action, Role
from repository.acts import people_proposals
from repository.acts.cases import actor_of
from repository.acts.people_proposals import ProposalView
from repository.audit import Context
from repository.errors import NotFound
from repository.people import REAL_ROLES, names_of
from repository.sign_in import invitations, providers_records
from repository.sign_in.invitations import InvitationView
from repository.sign_in.key_tables import ApiToken, Passkey
from repository.sign_in.local_tables import OneTimeCode
from repository.sign_in.providers_records import Waiting
from repository.sign_in.tables import LOCAL, Account
from repository.tables import Assignment, Person, WebSession
from repository.teaching import Offered, Taught

PAGE_PEOPLE = 50
INVITATIONS_SHOWN = 100
_OF_PEOPLE = Assignment.id.not_in(select(ApiToken.assignment_id)) & REAL_ROLES
"""Tokens of school systems act under assignments too; they have a page of their own."""


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A role of a person, and where."""

    assignment_id: str
    role: Role
    centre_number: str | None
    since: datetime
    until: datetime | None
    last_sign_in_at: datetime | None
    taught: tuple[Taught, ...] = ()

    def is_live(self, now: datetime) -> bool:
        """Return whether it holds."""
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class AccountLine:
    """A way of a person to sign in."""

    account_id: str
    is_local: bool
    subject: str
    email: str | None
    has_second_factor: bool
    """Of a local account: one is set up here. Of another, its provider vouches for it."""
    is_disabled: bool


@dataclass(frozen=True, slots=True)
class PersonLine:
    """A person, with roles and accounts."""

    person_id: str
    name: str
    roles: tuple[RoleLine, ...]
    accounts: tuple[AccountLine, ...]

    @property
    def last_sign_in_at(self) -> datetime | None:
        """Return when the person last signed in, under any of the roles shown."""
        return max((one.last_sign_in_at for one in self.roles if one.last_sign_in_at), default=None)

    @property
    def is_suspended(self) -> bool:
        """Say whether every account is disabled."""
        return bool(self.accounts) and all(one.is_disabled for one in self.accounts)


@dataclass(frozen=True, slots=True)
class StaffPage:
    """The people of a centre, who is invited, and who waits for a role."""

    people: tuple[PersonLine, ...]
    invitations: tuple[InvitationView, ...]
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class MemberPage:
    """One person of a centre under one role, and what could be given to teach."""

    person: PersonLine
    role: RoleLine
    offered: tuple[Offered, ...]
    is_self: bool


@dataclass(frozen=True, slots=True)
class Search:
    """What officers look for: a role, a centre, and words in a name or address."""

    role: Role | None = None
    centre_number: str = ""
    words: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """People everywhere, as officers see them."""

    people: tuple[PersonLine, ...]
    total: int
    invitations: tuple[InvitationView, ...]
    proposals: tuple[ProposalView, ...]
    waiting: tuple[Waiting, ...]
    names: Mapping[str, str]


def staff(session: Session, context: Context) -> StaffPage:
    """Return the people of the exams officer's own centre; raises ``NotFound`` for anybody else."""
    centre = _own_centre(context)
    rows = session.scalars(
        select(Assignment)
        .join(Person, Person.id == Assignment.person_id)
        .where(
            Assignment.centre_number == centre,
            Assignment.role.in_(CENTRE_ROLES),
            _OF_PEOPLE,
            Assignment.valid_to.is_(None) | (Assignment.valid_to > context.now),
        )
        .order_by(Person.display_name, Person.id, Assignment.role)
    ).all()
    return StaffPage(
        _lines(session, rows),
        tuple(invitations.of_centre(session, centre, context.now)),
        tuple(providers_records.waiting(session, context.now, centre_number=centre)),
    )


def member(session: Session, context: Context, assignment_id: str) -> MemberPage:
    """Return one person of the own centre; raises ``NotFound``."""
    centre = _own_centre(context)
    row = session.get(Assignment, assignment_id)
    if row is None or row.centre_number != centre or Role(row.role) not in CENTRE_ROLES:
        raise NotFound
    if row.valid_to is not None and row.valid_to <= context.now:
        raise NotFound
    (person,) = _lines(session, [row])
    is_self = row.person_id == actor_of(context).person_id
    return MemberPage(person, person.roles[0], tuple(teaching.offered(session, centre)), is_self)


def everybody(session: Session, context: Context, search: Search) -> PeoplePage:
    """Return people as officers look for them, by name; raises ``NotFound`` for anybody else."""
    access.require(actor_of(context), Action.PEOPLE_READ_BODY)
    in_force = Assignment.valid_to.is_(None) | (Assignment.valid_to > context.now)
    wanted: list[ColumnElement[bool]] = [in_force, _OF_PEOPLE]
    if search.role is not None:
        wanted.append(Assignment.role == search.role)
    if search.centre_number:
        wanted.append(Assignment.centre_number == search.centre_number)
    if search.words:
        of_account = select(Account.person_id).where(
            or_(
                Account.email.icontains(search.words, autoescape=True),
                Account.subject.icontains(search.words, autoescape=True),
            )
        )
        wanted.append(or_(Person.display_name.icontains(search.words, autoescape=True), Person.id.in_(of_account)))
    found = select(Person.id, Person.display_name).join(Assignment, Assignment.person_id == Person.id).where(*wanted)
    found = found.distinct()
    total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
    ids = session.scalars(
        found.order_by(Person.display_name, Person.id).offset((search.page - 1) * PAGE_PEOPLE).limit(PAGE_PEOPLE)
    ).all()
    sent = tuple(invitations.newest(session, context.now, limit=INVITATIONS_SHOWN))
    proposals = people_proposals.waiting(session)
    named = {one.made_by for one in sent} | {one.proposed_by for one in proposals}
    return PeoplePage(
        _of_people(session, ids),
        total,
        sent,
        proposals,
        tuple(providers_records.waiting(session, context.now)),
        names_of(session, named),
    )


def one(session: Session, context: Context, person_id: str) -> PersonLine:
    """Return one person with every role they have or had, as officers see them; raises ``NotFound``."""
    access.require(actor_of(context), Action.PEOPLE_READ_BODY)
    found = _of_people(session, [person_id])
    if not found:
        raise NotFound
    return found[0]


def _own_centre(context: Context) -> str:
    actor = actor_of(context)
    access.require(actor, Action.PEOPLE_READ_CENTRE, centre_number=actor.centre_number)
    if actor.centre_number is None:
        raise NotFound
    return actor.centre_number


def _of_people(session: Session, person_ids: Sequence[str]) -> tuple[PersonLine, ...]:
    rows = session.scalars(
        select(Assignment)
        .join(Person, Person.id == Assignment.person_id)
        .where(Assignment.person_id.in_(person_ids), REAL_ROLES)
        .order_by(Person.display_name, Person.id, Assignment.valid_from.desc(), Assignment.id)
    ).all()
    return _lines(session, rows)


def _lines(session: Session, rows: Iterable[Assignment]) -> tuple[PersonLine, ...]:
    """Put roles together by person, in the order in which they came."""
    by_person: dict[str, list[Assignment]] = {}
    for row in rows:
        by_person.setdefault(row.person_id, []).append(row)
    ids = [row.id for every in by_person.values() for row in every]
    signed_in = dict(
        session.execute(
            select(WebSession.assignment_id, func.max(WebSession.created_at))
            .where(WebSession.assignment_id.in_(ids))
            .group_by(WebSession.assignment_id)
        ).all()
    )
    taught = teaching.of_assignments(session, ids)
    names = names_of(session, by_person)
    accounts = _accounts(session, by_person)
    return tuple(
        PersonLine(
            person_id,
            names[person_id],
            tuple(
                RoleLine(
                    row.id,
                    Role(row.role),
                    row.centre_number,
                    row.valid_from,
                    row.valid_to,
                    signed_in.get(row.id),
                    taught.get(row.id, ()),
                )
                for row in every
            ),
            accounts.get(person_id, ()),
        )
        for person_id, every in by_person.items()
    )


def _accounts(session: Session, person_ids: Iterable[str]) -> Mapping[str, tuple[AccountLine, ...]]:
    rows = session.scalars(
        select(Account).where(Account.person_id.in_(list(person_ids))).order_by(Account.created_at, Account.id)
    ).all()
    ids = [row.id for row in rows]
    with_factor = {
        *session.scalars(select(OneTimeCode.account_id).where(OneTimeCode.account_id.in_(ids))),
        *session.scalars(select(Passkey.account_id).where(Passkey.account_id.in_(ids), Passkey.removed_at.is_(None))),
    }
    found: dict[str, tuple[AccountLine, ...]] = {}
    for row in rows:
        line = AccountLine(
            row.id, row.issuer == LOCAL, row.subject, row.email, row.id in with_factor, row.disabled_at is not None
        )
        found[row.person_id] = (*found.get(row.person_id, ()), line)
    return found
