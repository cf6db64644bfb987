"""Acts on time: a centre asks for more of it, an officer grants or refuses, two officers help many centres at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.errors import RequestUnknown
from moderation.records import cases, extensions, reopening
from moderation.records.cases import CaseView
from moderation.records.extensions import Due, ExtensionView, IncidentView
from moderation.records.reopening import ReopeningView
from moderation.tables import Extension
from moderation.tracking import Subject
from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of, permitted
from repository.audit import Context
from repository.errors import NotFound


@dataclass(frozen=True, slots=True)
class RequestsPage:
    """What a centre asked for in a case, what was decided, and what it may ask for now."""

    case: CaseView
    due: Due | None
    extensions: tuple[ExtensionView, ...]
    reopenings: tuple[ReopeningView, ...]
    may_reopen: Subject | None


@dataclass(frozen=True, slots=True)
class OpenRequests:
    """What waits for an officer: requests with the case of each, and incidents."""

    extensions: tuple[tuple[ExtensionView, CaseView], ...]
    reopenings: tuple[tuple[ReopeningView, CaseView], ...]
    incidents: tuple[IncidentView, ...]


def page(session: Session, context: Context, case_id: str) -> RequestsPage:
    """Return the requests of a case, to its centre and to officers."""
    case = permitted(session, context, Action.REQUESTS_READ, case_id)
    return RequestsPage(
        case,
        extensions.due_of(session, cases.case_of(session, case_id)),
        tuple(extensions.extensions_of(session, case_id)),
        tuple(reopening.reopenings_of(session, case_id)),
        reopening.reopenable(case.state),
    )


def ask(session: Session, context: Context, case_id: str, reason: str, wanted_on: date) -> str:
    """Ask for more time for what is due now; returns the request's id."""
    permitted(session, context, Action.EXTENSION_ASK, case_id)
    asked = extensions.ask_extension(
        session, case_id, reason=reason, wanted_on=wanted_on, actor=actor_of(context).person_id, now=context.now
    )
    audit.record(session, context, Action.EXTENSION_ASK, "case", case_id, extension=asked.extension_id)
    return asked.extension_id


def decide(
    session: Session, context: Context, extension_id: str, granted_on: date | None, reason: str
) -> ExtensionView:
    """Grant more time, or refuse it; never by the person who asked."""
    case_id = session.scalar(select(Extension.case_id).where(Extension.id == extension_id))
    if case_id is None:
        raise NotFound
    permitted(session, context, Action.EXTENSION_GRANT, case_id)
    done = extensions.decide_extension(
        session,
        extension_id,
        granted_on=granted_on,
        reason=reason,
        officer=actor_of(context).person_id,
        now=context.now,
    )
    audit.record(
        session, context, Action.EXTENSION_GRANT, "extension", extension_id, granted=done.is_granted, case=done.case_id
    )
    return done


def open_requests(session: Session, context: Context) -> OpenRequests:
    """Return everything that waits for an officer's decision, and every incident."""
    access.require(actor_of(context), Action.EXTENSION_GRANT)
    return OpenRequests(
        tuple((one, cases.view_case(session, one.case_id)) for one in extensions.open_extensions(session)),
        tuple((one, cases.view_case(session, one.case_id)) for one in reopening.open_reopenings(session)),
        tuple(extensions.incidents(session)),
    )


def report(
    session: Session,
    context: Context,
    *,
    series_key: str,
    component_code: str | None,
    centre_numbers: Collection[str],
    reason: str,
    due_on: date,
) -> str:
    """Report an incident that keeps many centres from sending in time; returns its id."""
    actor = actor_of(context)
    access.require(actor, Action.EXTENSION_GRANT)
    made = extensions.report_incident(
        session,
        series_key=series_key,
        component_code=component_code,
        centre_numbers=centre_numbers,
        reason=reason,
        due_on=due_on,
        actor=actor.person_id,
        now=context.now,
    )
    audit.record(session, context, "incident.report", "incident", made.incident_id, centres=len(made.centre_numbers))
    return made.incident_id


def decide_incident(session: Session, context: Context, incident_id: str, grant: bool, reason: str) -> IncidentView:
    """Grant the new day to everybody an incident concerns, or refuse it; never by the officer who reported it."""
    actor = actor_of(context)
    access.require(actor, Action.EXTENSION_GRANT)
    try:
        done = extensions.decide_incident(
            session, incident_id, grant=grant, reason=reason, officer=actor.person_id, now=context.now
        )
    except RequestUnknown as error:
        raise NotFound from error
    audit.record(session, context, "incident.decide", "incident", incident_id, granted=grant, cases=done.cases_extended)
    return done
