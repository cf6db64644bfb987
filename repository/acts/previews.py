"""Looking, before a sample is sent, at each candidate's work as its moderator will see it, with what to make sure of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Component
from repository import audit, blinding
from repository.access import Action
from repository.acts import declarations, samples, viewing
from repository.acts.cases import actor_of, permitted
from repository.acts.samples import ItemPage, SamplePage
from repository.acts.viewing import Viewing
from repository.audit import Context
from repository.documents import IN_INSPECTION, DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument
from repository.inspection.words import NOTES
from repository.tables import DocumentRow, WorkLook

GOOD, LOOK, BAD = "good", "look", "bad"
TO_LOOK_AT = frozenset(
    {"blank", "upside-down", "sideways", "silent", "black", "no-sound", "ends-early", "missing-signs", "comments",
     "margin-comments", "tracked-changes", "hidden-parts", "outside-content", "attachments", "rich-media", "xfa",
     "embedded-object", "recording-inside", "fonts-substituted", "animated", "hidden-signs"}
)  # fmt: skip
"""Notes that a person should look into before sending; the others only say what a moderator does not get."""
PAGES_NAMED = 6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the moderator will get of one file, in words; ``kind`` says whether it is good, to be looked at, or bad."""

    document_id: str
    filename: str
    slot_title: str
    version: int
    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """One candidate's work as its moderator will see it, and how far the looking is."""

    page: SamplePage
    item: ItemPage
    number: int
    of: int
    looked: int
    next_id: str | None
    previous_id: str | None
    viewings: tuple[Viewing, ...]
    verdicts: tuple[Verdict, ...]
    blind_code: str
    """What the moderator sees in place of the candidate's number and name; empty where both are seen."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many of the candidates of a sample one person has looked at since their files last changed."""

    looked: int
    of: int
    first_id: str | None
    """Where to go on: the first who was not looked at, or the first of all."""


def look(
    session: Session, context: Context, case_id: str, item_id: str | None, stands: Callable[[str], bool]
) -> Preview:
    """Open one candidate's work as the moderator will see it, and note that this person looked at it.

    Takes: ``item_id``, None for the first not looked at; ``stands``, whether the viewing of a document is recorded.
    Raises: ``NotFound`` for a case, or a candidate of it, outside what the actor sees.
    """
    permitted(session, context, Action.SAMPLE_PREVIEW, case_id)
    page = samples.page(session, context, case_id)
    shown = [one for one in page.items if not one.item.is_replaced]
    ids = [one.item.item_id for one in shown]
    seen = _looked_at(session, context, shown)
    item_id = item_id or next((one for one in ids if one not in seen), ids[0] if ids else None)
    if item_id not in ids:
        raise NotFound
    place = ids.index(item_id)
    item = shown[place]
    viewings = tuple(
        viewing.view(session, context, one.document_id, recorded=stands(one.document_id))
        for one in item.documents
        if one.state is DocumentState.RELEASED
    )
    component = session.get(Component, (page.case.series_key, page.case.component_code))
    blind = component is not None and component.read_blind
    _note(session, context, item_id)
    return Preview(
        page,
        item,
        place + 1,
        len(ids),
        len(seen | {item_id}),
        ids[place + 1] if place + 1 < len(ids) else None,
        ids[place - 1] if place else None,
        tuple(_as_blind(one, item.documents) for one in viewings) if blind else viewings,
        _verdicts(session, page, item.documents, viewings),
        blinding.code_of(item.item.candidate_id) if blind else "",
    )


def looked(session: Session, context: Context, page: SamplePage) -> Looked:
    """Return how far the person who asks has looked at a sample."""
    shown = [one for one in page.items if not one.item.is_replaced]
    seen = _looked_at(session, context, shown)
    ids = [one.item.item_id for one in shown]
    first = next((one for one in ids if one not in seen), ids[0] if ids else None)
    return Looked(len(seen), len(ids), first)


