"""Marks files as records: what they are held against, and saving them; and the marks of a centre on their way out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import UnknownSeries
from moderation.exchange.lines import Findings
from moderation.exchange.marks_checks import CasePlace, CentrePlaces, Entered, MarkToSave
from moderation.exchange.marks_records import FLAG_OF_STATUS, CentreMarks, MarkRecord
from moderation.marks import MarkStatus
from moderation.records.marks import MarkEntry, save_marks
from moderation.submission import MARKS_EDITABLE, CaseState
from moderation.tables import (
    Candidate,
    CentreMark,
    Component,
    Entry,
    EntryOption,
    ModerationCase,
    OptionComponent,
    SeriesRow,
)


def places_of(session: Session, series_key: str, centre_number: str) -> CentrePlaces:
    """Return who is entered for what at a centre, with what is keyed now; raises ``UnknownSeries``."""
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries(f"There is no basedata for series {series_key}.", series_key=series_key)
    keyed = {
        (case_id, candidate_id): (MarkStatus(status), mark)
        for case_id, candidate_id, status, mark in session.execute(_keyed(series_key, centre_number))
    }
    cases = {
        row.component_code: (row, maximum)
        for row, maximum in session.execute(
            select(ModerationCase, Component.maximum_mark)
            .join(
                Component,
                (Component.series_key == ModerationCase.series_key)
                & (Component.component_code == ModerationCase.component_code),
            )
            .where(ModerationCase.series_key == series_key, ModerationCase.centre_number == centre_number)
        )
    }
    entered: dict[str, dict[str, Entered]] = defaultdict(dict)
    carried: dict[str, set[str]] = defaultdict(set)
    others: set[str] = set()
    for number, candidate_id, uci, option_code, mode, component_code in session.execute(
        _entries(series_key, centre_number)
    ):
        others.add(number)
        if mode == SubmissionMode.CARRIED_FORWARD:
            carried[component_code].add(number)
        elif component_code in cases:
            case, _ = cases[component_code]
            status, mark = keyed.get((case.id, candidate_id), (None, None))
            entered[component_code][number] = Entered(candidate_id, option_code, uci, status, mark)
    return CentrePlaces(
        {
            code: CasePlace(row.id, code, maximum, CaseState(row.state) in MARKS_EDITABLE, entered[code])
            for code, (row, maximum) in cases.items()
        },
        {code: frozenset(numbers) for code, numbers in carried.items()},
        frozenset(others),
    )


def save_file(
    session: Session, marks: Mapping[str, Collection[MarkToSave]], *, actor: str, now: datetime
) -> dict[str, int]:
    """Save the marks of a file, case by case; they have to be checked and submitted as if they had been keyed.

    Returns: counts of cases and marks.
    """
    for case_id, rows in marks.items():
        known = session.execute(
            select(CentreMark.candidate_id, CentreMark.teaching_set)
            .join(ModerationCase, ModerationCase.id == CentreMark.case_id)
            .where(CentreMark.case_id == case_id, CentreMark.mark_set_version == ModerationCase.mark_set_version)
        )
        sets: dict[str, str] = {row[0]: row[1] for row in known}
        entries = [
            MarkEntry(row.candidate_id, row.mark, row.status, row.teaching_set or sets.get(row.candidate_id, ""))
            for row in rows
        ]
        save_marks(session, case_id, entries, actor=actor, now=now)
    return {"cases": len(marks), "marks": sum(len(rows) for rows in marks.values())}


def centre_marks(
    session: Session, series_key: str, centre_numbers: Iterable[str], sequence: int, left_out: Findings
) -> Iterator[CentreMarks]:
    """Yield the marks of centres as they are keyed now; what cannot travel is left out, and named in ``left_out``."""
    for centre_number in centre_numbers:
        rows: list[MarkRecord] = []
        for row in session.execute(_outgoing(series_key, centre_number)):
            flag = FLAG_OF_STATUS.get(MarkStatus(row.status))
            if flag is None:
                left_out.warn(
                    "left-out", None, None,
                    f"Candidate {row.candidate_number} of {centre_number} in {row.component_code} is left out: "
                    f"{row.status.lower().replace('_', ' ')} does not travel.", "Key it on screen where the file goes.",
                )  # fmt: skip
                continue
            if len(row.teaching_set) > 9 or not row.teaching_set.isascii():
                left_out.warn(
                    "left-out", None, None, f"The teaching set of candidate {row.candidate_number} of {centre_number} "
                    "does not fit 9 plain characters and is left blank.", "",
                )  # fmt: skip
            fits = len(row.teaching_set) <= 9 and row.teaching_set.isascii()
            rows.append(
                MarkRecord(
                    row.candidate_number,
                    row.component_code,
                    row.option_code,
                    flag,
                    row.mark,
                    "",
                    row.uci,
                    row.teaching_set if fits else "",
                    row.candidate_status,
                )
            )
        if rows:
            yield CentreMarks(
                centre_number, sequence, tuple(rows), sum(row.mark for row in rows if row.mark is not None)
            )


def _keyed(series_key: str, centre_number: str) -> Any:
    return (
        select(CentreMark.case_id, CentreMark.candidate_id, CentreMark.status, CentreMark.mark)
        .join(ModerationCase, ModerationCase.id == CentreMark.case_id)
        .where(
            ModerationCase.series_key == series_key,
            ModerationCase.centre_number == centre_number,
            CentreMark.mark_set_version == ModerationCase.mark_set_version,
            # Marks returned to the centre count no more: the next save begins a new set.
            ModerationCase.state != CaseState.RETURNED_TO_CENTRE.value,
        )
    )


def _entries(series_key: str, centre_number: str) -> Any:
    return (
        select(
            Candidate.candidate_number,
            Candidate.id,
            Candidate.uci,
            Entry.option_code,
            EntryOption.submission_mode,
            OptionComponent.component_code,
        )
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            EntryOption, (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code)
        )
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key) & (OptionComponent.option_code == Entry.option_code),
        )
        .where(
            Candidate.series_key == series_key,
            Candidate.centre_number == centre_number,
            Entry.withdrawn_at.is_(None),
        )
    )


def _outgoing(series_key: str, centre_number: str) -> Any:
    return (
        select(
            Candidate.candidate_number,
            Candidate.uci,
            Candidate.status.label("candidate_status"),
            ModerationCase.component_code,
            Entry.option_code,
            CentreMark.mark,
            CentreMark.status,
            CentreMark.teaching_set,
        )
        .join(CentreMark, CentreMark.candidate_id == Candidate.id)
        .join(ModerationCase, ModerationCase.id == CentreMark.case_id)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            OptionComponent,
            (OptionComponent.series_key == Entry.series_key)
            & (OptionComponent.option_code == Entry.option_code)
            & (OptionComponent.component_code == ModerationCase.component_code),
        )
        .join(
            EntryOption, (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code)
        )
        .where(
            ModerationCase.series_key == series_key,
            ModerationCase.centre_number == centre_number,
            CentreMark.mark_set_version == ModerationCase.mark_set_version,
            Entry.withdrawn_at.is_(None),
            EntryOption.submission_mode.is_distinct_from(SubmissionMode.CARRIED_FORWARD.value),
        )
        .order_by(ModerationCase.component_code, Candidate.candidate_number)
    )
