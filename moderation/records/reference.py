"""What officers and boards add to basedata: modes, tolerances, weights, consortia, external marks, boundaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import ImportRefused, MarkOutOfRange, UnknownComponent, UnknownSeries
from moderation.marks import MarkStatus
from moderation.records.entries import open_cases
from moderation.records.imports import REFERENCE
from moderation.records.rules import usable_profile
from moderation.results import check_boundaries
from moderation.submission import CaseState
from moderation.tables import (
    Candidate,
    Centre,
    Component,
    Consortium,
    ConsortiumMember,
    EntryOption,
    ExternalMark,
    ExternalMarkChange,
    GradeBoundary,
    ModerationCase,
    SeriesRow,
    new_id,
)
from moderation.working_days import Nation


@dataclass(frozen=True, slots=True)
class ComponentReference:
    """What an officer enters for a component; ``None`` leaves a value as it is, an empty profile leaves it to the rules."""

    component_code: str
    submission_mode: SubmissionMode | None = None
    tolerance_marks: int | None = None
    weighted_maximum: Fraction | None = None
    sample_profile_id: str | None = None
    maximum_mark: int | None = None
    read_blind: bool | None = None


@dataclass(frozen=True, slots=True)
class CentreReference:
    """Name and nation of a centre."""

    centre_number: str
    name: str
    nation: Nation = Nation.ENGLAND


@dataclass(frozen=True, slots=True)
class ConsortiumReference:
    """Centres moderated as one group in a component; the lead centre is a member."""

    component_code: str
    lead_centre_number: str
    member_centre_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExternalMarkRow:
    """A mark of a written paper, or one carried forward (status ``CARRIED_FORWARD`` with its mark)."""

    component_code: str
    centre_number: str
    candidate_number: str
    mark: int | None
    status: MarkStatus = MarkStatus.PRESENT


def set_component(session: Session, series_key: str, row: ComponentReference) -> None:
    """Enter what an officer decides for a component; opens cases when a mode becomes known by ``open_all_cases``.

    Raises: ``UnknownComponent``; ``UnknownProfile``; ``ProfileIncomplete``; ``MarkOutOfRange`` for the tolerance;
    ``ImportRefused`` when the mode would change under an open case.
    """
    component = session.get(Component, (series_key, row.component_code))
    if component is None:
        raise UnknownComponent(component_code=row.component_code)
    if row.maximum_mark is not None:
        _set_maximum(component, row.maximum_mark)
    if row.tolerance_marks is not None:
        if not 0 <= row.tolerance_marks <= component.maximum_mark:
            raise MarkOutOfRange(
                f"The tolerance must be a whole number from 0 to {component.maximum_mark}.",
                maximum=component.maximum_mark,
            )
        component.tolerance_marks = row.tolerance_marks
    if row.submission_mode is not None:
        _set_mode(session, component, row.submission_mode)
    if row.weighted_maximum is not None:
        component.weighted_maximum = str(row.weighted_maximum)
    if row.read_blind is not None:
        component.read_blind = row.read_blind
    if row.sample_profile_id == "":
        component.sample_profile_id = None
    elif row.sample_profile_id is not None:
        component.sample_profile_id = usable_profile(session, row.sample_profile_id).profile_id
    session.flush()


def set_centres(session: Session, rows: Sequence[CentreReference]) -> None:
    """Enter names and nations of centres; centres that are new are added."""
    for row in rows:
        centre = session.get(Centre, row.centre_number)
        if centre is None:
            centre = Centre(centre_number=row.centre_number)
            session.add(centre)
        centre.name, centre.nation = row.name, row.nation.value
    session.flush()


def set_consortium(session: Session, series_key: str, row: ConsortiumReference) -> str:
    """Enter a consortium and return its identifier; cases of its members that are still open for marks join it.

    Raises: ``ImportRefused`` when the lead is no member, a member is in another one, or marks were submitted already.
    """
    if session.get(Component, (series_key, row.component_code)) is None:
        raise UnknownComponent(component_code=row.component_code)
    members = set(row.member_centre_numbers)
    if row.lead_centre_number not in members or len(members) != len(row.member_centre_numbers) or len(members) < 2:
        raise ImportRefused("A consortium has two or more different members, and its lead centre is one of them.")
    taken = session.scalars(
        select(ConsortiumMember.centre_number).where(
            ConsortiumMember.series_key == series_key,
            ConsortiumMember.component_code == row.component_code,
            ConsortiumMember.centre_number.in_(members),
        )
    ).all()
    if taken:
        raise ImportRefused("A centre is already in a consortium for this component.", centres=sorted(taken))
    cases = session.scalars(
        select(ModerationCase).where(
            ModerationCase.series_key == series_key,
            ModerationCase.component_code == row.component_code,
            ModerationCase.centre_number.in_(members),
        )
    ).all()
    late = [case.centre_number for case in cases if case.sample_id is not None or case.state not in _BEFORE_CONFIRMED]
    if late:
        raise ImportRefused("A member's marks are confirmed already.", centres=late)
    set_centres(session, [CentreReference(n, "") for n in sorted(members) if session.get(Centre, n) is None])
    consortium = Consortium(
        id=new_id(),
        series_key=series_key,
        component_code=row.component_code,
        lead_centre_number=row.lead_centre_number,
    )
    session.add(consortium)
    session.flush()
    session.execute(
        insert(ConsortiumMember),
        [
            {
                "consortium_id": consortium.id,
                "centre_number": number,
                "series_key": series_key,
                "component_code": row.component_code,
            }
            for number in sorted(members)
        ],
    )
    for case in cases:
        case.consortium_id = consortium.id
    session.flush()
    return consortium.id


def open_all_cases(session: Session, series_key: str, *, actor: str, now: datetime) -> tuple[int, list[str]]:
    """Open the cases of every centre of a series that are not open yet, e.g. once modes became known."""
    centres = session.scalars(select(Candidate.centre_number).where(Candidate.series_key == series_key).distinct())
    return open_cases(session, series_key, list(centres), actor=actor, now=now)


def import_external_marks(session: Session, series_key: str, rows: Sequence[ExternalMarkRow]) -> int:
    """Store marks that moderation does not make, replacing earlier ones of the same candidates; return how many.

    A mark that a review changed after results stays: a file that says otherwise is refused.
    Raises: ``ImportRefused`` with ``faults`` (candidate number, code, sentence), and nothing is stored.
    """
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries(series_key=series_key)
    components = {
        row.component_code: row for row in session.scalars(select(Component).where(Component.series_key == series_key))
    }
    candidates = {
        (centre_number, number): candidate_id
        for candidate_id, centre_number, number in session.execute(
            select(Candidate.id, Candidate.centre_number, Candidate.candidate_number).where(
                Candidate.series_key == series_key
            )
        )
    }
    changes = session.scalars(
        select(ExternalMarkChange)
        .where(ExternalMarkChange.series_key == series_key)
        .order_by(ExternalMarkChange.number)
    )
    reviewed = {(one.component_code, one.candidate_id): (one.mark_after, one.status_after) for one in changes}
    faults: list[tuple[str, str, str]] = []
    values: dict[tuple[str, str], dict[str, object]] = {}
    for row in rows:
        fault = _external_fault(row, components.get(row.component_code))
        candidate_id = candidates.get((row.centre_number, row.candidate_number), "")
        if fault is None and not candidate_id:
            fault = ("unknown-candidate", f"There is no candidate {row.candidate_number} at {row.centre_number}.")
        if fault is None and (row.component_code, candidate_id) in values:
            fault = ("duplicate-candidate", f"Candidate {row.candidate_number} appears twice in {row.component_code}.")
        stands = reviewed.get((row.component_code, candidate_id))
        if fault is None and stands is not None and stands != (row.mark, row.status.value):
            text = f"The mark of candidate {row.candidate_number} in {row.component_code} was changed after results."
            fault = ("changed-after-results", text)
        if fault is not None:
            faults.append((row.candidate_number, *fault))
            continue
        values[row.component_code, candidate_id] = {
            "series_key": series_key,
            "component_code": row.component_code,
            "candidate_id": candidate_id,
            "mark": row.mark,
            "status": row.status.value,
        }
    if faults:
        raise ImportRefused(f"{len(faults)} faults in the marks. Nothing was imported.", faults=faults)
    there = {
        (code, candidate_id)
        for code, candidate_id in session.execute(
            select(ExternalMark.component_code, ExternalMark.candidate_id).where(ExternalMark.series_key == series_key)
        )
    }
    fresh = [value for key, value in values.items() if key not in there]
    changed = [value for key, value in values.items() if key in there]
    if fresh:
        session.execute(insert(ExternalMark), fresh)
    if changed:
        session.execute(update(ExternalMark), changed)
    return len(values)


def import_boundaries(session: Session, series_key: str, rows: Sequence[tuple[str, str, int]]) -> int:
    """Store grade boundaries, (option, grade, lowest total) each; all boundaries of a named option are replaced.

    Raises: ``BoundariesInvalid``; ``ImportRefused`` for an unknown option.
    """
    by_option: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for option_code, grade, mark in rows:
        by_option[option_code].append((grade, mark))
    for option_code, pairs in by_option.items():
        if session.get(EntryOption, (series_key, option_code)) is None:
            raise ImportRefused(f"There is no option {option_code} in this series.", option_code=option_code)
        check_boundaries(pairs, None)
        session.execute(
            delete(GradeBoundary).where(
                GradeBoundary.series_key == series_key, GradeBoundary.option_code == option_code
            )
        )
        session.execute(
            insert(GradeBoundary),
            [
                {"series_key": series_key, "option_code": option_code, "grade": grade, "mark": mark}
                for grade, mark in pairs
            ],
        )
    return len(rows)


MAXIMUM_LIMIT = 999
"""Three digits, as in the component record."""
_BEFORE_CONFIRMED = frozenset(
    {CaseState.MARKS_OPEN, CaseState.MARKS_SAVED, CaseState.MARKS_CHECKED, CaseState.MARKS_SUBMITTED}
)
_WITH_MARK = frozenset({MarkStatus.PRESENT, MarkStatus.CARRIED_FORWARD})


def _set_maximum(component: Component, maximum_mark: int) -> None:
    """Enter the maximum of a component whose basedata gives none: real written papers carry 000 there."""
    if not 1 <= maximum_mark <= MAXIMUM_LIMIT:
        raise MarkOutOfRange(f"The maximum must be a whole number from 1 to {MAXIMUM_LIMIT}.", maximum=MAXIMUM_LIMIT)
    if component.maximum_mark not in {0, maximum_mark} and not component.maximum_entered:
        raise MarkOutOfRange(
            f"The basedata gives {component.maximum_mark} as the maximum of {component.component_code}.",
            maximum=component.maximum_mark,
        )
    component.maximum_mark = maximum_mark
    component.maximum_entered = True


def _set_mode(session: Session, component: Component, mode: SubmissionMode) -> None:
    case = session.scalars(
        select(ModerationCase.id).where(
            ModerationCase.series_key == component.series_key,
            ModerationCase.component_code == component.component_code,
        )
    ).first()
    if case is not None and component.submission_mode != mode:
        raise ImportRefused(
            f"Component {component.component_code} has open cases; its submission mode cannot change.",
            component_code=component.component_code,
        )
    component.submission_mode, component.mode_source = mode.value, REFERENCE


def _external_fault(row: ExternalMarkRow, component: Component | None) -> tuple[str, str] | None:
    if component is None:
        return "unknown-component", f"There is no component {row.component_code} in this series."
    if row.mark is None:
        return ("mark-missing", "A mark is missing.") if row.status in _WITH_MARK else None
    if row.status is MarkStatus.ABSENT:
        return "mark-not-allowed", "An absent candidate cannot have a mark."
    if isinstance(row.mark, bool) or not 0 <= row.mark <= component.maximum_mark:
        return "mark-out-of-range", f"The mark must be from 0 to {component.maximum_mark}."
    return None
