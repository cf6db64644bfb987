"""Declarations as records: what a body has declared of a component's work, and who declared each candidate's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.declarations import DeclarationTerms
from moderation.entries import PRACTICE_PREFIX, Series
from moderation.errors import ReasonMissing, SampleIncomplete, UnknownSampleItem
from moderation.records.cases import case_of
from moderation.submission import WORK_EXPECTED
from moderation.tables import CandidateDeclaration, DeclarationRule, SampleItem

STATEMENT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class DeclarationView:
    """A declaration that stands: what was declared, by whom, as what, and when."""

    statement: str
    declared_by: str
    declared_as: str
    declared_at: datetime


@dataclass(frozen=True, slots=True)
class RuleView:
    """What a body entered: for one component, or for every one (``component_code`` empty)."""

    awarding_body: str
    component_code: str
    terms: DeclarationTerms
    set_at: datetime


def terms_for(session: Session, series_key: str, component_code: str) -> DeclarationTerms:
    """Return what is declared of a component: the component's own words, else the body's, else the default."""
    rows = session.scalars(
        select(DeclarationRule).where(
            DeclarationRule.awarding_body == Series.from_key(series_key).awarding_body,
            DeclarationRule.component_code.in_(["", component_code]),
        )
    )
    chosen = max(rows, key=lambda row: row.component_code != "", default=None)
    return DeclarationTerms() if chosen is None else _terms(chosen)


def listed_terms(session: Session) -> list[RuleView]:
    """Return what bodies entered, the words for every component before those for one."""
    rows = session.scalars(
        select(DeclarationRule)
        .where(DeclarationRule.awarding_body.not_like(f"{PRACTICE_PREFIX}%"))
        .order_by(DeclarationRule.awarding_body, DeclarationRule.component_code)
    )
    return [RuleView(row.awarding_body, row.component_code, _terms(row), row.set_at) for row in rows]


def set_terms(
    session: Session,
    awarding_body: str,
    component_code: str,
    statement: str,
    *,
    each_candidate: bool,
    actor: str,
    now: datetime,
) -> None:
    """Enter what is declared of a component's work, or of every component's for an empty code; no words take it away.

    What was declared before keeps the words that it was declared with.
    """
    row = session.get(DeclarationRule, (awarding_body, component_code))
    if not statement.strip():
        if row is not None:
            session.delete(row)
        session.flush()
        return
    if row is None:
        row = DeclarationRule(awarding_body=awarding_body, component_code=component_code)
        session.add(row)
    row.statement, row.each_candidate = statement.strip()[:STATEMENT_LIMIT], each_candidate
    row.set_at, row.set_by = now, actor
    session.flush()


def declare(session: Session, item_id: str, *, role: str, actor: str, now: datetime) -> None:
    """Declare the work of one sampled candidate; the words that are in force go with it.

    Raises: ``UnknownSampleItem``; ``SampleIncomplete`` when the sample is not open any more.
    """
    item = _open_item(session, item_id)
    case = case_of(session, item.case_id)
    session.add(
        CandidateDeclaration(
            sample_item_id=item_id,
            number=_next(session, item_id),
            statement=terms_for(session, case.series_key, case.component_code).statement,
            declared_by=actor,
            declared_as=role,
            declared_at=now,
        )
    )
    session.flush()


def take_back(session: Session, item_id: str, *, actor: str, now: datetime) -> None:
    """Take the declaration of a candidate's work back.

    Raises: ``UnknownSampleItem``; ``ReasonMissing`` when there is none; ``SampleIncomplete`` when it is too late.
    """
    _open_item(session, item_id)
    newest = session.scalars(
        select(CandidateDeclaration)
        .where(CandidateDeclaration.sample_item_id == item_id)
        .order_by(CandidateDeclaration.number.desc())
        .limit(1)
    ).first()
    if newest is None or newest.taken_back_at is not None:
        raise ReasonMissing("There is no declaration to take back.")
    newest.taken_back_by, newest.taken_back_at = actor, now
    session.flush()


def declared_of(session: Session, item_ids: Collection[str]) -> Mapping[str, DeclarationView]:
    """Return the declarations that stand, by sample item: the newest of each, unless it was taken back."""
    rows = session.scalars(
        select(CandidateDeclaration)
        .where(CandidateDeclaration.sample_item_id.in_(item_ids))
        .order_by(CandidateDeclaration.number)
    )
    newest = {row.sample_item_id: row for row in rows}
    return {
        item_id: DeclarationView(row.statement, row.declared_by, row.declared_as, row.declared_at)
        for item_id, row in newest.items()
        if row.taken_back_at is None
    }


def _open_item(session: Session, item_id: str) -> SampleItem:
    item = session.get(SampleItem, item_id)
    if item is None:
        raise UnknownSampleItem(item_id=item_id)
    state = case_of(session, item.case_id).state
    if state not in WORK_EXPECTED:
        raise SampleIncomplete(
            "The sample has been submitted, so nothing can be declared any more. Ask for it back if it is wrong.",
            state=state,
        )
    return item


def _next(session: Session, item_id: str) -> int:
    query = select(func.coalesce(func.max(CandidateDeclaration.number), 0))
    return (session.scalar(query.where(CandidateDeclaration.sample_item_id == item_id)) or 0) + 1


def _terms(row: DeclarationRule) -> DeclarationTerms:
    return DeclarationTerms(row.statement, row.each_candidate, is_default=False)
