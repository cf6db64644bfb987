"""The original of a file, by exception: for an officer of the awarding body, once it was scanned, and never in silence."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from repository import access, audit, evidence, objects, people
from repository.access import Action
from repository.acts.cases import actor_of
from repository.antivirus import ScanState
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound, OriginalRefused
from storage.vault import StoredObject

MAY_BE_OPENED = (DocumentState.RELEASED, DocumentState.HELD)


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was sent."""

    document_id: str
    filename: str
    size_bytes: int
    stored: StoredObject


def check(session: Session, context: Context, document_id: str) -> None:
    """Refuse an original that must not be given out; raises as ``give``."""
    _permitted(session, context, document_id)


def give(session: Session, context: Context, document_id: str) -> Original:
    """Permit one officer to have a file as it was sent, to be kept and opened elsewhere, and record it.

    Raises: ``NotFound``; ``OriginalRefused`` unless a virus scanner found nothing in all of it.
    """
    original, case_id = _permitted(session, context, document_id)
    audit.record(session, context, Action.DOCUMENT_ORIGINAL, "document", document_id, case=case_id)
    return original


def _permitted(session: Session, context: Context, document_id: str) -> tuple[Original, str]:
    actor = actor_of(context)
    found = evidence.find(session, document_id)
    if found is None:
        raise NotFound
    document, _, case = found
    reached = people.reaches(session, actor, Action.DOCUMENT_ORIGINAL, case, context.now)
    access.require(actor, Action.DOCUMENT_ORIGINAL, centre_number=case.centre_number, allocated=reached)
    if document.state not in MAY_BE_OPENED or document.scan_state != ScanState.CLEAN.value:
        raise OriginalRefused(state=document.state)
    stored = objects.stored_object(session, document.oid)
    return Original(document.id, document.filename, document.size_bytes, stored), case.id
