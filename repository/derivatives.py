"""What is shown in place of a document, as the database records it: volumes of pages, of words, of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import objects
from repository.inspection import words
from repository.tables import Derivative, StoredObjectRow
from storage.vault import StoredObject


class DerivativeKind(StrEnum):
    """What a derivative is."""

    PAGES = "pages"
    THUMBNAILS = "thumbnails"
    TEXT = "text"
    MEDIA = "media"
    POSTER = "poster"


K = DerivativeKind
OF_PAGES = (K.PAGES, K.THUMBNAILS, K.TEXT)
MADE_AS = {
    K.PAGES: "image/jpeg",
    K.THUMBNAILS: "image/jpeg",
    K.TEXT: "application/json",
    K.POSTER: "image/jpeg",
}
"""What we make ourselves; of a recording it is told with it."""


@dataclass(frozen=True, slots=True)
class PageShape:
    """One page as it is shown: its picture's size, and what was noted about it, in sentences."""

    number: int
    width_pixels: int
    height_pixels: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One page in a volume: where it lies, its size if it is a picture, and what was noted."""

    offset: int
    size_bytes: int
    width_pixels: int = 0
    height_pixels: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """One object that is part of a derivative, before it is recorded."""

    kind: DerivativeKind
    first: int
    size_bytes: int
    media_type: str
    entries: tuple[Entry, ...] = field(default=())
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """One page of a derivative: the object it lies in, and which bytes of it."""

    oid: str
    start: int
    stop: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a recording: the object it lies in, where it begins in the whole, and how long it is."""

    oid: str
    first: int
    size_bytes: int
    media_type: str


def pages_made(session: Session, document_id: str) -> int:
    """Return how many pages of a document are stored, from its first; what shows them is committed together."""
    last = session.scalars(
        select(Derivative)
        .where(Derivative.document_id == document_id, Derivative.kind == K.PAGES)
        .order_by(Derivative.first.desc())
    ).first()
    return 0 if last is None else last.first - 1 + len(last.index["entries"])


def has(session: Session, document_id: str, kind: DerivativeKind) -> bool:
    """Return whether anything of a kind is stored for a document."""
    found = select(Derivative.id).where(Derivative.document_id == document_id, Derivative.kind == kind).limit(1)
    return session.scalar(found) is not None


def keep(session: Session, document_id: str, volume: Volume, stored: StoredObject, sha256: str, now: datetime) -> None:
    """Record a volume whose bytes lie in the store. Raises: as ``objects.check_key_unmoved``."""
    objects.check_key_unmoved(session, stored)
    oid = stored.data_key.oid
    session.add(StoredObjectRow(oid=oid, layout=stored.layout, plain_sha256=sha256))
    for part in stored.parts:
        objects.add_part(session, oid, part)
    session.flush()
    entries = [[one.offset, one.size_bytes, one.width_pixels, one.height_pixels, *one.notes] for one in volume.entries]
    session.add(
        Derivative(
            document_id=document_id,
            kind=volume.kind,
            first=volume.first,
            oid=oid,
            size_bytes=volume.size_bytes,
            media_type=volume.media_type,
            index={"entries": entries, **volume.facts},
            made_at=now,
        )
    )
    session.flush()


def shapes(session: Session, document_id: str) -> tuple[PageShape, ...]:
    """Return the pages of a document as they are shown, empty while none are stored."""
    found: list[PageShape] = []
    for row in _volumes(session, document_id, K.PAGES):
        for number, (_, _, width, height, *notes) in enumerate(row.index["entries"], row.first):
            found.append(PageShape(number, width, height, words.of_notes(notes)))
    return tuple(found)


def page(session: Session, document_id: str, kind: DerivativeKind, number: int) -> Placed | None:
    """Return where one page of a derivative lies, None if it is not stored."""
    row = session.scalars(
        select(Derivative)
        .where(Derivative.document_id == document_id, Derivative.kind == kind, Derivative.first <= number)
        .order_by(Derivative.first.desc())
        .limit(1)
    ).first()
    if row is None or number - row.first >= len(row.index["entries"]):
        return None
    offset, size_bytes, *_ = row.index["entries"][number - row.first]
    return Placed(row.oid, offset, offset + size_bytes, row.media_type)


def stretches(session: Session, document_id: str, kind: DerivativeKind) -> tuple[Stretch, ...]:
    """Return the stretches of a recording, or of its poster, in order; empty while none are stored."""
    return tuple(
        Stretch(one.oid, one.first, one.size_bytes, one.media_type) for one in _volumes(session, document_id, kind)
    )


def facts(session: Session, document_id: str, kind: DerivativeKind) -> dict[str, Any]:
    """Return what was told with a derivative, such as the outline of a recording's sound."""
    rows = _volumes(session, document_id, kind)
    return {name: value for name, value in rows[0].index.items() if name != "entries"} if rows else {}


def _volumes(session: Session, document_id: str, kind: DerivativeKind) -> Sequence[Derivative]:
    return session.scalars(
        select(Derivative)
        .where(Derivative.document_id == document_id, Derivative.kind == kind)
        .order_by(Derivative.first)
    ).all()
