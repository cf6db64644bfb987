"""Receives uploads: every byte acknowledged is durable first, and nothing else is acknowledged.

Order of every step: seal in memory → PUT under a fresh name → commit the offset → acknowledge → delete the replaced.
The database's compare-and-set on the offset is the only commit point (design: storage, decisions D3–D5, rules O1–O5).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast

from sqlalchemy import CursorResult, Table, bindparam, select, update
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.submission import CaseState
from moderation.tables import ModerationCase, SampleItem
from repository import access, audit, evidence, objects, work
from repository.access import Action, Actor
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import (
    ChecksumMismatch,
    FileTooLarge,
    NotFound,
    OffsetMismatch,
    RequestMalformed,
    SlotClosed,
    UploadBusy,
    UploadGone,
    UploadTooLong,
    WrongSubmissionMode,
)
from repository.services import Services
from repository.tables import Assignment, DocumentRow, Evidence, StoredObjectRow, UploadRow, insert_row
from repository.uploads import CHECKED_BODY_LIMIT_BYTES, Checksum, UploadState
from storage.errors import KeyRefused, ObjectNotFound, ObjectTampered
from storage.vault import DataKey, Filling, Layout, Part, ScopeKey, Tail, Writer

VERIFY = "verify"
TAKEOVER_SECONDS = 15
BUFFERS_LIMIT = 2
"""So many parts of one upload are in memory at most: one fills while the other is sealed and stored."""
FEW_PARTS = 3
"""While fewer parts than this are in memory, of all uploads, an upload may have a second one."""
OPEN_STATES = frozenset({CaseState.SAMPLE_REQUESTED, CaseState.UPLOADING, CaseState.RECEIPT_QUERY})


# Statements of every upload, made once: SQLAlchemy takes longer to put one together than a database to carry it out.
_CASE_OF_ITEM = (
    select(ModerationCase)
    .join(SampleItem, SampleItem.case_id == ModerationCase.id)
    .where(SampleItem.id == bindparam("sample_item_id"))
)
_UPLOAD_AND_CASE = (
    select(UploadRow, ModerationCase)
    .join(SampleItem, SampleItem.id == UploadRow.sample_item_id)
    .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
    .where(UploadRow.oid == bindparam("oid"))
    .with_for_update(key_share=True, of=ModerationCase)
    .execution_options(populate_existing=True)
)
_UPLOADS = cast(Table, UploadRow.__table__)
_MOVED = (
    "offset_bytes", "expires_at", "state",
    "tail_index", "tail_key", "tail_header", "tail_sha256", "tail_plain_bytes", "tail_sealed_bytes",
)  # fmt: skip
_MOVE = (
    update(_UPLOADS)
    .where(
        _UPLOADS.c.oid == bindparam("of_oid"),
        _UPLOADS.c.offset_bytes == bindparam("offset_before"),
        _UPLOADS.c.state == UploadState.OPEN,
    )
    .values({name: bindparam(name) for name in _MOVED})
)


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What a client asks for when it creates an upload; every field already read and bounded."""

    sample_item_id: str
    slot: str
    filename: str
    media_type: str | None
    declared_sha256: str | None
    total_bytes: int
    sent_metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an upload stands in the database."""

    oid: str
    state: UploadState
    offset_bytes: int
    total_bytes: int
    expires_at: datetime
    sent_metadata: str | None
    scope_key: ScopeKey
    data_key: DataKey
    tail: Tail | None


@dataclass(frozen=True, slots=True)
class Created:
    """An upload that was opened: the token that alone can write it, and where it stands."""

    token: str
    stands: Standing


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an upload stands after a request: the committed offset, and until when it may go on if it is unfinished."""

    offset_bytes: int
    expires_at: datetime | None


@dataclass(slots=True)
class Holder:
    """The connection that writes an upload now, and how to make it give way."""

    give_way: Callable[[], None]
    released: asyncio.Event = field(default_factory=asyncio.Event)


