"""After the last byte: verify end to end, type, scan, derive, release; or hold with a reason. Every step may be repeated.

Each step ends in one transaction, which moves the document on, writes its event, and holds the worker's claim: a crash
anywhere repeats the step, and a worker that lost its claim moves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.slots import Slot
from repository import audit, derivatives, deriving, evidence, objects, places, recordings, records, work
from repository.antivirus import ScanResult, ScanState
from repository.audit import Context
from repository.deriving import Source
from repository.documents import IN_INSPECTION, DocumentState, is_office, is_recording
from repository.errors import DocumentDestroyed, InspectionFailed
from repository.inspection import RemedyKind, Verdict
from repository.inspection.words import HOLDS, Words, of_refusal
from repository.receipts import late, replaced
from repository.recordings import Recording
from repository.services import Services
from repository.tables import DocumentRow, Evidence
from repository.work import Job
from storage.errors import ObjectTampered
from storage.vault import StoredObject

S = DocumentState
PIECE_BYTES = 256 * 1024
FILM_WAITS_SECONDS = 3
"""How long a film waits before it asks again whether it is its turn."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a document when a step begins."""

    state: DocumentState
    filename: str
    declared_sha256: str | None
    sha256: str | None
    size_bytes: int
    media_type: str | None
    page_count: int | None
    duration_seconds: float | None
    stored: StoredObject
    slot: Slot


async def verify(services: Services, job: Job) -> None:
    """Take one received document from where it stands to ``released``, or to an end with a reason that people can act on."""
    inspecting = _Inspecting(services, job)
    try:
        await inspecting.run()
    finally:
        await inspecting.end()


async def derive(services: Services, job: Job) -> None:
    """Make what is shown in place of a document that was released before such a thing was made."""
    await _Inspecting(services, job).derive_released()


def give_up(session: Session, job: Job, now: datetime) -> None:
    """Hold a document for an officer when its inspection failed so often that it was set aside."""
    row = session.get_one(DocumentRow, job.subject_id, with_for_update=True)
    if row.state in IN_INSPECTION:
        _end(session, _context(job, now), row, S.HELD, HOLDS["not-finished"])


def inspect_again(session: Session, context: Context, document_id: str) -> bool:
    """Send a held document to inspection again, from its beginning; returns False if it is not held any more."""
    row = session.get_one(DocumentRow, document_id, with_for_update=True)
    if row.state != S.HELD:
        return False
    row.reason = row.remedy = row.remedy_kind = None
    row.scan_state = row.scan_signature = None
    evidence.move(session, context, row, S.VERIFYING)
    work.again(session, records.VERIFY, document_id, context.now, lane=evidence.centre_of(session, document_id))
    return True


async def rescan(services: Services) -> int:
    """Send what the virus scanner could not scan to inspection again, once it works; returns how many."""
    waiting = await services.database.read(_waits_for_scanner)
    if not waiting or (await services.antivirus.examine()).state is ScanState.FAILED:
        return 0
    context = Context(None, services.clock(), "rescan", origin="worker")
    count = 0
    for document_id in waiting:
        count += await services.database.write(lambda s, one=document_id: inspect_again(s, context, one))  # type: ignore[misc]
    services.bell.ring()
    return count


def _waits_for_scanner(session: Session) -> list[str]:
    return list(
        session.scalars(
            select(DocumentRow.id)
            .where(DocumentRow.state == S.HELD, DocumentRow.scan_state == ScanState.FAILED.value)
            .order_by(DocumentRow.received_at)
            .limit(500)
        )
    )


