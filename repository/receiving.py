"""Receives uploads: every byte acknowledged is durable first, and nothing else is acknowledged.

Order of every step: seal in memory → PUT under a fresh name → commit the offset → acknowledge → delete the replaced.
The database's compare-and-set on the offset is the only commit point (design: storage, decisions D3–D5, rules O1–O5).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from repository import objects
from repository.audit import Context
from repository.errors import (
    ChecksumMismatch,
    OffsetMismatch,
    RequestMalformed,
    UploadBusy,
    UploadTooLong,
)
from repository.records import Created, NewUpload, Standing, Step, commit_step, create, note_tail_damage, standing
from repository.services import Services
from repository.uploads import CHECKED_BODY_LIMIT_BYTES, Checksum, UploadState
from storage.errors import KeyRefused, ObjectNotFound, ObjectTampered
from storage.vault import Filling, Part, Tail, Writer

TAKEOVER_SECONDS = 15
BUFFERS_LIMIT = 2
"""So many parts of one upload are in memory at most: one fills while the other is sealed and stored."""
FEW_PARTS = 3
"""While fewer parts than this are in memory, of all uploads, an upload may have a second one."""


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
