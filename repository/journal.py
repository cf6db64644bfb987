"""The journal of the desk: every stroke of a person is a revision that is added once and stays.

An entry is one thing that is written: a note on a page, the draft of a mark, the place where one is. Its revisions come
from one window or several; each names those that it follows. Revisions that nothing follows are the entry's ends: with
one end all is plain; with several, the same entry was written in two windows, and the person decides.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repository.errors import FieldRefused
from repository.journal_tables import JournalEntry

ENTRIES_AT_ONCE = 50
STROKES_OF_A_CASE = 200_000
"""So many one person may leave in one case: hours of typing, and not the work of a script gone wild."""
BODY_CHARACTERS = 16_000
FOLLOWS = 20
REVISION_LIMIT = 1_000_000
ID_CHARACTERS = 64
TAB_CHARACTERS = 36


class EntryKind(StrEnum):
    """What is written."""

    ANNOTATION = "annotation"
    """A note on a page or at a moment of a recording."""
    MARK_DRAFT = "mark-draft"
    """Marks and a comment that are not saved as the moderator's mark yet."""
    PLACE = "place"
    """Which document, page and size one had before one: it opens there again."""


class Kept(StrEnum):
    """What became of a revision that a window sent."""

    KEPT = "kept"
    LATE = "late"
    """Kept; the outcome was proposed before it came, so it changes nothing."""
    REFUSED = "refused"
    """Not kept: the case is not this person's, or another text came under the same number before."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One revision as a window sends it. ``body`` is its text as JSON."""

    kind: EntryKind
    entry_id: str
    revision: int
    tab: str
    follows: tuple[tuple[int, str], ...]
    case_id: str
    sample_item_id: str | None
    document_id: str | None
    body: str
    written_at: datetime

    @property
    def key(self) -> tuple[str, int, str]:
        """Return what makes it the same stroke when it is sent again."""
        return self.entry_id, self.revision, self.tab


@dataclass(frozen=True, slots=True)
class End:
    """A revision that nothing follows."""

    entry_id: str
    kind: EntryKind
    person_id: str
    role: str
    sample_item_id: str | None
    document_id: str | None
    revision: int
    tab: str
    body: Mapping[str, Any]
    written_at: datetime
    received_at: datetime
    is_late: bool

    @property
    def is_deleted(self) -> bool:
        """Say whether the person took the entry away; its revisions stay."""
        return self.body.get("deleted") is True


def stroke_of(untrusted: object, place: str) -> Stroke:
    """Return a stroke as a window sent it.

    Takes: ``place``, such as ``entries[3]``, for the words of a refusal.
    Raises: ``FieldRefused`` naming what is wrong, and where.
    """
    if not isinstance(untrusted, dict):
        raise FieldRefused(f"{place} must be an object.", field=place)
    body = untrusted.get("body")
    if not isinstance(body, dict):
        raise FieldRefused(f"{place}.body must be an object.", field=f"{place}.body")
    text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if len(text) > BODY_CHARACTERS or "\\u0000" in text or _is_unpaired(text):
        raise FieldRefused(
            f"{place}.body must be text of {BODY_CHARACTERS} characters or fewer.", field=f"{place}.body"
        )
    try:
        kind = EntryKind(str(untrusted.get("kind")))
        written_at = datetime.fromisoformat(str(untrusted.get("written_at")))
    except ValueError as error:
        raise FieldRefused(f"{place} needs a kind and an instant written_at.", field=place) from error
    if written_at.tzinfo is None:
        raise FieldRefused(f"{place}.written_at must carry its zone.", field=f"{place}.written_at")
    follows = untrusted.get("follows", [])
    if not isinstance(follows, list) or len(follows) > FOLLOWS:
        raise FieldRefused(f"{place}.follows must be a list of {FOLLOWS} at most.", field=f"{place}.follows")
    return Stroke(
        kind,
        _id(untrusted, "entry_id", place, ID_CHARACTERS),
        _revision(untrusted.get("revision"), place),
        _id(untrusted, "tab", place, TAB_CHARACTERS),
        tuple(_followed(one, place) for one in follows),
        _id(untrusted, "case", place, TAB_CHARACTERS),
        _id(untrusted, "item", place, TAB_CHARACTERS) if untrusted.get("item") else None,
        _id(untrusted, "document", place, TAB_CHARACTERS) if untrusted.get("document") else None,
        text,
        written_at,
    )


def ends_of(keys: Iterable[tuple[int, str, Sequence[Sequence[Any]]]]) -> set[tuple[int, str]]:
    """Return which revisions of one entry nothing follows.

    Takes: of each revision its number, its tab, and what it follows.
    """
    known = list(keys)
    followed = {(int(number), str(tab)) for _, _, follows in known for number, tab in follows}
    return {(revision, tab) for revision, tab, _ in known} - followed


