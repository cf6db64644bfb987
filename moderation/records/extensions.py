"""More time: asked for by a centre and granted by an officer, or granted to many centres after an incident."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from moderation.errors import (
    ExtensionRefused,
    NothingDue,
    ReasonMissing,
    RequestDecided,
    RequestOpen,
    RequestUnknown,
    SamePerson,
    StaleVersion,
    UnknownCase,
    UnknownComponent,
    UnknownSeries,
)
from moderation.records.cases import component_of
from moderation.submission import MARKS_EDITABLE, WORK_EXPECTED
from moderation.tables import Component, Extension, Incident, ModerationCase, Reopening, Sample, SeriesRow, new_id
from moderation.tracking import Subject
from moderation.working_days import LONDON, end_of_day

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Due:
    """What a centre has to send next, and by when."""

    subject: Subject
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """More time that was asked for, and what became of it."""

    extension_id: str
    case_id: str
    subject: Subject
    incident_id: str | None
    reason: str
    wanted_on: date
    due_before_at: datetime
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str
    granted_due_at: datetime | None
    version: int

    @property
    def is_open(self) -> bool:
        """Say whether nobody has decided yet."""
        return self.decided_at is None

    @property
    def is_granted(self) -> bool:
        """Say whether more time was granted."""
        return self.granted_due_at is not None


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Something that keeps many centres from sending in time, and what was decided."""

    incident_id: str
    series_key: str
    component_code: str | None
    centre_numbers: tuple[str, ...]
    reason: str
    due_on: date
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str
    granted: bool | None
    cases_extended: int | None
    version: int


def due_of(session: Session, case: ModerationCase) -> Due | None:
    """Return what a centre has to send next for a case and by when; None when nothing is waited for, or has no day."""
    if case.state in MARKS_EDITABLE:
        due_on = case.marks_extended_on or component_of(session, case).due_on
        return None if due_on is None else Due(Subject.MARKS, end_of_day(due_on))
    if case.state in WORK_EXPECTED and case.sample_id is not None:
        return Due(Subject.SAMPLE, session.get_one(Sample, case.sample_id).due_at)
    return None


def ask_extension(
    session: Session, case_id: str, *, reason: str, wanted_on: date, actor: str, now: datetime
) -> ExtensionView:
    """Ask for more time for what is waited for now: the marks, or the sample.

    Raises: ``ReasonMissing``; ``NothingDue``; ``ExtensionRefused`` for a day that gives no more time; ``RequestOpen``
    when the same was asked and is not decided yet.
    """
    if not reason.strip():
        raise ReasonMissing("Say why the work cannot be sent in time.")
    case = locked_case(session, case_id)
    due = _need_due(session, case)
    if end_of_day(wanted_on) <= max(due.due_at, now):
        raise ExtensionRefused("Choose a day after the one on which it is due, and not in the past.")
    if any(one.is_open and one.subject is due.subject for one in extensions_of(session, case_id)):
        raise RequestOpen
    row = Extension(
        id=new_id(),
        case_id=case.id,
        subject=due.subject.value,
        reason=reason.strip()[:REASON_LIMIT],
        wanted_on=wanted_on,
        due_before_at=due.due_at,
        asked_by=actor,
        asked_at=now,
        decision_reason="",
    )
    session.add(row)
    session.flush()
    return _view(row)


