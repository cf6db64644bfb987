"""How a guard is written: one condition in SQL, made into a trigger of SQLite or of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "guard_"
"""How the names of all guards begin; nothing else in a database is called so."""


TRUNCATE = "TRUNCATE"


class Refusal(StrEnum):
    """What a guard says when it refuses: the code that is turned into an error of moderation."""

    CONFLICT = "conflict"
    INVOLVED = "involved"
    SAME_PERSON = "same-person"
    ILLEGAL_MOVE = "illegal-move"
    HISTORY = "history"
    GATE = "gate"
    AUTOMATIC_CONFLICT = "automatic-conflict"
    OWN_ROLE = "own-role"
    LAST_OFFICER = "last-officer"


@dataclass(frozen=True, slots=True)
class Sql:
    """The words in which SQLite and PostgreSQL differ."""

    dialect: str

    @property
    def is_sqlite(self) -> bool:
        """Say whether this is SQLite."""
        return self.dialect == "sqlite"

    @property
    def now(self) -> str:
        """The instant of the statement."""
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if self.is_sqlite else "CURRENT_TIMESTAMP"

    @property
    def never(self) -> str:
        """An instant after all others."""
        return "'9999-12-31 00:00:00.000000'" if self.is_sqlite else "CAST('infinity' AS timestamptz)"

    def differs(self, one: str, other: str) -> str:
        """Two values are not the same, absent values included."""
        if self.is_sqlite:
            return f"{one} IS NOT {other}"
        return f"CAST({one} AS text) IS DISTINCT FROM CAST({other} AS text)"

    def later_of(self, one: str, other: str) -> str:
        """The later of two instants."""
        return f"MAX({one}, {other})" if self.is_sqlite else f"GREATEST({one}, {other})"

    def years_after(self, instant: str, years: int) -> str:
        """So many years after an instant."""
        if self.is_sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%f', {instant}, '+{years} years') || '000'"
        return f"{instant} + interval '{years} years'"


@dataclass(frozen=True, slots=True)
class Row:
    """The row that a statement adds or changes, as a condition names it.

    ``new`` and ``old`` stand before a column; ``beside`` puts the row beside other tables of a FROM clause.
    """

    sql: Sql
    new: str
    old: str
    beside: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard: when it looks, what it refuses, and what it notes.

    A guard of added rows looks at all rows of a statement at once on PostgreSQL, so that many cost little; ``by_row``
    makes it look at each.
    """

    name: str
    table: str
    event: str
    """``INSERT``, ``DELETE``, ``UPDATE``, ``UPDATE OF column, …``, or ``TRUNCATE``, which SQLite has not."""
    refuses: Callable[[Row], Sequence[tuple[Refusal, str]]] | None = None
    """Codes, each with the condition under which the row is refused; the first that holds is said."""
    notes: Callable[[Row], Sequence[str]] | None = None
    """Statements that follow from the row."""
    by_row: bool = False

    @property
    def full_name(self) -> str:
        """The name in the database."""
        return PREFIX + self.name

    def ddl(self, dialect: str) -> tuple[str, ...]:
        """Return the statements that make the guard on a database of this kind; none where there is nothing to guard."""
        sql = Sql(dialect)
        if self.event == TRUNCATE and sql.is_sqlite:
            return ()
        return (self._sqlite(sql),) if sql.is_sqlite else (self._function(sql), self.trigger_text())

    def _sqlite(self, sql: Sql) -> str:
        row = Row(sql, "NEW", "OLD", lambda others: others)
        refusals = [] if self.refuses is None else list(self.refuses(row))
        timing = "BEFORE" if self.notes is None else "AFTER"
        when = f" WHEN {refusals[0][1]}" if len(refusals) == 1 and self.notes is None else ""
        if when:
            body = [f"SELECT RAISE(ABORT, 'nea:{refusals[0][0]}')"]
        else:
            body = [f"SELECT RAISE(ABORT, 'nea:{code}') WHERE {condition}" for code, condition in refusals]
        body += [] if self.notes is None else self.notes(row)
        return (
            f"CREATE TRIGGER {self.full_name} {timing} {self.event} ON {self.table}{when} BEGIN {'; '.join(body)}; END"
        )

    @property
    def _is_set(self) -> bool:
        return self.event == "INSERT" and not self.by_row

    def _function(self, sql: Sql) -> str:
        return f"CREATE FUNCTION {self.full_name}() RETURNS trigger LANGUAGE plpgsql AS $nea${self.body()}$nea$"

    def body(self) -> str:
        """Return what the function of PostgreSQL does."""
        row = (
            Row(Sql("postgresql"), "n", "o", lambda others: f"added n, {others}")
            if self._is_set
            else Row(Sql("postgresql"), "NEW", "OLD", lambda others: others)
        )
        lines = ["", "BEGIN"]
        for code, condition in [] if self.refuses is None else self.refuses(row):
            found = f"EXISTS (SELECT 1 FROM added n WHERE {condition})" if self._is_set else condition
            lines += [
                f"IF {found} THEN",
                f"RAISE EXCEPTION USING MESSAGE = 'nea:{code}', ERRCODE = '23514';",
                "END IF;",
            ]
        lines += [f"{statement};" for statement in ([] if self.notes is None else self.notes(row))]
        back = (
            "NULL" if self._timing == "AFTER" or self.event == TRUNCATE else "OLD" if self.event == "DELETE" else "NEW"
        )
        return "\n".join([*lines, f"RETURN {back};", "END", ""])

    @property
    def _timing(self) -> str:
        return "AFTER" if self._is_set or self.notes is not None else "BEFORE"

    def trigger_text(self) -> str:
        """Return the trigger of PostgreSQL, in the words in which PostgreSQL gives it back."""
        each = "REFERENCING NEW TABLE AS added FOR EACH STATEMENT" if self._is_set else "FOR EACH ROW"
        if self.event == TRUNCATE:
            each = "FOR EACH STATEMENT"
        return (
            f"CREATE TRIGGER {self.full_name} {self._timing} {self.event} ON {self.table} {each} "
            f"EXECUTE FUNCTION {self.full_name}()"
        )
