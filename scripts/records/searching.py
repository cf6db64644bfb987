"""Where to look for a script that is not here: the board's search list for a case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scripts.cases import CaseState
from scripts.places import Disposition, QueueReason
from scripts.records.facts import BY_HAND, NOT_COUNTED
from scripts.tables import Packet, ScanBundle, ScanPage, ScriptCase, Sitting

COVERS = (
    QueueReason.EXTRA_BOOKLET_UNMATCHED,
    QueueReason.UNREADABLE_COVER,
    QueueReason.BEFORE_FIRST_COVER,
    QueueReason.NOT_ON_REGISTER,
    QueueReason.WRONG_CENTRE_NUMBER,
    QueueReason.FOREIGN_CODE,
    QueueReason.WRONG_EXAM,
    QueueReason.TWO_CODES,
)
"""Queues in which the pages of a script lie whose cover told nobody whose it is."""
OTHERS_LIMIT = 20


class Where(StrEnum):
    """A kind of place to look in.

    Source: project policy (domain: scripts, section 10).
    """

    SIBLING = "sibling"
    """Another packet of the sitting."""
    BY_HAND = "by_hand"
    QUEUE = "queue"
    SAME_BATCH = "same_batch"
    """Scripts of another centre that were scanned in the same batch."""


@dataclass(frozen=True, slots=True)
class SearchPlace:
    """A place to look in: ``number`` of the packet, ``count`` of what is there, the sitting whose it is."""

    where: Where
    count: int
    sitting_id: str
    number: int = 0
    state: str = ""
    centre_number: str = ""
    component_code: str = ""


def search_list(session: Session, case: ScriptCase, sitting: Sitting) -> tuple[SearchPlace, ...]:
    """Return where a script that a case is about may be.

    Source: project policy (domain: scripts, section 10): packet siblings, manual handling, unmatched booklets, other
    centres of the same batch.
    """
    return (*_siblings(session, case), *_by_hand(session, case), *_queues(session, case), *_batch(session, sitting))


def _siblings(session: Session, case: ScriptCase) -> Iterator[SearchPlace]:
    query = select(Packet).where(Packet.sitting_id == case.sitting_id).order_by(Packet.number)
    if case.kind in {"packet_overdue", "packet_unseen", "lost"}:
        query = query.where(Packet.id != case.packet_id)
    for packet in session.scalars(query):
        count = packet.opened_count if packet.opened_count is not None else packet.logged_count or 0
        yield SearchPlace(Where.SIBLING, count, case.sitting_id, packet.number, packet.state)


def _by_hand(session: Session, case: ScriptCase) -> Iterator[SearchPlace]:
    standing = session.scalar(
        select(func.count()).where(
            ScriptCase.sitting_id == case.sitting_id,
            ScriptCase.kind.in_(sorted(BY_HAND)),
            ScriptCase.state != str(CaseState.CLOSED),
        )
    )
    if standing:
        yield SearchPlace(Where.BY_HAND, standing, case.sitting_id)


def _queues(session: Session, case: ScriptCase) -> Iterator[SearchPlace]:
    waiting = (
        select(ScanPage.reason, func.count())
        .join(ScanBundle, ScanBundle.id == ScanPage.bundle_id)
        .where(
            ScanBundle.sitting_id == case.sitting_id,
            ScanPage.disposition == str(Disposition.QUEUED),
            ScanPage.reason.in_([str(reason) for reason in COVERS]),
        )
        .group_by(ScanPage.reason)
        .order_by(ScanPage.reason)
    )
    for reason, count in session.execute(waiting):
        yield SearchPlace(Where.QUEUE, count, case.sitting_id, state=reason)


def _batch(session: Session, sitting: Sitting) -> Iterator[SearchPlace]:
    """Whatever was scanned under the same batch name, of other sittings."""
    batches = select(ScanBundle.batch).where(ScanBundle.sitting_id == sitting.id, ScanBundle.batch != "")
    others = (
        select(Sitting.id, Sitting.centre_number, Sitting.component_code, func.count(ScanBundle.id))
        .join(ScanBundle, ScanBundle.sitting_id == Sitting.id)
        .where(ScanBundle.batch.in_(batches), Sitting.id != sitting.id, ScanBundle.state.not_in(NOT_COUNTED))
        .group_by(Sitting.id, Sitting.centre_number, Sitting.component_code)
        .order_by(Sitting.centre_number, Sitting.component_code)
        .limit(OTHERS_LIMIT)
    )
    for sitting_id, centre, component, count in session.execute(others):
        yield SearchPlace(Where.SAME_BATCH, count, sitting_id, centre_number=centre, component_code=component)