class _Inspecting:
    """The inspection of one document by one worker."""

    def __init__(self, services: Services, job: Job) -> None:
        self._services = services
        self._job = job
        self._id = job.subject_id
        self._scan: asyncio.Task[ScanResult] | None = None
        self._steps: Mapping[DocumentState, Callable[[Facts], Awaitable[None]]] = {
            S.UPLOADED: self._begin,
            S.VERIFYING: self._verify,
            S.TYPED: self._await_scan,
            S.SCANNED: self._derive,
            S.DERIVED: self._release,
        }

    async def run(self) -> None:
        before: DocumentState | None = None
        while True:
            try:
                facts = await self._services.database.read(lambda s: _load(s, self._id))
            except DocumentDestroyed:
                return
            if facts.state not in self._steps or facts.state is before:
                return
            before = facts.state
            await self._steps[facts.state](facts)

    async def end(self) -> None:
        """End what was begun ahead of its step."""
        if self._scan is not None:
            self._scan.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._scan

    # The steps, in their order

    async def _begin(self, facts: Facts) -> None:
        await self._move(facts.state, lambda session, row: self._to(session, row, S.VERIFYING))

    async def _verify(self, facts: Facts) -> None:
        """Read everything again while the child and the scanner look at it, each for itself."""
        services = self._services
        self._begin_scan(facts)
        looking = asyncio.create_task(services.inspection.inspect(facts.filename, self._read(facts)))
        try:
            sha256 = await asyncio.to_thread(services.vault.verify, facts.stored)
            if facts.declared_sha256 not in {None, sha256}:
                await self._hold(facts.state, HOLDS["differs"])
                return
            verdict = await looking
        except ObjectTampered as tampering:
            diagnosis = str(tampering.facts.get("diagnosis", ""))
            await self._hold(facts.state, HOLDS["store-damaged"], diagnosis=diagnosis)
            return
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await looking
        limit = services.settings.upload_limit_bytes
        misplaced = None if verdict.held else places.wrong_type(facts.slot, verdict.media_type, limit)
        await self._move(facts.state, lambda session, row: self._typed(session, row, sha256, verdict, misplaced))

    def _typed(
        self, session: Session, row: DocumentRow, sha256: str, verdict: Verdict, misplaced: tuple[str, str] | None
    ) -> None:
        row.sha256 = sha256
        if _has_twin(session, row):
            # The same content is attached to the same place, and this copy retires.
            twin = HOLDS["duplicate"]
            row.reason, row.remedy = twin.reason, twin.remedy
            evidence.withdraw(session, self._context(), row.id)
            return
        row.media_type, row.page_count = verdict.media_type, verdict.page_count
        row.duration_seconds = verdict.facts.get("seconds")
        row.notes = list(verdict.notes)
        if verdict.held:
            why = Words(verdict.reason or "", verdict.remedy or "", verdict.remedy_kind or RemedyKind.REPLACE)
            _end(session, self._context(), row, S.HELD, why)
        elif misplaced is not None:
            _end(session, self._context(), row, S.HELD, Words(*misplaced))
        else:
            self._to(session, row, S.TYPED)

    async def _await_scan(self, facts: Facts) -> None:
        result = await self._begin_scan(facts)
        await self._move(facts.state, lambda session, row: self._scanned(session, row, result))

    def _scanned(self, session: Session, row: DocumentRow, result: ScanResult) -> None:
        row.scan_state, row.scan_signature = result.state.value, result.signature[:200] or None
        row.notes = list(dict.fromkeys([*(row.notes or []), *result.notes]))
        if result.state is ScanState.INFECTED:
            _end(session, self._context(), row, S.REJECTED, HOLDS["virus"])
        elif result.state is ScanState.LIMITS:
            _end(session, self._context(), row, S.HELD, HOLDS["scan-limits"])
        elif result.state is ScanState.FAILED:
            _end(session, self._context(), row, S.HELD, HOLDS["scan-failed"])
        else:
            self._to(session, row, S.SCANNED)

    async def _derive(self, facts: Facts) -> None:
        try:
            await self._make(facts, lambda session: self._permit(session, facts.state))
        except InspectionFailed as failure:
            await self._hold(facts.state, of_refusal(str(failure.facts.get("refused", ""))))
        except _Gone:
            return
        else:
            await self._move(facts.state, lambda session, row: self._to(session, row, S.DERIVED))

    async def _release(self, facts: Facts) -> None:
        services, stored, sha256 = self._services, facts.stored, facts.sha256 or ""
        released = stored
        if stored.layout == "staged":
            sealed = {"filename": facts.filename, "sha256": sha256}
            released = await asyncio.to_thread(services.vault.release, stored, metadata={}, sealed=sealed)
        if not await self._move(facts.state, lambda session, row: self._released(session, row, released, sha256)):
            return  # withdrawn meanwhile: what is staged may still be what the rows name
        staged = [part.key for part in stored.parts if part.key.startswith("q/")]
        kept = {part.key for part in released.parts} if released.layout != "whole" else set()
        await asyncio.to_thread(services.vault.discard, [key for key in staged if key not in kept])

    def _released(self, session: Session, row: DocumentRow, released: StoredObject, sha256: str) -> None:
        objects.save_released(session, released, sha256)
        row.reason = row.remedy = row.remedy_kind = None
        self._to(session, row, S.RELEASED)
        replaced.withdraw_replaced(session, self._context(), self._services.signer, row.id)
        late.note_released(session, self._context(), self._services.signer, row.id)

    # What is shown in place of it

    async def derive_released(self) -> None:
        """Make what is shown of a document that is released already; what cannot be drawn stays shown as it was."""
        try:
            facts = await self._services.database.read(lambda s: _load(s, self._id))
        except DocumentDestroyed:
            return
        if facts.state is S.RELEASED:
            with contextlib.suppress(_Gone, InspectionFailed):
                await self._make(facts, lambda session: self._permit(session, facts.state))

    async def _make(self, facts: Facts, permit: Callable[[Session], object]) -> None:
        """Make what is shown; raises ``InspectionFailed`` when there can be nothing, and what ``permit`` raises."""
        services, media_type = self._services, facts.media_type or ""
        scope = facts.stored.scope_key.scope
        if is_recording(media_type):
            duration = facts.duration_seconds or 0.0
            recording = Recording(self._id, scope, media_type, facts.size_bytes, duration, lambda: self._read(facts))
            await self._record(recording, permit)
            return
        begun = await services.database.read(lambda s: derivatives.pages_made(s, self._id))
        source = Source(self._id, scope, media_type, facts.page_count or 1, lambda: self._read(facts))
        if is_office(media_type):
            source = await self._converted(facts, source)
        await deriving.pages(services, source, permit, begun)

    async def _record(self, recording: Recording, permit: Callable[[Session], object]) -> None:
        """Make a recording playable; a film when it is its turn: raises ``Later`` before that."""
        films = self._services.inspection.films
        if not recording.media_type.startswith("video/"):
            await recordings.make(self._services, recording, permit)
            return
        if not films.take():
            raise work.Later(FILM_WAITS_SECONDS)
        try:
            await recordings.make(self._services, recording, permit)
        finally:
            films.give()

    async def _converted(self, facts: Facts, source: Source) -> Source:
        """Turn an office document into a PDF, and look at that as at any other; it lives in memory only."""
        inspection = self._services.inspection
        made = await inspection.convert(source.media_type, source.read())
        pdf = made.pdf
        verdict = await inspection.inspect("work.pdf", _pieces(pdf))
        if verdict.held or verdict.page_count is None:
            raise InspectionFailed(refused="office-unreadable")

        def count(session: Session, row: DocumentRow) -> None:
            row.page_count = verdict.page_count
            row.notes = list(dict.fromkeys([*(row.notes or []), *made.notes]))

        await self._move(facts.state, count)
        return replace(source, media_type="application/pdf", page_count=verdict.page_count, read=lambda: _pieces(pdf))

    # Moving

    def _begin_scan(self, facts: Facts) -> asyncio.Task[ScanResult]:
        if self._scan is None:
            scanning = self._services.antivirus.scan(lambda: self._read(facts), facts.size_bytes)
            self._scan = asyncio.ensure_future(scanning)
        return self._scan

    def _read(self, facts: Facts) -> AsyncIterator[bytes]:
        return objects.read(self._services.vault, facts.stored)

    def _context(self) -> Context:
        return _context(self._job, self._services.clock())

    def _to(self, session: Session, row: DocumentRow, after: DocumentState) -> None:
        evidence.move(session, self._context(), row, after)

    def _permit(self, session: Session, before: DocumentState) -> DocumentRow:
        """Return the document, held until the end of the transaction, if this worker may still move it.

        Raises: ``ClaimLost``; ``_Gone`` if it was withdrawn meanwhile.
        """
        work.fence(session, self._job)
        row = session.get_one(DocumentRow, self._id, with_for_update=True)
        if row.state != before:
            raise _Gone
        return row

    async def _move(self, before: DocumentState, change: Callable[[Session, DocumentRow], None]) -> bool:
        """Change the document in one transaction; returns False if it is not where the step found it."""
        try:
            await self._services.database.write(lambda s: change(s, self._permit(s, before)))
        except _Gone:
            return False
        return True

    async def _hold(self, before: DocumentState, why: Words, *, diagnosis: str = "") -> None:
        def hold(session: Session, row: DocumentRow) -> None:
            _end(session, self._context(), row, S.HELD, why)
            if diagnosis:
                audit.record(session, self._context(), "object.tampered", "document", self._id, diagnosis=diagnosis)

        await self._move(before, hold)


