"""What the service does by itself for whoever waits: reminders of what is due, made once each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from moderation.records.outstanding import ReminderView, add_reminders, reminders_due
from repository import audit
from repository.audit import Context
from repository.services import Services
from repository.tables import CareMark, new_id

logger = logging.getLogger(__name__)

REMINDERS = "reminders"
EVERY = timedelta(hours=1)
TOGETHER = 1000
"""So many reminders are written in one transaction."""


async def remind_if_due(services: Services) -> int:
    """Make the reminders that are due, if an hour has passed since somebody looked; returns how many were made.

    One process does it, whichever claims the hour first; a reminder that was made is never made again. What is due is
    read before anything is written, so that nobody's upload waits for a long list.
    """
    context = Context(None, services.clock(), new_id(), origin="care")
    if not await services.database.write(lambda session: _claim(session, context.now)):
        return 0
    due = await services.database.read(lambda session: reminders_due(session, context.now))
    for start in range(0, len(due), TOGETHER):
        part = due[start : start + TOGETHER]
        await services.database.write(partial(_remind, context=context, part=part))
    if due:
        logger.info("care: %d reminders of what is due were made", len(due))
    return len(due)


def _remind(session: Session, *, context: Context, part: Sequence[ReminderView]) -> None:
    add_reminders(session, part)
    audit.record(session, context, "reminder.made", "care", REMINDERS, count=len(part))


def _claim(session: Session, now: datetime) -> bool:
    row = session.get(CareMark, REMINDERS, with_for_update=True)
    if row is None:
        session.add(CareMark(name=REMINDERS, facts={}, changed_at=now))
        session.flush()
        return True
    if now - row.changed_at < EVERY:
        return False
    row.changed_at = now
    return True
