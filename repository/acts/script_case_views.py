"""Cases of scripts as people see them: the list, one case with its arithmetic, its search list and its links to results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.orm import Session

from moderation.exchange.csv_text import write_table
from repository import access, audit, custody_evidence
from repository.access import Action, Actor, Role, Scope
from repository.acts import script_results
from repository.acts.cases import actor_of
from repository.acts.script_results import ResultLink
from repository.audit import Context
from repository.errors import NotFound
from repository.tables import CustodyEvidence, Person
from scripts import records
from scripts.cases import DECLARES, EXPLAINS, CaseEventKind, CaseState, Reason, day_of, policy_of
from scripts.missing import Alarm
from scripts.reconciliation import Equation
from scripts.records.searching import SearchPlace, search_list
from scripts.tables import Script, ScriptCase, ScriptCaseEvent, Sitting

PAGE_LINES = 100
CSV_COLUMNS = (
    "alarm", "state", "kind", "subject", "level", "series", "component", "centre", "held_on", "opened_at", "due_at",
    "decide_by", "owner_role", "reason", "closed_at", "candidates", "case",
)  # fmt: skip
_ALARM_RANK = {Alarm.RED: 0, Alarm.AMBER: 1, Alarm.UNKNOWN: 2, Alarm.NONE: 3}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases are looked at; blanks narrow nothing. ``state``: ``open`` (and answered), ``closed`` or ``all``."""

    series_key: str = ""
    component_code: str = ""
    centre_number: str = ""
    state: str = "open"
    mine: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case of the list, with the sitting that it is of."""

    case: ScriptCase
    sitting: Sitting

    def is_late(self, now: datetime) -> bool:
        """Return whether it should have been settled by now."""
        due_at = self.case.due_at
        return self.case.state != CaseState.CLOSED and due_at is not None and due_at < now


@dataclass(frozen=True, slots=True)
class CasesPage:
    """A part of the list, and figures of the whole of it."""

    lines: tuple[CaseLine, ...]
    total: int
    red: int
    amber: int
    late: int
    pages: int


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a case's history: what happened, who did it, in words for who reads it."""

    event: ScriptCaseEvent
    who: str
    pictures: tuple[CustodyEvidence, ...] = ()


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case with everything about it that the reader may see."""

    case: ScriptCase
    sitting: Sitting
    history: tuple[Told, ...]
    scripts: tuple[Script, ...]
    equations: tuple[Equation, ...]
    search: tuple[SearchPlace, ...]
    links: tuple[ResultLink, ...]
    reasons: tuple[Reason, ...]
    owner_name: str
    is_asked: bool
    """The centre is asked to look, and has not answered since."""


def permitted(session: Session, context: Context, action: Action, case_id: str) -> tuple[ScriptCase, Sitting]:
    """Return a case, and its sitting, on which the actor may do ``action``; raises ``NotFound`` for any other.

    A centre has no case before the day from which it is asked.
    """
    found = session.get(ScriptCase, case_id)
    if found is None:
        raise NotFound
    sitting = session.get_one(Sitting, found.sitting_id)
    actor = actor_of(context)
    access.require(actor, action, centre_number=sitting.centre_number)
    if not is_shown(context, found):
        raise NotFound
    return found, sitting


def is_shown(context: Context, found: ScriptCase) -> bool:
    """Return whether who asks sees a case of a sitting that they see: a centre from the day on which it is asked."""
    return not is_of_centre(actor_of(context)) or (found.centre_from is not None and found.centre_from <= context.now)


def is_of_centre(actor: Actor) -> bool:
    """Return whether the actor reads as the centre, and not as the awarding body."""
    return access.scope_of(actor, Action.SCRIPT_CASE_READ) is Scope.MY_CENTRE


def listed(session: Session, context: Context, wanted: Wanted) -> CasesPage:
    """Return a page of the cases that the actor may see, the most urgent first."""
    query = _query(context, wanted)
    narrowed = query.subquery()
    is_late = (narrowed.c.state != str(CaseState.CLOSED)) & (narrowed.c.due_at < context.now)
    counted = session.execute(
        select(
            func.count(),
            func.sum(case((narrowed.c.alarm == str(Alarm.RED), 1), else_=0)),
            func.sum(case((narrowed.c.alarm == str(Alarm.AMBER), 1), else_=0)),
            func.sum(case((is_late, 1), else_=0)),
        ).select_from(narrowed)
    ).one()
    total, red, amber, late = (int(count or 0) for count in counted)
    first = (wanted.page - 1) * PAGE_LINES
    lines = _lines(session, context, wanted, first, PAGE_LINES)
    return CasesPage(lines, total, red, amber, late, -(-total // PAGE_LINES))


def as_csv(session: Session, context: Context, wanted: Wanted) -> bytes:
    """Return the whole list as a CSV file; that it was taken is recorded."""
    lines = _lines(session, context, wanted, 0, None)
    audit.record(session, context, Action.SCRIPT_CASE_READ, "script_cases", wanted.series_key or "all", rows=len(lines))
    return write_table(CSV_COLUMNS, [_row(line) for line in lines])


def _row(line: CaseLine) -> dict[str, str | int | None]:
    found, sitting = line.case, line.sitting
    candidates = " ".join(map(str, (found.details or {}).get("candidates") or ()))
    return {
        "alarm": found.alarm,
        "state": found.state,
        "kind": found.kind,
        "subject": found.subject,
        "level": found.level,
        "series": sitting.series_key,
        "component": sitting.component_code,
        "centre": sitting.centre_number,
        "held_on": sitting.held_on.isoformat(),
        "opened_at": found.opened_at.isoformat(),
        "due_at": found.due_at.isoformat() if found.due_at else None,
        "decide_by": found.decide_by.isoformat() if found.decide_by else None,
        "owner_role": found.owner_role,
        "reason": found.reason,
        "closed_at": found.closed_at.isoformat() if found.closed_at else None,
        "candidates": candidates[:1000],
        "case": found.id,
    }


def _query(context: Context, wanted: Wanted) -> Select[ScriptCase]:
    actor = actor_of(context)
    if access.scope_of(actor, Action.SCRIPT_CASE_READ) is None:
        raise NotFound
    query = select(ScriptCase).join(Sitting, Sitting.id == ScriptCase.sitting_id)
    if is_of_centre(actor):
        query = query.where(Sitting.centre_number == actor.centre_number, ScriptCase.centre_from <= context.now)
    for column, value in (
        (Sitting.series_key, wanted.series_key),
        (Sitting.component_code, wanted.component_code),
        (Sitting.centre_number, wanted.centre_number),
    ):
        if value:
            query = query.where(column == value)
    if wanted.state == "closed":
        query = query.where(ScriptCase.state == str(CaseState.CLOSED))
    elif wanted.state != "all":
        query = query.where(ScriptCase.state != str(CaseState.CLOSED))
    if wanted.mine:
        query = query.where(
            or_(
                ScriptCase.owner == actor.person_id,
                (ScriptCase.owner == "") & (ScriptCase.owner_role == actor.role.value),
            )
        )
    return query


def _lines(session: Session, context: Context, wanted: Wanted, first: int, limit: int | None) -> tuple[CaseLine, ...]:
    rank = case({str(alarm): place for alarm, place in _ALARM_RANK.items()}, value=ScriptCase.alarm, else_=3)
    query = _query(context, wanted).order_by(rank, ScriptCase.due_at, ScriptCase.opened_at, ScriptCase.id)
    found = list(session.scalars(query.offset(first).limit(limit)))
    sittings: dict[str, Sitting] = {}
    for some in records.portions(sorted({one.sitting_id for one in found})):
        sittings.update((one.id, one) for one in session.scalars(select(Sitting).where(Sitting.id.in_(some))))
    return tuple(CaseLine(one, sittings[one.sitting_id]) for one in found)


def page(session: Session, context: Context, case_id: str) -> CasePage:
    """Return one case; that it was read is not recorded, as it shows nothing that its list does not."""
    found, sitting = permitted(session, context, Action.SCRIPT_CASE_READ, case_id)
    actor = actor_of(context)
    of_centre = is_of_centre(actor)
    events = records.case_events(session, [case_id])[case_id]
    numbers = [str(number) for number in (found.details or {}).get("candidates") or ()]
    scripts = session.scalars(
        select(Script)
        .where(Script.sitting_id == sitting.id, Script.candidate_number.in_(numbers) | (Script.id == found.script_id))
        .order_by(Script.candidate_number)
    )
    figures = records.figures(session, sitting.id)
    replied = [event for event in events if event.kind == CaseEventKind.REPLIED]
    return CasePage(
        found,
        sitting,
        _history(session, events, of_centre=of_centre, actor=actor),
        tuple(scripts),
        tuple(one for one in figures.equations if one.subject in {"", found.subject}),
        () if of_centre else search_list(session, found, sitting),
        tuple(script_results.links(session, case_ids=[case_id])) if actor.role is Role.AB_OFFICER else (),
        reasons_for(actor, found),
        "" if of_centre else _name(session, found.owner),
        found.state == CaseState.OPEN and policy_of(found.kind).asks_centre and not replied,
    )


def reasons_for(actor: Actor, found: ScriptCase) -> tuple[Reason, ...]:
    """Return the reasons with which the actor may close a case: what concerns candidates is for officers."""
    if access.scope_of(actor, Action.SCRIPT_CASE_CLOSE) is None or found.state == CaseState.CLOSED:
        return ()
    allowed = policy_of(found.kind).reasons
    if access.scope_of(actor, Action.SCRIPT_DECIDE) is None:
        allowed -= DECLARES | frozenset(EXPLAINS)
    return tuple(reason for reason in Reason if reason in allowed)


def _history(session: Session, events: Sequence[ScriptCaseEvent], *, of_centre: bool, actor: Actor) -> tuple[Told, ...]:
    shown = [event for event in events if not of_centre or event.to_centre or event.kind in _SHOWN_TO_CENTRES]
    names = {} if of_centre else _names(session, {event.actor for event in shown})
    pictures = custody_evidence.of_events(session, [event.id for event in shown])
    told = []
    for event in shown:
        if event.actor == records.SERVICE:
            who = "The service"
        elif of_centre:
            who = "Your centre" if event.kind == CaseEventKind.REPLIED else "The awarding body"
        elif event.kind == CaseEventKind.REPLIED:
            who = f"The centre: {names.get(event.actor, 'somebody')}"
        else:
            who = names.get(event.actor, event.actor)
        told.append(Told(event, who, pictures.get(event.id, ())))
    return tuple(told)


_SHOWN_TO_CENTRES = frozenset(
    {CaseEventKind.OPENED, CaseEventKind.ANSWERED, CaseEventKind.CLOSED, CaseEventKind.REOPENED, CaseEventKind.LOCATED}
)


def _names(session: Session, person_ids: Collection[str]) -> Mapping[str, str]:
    rows: Any = session.execute(select(Person.id, Person.display_name).where(Person.id.in_(person_ids)))
    return {person_id: name for person_id, name in rows}  # noqa: C416 - a row is no pair to mypy


def _name(session: Session, person_id: str) -> str:
    return _names(session, [person_id]).get(person_id, "") if person_id else ""


def is_undecided(found: ScriptCase, now: datetime) -> bool:
    """Return whether the last day for a decision about a case has passed, and nobody has decided."""
    return found.state != CaseState.CLOSED and found.decide_by is not None and found.decide_by < day_of(now)
