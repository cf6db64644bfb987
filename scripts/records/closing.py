"""Adding a sitting up, its cases, the missing list, and the custody line of a script."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from scripts.errors import CaseRefused, CaseUnknown, ScriptUnknown
from scripts.missing import (
    AMBER_AFTER_DAYS,
    RED_AFTER_AMBER_DAYS,
    Alarm,
    MissingScript,
    WorkingDaysAfter,
    script_alarm,
    stage_of,
)
from scripts.reconciliation import (
    Explanation,
    PacketFacts,
    Reconciliation,
    RegisterMark,
    RegisterState,
)
from scripts.reconciliation import reconcile as add_up
from scripts.records.custody import open_case, packet_history, packets
from scripts.records.scans import page_counts, queued_pages
from scripts.records.sittings import get_sitting, register, scripts_of, sittings
from scripts.splitting import QueueReason
from scripts.tables import Script, ScriptCase, ScriptEventRow
from scripts.tracking import PacketState, ScriptState

CLOSING_REASONS = frozenset(
    {
        "located_late",
        "register_error",
        "counting_error",
        "estimated_mark",
        "result_x",
        "rescanned",
        "explained",
        "other",
    }
)
RECONCILED_KINDS = frozenset(
    {
        "register_incomplete",
        "log_differs_from_register",
        "packet_count_over",
        "register_present_no_script",
        "register_absent_script_found",
    }
)
SEEN = frozenset(
    {
        ScriptState.INDEXED,
        ScriptState.QUALITY_CHECKED,
        ScriptState.RELEASED,
        ScriptState.MARKED,
        ScriptState.RETURNED,
        ScriptState.ARCHIVED,
    }
)


def figures(session: Session, sitting_id: str) -> Reconciliation:
    """Add up a sitting from its records, changing nothing.

    Raises: ``SittingUnknown``.
    """
    get_sitting(session, sitting_id)
    marks = [
        RegisterMark(
            line.candidate_number,
            RegisterState(line.state),
            line.added,
            Explanation(line.explained) if line.explained else None,
        )
        for line in register(session, sitting_id)
    ]
    bags = [
        PacketFacts(
            packet.number,
            frozenset(packet.candidate_numbers),
            PacketState(packet.state),
            packet.logged_count,
            packet.opened_count,
        )
        for packet in packets(session, sitting_id)
    ]
    indexed = frozenset(
        script.candidate_number for script in scripts_of(session, sitting_id) if ScriptState(script.state) in SEEN
    )
    colliding = frozenset(
        page.candidate_number
        for page in queued_pages(session, sitting_id)
        if page.candidate_number and page.reason == QueueReason.DUPLICATE_CANDIDATE
    )
    return add_up(marks, bags, scanned=indexed | colliding, indexed=indexed, pages=page_counts(session, sitting_id))


def reconcile(session: Session, sitting_id: str, *, now: datetime, due_at: datetime | None = None) -> Reconciliation:
    """Add up a sitting and open a case for every difference that has none.

    Takes: ``due_at``: when a newly opened case is due.
    Returns: the figures. A case whose difference is gone becomes ``answered`` and waits for a person's reason; doing it
        again opens nothing twice.
    Raises: ``SittingUnknown``.
    Source: project policy (domain: scripts, section 9).
    """
    found = figures(session, sitting_id)
    bags = {packet.number: packet for packet in packets(session, sitting_id)}
    wanted = {(case.kind, case.subject) for case in found.cases}
    for case in found.cases:
        packet = bags.get(case.packet_number) if case.packet_number is not None else None
        details = {"candidates": list(case.candidate_numbers), "count": case.count}
        open_case(session, sitting_id, case.kind, case.subject, now=now, packet=packet, due_at=due_at, details=details)
    for standing in cases(session, sitting_id):
        gone = standing.kind in RECONCILED_KINDS and (standing.kind, standing.subject) not in wanted
        if gone and standing.state == "open":
            standing.state = "answered"
    session.flush()
    return found


def cases(session: Session, sitting_id: str) -> list[ScriptCase]:
    """Return the cases of a sitting, oldest first."""
    query = select(ScriptCase).where(ScriptCase.sitting_id == sitting_id)
    return list(session.scalars(query.order_by(ScriptCase.opened_at, ScriptCase.kind, ScriptCase.subject)))


def close_case(session: Session, case_id: str, *, reason: str, actor: str, now: datetime) -> ScriptCase:
    """Close a case with a reason code.

    Raises: ``CaseUnknown``; ``CaseRefused`` for a reason not in ``CLOSING_REASONS`` or a case already closed.
    """
    case = session.get(ScriptCase, case_id)
    if case is None:
        raise CaseUnknown
    if case.state == "closed" or reason not in CLOSING_REASONS:
        raise CaseRefused(reasons=sorted(CLOSING_REASONS), state=case.state)
    case.state, case.reason, case.closed_by, case.closed_at = "closed", reason, actor, now
    session.flush()
    return case


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
    found: list[MissingScript] = []
    for sitting in sittings(session, series_key=series_key, centre_number=centre_number):
        bags = {packet.id: packet for packet in packets(session, sitting.id)}
        expected = {
            line.candidate_number
            for line in register(session, sitting.id)
            if line.state == RegisterState.PRESENT and not line.explained
        }
        awaited = [one for one in scripts_of(session, sitting.id) if one.candidate_number in expected]
        unseen = [script for script in awaited if ScriptState(script.state) not in SEEN]
        for script in unseen:
            packet = bags.get(script.packet_id or "")
            siblings = [one for one in awaited if one is not script and one.packet_id == script.packet_id]
            complete = bool(packet and siblings) and not any(one in unseen for one in siblings)
            collected_on = _day(packet.collected_at) if packet and packet.collected_at else None
            amber_on = working_days_after(collected_on, AMBER_AFTER_DAYS) if collected_on else None
            found.append(
                MissingScript(
                    script.id,
                    sitting.centre_number,
                    sitting.component_code,
                    script.candidate_number,
                    packet.number if packet else None,
                    stage_of(PacketState(packet.state) if packet else None),
                    script_alarm(collected_on, today, working_days_after, siblings_indexed=complete),
                    collected_on,
                    amber_on,
                    working_days_after(amber_on, RED_AFTER_AMBER_DAYS) if amber_on else None,
                    (today - (collected_on or sitting.held_on)).days,
                )
            )
    order = [Alarm.RED, Alarm.AMBER, Alarm.UNKNOWN, Alarm.NONE]
    found.sort(key=lambda one: (order.index(one.alarm), -one.age_days, one.component_code, one.candidate_number))
    return found


def _day(instant: datetime) -> date:
    return instant.astimezone(ZoneInfo("Europe/London")).date()


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
