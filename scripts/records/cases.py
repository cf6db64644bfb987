"""Cases of scripts as records: opened once for a difference, owned, talked about, closed with a reason, kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from scripts.cases import NOTE_LIMIT, CaseEventKind, CaseState, day_of, due_on, end_of, policy_of, weekdays_after
from scripts.errors import CaseRefused, CaseUnknown
from scripts.tables import Packet, ScriptCase, ScriptCaseEvent, new_id

SERVICE = "service"
"""The actor of what the service does by itself."""


def open_case(
    session: Session,
    sitting_id: str,
    kind: str,
    subject: str,
    *,
    now: datetime,
    packet: Packet | None = None,
    script_id: str | None = None,
    due_at: datetime | None = None,
    details: Mapping[str, object] | None = None,
    actor: str = SERVICE,
) -> ScriptCase:
    """Open a case, or return the one that stands for the same difference; an answered one is opened again.

    Takes: ``due_at``, else as the policy of its kind says, in weekdays from today.
    Returns: the case; a closed one as it is, for the caller to see why it was closed.
    """
    asked = ScriptCase.sitting_id == sitting_id, ScriptCase.kind == kind, ScriptCase.subject == subject
    case = session.scalar(select(ScriptCase).where(*asked))
    if case is None:
        case = new_case(sitting_id, kind, subject, now=now, due_at=due_at)
        try:
            with session.begin_nested():
                session.add(case)
        except IntegrityError:
            # Another connection opened the same between our look and our write.
            case = session.scalars(select(ScriptCase).where(*asked)).one()
        else:
            note(session, case, CaseEventKind.OPENED, actor=actor, now=now)
    if case.state == CaseState.CLOSED:
        return case
    if case.state == CaseState.ANSWERED:
        note(session, case, CaseEventKind.REOPENED, actor=actor, now=now)
    case.state = str(CaseState.OPEN)
    case.packet_id = packet.id if packet is not None else case.packet_id
    case.script_id = script_id or case.script_id
    case.details = dict(details or case.details or {})
    session.flush()
    return case


def new_case(sitting_id: str, kind: str, subject: str, *, now: datetime, due_at: datetime | None = None) -> ScriptCase:
    """Return a case that is not kept yet, as the policy of its kind has it."""
    return ScriptCase(**case_values(sitting_id, kind, subject, now=now, due_at=due_at))


def case_values(
    sitting_id: str, kind: str, subject: str, *, now: datetime, due_at: datetime | None = None
) -> dict[str, Any]:
    """Return the columns of a new case, for one that is added among many."""
    policy = policy_of(kind)
    return {
        "id": new_id(),
        "sitting_id": sitting_id,
        "kind": kind,
        "subject": subject,
        "packet_id": None,
        "script_id": None,
        "opened_at": now,
        "due_at": due_at or end_of(due_on(kind, day_of(now), weekdays_after)),
        "state": str(CaseState.OPEN),
        "owner": "",
        "details": {},
        "reason": "",
        "level": str(policy.level),
        "owner_role": policy.owner_role,
        "alarm": "none",
        "centre_from": now if policy.at_once else None,
    }


def event_values(
    case_id: str,
    number: int,
    kind: CaseEventKind,
    *,
    now: datetime,
    details: Mapping[str, object] | None = None,
    to_centre: bool = False,
) -> dict[str, Any]:
    """Return the columns of what the service notes by itself, for one event that is added among many."""
    return {
        "id": new_id(),
        "script_case_id": case_id,
        "number": number,
        "kind": str(kind),
        "happened_at": now,
        "actor": SERVICE,
        "note": "",
        "to_centre": to_centre,
        "details": dict(details or {}),
    }


def last_numbers(session: Session, case_ids: Sequence[str]) -> dict[str, int]:
    """Return the number of the newest event of each case."""
    query = (
        select(ScriptCaseEvent.script_case_id, func.max(ScriptCaseEvent.number))
        .where(ScriptCaseEvent.script_case_id.in_(case_ids))
        .group_by(ScriptCaseEvent.script_case_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def note(
    session: Session,
    case: ScriptCase,
    kind: CaseEventKind,
    *,
    actor: str,
    now: datetime,
    text: str = "",
    to_centre: bool = False,
    details: Mapping[str, object] | None = None,
) -> ScriptCaseEvent:
    """Write down what happened to a case."""
    session.flush()
    last = session.scalar(select(func.max(ScriptCaseEvent.number)).where(ScriptCaseEvent.script_case_id == case.id))
    event = ScriptCaseEvent(
        script_case_id=case.id,
        number=(last or 0) + 1,
        kind=str(kind),
        happened_at=now,
        actor=actor,
        note=text.strip()[:NOTE_LIMIT],
        to_centre=to_centre,
        details=dict(details or {}),
    )
    session.add(event)
    session.flush()
    return event


def get_case(session: Session, case_id: str) -> ScriptCase:
    """Return a case, kept from others until the transaction ends; raises ``CaseUnknown``."""
    case = session.get(ScriptCase, case_id, with_for_update=True)
    if case is None:
        raise CaseUnknown
    return case


def cases(session: Session, sitting_id: str) -> list[ScriptCase]:
    """Return the cases of a sitting, oldest first."""
    query = select(ScriptCase).where(ScriptCase.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(ScriptCase.opened_at, ScriptCase.kind, ScriptCase.subject)))


def case_events(session: Session, case_ids: Collection[str]) -> dict[str, list[ScriptCaseEvent]]:
    """Return the history of each case, oldest first."""
    found: dict[str, list[ScriptCaseEvent]] = {case_id: [] for case_id in case_ids}
    query = select(ScriptCaseEvent).where(ScriptCaseEvent.script_case_id.in_(case_ids))
    for event in session.scalars(query.order_by(ScriptCaseEvent.script_case_id, ScriptCaseEvent.number)):
        found[event.script_case_id].append(event)
    return found


def assign(
    session: Session, case_id: str, *, owner_role: str, owner: str = "", actor: str, now: datetime
) -> ScriptCase:
    """Give a case to a team, or to one person of it.

    Raises: ``CaseUnknown``; ``CaseRefused`` for a closed case.
    """
    case = _under_way(session, case_id)
    if (case.owner_role, case.owner) != (owner_role, owner):
        case.owner_role, case.owner = owner_role, owner
        note(session, case, CaseEventKind.ASSIGNED, actor=actor, now=now, details={"role": owner_role, "person": owner})
    return case


def comment(
    session: Session, case_id: str, *, text: str, actor: str, now: datetime, to_centre: bool = False
) -> ScriptCaseEvent:
    """Say something about a case, to one's own side or also to its centre.

    Raises: ``CaseUnknown``; ``CaseRefused`` for nothing said.
    """
    case = get_case(session, case_id)
    require_words(text)
    if to_centre and case.centre_from is None:
        case.centre_from = now
    return note(session, case, CaseEventKind.COMMENTED, actor=actor, now=now, text=text, to_centre=to_centre)


def reply(session: Session, case_id: str, *, text: str, actor: str, now: datetime) -> ScriptCaseEvent:
    """Record what the centre answers.

    Raises: ``CaseUnknown``; ``CaseRefused`` for nothing said, or a closed case.
    """
    case = _under_way(session, case_id)
    require_words(text)
    return note(session, case, CaseEventKind.REPLIED, actor=actor, now=now, text=text, to_centre=True)


def change_due(session: Session, case_id: str, *, due_at: datetime, text: str, actor: str, now: datetime) -> ScriptCase:
    """Give a case more or less time, for a reason.

    Raises: ``CaseUnknown``; ``CaseRefused`` for nothing said, or a closed case.
    """
    case = _under_way(session, case_id)
    require_words(text)
    before = case.due_at.isoformat() if case.due_at else ""
    case.due_at = due_at
    details = {"before": before, "after": due_at.isoformat()}
    note(session, case, CaseEventKind.DUE_CHANGED, actor=actor, now=now, text=text, details=details)
    return case


def answer(session: Session, standing: Iterable[ScriptCase], *, now: datetime) -> None:
    """Note that the difference of open cases is gone: each waits for a person's reason."""
    for case in standing:
        if case.state == CaseState.OPEN:
            case.state = str(CaseState.ANSWERED)
            note(session, case, CaseEventKind.ANSWERED, actor=SERVICE, now=now)


def _under_way(session: Session, case_id: str) -> ScriptCase:
    case = get_case(session, case_id)
    if case.state == CaseState.CLOSED:
        raise CaseRefused("The case is closed. Open it again first.", state=case.state)
    return case


def require_words(text: str) -> None:
    """Refuse nothing, and what is too long to be kept; raises ``CaseRefused``."""
    if not text.strip():
        raise CaseRefused("Write a few words: they stay in the history of the case.")
    if len(text) > NOTE_LIMIT:
        raise CaseRefused(f"At most {NOTE_LIMIT:,} characters can be kept here. Shorten what you wrote.")