def keep(
    session: Session, person_id: str, role: str, strokes: Sequence[Stroke], now: datetime, *, is_late: bool
) -> list[tuple[Stroke, Kept, bool]]:
    """Add what is not there yet. Returns each stroke with what became of it, and whether it began its entry.

    The same stroke twice is one row; under the same number another text is refused, and the window gives it a new one.
    """
    ids = {one.entry_id for one in strokes}
    rows = session.execute(
        select(JournalEntry.entry_id, JournalEntry.revision, JournalEntry.tab, JournalEntry.body, JournalEntry.is_late)
        .where(JournalEntry.person_id == person_id, JournalEntry.entry_id.in_(sorted(ids)))
    ).all()  # fmt: skip
    there = {(row.entry_id, row.revision, row.tab): (row.body, row.is_late) for row in rows}
    begun = {row.entry_id for row in rows}
    done: list[tuple[Stroke, Kept, bool]] = []
    for stroke in strokes:
        if stroke.key in there:
            body, was_late = there[stroke.key]
            known = Kept.LATE if was_late else Kept.KEPT
            done.append((stroke, known if body == stroke.body else Kept.REFUSED, False))
            continue
        made = _row(person_id, role, stroke, now, is_late)
        try:
            with session.begin_nested():
                session.add(made)
        except IntegrityError:  # the same moment brought it by another way
            done.append((stroke, _as_it_stands(session, person_id, stroke), False))
            continue
        there[stroke.key] = (stroke.body, is_late)
        done.append((stroke, Kept.LATE if is_late else Kept.KEPT, stroke.entry_id not in begun))
        begun.add(stroke.entry_id)
    return done


def is_full(session: Session, case_id: str, person_id: str) -> bool:
    """Say whether a person has left as many strokes in a case as are taken."""
    there = select(func.count()).where(JournalEntry.case_id == case_id, JournalEntry.person_id == person_id)
    return (session.scalar(there) or 0) >= STROKES_OF_A_CASE


def entries_of(
    session: Session, *, case_id: str | None = None, person_id: str | None = None, document_id: str | None = None,
    kinds: Collection[EntryKind] = tuple(EntryKind),
) -> dict[tuple[str, str], tuple[End, ...]]:  # fmt: skip
    """Return entries by person and entry id, each with its ends, the newest first; what is not given narrows nothing."""
    where: list[ColumnElement[bool]] = [JournalEntry.kind.in_([str(one) for one in kinds])]
    if case_id is not None:
        where.append(JournalEntry.case_id == case_id)
    if person_id is not None:
        where.append(JournalEntry.person_id == person_id)
    if document_id is not None:
        where.append(JournalEntry.document_id == document_id)
    columns = (JournalEntry.id, JournalEntry.person_id, JournalEntry.entry_id, JournalEntry.revision, JournalEntry.tab)
    entries: dict[tuple[str, str], list[Any]] = {}
    for row in session.execute(select(*columns, JournalEntry.follows).where(*where)):
        entries.setdefault((row.person_id, row.entry_id), []).append(row)
    wanted = [
        row.id
        for rows in entries.values()
        for ends in (ends_of((one.revision, one.tab, one.follows) for one in rows),)
        for row in rows
        if (row.revision, row.tab) in ends
    ]
    found: dict[tuple[str, str], list[End]] = {}
    for begin in range(0, len(wanted), 500):
        chosen = select(JournalEntry).where(JournalEntry.id.in_(wanted[begin : begin + 500]))
        for one in session.scalars(chosen):
            found.setdefault((one.person_id, one.entry_id), []).append(_end(one))
    newest_first = lambda end: (end.received_at, end.revision)  # noqa: E731
    return {key: tuple(sorted(ends, key=newest_first, reverse=True)) for key, ends in found.items()}


def _as_it_stands(session: Session, person_id: str, stroke: Stroke) -> Kept:
    wanted = (JournalEntry.person_id == person_id, JournalEntry.entry_id == stroke.entry_id,
              JournalEntry.revision == stroke.revision, JournalEntry.tab == stroke.tab)  # fmt: skip
    row = session.scalars(select(JournalEntry).where(*wanted)).one_or_none()
    if row is None or row.body != stroke.body:
        return Kept.REFUSED
    return Kept.LATE if row.is_late else Kept.KEPT


def _row(person_id: str, role: str, stroke: Stroke, now: datetime, is_late: bool) -> JournalEntry:
    return JournalEntry(
        person_id=person_id,
        role=role,
        case_id=stroke.case_id,
        sample_item_id=stroke.sample_item_id,
        document_id=stroke.document_id,
        kind=str(stroke.kind),
        entry_id=stroke.entry_id,
        revision=stroke.revision,
        tab=stroke.tab,
        follows=[list(one) for one in stroke.follows],
        body=stroke.body,
        written_at=stroke.written_at,
        received_at=now,
        is_late=is_late,
    )


def _end(row: JournalEntry) -> End:
    return End(
        row.entry_id,
        EntryKind(row.kind),
        row.person_id,
        row.role,
        row.sample_item_id,
        row.document_id,
        row.revision,
        row.tab,
        json.loads(row.body),
        row.written_at,
        row.received_at,
        row.is_late,
    )


def _id(untrusted: Mapping[str, Any], name: str, place: str, limit: int) -> str:
    value = untrusted.get(name)
    if (
        not isinstance(value, str)
        or not 1 <= len(value) <= limit
        or not all(c.isascii() and c.isprintable() for c in value)
    ):
        raise FieldRefused(f"{place}.{name} must be an id of {limit} characters or fewer.", field=f"{place}.{name}")
    return value


def _revision(value: object, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= REVISION_LIMIT:
        raise FieldRefused(f"{place}.revision must be from 1 to {REVISION_LIMIT}.", field=f"{place}.revision")
    return value


def _followed(value: object, place: str) -> tuple[int, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise FieldRefused(f"{place}.follows must hold pairs of revision and tab.", field=f"{place}.follows")
    return _revision(value[0], place), _id({"tab": value[1]}, "tab", place, TAB_CHARACTERS)


def _is_unpaired(text: str) -> bool:
    """Half of a surrogate pair: no database takes it as text."""
    return any("\ud800" <= one <= "\udfff" for one in text)
