"""A national day reconciled: 400,000 scripts in 25,000 packets on PostgreSQL, at three sizes; the board of it; its memory.

The day is invented: of each hundred packets one is short, one has not come, one is over, and one is half scanned, so that
cases are opened as on a bad day. Rows go in by COPY; what is measured begins when they are there.
"""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.orm import Session

from scripts import records
from scripts.tables import Base, Packet, RegisterLine, Script, ScriptCase, Sitting
from tests.servers.postgres import running_postgres

from ..figures import Figure

NOW = datetime(2026, 5, 15, 20, tzinfo=UTC)
HELD_ON = date(2026, 5, 14)
SERIES = "01-6A26"
A_PACKET = 16
PACKETS_A_SITTING = 5
PACKETS = 25_000
TARGET_SECONDS = 60


def measure(quick: bool) -> list[Figure]:
    """Measure; quick: 2,500 packets only."""
    sizes = [PACKETS // 10] if quick else [PACKETS // 10, PACKETS // 2, PACKETS]
    figures: list[Figure] = []
    with running_postgres() as url:
        for packets in sizes:
            engine = create_engine(url)
            try:
                Base.metadata.drop_all(engine)
                Base.metadata.create_all(engine)
                _fill(engine, packets)
                figures += _one(engine, packets, is_last=packets == sizes[-1])
            finally:
                engine.dispose()
    return figures


def _one(engine: Engine, packets: int, *, is_last: bool) -> list[Figure]:
    scripts = packets * A_PACKET
    with Session(engine) as session:
        begun = time.perf_counter()
        done = records.reconcile_day(session, HELD_ON, now=NOW)
        session.commit()
        seconds = time.perf_counter() - begun
        found = session.scalar(select(func.count()).select_from(ScriptCase))
    if done.present != scripts or done.opened != found or not found:
        raise SystemExit(f"the day does not add up: {done}")
    target = TARGET_SECONDS if scripts == PACKETS * A_PACKET else None
    figures = [Figure(f"{scripts:,} scripts in {packets:,} packets reconciled", seconds, "s", target, at_most=True)]
    if not is_last:
        return figures
    with Session(engine) as session:
        begun = time.perf_counter()
        records.reconcile_day(session, HELD_ON, now=NOW)
        session.rollback()
        figures.append(Figure("the same again, when all cases stand", time.perf_counter() - begun, "s"))
        begun = time.perf_counter()
        records.board(session, records.BoardLevel.COMPONENT, series_key=SERIES)
        figures.append(Figure("board of all components of that day", time.perf_counter() - begun, "s"))
        tracemalloc.start()
        records.reconcile_day(session, HELD_ON, now=NOW)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        session.rollback()
    figures.append(Figure("peak memory of reconciling that day", peak, "MB"))
    figures.append(Figure("cases opened on that day", float(done.opened), "cases"))
    return figures


def _fill(engine: Engine, packets: int) -> None:
    tables: dict[Any, list[tuple[Any, ...]]] = {Sitting: [], RegisterLine: [], Packet: [], Script: []}
    columns = {
        Sitting: ("id", "series_key", "centre_number", "component_code", "held_on", "session_of_day", "opened_at"),
        RegisterLine: ("id", "sitting_id", "candidate_number", "state", "added", "explained"),
        Packet: (
            "id", "sitting_id", "number", "of_packets", "issue", "state", "side_states", "candidate_numbers",
            "logged_count", "opened_count",
        ),
        Script: ("id", "sitting_id", "candidate_number", "packet_id", "state", "pages"),
    }  # fmt: skip
    for table, row in _rows(packets):
        tables[table].append(row)
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for table, rows in tables.items():
            _copy(driver, table, columns[table], rows)
        driver.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _copy(driver: Any, table: Any, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    defaults = _defaults(table, columns)
    names = ", ".join((*columns, *defaults))
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.__tablename__} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((*row, *defaults.values()))


def _defaults(table: Any, columns: Sequence[str]) -> dict[str, Any]:
    """Return a value for every column that must have one and has none from the database."""
    found: dict[str, Any] = {}
    for column in table.__table__.columns:
        if column.name in columns or column.nullable or column.server_default is not None:
            continue
        value = column.default.arg if column.default is not None and column.default.is_scalar else ""
        found[column.name] = value
    return found


def _rows(packets: int) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    ids = (str(UUID(int=number)) for number in range(1, 10**9))
    for sitting in range(packets // PACKETS_A_SITTING):
        sitting_id = next(ids)
        place = f"{10_000 + sitting % 6_000:05d}", f"H{sitting // 6_000:03d}/01"
        yield Sitting, (sitting_id, SERIES, *place, HELD_ON, "AM", NOW)
        for number in range(1, PACKETS_A_SITTING + 1):
            yield from _packet(sitting_id, number, sitting * PACKETS_A_SITTING + number, ids)


def _packet(sitting_id: str, number: int, serial: int, ids: Iterator[str]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    first = 1000 + (number - 1) * A_PACKET
    numbers = [str(first + place) for place in range(A_PACKET)]
    kind = serial % 100
    opened, seen, state = A_PACKET, A_PACKET, "opened"
    if kind == 1:
        opened, seen = A_PACKET - 1, A_PACKET - 1
    elif kind == 2:
        opened, seen, state = None, 0, "collected"
    elif kind == 3:
        opened = A_PACKET + 1
    elif kind == 4:
        seen = A_PACKET // 2
    packet_id = next(ids)
    listed = json.dumps(numbers)
    yield Packet, (packet_id, sitting_id, number, PACKETS_A_SITTING, 1, state, "[]", listed, A_PACKET, opened)
    for place, one in enumerate(numbers):
        yield RegisterLine, (next(ids), sitting_id, one, "present", False, "")
        yield Script, (next(ids), sitting_id, one, packet_id, "indexed" if place < seen else "in_packet", 12)
