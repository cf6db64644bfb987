"""The receipts that acts of centres end with: of marks, samples, parcels, packets, and of what is taken back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.marks import MarkStatus
from moderation.records.cases import CaseView
from moderation.records.marks import MarkSheet
from moderation.records.samples import SampleView
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.receipts import Signer
from repository.receipts.bodies import Missing, instant, marks_text, sha256_hex
from repository.receipts.contents import file_lines
from repository.receipts.issuing import About, about, by_actor, issue, newest_of
from repository.receipts.kinds import ReceiptKind
from repository.tables import ReceiptRow, new_id
from scripts.tables import Packet, Sitting


def of_sample(
    session: Session,
    context: Context,
    signer: Signer,
    case: CaseView,
    sample: SampleView,
    candidates: Sequence[Mapping[str, object]],
    cohort: Sequence[Mapping[str, object]],
    missing: Sequence[Missing],
    declaration: Mapping[str, object],
) -> str:
    """Issue the receipt of a submitted sample; returns its id. One issued again names the one it replaces.

    Takes: ``cohort``, the documents about the whole group; ``declaration``, what was declared, by whom and when.
    """
    content = {
        "sample": sample.sample_id,
        "due_at": instant(sample.due_at),
        "candidates": list(candidates),
        "cohort_files": list(cohort),
        "declaration": dict(declaration),
        "replaces": newest_of(session, case.case_id),
    }
    return _of_case(session, context, signer, ReceiptKind.SAMPLE_SUBMITTED, case, content, missing)


def of_marks(session: Session, context: Context, signer: Signer, case: CaseView, sheet: MarkSheet) -> str:
    """Issue the receipt of submitted marks: how many and their sum, and the hash of the marks themselves."""
    receipt_id = new_id()
    marks = marks_text(
        receipt_id,
        secrets.token_hex(16),
        [
            {"candidate_number": line.candidate_number, "mark": line.mark, "status": line.status and line.status.value}
            for line in sheet.lines
        ],
    )
    content = {
        "marks": {
            "version": sheet.mark_set_version,
            "candidates": len(sheet.lines),
            "with_mark": sum(line.mark is not None for line in sheet.lines),
            "control_total": sheet.control_total,
            "maximum_mark": case.maximum_mark,
        },
        "marks_sha256": sha256_hex(marks),
        "replaces": newest_of(session, case.case_id, ReceiptKind.MARKS_SUBMITTED),
    }
    missing = [
        Missing(line.candidate_number, ("Mark",), _status_words(line.status))
        for line in sheet.lines
        if line.mark is None
    ]
    actor = actor_of(context)
    return issue(
        session,
        context,
        signer,
        ReceiptKind.MARKS_SUBMITTED,
        _about(session, case),
        by_actor(actor),
        content,
        missing=missing,
        marks=marks,
        receipt_id=receipt_id,
    )


def of_withdrawn_document(
    session: Session,
    context: Context,
    signer: Signer,
    case: CaseView,
    document_id: str,
    item_id: str | None,
    state: str,
) -> str:
    """Issue the receipt of a file that was withdrawn. ``state`` is what it was before."""
    content = file_lines(session, document_id, item_id, case.sample_due_at) | {"state_before": state}
    return _of_case(session, context, signer, ReceiptKind.DOCUMENT_WITHDRAWN, case, content)


def of_moved_files(
    session: Session,
    context: Context,
    signer: Signer,
    case: CaseView,
    moved: Sequence[tuple[str, str | None, Mapping[str, object]]],
) -> str:
    """Issue the receipt of files that were put into another place.

    Takes: ``moved``: each document, the sample item that it is of now (None for the whole group), and where it was.
    """
    parts = [
        (file_lines(session, document_id, item_id, case.sample_due_at), before)
        for document_id, item_id, before in moved
    ]
    content = {
        name: [line for lines, _ in parts for line in cast(Sequence[object], lines[name])]
        for name in ("candidates", "cohort_files")
    } | {"moved_from": [{"document": one[0], **before} for one, (_, before) in zip(moved, parts, strict=True)]}
    return _of_case(session, context, signer, ReceiptKind.FILES_MOVED, case, content)


def of_sample_given_back(
    session: Session, context: Context, signer: Signer, case: CaseView, asked_by: str, reopening_id: str
) -> str:
    """Issue the receipt of a submitted sample that the centre asked back and was given."""
    content = {
        "reopening": reopening_id,
        "asked_by": asked_by,
        "takes_back": newest_of(session, case.case_id),
    }
    return _of_case(session, context, signer, ReceiptKind.SAMPLE_WITHDRAWN, case, content)


def of_parcel(
    session: Session,
    context: Context,
    signer: Signer,
    case: CaseView,
    sample: SampleView,
    consignment_id: str,
    proof_of_posting_number: str,
    contents: Collection[str],
) -> str:
    """Issue the receipt of a parcel that was recorded as posted: whose work is in it, and whose is not, and why."""
    inside = set(contents)
    items = [item for item in sample.items if item.case_id == case.case_id]
    content = {
        "consignment": consignment_id,
        "proof_of_posting_number": proof_of_posting_number,
        "due_at": instant(sample.due_at),
        "candidates": [
            {"candidate_number": item.candidate_number, "position": item.position, "no_work_reason": "", "files": []}
            for item in items
            if item.item_id in inside
        ],
    }
    missing = [
        Missing(item.candidate_number, ("Work",), item.no_work_reason or "Not in this parcel")
        for item in items
        if item.item_id not in inside and not item.is_replaced
    ]
    return _of_case(session, context, signer, ReceiptKind.PARCEL_DESPATCHED, case, content, missing)


class LogLine(Protocol):
    """A line of the despatch log, as far as a receipt tells of it."""

    @property
    def label(self) -> str:
        """Return what is on the packet's label."""

    @property
    def script_count(self) -> int:
        """Return how many scripts the log says are in the packet."""

    def as_details(self) -> Mapping[str, object]:
        """Return what the log says of the hand-over."""


