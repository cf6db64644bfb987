"""Reading the audit log: who looked at a centre's work and marks, for its exams officer; all of it, as metadata, for officers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, false, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from moderation.exchange.csv_text import write_table
from moderation.tables import Candidate, ModerationCase, SampleItem
from repository import access, audit
from repository.access import CENTRE_ROLES, ROLE_TITLES, Action, Role
from repository.acts import script_looks
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.tables import AuditLog, DocumentRow, Evidence, Person
from scripts.tables import Script, Sitting

T = TypeVar("T")
PAGE_LINES = 50
CSV_LIMIT = 100_000
LONDON = ZoneInfo("Europe/London")
LOOKS: Mapping[str, str] = {
    Action.DOCUMENT_VIEW.value: "Opened a file",
    Action.SCRIPT_IMAGE.value: "Opened the image of an exam script",
    Action.SCRIPT_LOOK.value: "Looked at the pages of an exam script",
    Action.MODERATOR_MARK_READ.value: "Opened the works to moderate them",
    Action.CHECK_READ.value: "Opened the works to check the moderation",
    Action.REVIEW_DESK.value: "Opened the works for a review",
    Action.CASE_READ.value: "Opened the page of the component",
    Action.MARKS_READ.value: "Read the centre's marks",
    Action.SAMPLE_READ.value: "Read the list of the sample",
    Action.AMENDMENT_READ.value: "Read amendments of marks",
    Action.OUTCOME_READ.value: "Read the outcome of moderation",
    Action.REPORT_READ.value: "Read the moderator's report",
    Action.EXPLANATION_READ.value: "Read the explanation of adjusted marks",
    Action.RESULTS_READ.value: "Read results",
    Action.EXPORT_READ.value: "Downloaded a file of data",
    "labels.print": "Printed labels of exam scripts",
    "key.exported": "Took out the key of a file",
}
"""What counts as looking, and how the page says it."""
PURPOSES: Mapping[str, str] = {
    Role.TEACHER.value: "Work of your centre",
    Role.EXAMS_OFFICER.value: "Work of your centre",
    Role.MODERATOR.value: "Moderation",
    Role.TEAM_LEADER.value: "Check of moderators",
    Role.PRINCIPAL_MODERATOR.value: "Oversight of the component",
    Role.AB_OFFICER.value: "Administration by the awarding body",
    Role.TRACKING_CLERK.value: "Tracking of exam scripts",
}
BODY_NAMES_SHOWN = False
"""People of the awarding body stand there by their role, not by name.

Source: project policy: whom to ask is the awarding body, which finds the person by the event's id.
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are looked at; blanks narrow nothing."""

    candidate: str = ""
    document: str = ""
    from_on: date | None = None
    to_on: date | None = None
    action: str = ""
    centre: str = ""
    person: str = ""
    outcome: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Look:
    """One time that somebody looked."""

    at: datetime
    who: str
    role: str
    purpose: str
    what: str
    component: str
    candidate: str
    filename: str
    event_id: str


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A page of events, newest first."""

    lines: tuple[T, ...]
    total: int
    pages: int


def who_looked(session: Session, context: Context, wanted: Wanted) -> Found[Look]:
    """Return a page of who looked at the work and marks of the actor's own centre; others' never."""
    query = _looks(session, context, wanted)
    return _page(session, query, wanted, _as_looks)


def who_looked_csv(session: Session, context: Context, wanted: Wanted) -> bytes:
    """Return all of it as a CSV file; that it was taken is recorded."""
    query = _looks(session, context, wanted).order_by(AuditLog.at.desc(), AuditLog.seq.desc()).limit(CSV_LIMIT)
    found = session.scalars(query).all()
    lots = (found[at : at + PAGE_LINES * 10] for at in range(0, len(found), PAGE_LINES * 10))
    lines = [one for lot in lots for one in _as_looks(session, lot)]
    audit.record(session, context, Action.WHO_LOOKED, "centre", actor_of(context).centre_number or "", rows=len(lines))
    rows: list[dict[str, str | int | None]] = [
        {
            "at": one.at.isoformat(),
            "who": one.who,
            "role": one.role,
            "purpose": one.purpose,
            "what": one.what,
            "component": one.component,
            "candidate": one.candidate,
            "file": one.filename,
            "event": one.event_id,
        }
        for one in lines
    ]
    return write_table(("at", "who", "role", "purpose", "what", "component", "candidate", "file", "event"), rows)


def events(session: Session, context: Context, wanted: Wanted) -> Found[AuditLog]:
    """Return a page of all events, as metadata; that it was read is recorded."""
    access.require(actor_of(context), Action.AUDIT_READ)
    query = _between(select(AuditLog), wanted)
    for column, value in (
        (AuditLog.action, wanted.action),
        (AuditLog.object_id, wanted.document),
        (AuditLog.centre_number, wanted.centre),
        (AuditLog.person_id, wanted.person),
        (AuditLog.outcome, wanted.outcome),
    ):
        query = query.where(column == value) if value else query
    found = _page(session, query, wanted, lambda _session, rows: rows)
    audit.record(session, context, Action.AUDIT_READ, "log", wanted.centre or "all", rows=found.total)
    return found


