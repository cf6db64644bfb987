"""Whether the audit log is being kept: events reach it, it is signed and published, and nothing published contradicts it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository.audit import sequencing
from repository.audit.keeping import log_of
from repository.care.health import Check, failed, ok, warning
from repository.errors import LogForked, RepositoryError
from repository.services import Services
from repository.tables import AuditCheckpoint, AuditInbox
from storage.errors import StorageError

SUBJECT = "audit log"
WAITS_AT_MOST = timedelta(minutes=5)
SIGNED_WITHIN = timedelta(hours=2)


async def log_check(services: Services) -> Check:
    """Hold the log against what is published of it, and look how fresh both are."""
    log = log_of(services)
    try:
        await log.compare()
    except LogForked as error:
        return failed(SUBJECT, error.detail, "Run `nea audit verify`; after a restore, `nea audit begin-again`.")
    except (RepositoryError, StorageError) as error:
        return failed(SUBJECT, f"what is published cannot be read: {error.detail}", "Correct the store or the folder.")
    now = services.clock()
    oldest, size, signed, signed_at = await services.database.read(_figures)
    if oldest is not None and now - oldest > WAITS_AT_MOST:
        says = f"an event has waited for the log since {oldest:%Y-%m-%d %H:%M} UTC"
        return warning(SUBJECT, says, "Have `nea serve` or `nea work` run; see the log lines `audit-…`.")
    if size > signed and signed_at is not None and now - signed_at > SIGNED_WITHIN:
        says = f"{size - signed} events are not signed; the last checkpoint is of {signed_at:%Y-%m-%d %H:%M} UTC"
        return warning(SUBJECT, says, "Have `nea serve` or `nea work` run, or run `nea audit publish`.")
    where = "its own store only" if len(log.places) == 1 else "its own store and NEA_AUDIT_PUBLISH_DIR"
    return ok(SUBJECT, f"{size} events, {signed} of them signed; published in {where}")


def _figures(session: Session) -> tuple[datetime | None, int, int, datetime | None]:
    oldest = session.scalar(select(func.min(AuditInbox.at)))
    history = sequencing.newest_history(session)
    if history is None:
        return oldest, 0, 0, None
    newest = session.scalars(
        select(AuditCheckpoint)
        .where(AuditCheckpoint.history == history.number)
        .order_by(AuditCheckpoint.size.desc())
        .limit(1)
    ).first()
    size = sequencing.size_of(session, history.number)
    return oldest, size, newest.size if newest else 0, newest.signed_at if newest else None
