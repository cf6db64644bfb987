"""Acts on pictures of custody: added by whoever kept the log, seen by whoever may see the packet."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from repository import access, audit, custody_evidence, objects, pictures
from repository.access import Action
from repository.acts import despatch
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.custody_evidence import EvidenceKind
from repository.errors import EvidenceConflict, NotFound
from repository.services import Services
from repository.tables import CustodyEvidence, DocumentRow
from scripts.despatch_log import EntryKind
from scripts.records import despatch_log
from scripts.tables import DespatchEntryRow, Packet, Sitting
from storage.vault import StoredObject

OF_ENTRY = {
    EntryKind.SEALED: frozenset({EvidenceKind.PHOTOGRAPH, EvidenceKind.PAPER_LOG}),
    EntryKind.HANDED_OVER: frozenset(
        {EvidenceKind.PHOTOGRAPH, EvidenceKind.SIGNATURE, EvidenceKind.PROOF_OF_POSTING, EvidenceKind.PAPER_LOG}
    ),
    EntryKind.BOOKED: frozenset[EvidenceKind](),
}
"""Which pictures belong to which entry of the log."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A picture that came: under which id of its sender, what it shows, of which entry, and of which of its lines."""

    sent_id: str
    entry_id: str
    kind: EvidenceKind
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a picture: its document, whether it was there before, and the receipts that follow from it."""

    document_id: str
    is_repeat: bool
    receipts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that may be shown now."""

    document_id: str
    media_type: str
    stored: StoredObject


async def take(services: Services, context: Context, sending: Sending, data: bytes) -> Taken:
    """Take in a picture of an entry of the log: drawn anew, sealed, and tied to the events that it shows.

    A driver's signature on glass proves the hand-over: the packets are collected by it, and our receipt is issued.
    Raises: ``NotFound`` for an entry of another centre, or one that has not come yet; ``PictureRefused``;
        ``EvidenceConflict`` when the id was used for another picture. The same picture again changes nothing.
    """
    sent_sha256 = objects.sha256_hex(data)
    scope, known = await services.database.read(lambda s: _permitted(s, context, sending, sent_sha256))
    if known is not None:
        return known
    drawn, scan_state = await pictures.draw(services, data)
    sealed = await pictures.seal(services, context, scope, f"{sending.kind}.jpg", drawn, scan_state)

    def keep(session: Session) -> Taken:
        _, earlier = _permitted(session, context, sending, sent_sha256)
        if earlier is not None:
            return earlier
        document_id = pictures.keep(session, context, sealed, services.clock())
        return _tied(session, services, context, sending, document_id, sent_sha256)

    try:
        done = await services.database.write(keep)
    except Exception:
        await pictures.forget(services, sealed)
        raise
    if done.is_repeat:
        await pictures.forget(services, sealed)
    return done


def _permitted(session: Session, context: Context, sending: Sending, sent_sha256: str) -> tuple[str, Taken | None]:
    """Return the scope under which the picture is sealed, and what became of it if it came before."""
    row = _entry(session, context, sending)
    earlier = custody_evidence.of_sending(session, sending.sent_id)
    if earlier:
        same = all(one.event_id.startswith(f"{row.id}:") for one in earlier) and earlier[0].sent_sha256 == sent_sha256
        if not same or earlier[0].kind != sending.kind:
            raise EvidenceConflict
        return "", Taken(earlier[0].document_id, is_repeat=True)
    lines = despatch_log.events_of_entry(session, row, sending.position)
    if not lines:
        raise NotFound
    sitting = session.get_one(Sitting, session.get_one(Packet, next(iter(lines.values())).packet_id).sitting_id)
    return objects.scope_name(sitting.centre_number, sitting.series_key, objects.SCRIPTS), None


def _entry(session: Session, context: Context, sending: Sending) -> DespatchEntryRow:
    row = session.get(DespatchEntryRow, sending.entry_id)
    if row is None or row.centre_number != despatch.centre_of(context):
        raise NotFound
    if sending.kind not in OF_ENTRY[EntryKind(row.kind)]:
        raise NotFound
    return row


def _tied(
    session: Session, services: Services, context: Context, sending: Sending, document_id: str, sent_sha256: str
) -> Taken:
    row = _entry(session, context, sending)
    lines = despatch_log.events_of_entry(session, row, sending.position)
    sitting_of = {event: session.get_one(Packet, line.packet_id).sitting_id for event, line in lines.items()}
    custody_evidence.add(
        session,
        list(lines),
        sitting_of=sitting_of,
        kind=sending.kind,
        document_id=document_id,
        sent_id=sending.sent_id,
        sent_sha256=sent_sha256,
        actor=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(session, context, "custody.picture", "despatch_entry", row.id, picture=str(sending.kind))
    receipts: tuple[str, ...] = ()
    if sending.kind is EvidenceKind.SIGNATURE:
        proved = despatch_log.sign(session, row.id, now=context.now)
        receipts = despatch.receipts_of(session, context, services.signer, row, proved)
    return Taken(document_id, is_repeat=False, receipts=receipts)


def picture(session: Session, context: Context, evidence_id: str) -> Picture:
    """Permit and record one look at a picture of custody; raises ``NotFound``.

    Seen by the own centre, tracking clerks and officers: whoever may read the sitting.
    """
    found = session.get(CustodyEvidence, evidence_id)
    if found is None:
        raise NotFound
    sitting = session.get(Sitting, found.sitting_id)
    if sitting is None:
        raise NotFound
    access.require(actor_of(context), Action.SITTING_READ, centre_number=sitting.centre_number)
    document = session.get_one(DocumentRow, found.document_id)
    audit.record(session, context, "custody.picture.view", "custody_evidence", evidence_id, document=document.id)
    return Picture(document.id, document.media_type or "", objects.stored_object(session, document.oid))
