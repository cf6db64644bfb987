"""Acts on moderators' reports: writing and handing in, returning with a reason, releasing to the centre."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from moderation.errors import ReportLocked
from moderation.records import criteria, reports
from moderation.records.cases import CaseView, case_of
from moderation.records.criteria import CriterionView
from moderation.records.reports import Draft, ReportedWork, ReportView
from moderation.reports import Gap
from moderation.submission import RELEASED
from repository import access, audit, blinding
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The report on a case's sample, as its writer and the awarding body see it."""

    case: CaseView
    report: ReportView | None
    versions: int
    works: tuple[ReportedWork, ...]
    criteria: tuple[CriterionView, ...]
    gaps: tuple[Gap, ...]
    may_write: bool
    may_return: bool
    may_release: bool


def page(session: Session, context: Context, case_id: str) -> ReportPage:
    """Return the newest version of the report and what can be done with it; looking is recorded."""
    actor = actor_of(context)
    case = permitted(session, context, Action.REPORT_READ, case_id)
    row = case_of(session, case_id)
    if row.sample_id is None:
        raise NotFound("No sample has been chosen for this component, so there is nothing to report on.")
    versions = reports.versions_of(session, case_id)
    report = versions[-1] if versions else None
    may_decide = access.scope_of(actor, Action.REPORT_RETURN) is not None
    stands = report is not None and report.is_submitted and report.released_at is None
    is_writer = access.scope_of(actor, Action.REPORT_WRITE) is not None
    try:
        reports.need_writable(session, row, report)
        is_open = True
    except ReportLocked:
        is_open = False
    audit.record(session, context, Action.REPORT_READ, "case", case_id)
    found = ReportPage(
        case,
        report,
        len(versions),
        reports.works_read(session, case_id),
        criteria.criteria_of(session, case.series_key, case.component_code),
        () if report is None else reports.gaps_of(session, case_id, report),
        is_writer and is_open,
        may_decide and stands,
        may_decide and stands and case.state in RELEASED,
    )
    return blinding.mask(session, context, case_id, found)


def save(session: Session, context: Context, case_id: str, draft: Draft, number: int) -> ReportView:
    """Keep a draft as a new version. Takes: ``number``, the version that the person saw, 0 for none."""
    permitted(session, context, Action.REPORT_WRITE, case_id)
    saved = reports.save_report(
        session, case_id, draft, moderator=actor_of(context).person_id, now=context.now, expected_number=number
    )
    audit.record(session, context, Action.REPORT_WRITE, "case", case_id, version=saved.number)
    return saved


def submit(session: Session, context: Context, case_id: str, number: int) -> ReportView:
    """Hand in the version that the person saw."""
    permitted(session, context, Action.REPORT_WRITE, case_id)
    done = reports.submit_report(
        session, case_id, moderator=actor_of(context).person_id, now=context.now, expected_number=number
    )
    audit.record(session, context, "report.submit", "case", case_id, version=done.number)
    return done


def send_back(session: Session, context: Context, case_id: str, reason: str, number: int) -> ReportView:
    """Give the report back to its moderator with a reason."""
    permitted(session, context, Action.REPORT_RETURN, case_id)
    done = reports.return_report(
        session, case_id, reason=reason, officer=actor_of(context).person_id, now=context.now, expected_number=number
    )
    audit.record(session, context, Action.REPORT_RETURN, "case", case_id, version=done.number)
    return done


def release(session: Session, context: Context, case_id: str) -> ReportView:
    """Release a report that came after the results; one handed in before goes out with them."""
    permitted(session, context, Action.REPORT_RETURN, case_id)
    done = reports.release_report(session, case_id, officer=actor_of(context).person_id, now=context.now)
    audit.record(session, context, "report.release", "case", case_id, version=done.number)
    return done
