"""Scan bundles and their pages: staged first, pushed as a whole, every page in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.errors import BundleUnknown, CodeRefused, LabelUnknown, PageUnknown
from scripts.labels import PacketLabel, read_code
from scripts.queues import BundleState, require_bundle_move
from scripts.reconciliation import PageCounts, RegisterState
from scripts.records.cases import open_case
from scripts.records.custody import packet_of_label, packets
from scripts.records.script_events import ScriptEvent, record_script_events
from scripts.records.sittings import get_sitting, register, scripts_of
from scripts.splitting import (
    Counts,
    Disposition,
    Duplex,
    Expectation,
    PageReading,
    QueueReason,
    ScriptKey,
    Split,
    split,
)
from scripts.tables import PacketLabelRow, ScanBundle, ScanPage, Script, Sitting
from scripts.tracking import ScriptState, require_script_move

COVER = "cover"
"""The note of a page that begins a booklet, for groups of waiting pages to begin there."""
SOURCE = "scanning"
"""The source of what scanning says of a script."""
CASE_REASONS = frozenset(QueueReason) - {QueueReason.BLANK}


@dataclass(frozen=True, slots=True)
class NewBundle:
    """What is known of a bundle when its file has arrived: its hash, and what the sender said of it."""

    sha256: str
    filename: str = ""
    size_bytes: int = 0
    source: str = "upload"
    sitting_id: str | None = None
    label: str = ""
    batch: str = ""
    station: str = ""
    sheets: int | None = None
    sheets_checked: int | None = None
    booklets: int | None = None
    booklet_pages: int | None = None
    duplex: str = "merged"


@dataclass(frozen=True, slots=True)
class Staged:
    """A bundle that was announced; ``is_new`` says that its bytes are to be kept: it was not here before."""

    bundle: ScanBundle
    is_new: bool


@dataclass(frozen=True, slots=True)
class IndexedScript:
    """A script found in a bundle: its id and the pages of the bundle to cut out for it, in order."""

    script_id: str
    candidate_number: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BundleOutcome:
    """What pushing a bundle did: the bundle, the scripts indexed, and the split it came from."""

    bundle_id: str
    scripts: tuple[IndexedScript, ...]
    split: Split


# On the way in


def bundle_by_hash(session: Session, sha256: str) -> ScanBundle | None:
    """Return the bundle with these bytes, whatever it was called when it came."""
    return session.scalar(select(ScanBundle).where(ScanBundle.sha256 == sha256))


def stage_bundle(session: Session, new: NewBundle, *, now: datetime, actor: str) -> Staged:
    """Write down that a bundle has arrived: the same bytes are the same bundle, whatever they are called.

    Returns: the bundle; one that failed, or whose sitting nobody knew, is to be read again when it is sent again; one
    that was discarded begins anew.
    Source: project policy (domain: scripts, section 11): a duplicate batch is known by its hash.
    """
    earlier = bundle_by_hash(session, new.sha256)
    if earlier is not None:
        return _again(session, earlier, new, now=now, actor=actor)
    bundle = ScanBundle(sha256=new.sha256, state=str(BundleState.STAGED), pages=0, received_at=now, received_by=actor)
    _describe(bundle, new)
    bundle.changed_at = now
    try:
        with session.begin_nested():
            session.add(bundle)
    except IntegrityError:  # another connection was first with the same bytes
        earlier = bundle_by_hash(session, new.sha256)
        if earlier is None:
            raise
        return Staged(earlier, is_new=False)
    return Staged(bundle, is_new=True)


def _again(session: Session, bundle: ScanBundle, new: NewBundle, *, now: datetime, actor: str) -> Staged:
    was_discarded = bundle.state == BundleState.DISCARDED
    if was_discarded:
        _describe(bundle, new)
        bundle.received_at, bundle.received_by = now, actor
    if bundle.sitting_id is None:
        bundle.sitting_id = new.sitting_id
    placed = bundle.state == BundleState.UNPLACED and bundle.sitting_id is not None
    if was_discarded or placed or bundle.state == BundleState.FAILED:
        move_bundle(session, bundle, BundleState.STAGED, now=now)
    return Staged(bundle, is_new=was_discarded)


def _describe(bundle: ScanBundle, new: NewBundle) -> None:
    bundle.filename, bundle.size_bytes, bundle.source = new.filename[:255], new.size_bytes, new.source
    bundle.sitting_id, bundle.label = new.sitting_id, new.label[:80]
    bundle.batch, bundle.station = new.batch[:64], new.station[:64]
    bundle.sheets, bundle.sheets_checked = new.sheets, new.sheets_checked
    bundle.booklets, bundle.booklet_pages, bundle.duplex = new.booklets, new.booklet_pages, new.duplex


def move_bundle(
    session: Session, bundle: ScanBundle, state: BundleState, *, now: datetime, reason: str = ""
) -> ScanBundle:
    """Move a bundle on; raises ``BundleMoveRefused``."""
    bundle.state = str(require_bundle_move(BundleState(bundle.state), state))
    bundle.reason, bundle.changed_at = reason, now
    session.flush()
    return bundle


def get_bundle(session: Session, bundle_id: str, *, for_writing: bool = False) -> ScanBundle:
    """Return a bundle, kept from others until the transaction ends if it is to change; raises ``BundleUnknown``."""
    bundle = session.get(ScanBundle, bundle_id, with_for_update=for_writing or None)
    if bundle is None:
        raise BundleUnknown
    return bundle


def sitting_of_label(session: Session, untrusted_label: str) -> str | None:
    """Return the sitting of a packet label that we issued, or None for anything else."""
    try:
        return packet_of_label(session, untrusted_label).sitting_id
    except (CodeRefused, LabelUnknown):
        return None


def sitting_in(session: Session, bundle: ScanBundle, readings: Iterable[PageReading]) -> str | None:
    """Say of which sitting a bundle is: what its sender said, else the packet labels scanned with it, if they agree.

    Source: project policy: a bundle holds packets of one sitting; labels of several leave it to a person.
    """
    if bundle.sitting_id is not None:
        return bundle.sitting_id
    payloads = dict.fromkeys([bundle.label, *(code for page in readings for code in page.codes)])
    found = {sitting_of_label(session, payload) for payload in payloads if _is_label(payload)} - {None}
    return found.pop() if len(found) == 1 else None


def _is_label(payload: str) -> bool:
    try:
        return isinstance(read_code(payload), PacketLabel)
    except CodeRefused:
        return False


# Pushed as a whole


def expectation(session: Session, sitting_id: str, bundle: ScanBundle | None = None) -> Expectation:
    """Return what a bundle of a sitting may hold: candidates not withdrawn, what is indexed, the labels issued.

    Takes: the bundle, for what was counted of it; without one, nothing counts its pages.
    """
    sitting = get_sitting(session, sitting_id)
    lines = [line for line in register(session, sitting_id) if line.state != RegisterState.WITHDRAWN]
    indexed = [script for script in scripts_of(session, sitting_id) if script.pages]
    ids = [packet.id for packet in packets(session, sitting_id)]
    payloads = session.scalars(select(PacketLabelRow.payload).where(PacketLabelRow.packet_id.in_(ids)))
    return Expectation(
        Series.from_key(sitting.series_key).label,
        frozenset(_key(sitting, line.candidate_number) for line in lines),
        frozenset(_key(sitting, script.candidate_number) for script in indexed),
        frozenset(payloads),
        Counts() if bundle is None else counts_of(bundle),
    )


def counts_of(bundle: ScanBundle) -> Counts:
    """Return what was counted of a bundle outside the scanner and by it."""
    return Counts(
        sheets_fed=bundle.sheets,
        sheets=bundle.sheets_checked,
        booklets=bundle.booklets,
        booklet_pages=bundle.booklet_pages,
        duplex=Duplex(bundle.duplex or Duplex.MERGED),
    )


def _key(sitting: Sitting, candidate_number: str) -> ScriptKey:
    return ScriptKey(sitting.centre_number, sitting.component_code, candidate_number)


def push_bundle(
    session: Session, bundle: ScanBundle, readings: Iterable[PageReading], *, now: datetime, actor: str
) -> BundleOutcome:
    """Let a bundle's pages count: every page indexed or queued, every script found moved on; all of it or nothing.

    Takes: a bundle whose sitting is known; the readings of its pages.
    Returns: for each script found, the pages to cut out.
    Raises: ``SittingUnknown``; ``BundleMoveRefused``; ``PagesNotConserved``.
    Source: project policy (domain: scripts, section 11): imports all or nothing.
    """
    sitting = get_sitting(session, bundle.sitting_id or "")
    # Bundles of one sitting are pushed one after the other, so that a candidate's two copies always meet.
    session.scalar(select(Sitting.id).where(Sitting.id == sitting.id).with_for_update())
    pages = tuple(readings)
    taken = split(pages, expectation(session, sitting.id, bundle))
    with session.begin_nested():
        move_bundle(session, bundle, BundleState.PUSHED, now=now)
        bundle.pages = taken.pages_in
        known = {script.candidate_number: script for script in scripts_of(session, sitting.id)}
        _found_in(session, sitting.id, taken, known)
        indexed = _index(session, known, taken, bundle, now, actor)
        session.add_all(_rows(session, sitting, bundle, taken, pages, known))
        session.flush()
        _cases(session, sitting, bundle, taken, now)
    return BundleOutcome(bundle.id, indexed, taken)


def _found_in(session: Session, sitting_id: str, taken: Split, known: dict[str, Script]) -> None:
    """Move scripts to the packet whose label was scanned before them: where it was found beats where it was planned."""
    by_number = {packet.number: packet.id for packet in packets(session, sitting_id)}
    for found in taken.scripts:
        if found.label is not None and found.label.number in by_number:
            known[found.key.candidate_number].packet_id = by_number[found.label.number]


def _index(
    session: Session, known: dict[str, Script], taken: Split, bundle: ScanBundle, now: datetime, actor: str
) -> tuple[IndexedScript, ...]:
    events: list[ScriptEvent] = []
    for found in taken.scripts:
        script = known[found.key.candidate_number]
        script.pages = len(found.pages)
        scanned = {"bundle_id": bundle.id, "pages": len(found.pages)}
        indexed = {"bundle_id": bundle.id, "booklets": [list(booklet) for booklet in found.booklets]}
        state = require_script_move(ScriptState(script.state), ScriptState.INDEXED)
        events += [
            ScriptEvent(script.id, "scanned", now, now, actor, bundle.station, scanned, SOURCE),
            ScriptEvent(script.id, "indexed", now, now, actor, bundle.station, indexed, SOURCE, state=state),
        ]
    record_script_events(session, events)
    return tuple(
        IndexedScript(known[found.key.candidate_number].id, found.key.candidate_number, found.pages)
        for found in taken.scripts
    )


def _rows(
    session: Session,
    sitting: Sitting,
    bundle: ScanBundle,
    taken: Split,
    pages: tuple[PageReading, ...],
    known: dict[str, Script],
) -> list[ScanPage]:
    by_number = {packet.number: packet.id for packet in packets(session, sitting.id)}
    places: dict[int, dict[str, str | int | None]] = {}
    for found in taken.scripts:
        number = found.key.candidate_number
        for position, index in enumerate(found.pages, 1):
            places[index] = {"script_id": known[number].id, "candidate_number": number, "position": position}
    for header in taken.headers:
        places[header.index] = {"packet_id": by_number.get(header.label.number), "reason": "packet_label"}
    for page in taken.queued:
        proposed = page.proposed.candidate_number if page.proposed else None
        by = str(page.proposed_by or "")
        places[page.index] = {"reason": str(page.reason), "candidate_number": proposed, "proposed_by": by}
    queued = {page.index for page in taken.queued}
    return [
        ScanPage(
            bundle_id=bundle.id,
            page_index=page.index,
            disposition=str(Disposition.QUEUED if page.index in queued else Disposition.INDEXED),
            sha256=page.sha256,
            codes=list(page.codes),
            rotation=page.rotation,
            notes=[*page.notes, *([COVER] if _bears_cover(page) else [])],
            **places[page.index],
        )
        for page in pages
    ]


def _bears_cover(page: PageReading) -> bool:
    return page.mark or any(code.startswith("CV1|") for code in page.codes)


def _cases(session: Session, sitting: Sitting, bundle: ScanBundle, taken: Split, now: datetime) -> None:
    for reason, indices in taken.queues.items():
        if reason in CASE_REASONS:
            details = {"bundle_id": bundle.id, "pages": list(indices)}
            open_case(session, sitting.id, str(reason), f"bundle:{bundle.id}", now=now, details=details)
    for finding in taken.findings:
        subject = f"candidate:{finding.key.candidate_number}"
        open_case(session, sitting.id, finding.kind, subject, now=now, details={"detail": finding.detail})
    fed, checked, sides = bundle.sheets, bundle.sheets_checked, counts_of(bundle).sides
    if any(sheets is not None and sheets * sides != bundle.pages for sheets in (fed, checked)):
        counted = {"sheets": fed, "sheets_checked": checked, "pages": bundle.pages}
        open_case(session, sitting.id, "double_feed", f"bundle:{bundle.id}", now=now, details=counted)


# What is there


def bundles(session: Session, sitting_id: str) -> list[ScanBundle]:
    """Return the bundles of a sitting in order of receipt; those discarded before any of it counted are left out."""
    query = select(ScanBundle).where(ScanBundle.sitting_id == sitting_id)
    query = query.where(ScanBundle.state != str(BundleState.DISCARDED))
    return list(session.scalars(query.order_by(ScanBundle.received_at, ScanBundle.id)))


def bundle_pages(session: Session, bundle_id: str) -> list[ScanPage]:
    """Return every page of a bundle in order, with where it ended."""
    get_bundle(session, bundle_id)
    query = select(ScanPage).where(ScanPage.bundle_id == bundle_id).order_by(ScanPage.page_index)
    return list(session.scalars(query))


def get_page(session: Session, bundle_id: str, page_index: int) -> ScanPage:
    """Return one page; raises ``PageUnknown``."""
    page = session.get(ScanPage, (bundle_id, page_index))
    if page is None:
        raise PageUnknown
    return page


def queued_pages(session: Session, sitting_id: str) -> list[ScanPage]:
    """Return the pages of a sitting that wait for a person, bundle by bundle, in page order."""
    query = select(ScanPage).join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
    query = query.where(ScanBundle.sitting_id == sitting_id, ScanPage.disposition == str(Disposition.QUEUED))
    return list(session.scalars(query.order_by(ScanBundle.received_at, ScanBundle.id, ScanPage.page_index)))


def script_pages(session: Session, script_id: str) -> list[ScanPage]:
    """Return the pages of the present version of a script, in order."""
    query = select(ScanPage).where(ScanPage.script_id == script_id, ScanPage.position.is_not(None))
    return list(session.scalars(query.order_by(ScanPage.position, ScanPage.bundle_id, ScanPage.page_index)))


def bundle_counts(session: Session, bundle_id: str) -> dict[str, int]:
    """Count the pages of one bundle by where they ended."""
    query = select(ScanPage.disposition, func.count()).where(ScanPage.bundle_id == bundle_id)
    found = dict.fromkeys(map(str, Disposition), 0)
    found.update({str(end): count for end, count in session.execute(query.group_by(ScanPage.disposition))})
    return found


def page_counts(session: Session, sitting_id: str) -> PageCounts:
    """Count the pages of all bundles of a sitting by where they ended."""
    query = (
        select(ScanPage.disposition, func.count())
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(ScanBundle.sitting_id == sitting_id)
        .group_by(ScanPage.disposition)
    )
    by_end: dict[str, int] = {end: count for end, count in session.execute(query)}  # noqa: C416
    received = [bundle for bundle in bundles(session, sitting_id) if bundle.state == BundleState.PUSHED]
    sheets = [bundle.sheets for bundle in received if bundle.sheets is not None]
    return PageCounts(
        pages_in=sum(bundle.pages for bundle in received),
        indexed=by_end.get(str(Disposition.INDEXED), 0),
        blank_confirmed=by_end.get(str(Disposition.BLANK_CONFIRMED), 0),
        discarded=by_end.get(str(Disposition.DISCARDED), 0),
        queued=by_end.get(str(Disposition.QUEUED), 0),
        sheets=sum(sheets) if sheets and len(sheets) == len(received) else None,
    )
