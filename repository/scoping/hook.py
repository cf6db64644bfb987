"""Narrows every SELECT, UPDATE and DELETE of the ORM to what the one who asks may see, without being asked to.

What it does not reach is said in ``infra/docs/access.md``: statements over tables themselves, and text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import ColumnElement, FromClause, Table, event, false, inspect, true
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.visitors import iterate

from repository.acting import ACTING, NOBODY, WRITES, Acting
from repository.scoping import predicates
from repository.scoping.predicates import Facts

_CONDITIONS = "conditions"


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
    for entity in _entities(state.statement):
        condition = _condition(state.session, who, entity)
        if condition is not None:
            option = with_loader_criteria(entity, condition, include_aliases=True)
            state.statement = cast(Any, state.statement).options(option)


def _condition(session: Session, who: Acting, entity: type[Any]) -> ColumnElement[bool] | None:
    known: dict[tuple[Acting, type[Any]], ColumnElement[bool] | None] = session.info.setdefault(_CONDITIONS, {})
    key = (who, entity)
    if key not in known:
        known[key] = condition_for(who, entity, writes=bool(session.info.get(WRITES)))
    return known[key]


def condition_for(who: Acting, entity: type[Any], *, writes: bool) -> ColumnElement[bool] | None:
    """Return the condition on rows of a scoped class for one who acts; None where there is nothing to narrow.

    Nobody sees nothing.
    """
    actor = who.actor
    if actor is None:
        return false()
    facts = Facts(actor.person_id, actor.assignment_id, actor.centre_number, who.now or datetime.now(UTC))
    table = cast(FromClause, entity.__table__)
    found = predicates.condition_on(entity, table, actor.role, who.action, facts, writes=writes)
    return None if found.compare(true()) else found


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
