"""Whether the sample that was moderated is still here as it was handed in: its sealed manifest against what is stored."""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.cases import group_of
from moderation.records.review_facts import SampleProof
from moderation.tables import ModerationCase, SampleItem
from repository.documents import DocumentState
from repository.receipts import verify
from repository.receipts.kinds import ReceiptKind
from repository.tables import DataKeyRow, DocumentRow, Evidence, ReceiptRow

FILMED = ("video/", "audio/")


def proof_of(
    session: Session, public_key_hex: str, series_key: str, component_code: str, centre_number: str
) -> SampleProof | None:
    """Return what can be proved about the submitted sample of a component at a centre, or ``None`` without a case.

    Sealed: the newest receipt of every member centre stands. Intact: each verifies with this service's key, and every
    file that it lists is still released, neither withdrawn nor destroyed, with the hash that it lists.
    """
    case = session.scalars(
        select(ModerationCase).where(
            ModerationCase.series_key == series_key,
            ModerationCase.component_code == component_code,
            ModerationCase.centre_number == centre_number,
        )
    ).one_or_none()
    if case is None:
        return None
    members = group_of(session, case)
    with_work = set(session.scalars(select(SampleItem.case_id).where(SampleItem.sample_id == case.sample_id)))
    receipts = [_newest(session, member.id) for member in members if member.id in with_work]
    sealed = bool(receipts) and all(receipt is not None for receipt in receipts)
    intact = sealed and all(receipt is not None and _holds(session, receipt, public_key_hex) for receipt in receipts)
    filmed = _is_filmed(session, case.sample_id)
    return SampleProof(sealed, intact or (filmed and not sealed), filmed)


def _newest(session: Session, case_id: str) -> ReceiptRow | None:
    return session.scalars(
        select(ReceiptRow)
        .where(ReceiptRow.case_id == case_id, ReceiptRow.kind == ReceiptKind.SAMPLE_SUBMITTED)
        .order_by(ReceiptRow.issued_at.desc())
        .limit(1)
    ).first()


def _holds(session: Session, receipt: ReceiptRow, public_key_hex: str) -> bool:
    if not verify(receipt.body, receipt.signature, public_key_hex):
        return False
    listed = {
        one["document"]: one["sha256"]
        for candidate in json.loads(receipt.body).get("candidates", ())
        for one in candidate.get("files", ())
    }
    rows = session.execute(
        select(DocumentRow.id, DocumentRow.sha256)
        .join(Evidence, Evidence.document_id == DocumentRow.id)
        .join(DataKeyRow, DataKeyRow.oid == DocumentRow.oid)
        .where(
            DocumentRow.id.in_(listed),
            DocumentRow.state == DocumentState.RELEASED.value,
            Evidence.withdrawn_at.is_(None),
            DataKeyRow.shredded_at.is_(None),
        )
    )
    return {row[0]: row[1] for row in rows} == listed


def _is_filmed(session: Session, sample_id: str | None) -> bool:
    """Say whether a film or a recording of the sample is here, released."""
    kinds = session.scalars(
        select(DocumentRow.media_type)
        .join(Evidence, Evidence.document_id == DocumentRow.id)
        .join(SampleItem, SampleItem.id == Evidence.sample_item_id)
        .where(
            SampleItem.sample_id == sample_id,
            DocumentRow.state == DocumentState.RELEASED.value,
            Evidence.withdrawn_at.is_(None),
        )
    )
    return any((kind or "").startswith(FILMED) for kind in kinds)
