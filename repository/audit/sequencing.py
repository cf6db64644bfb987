"""The sequencer: takes events from the inbox, gives each its place, and grows the tree. One holder at a time.

It works inside one transaction, so a crash leaves the log as it was before or as it is after. It signs nothing: a root
that is signed before its transaction is committed could be one that never came to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from repository.audit import centres, merkle
from repository.audit.events import canonical
from repository.audit.notes import LogSigner
from repository.errors import LogDamaged
from repository.tables import AuditHistory, AuditInbox, AuditLog, AuditTile

BATCH_EVENTS = 500
LOCK = 0x6E65_6175_6469_74
"""PostgreSQL's advisory lock of the one sequencer, a number of our own: the bytes of "neaudit"."""
_COLUMNS = [column for column in AuditInbox.__table__.columns if column.name != "id"]


@dataclass(frozen=True, slots=True)
class History:
    """The newest history of the log: under which name and key it goes on."""

    number: int
    origin: str
    public_key: bytes


def hold(session: Session, *, wait: bool) -> bool:
    """Become the one sequencer until this transaction ends; returns False if another is, and we do not ``wait``.

    On SQLite whoever writes is the only one.
    """
    if _is_sqlite(session):
        return True
    if wait:
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": LOCK}))


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def newest_history(session: Session) -> History | None:
    """Return the history that is written now, or None before the first event."""
    row = session.scalars(select(AuditHistory).order_by(AuditHistory.number.desc()).limit(1)).first()
    return None if row is None else History(row.number, row.origin, row.public_key)


def histories(session: Session) -> list[History]:
    """Return every history, oldest first."""
    rows = session.scalars(select(AuditHistory).order_by(AuditHistory.number))
    return [History(row.number, row.origin, row.public_key) for row in rows]


def begin_history(session: Session, base: str, signer: LogSigner, now: datetime, least: int = 1) -> History:
    """Begin the first history, or the next; its name is ``base`` and, from the second on, its number.

    Takes: ``least``, the smallest number that was never used.
    """
    newest = session.scalar(select(func.max(AuditHistory.number))) or 0
    number = max(least, newest + 1)
    origin = f"{base}/{number}" if number > 1 else base
    session.add(AuditHistory(number=number, origin=origin, public_key=signer.public_key, began_at=now))
    session.flush()
    return History(number, origin, signer.public_key)


def size_of(session: Session, history: int) -> int:
    """Return how many events a history has."""
    newest = session.scalar(select(func.max(AuditLog.seq)).where(AuditLog.history == history))
    return 0 if newest is None else newest + 1


def waiting(session: Session) -> int:
    """Return how many events wait in the inbox."""
    return session.scalar(select(func.count()).select_from(AuditInbox)) or 0


def tree_of(session: Session, history: int, size: int) -> merkle.Tree:
    """Return a history's tree as it is, or as it was when it had ``size`` events."""
    kept: dict[tuple[int, int], list[bytes]] = {}

    def read(level: int, first: int, count: int) -> Sequence[bytes]:
        index, at = divmod(first, merkle.TILE_HASHES)
        if (level, index) not in kept:
            row = session.scalar(
                select(AuditTile.hashes).where(
                    AuditTile.history == history, AuditTile.level == level, AuditTile.tile_index == index
                )
            )
            kept[level, index] = list(merkle.split(row or b""))
        found = kept[level, index][at : at + count]
        if len(found) != count:
            raise LogDamaged(f"The tree of the audit log lacks hashes of events from {first << (8 * level)} on.")
        return found

    return merkle.Tree(size, read)


def take(session: Session, history: History, limit: int = BATCH_EVENTS, *, only: str | None = None) -> int:
    """Take the oldest waiting events into the log, or ``only`` the one; returns how many. The caller holds the lock.

    Events of one object keep their order: the later act began after the earlier was committed, so its number is higher.
    """
    wanted = select(AuditInbox.id, *_COLUMNS).order_by(AuditInbox.id).limit(limit)
    rows = session.execute(wanted if only is None else wanted.where(AuditInbox.event_id == only)).mappings().all()
    if not rows:
        return 0
    found = centres.look_up(session, rows)
    first = size_of(session, history.number)
    entries = [
        _entry(history.number, seq, row, centre)
        for seq, (row, centre) in enumerate(zip(rows, found, strict=True), first)
    ]
    adding = insert(cast(Table, AuditLog.__table__))
    # What returns something is sent to PostgreSQL as one statement of many rows, whose guard looks once at all of them.
    session.execute(adding if _is_sqlite(session) else adding.returning(AuditLog.seq), entries)
    _grow(session, history.number, first, [entry["leaf_hash"] for entry in entries])
    session.execute(delete(AuditInbox).where(AuditInbox.id.in_([row["id"] for row in rows])))
    return len(rows)


def _entry(history: int, seq: int, row: Mapping[Any, Any], centre_number: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {column.name: row[column.name] for column in _COLUMNS}
    entry |= {"inbox_id": row["id"], "centre_number": centre_number}
    event = canonical(entry)
    leaf = merkle.leaf_hash(event.encode("ascii"))
    return entry | {"history": history, "seq": seq, "event": event, "leaf_hash": leaf}


def _grow(session: Session, history: int, first: int, hashes: list[bytes]) -> None:
    """Append hashes to the tiles of a level; what fills a tile goes on to the level above."""
    level = 0
    while hashes:
        above: list[bytes] = []
        index, width = divmod(first, merkle.TILE_HASHES)
        start = index
        while hashes:
            room = merkle.TILE_HASHES - width
            added, hashes = b"".join(hashes[:room]), hashes[room:]
            whole = _append(session, (history, level, index), added, is_new=width == 0)
            if len(whole) == merkle.TILE_HASHES * merkle.HASH_BYTES:
                above.append(merkle.full_tile_hash(whole))
            index, width = index + 1, 0
        level, first, hashes = level + 1, start, above


def _append(session: Session, key: tuple[int, int, int], added: bytes, *, is_new: bool) -> bytes:
    history, level, index = key
    if is_new:
        values = {"history": history, "level": level, "tile_index": index, "hashes": added}
        session.execute(insert(cast(Table, AuditTile.__table__)), values)
        return added
    here = (AuditTile.history == history, AuditTile.level == level, AuditTile.tile_index == index)
    whole = (session.scalar(select(AuditTile.hashes).where(*here)) or b"") + added
    session.execute(update(AuditTile).where(*here).values(hashes=whole).execution_options(synchronize_session=False))
    return whole
