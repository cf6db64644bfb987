"""Rotation of root and scope keys. Objects are not touched, every step may be repeated, and readers notice nothing.

A root key: a new version in the provider, then every scope key wrapped anew. A scope key: a new one beside the old, then
every data key under it wrapped anew, then the recovery copies renewed, and only then the old one retired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import CursorResult, exists, func, select, update
from sqlalchemy.orm import Session

from repository import audit, objects
from repository.audit import Context
from repository.errors import DocumentDestroyed, KeyStillNeeded, NotFound, ServiceBusy
from repository.keys.providers import probe
from repository.services import Services
from repository.tables import DataKeyRow, DocumentRow, ScopeKeyRow, StoredObjectRow
from storage import names
from storage.backend import Purges
from storage.errors import KeyRefused, KeyUnavailable, ObjectTampered
from storage.facts import Layout
from storage.keys.provider import Retires, Rotates
from storage.vault import DataKey, ScopeKey, StoredObject, Vault

BATCH = 100
_LIVES = ScopeKeyRow.blob != b""


class Counter(Protocol):
    """Is told how much there is to do, and how much of it is done."""

    def total(self, amount: int) -> None:
        """Say how much there is to do."""

    def seen(self, amount: int) -> None:
        """Say that so much more is done."""


class Unseen:
    """A counter that nobody looks at."""

    def total(self, amount: int) -> None:
        """Say nothing."""

    def seen(self, amount: int) -> None:
        """Say nothing."""


@dataclass(slots=True)
class Rotated:
    """What a rotation did. ``resumed``: it finished an earlier one that had been interrupted, and made no new key.

    ``refused`` are keys that did not open and stay as they were; ``stale`` are objects whose recovery copy was not
    renewed, as it is not what was written.
    """

    key_id: str
    resumed: bool
    rewrapped: int = 0
    renewed: int = 0
    retired: int = 0
    refused: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)


async def rotate_root(services: Services, context: Context, counter: Counter | None = None) -> Rotated:
    """Make a new version of the root key and wrap every scope key anew, or finish a rotation that was interrupted.

    Raises: ``storage.errors.KeyUnavailable``, ``KeyRefused`` if the provider does not rotate or is not to be trusted.
    """
    counter = counter or Unseen()
    database, provider = services.database, services.vault.keys
    try:
        kid = await asyncio.to_thread(provider.current)
    except KeyUnavailable:
        kid = ""  # a token without any key yet; a service that is down will say so again
    waiting = await database.read(lambda s: _count_under_others(s, kid)) if kid else 0
    done = Rotated(kid, resumed=waiting > 0)
    if not done.resumed:
        if not isinstance(provider, Rotates):
            raise KeyRefused("This key provider makes no new versions by itself.")
        done.key_id = await asyncio.to_thread(provider.rotate)
        await database.write(
            lambda s: audit.record(s, context, "keys.root_rotated", "root_key", done.key_id[:64], outcome="begun")
        )
        waiting = await database.read(lambda s: _count_under_others(s, done.key_id))
    await asyncio.to_thread(probe, provider)
    counter.total(waiting)
    while await _rewrap_scope_keys(services, done, counter):
        pass  # another process may have made a key under the older version in this moment
    await database.write(
        lambda s: audit.record(
            s, context, "keys.root_rotated", "root_key", done.key_id[:64],
            rewrapped=done.rewrapped, refused=len(done.refused),
        )
    )  # fmt: skip
    return done


async def retire_root(services: Services, context: Context, kid: str) -> None:
    """Make an older version of the root key useless for good.

    Raises: ``KeyStillNeeded`` while a scope key is wrapped under it, or if it must be ended in the key service itself;
    ``storage.errors.KeyRefused`` for the version that wraps now.
    """
    left = await services.database.read(
        lambda s: s.scalar(select(func.count()).select_from(ScopeKeyRow).where(ScopeKeyRow.kid == kid, _LIVES))
    )
    if left:
        raise KeyStillNeeded(f"{left} scope keys are still wrapped under {kid}. Run `nea keys rotate-root` first.")
    provider = services.vault.keys
    if not isinstance(provider, Retires):
        raise KeyStillNeeded(f"This provider ends keys itself: disable {kid} there, and delete it in a month.")
    await asyncio.to_thread(provider.retire, kid)
    await services.database.write(lambda s: audit.record(s, context, "keys.root_retired", "root_key", kid[:64]))


async def rotate_scope(services: Services, context: Context, scope: str, counter: Counter | None = None) -> Rotated:
    """Give a scope a new key and wrap its data keys anew, or finish a rotation that was interrupted.

    Raises: ``NotFound`` for a scope without a key; ``storage.errors.KeyUnavailable``, ``BackendUnavailable``: what was
    done so far stays done, and the command can be repeated.
    """
    counter = counter or Unseen()
    database, vault = services.database, services.vault
    resumed = await database.read(lambda s: _has_older(s, scope))
    if not resumed:
        if await database.read(lambda s: _standing(s, scope)) is None:
            raise NotFound("There is no key of that scope. `nea keys list` shows them.")
        made = await asyncio.to_thread(vault.new_scope_key, scope)
        await database.write(lambda s: _supersede(s, context, made))
    new = await database.read(lambda s: _standing(s, scope))
    if new is None:
        raise ServiceBusy
    await asyncio.to_thread(vault.confirm, new)
    done = Rotated(new.sk_id, resumed=resumed)
    counter.total(2 * await database.read(lambda s: _count_data_keys(s, scope)))  # each is wrapped, then recorded
    while await _rewrap_data_keys(services, scope, new, done, counter):
        pass
    await _renew_sidecars(services, new, done, counter)

    def retire(session: Session) -> None:
        done.retired = _retire(session, context, scope)
        audit.record(
            session, context, "keys.scope_rotated", "scope_key", new.sk_id,
            rewrapped=done.rewrapped, renewed=done.renewed, refused=len(done.refused), stale=len(done.stale),
        )  # fmt: skip

    await database.write(retire)
    await database.forget_deleted("scope_key", "data_key")
    vault.forget_keys()
    return done


async def _rewrap_scope_keys(services: Services, done: Rotated, counter: Counter) -> bool:
    """Wrap every scope key anew that is under another version; returns whether there were any."""
    changed, after = False, ""
    while batch := await services.database.read(lambda s, a=after: _under_others(s, done.key_id, a)):  # type: ignore[misc]
        after = batch[-1].sk_id
        pairs, refused = await asyncio.to_thread(_rewrapped_scope_keys, services.vault, batch)
        done.refused += [sk_id for sk_id in refused if sk_id not in done.refused]
        count = await services.database.write(lambda s, p=pairs: sum(_replace_scope_key(s, *pair) for pair in p))  # type: ignore[misc]
        done.rewrapped += count
        changed = changed or count > 0
        counter.seen(len(batch))
    return changed


def _rewrapped_scope_keys(vault: Vault, batch: Sequence[ScopeKey]) -> tuple[list[tuple[ScopeKey, ScopeKey]], list[str]]:
    pairs, refused = [], []
    for key in batch:
        try:
            pairs.append((key, vault.rewrap_scope_key(key)))
        except KeyRefused:
            refused.append(key.sk_id)
    return pairs, refused


def _replace_scope_key(session: Session, old: ScopeKey, new: ScopeKey) -> int:
    """Replace a wrap unless somebody else did, or destroyed it, since it was read."""
    changed = session.execute(
        update(ScopeKeyRow)
        .where(ScopeKeyRow.sk_id == old.sk_id, ScopeKeyRow.kid == old.kid, ScopeKeyRow.blob == old.blob)
        .values(kid=new.kid, blob=new.blob)
    )
    return rows_changed(changed)


async def _rewrap_data_keys(services: Services, scope: str, new: ScopeKey, done: Rotated, counter: Counter) -> bool:
    changed, after = False, ""
    while batch := await services.database.read(lambda s, a=after: _older_data_keys(s, scope, a)):  # type: ignore[misc]
        after = batch[-1][1].oid
        pairs, refused = await asyncio.to_thread(_rewrapped_data_keys, services.vault, batch, new)
        done.refused += [oid for oid in refused if oid not in done.refused]
        count = await services.database.write(lambda s, p=pairs: sum(_replace_data_key(s, *pair) for pair in p))  # type: ignore[misc]
        done.rewrapped += count
        changed = changed or count > 0
        counter.seen(len(batch))
    return changed


def _rewrapped_data_keys(
    vault: Vault, batch: Sequence[tuple[ScopeKey, DataKey]], new: ScopeKey
) -> tuple[list[tuple[DataKey, DataKey]], list[str]]:
    pairs, refused = [], []
    for old, data_key in batch:
        try:
            pairs.append((data_key, vault.rewrap_data_key(old, data_key, new)))
        except (KeyRefused, ObjectTampered):
            refused.append(data_key.oid)
    return pairs, refused


def _replace_data_key(session: Session, old: DataKey, new: DataKey) -> int:
    changed = session.execute(
        update(DataKeyRow)
        .where(
            DataKeyRow.oid == old.oid,
            DataKeyRow.sk_id == old.sk_id,
            DataKeyRow.blob == old.blob,
            DataKeyRow.shredded_at.is_(None),
        )
        .values(sk_id=new.sk_id, blob=new.blob)
    )
    return rows_changed(changed)


async def _renew_sidecars(services: Services, new: ScopeKey, done: Rotated, counter: Counter) -> None:
    """Renew the recovery copies of everything under the new key: an interrupted rotation may have left any of them."""
    after = ""
    while batch := await services.database.read(lambda s, a=after: _released(s, new.sk_id, a)):  # type: ignore[misc]
        after = batch[-1][0].data_key.oid
        for stored, business in batch:
            oid = stored.data_key.oid
            try:
                done.renewed += await asyncio.to_thread(services.vault.renew_wrap, stored, business)
            except (KeyRefused, ObjectTampered):
                done.stale.append(oid)
            if await services.database.read(lambda s, o=oid: _is_shredded(s, o)):  # type: ignore[misc]
                # It was destroyed while its copy was written, and the copy keeps a wrap of its key.
                backend = services.vault.backend
                forget = backend.purge if isinstance(backend, Purges) else backend.delete
                await asyncio.to_thread(forget, names.sidecar(oid))
            counter.seen(1)


def _count_under_others(session: Session, kid: str) -> int:
    return session.scalar(select(func.count()).select_from(ScopeKeyRow).where(ScopeKeyRow.kid != kid, _LIVES)) or 0


def _under_others(session: Session, kid: str, after: str) -> list[ScopeKey]:
    rows = session.scalars(
        select(ScopeKeyRow)
        .where(ScopeKeyRow.kid != kid, _LIVES, ScopeKeyRow.sk_id > after)
        .order_by(ScopeKeyRow.sk_id)
        .limit(BATCH)
    )
    return [ScopeKey(row.sk_id, row.scope, row.kid, row.blob) for row in rows]


def _standing(session: Session, scope: str) -> ScopeKey | None:
    row = session.scalars(
        select(ScopeKeyRow).where(ScopeKeyRow.scope == scope, ScopeKeyRow.superseded_at.is_(None), _LIVES)
    ).first()
    return None if row is None else ScopeKey(row.sk_id, row.scope, row.kid, row.blob)


def _has_older(session: Session, scope: str) -> bool:
    older = exists().where(ScopeKeyRow.scope == scope, ScopeKeyRow.superseded_at.is_not(None), _LIVES)
    return bool(session.scalar(select(older)))


def _supersede(session: Session, context: Context, made: ScopeKey) -> None:
    """Let a fresh key follow the one that stands. From here on nothing new is wrapped under the old one."""
    old = session.scalars(
        select(ScopeKeyRow)
        .where(ScopeKeyRow.scope == made.scope, ScopeKeyRow.superseded_at.is_(None))
        .with_for_update()  # waits for whoever wraps a data key under it now
    ).first()
    if old is None:
        raise ServiceBusy
    old.superseded_at = context.now
    session.flush()
    if not objects.add_scope_key(session, made, context.now):
        raise ServiceBusy
    audit.record(session, context, "keys.scope_superseded", "scope_key", old.sk_id)


def _count_data_keys(session: Session, scope: str) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(DataKeyRow)
            .join(ScopeKeyRow, ScopeKeyRow.sk_id == DataKeyRow.sk_id)
            .where(ScopeKeyRow.scope == scope, DataKeyRow.shredded_at.is_(None))
        )
        or 0
    )


def _older_data_keys(session: Session, scope: str, after: str) -> list[tuple[ScopeKey, DataKey]]:
    rows = session.execute(
        select(ScopeKeyRow, DataKeyRow)
        .join(DataKeyRow, DataKeyRow.sk_id == ScopeKeyRow.sk_id)
        .where(
            ScopeKeyRow.scope == scope,
            ScopeKeyRow.superseded_at.is_not(None),
            _LIVES,
            DataKeyRow.shredded_at.is_(None),
            DataKeyRow.oid > after,
        )
        .order_by(DataKeyRow.oid)
        .limit(BATCH)
    )
    return [
        (
            ScopeKey(key.sk_id, key.scope, key.kid, key.blob),
            DataKey(row.oid, row.sk_id, row.suite, row.total_bytes, row.blob, row.commitment),
        )
        for key, row in rows
    ]


def _released(session: Session, sk_id: str, after: str) -> list[tuple[StoredObject, dict[str, object]]]:
    rows = session.execute(
        select(StoredObjectRow, DocumentRow)
        .join(DataKeyRow, DataKeyRow.oid == StoredObjectRow.oid)
        .outerjoin(DocumentRow, DocumentRow.oid == StoredObjectRow.oid)
        .where(
            DataKeyRow.sk_id == sk_id,
            DataKeyRow.shredded_at.is_(None),
            StoredObjectRow.layout != Layout.STAGED,
            StoredObjectRow.oid > after,
        )
        .order_by(StoredObjectRow.oid)
        .limit(BATCH)
    )
    found: list[tuple[StoredObject, dict[str, object]]] = []
    for row, document in rows.all():
        try:
            stored = objects.stored_object(session, row.oid)
        except DocumentDestroyed:
            continue
        # What an outer join leaves out is null, which the types of its columns do not say.
        business: dict[str, object] = {}
        if document is not None:
            business = {"filename": document.filename, "sha256": row.plain_sha256}
        found.append((stored, business))
    return found


def _is_shredded(session: Session, oid: str) -> bool:
    return session.scalar(select(DataKeyRow.shredded_at).where(DataKeyRow.oid == oid)) is not None


def _retire(session: Session, context: Context, scope: str) -> int:
    """Destroy the wraps of superseded keys to which nothing refers any more."""
    used = exists().where(DataKeyRow.sk_id == ScopeKeyRow.sk_id, DataKeyRow.blob != b"")
    changed = session.execute(
        update(ScopeKeyRow)
        .where(ScopeKeyRow.scope == scope, ScopeKeyRow.superseded_at.is_not(None), _LIVES, ~used)
        .values(blob=b"", retired_at=context.now)
    )
    return rows_changed(changed)


def rows_changed(result: object) -> int:
    """Return how many rows a statement changed."""
    return result.rowcount if isinstance(result, CursorResult) else 0
