"""Acts on documents: asking how one stands, viewing it, withdrawing it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from moderation.records.cases import view_case
from moderation.tables import ModerationCase, SampleItem
from repository import access, audit, blinding, derivatives, evidence, objects, people
from repository.access import Action, Actor
from repository.acts import issuing
from repository.antivirus import ScanState
from repository.audit import Context
from repository.derivatives import DerivativeKind, PageShape
from repository.documents import DocumentState, is_viewable_as_pages
from repository.errors import DocumentNotReady, NotFound, NotSignedIn, SlotClosed
from repository.evidence import AttachedDocument
from repository.receipts import Signer
from repository.records import OPEN_STATES
from repository.scoping.widening import widened
from repository.tables import DocumentRow
from storage.vault import StoredObject

T = TypeVar("T")
VIEWING_SECONDS = 15 * 60
CLOSED_BY_SCAN = frozenset({ScanState.INFECTED.value, ScanState.LIMITS.value})
FOUND_LATE = "The virus scanner has found something in this file since it came, so the file itself is given to nobody."
VIEWINGS_KEPT = 10_000
WHAT_IS_SHOWN = "what is shown of a document that somebody was permitted to see"
PAGE_PIXELS = (1240, 1754)
"""How large a page is taken to be while its picture is not made yet: A4, upright."""


@dataclass(frozen=True, slots=True)
class Viewing:
    """A document that may be shown now, and where its bytes are.

    ``notes`` say what a person should know of the whole of it, in sentences, and whether it was scanned for viruses.
    """

    document_id: str
    filename: str
    media_type: str
    size_bytes: int
    page_count: int | None
    case_id: str
    candidate_id: str | None
    sample_item_id: str | None
    stored: StoredObject
    pages: tuple[PageShape, ...] = ()
    duration_seconds: float | None = None
    notes: tuple[str, ...] = ()
    scan_state: str | None = None
    derived: bool = False
    """Whether what is shown in its place is stored; what was released by an older version may have to wait for it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The bytes that are shown in place of a document, or of one page of it: stretches of objects, one after the other."""

    media_type: str
    stretches: tuple[tuple[str, int, int], ...]
    """Of each: the object, and from where to where in it."""

    @property
    def size_bytes(self) -> int:
        """Return how many bytes there are."""
        return sum(stop - start for _, start, stop in self.stretches)

    def part(self, start: int, stop: int) -> Shown:
        """Return the stretches of [start, stop)."""
        found, at = [], 0
        for oid, first, last in self.stretches:
            size = last - first
            begin, end = max(start - at, 0), min(stop - at, size)
            if begin < end:
                found.append((oid, first + begin, first + end))
            at += size
        return Shown(self.media_type, tuple(found))


def status(session: Session, context: Context, document_id: str) -> AttachedDocument:
    """Return how a document stands to whoever may know it; raises ``NotFound`` otherwise."""
    _, _, case = _permitted(session, context, Action.DOCUMENT_STATUS, document_id)
    return blinding.mask(session, context, case.id, evidence.attached_of(session, document_id))


class Viewings:
    """Which viewings stand in the log: the ranges and pages of one share its event.

    One viewing is one document under one sign-in in one quarter of an hour.
    """

    def __init__(self) -> None:
        self._standing: OrderedDict[tuple[str, str, int], None] = OrderedDict()

    def stands(self, sign_in: str, document_id: str, now: datetime) -> bool:
        """Return whether the event of this viewing has been committed."""
        return (sign_in, document_id, int(now.timestamp()) // VIEWING_SECONDS) in self._standing

    def note(self, sign_in: str, document_id: str, now: datetime) -> None:
        """Note that it has."""
        self._standing[sign_in, document_id, int(now.timestamp()) // VIEWING_SECONDS] = None
        if len(self._standing) > VIEWINGS_KEPT:
            self._standing.popitem(last=False)


def of_released(session: Session, document_id: str) -> Viewing:
    """Return a released document as it is shown, to a part of the service that has found out that it may be."""
    found = evidence.find(session, document_id)
    if found is None or found[0].state != DocumentState.RELEASED or found[0].media_type is None:
        raise NotFound
    return _seen(session, *found)


def view(session: Session, context: Context, document_id: str, *, recorded: bool = False) -> Viewing:
    """Permit one viewing of a released document, and record it unless it is ``recorded`` already.

    Raises: ``NotFound`` for a document outside the actor's scope, and for a moderator before its release;
    ``DocumentNotReady`` for its own centre.
    """
    actor = _actor(context)
    document, item, case = _permitted(session, context, Action.DOCUMENT_VIEW, document_id)
    if document.state != DocumentState.RELEASED or document.media_type is None:
        if actor.role not in access.CENTRE_ROLES:
            raise NotFound
        raise DocumentNotReady(document.reason or "", state=document.state)
    if not recorded:
        audit.record(session, context, Action.DOCUMENT_VIEW, "document", document_id, case=case.id)
    return blinding.mask(session, context, case.id, _seen(session, document, item, case))


def _seen(session: Session, document: DocumentRow, item: SampleItem | None, case: ModerationCase) -> Viewing:
    pages = derivatives.shapes(session, document.id)
    return Viewing(
        document.id,
        document.filename,
        document.media_type or "",
        document.size_bytes,
        document.page_count,
        case.id,
        item.candidate_id if item else None,
        item.id if item else None,
        objects.stored_object(session, document.oid),
        pages or _unmade_pages(document),
        document.duration_seconds,
        evidence.notes_of(document),
        document.scan_state,
        bool(pages) or derivatives.has(session, document.id, DerivativeKind.MEDIA),
    )


def _unmade_pages(document: DocumentRow) -> tuple[PageShape, ...]:
    """Return the pages of a document that are drawn from it when they are asked for: it was released by an older version."""
    if not is_viewable_as_pages(document.media_type):
        return ()
    return tuple(PageShape(number, *PAGE_PIXELS) for number in range(1, (document.page_count or 0) + 1))


def page(session: Session, seen: Viewing, kind: DerivativeKind, number: int) -> Shown | None:
    """Return one page of what is shown of a document, None if it has none of the kind, or none yet."""
    placed = _made_of(session, seen, lambda: derivatives.page(session, seen.document_id, kind, number))
    return None if placed is None else Shown(placed.media_type, ((placed.oid, placed.start, placed.stop),))


def whole(session: Session, seen: Viewing, kind: DerivativeKind) -> Shown | None:
    """Return a recording as it is played, or the picture that stands for it, None if there is none, or none yet."""
    found = _made_of(session, seen, lambda: derivatives.stretches(session, seen.document_id, kind))
    return Shown(found[0].media_type, tuple((one.oid, 0, one.size_bytes) for one in found)) if found else None


def _made_of(session: Session, seen: Viewing, find: Callable[[], T]) -> T:
    """Find what was made of a document whose viewing was permitted, also where its own case is out of the reader's reach."""
    found = find()
    if found or not seen.derived:
        return found
    with widened(session, WHAT_IS_SHOWN):
        return find()


