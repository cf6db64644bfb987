"""What the service does by itself once a day: the alarm of missing scripts; reconcile, collect, read a little again.

One process does it, whichever claims the round first. A store that is larger than the daily budget reads in a month
needs `nea scrub` beside it, by a timer; `nea doctor` says so when an object has gone unread for too long.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from repository.acts import practice
from repository.audit import Context
from repository.care import alarming, collecting, reconciling, reminding, rescanning, scrubbing
from repository.care.scrubbing import Wish
from repository.errors import CollectorStopped
from repository.services import Services
from repository.tables import CareMark, new_id

logger = logging.getLogger(__name__)

ROUND = "round"
EVERY = timedelta(days=1)
LOOK_SECONDS = 600.0
SCRUB_BUDGET_BYTES = 1024**3
SCRUB_OLDER_THAN = timedelta(days=25)


async def keep(services: Services) -> None:
    """Do a round whenever one is due, and make the reminders that are, for ever; ends when cancelled."""
    while True:
        try:
            await round_if_due(services)
        except Exception:
            logger.exception("care: the daily round failed; it is tried again tomorrow")
        try:
            await reminding.remind_if_due(services)
        except Exception:
            logger.exception("care: the reminders failed; they are tried again in ten minutes")
        await asyncio.sleep(LOOK_SECONDS)


async def round_if_due(services: Services) -> bool:
    """Do a round if a day has passed since the last; returns whether it did."""
    if not await services.database.write(lambda session: _claim(session, services.clock())):
        return False
    await _alarm(services)
    await _reconcile(services)
    await _collect(services)
    await _scrub(services)
    await _rescan(services)
    await practice.wipe_ended(services, _context(services))
    return True


def _claim(session: Session, now: datetime) -> bool:
    row = session.get(CareMark, ROUND, with_for_update=True)
    if row is None:
        session.add(CareMark(name=ROUND, facts={}, changed_at=now))
        return False
    if now - row.changed_at < EVERY:
        return False
    row.changed_at = now
    return True


def _context(services: Services) -> Context:
    return Context(None, services.clock(), new_id(), origin="care")


async def _alarm(services: Services) -> None:
    """Raise the alarm of missing scripts; whatever is wrong with it, the store is looked after all the same."""
    try:
        done = await alarming.alarm(services.database, _context(services))
    except Exception:
        logger.exception("care: the alarm of missing scripts failed; run `nea scripts alarm`")
        return
    if done.opened or done.red:
        logger.info("care: %d cases of scripts opened; %d turned amber, %d red", done.opened, done.amber, done.red)


async def _reconcile(services: Services) -> None:
    found = await reconciling.reconcile(services, _context(services), read_sidecars=False)
    if not found.passed:
        logger.error(
            "care: database and store differ in %d names; run `nea reconcile` to see which", len(found.discrepancies)
        )


async def _collect(services: Services) -> None:
    try:
        await collecting.collect(services, _context(services))
    except CollectorStopped as stopped:
        logger.error("care: %s", stopped.detail)


async def _scrub(services: Services) -> None:
    wish = Wish(budget_bytes=SCRUB_BUDGET_BYTES, older_than=SCRUB_OLDER_THAN, threads=1)
    report = await scrubbing.scrub(services, _context(services), wish)
    if not report.sound:
        logger.error(
            "care: the scrub found %d faults, could not read %d objects and %s its planted faults; run `nea scrub`",
            len(report.findings),
            len(report.unread),
            "missed" if report.failed else "found",
        )
    since = report.oldest_unread_since
    if since is not None and services.clock() - since > scrubbing.OLDER_THAN:
        logger.error(
            "care: an object has not been read since %s, as the store is larger than the daily round can read; "
            "run `nea scrub --budget SIZE` by a timer",
            f"{since:%Y-%m-%d}",
        )


async def _rescan(services: Services) -> None:
    report = await rescanning.rescan(services, _context(services))
    if report.found:
        logger.error(
            "care: the virus scanner now finds something in %d released files; see infra/docs/antivirus.md",
            len(report.found),
        )
