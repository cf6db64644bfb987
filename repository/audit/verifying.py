"""Verifying the whole log: every event against its bytes, the tree, and every checkpoint that was ever signed.

What was altered is named by its place: the first event of each history that is not what it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Text, cast, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from moderation.tables import ResultVersion
from repository.audit import events, merkle, sequencing
from repository.audit.keeping import RESTORED
from repository.audit.notes import open_checkpoint
from repository.audit.places import SIZE_DIGITS, Place, of_history, text_of
from repository.audit.sequencing import History
from repository.errors import LogDamaged
from repository.tables import AuditCheckpoint, AuditLog, AuditTile, DocumentRow

ROWS_AT_ONCE = 1000
RESULTS_RELEASED = "results.release"
DOCUMENT_RELEASED = "document.released"
# As they lie in the database: a value that was altered may be none that its column's type can read.
_RAW = [
    cast(column, Text).label(column.name)
    if column.name == "details"
    else type_coerce(column, Text).label(column.name)
    if column.name == "at"
    else column
    for column in AuditLog.__table__.columns
]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not as it was signed: the first event concerned, and in what way."""

    history: int
    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class Published:
    """What one place has of one history: the checkpoints by size, the newest of them, and hashes of events."""

    newest: str | None
    notes: Mapping[int, str]
    hashes: Sequence[bytes]


@dataclass(slots=True)
class Report:
    """What a verification looked at, and the first thing in each history that is not as it was."""

    events: int = 0
    checkpoints: int = 0
    releases: int = 0
    findings: list[Finding] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    """Losses that the log itself tells of: a restore, and from where to where."""

    @property
    def is_sound(self) -> bool:
        """Say whether everything is as it was signed."""
        return not self.findings


def read_place(place: Place, history: History) -> Published:
    """Read what a place has of a history. Blocks; run it in a thread."""
    start = of_history(history.number)
    names = place.names(f"{start}checkpoints/")
    notes = {
        int(name[-SIZE_DIGITS:]): text_of(place.get(name) or b"") for name in names if name[-SIZE_DIGITS:].isdigit()
    }
    newest = place.get(f"{start}checkpoint")
    size = max(notes, default=0)
    hashes: list[bytes] = []
    for level, index, width in merkle.tiles_of(size):
        if level == 0:
            hashes += merkle.split(place.get(start + merkle.tile_path(level, index, width)) or bytes(32 * width))
    return Published(None if newest is None else text_of(newest), notes, hashes)


def verify(session: Session, published: Mapping[int, Sequence[Published]], since: int = 0) -> Report:
    """Verify the log of every history.

    Takes: ``published``, what each place has, by history; ``since``, from which event of the newest history on every row is
    read; what lies before it is held against the tree and the checkpoints only.
    """
    report = Report()
    known = sequencing.histories(session)
    told = _told(session)
    for history in known:
        start = since if history is known[-1] else 0
        finding = _History(session, history, tuple(published.get(history.number, ())), told, report).verify(start)
        if finding is not None:
            report.findings.append(finding)
    return report


def _told(session: Session) -> dict[str, AuditLog]:
    rows = session.scalars(select(AuditLog).where(AuditLog.action == RESTORED, AuditLog.seq == 0))
    return {str(row.details.get("origin_before")): row for row in rows}