class _Gone(Exception):
    """The document is not where the step found it: withdrawn, or moved on."""


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE_BYTES):
        yield data[start : start + PIECE_BYTES]


def _context(job: Job, now: datetime) -> Context:
    return Context(None, now, f"work-{job.id}"[:36], origin="worker")


def _load(session: Session, document_id: str) -> Facts:
    row = session.get_one(DocumentRow, document_id)
    return Facts(
        DocumentState(row.state),
        row.filename,
        row.declared_sha256,
        row.sha256,
        row.size_bytes,
        row.media_type,
        row.page_count,
        row.duration_seconds,
        objects.stored_object(session, row.oid),
        evidence.slot_of(session, row.id),
    )


def _end(session: Session, context: Context, row: DocumentRow, state: DocumentState, why: Words) -> None:
    """End an inspection with words for whoever has to act."""
    row.reason, row.remedy, row.remedy_kind = why.reason, why.remedy, why.remedy_kind.value
    evidence.move(session, context, row, state)


def _has_twin(session: Session, row: DocumentRow) -> bool:
    link = session.scalars(select(Evidence).where(Evidence.document_id == row.id)).one()
    twin = (
        select(DocumentRow.id)
        .join(Evidence, Evidence.document_id == DocumentRow.id)
        .where(
            Evidence.case_id == link.case_id,
            Evidence.sample_item_id == link.sample_item_id,
            Evidence.slot == link.slot,
            Evidence.withdrawn_at.is_(None),
            DocumentRow.sha256 == row.sha256,
            DocumentRow.id != row.id,
            DocumentRow.state == S.RELEASED,
        )
    )
    return session.scalars(twin.limit(1)).first() is not None
