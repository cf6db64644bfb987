"""The watch folder: what scanners that can only save files put there is taken in as bundles, under a clerk's account.

A file is complete once neither its size nor its time has changed for a while; what is still being written under another
name (``.part``, ``.tmp``) waits until it is renamed. It is moved away only after its bytes are sealed and known, and the
same bytes are the same bundle: whatever dies at whatever point, the next look finds the file again and loses or doubles
nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from repository import acting, audit, people
from repository.access import Action, Actor
from repository.audit import Context
from repository.bundles import staging
from repository.bundles.staging import Announced
from repository.errors import FieldRefused, NotFound, RepositoryError
from repository.services import Services
from repository.settings import ScanFolder
from repository.tables import new_id
from scripts.errors import BundleDiffers, BundleTooLarge, BundleUnreadable, ScriptsError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
COMPLETE_AFTER = timedelta(seconds=30)
"""Project policy: so long a file has not changed when it is complete; scanners rest between sheets, not so long."""
UNFINISHED = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
TAKEN, REFUSED = "taken", "refused"
REASON = ".reason.txt"
SLIP = ".json"
"""What a slip is called: the name of the scan and this."""
SLIP_BYTES_LIMIT = 16 * 1024
NAME_BYTES_LIMIT = 200
"""Names of file systems have 255 bytes, and a time and an ending are added."""
PIECE_BYTES = 1024 * 1024
SLIP_FIELDS = frozenset(
    [
        "sitting",
        "label",
        "batch",
        "station",
        "sheets",
        "sheets_checked",
        "booklets",
        "booklet_pages",
        "duplex",
        "sha256",
    ]
)
"""What a slip may say: what the API takes of a bundle, by the same names."""
Describe = Callable[[dict[str, Any], int], Announced]
"""Turns what was said of a file, and its size, into an announcement; raises ``FieldRefused``."""
_REFUSALS = (BundleUnreadable, BundleTooLarge, BundleDiffers, FieldRefused, NotFound)


class _Changed(Exception):
    """The file changed while it was taken in, so it was not complete: the next look begins anew."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """By what a change of a file shows."""

    inode: int
    size_bytes: int
    changed_ns: int

    @classmethod
    def of(cls, facts: os.stat_result) -> _Stamp:
        return cls(facts.st_ino, facts.st_size, facts.st_mtime_ns)


@dataclass(slots=True)
class Watch:
    """One process's watch over the folder: what it has seen there, and since when it has not changed."""

    services: Services
    folder: ScanFolder
    describe: Describe
    seen: dict[str, tuple[_Stamp, datetime]] = field(default_factory=dict)
    troubles: set[str] = field(default_factory=set)
    """What the last look complained of; it is not said again every few seconds."""

    async def keep(self) -> None:
        """Look for ever; ends when cancelled. A folder that cannot be reached is looked for again."""
        while True:
            try:
                await self.look()
            except Exception as error:
                self._complain({str(getattr(error, "detail", None) or type(error).__name__)})
            await asyncio.sleep(LOOK_SECONDS)

    def _complain(self, troubles: set[str]) -> None:
        for trouble in sorted(troubles - self.troubles):
            logger.error("scan folder: %s", trouble)
        self.troubles = troubles

    async def look(self) -> int:
        """Take in every file that is complete by now; returns how many were taken or refused.

        Raises: ``ClerkUnknown`` when the account is nobody's who may scan: then every file stays; ``OSError`` when the
            folder cannot be read.
        """
        waiting = await asyncio.to_thread(self._complete)
        done, troubles = 0, set()
        for name in waiting:
            clerk = await self.services.database.read(
                lambda s: people.clerk_named(s, self.folder.clerk, self.services.clock())
            )
            try:
                # A task of its own, so that nothing else of the service acts as the clerk.
                await asyncio.create_task(self._take(name, clerk))
            except (_Changed, FileNotFoundError):
                continue  # it is still being written, or another process was faster
            except Exception as error:  # what stops one file stops no other; it stays, and is tried again
                troubles.add(f"{name!r} stays where it is ({type(error).__name__})")
            else:
                done += 1
        self._complain(troubles)
        return done

    def _complete(self) -> list[str]:
        now, known, found = self.services.clock(), self.seen, {}
        with os.scandir(self.folder.path) as entries:
            for entry in entries:
                if _is_scan(entry):
                    stamp = _Stamp.of(entry.stat(follow_symlinks=False))
                    before = known.get(entry.name)
                    found[entry.name] = before if before is not None and before[0] == stamp else (stamp, now)
        self.seen = found
        return sorted(name for name, (_, since) in found.items() if now - since >= COMPLETE_AFTER)

    async def _take(self, name: str, clerk: Actor) -> None:
        services = self.services
        now = services.clock()
        acting.set_person(clerk, Action.BUNDLE_WRITE, now)
        context = Context(clerk, now, new_id(), origin="scan_folder")
        path, stamp = self.folder.path / name, self.seen[name][0]
        try:
            announced = await asyncio.to_thread(self._announce, path, stamp)
            try:
                await staging.take(services, context, announced, _pieces(path))
            except BundleDiffers as error:
                raise _Changed from error
        except _REFUSALS as error:
            await asyncio.to_thread(_refuse, path, error, now)
            reason = type(error).__name__
            await services.database.write(
                lambda s: audit.record(
                    s, context, "bundle.refused", "bundle", context.request_id, outcome="refused", reason=reason
                )
            )
            return
        await asyncio.to_thread(_put_away, path, now)

    def _announce(self, path: Path, stamp: _Stamp) -> Announced:
        """Return what is known of a file before its bytes go in: its size, its hash, and what its slip says."""
        name = os.fsencode(path.name)
        if len(name) > NAME_BYTES_LIMIT:
            raise FieldRefused(f"The name of the file is longer than {NAME_BYTES_LIMIT} bytes.", field="filename")
        said = {**_slip(path), "filename": name.decode("utf-8", "replace")}
        announced = replace(self.describe(said, stamp.size_bytes), source="folder")
        if stamp.size_bytes > staging.LIMIT_BYTES:
            raise BundleTooLarge(limit_bytes=staging.LIMIT_BYTES)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if _Stamp.of(os.fstat(file.fileno())) != stamp:
                raise _Changed
        if announced.sha256 not in {None, sha256}:
            raise BundleDiffers("The file is not the one that its slip names: the hash differs. Save it again.")
        return replace(announced, sha256=sha256)


