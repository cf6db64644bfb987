"""What centres still have to send: a list for officers, reminders for centres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from moderation.exchange.csv_text import write_table
from moderation.records import outstanding as records
from moderation.records import postal
from moderation.records.outstanding import Outstanding
from repository import access, audit, evidence
from repository.access import Action
from repository.acts.cases import STATE_WORDS, actor_of
from repository.audit import Context

PAGE_LINES = 100
CSV_COLUMNS = (
    "series", "component", "centre", "centre_name", "what", "state", "due_at", "working_days_late", "missing_count",
    "missing", "reminders", "last_reminder_at", "more_time_asked",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the list is looked at; blanks narrow nothing."""

    series_key: str = ""
    component_code: str = ""
    centre_number: str = ""
    only_late: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: what is outstanding, what is missing of it, how late it is, what was said about it."""

    waited: Outstanding
    state_words: str
    missing: tuple[str, ...]
    is_late: bool
    working_days_late: int
    reminders: int
    last_reminder_at: datetime | None
    more_time_asked: bool


@dataclass(frozen=True, slots=True)
class OutstandingPage:
    """A part of the list, and figures of the whole of it."""

    lines: tuple[Line, ...]
    total: int
    late: int
    centres: int
    overdue_parcels: int
    pages: int


def page(session: Session, context: Context, wanted: Wanted) -> OutstandingPage:
    """Return a page of what centres still have to send, the longest overdue at the top."""
    found = _found(session, context, wanted)
    first = (wanted.page - 1) * PAGE_LINES
    parcels = postal.overdue_consignments(session, context.now, series_key=wanted.series_key or None)
    return OutstandingPage(
        _lines(session, context, found[first : first + PAGE_LINES]),
        len(found),
        sum(one.is_late(context.now) for one in found),
        len({one.centre_number for one in found}),
        len(parcels),
        -(-len(found) // PAGE_LINES),
    )


def as_csv(session: Session, context: Context, wanted: Wanted) -> bytes:
    """Return the whole list as a CSV file; that it was taken is recorded."""
    found = _found(session, context, wanted)
    audit.record(session, context, Action.OUTSTANDING_READ, "outstanding", wanted.series_key or "all", rows=len(found))
    rows: list[dict[str, str | int | None]] = [
        {
            "series": line.waited.series_key,
            "component": line.waited.component_code,
            "centre": line.waited.centre_number,
            "centre_name": line.waited.centre_name,
            "what": line.waited.subject.lower(),
            "state": line.waited.state.lower(),
            "due_at": line.waited.due_at.isoformat() if line.waited.due_at else None,
            "working_days_late": line.working_days_late,
            "missing_count": len(line.missing),
            "missing": " ".join(line.missing)[:1000],
            "reminders": line.reminders,
            "last_reminder_at": line.last_reminder_at.isoformat() if line.last_reminder_at else None,
            "more_time_asked": "yes" if line.more_time_asked else "no",
        }
        for line in _lines(session, context, found)
    ]
    return write_table(CSV_COLUMNS, rows, numeric={"working_days_late", "missing_count", "reminders"})


def _found(session: Session, context: Context, wanted: Wanted) -> list[Outstanding]:
    access.require(actor_of(context), Action.OUTSTANDING_READ)
    found = records.outstanding(
        session,
        series_key=wanted.series_key or None,
        component_code=wanted.component_code or None,
        centre_number=wanted.centre_number or None,
    )
    return [one for one in found if one.is_late(context.now)] if wanted.only_late else found


def _lines(session: Session, context: Context, found: Sequence[Outstanding]) -> tuple[Line, ...]:
    ids = [one.case_id for one in found]
    missing = records.missing_of(session, found, evidence.released_slots(session, ids))
    reminders = records.reminders_of(session, ids)
    asked = records.extensions_asked(session)
    lines = []
    for one in found:
        made = [said for said in reminders.get(one.case_id, ()) if said.subject is one.subject]
        lines.append(
            Line(
                one,
                STATE_WORDS[one.state],
                missing.get(one.case_id, ()),
                one.is_late(context.now),
                one.working_days_late(context.now),
                len(made),
                made[-1].made_at if made else None,
                one.case_id in asked,
            )
        )
    return tuple(lines)
