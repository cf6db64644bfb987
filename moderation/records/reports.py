"""Moderators' reports: drafts that are never overwritten, handing in, returning, and release to the centre.

One report is written on a sample. A consortium has one sample and so one report, of which each centre sees what
concerns its own candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from moderation.errors import (
    NoSample,
    ReasonMissing,
    ReportIncomplete,
    ReportLocked,
    ReportMissing,
    SamePerson,
    StaleVersion,
    UnknownCriterion,
    UnknownSampleItem,
)
from moderation.records.cases import advance, case_of, group_of
from moderation.records.criteria import criteria_of
from moderation.reports import WHOLE_WORK, Gap, Line, Section, Verdict, check_no_marks, gaps
from moderation.submission import RELEASED, CaseEvent, CaseState
from moderation.tables import (
    Candidate,
    ModerationCase,
    ModeratorMark,
    ModeratorReport,
    Outcome,
    ReportLine,
    SampleItem,
)

S = CaseState
WRITABLE = frozenset(
    {S.RECEIPT_COMPLETE, S.FULL_SAMPLE, S.OUTCOME_PROPOSED, S.INVALID_ORDER, S.SUPPORT_CALL, S.OUTCOME_LOCKED}
) | {S.RESULTS_ISSUED}
"""States in which works have been read and the report has not gone out."""


@dataclass(frozen=True, slots=True)
class ReportedWork:
    """A work that was read, as the report's writer sees it."""

    item_id: str
    case_id: str
    centre_number: str
    candidate_number: str


@dataclass(frozen=True, slots=True)
class ReportView:
    """One version of a report. ``lines`` are of all works, or of one centre's own where a centre looks."""

    report_id: str
    number: int
    sections: Mapping[Section, str]
    lines: tuple[Line, ...]
    saved_at: datetime
    saved_by: str
    submitted_at: datetime | None
    submitted_by: str | None
    returned_at: datetime | None
    return_reason: str
    released_at: datetime | None

    @property
    def is_submitted(self) -> bool:
        """Say whether it is handed in and stands."""
        return self.submitted_at is not None and self.returned_at is None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a moderator has typed."""

    sections: Mapping[Section, str]
    lines: Sequence[Line] = ()


def works_read(session: Session, case_id: str) -> tuple[ReportedWork, ...]:
    """Return the works of the case's sample that have a moderator mark, of the whole consortium, by centre and number.

    Raises: ``UnknownCase``; ``NoSample``.
    """
    return tuple(work for work, _ in _works_and_marks(session, case_of(session, case_id)))


def report_of(session: Session, case_id: str) -> ReportView | None:
    """Return the newest version of the report on a case's sample, or ``None`` before there is one."""
    versions = versions_of(session, case_id)
    return versions[-1] if versions else None


def versions_of(session: Session, case_id: str) -> list[ReportView]:
    """Return every version of the report on a case's sample, oldest first; none without a sample."""
    case = case_of(session, case_id)
    if case.sample_id is None:
        return []
    rows = session.scalars(
        select(ModeratorReport).where(ModeratorReport.sample_id == case.sample_id).order_by(ModeratorReport.number)
    )
    return [_view(session, row) for row in rows]


