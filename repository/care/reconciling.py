"""Compares database and store, both ways, one sixteenth at a time; renews recovery copies that are absent or stale.

The store is listed before the database is asked, and whatever looks wrong is looked at once more by itself: objects
move while this runs, and only what stays wrong is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.care import claims, inventory, marks, sidecars
from repository.care.claims import GRACE, Claim
from repository.care.inventory import Known, Listing, oid_of
from repository.services import Services
from storage import names
from storage.backend import Backend, ObjectHead
from storage.errors import NameRefused, ObjectNotFound

_ANY_AGE = datetime.max.replace(tzinfo=UTC)


class Wrong(StrEnum):
    """What a person must look at."""

    MISSING = "missing"
    """A row refers to it and the store does not have it."""
    SIZE = "wrong size"
    UNKNOWN = "unknown"
    """The store has it, with a recovery copy, and the database does not know it."""
    STRANGER = "stranger"
    """It is not a name of ours."""
    SIDECAR = "sidecar"
    """The recovery copy is wrong and cannot be renewed."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One name on which database and store differ."""

    wrong: Wrong
    name: str
    detail: str = ""


@dataclass(slots=True)
class Reconciliation:
    """What was compared and found. Orphans are not wrong: the collector takes them when they are old enough."""

    dry_run: bool
    objects_known: int = 0
    names_referred: int = 0
    names_listed: int = 0
    discrepancies: list[Discrepancy] = field(default_factory=list)
    orphans: int = 0
    orphan_bytes: int = 0
    sidecars_stale: list[str] = field(default_factory=list)
    sidecars_renewed: int = 0
    collector_switched_on: bool = False

    @property
    def passed(self) -> bool:
        """Return whether a person need look at nothing."""
        return not self.discrepancies


async def reconcile(
    services: Services,
    context: Context,
    *,
    dry_run: bool = False,
    read_sidecars: bool = True,
    grace: timedelta = GRACE,
    seen: Callable[[int], None] = lambda _: None,
) -> Reconciliation:
    """Compare everything. A comparison that passes switches the collector on.

    Takes: ``read_sidecars``, whether recovery copies are read and compared, or only missed; ``seen``, called with 1
    after each of the sixteen parts.
    """
    found = Reconciliation(dry_run)
    backend = services.vault.backend
    settled_before = await asyncio.to_thread(marks.store_clock, backend) - grace
    for shard in inventory.SHARDS:
        listing = await asyncio.to_thread(inventory.listing, backend, shard)
        known = await services.database.read(lambda s, shard=shard: inventory.known(s, shard=shard))  # type: ignore[misc]
        found.objects_known += len(known)
        found.names_referred += sum(len(one.names) for one in known.values())
        found.names_listed += sum(1 for _ in listing)
        found.discrepancies += await _absent(services, listing, known)
        _unclaimed(found, listing, known, settled_before, context.now - grace)
        wanted = _recoverable(listing, known, read_all=read_sidecars)
        checked = await sidecars.renew(services, wanted, dry_run=dry_run)
        found.sidecars_stale += [names.sidecar(oid) for oid in checked.stale]
        found.sidecars_renewed += checked.renewed
        found.discrepancies += [
            Discrepancy(Wrong.SIDECAR, names.sidecar(oid), why) for oid, why in checked.stuck.items()
        ]
        seen(1)
    strangers = await asyncio.to_thread(lambda: list(inventory.strangers(backend)))
    found.discrepancies += [Discrepancy(Wrong.STRANGER, head.key, _size(head)) for head in strangers]
    await _close(services, context, found)
    return found


def _unclaimed(
    found: Reconciliation,
    listing: Listing,
    known: Mapping[str, Known],
    settled_before: datetime,
    keys_made_before: datetime,
) -> None:
    # A key is committed before its object's first byte, so an unknown object is unknown however young it is.
    for one in claims.judge(listing, known, settled_before=_ANY_AGE, keys_made_before=keys_made_before):
        if one.claim is Claim.UNKNOWN:
            found.discrepancies.append(Discrepancy(Wrong.UNKNOWN, one.head.key, _size(one.head)))
        elif one.claim is Claim.STRANGER:
            found.discrepancies.append(Discrepancy(Wrong.STRANGER, one.head.key, _size(one.head)))
        elif one.claim is Claim.ORPHAN and one.head.last_modified_at <= settled_before:
            found.orphans += 1
            found.orphan_bytes += one.head.size_bytes


