"""Acts of what-if: an officer looks at a copy. Nothing changes; looking is recorded with what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sqlalchemy.orm import Session

from moderation.errors import UnknownComponent
from moderation.exchange.csv_text import write_table
from moderation.records import what_if as records
from moderation.records.cases import CaseView
from moderation.records.what_if import CaseWhatIf, Change, ComponentWhatIf, GroupWhatIf
from moderation.tables import Component
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound

CANDIDATE_COLUMNS = (
    "centre",
    "candidate_number",
    "centre_mark",
    "mark_before",
    "mark_after",
    "entry_option",
    "grade_before",
    "grade_after",
)
GROUP_COLUMNS = ("centres", "recorded", "before", "after", "candidates", "marks_moved", "grades_moved")
NUMERIC = frozenset({"centre_mark", "mark_before", "mark_after", "candidates", "marks_moved", "grades_moved"})


@dataclass(frozen=True, slots=True)
class CasePage:
    """A case and what would differ."""

    case: CaseView
    found: CaseWhatIf


@dataclass(frozen=True, slots=True)
class ComponentPage:
    """A component and what would differ over all its centres."""

    component: Component
    found: ComponentWhatIf


def of_case(session: Session, context: Context, case_id: str, change: Change) -> CasePage:
    """Return what would differ for a case and those moderated with it."""
    case = permitted(session, context, Action.WHAT_IF, case_id)
    found = records.what_if_case(session, case_id, change)
    _note(session, context, "case", case_id, change)
    return CasePage(case, found)


def of_component(
    session: Session, context: Context, series_key: str, component_code: str, change: Change
) -> ComponentPage:
    """Return what would differ at every centre of a component.

    It takes seconds where there are hundreds of centres, so it only reads; ``note_component`` records the look.
    """
    access.require(actor_of(context), Action.WHAT_IF)
    try:
        found = records.what_if_component(session, series_key, component_code, change)
    except UnknownComponent as error:
        raise NotFound from error
    return ComponentPage(session.get_one(Component, (series_key, component_code)), found)


def note_component(session: Session, context: Context, series_key: str, component_code: str, change: Change) -> None:
    """Record that an officer looked at a component, before anything of it is answered."""
    _note(session, context, "component", f"{series_key} {component_code}", change)


def candidates_csv(groups: Sequence[GroupWhatIf]) -> bytes:
    """Return every candidate that would move as a CSV file for people, one row for each grade, or one without."""
    rows = [
        {
            "centre": one.centre_number,
            "candidate_number": one.candidate_number,
            "centre_mark": one.centre_mark,
            "mark_before": one.before,
            "mark_after": one.after,
            "entry_option": grade.option_code if grade else None,
            "grade_before": grade.before if grade else None,
            "grade_after": grade.after if grade else None,
        }
        for group in groups
        for one in group.moved
        for grade in one.grades or (None,)
    ]
    return write_table(CANDIDATE_COLUMNS, rows, numeric=NUMERIC)


def groups_csv(groups: Sequence[GroupWhatIf]) -> bytes:
    """Return one row for each centre, or consortium, of a component as a CSV file for people."""
    rows = [
        {
            "centres": " ".join(group.centre_numbers),
            "recorded": group.recorded,
            "before": group.before.kind or "MORE_TO_READ",
            "after": group.after.kind or "MORE_TO_READ",
            "candidates": group.candidates,
            "marks_moved": len(group.moved),
            "grades_moved": group.grades_moved,
        }
        for group in groups
    ]
    return write_table(GROUP_COLUMNS, rows, numeric=NUMERIC)


def _note(session: Session, context: Context, kind: str, key: str, change: Change) -> None:
    audit.record(
        session,
        context,
        Action.WHAT_IF,
        kind,
        key,
        tolerance_marks=change.tolerance_marks,
        discordant_share=_text(change.discordant_share),
        correlation=_text(change.correlation),
        corrected=change.correction is not None,
    )


def _text(value: Fraction | None) -> str | None:
    return None if value is None else str(value)