def released_report(session: Session, case_id: str) -> ReportView | None:
    """Return the newest released version with lines on this case's own works only; ``None`` before any release.

    It says nothing of embargo: whoever shows it to a centre asks for that first.
    """
    case = case_of(session, case_id)
    row = session.scalars(
        select(ModeratorReport)
        .where(ModeratorReport.sample_id == case.sample_id, ModeratorReport.released_at.is_not(None))
        .order_by(ModeratorReport.number.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _view(session, row, own=case.id)


def own_report(session: Session, case_id: str, report: ReportView) -> ReportView:
    """Return a version with lines on this case's own works only: as its centre would see it."""
    return _view(session, session.get_one(ModeratorReport, report.report_id), own=case_id)


def gaps_of(session: Session, case_id: str, report: ReportView) -> tuple[Gap, ...]:
    """Return what a version still lacks before it can be handed in."""
    case = case_of(session, case_id)
    codes = [one.code for one in criteria_of(session, case.series_key, case.component_code)]
    items = [work.item_id for work, _ in _works_and_marks(session, case)]
    return gaps(report.sections, report.lines, items, codes)


def save_report(
    session: Session, case_id: str, draft: Draft, *, moderator: str, now: datetime, expected_number: int
) -> ReportView:
    """Keep what was typed as a new version; the versions before stay. The same again makes no new one.

    Takes: ``expected_number``, the version that the person saw, 0 for none.
    Raises: ``NoSample``; ``ReportLocked``; ``StaleVersion``; ``MarksInReport``; ``UnknownSampleItem`` for a work that
    was not read; ``UnknownCriterion``.
    """
    case = case_of(session, case_id)
    before = report_of(session, case_id)
    _need_number(before, expected_number)
    need_writable(session, case, before)
    _check(session, case, draft)
    if before is not None and _is_same(before, draft) and before.returned_at is None and before.released_at is None:
        return before
    row = ModeratorReport(
        sample_id=_sample_id(case),
        number=expected_number + 1,
        saved_at=now,
        saved_by=moderator,
        **{section.value: draft.sections.get(section, "").strip() for section in Section},
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise StaleVersion from None
    session.add_all(
        ReportLine(
            report_id=row.id,
            sample_item_id=line.item_id,
            criterion_code=line.criterion_code,
            verdict=line.verdict.value,
            comment=line.comment.strip(),
        )
        for line in draft.lines
    )
    session.flush()
    return _view(session, row)


def submit_report(session: Session, case_id: str, *, moderator: str, now: datetime, expected_number: int) -> ReportView:
    """Hand in the newest version, with the outcome or after it.

    Raises: ``ReportMissing``; ``StaleVersion``; ``ReportLocked`` before an outcome was found, or when it is handed in
    already; ``ReportIncomplete`` with ``gaps``.
    """
    case, report = _case_and_report(session, case_id, expected_number)
    need_writable(session, case, report)
    found = select(Outcome.id).where(Outcome.case_id == case.id, Outcome.superseded_at.is_(None))
    if session.scalars(found).first() is None:
        raise ReportLocked("The report is handed in with the outcome. Save it, and mark what is left to read first.")
    missing = gaps_of(session, case_id, report)
    if missing:
        raise ReportIncomplete(gaps=len(missing))
    _stamp(session, report, ModeratorReport.submitted_at.is_(None), submitted_at=now, submitted_by=moderator)
    return _need_report(session, case_id)


def return_report(
    session: Session, case_id: str, *, reason: str, officer: str, now: datetime, expected_number: int
) -> ReportView:
    """Give a report back to its moderator with a reason; a new version follows, and this one stays.

    Raises: ``ReasonMissing``; ``ReportMissing``; ``StaleVersion``; ``SamePerson``; ``ReportLocked`` unless it is handed
    in and not released.
    """
    if not reason.strip():
        raise ReasonMissing
    _, report = _case_and_report(session, case_id, expected_number)
    if officer == report.submitted_by:
        raise SamePerson
    if not report.is_submitted or report.released_at is not None:
        raise ReportLocked("Only a report that is handed in and has not gone to the centre can be returned.")
    _stamp(
        session,
        report,
        ModeratorReport.returned_at.is_(None),
        returned_at=now,
        returned_by=officer,
        return_reason=reason.strip(),
    )
    return _need_report(session, case_id)


def release_report(session: Session, case_id: str, *, officer: str, now: datetime) -> ReportView:
    """Release a handed-in report to the centre, and to every centre of a consortium, once results are issued.

    A second time changes nothing. Raises: ``ReportMissing``; ``ReportLocked`` when it is not handed in, or before
    results; ``SamePerson``.
    """
    case = case_of(session, case_id)
    report = _need_report(session, case_id)
    if report.released_at is not None:
        return report
    if not report.is_submitted:
        raise ReportLocked("This report has not been handed in, so it cannot be released.")
    if officer == report.submitted_by:
        raise SamePerson
    if case.state not in RELEASED:
        raise ReportLocked("The report goes to the centre with its results, which are not issued yet.")
    _stamp(session, report, ModeratorReport.released_at.is_(None), released_at=now, released_by=officer)
    for member in group_of(session, case):
        if member.state == CaseState.RESULTS_ISSUED:
            advance(session, member, CaseEvent.RELEASE_REPORT, actor=officer, now=now)
    return _need_report(session, case_id)


def release_handed_in(session: Session, series_key: str, *, officer: str, now: datetime) -> int:
    """Release every handed-in report of a series whose results are issued; returns how many.

    A report that its own writer would release is left for another officer.
    """
    newest = (
        select(ModeratorReport.sample_id, func.max(ModeratorReport.number).label("number"))
        .group_by(ModeratorReport.sample_id)
        .subquery()
    )
    cases = session.execute(
        select(ModerationCase.id, ModerationCase.sample_id)
        .join(newest, newest.c.sample_id == ModerationCase.sample_id)
        .join(
            ModeratorReport,
            (ModeratorReport.sample_id == newest.c.sample_id) & (ModeratorReport.number == newest.c.number),
        )
        .where(
            ModerationCase.series_key == series_key,
            ModerationCase.state == CaseState.RESULTS_ISSUED.value,
            ModeratorReport.submitted_at.is_not(None),
            ModeratorReport.returned_at.is_(None),
            ModeratorReport.released_at.is_(None),
            ModeratorReport.submitted_by != officer,
        )
        .order_by(ModerationCase.centre_number)
    ).all()
    by_sample = {sample_id: case_id for case_id, sample_id in reversed(cases)}
    for case_id in by_sample.values():
        release_report(session, case_id, officer=officer, now=now)
    return len(by_sample)


def need_writable(session: Session, case: ModerationCase, newest: ReportView | None) -> None:
    """Refuse with ``ReportLocked`` unless the report of a case can be written now, ``newest`` being its last version."""
    if case.state not in WRITABLE:
        raise ReportLocked
    if newest is None or not newest.is_submitted:
        return
    # A report that went out can be written again only when its outcome was withdrawn and works are read again.
    if newest.released_at is None or case.state == CaseState.RESULTS_ISSUED:
        raise ReportLocked


# Piece by piece


def _sample_id(case: ModerationCase) -> str:
    if case.sample_id is None:
        raise NoSample(case_id=case.id)
    return case.sample_id


def _works_and_marks(session: Session, case: ModerationCase) -> list[tuple[ReportedWork, int]]:
    rows = session.execute(
        select(
            SampleItem.id, SampleItem.case_id, Candidate.centre_number, Candidate.candidate_number, ModeratorMark.mark
        )
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .join(ModeratorMark, ModeratorMark.sample_item_id == SampleItem.id)
        .where(SampleItem.sample_id == _sample_id(case), ModeratorMark.superseded_at.is_(None))
        .order_by(Candidate.centre_number, Candidate.candidate_number)
    )
    return [(ReportedWork(item, owner, centre, number), mark) for item, owner, centre, number, mark in rows]


def _check(session: Session, case: ModerationCase, draft: Draft) -> None:
    works = {work.item_id: (work, mark) for work, mark in _works_and_marks(session, case)}
    criteria = criteria_of(session, case.series_key, case.component_code)
    codes = {one.code for one in criteria} or {WHOLE_WORK}
    for section in Section:
        where = f"The section on {section.value.replace('_', ' ')}"
        check_no_marks(draft.sections.get(section, ""), where=where, field=section.value)
    for line in draft.lines:
        if line.item_id not in works:
            raise UnknownSampleItem(item_id=line.item_id)
        if line.criterion_code not in codes:
            raise UnknownCriterion(criterion=line.criterion_code)
        work, mark = works[line.item_id]
        where = f"The comment on candidate {work.candidate_number}"
        check_no_marks(line.comment, {mark}, where=where, field=f"{line.item_id} {line.criterion_code}")


def _is_same(before: ReportView, draft: Draft) -> bool:
    sections = all(before.sections[section] == draft.sections.get(section, "").strip() for section in Section)
    lines = {(line.item_id, line.criterion_code, line.verdict, line.comment.strip()) for line in draft.lines}
    kept = {(line.item_id, line.criterion_code, line.verdict, line.comment) for line in before.lines}
    return sections and lines == kept


def _need_number(report: ReportView | None, expected: int) -> None:
    found = 0 if report is None else report.number
    if found != expected:
        raise StaleVersion(expected=expected, found=found)


def _need_report(session: Session, case_id: str) -> ReportView:
    report = report_of(session, case_id)
    if report is None:
        raise ReportMissing(case_id=case_id)
    return report


def _case_and_report(session: Session, case_id: str, expected_number: int) -> tuple[ModerationCase, ReportView]:
    case, report = case_of(session, case_id), _need_report(session, case_id)
    _need_number(report, expected_number)
    return case, report


def _stamp(session: Session, report: ReportView, still: ColumnElement[bool], **values: object) -> None:
    """Note once what happened to a version; raises ``StaleVersion`` when somebody else noted it in the meantime."""
    done = session.scalars(
        update(ModeratorReport)
        .where(ModeratorReport.id == report.report_id, still)
        .values(**values)
        .returning(ModeratorReport.id)
    ).all()
    session.expire_all()
    if len(done) != 1:
        raise StaleVersion


def _view(session: Session, row: ModeratorReport, *, own: str | None = None) -> ReportView:
    query = (
        select(ReportLine)
        .join(SampleItem, SampleItem.id == ReportLine.sample_item_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(ReportLine.report_id == row.id)
        .order_by(Candidate.centre_number, Candidate.candidate_number, ReportLine.criterion_code)
    )
    if own is not None:
        query = query.where(SampleItem.case_id == own)
    lines = tuple(
        Line(line.sample_item_id, line.criterion_code, Verdict(line.verdict), line.comment)
        for line in session.scalars(query)
    )
    return ReportView(
        row.id,
        row.number,
        {section: getattr(row, section.value) for section in Section},
        lines,
        row.saved_at,
        row.saved_by,
        row.submitted_at,
        row.submitted_by,
        row.returned_at,
        row.return_reason,
        row.released_at,
    )
