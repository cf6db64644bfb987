"""What the database itself refuses about the log: nothing in it changes, and nothing enters but through the inbox.

They stop wrong code and a wrong statement. Who owns the database can drop them; the published checkpoints show that.
"""

from __future__ import annotations

from collections.abc import Sequence

from moderation.guards.history import Kept, guards_of_history
from moderation.guards.trigger import TRUNCATE, Guard, Refusal, Row
from repository.audit.merkle import HASH_BYTES, TILE_HASHES
from repository.tables import AuditCheckpoint, AuditHistory, AuditInbox, AuditLog, Base

_Conditions = Sequence[tuple[Refusal, str]]


def _always(row: Row) -> _Conditions:
    return ((Refusal.HISTORY, "1" if row.sql.is_sqlite else "true"),)


def _not_logged(row: Row) -> _Conditions:
    """An event leaves the inbox only for the log."""
    return ((Refusal.HISTORY, f"NOT EXISTS (SELECT 1 FROM audit_log l WHERE l.event_id = {row.old}.event_id)"),)


def _not_waiting(row: Row) -> _Conditions:
    """What enters the log waited in the inbox, and takes the place right after another of its history, or the first."""
    n = row.new
    waited = f"EXISTS (SELECT 1 FROM audit_inbox i WHERE i.event_id = {n}.event_id AND i.id = {n}.inbox_id)"
    before = f"EXISTS (SELECT 1 FROM audit_log l WHERE l.history = {n}.history AND l.seq = {n}.seq - 1)"
    return ((Refusal.HISTORY, f"NOT {waited} OR NOT ({n}.seq = 0 OR {before})"),)


def _rewritten(row: Row) -> _Conditions:
    """A tile only grows at its end."""
    n, o = row.new, row.old
    cut = "substr" if row.sql.is_sqlite else "substring"
    start = f"{cut}({n}.hashes, 1, length({o}.hashes))"
    kept = f"{start} = {o}.hashes AND length({o}.hashes) < {HASH_BYTES * TILE_HASHES}"
    moved = " OR ".join(row.sql.differs(f"{n}.{name}", f"{o}.{name}") for name in ("history", "level", "tile_index"))
    return ((Refusal.HISTORY, f"NOT ({kept}) OR {moved}"),)


def _stays(table: str) -> tuple[Guard, ...]:
    return (
        Guard(f"{table}_stays", table, "DELETE", _always),
        Guard(f"{table}_stays_whole", table, TRUNCATE, _always),
    )


def _history(table: type[Base], kept: Kept) -> tuple[Guard, ...]:
    return guards_of_history(table.metadata.tables[table.__tablename__], kept)


GUARDS: tuple[Guard, ...] = (
    *_history(AuditLog, Kept()),
    Guard("audit_log_from_inbox", "audit_log", "INSERT", _not_waiting),
    _history(AuditInbox, Kept())[0],
    Guard("audit_inbox_logged", "audit_inbox", "DELETE", _not_logged),
    Guard("audit_inbox_stays_whole", "audit_inbox", TRUNCATE, _always),
    *_history(AuditHistory, Kept()),
    *_history(AuditCheckpoint, Kept(once=("published_at",))),
    Guard("audit_tile_grows", "audit_tile", "UPDATE", _rewritten),
    *_stays("audit_tile"),
)
