"""Proofs that an event is in the log, for whoever wants to check it years later with nothing but the published key.

``audit.record`` returns the event's id. Once its transaction is committed, ``prove`` takes the event into the log, has the
log signed and published at once, and returns a ``c2sp.org/tlog-proof@v1`` file: its ``extra`` line is the event itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import acting
from repository.audit import sequencing
from repository.audit.keeping import SEQUENCER, Signed, last_signed, log_of
from repository.audit.notes import LogProof, verifier_key
from repository.errors import EventUnknown
from repository.tables import AuditLog

if TYPE_CHECKING:
    from repository.services import Services

EXTENSION = ".tlog-proof"


async def prove(services: Services, event_id: str) -> str:
    """Return the proof, as text, that an event is in the log.

    Takes: ``event_id``, what ``audit.record`` returned in a transaction that is committed.
    Raises: ``EventUnknown``; ``LogForked`` when the log must not be signed; errors of the store when the checkpoint cannot
    be published: nothing is proven by a checkpoint that nobody else has.
    """
    signed = await log_of(services).checkpoint()
    with acting.as_service(SEQUENCER):
        return await services.database.read(lambda session: proof_under(session, event_id, signed))


def proof_under(session: Session, event_id: str, signed: Signed | None) -> str:
    """Return the proof of an event under a checkpoint; raises ``EventUnknown`` for one that it does not cover."""
    row = session.scalars(select(AuditLog).where(AuditLog.event_id == event_id)).first()
    if row is None or signed is None:
        raise EventUnknown
    if row.history != signed.history.number:
        signed = last_signed(session, row.history)
        if signed is None:
            raise EventUnknown
    if row.seq >= signed.size:
        raise EventUnknown
    path = sequencing.tree_of(session, row.history, signed.size).inclusion(row.seq)
    return LogProof(row.event.encode("ascii"), row.seq, tuple(path), signed.note).text()


async def verifier_keys(services: Services) -> list[str]:
    """Return the keys that proofs are checked with, newest history last: lines to publish, and to send with a receipt."""
    found = await services.database.read(sequencing.histories)
    return [verifier_key(history.origin, history.public_key) for history in found]
