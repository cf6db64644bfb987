"""Many rows at once, past the unit of work: COPY on PostgreSQL, ``executemany`` on SQLite.

Tables, constraints, defaults and types are those of every other way in; names of tables and columns come from the
tables' own classes, never from outside. The session's connection is a synchronous one.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from secrets import randbits
from typing import Any

from sqlalchemy import JSON, Column, CursorResult, Select, String, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from moderation.guards import fact_of
from moderation.tables import Base

_CACHE_KIB = 128 * 1024
"""So much of SQLite's file is kept in memory while many rows are written; the default of 2 MiB reads pages anew."""

_REMEMBERED = 1000

Processor = Callable[[Any], Any]


def ordered_ids() -> Iterator[str]:
    """Return fresh opaque identifiers that follow each other, so that indexes grow at their end.

    They are laid out as version 7 of a UUID (milliseconds, then chance, then a counter); like every identifier here
    they are no secret: who may see what is asked for each request.
    Source: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7.
    """
    instant = f"{time.time_ns() // 1_000_000:012x}"
    head = f"{instant[:8]}-{instant[8:]}-7{randbits(12):03x}-{0x8000 | randbits(14):04x}-"
    return (f"{head}{number:012x}" for number in count(randbits(46)))


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave the collector of cycles off within the block: plain rows make none, and each of its passes walks them all."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def many_rows(session: Session) -> Iterator[None]:
    """Give the database room for many rows within the block, as far as it is ours to give."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
        with uncollected():
            yield
        return
    before = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    try:
        with uncollected():
            yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {before}")


def insert_rows(
    session: Session,
    table: type[Base],
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    same: Mapping[str, Any] | None = None,
) -> int:
    """Add rows to a table and return how many.

    Takes: ``columns``, the names of what each row gives, in its order; ``same``, what all rows have in common. Other
    columns get their default.
    Raises: ``ValueError`` for a column that needs a value and has none; what the database raises for a constraint.
    """
    session.flush()
    shape = _shape(table)
    common = {**_defaults(shape, {*columns, *(same or {})}), **(same or {})}
    dialect = session.connection().dialect
    fixed = tuple(_processed(shape.c[name], value, dialect) for name, value in common.items())
    names = [*columns, *common]
    ready = _ready(rows, [shape.c[name] for name in columns], fixed, dialect)
    with _cursor(session) as cursor:
        if dialect.name == "sqlite":
            places = ", ".join("?" * len(names))
            cursor.executemany(f"INSERT INTO {shape.name} ({', '.join(names)}) VALUES ({places})", ready)  # noqa: S608
            return max(int(cursor.rowcount), 0)
        return _copy(cursor, shape.name, names, ready)


def change_rows(
    session: Session,
    table: type[Base],
    match: Sequence[str],
    change: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
    same: Mapping[str, Any] | None = None,
) -> int:
    """Change the rows of a table that match, and return how many there were.

    Takes: ``rows``, each the values of ``match`` as they must be found, then the new values of ``change``; ``same``,
    new values that all rows have in common.
    """
    session.flush()
    shape = _shape(table)
    dialect = session.connection().dialect
    common = dict(same or {})
    fixed = tuple(_processed(shape.c[name], value, dialect) for name, value in common.items())
    columns = [shape.c[name] for name in (*match, *change)]
    changed = [*change, *common]
    with _cursor(session) as cursor:
        if dialect.name == "sqlite":
            setting = ", ".join(f"{name} = ?" for name in changed)
            where = " AND ".join(f"{name} = ?" for name in match)
            keys = len(match)
            ready = (row[keys:] + row[:keys] for row in _ready(rows, columns, (), dialect))
            ordered = (row[: len(change)] + fixed + row[len(change) :] for row in ready)
            cursor.executemany(f"UPDATE {shape.name} SET {setting} WHERE {where}", ordered)  # noqa: S608
            return max(int(cursor.rowcount), 0)
        room = f"changed_{shape.name}"
        types = [shape.c[name].type.compile(dialect) for name in (*match, *changed)]
        places = [f"c{number}" for number in range(len(types))]
        described = ", ".join(f"{place} {kind}" for place, kind in zip(places, types, strict=True))
        cursor.execute(f"CREATE TEMPORARY TABLE {room} ({described}) ON COMMIT DROP")
        _copy(cursor, room, places, _ready(rows, columns, fixed, dialect))
        cursor.execute(f"ANALYZE {room}")
        setting = ", ".join(f"{n} = f.{p}" for n, p in zip(changed, places[len(match) :], strict=True))
        where = " AND ".join(f"t.{n} = f.{p}" for n, p in zip(match, places, strict=False))
        cursor.execute(f"UPDATE {shape.name} AS t SET {setting} FROM {room} AS f WHERE {where}")  # noqa: S608
        found = int(cursor.rowcount)
        cursor.execute(f"DROP TABLE {room}")
        return found


def read_rows(session: Session, query: Select[*tuple[Any, ...]]) -> CursorResult[*tuple[Any, ...]]:
    """Return the plain rows of a query of columns, past the session, which would look at each for objects."""
    session.flush()
    return session.connection().execute(query)


def count_anew(session: Session, *tables: type[Base]) -> None:
    """Let PostgreSQL count what tables hold now: it plans by what it counted last, which was before many rows came."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        for table in tables:
            connection.exec_driver_sql(f"ANALYZE {table.__tablename__}")


