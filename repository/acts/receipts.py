"""Acts on receipts: reading them again, one by one, and those of a case or a centre."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.cases import CaseView
from repository import access
from repository.access import Action, Role, scope_of
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound
from repository.receipts import Signer, files
from repository.receipts.files import ReceiptFile
from repository.receipts.kinds import ReceiptKind, title_of
from repository.tables import ReceiptProof, ReceiptRow

SAMPLE_SUBMITTED = ReceiptKind.SAMPLE_SUBMITTED
LISTED_LIMIT = 200
"""So many receipts are listed at once, newest first."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt: the exact bytes that were signed, what they say, the signature, and the proof once it is made."""

    receipt_id: str
    case_id: str | None
    sitting_id: str | None
    kind: str
    issued_at: datetime
    body: bytes
    content: Mapping[str, Any]
    signature_hex: str
    marks: str | None
    """The marks that it commits to, where the reader may see them."""
    has_event: bool
    """Whether it stands in the audit log; those of the first format do not."""
    proof: str | None
    log_key: str | None

    @property
    def title(self) -> str:
        """Return what it is for, in words."""
        return title_of(self.kind)

    @property
    def is_complete(self) -> bool:
        """Return whether all is there that there will be."""
        return self.proof is not None or not self.has_event

    def as_file(self, signer: Signer) -> ReceiptFile:
        """Return the receipt as a file to keep."""
        return files.made(
            signer,
            self.body,
            bytes.fromhex(self.signature_hex),
            has_event=self.has_event,
            proof=self.proof,
            log_key=self.log_key,
            marks=self.marks.encode("ascii") if self.marks is not None else None,
        )


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A receipt in a list."""

    receipt_id: str
    kind: str
    issued_at: datetime
    component: str
    series: str
    files: int
    by: str
    is_complete: bool

    @property
    def title(self) -> str:
        """Return what it is for, in words."""
        return title_of(self.kind)


def read(session: Session, context: Context, receipt_id: str) -> Receipt:
    """Return a receipt that the actor may read; raises ``NotFound``. Marks are for who may submit or release them."""
    row = session.get(ReceiptRow, receipt_id)
    if row is None:
        raise NotFound
    actor = actor_of(context)
    if row.case_id is not None:
        permitted(session, context, Action.RECEIPT_READ, row.case_id)
    elif actor.role is Role.TEACHER:
        raise NotFound
    else:
        access.require(actor, Action.RECEIPT_READ, centre_number=row.centre_number)
    proof = session.get(ReceiptProof, receipt_id)
    sees_marks = scope_of(actor, Action.MARKS_SUBMIT) is not None or scope_of(actor, Action.RESULTS_RELEASE) is not None
    return of_row(row, proof, with_marks=sees_marks)


def of_row(row: ReceiptRow, proof: ReceiptProof | None, *, with_marks: bool) -> Receipt:
    """Return a receipt from its rows."""
    return Receipt(
        row.id,
        row.case_id,
        row.sitting_id,
        row.kind,
        row.issued_at,
        row.body,
        json.loads(row.body),
        row.signature.hex(),
        row.enclosure.decode("ascii") if row.enclosure is not None and with_marks else None,
        proof is not None,
        proof.proof if proof else None,
        proof.log_key if proof else None,
    )


def of_case(session: Session, context: Context, case_id: str) -> tuple[CaseView, tuple[ReceiptLine, ...]]:
    """Return a case and its receipts, newest first."""
    case = permitted(session, context, Action.RECEIPT_READ, case_id)
    return case, _lines(session, ReceiptRow.case_id == case_id)


def of_centre(session: Session, context: Context, centre_number: str | None) -> tuple[ReceiptLine, ...]:
    """Return the receipts of a centre, newest first; a person of a centre has no other.

    Takes: ``centre_number``, None for one's own; raises ``NotFound`` where it is not theirs to see.
    """
    actor = actor_of(context)
    wanted = centre_number or actor.centre_number
    if wanted is None:
        raise NotFound("Give the number of the centre.")
    access.require(actor, Action.RECEIPT_READ, centre_number=wanted)
    return _lines(session, ReceiptRow.centre_number == wanted)


def _lines(session: Session, condition: Any) -> tuple[ReceiptLine, ...]:
    rows = session.execute(
        select(ReceiptRow, ReceiptProof)
        .outerjoin(ReceiptProof, ReceiptProof.receipt_id == ReceiptRow.id)
        .where(condition)
        .order_by(ReceiptRow.issued_at.desc(), ReceiptRow.id)
        .limit(LISTED_LIMIT)
    )
    return tuple(_line(row[0], row[1]) for row in rows)


def _line(row: ReceiptRow, proof: ReceiptProof | None) -> ReceiptLine:
    content = json.loads(row.body)
    count = sum(len(one.get("files", ())) for one in content.get("candidates", ())) + len(
        content.get("cohort_files", ())
    )
    return ReceiptLine(
        row.id,
        row.kind,
        row.issued_at,
        content.get("component", ""),
        content.get("series_title", content.get("series", "")),
        count,
        content.get("by", {}).get("name", ""),
        proof is None or proof.proof is not None,
    )
