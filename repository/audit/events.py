"""An event as bytes: what is hashed, signed and published. Whoever has the bytes can read all of it.

The form is JSON with sorted keys, no spaces and ASCII only; what is unknown is left out. ``version`` is that of the form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

VERSION = 1
EVENT_LIMIT_BYTES = 65_535
"""Published bundles give an event's length in two bytes."""
_NAMED = ("reason", "act", "before", "after")
_COLUMNS = {
    "id": "event_id",
    "number": "inbox_id",
    "request": "request_id",
    "person": "person_id",
    "assignment": "assignment_id",
    "role": "role",
    "action": "action",
    "centre": "centre_number",
    "outcome": "outcome",
    "address": "address_hash",
}
"""Names in the event → columns beside it."""


def canonical(row: Mapping[str, Any]) -> str:
    """Return the one text of an event.

    Takes: ``row``, an event's columns by name, with ``inbox_id`` its number in the inbox.
    """
    details = dict(row["details"])
    said: dict[str, Any] = {name: row[column] for name, column in _COLUMNS.items()}
    said |= {name: details.pop(name, None) for name in (*_NAMED, "origin")}
    said |= {
        "version": VERSION,
        "at": row["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "object": {"kind": row["object_kind"], "id": row["object_id"]},
        "details": details or None,
    }
    kept = {name: value for name, value in said.items() if value is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def stated(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return details without those that the event would name and that are unknown: what is unknown is left out."""
    return {name: value for name, value in details.items() if value is not None or name not in (*_NAMED, "origin")}


def columns(event: str) -> dict[str, Any]:
    """Return what the columns beside an event must be; raises ``ValueError`` or ``KeyError`` for a text that is none."""
    said = json.loads(event)
    found: dict[str, Any] = {column: said.get(name) for name, column in _COLUMNS.items()}
    details = dict(said.get("details", {}))
    details |= {name: said[name] for name in (*_NAMED, "origin") if name in said}
    return found | {
        "at": datetime.strptime(said["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC),
        "object_kind": said["object"]["kind"],
        "object_id": said["object"]["id"],
        "details": details,
    }