def _page(
    session: Session,
    query: Select[AuditLog],
    wanted: Wanted,
    shown: Callable[[Session, Sequence[AuditLog]], Sequence[T]],
) -> Found[T]:
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    newest = query.order_by(AuditLog.at.desc(), AuditLog.history.desc(), AuditLog.seq.desc())
    rows = session.scalars(newest.limit(PAGE_LINES).offset((wanted.page - 1) * PAGE_LINES)).all()
    return Found(tuple(shown(session, rows)), total, -(-total // PAGE_LINES))


def _between(query: Select[AuditLog], wanted: Wanted) -> Select[AuditLog]:
    if wanted.from_on:
        query = query.where(AuditLog.at >= datetime.combine(wanted.from_on, time(), LONDON))
    if wanted.to_on:
        query = query.where(AuditLog.at < datetime.combine(wanted.to_on + timedelta(days=1), time(), LONDON))
    return query


def _looks(session: Session, context: Context, wanted: Wanted) -> Select[AuditLog]:
    actor = actor_of(context)
    access.require(actor, Action.WHO_LOOKED, centre_number=actor.centre_number)
    query = select(AuditLog).where(
        AuditLog.centre_number == actor.centre_number, AuditLog.action.in_(LOOKS), AuditLog.outcome != "refused"
    )
    if wanted.document:
        query = query.where(AuditLog.object_id == wanted.document)
    if wanted.candidate:
        query = query.where(_about(session, actor.centre_number or "", wanted.candidate))
    return _between(query, wanted)


def _about(session: Session, centre_number: str, candidate_number: str) -> ColumnElement[bool]:
    """Events about one candidate: of the files, of the sampled work, and of the list that the work stands in."""
    items = session.execute(
        select(SampleItem.id, SampleItem.case_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(Candidate.centre_number == centre_number, Candidate.candidate_number == candidate_number)
    ).all()
    if not items:
        return false()
    ids = {one for row in items for one in row}
    documents = session.scalars(
        select(Evidence.document_id).where(Evidence.sample_item_id.in_([row[0] for row in items]))
    )
    return AuditLog.object_id.in_(sorted(ids | set(documents)))


def _as_looks(session: Session, rows: Sequence[AuditLog]) -> tuple[Look, ...]:
    ids = {row.object_id for row in rows}
    cases = {str(row.details["case"]) for row in rows if "case" in row.details} | ids
    components = _map(
        session, select(ModerationCase.id, ModerationCase.component_code).where(_among(ModerationCase.id, cases))
    )
    files = _map(session, select(DocumentRow.id, DocumentRow.filename).where(_among(DocumentRow.id, ids)))
    of_item = (
        select(SampleItem.id, Candidate.candidate_number)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(_among(SampleItem.id, ids))
    )
    of_file = (
        select(Evidence.document_id, Candidate.candidate_number)
        .join(SampleItem, SampleItem.id == Evidence.sample_item_id)
        .join(Candidate, Candidate.id == SampleItem.candidate_id)
        .where(_among(Evidence.document_id, ids))
    )
    of_files_case = (
        select(Evidence.document_id, ModerationCase.component_code)
        .join(ModerationCase, ModerationCase.id == Evidence.case_id)
        .where(_among(Evidence.document_id, ids))
    )
    of_script = select(Script.id, Script.candidate_number).where(_among(Script.id, ids))
    of_sitting = select(Script.id, Sitting.component_code).join(Sitting).where(_among(Script.id, ids))
    candidates = _map(session, of_item) | _map(session, of_file) | _map(session, of_script)
    components |= _map(session, of_files_case) | _map(session, of_sitting)
    own = {row.person_id for row in rows if row.person_id and (BODY_NAMES_SHOWN or row.role in CENTRE_ROLES)}
    names = _map(session, select(Person.id, Person.display_name).where(_among(Person.id, own)))
    return tuple(
        Look(
            row.at,
            names.get(row.person_id or "", "The service" if row.person_id is None else "Awarding body"),
            ROLE_TITLES[Role(row.role)] if row.role else "None" if row.person_id is None else "Not recorded",
            _purpose(row),
            LOOKS[row.action],
            components.get(str(row.details.get("case", "")), components.get(row.object_id, "")),
            candidates.get(row.object_id, ""),
            files.get(row.object_id, ""),
            row.event_id,
        )
        for row in rows
    )


def _purpose(row: AuditLog) -> str:
    """Return for what somebody looked: the reason that was stated where one was, or what the role is there for."""
    stated = str(row.details.get("reason", ""))
    if row.action == Action.SCRIPT_LOOK.value:
        return script_looks.REASONS.get(stated, "An open case")
    return PURPOSES.get(row.role or "", "Care for the store" if row.person_id is None else "Not recorded")


def _among(column: InstrumentedAttribute[str], ids: Collection[str]) -> ColumnElement[bool]:
    return column.in_(sorted(ids))


def _map(session: Session, query: Select[str, str]) -> dict[str, str]:
    return {row[0]: row[1] for row in session.execute(query)}
