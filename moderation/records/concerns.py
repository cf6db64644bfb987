"""Concerns for somebody's safety: raised by who reads works, read and dealt with by officers, never told to the centre."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import ConcernClosed, HoldMissing, ReasonMissing, UnknownCandidate
from moderation.records.cases import candidates_of, case_of
from moderation.tables import Candidate, ModerationCase, SafeguardingConcern, new_id


@dataclass(frozen=True, slots=True)
class ConcernView:
    """A concern, and what became of it."""

    concern_id: str
    case_id: str
    component_code: str
    centre_number: str
    candidate_id: str | None
    candidate_number: str | None
    statement: str
    raised_by: str
    raised_at: datetime
    taken_by: str | None
    taken_at: datetime | None
    closing_note: str
    closed_by: str | None
    closed_at: datetime | None


def raise_concern(
    session: Session, case_id: str, *, candidate_id: str | None, statement: str, actor: str, now: datetime
) -> ConcernView:
    """Tell officers of something that makes one fear for somebody's safety; nothing is held, the centre is not told.

    Raises: ``ReasonMissing``; ``UnknownCandidate``.
    Source: project policy: a reader of works reports to the awarding body's officers, who know the centre's
    safeguarding lead and decide whom to call.
    """
    if not statement.strip():
        raise ReasonMissing("Say what you saw, and where in the work.", field="concern")
    case = case_of(session, case_id)
    if candidate_id is not None and candidate_id not in {one.id for one in candidates_of(session, case)}:
        raise UnknownCandidate(candidate_id=candidate_id)
    row = SafeguardingConcern(
        id=new_id(),
        case_id=case_id,
        candidate_id=candidate_id,
        statement=statement.strip(),
        raised_by=actor,
        raised_at=now,
    )
    session.add(row)
    session.flush()
    return concern_of(session, row.id)


def take_concern(session: Session, concern_id: str, *, officer: str, now: datetime) -> ConcernView:
    """Note which officer deals with a concern; who took it first stays. Raises ``HoldMissing``."""
    row = _locked(session, concern_id)
    if row.taken_by is None:
        row.taken_by, row.taken_at = officer, now
        session.flush()
    return concern_of(session, concern_id)


def close_concern(session: Session, concern_id: str, *, note: str, officer: str, now: datetime) -> ConcernView:
    """Close a concern with a note of what was done; whoever closes one that nobody took has taken it.

    Raises: ``HoldMissing``; ``ReasonMissing``; ``ConcernClosed``.
    """
    if not note.strip():
        raise ReasonMissing("Say what was done, and who was told.", field="closing_note")
    row = _locked(session, concern_id)
    if row.closed_at is not None:
        raise ConcernClosed
    if row.taken_by is None:
        row.taken_by, row.taken_at = officer, now
    row.closing_note, row.closed_by, row.closed_at = note.strip(), officer, now
    session.flush()
    return concern_of(session, concern_id)


def concern_of(session: Session, concern_id: str) -> ConcernView:
    """Return one concern; raises ``HoldMissing``."""
    row = session.get(SafeguardingConcern, concern_id)
    found = () if row is None else concerns_of(session, case_id=row.case_id)
    view = next((one for one in found if one.concern_id == concern_id), None)
    if view is None:
        raise HoldMissing("There is no such concern.")
    return view


def concerns_of(
    session: Session, *, case_id: str | None = None, series_key: str | None = None, is_open: bool = False
) -> list[ConcernView]:
    """Return the concerns about a case or a series, or all of them, oldest first; ``is_open`` leaves out closed ones."""
    query = (
        select(SafeguardingConcern, ModerationCase, Candidate.candidate_number)
        .join(ModerationCase, ModerationCase.id == SafeguardingConcern.case_id)
        .outerjoin(Candidate, Candidate.id == SafeguardingConcern.candidate_id)
        .order_by(SafeguardingConcern.raised_at, SafeguardingConcern.id)
    )
    if case_id is not None:
        query = query.where(SafeguardingConcern.case_id == case_id)
    if series_key is not None:
        query = query.where(ModerationCase.series_key == series_key)
    if is_open:
        query = query.where(SafeguardingConcern.closed_at.is_(None))
    return [
        ConcernView(
            row.id,
            row.case_id,
            case.component_code,
            case.centre_number,
            row.candidate_id,
            number,
            row.statement,
            row.raised_by,
            row.raised_at,
            row.taken_by,
            row.taken_at,
            row.closing_note,
            row.closed_by,
            row.closed_at,
        )
        for row, case, number in session.execute(query)
    ]


def _locked(session: Session, concern_id: str) -> SafeguardingConcern:
    row = session.scalars(
        select(SafeguardingConcern)
        .where(SafeguardingConcern.id == concern_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise HoldMissing("There is no such concern.")
    return row
