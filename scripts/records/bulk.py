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

from sqlalchemy import Insert, TableValuedAlias, Text, Update, bindparam, cast, column, func, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from scripts.tables import Base

Rows = Sequence[dict[str, Any]]
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
def _insert(kind: type[Base], names: tuple[str, ...]) -> Insert:
    rows = _recordset(kind, names)
    return insert(kind.__table__).from_select(names, select(*(rows.c[name] for name in names)))  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def _update(kind: type[Base], names: tuple[str, ...]) -> Update:
    rows, table = _recordset(kind, names), kind.__table__
    changes = {name: rows.c[name] for name in names if name != "id"}
    return update(table).values(changes).where(table.c.id == rows.c.id)  # type: ignore[arg-type]


def _recordset(kind: type[Base], names: tuple[str, ...]) -> TableValuedAlias:
    columns = kind.__table__.columns
    typed = (column(name, columns[name].type) for name in names)
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), postgresql.JSON))
    return rows.table_valued(*typed, name="r").render_derived(name="r", with_types=True)