class _History:
    """The verification of one history."""

    def __init__(
        self,
        session: Session,
        history: History,
        published: tuple[Published, ...],
        told: Mapping[str, AuditLog],
        report: Report,
    ) -> None:
        self._session, self._history, self._published = session, history, published
        self._told, self._report = told, report

    def verify(self, since: int) -> Finding | None:
        """Return the first thing that is not as it was, or None."""
        roots, bad = self._checkpoints()
        found = self._events(since, roots) or self._upper_tiles()
        return min((one for one in (bad, found) if one is not None), key=_first, default=None)

    def _finding(self, seq: int, what: str) -> Finding:
        return Finding(self._history.number, seq, what)

    def _checkpoints(self) -> tuple[dict[int, bytes], Finding | None]:
        """Return the roots of all checkpoints that the log's key signed, and the first that is not of it."""
        own = self._session.execute(
            select(AuditCheckpoint.size, AuditCheckpoint.note, AuditCheckpoint.published_at)
            .where(AuditCheckpoint.history == self._history.number)
            .order_by(AuditCheckpoint.size)
        ).all()
        notes = [(row[0], row[1]) for row in own]
        for place in self._published:
            notes += place.notes.items()
        roots: dict[int, bytes] = {}
        findings: list[Finding] = []
        for size, note in sorted(notes):
            try:
                checkpoint = open_checkpoint(note, self._history.origin, self._history.public_key)
            except LogDamaged as error:
                findings.append(self._finding(max(0, size - 1), f"checkpoint of size {size}: {error.detail}"))
                continue
            self._report.checkpoints += 1
            if checkpoint.size != size or roots.setdefault(size, checkpoint.root) != checkpoint.root:
                findings.append(self._finding(max(0, size - 1), f"two checkpoints of size {size} differ"))
        sent = max((row[0] for row in own if row[2] is not None), default=0)
        findings += [one for place in self._published if (one := self._replayed(place, sent)) is not None]
        return roots, min(findings, key=_first, default=None)

    def _replayed(self, place: Published, sent: int) -> Finding | None:
        if place.newest is None and sent == 0:
            return None
        try:
            note = place.newest or ""
            size = open_checkpoint(note, self._history.origin, self._history.public_key).size
        except LogDamaged as error:
            return self._finding(max(0, sent - 1), f"newest published checkpoint: {error.detail}")
        if size < sent:
            return self._finding(size, f"an old checkpoint, of {size} events, is published in place of that of {sent}")
        return None

    def _events(self, since: int, roots: dict[int, bytes]) -> Finding | None:
        """Read the rows in order and hold each against everything that repeats it."""
        number = self._history.number
        try:
            growing = merkle.Growing.after(sequencing.tree_of(self._session, number, since))
        except LogDamaged as error:
            return self._finding(since, error.detail)
        good = max((size for size in roots if size <= since), default=0)
        tiles = self._tile_hashes()
        for row in self._rows(since):
            seq = growing.size
            if (wrong := self._row_wrong(row, seq, tiles[seq] if seq < len(tiles) else None)) is not None:
                return self._finding(seq, wrong)
            growing.add(_leaf(row or {}))
            self._report.events += 1
            if growing.size in roots:
                if roots[growing.size] != growing.root():
                    return self._finding(good, f"an event from here to {seq} is not what was signed")
                good = growing.size
        return self._missing(growing.size, len(tiles), roots)

    def _missing(self, size: int, in_tree: int, roots: Mapping[int, bytes]) -> Finding | None:
        if in_tree != size:
            return self._finding(min(size, in_tree), f"the tree has {in_tree} events, the log {size}")
        lost = max(roots, default=0)
        if lost <= size:
            return None
        told = self._told.get(self._history.origin)
        if told is not None and int(told.details.get("kept", -1)) <= size:
            self._report.gaps.append(f"{self._history.origin}: events {size} to {lost - 1} were lost before a restore")
            return None
        return self._finding(size, f"events {size} to {lost - 1} were signed and are gone")

    def _rows(self, since: int) -> Iterator[Mapping[str, Any] | None]:
        """Yield the rows in order; None for one that the database cannot even read, after which nothing follows."""
        at = since
        while rows := self._read(at, ROWS_AT_ONCE):
            yield from rows
            if rows[-1] is None:
                return
            at = rows[-1]["seq"] + 1

    def _read(self, at: int, limit: int) -> list[Mapping[str, Any] | None]:
        wanted = select(*_RAW).where(AuditLog.history == self._history.number, AuditLog.seq >= at)
        try:
            return list(_as_rows(self._session.execute(wanted.order_by(AuditLog.seq).limit(limit)).mappings()))
        except (DBAPIError, ValueError):
            if limit == 1:
                return [None]
            rows = self._read(at, limit // 2)
            return rows if rows and rows[-1] is None else rows + self._read(at + limit // 2, limit - limit // 2)

    def _row_wrong(self, row: Mapping[str, Any] | None, seq: int, in_tree: bytes | None) -> str | None:
        if row is None:
            return "the event cannot be read from the database"
        if row["seq"] != seq:
            return f"the next event there is is {row['seq']}"
        leaf = _leaf(row)
        if leaf != row["leaf_hash"]:
            return "the event is not the one of its hash"
        if in_tree is not None and leaf != in_tree:
            return "the event is not the one in the tree"
        for place in self._published:
            if seq < len(place.hashes) and leaf != place.hashes[seq]:
                return "the event is not the one that was published"
        try:
            said = events.columns(row["event"])
        except (ValueError, KeyError, TypeError):
            return "the event cannot be read"
        wrong = next((name for name, value in said.items() if _plain(name, row[name]) != value), None)
        if wrong is not None:
            return f"its column {wrong} does not say what the event says"
        return self._release_wrong(said)

    def _release_wrong(self, said: Mapping[str, Any]) -> str | None:
        """Hold a release against what is kept: of results their digest, of a document the hash of its bytes."""
        details = said["details"]
        if said["outcome"] != "done":
            return None
        if said["action"] == RESULTS_RELEASED and "digest" in details:
            self._report.releases += 1
            versions = select(ResultVersion.digest).where(
                ResultVersion.series_key == said["object_id"], ResultVersion.number == details.get("version")
            )
            if self._session.scalar(versions) != details["digest"]:
                return "the results released are not the ones that are kept"
        if said["action"] == DOCUMENT_RELEASED and details.get("sha256"):
            self._report.releases += 1
            kept = self._session.scalar(select(DocumentRow.sha256).where(DocumentRow.id == said["object_id"]))
            if kept != details["sha256"]:
                return "the document released is not the one that is kept"
        return None

    def _tile_hashes(self) -> list[bytes]:
        found = self._session.scalars(
            select(AuditTile.hashes)
            .where(AuditTile.history == self._history.number, AuditTile.level == 0)
            .order_by(AuditTile.tile_index)
        )
        return [one for tile in found for one in merkle.split(tile)]

    def _upper_tiles(self) -> Finding | None:
        """Hold every hash of an upper tile against the tile below it."""
        rows = self._session.execute(
            select(AuditTile.level, AuditTile.tile_index, AuditTile.hashes).where(
                AuditTile.history == self._history.number
            )
        )
        tiles = {(level, index): hashes for level, index, hashes in rows}
        full = merkle.HASH_BYTES * merkle.TILE_HASHES
        wanted: dict[tuple[int, int], bytes] = {
            (level + 1, index): merkle.full_tile_hash(hashes)
            for (level, index), hashes in tiles.items()
            if len(hashes) == full
        }
        have = {
            (level, index * merkle.TILE_HASHES + at): one
            for (level, index), hashes in tiles.items()
            if level > 0
            for at, one in enumerate(merkle.split(hashes))
        }
        wrong = [key for key in wanted.keys() | have.keys() if wanted.get(key) != have.get(key)]
        if not wrong:
            return None
        level, index = min(wrong, key=lambda key: key[1] << (merkle.TILE_HEIGHT * key[0]))
        return self._finding(index << (merkle.TILE_HEIGHT * level), f"a hash of level {level} of the tree is wrong")


def _as_rows(found: Any) -> Iterator[Mapping[str, Any] | None]:
    return iter(found)


def _leaf(row: Mapping[str, Any]) -> bytes:
    return merkle.leaf_hash(str(row["event"]).encode("utf-8", errors="surrogatepass"))


def _plain(name: str, value: Any) -> object:
    """Return a column's value as an event says it, or something that no event says."""
    try:
        if name == "at":
            at = datetime.fromisoformat(value) if isinstance(value, str) else value
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return events.stated(json.loads(value)) if name == "details" else value
    except (ValueError, TypeError, AttributeError):
        return NotImplemented


def _first(finding: Finding) -> int:
    return finding.seq
