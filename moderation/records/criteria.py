"""Marking criteria of components, as the awarding body's mark schemes name them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from moderation.errors import ImportRefused
from moderation.exchange.criteria_csv import CriterionRow
from moderation.tables import Component, Criterion


@dataclass(frozen=True, slots=True)
class CriterionView:
    """A criterion of a component."""

    code: str
    title: str
    maximum_mark: int


def criteria_of(session: Session, series_key: str, component_code: str) -> tuple[CriterionView, ...]:
    """Return the criteria of a component in the order of its mark scheme; none where none were imported."""
    rows = session.scalars(
        select(Criterion)
        .where(Criterion.series_key == series_key, Criterion.component_code == component_code)
        .order_by(Criterion.position)
    )
    return tuple(CriterionView(row.code, row.title, row.maximum_mark) for row in rows)


def set_criteria(session: Session, series_key: str, rows: Sequence[CriterionRow]) -> None:
    """Replace the criteria of every component named; reports keep the codes that they were written under.

    Raises: ``ImportRefused`` with ``faults`` naming every component that the series does not have.
    """
    by_component = sorted(rows, key=lambda row: row.component_code)
    groups = {code: list(group) for code, group in groupby(by_component, key=lambda row: row.component_code)}
    unknown = [code for code in groups if session.get(Component, (series_key, code)) is None]
    if unknown:
        faults = [
            (code, "unknown-component", f"There is no component {code} in this series. Import its basedata first.")
            for code in unknown
        ]
        raise ImportRefused(faults[0][2], faults=faults)
    for code, group in groups.items():
        session.execute(delete(Criterion).where(Criterion.series_key == series_key, Criterion.component_code == code))
        session.add_all(
            Criterion(
                series_key=series_key,
                component_code=code,
                code=row.code,
                position=position,
                title=row.title,
                maximum_mark=row.maximum_mark,
            )
            for position, row in enumerate(group, 1)
        )
    session.flush()
