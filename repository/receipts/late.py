"""Files that come late: each gets a receipt of its own, with when it was declared, when it came and when it was due."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import ModerationCase, Reopening, Sample
from moderation.tracking import Subject
from repository import evidence
from repository.audit import Context
from repository.receipts.bodies import instant
from repository.receipts.contents import file_lines
from repository.receipts.issuing import about, by_assignment, issue
from repository.receipts.kinds import ReceiptKind
from repository.receipts.signing import Signer
from repository.tables import ReceiptRow, UploadRow

AFTER_DUE = "after the sample was due"
AFTER_GIVEN_BACK = "after the sample was given back"


def is_late(received_at: datetime, due_at: datetime | None, reopened_at: datetime | None) -> bool:
    """Say whether a file came late: after the sample was due, or after a submitted sample was given back."""
    return (due_at is not None and received_at > due_at) or (reopened_at is not None and received_at > reopened_at)


def note_released(session: Session, context: Context, signer: Signer, document_id: str) -> str | None:
    """Issue the receipt of a file that was just verified and released, if it came late; returns the receipt's id."""
    found = evidence.find(session, document_id)
    if found is None:
        return None
    document, item, case = found
    due_at = session.scalars(select(Sample.due_at).where(Sample.id == case.sample_id)).one_or_none()
    if not is_late(document.received_at, due_at, _reopened_at(session, case)):
        return None
    upload = session.scalars(select(UploadRow).where(UploadRow.oid == document.oid)).one_or_none()
    by = by_assignment(session, document.uploaded_by, upload.assignment_id if upload else None)
    what = about(
        session,
        series_key=case.series_key,
        component_code=case.component_code,
        centre_number=case.centre_number,
        case_id=case.id,
    )
    content = file_lines(session, document_id, item.id if item else None, due_at) | {
        "due_at": instant(due_at) if due_at else None,
        "arrived": AFTER_DUE if due_at and document.received_at > due_at else AFTER_GIVEN_BACK,
    }
    return issue(session, context, signer, ReceiptKind.LATE_FILE, what, by, content)


def _reopened_at(session: Session, case: ModerationCase) -> datetime | None:
    """Return when the submitted sample was last given back, None where it was submitted again since, or never."""
    given_back = session.scalars(
        select(Reopening.decided_at)
        .where(Reopening.case_id == case.id, Reopening.subject == Subject.SAMPLE, Reopening.granted.is_(True))
        .order_by(Reopening.decided_at.desc())
        .limit(1)
    ).first()
    submitted = session.scalars(
        select(ReceiptRow.issued_at)
        .where(ReceiptRow.case_id == case.id, ReceiptRow.kind == ReceiptKind.SAMPLE_SUBMITTED)
        .order_by(ReceiptRow.issued_at.desc())
        .limit(1)
    ).first()
    return None if given_back is None or (submitted is not None and submitted > given_back) else given_back
