"""Recovery copies compared with the database, and written again where they are absent or stale.

A copy that is authentic and differs is evidence: perhaps it is the database that was altered. It is only replaced
once the object itself was read and is what the database says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import objects
from repository.care.examining import ABSENT, diagnosis
from repository.errors import DocumentDestroyed
from repository.services import Services
from repository.tables import DocumentRow, StoredObjectRow
from storage import names
from storage.backend import Backend, Purges
from storage.errors import KeyRefused, NameRefused, ObjectNotFound, ObjectTampered
from storage.facts import Layout
from storage.vault import StoredObject, Vault

AT_ONCE = 8
BATCH = 200
_TRIES = 3


@dataclass(slots=True)
class Checked:
    """Objects whose copy was absent or stale, how many were renewed, and why others could not be."""

    stale: list[str] = field(default_factory=list)
    renewed: int = 0
    stuck: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Facts:
    stored: StoredObject
    business: Mapping[str, object]


async def renew(services: Services, oids: Sequence[str], *, dry_run: bool) -> Checked:
    """Check the recovery copies of objects and renew those that are absent or stale.

    Raises: errors of storage that say nothing about the object, such as a store that does not answer.
    """
    checked = Checked()
    vault = services.vault
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(oids), BATCH):
            facts = await _load(services, oids[start : start + BATCH])
            answers = [asyncio.get_running_loop().run_in_executor(pool, _wrong, vault, one.stored) for one in facts]
            for one, wrong in zip(facts, await asyncio.gather(*answers), strict=True):
                if wrong is not None:
                    await _mend(services, checked, one.stored.data_key.oid, dry_run=dry_run)
    return checked


async def _mend(services: Services, checked: Checked, oid: str, *, dry_run: bool) -> None:
    for _ in range(_TRIES):
        facts = await _load(services, [oid])  # afresh: it may have been released, re-wrapped or destroyed meanwhile
        wrong = await asyncio.to_thread(_wrong, services.vault, facts[0].stored) if facts else None
        if wrong is None:
            break
        if oid not in checked.stale:
            checked.stale.append(oid)
        if dry_run:
            return
        try:
            await asyncio.to_thread(_write, services.vault, facts[0], believed=wrong == ABSENT)
        except (KeyRefused, ObjectTampered, ObjectNotFound, NameRefused) as error:
            checked.stuck[oid] = f"not renewed, as the object itself does not verify ({diagnosis(error)}): scrub it"
            return
    checked.renewed += wrong is None and oid in checked.stale
    if not facts and oid in checked.stale:
        # It was destroyed while its copy was written, and the copy keeps a wrap of its key.
        await asyncio.to_thread(_forget, services.vault.backend, names.sidecar(oid))


def _write(vault: Vault, facts: _Facts, *, believed: bool) -> None:
    if not believed:
        vault.verify(facts.stored)
    vault.renew_sidecar(facts.stored, facts.business)


def _wrong(vault: Vault, stored: StoredObject) -> str | None:
    """Return what is wrong with a recovery copy, or None."""
    try:
        vault.check_sidecar(stored)
    except (KeyRefused, ObjectTampered, ObjectNotFound) as error:
        return diagnosis(error)
    return None


def _forget(backend: Backend, key: str) -> None:
    (backend.purge if isinstance(backend, Purges) else backend.delete)(key)


async def _load(services: Services, oids: Sequence[str]) -> list[_Facts]:
    def load(session: Session) -> list[_Facts]:
        return [facts for oid in oids if (facts := _facts(session, oid)) is not None]

    return await services.database.read(load)


def _facts(session: Session, oid: str) -> _Facts | None:
    row = session.get(StoredObjectRow, oid)
    if row is None or row.layout == Layout.STAGED:
        return None
    try:
        stored = objects.stored_object(session, oid)
    except DocumentDestroyed:
        return None
    document = session.scalars(select(DocumentRow).where(DocumentRow.oid == oid)).first()
    business = {"filename": document.filename, "sha256": row.plain_sha256} if document else {}
    return _Facts(stored, business)
