"""The events of scripts: each at the end of its script's chain of hashes; nothing else adds to that history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from scripts import chains
from scripts.errors import ScriptUnknown
from scripts.records.bulk import change_rows, insert_rows
from scripts.tables import Script, ScriptEventRow, new_id
from scripts.tracking import ScriptState

AT_ONCE = 1_000
"""So many values one statement names at most."""
T = TypeVar("T", str, tuple[str, str])


def portions(values: Iterable[T]) -> Iterator[list[T]]:
    """Return values in order, so many at a time as one statement may name."""
    ordered = sorted(values)  # always in one order, so that two sets that lock rows never wait for each other
    for start in range(0, len(ordered), AT_ONCE):
        yield ordered[start : start + AT_ONCE]


@dataclass(frozen=True, slots=True)
class ScriptEvent:
    """One thing that happened to one script, with both clocks; ``state``: what the script becomes, where it changes."""

    script_id: str
    kind: str
    occurred_at: datetime
    received_at: datetime
    actor: str
    place: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    corrects_id: str | None = None
    state: ScriptState | None = None


def record_script_event(
    session: Session,
    script_id: str,
    kind: str,
    *,
    actor: str,
    now: datetime,
    occurred_at: datetime | None = None,
    place: str = "",
    details: Mapping[str, object] | None = None,
    source: str = "",
    corrects_id: str | None = None,
) -> str:
    """Record something that happened to one script, at the end of its chain; returns the event's id.

    Takes: ``kind``, a short word; ``occurred_at``, the device's clock, ours where there is none.
    Raises: ``ScriptUnknown``.
    """
    event = ScriptEvent(script_id, kind, occurred_at or now, now, actor, place, details or {}, source, corrects_id)
    (event_id,) = record_script_events(session, [event])
    return event_id


def record_script_events(
    session: Session, events: Sequence[ScriptEvent], known: Mapping[str, tuple[int, str]] | None = None
) -> list[str]:
    """Record events of many scripts, each at the end of its script's chain; returns their ids, in the same order.

    Takes: ``known``: how many events each script has and the hash of its last, from rows that are locked already.
    Raises: ``ScriptUnknown``.
    """
    if not events:
        return []
    session.flush()  # what was changed of these scripts must not be overwritten by what is read now
    heads = _script_heads(session, {event.script_id for event in events}) if known is None else dict(known)
    rows: list[dict[str, Any]] = []
    states: dict[str, ScriptState] = {}
    for event in events:
        if event.script_id not in heads:
            raise ScriptUnknown
        count, head = heads[event.script_id]
        row = _script_row(event)
        head = chains.following(head, script_contents(row, count + 1))
        heads[event.script_id] = (count + 1, head)
        rows.append(row | {"chain_number": count + 1, "chain_sha256": head})
        if event.state is not None:
            states[event.script_id] = event.state
    insert_rows(session, ScriptEventRow, rows)
    _move_heads(session, heads, states)
    return [str(row["id"]) for row in rows]


def _script_heads(session: Session, script_ids: set[str]) -> dict[str, tuple[int, str]]:
    heads: dict[str, tuple[int, str]] = {}
    for some in portions(script_ids):
        query = (
            select(Script.id, Script.event_count, Script.chain_sha256)
            .where(Script.id.in_(some))
            .order_by(Script.id)
            .with_for_update()
        )
        heads.update((script_id, (count, head)) for script_id, count, head in session.execute(query))
    return heads


def _move_heads(session: Session, heads: Mapping[str, tuple[int, str]], states: Mapping[str, ScriptState]) -> None:
    with_state: list[dict[str, Any]] = []
    without: list[dict[str, Any]] = []
    for script_id, (count, head) in heads.items():
        values: dict[str, Any] = {"id": script_id, "event_count": count, "chain_sha256": head}
        if script_id in states:
            with_state.append(values | {"state": states[script_id].value})
        else:
            without.append(values)
    for changed in (with_state, without):
        change_rows(session, Script, changed)
    for key in list(session.identity_map.keys()):
        script_id, script = str(key[1][0]), session.identity_map.get(key)
        if isinstance(script, Script) and script_id in heads:  # it must say the same, without asking again
            count, head = heads[script_id]
            set_committed_value(script, "event_count", count)
            set_committed_value(script, "chain_sha256", head)
            if script_id in states:
                set_committed_value(script, "state", states[script_id].value)


def _script_row(event: ScriptEvent) -> dict[str, Any]:
    return {
        "id": new_id(),
        "script_id": event.script_id,
        "kind": event.kind,
        "occurred_at": event.occurred_at,
        "received_at": event.received_at,
        "actor": event.actor,
        "place": event.place,
        "details": dict(event.details),
        "source": event.source,
        "corrects_id": event.corrects_id,
    }


def script_contents(row: Mapping[str, Any], number: int) -> str:
    """Return an event of a script as its chain hashes it."""
    named = ("id", "kind", "occurred_at", "received_at", "actor", "place", "source", "corrects_id", "details")
    return chains.canonical({name: row[name] for name in named} | {"script": row["script_id"], "number": number})


def broken_script_chain(session: Session, script: Script) -> list[chains.Broken]:
    """Follow the chain of a script and return where it does not hold; nothing when it is whole."""
    links = [
        chains.Link(row.chain_number, script_contents(_as_contents(row), row.chain_number), row.chain_sha256)
        for row in session.scalars(select(ScriptEventRow).where(ScriptEventRow.script_id == script.id))
    ]
    return chains.broken(links, count=script.event_count, head=script.chain_sha256)


def _as_contents(row: ScriptEventRow) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in ScriptEventRow.__table__.columns}
