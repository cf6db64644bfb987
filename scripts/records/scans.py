"""Scan bundles, their pages, and the queues where pages wait for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.entries import Series
from scripts.errors import (
    BundleDuplicate,
    BundleUnknown,
    PageSettled,
    PageUnknown,
    ScriptUnknown,
    SecondPersonNeeded,
)
from scripts.reconciliation import PageCounts, RegisterState
from scripts.records.custody import open_case, packets
from scripts.records.sittings import get_sitting, register, scripts_of
from scripts.splitting import Disposition, Expectation, PageReading, QueueReason, ScriptKey, ScriptPages, Split, split
from scripts.tables import PacketLabelRow, ScanBundle, ScanPage, Script, ScriptEventRow, Sitting
from scripts.tracking import SCRIPT_TRANSITIONS, ScriptState, require_script_move

CASE_REASONS = frozenset(QueueReason) - {QueueReason.BLANK}


@dataclass(frozen=True, slots=True)
class IndexedScript:
    """A script found in a bundle: its id and the pages of the bundle to cut out for it, in order."""

    script_id: str
    candidate_number: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BundleOutcome:
    """What registering a bundle did: the bundle, the scripts indexed, and the split it came from."""

    bundle_id: str
    scripts: tuple[IndexedScript, ...]
    split: Split


def expectation(session: Session, sitting_id: str) -> Expectation:
    """Return what a bundle of a sitting may hold: candidates not withdrawn, what is indexed, the labels issued."""
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
    )


def _key(sitting: Sitting, candidate_number: str) -> ScriptKey:
    return ScriptKey(sitting.centre_number, sitting.component_code, candidate_number)


def bundle_by_hash(session: Session, sha256: str) -> ScanBundle | None:
    """Return the bundle with these bytes, whatever it was called when it came."""
    return session.scalar(select(ScanBundle).where(ScanBundle.sha256 == sha256))


def register_bundle(
    session: Session,
    *,
    sitting_id: str,
    sha256: str,
    readings: Iterable[PageReading],
    now: datetime,
    actor: str,
    sheets: int | None = None,
) -> BundleOutcome:
    """Take in a scan bundle: every page indexed or queued, every script found moved on; all of it or nothing.

    Takes: ``sha256`` of the file, hex; the readings of its pages; ``sheets`` counted by a duplex feeder, if it counts.
    Returns: the bundle's id and, for each script found, the pages to cut out.
    Raises: ``SittingUnknown``; ``BundleDuplicate`` with the earlier ``bundle_id``; ``PagesNotConserved``.
    Source: project policy (domain: scripts, section 11): imports all or nothing, a duplicate batch is blocked.
    """
    sitting = get_sitting(session, sitting_id)
    earlier = bundle_by_hash(session, sha256)
    if earlier is not None:
        raise BundleDuplicate(bundle_id=earlier.id, received_at=earlier.received_at.isoformat())
    pages = tuple(readings)
    taken = split(pages, expectation(session, sitting_id))
    with session.begin_nested():
        bundle = ScanBundle(
            sha256=sha256,
            sitting_id=sitting_id,
            sheets=sheets,
            pages=taken.pages_in,
            state="split",
            received_at=now,
            received_by=actor,
        )
        _add_bundle(session, bundle)
        known = {script.candidate_number: script for script in scripts_of(session, sitting_id)}
        _found_in(session, sitting_id, taken, known)
        indexed = tuple(_index(session, known, found, bundle, now, actor) for found in taken.scripts)
        session.add_all(_rows(session, sitting, bundle, taken, pages, known))
        session.flush()
        _cases(session, sitting, bundle, taken, now)
    return BundleOutcome(bundle.id, indexed, taken)


def _add_bundle(session: Session, bundle: ScanBundle) -> None:
    """Add the bundle; raises ``BundleDuplicate`` when another connection was first with the same bytes."""
    sha256 = bundle.sha256
    try:
        with session.begin_nested():
            session.add(bundle)
    except IntegrityError as cause:
        earlier = bundle_by_hash(session, sha256)
        raise BundleDuplicate(bundle_id=earlier.id if earlier else None) from cause


def _found_in(session: Session, sitting_id: str, taken: Split, known: dict[str, Script]) -> None:
    """Move scripts to the packet whose label was scanned before them: where it was found beats where it was planned."""
    by_number = {packet.number: packet.id for packet in packets(session, sitting_id)}
    for found in taken.scripts:
        if found.label is not None and found.label.number in by_number:
            known[found.key.candidate_number].packet_id = by_number[found.label.number]


def _index(
    session: Session, known: dict[str, Script], found: ScriptPages, bundle: ScanBundle, now: datetime, actor: str
) -> IndexedScript:
    script = known[found.key.candidate_number]
    script.state = str(require_script_move(ScriptState(script.state), ScriptState.INDEXED))
    script.pages = len(found.pages)
    for kind, details in (
        ("scanned", {"bundle_id": bundle.id, "pages": len(found.pages)}),
        ("indexed", {"bundle_id": bundle.id, "booklets": [list(booklet) for booklet in found.booklets]}),
    ):
        session.add(
            ScriptEventRow(
                script_id=script.id, kind=kind, occurred_at=now, received_at=now, actor=actor, details=details
            )
        )
    return IndexedScript(script.id, script.candidate_number, found.pages)


def _rows(
    session: Session,
    sitting: Sitting,
    bundle: ScanBundle,
    taken: Split,
    pages: tuple[PageReading, ...],
    known: dict[str, Script],
) -> list[ScanPage]:
    by_number = {packet.number: packet.id for packet in packets(session, sitting.id)}
    places: dict[int, dict[str, str | None]] = {}
    for found in taken.scripts:
        number = found.key.candidate_number
        for index in found.pages:
            places[index] = {"script_id": known[number].id, "candidate_number": number}
    for header in taken.headers:
        places[header.index] = {"packet_id": by_number.get(header.label.number), "reason": "packet_label"}
    for page in taken.queued:
        proposed = page.proposed.candidate_number if page.proposed else None
        places[page.index] = {"reason": str(page.reason), "candidate_number": proposed}
    queued = {page.index for page in taken.queued}
    return [
        ScanPage(
            bundle_id=bundle.id,
            page_index=page.index,
            disposition=str(Disposition.QUEUED if page.index in queued else Disposition.INDEXED),
            sha256=page.sha256,
            **places[page.index],
        )
        for page in pages
    ]


def _cases(session: Session, sitting: Sitting, bundle: ScanBundle, taken: Split, now: datetime) -> None:
    for reason, indices in taken.queues.items():
        if reason in CASE_REASONS:
            details = {"bundle_id": bundle.id, "pages": list(indices)}
            open_case(session, sitting.id, str(reason), f"bundle:{bundle.id}", now=now, details=details)
    for finding in taken.findings:
        subject = f"candidate:{finding.key.candidate_number}"
        open_case(session, sitting.id, finding.kind, subject, now=now, details={"detail": finding.detail})
    if bundle.sheets is not None and bundle.pages != 2 * bundle.sheets:
        counted = {"sheets": bundle.sheets, "pages": bundle.pages}
        open_case(session, sitting.id, "double_feed", f"bundle:{bundle.id}", now=now, details=counted)


def get_bundle(session: Session, bundle_id: str) -> ScanBundle:
    """Return a bundle; raises ``BundleUnknown``."""
    bundle = session.get(ScanBundle, bundle_id)
    if bundle is None:
        raise BundleUnknown
    return bundle


def bundles(session: Session, sitting_id: str) -> list[ScanBundle]:
    """Return the bundles of a sitting in order of receipt."""
    query = select(ScanBundle).where(ScanBundle.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(ScanBundle.received_at, ScanBundle.id)))


def bundle_pages(session: Session, bundle_id: str) -> list[ScanPage]:
    """Return every page of a bundle in order, with where it ended."""
    get_bundle(session, bundle_id)
    query = select(ScanPage).where(ScanPage.bundle_id == bundle_id).order_by(ScanPage.page_index)
    return list(session.scalars(query))


def queued_pages(session: Session, sitting_id: str) -> list[ScanPage]:
    """Return the pages of a sitting that wait for a person, bundle by bundle, in page order."""
    query = select(ScanPage).join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
    query = query.where(ScanBundle.sitting_id == sitting_id, ScanPage.disposition == str(Disposition.QUEUED))
    return list(session.scalars(query.order_by(ScanBundle.received_at, ScanBundle.id, ScanPage.page_index)))


def _waiting(session: Session, bundle_id: str, page_index: int) -> ScanPage:
    page = session.get(ScanPage, (bundle_id, page_index))
    if page is None:
        raise PageUnknown
    if page.disposition != Disposition.QUEUED:
        raise PageSettled(disposition=page.disposition)
    return page


def confirm_blank(session: Session, bundle_id: str, page_index: int, *, actor: str, now: datetime) -> ScanPage:
    """Confirm, having looked, that a queued page is blank.

    Raises: ``PageUnknown``, ``PageSettled``; ``PageSettled`` also for a page queued for another reason than blank.
    """
    page = _waiting(session, bundle_id, page_index)
    if page.reason != QueueReason.BLANK:
        raise PageSettled("Only a page that was queued as blank can be confirmed as blank.", reason=page.reason)
    page.disposition, page.decided_by, page.decided_at = str(Disposition.BLANK_CONFIRMED), actor, now
    session.flush()
    return page


def discard_page(
    session: Session, bundle_id: str, page_index: int, *, reason: str, actor: str, second: str, now: datetime
) -> ScanPage:
    """Discard a queued page for a reason that two people stand for; the sealed bundle keeps its image.

    Raises: ``PageUnknown``, ``PageSettled``, ``SecondPersonNeeded``.
    """
    page = _waiting(session, bundle_id, page_index)
    if not second.strip() or second.strip().casefold() == actor.strip().casefold():
        raise SecondPersonNeeded
    page.disposition, page.reason = str(Disposition.DISCARDED), reason[:40]
    page.decided_by, page.seconded_by, page.decided_at = actor, second, now
    session.flush()
    return page


def assign_page(
    session: Session,
    bundle_id: str,
    page_index: int,
    *,
    candidate_number: str,
    actor: str,
    second: str,
    now: datetime,
) -> ScanPage:
    """Index a queued page by hand to a candidate of the register; one proposes, a second person confirms.

    Raises: ``PageUnknown``, ``PageSettled``, ``SecondPersonNeeded``, ``ScriptUnknown``, ``TransitionRefused``.
    Source: project policy (domain: scripts, section 8): manual index by two people.
    """
    page = _waiting(session, bundle_id, page_index)
    if not second.strip() or second.strip().casefold() == actor.strip().casefold():
        raise SecondPersonNeeded
    sitting_id = get_bundle(session, bundle_id).sitting_id
    script = {one.candidate_number: one for one in scripts_of(session, sitting_id)}.get(candidate_number)
    if script is None:
        raise ScriptUnknown("The candidate is not on the register of this sitting.")
    state = ScriptState(script.state)
    if ScriptState.INDEXED in SCRIPT_TRANSITIONS[state]:
        script.state = str(ScriptState.INDEXED)
    elif state is not ScriptState.INDEXED:
        require_script_move(state, ScriptState.INDEXED)
    page.disposition, page.script_id, page.candidate_number = str(Disposition.INDEXED), script.id, candidate_number
    page.decided_by, page.seconded_by, page.decided_at = actor, second, now
    script.pages += 1
    details = {"bundle_id": bundle_id, "page": page_index, "seconded_by": second, "queue": page.reason}
    session.add(
        ScriptEventRow(
            script_id=script.id, kind="indexed_by_hand", occurred_at=now, received_at=now, actor=actor, details=details
        )
    )
    session.flush()
    return page


def page_counts(session: Session, sitting_id: str) -> PageCounts:
    """Count the pages of all bundles of a sitting by where they ended."""
    query = (
        select(ScanPage.disposition, func.count())
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(ScanBundle.sitting_id == sitting_id)
        .group_by(ScanPage.disposition)
    )
    by_end: dict[str, int] = {end: count for end, count in session.execute(query)}  # noqa: C416
    received = bundles(session, sitting_id)
    sheets = [bundle.sheets for bundle in received if bundle.sheets is not None]
    return PageCounts(
        pages_in=sum(bundle.pages for bundle in received),
        indexed=by_end.get(str(Disposition.INDEXED), 0),
        blank_confirmed=by_end.get(str(Disposition.BLANK_CONFIRMED), 0),
        discarded=by_end.get(str(Disposition.DISCARDED), 0),
        queued=by_end.get(str(Disposition.QUEUED), 0),
        sheets=sum(sheets) if sheets and len(sheets) == len(received) else None,
    )
