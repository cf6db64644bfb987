"""What leaves as files, read from the records: entries, basedata, samples, outcomes, results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.entries import Series
from moderation.exchange.basedata import BoardComponent, DisallowedPair, Link, Option, SeriesBasedata, Syllabus
from moderation.exchange.entry_files import EntryRecord
from moderation.exchange.exports_csv import SAMPLE_REASONS, CieLine, ComponentMarkLine, OutcomeLine, SampleLine
from moderation.exchange.results_values import CandidateResult, CentreResults, ComponentResult
from moderation.marks import MarkStatus
from moderation.records.changes import Snapshot
from moderation.records.imports import newest_issue
from moderation.records.results import ComputedResult
from moderation.submission import RELEASED
from moderation.tables import (
    Candidate,
    CentreMark,
    Component,
    Entry,
    EntryOption,
    ModeratedMark,
    ModerationCase,
    OptionComponent,
    Outcome,
    Sample,
    SampleItem,
)
from moderation.tables import DisallowedPair as DisallowedPairRow
from moderation.tables import Syllabus as SyllabusRow

Name = tuple[str, str]


def entered_centres(session: Session, series_key: str) -> list[str]:
    """Return the centres with candidates in a series."""
    query = select(Candidate.centre_number).where(Candidate.series_key == series_key).distinct()
    return list(session.scalars(query.order_by(Candidate.centre_number)))


def entry_records(session: Session, series_key: str, centre_number: str) -> list[EntryRecord]:
    """Return the present entries of a centre; a candidate whose entries are all withdrawn has none."""
    options: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = session.execute(
        select(Entry.candidate_id, Entry.option_code, Entry.flag)
        .join(Candidate, Candidate.id == Entry.candidate_id)
        .where(
            Candidate.series_key == series_key,
            Candidate.centre_number == centre_number,
            Entry.withdrawn_at.is_(None),
        )
        .order_by(Entry.option_code)
    )
    for candidate_id, option_code, flag in rows:
        options[candidate_id].append((option_code, flag))
    candidates = session.scalars(
        select(Candidate)
        .where(Candidate.series_key == series_key, Candidate.centre_number == centre_number)
        .order_by(Candidate.candidate_number)
    )
    return [
        EntryRecord(
            row.candidate_number,
            row.surname,
            row.forenames,
            row.uci,
            tuple(code for code, _ in options[row.id]),
            row.sex,
            row.born_on,
            row.upn,
            row.uln,
            row.status,
            flags=tuple(flag for _, flag in options[row.id]) if any(flag for _, flag in options[row.id]) else (),
        )
        for row in candidates
    ]


def basedata(session: Session, series: Series) -> SeriesBasedata:
    """Return basedata as it is recorded here: fees, classification codes and most gradesets are not, and stay blank."""
    key = series.key
    links = [
        Link(*row)
        for row in session.execute(
            select(OptionComponent.option_code, OptionComponent.component_code)
            .where(OptionComponent.series_key == key)
            .order_by(OptionComponent.option_code, OptionComponent.component_code)
        )
    ]
    count: dict[str, int] = defaultdict(int)
    for link in links:
        count[link.option_code] += 1
    options = session.scalars(
        select(EntryOption).where(EntryOption.series_key == key).order_by(EntryOption.option_code)
    )
    components = session.scalars(
        select(Component).where(Component.series_key == key).order_by(Component.component_code)
    )
    pairs = session.scalars(select(DisallowedPairRow).where(DisallowedPairRow.series_key == key))
    syllabuses = session.scalars(
        select(SyllabusRow).where(SyllabusRow.series_key == key).order_by(SyllabusRow.syllabus_code)
    )
    return SeriesBasedata(
        series,
        newest_issue(session, key),
        tuple(Syllabus(row.syllabus_code, row.title) for row in syllabuses),
        tuple(
            Option(
                row.option_code,
                row.syllabus_code,
                row.title,
                row.qualification,
                row.level,
                row.exam_item or "C",
                qan=row.qan,
                maximum=row.maximum,
                result_gradesets=(row.result_gradeset, ""),
                component_count=count[row.option_code],
            )
            for row in options
        ),
        tuple(
            BoardComponent(
                row.component_code,
                row.title,
                "Y" if row.teacher_marks else "N",
                row.maximum_mark,
                "",
                row.due_on,
                "T" if row.timetabled else "N",
                row.timetable_on,
                row.timetable_session,
                row.minutes,
            )
            for row in components
        ),
        tuple(links),
        tuple(DisallowedPair(row.option_code, row.other_code) for row in pairs),
    )


def sample_lines(session: Session, series_key: str, centre_number: str | None = None) -> list[SampleLine]:
    """Return the candidates whose work is asked for now, of one centre or all."""
    query = (
        select(SampleItem, Sample.requested_at, Sample.due_at, ModerationCase, Candidate, CentreMark.teaching_set)
        .join(Sample, Sample.id == SampleItem.sample_id)
        .join(ModerationCase, ModerationCase.id == SampleItem.case_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .outerjoin(
            CentreMark,
            (CentreMark.case_id == SampleItem.case_id)
            & (CentreMark.candidate_id == SampleItem.candidate_id)
            & (CentreMark.mark_set_version == ModerationCase.mark_set_version),
        )
        .where(
            ModerationCase.series_key == series_key,
            Sample.superseded_at.is_(None),
            SampleItem.replaced_at.is_(None),
        )
        .order_by(ModerationCase.centre_number, ModerationCase.component_code, SampleItem.position)
    )
    if centre_number is not None:
        query = query.where(ModerationCase.centre_number == centre_number)
    return [
        SampleLine(
            case.centre_number,
            case.component_code,
            candidate.candidate_number,
            item.position,
            item.centre_mark,
            teaching_set or "",
            item.reason if item.reason in SAMPLE_REASONS else "picked",
            requested_at,
            due_at,
        )
        for item, requested_at, due_at, case, candidate, teaching_set in session.execute(query)
    ]


def outcome_lines(
    session: Session, series_key: str, centre_number: str | None = None, *, released_only: bool
) -> list[OutcomeLine]:
    """Return the moderated marks that stand, of one centre or all; ``released_only``, those whose results have left."""
    query = (
        select(ModeratedMark, Outcome, ModerationCase, Candidate)
        .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
        .join(ModerationCase, ModerationCase.id == ModeratedMark.case_id)
        .join(Candidate, Candidate.id == ModeratedMark.candidate_id)
        .where(
            ModerationCase.series_key == series_key,
            Outcome.superseded_at.is_(None),
            Outcome.confirmed_at.is_not(None),
        )
        .order_by(ModerationCase.centre_number, ModerationCase.component_code, Candidate.candidate_number)
    )
    if centre_number is not None:
        query = query.where(ModerationCase.centre_number == centre_number)
    if released_only:
        query = query.where(ModerationCase.state.in_([state.value for state in RELEASED]))
    return [
        OutcomeLine(
            case.centre_number,
            case.component_code,
            candidate.candidate_number,
            candidate.uci,
            mark.centre_mark,
            mark.status,
            outcome.kind,
            mark.moderated_mark,
            outcome.policy_version,
        )
        for mark, outcome, case, candidate in session.execute(query)
    ]


def centre_results(results: Iterable[ComputedResult], release: int) -> Iterator[CentreResults]:
    """Yield released results as files carry them, centre by centre. Takes: results in the order of their centres."""
    for centre_number, rows in groupby(results, key=lambda row: row.centre_number):
        yield CentreResults(centre_number, release, tuple(_candidate_result(row) for row in rows))


def results_snapshot(centres: Iterable[CentreResults]) -> Snapshot:
    """Return results as ``changes.compare`` takes them, so that a file can be held against a release."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for centre in centres:
        for row in centre.rows:
            parts = {
                part.component_code: part.weighted_mark or {"A": "absent"}.get(part.flag, "") for part in row.components
            }
            found["result", f"{centre.centre_number} {row.candidate_number} {row.option_code}"] = {
                "total": row.total,
                "grade": row.grade,
                "indicator": row.indicator,
                **parts,
            }
    return found


