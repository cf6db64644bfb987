"""Guards: what the database itself refuses, and what it notes by itself, on SQLite and PostgreSQL alike.

They are triggers, generated here as text, installed at the end of every migration and compared at every start. They stop
forgetful code, a wrong screen and a wrong statement; they do not stop who owns the database and can drop them.
A new guard is one ``Guard`` in one of the tuples that ``all_guards`` joins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.engine import ExceptionContext

from moderation.errors import (
    IllegalTransition,
    ModerationError,
    NotIndependent,
    RecordKept,
    ResultsGateClosed,
    SamePerson,
)
from moderation.guards import cases, history, independence, requests, results, reviews
from moderation.guards.trigger import PREFIX, Guard, Refusal

__all__ = ["Guard", "all_guards", "drop", "fact_of", "install", "problems", "speak_plainly"]


def all_guards() -> tuple[Guard, ...]:
    """Return every guard of the tables of moderation."""
    return (*independence.GUARDS, *reviews.GUARDS, *requests.GUARDS, *cases.GUARDS, *history.guards(), *results.GUARDS)


# Installing and comparing


def install(connection: Connection, guards: Iterable[Guard] | None = None) -> None:
    """Put up the guards, in place of any that stood; within the caller's transaction.

    Takes: ``guards``, all of moderation when none are given. A guard of a table that is not there is left out.
    """
    drop(connection)
    tables = set(inspect(connection).get_table_names())
    for guard in all_guards() if guards is None else guards:
        if guard.table in tables:
            for statement in guard.ddl(connection.dialect.name):
                connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Take down every guard: SQLite cannot rebuild a table that a trigger names."""
    if connection.dialect.name == "sqlite":
        for name in _standing_sqlite(connection):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return
    for name in connection.exec_driver_sql(_FUNCTIONS).scalars().all():
        connection.exec_driver_sql(f"DROP FUNCTION {name}() CASCADE")


def problems(connection: Connection, guards: Iterable[Guard] | None = None) -> list[str]:
    """Return what is wrong with the guards of a database, one sentence each; empty when all stand as they must."""
    tables = set(inspect(connection).get_table_names())
    wanted = [guard for guard in (all_guards() if guards is None else guards) if guard.table in tables]
    if connection.dialect.name == "sqlite":
        expected = {guard.full_name: text for guard in wanted for text in guard.ddl("sqlite")}
        found: Mapping[str, str] = _standing_sqlite(connection)
    else:
        expected = {guard.full_name: f"{guard.trigger_text()} {guard.body()}" for guard in wanted}
        found = _standing_postgresql(connection)
    missing = [f"The guard {name} is missing." for name in expected if name not in found]
    strange = [f"The guard {name} is not known." for name in found if name not in expected]
    changed = [
        f"The guard {name} is not as it must be."
        for name in expected
        if found.get(name, "") not in ("", expected[name])
    ]
    return sorted(missing + strange + changed)


def _standing_sqlite(connection: Connection) -> dict[str, str]:
    rows = connection.exec_driver_sql(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, {len(PREFIX)}) = '{PREFIX}'"
    )
    return {row[0]: row[1] for row in rows}


_HERE = "p.pronamespace = current_schema()::regnamespace"
_FUNCTIONS = f"SELECT p.proname FROM pg_proc p WHERE {_HERE} AND starts_with(p.proname, '{PREFIX}') ORDER BY 1"
_TRIGGERS = (
    "SELECT p.proname, pg_get_triggerdef(t.oid, true), p.prosrc, t.tgenabled FROM pg_proc p "
    f"LEFT JOIN pg_trigger t ON t.tgfoid = p.oid WHERE {_HERE} AND starts_with(p.proname, '{PREFIX}')"
)


def _standing_postgresql(connection: Connection) -> dict[str, str]:
    """Return the guards that stand; one that is switched off, or whose function no trigger calls, reads differently."""
    return {
        name: f"{trigger} {body}" if trigger and enabled in ("O", b"O") else f"switched off {body}"
        for name, trigger, body, enabled in connection.exec_driver_sql(_TRIGGERS)
    }


# What a guard says, as an error of moderation

_SAID = re.compile(r"nea:([a-z-]+)")

SENTENCES: Mapping[Refusal, tuple[type[ModerationError], str]] = {
    Refusal.CONFLICT: (
        NotIndependent,
        "This person has a tie to the centre, so they cannot act on its work. Choose somebody else.",
    ),
    Refusal.INVOLVED: (
        NotIndependent,
        "This person had a part in judging this work before, so they cannot review it. Choose somebody else.",
    ),
    Refusal.SAME_PERSON: (
        SamePerson,
        "This needs a second person: whoever did the step before cannot do this one, under any account.",
    ),
    Refusal.ILLEGAL_MOVE: (IllegalTransition, "This step is not possible in the present state of the case."),
    Refusal.HISTORY: (RecordKept, ""),
    Refusal.GATE: (
        ResultsGateClosed,
        "Results leave only after a clear run of the gate over the very results to be released, with no case open.",
    ),
    Refusal.AUTOMATIC_CONFLICT: (
        RecordKept,
        "A tie that comes from a role at the centre ends by itself, three years after the role.",
    ),
    Refusal.OWN_ROLE: (
        SamePerson,
        "Nobody gives, changes or ends a role of their own, under any account. Ask a second person.",
    ),
    Refusal.LAST_OFFICER: (
        RecordKept,
        "This is the last awarding body officer. Give somebody else the role before you end it.",
    ),
}


def fact_of(error: BaseException) -> ModerationError | None:
    """Return what a guard said as an error of moderation; ``None`` for an error that no guard raised."""
    said = _SAID.search(str(error))
    if said is None or said[1] not in set(Refusal):
        return None
    refusal = Refusal(said[1])
    kind, sentence = SENTENCES[refusal]
    return kind(sentence, guard=refusal.value)


def speak_plainly(engine: Engine) -> None:
    """Let every statement of an engine that a guard refuses raise the error of moderation in place of the driver's."""

    @event.listens_for(engine, "handle_error", retval=True)
    def on_error(context: ExceptionContext) -> BaseException | None:
        return fact_of(context.original_exception)