class WriterGate:
    """One writer per upload in this process; a newcomer asks the holder to give way. Safety is the compare-and-set's."""

    def __init__(self) -> None:
        self._holders: dict[str, Holder] = {}

    def is_held(self, oid: str) -> bool:
        """Return whether a connection of this process writes the upload now."""
        return oid in self._holders

    async def clear(self, oid: str) -> None:
        """Make whoever writes the upload give way, or wait until it is done; what had arrived is committed then.

        Raises: ``UploadBusy`` if the holder does not let go within ``TAKEOVER_SECONDS``.
        """
        try:
            async with asyncio.timeout(TAKEOVER_SECONDS):
                while (holder := self._holders.get(oid)) is not None:
                    holder.give_way()
                    await holder.released.wait()
        except TimeoutError as error:
            raise UploadBusy from error

    @contextlib.asynccontextmanager
    async def hold(self, oid: str, give_way: Callable[[], None]) -> AsyncIterator[None]:
        """Hold the upload; ``give_way`` is called when another connection wants it.

        Raises: ``UploadBusy`` if the holder does not let go within ``TAKEOVER_SECONDS``.
        """
        await self.clear(oid)
        mine = Holder(give_way)
        self._holders[oid] = mine
        try:
            yield
        finally:
            del self._holders[oid]
            mine.released.set()


async def open_upload(services: Services, context: Context, asked: NewUpload) -> Created:
    """Open an upload as ``create`` does, and ask the key provider for what it needs.

    Raises: as ``create``; ``storage.errors.KeyUnavailable`` while the key provider is down: no upload begins then.
    """
    return await objects.write_with_keys(
        services.database, services.vault, context.now, lambda s: create(s, services, context, asked)
    )


def create(session: Session, services: Services, context: Context, asked: NewUpload) -> Created:
    """Open an upload for one slot of one sample item, before a byte is sent.

    Raises: ``NotFound`` for an item outside the actor's centre; ``WrongSubmissionMode``; ``SlotClosed`` once the
    sample is submitted; ``FileTooLarge`` naming the limit.
    """
    actor = _actor(context)
    case = _case_of(session, asked.sample_item_id)
    if case is None:
        raise NotFound
    access.require(actor, Action.UPLOAD_CREATE, centre_number=case.centre_number)
    if case.submission_mode != SubmissionMode.UPLOAD:
        raise WrongSubmissionMode(submission_mode=case.submission_mode)
    if case.state not in OPEN_STATES:
        raise SlotClosed(state=case.state)
    evidence.check_slot(asked.slot)
    limit = services.settings.upload_limit_bytes
    if asked.total_bytes > limit:
        raise FileTooLarge(f"The file is larger than the {limit // 1024**2} MiB accepted here.", limit_bytes=limit)
    scope = objects.scope_name(case.centre_number, case.series_key, objects.ORIGINALS)
    key = objects.scope_key(session, services.vault, scope)
    data_key = objects.new_data_key(session, services.vault, key, asked.total_bytes, context.now)
    token = services.new_token()
    expires_at = context.now + timedelta(seconds=services.settings.upload_ttl_seconds)
    insert_row(
        session,
        UploadRow,
        oid=data_key.oid,
        token_sha256=_hash(token),
        person_id=actor.person_id,
        assignment_id=actor.assignment_id,
        centre_number=case.centre_number,
        sample_item_id=asked.sample_item_id,
        slot=asked.slot,
        filename=asked.filename or f"{asked.slot}",
        declared_media_type=asked.media_type,
        declared_sha256=asked.declared_sha256,
        sent_metadata=asked.sent_metadata,
        total_bytes=asked.total_bytes,
        offset_bytes=0,
        state=UploadState.OPEN,
        created_at=context.now,
        expires_at=expires_at,
    )
    audit.record(
        session,
        context,
        Action.UPLOAD_CREATE,
        "upload",
        data_key.oid,
        size_bytes=asked.total_bytes,
        item=asked.sample_item_id,
    )
    stands = Standing(
        data_key.oid, UploadState.OPEN, 0, asked.total_bytes, expires_at, asked.sent_metadata, key, data_key, None
    )
    return Created(token, stands)


