"""Reads a staged bundle in the child, seals its scripts one by one, and pushes all of its pages in one transaction.

Every step may be repeated: a worker that dies leaves a bundle that is read again from its beginning, and objects that no
row names, which are the collector's. What a bundle fails for is written down with it, and no other bundle waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from repository import audit, objects, work
from repository.access import Action
from repository.audit import Context
from repository.bundles import sealing, versions
from repository.bundles.cutting import asked, limits, next_file, output_limit, reason_of
from repository.bundles.sealing import PDF, Sealed
from repository.errors import DocumentDestroyed, InspectionFailed, ServiceBusy
from repository.services import Services
from repository.tables import BundleDocument, DocumentRow
from repository.work import Job
from scripts import records
from scripts.errors import BundleUnreadable, PagesNotConserved
from scripts.queues import UNDER_WAY, BundleState
from scripts.splitting import PageReading, Split, readings_from_json, split
from scripts.tables import ScanBundle, Sitting
from storage.errors import ObjectNotFound, ObjectTampered
from storage.vault import StoredObject

READINGS_LIMIT_BYTES = 16 * 1024 * 1024
SEALED_TOGETHER = 16
"""So many scripts are in memory at once, at most."""
S = BundleState


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of a bundle when it is to be read."""

    id: str
    state: S
    size_bytes: int
    received_by: str
    document_id: str
    stored: StoredObject


