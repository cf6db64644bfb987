"""What happened in a case since somebody last looked at it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.submission import CaseEvent
from moderation.tables import CaseLook, CaseTransition

_TOLD = frozenset(
    {
        CaseEvent.SUBMIT_SAMPLE,
        CaseEvent.RECEIVE,
        CaseEvent.CALL_FULL_SAMPLE,
        CaseEvent.AMEND_MARKS,
        CaseEvent.WITHDRAW_OUTCOME,
        CaseEvent.REDRAW_SAMPLE,
        CaseEvent.REQUEST_MORE_WORK,
        CaseEvent.REQUEST_ALL_WORK,
        CaseEvent.RETURN_TO_CENTRE,
        CaseEvent.CONFIRM_OUTCOME,
    }
)
"""What a moderator wants to know of; the rest are steps of the moderator's own or of nobody's interest here."""


def note_look(session: Session, case_id: str, person_id: str, now: datetime) -> None:
    """Note that a person looked at a case: what happened until now is not new to them any more."""
    row = session.get(CaseLook, (case_id, person_id))
    if row is None:
        session.add(CaseLook(case_id=case_id, person_id=person_id, looked_at=now))
    else:
        row.looked_at = now
    session.flush()


def looks_of(session: Session, case_ids: Collection[str], person_id: str) -> dict[str, datetime]:
    """Return when a person last looked at each of some cases; cases never looked at are left out."""
    rows = session.execute(
        select(CaseLook.case_id, CaseLook.looked_at).where(
            CaseLook.case_id.in_(case_ids), CaseLook.person_id == person_id
        )
    )
    return {row[0]: row[1] for row in rows}


def news_of(session: Session, case_ids: Collection[str], person_id: str) -> dict[str, tuple[CaseEvent, ...] | None]:
    """Return what others did in each of some cases since a person last looked, oldest first; ``None``: never looked."""
    looked = looks_of(session, case_ids, person_id)
    found: dict[str, tuple[CaseEvent, ...] | None] = {
        case_id: () if case_id in looked else None for case_id in case_ids
    }
    rows = session.execute(
        select(CaseTransition.case_id, CaseTransition.event, CaseTransition.occurred_at)
        .join(CaseLook, CaseLook.case_id == CaseTransition.case_id)
        .where(
            CaseLook.person_id == person_id,
            CaseTransition.case_id.in_(case_ids),
            CaseTransition.event.in_([event.value for event in _TOLD]),
            CaseTransition.occurred_at > CaseLook.looked_at,
            CaseTransition.actor != person_id,
        )
        .order_by(CaseTransition.case_id, CaseTransition.number)
    )
    for case_id, event, _ in rows:
        before = found[case_id] or ()
        kind = CaseEvent(event)
        if kind not in before:
            found[case_id] = (*before, kind)
    return found
