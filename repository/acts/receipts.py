"""Acts on receipts: issuing a signed one, and reading it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.cases import CaseView
from moderation.records.samples import SampleView
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.receipts import Signer, canonical
from repository.tables import ReceiptRow, new_id

SAMPLE_SUBMITTED = "sample-submitted"
FORMAT = "nea-receipt/1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt: the exact bytes that were signed, what they say, and the signature."""

    receipt_id: str
    case_id: str
    issued_at: datetime
    body: bytes
    content: Mapping[str, Any]
    signature_hex: str


def issue(
    session: Session,
    context: Context,
    signer: Signer,
    case: CaseView,
    sample: SampleView,
    candidates: Sequence[Mapping[str, object]],
    cohort: Sequence[Mapping[str, object]] = (),
) -> str:
    """Sign and keep a receipt for a submitted sample, in the caller's transaction; returns its id.

    Takes: ``cohort``, the documents about the whole group. A receipt issued again names the one it replaces.
    """
    actor = actor_of(context)
    receipt_id = new_id()
    body = canonical(
        {
            "format": FORMAT,
            "kind": SAMPLE_SUBMITTED,
            "receipt": receipt_id,
            "issued_at": context.now.isoformat(timespec="seconds"),
            "series": case.series_key,
            "component": case.component_code,
            "centre_number": case.centre_number,
            "sample": sample.sample_id,
            "due_at": sample.due_at.isoformat(timespec="seconds"),
            "submitted_by_person": actor.person_id,
            "submitted_as": str(actor.role),
            "candidates": list(candidates),
            "cohort_files": list(cohort),
            "replaces": newest_of(session, case.case_id),
            "public_key_ed25519": signer.public_key_hex,
        }
    )
    session.add(
        ReceiptRow(
            id=receipt_id,
            centre_number=case.centre_number,
            case_id=case.case_id,
            kind=SAMPLE_SUBMITTED,
            body=body,
            signature=signer.sign(body),
            issued_at=context.now,
        )
    )
    session.flush()
    return receipt_id


def read(session: Session, context: Context, receipt_id: str) -> Receipt:
    """Return a receipt of a case that the actor may read; raises ``NotFound``."""
    row = session.get(ReceiptRow, receipt_id)
    if row is None:
        raise NotFound
    permitted(session, context, Action.RECEIPT_READ, row.case_id)
    return Receipt(row.id, row.case_id, row.issued_at, row.body, json.loads(row.body), row.signature.hex())


def newest_of(session: Session, case_id: str) -> str | None:
    """Return the id of a case's newest receipt, or None."""
    return session.scalars(
        select(ReceiptRow.id).where(ReceiptRow.case_id == case_id).order_by(ReceiptRow.issued_at.desc()).limit(1)
    ).first()