def standing(session: Session, oid: str, token: str | None, now: datetime, *, for_writing: bool = False) -> Standing:
    """Return where an upload stands, to whoever holds its token.

    Raises: ``NotFound`` without the right token, or when the sender's assignment has ended; ``UploadGone`` for an
    upload that was terminated or has expired.
    """
    row = session.get(UploadRow, oid)
    if row is None or token is None or not hmac.compare_digest(row.token_sha256, _hash(token)):
        raise NotFound
    assignment = session.get_one(Assignment, row.assignment_id)
    if assignment.valid_to is not None and assignment.valid_to <= now:
        raise NotFound
    if row.state in {UploadState.TERMINATED, UploadState.EXPIRED} or (
        row.state == UploadState.OPEN and row.expires_at <= now
    ):
        raise UploadGone
    if for_writing and row.state == UploadState.OPEN:
        case = _case_of(session, row.sample_item_id)
        if case is not None and case.state not in OPEN_STATES:
            raise SlotClosed(state=case.state)
    key, data_key = objects.keys_of(session, oid)
    tail = None
    if row.tail_key and row.tail_header and row.tail_sha256:
        tail = Tail(
            row.tail_index or 0,
            row.tail_key,
            row.tail_header,
            row.tail_sha256,
            row.tail_plain_bytes or 0,
            row.tail_sealed_bytes or 0,
        )
    return Standing(
        oid,
        UploadState(row.state),
        row.offset_bytes,
        row.total_bytes,
        row.expires_at,
        row.sent_metadata,
        key,
        data_key,
        tail,
    )


