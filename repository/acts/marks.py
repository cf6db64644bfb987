"""Acts on centre marks: saving, checking, submitting. Submitting confirms at once, and the sample is drawn at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.exchange.marks_csv import read_marks_csv
from moderation.marks import MarkStatus
from moderation.records import marks as records
from moderation.records import reopening
from moderation.records.cases import CaseView
from moderation.records.invalid_order import FeedbackView, feedback_of
from moderation.records.marks import MarkEntry, MarkSheet
from moderation.submission import MARKS_EDITABLE
from moderation.tables import Candidate, Entry, EntryOption
from moderation.tracking import Subject
from repository import audit
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Typed:
    """One candidate's line as a person typed it."""

    candidate_number: str
    mark: int | None
    status: MarkStatus | None = None
    teaching_set: str = ""


def sheet(session: Session, context: Context, case_id: str) -> MarkSheet:
    """Return the marks of a case."""
    permitted(session, context, Action.MARKS_READ, case_id)
    return records.case_marks(session, case_id)


def feedback(session: Session, context: Context, case_id: str) -> tuple[FeedbackView, ...]:
    """Return what the centre was told when its marks were returned, the latest last: about order, never about marks."""
    permitted(session, context, Action.MARKS_READ, case_id)
    return tuple(feedback_of(session, case_id))


def save(session: Session, context: Context, case_id: str, rows: Sequence[Typed], version: int | None) -> MarkSheet:
    """Save some or all marks; absent is not zero, and blank is neither.

    Raises: ``MarksRefused`` with the faults and nothing saved; ``FieldRefused`` for a candidate who is not entered.
    """
    permitted(session, context, Action.MARKS_SAVE, case_id)
    lines = {line.candidate_number: line for line in records.case_marks(session, case_id).lines}
    unknown = sorted({row.candidate_number for row in rows} - lines.keys())
    if unknown:
        raise FieldRefused(f"Candidate {unknown[0]} is not entered for this component.", field=unknown[0])
    entries = [
        MarkEntry(
            lines[row.candidate_number].candidate_id,
            row.mark,
            row.status,
            row.teaching_set or lines[row.candidate_number].teaching_set,
        )
        for row in rows
    ]
    saved = records.save_marks(
        session, case_id, entries, actor=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, Action.MARKS_SAVE, "case", case_id, rows=len(entries))
    return saved


def save_csv(session: Session, context: Context, case_id: str, name: str, data: bytes) -> MarkSheet:
    """Save marks from a CSV file: the whole file or nothing.

    Raises: ``FileRefused`` with every fault located.
    """
    case = permitted(session, context, Action.MARKS_SAVE, case_id)
    lines = records.case_marks(session, case_id).lines
    other, carried = _others(session, case, {line.candidate_number for line in lines})
    read = read_marks_csv(
        name,
        data,
        series=Series.from_key(case.series_key),
        centre_number=case.centre_number,
        component_code=case.component_code,
        maximum_mark=case.maximum_mark,
        candidates={line.candidate_number: line.surname for line in lines},
        carried_forward=carried,
        other_routes=other,
        submitted=case.state not in MARKS_EDITABLE,
    )
    rows = [Typed(row.candidate_number, row.mark, row.status, row.teaching_set) for row in read.rows]
    return save(session, context, case_id, rows, None)


def check(session: Session, context: Context, case_id: str, version: int | None) -> MarkSheet:
    """Tick every candidate who has a mark or a status as checked, absentees included."""
    permitted(session, context, Action.MARKS_SAVE, case_id)
    checked = records.check_marks(
        session, case_id, actor=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, "marks.check", "case", case_id)
    return checked


def submit(session: Session, context: Context, case_id: str, version: int | None, control_total: int) -> CaseView:
    """Submit the marks: they are received and locked, and the sample is drawn, or waits for the consortium's others.

    Takes: ``control_total``, the sum the exams officer saw; it must be the sum of what is stored.
    Raises: ``FieldRefused`` when it is not; ``MarksIncomplete``; ``StaleVersion``.
    """
    permitted(session, context, Action.MARKS_SUBMIT, case_id)
    stored = records.case_marks(session, case_id)
    if control_total != stored.control_total:
        raise FieldRefused(
            f"The control total is {stored.control_total}, not {control_total}. Check the marks before you submit them.",
            field="control_total",
        )
    records.submit_marks(session, case_id, actor=actor_of(context).person_id, now=context.now, expected_version=version)
    reopening.note_resubmitted(session, case_id, Subject.MARKS, actor=actor_of(context).person_id, now=context.now)
    case = records.confirm_marks(session, case_id, actor=SYSTEM, now=context.now)
    audit.record(session, context, Action.MARKS_SUBMIT, "case", case_id, control_total=control_total)
    return case


def _others(session: Session, case: CaseView, entered: set[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the centre's candidates who are not in this case: those of the other routes, and those carried forward."""
    rows = session.execute(
        select(Candidate.candidate_number, EntryOption.submission_mode)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            EntryOption,
            (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code),
        )
        .where(
            Candidate.series_key == case.series_key,
            Candidate.centre_number == case.centre_number,
            Entry.withdrawn_at.is_(None),
        )
    ).all()
    found: dict[str, set[str | None]] = {}
    for number, mode in rows:
        found.setdefault(number, set()).add(mode)
    carried = {n for n, kinds in found.items() if n not in entered and SubmissionMode.CARRIED_FORWARD in kinds}
    routed = {
        n
        for n, kinds in found.items()
        if n not in entered and kinds & {SubmissionMode.UPLOAD, SubmissionMode.POSTAL} and n not in carried
    }
    return frozenset(routed), frozenset(carried)
