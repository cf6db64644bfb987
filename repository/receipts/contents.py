"""What receipts say of files: each with its place, size, hash and times."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from moderation.records.samples import sample_item_of
from repository import evidence
from repository.evidence import AttachedDocument
from repository.receipts.bodies import instant


def file_line(document: AttachedDocument, due_at: datetime | None) -> Mapping[str, object]:
    """Return a file as a receipt lists it.

    ``declared_in_time`` says whether its length, and its hash if the sender gave one, were declared before it was due;
    None where that is not known.
    """
    return {
        "document": document.document_id,
        "slot": document.slot,
        "name": document.filename,
        "media_type": document.media_type,
        "size_bytes": document.size_bytes,
        "sha256": document.sha256,
        "sha256_declared_by_sender": document.declared,
        "declared_at": instant(document.declared_at) if document.declared_at else None,
        "declared_in_time": document.declared_at <= due_at if document.declared_at and due_at else None,
        "received_at": instant(document.received_at),
        "received_in_time": document.received_at <= due_at if due_at else None,
    }


def file_lines(session: Session, document_id: str, item_id: str | None, due_at: datetime | None) -> dict[str, object]:
    """Return one file as the part of a receipt that lists files: of a candidate, or of the whole group."""
    line = file_line(evidence.attached_of(session, document_id), due_at)
    if item_id is None:
        return {"candidates": [], "cohort_files": [line]}
    item = sample_item_of(session, item_id)
    one = {"candidate_number": item.candidate_number, "position": item.position, "no_work_reason": "", "files": [line]}
    return {"candidates": [one], "cohort_files": []}
