"""The proofs of receipts: made about a second after they are issued, for all that wait at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.audit.keeping import Signed, log_of
from repository.audit.notes import origin_of, read_proof, verifier_key
from repository.audit.proofs import proof_under
from repository.audit.sequencing import histories
from repository.errors import EventUnknown, RepositoryError
from repository.mail.composing import Enclosure
from repository.receipts import files
from repository.tables import ReceiptProof, ReceiptRow
from storage.errors import StorageError

if TYPE_CHECKING:
    from repository.services import Services

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PAUSE_SECONDS = 30.0
"""So long it waits after the log could not be signed or published."""
TOGETHER = 200


async def keep(services: Services) -> None:
    """Prove for ever what was issued; ends when cancelled."""
    while True:
        pause = LOOK_SECONDS
        try:
            await prove_waiting(services)
        except (RepositoryError, StorageError) as error:
            logger.warning("receipts: proofs wait: %s", type(error).__name__)
            pause = PAUSE_SECONDS
        except Exception:
            # A receipt that cannot be proven must not keep the others from their proofs; it is tried again.
            logger.exception("receipts: proofs could not be made")
            pause = PAUSE_SECONDS
        await asyncio.sleep(pause)


async def prove_waiting(services: Services) -> int:
    """Make the proofs of all receipts that wait for theirs, under one checkpoint; returns how many."""
    waiting = await services.database.read(_waiting)
    if not waiting:
        return 0
    signed = await log_of(services).checkpoint()
    now = services.clock()

    def prove(session: Session) -> int:
        keys = {one.origin: verifier_key(one.origin, one.public_key) for one in histories(session)}
        return sum(_prove(session, one, signed, keys, now) for one in waiting)

    return await services.database.write(prove)


def _waiting(session: Session) -> Sequence[tuple[str, str]]:
    rows = session.execute(
        select(ReceiptProof.receipt_id, ReceiptProof.event_id).where(ReceiptProof.proved_at.is_(None)).limit(TOGETHER)
    )
    return [(row[0], row[1]) for row in rows]


def _prove(
    session: Session, one: tuple[str, str], signed: Signed | None, keys: Mapping[str, str], now: datetime
) -> bool:
    receipt_id, event_id = one
    try:
        proof = proof_under(session, event_id, signed)
    except EventUnknown:
        return False  # its entry was lost in a restore, or is not taken into the log yet
    row = session.get_one(ReceiptProof, receipt_id, with_for_update=True)
    if row.proved_at is None:
        row.proof, row.log_key, row.proved_at = proof, keys[origin_of(read_proof(proof).note)], now
    return True


async def enclose(services: Services, receipt_id: str) -> tuple[Sequence[Enclosure], bool]:
    """Return the files of a receipt that go along with mail, without the marks, and whether the proof is among them."""

    def load(session: Session) -> tuple[ReceiptRow, ReceiptProof | None]:
        return session.get_one(ReceiptRow, receipt_id), session.get(ReceiptProof, receipt_id)

    row, proof = await services.database.read(load)
    file = files.made(
        services.signer,
        row.body,
        row.signature,
        has_event=proof is not None,
        proof=proof.proof if proof else None,
        log_key=proof.log_key if proof else None,
        marks=None,
    )
    from repository.receipts.sheet import receipt_pdf  # a PDF library that only this needs here

    pdf = await asyncio.to_thread(receipt_pdf, file)
    made = (
        Enclosure(f"receipt-{row.id}.pdf", "application/pdf", pdf),
        Enclosure(f"receipt-{row.id}.json", "application/json", file.text().encode()),
    )
    return made, proof is None or proof.proof is not None
