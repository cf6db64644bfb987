"""Deletes what lies in the store and nobody refers to any more, and stops before it can do harm.

The order makes it safe: list, leave out what is young by the store's own clock, ask the database, and ask it again in
the batch that deletes. Listing first means that a later commit can only save a name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.orm import Session

from repository import audit
from repository.audit import Context
from repository.care import claims, inventory, marks
from repository.care.claims import GRACE, Claim, Judged
from repository.errors import CollectorStopped
from repository.services import Services
from storage.backend import Backend, Purges, Sweeps
from storage.capabilities import PROBES

BRAKE_OBJECTS = 1_000
BRAKE_SHARE = 0.01
BRAKE_FREE_OBJECTS = 10
"""So few objects never trip the brake: one per cent of a small store is less than one killed upload."""
BATCH = 500
DELETES_AT_ONCE = 8
HIDDEN_AFTER = timedelta(days=1)


@dataclass(slots=True)
class Collected:
    """What a run found and did. ``unknown`` names are left alone: a person must look at them."""

    names_listed: int = 0
    orphans: int = 0
    orphan_objects: int = 0
    orphan_bytes: int = 0
    unknown: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    deleted: int = 0
    deleted_bytes: int = 0
    saved: int = 0
    hidden_swept: int = 0
    dry_run: bool = False


async def collect(
    services: Services,
    context: Context,
    *,
    dry_run: bool = False,
    grace: timedelta = GRACE,
    past_brake_objects: int | None = None,
) -> Collected:
    """Do one run.

    Takes: ``grace``, how old a name must be; ``past_brake_objects``, up to how many objects a person has allowed the
    run to delete although the brake would stop it.
    Raises: ``CollectorStopped`` while the collector is off, when database and store differ in age, or at the brake;
    nothing was deleted then.
    """
    run = _Run(services, context, grace, Collected(dry_run=dry_run))
    if not dry_run:
        await run.begin()
    orphans = await run.look()
    if not dry_run:
        _brake(run.collected, past_brake_objects)
        await run.delete(orphans)
    return run.collected


def _brake(found: Collected, allowed: int | None) -> None:
    objects = found.orphan_objects
    many = objects > BRAKE_OBJECTS or (
        objects > BRAKE_FREE_OBJECTS and found.orphans > BRAKE_SHARE * found.names_listed
    )
    if many and (allowed is None or objects > allowed):
        raise CollectorStopped(
            f"The collector stopped at its brake: it would delete {found.orphans} names of {objects} objects, of "
            f"{found.names_listed} names in the store. Nothing was deleted. If the database was restored, reconcile "
            f"first; if this is right, run `nea gc --past-brake {objects}`.",
            objects=objects,
            names=found.orphans,
        )


class _Run:
    """One run in progress."""

    def __init__(self, services: Services, context: Context, grace: timedelta, collected: Collected) -> None:
        self._services = services
        self._context = context
        self._grace = grace
        self._backend: Backend = services.vault.backend
        self.collected = collected
        self._keys_made_before = context.now - grace

    async def begin(self) -> None:
        """Make sure that this run may delete, and count it on both sides."""
        off = await self._services.database.read(marks.collector_off)
        if off is not None:
            raise CollectorStopped(f"The collector is off: {off.reason} Run `nea reconcile`; if it passes, it is on.")
        known = await self._services.database.read(marks.runs_known)
        stored = await asyncio.to_thread(marks.runs_stored, self._backend)
        if not marks.same_age(known, stored):
            await self._services.database.write(
                lambda session: marks.switch_collector(session, marks.DIFFERENT_AGE, self._services.clock())
            )
            raise CollectorStopped(f"The collector is off: {marks.DIFFERENT_AGE} Run `nea reconcile`.")
        if stored != known:  # a run was killed between; were that left so, another kill would look like a restore
            await asyncio.to_thread(marks.store_run, self._backend, known)
        await self._services.database.write(
            lambda session: marks.count_run(session, known, known + 1, self._services.clock())
        )
        await asyncio.to_thread(marks.store_run, self._backend, known + 1)

    async def look(self) -> list[Judged]:
        """List everything and ask the database; returns the orphans."""
        now = await asyncio.to_thread(marks.store_clock, self._backend)
        found = self.collected
        orphans: list[Judged] = []
        for shard in inventory.SHARDS:
            listing = await asyncio.to_thread(inventory.listing, self._backend, shard)
            known = await self._services.database.read(lambda s, shard=shard: inventory.known(s, shard=shard))  # type: ignore[misc]
            found.names_listed += sum(1 for _ in listing)
            judged = claims.judge(
                listing, known, settled_before=now - self._grace, keys_made_before=self._keys_made_before
            )
            orphans += [one for one in judged if one.claim is Claim.ORPHAN]
            found.unknown += [one.head.key for one in judged if one.claim is Claim.UNKNOWN]
            found.strangers += [one.head.key for one in judged if one.claim is Claim.STRANGER]
        found.orphans = len(orphans)
        found.orphan_objects = len({one.oid for one in orphans})
        found.orphan_bytes = sum(one.head.size_bytes for one in orphans)
        return orphans

    async def delete(self, orphans: Sequence[Judged]) -> None:
        """Delete orphans batch by batch, each asked for once more, and clear away what no listing shows."""
        backend, found = self._backend, self.collected
        with ThreadPoolExecutor(DELETES_AT_ONCE) as pool:
            for start in range(0, len(orphans), BATCH):
                batch = await self._still_orphans(orphans[start : start + BATCH])
                await asyncio.gather(
                    *(asyncio.get_running_loop().run_in_executor(pool, _forget, backend, one) for one in batch)
                )
                found.deleted += len(batch)
                found.deleted_bytes += sum(one.head.size_bytes for one in batch)
        found.saved = found.orphans - found.deleted
        found.hidden_swept = await asyncio.to_thread(_sweep, backend)
        await self._services.database.write(self._record)

    async def _still_orphans(self, batch: Sequence[Judged]) -> list[Judged]:
        oids = frozenset(one.oid for one in batch if one.oid)
        known = await self._services.database.read(lambda session: inventory.known(session, oids=oids))
        return [
            one
            for one in batch
            if claims.claim(
                one.head.key,
                known.get(one.oid or ""),
                recoverable=one.recoverable,
                keys_made_before=self._keys_made_before,
            )
            is Claim.ORPHAN
        ]

    def _record(self, session: Session) -> None:
        found = self.collected
        audit.record(
            session,
            self._context,
            "store.collected",
            "store",
            "store",
            names=found.names_listed,
            deleted=found.deleted,
            size_bytes=found.deleted_bytes,
            unknown=len(found.unknown),
        )


def _forget(backend: Backend, one: Judged) -> None:
    # Old versions of staged bytes would keep what a shredded or ended upload held.
    (backend.purge if isinstance(backend, Purges) else backend.delete)(one.head.key)


def _sweep(backend: Backend) -> int:
    """Clear away unfinished joins, hidden files and probes older than a day."""
    settled_before = marks.store_clock(backend) - HIDDEN_AFTER
    swept = backend.sweep_hidden(settled_before) if isinstance(backend, Sweeps) else 0
    for head in list(backend.list(PROBES)):
        if head.last_modified_at < settled_before:
            backend.delete(head.key)
            swept += 1
    return swept