async def _absent(services: Services, listing: Listing, known: Mapping[str, Known]) -> list[Discrepancy]:
    """Return what rows refer to and the store does not have, or has in another size, each looked at twice."""
    listed = {head.key: head.size_bytes for head in listing}
    suspects = frozenset(oid for oid, one in known.items() if any(_differs(one, listed)))
    if not suspects:
        return []
    again = await services.database.read(lambda session: inventory.known(session, oids=suspects))
    backend = services.vault.backend
    discrepancies = []
    for one in again.values():
        sizes = await asyncio.to_thread(_sizes, backend, _blobs(one))
        discrepancies += list(_differs(one, sizes))
    return discrepancies


def _blobs(one: Known) -> list[str]:
    """Return the names an object must have; a recovery copy can be made again and is looked at elsewhere."""
    return [] if one.canary else [name for name in one.names if not name.startswith(names.KEYS)]


def _differs(one: Known, sizes: Mapping[str, int]) -> Iterable[Discrepancy]:
    for name in _blobs(one):
        expected, size = one.names[name], sizes.get(name)
        if size is None:
            yield Discrepancy(Wrong.MISSING, name, f"object {one.oid}, {_bytes(expected)}")
        elif expected is not None and size != expected:
            yield Discrepancy(
                Wrong.SIZE, name, f"object {one.oid}, {_bytes(expected)}, but {_bytes(size)} in the store"
            )


def _sizes(backend: Backend, keys: Iterable[str]) -> Mapping[str, int]:
    sizes = {}
    for key in keys:
        try:
            sizes[key] = backend.head(key).size_bytes
        except (ObjectNotFound, NameRefused):
            continue
    return sizes


def _recoverable(listing: Listing, known: Mapping[str, Known], *, read_all: bool) -> list[str]:
    """Return the objects whose recovery copy is to be looked at: all that must have one, or those without."""
    lying = {oid_of(head.key) for head in listing.sidecars}
    return [
        oid
        for oid, one in sorted(known.items())
        if names.sidecar(oid) in one.names and not one.canary and (read_all or oid not in lying)
    ]


async def _close(services: Services, context: Context, found: Reconciliation) -> None:
    """Record the comparison; level the counts of runs and switch the collector on if all is well."""
    found.collector_switched_on = found.passed and not found.dry_run and await _is_off(services)
    if found.collector_switched_on:
        backend = services.vault.backend
        stored = await asyncio.to_thread(marks.runs_stored, backend)
        level = 1 + max(stored, await services.database.read(marks.runs_known))
        # The store first: if this is killed between, the database is behind, and the collector stays off.
        await asyncio.to_thread(marks.store_run, backend, level)

    def write(session: Session) -> None:
        if found.collector_switched_on:
            marks.count_run(session, marks.runs_known(session), level, services.clock())
            marks.switch_collector(session, None, services.clock())
            audit.record(session, context, "collector.on", "store", "store")
        for one in found.discrepancies:
            if one.wrong in {Wrong.MISSING, Wrong.SIZE}:
                kind = one.wrong.replace(" ", "-")
                audit.record(session, context, f"object.{kind}", "object", oid_of(one.name) or one.name[:64])
        audit.record(
            session,
            context,
            "store.reconciled",
            "store",
            "store",
            outcome="passed" if found.passed else "failed",
            discrepancies=len(found.discrepancies),
            orphans=found.orphans,
            renewed=found.sidecars_renewed,
            dry_run=found.dry_run,
        )

    await services.database.write(write)


async def _is_off(services: Services) -> bool:
    if await services.database.read(marks.collector_off) is not None:
        return True
    stored = await asyncio.to_thread(marks.runs_stored, services.vault.backend)
    return not marks.same_age(await services.database.read(marks.runs_known), stored)


def _size(head: ObjectHead) -> str:
    return f"{_bytes(head.size_bytes)}, stored {head.last_modified_at:%Y-%m-%d %H:%M} UTC"


def _bytes(size: int | None) -> str:
    return "size unknown" if size is None else f"{size} bytes"