def birth_dates(session: Session, series_key: str, centre_number: str) -> dict[str, date | None]:
    """Return the birth dates of a centre's candidates, by candidate number."""
    rows = session.execute(
        select(Candidate.candidate_number, Candidate.born_on).where(
            Candidate.series_key == series_key, Candidate.centre_number == centre_number
        )
    )
    return {row[0]: row[1] for row in rows}


def component_mark_lines(results: Iterable[ComputedResult]) -> Iterator[ComponentMarkLine]:
    """Yield the components of results under the headers that schools know; UMS does not exist here."""
    for row in results:
        for part in _candidate_result(row).components:
            mark = "" if part.mark is None else str(part.mark)
            notes = {"A": "Absent", "N": "No mark"}.get(part.flag, "")
            yield ComponentMarkLine(
                row.candidate_number, row.option_code, mark, part.component_code, part.weighted_mark, notes
            )


def cie_lines(session: Session, series_key: str, results: Sequence[ComputedResult]) -> tuple[list[str], list[CieLine]]:
    """Return the components of the CIE template and its rows; components have no grade here."""
    syllabus = {
        row[0]: row[1]
        for row in session.execute(
            select(EntryOption.option_code, EntryOption.syllabus_code).where(EntryOption.series_key == series_key)
        )
    }
    codes: dict[str, None] = {}
    lines = []
    for row in results:
        parts: dict[str, tuple[int | None, str, str]] = {}
        for part in _candidate_result(row).components:
            codes[part.component_code] = None
            parts[part.component_code] = (part.mark, part.weighted_mark, "")
        lines.append(
            CieLine(
                syllabus.get(row.option_code, ""),
                row.option_code,
                row.centre_number,
                row.candidate_number,
                f"{row.surname} {row.forenames}".strip(),
                parts,
                row.total or "",
                row.grade or row.indicator or "",
            )
        )
    return sorted(codes), lines


def _candidate_result(row: ComputedResult) -> CandidateResult:
    """Return a result as files carry it. Why a mark is missing stays here: only an absence is said."""
    parts = []
    for part in row.components:
        mark = part["mark"]
        flag = "M" if mark is not None else "A" if part["status"] == MarkStatus.ABSENT else "N"
        parts.append(
            ComponentResult(
                part["component"],
                flag,
                mark,
                part["maximum_mark"],
                part["weighted_mark"] or "",
                part["weighted_maximum"] or "",
            )
        )
    return CandidateResult(
        row.candidate_number,
        row.option_code,
        row.grade or "",
        row.indicator or "",
        row.total or "",
        tuple(parts),
        row.uci,
        row.surname,
        row.forenames,
    )