class _Failed(Exception):
    """The bundle cannot be pushed, for a reason that a person can act on."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


async def push(services: Services, job: Job) -> None:
    """Take one bundle from where it stands to ``pushed``, ``unplaced``, or ``failed`` with a reason."""
    facts = await services.database.read(lambda s: _load(s, job.subject_id))
    if facts is None or facts.state not in UNDER_WAY:
        return
    try:
        await _Pushing(services, job, facts).run()
    except _Failed as failed:
        reason = failed.reason
        await services.database.write(lambda s: _fail(s, job, reason, services.clock()))


def give_up(session: Session, job: Job, now: datetime) -> None:
    """Say of a bundle that it failed, when its reading ended so often without an end."""
    bundle = session.get(ScanBundle, job.subject_id, with_for_update=True)
    if bundle is not None and bundle.state in UNDER_WAY:
        _move_to_failed(session, bundle, "not_finished", now)


def _load(session: Session, bundle_id: str) -> _Facts | None:
    bundle, link = session.get(ScanBundle, bundle_id), session.get(BundleDocument, bundle_id)
    if bundle is None or link is None:
        return None
    document = session.get_one(DocumentRow, link.document_id)
    try:
        stored = objects.stored_object(session, document.oid)
    except DocumentDestroyed:
        return None
    return _Facts(bundle.id, S(bundle.state), document.size_bytes, bundle.received_by, document.id, stored)


def _fail(session: Session, job: Job, reason: str, now: datetime) -> None:
    work.fence(session, job)
    _move_to_failed(session, records.get_bundle(session, job.subject_id, for_writing=True), reason, now)


def _move_to_failed(session: Session, bundle: ScanBundle, reason: str, now: datetime) -> None:
    records.move_bundle(session, bundle, S.FAILED, now=now, reason=reason)
    audit.record(
        session, Context(None, now, "push", origin="worker"), "bundle.failed", "bundle", bundle.id, reason=reason
    )


@dataclass(slots=True)
class _Pushing:
    """The reading and pushing of one bundle by one worker."""

    services: Services
    job: Job
    facts: _Facts
    sealed: list[Sealed] = field(default_factory=list)

    async def run(self) -> None:
        await self._move(S.READING)
        readings = await self._read()
        sitting = await self.services.database.write(lambda s: self._place(s, readings))
        if sitting is None:
            return
        expected = await self.services.database.read(
            lambda s: records.expectation(s, sitting.id, records.get_bundle(s, self.facts.id))
        )
        planned = _planned(readings, expected)
        scope = objects.scope_name(sitting.centre_number, sitting.series_key, objects.SCRIPTS)
        try:
            await self._cut(scope, planned, readings)
            await self.services.database.write(lambda s: self._push(s, readings, planned))
        except BaseException:
            await sealing.forget(self.services, self.sealed)
            raise
        self.services.bell.ring()

    async def _move(self, state: S) -> None:
        def move(session: Session) -> None:
            work.fence(session, self.job)
            bundle = records.get_bundle(session, self.facts.id, for_writing=True)
            records.move_bundle(session, bundle, state, now=self.services.clock())

        await self.services.database.write(move)

    async def _read(self) -> tuple[PageReading, ...]:
        try:
            untrusted = await self.services.inspection.scan(
                [], self._content(), READINGS_LIMIT_BYTES, limits(self.facts.size_bytes)
            )
            return readings_from_json(untrusted.decode("ascii"))
        except InspectionFailed as failure:
            raise _Failed(reason_of(failure)) from failure
        except (BundleUnreadable, UnicodeDecodeError) as failure:
            raise _Failed("unreadable") from failure
        except (ObjectTampered, ObjectNotFound) as failure:
            raise _Failed("store_damaged") from failure

    def _content(self) -> AsyncIterator[bytes]:
        return objects.read(self.services.vault, self.facts.stored)

    def _place(self, session: Session, readings: Sequence[PageReading]) -> Sitting | None:
        """Say of which sitting the bundle is, or let it wait for a person who knows."""
        work.fence(session, self.job)
        bundle = records.get_bundle(session, self.facts.id, for_writing=True)
        session.get_one(DocumentRow, self.facts.document_id).page_count = len(readings)
        sitting_id = records.sitting_in(session, bundle, readings)
        now = self.services.clock()
        if sitting_id is None:
            records.move_bundle(session, bundle, S.UNPLACED, now=now, reason="sitting_unknown")
            return None
        bundle.sitting_id = sitting_id
        records.move_bundle(session, bundle, S.SPLIT, now=now)
        return session.get_one(Sitting, sitting_id)

    async def _cut(self, scope: str, planned: Split, readings: Sequence[PageReading]) -> None:
        """Cut the pages of each script out, and seal each as it comes."""
        if not planned.scripts:
            return
        names = [f"{script.key.candidate_number}.pdf" for script in planned.scripts]
        wanted = asked([script.pages for script in planned.scripts], {page.index: page.rotation for page in readings})
        size = self.facts.size_bytes
        held: list[tuple[str, bytes]] = []
        try:
            async with self.services.inspection.cut(
                wanted, self._content(), output_limit(size), limits(size)
            ) as output:
                for name in names:
                    held.append((name, await next_file(output)))
                    if len(held) == SEALED_TOGETHER:
                        self.sealed += await sealing.seal_all(self.services, scope, held)
                        held.clear()
        except InspectionFailed as failure:
            raise _Failed(reason_of(failure)) from failure
        except (ObjectTampered, ObjectNotFound) as failure:
            raise _Failed("store_damaged") from failure
        if held:
            self.sealed += await sealing.seal_all(self.services, scope, held)

    def _push(self, session: Session, readings: Sequence[PageReading], planned: Split) -> None:
        work.fence(session, self.job)
        now, services = self.services.clock(), self.services
        bundle = records.get_bundle(session, self.facts.id, for_writing=True)
        by = self.facts.received_by
        try:
            outcome = records.push_bundle(session, bundle, readings, now=now, actor=by)
        except PagesNotConserved as failure:
            raise _Failed("pages_not_conserved") from failure
        if outcome.split != planned:
            # Somebody changed the register while the pages were read, or another bundle was faster: what is true now counts.
            raise ServiceBusy
        for script, file in zip(outcome.scripts, self.sealed, strict=True):
            document_id = sealing.keep(
                session, services, file, media_type=PDF, page_count=len(script.pages), uploaded_by=by, now=now
            )
            versions.record(session, services, script.script_id, document_id, now)
        context = Context(None, now, "push", origin="worker")
        counts: dict[str, Any] = {
            "pages": len(readings),
            "scripts": len(outcome.scripts),
            "queued": len(outcome.split.queued),
        }
        audit.record(session, context, Action.BUNDLE_WRITE, "bundle", bundle.id, **counts)


def _planned(readings: Sequence[PageReading], expected: object) -> Split:
    try:
        return split(readings, expected)  # type: ignore[arg-type]
    except PagesNotConserved as failure:
        raise _Failed("pages_not_conserved") from failure
