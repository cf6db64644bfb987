"""Many rows at once: on PostgreSQL one statement with one parameter, elsewhere ``executemany``.

PostgreSQL takes the rows as one JSON text and makes rows of it itself: a tenth of the work of a statement for each. Row
security, triggers and constraints hold as for any statement; which rows may be named is decided before, by who selects them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import TextClause, bindparam, insert, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from scripts.tables import Base

Rows = Sequence[dict[str, Any]]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_FEW = 20
"""So few rows are not worth another statement's plan."""


def insert_rows(session: Session, kind: type[Base], rows: Rows) -> None:
    """Add rows, which all name the same columns."""
    if not rows:
        return
    if session.get_bind().dialect.name != "postgresql" or len(rows) < _FEW:
        session.execute(insert(kind), rows)
        return
    session.execute(_insert(kind, tuple(rows[0])), {"rows": _as_json(rows)})


def change_rows(session: Session, kind: type[Base], rows: Rows) -> None:
    """Change rows that are named by their ``id``; all name the same columns."""
    if not rows:
        return
    if session.get_bind().dialect.name != "postgresql" or len(rows) < _FEW:
        session.execute(update(kind), rows)
        return
    session.execute(_update(kind, tuple(rows[0])), {"rows": _as_json(rows)})


def _as_json(rows: Rows) -> str:
    return json.dumps(rows, default=datetime.isoformat, separators=(",", ":"))


@lru_cache(maxsize=64)
def _insert(kind: type[Base], names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(names)
    made = f"INSERT INTO {kind.__tablename__} ({columns}) SELECT {columns} FROM {_recordset(kind, names)}"  # noqa: S608
    return text(made).bindparams(bindparam("rows"))


@lru_cache(maxsize=64)
def _update(kind: type[Base], names: tuple[str, ...]) -> TextClause:
    changes = ", ".join(f"{name} = r.{name}" for name in names if name != "id")
    table = kind.__tablename__
    made = f"UPDATE {table} SET {changes} FROM {_recordset(kind, names)} WHERE {table}.id = r.id"  # noqa: S608
    return text(made).bindparams(bindparam("rows"))


def _recordset(kind: type[Base], names: tuple[str, ...]) -> str:
    columns = kind.__table__.columns
    typed = ", ".join(f"{name} {columns[name].type.compile(_DIALECT)}" for name in names)
    return f"json_to_recordset(CAST(:rows AS json)) AS r({typed})"
