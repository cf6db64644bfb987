"""Acts of retention: what is due for disposal and why, closing a case for good, disposing of its works with two people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from moderation.records import retention as records
from moderation.records.retention import RetentionLine
from moderation.tables import ModerationCase, SeriesRow
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.acts.imports import permit
from repository.audit import Context
from repository.errors import NotFound
from repository.keys import shredding
from repository.keys.holds import OBJECT
from repository.tables import DataKeyRow, DocumentRow, Evidence, LegalHold, ScopeKeyRow, ShredProposal

REASON = "end of retention"


@dataclass(frozen=True, slots=True)
class DisposalLine:
    """A case with its retention, how many files of it are left, and who proposed their disposal."""

    line: RetentionLine
    files: int
    is_proposed: bool
    is_mine: bool


def due(session: Session, context: Context, series_key: str) -> tuple[DisposalLine, ...]:
    """Return every case of a series with until when its work is kept and why: the dry run of a disposal.

    Nothing is changed.
    """
    permit(context, Action.RETENTION)
    if session.get(SeriesRow, series_key) is None:
        raise NotFound("There is no such series.")
    lines = records.retention_lines(session, series_key, context.now, held_case_ids=held_cases(session))
    left = Counter(_left(session, series_key))
    proposers = _proposers(session, series_key)
    me = context.actor.person_id if context.actor else ""
    return tuple(
        DisposalLine(line, left[line.case_id], line.case_id in proposers, me in proposers.get(line.case_id, ()))
        for line in lines
    )


def begin(session: Session, context: Context, case_id: str) -> None:
    """Close a case for good once its time is over; its works then wait for disposal."""
    actor = actor_of(context)
    access.require(actor, Action.RETENTION)
    held = case_id in held_cases(session)
    records.begin_retention(session, case_id, actor=actor.person_id, now=context.now, legal_hold=held)
    audit.record(session, context, "retention.begin", "case", case_id)


def propose(session: Session, context: Context, case_id: str) -> int:
    """Propose to destroy every file of a case in retention; another officer confirms. Returns how many files.

    Raises: ``RetentionNotOver``; ``HoldInForce``; ``ShredRefused`` where another officer proposed it already.
    """
    access.require(actor_of(context), Action.RETENTION)
    _need_over(session, context, case_id)
    oids = _objects(session, case_id)
    for oid in oids:
        shredding.propose(session, context, OBJECT, oid, REASON)
    audit.record(session, context, "retention.propose", "case", case_id, files=len(oids))
    return len(oids)


def confirm(session: Session, context: Context, case_id: str) -> tuple[str, ...]:
    """Confirm a disposal as another officer: keys are destroyed now; returns the proposals still to be carried out.

    Raises: ``RetentionNotOver``; ``SecondPersonNeeded``; ``HoldInForce``; ``ShredRefused`` without a proposal.
    """
    actor = actor_of(context)
    access.require(actor, Action.RETENTION)
    _need_over(session, context, case_id)
    oids = _objects(session, case_id)
    proposals = tuple(shredding.confirm(session, context, OBJECT, oid) for oid in oids)
    held = case_id in held_cases(session)
    records.dispose(session, case_id, actor=actor.person_id, now=context.now, legal_hold=held)
    audit.record(session, context, "retention.dispose", "case", case_id, files=len(oids))
    return proposals


def held_cases(session: Session) -> frozenset[str]:
    """Return the cases of which any file is under a legal hold, itself or by its scope."""
    rows = session.scalars(
        select(Evidence.case_id)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .join(DataKeyRow, DataKeyRow.oid == DocumentRow.oid)
        .join(ScopeKeyRow, ScopeKeyRow.sk_id == DataKeyRow.sk_id)
        .join(LegalHold, or_(LegalHold.oid == DocumentRow.oid, LegalHold.scope == ScopeKeyRow.scope))
        .where(LegalHold.lifted_at.is_(None))
        .distinct()
    )
    return frozenset(rows)


def _need_over(session: Session, context: Context, case_id: str) -> None:
    held = case_id in held_cases(session)
    records.need_in_retention(session, case_id, context.now, legal_hold=held)


def _objects(session: Session, case_id: str) -> Sequence[str]:
    return session.scalars(
        select(DocumentRow.oid)
        .join(Evidence, Evidence.document_id == DocumentRow.id)
        .join(DataKeyRow, DataKeyRow.oid == DocumentRow.oid)
        .where(Evidence.case_id == case_id, DataKeyRow.shredded_at.is_(None))
        .order_by(DocumentRow.oid)
    ).all()


def _left(session: Session, series_key: str) -> Sequence[str]:
    return session.scalars(
        select(Evidence.case_id)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .join(DataKeyRow, DataKeyRow.oid == DocumentRow.oid)
        .join(ModerationCase, ModerationCase.id == Evidence.case_id)
        .where(ModerationCase.series_key == series_key, DataKeyRow.shredded_at.is_(None))
    ).all()


def _proposers(session: Session, series_key: str) -> dict[str, set[str]]:
    rows = session.execute(
        select(Evidence.case_id, ShredProposal.proposed_by)
        .join(DocumentRow, DocumentRow.id == Evidence.document_id)
        .join(ShredProposal, (ShredProposal.subject == DocumentRow.oid) & (ShredProposal.kind == OBJECT))
        .join(ModerationCase, ModerationCase.id == Evidence.case_id)
        .where(ModerationCase.series_key == series_key, ShredProposal.confirmed_at.is_(None))
    )
    found: dict[str, set[str]] = {}
    for case_id, person in rows:
        found.setdefault(case_id, set()).add(person)
    return found
