"""Alterations of the log as whoever owns the database can make them: guards down, one byte, one row, two rows swapped."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from moderation import guards

COLUMNS = (
    "event", "leaf_hash", "inbox_id", "event_id", "at", "request_id", "action", "object_kind", "object_id", "outcome",
    "details",
)  # fmt: skip


@dataclass(frozen=True)
class Tampering:
    """What was done, and to which event it first shows."""

    kind: str
    seq: int


def take_guards_down(connection: Connection) -> None:
    """Do what an administrator of the database can."""
    with connection.begin():
        guards.drop(connection)


def row_of(connection: Connection, seq: int) -> dict[str, Any]:
    row = connection.execute(text("SELECT * FROM audit_log WHERE seq = :seq"), {"seq": seq}).mappings().one()
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}


def one_byte(connection: Connection, chance: random.Random, size: int) -> tuple[Tampering, Callable[[], None]]:
    """Change one byte of one column of one row, or of a tile; returns what was done, and how it is undone."""
    seq = chance.randrange(size)
    if chance.random() < 0.1:
        tile = seq // 256
        whole = connection.execute(
            text("SELECT hashes FROM audit_tile WHERE level = 0 AND tile_index = :tile"), {"tile": tile}
        ).scalar_one()
        whole = bytes(whole)
        at = (seq % 256) * 32 + chance.randrange(32)
        set_tile(connection, tile, flipped(whole, at, chance))
        return Tampering("tile", seq), lambda: set_tile(connection, tile, whole)
    column = chance.choice(COLUMNS)
    before = row_of(connection, seq)[column]
    set_column(connection, seq, column, changed(before, chance))
    return Tampering(column, seq), lambda: set_column(connection, seq, column, before)


def changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bytes | memoryview):
        return flipped(bytes(value), chance.randrange(len(value)), chance)
    if isinstance(value, datetime):
        return value + timedelta(microseconds=chance.randrange(1, 1000))
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(16))
    as_text = str(value)
    places = [at for at, letter in enumerate(as_text) if letter.isalnum()]
    at = chance.choice(places)
    others = [one for one in ("123456789" if as_text[at].isdigit() else "abcdefghij") if one != as_text[at]]
    return as_text[:at] + chance.choice(others) + as_text[at + 1 :]


def flipped(value: bytes, at: int, chance: random.Random) -> bytes:
    return value[:at] + bytes([value[at] ^ (1 << chance.randrange(8))]) + value[at + 1 :]


def set_column(connection: Connection, seq: int, column: str, value: Any) -> None:
    statement = text(f"UPDATE audit_log SET {column} = :value WHERE seq = :seq")
    connection.execute(statement, {"value": value, "seq": seq})


def set_tile(connection: Connection, tile: int, hashes: bytes) -> None:
    statement = text("UPDATE audit_tile SET hashes = :hashes WHERE level = 0 AND tile_index = :tile")
    connection.execute(statement, {"hashes": hashes, "tile": tile})


def delete(connection: Connection, chance: random.Random, size: int) -> tuple[Tampering, Callable[[], None]]:
    seq = chance.randrange(size)
    before = row_of(connection, seq)
    connection.execute(text("DELETE FROM audit_log WHERE seq = :seq"), {"seq": seq})
    return Tampering("delete", seq), lambda: put_back(connection, before)


def put_back(connection: Connection, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO audit_log ({names}) VALUES ({values})"), row)


def insert(connection: Connection, chance: random.Random, size: int) -> tuple[Tampering, Callable[[], None]]:
    """Add an event at the end, as if it had been sequenced; the tree was not told."""
    row = row_of(connection, chance.randrange(size)) | {"seq": size, "event_id": "forged"}
    put_back(connection, row)
    return Tampering("insert", size), lambda: _forget(connection, size)


def _forget(connection: Connection, seq: int) -> None:
    connection.execute(text("DELETE FROM audit_log WHERE seq = :seq"), {"seq": seq})


def reorder(connection: Connection, chance: random.Random, size: int) -> tuple[Tampering, Callable[[], None]]:
    first, second = sorted(chance.sample(range(size), 2))
    _swap(connection, first, second)
    return Tampering("reorder", first), lambda: _swap(connection, first, second)


def _swap(connection: Connection, first: int, second: int) -> None:
    for before, after in ((first, -1), (second, first), (-1, second)):
        connection.execute(
            text("UPDATE audit_log SET seq = :after WHERE seq = :before"), {"before": before, "after": after}
        )


KINDS = (*(one_byte,) * 7, delete, insert, reorder)
"""Of ten alterations seven are of one byte."""
