"""Centre marks of a case: saved, checked, submitted, confirmed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import (
    DuplicateCandidate,
    MarkNotAllowed,
    MarksIncomplete,
    MarksLocked,
    MarksRefused,
    ModerationError,
    ReasonMissing,
    UnknownCandidate,
)
from moderation.marks import CentreMark as CheckedMark
from moderation.marks import MarkFlag, MarkStatus, check_mark, control_total
from moderation.records.cases import (
    CaseView,
    advance,
    candidates_of,
    case_of,
    check_version,
    component_of,
    view_case,
)
from moderation.records.samples import draw_when_complete
from moderation.submission import MARKS_EDITABLE, CaseEvent, CaseState
from moderation.tables import Candidate, CentreMark, ModerationCase

NOT_FOR_CENTRES = frozenset({MarkStatus.CARRIED_FORWARD, MarkStatus.PENDING_Q})


@dataclass(frozen=True, slots=True)
class MarkEntry:
    """One mark as the centre gives it; ``status`` ``None`` means present when there is a mark."""

    candidate_id: str
    mark: int | None
    status: MarkStatus | None = None
    teaching_set: str = ""
    flags: tuple[MarkFlag, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MarkLine:
    """One candidate of the mark sheet; ``status`` is ``None`` while the candidate is blank."""

    candidate_id: str
    candidate_number: str
    surname: str
    forenames: str
    uci: str
    status: MarkStatus | None
    mark: int | None
    teaching_set: str
    flags: tuple[MarkFlag, ...]
    reason: str
    checked: bool


@dataclass(frozen=True, slots=True)
class MarkSheet:
    """All candidates of a case with their marks, and the totals that show whether it is complete."""

    case: CaseView
    mark_set_version: int
    lines: tuple[MarkLine, ...]
    control_total: int
    blank: int
    unchecked: int

    @property
    def is_complete(self) -> bool:
        """Say whether every candidate has a mark or a status, and is ticked as checked."""
        return bool(self.lines) and not self.blank and not self.unchecked


def case_marks(session: Session, case_id: str) -> MarkSheet:
    """Return the mark sheet of a case; raises ``UnknownCase``."""
    case = case_of(session, case_id)
    rows = _current(session, case)
    lines = tuple(_line(candidate, rows.get(candidate.id)) for candidate in candidates_of(session, case))
    return MarkSheet(
        view_case(session, case_id),
        case.mark_set_version,
        lines,
        control_total(line.mark for line in lines),
        sum(line.status is None for line in lines),
        sum(not line.checked for line in lines),
    )


def save_marks(
    session: Session,
    case_id: str,
    rows: Iterable[MarkEntry],
    *,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> MarkSheet:
    """Save some or all marks of a case; a saved mark has to be checked again.

    After an invalid order of merit the first save begins a new mark set, in which every candidate is blank again.
    Takes: ``expected_version``, the version of the case that the person saw.
    Raises: ``MarksRefused`` with ``faults``, (candidate id, code, sentence) each, and nothing is saved;
    ``MarksLocked`` after submission; ``StaleVersion``.
    Source: https://www.ocr.org.uk/administration/cambridge-nationals/assessment/internal-assessment/submitting-marks.
    """
    case = case_of(session, case_id)
    _need_editable(case)
    check_version(case, expected_version)
    wanted = _checked_entries(session, case, list(rows))
    if case.state == CaseState.RETURNED_TO_CENTRE:
        case.mark_set_version += 1
    saved = _current(session, case)
    for entry, kept in wanted:
        values = {
            "status": kept.status.value,
            "mark": kept.mark,
            "teaching_set": entry.teaching_set.strip(),
            "flags": [flag.value for flag in entry.flags],
            "reason": entry.reason.strip(),
        }
        row = saved.get(entry.candidate_id)
        if row is None:
            session.add(
                CentreMark(
                    case_id=case.id,
                    candidate_id=entry.candidate_id,
                    mark_set_version=case.mark_set_version,
                    saved_at=now,
                    saved_by=actor,
                    **values,
                )
            )
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            row.saved_at, row.saved_by, row.checked_at, row.checked_by = now, actor, None, None
    advance(session, case, CaseEvent.SAVE_MARKS, actor=actor, now=now)
    return case_marks(session, case_id)


def check_marks(
    session: Session,
    case_id: str,
    candidate_ids: Collection[str] | None = None,
    *,
    actor: str,
    now: datetime,
    expected_version: int | None = None,
) -> MarkSheet:
    """Tick candidates as checked, all with a mark when none are named; the last tick makes the mark set checked.

    Raises: ``UnknownCandidate``; ``MarksIncomplete`` for a named candidate who is blank; ``MarksLocked``.
    """
    case = case_of(session, case_id)
    _need_editable(case)
    check_version(case, expected_version)
    entered = {candidate.id for candidate in candidates_of(session, case)}
    rows = _current(session, case)
    for candidate_id in rows.keys() & entered if candidate_ids is None else candidate_ids:
        if candidate_id not in entered:
            raise UnknownCandidate(candidate_id=candidate_id)
        if candidate_id not in rows:
            raise MarksIncomplete("A candidate who is blank cannot be ticked as checked.", candidate_id=candidate_id)
        if rows[candidate_id].checked_at is None:
            rows[candidate_id].checked_at, rows[candidate_id].checked_by = now, actor
    session.flush()
    sheet = case_marks(session, case_id)
    if sheet.is_complete and case.state == CaseState.MARKS_SAVED:
        advance(session, case, CaseEvent.CHECK_MARKS, actor=actor, now=now)
        return case_marks(session, case_id)
    return sheet


def submit_marks(
    session: Session, case_id: str, *, actor: str, now: datetime, expected_version: int | None = None
) -> MarkSheet:
    """Submit a checked mark set to the awarding body; from now on it is locked.

    Raises: ``MarksIncomplete`` with the numbers of blank and unchecked candidates; ``IllegalTransition``.
    """
    case = case_of(session, case_id)
    check_version(case, expected_version)
    sheet = case_marks(session, case_id)
    if case.state in MARKS_EDITABLE and not sheet.is_complete:
        raise MarksIncomplete(
            f"Review incomplete: {sheet.blank} candidates are blank and {sheet.unchecked} are not checked.",
            blank=sheet.blank,
            unchecked=sheet.unchecked,
        )
    advance(session, case, CaseEvent.SUBMIT_MARKS, actor=actor, now=now)
    return case_marks(session, case_id)


def confirm_marks(session: Session, case_id: str, *, actor: str, now: datetime) -> CaseView:
    """Confirm that the marks have arrived, and draw the sample at once; a consortium waits for its last member.

    Returns: the case, with a sample requested, waiting for members, or needing no sample.
    Raises: ``IllegalTransition`` unless the marks are submitted; ``MarksIncomplete`` when an entry came in since.
    """
    case = case_of(session, case_id)
    if case.state == CaseState.MARKS_SUBMITTED and case_marks(session, case_id).blank:
        raise MarksIncomplete("A candidate was entered after the marks were submitted and has no mark.")
    advance(session, case, CaseEvent.CONFIRM_MARKS, actor=actor, now=now)
    draw_when_complete(session, case, actor=actor, now=now)
    return view_case(session, case_id)


def _need_editable(case: ModerationCase) -> None:
    if case.state not in MARKS_EDITABLE:
        raise MarksLocked(state=case.state)


def _checked_entries(
    session: Session, case: ModerationCase, rows: list[MarkEntry]
) -> list[tuple[MarkEntry, CheckedMark]]:
    maximum = component_of(session, case).maximum_mark
    entered = {candidate.id for candidate in candidates_of(session, case)}
    faults: list[tuple[str, str, str]] = []
    kept: list[tuple[MarkEntry, CheckedMark]] = []
    seen: set[str] = set()
    for row in rows:
        try:
            if row.candidate_id not in entered:
                raise UnknownCandidate
            if row.candidate_id in seen:
                raise DuplicateCandidate
            seen.add(row.candidate_id)
            if row.status in NOT_FOR_CENTRES:
                raise MarkNotAllowed(f"A centre cannot give the status {row.status}.")
            if row.status is MarkStatus.ZERO_UNAUTHENTICATED and not row.reason.strip():
                raise ReasonMissing("Say why the work cannot be authenticated.")
            kept.append((row, check_mark(row.mark, row.status, maximum)))
        except ModerationError as error:
            faults.append((row.candidate_id, error.code, error.detail))
    if faults:
        raise MarksRefused(faults=faults)
    return kept


def _current(session: Session, case: ModerationCase) -> dict[str, CentreMark]:
    rows = session.scalars(
        select(CentreMark).where(CentreMark.case_id == case.id, CentreMark.mark_set_version == case.mark_set_version)
    )
    return {row.candidate_id: row for row in rows}


def _line(candidate: Candidate, row: CentreMark | None) -> MarkLine:
    return MarkLine(
        candidate.id,
        candidate.candidate_number,
        candidate.surname,
        candidate.forenames,
        candidate.uci,
        None if row is None else MarkStatus(row.status),
        None if row is None else row.mark,
        "" if row is None else row.teaching_set,
        () if row is None else tuple(MarkFlag(flag) for flag in row.flags),
        "" if row is None else row.reason,
        row is not None and row.checked_at is not None,
    )