def original(session: Session, context: Context, seen: Viewing) -> StoredObject:
    """Return the bytes as they were sent, to the centre that sent them.

    No byte that an uploader chose reaches a moderator but as pixels, samples or words that were made anew.
    Raises: ``NotFound`` for anybody else; ``DocumentNotReady`` once the virus scanner found something in them.
    """
    if _actor(context).role not in access.CENTRE_ROLES:
        raise NotFound
    document = session.get_one(DocumentRow, seen.document_id)
    if document.scan_state in CLOSED_BY_SCAN:
        raise DocumentNotReady(FOUND_LATE, state=document.state)
    return seen.stored


def withdraw(session: Session, context: Context, signer: Signer, document_id: str) -> str:
    """Withdraw a document whose sample is not submitted yet; returns the case's id. Raises ``NotFound``, ``SlotClosed``."""
    document, item, case = _permitted(session, context, Action.DOCUMENT_WITHDRAW, document_id)
    if case.state not in OPEN_STATES:
        raise SlotClosed(state=case.state)
    evidence.check_unread(session, document.id)
    before = document.state
    if before == DocumentState.WITHDRAWN:
        return case.id  # it was withdrawn before, and has its receipt
    evidence.withdraw(session, context, document.id)
    view = view_case(session, case.id)
    issuing.of_withdrawn_document(session, context, signer, view, document.id, item.id if item else None, before)
    return case.id


def _permitted(
    session: Session, context: Context, action: Action, document_id: str
) -> tuple[DocumentRow, SampleItem | None, ModerationCase]:
    actor = _actor(context)
    found = evidence.find(session, document_id)
    if found is None:
        raise NotFound
    document, item, case = found
    reached = people.reaches(session, actor, action, case, context.now)
    access.require(actor, action, centre_number=case.centre_number, allocated=reached)
    return document, item, case


def _actor(context: Context) -> Actor:
    if context.actor is None:
        raise NotSignedIn
    return context.actor
