"""The database keeps receipts as they were signed, and a proof as it was made."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from moderation.errors import RecordKept
from repository import acting
from repository.database import Database
from repository.tables import ReceiptProof, ReceiptRow
from tests.moderation.records.stage import NOW, make_centre, make_series

from . import made


async def test_a_receipt_is_never_changed_or_taken_away_and_its_proof_is_added_once(migrated_url: str) -> None:
    database = Database(migrated_url)

    def build(session: Session) -> None:
        make_series(session)
        case_id = make_centre(session, 3, "99901")
        row = {"id": "r1", "centre_number": "99901", "case_id": case_id, "kind": "sample-submitted", "issued_at": NOW}
        session.add(ReceiptRow(**row, body=made.sample_body(), signature=bytes(64)))
        session.flush()
        session.add(ReceiptProof(receipt_id="r1", event_id="e1"))

    async def do(statement) -> None:
        await database.write(lambda session: session.execute(statement))

    with acting.as_service("test"):
        await database.write(build)
        for statement in (
            update(ReceiptRow).values(body=b"{}"),
            update(ReceiptRow).values(signature=bytes(63) + b"1"),
            update(ReceiptRow).values(enclosure=b"marks"),
            delete(ReceiptRow),
            update(ReceiptProof).values(event_id="e2"),
            delete(ReceiptProof),
        ):
            with pytest.raises(RecordKept):
                await do(statement)
        await do(update(ReceiptProof).values(proof="proof", log_key="key", proved_at=NOW))
        with pytest.raises(RecordKept):
            await do(update(ReceiptProof).values(proof="another"))
    await database.close()