class Receiver:
    """Appends the bodies of PATCH requests to uploads."""

    def __init__(self, services: Services, gate: WriterGate) -> None:
        self._services = services
        self._gate = gate
        self._memory = PartsInMemory()

    async def append(
        self,
        context: Context,
        oid: str,
        token: str | None,
        offset_bytes: int,
        body: AsyncIterator[bytes],
        *,
        length_bytes: int | None,
        checksum: Checksum | None,
        give_way: Callable[[], None],
        created: Standing | None = None,
    ) -> Progress:
        """Append a body at ``offset_bytes``.

        Takes: the body's announced ``length_bytes``, if any; its ``checksum``, if declared; ``give_way``, which breaks
        this connection when a newer one wants the upload; ``created``, where it stands if this very request opened it.
        Returns: where the upload stands now. When the connection breaks, what had arrived is committed all the same.
        Raises: ``OffsetMismatch``, ``UploadTooLong``, ``UploadGone``, ``ChecksumMismatch``: nothing changed.
        """
        now = context.now
        if self._gate.is_held(oid):  # only who may write the upload may break the connection that writes it
            await self._services.database.read(lambda s: standing(s, oid, token, now))
        async with self._gate.hold(oid, give_way):
            before = created
            if before is None:
                before = await self._services.database.read(lambda s: standing(s, oid, token, now, for_writing=True))
            if before.offset_bytes != offset_bytes:
                raise OffsetMismatch(offset_bytes=before.offset_bytes)
            if length_bytes is not None and offset_bytes + length_bytes > before.total_bytes:
                raise UploadTooLong(total_bytes=before.total_bytes)
            if before.state is UploadState.COMPLETE:
                return Progress(await self._nothing_more(before, body, checksum), None)
            if checksum is not None:
                return await self._append_checked(context, before, body, checksum)
            return await self._append_as_it_comes(context, before, body)

    async def _nothing_more(self, before: Standing, body: AsyncIterator[bytes], checksum: Checksum | None) -> int:
        async for chunk in body:
            if chunk:
                raise UploadTooLong(total_bytes=before.total_bytes)
        if checksum is not None and not checksum.matches(b""):
            raise ChecksumMismatch
        return before.offset_bytes

    async def look(self, context: Context, oid: str, token: str | None) -> Standing:
        """Return where an upload stands; a connection that still writes it gives way first.

        Who asks has lost that connection, and is to hear of every byte that had arrived by it.
        Raises: as ``standing``.
        """
        stands = await self._services.database.read(lambda s: standing(s, oid, token, context.now))
        if self._gate.is_held(oid):
            with contextlib.suppress(UploadBusy):  # then the committed offset is the truth all the same
                await self._gate.clear(oid)
            stands = await self._services.database.read(lambda s: standing(s, oid, token, context.now))
        return stands

    async def _append_checked(
        self, context: Context, before: Standing, body: AsyncIterator[bytes], checksum: Checksum
    ) -> Progress:
        held = bytearray()
        async for chunk in body:
            held += chunk
            if len(held) > CHECKED_BODY_LIMIT_BYTES:
                raise RequestMalformed(
                    f"A request with Upload-Checksum may hold {CHECKED_BODY_LIMIT_BYTES} bytes at most.",
                    limit_bytes=CHECKED_BODY_LIMIT_BYTES,
                )
        if not checksum.matches(held):
            raise ChecksumMismatch
        async with self._intake(context, before, at_once=True) as intake:
            await intake.take(held)
            return await intake.rest()

    async def _append_as_it_comes(self, context: Context, before: Standing, body: AsyncIterator[bytes]) -> Progress:
        async with self._intake(context, before) as intake:
            try:
                async for chunk in body:
                    await intake.take(chunk)
            except ConnectionError:
                # The line broke. What arrived is worth keeping; nobody is left to be told.
                await intake.rest()
                raise
            return await intake.rest()

    @contextlib.asynccontextmanager
    async def _intake(self, context: Context, before: Standing, *, at_once: bool = False) -> AsyncIterator[Intake]:
        def begin() -> tuple[Writer, bytes]:
            writer = self._services.vault.resume(before.scope_key, before.data_key)
            return writer, writer.open_tail(before.tail) if before.tail else b""

        try:
            writer, tail = await asyncio.to_thread(begin) if before.tail else begin()
        except (ObjectTampered, KeyRefused, ObjectNotFound) as error:
            damage = error
            await self._services.database.write(lambda s: note_tail_damage(s, context, before, damage))
            raise
        commit, clock = partial(self._commit, context), self._services.clock
        intake = Intake(writer, before, tail, commit, self._memory, clock, at_once=at_once)
        try:
            yield intake
        finally:
            await intake.close()

    async def _commit(self, context: Context, step: Step) -> datetime:
        """Commit a step; returns until when the upload may go on."""
        now = self._services.clock()  # a large body takes hours, and what arrives at its end arrives then
        expires_at = now + timedelta(seconds=self._services.settings.upload_ttl_seconds)
        then = replace(context, now=now)
        await self._services.database.write(lambda session: commit_step(session, then, step, expires_at))
        if step.replaced_key:
            await asyncio.to_thread(self._services.vault.discard, [step.replaced_key])
        if step.complete:
            self._services.bell.ring()
        return expires_at


def note_tail_damage(
    session: Session, context: Context, before: Standing, damage: ObjectTampered | KeyRefused | ObjectNotFound
) -> None:
    """Record that an upload's tail is not what was written.

    Raises: ``OffsetMismatch`` if the upload has moved on or ended meanwhile, and its tail is gone for that reason.
    """
    row = session.get_one(UploadRow, before.oid)
    if (row.state, row.tail_key) != (before.state, before.tail.key if before.tail else None):
        raise OffsetMismatch
    objects.note_damage(session, context, "upload", before.oid, damage)


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction commits: the offset moves from ``offset_before`` to ``offset_after``, or nothing does.

    ``begun_at`` is when the first of its bytes was sent to the store, or just before.
    """

    oid: str
    offset_before: int
    offset_after: int
    parts: tuple[Part, ...]
    tail: Tail | None
    replaced_key: str | None
    complete: bool
    begun_at: datetime


class PartsInMemory:
    """Counts the parts in memory, of all uploads: each upload has one, and a second for speed while there are few."""

    def __init__(self) -> None:
        self._count = 0

    def take_first(self) -> None:
        """Count an upload's one part."""
        self._count += 1

    def take_second(self) -> bool:
        """Count another part if there is room for it."""
        if self._count >= FEW_PARTS:
            return False
        self._count += 1
        return True

    def give_back(self) -> None:
        """Count one less."""
        self._count -= 1


