"""Adding a sitting up, its cases, the missing list, and the custody line of a script."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from scripts.cases import CaseState, Reason, WorkingDaysAfter
from scripts.missing import MissingScript
from scripts.reconciliation import Reconciliation, SittingFacts, add_up
from scripts.records.alarms import unseen_scripts
from scripts.records.cases import answer, cases, open_case
from scripts.records.custody import packets
from scripts.records.facts import facts_of
from scripts.records.settling import is_gone, locate, open_again
from scripts.records.sittings import get_sitting

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