def decide_extension(
    session: Session, extension_id: str, *, granted_on: date | None, reason: str, officer: str, now: datetime
) -> ExtensionView:
    """Grant more time, the day asked for or an earlier one, or refuse it.

    The sample of a consortium is one sample: more time for it is more time for every member.
    Takes: ``granted_on``, the new last day; None refuses, and a refusal needs a reason.
    Raises: ``RequestUnknown``; ``RequestDecided`` when another officer was faster; ``SamePerson``; ``ReasonMissing``;
    ``NothingDue`` when it was sent in the meantime; ``ExtensionRefused``.
    """
    row = locked_request(session, Extension, extension_id)
    if row.decided_at is not None:
        raise RequestDecided(decided_by=row.decided_by)
    if row.asked_by == officer:
        raise SamePerson
    if granted_on is None:
        if not reason.strip():
            raise ReasonMissing("Say why no more time is given; the centre reads it.")
    else:
        case = locked_case(session, row.case_id)
        due = _need_due(session, case)
        if due.subject != row.subject:
            raise NothingDue("What more time was asked for has been sent in the meantime.")
        if granted_on > row.wanted_on:
            raise ExtensionRefused("The day lies after the one that was asked for.", wanted_on=str(row.wanted_on))
        if end_of_day(granted_on) <= due.due_at:
            day = due.due_at.astimezone(LONDON).date()
            raise ExtensionRefused(f"It is due on {day:%Y-%m-%d} already: choose a later day, or refuse.")
        row.granted_due_at = end_of_day(granted_on)
        _extend(session, case, due.subject, granted_on)
    row.decided_by, row.decided_at, row.decision_reason = officer, now, reason.strip()[:REASON_LIMIT]
    session.flush()
    return _view(row)


def extensions_of(session: Session, case_id: str) -> list[ExtensionView]:
    """Return every request for more time of a case, oldest first."""
    rows = session.scalars(select(Extension).where(Extension.case_id == case_id).order_by(Extension.asked_at))
    return [_view(row) for row in rows]


def open_extensions(session: Session) -> list[ExtensionView]:
    """Return what waits for an officer's decision, oldest first."""
    rows = session.scalars(select(Extension).where(Extension.decided_at.is_(None)).order_by(Extension.asked_at))
    return [_view(row) for row in rows]


def report_incident(
    session: Session,
    *,
    series_key: str,
    component_code: str | None,
    centre_numbers: Collection[str],
    reason: str,
    due_on: date,
    actor: str,
    now: datetime,
) -> IncidentView:
    """Report what keeps many centres from sending in time; another officer then grants them the new day.

    Takes: ``component_code``, None for every component of the series; ``centre_numbers``, none for every centre.
    Raises: ``ReasonMissing``; ``UnknownSeries``; ``UnknownComponent``; ``ExtensionRefused`` for a day in the past.
    """
    if not reason.strip():
        raise ReasonMissing("Say what happened.")
    if session.get(SeriesRow, series_key) is None:
        raise UnknownSeries
    if component_code is not None and session.get(Component, (series_key, component_code)) is None:
        raise UnknownComponent
    if end_of_day(due_on) <= now:
        raise ExtensionRefused("Choose a day that is not in the past.")
    row = Incident(
        id=new_id(),
        series_key=series_key,
        component_code=component_code,
        centre_numbers=sorted(set(centre_numbers)),
        reason=reason.strip()[:REASON_LIMIT],
        due_on=due_on,
        asked_by=actor,
        asked_at=now,
        decision_reason="",
    )
    session.add(row)
    session.flush()
    return _incident_view(row)


def decide_incident(
    session: Session, incident_id: str, *, grant: bool, reason: str, officer: str, now: datetime
) -> IncidentView:
    """Grant the new day to every case an incident concerns, or refuse it; what is due later already stays as it is.

    Raises: ``RequestUnknown``; ``RequestDecided``; ``SamePerson``; ``ReasonMissing`` for a refusal without one.
    """
    row = locked_request(session, Incident, incident_id)
    if row.decided_at is not None:
        raise RequestDecided(decided_by=row.decided_by)
    if row.asked_by == officer:
        raise SamePerson
    if not grant and not reason.strip():
        raise ReasonMissing("Say why no more time is given.")
    row.cases_extended = _extend_all(session, row, officer=officer, now=now) if grant else 0
    row.granted, row.decided_by, row.decided_at = grant, officer, now
    row.decision_reason = reason.strip()[:REASON_LIMIT]
    session.flush()
    return _incident_view(row)


