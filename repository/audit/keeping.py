"""The log as the service keeps it: sequenced, signed, published, and begun anew when entries were lost.

Nothing is signed that is inconsistent with the newest checkpoint published anywhere. A restore that lost entries is
noticed by that checkpoint, and the log goes on under the next name, whose first entry says what is missing.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from repository import acting
from repository.audit import sequencing
from repository.audit.merkle import HASH_BYTES, TILE_HASHES, tile_path, tiles_of
from repository.audit.notes import KEY_FILE, Checkpoint, LogSigner, load_signer, open_checkpoint, verifier_key
from repository.audit.places import NEWEST, FolderPlace, Place, StorePlace, checkpoint_key, of_history, text_of
from repository.audit.recording import Context, record
from repository.audit.sequencing import History
from repository.database import Database
from repository.errors import LogDamaged, LogForked
from repository.tables import AuditCheckpoint, AuditInbox, AuditLog, AuditTile, new_id

if TYPE_CHECKING:
    from repository.services import Services

SEQUENCER = "sequencer"
RESTORED = "log.restored"
"""The first event of a history that follows one of which entries were lost."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that was signed and committed, and may be shown to anybody."""

    history: History
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one installation.

    Takes: ``base``, the name of its first history, used once; ``places``, where it is published.
    """

    database: Database
    signer: LogSigner
    places: tuple[Place, ...]
    base: str
    clock: Callable[[], datetime]

    async def sequence(self) -> int:
        """Take everything that waits into the log, unless somebody else is at it; returns how many events."""
        taken = 0
        with acting.as_service(SEQUENCER):
            while done := await self.database.write(lambda session: self._take(session, wait=False)):
                taken += done
                if done < sequencing.BATCH_EVENTS:
                    break
        return taken

    async def go_on(self) -> None:
        """Hold the log against what was published of it, and begin the next history if entries were lost.

        To be done before the first event is sequenced after a start.
        Raises: ``LogForked`` when the log differs from what was published.
        """
        published = await asyncio.to_thread(self._published)
        with acting.as_service(SEQUENCER):
            await self.database.write(lambda session: self._go_on(session, published))

    async def checkpoint(self) -> Signed | None:
        """Sign the log as it is now, publish that, and return it; None while there is no event.

        Raises: ``LogForked`` rather than sign what differs from what was published; errors of the places: a checkpoint
        that could not be published is not given away.
        """
        published = await asyncio.to_thread(self._published)
        with acting.as_service(SEQUENCER):
            await self.database.write(lambda session: self._go_on(session, published))
            while await self.database.write(lambda session: self._take(session, wait=True)) == sequencing.BATCH_EVENTS:
                pass
            signed = await self.database.write(lambda session: self._sign(session, published))
            if signed is not None:
                await self._publish(signed)
        return signed

    async def compare(self) -> None:
        """Hold the log against what is published of it, and change nothing; raises ``LogForked`` where they differ."""
        published = await asyncio.to_thread(self._published)

        def look(session: Session) -> None:
            known = {history.origin: history for history in sequencing.histories(session)}
            for note in published:
                checkpoint, history = self._opened(note, known)
                have = 0 if history is None else sequencing.size_of(session, history.number)
                if history is not None and have >= checkpoint.size and not _follows(session, checkpoint):
                    _hold_against(session, history, checkpoint)

        with acting.as_service(SEQUENCER):
            await self.database.read(look)

    # Sequencing

    def _take(self, session: Session, *, wait: bool) -> int:
        if not sequencing.hold(session, wait=wait):
            return 0
        if session.scalar(select(AuditInbox.id).limit(1)) is None:
            return 0
        history = sequencing.newest_history(session) or self._begin(session)
        return sequencing.take(session, history)

    def _begin(self, session: Session) -> History:
        return sequencing.begin_history(session, self.base, self.signer, self.clock())

    def _published(self) -> tuple[str, ...]:
        found = (place.get(NEWEST) for place in self.places)
        return tuple(text_of(note) for note in found if note is not None)

    def _go_on(self, session: Session, published: Sequence[str]) -> None:
        sequencing.hold(session, wait=True)
        known = {history.origin: history for history in sequencing.histories(session)}
        lost: list[tuple[Checkpoint, int]] = []
        for note in published:
            checkpoint, history = self._opened(note, known)
            have = 0 if history is None else sequencing.size_of(session, history.number)
            if have < checkpoint.size:
                if not _follows(session, checkpoint):
                    lost.append((checkpoint, have))
            elif history is not None and not _follows(session, checkpoint):
                _hold_against(session, history, checkpoint)
        if lost:
            newest, have = max(lost, key=lambda one: (number_of(one[0].origin, self._base(known)), one[0].size))
            self.begin_again(session, newest, have)

    def _base(self, known: dict[str, History]) -> str:
        """Return the name of the first history, which the oldest that we know carries, with its number if it is later."""
        if not known:
            return self.base
        oldest = min(known.values(), key=lambda history: history.number)
        return oldest.origin.removesuffix(f"/{oldest.number}") if oldest.number > 1 else oldest.origin

    def _opened(self, note: str, known: dict[str, History]) -> tuple[Checkpoint, History | None]:
        """Read a published checkpoint, of a history that we know or of one that was lost with the database."""
        origin = note.partition("\n")[0]
        history = known.get(origin)
        if history is None and number_of(origin, self._base(known)) == 0:
            raise LogForked(f"What is published is the log of {origin[:100]}, not of this installation.")
        key = self.signer.public_key if history is None else history.public_key
        try:
            return open_checkpoint(note, origin, key), history
        except LogDamaged as error:
            raise LogForked(f"The published checkpoint was not signed by this log. {LogForked().detail}") from error

    def begin_again(self, session: Session, lost: Checkpoint, have: int) -> History:
        """Begin the next history; its first entry quotes the old checkpoint and the gap. The caller holds the lock."""
        context = Context(None, self.clock(), new_id(), origin=SEQUENCER)
        event_id = record(
            session,
            context,
            RESTORED,
            "log",
            lost.origin[-64:],
            origin_before=lost.origin,
            size=lost.size,
            root=lost.root.hex(),
            kept=have,
            lost=max(0, lost.size - have),
        )
        base = self._base({history.origin: history for history in sequencing.histories(session)})
        least = number_of(lost.origin, base) + 1
        history = sequencing.begin_history(session, base, self.signer, self.clock(), least)
        sequencing.take(session, history, only=event_id)
        return history

    async def begin_after_loss(self) -> History:
        """Begin the next history because a person says so: the log was restored and then written, or its key is gone.

        Its first entry quotes the newest checkpoint that was published, or else the newest that was signed.
        Raises: ``LogDamaged`` when nothing was ever signed: then nothing was lost.
        """
        published = await asyncio.to_thread(self._published)

        def begin(session: Session) -> History:
            sequencing.hold(session, wait=True)
            known = {history.origin: history for history in sequencing.histories(session)}
            newest = sequencing.newest_history(session)
            signed = None if newest is None else last_signed(session, newest.number)
            notes = [*published, *([] if signed is None else [signed.note])]
            ours = [note for note in notes if number_of(note.partition("\n")[0], self._base(known))]
            if not ours:
                raise LogDamaged("Nothing of this log was ever signed, so there is nothing to begin again after.")
            quoted = [_quoted(note) for note in ours]
            lost = max(quoted, key=lambda one: (number_of(one.origin, self._base(known)), one.size))
            history = known.get(lost.origin)
            return self.begin_again(
                session, lost, 0 if history is None else sequencing.size_of(session, history.number)
            )

        with acting.as_service(SEQUENCER):
            return await self.database.write(begin)

    # Signing and publishing

    def _sign(self, session: Session, published: Sequence[str]) -> Signed | None:
        sequencing.hold(session, wait=True)
        history = sequencing.newest_history(session)
        size = 0 if history is None else sequencing.size_of(session, history.number)
        if history is None or size == 0:
            return None
        if history.public_key != self.signer.public_key:
            raise LogForked(
                f"The signing key here is not the key of {history.origin}. Bring back {KEY_FILE}, or run "
                "`nea audit begin-again` to go on under a new name."
            )
        known = {one.origin: one for one in sequencing.histories(session)}
        for note in published:
            checkpoint, its_history = self._opened(note, known)
            reaches = its_history is not None and (sequencing.size_of(session, its_history.number) >= checkpoint.size)
            if its_history is not None and reaches and not _follows(session, checkpoint):
                _hold_against(session, its_history, checkpoint)
        before = session.get(AuditCheckpoint, (history.number, size))
        root = sequencing.tree_of(session, history.number, size).root()
        if before is not None:
            if open_checkpoint(before.note, history.origin, history.public_key).root != root:
                raise LogForked
            return Signed(history, size, before.note)
        _hold_against_own(session, history)
        note = self.signer.sign(history.origin, Checkpoint(history.origin, size, root).text())
        session.add(AuditCheckpoint(history=history.number, size=size, note=note, signed_at=self.clock()))
        return Signed(history, size, note)

    async def _publish(self, signed: Signed) -> None:
        for place in self.places:
            await self.publish_to(place, signed)
        now = self.clock()
        await self.database.write(lambda session: _note_published(session, signed, now))

    async def publish_to(self, place: Place, signed: Signed) -> None:
        """Put into a place what it has not yet: every checkpoint, and the tiles that the newest needs."""
        number = signed.history.number
        start = of_history(number)
        known = await asyncio.to_thread(place.get, f"{start}checkpoint")
        since = 0
        if known is not None:
            since = open_checkpoint(text_of(known), signed.history.origin, signed.history.public_key).size
        if since > signed.size:
            return  # another process has published more meanwhile
        key = verifier_key(signed.history.origin, signed.history.public_key)
        await asyncio.to_thread(place.put, f"{start}vkey", f"{key}\n".encode())
        for tile in tiles_of(signed.size, since):
            for name, data in await self.database.read(partial(tile_files, history=number, tile=tile)):
                await asyncio.to_thread(place.put, start + name, data)
        for size, note in await self.database.read(partial(_checkpoints, signed=signed, since=since)):
            await asyncio.to_thread(place.put, checkpoint_key(number, size), note.encode())
        await asyncio.to_thread(place.put, f"{start}checkpoint", signed.note.encode())
        await asyncio.to_thread(place.put, NEWEST, signed.note.encode())


def tile_files(session: Session, history: int, tile: tuple[int, int, int]) -> list[tuple[str, bytes]]:
    """Return a tile as it is published, and with one of the lowest level the bundle of its events.

    Takes: ``tile``, its level, index and width.
    """
    level, index, width = tile
    row = session.get(AuditTile, (history, level, index))
    hashes = b"" if row is None else row.hashes[: width * HASH_BYTES]
    if len(hashes) != width * HASH_BYTES:
        raise LogDamaged(f"The tree of the audit log lacks tile {index} of level {level}.")
    files = [(tile_path(level, index, width), hashes)]
    if level == 0:
        first = index * TILE_HASHES
        events = session.scalars(
            select(AuditLog.event)
            .where(AuditLog.history == history, AuditLog.seq >= first, AuditLog.seq < first + width)
            .order_by(AuditLog.seq)
        )
        bundle = b"".join(len(event).to_bytes(2, "big") + event.encode("ascii") for event in events)
        files.append((tile_path("entries", index, width), bundle))
    return files


def _quoted(note: str) -> Checkpoint:
    """Read a checkpoint whose key may be gone: what is quoted of it is checked by whoever has it."""
    lines = note.split("\n")
    if len(lines) < 3 or not lines[1].isdigit():
        raise LogDamaged("What is published is no checkpoint.")
    return Checkpoint(lines[0], int(lines[1]), b64decode(lines[2]))


def _hold_against(session: Session, history: History, checkpoint: Checkpoint) -> None:
    if sequencing.tree_of(session, history.number, checkpoint.size).root() != checkpoint.root:
        raise LogForked(origin=history.origin, size=checkpoint.size)


def _hold_against_own(session: Session, history: History) -> None:
    """Hold the log against the newest checkpoint that it signed itself."""
    newest = session.scalars(
        select(AuditCheckpoint.note)
        .where(AuditCheckpoint.history == history.number)
        .order_by(AuditCheckpoint.size.desc())
        .limit(1)
    ).first()
    if newest is not None:
        _hold_against(session, history, open_checkpoint(newest, history.origin, history.public_key))


def _follows(session: Session, lost: Checkpoint) -> bool:
    """Say whether a history began because of this loss already, or of a later one under the same name."""
    told = session.scalars(select(AuditLog).where(AuditLog.action == RESTORED, AuditLog.seq == 0))
    return any(
        row.details.get("origin_before") == lost.origin and int(row.details.get("size", 0)) >= lost.size for row in told
    )


def _checkpoints(session: Session, signed: Signed, since: int) -> list[tuple[int, str]]:
    """Return the checkpoints that a place lacks which has those up to a size, and any that no place has."""
    rows = session.execute(
        select(AuditCheckpoint.size, AuditCheckpoint.note)
        .where(
            AuditCheckpoint.history == signed.history.number,
            AuditCheckpoint.size <= signed.size,
            or_(AuditCheckpoint.size > since, AuditCheckpoint.published_at.is_(None)),
        )
        .order_by(AuditCheckpoint.size)
    )
    return [(row[0], row[1]) for row in rows]


def _note_published(session: Session, signed: Signed, now: datetime) -> None:
    session.execute(
        update(AuditCheckpoint)
        .where(
            AuditCheckpoint.history == signed.history.number,
            AuditCheckpoint.published_at.is_(None),
            AuditCheckpoint.size <= signed.size,
        )
        .values(published_at=now)
        .execution_options(synchronize_session=False)
    )


def last_signed(session: Session, number: int) -> Signed | None:
    """Return the newest checkpoint of a history that its events still reach, or None."""
    history = next((one for one in sequencing.histories(session) if one.number == number), None)
    row = session.scalars(
        select(AuditCheckpoint)
        .where(AuditCheckpoint.history == number, AuditCheckpoint.size <= sequencing.size_of(session, number))
        .order_by(AuditCheckpoint.size.desc())
        .limit(1)
    ).first()
    return None if row is None or history is None else Signed(history, row.size, row.note)


def number_of(origin: str, base: str) -> int:
    """Return which history of ``base`` has this name; 0 for a name of something else."""
    if origin == base:
        return 1
    start, _, number = origin.rpartition("/")
    return int(number) if start == base and number.isascii() and number.isdigit() and int(number) > 1 else 0


def log_of(services: Services) -> Log:
    """Return the log of a running service."""
    settings = services.settings
    places: list[Place] = [StorePlace(services.vault.backend)]
    if settings.audit_publish_dir is not None:
        places.append(FolderPlace(settings.audit_publish_dir))
    address = urlsplit(settings.base_url)
    base = f"{address.hostname}{address.path.rstrip('/')}/audit"
    return Log(services.database, load_signer(settings.audit_key_path), tuple(places), base, services.clock)
