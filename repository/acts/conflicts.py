"""Acts on conflicts of interest: one's own declared, the register kept by officers, accounts of one person, proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.independence import ConflictKind, Proof
from moderation.records import independence, proofs
from moderation.records.independence import ConflictView
from moderation.tables import Candidate, SeriesRow
from repository import access, audit
from repository.access import ROLE_TITLES, Action, Role
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused, NotFound
from repository.people import REAL_ROLES
from repository.scoping.widening import widened
from repository.tables import Assignment, Person

__all__ = ["Account", "Register", "accounts", "declare", "end", "merge", "proof", "register"]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of somebody who may be given work of centres, or decide about it."""

    person_id: str
    words: str


@dataclass(frozen=True, slots=True)
class Register:
    """Conflicts of interest: of the person who asks, or for officers of everybody."""

    lines: tuple[ConflictView, ...]
    names: Mapping[str, str]
    """Person id → name, of everybody named in it."""
    own_id: str
    is_whole: bool


def register(session: Session, context: Context) -> Register:
    """Return the register to officers, and to others what stands there about them."""
    actor = actor_of(context)
    access.require(actor, Action.CONFLICT_DECLARE, own=True)
    whole = access.scope_of(actor, Action.CONFLICT_REGISTER) is not None
    with widened(session, "register of ties: names the candidate whom a tie is to"):
        lines = tuple(independence.conflicts(session, person_id=None if whole else actor.person_id))
    named = {person for one in lines for person in (one.tie.person_id, one.declared_by, one.ended_by or "")}
    return Register(lines, _names(session, named), actor.person_id, whole)


def declare(
    session: Session,
    context: Context,
    centre_number: str,
    kind: ConflictKind,
    note: str,
    *,
    person_id: str | None = None,
    candidate_number: str = "",
    series_key: str = "",
) -> str:
    """Declare a conflict of interest of one's own, or as an officer somebody else's; access ends at once.

    Takes: ``candidate_number`` and ``series_key`` for a tie to one candidate.
    Raises: ``NotFound`` when somebody who is no officer names another person; ``FieldRefused``; errors of moderation.
    """
    actor = actor_of(context)
    access.require(actor, Action.CONFLICT_DECLARE, own=person_id in {None, actor.person_id})
    about = person_id or actor.person_id
    if session.get(Person, about) is None:
        raise FieldRefused("Choose a person from the list.", field="person_id")
    with widened(session, "register of ties: a candidate is named by whoever must not see the work"):
        made = independence.declare_conflict(
            session,
            person_id=about,
            centre_number=centre_number,
            kind=kind,
            note=note,
            declared_by=actor.person_id,
            now=context.now,
            candidate_id=_candidate(session, centre_number, candidate_number, series_key),
        )
    audit.record(session, context, Action.CONFLICT_DECLARE, "conflict", made, person=about, kind=kind.value)
    return made


def end(session: Session, context: Context, conflict_id: str, reason: str) -> None:
    """End a declared conflict of interest, as a second person and with a reason."""
    actor = actor_of(context)
    access.require(actor, Action.CONFLICT_REGISTER)
    independence.end_conflict(session, conflict_id, reason=reason, ended_by=actor.person_id, now=context.now)
    audit.record(session, context, "conflict.end", "conflict", conflict_id)


def accounts(session: Session, context: Context) -> tuple[Account, ...]:
    """Return everybody who holds, or held, a role of the awarding body, as an officer chooses them from a list."""
    access.require(actor_of(context), Action.CONFLICT_REGISTER)
    rows = session.execute(
        select(Person.id, Person.display_name, Assignment.role, Assignment.centre_number)
        .join(Assignment, Assignment.person_id == Person.id)
        .where(REAL_ROLES)
        .order_by(Person.display_name, Person.id, Assignment.valid_from)
    )
    found: dict[str, tuple[str, list[str]]] = {}
    for person_id, name, role, centre in rows:
        title = ROLE_TITLES[Role(role)].lower() + (f" at {centre}" if centre else "")
        titles = found.setdefault(person_id, (name, []))[1]
        if title not in titles:
            titles.append(title)
    return tuple(Account(one, f"{name} ({', '.join(titles)})") for one, (name, titles) in found.items())


def merge(session: Session, context: Context, person_id: str, other_id: str, reason: str) -> int:
    """Note that two accounts are one person, for good; returns how many open allocations that ended.

    Raises: ``FieldRefused`` for an unknown person; ``MergeRefused``; ``SamePerson`` for accounts of one's own.
    """
    actor = actor_of(context)
    access.require(actor, Action.CONFLICT_REGISTER)
    for name, one in (("person_id", person_id), ("other_id", other_id)):
        if session.get(Person, one) is None:
            raise FieldRefused("Choose a person from the list.", field=name)
    ended = independence.merge_people(
        session, person_id, other_id, reason=reason, merged_by=actor.person_id, now=context.now
    )
    audit.record(session, context, "person.merge", "person", person_id, other=other_id, ended=len(ended))
    return len(ended)


def proof(
    session: Session, context: Context, series_key: str
) -> tuple[SeriesRow, tuple[Proof, ...], Mapping[str, str]]:
    """Return the proof of independence of a series, and the names of the people in it."""
    access.require(actor_of(context), Action.INDEPENDENCE_READ)
    series = session.get(SeriesRow, series_key)
    if series is None:
        raise NotFound
    found = tuple(proofs.prove_series(session, series_key))
    return series, found, _names(session, {one.given.person_id for one in found})


def _candidate(session: Session, centre_number: str, candidate_number: str, series_key: str) -> str | None:
    if not candidate_number:
        return None
    found = session.scalars(
        select(Candidate.id).where(
            Candidate.centre_number == centre_number,
            Candidate.candidate_number == candidate_number,
            Candidate.series_key == series_key,
        )
    ).one_or_none()
    if found is None:
        raise FieldRefused("There is no such candidate at this centre in this series.", field="candidate_number")
    return found


def _names(session: Session, people: set[str]) -> Mapping[str, str]:
    rows = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(people)))
    return {row[0]: row[1] for row in rows}