@contextmanager
def _cursor(session: Session) -> Iterator[Any]:
    """Give a cursor of the driver; what it raises becomes what every other statement would raise."""
    connection = session.connection()
    dialect: Any = connection.dialect
    cursor: Any = connection.connection.cursor()
    try:
        yield cursor
    except dialect.dbapi.Error as error:
        fact = fact_of(error)
        if fact is None:
            raise DBAPIError.instance("many rows", None, error, dialect.dbapi.Error, dialect=dialect) from error
        raise fact from error
    finally:
        cursor.close()


def _shape(table: type[Base]) -> Table:
    shape = table.__table__
    if not isinstance(shape, Table):
        raise TypeError(f"{table.__name__} is no table")
    return shape


def _copy(cursor: Any, table: str, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
    if not hasattr(cursor, "copy"):
        # The running service speaks to PostgreSQL asynchronously, where the driver's cursor gives no COPY here.
        places = ", ".join(["%s"] * len(names))
        cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)  # noqa: S608
        return max(int(cursor.rowcount), 0)
    if cursor.execute("SELECT row_security_active(%s)", (table,)).fetchone()[0]:
        # PostgreSQL refuses COPY to whoever is held to row security, so the rows come by way of a table of our own.
        room, listed = f"pg_temp.copied_{table}", ", ".join(names)
        cursor.execute(f"DROP TABLE IF EXISTS {room}")
        cursor.execute(
            f"CREATE TEMPORARY TABLE copied_{table} ON COMMIT DROP AS SELECT {listed} FROM {table} WITH NO DATA"  # noqa: S608
        )
        _copy(cursor, room, names, rows)
        cursor.execute(f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {room}")  # noqa: S608
        return int(cursor.rowcount)
    with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
        write = copy.write_row
        for row in rows:
            write(row)
    return int(cursor.rowcount)


def _defaults(shape: Table, given: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in shape.columns:
        if column.name in given:
            continue
        default: Any = column.default
        if default is not None and not column.primary_key:
            found[column.name] = default.arg(None) if default.is_callable else default.arg
        elif not column.nullable and column.server_default is None:
            raise ValueError(f"{shape.name}.{column.name} needs a value in every row")
    return found


def _ready(
    rows: Iterable[tuple[Any, ...]], columns: Sequence[Column[Any]], fixed: tuple[Any, ...], dialect: Any
) -> Iterable[tuple[Any, ...]]:
    """Return the rows as the driver takes them; only what must be translated is touched."""
    translated = [(place, _processor(column, dialect)) for place, column in enumerate(columns)]
    needed = [(place, processor) for place, processor in translated if processor is not None]
    if not needed:
        return rows if not fixed else (row + fixed for row in rows)
    return _translated(rows, needed, fixed)


def _translated(
    rows: Iterable[tuple[Any, ...]], needed: Sequence[tuple[int, Processor]], fixed: tuple[Any, ...]
) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        values = [*row, *fixed]
        for place, processor in needed:
            values[place] = processor(values[place])
        yield tuple(values)


def _processed(column: Column[Any], value: Any, dialect: Any) -> Any:
    processor = _processor(column, dialect)
    return value if processor is None else processor(value)


def _processor(column: Column[Any], dialect: Any) -> Processor | None:
    if isinstance(column.type, JSON):
        return _json
    if isinstance(column.type, String):
        return None
    processor: Processor | None = column.type.dialect_impl(dialect).bind_processor(dialect)
    return None if processor is None else _remembering(processor)


def _remembering(processor: Processor) -> Processor:
    """Return a processor that translates each value once: instants of many rows are mostly the same."""
    known: dict[Any, Any] = {}

    def translate(value: Any) -> Any:
        try:
            return known[value]
        except KeyError:
            if len(known) > _REMEMBERED:
                known.clear()
            known[value] = translated = processor(value)
            return translated

    return translate


def _json(value: Any) -> str | None:
    if value is None:
        return "null"
    return json.dumps(value) if value else ("[]" if isinstance(value, (list, tuple)) else "{}")
