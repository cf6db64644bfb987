"""What the database says must lie in the store, and what the store says lies there, one sixteenth at a time.

Names begin with a random object id, so its first digit divides them evenly; neither side ever has to be in memory whole.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from repository.tables import DataKeyRow, ObjectPart, ScopeKeyRow, StoredObjectRow, UploadRow
from repository.uploads import UploadState
from storage import names
from storage.backend import Backend, ObjectHead
from storage.facts import Layout

SHARDS = "0123456789abcdef"
AREAS = (names.STAGING, names.DOCUMENTS, names.KEYS)
KEY_BACKUPS = f"{names.KEYS}scopes"
"""Names of backups of scope keys begin so; they belong to no object."""
_OTHERS = "ghijklmnopqrstuvwxyz_-"
_OID = r"([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})"
_NAME = re.compile(rf"q/{_OID}/[^/]+|d/{_OID}(?:/[0-9]+)?|k/{_OID}\.json")


@dataclass(frozen=True, slots=True)
class Known:
    """One object as the database knows it. ``names`` are those it must have in the store, with their sizes if known."""

    oid: str
    layout: str | None
    upload: str | None
    canary: str | None
    shredded: bool
    created_at: datetime | None
    names: Mapping[str, int | None]

    @property
    def ended(self) -> bool:
        """Return whether this is an upload that was given up or expired before it was complete."""
        return self.layout is None and self.upload in {UploadState.TERMINATED, UploadState.EXPIRED}

    @property
    def unfinished_intake(self) -> bool:
        """Return whether a key was made for bytes that never became a document, and not by an upload."""
        return self.layout is None and self.upload is None


@dataclass(frozen=True, slots=True)
class Listing:
    """What the store lists of one sixteenth, by area."""

    staged: tuple[ObjectHead, ...]
    documents: tuple[ObjectHead, ...]
    sidecars: tuple[ObjectHead, ...]

    def __iter__(self) -> Iterator[ObjectHead]:
        return chain(self.staged, self.documents, self.sidecars)


def oid_of(key: str) -> str | None:
    """Return the object id in a name, or None if it is not a name of ours."""
    match = _NAME.fullmatch(key)
    return match[match.lastindex or 0] if match else None


def listing(backend: Backend, shard: str) -> Listing:
    """List one sixteenth of the store."""
    staged, documents, sidecars = (tuple(backend.list(f"{area}{shard}")) for area in AREAS)
    return Listing(staged, documents, sidecars)


def strangers(backend: Backend) -> Iterator[ObjectHead]:
    """List names in our areas that no object id begins and that are no backups of keys."""
    for area in AREAS:
        for first in _OTHERS:
            yield from (head for head in backend.list(area + first) if not head.key.startswith(KEY_BACKUPS))


def known(session: Session, *, shard: str = "", oids: frozenset[str] | None = None) -> Mapping[str, Known]:
    """Return what the database knows: of one sixteenth, or of certain objects."""
    chosen = DataKeyRow.oid.in_(oids) if oids is not None else DataKeyRow.oid.like(f"{shard}%")
    # What an outer join leaves out is null, which the types of its columns do not say.
    rows: Sequence[Any] = session.execute(
        select(
            DataKeyRow.oid,
            func.coalesce(DataKeyRow.shredded_at, ScopeKeyRow.shredded_at),
            DataKeyRow.created_at,
            StoredObjectRow.layout,
            StoredObjectRow.canary,
            UploadRow.state,
            UploadRow.tail_key,
            UploadRow.tail_sealed_bytes,
        )
        .join(ScopeKeyRow, ScopeKeyRow.sk_id == DataKeyRow.sk_id)
        .outerjoin(StoredObjectRow, StoredObjectRow.oid == DataKeyRow.oid)
        .outerjoin(UploadRow, UploadRow.oid == DataKeyRow.oid)
        .where(chosen)
    ).all()
    stored_bytes = _stored_bytes(session, shard, oids)
    lying_apart = _names_of_parts(session, shard, oids)
    found: dict[str, Known] = {}
    for oid, shredded_at, created_at, layout, canary, upload, tail_key, tail_bytes in rows:
        expected: dict[str, int | None] = {}
        if shredded_at is None and layout == Layout.WHOLE:
            expected = {names.document(oid): stored_bytes.get(oid)}
        elif shredded_at is None and (layout is not None or upload == UploadState.OPEN):
            expected = dict(lying_apart.get(oid, {}))
            if layout is None and tail_key:
                expected[tail_key] = tail_bytes
        if shredded_at is None and layout in {Layout.WHOLE, Layout.PARTS}:
            expected[names.sidecar(oid)] = None
        found[oid] = Known(oid, layout, upload, canary, shredded_at is not None, created_at, expected)
    return found


def _stored_bytes(session: Session, shard: str, oids: frozenset[str] | None) -> Mapping[str, int]:
    chosen = ObjectPart.oid.in_(oids) if oids is not None else ObjectPart.oid.like(f"{shard}%")
    sums = select(ObjectPart.oid, func.sum(ObjectPart.sealed_bytes)).where(chosen).group_by(ObjectPart.oid)
    return {oid: int(total) for oid, total in session.execute(sums)}


def _names_of_parts(session: Session, shard: str, oids: frozenset[str] | None) -> Mapping[str, dict[str, int]]:
    chosen = ObjectPart.oid.in_(oids) if oids is not None else ObjectPart.oid.like(f"{shard}%")
    rows = session.execute(
        select(ObjectPart.oid, ObjectPart.key, ObjectPart.sealed_bytes)
        .outerjoin(StoredObjectRow, StoredObjectRow.oid == ObjectPart.oid)
        .where(chosen, or_(StoredObjectRow.layout.is_(None), StoredObjectRow.layout != Layout.WHOLE))
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for oid, key, sealed_bytes in rows:
        found[oid][key] = sealed_bytes
    return found
