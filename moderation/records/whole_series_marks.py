"""Centre marks of a whole series at once: mark sets that are complete, saved, checked and submitted in one step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from moderation.errors import MarkNotAllowed, MarksRefused, ModerationError, ReasonMissing
from moderation.marks import CentreMark as CheckedMark
from moderation.marks import MarkStatus, check_mark
from moderation.records.bulk import count_anew, insert_rows, many_rows
from moderation.records.marks import NOT_FOR_CENTRES
from moderation.records.whole_series import (
    CaseLine,
    CaseSteps,
    Seen,
    StepReport,
    each_component,
    entered_in,
    unseen,
)
from moderation.submission import CaseEvent, CaseState
from moderation.tables import CaseTransition, CentreMark, Component


class SeriesMark(NamedTuple):
    """A centre's mark for a candidate in a component; ``status`` ``None`` means present when there is a mark."""

    centre_number: str
    candidate_number: str
    mark: int | None
    status: MarkStatus | None = None
    teaching_set: str = ""
    flags: tuple[str, ...] = ()
    reason: str = ""


MarksOf = Callable[[str], Iterable[SeriesMark]]
"""Gives the marks of a component by its code."""


def submit_series_marks(
    session: Session, series_key: str, marks_of: MarksOf, *, actor: str, now: datetime, seen: Seen = unseen
) -> StepReport:
    """Save, check and submit the mark sets of all cases that are open for marks and for which marks are given.

    A case for which some candidates have no mark is left as it was, without any of its marks.
    Raises: ``UnknownSeries``; ``MarksRefused`` with ``faults`` (centre and candidate number, code, sentence), and
    nothing is saved; ``StaleVersion``.
    """
    report = StepReport("marks")
    with many_rows(session):
        for component, cases in each_component(session, series_key, (CaseState.MARKS_OPEN,), seen):
            _submit(session, component, cases, marks_of(component.component_code), actor, now, report)
        count_anew(session, CentreMark, CaseTransition)
    return report


def _submit(
    session: Session,
    component: Component,
    cases: Sequence[CaseLine],
    marks: Iterable[SeriesMark],
    actor: str,
    now: datetime,
    report: StepReport,
) -> None:
    open_cases = {case.centre_number: case for case in cases if case.state is CaseState.MARKS_OPEN}
    entered = {place: key for key, place in entered_in(session, component).items()}
    saved = _checked(component, marks, open_cases, entered)
    numbers = _numbers_by_centre(entered)
    steps = CaseSteps()
    complete: list[tuple[CaseLine, list[tuple[Any, ...]]]] = []
    for centre_number, rows in saved.items():
        case = open_cases[centre_number]
        blank = numbers.get(centre_number, 0) - len(rows)
        if blank or not rows:
            report.leave(case, "marks-incomplete", f"{blank} candidates have no mark.")
            continue
        for event in (CaseEvent.SAVE_MARKS, CaseEvent.CHECK_MARKS, CaseEvent.SUBMIT_MARKS):
            steps.step(case, event, actor=actor, now=now)
        complete.append((case, rows))
    stored = insert_rows(
        session,
        CentreMark,
        ("case_id", "mark_set_version", "candidate_id", "status", "mark", "teaching_set", "flags", "reason"),
        ((case.id, case.mark_set_version, *row) for case, rows in complete for row in rows),
        {"saved_at": now, "saved_by": actor, "checked_at": now, "checked_by": actor},
    )
    report.add("marks", stored)
    report.add("cases", steps.write(session))


def _numbers_by_centre(entered: Iterable[tuple[str, str]]) -> dict[str, int]:
    numbers: dict[str, int] = defaultdict(int)
    for centre_number, _ in entered:
        numbers[centre_number] += 1
    return numbers


def _checked(
    component: Component,
    marks: Iterable[SeriesMark],
    cases: dict[str, CaseLine],
    entered: dict[tuple[str, str], str],
) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows to store by centre; marks of cases that are not open for marks are refused."""
    known: dict[tuple[int | None, MarkStatus | None], CheckedMark] = {}
    kept: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    there: set[str] = set()
    faults: list[tuple[str, str, str]] = []
    for row in marks:
        who = f"{row.centre_number} {row.candidate_number}"
        key = entered.get((row.centre_number, row.candidate_number))
        if row.centre_number not in cases:
            faults.append((who, "marks-locked", f"{component.component_code} is not open for marks at this centre."))
        elif key is None:
            faults.append((who, "unknown-candidate", "This candidate is not entered for the component."))
        elif key in there:
            faults.append((who, "duplicate-candidate", "This candidate appears twice."))
        else:
            there.add(key)
            try:
                plain = row.status is not MarkStatus.ZERO_UNAUTHENTICATED and type(row.mark) is int
                found = (plain and known.get((row.mark, row.status))) or _check(row, component.maximum_mark)
            except ModerationError as error:
                faults.append((who, error.code, error.detail))
                continue
            if plain:
                known[row.mark, row.status] = found
            kept[row.centre_number].append(
                (key, found.status.value, found.mark, row.teaching_set.strip(), row.flags, row.reason.strip())
            )
    if faults:
        raise MarksRefused(faults=faults)
    return kept


def _check(row: SeriesMark, maximum: int) -> CheckedMark:
    if row.status in NOT_FOR_CENTRES:
        raise MarkNotAllowed(f"A centre cannot give the status {row.status}.")
    if row.status is MarkStatus.ZERO_UNAUTHENTICATED and not row.reason.strip():
        raise ReasonMissing("Say why the work cannot be authenticated.")
    return check_mark(row.mark, row.status, maximum)
