"""Released files are scanned for viruses again when the scanner has new signatures, some each night.

What is shown of a file was drawn from it by us and holds nothing harmful, so nothing is taken from a moderator: the original is
closed, the find stands on the document, in the log and before the operator.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit, objects
from repository.antivirus import ScanState
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import DocumentDestroyed
from repository.services import Services
from repository.tables import CareMark, DocumentRow
from storage.errors import StorageError
from storage.vault import StoredObject

MARK = "scanned-with"
AT_ONCE = 100
BUDGET_BYTES = 10 * 1024**3
"""So much is read in one night at most."""
NOT_AGAIN = frozenset({ScanState.INFECTED, ScanState.LIMITS})


@dataclass(frozen=True, slots=True)
class Rescan:
    """What a run did: ``finished`` when every released file was scanned with the present signatures."""

    engine: str
    files: int
    size_bytes: int
    found: tuple[str, ...]
    """Documents in which something was found that was not known before."""
    finished: bool
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Up to which document the files were scanned with which signatures."""

    engine: str
    after_id: str
    finished: bool


async def rescan(services: Services, context: Context, budget_bytes: int = BUDGET_BYTES) -> Rescan:
    """Scan released files that were not scanned with the present signatures, as far as the budget goes.

    Each document's result is kept before the next is read, so a run that ends anywhere is taken up by the next.
    """
    examined = await services.antivirus.examine()
    if examined.state is not ScanState.CLEAN:
        return Rescan("", 0, 0, (), finished=False, why_not=examined.why or "no virus scanner is configured")
    place = await services.database.write(lambda session: _begin(session, context, examined.engine))
    files = size = 0
    found: list[str] = []
    while not place.finished and size < budget_bytes:
        due = await services.database.read(lambda session, after=place.after_id: _due(session, after))  # type: ignore[misc]
        if not due:
            place = await _keep(services, context, _Place(place.engine, place.after_id, finished=True))
            break
        for document_id, size_bytes in due:
            if await _scan(services, context, document_id, size_bytes):
                found.append(document_id)
            files, size = files + 1, size + size_bytes
            place = await _keep(services, context, _Place(place.engine, document_id, finished=False))
            if size >= budget_bytes:
                break
    return Rescan(place.engine, files, size, tuple(found), place.finished)


async def _scan(services: Services, context: Context, document_id: str, size_bytes: int) -> bool:
    """Scan one document and keep what was found; returns whether that is new."""

    def read() -> AsyncIterator[bytes]:
        return objects.read(services.vault, stored)

    try:
        stored = await services.database.read(lambda session: _stored(session, document_id))
        result = await services.antivirus.scan(read, size_bytes)
    except (DocumentDestroyed, StorageError):
        return False  # destroyed meanwhile; damage is the scrub's to find
    if result.state is ScanState.FAILED:
        return False

    def keep(session: Session) -> bool:
        row = session.get_one(DocumentRow, document_id, with_for_update=True)
        is_new = result.state in NOT_AGAIN and row.scan_state != result.state.value
        row.scan_state, row.scan_signature = result.state.value, result.signature[:200] or None
        if is_new:
            audit.record(session, context, "document.found_late", "document", document_id, scan=result.state.value)
        return is_new

    return await services.database.write(keep)


def _stored(session: Session, document_id: str) -> StoredObject:
    return objects.stored_object(session, session.get_one(DocumentRow, document_id).oid)


def _begin(session: Session, context: Context, engine: str) -> _Place:
    row = session.get(CareMark, MARK, with_for_update=True)
    if row is not None and row.facts.get("engine") == engine:
        return _Place(engine, str(row.facts.get("after", "")), finished=bool(row.facts.get("finished")))
    place = _Place(engine, "", finished=False)
    _write(session, context, place)
    return place


async def _keep(services: Services, context: Context, place: _Place) -> _Place:
    await services.database.write(lambda session: _write(session, context, place))
    return place


def _write(session: Session, context: Context, place: _Place) -> None:
    row = session.get(CareMark, MARK)
    if row is None:
        row = CareMark(name=MARK, facts={}, changed_at=context.now)
        session.add(row)
    row.facts = {"engine": place.engine, "after": place.after_id, "finished": place.finished}
    row.changed_at = context.now


def _due(session: Session, after_id: str) -> list[tuple[str, int]]:
    rows = session.execute(
        select(DocumentRow.id, DocumentRow.size_bytes)
        .where(DocumentRow.state == DocumentState.RELEASED, DocumentRow.id > after_id)
        .order_by(DocumentRow.id)
        .limit(AT_ONCE)
    )
    return [(row[0], row[1]) for row in rows]
