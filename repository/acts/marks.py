"""Acts on centre marks: saving, checking, submitting. Submitting confirms at once, and the sample is drawn at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series, SubmissionMode
from moderation.exchange.marks_csv import read_marks_csv
from moderation.marks import MarkStatus
from moderation.marks import control_total as total_of
from moderation.records import marks as records
from moderation.records import reopening
from moderation.records.cases import CaseView
from moderation.records.invalid_order import FeedbackView, feedback_of
from moderation.records.marks import MarkEntry, MarkLine, MarkSheet
from moderation.submission import MARKS_EDITABLE
from moderation.tables import Candidate, Entry, EntryOption
from moderation.tracking import Subject
from repository import audit, blinding
from repository.access import Action
from repository.acts import issuing
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import FieldRefused
from repository.receipts import Signer
from repository.scoping import teaching

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
    return blinding.mask(session, context, case_id, records.case_marks(session, case_id))


def feedback(session: Session, context: Context, case_id: str) -> tuple[FeedbackView, ...]:
    """Return what the centre was told when its marks were returned, the latest last: about order, never about marks."""
    permitted(session, context, Action.MARKS_READ, case_id)
    return tuple(feedback_of(session, case_id))


def save(session: Session, context: Context, case_id: str, rows: Sequence[Typed], version: int | None) -> MarkSheet:
    """Save some or all marks; absent is not zero, and blank is neither.

    Raises: ``MarksRefused`` with the faults and nothing saved; ``FieldRefused`` for a candidate who is not entered.
    """
    case = permitted(session, context, Action.MARKS_SAVE, case_id)
    lines = {line.candidate_number: line for line in records.case_marks(session, case_id).lines}
    own = teaching.groups(session, actor_of(context), case.series_key, case.component_code)
    _need_own_groups(own, rows, lines)
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
    return saved if own is None else _of_groups(saved, own)


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


def _of_groups(sheet: MarkSheet, own: frozenset[str]) -> MarkSheet:
    """Return the part of a sheet that a teacher of some groups sees, with the totals of that part."""
    lines = tuple(line for line in sheet.lines if line.teaching_set in {"", *own})
    return replace(
        sheet,
        lines=lines,
        control_total=total_of(line.mark for line in lines),
        blank=sum(line.status is None for line in lines),
        unchecked=sum(not line.checked for line in lines),
    )


def _need_own_groups(own: frozenset[str] | None, rows: Sequence[Typed], lines: Mapping[str, MarkLine]) -> None:
    """Refuse marks of groups that a teacher does not teach; an unknown candidate is refused in the same words."""
    if own is None:
        return
    for row in rows:
        line = lines.get(row.candidate_number)
        if line is not None and line.teaching_set not in {"", *own}:
            raise FieldRefused(
                f"Candidate {row.candidate_number} is not entered for this component.", field=row.candidate_number
            )
        if row.teaching_set and row.teaching_set not in own:
            raise FieldRefused(
                f"You do not teach the group {row.teaching_set}. Leave it blank, or ask your exams officer.",
                field=row.candidate_number,
            )


def check(session: Session, context: Context, case_id: str, version: int | None) -> MarkSheet:
    """Tick every candidate who has a mark or a status as checked, absentees included.

    Raises: ``FieldRefused`` for a teacher of some groups only, who does not see all that would be ticked.
    """
    case = permitted(session, context, Action.MARKS_SAVE, case_id)
    if teaching.groups(session, actor_of(context), case.series_key, case.component_code) is not None:
        raise FieldRefused(
            "You teach some groups of this component only. Ask a colleague who sees all its marks, or your exams officer, "
            "to tick them as checked."
        )
    checked = records.check_marks(
        session, case_id, actor=actor_of(context).person_id, now=context.now, expected_version=version
    )
    audit.record(session, context, "marks.check", "case", case_id)
    return checked


def submit(
    session: Session,
    context: Context,
    signer: Signer | None,
    case_id: str,
    version: int | None,
    control_total: int,
) -> CaseView:
    """Submit the marks: they are received and locked, and the sample is drawn, or waits for the consortium's others.

    A signed receipt is issued in the same transaction.

    Takes: ``control_total``, the sum the exams officer saw; it must be the sum of what is stored; ``signer``, None for
    the invented past of a rehearsal.
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
    if signer is not None:
        issuing.of_marks(session, context, signer, case, stored)
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