class Intake:
    """Takes the bytes of one request: while full parts are sealed, stored and committed, the next one fills.

    Parts are committed in their order, one transaction each, or all in one with ``at_once``. A failure of one part ends
    all that follow it; what was committed before it stays.
    """

    def __init__(
        self,
        writer: Writer,
        before: Standing,
        tail: bytes,
        commit: Callable[[Step], Awaitable[datetime]],
        memory: PartsInMemory,
        clock: Callable[[], datetime],
        *,
        at_once: bool = False,
    ) -> None:
        self._writer = writer
        self._before = before
        self._commit = commit
        self._memory = memory
        self._clock = clock
        self._begun_at: list[datetime] = []
        self._at_once = at_once
        self._received = before.offset_bytes
        self._committed = before.offset_bytes
        self._expires_at = before.expires_at
        self._old_tail = before.tail
        size = writer.expected_part_bytes(0) if before.total_bytes else 1
        self._filling: Filling | None = writer.fill((before.offset_bytes - len(tail)) // size)
        self._filling.take(memoryview(tail))
        self._memory.take_first()
        self._buffers = 1
        self._freed = asyncio.Event()
        self._finishing: deque[asyncio.Task[None]] = deque()
        self._held: list[Part] = []

    async def take(self, chunk: bytes | bytearray) -> None:
        """Take bytes.

        Raises: ``UploadTooLong`` for bytes beyond the declared length; errors of earlier parts.
        """
        self._received += len(chunk)
        if self._received > self._before.total_bytes:
            raise UploadTooLong(total_bytes=self._before.total_bytes)
        rest = memoryview(chunk)
        while rest:
            filling = self._filling or await self._next()
            rest = filling.take(rest)
            if filling.full:
                self._seal(filling)

    def _seal(self, filling: Filling) -> None:
        previous = self._finishing[-1] if self._finishing else None
        self._filling = None
        self._following = filling.index + 1
        self._finishing.append(asyncio.create_task(self._finish(filling, previous)))

    async def _next(self) -> Filling:
        """Begin the next part as soon as there is memory for it."""
        while self._finishing and self._finishing[0].done():
            await self._finishing.popleft()
        while self._buffers and not (self._buffers < BUFFERS_LIMIT and self._memory.take_second()):
            self._freed.clear()
            await self._freed.wait()
        if not self._buffers:
            self._memory.take_first()
        self._buffers += 1
        self._filling = self._writer.fill(self._following)
        return self._filling

    def _free(self) -> None:
        self._buffers -= 1
        self._memory.give_back()
        self._freed.set()

    async def _finish(self, filling: Filling, previous: asyncio.Task[None] | None) -> None:
        begun_at = self._clock()
        try:
            part = await asyncio.to_thread(self._writer.seal_filled, filling)
        finally:
            self._free()
        if previous is not None:
            await previous
        self._held.append(part)
        self._begun_at.append(begun_at)
        if not self._at_once and part.index + 1 < self._writer.part_count:
            await self._commit_held(None)

    async def rest(self) -> Progress:
        """Seal what is left as a tail and commit everything; an upload of no bytes at all gets its one empty part.

        Returns: where the upload stands now.
        """
        filling, tail = self._filling, None
        if self._before.total_bytes == 0 and filling is not None:
            self._seal(filling)
        while self._finishing:
            await self._finishing.popleft()
        if self._filling is not None and self._filling.plain_bytes and self._received > self._committed:
            leftover, self._filling = self._filling, None
            self._begun_at.append(self._clock())
            try:
                tail = await asyncio.to_thread(self._writer.seal_filled_tail, leftover)
            finally:
                self._free()
        if tail or self._held:
            await self._commit_held(tail)
        complete = self._committed == self._before.total_bytes
        return Progress(self._committed, None if complete else self._expires_at)

    async def _commit_held(self, tail: Tail | None) -> None:
        offset_after = self._held_until() + (tail.plain_bytes if tail else 0)
        old, self._old_tail = self._old_tail, tail
        step = Step(
            self._before.oid,
            self._committed,
            offset_after,
            tuple(self._held),
            tail,
            old.key if old else None,
            offset_after == self._before.total_bytes,
            min(self._begun_at),
        )
        self._expires_at = await self._commit(step)
        self._committed = offset_after
        self._begun_at.clear()
        self._held.clear()

    def _held_until(self) -> int:
        """Return the offset at which the last sealed part ends, or at which the tail's part begins."""
        if self._held:
            last = self._held[-1]
            begins = last.index * self._writer.expected_part_bytes(0) if self._before.total_bytes else 0
            return begins + last.plain_bytes
        return self._committed - (self._committed % self._writer.expected_part_bytes(0))

    async def close(self) -> None:
        """Give memory back and wait for what is under way; what was sealed and not committed is the collector's."""
        if self._filling is not None:
            self._filling.drop()
            self._free()
        await asyncio.gather(*self._finishing, return_exceptions=True)


def commit_step(session: Session, context: Context, step: Step, expires_at: datetime) -> None:
    """Commit parts, tail and offset together; the last step also writes the document and its work.

    Raises: ``OffsetMismatch`` when another writer was faster or the upload ended; ``SlotClosed`` for the last step once
    the sample is submitted; ``ServiceBusy`` for bytes sent more than an hour ago; nothing changed.
    """
    objects.check_timely(step.begun_at, context.now)
    tail = step.tail
    moved = session.execute(
        _MOVE,
        {
            "of_oid": step.oid,
            "offset_before": step.offset_before,
            "offset_bytes": step.offset_after,
            "expires_at": expires_at,
            "state": UploadState.COMPLETE if step.complete else UploadState.OPEN,
            "tail_index": tail.index if tail else None,
            "tail_key": tail.key if tail else None,
            "tail_header": tail.header if tail else None,
            "tail_sha256": tail.sha256 if tail else None,
            "tail_plain_bytes": tail.plain_bytes if tail else None,
            "tail_sealed_bytes": tail.sealed_bytes if tail else None,
        },
    )
    if not isinstance(moved, CursorResult) or moved.rowcount != 1:
        raise OffsetMismatch
    for part in step.parts:
        objects.add_part(session, step.oid, part)
    if step.complete:
        _open_document(session, context, step.oid)


def _open_document(session: Session, context: Context, oid: str) -> None:
    upload, case = session.execute(_UPLOAD_AND_CASE, {"oid": oid}).one()
    if case.state not in OPEN_STATES:
        raise SlotClosed(state=case.state)
    insert_row(session, StoredObjectRow, oid=oid, layout=Layout.STAGED)
    insert_row(
        session,
        DocumentRow,
        id=oid,
        oid=oid,
        filename=upload.filename,
        size_bytes=upload.total_bytes,
        declared_sha256=upload.declared_sha256,
        state=DocumentState.UPLOADED,
        uploaded_by=upload.person_id,
        received_at=context.now,
    )
    insert_row(
        session,
        Evidence,
        document_id=oid,
        sample_item_id=upload.sample_item_id,
        slot=upload.slot,
        attached_at=context.now,
    )
    evidence.note_arrival(session, context, case.id)
    work.add(session, VERIFY, oid, context.now)
    audit.record(session, context, "document.arrived", "document", oid, size_bytes=upload.total_bytes)


def _case_of(session: Session, sample_item_id: str) -> ModerationCase | None:
    return session.scalars(_CASE_OF_ITEM, {"sample_item_id": sample_item_id}).first()


def _actor(context: Context) -> Actor:
    if context.actor is None:
        raise NotFound
    return context.actor


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
