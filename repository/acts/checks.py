"""Acts of team leaders and principal moderators: their cases, checks made blind, verdicts, coverage and drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.checking import Verdict
from moderation.errors import CheckUnknown
from moderation.records import cases, checks, teams
from moderation.records.cases import CaseView
from moderation.records.checks import CheckView, Coverage
from moderation.tables import Component
from repository import audit, blinding, evidence, people
from repository.access import Action, Role, Scope, scope_of
from repository.acts.allocations import moderators_of
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.documents import DocumentState
from repository.errors import NotFound
from repository.evidence import AttachedDocument


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A case on the list: whose work it is, and whether it waits for a check."""

    case: CaseView
    moderator: str
    is_due: bool
    is_escalated: bool
    checks: int


@dataclass(frozen=True, slots=True)
class CheckPage:
    """A check as its maker works on it: works to open, own marks, and both marks once all are in."""

    case: CaseView
    check: CheckView | None
    checks: tuple[CheckView, ...]
    documents: Mapping[str, tuple[AttachedDocument, ...]]
    moderator: str
    tolerance_marks: int
    is_due: bool


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """A moderator's coverage, with the name."""

    name: str
    coverage: Coverage


def listed(session: Session, context: Context) -> tuple[CheckLine, ...]:
    """Return the cases that the person watches over, those that wait for a check first."""
    actor = actor_of(context)
    principal = actor.role is Role.PRINCIPAL_MODERATOR
    ids = set(
        teams.principal_case_ids(session, actor.person_id, context.now)
        if principal
        else teams.led_case_ids(session, actor.person_id, context.now)
    )
    due = checks.cases_to_check(session, ids)
    escalated = checks.cases_to_check(session, ids, escalated=True)
    lines = []
    names: dict[str, Mapping[tuple[str, str], str]] = {}
    for case_id in ids:
        case = cases.view_case(session, case_id)
        known = names.setdefault(case.series_key, moderators_of(session, case.series_key))
        lines.append(
            CheckLine(
                case,
                known.get((case.component_code, case.centre_number), ""),
                case_id in due,
                case_id in escalated,
                len(checks.checks_of(session, case_id)),
            )
        )
    return tuple(
        sorted(
            lines,
            key=lambda one: (not one.is_escalated, not one.is_due, one.case.centre_number, one.case.component_code),
        )
    )


def page(session: Session, context: Context, case_id: str) -> CheckPage:
    """Return a case as the person checks it; the moderator's marks are not on it until all own marks are."""
    case = permitted(session, context, Action.CHECK_READ, case_id)
    actor = actor_of(context)
    every = tuple(checks.checks_of(session, case_id))
    mine = [one for one in every if one.checker_id == actor.person_id]
    documents: Mapping[str, tuple[AttachedDocument, ...]] = {}
    if mine and case.sample_due_at is not None:
        sample_id = cases.case_of(session, case_id).sample_id or ""
        documents = {
            item_id: tuple(one for one in found if one.state is DocumentState.RELEASED)
            for item_id, found in evidence.documents_of(session, sample_id).items()
        }
    name = moderators_of(session, case.series_key).get((case.component_code, case.centre_number), "")
    audit.record(session, context, Action.CHECK_READ, "case", case_id)
    found = CheckPage(
        case,
        mine[-1] if mine else None,
        tuple(one for one in every if one.verdict is not None),
        documents,
        name,
        case.tolerance_marks or 0,
        case_id in checks.cases_to_check(session, [case_id])
        or case_id in checks.cases_to_check(session, [case_id], escalated=True),
    )
    return blinding.mask(session, context, case_id, found)


def begin(session: Session, context: Context, case_id: str) -> CheckView:
    """Begin a check of the proposed outcome of a case, or go on with the person's own."""
    permitted(session, context, Action.CHECK_WRITE, case_id)
    actor = actor_of(context)
    made = checks.open_check(
        session,
        case_id,
        checker=actor.person_id,
        is_principal=scope_of(actor, Action.CHECK_WRITE) is Scope.COMPONENT,
        now=context.now,
    )
    audit.record(session, context, Action.CHECK_WRITE, "check", made.check_id, step="begin")
    return made


def record_mark(
    session: Session, context: Context, check_id: str, item_id: str, mark: int, comment: str, version: int | None
) -> CheckView:
    """Keep the person's own mark of a work of a check; the moderator's mark is not touched."""
    _permitted(session, context, check_id)
    kept = checks.record_check_mark(
        session,
        check_id,
        item_id,
        mark=mark,
        comment=comment,
        checker=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, Action.CHECK_WRITE, "check", check_id, item=item_id)
    return kept


def decide(
    session: Session, context: Context, check_id: str, verdict: Verdict, reason: str, version: int | None
) -> CheckView:
    """End a check: agreed, returned to the moderator, or passed to the principal moderator."""
    _permitted(session, context, check_id)
    done = checks.decide_check(
        session,
        check_id,
        verdict=verdict,
        reason=reason,
        checker=actor_of(context).person_id,
        now=context.now,
        expected_version=version,
    )
    audit.record(session, context, Action.CHECK_WRITE, "check", check_id, verdict=verdict.value)
    return done


def coverage(session: Session, context: Context) -> tuple[CoverageLine, ...]:
    """Return the moderators of the components that the person answers for, or of every one, with coverage and drift."""
    actor = actor_of(context)
    if scope_of(actor, Action.COVERAGE_READ) is Scope.COMPONENT:
        ids = teams.principal_case_ids(session, actor.person_id, context.now)
        views = [cases.view_case(session, case_id) for case_id in ids]
        places = {(case.series_key, case.component_code) for case in views}
    else:
        rows = session.execute(
            select(Component.series_key, Component.component_code).where(Component.teacher_marks.is_(True))
        )
        places = {(row[0], row[1]) for row in rows}
    lines = checks.coverage(session, places)
    names = people.names_of(session, {line.person_id for line in lines})
    return tuple(CoverageLine(names.get(line.person_id, line.person_id), line) for line in lines)


def _permitted(session: Session, context: Context, check_id: str) -> CaseView:
    try:
        found = checks.check_of(session, check_id)
    except CheckUnknown as error:
        raise NotFound from error
    if found.checker_id != actor_of(context).person_id:
        raise NotFound
    return permitted(session, context, Action.CHECK_WRITE, found.case_id)
