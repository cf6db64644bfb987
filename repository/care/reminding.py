"""What the service does by itself for whoever waits: reminders of what is due, made once each."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from moderation.records.outstanding import make_reminders
from repository import audit
from repository.audit import Context
from repository.services import Services
from repository.tables import CareMark, new_id

logger = logging.getLogger(__name__)

REMINDERS = "reminders"
EVERY = timedelta(hours=1)


async def remind_if_due(services: Services) -> int:
    """Make the reminders that are due, if an hour has passed since somebody looked; returns how many were made.

    One process does it, whichever claims the hour first; a reminder that was made is never made again.
    """
    context = Context(None, services.clock(), new_id(), origin="care")
    made = await services.database.write(lambda session: _remind(session, context))
    if made:
        logger.info("care: %d reminders of what is due were made", made)
    return made


def _remind(session: Session, context: Context) -> int:
    if not _claim(session, context.now):
        return 0
    made = make_reminders(session, context.now)
    if made:
        audit.record(session, context, "reminder.made", "care", REMINDERS, count=made)
    return made


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
