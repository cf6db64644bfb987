"""Adding a sitting up, its cases, the missing list, and the custody line of a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.cases import CaseState, Reason, WorkingDaysAfter
from scripts.errors import ScriptUnknown
from scripts.missing import MissingScript
from scripts.reconciliation import Reconciliation, SittingFacts, add_up
from scripts.records.alarms import unseen_scripts
from scripts.records.cases import answer, cases, open_case
from scripts.records.custody import packet_history, packets
from scripts.records.facts import facts_of
from scripts.records.settling import is_gone, locate, open_again
from scripts.records.sittings import get_sitting
from scripts.tables import Script, ScriptEventRow

CLOSING_REASONS = frozenset(str(reason) for reason in Reason)


def figures(session: Session, sitting_id: str) -> Reconciliation:
    """Add up a sitting from its records, changing nothing.

    Raises: ``SittingUnknown``.
    """
    return add_up(sitting_facts(session, sitting_id))


def sitting_facts(session: Session, sitting_id: str) -> SittingFacts:
    """Return all that the arithmetic of a sitting rests on; raises ``SittingUnknown``."""
    get_sitting(session, sitting_id)
    session.flush()
    return facts_of(session, [sitting_id])[sitting_id]


def reconcile(session: Session, sitting_id: str, *, now: datetime, due_at: datetime | None = None) -> Reconciliation:
    """Add up a sitting and open a case for every difference that has none.

    Takes: ``due_at``: when a newly opened case is due, else as its kind says.
    Returns: the figures. A case whose difference is gone becomes ``answered`` and waits for a person's reason; a closed
        one whose difference is there again is opened again; doing it again opens nothing twice.
    Raises: ``SittingUnknown``.
    Source: project policy (domain: scripts, section 9).
    """
    locate(session, [sitting_id], now=now)
    facts = sitting_facts(session, sitting_id)
    found = add_up(facts)
    bags = {packet.number: packet for packet in packets(session, sitting_id)}
    wanted = {(case.kind, case.subject) for case in found.cases}
    for case in found.cases:
        packet = bags.get(case.packet_number) if case.packet_number is not None else None
        details = {"candidates": list(case.candidate_numbers), "count": case.count}
        standing = open_case(
            session, sitting_id, case.kind, case.subject, now=now, packet=packet, due_at=due_at, details=details
        )
        if standing.state == CaseState.CLOSED:
            open_again(session, standing, details, now=now)
    gone = [
        one
        for one in cases(session, sitting_id)
        if one.state == CaseState.OPEN
        and (one.kind, one.subject) not in wanted
        and is_gone(facts, one.kind, one.subject, one.details)
    ]
    answer(session, gone, now=now)
    session.flush()
    return found


def missing(
    session: Session,
    series_key: str,
    centre_number: str | None = None,
    *,
    today: date,
    working_days_after: WorkingDaysAfter,
) -> list[MissingScript]:
    """Return the scripts that the register says exist and that nobody has seen yet, the most worrying first.

    Takes: ``working_days_after(date, days)`` from the calendar.
    Returns: every present, unexplained candidate whose script is not indexed; ``alarm`` says how late it is.
    Source: project policy (domain: scripts, section 10).
    """
    return [
        one.as_missing(today)
        for one in unseen_scripts(
            session,
            today=today,
            calendar=lambda _: working_days_after,
            series_key=series_key,
            centre_number=centre_number,
        )
    ]


@dataclass(frozen=True, slots=True)
class CustodyLine:
    """One hand-over in the life of a script: what, both clocks, where, who, and what it rests on."""

    step: str
    occurred_at: datetime
    received_at: datetime
    place: str
    actor: str
    about: str
    details: Mapping[str, object]


def custody_timeline(session: Session, script_id: str) -> tuple[CustodyLine, ...]:
    """Return the custody line of a script: its own events and those of its packet, in order of our receipt.

    Returns: the lines; ``about`` is ``packet`` or ``script``. What happened to a packet is never taken as proof that the
        script was inside.
    Raises: ``ScriptUnknown``.
    """
    script = session.get(Script, script_id)
    if script is None:
        raise ScriptUnknown
    lines = [
        CustodyLine(row.kind, row.occurred_at, row.received_at, row.place, row.actor, "script", row.details)
        for row in session.scalars(select(ScriptEventRow).where(ScriptEventRow.script_id == script_id))
    ]
    if script.packet_id is not None:
        lines += [
            CustodyLine(
                str(event.kind), event.occurred_at, event.received_at, event.place, event.actor, "packet", event.details
            )
            for event in packet_history(session, script.packet_id).timeline
        ]
    steps = ["logged", "in_packet", "collected", "in_transit", "received", "opened", "scanned", "indexed"]
    rank = {step: place for place, step in enumerate(steps)}
    return tuple(sorted(lines, key=lambda line: (line.received_at, rank.get(line.step, -1), line.occurred_at)))
