"""Moderator's marks as rows: given, superseded and never overwritten, with the marks by criterion that they rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.criteria import CriterionRule
from moderation.errors import StaleVersion
from moderation.records.criteria import criteria_of
from moderation.records.works import SampledWork
from moderation.tables import CriterionMark, ModeratorMark, SampleItem


@dataclass(frozen=True, slots=True)
class CriterionGiven:
    """What was given for one criterion, with the criterion as it stood then."""

    code: str
    title: str
    maximum_mark: int
    mark: int


@dataclass(frozen=True, slots=True)
class ModeratorMarkView:
    """A moderator's mark; ``superseded_at`` is set when a later one replaced it."""

    number: int
    mark: int
    comment: str
    marked_by: str
    marked_at: datetime
    superseded_at: datetime | None
    criteria: tuple[CriterionGiven, ...] = ()
    """Empty where the mark was given in total only."""


def marks_of_item(session: Session, item_id: str) -> list[ModeratorMarkView]:
    """Return every mark a work was given by moderators, superseded ones included, oldest first."""
    rows = session.scalars(
        select(ModeratorMark).where(ModeratorMark.sample_item_id == item_id).order_by(ModeratorMark.number)
    ).all()
    given = criteria_given(session, {row.id for row in rows})
    return [_view(row, given.get(row.id, ())) for row in rows]


def views_of(session: Session, works: Collection[SampledWork]) -> dict[str, ModeratorMarkView]:
    """Return the present mark of each of some works, keyed by sample item."""
    marks = {work.item.id: work.mark for work in works if work.mark is not None}
    given = criteria_given(session, {mark.id for mark in marks.values()})
    return {item_id: _view(mark, given.get(mark.id, ())) for item_id, mark in marks.items()}


def criteria_given(session: Session, mark_ids: Collection[str]) -> dict[str, tuple[CriterionGiven, ...]]:
    """Return what was given by criterion for each of some marks, in the order of the mark scheme."""
    rows = session.scalars(
        select(CriterionMark).where(CriterionMark.moderator_mark_id.in_(mark_ids)).order_by(CriterionMark.position)
    )
    found: dict[str, tuple[CriterionGiven, ...]] = {}
    for row in rows:
        one = CriterionGiven(row.criterion_code, row.title, row.maximum_mark, row.mark)
        found[row.moderator_mark_id] = (*found.get(row.moderator_mark_id, ()), one)
    return found


def rules_of(session: Session, series_key: str, component_code: str) -> tuple[CriterionRule, ...]:
    """Return the criteria of a component as rules of its total."""
    found = criteria_of(session, series_key, component_code)
    return tuple(CriterionRule(one.code, one.title, one.maximum_mark) for one in found)


def current_mark(session: Session, item: SampleItem) -> ModeratorMark | None:
    """Return the mark of a work that stands, if there is one."""
    return session.scalars(
        select(ModeratorMark).where(ModeratorMark.sample_item_id == item.id, ModeratorMark.superseded_at.is_(None))
    ).one_or_none()


def is_same(
    session: Session, before: ModeratorMark | None, mark: int, comment: str, moderator: str, criteria: Mapping[str, int]
) -> bool:
    """Say whether a mark says again what stands: posted twice, or saved without a change."""
    if before is None or (before.mark, before.comment, before.marked_by) != (mark, comment.strip(), moderator):
        return False
    stands = criteria_given(session, {before.id}).get(before.id, ())
    return {one.code: one.mark for one in stands} == dict(criteria)


def supersede(
    session: Session,
    item: SampleItem,
    before: ModeratorMark | None,
    *,
    mark: int,
    comment: str,
    criteria: Mapping[str, int],
    rules: Collection[CriterionRule],
    moderator: str,
    now: datetime,
    expected_number: int | None,
) -> None:
    """Add a mark in place of the one before, which is kept; the same again changes nothing.

    Raises: ``StaleVersion`` with both values when another mark stands than the one that the person saw.
    """
    number = 0 if before is None else before.number
    if is_same(session, before, mark, comment, moderator, criteria):
        return
    if expected_number is not None and expected_number != number:
        saved = {} if before is None else {"saved_mark": before.mark, "saved_comment": before.comment}
        raise StaleVersion(expected=expected_number, found=number, typed_mark=mark, typed_comment=comment, **saved)
    if before is not None:
        before.superseded_at = now
    row = ModeratorMark(
        sample_item_id=item.id, number=number + 1, mark=mark, comment=comment, marked_by=moderator, marked_at=now
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise StaleVersion(expected=number, typed_mark=mark, typed_comment=comment) from None
    session.add_all(
        CriterionMark(
            moderator_mark_id=row.id,
            criterion_code=rule.code,
            position=position,
            title=rule.title,
            maximum_mark=rule.maximum_mark,
            mark=criteria[rule.code],
        )
        for position, rule in enumerate(rules, 1)
        if rule.code in criteria
    )
    session.flush()


def _view(row: ModeratorMark, criteria: tuple[CriterionGiven, ...]) -> ModeratorMarkView:
    return ModeratorMarkView(
        row.number, row.mark, row.comment, row.marked_by, row.marked_at, row.superseded_at, criteria
    )
