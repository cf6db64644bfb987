"""The log as it is kept: order, crashes, two at once, restores and forks."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from repository.audit import proofs, sequencing
from repository.audit.merkle import leaf_hash
from repository.audit.notes import check_proof, open_checkpoint, read_proof
from repository.errors import EventUnknown
from repository.tables import AuditEvent, AuditInbox, AuditLog

from .conftest import ORIGIN, Kept


async def logged(kept: Kept) -> list[tuple[int, int, str]]:
    rows = await kept.database.read(
        lambda s: s.execute(
            select(AuditLog.history, AuditLog.seq, AuditLog.event_id).order_by(AuditLog.history, AuditLog.seq)
        ).all()
    )
    return [tuple(row) for row in rows]  # type: ignore[misc]


async def test_events_enter_the_log_in_their_order_and_leave_the_inbox(kept: Kept) -> None:
    made = await kept.happen(7)
    assert await kept.log.sequence() == 7
    assert await kept.log.sequence() == 0
    assert await logged(kept) == [(1, seq, event) for seq, event in enumerate(made)]
    assert await kept.database.read(sequencing.waiting) == 0


async def test_readers_see_every_event_before_and_after_it_is_logged(kept: Kept) -> None:
    made = await kept.happen(3)
    await kept.log.sequence()
    made = [*made, *await kept.happen(2)]
    rows = await kept.database.read(lambda s: s.scalars(select(AuditEvent).order_by(AuditEvent.id)).all())
    assert [row.event_id for row in rows] == made
    assert [row.details["number"] for row in rows] == [0, 1, 2, 3, 4]


async def test_more_than_a_batch_and_more_than_a_tile(kept: Kept) -> None:
    await kept.happen(3)
    await kept.log.sequence()
    await kept.happen(620)
    assert await kept.log.sequence() == 620
    signed = await kept.signed()
    leaves = await kept.database.read(lambda s: s.scalars(select(AuditLog.leaf_hash).order_by(AuditLog.seq)).all())
    from .test_merkle import naive

    assert open_checkpoint(signed.note, ORIGIN, kept.log.signer.public_key).root == naive(list(leaves))


async def test_a_proof_is_checked_with_nothing_but_the_key(kept: Kept) -> None:
    (event_id,) = await kept.happen()
    await kept.happen(4)
    signed = await kept.signed()
    text = await kept.database.read(lambda s: proofs.proof_under(s, event_id, signed))
    proof = read_proof(text)
    assert proof.text() == text
    found = check_proof(proof, leaf_hash(proof.event), ORIGIN, kept.log.signer.public_key)
    assert (found.size, proof.index) == (5, 0)
    assert event_id.encode() in proof.event
    with pytest.raises(EventUnknown):
        await kept.database.read(lambda s: proofs.proof_under(s, "no such event", signed))


async def test_two_sequencers_at_once_leave_one_log(kept: Kept) -> None:
    made = await kept.happen(60)
    counts = await asyncio.gather(*(kept.log.sequence() for _ in range(4)), kept.log.checkpoint())
    del counts
    await kept.log.sequence()
    assert [event for _, _, event in await logged(kept)] == made
    assert await kept.database.read(lambda s: s.scalars(select(AuditInbox.id)).all()) == []
