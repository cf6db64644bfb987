"""Certificates of custody: what is known of a script, or of every script of a sitting, signed, at the moment of asking."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import audit
from repository.access import Action, Role
from repository.acts import custody as lines_of
from repository.acts.cases import actor_of
from repository.acts.custody import EventKey, Picture
from repository.acts.sittings import permitted
from repository.audit import Context
from repository.audit.keeping import log_of
from repository.errors import NotFound
from repository.receipts import Signer
from repository.receipts.bodies import By, instant
from repository.receipts.custody import chained, whole
from repository.receipts.issuing import about, by_actor, issue
from repository.receipts.kinds import ReceiptKind
from repository.services import Services
from repository.tables import BundleDocument, DocumentRow, ReceiptRow, ScriptDocument
from scripts import records
from scripts.custody import About, CustodyEvent, CustodyLine, Standing
from scripts.records import custody_lines
from scripts.tables import Packet, ScanPage, Script, Sitting

LISTED = 200
NEWEST = 20
"""So many certificates of a sitting are looked at for one that says the same."""


async def checkpoint_of(services: Services) -> Mapping[str, object] | None:
    """Return what the audit log says of itself just now: its name, size and root; None while it has no entry."""
    signed = await log_of(services).checkpoint()
    if signed is None:
        return None
    origin, size, root, *_ = signed.note.split("\n")
    return {"origin": origin, "size": int(size), "root": root}


def of_script(
    session: Session, context: Context, signer: Signer, script_id: str, checkpoint: Mapping[str, object] | None
) -> str:
    """Issue the certificate of one script; returns its id. The same again gives the same certificate.

    Takes: ``checkpoint``: what the audit log's newest checkpoint says, if there is one.
    """
    script = session.get(Script, script_id)
    if script is None:
        raise NotFound
    sitting = permitted(session, context, Action.CUSTODY_CERTIFY, script.sitting_id)
    calendar = lines_of.calendar_of(session, sitting)
    line = custody_lines.script_line(session, script_id, now=context.now, calendar=calendar)
    return _issue(session, context, signer, sitting, [line], "script", checkpoint)


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """A certificate about the scripts of a sitting: of custody, or of their destruction."""

    receipt_id: str
    kind: str
    issued_at: datetime


def listed(session: Session, context: Context, sitting_id: str) -> tuple[CertificateLine, ...]:
    """Return the certificates about the scripts of a sitting, the newest first."""
    sitting = permitted(session, context, Action.CUSTODY_CERTIFY, sitting_id)
    rows = session.execute(
        select(ReceiptRow.id, ReceiptRow.kind, ReceiptRow.issued_at)
        .where(
            ReceiptRow.sitting_id == sitting.id,
            ReceiptRow.kind.in_([ReceiptKind.CUSTODY, ReceiptKind.SCRIPTS_DESTROYED]),
        )
        .order_by(ReceiptRow.issued_at.desc(), ReceiptRow.id)
        .limit(LISTED)
    )
    return tuple(CertificateLine(*row) for row in rows)


def of_sitting(
    session: Session, context: Context, signer: Signer, sitting_id: str, checkpoint: Mapping[str, object] | None
) -> str:
    """Issue the certificate of every script of a sitting; as ``of_script``."""
    sitting = permitted(session, context, Action.CUSTODY_CERTIFY, sitting_id)
    calendar = lines_of.calendar_of(session, sitting)
    lines = custody_lines.sitting_lines(session, sitting_id, now=context.now, calendar=calendar)
    if not lines:
        raise NotFound("There is no script in this sitting to certify.")
    return _issue(session, context, signer, sitting, lines, "sitting", checkpoint)


def _issue(
    session: Session,
    context: Context,
    signer: Signer,
    sitting: Sitting,
    lines: Sequence[CustodyLine],
    subject: str,
    checkpoint: Mapping[str, object] | None,
) -> str:
    said = _said(session, sitting, lines, subject)
    found = _same(session, sitting.id, said)
    if found is not None:
        audit.record(session, context, "custody.certificate", "receipt", found, repeated=True)
        return found
    what = about(
        session,
        series_key=sitting.series_key,
        component_code=sitting.component_code,
        centre_number=sitting.centre_number,
        sitting_id=sitting.id,
    )
    content = {
        "held_on": sitting.held_on.isoformat(),
        "session_of_day": sitting.session_of_day,
        "custody": said,
        "log_checkpoint": checkpoint,
    }
    return issue(session, context, signer, ReceiptKind.CUSTODY, what, _by(context), content)


def _by(context: Context) -> By:
    """Return who asked: people of the awarding body by their role only, as the centre reads this."""
    actor = actor_of(context)
    by = by_actor(actor)
    return By("", "", by.role, by.role_title) if actor.role is Role.AB_OFFICER else by


def _same(session: Session, sitting_id: str, said: Mapping[str, object]) -> str | None:
    """Return the certificate that says just this, if nothing has happened since."""
    rows = session.scalars(
        select(ReceiptRow)
        .where(ReceiptRow.sitting_id == sitting_id, ReceiptRow.kind == ReceiptKind.CUSTODY)
        .order_by(ReceiptRow.issued_at.desc())
        .limit(NEWEST)
    )
    return next((row.id for row in rows if json.loads(row.body).get("custody") == said), None)


# What it says


def _said(session: Session, sitting: Sitting, lines: Sequence[CustodyLine], subject: str) -> dict[str, object]:
    packet_ids = sorted({line.script.packet_id for line in lines if line.script.packet_id is not None})
    of_packets = custody_lines.packet_events(session, packet_ids)
    own = {
        line.script.script_id: [one.event for one in line.history if one.event.about is About.SCRIPT] for line in lines
    }
    every = [event for events in (*of_packets.values(), *own.values()) for event in events]
    roles = lines_of.roles_of(session, sitting, every)
    pictures = lines_of.pictures_of(session, every)
    scans = _scans(session, [line.script.script_id for line in lines])

    def written(events: Iterable[CustodyEvent]) -> dict[str, object]:
        return chained(_event(event, roles, pictures.get(event.id, ())) for event in events)

    bags = (
        session.scalars(select(Packet).where(Packet.id.in_(packet_ids)).order_by(Packet.number)) if packet_ids else ()
    )
    packets = [
        {
            "packet": bag.number,
            "of": bag.of,
            "id": bag.id,
            "state": bag.state,
            "noticed": sorted(bag.side_states or ()),
            "record_chain": {
                "events": bag.event_count,
                "last_sha256": bag.chain_sha256,
                "holds": not records.broken_packet_chain(session, bag),
            },
        }
        | written(of_packets.get(bag.id, ()))
        for bag in bags
    ]
    scripts = [_script(line, scans) | written(own[line.script.script_id]) for line in lines]
    return {"about": subject, "packets": packets, "scripts": scripts, "whole": whole(scripts, packets)}


def _script(line: CustodyLine, scans: Mapping[str, list[dict[str, object]]]) -> dict[str, object]:
    script = line.script
    return {
        "script": script.script_id,
        "candidate_number": script.candidate_number,
        "state": script.state,
        "register": script.register,
        "explained": script.explained,
        "packet": script.packet_number,
        "open_cases": list(script.cases),
        "scans": scans.get(script.script_id, []),
        "steps": [
            {
                "step": str(mark.step),
                "known_of": str(mark.standing) if mark.standing in {Standing.SCRIPT, Standing.PACKET} else "nothing",
                "standing": str(mark.standing),
                "event": mark.event.id if mark.event is not None else None,
                "due_at": instant(mark.due_at) if mark.due_at is not None else None,
            }
            for mark in line.marks
        ],
        "unknown": [str(step) for step in line.unknown],
    }


def _event(event: CustodyEvent, roles: Mapping[EventKey, str], pictures: Sequence[Picture]) -> dict[str, object]:
    return {
        "event": event.id,
        "kind": event.kind,
        "words": lines_of.words_of(event),
        "occurred_at": instant(event.occurred_at),
        "received_at": instant(event.received_at),
        "place": event.place,
        "role": roles[event.about, event.id],
        "source": event.source,
        "corrects": event.corrects_id,
        "counted": event.count,
        "chain_sha256": event.chain_sha256,
        "evidence": [{"kind": one.kind, "sha256": one.sha256} for one in pictures],
    }


def _scans(session: Session, script_ids: Sequence[str]) -> Mapping[str, list[dict[str, object]]]:
    """Return script → its sealed scan and the bundles that its pages came from, by hash."""
    found: dict[str, list[dict[str, object]]] = {script_id: [] for script_id in script_ids}
    of_script = (
        select(ScriptDocument.script_id, DocumentRow)
        .join(DocumentRow, DocumentRow.id == ScriptDocument.document_id)
        .where(ScriptDocument.script_id.in_(script_ids))
        .order_by(DocumentRow.received_at, DocumentRow.id)
    )
    for script_id, row in session.execute(of_script):
        found[script_id].append(_scan("script", row))
    of_bundle = (
        select(ScanPage.script_id, DocumentRow)
        .join(BundleDocument, BundleDocument.bundle_id == ScanPage.bundle_id)
        .join(DocumentRow, DocumentRow.id == BundleDocument.document_id)
        .where(ScanPage.script_id.in_(script_ids))
        .order_by(DocumentRow.received_at, DocumentRow.id)
    )
    # One line a bundle, however many of its pages are the script's; PostgreSQL cannot compare whole rows of documents.
    for of, row in dict.fromkeys((one[0], one[1]) for one in session.execute(of_bundle)):
        if of is not None:
            found[of].append(_scan("bundle", row))
    return found


def _scan(kind: str, row: DocumentRow) -> dict[str, object]:
    return {
        "what": kind,
        "document": row.id,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "pages": row.page_count,
        "sealed_at": instant(row.received_at),
    }
