"""Pictures that show a step of custody: which documents belong to which events of packets and scripts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.tables import CustodyEvidence, new_id

EVENTS_AT_ONCE = 500


class EvidenceKind(StrEnum):
    """What a picture shows.

    Source: project policy (domain: scripts, sections 4 and 7).
    """

    PHOTOGRAPH = "photograph"
    SIGNATURE = "signature"
    """The driver's, drawn on glass."""
    PROOF_OF_POSTING = "proof_of_posting"
    PAPER_LOG = "paper_log"
    VIDEO_STILL = "video_still"
    """Of the camera that watches while one operator opens a packet."""


EVIDENCE_WORDS: Mapping[EvidenceKind, str] = {
    EvidenceKind.PHOTOGRAPH: "Photograph",
    EvidenceKind.SIGNATURE: "Signature",
    EvidenceKind.PROOF_OF_POSTING: "Proof of posting",
    EvidenceKind.PAPER_LOG: "Photograph of the paper log",
    EvidenceKind.VIDEO_STILL: "Picture of the camera",
}


def add(
    session: Session,
    event_ids: Sequence[str],
    *,
    sitting_of: Mapping[str, str],
    kind: EvidenceKind,
    document_id: str,
    sent_id: str,
    sent_sha256: str,
    actor: str,
    now: datetime,
) -> list[CustodyEvidence]:
    """Tie a picture that is stored already to the events that it shows.

    Takes: ``event_ids`` of packet events or script events; ``sitting_of`` each of them; ``sent_id``, the sender's own key
    of the picture, and the hash of what was sent, by which a repeat is known (``of_sending``).
    """
    rows = [
        CustodyEvidence(
            id=new_id(),
            event_id=event_id,
            sitting_id=sitting_of[event_id],
            kind=str(kind),
            document_id=document_id,
            sent_id=sent_id,
            sent_sha256=sent_sha256,
            added_at=now,
            added_by=actor,
        )
        for event_id in event_ids
    ]
    session.add_all(rows)
    session.flush()
    return rows


def of_sending(session: Session, sent_id: str) -> list[CustodyEvidence]:
    """Return what was made of a picture that came under this key of its sender."""
    return list(session.scalars(select(CustodyEvidence).where(CustodyEvidence.sent_id == sent_id)))


def of_events(session: Session, event_ids: Iterable[str]) -> Mapping[str, tuple[CustodyEvidence, ...]]:
    """Return the pictures of events, oldest first; nothing for an event that has none. Few statements, however many."""
    wanted = sorted(set(event_ids))
    found: dict[str, list[CustodyEvidence]] = defaultdict(list)
    for at in range(0, len(wanted), EVENTS_AT_ONCE):
        query = (
            select(CustodyEvidence)
            .where(CustodyEvidence.event_id.in_(wanted[at : at + EVENTS_AT_ONCE]))
            .order_by(CustodyEvidence.added_at, CustodyEvidence.id)
        )
        for row in session.scalars(query):
            found[row.event_id].append(row)
    return {event_id: tuple(rows) for event_id, rows in found.items()}
