"""What the service does for its log by itself: sequence every second; sign and publish every hour, and when it matters."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Sample
from repository import logs
from repository.audit import refusals, sequencing
from repository.audit.keeping import RESTORED, Log, log_of
from repository.errors import LogForked, RepositoryError
from repository.services import Services
from repository.tables import AuditCheckpoint, AuditHistory, AuditInbox, AuditLog, RefusalCount
from storage.errors import StorageError

EVERY_SECONDS = 1.0
TRY_AGAIN_SECONDS = 60.0
PUBLISHED_EVERY = timedelta(hours=1)
AT_ONCE = frozenset(
    {
        "results.release",
        "results.withdraw",
        "marks.submit",
        "sample.submit",
        "outcome.confirm",
        "shred.started",
        RESTORED,
    }
)
"""Acts after which the log is signed and published at once."""


async def keep(services: Services) -> None:
    """Look after the log for ever; ends when cancelled.

    Nothing is sequenced before the log was held against what is published: a restore must be noticed first.
    """
    log = log_of(services)
    went_on = False
    rest_until = None
    while True:
        if not went_on:
            went_on = await _went_on(log)
        await asyncio.sleep(EVERY_SECONDS if went_on else TRY_AGAIN_SECONDS)
        if not went_on:
            continue
        now = services.clock()
        try:
            due = await tend(log, now)
            if due and (rest_until is None or now >= rest_until):
                rest_until = now + timedelta(seconds=TRY_AGAIN_SECONDS)
                await log.checkpoint()
                rest_until = None
        except (RepositoryError, StorageError) as error:
            logs.write("error", "audit-unsigned", code=error.code)
        except Exception:
            # Whatever it was, it is in the log of the service, and events wait in the inbox: the next look tries again.
            logs.failed("audit-failed")


async def _went_on(log: Log) -> bool:
    try:
        await log.go_on()
    except LogForked as error:
        logs.write("error", "audit-forked", code=error.code)  # events still enter the log, but nothing of it is signed
    except (RepositoryError, StorageError) as error:
        logs.write("error", "audit-place-unread", code=error.code)
        return False
    except Exception:
        # Nothing is sequenced before this has succeeded once, so it is tried until it does.
        logs.failed("audit-failed")
        return False
    return True


async def tend(log: Log, now: datetime) -> bool:
    """Sequence what waits and close the minutes that are over; returns whether a checkpoint is due."""
    something_waits, minutes = await log.database.read(lambda session: _waits(session, now))
    if minutes:
        await log.database.write(lambda session: refusals.close_minutes(session, now))
    if something_waits or minutes:
        await log.sequence()
    return await log.database.read(lambda session: is_due(session, now))


def _waits(session: Session, now: datetime) -> tuple[bool, bool]:
    waits = session.scalar(select(AuditInbox.id).limit(1)) is not None
    minute = now.replace(second=0, microsecond=0)
    return waits, session.scalar(
        select(RefusalCount.refused).where(RefusalCount.minute_at < minute).limit(1)
    ) is not None


def is_due(session: Session, now: datetime) -> bool:
    """Say whether the log is to be signed and published now: an hour has passed, a deadline, or an act that matters."""
    history = session.scalars(select(AuditHistory).order_by(AuditHistory.number.desc()).limit(1)).first()
    if history is None:
        return False
    newest = session.execute(
        select(AuditCheckpoint.size, AuditCheckpoint.signed_at)
        .where(AuditCheckpoint.history == history.number)
        .order_by(AuditCheckpoint.size.desc())
        .limit(1)
    ).first()
    size, since = (0, history.began_at) if newest is None else (newest[0], newest[1])
    if sequencing.size_of(session, history.number) <= size:
        return False
    if now - since >= PUBLISHED_EVERY:
        return True
    matters = select(AuditLog.seq).where(
        AuditLog.history == history.number,
        AuditLog.seq >= size,
        AuditLog.action.in_(AT_ONCE),
        AuditLog.outcome == "done",
    )
    passed = select(Sample.__table__.c.id).where(Sample.__table__.c.due_at > since, Sample.__table__.c.due_at <= now)
    return any(session.execute(question.limit(1)).first() is not None for question in (matters, passed))
