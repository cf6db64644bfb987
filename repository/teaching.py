"""What teachers teach, as records: of nothing else do they see anything (``scoping``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.tables import CentreMark, Component, ModerationCase, SeriesRow
from repository.errors import FieldRefused, NotFound
from repository.sign_in.people_tables import Teaching


@dataclass(frozen=True, slots=True)
class Taught:
    """One thing a teacher teaches; each None means every one."""

    teaching_id: str
    series_key: str | None
    component_code: str | None
    teaching_set: str | None

    @property
    def is_whole_centre(self) -> bool:
        """Say whether it is everything of the centre."""
        return self.series_key is None and self.component_code is None and self.teaching_set is None


@dataclass(frozen=True, slots=True)
class Offered:
    """A component of a series that the centre has entries for, and the teaching sets in its marks so far."""

    series_key: str
    series_title: str
    component_code: str
    title: str
    teaching_sets: tuple[str, ...]


def of_assignments(session: Session, assignment_ids: Iterable[str]) -> Mapping[str, tuple[Taught, ...]]:
    """Return assignment → what is taught under it; an assignment without anything is not in it."""
    found: dict[str, tuple[Taught, ...]] = {}
    rows = session.scalars(
        select(Teaching)
        .where(Teaching.assignment_id.in_(list(assignment_ids)))
        .order_by(Teaching.series_key, Teaching.component_code, Teaching.teaching_set, Teaching.id)
    )
    for row in rows:
        one = Taught(row.id, row.series_key, row.component_code, row.teaching_set)
        found[row.assignment_id] = (*found.get(row.assignment_id, ()), one)
    return found


def offered(session: Session, centre_number: str) -> Sequence[Offered]:
    """Return what a teacher of the centre can be given to teach: newest series first."""
    cases = session.execute(
        select(ModerationCase.id, SeriesRow.key, SeriesRow.title, Component.component_code, Component.title)
        .join(SeriesRow, SeriesRow.key == ModerationCase.series_key)
        .join(
            Component,
            (Component.series_key == ModerationCase.series_key)
            & (Component.component_code == ModerationCase.component_code),
        )
        .where(ModerationCase.centre_number == centre_number)
        .order_by(SeriesRow.year.desc(), SeriesRow.key, Component.component_code)
    ).all()
    sets: dict[str, set[str]] = {}
    for case_id, teaching_set in session.execute(
        select(CentreMark.case_id, CentreMark.teaching_set)
        .join(ModerationCase, ModerationCase.id == CentreMark.case_id)
        .where(ModerationCase.centre_number == centre_number, CentreMark.teaching_set != "")
        .distinct()
    ):
        sets.setdefault(case_id, set()).add(teaching_set)
    return [
        Offered(key, series, code, title, tuple(sorted(sets.get(case, ())))) for case, key, series, code, title in cases
    ]


def give(
    session: Session,
    assignment_id: str,
    centre_number: str,
    *,
    series_key: str | None,
    component_code: str | None,
    teaching_set: str | None,
) -> Taught:
    """Let a teacher teach something from the next request on; what is there already stays one row.

    Takes: a teaching set may be named before marks name it, so that a list can be prepared; it goes with a component.
    Raises: ``FieldRefused`` for a component that the centre has no entries for, or a set without a component.
    """
    if component_code is None and (series_key is not None or teaching_set is not None):
        raise FieldRefused("Choose a component, or the whole centre.", field="component")
    if component_code is not None:
        known = select(ModerationCase.id).where(
            ModerationCase.centre_number == centre_number, ModerationCase.component_code == component_code
        )
        if series_key is not None:
            known = known.where(ModerationCase.series_key == series_key)
        if session.scalars(known).first() is None:
            raise FieldRefused("Choose a component that your centre has entries for.", field="component")
    row = session.scalars(
        select(Teaching).where(
            Teaching.assignment_id == assignment_id,
            Teaching.series_key.is_not_distinct_from(series_key),
            Teaching.component_code.is_not_distinct_from(component_code),
            Teaching.teaching_set.is_not_distinct_from(teaching_set),
        )
    ).first()
    if row is None:
        row = Teaching(
            assignment_id=assignment_id, series_key=series_key, component_code=component_code, teaching_set=teaching_set
        )
        session.add(row)
        session.flush()
    return Taught(row.id, row.series_key, row.component_code, row.teaching_set)


def take(session: Session, assignment_id: str, teaching_id: str) -> None:
    """Take something away that a teacher teaches, from the next request on; raises ``NotFound``."""
    row = session.get(Teaching, teaching_id)
    if row is None or row.assignment_id != assignment_id:
        raise NotFound
    session.delete(row)
    session.flush()
