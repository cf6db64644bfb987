"""The order in which files of a centre are taken in: whose turn it is, what is next, and what waits for a gap to close.

Source: JCQ formats: the sequence number orders processing, the first submission of a series is an entry file (E), every
later one an amendment file (A). Project policy for the rest: one import at a time; a gap waits and is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from moderation.errors import DuplicateSequence, EntriesMade, OlderSequence, UnknownWaitingFile
from moderation.exchange.records import next_sequence
from moderation.records.imports import FileFacts
from moderation.tables import ImportFile, ImportTurn, WaitingFile, new_id

ENTRIES, AMENDMENTS = "E", "A"
ENTRY_TURN = "ENTRIES"
TURN_WAIT_SECONDS = 10
"""As long as SQLite's other writers wait for each other."""


class Place(StrEnum):
    """Whether a file's turn has come."""

    NEXT = "next"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class WaitingView:
    """A file that waits: for entries when ``waits_for`` is ``None``, else for the sequence number before it."""

    waiting_id: str
    series_key: str
    centre_number: str
    kind: str
    sequence: int
    name: str
    sha256: str
    arrived_at: datetime
    waits_for: int | None


def take_turn(
    session: Session, series_key: str, centre_number: str | None, kind: str, *, actor: str, now: datetime
) -> None:
    """Wait until nobody else imports this kind for this centre, and keep others out until this transaction ends.

    Raises: SQLAlchemy's ``OperationalError`` when the other one takes longer than ``TURN_WAIT_SECONDS``; the service
    then says that it is busy, and nothing was done.
    Source: project policy: one import per centre and type at a time, as a lock of the database's that cannot outlive
    its holder.
    """
    dialect = session.get_bind().dialect.name
    values = {"series_key": series_key, "centre_number": centre_number or "", "kind": kind}
    changed = {"turns": ImportTurn.__table__.c.turns + 1, "taken_at": now, "taken_by": actor}
    keys = ["series_key", "centre_number", "kind"]
    if dialect == "sqlite":
        of_sqlite = sqlite.insert(ImportTurn).values(**values, taken_at=now, taken_by=actor)
        session.execute(of_sqlite.on_conflict_do_update(index_elements=keys, set_=changed))
    else:
        wait = text("SELECT set_config('lock_timeout', :wait, true)")
        session.execute(wait, {"wait": f"{TURN_WAIT_SECONDS}s"})
        of_server = postgresql.insert(ImportTurn).values(**values, taken_at=now, taken_by=actor)
        session.execute(of_server.on_conflict_do_update(index_elements=keys, set_=changed))
        session.execute(wait, {"wait": "0"})
    session.expire_all()


def place_of(session: Session, series_key: str, centre_number: str, file: FileFacts) -> Place:
    """Return whether an entry or amendment file is the next one of its centre, or waits for one before it.

    Raises: ``EntriesMade`` for a second entry file; ``OlderSequence``; ``DuplicateSequence``.
    """
    entered = newest(session, series_key, centre_number, ENTRIES)
    if file.kind == ENTRIES:
        if entered is not None:
            if file.sequence is not None and file.sequence < entered:
                raise OlderSequence(sequence=file.sequence, newest=entered)
            raise EntriesMade(centre_number=centre_number)
        return Place.NEXT
    if entered is None:
        return Place.WAITS
    amended = newest(session, series_key, centre_number, AMENDMENTS)
    expected = {1, next_sequence(entered)} if amended is None else {next_sequence(amended)}
    if file.sequence is None or file.sequence in expected:
        return Place.NEXT
    if file.sequence == amended:
        raise DuplicateSequence(sequence=file.sequence)
    if file.sequence < max(expected):
        raise OlderSequence(sequence=file.sequence, newest=amended if amended is not None else entered)
    return Place.WAITS


def newest(session: Session, series_key: str, centre_number: str, kind: str) -> int | None:
    """Return the highest sequence number taken in of a kind of file, or ``None``."""
    return session.scalar(
        select(func.max(ImportFile.sequence)).where(
            ImportFile.kind == kind, ImportFile.series_key == series_key, ImportFile.centre_number == centre_number
        )
    )


def keep_waiting(
    session: Session,
    series_key: str,
    centre_number: str,
    file: FileFacts,
    content: bytes,
    *,
    actor: str,
    now: datetime,
) -> WaitingView:
    """Keep a file whose turn has not come; the same file again changes nothing.

    Raises: ``DuplicateSequence`` when another file with its number waits.
    """
    same = [one for one in waiting(session, series_key, centre_number) if one.sequence == file.sequence]
    for one in same:
        if one.sha256 != file.sha256:
            raise DuplicateSequence(sequence=file.sequence)
        return one
    row = WaitingFile(
        id=new_id(),
        series_key=series_key,
        centre_number=centre_number,
        kind=file.kind,
        sequence=file.sequence,
        name=file.name,
        sha256=file.sha256,
        content=content,
        arrived_at=now,
        arrived_by=actor,
    )
    session.add(row)
    session.flush()
    return _view(session, row)


def waiting(session: Session, series_key: str | None = None, centre_number: str | None = None) -> Sequence[WaitingView]:
    """Return the files that wait, lowest sequence number of each centre first."""
    query = select(WaitingFile).order_by(WaitingFile.series_key, WaitingFile.centre_number, WaitingFile.sequence)
    if series_key is not None:
        query = query.where(WaitingFile.series_key == series_key)
    if centre_number is not None:
        query = query.where(WaitingFile.centre_number == centre_number)
    return [_view(session, row) for row in session.scalars(query)]


def waiting_content(session: Session, waiting_id: str) -> tuple[WaitingView, bytes]:
    """Return a file that waits with its content; raises ``UnknownWaitingFile``."""
    row = session.get(WaitingFile, waiting_id)
    if row is None:
        raise UnknownWaitingFile
    return _view(session, row), row.content


def let_go(session: Session, waiting_id: str) -> None:
    """Forget a file that waited: it was taken in, or is not wanted any more."""
    row = session.get(WaitingFile, waiting_id)
    if row is not None:
        session.delete(row)
        session.flush()


def _view(session: Session, row: WaitingFile) -> WaitingView:
    waits_for = newest(session, row.series_key, row.centre_number, row.kind)
    if waits_for is None:
        waits_for = newest(session, row.series_key, row.centre_number, ENTRIES)
    return WaitingView(
        row.id,
        row.series_key,
        row.centre_number,
        row.kind,
        row.sequence,
        row.name,
        row.sha256,
        row.arrived_at,
        None if waits_for is None else next_sequence(waits_for),
    )
