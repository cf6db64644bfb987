"""An event as bytes: one form, whatever is unknown; and the columns beside it are what the bytes say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from repository.audit import events

NOW = datetime(2026, 5, 15, 10, 0, 0, 5, tzinfo=UTC)
NAMES = st.sampled_from(["reason", "act", "before", "after", "origin", "case", "count", "who"])
VALUES = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=20)
OPTIONAL = st.none() | st.text(min_size=1, max_size=8)


def row(**other: Any) -> dict[str, Any]:
    return {
        "event_id": "e", "inbox_id": 7, "at": NOW, "request_id": "r", "person_id": None, "assignment_id": None,
        "role": None, "action": "a", "object_kind": "k", "object_id": "o", "centre_number": None, "outcome": "done",
        "address_hash": None, "details": {},
    } | other  # fmt: skip


def test_the_form_is_written_down_and_stays() -> None:
    event = events.canonical(row(details={"before": "held", "case": "c", "origin": "web"}, role="teacher"))
    assert event == (
        '{"action":"a","at":"2026-05-15T10:00:00.000005Z","before":"held","details":{"case":"c"},"id":"e","number":7,'
        '"object":{"id":"o","kind":"k"},"origin":"web","outcome":"done","request":"r","role":"teacher","version":1}'
    )
    assert events.canonical(row(at=NOW.astimezone(timezone(timedelta(hours=1))))) == events.canonical(row())


@given(st.dictionaries(NAMES, VALUES, max_size=5), OPTIONAL, OPTIONAL)
def test_columns_are_read_back_from_the_bytes(details: dict[str, Any], person: str | None, centre: str | None) -> None:
    before = row(details=details, person_id=person, centre_number=centre)
    event = events.canonical(before)
    assert event.isascii()
    assert "\n" not in event  # nothing can be written into the log that looks like another line of it
    assert events.columns(event) == before | {"details": events.stated(details)}
