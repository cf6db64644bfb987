"""Reads stored objects again, those longest unread first, and says which are not what was written.

Every cycle carries planted faults (``canaries``): one that does not report them has failed, whatever else it says.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from repository import audit, objects
from repository.audit import Context
from repository.care import canaries
from repository.care.examining import ABSENT, OBJECT, Facts, Finding, examine
from repository.errors import DocumentDestroyed
from repository.services import Services
from repository.tables import DataKeyRow, ObjectPart, ScopeKeyRow, StoredObjectRow
from storage.errors import StorageError

OLDER_THAN = timedelta(days=30)
THREADS = 4
PAGE = 1_000
KEPT_AT_ONCE = 100
UNREAD_LIMIT = 10
"""After so many objects that could not be read, the store is what is wrong, and the cycle ends."""
_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """How much to read.

    ``budget_bytes`` of stored bytes at most (None: no limit), but always one object; only objects not read for
    ``older_than`` (None: all of them); ``threads`` objects at a time.
    """

    budget_bytes: int | None = None
    older_than: timedelta | None = OLDER_THAN
    threads: int = THREADS


@dataclass(slots=True)
class Report:
    """What one cycle did and found. ``unread`` are objects that could not be judged, each with the reason."""

    started_at: datetime
    finished_at: datetime | None = None
    objects_read: int = 0
    bytes_read: int = 0
    findings: list[Finding] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    canaries_planted: int = 0
    canaries_found: int = 0
    interrupted: bool = False
    oldest_unread_since: datetime | None = None

    @property
    def failed(self) -> bool:
        """Return whether the cycle did not find the faults that it had planted itself."""
        return not self.interrupted and self.canaries_found < self.canaries_planted

    @property
    def sound(self) -> bool:
        """Return whether nothing is wrong, with the objects or with the cycle."""
        return not (self.findings or self.unread or self.failed)


@dataclass(slots=True)
class Watch:
    """How a cycle is followed and stopped from outside: ``total`` is told first, ``seen`` the bytes as they are read."""

    total: Callable[[int], None] = lambda _: None
    seen: Callable[[int], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)


class _Stopped(Exception):
    """The cycle was asked to stop in the middle of an object; that object counts as not read."""


@dataclass(frozen=True, slots=True)
class _Result:
    oid: str
    read_bytes: int
    findings: tuple[Finding, ...]


async def scrub(services: Services, context: Context, wish: Wish, watch: Watch | None = None) -> Report:
    """Do one cycle; what it found is on the objects' rows and in the audit log before it is reported.

    It may be stopped at any moment by ``watch.stop`` and repeated at will: what was read is kept.
    """
    return await _Cycle(services, context, wish, watch or Watch()).run()


def oldest_unread_since(session: Session) -> datetime | None:
    """Return since when the object longest unread has not been read: its last scrub, or else when it was made."""
    since = func.min(func.coalesce(StoredObjectRow.last_scrubbed_at, DataKeyRow.created_at))
    query = select(since).join(DataKeyRow, DataKeyRow.oid == StoredObjectRow.oid)
    oldest: datetime | None = session.scalar(query.join(ScopeKeyRow).where(*_kept()))
    return oldest


def faults(session: Session) -> Mapping[str, int]:
    """Return what the last scrubs found and nobody has put right: marks, each with the number of objects."""
    counted = (
        select(StoredObjectRow.fault, func.count())
        .join(DataKeyRow, DataKeyRow.oid == StoredObjectRow.oid)
        .join(ScopeKeyRow)
        .where(StoredObjectRow.fault.is_not(None), *_kept())
        .group_by(StoredObjectRow.fault)
    )
    return {str(mark): count for mark, count in session.execute(counted)}


def _kept() -> tuple[ColumnElement[bool], ...]:
    return DataKeyRow.shredded_at.is_(None), ScopeKeyRow.shredded_at.is_(None), StoredObjectRow.canary.is_(None)


class _Cycle:
    """One cycle in progress."""

    def __init__(self, services: Services, context: Context, wish: Wish, watch: Watch) -> None:
        self._services = services
        self._context = context
        self._wish = wish
        self._watch = watch
        self._report = Report(context.now)
        older_than = wish.older_than or timedelta(0)
        self._before = context.now - older_than
        self._begun_bytes = 0
        self._expected: Mapping[str, str] = {}
        self._found: dict[str, str] = {}
        self._results: list[_Result] = []
        self._running: set[asyncio.Task[_Result | None]] = set()

    async def run(self) -> Report:
        await canaries.clear_left_behind(self._services, self._context)
        self._watch.total(await self._services.database.read(self._total))
        self._expected = await canaries.plant(self._services, self._context, ABSENT)
        try:
            for oid in self._expected:
                await self._begin(oid)
            await self._read_what_is_due()
        except asyncio.CancelledError:
            self._watch.stop.set()  # a service that stops must not wait until a film was read to its end
            raise
        finally:
            await self._settle()
            await canaries.clear(self._services, self._expected)
        return await self._closed()

    async def _read_what_is_due(self) -> None:
        while not self._over():
            page = await self._services.database.read(self._due)
            for oid, stored_bytes in page:
                if self._over() or not self._affordable(stored_bytes):
                    return
                self._begun_bytes += stored_bytes
                await self._begin(oid)
            await self._settle()
            if len(page) < PAGE:
                return

    def _over(self) -> bool:
        return self._watch.stop.is_set() or len(self._report.unread) >= UNREAD_LIMIT

    def _affordable(self, stored_bytes: int) -> bool:
        budget = self._wish.budget_bytes
        return budget is None or not self._begun_bytes or self._begun_bytes + stored_bytes <= budget

    async def _begin(self, oid: str) -> None:
        while len(self._running) >= self._wish.threads:
            await self._gather(asyncio.FIRST_COMPLETED)
        self._running.add(asyncio.create_task(self._look_at(oid)))

    async def _settle(self) -> None:
        if self._running:
            await self._gather(asyncio.ALL_COMPLETED)
        await self._keep()

    async def _gather(self, when: str) -> None:
        done, self._running = await asyncio.wait(self._running, return_when=when)
        self._results += [result for task in done if (result := task.result()) is not None]
        if len(self._results) >= KEPT_AT_ONCE or sum(result.read_bytes for result in self._results) >= 2**28:
            await self._keep()

    async def _look_at(self, oid: str) -> _Result | None:
        """Examine one object; None if there is nothing to say of it."""
        read_bytes = 0

        def seen(size_bytes: int) -> None:
            nonlocal read_bytes
            read_bytes += size_bytes
            if oid not in self._expected:
                self._watch.seen(size_bytes)
            if self._watch.stop.is_set():
                raise _Stopped

        facts = await self._facts(oid)
        for _ in range(_LOOKS):
            if facts is None:
                return None
            try:
                findings = await asyncio.to_thread(examine, self._services.vault, facts, seen)
            except _Stopped:
                return None
            except StorageError as error:
                self._report.unread[oid] = error.code
                return None
            again = await self._facts(oid) if findings else facts
            if again == facts:
                return _Result(oid, read_bytes, findings)
            facts = again  # it was released, moved or destroyed meanwhile; what was found is of yesterday
        self._report.unread[oid] = "changing"
        return None

    async def _facts(self, oid: str) -> Facts | None:
        def load(session: Session) -> Facts | None:
            row = session.get(StoredObjectRow, oid)
            if row is None:
                return None
            try:
                return Facts(objects.stored_object(session, oid), row.plain_sha256)
            except DocumentDestroyed:
                return None

        return await self._services.database.read(load)

    async def _keep(self) -> None:
        results, self._results = self._results, []
        if results:
            await self._services.database.write(lambda session: self._write(session, results))
        for result in results:
            codes = {finding.place: finding.code for finding in result.findings}
            if result.oid in self._expected:
                self._found[result.oid] = codes.get(OBJECT, "")
                continue
            self._report.objects_read += 1
            self._report.bytes_read += result.read_bytes
            self._report.findings += result.findings

    def _write(self, session: Session, results: list[_Result]) -> None:
        now = self._services.clock()
        for result in results:
            row = session.get(StoredObjectRow, result.oid)
            if row is None:
                continue
            before, row.fault = row.fault, result.findings[0].mark if result.findings else None
            row.last_scrubbed_at = now
            if row.canary is not None:
                continue
            for finding in result.findings:
                audit.record(session, self._context, "object.fault", finding.place, finding.oid, diagnosis=finding.code)
            if before is not None and row.fault is None:
                audit.record(session, self._context, "object.sound", OBJECT, result.oid, diagnosis=before)

    async def _closed(self) -> Report:
        report = self._report
        report.interrupted = self._watch.stop.is_set()
        report.canaries_planted = len(self._expected)
        report.canaries_found = sum(self._found.get(oid) == code for oid, code in self._expected.items())
        report.finished_at = self._services.clock()
        report.findings.sort(key=lambda finding: (finding.oid, finding.place))

        def close(session: Session) -> None:
            report.oldest_unread_since = oldest_unread_since(session)
            audit.record(
                session,
                self._context,
                "store.scrubbed",
                "store",
                "store",
                outcome="failed" if report.failed else "interrupted" if report.interrupted else "done",
                objects=report.objects_read,
                size_bytes=report.bytes_read,
                findings=len(report.findings),
                unread=len(report.unread),
                canaries=report.canaries_found,
            )

        await self._services.database.write(close)
        return report

    def _total(self, session: Session) -> int:
        due = select(StoredObjectRow.oid).join(DataKeyRow).join(ScopeKeyRow).where(*self._is_due())
        total = session.scalar(select(func.sum(ObjectPart.sealed_bytes)).where(ObjectPart.oid.in_(due))) or 0
        return int(total) if self._wish.budget_bytes is None else min(int(total), self._wish.budget_bytes)

    def _due(self, session: Session) -> list[tuple[str, int]]:
        page = (
            select(StoredObjectRow.oid, StoredObjectRow.last_scrubbed_at)
            .join(DataKeyRow)
            .join(ScopeKeyRow)
            .where(*self._is_due())
            .order_by(StoredObjectRow.last_scrubbed_at.nulls_first(), StoredObjectRow.oid)
            .limit(PAGE)
            .subquery()
        )
        sizes = (
            select(page.c.oid, func.coalesce(func.sum(ObjectPart.sealed_bytes), 0))
            .outerjoin(ObjectPart, ObjectPart.oid == page.c.oid)
            .group_by(page.c.oid, page.c.last_scrubbed_at)
            .order_by(page.c.last_scrubbed_at.nulls_first(), page.c.oid)
        )
        return [(oid, int(size)) for oid, size in session.execute(sizes)]

    def _is_due(self) -> tuple[ColumnElement[bool], ...]:
        last = StoredObjectRow.last_scrubbed_at
        unread = StoredObjectRow.oid.not_in(list(self._report.unread))
        return *_kept(), or_(last.is_(None), last < self._before), unread
