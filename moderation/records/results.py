"""Results of a series: the computation, the release by two people, and who may see it when."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from moderation.entries import SubmissionMode
from moderation.errors import NoResults, ResultsEmbargoed, ResultsGateClosed, SamePerson
from moderation.marks import MarkStatus
from moderation.records.cases import advance
from moderation.records.gate import gate
from moderation.results import (
    Audience,
    ComponentMark,
    Embargo,
    aggregate,
    check_boundaries,
    exact_text,
)
from moderation.submission import SETTLED, CaseEvent
from moderation.tables import (
    Candidate,
    Component,
    Entry,
    EntryOption,
    ExternalMark,
    GradeBoundary,
    ModeratedMark,
    ModerationCase,
    OptionComponent,
    OptionResult,
    Outcome,
    ResultVersion,
    new_id,
)


@dataclass(frozen=True, slots=True)
class ComputedResult:
    """The result of a candidate in an option, before or after release; totals are exact texts."""

    candidate_id: str
    centre_number: str
    candidate_number: str
    uci: str
    surname: str
    forenames: str
    option_code: str
    option_title: str
    total: str | None
    grade: str | None
    indicator: str | None
    components: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """A release of results."""

    version_id: str
    series_key: str
    number: int
    digest: str
    gate: Mapping[str, Any]
    released_by_first: str
    released_by_second: str
    created_at: datetime
    embargo: Embargo


def compute_results(session: Session, series_key: str, *, held_case_ids: Collection[str] = ()) -> list[ComputedResult]:
    """Return the result of every entry from what is recorded now; nothing is stored or released."""
    marks, held = _component_marks(session, series_key, held_case_ids)
    parts = _parts_of_options(session, series_key)
    boundaries = _boundaries(session, series_key)
    rows = session.execute(
        select(Candidate, EntryOption)
        .join(Entry, Entry.candidate_id == Candidate.id)
        .join(
            EntryOption, (EntryOption.series_key == Entry.series_key) & (EntryOption.option_code == Entry.option_code)
        )
        .where(Entry.series_key == series_key, Entry.withdrawn_at.is_(None))
        .order_by(Candidate.centre_number, Candidate.candidate_number, Entry.option_code)
    )
    return [
        _compute(candidate, option, parts.get(option.option_code, ()), marks, held, boundaries)
        for candidate, option in rows
    ]


def release_results(
    session: Session,
    series_key: str,
    *,
    first: str,
    second: str,
    embargo: Embargo,
    now: datetime,
    held_case_ids: Collection[str] = (),
) -> ReleaseView:
    """Release the results of a series as a new version, under embargo; the same results again change nothing.

    Raises: ``SamePerson`` unless two people release; ``ResultsGateClosed`` with ``blocks``; ``UnknownSeries``.
    """
    if first == second:
        raise SamePerson
    report = gate(session, series_key, held_case_ids=held_case_ids)
    if not report.is_open:
        codes = sorted({block.code for block in report.blocks})
        raise ResultsGateClosed(
            f"Results cannot be released: {len(report.blocks)} things are open ({', '.join(codes)}).",
            blocks=[asdict(block) for block in report.blocks],
        )
    results = compute_results(session, series_key, held_case_ids=held_case_ids)
    digest = _digest(results)
    latest = _latest(session, series_key)
    if latest is not None and latest.digest == digest and _embargo(latest) == embargo:
        return _release_view(latest)
    version = ResultVersion(
        id=new_id(),
        series_key=series_key,
        number=1 if latest is None else latest.number + 1,
        gate=report.as_json(),
        digest=digest,
        released_by_first=first,
        released_by_second=second,
        created_at=now,
        restricted_at=embargo.restricted_at,
        candidates_at=embargo.candidates_at,
        public_at=embargo.public_at,
    )
    session.add(version)
    session.flush()
    session.add_all(
        OptionResult(
            version_id=version.id,
            candidate_id=row.candidate_id,
            option_code=row.option_code,
            total=row.total,
            grade=row.grade,
            indicator=row.indicator,
            components=[dict(part) for part in row.components],
        )
        for row in results
    )
    _issue(session, series_key, set(report.held_case_ids), actor=second, now=now)
    session.flush()
    return _release_view(version)


def release_of(session: Session, series_key: str) -> ReleaseView | None:
    """Return the latest release of a series, or ``None``; says nothing about its contents."""
    latest = _latest(session, series_key)
    return None if latest is None else _release_view(latest)


def results_for(
    session: Session, series_key: str, *, audience: Audience, now: datetime, centre_number: str | None = None
) -> list[ComputedResult]:
    """Return the released results an audience may see now, of one centre or of all.

    Raises: ``NoResults`` before any release; ``ResultsEmbargoed`` with ``opens_at`` until the audience's instant.
    """
    version = _latest(session, series_key)
    if version is None:
        raise NoResults(series_key=series_key)
    embargo = _embargo(version)
    if not embargo.is_open(audience, now):
        opens_at = embargo.opens_at(audience)
        raise ResultsEmbargoed(opens_at=None if opens_at is None else opens_at.isoformat())
    query = (
        select(OptionResult, Candidate, EntryOption)
        .join(Candidate, Candidate.id == OptionResult.candidate_id)
        .join(
            EntryOption,
            (EntryOption.series_key == Candidate.series_key) & (EntryOption.option_code == OptionResult.option_code),
        )
        .where(OptionResult.version_id == version.id)
        .order_by(Candidate.centre_number, Candidate.candidate_number, OptionResult.option_code)
    )
    if centre_number is not None:
        query = query.where(Candidate.centre_number == centre_number)
    return [
        _result(candidate, option, row.total, row.grade, row.indicator, row.components)
        for row, candidate, option in session.execute(query)
    ]


def result_rows(results: Sequence[ComputedResult], series_key: str) -> list[dict[str, Any]]:
    """Return the rows of the results CSV, keyed by column name."""
    return [
        {
            "series": series_key,
            "centre": row.centre_number,
            "candidate_number": row.candidate_number,
            "uci": row.uci,
            "entry_option": row.option_code,
            "total": row.total or "",
            "grade": row.grade or "",
            "indicator": row.indicator or "",
            "provisional": "yes",
        }
        for row in results
    ]


# The computation, piece by piece

_Marks = Mapping[tuple[str, str], tuple[int | None, MarkStatus]]


def _component_marks(
    session: Session, series_key: str, held_case_ids: Collection[str]
) -> tuple[_Marks, set[tuple[str, str]]]:
    """Return (candidate, component) → mark, and the (centre, component) of cases whose candidates wait."""
    marks: dict[tuple[str, str], tuple[int | None, MarkStatus]] = {}
    external = select(ExternalMark.candidate_id, ExternalMark.component_code, ExternalMark.mark, ExternalMark.status)
    for candidate_id, code, mark, status in session.execute(external.where(ExternalMark.series_key == series_key)):
        marks[candidate_id, code] = (mark, MarkStatus(status))
    moderated = session.execute(
        select(
            ModeratedMark.candidate_id,
            ModerationCase.component_code,
            ModeratedMark.moderated_mark,
            ModeratedMark.status,
        )
        .join(Outcome, Outcome.id == ModeratedMark.outcome_id)
        .join(ModerationCase, ModerationCase.id == ModeratedMark.case_id)
        .where(ModerationCase.series_key == series_key, Outcome.superseded_at.is_(None))
    )
    for candidate_id, code, mark, status in moderated:
        marks[candidate_id, code] = (mark, MarkStatus(status))
    cases = session.execute(
        select(
            ModerationCase.id, ModerationCase.centre_number, ModerationCase.component_code, ModerationCase.state
        ).where(ModerationCase.series_key == series_key)
    )
    held = {
        (centre_number, code)
        for case_id, centre_number, code, state in cases
        if case_id in held_case_ids or state not in SETTLED
    }
    return marks, held


def _parts_of_options(session: Session, series_key: str) -> dict[str, list[Component]]:
    parts: dict[str, list[Component]] = defaultdict(list)
    rows = session.execute(
        select(OptionComponent.option_code, Component)
        .join(
            Component,
            (Component.series_key == OptionComponent.series_key)
            & (Component.component_code == OptionComponent.component_code),
        )
        .where(OptionComponent.series_key == series_key)
        .order_by(OptionComponent.option_code, Component.component_code)
    )
    for option_code, component in rows:
        parts[option_code].append(component)
    return parts


def _boundaries(session: Session, series_key: str) -> dict[str, tuple[tuple[str, int], ...]]:
    rows: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in session.scalars(select(GradeBoundary).where(GradeBoundary.series_key == series_key)):
        rows[row.option_code].append((row.grade, row.mark))
    return {option_code: check_boundaries(pairs, None) for option_code, pairs in rows.items()}


def _compute(
    candidate: Candidate,
    option: EntryOption,
    parts: Sequence[Component],
    marks: _Marks,
    held: Collection[tuple[str, str]],
    boundaries: Mapping[str, Sequence[tuple[str, int]]],
) -> ComputedResult:
    components = []
    for part in parts:
        mark, status = marks.get((candidate.id, part.component_code), (None, None))
        moderated_here = part.teacher_marks and option.submission_mode != SubmissionMode.CARRIED_FORWARD
        if moderated_here and (candidate.centre_number, part.component_code) in held:
            mark, status = None, MarkStatus.PENDING_Q
        components.append(
            ComponentMark(
                part.component_code,
                mark,
                status,
                part.maximum_mark,
                Fraction(part.weighted_maximum) if part.weighted_maximum else Fraction(part.maximum_mark),
            )
        )
    found = aggregate(components, boundaries.get(option.option_code, ()))
    return _result(
        candidate,
        option,
        None if found.total is None else exact_text(found.total),
        found.grade,
        None if found.indicator is None else found.indicator.value,
        [_component_json(one) for one in components],
    )


def _component_json(one: ComponentMark) -> dict[str, Any]:
    return {
        "component": one.component_code,
        "mark": one.mark,
        "status": None if one.status is None else one.status.value,
        "maximum_mark": one.maximum_mark,
        "weighted_maximum": exact_text(one.weighted_maximum),
        "weighted_mark": None if one.mark is None else exact_text(one.weighted_maximum * one.mark / one.maximum_mark),
    }


def _result(
    candidate: Candidate,
    option: EntryOption,
    total: str | None,
    grade: str | None,
    indicator: str | None,
    components: Sequence[Mapping[str, Any]],
) -> ComputedResult:
    return ComputedResult(
        candidate.id,
        candidate.centre_number,
        candidate.candidate_number,
        candidate.uci,
        candidate.surname,
        candidate.forenames,
        option.option_code,
        option.title,
        total,
        grade,
        indicator,
        tuple(components),
    )


# The release, piece by piece


def _issue(session: Session, series_key: str, held: Collection[str], *, actor: str, now: datetime) -> None:
    cases = session.scalars(select(ModerationCase).where(ModerationCase.series_key == series_key)).all()
    for case in cases:
        if case.id not in held:
            advance(session, case, CaseEvent.ISSUE_RESULTS, actor=actor, now=now)


def _digest(results: Sequence[ComputedResult]) -> str:
    rows = [
        [row.candidate_id, row.option_code, row.total, row.grade, row.indicator, list(map(dict, row.components))]
        for row in results
    ]
    return sha256(json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _latest(session: Session, series_key: str) -> ResultVersion | None:
    newest = select(func.max(ResultVersion.number)).where(ResultVersion.series_key == series_key).scalar_subquery()
    return session.scalars(
        select(ResultVersion).where(ResultVersion.series_key == series_key, ResultVersion.number == newest)
    ).one_or_none()


def _embargo(version: ResultVersion) -> Embargo:
    return Embargo(version.restricted_at, version.candidates_at, version.public_at)


def _release_view(version: ResultVersion) -> ReleaseView:
    return ReleaseView(
        version.id,
        version.series_key,
        version.number,
        version.digest,
        version.gate,
        version.released_by_first,
        version.released_by_second,
        version.created_at,
        _embargo(version),
    )