def _looked_at(session: Session, context: Context, shown: Sequence[ItemPage]) -> set[str]:
    """Return the candidates whom this person looked at since a file of theirs last came to its place."""
    rows = session.execute(
        select(WorkLook.sample_item_id, WorkLook.looked_at).where(
            WorkLook.person_id == actor_of(context).person_id,
            WorkLook.sample_item_id.in_([one.item.item_id for one in shown]),
        )
    )
    at = {item_id: looked_at for item_id, looked_at in rows}  # noqa: C416
    found = set()
    for one in shown:
        changed = declarations.changed_at(one.documents)
        when = at.get(one.item.item_id)
        if when is not None and (changed is None or when >= changed):
            found.add(one.item.item_id)
    return found


def _note(session: Session, context: Context, item_id: str) -> None:
    person_id = actor_of(context).person_id
    row = session.get(WorkLook, (item_id, person_id))
    if row is None:
        session.add(WorkLook(sample_item_id=item_id, person_id=person_id, looked_at=context.now))
    else:
        row.looked_at = context.now
    audit.record(session, context, Action.SAMPLE_PREVIEW, "sample_item", item_id)


def _as_blind(seen: Viewing, documents: Iterable[AttachedDocument]) -> Viewing:
    slot = next((one.slot for one in documents if one.document_id == seen.document_id), "file")
    return dataclasses.replace(seen, filename=slot.replace("-", " ").capitalize())


# What the moderator will get


def _verdicts(
    session: Session, page: SamplePage, documents: Sequence[AttachedDocument], viewings: Sequence[Viewing]
) -> tuple[Verdict, ...]:
    titles = {slot.slot: slot.title for slot in page.tracking.slots}
    scans = {
        row[0]: row[1]
        for row in session.execute(
            select(DocumentRow.id, DocumentRow.scan_state).where(
                DocumentRow.id.in_([one.document_id for one in documents])
            )
        )
    }
    seen = {one.document_id: one for one in viewings}
    return tuple(
        _verdict(one, titles.get(one.slot, one.slot), seen.get(one.document_id), scans.get(one.document_id))
        for one in documents
    )


def _verdict(one: AttachedDocument, title: str, seen: Viewing | None, scan_state: str | None) -> Verdict:
    kind, words = GOOD, []
    if seen is None:
        if one.state in IN_INSPECTION:
            kind, words = LOOK, ["Still being checked. Load this page again in a moment."]
        else:
            kind = BAD
            words = [f"The moderator does not get this file: {one.reason or 'it was not accepted.'}", one.remedy or ""]
        return Verdict(one.document_id, one.filename, title, one.version, kind, tuple(filter(None, words)))
    words.append(opens_words(seen))
    for page in seen.pages:
        if set(page.notes) & TO_LOOK_AT:
            kind = LOOK
    words += page_notes(seen)
    for code in seen.notes:
        if code in NOTES:
            words.append(NOTES[code])
            kind = LOOK if code in TO_LOOK_AT else kind
    if scan_state in {None, "none"}:
        words.append("Not virus-scanned: there is no scanner on this service.")
    elif scan_state == "partial":
        words.append("The virus scanner looked at the beginning of the file only, because it is long.")
    return Verdict(one.document_id, one.filename, title, one.version, kind, tuple(words))


def opens_words(seen: Viewing) -> str:
    """Return how a file opens: how many pages, or how long it plays."""
    if seen.pages or seen.page_count:
        count = len(seen.pages) or seen.page_count or 0
        return f"Opens: {count} page{'' if count == 1 else 's'}."
    if seen.duration_seconds is not None:
        minutes, seconds = divmod(round(seen.duration_seconds), 60)
        return f"Plays: {minutes} min {seconds} s." if minutes else f"Plays: {seconds} s."
    return "Plays." if seen.media_type.startswith(("audio/", "video/")) else "Opens."


def page_notes(seen: Viewing) -> list[str]:
    """Return what was noted of single pages: each note once, with the pages that it is about."""
    by_note: dict[str, list[int]] = {}
    for page in seen.pages:
        for code in page.notes:
            by_note.setdefault(code, []).append(page.number)
    found = []
    for code, numbers in by_note.items():
        shown = ", ".join(map(str, numbers[:PAGES_NAMED])) + (" …" if len(numbers) > PAGES_NAMED else "")
        words = NOTES.get(code, "")
        if words:
            found.append(f"Page{'' if len(numbers) == 1 else 's'} {shown}: {words}")
    return found