def of_packets(
    session: Session,
    context: Context,
    signer: Signer,
    sitting: Sitting,
    sent: Sequence[tuple[str, LogLine, Packet]],
    missing: Sequence[Missing],
) -> str:
    """Issue the receipt of packets of scripts that were recorded as handed over; the same again gives the same receipt.

    Takes: ``sent``: for each packet the key of its event, the line of the log, and the packet.
    """
    packets = [
        {
            "event": event_id,
            "label": line.label,
            "packet": packet.number,
            "of": packet.of,
            "script_count": line.script_count,
            "candidate_numbers": sorted(packet.candidate_numbers),
            **{
                name: value for name, value in sorted(line.as_details().items()) if name in _OF_DESPATCH and value != ""
            },
        }
        for event_id, line, packet in sent
    ]
    before = session.scalars(
        select(ReceiptRow)
        .where(ReceiptRow.sitting_id == sitting.id, ReceiptRow.kind == ReceiptKind.PACKETS_DESPATCHED)
        .order_by(ReceiptRow.issued_at.desc())
        .limit(20)
    )
    for row in before:
        if json.loads(row.body).get("packets") == packets:
            return row.id
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
        "packets": packets,
    }
    by = by_actor(actor_of(context))
    return issue(session, context, signer, ReceiptKind.PACKETS_DESPATCHED, what, by, content, missing=missing)


_OF_DESPATCH = frozenset({"collection", "carrier", "tracking_number", "proof_of_posting", "booking_reference"})


def _of_case(
    session: Session,
    context: Context,
    signer: Signer,
    kind: ReceiptKind,
    case: CaseView,
    content: Mapping[str, object],
    missing: Sequence[Missing] = (),
) -> str:
    by = by_actor(actor_of(context))
    return issue(session, context, signer, kind, _about(session, case), by, content, missing=missing)


def _about(session: Session, case: CaseView) -> About:
    return about(
        session,
        series_key=case.series_key,
        component_code=case.component_code,
        centre_number=case.centre_number,
        case_id=case.case_id,
    )


def _status_words(status: MarkStatus | None) -> str:
    return "No mark" if status is None else status.value.replace("_", " ").capitalize()