def _is_scan(entry: os.DirEntry[str]) -> bool:
    """Return whether it is a file that somebody scanned: no folder, no link, no slip, nothing hidden or unfinished."""
    name = entry.name.lower()
    return not name.startswith(".") and not name.endswith((*UNFINISHED, SLIP)) and entry.is_file(follow_symlinks=False)


def _slip(path: Path) -> Mapping[str, Any]:
    """Return what lies beside a scan about it: an object of the fields of the API, or nothing.

    Raises: ``FieldRefused`` for what is no such object, so that no word of it is passed over.
    """
    try:
        with path.with_name(path.name + SLIP).open("rb") as file:
            text = file.read(SLIP_BYTES_LIMIT + 1)
    except FileNotFoundError:
        return {}
    try:
        said = json.loads(text) if len(text) <= SLIP_BYTES_LIMIT else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise FieldRefused(f"The file {path.name}{SLIP} is no JSON object of up to 16 KiB.", field=SLIP)
    for name in said:
        if name not in SLIP_FIELDS:
            known = ", ".join(sorted(SLIP_FIELDS))
            raise FieldRefused(f"{path.name}{SLIP} says {name!r:.40}. It may say {known}.", field=SLIP)
    return said


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        await asyncio.to_thread(file.close)


def _put_away(path: Path, now: datetime) -> None:
    # The slip first: a scan that is left is known by its hash, a slip that is left would be of the next scan of that name.
    place = _place(path.parent / TAKEN, path.name, now)
    _move_slip(path, place)
    path.rename(place)


def _refuse(path: Path, error: RepositoryError | ScriptsError, now: datetime) -> None:
    """Move a file to where somebody sees why it was refused; the reason is there before the file is."""
    place = _place(path.parent / REFUSED, path.name, now)
    reason = place.with_name(place.name + REASON)
    reason.write_text(f"{error.detail}\n", encoding="utf-8", errors="replace")
    path.rename(place)
    _move_slip(path, place)


def _move_slip(path: Path, place: Path) -> None:
    slip = f"{path}{SLIP}"
    if os.path.exists(slip):  # False of a name that is too long for a slip
        os.rename(slip, f"{place}{SLIP}")


def _place(folder: Path, name: str, now: datetime) -> Path:
    """Return where a file goes: scanners give the same names again and again, so the time stands before it."""
    folder.mkdir(mode=0o770, exist_ok=True)
    name = os.fsdecode(os.fsencode(name)[-NAME_BYTES_LIMIT:])
    found, number = folder / f"{now:%Y%m%dT%H%M%SZ} {name}", 1
    while found.exists():
        number += 1
        found = folder / f"{now:%Y%m%dT%H%M%SZ}-{number} {name}"
    return found
