"""Narrows every SELECT, UPDATE and DELETE of the ORM to what the one who asks may see, without being asked to.

What it does not reach is said in ``infra/docs/access.md``: statements over tables themselves, and text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    FromClause,
    String,
    Table,
    TextClause,
    bindparam,
    event,
    false,
    inspect,
    literal_column,
    text,
    true,
)
from sqlalchemy.engine import make_url
from sqlalchemy.orm import LoaderCriteriaOption, ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.visitors import iterate
from sqlalchemy.types import TypeEngine

from moderation.tables.base import Instant
from repository.access import Action, Actor, Kind, Role, Sight
from repository.acting import ACTING, NOBODY, WRITES, Acting
from repository.scoping import predicates
from repository.scoping.predicates import Facts

_KNOWN = "cases_known"


def narrow(session_class: type[Session]) -> None:
    """Have every statement of this class of sessions narrowed; calling it again changes nothing."""
    if not event.contains(session_class, "do_orm_execute", _narrow):
        event.listen(session_class, "do_orm_execute", _narrow)


def _narrow(state: ORMExecuteState) -> None:
    if state.is_column_load or not (state.is_select or state.is_update or state.is_delete):
        return
    who: Acting = state.session.info.get(ACTING, NOBODY)
    if who.service is not None:
        return
    writes, dialect = bool(state.session.info.get(WRITES)), state.session.get_bind().dialect
    options = [
        option
        for entity in _entities(state.statement)
        if (option := _option(who, entity, dialect, writes=writes)) is not None
    ]
    if options:
        state.statement = cast(Any, state.statement).options(*options)
        _asking.set((who, _cases_known(state.session, who, dialect)))


def _option(who: Acting, entity: type[Any], dialect: Dialect, *, writes: bool) -> LoaderCriteriaOption | None:
    if who.actor is None:
        return _criteria(entity, false())
    return _criteria_for(who.actor.role, who.action, cast(Any, entity), writes, dialect.name)


@lru_cache(maxsize=8192)
def _criteria_for(
    role: Role, action: Action | None, entity: type[Any], writes: bool, dialect: str
) -> LoaderCriteriaOption | None:
    condition = _condition(role, action, cast(Any, entity), writes, dialect)
    return None if condition is None else _criteria(entity, condition)


def _criteria(entity: type[Any], condition: ColumnElement[bool]) -> LoaderCriteriaOption:
    return with_loader_criteria(entity, condition, include_aliases=True)


def condition_for(who: Acting, entity: type[Any], dialect: Dialect, *, writes: bool) -> ColumnElement[bool] | None:
    """Return the condition on rows of a scoped class for one who acts; None where there is nothing to narrow.

    Nobody sees nothing. A condition is made once for all who act so: what it must know of the one who asks, it looks up
    when a statement is carried out, since to put it together takes longer than a database needs to answer.
    """
    if who.actor is None:
        return false()
    return _condition(who.actor.role, who.action, cast(Any, entity), writes, dialect.name)


@lru_cache(maxsize=8192)
def _condition(
    role: Role, action: Action | None, entity: type[Any], writes: bool, dialect: str
) -> ColumnElement[bool] | None:
    table = cast(FromClause, entity.__table__)
    found = predicates.condition_on(entity, table, role, action, _facts(dialect), writes=writes)
    return None if found.compare(true()) else found


_asking: ContextVar[tuple[Acting, Mapping[Sight, str]]] = ContextVar("asking", default=(NOBODY, {}))
"""Who asks what is being carried out, and the cases that one reaches: set when it is narrowed, read when values are bound,
with nothing in between."""


def _cases_known(session: Session, who: Acting, dialect: Dialect) -> Mapping[Sight, str]:
    """Return the lists of cases in reach that the statements of a reading transaction share.

    A transaction that only reads may find them once; one that writes finds them anew in each statement.
    """
    if who.actor is None or session.info.get(WRITES):
        return {}
    known: dict[Acting, dict[Sight, str]] = session.info.setdefault(_KNOWN, {})
    if who not in known:
        _asking.set((who, {}))
        found = known[who] = {}
        for sight in _listed_for(who.actor.role, who.action):
            cases = session.connection().execute(_listing(sight, dialect.name)).scalars()
            found[sight] = json.dumps(list(cases))
    return known[who]


@cache
def _listed_for(role: Role, action: Action | None) -> tuple[Sight, ...]:
    every = {sight for kind in Kind for sight in predicates.sights(role, kind, action, writes=False)}
    listed = (Sight(sight.scope) for sight in every)
    return tuple(sorted(set(listed) & set(predicates.listed_sights()), key=lambda sight: sight.scope))


def _fact(name: str, read: Callable[[Actor, Acting], object], kind: TypeEngine[Any]) -> BindParameter[Any]:
    def value() -> object:
        who, _ = _asking.get()
        return None if who.actor is None else read(who.actor, who)

    return bindparam(f"nea_{name}", callable_=value, type_=kind)


_PERSON = _fact("person", lambda actor, _: actor.person_id, String())
_ASSIGNMENT = _fact("assignment", lambda actor, _: actor.assignment_id, String())
_CENTRE = _fact("centre", lambda actor, _: actor.centre_number, String())
_NOW = _fact("now", lambda _, who: who.now or datetime.now(UTC), Instant())


@cache
def _facts(dialect: str) -> Facts:
    return Facts(_PERSON, _ASSIGNMENT, _CENTRE, _NOW, listed=lambda sight: _listed(sight, dialect))


@cache
def _listed(sight: Sight, dialect: str) -> TextClause:
    """Return the list of cases in reach as text: SQLAlchemy looks at every part of an expression each time it is used."""
    if sight.writes:
        return _listing(sight, dialect)
    name = f"nea_cases_{sight.scope.value}"
    words = {
        "sqlite": f"SELECT value FROM json_each(:{name})",  # noqa: S608
        "postgresql": f"SELECT jsonb_array_elements_text(CAST(:{name} AS jsonb))",
    }
    return text(words[dialect]).bindparams(
        bindparam(name, callable_=lambda: _asking.get()[1].get(sight, "[]"), type_=String())
    )


@cache
def _listing(sight: Sight, dialect: str) -> TextClause:
    """Return the question for the cases in reach, as text."""
    person, assignment, centre, now = (
        literal_column(f":{one.key}", one.type) for one in (_PERSON, _ASSIGNMENT, _CENTRE, _NOW)
    )
    named = cast(Any, make_url(f"{dialect}://").get_dialect())(paramstyle="named")
    query = predicates.cases_of(sight, Facts(person, assignment, centre, now))
    written = str(query.compile(dialect=named, compile_kwargs={"literal_binds": True}))
    used = [one for one in (_PERSON, _ASSIGNMENT, _CENTRE, _NOW) if f":{one.key}" in written]
    return text(written).bindparams(*used)


def _entities(statement: Any) -> Iterator[type[Any]]:
    """Give the scoped classes that a statement speaks of, in whichever depth."""
    of_table, seen = _by_table(), set()
    for part in iterate(statement, {}):
        table = getattr(part, "element", part) if not isinstance(part, Table) else part
        found = of_table.get(table) if isinstance(table, Table) else None
        if found is not None and found not in seen:
            seen.add(found)
            yield found


@cache
def _by_table() -> Mapping[Table, type[Any]]:
    return {cast(Table, inspect(entity).local_table): entity for entity in predicates.tables()}
