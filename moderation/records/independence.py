"""Independence as recorded: the register of ties, who had a part in what, accounts of one person."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, FromClause, Table, TableClause, and_, case, column, literal_column, or_, select
from sqlalchemy.orm import Session

from moderation.errors import (
    ConflictInvalid,
    ConflictNotEndable,
    MergeRefused,
    NotIndependent,
    ReasonMissing,
    SamePerson,
    UnknownCandidate,
    UnknownConflict,
)
from moderation.independence import (
    OWN_ACT,
    Act,
    ConflictKind,
    ConflictOrigin,
    Part,
    Permission,
    Reason,
    Tie,
    reasons_against,
)
from moderation.tables import Allocation, Base, Candidate, Conflict, Involvement, ModerationCase, PersonAlias, new_id

REVIEWING = frozenset(OWN_ACT)


@dataclass(frozen=True, slots=True)
class ConflictView:
    """A line of the register of ties, as officers read it."""

    tie: Tie
    candidate_number: str | None
    note: str
    declared_by: str
    ended_by: str | None
    end_reason: str

    def is_live(self, now: datetime) -> bool:
        """Say whether it holds now, or will."""
        return self.tie.until is None or self.tie.until > now

    @property
    def is_endable(self) -> bool:
        """Say whether a second person may end it: an automatic one ends by itself."""
        return self.tie.origin is ConflictOrigin.DECLARED and self.tie.ended_at is None


# Who is barred


def holds_for(person: Any, centre: Any, series: Any, now: Any) -> ColumnElement[bool]:
    """Return the condition that a tie of the person, under any account, to the centre holds at an instant.

    It is said over the tables themselves, so that nothing that narrows what a person sees can take a tie away.
    """
    tie, alias = _aliased(Conflict), _aliased(PersonAlias)
    one_human = _there_is(alias, alias.c.person_id == tie.c.person_id, alias.c.other_id == person)
    return _there_is(
        tie,
        tie.c.centre_number == centre,
        or_(tie.c.series_key.is_(None), tie.c.series_key == series),
        tie.c.valid_from <= now,
        or_(tie.c.valid_to.is_(None), tie.c.valid_to > now),
        or_(tie.c.ended_at.is_(None), tie.c.ended_at > now),
        or_(tie.c.person_id == person, one_human),
    )


def is_independent(now: Any, of: FromClause | None = None) -> ColumnElement[bool]:
    """Return the condition on an allocation that nothing denies it now: a deny wins over what was given.

    Takes: ``of``, the allocation's table under another name.
    """
    given = Allocation.__table__ if of is None else of
    tie = holds_for(given.c.person_id, given.c.centre_number, given.c.series_key, now)
    own, other = _aliased(ModerationCase), _aliased(ModerationCase)
    part, alias = _aliased(Involvement), _aliased(PersonAlias)
    act = case((given.c.act == Permission.REVIEW, Act.REVIEWED.value), else_=Act.APPEALED.value)
    one_human = _there_is(alias, alias.c.person_id == part.c.person_id, alias.c.other_id == given.c.person_id)
    together = and_(
        other.c.series_key == own.c.series_key,
        other.c.component_code == own.c.component_code,
        or_(other.c.id == own.c.id, other.c.consortium_id == own.c.consortium_id),
    )
    had_part = (
        select(literal_column("1"))
        .select_from(part.join(other, other.c.id == part.c.case_id).join(own, together))
        .where(
            own.c.series_key == given.c.series_key,
            own.c.component_code == given.c.component_code,
            own.c.centre_number == given.c.centre_number,
            part.c.act != act,
            or_(part.c.person_id == given.c.person_id, one_human),
        )
        .correlate_except(part, other, own)
        .exists()
    )
    return and_(~tie, or_(given.c.act.not_in(REVIEWING), ~had_part))


def _aliased(table: type[Base]) -> FromClause:
    return _bare(cast(Table, table.__table__)).alias()


@cache
def _bare(full: Table) -> TableClause:
    """Return a table as names and types alone: putting one under another name costs a tenth of a mapped one."""
    return TableClause(full.name, *(column(one.name, one.type) for one in full.columns))


def _there_is(table: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(literal_column("1")).select_from(table).where(*conditions).correlate_except(table).exists()


def is_tied(session: Session, person_id: str, centre_number: str, series_key: str, now: datetime) -> bool:
    """Say whether the person has a tie to the centre that holds now, under any account."""
    return bool(session.scalar(select(holds_for(person_id, centre_number, series_key, now))))


def accounts_of(session: Session, person_id: str) -> frozenset[str]:
    """Return every account of the human behind this one, itself included."""
    others = session.scalars(select(PersonAlias.other_id).where(PersonAlias.person_id == person_id))
    return frozenset({person_id, *others})


def reasons(
    session: Session,
    person_id: str,
    *,
    series_key: str,
    component_code: str,
    centre_number: str,
    act: str,
    start: datetime,
    until: datetime | None = None,
) -> tuple[Reason, ...]:
    """Return why the person cannot be given this work in [start, until); empty for somebody independent."""
    accounts = accounts_of(session, person_id)
    ties = [
        tie
        for tie in ties_of(session, accounts=accounts, centre_number=centre_number)
        if tie.concerns(centre_number, series_key)
        and tie.holds(start, until or datetime.max.replace(tzinfo=start.tzinfo))
    ]
    parts: list[Part] = []
    if act in REVIEWING:
        parts = parts_in(session, accounts, series_key, component_code, centre_number)
    return reasons_against(act, ties, parts)


def need_independent(
    session: Session,
    person_id: str,
    *,
    series_key: str,
    component_code: str,
    centre_number: str,
    act: str,
    start: datetime,
    until: datetime | None = None,
) -> None:
    """Refuse to give a person work that they cannot judge; the database would refuse too, without the reasons.

    Raises: ``NotIndependent`` with ``reasons``, (code, sentence) each.
    """
    found = reasons(
        session,
        person_id,
        series_key=series_key,
        component_code=component_code,
        centre_number=centre_number,
        act=act,
        start=start,
        until=until,
    )
    if found:
        raise NotIndependent(
            f"This person cannot be chosen for {component_code} at centre {centre_number}. "
            + " ".join(reason.detail for reason in found),
            field="person_id",
            reasons=[{"code": reason.code, "detail": reason.detail} for reason in found],
        )


def ties_of(
    session: Session, *, accounts: Collection[str] | None = None, centre_number: str | None = None
) -> list[Tie]:
    """Return ties of the register, oldest first, of some accounts or to one centre."""
    query = select(Conflict).order_by(Conflict.declared_at, Conflict.id)
    if accounts is not None:
        query = query.where(Conflict.person_id.in_(accounts))
    if centre_number is not None:
        query = query.where(Conflict.centre_number == centre_number)
    return [_tie(row) for row in session.scalars(query)]


def parts_in(
    session: Session, accounts: Collection[str], series_key: str, component_code: str, centre_number: str
) -> list[Part]:
    """Return the parts that these accounts had in a case, or in one moderated together with it."""
    own = session.scalars(
        select(ModerationCase).where(
            ModerationCase.series_key == series_key,
            ModerationCase.component_code == component_code,
            ModerationCase.centre_number == centre_number,
        )
    ).one_or_none()
    if own is None:
        return []
    cases: list[str] = [own.id]
    if own.consortium_id is not None:
        cases = list(
            session.scalars(select(ModerationCase.id).where(ModerationCase.consortium_id == own.consortium_id))
        )
    rows = session.execute(
        select(Involvement.person_id, Involvement.case_id, Involvement.act, Involvement.done_at)
        .where(Involvement.case_id.in_(cases), Involvement.person_id.in_(accounts))
        .order_by(Involvement.done_at)
    )
    return [Part(person, case_id, Act(act), done_at) for person, case_id, act, done_at in rows]


# The register


def declare_conflict(
    session: Session,
    *,
    person_id: str,
    centre_number: str,
    kind: ConflictKind,
    note: str,
    declared_by: str,
    now: datetime,
    candidate_id: str | None = None,
    valid_from: datetime | None = None,
) -> str:
    """Declare a tie to a centre, or to one candidate there; what is open for the person there ends at once.

    Takes: ``note``, needed for a tie of another kind; ``valid_from``, now when it is not given.
    Returns: the identifier of the line in the register.
    Raises: ``ReasonMissing``; ``UnknownCandidate`` for one of another centre; ``ConflictInvalid`` for no centre number.
    """
    if kind is ConflictKind.OTHER and not note.strip():
        raise ReasonMissing("Say in a few words what the interest is.", field="note")
    number = centre_number.strip()
    if not re.fullmatch(r"[0-9]{5}", number, re.ASCII):
        raise ConflictInvalid(field="centre_number")
    series_key = None
    if candidate_id is not None:
        candidate = session.get(Candidate, candidate_id)
        if candidate is None or candidate.centre_number != number:
            raise UnknownCandidate(field="candidate")
        series_key = candidate.series_key
    row = Conflict(
        id=new_id(),
        person_id=person_id,
        centre_number=number,
        candidate_id=candidate_id,
        series_key=series_key,
        kind=kind.value,
        note=note.strip()[:500],
        declared_by=declared_by,
        declared_at=now,
        valid_from=valid_from or now,
    )
    session.add(row)
    session.flush()
    # The database closed what was open; what this session has loaded of it is read again.
    for loaded in session.identity_map.values():
        if isinstance(loaded, Allocation):
            session.expire(loaded)
    return row.id


def end_conflict(session: Session, conflict_id: str, *, reason: str, ended_by: str, now: datetime) -> None:
    """End a declared tie, as a second person and with a reason; what it closed stays closed.

    Raises: ``UnknownConflict``; ``ReasonMissing``; ``SamePerson`` for whom it is about or who declared it, under any
    account; ``ConflictNotEndable`` for one that ended, or that comes from a role.
    """
    row = session.get(Conflict, conflict_id)
    if row is None:
        raise UnknownConflict
    if not reason.strip():
        raise ReasonMissing(field="reason")
    if row.origin == ConflictOrigin.AUTOMATIC:
        raise ConflictNotEndable(
            "A tie that comes from a role at the centre ends by itself, three years after the role."
        )
    if row.ended_at is not None:
        raise ConflictNotEndable("This conflict of interest has ended already.")
    accounts = accounts_of(session, ended_by)
    if row.person_id in accounts or row.declared_by in accounts:
        raise SamePerson(
            "Whom a conflict of interest is about, and who declared it, cannot end it. Ask a second person."
        )
    row.ended_by, row.ended_at, row.end_reason = ended_by, now, reason.strip()[:500]
    session.flush()


def conflicts(session: Session, *, person_id: str | None = None) -> list[ConflictView]:
    """Return the register, newest first; of one person under every account when one is named."""
    query = (
        select(Conflict, Candidate.candidate_number)
        .outerjoin(Candidate, Candidate.id == Conflict.candidate_id)
        .order_by(Conflict.declared_at.desc(), Conflict.id)
    )
    if person_id is not None:
        query = query.where(Conflict.person_id.in_(accounts_of(session, person_id)))
    return [
        ConflictView(_tie(row), number, row.note, row.declared_by, row.ended_by, row.end_reason)
        for row, number in session.execute(query)
    ]


# Accounts of one person


def merge_people(
    session: Session, person_id: str, other_id: str, *, reason: str, merged_by: str, now: datetime
) -> list[str]:
    """Note that two accounts are one human, for good; ties and parts of each then count for both.

    Returns: the allocations that were open and now fail: they are closed.
    Raises: ``ReasonMissing``; ``SamePerson`` when somebody merges accounts of their own; ``MergeRefused`` for one account.
    """
    if not reason.strip():
        raise ReasonMissing(field="reason")
    if person_id == other_id:
        raise MergeRefused(field="other_id")
    group = accounts_of(session, person_id) | accounts_of(session, other_id)
    if accounts_of(session, merged_by) & group:
        raise SamePerson("Nobody merges accounts of their own. Ask a second person.")
    open_before = _open_allocations(session, group, now)
    if other_id not in accounts_of(session, person_id):
        session.add(
            PersonAlias(
                person_id=person_id, other_id=other_id, merged_by=merged_by, merged_at=now, reason=reason.strip()[:500]
            )
        )
        session.flush()
    session.expire_all()
    return sorted(open_before - _open_allocations(session, group, now))


def _open_allocations(session: Session, people: Collection[str], now: datetime) -> set[str]:
    return set(
        session.scalars(
            select(Allocation.id).where(
                Allocation.person_id.in_(people), or_(Allocation.closes_at.is_(None), Allocation.closes_at > now)
            )
        )
    )


def _tie(row: Conflict) -> Tie:
    return Tie(
        row.id,
        row.person_id,
        row.centre_number,
        row.series_key,
        ConflictKind(row.kind),
        ConflictOrigin(row.origin),
        row.declared_at,
        row.valid_from,
        row.valid_to,
        row.ended_at,
    )


def barred(
    session: Session,
    people: Sequence[str],
    *,
    series_key: str,
    component_code: str,
    centre_number: str,
    act: str,
    now: datetime,
) -> dict[str, tuple[Reason, ...]]:
    """Return who of these people cannot be given the work from now on, with the reasons."""
    found = {
        person: reasons(
            session,
            person,
            series_key=series_key,
            component_code=component_code,
            centre_number=centre_number,
            act=act,
            start=now,
        )
        for person in people
    }
    return {person: why for person, why in found.items() if why}