def incidents(session: Session) -> list[IncidentView]:
    """Return every incident, the newest first."""
    return [_incident_view(row) for row in session.scalars(select(Incident).order_by(Incident.asked_at.desc()))]


def _extend_all(session: Session, incident: Incident, *, officer: str, now: datetime) -> int:
    query = select(ModerationCase).where(
        ModerationCase.series_key == incident.series_key,
        ModerationCase.state.in_([*MARKS_EDITABLE, *WORK_EXPECTED]),
    )
    if incident.component_code is not None:
        query = query.where(ModerationCase.component_code == incident.component_code)
    if incident.centre_numbers:
        query = query.where(ModerationCase.centre_number.in_(incident.centre_numbers))
    new_due_at = end_of_day(incident.due_on)
    before: dict[str, datetime] = {}
    extended = 0
    for case in session.scalars(query.order_by(ModerationCase.id).with_for_update()).all():
        due = due_of(session, case)
        # Members of a consortium share a sample, which the first of them has extended already.
        due_before_at = before.get(case.sample_id or "") or (due.due_at if due else new_due_at)
        if due is None or due_before_at >= new_due_at:
            continue
        if due.subject is Subject.SAMPLE and case.sample_id is not None:
            before.setdefault(case.sample_id, due_before_at)
        _extend(session, case, due.subject, incident.due_on)
        session.add(
            Extension(
                case_id=case.id,
                subject=due.subject.value,
                incident_id=incident.id,
                reason=incident.reason,
                wanted_on=incident.due_on,
                due_before_at=due_before_at,
                asked_by=incident.asked_by,
                asked_at=incident.asked_at,
                decided_by=officer,
                decided_at=now,
                granted_due_at=new_due_at,
            )
        )
        extended += 1
    return extended


def _extend(session: Session, case: ModerationCase, subject: Subject, due_on: date) -> None:
    if subject is Subject.MARKS:
        case.marks_extended_on = due_on
    else:
        session.get_one(Sample, case.sample_id).due_at = end_of_day(due_on)


def locked_case(session: Session, case_id: str) -> ModerationCase:
    """Return a case that nobody else changes until this transaction ends, so that two requests cannot cross.

    Raises: ``UnknownCase``; ``StaleVersion`` when it was changed after this transaction had read it.
    """
    try:
        case = session.get(ModerationCase, case_id, with_for_update=True)
    except StaleDataError:
        raise StaleVersion from None
    if case is None:
        raise UnknownCase(case_id=case_id)
    return case


R = TypeVar("R", Extension, Incident, Reopening)


def locked_request(session: Session, table: type[R], request_id: str) -> R:
    """Return a request that nobody else decides until this transaction ends.

    Raises: ``RequestUnknown``; ``RequestDecided`` when it was decided after this transaction had read it.
    """
    try:
        row = session.get(table, request_id, with_for_update=True)
    except StaleDataError:
        raise RequestDecided from None
    if row is None:
        raise RequestUnknown
    return row


def _need_due(session: Session, case: ModerationCase) -> Due:
    due = due_of(session, case)
    if due is None:
        raise NothingDue(state=case.state)
    return due


def _view(row: Extension) -> ExtensionView:
    return ExtensionView(
        row.id,
        row.case_id,
        Subject(row.subject),
        row.incident_id,
        row.reason,
        row.wanted_on,
        row.due_before_at,
        row.asked_by,
        row.asked_at,
        row.decided_by,
        row.decided_at,
        row.decision_reason,
        row.granted_due_at,
        row.version,
    )


def _incident_view(row: Incident) -> IncidentView:
    return IncidentView(
        row.id,
        row.series_key,
        row.component_code,
        tuple(row.centre_numbers),
        row.reason,
        row.due_on,
        row.asked_by,
        row.asked_at,
        row.decided_by,
        row.decided_at,
        row.decision_reason,
        row.granted,
        row.cases_extended,
        row.version,
    )
