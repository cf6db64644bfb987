"""Files that were replaced: the old one goes when the new one may be read, and not before; each has a receipt."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import Sample
from repository import audit, evidence
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import SlotClosed
from repository.receipts.contents import file_lines
from repository.receipts.issuing import about, by_assignment, issue
from repository.receipts.kinds import ReceiptKind
from repository.receipts.signing import Signer
from repository.records import OPEN_STATES
from repository.tables import DocumentRow, Evidence, UploadRow


def withdraw_replaced(session: Session, context: Context, signer: Signer, document_id: str) -> str | None:
    """Withdraw the file that one just released replaces; returns the id of the receipt.

    What was submitted or read by a moderator meanwhile stays: then both files stand side by side, and nothing is issued.
    """
    link = session.scalars(select(Evidence).where(Evidence.document_id == document_id)).one_or_none()
    found = evidence.find(session, link.replaces_document_id) if link and link.replaces_document_id else None
    if link is None or found is None:
        return None
    old, item, case = found
    if old.state == DocumentState.WITHDRAWN or case.state not in OPEN_STATES:
        return None
    try:
        evidence.check_unread(session, old.id)
    except SlotClosed:
        return None
    before = old.state
    evidence.withdraw(session, context, old.id)
    audit.record(session, context, "document.replace", "document", old.id, before=old.id, after=document_id)
    due_at = session.scalars(select(Sample.due_at).where(Sample.id == case.sample_id)).one_or_none()
    new = session.get_one(DocumentRow, document_id)
    upload = session.scalars(select(UploadRow).where(UploadRow.oid == new.oid)).one_or_none()
    what = about(
        session,
        series_key=case.series_key,
        component_code=case.component_code,
        centre_number=case.centre_number,
        case_id=case.id,
    )
    content = file_lines(session, old.id, item.id if item else None, due_at) | {
        "state_before": before,
        "replaced_by": {"document": new.id, "name": new.filename, "sha256": new.sha256, "version": link.version},
    }
    by = by_assignment(session, new.uploaded_by, upload.assignment_id if upload else None)
    return issue(session, context, signer, ReceiptKind.DOCUMENT_WITHDRAWN, what, by, content)
